-- Accounts of boxes and of providers: a client certificate of the hub (SASL EXTERNAL, XEP-0178) or a password (SCRAM).
--
--     VirtualHost "boxes.example.org"
--         authentication = "hub_boxes"
--
-- A certificate lets in whom its one xmppAddr names, without an account here; the VirtualHost's `ssl` says which
-- authority to believe. Passwords are those of auth_internal_hashed (`prosodyctl adduser`).

local jid_split = require "util.jid".prepped_split;
local new_sasl = require "util.sasl".new;
local is_utf8 = require "util.encodings".utf8.valid;

local XMPP_ADDRESS = "1.3.6.1.5.5.7.8.5";
local SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";

-- LuaSec's connection below Prosody's.
local function tls_socket(session)
    local connection = session.conn;
    return connection and connection.socket and connection:socket();
end

-- Whom the certificate names; nil and a reason if it is not good for anybody here.
local function named_user(session, wanted)
    local socket = tls_socket(session);
    if not (session.secure and socket and socket.getpeercertificate) then
        return nil, "no TLS";
    end
    local certificate = socket:getpeercertificate();
    if not certificate then
        return nil, "no certificate";
    end
    if not socket:getpeerverification() then
        return nil, "certificate not valid";
    end
    local names = certificate:extensions()[SUBJECT_ALTERNATIVE_NAME];
    local addresses = names and names[XMPP_ADDRESS] or {};
    if #addresses ~= 1 or not is_utf8(addresses[1]) then
        return nil, "certificate names nobody";
    end
    local user, host, resource = jid_split(addresses[1]);
    if not user or resource or host ~= module.host then
        return nil, "certificate is for another domain";
    end
    if wanted ~= "" then
        local wanted_user, wanted_host = jid_split(wanted);
        if wanted_user ~= user or wanted_host ~= host then
            return nil, "certificate is for somebody else";
        end
    end
    return user;
end

module:depends("auth_internal_hashed");
local passwords;
for _, one in ipairs(module:get_host_items("auth-provider")) do
    if one.name == "internal_hashed" then
        passwords = one;
    end
end
assert(passwords, "auth_internal_hashed is not there");

local provider = {};
for name, method in pairs(passwords) do
    provider[name] = method;
end
provider.name = nil;

function provider.get_sasl_handler(session)
    local handler = passwords.get_sasl_handler(session);
    local socket = session and session.secure and tls_socket(session);
    if socket and socket.getpeercertificate and socket:getpeercertificate() then
        local profile = handler.profile;
        profile.mechanisms = nil; -- made of what else is in it, before it knew of certificates
        function profile.external(wanted)
            local user, reason = named_user(session, wanted or "");
            if not user then
                module:log("info", "certificate refused: %s", reason);
                return nil, nil;
            end
            return user, true;
        end
        handler = new_sasl(module.host, profile);
    end
    return handler;
end

module:provides("auth", provider);

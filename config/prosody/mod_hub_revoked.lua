-- Certificates the hub has revoked: who shows one is not let in, and who came in with one is shown out.
--
--     VirtualHost "boxes.example.org"
--         modules_enabled = { "hub_revoked" }
--         hub_revoked_file = "/var/lib/heat-pump-hub/revoked"
--
-- `hphub` writes the file (enrolment.revoked_file in hub.yaml): one serial number in hexadecimal digits a line. It
-- is read again within a second after it has changed. As long as it cannot be read no certificate lets anybody in.

local lfs = require "lfs";
local st = require "util.stanza";
local jid_bare = require "util.jid".bare;

local SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
local LOOK_EVERY = 1; -- seconds
local MAX_OCTETS = 16 * 1024 * 1024; -- some 400,000 serial numbers; a longer file is a wrong one

local path = module:get_option_path("hub_revoked_file");
assert(path, "hub_revoked_file is not set");

local revoked; -- set of serial numbers; nil: the file cannot be read
local seen; -- time of change and size of the file that was read

local function normal(serial)
    return (serial:upper():gsub("^0+", ""));
end

local function serial_of(session)
    local socket = session.conn and session.conn.socket and session.conn:socket();
    local certificate = socket and socket.getpeercertificate and socket:getpeercertificate();
    return certificate and normal(certificate:serial());
end

local function read()
    local file = io.open(path, "rb");
    local text = file and file:read(MAX_OCTETS + 1) or "";
    if file then file:close(); end
    if not file or #text > MAX_OCTETS then
        if revoked or not seen then
            module:log("error", "%s cannot be read: no certificate lets anybody in", path);
        end
        return nil;
    end
    local found = {};
    for line in text:gmatch("[^\r\n]+") do
        local serial = line:match("^%s*(%x+)%s*$");
        if serial then
            found[normal(serial)] = true;
        end
    end
    return found;
end

-- Whoever logged in with one of these is shown out.
local function close_revoked()
    for _, user in pairs(prosody.hosts[module.host].sessions) do
        for _, session in pairs(user.sessions) do
            if session.hub_certificate and revoked[session.hub_certificate] then
                module:log("info", "session of %s closed: its certificate is revoked", jid_bare(session.full_jid));
                session:close({ condition = "not-authorized", text = "certificate revoked" });
            end
        end
    end
end

local function look()
    local attributes = lfs.attributes(path);
    local now = attributes and (attributes.modification .. " " .. attributes.size .. " " .. attributes.ino) or "";
    if now ~= seen then
        revoked = read();
        seen = now;
        if revoked then close_revoked(); end
    end
    return LOOK_EVERY;
end

look();
module:add_timer(LOOK_EVERY, look);

local function refuse(event)
    local session, mechanism = event.origin, event.stanza.attr.mechanism;
    if session.type ~= "c2s_unauthed" or mechanism ~= "EXTERNAL" then
        return;
    end
    look();
    local serial = serial_of(session);
    if revoked and serial and not revoked[serial] then
        session.hub_certificate = serial;
        return;
    end
    module:log("info", "certificate %s refused: %s", serial or "(none)", revoked and "revoked" or "list not readable");
    session.send(st.stanza("failure", { xmlns = SASL }):tag("not-authorized"));
    return true;
end

module:hook("stanza/" .. SASL .. ":auth", refuse, 100);
-- SASL2 (Prosody 13).
module:hook("stanza/urn:xmpp:sasl:2:authenticate", function (event)
    if event.stanza.attr.mechanism == "EXTERNAL" then
        event.origin.send(st.stanza("failure", { xmlns = "urn:xmpp:sasl:2" }):tag("invalid-mechanism", { xmlns = SASL }));
        return true;
    end
end, 100);

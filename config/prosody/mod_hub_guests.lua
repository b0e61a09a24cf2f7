-- Guests (SASL ANONYMOUS): boxes and providers that have no certificate yet. They reach the enrolment address and nothing else.
--
--     VirtualHost "guest.hub.example.org"
--         authentication = "anonymous"
--         modules_enabled = { "hub_guests" }
--         hub_guests_may_reach = "enrol.hub.example.org"
--         hub_guests_logins_per_minute = 20   -- from one IP address; where a workshop enrols many, more

local st = require "util.stanza";
local timer = require "util.timer";

local MAX_GUESTS = 50; -- at one time: each stays for seconds
local MAX_FROM_ONE = 5; -- at one time from one IP address: a house has one box, a workshop enrols some
local MAX_STAY = 60; -- seconds
local MAX_STANZAS = 10; -- of one guest: he needs one or two
local MAX_ADDRESSES = 10000; -- whose logins are counted

local allowed = module:get_option_string("hub_guests_may_reach");
assert(allowed, "hub_guests_may_reach is not set");
local logins_per_minute = module:get_option_number("hub_guests_logins_per_minute", 20); -- enrolling takes two

local guests = {}; -- sessions
local logins, counted = {}, 0;

-- One more login of this IP address; false if there were too many in this minute.
local function count_login(ip)
    if not logins[ip] then
        if counted >= MAX_ADDRESSES then return false; end
        logins[ip], counted = 0, counted + 1;
    end
    logins[ip] = logins[ip] + 1;
    return logins[ip] <= logins_per_minute;
end

module:add_timer(60, function ()
    logins, counted = {}, 0;
    return 60;
end);

-- How many guests there are, and how many of them from this IP address.
local function count_guests(ip)
    local all, of_one = 0, 0;
    for session in pairs(guests) do
        if session.destroyed then
            guests[session] = nil;
        else
            all = all + 1;
            if session.ip == ip then of_one = of_one + 1; end
        end
    end
    return all, of_one;
end

module:hook("authentication-success", function (event)
    local session = event.session;
    local ip = session.ip or "?";
    local all, of_one = count_guests(ip);
    session.hub_guest_stanzas = 0;
    if not count_login(ip) or all >= MAX_GUESTS or of_one >= MAX_FROM_ONE then
        module:log("warn", "too many guests: one from %s is sent away", ip);
        session:close({ condition = "resource-constraint", text = "too many guests" });
        return;
    end
    guests[session] = true;
    timer.add_task(MAX_STAY, function ()
        if not session.destroyed then
            session:close({ condition = "policy-violation", text = "guests stay for a minute" });
        end
    end);
end);

-- What a guest sends. Any value but nil ends its way here.
module:hook("pre-stanza", function (event)
    local session, stanza = event.origin, event.stanza;
    session.hub_guest_stanzas = (session.hub_guest_stanzas or 0) + 1;
    if session.hub_guest_stanzas > MAX_STANZAS then
        session:close({ condition = "policy-violation", text = "too much for a guest" });
        return true;
    end
    local type = stanza.attr.type;
    if stanza.name == "iq" and (type == "get" or type == "set") then
        if stanza.attr.to == allowed then return; end
        session.send(st.error_reply(stanza, "cancel", "service-unavailable"));
    end
    return true;
end, 1000);

-- What others send to a guest.
local function only_answers(event)
    local stanza = event.stanza;
    local type = stanza.attr.type;
    if stanza.name == "iq" and (type == "result" or type == "error") and stanza.attr.from == allowed then
        return;
    end
    if event.origin.type ~= "c2s" or event.origin.host ~= module.host then
        return true;
    end
end

for _, kind in ipairs { "iq", "message", "presence" } do
    module:hook(kind .. "/full", only_answers, 1000);
    module:hook(kind .. "/bare", only_answers, 1000);
end

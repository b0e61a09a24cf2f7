-- For tests only: other servers are found in a table of the configuration, never in DNS.
--
--     static_names = { ["maker.example"] = { "127.0.0.2", 5269 } }
--
-- A domain that is not in it does not exist. What comes after, TLS and certificates, is Prosody's own.
module:set_global();

local manual = require "net.resolvers.manual";
local service = require "net.resolvers.service";

local names = module:get_option("static_names", {});

service.new = function (hostname, service_name, conn_type, extra)
	local place = service_name == "xmpp-server" and names[hostname];
	local resolver = manual.new(place and { { conn_type.."4", place[1], place[2], extra } } or {}, conn_type, extra);
	resolver.hostname = hostname;
	return resolver;
end

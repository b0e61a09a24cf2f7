-- Prosody for the heat pump hub. Works with Prosody 0.12 (Debian 12, Ubuntu 24.04) and 13 (Debian 13).
--
-- This file is a template: each @word@ stands for something that differs from place to place. scripts/demo and
-- scripts/test fill it in by themselves. To use it on a server of your own:
--
--   1. apt install prosody; copy this file to /etc/prosody/prosody.cfg.lua (owner root, group prosody, mode 0640:
--      it holds the component secrets);
--   2. replace every @word@; the comment above each says by what;
--      `grep -n '@[a-z_]*@' /etc/prosody/prosody.cfg.lua` must find nothing but these comment lines;
--   3. `prosodyctl check config`, then `systemctl restart prosody`;
--   4. one account for each box and provider: `prosodyctl adduser box0042@boxes.example.org`.

---------------------------------------------------------------------------------------------------------------
-- Where things are
---------------------------------------------------------------------------------------------------------------

-- Accounts and rosters. Debian: /var/lib/prosody
data_path = "@data_path@"
-- Debian: /run/prosody/prosody.pid
pidfile = "@pid_file@"
-- What `prosodyctl shell` speaks to. Debian: /run/prosody/prosody.sock
admin_socket = "@admin_socket@"
-- Debian: /var/log/prosody/prosody.log. At level info no stanza is written; "debug" tells who sends to whom.
log = { info = "@log_file@" }
-- The folder with the hub's own modules, mod_*.lua beside this file. Copy it to /usr/local/lib/prosody/modules
plugin_paths = { "@plugin_path@" }
-- Files Prosody makes are for its own user only.
umask = "077"
-- false, always, on a real server. The scripts fill in true only if they are run by root themselves.
run_as_root = @run_as_root@

---------------------------------------------------------------------------------------------------------------
-- Who may connect where
---------------------------------------------------------------------------------------------------------------

-- Boxes and providers (c2s). On a real server: interfaces = { "*", "::" } and c2s_ports = { 5222 }
interfaces = { "@client_interface@" }
c2s_ports = { @client_port@ }
-- The hub's components (XEP-0114) speak plain TCP: never on an interface that others reach. On a real server:
-- component_ports = { 5347 }. A hub on another machine reaches this port through a tunnel.
component_interfaces = { "127.0.0.1" }
component_ports = { @component_port@ }
-- A hub whose link was cut silently comes back before the server knows: the new connection counts. (Without this
-- it is refused until the old one is found dead. Two hubs on one Prosody would take turns.)
component_conflict_resolve = "kick_old"

-- A folder with pairs NAME.crt and NAME.key; Prosody reads in them which names they are for. Every VirtualHost
-- below needs one and, if you federate, every Component. Debian: /etc/prosody/certs, filled by
-- `prosodyctl --root cert import /etc/letsencrypt/live`
certificates = "@certificates@"
tls_profile = "intermediate" -- TLS 1.2 and newer
c2s_require_encryption = true

-- Passwords are stored as salted SHA-256 hashes and are never sent: no mechanism is offered that shows the
-- password to whoever is at the other end.
authentication = "internal_hashed"
password_hash = "SHA-256"
disable_sasl_mechanisms = { "PLAIN", "LOGIN", "DIGEST-MD5", "OAUTHBEARER" }
-- Accounts are made by the operator only.
allow_registration = false
-- Seconds a connection may take to log in.
c2s_timeout = 60

---------------------------------------------------------------------------------------------------------------
-- Modules
---------------------------------------------------------------------------------------------------------------

modules_enabled = {
    "roster";
    "saslauth";
    "tls";
    "disco";
    "ping";           -- XEP-0199: a box asks whether the server is still there
    "smacks";         -- XEP-0198: finds dead links, bounces what was not acknowledged
    "limits";
    "s2s_auth_certs";
    "admin_shell";
    "admin_socket";
    "time";
    "version";
    "uptime";
}

modules_disabled = {
    -- A command that waits for its box would be carried out late; a report is in the box's own buffer anyway.
    "offline";
    "carbons";
    "mam";
    -- Federation is off while "s2s" stands here. To let providers and manufacturers use domains of their own,
    -- replace this by nothing and see docs/federation.md.
    @federation_off@
}

s2s_require_encryption = true
s2s_secure_auth = true -- a valid certificate, never dialback
-- Other servers (s2s). On a real server: s2s_interfaces = { "*", "::" } and s2s_ports = { 5269 }
s2s_interfaces = { "@server_interface@" }
s2s_ports = { @server_port@ }
-- Seconds another server has for a connection and its handshake; then what was for it bounces, and the hub knows
-- that it cannot be reached.
s2s_timeout = 20

---------------------------------------------------------------------------------------------------------------
-- Dead links (wired profile: a cut is known within 30 s)
---------------------------------------------------------------------------------------------------------------

network_backend = "epoll"
network_settings = {
    -- Seconds of silence after which mod_smacks asks the client for an acknowledgement; after the same time again
    -- without a word the link is dead, the presence `unavailable` goes out and what was not acknowledged bounces:
    -- 24 s at most, 12 s if something was on its way. For boxes on mobile links (a cut known within 5 min, fewer
    -- bytes) set 150; boxes of both kinds are best put on servers of their own.
    read_timeout = 12;
}
-- Resumption needs no setting: boxes do not ask for it, so the server never keeps a dead session for them.

---------------------------------------------------------------------------------------------------------------
-- Bounds
---------------------------------------------------------------------------------------------------------------

-- Octets. The hub's PDUs have at most 65536; XML escaping and the envelope come on top.
c2s_stanza_size_limit = 262144
s2s_stanza_size_limit = 262144
-- A component forwards what a client could send, with longer addresses around it.
component_stanza_size_limit = 524288
-- The server reads more slowly from whoever sends faster than this for long. A box that comes back after 30 days
-- offline has some 50 MB of reports to tell.
limits = {
    c2s = { rate = "2mb/s"; burst = "5s" };
    s2sin = { rate = "10mb/s"; burst = "5s" };
}

---------------------------------------------------------------------------------------------------------------
-- Domains
---------------------------------------------------------------------------------------------------------------

-- One line for each domain whose accounts live on this server, for example
--     VirtualHost "boxes.example.org"
--     VirtualHost "aggregator.example"
--
-- If boxes are to enrol with a one-time code and log in with a certificate (docs/enrolment.md), their domain is
--     VirtualHost "boxes.example.org"
--         authentication = "hub_boxes"                -- certificate of the hub or password
--         modules_enabled = { "hub_revoked" }
--         hub_revoked_file = "/var/lib/heat-pump-hub/revoked"     -- enrolment.revoked_file in hub.yaml
--         ssl = {
--             cafile = "/etc/prosody/hub-boxes/ca.crt";           -- enrolment.ca_certificate in hub.yaml
--             capath = "/etc/prosody/hub-boxes";                  -- else every authority of the system counts too
--             verify = { "peer" };
--             verifyext = { lsec_continue = true, lsec_ignore_purpose = false };
--         }
-- If providers are to enrol too, their domain is one with the same lines: a certificate lets in on the one domain
-- that it names. Who has no certificate yet comes in as guest, and reaches nothing but the enrolment address:
--     VirtualHost "guest.hub.example.org"
--         authentication = "anonymous"
--         modules_enabled = { "hub_guests" }
--         hub_guests_may_reach = "enrol.hub.example.org"
@virtual_hosts@

-- The hub's components, each with a secret of its own (`openssl rand -hex 32`), for example
--     Component "hub.example.org"
--         component_secret = "..."
--     Component "ops.hub.example.org"
--         component_secret = "..."
--     Component "history.hub.example.org"
--         component_secret = "..."
-- and, if boxes enrol with a one-time code,
--     Component "enrol.hub.example.org"
--         component_secret = "..."
@components@

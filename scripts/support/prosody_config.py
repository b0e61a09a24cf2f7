"""Fills in config/prosody/prosody.cfg.lua."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.ports import LOOPBACK
from support.prosody_federation import MODULES, Federation
from support.prosody_install import REPOSITORY, lua_string

S2S_PORT = 5269
"""RFC 6120, 14.4; nobody listens there while s2s is off."""

TEMPLATE = REPOSITORY / "config/prosody/prosody.cfg.lua"

_PLACEHOLDER = re.compile(r"\"@([a-z_]+)@\"|@([a-z_]+)@")
_MODULES = "modules_enabled = {\n"
_COMMENT = re.compile(r"^\s*--")


@dataclass(frozen=True)
class EnrolmentSettings:
    """How boxes and providers get in with certificates of the hub.

    Attributes:
        accounts: their domains; they may have passwords too.
        guests: the domain of those who have no certificate yet, one of the server's domains too.
        address: the component that guests reach.
        ca_file: the authority whose certificates let them in.
        revoked_file: where the hub writes the certificates that do so no longer.
        logins: of guests from one IP address in a minute; all tests come from one.
    """

    accounts: Collection[str]
    guests: str
    address: str
    ca_file: Path
    revoked_file: Path
    logins: int

    def lines(self, domain: str) -> str:
        """What stands below the VirtualHost line of a domain."""
        if domain == self.guests:
            return f"""
    authentication = "anonymous"
    modules_enabled = {{ "hub_guests" }}
    hub_guests_may_reach = {lua_string(self.address)}
    hub_guests_logins_per_minute = {self.logins}"""
        if domain in self.accounts:
            return f"""
    authentication = "hub_boxes"
    modules_enabled = {{ "hub_revoked" }}
    hub_revoked_file = {lua_string(str(self.revoked_file))}
    ssl = {{
        cafile = {lua_string(str(self.ca_file))};
        capath = {lua_string(str(self.ca_file.parent))};
        verify = {{ "peer" }};
        verifyext = {{ lsec_continue = true, lsec_ignore_purpose = false }};
    }}"""
        return ""


@dataclass(frozen=True)
class ProsodySettings:
    """What differs from one Prosody to another.

    Attributes:
        directory: everything the server writes goes here.
        domains: the domains that have accounts.
        component_secrets: the secret of each component domain (XEP-0114).
        enrolment: if boxes and providers can enrol.
        federation: if it meets other servers.
    """

    directory: Path
    domains: Sequence[str]
    component_secrets: Mapping[str, str]
    client_port: int
    component_port: int
    enrolment: EnrolmentSettings | None = None
    federation: Federation | None = None

    @property
    def certificates(self) -> Path:
        """The folder where the server looks for its certificates and keys."""
        return self.directory / "certs"

    @property
    def pid_file(self) -> Path:
        """Where the running server keeps its process id."""
        return self.directory / "prosody.pid"

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.directory / "prosody.log"


def render(settings: ProsodySettings, template: Path = TEMPLATE) -> str:
    """Return the shipped configuration filled in for `settings`.

    Raises:
        KeyError: the template has a placeholder that this module does not know.
    """
    enrolment, federation = settings.enrolment, settings.federation
    plugin_paths = [template.parent, MODULES] if federation else [template.parent]
    values = {
        "data_path": lua_string(str(settings.directory / "data")),
        "pid_file": lua_string(str(settings.pid_file)),
        "admin_socket": lua_string(str(settings.directory / "admin.sock")),
        "log_file": lua_string(str(settings.log_file)),
        "run_as_root": "true" if os.geteuid() == 0 else "false",
        "client_interface": lua_string(LOOPBACK),
        "client_port": str(settings.client_port),
        "component_port": str(settings.component_port),
        "certificates": lua_string(str(settings.certificates)),
        "plugin_path": ", ".join(lua_string(str(path)) for path in plugin_paths),
        "federation_off": "" if federation else '"s2s";',
        "server_interface": lua_string(federation.address if federation else LOOPBACK),
        "server_port": str(federation.port if federation else S2S_PORT),
        "virtual_hosts": (federation.lines() if federation else "")
        + "\n".join(
            f"VirtualHost {lua_string(domain)}" + (enrolment.lines(domain) if enrolment else "")
            for domain in settings.domains
        ),
        "components": "\n".join(
            f"Component {lua_string(domain)}\n    component_secret = {lua_string(secret)}"
            for domain, secret in settings.component_secrets.items()
        ),
    }
    lines = template.read_text(encoding="utf-8").splitlines()
    filled = (
        line if _COMMENT.match(line) else _PLACEHOLDER.sub(lambda found: values[found[1] or found[2]], line)
        for line in lines
    )
    text = "\n".join(filled) + "\n"
    return text.replace(_MODULES, f'{_MODULES}    "static_names";\n', 1) if federation else text

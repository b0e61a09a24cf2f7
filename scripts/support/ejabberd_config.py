"""Fills in config/ejabberd/ejabberd.yml."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.ejabberd_install import REPOSITORY
from support.ports import LOOPBACK

TEMPLATE = REPOSITORY / "config/ejabberd/ejabberd.yml"

MAX_SOCKET_PATH = 100
"""Octets of a Unix socket's path: Linux takes 108 with the ending zero."""

_PLACEHOLDER = re.compile(r"@([a-z_]+)@")
_COMMENT = re.compile(r"^\s*#")


@dataclass(frozen=True)
class EjabberdSettings:
    """What differs from one ejabberd to another.

    Attributes:
        directory: everything the server writes goes here.
        domains: the domains that have accounts.
        component_secrets: the secret of each component domain (XEP-0114).
        component_ports: the port of each component domain.
    """

    directory: Path
    domains: Sequence[str]
    component_secrets: Mapping[str, str]
    client_port: int
    component_ports: Mapping[str, int]

    @property
    def certificate(self) -> Path:
        """Certificate and key of all domains."""
        return self.directory / "server.pem"

    @property
    def admin_socket(self) -> Path:
        """What accounts are made through."""
        return self.directory / "api.sock"

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.directory / "log" / "ejabberd.log"


def render(settings: EjabberdSettings, template: Path = TEMPLATE) -> str:
    """Return the shipped configuration filled in for `settings`.

    Raises:
        KeyError: the template has a placeholder that this module does not know.
        ValueError: the folder's path is too long for a socket in it.
    """
    if len(str(settings.admin_socket).encode()) > MAX_SOCKET_PATH:
        raise ValueError(
            f"{settings.directory} is too long a path: a socket's may have {MAX_SOCKET_PATH} octets"
        )
    # JSON is YAML, and its quoting has no surprises.
    values = {
        "domains": json.dumps(list(settings.domains)),
        "certificates": json.dumps([str(settings.certificate)]),
        "client_port": str(settings.client_port),
        "client_interface": json.dumps(LOOPBACK),
        "components": "\n".join(
            _listener(domain, settings.component_ports[domain], secret)
            for domain, secret in settings.component_secrets.items()
        ),
        "admin_socket": json.dumps(f"unix:{settings.admin_socket}"),
    }
    lines = template.read_text(encoding="utf-8").splitlines()
    filled = (
        line if _COMMENT.match(line) else _PLACEHOLDER.sub(lambda found: values[found[1]], line)
        for line in lines
    )
    return "\n".join(filled) + "\n"


def _listener(domain: str, port: int, secret: str) -> str:
    hosts = json.dumps({domain: {"password": secret}})
    return f"  - {{module: ejabberd_service, port: {port}, ip: {json.dumps(LOOPBACK)}, hosts: {hosts}}}"

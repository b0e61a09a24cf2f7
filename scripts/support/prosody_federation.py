"""How several Prosody of one test meet: on loopback addresses of their own, without DNS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support.pki import CertificateAuthority, ServerCertificate
from support.prosody_install import lua_string

MODULES = Path(__file__).parent / "prosody_modules"
"""Modules of ours for test servers only."""


@dataclass(frozen=True)
class Federation:
    """A server's part in it (s2s with TLS; the certificates of others are validated).

    Attributes:
        address: the server's own loopback address for s2s.
        port: where others reach it there.
        places: address and port of each other domain; one that is missing does not exist.
        authority: the CA that the certificates of all come from.
        shown: certificate and key that others are shown instead of the server's own, for one that lies.
    """

    address: str
    port: int
    places: Mapping[str, tuple[str, int]]
    authority: CertificateAuthority
    shown: ServerCertificate | None = None

    def lines(self) -> str:
        """What stands before the hosts."""
        places = ", ".join(
            f"[{lua_string(domain)}] = {{ {lua_string(address)}, {port} }}"
            for domain, (address, port) in self.places.items()
        )
        shown = ""
        if self.shown:
            files = self.shown.certificate_file, self.shown.key_file
            shown = ", certificate = {}, key = {}".format(*(lua_string(str(file)) for file in files))
        ca_file = lua_string(str(self.authority.certificate_file))
        return f"static_names = {{ {places} }}\ns2s_ssl = {{ cafile = {ca_file}{shown} }}\n"

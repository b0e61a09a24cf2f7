"""Three real Prosody that know each other by s2s: the hub's, a manufacturer's and a provider's.

Each is on a loopback address of its own; the way from the hub's server to the manufacturer's leads through a
proxy that can hang. Certificates come from one CA that all trust, and are validated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from raw_party import RawParty

from support.background_proxy import BackgroundProxy
from support.pki import CertificateAuthority, ServerCertificate
from support.ports import ReservedPort
from support.prosody import ProsodyInstall, ProsodyServer
from support.prosody_federation import Federation
from support.scene import (
    AGGREGATOR,
    BOXES,
    HISTORY,
    HUB,
    OPERATIONS,
    Program,
    Scene,
    simulated,
    simulated_outputs,
    simulated_points,
)

MAKER = "maker.example"
ADDRESSES = {HUB: "127.0.0.1", MAKER: "127.0.0.2", AGGREGATOR: "127.0.0.3"}


@dataclass(slots=True)
class FederatedScene(Scene):
    """Boxes and provider are at home elsewhere. ``maker_line``: before the manufacturer's s2s."""

    maker: ProsodyServer = field(init=False)
    aggregator: ProsodyServer = field(init=False)
    maker_line: BackgroundProxy = field(init=False)
    authority: CertificateAuthority = field(init=False)
    ports: dict[str, ReservedPort] = field(init=False)

    def _make_server(self, components: Mapping[str, str]) -> ProsodyServer:
        self.authority = CertificateAuthority(self.directory)
        self.ports = {domain: ReservedPort(address) for domain, address in ADDRESSES.items()}
        self.maker_line = BackgroundProxy(self.ports[MAKER].number, ADDRESSES[MAKER])
        self.maker = self.other_server(MAKER)
        self.aggregator = self.other_server(AGGREGATOR)
        places = {
            MAKER: ("127.0.0.1", self.maker_line.port),
            AGGREGATOR: (ADDRESSES[AGGREGATOR], self.ports[AGGREGATOR].number),
        }
        for server in (self.maker, self.aggregator):
            server.start()
        return self._server("hub-xmpp", HUB, self._federation(HUB, places), components)

    def other_server(
        self, domain: str, folder: str = "", shown: ServerCertificate | None = None
    ) -> ProsodyServer:
        """Another domain's server, not started; it may show a certificate that lies."""
        place = (ADDRESSES[HUB], self.ports[HUB].number)
        places = dict.fromkeys((HUB, OPERATIONS, HISTORY), place)
        return self._server(folder or domain, domain, self._federation(domain, places, shown), {})

    def _federation(
        self, domain: str, places: Mapping[str, tuple[str, int]], shown: ServerCertificate | None = None
    ) -> Federation:
        return Federation(ADDRESSES[domain], self.ports[domain].number, places, self.authority, shown)

    def _server(
        self, folder: str, domain: str, federation: Federation, components: Mapping[str, str]
    ) -> ProsodyServer:
        assert isinstance(self.install, ProsodyInstall)
        return ProsodyServer(
            self.directory / folder,
            [BOXES if domain == HUB else domain],
            components,
            install=self.install,
            federation=federation,
        )

    def server_of(self, jid: str) -> ProsodyServer:
        """The server where an account is at home."""
        domain = jid.partition("/")[0].rpartition("@")[2]
        return {MAKER: self.maker, AGGREGATOR: self.aggregator}.get(domain) or self.prosody

    def register(self, jid: str) -> str:
        """Make an account on its own server."""
        return self._register(jid, self.server_of(jid))

    def start_maker_box(self, number: int) -> Program:
        """Start a box with an account at the manufacturer's."""
        jid = f"box{number:04d}@{MAKER}"
        if jid not in self.passwords:
            self.register(jid)
        home = {
            "jid": jid,
            "password_file": str(self.password_file(jid)),
            "server": {"host": "127.0.0.1", "port": self.maker.c2s_port},
            "ca_file": str(self.authority.certificate_file),
        }
        return self.start_box(number, simulated(), simulated_points(), simulated_outputs(), more=home)

    def party(self, jid: str, server: ProsodyServer | None = None) -> RawParty:
        """A plain client at its own server, or at one that only says it is."""
        at = server or self.server_of(jid)
        password = self.passwords[jid.partition("/")[0]]
        return RawParty(jid, password, self, port=at.c2s_port, ca_file=at.ca_file)

    def close(self) -> None:
        """Stop everything."""
        Scene.close(self)
        for server in (self.maker, self.aggregator):
            server.close()
        self.maker_line.close()
        for port in self.ports.values():
            port.release()


def federated(directory: Path, install: ProsodyInstall) -> FederatedScene:
    """A scene that is still to be started."""
    return FederatedScene(directory, install)

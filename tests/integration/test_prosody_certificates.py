"""Whom the shipped Prosody modules let in by certificate, whom not, and whom they show out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.enrolment.authority import Authority, authority_as_pem, make_authority
from hub.enrolment.files import write_revoked
from iec61850_model.enrolment.keys import key_as_pem, new_key
from iec61850_model.xmpp import Connection, ConnectionFailed, ConnectionSettings, FailureKind
from iec61850_model.xmpp.guest import guest, only_believing
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall, ProsodyServer
from support.prosody_config import EnrolmentSettings

LOGINS = 3
"""Of guests in a minute."""
BOXES, GUESTS = "boxes.example.org", "guest.hub.example.org"
ENROL = "enrol.hub.example.org"
BOX = f"box1@{BOXES}"
LOOK = 20.0
"""Seconds for the module to see a change that it looks for every second."""


@dataclass
class World:
    """A Prosody that believes one authority of boxes."""

    folder: Path
    server: ProsodyServer
    authority: Authority
    count: int = 0
    connections: list[Connection] = field(default_factory=list)

    def identity(self, jid: str, authority: Authority | None = None, days: float = 30) -> tuple[Path, str]:
        """A file with key and certificate, and its serial number."""
        key, serial = new_key(), x509.random_serial_number()
        issued = (authority or self.authority).issue(key.public_key(), jid, serial, time.time(), days)
        self.count += 1
        file = self.folder / f"identity{self.count}.pem"
        file.write_bytes(key_as_pem(key) + issued.public_bytes(Encoding.PEM))
        return file, f"{serial:X}"

    async def login(self, jid: str, identity: Path | None = None, password: str = "") -> Connection:
        """Log in; raises ConnectionFailed."""
        connection = Connection(
            ConnectionSettings(
                jid,
                password,
                LOOPBACK,
                self.server.c2s_port,
                self.server.ca_file,
                identity_file=identity,
            )
        )
        await connection.start()
        self.connections.append(connection)
        return connection

    async def refused(self, jid: str, identity: Path) -> None:
        with pytest.raises(ConnectionFailed) as failed:
            await self.login(jid, identity)
        assert failed.value.kind is FailureKind.AUTHENTICATION, failed.value

    async def close(self) -> None:
        for connection in self.connections:
            await connection.stop()
        self.connections.clear()


@pytest.fixture(scope="module")
def world(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority("Boxes", time.time())
    (folder / "ca").mkdir()
    (folder / "ca" / "ca.crt").write_bytes(authority_as_pem(authority, None)[1])
    revoked = folder / "revoked"
    write_revoked(revoked, [])
    enrolment = EnrolmentSettings([BOXES], GUESTS, ENROL, folder / "ca" / "ca.crt", revoked, LOGINS)
    secrets = {ENROL: "s" * 32}
    with ProsodyServer(
        folder / "server", [BOXES, GUESTS], secrets, install=prosody_install, enrolment=enrolment
    ) as server:
        yield World(folder, server, authority)


async def test_a_certificate_lets_in_whom_it_names_and_nobody_else(world: World) -> None:
    file, _ = world.identity(BOX)
    box = await world.login(f"{BOX}/IEC", file)
    assert box.jid == f"{BOX}/IEC", "without an account there"
    await world.close()
    with pytest.raises(ConnectionFailed, match="bound box1@"):
        await world.login(f"box2@{BOXES}/IEC", file)
    stranger = make_authority("Boxes", time.time())
    for jid, authority, days in (
        (BOX, stranger, 30.0),
        (BOX, None, -0.01),
        ("box1@elsewhere.example", None, 30.0),
        (f"{BOX}/IEC", None, 30.0),
        (BOXES, None, 30.0),
    ):
        await world.refused(f"{BOX}/IEC", world.identity(jid, authority, days)[0])


async def test_passwords_work_beside_certificates(world: World) -> None:
    world.server.register(f"box3@{BOXES}", "a good password")
    assert (await world.login(f"box3@{BOXES}/IEC", password="a good password")).online
    with pytest.raises(ConnectionFailed, match="refuses the password"):
        await world.login(f"box3@{BOXES}/IEC", password="another password")
    await world.close()
    with pytest.raises(ConnectionFailed, match="takes no guests"):
        await world.login(BOXES)


async def test_a_revoked_certificate_is_shown_out_and_kept_out_others_stay(world: World) -> None:
    file, serial = world.identity(BOX)
    other, _ = world.identity(f"box2@{BOXES}")
    box, stays = await world.login(f"{BOX}/IEC", file), await world.login(f"box2@{BOXES}/IEC", other)
    gone = asyncio.Event()
    box.on_offline.append(lambda reason: gone.set())
    write_revoked(world.folder / "revoked", ["ABC", f"00{serial.lower()}"])
    await asyncio.wait_for(gone.wait(), LOOK)
    await box.stop()
    await world.refused(f"{BOX}/IEC", file)
    assert stays.online
    assert (await world.login(f"{BOX}/IEC", world.identity(BOX)[0])).online, "its next certificate is good"
    await world.close()


async def test_without_a_list_that_can_be_read_no_certificate_lets_in(world: World) -> None:
    file, _ = world.identity(BOX)
    revoked = world.folder / "revoked"
    revoked.unlink()
    await world.refused(f"{BOX}/IEC", file)
    write_revoked(revoked, [])
    assert (await world.login(f"{BOX}/IEC", file)).online, "read again at the next login"
    await world.close()


async def test_one_address_can_log_in_as_guest_only_so_often(world: World) -> None:
    """Twice as often and once more: the minute may end in between."""
    settings = ConnectionSettings(
        GUESTS, host=LOOPBACK, port=world.server.c2s_port, ca_file=world.server.ca_file
    )
    trusted = only_believing(world.server.ca_file.read_text())
    with pytest.raises(ConnectionFailed, match="resource-constraint"):
        for _ in range(2 * LOGINS + 1):
            async with guest(settings, trusted):
                pass

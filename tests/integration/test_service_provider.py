"""The service provider's API and hpclient against a box, through a real Prosody.

There is no hub in between: the box's own account has a heat pump's public address.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server.dispatch import Server
from iec61850_model.server.effects import Incoming, Moment, Reply, Send, Switch
from iec61850_model.values import GOOD, AddCause, Timestamp
from iec61850_model.xmpp import Channel, Connection, ConnectionSettings
from service_provider import (
    CannotConnect,
    ControlRefused,
    HeatPumpOffline,
    Presence,
    ServiceProvider,
)
from support.prosody import ProsodyServer

HUB = "boxes.example.org"
PROVIDER = "spagg@aggregator.example"
ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
EVU = "HP/EvuGGIO1.SPCSO1"
PATIENCE = 20.0
"""Seconds until a test gives up waiting; never the measure of anything."""


class BoxOnline:
    """A box with our server, and a stand-in for the hub's presence: it tells the provider again and again."""

    def __init__(self, settings: ConnectionSettings, tell: tuple[str, ...]) -> None:
        self.server = Server(read_scl(ICD.read_bytes()))
        self.server.tree.update(
            Reference.parse("MET/MMXU1.TotW"), 1234.5, GOOD, Timestamp.from_unix(1_800_000_000)
        )
        self.connection = Connection(settings)
        self.refuse: AddCause | None = None
        self._tell = tell
        Channel(self.connection, on_request=self._serve)

    def _serve(self, peer: str, payload: Payload | MalformedPdu, octets: int) -> Iterable[Payload]:
        assert isinstance(payload, Payload)
        moment = Moment(time.time())
        effects = self.server.handle(Incoming(peer, 0, payload, octets), moment)
        answers = []
        while effects:
            match effects.pop(0):
                case Switch(key):
                    effects += self.server.switched(key, self.refuse, moment)
                case Send(_, message):
                    answers.append(message)
                case Reply(_, _, reply):
                    answers.append(reply)
        return answers

    async def tell(self) -> None:
        while True:
            for jid in self._tell:
                self.connection.send_presence(to=jid)
            await asyncio.sleep(0.2)


@pytest.fixture
async def account(prosody: ProsodyServer) -> str:
    password = secrets.token_hex(16)
    await asyncio.to_thread(prosody.register, PROVIDER, password)
    return password


@pytest.fixture
async def box(prosody: ProsodyServer) -> AsyncIterator[BoxOnline]:
    password = secrets.token_hex(16)
    await asyncio.to_thread(prosody.register, f"hp0001@{HUB}", password)
    settings = ConnectionSettings(
        f"hp0001@{HUB}/IEC", password, "127.0.0.1", prosody.c2s_port, prosody.ca_file
    )
    box = BoxOnline(settings, (f"{PROVIDER}/api", f"{PROVIDER}/cli"))
    await box.connection.start()
    telling = asyncio.create_task(box.tell())
    yield box
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    await box.connection.stop()


def provider(prosody: ProsodyServer, password: str, timeout: float = 10) -> ServiceProvider:
    return ServiceProvider(
        f"{PROVIDER}/api",
        password,
        hub=HUB,
        host="127.0.0.1",
        port=prosody.c2s_port,
        ca_file=prosody.ca_file,
        timeout=timeout,
    )


async def test_a_provider_reads_browses_and_switches(
    prosody: ProsodyServer, account: str, box: BoxOnline
) -> None:
    async with provider(prosody, account) as sp:
        reading = await sp.read("hp0001", "MET/MMXU1.TotW")
        assert (reading.value, reading.unit, reading.quality) == (1234.5, "W", GOOD)
        tree = await sp.browse("hp0001", "MET")
        assert "TotW = 1234.5 W  [good]" in [branch.label for branch in tree.walk()]
        await sp.operate("hp0001", EVU, True)
        assert (await sp.read("hp0001", EVU)).value is True
        await sp.associate("hp0001")
        await sp.release("hp0001")


async def test_the_cause_of_a_refusal_comes_before_the_refusal(
    prosody: ProsodyServer, account: str, box: BoxOnline
) -> None:
    box.refuse = AddCause.BLOCKED_BY_PROCESS
    async with provider(prosody, account) as sp:
        for _ in range(20):
            with pytest.raises(ControlRefused) as raised:
                await sp.operate("hp0001", EVU, True)
            assert raised.value.add_cause is AddCause.BLOCKED_BY_PROCESS


async def test_presence_comes_and_goes(prosody: ProsodyServer, account: str, box: BoxOnline) -> None:
    async with provider(prosody, account) as sp, asyncio.timeout(PATIENCE):
        seen = await sp.heat_pumps()
        assert [(one.heatpump, one.presence) for one in seen] == [("hp0001", Presence.ONLINE)]
        assert sp.presence_of("hp0001") is Presence.ONLINE
        async with contextlib.aclosing(sp.presence("hp0001")) as changes:
            assert (await anext(changes)).presence is Presence.ONLINE
            await box.connection.stop()
            assert (await anext(changes)).presence is Presence.OFFLINE
        with pytest.raises(HeatPumpOffline):
            await sp.read("hp0001", "MET/MMXU1.TotW")


async def test_what_a_hub_told_is_unknown_once_it_is_gone(
    prosody: ProsodyServer, account: str, box: BoxOnline
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        provider(prosody, account) as sp,
        contextlib.aclosing(sp.presence("hp0001")) as changes,
    ):
        assert (await anext(changes)).presence is Presence.ONLINE
        box.connection.send(f'<presence type="unavailable" to="{PROVIDER}/api"/>')
        assert (await anext(changes)).presence is Presence.OFFLINE
        assert (await anext(changes)).presence is Presence.ONLINE
        sp._on_presence(HUB, "error")
        assert (await anext(changes)).presence is Presence.UNKNOWN


async def test_a_wrong_password_says_so(prosody: ProsodyServer, account: str) -> None:
    with pytest.raises(CannotConnect, match="refuses the password"):
        async with provider(prosody, account + "x"):
            pass


# --- hpclient --------------------------------------------------------------------------------------


class Terminal:
    """Runs hpclient as a process of its own, as people and scripts do."""

    def __init__(self, prosody: ProsodyServer, password: str, home: Path) -> None:
        self.environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")} | {
            "HOME": str(home),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HPCLIENT_JID": f"{PROVIDER}/cli",
            "HPCLIENT_PASSWORD": password,
            "HPCLIENT_HUB": HUB,
            "HPCLIENT_HOST": "127.0.0.1",
            "HPCLIENT_PORT": str(prosody.c2s_port),
            "HPCLIENT_CA_FILE": str(prosody.ca_file),
        }

    async def start(self, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service_provider.cli",
            *arguments,
            env=self.environment | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = await self.start(*arguments, **environment)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def terminal(prosody: ProsodyServer, account: str, tmp_path: Path) -> Terminal:
    return Terminal(prosody, account, tmp_path)


async def test_hpclient_looks_and_reads(terminal: Terminal, box: BoxOnline) -> None:
    code, out, err = await terminal.run("read", "hp0001", "MET/MMXU1.TotW", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {
            "heatpump": "hp0001",
            "reference": "MET/MMXU1.TotW",
            "fc": "MX",
            "value": 1234.5,
            "unit": "W",
            "quality": "good",
            "time": "2027-01-15T08:00:00.000Z",
        }
    ]
    code, out, err = await terminal.run("read", "hp0001", "MET/MMXU1.TotW", "MET/MMXU1.Hz")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "hp0001\tMET/MMXU1.TotW[MX]\t1234.5 W\tgood\t2027-01-15T08:00:00.000Z",
        "hp0001\tMET/MMXU1.Hz[MX]\t—\tinvalid (failure)\t",
    ]
    code, out, _ = await terminal.run("ls")
    assert (code, out) == (0, "hp0001\tonline\n")
    code, out, _ = await terminal.run("ls", "hp0001", "MET/MMXU1.TotW", "--json")
    assert {"heatpump": "hp0001", "reference": "MET/MMXU1.TotW.mag[MX]"} in json.loads(out)
    code, out, _ = await terminal.run("browse", "hp0001", "MET/MMXU1")
    assert code == 0
    assert "  TotW = 1234.5 W  [good]\n    mag [MX]\n      f [MX] = 1234.5\n" in out
    code, out, _ = await terminal.run("browse", "hp0001", "MET/MMXU1", "--json")
    assert json.loads(out)["kind"] == "logical node"


async def test_hpclient_switches_now_and_later(terminal: Terminal, box: BoxOnline) -> None:
    assert await terminal.run("operate", "hp0001", EVU, "on") == (0, "", "")
    assert box.server.tree.read(Reference.parse(EVU))[0] is True
    assert await terminal.run("operate", "hp0001", EVU, "off", "--at", "+1h") == (0, "", "")
    due = box.server.next_tick()
    assert due is not None
    assert due == pytest.approx(time.time() + 3600, abs=PATIENCE)


async def test_hpclient_tells_a_refusal_from_the_rest(terminal: Terminal, box: BoxOnline) -> None:
    box.refuse = AddCause.BLOCKED_BY_PROCESS
    code, out, err = await terminal.run("operate", "hp0001", EVU, "on")
    assert (code, out) == (1, "")
    assert "Blocked-by-process" in err
    code, out, err = await terminal.run("read", "hp0001", "MET/MMXU1.Xxx", "MET/MMXU1.TotW")
    assert code == 1
    assert "MET/MMXU1.Xxx" in err
    assert "1234.5 W" in out, "what can be read is printed all the same"
    code, _, err = await terminal.run("operate", "hp0001", EVU, "perhaps")
    assert (code, "neither on nor off" in err) == (2, True)
    code, _, err = await terminal.run("read", "hp0001", "nonsense!")
    assert (code, "LD/LN.DO.DA[FC]" in err) == (2, True)
    code, _, err = await terminal.run("read", "hp0009", "MET/MMXU1.TotW")
    assert (code, "cannot be reached" in err) == (4, True)
    code, _, err = await terminal.run("ls", "hp0001", HPCLIENT_PASSWORD="wrong")
    assert (code, "refuses the password" in err) == (4, True)
    assert "wrong" not in err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_hpclient_watches_until_told_to_stop(
    terminal: Terminal, box: BoxOnline, how: signal.Signals
) -> None:
    process = await terminal.start("watch", "--json", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        assert json.loads(await process.stdout.readline())["presence"] == "online"
        await box.connection.stop()
        assert json.loads(await process.stdout.readline())["presence"] == "offline"
        process.send_signal(how)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_hpclient_watch_ends_by_count_or_time(terminal: Terminal, box: BoxOnline) -> None:
    code, out, _ = await terminal.run("watch", "--count", "1")
    assert code == 0
    assert out.endswith("\thp0001\tonline\n")
    code, out, _ = await terminal.run("watch", "hp0002", "--for", "0.5s")
    assert (code, out) == (0, "")

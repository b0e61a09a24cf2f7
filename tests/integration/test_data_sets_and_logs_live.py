"""Data sets and logs of a real box through a real Prosody, hub and roster: by hpclient and by the Python API.

Provider agg may read, control and set everything; provider other may read one node and use one block.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from threading import Timer
from typing import Any

import pytest
from raw_operator import operator
from raw_party import until

from iec61850_model.mms.pdu import ConfirmedRequest, Payload, ReadJournalRequest
from service_provider import LoggedEntry, NoSuchObject, NotAllowed, Presence, ServiceProvider
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import HUB, PROVIDER_JID, Scene, box_jid, simulated, simulated_outputs, simulated_points

PUMP = "hp0001"
OTHER_JID = "other@aggregator.example"
POWER, STATE, SET_POINT = "MET/MMXU1.TotW", "HP/HpGGIO1.Ind1", "HP/RmFSPT1.SptVal"
MINE, OWN, URCB = "MET/LLN0.dsMine", "@mine", "MET/LLN0.urcbMeas01"
LOG, LCB = "LD0/LLN0.GeneralLog", "LD0/LLN0.lcbStat"
PATIENCE = 60.0
"""Seconds until a test gives up waiting; never the measure of anything."""


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("sets"), prosody_install)
    try:
        made.start_server()
        made.register(OTHER_JID)
        made.start_hub()
        operator(made, "heatpump", "add", PUMP, "--box", box_jid(1))
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        operator(made, "provider", "add", "other", "--jid", OTHER_JID)
        operator(made, "grant", "add", "agg", PUMP, "--right", "read", "--right", "control")
        operator(
            made, "grant", "add", "other", PUMP, "--right", "read", "--right", "settings",
            "--scope", "MET/MMXU1.*", "--scope", URCB,
        )  # fmt: skip
        made.start_box(1, simulated(), simulated_points(), simulated_outputs())
        made.wait_for("the box", lambda: made.presence_of(PUMP) == "online", timeout=PATIENCE)
        yield made
    finally:
        made.close()


@asynccontextmanager
async def provider(scene: Scene, jid: str) -> AsyncIterator[ServiceProvider]:
    login = ServiceProvider(
        f"{jid}/test",
        scene.passwords[jid],
        hub=HUB,
        host=LOOPBACK,
        port=scene.prosody.c2s_port,
        ca_file=scene.prosody.ca_file,
    )
    async with asyncio.timeout(PATIENCE), login:
        await until(lambda: login.presence_of(PUMP) is Presence.ONLINE)
        yield login


def hpclient(scene: Scene, *arguments: str, exits: int = 0) -> Any:
    """What a command prints as JSON, a list for several lines; what it says if it fails."""
    done = scene.command("hpclient", *arguments)
    assert done.returncode == exits, done.stderr
    if exits:
        return done.stderr
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines] if "query" in arguments else json.loads(done.stdout or "null")


# --- data sets -------------------------------------------------------------------------------------


def test_hpclient_makes_reads_and_deletes_data_sets(scene: Scene) -> None:
    listed = hpclient(scene, "dataset", "ls", PUMP, "--json")
    assert {"heatpump": PUMP, "dataset": "MET/LLN0.dsMeas"} in listed
    hpclient(scene, "dataset", "create", PUMP, MINE, POWER, "MET/MMTR1.TotWh")
    found = hpclient(scene, "dataset", "show", PUMP, MINE, "--json")
    assert (found["deletable"], found["members"]) == (True, [f"{POWER}[MX]", "MET/MMTR1.TotWh[ST]"])
    power, energy = hpclient(scene, "dataset", "read", PUMP, MINE, "--json")["values"]
    assert (power["reference"], power["unit"], power["quality"]) == (POWER, "W", "good")
    assert energy["unit"] == "Wh"
    hpclient(scene, "dataset", "delete", PUMP, MINE)
    assert "object-non-existent" in hpclient(scene, "dataset", "read", PUMP, MINE, exits=1)
    assert "stays" in hpclient(scene, "dataset", "delete", PUMP, "MET/LLN0.dsMeas", exits=1)
    own = hpclient(scene, "dataset", "create", PUMP, OWN, POWER, STATE, "--json")
    assert [one["reference"] for one in own["values"]] == [POWER, STATE]


def test_a_data_set_is_a_live_table_on_a_terminal_and_a_report_a_line_for_a_program(scene: Scene) -> None:
    shown = on_a_terminal(scene, "watch", PUMP, "--dataset", "dsMeas", "--count", "2")
    assert "MET/LLN0.dsMeas" in shown
    assert "\x1b[1m" in shown, "bold: what has just been told"
    assert f"{POWER}[MX]" in shown
    done = scene.command("hpclient", "watch", PUMP, "--dataset", "dsMeas", "--count", "2", "--json")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["dataset"], one["seq_num"]) for one in reports] == [("MET/LLN0.dsMeas", n) for n in (0, 1)]


def on_a_terminal(scene: Scene, *arguments: str) -> str:
    """What hpclient draws on a terminal; it must end by itself."""
    ours, its = os.openpty()
    environment = os.environ | scene.client_environment | {"TERM": "xterm", "COLUMNS": "160"}
    process = subprocess.Popen(
        [sys.executable, "-m", "service_provider.cli", *arguments],
        env=environment, stdin=its, stdout=its, stderr=its,
    )  # fmt: skip
    os.close(its)
    watchdog = Timer(PATIENCE, process.kill)
    watchdog.start()
    drawn = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):
        # Reading fails when the other end is closed, which is how a terminal ends.
        while part := terminal.read(65_536):
            drawn += part
    watchdog.cancel()
    assert process.wait(PATIENCE) == 0, drawn
    return drawn.decode()


def test_a_scope_lets_its_holder_make_only_data_sets_of_his_own(scene: Scene) -> None:
    async def use() -> None:
        async with provider(scene, OTHER_JID) as other, provider(scene, PROVIDER_JID) as agg:
            await other.associate(PUMP)
            await agg.associate(PUMP)
            await other.data_sets.create(PUMP, OWN, [f"{POWER}.mag.f", "MET/MMXU1.Hz.mag.f"])
            assert len((await other.data_sets.read(PUMP, OWN)).readings) == 2
            with pytest.raises(NoSuchObject):
                await agg.data_sets.read(PUMP, OWN)
            for name, members in ((MINE, [POWER]), ("@more", [POWER, "MET/FwdSTMP1.Tmp[MX]"])):
                with pytest.raises(NotAllowed):
                    await other.data_sets.create(PUMP, name, members)
            for denied in ("MET/LLN0.dsMeas", "LD0/LLN0.dsStat"):
                with pytest.raises(NotAllowed):
                    await other.data_sets.read(PUMP, denied)
            with pytest.raises(NotAllowed):
                await other.data_sets.write(PUMP, OWN, [1.0, 50.0])
            await other.data_sets.delete(PUMP, OWN)
            async with aclosing(other.reports(PUMP, URCB, members=[POWER])) as reports:
                (entry,) = (await anext(reports)).entries
                assert (entry.reading.reference.without_fc, entry.reading.unit) == (POWER, "W")
            assert (await other.report_block(PUMP, URCB)).dat_set == "MET/LLN0$dsMeas", "left as it was"

    asyncio.run(use())


# --- logs ------------------------------------------------------------------------------------------


def test_a_log_control_block_is_set_with_the_right_settings_only(scene: Scene) -> None:
    blocks = hpclient(scene, "log", "ls", PUMP, "--json")
    (shown,) = (one for one in blocks if one["block"] == LCB)
    assert (shown["block"], shown["LogEna"], shown["TrgOps"]) == (LCB, True, "dchg,qchg")
    change = ("log", "set", PUMP, LCB, "LogEna=off")
    assert "does not allow" in hpclient(scene, *change, exits=3)
    operator(scene, "grant", "add", "agg", PUMP, "--right", "settings")
    assert "temporarily-unavailable" in hpclient(scene, "log", "set", PUMP, LCB, "TrgOps=dchg", exits=1)
    hpclient(scene, *change, "TrgOps=dchg,integrity", "IntgPd=1000")
    assert hpclient(scene, "log", "show", PUMP, LCB, "--json")["LogEna"] is False
    hpclient(scene, "log", "set", PUMP, LCB, "LogEna=on")
    shown = hpclient(scene, "log", "show", PUMP, LCB, "--json")
    assert (shown["LogEna"], shown["TrgOps"], shown["IntgPd"]) == (True, "dchg,integrity", 1000)


def test_a_log_is_read_page_by_page_by_time_and_after_an_entry(scene: Scene) -> None:
    """The test before has every state logged each second: some of these entries are a page."""
    points = [20.0 + number % 2 for number in range(20)]

    async def switch_and_query() -> None:
        async with provider(scene, PROVIDER_JID) as agg:
            before = (await agg.logs.status(PUMP, LCB)).new_entr
            for point in points:
                await agg.operate(PUMP, SET_POINT, point)
            pages = counted(agg)
            entries: list[LoggedEntry] = []
            while len(pages) < 2 or not entries:
                pages.clear()
                entries = [one async for one in agg.logs.query(PUMP, LOG, after=before)]
            told = [
                entry.reading.value
                for one in entries
                for entry in one.entries
                if entry.reading.reference.without_fc == SET_POINT and entry.why == "dchg"
            ]
            assert told == points
            assert [one.entry_id for one in entries] == sorted({one.entry_id for one in entries})
            some = entries[3:10]
            between = agg.logs.query(PUMP, LOG, start=some[0].time, stop=some[-1].time)
            found = [one async for one in between]
            assert [one for one in found if one in some] == some
            assert {one.time for one in found} == {one.time for one in some}

    asyncio.run(switch_and_query())
    first, second = hpclient(scene, "log", "query", PUMP, LOG, "--count", "2", "--json")
    (after,) = hpclient(
        scene, "log", "query", PUMP, LOG, "--after", first["entry_id"], "--count", "1", "--json"
    )
    assert after == second
    status = hpclient(scene, "log", "status", PUMP, LCB, "--json")
    assert (status["OldEntr"], status["OldEntrTm"]) == (first["entry_id"], first["time"])
    assert first["entry_id"] in on_a_terminal(scene, "log", "query", PUMP, LOG, "--count", "1")


def counted(client: ServiceProvider) -> list[ReadJournalRequest]:
    """The pages of logs that are asked for from now on."""
    transport = client._client._exchange._transport
    asked: list[ReadJournalRequest] = []
    request = transport.request

    async def noting(peer: str, payload: Payload) -> Payload:
        match payload.pdu:
            case ConfirmedRequest(_, ReadJournalRequest() as page):
                asked.append(page)
        return await request(peer, payload)

    transport.request = noting  # type: ignore[method-assign]
    return asked


def test_a_grant_for_one_node_is_none_for_the_log(scene: Scene) -> None:
    async def query() -> None:
        async with provider(scene, OTHER_JID) as other:
            with pytest.raises(NotAllowed):
                [one async for one in other.logs.query(PUMP, LOG)]
            with pytest.raises(NotAllowed):
                await other.logs.set_block(PUMP, LCB, log_ena=False)

    asyncio.run(query())

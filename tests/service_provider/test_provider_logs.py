"""Logs by heat pump and name: control blocks, entries with everything that belongs to them, page by page."""

from __future__ import annotations

import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iec61850_model.client import NoSuchObject, ServiceErrorReceived, UnusableValue
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    GetVariableAccessAttributesRequest,
    Payload,
    ReadJournalRequest,
)
from iec61850_model.reference import InvalidReference
from iec61850_model.values import ServiceError, Trigger
from service_provider import LoggedEntry, NotAllowed, log_text
from service_provider.access import HeatPumpAccess
from service_provider.logs import Logs
from tests.service_provider.reporting_box import START, ReportingBox

BLOCK, LOG = "LD0/LLN0.lcbStat", "LD0/LLN0.GeneralLog"
COMPRESSOR = "HP/HpGGIO1.Ind1"


@pytest.fixture
def box() -> ReportingBox:
    return ReportingBox()


@pytest.fixture
def logs(box: ReportingBox) -> Logs:
    return box.sp.logs


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


async def found(logs: Logs, **wanted: Any) -> list[LoggedEntry]:
    return [entry async for entry in logs.query("hp0001", LOG, **wanted)]


def runs(box: ReportingBox, times: int = 2) -> None:
    """The compressor starts and stops, ten seconds each."""
    for number in range(times):
        box.has(COMPRESSOR, number % 2 == 0, pause=10)


# --- control blocks --------------------------------------------------------------------------------


async def test_logs_are_listed_by_name(logs: Logs) -> None:
    assert await logs.names("hp0001") == [LOG]
    assert await logs.names("hp0001", "MET") == []
    with pytest.raises(NoSuchObject):
        await logs.names("hp0001", "XXX")


async def test_every_log_control_block_is_found(logs: Logs) -> None:
    schedules, block = await logs.blocks("hp0001")
    assert schedules.dat_set == "LD0/LLN0$dsSchd"
    assert (block.reference.without_fc, block.log_ena, block.status.empty) == (BLOCK, True, True)
    assert await logs.blocks("hp0001", "MET") == []
    shown = json.loads(json.dumps(log_text.block_as_dict("hp0001", block)))
    assert shown["LogRef"] == LOG
    assert (shown["DatSet"], shown["TrgOps"]) == ("LD0/LLN0.dsStat", "dchg,qchg")
    assert (shown["OldEntr"], shown["NewEntrTm"]) == (None, None)


async def test_the_status_tells_oldest_and_newest(box: ReportingBox, logs: Logs) -> None:
    runs(box)
    entries = await found(logs)
    shown = log_text.status_as_dict(await logs.status("hp0001", BLOCK))
    assert shown == {
        "OldEntrTm": "2027-01-15T08:00:00.000Z",
        "NewEntrTm": "2027-01-15T08:00:10.000Z",
        "OldEntr": entries[0].entry_id.hex(),
        "NewEntr": entries[-1].entry_id.hex(),
    }


async def test_a_block_is_set_as_people_write_it(box: ReportingBox, logs: Logs) -> None:
    settings = log_text.settings_from_text(
        ["LogEna=on", "TrgOps=dchg", "DatSet=MET/LLN0.dsCnt", "IntgPd=5000"]
    )
    with pytest.raises(ServiceErrorReceived) as raised:
        await logs.set_block("hp0001", BLOCK, **settings)
    assert raised.value.service_error is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "it is enabled"
    await logs.set_block("hp0001", BLOCK, log_ena=False)
    await logs.set_block("hp0001", BLOCK, **settings)
    block = await logs.block("hp0001", BLOCK)
    assert (block.log_ena, block.trg_ops, block.dat_set, block.intg_pd) == (
        True,
        Trigger.DCHG,
        "MET/LLN0$dsCnt",
        5000,
    )


@pytest.mark.parametrize("text", ["LogEna", "NewEntr=1", "LogEna=perhaps", "TrgOps=often", "IntgPd=soon"])
def test_settings_that_are_none_say_what_may_be_written(text: str) -> None:
    with pytest.raises(UnusableValue):
        log_text.settings_from_text([text])


# --- entries ---------------------------------------------------------------------------------------


async def test_an_entry_tells_what_changed_when_and_why(box: ReportingBox, logs: Logs) -> None:
    runs(box, 1)
    (entry,) = await found(logs)
    assert entry.as_dict() == {
        "heatpump": "hp0001",
        "log": LOG,
        "time": "2027-01-15T08:00:00.000Z",
        "entry_id": entry.entry_id.hex(),
        "values": [
            {
                "reference": COMPRESSOR,
                "fc": "ST",
                "value": True,
                "unit": "",
                "quality": "good",
                "time": "2027-01-15T08:00:00.000Z",
                "reason": "dchg,qchg",
            }
        ],
    }


async def test_by_time_both_ends_count_in_and_each_may_be_left_out(box: ReportingBox, logs: Logs) -> None:
    runs(box, 4)
    assert [entry.time for entry in await found(logs)] == [at(0), at(10), at(20), at(30)]
    assert [entry.time for entry in await found(logs, start=at(10), stop=at(20))] == [at(10), at(20)]
    assert [entry.time for entry in await found(logs, start=at(30))] == [at(30)]
    assert [entry.time for entry in await found(logs, stop=at(0))] == [at(0)]


async def test_after_an_entry_come_those_that_follow(box: ReportingBox, logs: Logs) -> None:
    runs(box, 3)
    first, *rest = await found(logs)
    assert await found(logs, after=first.entry_id) == rest
    assert await found(logs, after=rest[-1].entry_id) == []
    with pytest.raises(UnusableValue, match="an end"):
        await found(logs, after=first.entry_id, stop=at(0))


async def test_a_log_that_was_lost_goes_on_from_the_time_given(box: ReportingBox, logs: Logs) -> None:
    runs(box, 3)
    never_given = bytes.fromhex("7fffffffffffffff")
    assert [one.time for one in await found(logs, after=never_given, start=at(10))] == [at(20)]
    assert len(await found(logs, after=never_given)) == 3


async def test_a_long_log_comes_page_by_page_as_it_is_taken(box: ReportingBox, logs: Logs) -> None:
    runs(box, 700)
    entries = await found(logs)
    assert [entry.time for entry in entries] == [at(10 * number) for number in range(700)]
    assert pages(box) > 1
    box.requests.clear()
    async with aclosing(logs.query("hp0001", LOG)) as query:
        assert (await anext(query)).time == at(0)
    assert pages(box) == 1, "who stops after one entry asks for no more"


def pages(box: ReportingBox) -> int:
    services = [one.pdu.service for one in box.requests if isinstance(one.pdu, ConfirmedRequest)]
    return sum(isinstance(one, ReadJournalRequest) for one in services)


async def test_what_the_grant_does_not_explain_is_shown_as_it_came(
    box: ReportingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant for the log alone: the definitions of what is in it are refused."""
    runs(box, 1)
    asked = box.request

    async def refusing(peer: str, payload: Payload) -> Payload:
        match payload.pdu:
            case ConfirmedRequest(_, GetVariableAccessAttributesRequest()):
                raise NotAllowed("not allowed")
        return await asked(peer, payload)

    monkeypatch.setattr(box, "request", refusing)
    ((entry,),) = [one.entries for one in await found(HeatPumpAccess(box, "hub.example.org").logs)]
    value = entry.reading.value
    assert isinstance(value, list)
    assert value[0] is True
    assert (entry.reading.reference.without_fc, entry.reading.time) == (COMPRESSOR, at(0))
    json.dumps(entry.as_dict())


async def test_what_is_no_log_is_said(logs: Logs) -> None:
    with pytest.raises(NoSuchObject):
        [entry async for entry in logs.query("hp0001", "LD0/LLN0.OtherLog")]
    with pytest.raises(InvalidReference, match=r"LD0/LLN0\.GeneralLog"):
        [entry async for entry in logs.query("hp0001", "GeneralLog")]
    with pytest.raises(InvalidReference, match=r"LD0/LLN0\.lcbStat"):
        await logs.block("hp0001", "LD0")
    with pytest.raises(NoSuchObject):
        await logs.status("hp0001", "LD0/LLN0.lcbOther")


async def test_a_time_needs_a_zone_and_a_place_in_the_calendar(logs: Logs) -> None:
    with pytest.raises(ValueError, match="zone"):
        await found(logs, start=datetime(2026, 1, 1))
    with pytest.raises(UnusableValue, match="1984"):
        await found(logs, start=datetime(1970, 1, 1, tzinfo=UTC))
    with pytest.raises(UnusableValue, match="earlier"):
        await found(logs, start=at(1), stop=at(1) - timedelta(seconds=1))

"""Streams of reports: values with their names, gaps, lost links, blocks taken and given back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from iec61850_model.client import (
    BadAnswer,
    NoSuchObject,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.client.rcb import RcbValues
from iec61850_model.mms.pdu import (
    AccessResult,
    ConfirmedRequest,
    Data,
    DataAccessError,
    InformationReport,
    InitiateRequest,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableList,
    WriteRequest,
)
from iec61850_model.reference import InvalidReference
from iec61850_model.server.effects import Incoming, Moment
from iec61850_model.values import NOT_CONNECTED, Quality, Trigger
from service_provider import HeatPumpReport, report_source, subscriptions
from service_provider.errors import NotAllowed
from service_provider.report_blocks import NoFreeBlock, NoSuchDataSet
from service_provider.subscriptions import BlockInUse
from tests.service_provider.reporting_box import PEER, START, US, ReportingBox

PATIENCE = 10.0
"""Seconds until a test gives up waiting; never the measure of anything."""
POWER = "MET/MMXU1.TotW"
FLOW = "MET/FwdSTMP1.Tmp"
COMPRESSOR = "HP/HpGGIO1.Ind1"
Stream = AsyncGenerator[HeatPumpReport, None]


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> ReportingBox:
    monkeypatch.setattr(subscriptions, "FIRST_PAUSE", 0.01)
    return ReportingBox()


@asynccontextmanager
async def listening(box: ReportingBox, *args: Any, **wanted: Any) -> AsyncIterator[Stream]:
    async with asyncio.timeout(PATIENCE), aclosing(box.sp.reports("hp0001", *args, **wanted)) as stream:
        yield stream


def told(report: HeatPumpReport) -> dict[str, object]:
    return {entry.reading.reference.without_fc: entry.reading.value for entry in report.entries}


async def block(box: ReportingBox, name: str) -> RcbValues:
    return await box.sp.report_block("hp0001", name)


async def own_data_sets(box: ReportingBox) -> list[str]:
    return [name for name in await box.sp.data_sets.names("hp0001") if name.startswith("@")]


# --- what a stream gives ---------------------------------------------------------------------------


async def test_first_everything_then_what_changes(box: ReportingBox) -> None:
    box.has(POWER, 1234.5)
    async with listening(box, dataset="dsMeas") as stream:
        everything = await anext(stream)
        assert len(everything.entries) == 25
        (power,) = [one for one in everything.entries if one.reading.reference.without_fc == POWER]
        assert (power.reading.text, power.why) == ("1234.5 W", "gi")
        assert power.reading.time == datetime.fromtimestamp(START, UTC)
        box.has(POWER, 2000.0)
        report = await anext(stream)
    assert report.as_dict() == {
        "heatpump": "hp0001",
        "block": "MET/LLN0.urcbMeas01",
        "dataset": "MET/LLN0.dsMeas",
        "seq_num": 1,
        "time": "2027-01-15T08:00:02.000Z",
        "entry_id": None,
        "buf_ovfl": False,
        "missed": False,
        "values": [
            {
                "reference": POWER,
                "fc": "MX",
                "value": 2000.0,
                "unit": "W",
                "quality": "good",
                "time": "2027-01-15T08:00:02.000Z",
                "reason": "dchg",
            }
        ],
    }
    json.dumps(everything.as_dict())


async def test_a_quality_that_changed_is_told(box: ReportingBox) -> None:
    box.has(POWER, 1234.5)
    async with listening(box, dataset="MET/LLN0.dsMeas") as stream:
        await anext(stream)
        box.has(POWER, 1234.5, NOT_CONNECTED)
        (entry,) = (await anext(stream)).entries
    assert (entry.reading.valid, entry.why) == (False, "qchg")


async def test_attributes_are_joined_to_values(box: ReportingBox) -> None:
    """dsAvg has value and quality as members of their own, and one time for all."""
    async with listening(box, dataset="dsAvg") as stream:
        first = await anext(stream)
        assert [str(one.reading.reference) for one in first.entries][:2] == [
            "AVG/MMXU1.TotW.mag.f[MX]",
            "AVG/MMXU1.TotVAr.mag.f[MX]",
        ]
        assert len(first.entries) == 20, "a quality or time is not a row of its own"
        box.has("AVG/FwdSTMP1.Tmp", 35.5)
        (entry,) = (await anext(stream)).entries
    assert entry.reading.text == "35.5 °C"
    assert entry.reading.quality == Quality(0)
    assert entry.reading.time is not None


async def test_integrity_and_triggers_are_set_as_asked(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas", triggers=Trigger.QCHG, integrity=5.0) as stream:
        await anext(stream)
        values = await block(box, "MET/LLN0.urcbMeas01")
        assert values.intg_pd == 5000
        assert values.trg_ops == Trigger.QCHG | Trigger.INTEGRITY | Trigger.GI
        box.tick(6.0)
        report = await anext(stream)
        assert {one.why for one in report.entries} == {"integrity"}


# --- blocks ----------------------------------------------------------------------------------------


async def test_a_block_is_taken_and_given_back(box: ReportingBox) -> None:
    assert (await block(box, "MET/LLN0.urcbMeas01")).free
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        values = await block(box, "MET/LLN0.urcbMeas01")
        assert (values.rpt_ena, values.resv) == (True, True)
        assert box.sp._client.association(PEER) is not None
    assert (await block(box, "MET/LLN0.urcbMeas01")).free
    assert box.sp._client.association(PEER) is None
    assert len(box.server.associations) == 0


async def test_an_association_made_before_is_left_alone(box: ReportingBox) -> None:
    await box.sp.associate("hp0001")
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
    assert box.sp._client.association(PEER) is not None


async def test_each_stream_has_a_block_of_its_own_until_there_are_no_more(box: ReportingBox) -> None:
    streams = [box.sp.reports("hp0001", dataset="dsMeas") for _ in range(6)]
    reports = [await anext(stream) for stream in streams]
    assert sorted(one.block.path[0] for one in reports) == [f"urcbMeas0{n}" for n in range(1, 7)]
    with pytest.raises(NoFreeBlock, match="all 6 unbuffered"):
        await anext(box.sp.reports("hp0001", dataset="dsMeas"))
    box.has(POWER, 7.0)
    assert [told(await anext(stream)) for stream in streams] == [{POWER: 7.0}] * 6
    await streams[3].aclose()
    async with listening(box, dataset="dsMeas") as stream:
        assert (await anext(stream)).block.path == ("urcbMeas04",)
    for stream in streams:
        await stream.aclose()


async def test_a_named_block_that_somebody_has_is_not_taken(box: ReportingBox) -> None:
    async with listening(box, "MET/LLN0.urcbMeas02") as stream:
        assert (await anext(stream)).block.path == ("urcbMeas02",)
        with pytest.raises(BlockInUse, match="urcbMeas02"):
            await anext(box.sp.reports("hp0001", "MET/LLN0.urcbMeas02"))


async def test_a_buffered_block_gets_its_data_set_and_loses_it_again(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas", buffered=True) as stream:
        report = await anext(stream)
        assert (report.block.path, len(report.entries)) == (("brcbMeas01",), 25)
        assert report.entry_id is not None
        assert (await block(box, "MET/LLN0.brcbMeas01")).dat_set == "MET/LLN0$dsMeas"
    values = await block(box, "MET/LLN0.brcbMeas01")
    assert (values.free, values.dat_set) == (True, "")


@pytest.mark.parametrize(
    ("args", "wanted", "error"),
    [
        ((), {}, UnusableValue),
        ((), {"dataset": "dsMeas", "keep": True}, UnusableValue),
        ((), {"dataset": "dsMeas", "after": bytes(8)}, UnusableValue),
        ((), {"dataset": "dsXxx"}, NoSuchDataSet),
        ((), {"dataset": "MET/LLN0.dsXxx"}, NoSuchDataSet),
        ((), {"dataset": "not.a.name"}, InvalidReference),
        (("MET/LLN0.urcbXxx01",), {}, NoSuchObject),
        (("MET/LLN0.brcbMeas01",), {}, NoSuchDataSet),
        (("MET/LLN0.urcbMeas01",), {"after": bytes(8)}, UnusableValue),
        (("MET/LLN0.brcbMeas01",), {"dataset": "MET/LLN0.dsXxx"}, ServiceErrorReceived),
    ],
)
async def test_what_cannot_be_is_said_at_once(
    box: ReportingBox, args: tuple[str, ...], wanted: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with listening(box, *args, **wanted) as stream:
            await anext(stream)
    assert len(box.server.associations) == 0
    assert all(one.free or one.resv_tms == -1 for one in await box.sp.report_blocks("hp0001"))


async def test_members_named_one_by_one_are_reported_by_a_data_set_of_our_own(box: ReportingBox) -> None:
    box.has(POWER, 1.0)
    async with listening(box, members=[POWER, COMPRESSOR]) as stream:
        first = await anext(stream)
        assert [str(one.reading.reference) for one in first.entries] == [f"{POWER}[MX]", f"{COMPRESSOR}[ST]"]
        box.has(FLOW, 35.0)
        box.has(POWER, 1.0)
        box.has(POWER, 2.0)
        assert told(await anext(stream)) == {POWER: 2.0}, (
            "what nobody asked for, or has not changed, is not told"
        )
        box.has(COMPRESSOR, True)
        assert told(await anext(stream)) == {COMPRESSOR: True}


async def test_members_are_reported_on_change_whatever_their_block_is_configured_for(
    box: ReportingBox,
) -> None:
    """The block of the averages reports updates; nobody who names members asks for those."""
    box.has(COMPRESSOR, False)
    async with listening(box, members=["AVG/FwdSTMP1.Tmp", COMPRESSOR]) as stream:
        assert (await anext(stream)).block.ld == "AVG"
        box.has(COMPRESSOR, True)
        (entry,) = (await anext(stream)).entries
        assert (entry.reading.value, entry.why) == (True, "dchg")


async def test_a_block_is_left_as_it_was_found(box: ReportingBox) -> None:
    before = {one.reference: one for one in await box.sp.report_blocks("hp0001")}
    async with listening(box, members=[POWER], triggers=Trigger.DCHG, integrity=60.0) as stream:
        used = (await anext(stream)).block
        assert (await box.sp.report_block("hp0001", str(used))).trg_ops != before[used].trg_ops
    after = await box.sp.report_block("hp0001", str(used))
    assert after.free
    for name in ("dat_set", "trg_ops", "intg_pd", "opt_flds"):
        assert getattr(after, name) == getattr(before[used], name), name


async def test_its_own_data_set_is_made_again_after_a_lost_link(box: ReportingBox) -> None:
    async with listening(box, members=[POWER]) as stream:
        used = (await anext(stream)).block
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        box.cut()
        box.has(POWER, 3.0)
        box.mend()
        assert told(await waiting) == {POWER: 3.0}
    assert (await box.sp.report_block("hp0001", str(used))).dat_set == "MET/LLN0$dsMeas"


async def test_streams_of_members_share_an_association_and_leave_nothing(box: ReportingBox) -> None:
    await box.sp.associate("hp0001")
    async with listening(box, members=[POWER]) as one, listening(box, members=[FLOW]) as other:
        await anext(one)
        await anext(other)
        assert len(await own_data_sets(box)) == 2
    assert await own_data_sets(box) == []


# --- what goes wrong -------------------------------------------------------------------------------


def losing(*numbers: int) -> Any:
    """Loses the reports of these places in order of their coming."""
    count = -1

    def on_the_way(payload: Payload) -> Payload | None:
        nonlocal count
        count += 1
        return None if count in numbers else payload

    return on_the_way


async def test_after_a_gap_everything_is_asked_for(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        box.on_the_way = losing(0)
        box.has(POWER, 1.0)
        box.has(FLOW, 2.0)
        after = await anext(stream)
        assert (told(after), after.missed) == ({FLOW: 2.0}, True)
        everything = await anext(stream)
        assert (len(everything.entries), everything.missed) == (25, False)
        assert told(everything)[POWER] == 1.0


async def test_a_buffered_block_sends_again_what_was_lost(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas", buffered=True) as stream:
        await anext(stream)
        box.on_the_way = losing(1, 2)
        for value in range(6):
            box.has(POWER, float(value))
        reports = [await anext(stream) for _ in range(6)]
        assert [told(one) for one in reports] == [{POWER: float(value)} for value in range(6)]
        assert not any(one.missed for one in reports)


async def test_a_report_that_cannot_be_read_is_a_gap(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)

        box.on_the_way = with_results(lambda results: results[:-1])
        box.has(POWER, 1.0)
        box.on_the_way = lambda payload: payload
        report = await anext(stream)
        assert (len(report.entries), report.missed) == (25, True)
        assert told(report)[POWER] == 1.0


async def test_who_does_not_listen_misses_the_oldest(
    box: ReportingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_source, "MAX_BEHIND", 3)
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        for value in range(10):
            box.has(POWER, float(value))
        report = await anext(stream)
        assert (told(report), report.missed) == ({POWER: 7.0}, True)


async def test_a_stream_goes_on_after_a_lost_link(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        box.cut()
        await asyncio.sleep(0.05)
        assert not waiting.done()
        box.has(POWER, 5.0)
        box.mend()
        report = await waiting
        assert (told(report)[POWER], len(report.entries)) == (5.0, 25)
        box.has(POWER, 6.0)
        assert told(await anext(stream)) == {POWER: 6.0}


async def test_a_buffered_stream_goes_on_where_it_was(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas", buffered=True) as stream:
        await anext(stream)
        box.has(POWER, 0.0)
        assert told(await anext(stream)) == {POWER: 0.0}
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        box.cut()
        await asyncio.sleep(0)
        for value in range(1, 30):
            box.has(POWER, float(value))
        box.mend()
        reports = [await waiting]
        while len(reports) < 29:
            box.tick(1.0)
            reports.append(await anext(stream))
        assert [told(one) for one in reports] == [{POWER: float(value)} for value in range(1, 30)]
        assert len({one.entry_id for one in reports}) == 29
    assert (await block(box, "MET/LLN0.brcbMeas01")).dat_set == "", "given back as it was before it was cut"


async def test_a_kept_block_goes_on_another_time(box: ReportingBox) -> None:
    wanted = {"dataset": "MET/LLN0.dsMeas", "keep": True}
    async with listening(box, "MET/LLN0.brcbMeas01", **wanted) as stream:
        last = (await anext(stream)).entry_id
    box.has(POWER, 1.0)
    box.has(POWER, 2.0)
    async with listening(box, "MET/LLN0.brcbMeas01", after=last) as stream:
        assert [told(await anext(stream)) for _ in range(2)] == [{POWER: 1.0}, {POWER: 2.0}]


async def test_a_block_that_stopped_without_a_word_is_enabled_again(
    box: ReportingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await box.sp.set_report_block("hp0001", "MET/LLN0.urcbMeas01", rpt_ena=False)
        box.sp._subscriptions.back(PEER)
        assert len((await waiting).entries) == 25
        monkeypatch.setattr(report_source, "KEEPALIVE", 0.01)
        await box.sp.set_report_block("hp0001", "MET/LLN0.urcbMeas01", rpt_ena=False)
        assert len((await anext(stream)).entries) == 25


async def test_a_device_is_asked_only_when_no_report_has_come_for_long(box: ReportingBox) -> None:
    """A report keeps the association, and says that the block is enabled."""
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        (source,) = box.sp._subscriptions._sources
        for value in range(4):
            before = len(box.requests)
            source._checked -= 2 * report_source.KEEPALIVE
            box.has(POWER, float(value), pause=100.0)
            assert told(await anext(stream)) == {POWER: float(value)}
            assert len(box.requests) == before
        source._checked -= 2 * report_source.KEEPALIVE
        waiting = asyncio.ensure_future(anext(stream))
        while len(box.requests) == before:  # noqa: ASYNC110 - a list is what there is
            await asyncio.sleep(0.001)
        box.has(POWER, 5.0)
        assert told(await waiting) == {POWER: 5.0}


async def test_a_right_that_ended_ends_the_stream(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        box.cut()
        box.online = True

        async def refused(peer: str, payload: Payload) -> Payload:
            raise NotAllowed("the grant is over")

        box.sp._client._exchange._transport.request = refused  # type: ignore[method-assign]
        with pytest.raises(NotAllowed):
            await waiting


async def test_reports_of_others_are_nobodys(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)

        box.on_the_way = with_results(lambda results: (Data("visible-string", "another"), *results[1:]))
        box.has(POWER, 1.0)
        box.on_the_way = lambda payload: payload
        box.has(POWER, 2.0)
        assert told(await anext(stream)) == {POWER: 2.0}


async def test_the_first_report_after_a_cut_may_be_lost_too(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas", buffered=True) as stream:
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        box.cut()
        box.has(POWER, 1.0)
        box.has(POWER, 2.0)
        box.on_the_way = losing(0)
        box.mend()
        assert told(await waiting) == {POWER: 1.0}
        assert told(await anext(stream)) == {POWER: 2.0}


async def test_sequence_numbers_begin_anew(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        for value in range(300):
            box.has(POWER, float(value), pause=0.5)
            report = await anext(stream)
            assert (told(report), report.missed) == ({POWER: float(value)}, False)


async def test_a_buffered_block_that_stopped_without_a_word_loses_nothing(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas", buffered=True) as stream:
        await anext(stream)
        await box.sp.set_report_block("hp0001", "MET/LLN0.brcbMeas01", rpt_ena=False)
        box.has(POWER, 1.0)
        box.has(POWER, 2.0)
        box.sp._subscriptions.back(PEER)
        assert [told(await anext(stream)) for _ in range(2)] == [{POWER: 1.0}, {POWER: 2.0}]


async def test_blocks_whose_reports_would_look_alike_are_not_used_together(box: ReportingBox) -> None:
    for name in ("MET/LLN0.urcbMeas01", "MET/LLN0.urcbMeas02"):
        await box.sp.set_report_block("hp0001", name, rpt_id="same")
    async with listening(box, dataset="dsMeas") as first, listening(box, dataset="dsMeas") as second:
        assert (await anext(first)).block.path == ("urcbMeas01",)
        assert (await anext(second)).block.path == ("urcbMeas03",)
        with pytest.raises(NoFreeBlock, match="same RptID"):
            await anext(box.sp.reports("hp0001", "MET/LLN0.urcbMeas02"))


async def test_a_report_that_came_back_means_a_new_association(box: ReportingBox) -> None:
    async with listening(box, dataset="dsMeas") as stream:
        await anext(stream)
        box.server.peer_gone(US, Moment(box.now))
        box.sp._subscriptions.lost(PEER, "a message came back")
        assert len((await anext(stream)).entries) == 25


def with_results(change: Callable[[tuple[AccessResult, ...]], tuple[AccessResult, ...]]) -> Any:
    def on_the_way(payload: Payload) -> Payload:
        assert isinstance(payload.pdu, Unconfirmed)
        service = payload.pdu.service
        return Payload(
            Unconfirmed(InformationReport(service.variables, change(service.results))), payload.association
        )

    return on_the_way


async def test_a_device_that_reports_other_than_it_describes_is_told_of(box: ReportingBox) -> None:
    box.on_the_way = with_results(
        lambda results: tuple(
            Data("boolean", True) if isinstance(one, Data) and one.tag == "structure" else one
            for one in results
        )
    )
    with pytest.raises(BadAnswer):
        async with listening(box, dataset="dsMeas") as stream:
            await anext(stream)
    assert (await block(box, "MET/LLN0.urcbMeas01")).free


async def test_a_member_that_is_an_error_is_left_out(box: ReportingBox) -> None:
    box.on_the_way = with_results(
        lambda results: (*results[:7], DataAccessError.OBJECT_ACCESS_UNSUPPORTED, *results[8:])
    )
    async with listening(box, dataset="dsMeas") as stream:
        report = await anext(stream)
        assert len(report.entries) == 24
        assert POWER not in told(report)


async def test_a_block_taken_by_another_in_the_same_moment(box: ReportingBox) -> None:
    """Somebody is faster between the look at the blocks and the reservation."""
    straight = box.request
    items: list[list[str]] = []

    async def request(peer: str, payload: Payload) -> Payload:
        if isinstance(payload.pdu, ConfirmedRequest) and isinstance(payload.pdu.service, WriteRequest):
            names = payload.pdu.service.variables
            assert isinstance(names, VariableList)
            items.append([one.item for one in names.names])
            if len(items) == 1:
                await other_takes(box, "LLN0$RP$urcbMeas01$Resv")
        return await straight(peer, payload)

    box.request = request  # type: ignore[method-assign]
    async with listening(box, dataset="dsMeas") as stream:
        assert (await anext(stream)).block.path == ("urcbMeas02",)
    assert items[0][0] == "LLN0$RP$urcbMeas01$Resv", "reserved before anything else"


async def other_takes(box: ReportingBox, item: str) -> None:
    other, moment = "other@hub.example.org/desk", Moment(box.now)
    box.server.handle(Incoming(other, 1, Payload(InitiateRequest(), "7"), 0), moment)
    name = VariableList((ObjectName(item, "MET"),))
    write = ConfirmedRequest(1, WriteRequest(name, (Data("boolean", True),)))
    (association,) = [one for one in box.server.associations._held if one[0] == other]
    box.server.handle(Incoming(other, 2, Payload(write, association[1]), 0), moment)

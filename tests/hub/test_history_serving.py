"""The history as a provider reads it: pages, qualities, whose grant covers what, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_registry_roster import give, hp, sp

from hub.accounts import Accounts, month_of
from hub.history import HISTORY_SCHEMA
from hub.history.device import LOG_REFERENCE, HistoryDevice
from hub.history.quantities import QUANTITIES
from hub.history.serving import ANSWER_WITHIN, Visible
from hub.history.store import HistoryStore
from hub.history.turns import WAITING, WAITING_OF_ONE, Asked, Turns
from hub.registry import Registry, add_group, add_members, revoke_grant
from hub.registry.grant_changes import Direction, GrantChange, change_grant
from hub.registry.history_access import history_access
from hub.registry.usage import usage_of
from hub.roster import Right
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.client import NoAnswer, NoSuchObject
from iec61850_model.mms.pdu import DEFAULT_PDU_SIZE, ConfirmedRequest, ObjectName, Payload, ReadJournalRequest
from iec61850_model.mms.xer import encode_payload
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.tree import Branch, Leaf, Tree
from iec61850_model.units import unit_text
from iec61850_model.values import EntryTime, FunctionalConstraint
from service_provider import LoggedEntry, NoSuchHeatPump, NotAllowed, Reading
from tests.hub.history_reader import HUB, NOW, PERIOD, START, HistoryReader, element, sample

LOG, BLOCK = "HIST/LLN0.AvgLog", "HIST/LLN0.lcbAvg"
POWER, ENERGY = "HIST/MMXU1.TotW", "HIST/MMTR1.DmdWh"
ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
READ, WITH = Right.READ, Right.HISTORY
HISTORY = {"rights": [Right.HISTORY], "purpose": "operation"}


@pytest.fixture
async def reader(registry: Registry, tmp_path: Path) -> AsyncIterator[HistoryReader]:
    url = f"sqlite+aiosqlite:///{tmp_path}/history.db"
    await HISTORY_SCHEMA.upgrade(url)
    async for made in reading_from(registry, url):
        yield made


@pytest.fixture
async def either(registry: Registry, history_url: str) -> AsyncIterator[HistoryReader]:
    """The same in each kind of database."""
    async for made in reading_from(registry, history_url):
        yield made


async def reading_from(registry: Registry, url: str) -> AsyncIterator[HistoryReader]:
    """agg may read the history of hp0001 since NOW; of hp0002, which has none yet, too."""
    for number in (1, 2):
        await registry.run(hp, f"hp000{number}", f"box000{number}@boxes.example")
    await registry.run(sp)
    await registry.run(sp, "heat", "desk@heat.example")
    for heat_pump in ("hp0001", "hp0002"):
        await registry.run(give, on=heat_pump, **HISTORY)
    store = await HistoryStore.open(url)
    made = HistoryReader(registry, store)
    await made.reload()
    yield made
    await made.close()
    await store.close()


def at(number: int) -> datetime:
    return datetime.fromtimestamp(START + number * PERIOD, UTC)


async def entries(reader: HistoryReader, heat_pump: str = "hp0001", **wanted: Any) -> list[LoggedEntry]:
    return [one async for one in reader.sp.logs.query(heat_pump, LOG, **wanted)]


async def numbers(reader: HistoryReader, **wanted: Any) -> list[int]:
    return [int(one.time.timestamp() - START) // PERIOD for one in await entries(reader, **wanted)]


# --- what an entry says ----------------------------------------------------------------------------


async def test_an_entry_is_an_interval_with_value_quality_and_time_of_each_quantity(
    reader: HistoryReader,
) -> None:
    """Good, questionable, invalid; and what was not reported is not there at all."""
    one = sample(1, given=0b111 | 1 << 17, questionable=1 << 1, invalid=1 << 3)
    await reader.fill(1, one)
    (entry,) = await entries(reader)
    assert (entry.time, entry.entry_id) == (at(1), (START + PERIOD).to_bytes(8))
    told = {str(each.reading.reference): each.reading for each in entry.entries}
    assert {name: (one.text, validity(one)) for name, one in told.items()} == {
        "HIST/MMXU1.TotW[MX]": ("1.5 W", "good"),
        "HIST/MMXU1.TotVAr[MX]": ("1.5 VAr", "questionable"),
        "HIST/MMXU1.PhV.phsA[MX]": ("1.5 V", "good"),
        "HIST/FwdSTMP1.Tmp[MX]": ("—", "invalid"),
        "HIST/MMTR1.DmdWh[ST]": ("1001 Wh", "good"),
    }
    assert {one.time for one in told.values()} == {at(1)}


def validity(reading: Reading) -> str:
    assert reading.quality is not None
    return str(reading.quality.validity)


async def test_a_value_that_single_precision_cannot_hold_is_none(reader: HistoryReader) -> None:
    """A box may say anything that is a number."""
    one = sample(1)
    await reader.fill(1, replace(one, cells=(1e300, *one.cells[1:])))
    (entry,) = await entries(reader)
    assert [each.reading.text for each in entry.entries] == ["—", "1001 Wh"]


def test_every_quantity_is_as_the_box_has_it() -> None:
    """Same logical node, data object, attributes, functional constraint and unit; counters weigh 1."""
    box, device = read_model(ICD.read_bytes()).tree, HistoryDevice().server.tree
    for quantity in QUANTITIES:
        there = Reference.parse(quantity.reference)
        here = Reference("HIST", there.ln, there.path)
        place, branch = device.value_branch(here)
        source = box.find(there.with_fc(place.fc))
        assert source is not None
        kinds = dict(source.describe().components)  # type: ignore[union-attr]
        for name, kind in branch.describe().components:  # type: ignore[union-attr]
            if name in ("q", "t", "actVal"):
                assert kinds[name] == kind
        assert device.cdc(here) == box.cdc(there)
        ours, theirs = (unit_of(tree, one) for tree, one in ((device, here), (box, there)))
        assert ours == theirs == {"var": "VAr"}.get(quantity.unit, quantity.unit)


def unit_of(tree: Tree, reference: Reference) -> str:
    units = tree.find(reference.with_fc(FunctionalConstraint.CF).child("units"))
    assert isinstance(units, Branch)
    si_unit, multiplier = (part.value for part in units.children.values() if isinstance(part, Leaf))
    assert isinstance(si_unit, int) and isinstance(multiplier, int)
    pulses = tree.find(reference.with_fc(FunctionalConstraint.CF).child("pulsQty"))
    assert pulses is None or (isinstance(pulses, Leaf) and pulses.value == 1.0)
    return unit_text(si_unit, multiplier)


# --- pages -----------------------------------------------------------------------------------------


async def test_many_come_page_by_page_each_within_a_pdu(either: HistoryReader) -> None:
    every = (1 << len(QUANTITIES)) - 1
    await either.fill(1, *(sample(number, given=every) for number in range(1, 61)))
    assert await numbers(either) == list(range(1, 61))
    pages = [one for one in either.answered if "<readJournal" in one]
    assert len(pages) > 5
    assert all(DEFAULT_PDU_SIZE / 2 < len(one) <= DEFAULT_PDU_SIZE for one in pages[:-1])


async def test_a_page_has_at_most_so_many_entries_however_small(reader: HistoryReader) -> None:
    await reader.fill(1, *(sample(number, given=1) for number in range(1, 301)))
    assert await numbers(reader) == list(range(1, 301))
    assert max(one.count("<JournalEntry>") for one in reader.answered) <= 128


async def test_by_time_both_ends_count_in(either: HistoryReader) -> None:
    await either.fill(1, *map(sample, range(1, 9)))
    assert await numbers(either, start=at(3), stop=at(5)) == [3, 4, 5]
    assert await numbers(either, start=at(7)) == [7, 8]
    assert await numbers(either, stop=at(2)) == [1, 2]
    assert await numbers(either, start=at(3).replace(second=1), stop=at(5).replace(second=1)) == [4, 5]
    assert await numbers(either, start=at(20)) == []


async def test_after_an_entry_it_goes_on_and_after_one_never_given_by_its_time(reader: HistoryReader) -> None:
    await reader.fill(1, *map(sample, range(1, 9)))
    given = await entries(reader)
    assert await numbers(reader, after=given[5].entry_id) == [7, 8]
    assert await numbers(reader, after=b"\xff" * 8, start=at(6)) == [7, 8]


async def test_a_query_without_a_range_is_refused_as_a_box_does(reader: HistoryReader) -> None:
    asked = Payload(ConfirmedRequest(9, ReadJournalRequest(ObjectName("LLN0$AvgLog", "HIST"))))
    told = await reader.ask(f"hp0001@{HUB}/IEC", asked)
    assert "<confirmed-ErrorPDU" in told
    backwards = ReadJournalRequest(
        ObjectName("LLN0$AvgLog", "HIST"), EntryTime.from_unix(NOW + 9), EntryTime.from_unix(NOW)
    )
    assert "<confirmed-ErrorPDU" in await reader.ask(
        f"hp0001@{HUB}/IEC", Payload(ConfirmedRequest(9, backwards))
    )


# --- the rest of the logical device -----------------------------------------------------------------


async def test_the_block_names_the_log_its_data_set_and_its_ends(either: HistoryReader) -> None:
    await either.fill(1, *map(sample, (2, 5, 6)))
    (block,) = await either.sp.logs.blocks("hp0001", "HIST")
    assert (block.log_ena, block.log_ref, block.dat_set) == (True, "HIST/LLN0$AvgLog", "HIST/LLN0$dsAvg")
    status = await either.sp.logs.status("hp0001", BLOCK)
    assert (status.old_entr_tm.unix, status.new_entr_tm.unix) == (START + 600, START + 1800)
    assert (await either.sp.logs.status("hp0002", BLOCK)).empty
    assert await either.sp.logs.names("hp0001", "HIST") == [LOG]
    assert await entries(either, "hp0002") == []


async def test_its_values_are_those_of_the_newest_interval_of_this_heat_pump(reader: HistoryReader) -> None:
    await reader.fill(1, *map(sample, (1, 2)))
    reading = await reader.sp.read("hp0001", POWER)
    assert (reading.text, reading.time) == ("2.5 W", at(2))
    assert (await reader.sp.read("hp0001", ENERGY)).text == "1002 Wh"
    assert (await reader.sp.read("hp0002", POWER)).text == "—", "nothing of another's is left"
    assert "MMXU1" in await reader.sp.ls("hp0001", "HIST")


async def test_what_is_not_there_and_what_is_not_served_says_so(reader: HistoryReader) -> None:
    with pytest.raises(NoSuchObject):
        await entries_of(reader, "HIST/LLN0.OtherLog")
    with pytest.raises(NoSuchObject):
        await reader.sp.read("hp0001", "HIST/MMXU9.TotW")
    with pytest.raises(NotAllowed):
        await reader.sp.logs.set_block("hp0001", BLOCK, log_ena=False)


async def entries_of(reader: HistoryReader, log: str) -> list[LoggedEntry]:
    return [one async for one in reader.sp.logs.query("hp0001", log)]


# --- whose grant covers what -----------------------------------------------------------------------


async def test_only_what_was_measured_wholly_in_the_time_of_his_own_grants_in_force(
    reader: HistoryReader,
) -> None:
    """hp0001 has a longer history, by others' consent."""
    await reader.fill(1, *map(sample, range(-5, 6)))
    assert await numbers(reader) == [1, 2, 3, 4, 5], "the grant was given at START"
    await reader.registry.run(give, valid_from=NOW - 2.5 * PERIOD, until=NOW + PERIOD, **HISTORY)
    await reader.reload()
    assert await numbers(reader) == [-1, 0, 1, 2, 3, 4, 5], "half an interval is none"
    status = await reader.sp.logs.status("hp0001", BLOCK)
    assert status.old_entr_tm.unix == START - PERIOD
    reader.now = NOW + PERIOD
    assert await numbers(reader) == [1, 2, 3, 4, 5], "what has ended counts no longer"


async def test_after_the_end_of_a_grant_that_is_still_to_come_nothing(reader: HistoryReader) -> None:
    await reader.registry.run(revoke_grant, 1, now=NOW)
    await reader.registry.run(give, until=NOW + 3.5 * PERIOD, **HISTORY)
    await reader.reload()
    await reader.fill(1, *map(sample, range(1, 6)))
    assert await numbers(reader) == [1, 2, 3]


async def test_other_grants_add_nothing(reader: HistoryReader) -> None:
    await reader.fill(1, *map(sample, range(-2, 3)))
    for more in (
        {"rights": [Right.READ], "valid_from": 1.0},
        {**HISTORY, "scope": ("AVG/*",), "valid_from": 1.0},
        {**HISTORY, "valid_from": NOW + 10_000},
        {**HISTORY, "provider": "heat", "valid_from": 1.0},
        {**HISTORY, "on": "hp0002", "valid_from": 1.0},
    ):
        await reader.registry.run(give, **more)
        await reader.reload()
        assert await numbers(reader) == [1, 2], more
    await reader.registry.run(give, **HISTORY, scope=("HIST/LLN0.AvgLog",), valid_from=1.0)
    assert await numbers(reader) == [-2, -1, 0, 1, 2]


async def test_a_grant_on_a_group_counts_from_when_the_heat_pump_came(reader: HistoryReader) -> None:
    await reader.registry.run(revoke_grant, 1, now=NOW)
    await reader.registry.run(add_group, "street", now=NOW)
    await reader.registry.run(give, on="@street", valid_from=1.0, **HISTORY)
    await reader.registry.run(add_members, "street", ["hp0001"], now=NOW + 2 * PERIOD)
    reader.now = NOW + 10 * PERIOD
    await reader.reload()
    await reader.fill(1, *map(sample, range(-2, 5)))
    assert await numbers(reader) == [3, 4]


@pytest.mark.parametrize("group", [False, True])
async def test_a_grant_that_is_changed_goes_on_unless_it_did_not_cover_the_history(
    reader: HistoryReader, group: bool
) -> None:
    """What was granted all the time stays readable; what is added counts from then on."""
    key, first = 1, 1
    if group:
        await reader.registry.run(revoke_grant, 1, now=NOW)
        await reader.registry.run(add_group, "street", now=NOW)
        key, first = await reader.registry.run(give, on="@street", **HISTORY), 2
        await reader.registry.run(add_members, "street", ["hp0001"], now=NOW + PERIOD)
    await reader.fill(1, *map(sample, range(-4, 9)))
    steps = (
        (2, {"rights": [WITH, READ]}, first),
        (3, {"rights": [WITH]}, first),
        (4, {"scope": ["HIST/*"]}, first),
        (5, {"rights": [READ]}, None),
        (6, {"rights": [READ, WITH]}, 7),
        (7, {"rights": [WITH]}, 7),
        (8, {"scope": ["AVG/*"]}, None),
    )
    for number, wanted, from_ in steps:
        reader.now = START + number * PERIOD
        change = GrantChange("op", ground="letter", **wanted)  # type: ignore[arg-type]
        _, after = await reader.registry.run(change_grant, key, change, Direction.CHANGE, now=reader.now)
        key = after.key
        assert after.begins == reader.now, "for people it was given only now"
        access = await reader.registry.read(history_access, "agg", "hp0001", LOG_REFERENCE, reader.now)
        visible = access and Visible.of(access, PERIOD)
        assert (visible and visible.first) == (None if from_ is None else START + from_ * PERIOD), wanted
        if from_ == first:
            await reader.reload()
            assert await numbers(reader) == list(range(first, 9))


async def test_revoked_is_at_once_also_between_two_pages(reader: HistoryReader) -> None:
    await reader.fill(1, *(sample(number, given=1) for number in range(1, 200)))
    asked = reader.sp.logs.query("hp0001", LOG)
    await anext(asked)
    await reader.registry.run(revoke_grant, 1, now=NOW)  # the router does not know yet
    with pytest.raises(NotAllowed):
        [one async for one in asked]
    await reader.reload()
    with pytest.raises(NoSuchHeatPump):
        await entries(reader)


# --- who may ask, and how much ---------------------------------------------------------------------


async def test_who_does_not_come_through_the_router_finds_nothing(reader: HistoryReader) -> None:
    query = ReadJournalRequest(ObjectName("LLN0$AvgLog", "HIST"), EntryTime(0, 0))
    inner = encode_payload(Payload(ConfirmedRequest(1, query)))
    asked = (
        ("control@agg.example/desk1", f"hp0001@history.{HUB}/IEC"),
        ("agg@hub.example.org.evil/desk1", f"hp0001@history.{HUB}/IEC"),
        (f"agg@ops.{HUB}/x", f"hp0001@history.{HUB}/IEC"),
        (HUB, f"hp0001@history.{HUB}/IEC"),
        (f"agg@{HUB}/desk1", f"hp0001@history.{HUB}"),
        (f"agg@{HUB}/desk1", f"history.{HUB}"),
        ("box0001@boxes.example/IEC", f"hp0001@history.{HUB}/IEC"),
    )
    for sender, to in asked:
        reader.link.take(Stanza.of(element(stanza("iq", "get", "x", sender, to, inner))))
        assert reader.answered.pop() == error("iq", "x", to, sender, Condition.SERVICE_UNAVAILABLE)
    assert len(reader.serving) == 0


async def test_one_provider_takes_no_more_than_his_turns(reader: HistoryReader) -> None:
    """Others wait for one of his requests at most; who asks too much at once is told to wait."""
    query = ReadJournalRequest(ObjectName("LLN0$AvgLog", "HIST"), EntryTime(0, 0))
    inner = encode_payload(Payload(ConfirmedRequest(1, query)))

    def ask(id_: str, provider: str) -> None:
        to = f"hp0001@history.{HUB}/IEC"
        reader.serving.take(Stanza.of(element(stanza("iq", "get", id_, f"{provider}@{HUB}/x", to, inner))))

    for number in range(WAITING_OF_ONE + 3):
        ask(f"a{number}", "agg")
    ask("h", "heat")
    assert ["resource-constraint" in one for one in reader.answered] == [True] * 3
    async with asyncio.timeout(20):
        while len(reader.answered) < WAITING_OF_ONE + 4:  # noqa: ASYNC110 - the link is pretended
            await asyncio.sleep(0.01)
    order = [element(one).get("id") for one in reader.answered[3:]]
    assert order.index("h") <= 1
    assert sorted(order) == sorted(["h", *(f"a{number}" for number in range(WAITING_OF_ONE))])


async def test_however_many_wait_a_provider_with_none_waiting_gets_in(reader: HistoryReader) -> None:
    """All places are taken: who has most gives his newest one, and is told so."""
    query = ReadJournalRequest(ObjectName("LLN0$AvgLog", "HIST"), EntryTime(0, 0))
    inner = encode_payload(Payload(ConfirmedRequest(1, query)))

    def ask(id_: str, provider: str) -> None:
        to = f"hp0001@history.{HUB}/IEC"
        reader.serving.take(Stanza.of(element(stanza("iq", "get", id_, f"{provider}@{HUB}/x", to, inner))))

    many = WAITING // WAITING_OF_ONE
    for number in range(WAITING):
        ask(f"a{number}", f"p{number % many}")
    assert (len(reader.serving), reader.answered) == (WAITING, [])
    for number in range(2):
        ask(f"h{number}", "heat")
    told = [element(one) for one in reader.answered]
    assert [one.get("id") for one in told] == [f"a{WAITING - many}", "h1"]
    assert all("resource-constraint" in one for one in reader.answered)
    assert len(reader.serving) == WAITING
    assert reader.serving.counts.requests == {"too many": 2}


def test_where_each_has_one_waiting_nobody_makes_room() -> None:
    turns = Turns()
    request = Stanza.of(element(stanza("iq", "get", "x", f"a@{HUB}/x", f"hp0001@history.{HUB}/IEC", "")))
    for number in range(WAITING):
        assert turns.put(Asked(request, f"p{number}", "hp0001", NOW)) is None
    late = Asked(request, "late", "hp0001", NOW)
    assert turns.put(late) is late


async def test_what_waited_until_its_asker_gave_up_is_not_looked_up(reader: HistoryReader) -> None:
    asking = asyncio.create_task(entries(reader))
    await asyncio.sleep(0)
    reader.now += ANSWER_WITHIN + 1
    with pytest.raises(NoAnswer, match="too much to do"):
        await asking
    assert reader.serving.counts.requests == {"too late": 1}


async def test_a_database_that_fails_is_told_and_the_next_is_served(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reader.fill(1, sample(1))
    with monkeypatch.context() as broken:
        broken.setattr(HistoryStore, "between", _away)
        with pytest.raises(NoAnswer, match="too much to do"):
            await entries(reader)
    assert await numbers(reader) == [1]


async def _away(*_: object) -> list[Any]:
    raise OSError("away")


async def test_rows_that_were_sent_are_entered_in_the_accounts(reader: HistoryReader) -> None:
    await reader.fill(1, *map(sample, range(1, 8)))
    await entries(reader)
    await entries(reader, start=at(6))
    await entries(reader, "hp0002")
    accounts = Accounts(reader.registry, reader.serving.used)
    await accounts.close()
    (row,) = await reader.registry.read(usage_of, month_of(datetime.now(UTC).timestamp()))
    assert (row.provider, row.heat_pump, row.history_rows, row.reads) == ("agg", "hp0001", 9, 0)
    assert reader.serving.counts.rows == 9


async def test_the_association_of_a_request_comes_back_with_its_answer(reader: HistoryReader) -> None:
    """It is one with the box; nothing that is served here needs one."""
    query = ReadJournalRequest(ObjectName("LLN0$AvgLog", "HIST"), EntryTime(0, 0))
    told = await reader.request(f"hp0001@{HUB}/IEC", Payload(ConfirmedRequest(1, query), "12:345"))
    assert told.association == "12:345"

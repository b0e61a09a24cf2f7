"""Logs as a client uses them: against a scripted device, and against our own server's logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iec61850_model.blocks import DataSetConfig, LogConfig
from iec61850_model.client import BadAnswer, NoSuchObject, ServiceErrorReceived, UnusableValue
from iec61850_model.client import logs as client_logs
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.logs import LcbValues, LogEntry, LoggedMember, Logs, LogStatus
from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    JournalEntry,
    MmsError,
    ObjectName,
    Payload,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadRequest,
    ReadResponse,
    RequestService,
    ResponseService,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.server import logs as server
from iec61850_model.server.control import Client
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Moment
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.tree import Branch, Leaf, LogicalDevice, LogicalNode, Tree
from iec61850_model.types import BASIC_TYPES
from iec61850_model.values import GOOD, EntryTime, FunctionalConstraint, ServiceError, Timestamp, Trigger

FC = FunctionalConstraint
_T = TypeVar("_T")
PEER = "hp0001@hub.example.org/IEC"
LCB, LOG = Reference.parse("LD0/LLN0.lcbEvents"), Reference.parse("LD0/LLN0.GeneralLog")
JOURNAL = ObjectName("LLN0$GeneralLog", "LD0")
RELAY = Reference("HP", "GGIO1", ("Rly",), FC.ST)
NOON = 1_800_000_000.0


def at(seconds: float) -> EntryTime:
    return EntryTime.from_unix(NOON + seconds)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def taken(entries: AsyncIterator[_T], count: int = 1_000_000) -> list[_T]:
    """The first ``count`` of what a query gives."""

    async def take() -> list[_T]:
        found: list[_T] = []
        async for entry in entries:
            found.append(entry)
            if len(found) == count:
                break
        return found

    return run(take())


def on_the_wire(payload: Payload) -> Payload:
    return decode_payload(parse(encode_payload(payload)), strict=True)


class Device:
    """Answers each request with the next answer of its script, everything as real XML on the way."""

    def __init__(self, *script: ResponseService | MmsError) -> None:
        self.script = list(script)
        self.asked: list[RequestService] = []
        self.logs = Logs(Exchange(self))

    async def request(self, peer: str, payload: Payload) -> Payload:
        assert peer == PEER
        pdu = on_the_wire(payload).pdu
        assert isinstance(pdu, ConfirmedRequest)
        self.asked.append(pdu.service)
        answer = self.answer(pdu.service)
        if isinstance(answer, MmsError):
            return on_the_wire(Payload(ConfirmedError(pdu.invoke_id, answer)))
        return on_the_wire(Payload(ConfirmedResponse(pdu.invoke_id, answer)))

    def answer(self, service: RequestService) -> ResponseService | MmsError:
        return self.script.pop(0)


def text(value: str) -> Data:
    return Data("visible-string", value)


def entry_id(number: int) -> bytes:
    return number.to_bytes(8)


def entry(number: int, *variables: tuple[str, Data]) -> JournalEntry:
    return JournalEntry(
        entry_id(number), at(number), variables or (("HP/GGIO1$ST$Rly", Data("integer", number)),)
    )


def page(*numbers: int, more: bool = False) -> ReadJournalResponse:
    return ReadJournalResponse(tuple(entry(number) for number in numbers), more)


BLOCK = {
    "LogEna": Data("boolean", True),
    "LogRef": text("LD0/LLN0$GeneralLog"),
    "DatSet": text("LD0/LLN0$dsEvents"),
    "OldEntrTm": Data("binary-time", at(1)),
    "NewEntrTm": Data("binary-time", at(2)),
    "OldEntr": Data("octet-string", entry_id(1)),
    "NewEntr": Data("octet-string", entry_id(2)),
    "TrgOps": Data("bit-string", "011010"),
    "IntgPd": Data("unsigned", 900_000),
}
STATUS = ("OldEntrTm", "NewEntrTm", "OldEntr", "NewEntr")


def names(*attributes: str) -> VariableList:
    return VariableList(tuple(ObjectName(f"LLN0$LG$lcbEvents${one}", "LD0") for one in attributes))


# --- control blocks ---------------------------------------------------------------------------------


def test_the_values_of_a_block_are_read_by_name_in_one_request() -> None:
    device = Device(ReadResponse(tuple(BLOCK.values())))
    assert run(device.logs.lcb_values(PEER, LCB)) == LcbValues(
        LCB.with_fc(FC.LG),
        True,
        "LD0/LLN0$GeneralLog",
        "LD0/LLN0$dsEvents",
        LogStatus(at(1), at(2), entry_id(1), entry_id(2)),
        Trigger.DCHG | Trigger.QCHG | Trigger.INTEGRITY,
        900_000,
    )
    assert device.asked == [ReadRequest(names(*BLOCK))]


def test_the_status_of_a_log() -> None:
    device = Device(ReadResponse(tuple(BLOCK[name] for name in STATUS)))
    status = run(device.logs.status(PEER, LCB))
    assert status == LogStatus(at(1), at(2), entry_id(1), entry_id(2)) and not status.empty
    assert device.asked == [ReadRequest(names(*STATUS))]
    assert LogStatus(EntryTime(0, 0), EntryTime(0, 0), bytes(8), bytes(8)).empty


def test_a_block_that_is_not_there() -> None:
    device = Device(ReadResponse((DataAccessError.OBJECT_NON_EXISTENT,) * 9))
    with pytest.raises(NoSuchObject, match=r"LD0/LLN0\.lcbEvents\.LogEna"):
        run(device.logs.lcb_values(PEER, LCB))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("LogEna", Data("integer", 1)),
        ("IntgPd", Data("boolean", True)),
        ("LogRef", Data("octet-string", b"x")),
        ("TrgOps", Data("bit-string", "01")),
        ("OldEntr", Data("octet-string", b"short")),
        ("NewEntrTm", Data("utc-time", Timestamp(0, 0, 0))),
    ],
)
def test_an_attribute_of_another_kind_is_a_bad_answer(attribute: str, value: Data) -> None:
    device = Device(ReadResponse(tuple({**BLOCK, attribute: value}.values())))
    with pytest.raises(BadAnswer, match=r"LD0/LLN0\.lcbEvents"):
        run(device.logs.lcb_values(PEER, LCB))


def test_values_too_few_are_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="9 were asked"):
        run(Device(ReadResponse((Data("boolean", True),))).logs.lcb_values(PEER, LCB))
    with pytest.raises(BadAnswer, match="1 were asked"):
        run(Device(WriteResponse((None, None))).logs.set_lcb_values(PEER, LCB, intg_pd=0))


def test_a_block_is_set_up_first_and_enabled_when_that_is_done() -> None:
    device = Device(WriteResponse((None,) * 4), WriteResponse((None,)))
    settings = client_logs.LcbSettings(
        log_ena=True,
        intg_pd=60_000,
        trg_ops=Trigger.DCHG,
        dat_set="LD0/LLN0$dsEvents",
        log_ref="LD0/LLN0$GeneralLog",
    )
    run(device.logs.set_lcb_values(PEER, LCB, **settings))
    assert device.asked == [
        WriteRequest(
            names("LogRef", "DatSet", "TrgOps", "IntgPd"),
            (
                text("LD0/LLN0$GeneralLog"),
                text("LD0/LLN0$dsEvents"),
                Data("bit-string", "010000"),
                Data("unsigned", 60_000),
            ),
        ),
        WriteRequest(names("LogEna"), (Data("boolean", True),)),
    ]


def test_a_block_that_could_not_be_set_up_is_not_enabled() -> None:
    device = Device(WriteResponse((None, DataAccessError.OBJECT_VALUE_INVALID)))
    with pytest.raises(ServiceErrorReceived, match=r"lcbEvents\.IntgPd") as refused:
        run(device.logs.set_lcb_values(PEER, LCB, dat_set="", intg_pd=1, log_ena=True))
    assert refused.value.service_error is ServiceError.PARAMETER_VALUE_INAPPROPRIATE
    assert len(device.asked) == 1


def test_a_block_is_disabled_before_it_is_set_up() -> None:
    device = Device(WriteResponse((None, None)))
    run(device.logs.set_lcb_values(PEER, LCB, dat_set="", log_ena=False))
    assert device.asked == [WriteRequest(names("LogEna", "DatSet"), (Data("boolean", False), text("")))]


@pytest.mark.parametrize(
    "settings", [{"intg_pd": -1}, {"intg_pd": 1 << 32}, {"dat_set": "x" * 130}, {"log_ref": "LD0/Lüftung$L"}]
)
def test_what_cannot_be_sent_is_not_sent(settings: Any) -> None:
    device = Device()
    with pytest.raises(UnusableValue):
        run(device.logs.set_lcb_values(PEER, LCB, log_ena=False, **settings))
    assert device.asked == []


# --- queries ----------------------------------------------------------------------------------------


def test_an_entry_has_references_values_and_reasons() -> None:
    value = Data("structure", (Data("boolean", True), Data("bit-string", GOOD.bits)))
    answer = entry(
        1,
        ("HP/GGIO1$ST$Rly", value),
        ("ReasonCode", Data("bit-string", "0100000")),
        ("HP/GGIO1$ST$Alm$stVal", Data("boolean", False)),
        ("MET/MMXU1$MX$TotW", Data("integer", 3)),
        ("ReasonCode", Data("bit-string", "0000100")),
    )
    device = Device(ReadJournalResponse((answer,)))
    assert taken(device.logs.query_by_time(PEER, LOG, at(0), at(9))) == [
        LogEntry(
            entry_id(1),
            at(1),
            (
                LoggedMember(RELAY, value, Trigger.DCHG),
                LoggedMember(Reference("HP", "GGIO1", ("Alm", "stVal"), FC.ST), Data("boolean", False), None),
                LoggedMember(
                    Reference("MET", "MMXU1", ("TotW",), FC.MX), Data("integer", 3), Trigger.INTEGRITY
                ),
            ),
        )
    ]
    assert device.asked == [ReadJournalRequest(JOURNAL, at(0), at(9))]


def test_further_pages_are_asked_for_after_the_last_entry_within_the_range() -> None:
    device = Device(page(1, 2, more=True), page(3, more=True), page())
    entries = taken(device.logs.query_by_time(PEER, LOG, at(0), at(9)))
    assert [one.entry_id for one in entries] == [entry_id(1), entry_id(2), entry_id(3)]
    assert [one.members for one in entries] == [
        (LoggedMember(RELAY, Data("integer", number), None),) for number in (1, 2, 3)
    ]
    assert device.asked == [
        ReadJournalRequest(JOURNAL, at(0), at(9)),
        ReadJournalRequest(JOURNAL, at(0), at(9), (at(2), entry_id(2))),
        ReadJournalRequest(JOURNAL, at(0), at(9), (at(3), entry_id(3))),
    ]


def test_query_after_has_no_range_and_goes_on_page_by_page() -> None:
    device = Device(page(8, more=True), page(9))
    entries = taken(device.logs.query_after(PEER, LOG, at(7), entry_id(7)))
    assert [one.time for one in entries] == [at(8), at(9)]
    assert device.asked == [
        ReadJournalRequest(JOURNAL, after=(at(7), entry_id(7))),
        ReadJournalRequest(JOURNAL, after=(at(8), entry_id(8))),
    ]


def test_pages_nobody_takes_are_not_asked_for() -> None:
    device = Device(page(1, 2, more=True))
    assert len(taken(device.logs.query_by_time(PEER, LOG, at(0), at(9)), count=2)) == 2
    assert len(device.asked) == 1


def test_an_unknown_log() -> None:
    with pytest.raises(NoSuchObject, match=r"LD0/LLN0\$GeneralLog"):
        taken(Device(OBJECT_NON_EXISTENT).logs.query_by_time(PEER, LOG, at(0), at(9)))


def test_a_reversed_range_or_no_entry_id_is_not_sent() -> None:
    device = Device()
    with pytest.raises(UnusableValue, match="earlier time first"):
        taken(device.logs.query_by_time(PEER, LOG, at(1), at(0)))
    with pytest.raises(UnusableValue, match="8 octets"):
        taken(device.logs.query_after(PEER, LOG, at(1), b"x"))
    assert device.asked == []


def test_times_are_compared_across_midnight() -> None:
    device = Device(page())
    assert taken(device.logs.query_by_time(PEER, LOG, EntryTime(80_000_000, 1), EntryTime(0, 2))) == []


@pytest.mark.parametrize(
    "script",
    [
        [page(more=True)],
        [page(1, 2, more=True), page(2, more=True)],
        [page(1, more=True), page(2, more=True), page(1, more=True)],
    ],
)
def test_a_device_that_promises_more_and_gives_none_or_the_same_is_left(
    script: list[ResponseService | MmsError],
) -> None:
    with pytest.raises(BadAnswer, match="gives none"):
        taken(Device(*script).logs.query_by_time(PEER, LOG, at(0), at(9)))


def test_pages_without_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_logs, "MAX_PAGES", 3)
    script = [page(number, more=True) for number in range(1, 9)]
    device = Device(*script)
    with pytest.raises(BadAnswer, match="more than 3 pages"):
        taken(device.logs.query_by_time(PEER, LOG, at(0), at(9)))
    assert len(device.asked) == 3


REASON = ("ReasonCode", Data("bit-string", "0100000"))
VALUE = ("HP/GGIO1$ST$Rly", Data("boolean", True))


@pytest.mark.parametrize(
    "variables",
    [
        (REASON, VALUE),
        (VALUE, REASON, REASON),
        (VALUE, ("ReasonCode", Data("bit-string", "01"))),
        (VALUE, ("ReasonCode", Data("integer", 1))),
        (("HP/GGIO1$XX$Rly", Data("boolean", True)),),
        (("nonsense$", Data("boolean", True)),),
    ],
)
def test_an_entry_that_cannot_be_read_is_a_bad_answer(variables: tuple[tuple[str, Data], ...]) -> None:
    device = Device(ReadJournalResponse((entry(1, *variables),)))
    with pytest.raises(BadAnswer, match=r"entry 0000000000000001 of LD0/LLN0\$GeneralLog"):
        taken(device.logs.query_by_time(PEER, LOG, at(0), at(9)))


# --- against our own server's logs ------------------------------------------------------------------


class OwnServer(Device):
    """Our server's logs behind a transport: a relay, a data set, one log control block."""

    def __init__(self, size: int = 65_536) -> None:
        super().__init__()
        relay = Branch(
            {
                "stVal": Leaf(BASIC_TYPES["INT32"], 0, triggers=Trigger.DCHG),
                "q": Leaf(BASIC_TYPES["Quality"], GOOD, triggers=Trigger.QCHG),
                "t": Leaf(BASIC_TYPES["Timestamp"], Timestamp(0, 0, 0)),
            }
        )
        ggio = LogicalNode("GGIO", {FC.ST: Branch({"Rly": relay})}, {("Rly",): "INS"})
        self.tree = Tree(
            [
                LogicalDevice("LD0", {"LLN0": LogicalNode("LLN0")}),
                LogicalDevice("HP", {"GGIO1": ggio}),
            ]
        )
        data_sets = DataSets(self.tree, [DataSetConfig("LD0", "LLN0", "dsEvents", (RELAY,))])
        self.served = server.Logs(
            self.tree,
            data_sets,
            [LogConfig("LD0", "LLN0", "lcbEvents", "GeneralLog")],
            lambda _: MemoryBuffer(),
        )
        self.size = size

    def answer(self, service: RequestService) -> ResponseService | MmsError:
        match service:
            case ReadJournalRequest():
                return self.served.query(service, self.size)
            case ReadRequest(VariableList(variables)):
                return ReadResponse(tuple(self._data(_reference(name)) for name in variables))
            case WriteRequest(VariableList(variables), data):
                return WriteResponse(
                    tuple(
                        self.served.write(Client(PEER, None), _reference(name), one, Moment(NOON))
                        for name, one in zip(variables, data, strict=True)
                    )
                )
        raise AssertionError(service)

    def _data(self, reference: Reference) -> Data:
        found = self.tree.find(reference)
        assert found is not None
        return found.data()

    def happens(self, seconds: int, value: int) -> None:
        self.tree.update(RELAY, value, GOOD, Timestamp.from_unix(NOON + seconds))
        self.served.tick(Moment(NOON + seconds))


def test_set_up_enable_log_and_read_back() -> None:
    box = OwnServer()
    run(
        box.logs.set_lcb_values(
            PEER, LCB, dat_set="LD0/LLN0$dsEvents", trg_ops=Trigger.DCHG, intg_pd=0, log_ena=True
        )
    )
    box.happens(5, 42)
    (found,) = taken(box.logs.query_by_time(PEER, LOG, at(0), at(9)))
    (member,) = found.members
    assert (found.time, member.reference, member.reason) == (at(5), RELAY, Trigger.DCHG)
    assert isinstance(member.value.value, tuple) and member.value.value[0] == Data("integer", 42)
    values = run(box.logs.lcb_values(PEER, LCB))
    assert values.log_ena and values.dat_set == "LD0/LLN0$dsEvents"
    assert values.status == LogStatus(at(5), at(5), found.entry_id, found.entry_id)
    with pytest.raises(ServiceErrorReceived) as locked:
        run(box.logs.set_lcb_values(PEER, LCB, intg_pd=60_000))
    assert locked.value.service_error is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE


@given(count=st.integers(0, 60), size=st.integers(1_700, 20_000), first=st.integers(0, 60))
def test_every_entry_is_read_once_and_in_order_whatever_the_page(count: int, size: int, first: int) -> None:
    box = OwnServer(size)
    run(box.logs.set_lcb_values(PEER, LCB, dat_set="LD0/LLN0$dsEvents", log_ena=True, trg_ops=Trigger.DCHG))
    for number in range(1, count + 1):
        box.happens(number // 3, number)
    entries = taken(box.logs.query_by_time(PEER, LOG, at(0), at(count)))
    assert [_number(one) for one in entries] == list(range(1, count + 1))
    if first < count:
        start = entries[first]
        rest = taken(box.logs.query_after(PEER, LOG, start.time, start.entry_id))
        assert rest == entries[first + 1 :]


def _reference(name: ObjectName) -> Reference:
    return Reference.from_mms(name.domain or "", name.item)


def _number(one: LogEntry) -> object:
    (member,) = one.members
    assert isinstance(member.value.value, tuple) and isinstance(member.value.value[0], Data)
    return member.value.value[0].value

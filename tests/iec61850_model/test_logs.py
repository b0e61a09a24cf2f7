"""Logs as dialogues: what happens in the model and what clients ask, and what the log says then."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iec61850_model.blocks import DataSetConfig, LogConfig
from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    PDU_SIZE,
    ConfirmedResponse,
    Data,
    DataAccessError,
    JournalEntry,
    MmsError,
    ObjectName,
    ReadJournalRequest,
    ReadJournalResponse,
)
from iec61850_model.mms.xer import encode
from iec61850_model.mms.xer.payload import MAX_INVOKE_ID
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Entry, EntryBuffer, Member
from iec61850_model.server.control import Client
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Moment
from iec61850_model.server.logs import Logs
from iec61850_model.server.logs.journal import BAD_RANGE, MAX_PAGE
from iec61850_model.server.logs.service import MAX_OBSERVED
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.tree import Branch, Leaf, LogicalDevice, LogicalNode, Tree, Update
from iec61850_model.types import BASIC_TYPES
from iec61850_model.values import (
    GOOD,
    EntryTime,
    FunctionalConstraint,
    Quality,
    Timestamp,
    Trigger,
)

FC = FunctionalConstraint
DCHG, QCHG, DUPD, INTEGRITY = Trigger.DCHG, Trigger.QCHG, Trigger.DUPD, Trigger.INTEGRITY
SP, OTHER = Client("agg7@hub.example.org/desk1", "1:1"), Client("agg8@hub.example.org/desk1", None)
NOON = 1_800_000_000.0
BIG = 65_536
DENIED, LOCKED = DataAccessError.OBJECT_ACCESS_DENIED, DataAccessError.TEMPORARILY_UNAVAILABLE
INCONSISTENT, INVALID = (
    DataAccessError.OBJECT_ATTRIBUTE_INCONSISTENT,
    DataAccessError.OBJECT_VALUE_INVALID,
)

RELAY, ALARM, ENERGY = (Reference("HP", "GGIO1", (name,), FC.ST) for name in ("Rly", "Alm", "Wh"))
EVENTS = DataSetConfig("LD0", "LLN0", "dsEvents", (RELAY, ALARM.child("stVal"), ENERGY))
RELAY_ONLY = DataSetConfig("LD0", "LLN0", "dsRelay", (RELAY,))
LCB = LogConfig("LD0", "LLN0", "lcb1", "GeneralLog", EVENTS.item, trg_ops=DCHG | QCHG)


def data_object(kind: str, rest: bool | int, triggers: Trigger) -> Branch:
    return Branch(
        {
            "stVal": Leaf(BASIC_TYPES[kind], rest, triggers=triggers),
            "q": Leaf(BASIC_TYPES["Quality"], GOOD, triggers=QCHG),
            "t": Leaf(BASIC_TYPES["Timestamp"], Timestamp(0, 0, 0)),
        }
    )


def model() -> Tree:
    """A relay and an alarm (dchg), and a meter written anew every period (dupd)."""
    points = {
        "Rly": data_object("BOOLEAN", False, DCHG),
        "Alm": data_object("BOOLEAN", False, DCHG),
        "Wh": data_object("INT32", 0, DCHG | DUPD),
    }
    ggio = LogicalNode(
        "GGIO", {FC.ST: Branch({**points})}, {("Rly",): "SPS", ("Alm",): "SPS", ("Wh",): "INS"}
    )
    return Tree(
        [
            LogicalDevice("LD0", {"LLN0": LogicalNode("LLN0")}),
            LogicalDevice("HP", {"GGIO1": ggio}),
        ]
    )


class Box:
    """A server's logs, a clock that stands still until ``wait``, and buffers that outlive a restart."""

    def __init__(
        self,
        *lcbs: LogConfig,
        data_sets: Sequence[DataSetConfig] = (EVENTS, RELAY_ONLY),
        buffers: dict[str, EntryBuffer] | None = None,
    ) -> None:
        self.tree = model()
        self.data_sets = DataSets(self.tree, data_sets)
        self.buffers: dict[str, EntryBuffer] = {} if buffers is None else buffers
        self.now = NOON
        self.logs = Logs(
            self.tree,
            self.data_sets,
            lcbs or (LCB,),
            lambda name: self.buffers.setdefault(name, MemoryBuffer()),
        )

    def wait(self, seconds: float = 0.0) -> None:
        """Time goes by; the server does what is due."""
        self.now += seconds
        assert self.logs.tick(Moment(self.now)) == []

    def set(self, reference: Reference, value: object, quality: Quality = GOOD) -> None:
        self.tree.update(reference, value, quality, Timestamp.from_unix(self.now))

    def happens(self, reference: Reference, value: object, quality: Quality = GOOD) -> None:
        """A change, and what the server makes of it at once."""
        self.set(reference, value, quality)
        self.wait()

    def write(
        self, attribute: str, data: Data, client: Client = SP, lcb: str = "lcb1"
    ) -> DataAccessError | None:
        return self.logs.write(
            client, Reference("LD0", "LLN0", (lcb, attribute), FC.LG), data, Moment(self.now)
        )

    def enable(self, on: bool = True, lcb: str = "lcb1") -> DataAccessError | None:
        return self.write("LogEna", Data("boolean", on), lcb=lcb)

    def value(self, attribute: str, lcb: str = "lcb1") -> object:
        """An attribute of the block as a client reads it in the tree."""
        leaf = self.tree.find(Reference("LD0", "LLN0", (lcb, attribute), FC.LG))
        assert isinstance(leaf, Leaf)
        return leaf.data().value

    def ask(
        self,
        start: float | None = None,
        stop: float | None = None,
        after: tuple[float, bytes] | None = None,
        *,
        log: str = "LLN0$GeneralLog",
        size: int = BIG,
    ) -> ReadJournalResponse | MmsError:
        request = ReadJournalRequest(
            ObjectName(log, "LD0"),
            None if start is None else EntryTime.from_unix(start),
            None if stop is None else EntryTime.from_unix(stop),
            None if after is None else (EntryTime.from_unix(after[0]), after[1]),
        )
        return self.logs.query(request, size)

    def entries(self) -> tuple[JournalEntry, ...]:
        """Everything in the log, on one page."""
        page = self.ask(start=EntryTime(0, 0).unix)
        assert isinstance(page, ReadJournalResponse) and not page.more_follows
        return page.entries

    def said(self) -> list[list[tuple[str, object]]]:
        """The variables of every entry, structures cut to their first part."""
        return [[(tag, _first(data)) for tag, data in entry.variables] for entry in self.entries()]


def _first(data: Data) -> object:
    return data.value[0].value if isinstance(data.value, tuple) and data.tag == "structure" else data.value


def reason(trigger: Trigger) -> tuple[str, str]:
    return ("ReasonCode", trigger.reason_code)


def text(value: str) -> Data:
    return Data("visible-string", value)


# --- what makes an entry ----------------------------------------------------------------------------


def test_a_change_makes_an_entry_of_reference_value_and_reason() -> None:
    box = Box()
    box.enable()
    box.wait(5)
    box.happens(RELAY, True)
    (entry,) = box.entries()
    assert entry.time == EntryTime.from_unix(NOON + 5)
    assert len(entry.entry_id) == 8 and any(entry.entry_id)
    assert entry.variables == (
        (
            "HP/GGIO1$ST$Rly",
            Data(
                "structure",
                (
                    Data("boolean", True),
                    Data("bit-string", GOOD.bits),
                    Data("utc-time", Timestamp.from_unix(NOON + 5)),
                ),
            ),
        ),
        ("ReasonCode", Data("bit-string", "0100000")),
    )


def test_a_disabled_block_logs_nothing() -> None:
    box = Box()
    box.happens(RELAY, True)
    box.enable()
    box.happens(RELAY, False)
    box.enable(False)
    box.happens(RELAY, True)
    assert box.said() == [[("HP/GGIO1$ST$Rly", False), reason(DCHG)]]


def test_what_was_observed_before_the_block_was_disabled_is_kept() -> None:
    box = Box()
    box.enable()
    box.set(RELAY, True)
    box.enable(False)
    box.wait()
    assert box.said() == [[("HP/GGIO1$ST$Rly", True), reason(DCHG)]]


def test_changes_of_one_moment_are_one_entry_in_the_order_of_the_data_set() -> None:
    box = Box()
    box.enable()
    at = Timestamp.from_unix(NOON)
    box.tree.update_all([Update(ALARM, True, GOOD, at), Update(RELAY, True, GOOD, at)])
    box.wait()
    assert box.said() == [
        [("HP/GGIO1$ST$Rly", True), reason(DCHG), ("HP/GGIO1$ST$Alm$stVal", True), reason(DCHG)]
    ]


def test_two_moments_before_a_tick_are_two_entries_with_their_own_values() -> None:
    box = Box()
    box.enable()
    box.set(RELAY, True)
    box.set(RELAY, False)
    box.wait()
    assert [entry[0][1] for entry in box.said()] == [True, False]


def test_value_and_quality_changed_at_once_are_one_member_with_both_reasons() -> None:
    box = Box()
    box.enable()
    box.happens(RELAY, True, Quality.QUESTIONABLE)
    assert box.said() == [[("HP/GGIO1$ST$Rly", True), reason(DCHG | QCHG)]]


def test_a_member_that_is_one_attribute_does_not_answer_for_its_neighbours() -> None:
    box = Box()
    box.enable()
    box.happens(ALARM, False, Quality.INVALID)
    assert box.said() == []


@pytest.mark.parametrize(
    ("wanted", "logged"),
    [
        (DCHG, [reason(DCHG)]),
        (QCHG, [reason(QCHG)]),
        (DUPD, [reason(DUPD), reason(DUPD)]),
        (DCHG | QCHG | DUPD, [reason(DCHG | DUPD), reason(DUPD | QCHG)]),
        (INTEGRITY, []),
    ],
)
def test_only_the_triggers_of_trg_ops_make_entries(wanted: Trigger, logged: list[tuple[str, str]]) -> None:
    box = Box()
    box.write("TrgOps", Data("bit-string", wanted.trg_ops))
    box.enable()
    box.happens(ENERGY, 7)
    box.happens(ENERGY, 7, Quality.QUESTIONABLE)
    assert [variables[1] for variables in box.said()] == logged


def test_a_block_without_reason_code_gives_references_and_values_only() -> None:
    box = Box(LogConfig("LD0", "LLN0", "lcb1", "GeneralLog", EVENTS.item, True, False, DCHG))
    box.happens(RELAY, True)
    assert box.said() == [[("HP/GGIO1$ST$Rly", True)]]


def test_two_blocks_write_into_one_log_each_with_its_own_data_set() -> None:
    second = LogConfig("LD0", "LLN0", "lcb2", "GeneralLog", RELAY_ONLY.item, True, False, DCHG)
    box = Box(LCB, second)
    box.enable()
    box.happens(RELAY, True)
    box.happens(ALARM, True)
    assert box.said() == [
        [("HP/GGIO1$ST$Rly", True), reason(DCHG)],
        [("HP/GGIO1$ST$Rly", True)],
        [("HP/GGIO1$ST$Alm$stVal", True), reason(DCHG)],
    ]
    assert box.value("NewEntr", "lcb1") == box.value("NewEntr", "lcb2") == box.entries()[-1].entry_id


# --- integrity --------------------------------------------------------------------------------------


def with_integrity(milliseconds: int) -> Box:
    box = Box()
    box.write("TrgOps", Data("bit-string", INTEGRITY.trg_ops))
    assert box.write("IntgPd", Data("unsigned", milliseconds)) is None
    box.enable()
    return box


def test_each_integrity_period_makes_an_entry_of_all_members() -> None:
    box = with_integrity(60_000)
    assert box.logs.next_tick() == NOON + 60
    box.wait(59.9)
    assert box.said() == []
    box.wait(0.1)
    (entry,) = box.said()
    assert [tag for tag, _ in entry[::2]] == ["HP/GGIO1$ST$Rly", "HP/GGIO1$ST$Alm$stVal", "HP/GGIO1$ST$Wh"]
    assert entry[1::2] == [reason(INTEGRITY)] * 3
    assert box.logs.next_tick() == NOON + 120
    box.wait(60)
    assert len(box.entries()) == 2


def test_periods_slept_through_are_one_entry_and_the_next_comes_a_period_later() -> None:
    box = with_integrity(60_000)
    box.wait(1_000)
    assert len(box.entries()) == 1
    assert box.logs.next_tick() == NOON + 1_060


def test_a_clock_set_back_does_not_silence_integrity() -> None:
    box = with_integrity(60_000)
    box.wait(-86_400)
    assert box.entries() == ()
    box.wait(60)
    assert len(box.entries()) == 1


def test_no_integrity_without_its_trigger_its_period_or_when_disabled() -> None:
    box = with_integrity(0)
    assert box.logs.next_tick() is None
    box = with_integrity(60_000)
    box.enable(False)
    assert box.logs.next_tick() is None
    box.write("TrgOps", Data("bit-string", DCHG.trg_ops))
    box.enable()
    box.wait(600)
    assert box.logs.next_tick() is None and box.said() == []


def test_a_block_enabled_by_configuration_starts_its_period_at_the_first_tick() -> None:
    box = Box(LogConfig("LD0", "LLN0", "lcb1", "GeneralLog", EVENTS.item, True, True, INTEGRITY, 60_000))
    assert box.logs.next_tick() == 0.0
    box.wait()
    assert box.logs.next_tick() == NOON + 60


def test_something_observed_wants_a_tick_at_once() -> None:
    box = Box()
    box.enable()
    assert box.logs.next_tick() is None
    box.set(RELAY, True)
    assert box.logs.next_tick() == 0.0
    box.wait()
    assert box.logs.next_tick() is None


# --- the block as clients see and set it ------------------------------------------------------------


def test_the_block_stands_in_the_tree_with_its_attributes_in_order() -> None:
    box = Box()
    block = box.tree.find(Reference("LD0", "LLN0", ("lcb1",), FC.LG))
    assert isinstance(block, Branch)
    assert [(name, leaf.data()) for name, leaf in block.children.items() if isinstance(leaf, Leaf)] == [
        ("LogEna", Data("boolean", False)),
        ("LogRef", text("LD0/LLN0$GeneralLog")),
        ("DatSet", text("LD0/LLN0$dsEvents")),
        ("OldEntrTm", Data("binary-time", EntryTime(0, 0))),
        ("NewEntrTm", Data("binary-time", EntryTime(0, 0))),
        ("OldEntr", Data("octet-string", bytes(8))),
        ("NewEntr", Data("octet-string", bytes(8))),
        ("TrgOps", Data("bit-string", "011000")),
        ("IntgPd", Data("unsigned", 0)),
    ]
    assert "LLN0$LG$lcb1$LogEna" in box.tree.devices["LD0"].variable_names()


@pytest.mark.parametrize(
    ("attribute", "data"),
    [
        ("LogRef", text("LD0/LLN0$GeneralLog")),
        ("DatSet", text("LD0/LLN0$dsRelay")),
        ("TrgOps", Data("bit-string", "011100")),
        ("IntgPd", Data("unsigned", 900_000)),
    ],
)
def test_log_ena_locks_the_other_attributes(attribute: str, data: Data) -> None:
    box = Box()
    box.enable()
    before = box.value(attribute)
    assert box.write(attribute, data) is LOCKED
    assert box.value(attribute) == before
    box.enable(False)
    assert box.write(attribute, data) is None
    assert box.value(attribute) == data.value


def test_any_client_may_write_and_none_becomes_owner() -> None:
    box = Box()
    assert box.write("LogEna", Data("boolean", True), SP) is None
    assert box.write("LogEna", Data("boolean", False), OTHER) is None
    assert box.value("LogEna") is False


def test_a_block_without_data_set_cannot_be_enabled() -> None:
    box = Box()
    assert box.write("DatSet", text("")) is None
    assert box.enable() is INCONSISTENT
    assert box.value("LogEna") is False
    box.write("DatSet", text("LD0/LLN0$dsEvents"))
    assert box.enable() is None


def test_another_data_set_counts_from_the_next_enable() -> None:
    box = Box()
    box.enable()
    box.happens(ALARM, True)
    box.enable(False)
    assert box.write("DatSet", text("LD0/LLN0$dsRelay")) is None
    box.enable()
    box.happens(ALARM, False)
    box.happens(RELAY, True)
    assert [variables[0] for variables in box.said()] == [
        ("HP/GGIO1$ST$Alm$stVal", True),
        ("HP/GGIO1$ST$Rly", True),
    ]


@pytest.mark.parametrize(
    ("attribute", "data", "error"),
    [
        ("DatSet", text("LD0/LLN0$dsNone"), INVALID),
        ("DatSet", text("LLN0$dsEvents"), INVALID),
        ("DatSet", text("@mine"), DENIED),
        ("LogRef", text("LD0/LLN0$NoLog"), INVALID),
        ("LogRef", text(""), INVALID),
        ("TrgOps", Data("bit-string", "0110"), INVALID),
        ("TrgOps", text("011000"), DataAccessError.TYPE_INCONSISTENT),
        ("IntgPd", Data("unsigned", 999), INVALID),
        ("IntgPd", Data("unsigned", 1 << 32), INVALID),
        ("LogEna", Data("unsigned", 1), DataAccessError.TYPE_INCONSISTENT),
        ("OldEntr", Data("octet-string", bytes(8)), DENIED),
        ("NewEntrTm", Data("binary-time", EntryTime(0, 0)), DENIED),
        ("Owner", text("me"), DataAccessError.OBJECT_NON_EXISTENT),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(
    attribute: str, data: Data, error: DataAccessError
) -> None:
    box = Box()
    block = box.tree.find(Reference("LD0", "LLN0", ("lcb1",), FC.LG))
    assert block is not None
    before = block.data()
    assert box.write(attribute, data) is error
    assert block.data() == before


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        (Reference("LD0", "LLN0", ("lcb1",), FC.LG), DENIED),
        (Reference("LD0", "LLN0", (), FC.LG), DENIED),
        (Reference("LD0", "LLN0", ("lcb9", "LogEna"), FC.LG), DataAccessError.OBJECT_NON_EXISTENT),
        (Reference("LD0", "LLN0", ("lcb1", "LogEna", "x"), FC.LG), DataAccessError.OBJECT_NON_EXISTENT),
        (Reference("HP", "GGIO1", (), FC.LG), DataAccessError.OBJECT_NON_EXISTENT),
    ],
)
def test_only_single_attributes_of_a_block_are_written(reference: Reference, error: DataAccessError) -> None:
    box = Box()
    assert box.logs.write(SP, reference, Data("boolean", True), Moment(NOON)) is error
    assert box.value("LogEna") is False


def test_blocks_of_one_log_share_its_buffer_which_is_asked_for_once() -> None:
    asked: list[str] = []

    def buffers(name: str) -> EntryBuffer:
        asked.append(name)
        return MemoryBuffer()

    tree = model()
    second = LogConfig("LD0", "LLN0", "lcb2", "GeneralLog", RELAY_ONLY.item)
    Logs(tree, DataSets(tree, []), [LCB, second], buffers)
    assert asked == ["LD0/LLN0$GeneralLog"]


def test_another_log_takes_the_entries_and_the_status_follows() -> None:
    alarms = LogConfig("LD0", "LLN0", "lcb2", "AlarmLog", RELAY_ONLY.item)
    box = Box(LCB, alarms)
    assert box.logs.names("LD0") == ["LLN0$AlarmLog", "LLN0$GeneralLog"]
    box.enable()
    box.happens(RELAY, True)
    box.enable(False)
    assert box.value("NewEntr") != bytes(8)
    assert box.write("LogRef", text("LD0/LLN0$AlarmLog")) is None
    assert box.value("NewEntr") == bytes(8)
    box.enable()
    box.happens(RELAY, False)
    assert [_first(entry.variables[0][1]) for entry in box.entries()] == [True]
    page = box.ask(start=NOON, log="LLN0$AlarmLog")
    assert isinstance(page, ReadJournalResponse) and len(page.entries) == 1
    assert box.value("NewEntr") == page.entries[0].entry_id


def test_status_names_the_oldest_and_the_newest_entry_also_when_the_oldest_goes() -> None:
    box = Box(buffers={"LD0/LLN0$GeneralLog": MemoryBuffer(capacity=2)})
    box.enable()
    for value in (True, False, True):
        box.wait(10)
        box.happens(RELAY, value)
    oldest, newest = box.entries()
    assert (box.value("OldEntr"), box.value("NewEntr")) == (oldest.entry_id, newest.entry_id)
    assert box.value("OldEntrTm") == EntryTime.from_unix(NOON + 20)
    assert box.value("NewEntrTm") == EntryTime.from_unix(NOON + 30)


def test_status_is_that_of_the_log_also_when_its_entries_come_from_elsewhere() -> None:
    """As from a file that is opened when the server is already built."""
    box = Box()
    entry = box.buffers["LD0/LLN0$GeneralLog"].append(NOON, [])
    assert (box.value("OldEntr"), box.value("NewEntr")) == (entry.entry_id, entry.entry_id)


def test_a_restarted_server_knows_its_log_and_goes_on() -> None:
    before = Box()
    before.enable()
    before.happens(RELAY, True)
    after = Box(buffers=before.buffers)
    assert after.value("NewEntr") == before.value("NewEntr") != bytes(8)
    after.enable()
    after.happens(ALARM, True)
    assert [tag for ((tag, _), *_) in after.said()] == ["HP/GGIO1$ST$Rly", "HP/GGIO1$ST$Alm$stVal"]


def test_a_data_set_of_a_block_is_in_use_until_the_block_has_another() -> None:
    box = Box()
    (in_use,) = box.data_sets.in_use
    assert in_use("LD0", "LLN0$dsEvents") and not in_use("LD0", "LLN0$dsRelay")
    assert not in_use("HP", "LLN0$dsEvents")
    box.write("DatSet", text("LD0/LLN0$dsRelay"))
    assert in_use("LD0", "LLN0$dsRelay") and not in_use("LD0", "LLN0$dsEvents")


def test_logs_are_listed_by_logical_device() -> None:
    box = Box()
    assert box.logs.names("LD0") == ["LLN0$GeneralLog"]
    assert box.logs.names("HP") == [] == box.logs.names("none")


@pytest.mark.parametrize(
    "config",
    [
        LogConfig("LD0", "LLN0", "lcb1", "GeneralLog", "", True),
        LogConfig("LD0", "LLN0", "lcb1", "GeneralLog", "LLN0$dsNone", True),
        LogConfig("LD0", "LPHD1", "lcb1", "GeneralLog"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_by_name(config: LogConfig) -> None:
    with pytest.raises(ValueError, match="lcb1"):
        Box(config)


def test_a_data_set_with_a_member_the_model_does_not_have_cannot_be_enabled() -> None:
    broken = DataSetConfig("LD0", "LLN0", "dsEvents", (RELAY, Reference("HP", "GGIO1", ("None",), FC.ST)))
    box = Box(data_sets=[broken])
    assert box.enable() is INCONSISTENT


def test_a_buffer_with_entries_of_another_form_begins_anew() -> None:
    buffer = MemoryBuffer()
    buffer.begin("something else")
    buffer.append(NOON, [Member(0, DCHG, Data("boolean", True))])
    box = Box(buffers={"LD0/LLN0$GeneralLog": buffer})
    assert box.entries() == () and box.value("NewEntr") == bytes(8)


# --- faults -----------------------------------------------------------------------------------------


class FullDisk(MemoryBuffer):
    """Cannot store while ``full``."""

    full = False

    def append(self, time: float, members: Sequence[Member]) -> Entry:
        if self.full:
            raise OSError("no space left on device")
        return super().append(time, members)


def test_a_full_disk_costs_its_entry_and_nothing_else() -> None:
    buffer = FullDisk()
    box = Box(buffers={"LD0/LLN0$GeneralLog": buffer})
    box.enable()
    buffer.full = True
    box.happens(RELAY, True)
    assert (box.logs.unstored, box.entries()) == (1, ())
    buffer.full = False
    box.happens(RELAY, False)
    assert (box.logs.unstored, len(box.entries())) == (1, 1)


def test_what_waits_for_a_tick_is_bounded_the_oldest_goes_and_the_loss_is_counted() -> None:
    buffer = MemoryBuffer(capacity=2 * MAX_OBSERVED)
    box = Box(buffers={"LD0/LLN0$GeneralLog": buffer})
    box.enable()
    for number in range(MAX_OBSERVED + 3):
        box.set(ENERGY, number + 1)
    box.wait()
    assert box.logs.unstored == 3
    assert len(buffer.after(0, 2 * MAX_OBSERVED)) == MAX_OBSERVED
    page = box.ask(start=NOON)
    assert numbers(page)[0] == 4


def test_a_clock_that_was_never_set_does_not_stop_the_log() -> None:
    box = Box()
    box.enable()
    box.now = 12.0
    box.happens(RELAY, True)
    box.now = NOON
    box.happens(RELAY, False)
    assert [entry.time for entry in box.entries()] == [EntryTime(0, 0), EntryTime.from_unix(NOON)]


# --- queries ----------------------------------------------------------------------------------------


def filled(times: Sequence[float]) -> Box:
    """A box whose log has an entry at each of these seconds after noon."""
    box = Box()
    box.enable()
    for number, at in enumerate(times, 1):
        box.now = NOON + at
        box.happens(ENERGY, number)
    return box


def numbers(page: ReadJournalResponse | MmsError) -> list[object]:
    assert isinstance(page, ReadJournalResponse)
    return [_first(entry.variables[0][1]) for entry in page.entries]


def test_query_by_time_counts_both_ends_in_to_the_millisecond() -> None:
    box = filled([1.0, 2.0004, 2.0006, 3.0, 4.0])
    assert numbers(box.ask(NOON + 2, NOON + 3)) == [2, 3, 4]
    assert numbers(box.ask(NOON + 2.001, NOON + 3)) == [3, 4]
    assert numbers(box.ask(NOON + 3, NOON + 3)) == [4]
    assert numbers(box.ask(NOON + 5, NOON + 9)) == []


def test_one_end_alone_leaves_the_other_open() -> None:
    box = filled([1, 2, 3])
    assert numbers(box.ask(start=NOON + 2)) == [2, 3]
    assert numbers(box.ask(stop=NOON + 2)) == [1, 2]


def test_query_after_begins_with_the_entry_that_follows() -> None:
    box = filled([1, 2, 2, 2, 3])
    second = box.entries()[1]
    assert numbers(box.ask(after=(NOON + 2, second.entry_id))) == [3, 4, 5]
    newest = box.entries()[-1]
    assert numbers(box.ask(after=(NOON + 3, newest.entry_id))) == []


def test_query_after_goes_by_entry_id_when_the_clock_was_set_back() -> None:
    box = filled([10, 20, 5, 6])
    second = box.entries()[1]
    assert numbers(box.ask(after=(NOON + 20, second.entry_id))) == [3, 4]


def test_query_after_an_entry_that_went_for_lack_of_room_begins_with_the_oldest() -> None:
    box = Box(buffers={"LD0/LLN0$GeneralLog": MemoryBuffer(capacity=2)})
    box.enable()
    box.happens(ENERGY, 1)
    first = box.entries()[0].entry_id
    for number in (2, 3, 4):
        box.happens(ENERGY, number)
    assert numbers(box.ask(after=(NOON, first))) == [3, 4]


def test_query_after_an_entry_id_this_log_never_gave_goes_by_its_time() -> None:
    box = filled([1, 2, 3, 4])
    lost = bytes.fromhex("FFFFFFFF00000001")
    assert numbers(box.ask(after=(NOON + 2, lost))) == [3, 4]
    assert numbers(box.ask(NOON + 1, NOON + 3, after=(NOON + 2, lost))) == [3]
    assert numbers(box.ask(NOON + 3, NOON + 4, after=(NOON + 1, lost))) == [3, 4]


def test_an_empty_log_has_no_entries_and_no_more() -> None:
    box = Box()
    assert box.ask(NOON, NOON + 9) == ReadJournalResponse((), more_follows=False)
    assert box.ask(after=(NOON, bytes(8))) == ReadJournalResponse((), more_follows=False)


@pytest.mark.parametrize("log", ["LLN0$NoLog", "GeneralLog", "LLN0$LG$lcb1", ""])
def test_an_unknown_log_is_non_existent(log: str) -> None:
    assert filled([1]).ask(NOON, NOON + 9, log=log) == OBJECT_NON_EXISTENT


@pytest.mark.parametrize("name", [ObjectName("LLN0$GeneralLog", "HP"), ObjectName("LLN0$GeneralLog")])
def test_a_log_of_another_device_or_of_none_is_non_existent(name: ObjectName) -> None:
    request = ReadJournalRequest(name, EntryTime(0, 0), EntryTime(0, 1))
    assert filled([1]).logs.query(request, BIG) == OBJECT_NON_EXISTENT


def test_a_range_that_is_missing_reversed_or_begins_at_no_entry_id_is_refused() -> None:
    box = filled([1])
    assert box.ask() == BAD_RANGE
    assert box.ask(NOON + 9, NOON) == BAD_RANGE
    assert box.ask(NOON + 9, NOON, after=(NOON, bytes(8))) == BAD_RANGE
    assert box.ask(after=(NOON, b"short")) == BAD_RANGE


def test_ends_are_compared_as_times_not_as_numbers_of_the_day() -> None:
    box = filled([1])
    request = ReadJournalRequest(
        ObjectName("LLN0$GeneralLog", "LD0"), EntryTime(80_000_000, 1), EntryTime(0, 40_000)
    )
    assert numbers(box.logs.query(request, BIG)) == [1]


def test_a_page_is_bounded_in_number() -> None:
    box = filled([0] * (MAX_PAGE + 1))
    page = box.ask(NOON, NOON, size=10_000_000)
    assert isinstance(page, ReadJournalResponse)
    assert len(page.entries) == MAX_PAGE and page.more_follows


@pytest.mark.parametrize("size", [8_192, 16_384, 65_536])
def test_small_entries_fill_a_page_and_never_more_than_the_pdu_size(size: int) -> None:
    alarm = DataSetConfig("LD0", "LLN0", "dsAlarm", (ALARM.child("stVal"),))
    lcb = LogConfig("LD0", "LLN0", "lcb1", "GeneralLog", alarm.item, True, False, DCHG)
    box = Box(lcb, data_sets=[alarm])
    for number in range(2 * MAX_PAGE):
        box.happens(ALARM, number % 2 == 0)
    page = box.ask(NOON, NOON, size=size)
    assert isinstance(page, ReadJournalResponse) and page.more_follows
    octets = len(encode(ConfirmedResponse(MAX_INVOKE_ID, page)).encode())
    assert octets <= size
    assert octets > 0.8 * size or len(page.entries) == MAX_PAGE


def test_an_entry_larger_than_a_page_is_an_error_not_an_empty_page() -> None:
    assert filled([1]).ask(NOON, NOON + 9, size=900) == PDU_SIZE


@given(
    times=st.lists(st.integers(0, 50), max_size=60),
    size=st.integers(2_000, 30_000),
    window=st.none() | st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted),
)
def test_paging_gives_every_entry_once_and_in_order(
    times: list[int], size: int, window: list[int] | None
) -> None:
    """Whatever the clock does, however small the page: asked on after the last entry until none follow."""
    box = filled([float(at) for at in times])
    start, stop = (NOON + window[0], NOON + window[1]) if window else (NOON - 1, None)
    low, high = window or (0, 50)
    collected: list[object] = []
    after: tuple[float, bytes] | None = None
    for _ in range(len(times) + 1):
        page = box.ask(start, stop, after, size=size)
        collected += numbers(page)
        assert isinstance(page, ReadJournalResponse)
        assert len(encode(ConfirmedResponse(MAX_INVOKE_ID, page)).encode()) <= size
        if not page.more_follows:
            break
        after = (page.entries[-1].time.unix, page.entries[-1].entry_id)
    assert collected == [number for number, at in enumerate(times, 1) if low <= at <= high]

"""A small model with report control blocks for dialogues: changes and writes go in, reports come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from iec61850_model.blocks import DataSetConfig, ReportConfig
from iec61850_model.client.reports import Report, decode_report
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    DefineNamedVariableListRequest,
    InformationReport,
    ObjectName,
    Unconfirmed,
)
from iec61850_model.reference import Reference
from iec61850_model.server.associations import Association
from iec61850_model.server.buffer import EntryBuffer
from iec61850_model.server.control import Client
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Moment, Send
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.server.reports import Reports
from iec61850_model.tree import ArrayNode, Branch, Leaf, LogicalDevice, LogicalNode, Tree, Update
from iec61850_model.types import BASIC_TYPES, Value
from iec61850_model.values import GOOD, FunctionalConstraint, OptFlds, Quality, Timestamp, Trigger

FC = FunctionalConstraint
NOON = 1_795_000_000.0
"""The moment the dialogues start, seconds since 1970 UTC."""
DESK, OTHER = Client("agg7@hub.example.org/desk1", "1:1"), Client("agg8@hub.example.org/desk1", "2:2")
NOBODYS = Client("agg7@hub.example.org/desk1", None)
"""A client outside any association."""

DCHG, QCHG, DUPD, GI, INTEGRITY = (
    Trigger.DCHG,
    Trigger.QCHG,
    Trigger.DUPD,
    Trigger.GI,
    Trigger.INTEGRITY,
)
ALL_FLDS = OptFlds((1 << 9) - 2)
"""Every optional field but segmentation."""
ANY_CHANGE = DCHG | QCHG | INTEGRITY | GI
TEXTS = 60
"""Data objects of 255 characters, two hundred of which are too many for the smallest PDU."""
BUFFER = "MET/LLN0$BR$brcb01"
"""The block whose buffer most dialogues are about."""
MEASURANDS = ("TotW", "TotVAr", "Hz")


def measured_tree() -> Tree:
    """MET/MMXU1 with three measurands, MET/GGIO1 with texts and one member too large for the smallest PDU."""
    measurands = {name: _object("mag", Branch({"f": _leaf("FLOAT32", DCHG | DUPD)})) for name in MEASURANDS}
    texts = {f"Txt{at:02}": _object("stVal", _leaf("VisString255", DCHG)) for at in range(TEXTS)}
    many = _object("stVal", ArrayNode([_leaf("VisString255", DCHG) for _ in range(80)]))
    return Tree(
        [
            LogicalDevice(
                "MET",
                {
                    "LLN0": LogicalNode("LLN0", {FC.ST: Branch(), FC.LG: Branch()}),
                    "MMXU1": LogicalNode(
                        "MMXU", {FC.MX: Branch(dict(measurands))}, {(name,): "MV" for name in measurands}
                    ),
                    "GGIO1": LogicalNode(
                        "GGIO",
                        {FC.ST: Branch({**texts, "Many": many})},
                        {(name,): "VSS" for name in texts},
                    ),
                },
            )
        ]
    )


def _leaf(kind: str, triggers: Trigger) -> Leaf:
    basic = BASIC_TYPES[kind]
    return Leaf(basic, basic.rest, triggers=triggers)


def _object(name: str, value: Leaf | Branch | ArrayNode) -> Branch:
    return Branch({name: value, "q": _leaf("Quality", QCHG), "t": _leaf("Timestamp", Trigger(0))})


def members(*texts: str) -> tuple[Reference, ...]:
    return tuple(Reference.parse(text) for text in texts)


DATA_SETS = (
    DataSetConfig("MET", "LLN0", "dsMeas", members(*(f"MET/MMXU1.{name}[MX]" for name in MEASURANDS))),
    DataSetConfig("MET", "LLN0", "dsValue", members("MET/MMXU1.TotW.mag.f[MX]", "MET/MMXU1.TotW.q[MX]")),
    DataSetConfig("MET", "LLN0", "dsText", members(*(f"MET/GGIO1.Txt{at:02}[ST]" for at in range(TEXTS)))),
    DataSetConfig("MET", "LLN0", "dsMany", members("MET/GGIO1.Txt00[ST]", "MET/GGIO1.Many[ST]")),
)


def block(name: str, *, buffered: bool, data_set: str = "LLN0$dsMeas", **settings: Any) -> ReportConfig:
    """A configured block in MET/LLN0 that reports any change, with all optional fields."""
    given: dict[str, Any] = {
        "conf_rev": 1,
        "trg_ops": ANY_CHANGE,
        "opt_flds": ALL_FLDS,
        "owner": True,
        **settings,
    }
    return replace(ReportConfig("MET", "LLN0", name, buffered, data_set=data_set), **given)


BLOCKS = (
    block("brcb01", buffered=True, resv_tms=0),
    block("brcb02", buffered=True),
    block("brcbHist01", buffered=True, resv_tms=-1, trg_ops=DUPD),
    block("brcbFree01", buffered=True, data_set=""),
    block("urcb01", buffered=False),
    block("urcb02", buffered=False),
)


class Scene:
    """A model, its reports and a clock that stands still until ``wait``.

    ``buffers`` given: a restart over the same buffers.
    """

    def __init__(
        self,
        *blocks: ReportConfig,
        capacity: int = 1_000,
        buffers: dict[str, EntryBuffer] | None = None,
        now: float = NOON,
    ) -> None:
        self.tree = measured_tree()
        self.data_sets = DataSets(self.tree, DATA_SETS)
        self.buffers: dict[str, EntryBuffer] = {} if buffers is None else buffers
        self.pdu_size = 65_536
        self.now = now
        self.client = DESK
        self.pdus: list[tuple[Client, InformationReport]] = []
        self.capacity = capacity
        self.reports = Reports(
            self.tree, self.data_sets, blocks or BLOCKS, self._buffer, lambda client: self.pdu_size
        )

    # --- what happens -------------------------------------------------------------------------------

    def change(
        self, values: Mapping[str, object] | None = None, quality: Quality = GOOD, **more: object
    ) -> None:
        """These data objects of MMXU1 (or GGIO1, for texts) get values, all in one moment."""
        self.tree.update_all(
            Update(_data_object(name), value, quality, Timestamp.from_unix(self.now))
            for name, value in {**(values or {}), **more}.items()
        )

    def write(self, name: str, client: Client | None = None, **settings: object) -> list[str]:
        """Write attributes of a block, one after the other; what was refused, as ``Attribute: why``."""
        refused = []
        for attribute, value in settings.items():
            error = self.write_data(name, attribute, self._data(name, attribute, value), client)
            if error is not None:
                refused.append(f"{attribute}: {error.text}")
        return refused

    def write_data(
        self, name: str, attribute: str, data: Data, client: Client | None = None
    ) -> DataAccessError | None:
        reference = _block(name).child(*attribute.split("."))
        return self.reports.write(client or self.client, reference, data, Moment(self.now))

    def enable(self, name: str, client: Client | None = None, **settings: object) -> list[Report]:
        """Enable a block that is free to be; what is reported at once."""
        assert self.write(name, client, **settings, RptEna=True) == []
        return self.heard()

    def end(self, client: Client = DESK) -> None:
        """The association of this client is over."""
        assert client.association is not None
        ended = Association(client.peer, client.association, self.pdu_size, self.now)
        self.reports.ended([ended], Moment(self.now))
        self.data_sets.ended([ended])

    def create(self, name: str, *texts: str, client: Client | None = None) -> None:
        """CreateDataSet ``MET/LLN0$name``, or ``@name`` of the client's association."""
        own = name.startswith("@")
        place = ObjectName(name, aa_specific=True) if own else ObjectName(f"LLN0${name}", "MET")
        variables = tuple(ObjectName(one.item_id, one.ld) for one in members(*texts))
        answer = self.data_sets.define(
            client or self.client, DefineNamedVariableListRequest(place, variables)
        )
        assert "Response" in type(answer).__name__

    # --- what comes of it ---------------------------------------------------------------------------

    def heard(self) -> list[Report]:
        """Tick until nothing is to be done at once; the reports sent."""
        sent: list[Report] = []
        due = self.reports.next_tick()
        while due is not None and due <= self.now:
            sent += self.tick()
            due = self.reports.next_tick()
        return sent

    def tick(self) -> list[Report]:
        """One tick; the reports sent, each brought through XML and back."""
        reports = []
        for effect in self.reports.tick(Moment(self.now)):
            assert isinstance(effect, Send)
            payload = xer.decode_payload(xer.parse(xer.encode_payload(effect.payload)), strict=True)
            assert payload == effect.payload and isinstance(payload.pdu, Unconfirmed)
            self.pdus.append((Client(effect.peer, payload.association), payload.pdu.service))
            reports.append(decode_report(payload.pdu.service))
        return reports

    def wait(self, seconds: float) -> list[Report]:
        """Time goes by, and every tick falls on its time; the reports sent meanwhile."""
        until = self.now + seconds
        sent = self.heard()
        due = self.reports.next_tick()
        while due is not None and due <= until:
            self.now = max(due, self.now)
            sent += self.heard()
            due = self.reports.next_tick()
        self.now = until
        return sent

    # --- what is seen -------------------------------------------------------------------------------

    def value(self, name: str, attribute: str, reader: Client | None = None) -> Value:
        """An attribute of a block as a client reads it."""
        self.reports.reading(reader or self.client)
        return self.leaf(name, attribute).value

    def leaf(self, name: str, attribute: str) -> Leaf:
        """An attribute of a block."""
        leaf = self.tree.find(_block(name).child(attribute))
        assert isinstance(leaf, Leaf)
        return leaf

    def restarted(self, *blocks: ReportConfig) -> Scene:
        """Another process over the same buffers."""
        return Scene(*blocks, buffers=self.buffers, now=self.now)

    def _buffer(self, name: str) -> EntryBuffer:
        return self.buffers.setdefault(name, MemoryBuffer(self.capacity))

    def _data(self, name: str, attribute: str, value: object) -> Data:
        if isinstance(value, Trigger):
            value = value.trg_ops
        if isinstance(value, OptFlds):
            value = value.bits
        return self.leaf(name, attribute).type.to_data(cast("Value", value))


def _block(name: str) -> Reference:
    return Reference("MET", "LLN0", (name,), FC.BR if name.startswith("brcb") else FC.RP)


def _data_object(name: str) -> Reference:
    return Reference("MET", "GGIO1" if name.startswith("Txt") else "MMXU1", (name,))


def told(report: Report) -> dict[str, float]:
    """The values of a report of measurands by name, e.g. ``{"TotW": 7.0}``."""
    found = {}
    for member in report.members:
        assert isinstance(member.value.value, tuple)
        magnitude = member.value.value[0]
        assert isinstance(magnitude, Data) and isinstance(magnitude.value, tuple)
        (part,) = magnitude.value
        assert isinstance(part, Data) and isinstance(part.value, float)
        found[MEASURANDS[member.index]] = part.value
    return found


def reasons(report: Report) -> list[Trigger | None]:
    """Why each member of a report is there."""
    return [member.reason for member in report.members]


def values(reports: Sequence[Report]) -> list[float]:
    """TotW of each report."""
    return [told(report)["TotW"] for report in reports]


def changes(scene: Scene, *of_total_power: float, apart: float = 1.0) -> None:
    """Changes of TotW a second apart, each ticked for; whatever is sent is lost on the way."""
    for value in of_total_power:
        scene.change(TotW=value)
        scene.wait(apart)


def last_id(scene: Scene) -> bytes:
    """EntryID of the newest entry of brcb01."""
    entry = scene.buffers[BUFFER].last
    assert entry is not None
    return entry.entry_id

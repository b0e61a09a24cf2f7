"""What a report control block holds (7-2 clause 17.2; 8-2, 17.1 and 17.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict, TypeVar

from iec61850_model.client.errors import BadAnswer
from iec61850_model.client.plain import Plain, to_plain
from iec61850_model.mms.pdu import Data, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.values import EntryTime, FunctionalConstraint, OptFlds, Trigger

FC = FunctionalConstraint
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RcbValues:
    """A report control block (GetBRCBValues, GetURCBValues; 7-2, 17.2).

    ``reference`` has the functional constraint BR or RP. ``dat_set`` is on the wire's form ``LD/LN$Name``,
    empty for none. Times are milliseconds, ``resv_tms`` seconds. What one kind of block has not, or a device
    leaves out, is None: ``resv`` of a BRCB, ``purge_buf``, ``entry_id``, ``time_of_entry`` and ``resv_tms``
    of a URCB, ``owner``.
    """

    reference: Reference
    rpt_id: str
    rpt_ena: bool
    dat_set: str
    conf_rev: int
    opt_flds: OptFlds
    buf_tm: int
    sq_num: int
    trg_ops: Trigger
    intg_pd: int
    gi: bool
    resv: bool | None
    purge_buf: bool | None
    entry_id: bytes | None
    time_of_entry: EntryTime | None
    resv_tms: int | None
    owner: bytes | None

    @property
    def buffered(self) -> bool:
        """It is a BRCB."""
        return self.reference.fc is FC.BR

    @property
    def free(self) -> bool:
        """Nobody uses or has reserved it, as far as the block tells."""
        return not (self.rpt_ena or self.resv or self.resv_tms or self.owner)

    @property
    def name_in_reports(self) -> str:
        """What its reports carry as RptID."""
        return self.rpt_id or f"{self.reference.ld}/{self.reference.item_id}"


class RcbSettings(TypedDict, total=False):
    """What SetBRCBValues and SetURCBValues may set, by the names of ``RcbValues``."""

    resv: bool
    resv_tms: int
    rpt_id: str
    dat_set: str
    opt_flds: OptFlds
    buf_tm: int
    trg_ops: Trigger
    intg_pd: int
    purge_buf: bool
    entry_id: bytes
    rpt_ena: bool
    gi: bool


SETTABLE = {
    "resv": "Resv",
    "resv_tms": "ResvTms",
    "rpt_id": "RptID",
    "dat_set": "DatSet",
    "opt_flds": "OptFlds",
    "buf_tm": "BufTm",
    "trg_ops": "TrgOps",
    "intg_pd": "IntgPd",
    "purge_buf": "PurgeBuf",
    "entry_id": "EntryID",
    "rpt_ena": "RptEna",
    "gi": "GI",
}
"""Attributes by their names here, in the order a server accepts: reserved first; EntryID after what purges
the buffer; then enabled, which locks all but GI."""


def on_the_wire(value: object) -> object:
    """The value of a setting as the wire has it: bit strings for Trigger and OptFlds."""
    match value:
        case Trigger():
            return value.trg_ops
        case OptFlds():
            return value.bits
    return value


def rcb_values(block: Reference, described: TypeDescription, data: Data) -> RcbValues:
    """The values of a block out of its structure; raises BadAnswer."""
    plain = to_plain(described, data)
    assert isinstance(plain, dict)
    given = _Attributes(block, plain)
    try:
        return RcbValues(
            reference=block,
            rpt_id=given.required("RptID", str),
            rpt_ena=given.required("RptEna", bool),
            dat_set=given.required("DatSet", str),
            conf_rev=given.required("ConfRev", int),
            opt_flds=OptFlds.from_bits(given.required("OptFlds", str)),
            buf_tm=given.required("BufTm", int),
            sq_num=given.required("SqNum", int),
            trg_ops=Trigger.from_trg_ops(given.required("TrgOps", str)),
            intg_pd=given.required("IntgPd", int),
            gi=given.required("GI", bool),
            resv=given.optional("Resv", bool),
            purge_buf=given.optional("PurgeBuf", bool),
            entry_id=given.optional("EntryID", bytes),
            time_of_entry=given.optional(("TimeofEntry", "TimeOfEntry"), EntryTime),
            resv_tms=given.optional("ResvTms", int),
            owner=given.optional("Owner", bytes),
        )
    except ValueError as error:
        raise BadAnswer(f"{block}: {error}") from None


class _Attributes:
    """The attributes of a block by name, each of the kind it is to be."""

    def __init__(self, block: Reference, plain: dict[str, Plain]) -> None:
        self._block = block
        self._plain = plain

    def required(self, name: str, kind: type[_T]) -> _T:
        value = self.optional(name, kind)
        if value is None:
            raise BadAnswer(f"{self._block} has no {name}: it is no report control block")
        return value

    def optional(self, name: str | tuple[str, ...], kind: type[_T]) -> _T | None:
        """The attribute under the first name there is; editions spell TimeofEntry differently."""
        names = (name,) if isinstance(name, str) else name
        value = next((self._plain[one] for one in names if one in self._plain), None)
        if value is not None and not isinstance(value, kind):
            raise BadAnswer(f"{self._block}: {names[0]} is not of its kind")
        return value

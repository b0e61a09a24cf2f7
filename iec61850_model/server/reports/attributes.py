"""The attributes of a report control block: their types, their order, their place in the tree (8-2, 17.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from iec61850_model.blocks import ReportConfig
from iec61850_model.mms.pdu import DataAccessError, Primitive
from iec61850_model.tree import Branch, Leaf, Tree
from iec61850_model.types import BASIC_TYPES, BasicType, ValueRefused
from iec61850_model.values import NO_OPT_FLDS, NO_TRIGGER, EntryTime, FunctionalConstraint, OptFlds, Trigger

FC = FunctionalConstraint

RESERVED_BY_CONFIGURATION = -1
"""ResvTms of a block that is there for one client only (7-2, 17.2)."""
NOT_RESERVED = 0
"""ResvTms of a block that any client may take."""
NO_ENTRY_ID = bytes(8)
"""EntryID of no entry."""
NO_ENTRY_TIME = EntryTime(0, 0)
"""TimeofEntry of no entry, and of one made before the clock was first set."""


def _bits(name: str, size: int, normal: Callable[[str], str], rest: str) -> BasicType:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueRefused(f"{name} is a bit string")
        try:
            return normal(value)
        except ValueError as error:
            raise ValueRefused(str(error), DataAccessError.OBJECT_VALUE_INVALID) from None

    return BasicType(name, Primitive("bit-string", -size), rest, check)


TRG_OPS = _bits("TrgOps", 6, lambda bits: Trigger.from_trg_ops(bits).trg_ops, NO_TRIGGER.trg_ops)
OPT_FLDS = _bits("OptFlds", 10, lambda bits: OptFlds.from_bits(bits).bits, NO_OPT_FLDS.bits)

_BUFFERED: Mapping[str, BasicType] = {
    "RptID": BASIC_TYPES["VisString129"],
    "RptEna": BASIC_TYPES["BOOLEAN"],
    "DatSet": BASIC_TYPES["VisString129"],
    "ConfRev": BASIC_TYPES["INT32U"],
    "OptFlds": OPT_FLDS,
    "BufTm": BASIC_TYPES["INT32U"],
    "SqNum": BASIC_TYPES["INT16U"],
    "TrgOps": TRG_OPS,
    "IntgPd": BASIC_TYPES["INT32U"],
    "GI": BASIC_TYPES["BOOLEAN"],
    "PurgeBuf": BASIC_TYPES["BOOLEAN"],
    "EntryID": BASIC_TYPES["EntryID"],
    "TimeofEntry": BASIC_TYPES["EntryTime"],
    "ResvTms": BASIC_TYPES["INT16"],
    "Owner": BASIC_TYPES["Octet64"],
}
_UNBUFFERED: Mapping[str, BasicType] = {
    "RptID": BASIC_TYPES["VisString129"],
    "RptEna": BASIC_TYPES["BOOLEAN"],
    "Resv": BASIC_TYPES["BOOLEAN"],
    "DatSet": BASIC_TYPES["VisString129"],
    "ConfRev": BASIC_TYPES["INT32U"],
    "OptFlds": OPT_FLDS,
    "BufTm": BASIC_TYPES["INT32U"],
    "SqNum": BASIC_TYPES["INT8U"],
    "TrgOps": TRG_OPS,
    "IntgPd": BASIC_TYPES["INT32U"],
    "GI": BASIC_TYPES["BOOLEAN"],
    "Owner": BASIC_TYPES["Octet64"],
}


def constraint_of(config: ReportConfig) -> FunctionalConstraint:
    """BR or RP."""
    return FC.BR if config.buffered else FC.RP


def reference_of(config: ReportConfig) -> str:
    """The reference of a block as reports carry it, e.g. ``AVG/LLN0$BR$brcbAvg01``."""
    return f"{config.ld}/{config.ln}${constraint_of(config)}${config.name}"


def place(tree: Tree, config: ReportConfig) -> Branch:
    """Put a block into the tree, with its configured values; the branch it is there.

    No leaf is writable by way of the tree: the block itself decides. Raises ValueError if its logical node is
    not in the model, or a configured value does not fit its attribute.
    """
    node = tree.logical_node(config.ld, config.ln)
    if node is None:
        raise ValueError(f"{reference_of(config)} stands in no logical node of the model")
    kinds = dict(_BUFFERED if config.buffered else _UNBUFFERED)
    if not config.owner:
        del kinds["Owner"]
    if config.buffered and config.resv_tms is None:
        del kinds["ResvTms"]
    branch = Branch({name: Leaf(kind, kind.rest) for name, kind in kinds.items()})
    for name, value in _configured(config).items():
        leaf = branch.leaf(name)
        if leaf is not None:
            leaf.value = leaf.type.checked(value)
    node.by_fc.setdefault(constraint_of(config), Branch()).children[config.name] = branch
    order = list(FC)
    node.by_fc = dict(sorted(node.by_fc.items(), key=lambda item: order.index(item[0])))
    return branch


def _configured(config: ReportConfig) -> dict[str, object]:
    reserved = config.resv_tms == RESERVED_BY_CONFIGURATION
    return {
        "RptID": config.rpt_id,
        "DatSet": f"{config.ld}/{config.data_set}" if config.data_set else "",
        "ConfRev": config.conf_rev if config.data_set else 0,
        "OptFlds": config.opt_flds.bits,
        "BufTm": config.buf_tm,
        "TrgOps": config.trg_ops.trg_ops,
        "IntgPd": config.intg_pd,
        "ResvTms": RESERVED_BY_CONFIGURATION if reserved else NOT_RESERVED,
    }

"""Reports of a box as the history's tests need them."""

from __future__ import annotations

from hub.history.quantities import QUANTITIES
from iec61850_model.client.reports import Report, ReportedMember
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.values import EntryTime, FunctionalConstraint, OptFlds, Quality, Timestamp

FC = FunctionalConstraint
T0 = 1_700_000_100
"""The end of a 5-minute interval, seconds since 1970 UTC."""
OPT_FLDS = OptFlds.SEQ_NUM | OptFlds.TIME_STAMP | OptFlds.BUF_OVFL | OptFlds.ENTRY_ID | OptFlds.CONF_REV
GOOD = Quality(0)


def members() -> tuple[Reference, ...]:
    """The data set of the shipped model: value and quality of each quantity, and one time."""
    listed: list[Reference] = []
    for quantity in QUANTITIES:
        reference = Reference.parse(quantity.reference)
        fc, paths = (FC.ST, ("actVal",)) if quantity.whole else (FC.MX, ("mag", "f"))
        if "PhV" in quantity.reference:
            paths = ("cVal", "mag", "f")
        path = (*reference.path, *paths)
        listed.append(Reference(reference.ld, reference.ln, path, fc))
        listed.append(Reference(reference.ld, reference.ln, (*reference.path, "q"), fc))
    listed.append(Reference("AVG", "MMXU1", ("TotW", "t"), FC.MX))
    return tuple(listed)


def entry(number: int, epoch: int = 1) -> bytes:
    """An EntryID."""
    return (epoch << 32 | number).to_bytes(8)


def report(
    number: int,
    seq: int | None,
    *,
    power: float = 1.5,
    quality: Quality = GOOD,
    time: float | None = None,
    overflow: bool = False,
    epoch: int = 1,
) -> Report:
    """A report of all quantities; entry ``number`` is that of the interval that ends at T0 + 300 * number."""
    end = T0 + 300 * number if time is None else time
    values: list[Data] = []
    for quantity in QUANTITIES:
        values.append(Data("integer", 1000) if quantity.whole else Data("floating-point", power))
        values.append(Data("bit-string", quality.bits if quantity.bit == 0 else GOOD.bits))
    values.append(Data("utc-time", Timestamp.from_unix(end)))
    listed = tuple(ReportedMember(index, None, value, None) for index, value in enumerate(values))
    return Report(
        "AVG/LLN0$BR$brcbAvg01", OPT_FLDS, seq, EntryTime.from_unix(max(end, T0) + 1), None, overflow,
        entry(number, epoch), 1, None, False, len(listed), listed,
    )  # fmt: skip

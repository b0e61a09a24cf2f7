"""Data sets and control blocks as an ICD configures them (61850-6; 7-2 clauses 13 and 17)."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.reference import Reference
from iec61850_model.values import NO_OPT_FLDS, NO_TRIGGER, OptFlds, Trigger


@dataclass(frozen=True, slots=True)
class DataSetConfig:
    """A configured data set. ``members`` are FCD or FCDA: data objects or attributes, each with its FC."""

    ld: str
    ln: str
    name: str
    members: tuple[Reference, ...]

    @property
    def item(self) -> str:
        """Its MMS item name ``LN$Name``."""
        return f"{self.ln}${self.name}"


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """One instance of a report control block: ``name`` has its index (``brcbAvg01``).

    ``rpt_id`` empty: reports carry the reference of the block. ``data_set``: item name ``LN$Name`` in the
    same logical device, empty for none. Times are milliseconds; ``resv_tms`` seconds, None: not in the model.
    """

    ld: str
    ln: str
    name: str
    buffered: bool
    rpt_id: str = ""
    data_set: str = ""
    conf_rev: int = 0
    trg_ops: Trigger = NO_TRIGGER
    opt_flds: OptFlds = NO_OPT_FLDS
    buf_tm: int = 0
    intg_pd: int = 0
    resv_tms: int | None = None
    owner: bool = False


@dataclass(frozen=True, slots=True)
class LogConfig:
    """A log control block. ``log``: name of the log, item ``LN$log`` in the same logical device."""

    ld: str
    ln: str
    name: str
    log: str
    data_set: str = ""
    enabled: bool = False
    reason_code: bool = True
    trg_ops: Trigger = NO_TRIGGER
    intg_pd: int = 0


@dataclass(frozen=True, slots=True)
class Blocks:
    """All of one model."""

    data_sets: tuple[DataSetConfig, ...] = ()
    reports: tuple[ReportConfig, ...] = ()
    logs: tuple[LogConfig, ...] = ()

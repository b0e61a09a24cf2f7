"""Log control blocks and logs in words: settings as people write them, blocks as JSON has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from iec61850_model.client.logs import LcbSettings, LcbValues, LogStatus
from service_provider.logs import log_name
from service_provider.reading import iso
from service_provider.report_text import (
    assigned,
    data_set_from_text,
    number_from_text,
    shown_data_set,
    switch_from_text,
    trigger_text,
    triggers_from_text,
)
from service_provider.reports import entry_datetime

SETTABLE = {
    "log_ena": "LogEna",
    "log_ref": "LogRef",
    "dat_set": "DatSet",
    "trg_ops": "TrgOps",
    "intg_pd": "IntgPd",
}
"""Attributes of a log control block that can be set, by their names here."""


def settings_from_text(assignments: Sequence[str]) -> LcbSettings:
    """Settings from ``Name=value``, named as in the standard; raises UnusableValue."""
    return cast("LcbSettings", assigned(assignments, SETTABLE, _READERS))


def block_as_dict(heatpump: str, values: LcbValues) -> dict[str, Any]:
    """A block for JSON: its attributes by their names in the standard, in their order."""
    status = status_as_dict(values.status)
    return {
        "heatpump": heatpump,
        "block": values.reference.without_fc,
        "LogEna": values.log_ena,
        "LogRef": shown_data_set(values.log_ref),
        "DatSet": shown_data_set(values.dat_set),
        **status,
        "TrgOps": trigger_text(values.trg_ops),
        "IntgPd": values.intg_pd,
    }


def status_as_dict(status: LogStatus) -> dict[str, Any]:
    """The oldest and the newest entry for JSON; None for those of an empty log."""
    return {
        "OldEntrTm": None if status.empty else iso(entry_datetime(status.old_entr_tm)),
        "NewEntrTm": None if status.empty else iso(entry_datetime(status.new_entr_tm)),
        "OldEntr": None if status.empty else status.old_entr.hex(),
        "NewEntr": None if status.empty else status.new_entr.hex(),
    }


def _wire_log(text: str) -> str:
    """``LD/LN$Log`` of the wire from ``LD/LN.Log``."""
    reference = log_name(text)
    return f"{reference.ld}/{reference.ln}${reference.path[0]}"


_READERS: dict[str, Callable[[str], object]] = {
    "log_ena": switch_from_text,
    "log_ref": _wire_log,
    "dat_set": data_set_from_text,
    "trg_ops": triggers_from_text,
    "intg_pd": number_from_text,
}

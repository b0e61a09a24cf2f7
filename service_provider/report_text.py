"""Report control blocks in words: options and triggers by name, settings as people write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from iec61850_model.client import UnusableValue
from iec61850_model.client.rcb import SETTABLE, RcbSettings, RcbValues
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint, OptFlds, Trigger
from service_provider.reading import iso
from service_provider.reports import entry_datetime

FC = FunctionalConstraint
_Flags = TypeVar("_Flags", OptFlds, Trigger)

OPTIONS = {
    "seqNum": OptFlds.SEQ_NUM,
    "timeStamp": OptFlds.TIME_STAMP,
    "reasonCode": OptFlds.REASON,
    "dataSet": OptFlds.DATA_SET,
    "dataRef": OptFlds.DATA_REF,
    "bufOvfl": OptFlds.BUF_OVFL,
    "entryID": OptFlds.ENTRY_ID,
    "configRef": OptFlds.CONF_REV,
    "segmentation": OptFlds.SEGMENTATION,
}
"""OptFlds by the words of SCL (61850-6, OptFields)."""
TRIGGERS = {
    "dchg": Trigger.DCHG,
    "qchg": Trigger.QCHG,
    "dupd": Trigger.DUPD,
    "integrity": Trigger.INTEGRITY,
    "gi": Trigger.GI,
}
"""TrgOps by the words of 7-2."""
_SWITCHES = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


def shown_data_set(dat_set: str) -> str:
    """``LD/LN.Name`` from the ``LD/LN$Name`` of the wire."""
    return dat_set.replace("$", ".")


def wire_data_set(text: str) -> str:
    """``LD/LN$Name`` of the wire from ``LD/LN.Name``; ``@Name`` stays. Raises InvalidReference."""
    if text.startswith("@"):
        return text
    reference = _with_name(text, "a data set", "MET/LLN0.dsMeas")
    if reference.fc is not None:
        raise InvalidReference(f"{text[:80]}: a data set has no functional constraint")
    return f"{reference.ld}/{reference.ln}${reference.path[0]}"


def block_reference(text: str) -> Reference:
    """A report control block from ``LD/LN.Name``, with ``[BR]`` or ``[RP]`` or without. Raises
    InvalidReference."""
    reference = _with_name(text, "a report control block", "MET/LLN0.urcbMeas01")
    if reference.fc not in (None, FC.BR, FC.RP):
        raise InvalidReference(f"{text[:80]}: a report control block has the constraint BR or RP")
    return reference


def _with_name(text: str, what: str, example: str) -> Reference:
    try:
        reference = Reference.parse(text.replace("$", "."))
    except InvalidReference:
        reference = Reference("")
    if len(reference.path) != 1:
        raise InvalidReference(f"{text[:80]!r} is not {what}: write LD/LN.Name, e.g. {example}")
    return reference


def option_text(options: OptFlds) -> str:
    """OptFlds in words, joined by commas: ``seqNum,reasonCode``."""
    return ",".join(name for name, one in OPTIONS.items() if one in options)


def trigger_text(triggers: Trigger) -> str:
    """TrgOps in words, joined by commas: ``dchg,gi``."""
    return ",".join(name for name, one in TRIGGERS.items() if one in triggers)


def triggers_from_text(text: str) -> Trigger:
    """TrgOps from words joined by commas; raises UnusableValue."""
    return _flags(text, TRIGGERS, Trigger(0))


def entry_id_from_text(text: str) -> bytes:
    """An EntryID from 16 hexadecimal digits; raises UnusableValue."""
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != 8:
        raise UnusableValue(f"{text[:40]!r} is no EntryID: it has 16 hexadecimal digits")
    return octets


def settings_from_text(assignments: Sequence[str]) -> RcbSettings:
    """Settings from ``Name=value``, named as in the standard.

    Raises UnusableValue with what may be written.
    """
    return cast("RcbSettings", assigned(assignments, SETTABLE, _READERS))


def assigned(
    assignments: Sequence[str],
    attributes: Mapping[str, str],
    readers: Mapping[str, Callable[[str], object]],
) -> dict[str, object]:
    """Values by our name from ``Attribute=value``; ``attributes`` and ``readers`` are by our name.

    Raises UnusableValue with what may be written.
    """
    names = {attribute.lower(): name for name, attribute in attributes.items()}
    found: dict[str, object] = {}
    for assignment in assignments:
        attribute, equals, text = assignment.partition("=")
        name = names.get(attribute.strip().lower())
        if not equals or name is None:
            choices = ", ".join(attributes.values())
            raise UnusableValue(f"{assignment[:60]!r} is no setting: write Name=value with one of {choices}")
        try:
            found[name] = readers[name](text.strip())
        except ValueError as error:
            raise UnusableValue(f"{attributes[name]}: {error}") from None
    return found


def block_as_dict(heatpump: str, values: RcbValues) -> dict[str, Any]:
    """A block for JSON: its attributes by their names in the standard; what it has not is left out."""
    found = {
        "heatpump": heatpump,
        "block": values.reference.without_fc,
        "fc": values.reference.fc,
        "RptID": values.rpt_id,
        "RptEna": values.rpt_ena,
        "Resv": values.resv,
        "ResvTms": values.resv_tms,
        "DatSet": shown_data_set(values.dat_set),
        "ConfRev": values.conf_rev,
        "OptFlds": option_text(values.opt_flds),
        "BufTm": values.buf_tm,
        "SqNum": values.sq_num,
        "TrgOps": trigger_text(values.trg_ops),
        "IntgPd": values.intg_pd,
        "GI": values.gi,
        "PurgeBuf": values.purge_buf,
        "EntryID": None if values.entry_id is None else values.entry_id.hex(),
        "TimeofEntry": None if values.time_of_entry is None else iso(entry_datetime(values.time_of_entry)),
        "Owner": None if values.owner is None else values.owner.decode(errors="replace"),
    }
    return {name: value for name, value in found.items() if value is not None}


def switch_from_text(text: str) -> bool:
    """On or off; raises UnusableValue."""
    if text.lower() not in _SWITCHES:
        raise UnusableValue(f"{text[:40]!r} is neither on nor off")
    return _SWITCHES[text.lower()]


def number_from_text(text: str) -> int:
    """A whole number; raises UnusableValue."""
    try:
        return int(text)
    except ValueError:
        raise UnusableValue(f"{text[:40]!r} is not a whole number") from None


def _flags(text: str, words: dict[str, _Flags], found: _Flags) -> _Flags:
    known = {word.lower(): flag for word, flag in words.items()}
    for word in filter(None, text.lower().split(",")):
        if word not in known:
            raise UnusableValue(f"{word[:40]!r} is unknown: use {', '.join(words)}, joined by commas")
        found |= known[word]
    return found


def data_set_from_text(text: str) -> str:
    """As ``wire_data_set``; empty for none."""
    return wire_data_set(text) if text else ""


_READERS: dict[str, Callable[[str], object]] = {
    "resv": switch_from_text,
    "resv_tms": number_from_text,
    "rpt_id": str,
    "dat_set": data_set_from_text,
    "opt_flds": lambda text: _flags(text, OPTIONS, OptFlds(0)),
    "buf_tm": number_from_text,
    "trg_ops": triggers_from_text,
    "intg_pd": number_from_text,
    "purge_buf": switch_from_text,
    "entry_id": entry_id_from_text,
    "rpt_ena": switch_from_text,
    "gi": switch_from_text,
}

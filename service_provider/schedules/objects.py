"""What of a heat pump can be scheduled: controllers, what each controls, and its schedules (FSCC, FSCH)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iec61850_model.client import (
    BadAnswer,
    Client,
    ClientError,
    NoSuchObject,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint

SCHEDULE_DEVICE = "SCH"
"""Logical device of the schedules of a heat pump box (DESIGN section 6)."""
_CONTROLLER = re.compile(r"[A-Za-z0-9]*FSCC[0-9]+", re.ASCII)
_SLOT = re.compile(r"[A-Za-z0-9]*FSCH([0-9]{1,4})", re.ASCII)
_WORDS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.ASCII), word)
    for pattern, word in (
        (r"HP/EvuGGIO1\.SPCSO1", "evu"),
        (r"HP/SgrGGIO1\.ISCSO1", "sg-ready"),
        (r"HP/RlyGGIO1\.SPCSO([0-9]+)", r"relay\1"),
        (r"HP/RmFSPT1\.SptVal", "room"),
        (r"HP/DhwFSPT1\.SptVal", "hot-water"),
        (r"DER/DWMX1\.WMaxSpt", "power"),
    )
)
"""Short words for the controllable data objects of a heat pump box."""


@dataclass(frozen=True, slots=True)
class ScheduledObject:
    """A controlled data object, the controller that drives it, and its schedules by slot, the last digits of
    their names."""

    controlled: str
    controller: Reference
    schedules: Mapping[int, Reference]

    @property
    def word(self) -> str:
        """A short word for it, such as evu; its reference if there is none."""
        for pattern, word in _WORDS:
            match = pattern.fullmatch(self.controlled)
            if match:
                return match.expand(word)
        return self.controlled

    def is_called(self, text: str) -> bool:
        """``text`` is its word, its reference or that of its controller."""
        return text.lower() in (self.word.lower(), self.controlled.lower(), str(self.controller).lower())


async def scheduled_objects(client: Client, peer: str) -> list[ScheduledObject]:
    """All that can be scheduled, by reference; raises NoSuchObject if the heat pump has no schedules."""
    found = [await _object(client, peer, node) for node in await _controllers(client, peer)]
    return sorted(found, key=lambda one: one.controlled)


def named(objects: Sequence[ScheduledObject], text: str) -> ScheduledObject:
    """The one that ``text`` names; raises UnusableValue that tells which there are."""
    for one in objects:
        if one.is_called(text):
            return one
    words = ", ".join(one.word for one in objects)
    raise UnusableValue(f"{text[:60]!r} cannot be scheduled here: use one of {words}")


async def _controllers(client: Client, peer: str) -> list[str]:
    """Names of the controllers: as a data set of LLN0 tells them, else out of all names of the device.

    The schedules have thousands of names; a data set of what is controlled (CtlEnt) has few.
    """
    try:
        for data_set in await client.data_sets.names(peer, SCHEDULE_DEVICE):
            members = (await client.data_sets.directory(peer, data_set)).members
            nodes = [one.ln for one in members if one.path == ("CtlEnt",) and _CONTROLLER.fullmatch(one.ln)]
            if nodes:
                return nodes
    except NoSuchObject:
        raise
    except ClientError:
        pass  # a grant for a part of the heat pump may see no data sets
    names = await client.logical_device_directory(peer, SCHEDULE_DEVICE)
    return [name for name in names if _CONTROLLER.fullmatch(name)]


async def _object(client: Client, peer: str, node: str) -> ScheduledObject:
    controller = Reference(SCHEDULE_DEVICE, node)
    definition = await client.definition(peer, controller.ld, controller.ln)
    names = [name for name in definition.data_objects() if re.fullmatch(r"Schd[0-9]{1,4}", name, re.ASCII)]
    asked = [controller.child(name, "setSrcRef").with_fc(FC.SP) for name in ("CtlEnt", *names)]
    controlled, *schedules = [
        _text(result, str(reference))
        for reference, result in zip(asked, await client.get_data_values(peer, asked), strict=True)
    ]
    slots: dict[int, Reference] = {}
    for text in schedules:
        try:
            reference = Reference.parse(text)
        except InvalidReference as error:
            raise BadAnswer(f"{controller}: {error}") from None
        match = _SLOT.fullmatch(reference.ln)
        if match:
            slots[int(match[1])] = reference
    return ScheduledObject(controlled, controller, dict(sorted(slots.items())))


def _text(result: Data | ServiceErrorReceived, what: str) -> str:
    if isinstance(result, ServiceErrorReceived):
        raise result
    if not isinstance(result.value, str):
        raise BadAnswer(f"{what} is no reference")
    return result.value

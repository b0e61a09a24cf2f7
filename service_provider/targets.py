"""From a reference to what must be read for it: its data object with quality and time, its unit, its pulse
weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iec61850_model.client import NodeDefinition, part, value_path
from iec61850_model.mms.pdu import Structure, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint
_COUNTED = ("actVal", "frVal")
"""Counter values of BCR: multiplied by pulsQty they are in the unit (7-3)."""
_NO_UNIT = ("q", "t", "d", "origin", "ctlNum")


@dataclass(frozen=True, slots=True)
class Target:
    """One value: ``shown`` is its name, ``holder`` what is read, ``path`` where in it the value is.

    Where the holder has quality and time they are read with it, so that they belong together.
    """

    shown: Reference
    holder: Reference
    described: TypeDescription
    path: tuple[str, ...]
    units: Reference | None = None
    pulses: Reference | None = None

    @property
    def configuration(self) -> tuple[Reference, ...]:
        """What is needed besides the value."""
        return tuple(one for one in (self.units, self.pulses) if one is not None)


def targets(definition: NodeDefinition, reference: Reference) -> list[Target]:
    """Everything a reference with functional constraint stands for: one value, or those of all its parts."""
    return list(_expand(definition, reference))


def _expand(definition: NodeDefinition, reference: Reference) -> Iterator[Target]:
    assert reference.fc is not None
    described = definition.find(reference.fc, reference.path)
    if described is None:
        return
    inside = value_path(described) if reference.path else None
    if inside is not None:
        yield _target(definition, reference, reference.path, inside)
    elif isinstance(described, Structure):
        for name, _ in described.components:
            yield from _expand(definition, reference.child(name))
    else:
        yield _target(definition, reference, reference.path, ())


def _target(
    definition: NodeDefinition, shown: Reference, path: tuple[str, ...], inside: tuple[str, ...]
) -> Target:
    fc = shown.fc
    assert fc is not None
    cut = len(path)
    while cut > 0 and part(definition.find(fc, path[:cut]), ("q",)) is None:
        cut -= 1
    # Nothing above it has a quality: the value stands for itself.
    cut = cut or len(path)
    holder = Reference(shown.ld, shown.ln, path[:cut], fc)
    described = definition.find(fc, holder.path)
    assert described is not None
    within = path[cut:] + inside
    units = pulses = None
    if fc in (FC.MX, FC.ST, FC.SP, FC.SG) and not (within and within[0] in _NO_UNIT):
        units = _configured(definition, holder, "units")
        if within and within[0] in _COUNTED:
            pulses = _configured(definition, holder, "pulsQty")
    return Target(shown, holder, described, within, units, pulses)


def _configured(definition: NodeDefinition, holder: Reference, name: str) -> Reference | None:
    """The CF attribute ``name`` of the data object, or of one it is part of."""
    for cut in range(len(holder.path), 0, -1):
        path = (*holder.path[:cut], name)
        if definition.find(FC.CF, path) is not None:
            return Reference(holder.ld, holder.ln, path, FC.CF)
    return None

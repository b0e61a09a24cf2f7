"""What a logical node is made of, as its device describes it (GetDataDefinition, 7-2 clause 12)."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.client.errors import AmbiguousReference
from iec61850_model.mms.pdu import Structure, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint

VALUE_PATHS = (
    ("mag", "f"),
    ("mag", "i"),
    ("cVal", "mag", "f"),
    ("cVal", "mag", "i"),
    ("mxVal", "f"),
    ("mxVal", "i"),
    ("stVal",),
    ("actVal",),
    ("valWTr", "posVal"),
    ("setVal",),
    ("setMag", "f"),
    ("setMag", "i"),
    ("setSrcRef",),
    ("setTm",),
)
"""Where the common data classes of 7-3 keep the one value a data object stands for."""
VALUE_CONSTRAINTS = (FC.MX, FC.ST, FC.SP, FC.SG)
"""Where a data object's value is looked for when no functional constraint is named."""
WRITABLE_CONSTRAINTS = (FC.SP, FC.SE, FC.SV, FC.CF, FC.DC, FC.BL, FC.RP, FC.BR, FC.LG)
"""What SetDataValues may change (7-2 clause 12); CO is Operate's."""


def part(described: TypeDescription | None, path: tuple[str, ...]) -> TypeDescription | None:
    """The type of the component ``path`` inside a type; None if there is none."""
    for name in path:
        if not isinstance(described, Structure):
            return None
        described = dict(described.components).get(name)
    return described


def value_path(described: TypeDescription | None) -> tuple[str, ...] | None:
    """Where in a data object's type its value is; None if it does not stand for one value."""
    return next((path for path in VALUE_PATHS if part(described, path) is not None), None)


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    """The type of one logical node: functional constraints, in them data objects, in them attributes.

    ``unordered``: constraints whose data objects are known, but not the order in which a value has them.
    """

    ld: str
    ln: str
    type: Structure
    unordered: frozenset[FC] = frozenset()

    @property
    def constraints(self) -> tuple[FC, ...]:
        """The functional constraints in use, in the device's order."""
        return tuple(FC(name) for name, _ in self.type.components if name in FC.__members__)

    def data_objects(self) -> tuple[str, ...]:
        """Names of the data objects (and of control blocks, under RP, BR, LG), each once, in ASCII order."""
        names = {
            name
            for _, inside in self.type.components
            if isinstance(inside, Structure)
            for name, _ in inside.components
        }
        return tuple(sorted(names))

    def find(self, fc: FC, path: tuple[str, ...]) -> TypeDescription | None:
        """The type of ``path`` under a functional constraint."""
        return part(self.type, (fc.value, *path))

    def where(self, path: tuple[str, ...]) -> dict[FC, TypeDescription]:
        """All functional constraints under which ``path`` exists, with its type there."""
        found = ((fc, self.find(fc, path)) for fc in self.constraints)
        return {fc: described for fc, described in found if described is not None}

    def children(self, path: tuple[str, ...]) -> list[tuple[str, FC]]:
        """Components directly below ``path`` with their functional constraint (GetDataDirectory)."""
        return [
            (name, fc)
            for fc, described in self.where(path).items()
            if isinstance(described, Structure)
            for name, _ in described.components
        ]

    def to_read(self, reference: Reference) -> Reference:
        """The reference with the functional constraint that is meant.

        Raises KeyError if there is no such object, AmbiguousReference if several constraints could be meant.
        """
        return self._with_constraint(reference, VALUE_CONSTRAINTS, tuple(FC))

    def to_write(self, reference: Reference) -> Reference:
        """As ``to_read``, for a value that is to be set."""
        return self._with_constraint(reference, (FC.SP, FC.SE), WRITABLE_CONSTRAINTS)

    def _with_constraint(
        self, reference: Reference, first: tuple[FC, ...], allowed: tuple[FC, ...]
    ) -> Reference:
        there = self.where(reference.path)
        if reference.fc is not None:
            if reference.fc not in there:
                raise KeyError(reference)
            return reference
        usable = [fc for fc in there if fc in allowed]
        if not usable:
            raise KeyError(reference)
        likely = [fc for fc in usable if fc in first]
        values = [fc for fc in likely if value_path(there[fc]) is not None]
        for clear in (values, likely, usable):
            if len(clear) == 1:
                return reference.with_fc(clear[0])
        choices = [str(reference.with_fc(fc)) for fc in usable]
        raise AmbiguousReference(
            f"{reference} exists under several functional constraints: write one of {', '.join(choices)}",
            choices,
        )

"""Object references in both notations: ``LD/LN.DO.DA[FC]`` of 7-2, domainId and ``LN$FC$DO$DA`` of 8-2."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from iec61850_model.values import FunctionalConstraint

MAX_LD_NAME = 64
"""Characters of an ldName (61850-6; 8-2, 8.2)."""
MAX_ITEM_NAME = 64
"""Characters of an MMS item name LN$FC$DO$DA (8-2, 8.2)."""
MAX_REFERENCE = 129
"""Characters of an object reference (7-2, ObjectReference)."""

_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_REFERENCE = re.compile(
    rf"(?P<ld>{_NAME})(?:/(?P<ln>{_NAME})(?P<path>(?:\.{_NAME})*))?(?:\[(?P<fc>[A-Z]{{2}})\])?", re.ASCII
)
_IDENTIFIER = re.compile(_NAME, re.ASCII)


class InvalidReference(ValueError):
    """Text that is not an object reference; the message shows the form expected."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A logical device, logical node, data object or data attribute, with its functional constraint if known.

    ``path`` holds the names below the logical node: data object, sub data objects, attributes.
    """

    ld: str
    ln: str = ""
    path: tuple[str, ...] = ()
    fc: FunctionalConstraint | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``LD/LN.DO.DA[FC]``; everything from ``/`` on, and the FC, may be left out.

        Raises InvalidReference with a message that shows the form.
        """
        match = _REFERENCE.fullmatch(text) if len(text) <= MAX_REFERENCE + 4 else None
        if match is None:
            raise InvalidReference(
                f"{text[:80]!r} is not a reference: write LD/LN.DO.DA[FC], e.g. MET/MMXU1.TotW[MX]"
            )
        fc = match["fc"]
        if fc is not None and fc not in FunctionalConstraint.__members__:
            known = ", ".join(FunctionalConstraint)
            raise InvalidReference(f"{fc} in {text!r} is not a functional constraint: use one of {known}")
        path = tuple((match["path"] or "").split(".")[1:])
        return cls(match["ld"], match["ln"] or "", path, FunctionalConstraint(fc) if fc else None).checked()

    @classmethod
    def from_mms(cls, domain: str, item: str = "") -> Reference:
        """Read a domain-specific MMS name ``LN``, ``LN$FC`` or ``LN$FC$DO$DA..`` (8-2, 8.2).

        Raises InvalidReference if a component is empty, no identifier, or the FC is unknown.
        """
        parts = item.split("$") if item else []
        if len(item) > MAX_ITEM_NAME or not all(_IDENTIFIER.fullmatch(part) for part in (domain, *parts)):
            raise InvalidReference(f"{domain[:80]}/{item[:80]} is not a name LN$FC$DO$DA in a domain")
        if len(parts) > 1 and parts[1] not in FunctionalConstraint.__members__:
            raise InvalidReference(f"{parts[1]} in {item} is not a functional constraint")
        fc = FunctionalConstraint(parts[1]) if len(parts) > 1 else None
        return cls(domain, parts[0] if parts else "", tuple(parts[2:]), fc).checked()

    def checked(self) -> Reference:
        """This reference, or InvalidReference if a name is longer than the standard allows."""
        if len(self.ld) > MAX_LD_NAME:
            raise InvalidReference(f"logical device name {self.ld!r} has more than {MAX_LD_NAME} characters")
        if self.ln and len(self.item_id) > MAX_ITEM_NAME:
            raise InvalidReference(f"{self.item_id} has more than {MAX_ITEM_NAME} characters")
        return self

    @property
    def item_id(self) -> str:
        """The MMS item name; with a path but no FC the name has no FC part and is good for display only."""
        parts = (self.ln, self.fc.value, *self.path) if self.fc else (self.ln, *self.path)
        return "$".join(parts)

    @property
    def without_fc(self) -> str:
        """``LD/LN.DO.DA`` as people write it."""
        if not self.ln:
            return self.ld
        return f"{self.ld}/{'.'.join((self.ln, *self.path))}"

    def with_fc(self, fc: FunctionalConstraint) -> Reference:
        """The same object under a functional constraint."""
        return replace(self, fc=fc)

    def child(self, *names: str) -> Reference:
        """The object ``names`` below this one; below a logical device the first name is the logical node."""
        if not self.ln:
            return Reference(self.ld, names[0], names[1:], self.fc)
        return replace(self, path=self.path + names)

    def __str__(self) -> str:
        return f"{self.without_fc}[{self.fc}]" if self.fc else self.without_fc

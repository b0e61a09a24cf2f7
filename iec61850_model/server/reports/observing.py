"""What a block watches, and which blocks a changed attribute concerns."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from iec61850_model.mms.pdu import Data
from iec61850_model.mms.xer.data import MAX_BITS
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Member
from iec61850_model.server.control import Client
from iec61850_model.tree import Change, Node, Tree
from iec61850_model.values import Trigger

MAX_MEMBERS = MAX_BITS
"""Members of a data set that is reported: each has a bit in the inclusion bit string."""


class MemberSource(Protocol):
    """The data sets of a server, as far as reports need them."""

    in_use: list[Callable[[str, str], bool]]
    in_use_of: list[Callable[[Client, str], bool]]

    def members(self, ld: str, item: str) -> tuple[Reference, ...] | None:
        """Of the data set ``LN$Name`` in a logical device; None if there is none."""
        ...

    def own_members(self, client: Client, item: str) -> tuple[Reference, ...] | None:
        """Of the data set ``@Name`` of a client's association; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """A data set as a block watches it: members, their references on the wire, where they are in the tree."""

    members: tuple[Reference, ...]
    references: tuple[str, ...]
    nodes: tuple[Node, ...]

    def all_now(self, reason: Trigger) -> tuple[Member, ...]:
        """Every member with its value now."""
        return tuple(Member(index, reason, node.data()) for index, node in enumerate(self.nodes))

    def content(self, dat_set: str, conf_rev: int) -> str:
        """What entries of it are of, for ``EntryBuffer.begin``."""
        text = "\n".join((dat_set, str(conf_rev), *self.references))
        return hashlib.sha256(text.encode()).hexdigest()


def watched(tree: Tree, members: tuple[Reference, ...] | None) -> Watched | None:
    """The members as they can be watched, None if there are none, too many, or one is not in the tree."""
    if not members or len(members) > MAX_MEMBERS:
        return None
    nodes = tuple(node for node in map(tree.find, members) if node is not None)
    if len(nodes) < len(members):
        return None
    return Watched(members, tuple(f"{one.ld}/{one.item_id}" for one in members), nodes)


class Listener(Protocol):
    """A block that listens to changes of its members."""

    @property
    def listening(self) -> Watched | None:
        """What it listens to now, None if to nothing."""
        ...

    @property
    def mask(self) -> int:
        """Which triggers it listens to."""
        ...


_L = TypeVar("_L", bound=Listener)
_REASONS = tuple(Trigger(bits) for bits in range(1 << 6))
"""Made once: a flag of flags is slow to make."""


class Index(Generic[_L]):
    """From an attribute to the members that hold it, for all that listen at the time it is made."""

    def __init__(self, listeners: Iterable[_L]) -> None:
        self._members: dict[Reference, list[tuple[_L, int]]] = defaultdict(list)
        for listener in listeners:
            listening = listener.listening
            for index, member in enumerate(listening.members if listening else ()):
                self._members[member].append((listener, index))
        self._known: dict[Reference, tuple[tuple[_L, int], ...]] = {}

    def heard(self, changes: Sequence[Change]) -> Iterator[tuple[_L, tuple[Member, ...]]]:
        """Whom the changes of one moment concern; members in order, with reasons and the values of now."""
        reasons: dict[_L, dict[int, int]] = {}
        for change in changes:
            triggers = int(change.triggers)
            for listener, index in self._places(change.attribute):
                reason = triggers & listener.mask
                if reason:
                    of_listener = reasons.setdefault(listener, {})
                    of_listener[index] = of_listener.get(index, 0) | reason
        values: dict[int, Data] = {}
        for listener, of_listener in reasons.items():
            listening = listener.listening
            assert listening is not None
            members = []
            for index in sorted(of_listener):
                node = listening.nodes[index]
                value = values.get(id(node))
                if value is None:
                    value = values[id(node)] = node.data()
                members.append(Member(index, _REASONS[of_listener[index]], value))
            yield listener, tuple(members)

    def _places(self, attribute: Reference) -> tuple[tuple[_L, int], ...]:
        """Remembered for each attribute of the model that changes, of which there are so many and no more."""
        known = self._known.get(attribute)
        if known is None:
            path = attribute.path
            holders = (
                Reference(attribute.ld, attribute.ln, path[:length], attribute.fc)
                for length in range(len(path) + 1)
            )
            known = tuple(place for holder in holders for place in self._members.get(holder, ()))
            self._known[attribute] = known
        return known

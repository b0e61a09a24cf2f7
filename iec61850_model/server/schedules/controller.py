"""One controlled data object: which of its schedules wins (7-4, FSCC; 90-10, 5.5.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.server.effects import Drive, Moment
from iec61850_model.server.schedules.plan import kind_of
from iec61850_model.server.schedules.schedule import NONE_NOW, Schedule, at_rest
from iec61850_model.tree import NoSuchNode, Tree, Update
from iec61850_model.values import GOOD, Quality


class Controller:
    """One FSCC with its schedules, in the order of their Schd."""

    def __init__(self, tree: Tree, node: Reference, schedules: Mapping[str, Schedule]) -> None:
        """Raises ValueError if CtlEnt or a Schd leads to nothing."""
        self.node = node
        self.controlled = _target(tree, node.child("CtlEnt"))
        if tree.cdc(self.controlled) is None:
            raise ValueError(f"{node}.CtlEnt: {self.controlled} is no data object of this model")
        names = sorted(
            (path[0] for path in _paths(tree, node) if re.fullmatch(r"Schd\d{1,4}", path[0], re.ASCII)),
            key=lambda name: int(name.removeprefix("Schd")),
        )
        self.schedules: list[Schedule] = []
        for name in names:
            wanted = str(_target(tree, node.child(name)))
            if wanted not in schedules:
                raise ValueError(f"{node}.{name}: {wanted} is no schedule (FSCH) of this model")
            self.schedules.append(schedules[wanted])
            schedules[wanted].controlled = self.controlled
        self._value = kind_of(tree, node).value
        self._driven = self._wanted()
        self._shown = self._facts()
        at_rest(tree, node, self._shown)

    @property
    def winner(self) -> Schedule | None:
        """Of the running schedules the one of highest priority; of equal ones that of the later start, then
        the first (90-10, 5.5.3; the last rule is ours)."""
        running = [one for one in self.schedules if one.run is not None]
        return max(running, key=_rank, default=None)

    def drive(self) -> Iterator[Drive]:
        """What the controlled object is to do, if that is another thing than before."""
        wanted = self._wanted()
        if wanted != self._driven:
            self._driven = wanted
            yield wanted

    def updates(self, moment: Moment) -> Iterator[Update]:
        """What the model shows otherwise than before."""
        facts = self._facts()
        for name, fact in facts.items():
            if self._shown[name] != fact:
                yield Update(self.node.child(name), *fact, moment.timestamp)
        self._shown = facts

    def _wanted(self) -> Drive:
        winner = self.winner
        if winner is None or winner.run is None:
            return Drive(self.controlled, None)
        return Drive(self.controlled, winner.run.value, winner.name, winner.run.until)

    def _facts(self) -> dict[str, tuple[object, Quality]]:
        winner = self.winner
        if winner is None or winner.run is None:
            return {"ActSchdRef": ("", NONE_NOW), self._value: (None, NONE_NOW)}
        return {"ActSchdRef": (winner.name, GOOD), self._value: (winner.run.value, GOOD)}


def _rank(schedule: Schedule) -> tuple[int, float]:
    assert schedule.plan is not None and schedule.run is not None
    return schedule.plan.priority, schedule.run.start


def _paths(tree: Tree, node: Reference) -> list[tuple[str, ...]]:
    found = tree.logical_node(node.ld, node.ln)
    return [path for path in found.cdcs if len(path) == 1] if found else []


def _target(tree: Tree, reference: Reference) -> Reference:
    try:
        return Reference.parse(str(tree.value_leaf(reference).value))
    except (NoSuchNode, InvalidReference) as error:
        raise ValueError(f"{reference}: {error}") from None

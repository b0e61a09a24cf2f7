"""All schedules of a server (7-4, FSCH and FSCC, Annex K; before that 90-10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo

from iec61850_model.reference import Reference
from iec61850_model.server.effects import Effect, Moment, Switch
from iec61850_model.server.schedules.controller import Controller
from iec61850_model.server.schedules.keeping import InMemory, Keeper, Kept
from iec61850_model.server.schedules.schedule import Schedule
from iec61850_model.server.schedules.states import EnablingError
from iec61850_model.tree import Tree, Update
from iec61850_model.types import Value
from iec61850_model.values import GOOD, AddCause, FunctionalConstraint

FC = FunctionalConstraint

SET_BACK = 60.0
"""Seconds a clock may be set back without any schedule noticing: it stays where it is until the time is there
again, so no relay is switched to and fro. One set back further was wrong before, and the new time counts."""


class Schedules:
    """The schedules of a tree and what they drive. I/O-free but for the keeper; time is passed in.

    Nothing starts, and nothing goes on after a restart, before the clock was synchronized once: a box without
    a clock of its own does not know which entry it is in. From then on the clock is taken as it is: losing
    its source of time ends no schedule. ``zone``: of the calendar in StrTm.setCal.
    """

    def __init__(self, tree: Tree, keeper: Keeper | None = None, zone: tzinfo = UTC) -> None:
        """Raises ValueError for a model in which a controller leads to nothing."""
        self._tree = tree
        self._keeper: Keeper = keeper or InMemory()
        nodes = [
            (Reference(device.name, ln), node.ln_class)
            for device in tree.devices.values()
            for ln, node in device.nodes.items()
        ]
        self._schedules = {
            str(node): Schedule(tree, node, zone) for node, ln_class in nodes if ln_class == "FSCH"
        }
        self.controllers = [
            Controller(tree, node, self._schedules) for node, ln_class in nodes if ln_class == "FSCC"
        ]
        self._known = False
        self._latest = 0.0
        self._next: float | None = None
        self._stale = True
        """The clock is another one than before: when something is due is not known."""
        self._kept: dict[str, Kept] = {}

    def restore(self, moment: Moment) -> None:
        """Go on with what was enabled before a restart; call it when the settings are in the model again.

        What the running ones ask for is told by the next ``tick``.
        """
        self._known = moment.synchronized or self._keeper.clock_known
        self._latest = moment.now
        now = moment.now if self._known else None
        updates: list[Update] = []
        for name, kept in self._keeper.kept().items():
            schedule = self._schedules.get(name)
            if schedule is not None:
                schedule.restore(kept, now)
                at = schedule.node.child("EnaReq")
                origin: dict[tuple[str, ...], Value] = {
                    ("origin", "orCat"): int(kept.or_cat),
                    ("origin", "orIdent"): kept.or_ident,
                }
                updates.append(Update(at, False, GOOD, moment.timestamp, origin))
        self._tree.update_all(updates)
        self._update(moment)
        self._keep()

    def takes(self, reference: Reference) -> bool:
        """It is a request to a schedule: EnaReq or DsaReq."""
        return (
            reference.path in (("EnaReq",), ("DsaReq",))
            and f"{reference.ld}/{reference.ln}" in self._schedules
        )

    def locked(self, reference: Reference) -> bool:
        """A setting of a schedule that is Ready or Running."""
        schedule = self._schedules.get(f"{reference.ld}/{reference.ln}")
        return schedule is not None and schedule.enabled

    def request(self, switch: Switch, moment: Moment) -> tuple[AddCause | None, list[Effect]]:
        """Carry out EnaReq or DsaReq; a cause says why not, and SchdEnaErr why a schedule is not enabled.

        A request for false asks for nothing: these objects are transient.
        """
        schedule = self._schedules[f"{switch.reference.ld}/{switch.reference.ln}"]
        if not switch.value:
            return None, []
        now = self._time(moment)
        cause = None
        if switch.reference.path == ("DsaReq",):
            schedule.disable()
            if not self._keep():
                cause = AddCause.BLOCKED_BY_HEALTH
        elif not schedule.enabled:
            schedule.owner = (switch.or_cat, switch.or_ident)
            if schedule.enable(now) is not EnablingError.NONE:
                cause = AddCause.INCONSISTENT_PARAMETERS
            elif not self._keep():
                cause = AddCause.BLOCKED_BY_HEALTH
                schedule.disable(EnablingError.OTHER)
        return cause, self._show(moment)

    def settled(self, references: Iterable[Reference], moment: Moment) -> list[Effect]:
        """Settings were written: a start time may be the one that a schedule waits for."""
        now = self._time(moment)
        for reference in references:
            schedule = self._schedules.get(f"{reference.ld}/{reference.ln}")
            if schedule is not None and (not reference.path or reference.path[0].startswith("StrTm")):
                schedule.start_given(now)
        self._keep()
        return self._show(moment)

    def tick(self, moment: Moment) -> list[Effect]:
        """Start, go to the next entry, end: whatever is due."""
        now = self._time(moment)
        if now is None or not (self._stale or (self._next is not None and now >= self._next)):
            return []
        self._stale = False
        for schedule in self._schedules.values():
            schedule.advance(now)
        self._keep()
        return self._show(moment)

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do, seconds since 1970 UTC; None: nothing is waiting."""
        return self._next if self._known else None

    def _time(self, moment: Moment) -> float | None:
        """The time to go by; None while nobody knows it."""
        if moment.synchronized and not self._known:
            self._known = self._stale = True
            self._latest = moment.now
        if not self._known:
            return None
        if self._latest - moment.now > SET_BACK:
            self._stale = True
        elif moment.now < self._latest:
            return self._latest
        self._latest = moment.now
        return self._latest

    def _keep(self) -> bool:
        """Keep what is enabled, if that is another thing than before."""
        found = {name: one.kept() for name, one in self._schedules.items()}
        kept = {name: one for name, one in found.items() if one is not None}
        if kept == self._kept and self._keeper.clock_known == self._known:
            return True
        done = self._keeper.keep(kept, clock_known=self._known)
        if done:
            self._kept = kept
        return done

    def _show(self, moment: Moment) -> list[Effect]:
        """Bring the model up to date; what is to be driven otherwise than before."""
        self._update(moment)
        return [drive for one in self.controllers for drive in one.drive()]

    def _update(self, moment: Moment) -> None:
        """Show in the model what changed, as one moment."""
        shown: list[Schedule | Controller] = [*self._schedules.values(), *self.controllers]
        self._tree.update_all([update for one in shown for update in one.updates(moment)])
        times = [one.next_change for one in self._schedules.values()]
        self._next = min((time for time in times if time is not None), default=None)

"""Whether the model lets a data object be controlled now, by whom and how (7-2 clause 20, 7-4 Annexes)."""

from __future__ import annotations

from iec61850_model.reference import Reference
from iec61850_model.server.control.command import Command
from iec61850_model.server.control.limits import (
    DEFAULT_OPER_TIMEOUT,
    DEFAULT_SBO_TIMEOUT,
    MAX_AGE,
    MAX_AHEAD,
    MAX_OPER_TIMEOUT,
    MAX_OPERTM_AHEAD,
    MAX_SBO_TIMEOUT,
)
from iec61850_model.server.effects import Moment
from iec61850_model.tree import Branch, Leaf, Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, AddCause, ControlModel, FunctionalConstraint, OrCat, Quality

FC = FunctionalConstraint
_BEH_ON, _BEH_TEST, _BEH_TEST_BLOCKED = 1, 3, 4
_STATION = frozenset({OrCat.STATION_CONTROL, OrCat.AUTOMATIC_STATION})
_REMOTE = frozenset({OrCat.REMOTE_CONTROL, OrCat.AUTOMATIC_REMOTE})
_NOBODY = frozenset({OrCat.NOT_SUPPORTED, OrCat.PROCESS})
"""What commands nothing: orCat not-supported says no level, process is a change without a command."""
_OPERATE_MANY = 1
_MILLISECONDS = 1000.0


class Rules:
    """The rules a model sets for its controls, as it stands at the moment they are asked."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    # --- how an object is controlled ----------------------------------------------------------------

    def model(self, reference: Reference) -> ControlModel:
        """ctlModel; an object without one has its status only."""
        value = self._config(reference, "ctlModel")
        return ControlModel(value) if isinstance(value, int) else ControlModel.STATUS_ONLY

    def sbo_timeout(self, reference: Reference) -> float:
        """Seconds a selection lasts (CF sboTimeout, milliseconds)."""
        return self._seconds(reference, "sboTimeout", DEFAULT_SBO_TIMEOUT, MAX_SBO_TIMEOUT)

    def oper_timeout(self, reference: Reference) -> float:
        """Seconds the process has to take a value (CF operTimeout, milliseconds)."""
        return self._seconds(reference, "operTimeout", DEFAULT_OPER_TIMEOUT, MAX_OPER_TIMEOUT)

    def operates_many(self, reference: Reference) -> bool:
        """A selection outlasts its operate (sboClass operate-many)."""
        return self._config(reference, "sboClass") == _OPERATE_MANY

    # --- whether it may be controlled now -----------------------------------------------------------

    def blocked(
        self, reference: Reference, or_cat: OrCat = OrCat.REMOTE_CONTROL, test: bool | None = None
    ) -> AddCause | None:
        """What stands against any command of this originator: the mode, the hierarchy or CmdBlk.

        ``test`` None: not yet known, as when Select is read.
        """
        if not self._mode_allows(reference, test):
            return AddCause.BLOCKED_BY_MODE
        if not self._level_allows(reference, or_cat):
            return AddCause.BLOCKED_BY_SWITCHING_HIERARCHY
        if reference.path != ("CmdBlk",) and self._status(reference, reference.ln, "CmdBlk") is True:
            return AddCause.BLOCKED_BY_COMMAND
        return None

    def command_refusal(self, command: Command, moment: Moment) -> AddCause | None:
        """What stands against this command: ``blocked``, the clock, its T and operTm, its value."""
        now = moment.now
        cause = self.blocked(command.reference, command.or_cat, command.test)
        if cause is not None:
            return cause
        if not moment.synchronized:
            return AddCause.BLOCKED_BY_HEALTH
        if not is_fresh(command, now):
            return AddCause.TIME_LIMIT_OVER
        if not command.at.is_zero and not now <= command.at.unix <= now + MAX_OPERTM_AHEAD:
            return AddCause.TIME_LIMIT_OVER
        return None if self._in_limits(command) else AddCause.INCONSISTENT_PARAMETERS

    def without_output(self, reference: Reference) -> bool:
        """In mode test/blocked a command is processed, and the process is left alone (7-4 Annex A)."""
        return self._behaviour(reference) == _BEH_TEST_BLOCKED

    def quality(self, reference: Reference) -> Quality:
        """Quality of a status after a command: in the test modes it says so (7-4 Annex A)."""
        return Quality.TEST if self._behaviour(reference) in (_BEH_TEST, _BEH_TEST_BLOCKED) else GOOD

    def _mode_allows(self, reference: Reference, test: bool | None) -> bool:
        """Test commands in the test modes, real ones in mode on only; Mod itself always, or no mode could be
        left (7-4 Annex A)."""
        if reference.path == ("Mod",):
            return True
        behaviour = self._behaviour(reference)
        allowed = {
            None: (_BEH_ON, _BEH_TEST, _BEH_TEST_BLOCKED),
            True: (_BEH_TEST, _BEH_TEST_BLOCKED),
            False: (_BEH_ON,),
        }
        return behaviour in allowed[test]

    def _level_allows(self, reference: Reference, or_cat: OrCat) -> bool:
        """Loc: who stands at the heat pump alone. LocSta: station or remote, not both, unless MltLev lets the
        lower level in too. A model without LocSta knows no station level apart from remote (7-4 Annex B)."""
        if or_cat in _NOBODY:
            return False
        if self._at_either(reference, "Loc") is True:
            return or_cat not in _STATION | _REMOTE
        station = self._at_either(reference, "LocSta")
        if station is None or reference.path == ("LocSta",):
            return True
        if station is True:
            return or_cat not in _REMOTE
        return or_cat not in _STATION or self._setting(reference, "MltLev") is True

    def _in_limits(self, command: Command) -> bool:
        """The value lies in minVal..maxVal of the data object (7-3, INC and APC)."""
        branch = self._tree.find(command.reference.with_fc(FC.CF))
        value = command.value
        if not isinstance(branch, Branch) or isinstance(value, bool) or not isinstance(value, int | float):
            return True
        low, high = (_limit(branch, name) for name in ("minVal", "maxVal"))
        return (low is None or value >= low) and (high is None or value <= high)

    # --- what the model says ------------------------------------------------------------------------

    def _config(self, reference: Reference, name: str) -> Value | None:
        branch = self._tree.find(reference.with_fc(FC.CF))
        leaf = branch.leaf(name) if isinstance(branch, Branch) else None
        return leaf.value if leaf else None

    def _seconds(self, reference: Reference, name: str, default: float, most: float) -> float:
        value = self._config(reference, name)
        return min(value / _MILLISECONDS, most) if isinstance(value, int) and value > 0 else default

    def _behaviour(self, reference: Reference) -> Value:
        found = self._status(reference, reference.ln, "Beh")
        return _BEH_ON if found is None else found

    def _at_either(self, reference: Reference, name: str) -> bool | None:
        """A switch of the logical node, or of its whole logical device; None: there is neither."""
        found = {self._status(reference, ln, name) for ln in (reference.ln, "LLN0")} - {None}
        return (True in found) if found else None

    def _setting(self, reference: Reference, name: str) -> Value | None:
        leaf = self._tree.find(Reference(reference.ld, "LLN0", (name, "setVal"), FC.SP))
        return leaf.value if isinstance(leaf, Leaf) else None

    def _status(self, reference: Reference, ln: str, name: str) -> Value | None:
        leaf = self._tree.find(Reference(reference.ld, ln, (name, "stVal"), FC.ST))
        return leaf.value if isinstance(leaf, Leaf) else None


def is_fresh(command: Command, now: float) -> bool:
    """T is neither too old nor too far ahead (DESIGN section 5)."""
    return now - MAX_AGE <= command.time.unix <= now + MAX_AHEAD


def _limit(branch: Branch, name: str) -> float | None:
    leaf = branch.leaf(name) or branch.leaf(name, "f")
    return leaf.value if leaf and isinstance(leaf.value, int | float) else None

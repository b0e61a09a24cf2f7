"""Whatever clients, process, time and links do: no command runs twice, nothing runs without its selection."""

from __future__ import annotations

from dataclasses import dataclass

from box_server import OTHER, SP
from control_models import OBJECTS, SBO_TIMEOUT, SELECT, STATE
from control_scene import ControlBox
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from iec61850_model.mms.pdu import ConfirmedResponse, Data, ReadResponse, WriteResponse
from iec61850_model.reference import Reference
from iec61850_model.server import Effect, Reply, Switch
from iec61850_model.server.control.limits import REMEMBERED
from iec61850_model.values import AddCause, ControlModel

SOFA = "agg7@hub.example.org/sofa"
PEERS = (SP, SOFA, OTHER)
PLACES = {place: model for model, place in OBJECTS.items()}
SELECTABLE = (SELECT, STATE)
VALUES = {
    model: (Data("integer", 2), Data("integer", 3))
    if model is ControlModel.SBO_ENHANCED
    else (Data("boolean", True), Data("boolean", False))
    for model in OBJECTS
}

peers, places = st.sampled_from(PEERS), st.sampled_from(sorted(PLACES))
numbers, choices = st.integers(0, 2), st.integers(0, 1)
ages, delays = st.sampled_from((0.0, 0.0, 5.0, 40.0)), st.sampled_from((0.0, 0.0, 0.0, 5.0, 45.0))


@dataclass(frozen=True)
class Selected:
    """What the test knows of a selection, by itself."""

    who: tuple[str, str]
    until: float
    command: object = None


class Machine(RuleBasedStateMachine):
    """Two providers, one of them with two resources, a process that obeys or does not, and a clock."""

    @initialize()
    def begins(self) -> None:
        self.box = ControlBox()
        self.associations = {SP: self.box.association}
        self.associations |= {peer: self.box.associate(peer=peer) for peer in (SOFA, OTHER)}
        self.said: list[tuple[str, str, Data, float]] = []
        self.selected: dict[str, Selected] = {}
        self.running: dict[int, Switch] = {}
        self.has: dict[str, object] = {}
        self.commands: dict[int, object] = {}
        self.waiting: dict[str, object] = {}
        self.done: dict[object, float] = {}
        self.cancelled: set[object] = set()

    # --- what is done -------------------------------------------------------------------------------

    @rule(peer=peers)
    def associates(self, peer: str) -> None:
        self._over(peer)
        self.associations[peer] = self.box.associate(peer=peer)

    @rule(peer=peers)
    def selects(self, peer: str) -> None:
        effects = self.box.select(SELECT, peer=peer, association=self.associations.get(peer))
        result = self._result(effects)
        if isinstance(result, Data) and result.value:
            self._note_selection(peer, SELECT, None)

    @rule(peer=peers, number=numbers, choice=choices)
    def selects_with_value(self, peer: str, number: int, choice: int) -> None:
        command = self.box.command(VALUES[ControlModel.SBO_ENHANCED][choice], number=number)
        if self._result(self._write(peer, STATE, "SBOw", command)) is None:
            self._note_selection(peer, STATE, command)

    @rule(peer=peers, place=places, number=numbers, choice=choices, age=ages, after=delays)
    def operates(self, peer: str, place: str, number: int, choice: int, age: float, after: float) -> None:
        value, at = VALUES[PLACES[place]][choice], self.box.moment.now - age
        self._operate(peer, place, self.box.command(value, number=number, time=at, after=after), after)

    @precondition(lambda self: self.selected)
    @rule(data=st.data(), number=numbers, after=delays, same=st.booleans())
    def the_holder_operates(self, data: st.DataObject, number: int, after: float, same: bool) -> None:
        place = data.draw(st.sampled_from(sorted(self.selected)))
        known = self.selected[place]
        if same and isinstance(known.command, Data):
            self._operate(known.who[0], place, known.command, 0)
        else:
            command = self.box.command(VALUES[PLACES[place]][0], number=number, after=after)
            self._operate(known.who[0], place, command, after)

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def a_client_repeats(self, data: st.DataObject) -> None:
        self._operate(*data.draw(st.sampled_from(self.said[-4:])))

    def _operate(self, peer: str, place: str, command: Data, after: float) -> None:
        self.said.append((peer, place, command, after))
        known = self.selected.get(place)
        identity = (peer.partition("/")[0], place, command)
        new = identity not in self.done and identity not in (*self.commands.values(), self.waiting.get(place))
        effects = self._write(peer, place, "Oper", command)
        switches = [one for one in effects if isinstance(one, Switch)]
        accepted = bool(switches) or self._result(effects) is None
        assert not (switches and not new), "a repeat was carried out"
        if accepted and new:
            self._check_selection(peer, place, command)
            if after:
                assert not switches and place not in self.waiting
                self.waiting[place] = identity
        known_yet = self.box.moment.now - self.done.get(identity, self.box.moment.now) <= REMEMBERED
        if (new or not known_yet) and place in SELECTABLE:
            # Accepted or not, an operate of its holder uses the selection up; a repeat known as one does not.
            mine = known is not None and known.who == (peer, self.associations.get(peer))
            if mine and (accepted or self.box.value(place, "stSeld") is False):
                self.selected.pop(place)
        for one in switches:
            self._started(one, identity)

    @rule(peer=peers, place=places, number=numbers)
    def cancels(self, peer: str, place: str, number: int) -> None:
        data = self.box.command(VALUES[PLACES[place]][0], number=number)
        assert isinstance(data.value, tuple)
        effects = self._write(peer, place, "Cancel", Data("structure", data.value[:-1]))
        assert not [one for one in effects if isinstance(one, Switch)]
        identity = (peer.partition("/")[0], place, data)
        # The same cancel again, T and all, is a repeat: it ends nothing that was commanded in between.
        if self._result(effects) is None and identity not in self.cancelled:
            self.cancelled.add(identity)
            self._end_of(peer.partition("/")[0], place)

    @rule(seconds=st.sampled_from((0.0, 1.0, 4.0, 19.0, 21.0, 61.0)))
    def time_goes_by(self, seconds: float) -> None:
        self._tick(seconds)

    def _tick(self, seconds: float) -> None:
        effects = self.box.wait(seconds)
        for one in effects:
            if isinstance(one, Switch):
                place = one.reference.without_fc
                assert place in self.waiting, "something began that nobody was waiting for"
                self._started(one, self.waiting.pop(place))
        for place in list(self.waiting):
            if self.box.server.controls._objects[Reference.parse(place)].pending is None:
                del self.waiting[place]

    @precondition(lambda self: self.running)
    @rule(data=st.data(), cause=st.sampled_from((None, None, AddCause.BLOCKED_BY_PROCESS)))
    def the_process_answers(self, data: st.DataObject, cause: AddCause | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        switch = self.running.pop(key)
        identity = self.commands.pop(key)
        self.box.server.switched(key, cause, self.box.moment)
        if cause is None:
            assert identity not in self.done, "a command was carried out twice"
            self.done[identity] = self.box.moment.now
            self.has[switch.reference.without_fc] = switch.value

    @rule(peer=peers)
    def a_client_goes(self, peer: str) -> None:
        self.box.server.peer_gone(peer, self.box.moment)
        self._over(peer)
        self.associations.pop(peer, None)

    @rule()
    def the_link_is_lost(self) -> None:
        self.box.server.link_lost(self.box.moment)
        self.associations.clear()
        self.selected.clear()

    @rule(peer=peers)
    def a_grant_ends(self, peer: str) -> None:
        bare = peer.partition("/")[0]
        self.box.server.withdraw(bare, self.box.moment)
        for place in PLACES:
            self._end_of(bare, place)

    # --- what has to hold ---------------------------------------------------------------------------

    @invariant()
    def one_command_runs_per_object(self) -> None:
        references = [switch.reference for switch in getattr(self, "running", {}).values()]
        assert len(references) == len(set(references))

    @invariant()
    def the_model_says_what_the_process_has(self) -> None:
        for place, value in getattr(self, "has", {}).items():
            assert self.box.value(place) == value

    @invariant()
    def no_selection_outlives_its_time(self) -> None:
        if not hasattr(self, "box"):
            return
        self._tick(0)
        for place in SELECTABLE:
            known = self.selected.get(place)
            holds = known is not None and self.box.moment.now < known.until
            assert self.box.value(place, "stSeld") is holds

    # --- what the test knows by itself --------------------------------------------------------------

    def _write(self, peer: str, place: str, service: str, command: Data) -> list[Effect]:
        return self.box.write_to(place, service, command, peer=peer, association=self.associations.get(peer))

    @staticmethod
    def _result(effects: list[Effect]) -> object:
        """The one result of the answer; ``...`` if there is none yet."""
        for one in effects:
            if isinstance(one, Reply) and isinstance(one.payload.pdu, ConfirmedResponse):
                service = one.payload.pdu.service
                assert isinstance(service, ReadResponse | WriteResponse)
                return service.results[0]
        return ...

    def _note_selection(self, peer: str, place: str, command: object) -> None:
        who, now = (peer, self.associations[peer]), self.box.moment.now
        held = self.selected.get(place)
        assert held is None or held.who == who or now >= held.until, "two clients have selected one object"
        self.selected[place] = Selected(who, now + SBO_TIMEOUT, command)

    def _check_selection(self, peer: str, place: str, command: Data) -> None:
        if place not in SELECTABLE:
            return
        known = self.selected.get(place)
        assert known is not None, "operated without a selection"
        assert known.who == (peer, self.associations[peer]), "operated on another's selection"
        assert self.box.moment.now < known.until, "operated after the end of the selection"
        if PLACES[place] is ControlModel.SBO_ENHANCED:
            assert command == known.command, "operated another value than was selected"

    def _started(self, switch: Switch, identity: object) -> None:
        assert identity not in self.done, "a command that was done began again"
        self.running[switch.key] = switch
        self.commands[switch.key] = identity

    def _over(self, peer: str) -> None:
        """What it had in the association that it has left, or lost, is gone."""
        if peer in self.associations:
            self.box.server.peer_gone(peer, self.box.moment)
        self.selected = {t: one for t, one in self.selected.items() if one.who[0] != peer}

    def _end_of(self, bare: str, place: str) -> None:
        known = self.selected.get(place)
        if known is not None and known.who[0].partition("/")[0] == bare:
            del self.selected[place]
        waiting = self.waiting.get(place)
        if isinstance(waiting, tuple) and waiting[0] == bare:
            del self.waiting[place]


TestControls = Machine.TestCase
TestControls.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

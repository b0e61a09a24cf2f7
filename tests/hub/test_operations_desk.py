"""What operations does in one box, as dialogues: an event, and what follows, whatever comes between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.operations.desk import FIRST_RETRY, LAST_RETRY, Desk, Stage
from hub.operations.events import (
    Ask,
    Clear,
    Disable,
    Done,
    Effect,
    FindSchedules,
    Finished,
    Found,
    Outcome,
    Queue,
    ReadStates,
    Refused,
    Request,
    SetPriority,
    States,
    Trouble,
    Unanswered,
    Withdraw,
)
from hub.operations.scripts import NO_SCHEDULES
from hub.registry import OpenSteering, SteeringState
from hub.roster import Right

EVU, SGR = "EvuFSCH2", "SgrFSCH2"
FOUND = Found((EVU, SGR))
NOT_READY, START_REQUIRED, READY, RUNNING = 1, 2, 3, 4
NO = Refused("object-access-denied")
LOST = Unanswered("no answer within 20 s")

PENDING = OpenSteering(
    7, 70, "agg", "hp0001", "box@x", frozenset({Right.SCHEDULE}), 2, 40, SteeringState.PENDING, False, ""
)
ENDING = replace(PENDING, key=6, grant=60, provider="old", state=SteeringState.ENDING)
COMMANDS = replace(
    ENDING, key=5, grant=50, slot=None, priority=None, rights=frozenset({Right.CONTROL, Right.READ})
)
BOTH = replace(ENDING, rights=frozenset({Right.CONTROL, Right.SCHEDULE}))


AT_REST = States({"EvuFSCH2": NOT_READY, "SgrFSCH2": START_REQUIRED})


def states(evu: int, sgr: int) -> States:
    return States({"EvuFSCH2": evu, "SgrFSCH2": sgr})


@dataclass
class Played:
    """A desk and what it asked last."""

    desk: Desk = field(default_factory=lambda: Desk(there=True))
    asked: Ask | None = None
    now: float = 0.0

    def take(self, *jobs: OpenSteering) -> list[object]:
        effects: list[object] = []
        for job in jobs:
            effects += self._seen(self.desk.take(job, self.now))
        return effects

    def turn(self) -> list[object]:
        return self._seen(self.desk.turn(self.now))

    def says(self, outcome: Outcome) -> list[object]:
        """The box answers what it was asked last."""
        assert self.asked is not None
        return self._seen(self.desk.answered(self.asked.attempt, outcome, self.now))

    def _seen(self, effects: list[Effect]) -> list[object]:
        """Requests stand for themselves: the number of the attempt is nobody's concern."""
        seen: list[object] = []
        for effect in effects:
            if isinstance(effect, Ask):
                self.asked = effect
                seen.append(effect.request)
            else:
                seen.append(effect)
        return seen


def begun(*jobs: OpenSteering) -> Played:
    played = Played()
    assert played.take(*jobs) == [Queue()]
    return played


# --- a grant begins --------------------------------------------------------------------------------


def test_a_slot_is_ready_when_the_box_has_confirmed_the_priority_of_all_its_schedules() -> None:
    box = begun(PENDING)
    assert box.turn() == [FindSchedules(2)]
    assert box.says(FOUND) == [ReadStates((EVU, SGR))]
    assert box.says(AT_REST) == [SetPriority((EVU, SGR), 40)]
    assert box.says(Done()) == [Finished(PENDING)]
    assert box.desk.jobs == {}


def test_a_slot_that_runs_before_it_is_anybodys_is_disabled_in_the_hubs_own_name() -> None:
    box = begun(PENDING)
    box.turn()
    box.says(FOUND)
    assert box.says(states(RUNNING, NOT_READY)) == [Disable(EVU, "")]
    assert box.says(Done()) == [ReadStates((EVU,))]
    assert box.says(AT_REST) == [SetPriority((EVU, SGR), 40)]


def test_a_box_without_schedules_makes_nothing_ready() -> None:
    box = begun(PENDING)
    box.turn()
    assert box.says(Found(())) == [Trouble(PENDING, NO_SCHEDULES)]
    assert (box.desk.stage, box.desk.due) == (Stage.WAITING, FIRST_RETRY)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_what_a_box_refuses_is_asked_again_less_and_less_often(step: int) -> None:
    box = begun(PENDING)
    expected = FIRST_RETRY
    for _ in range(12):
        box.turn()
        for answer in (FOUND, AT_REST)[:step]:
            box.says(answer)
        assert box.says(NO) == [Trouble(PENDING, "object-access-denied")]
        assert box.desk.due == box.now + expected
        assert box.desk.tick(box.now + expected - 0.1) == []
        box.now += expected
        assert box.desk.tick(box.now) == [Queue()]
        expected = min(expected * 2, LAST_RETRY)
    assert expected == LAST_RETRY


# --- a grant ends ----------------------------------------------------------------------------------


def test_what_is_enabled_is_disabled_in_the_providers_name_seen_to_be_so_and_cleared() -> None:
    box = begun(ENDING)
    assert box.turn() == [FindSchedules(2)]
    assert box.says(FOUND) == [ReadStates((EVU, SGR))]
    assert box.says(states(RUNNING, READY)) == [Disable(EVU, "old")]
    assert box.says(Done()) == [Disable(SGR, "old")]
    assert box.says(Done()) == [ReadStates((EVU, SGR))]
    assert box.says(states(NOT_READY, START_REQUIRED)) == [Clear((EVU, SGR))]
    assert box.says(Done()) == [Finished(ENDING)]


def test_what_is_at_rest_is_only_cleared() -> None:
    box = begun(ENDING)
    box.turn()
    box.says(FOUND)
    assert box.says(states(NOT_READY, START_REQUIRED)) == [Clear((EVU, SGR))]


def test_a_state_that_is_not_told_is_not_taken_for_rest() -> None:
    box = begun(ENDING)
    box.turn()
    box.says(FOUND)
    assert box.says(States({"EvuFSCH2": NOT_READY})) == [Disable(SGR, "old")]
    box.says(Done())
    assert box.says(States({})) == [Trouble(ENDING, "SgrFSCH2 still enabled")]


def test_one_schedule_that_does_not_obey_keeps_none_from_being_disabled() -> None:
    box = begun(ENDING)
    box.turn()
    box.says(FOUND)
    assert box.says(states(RUNNING, RUNNING)) == [Disable(EVU, "old")]
    assert box.says(NO) == [Disable(SGR, "old")]
    assert box.says(Done()) == [ReadStates((EVU, SGR))]
    assert box.says(states(RUNNING, NOT_READY)) == [
        Trouble(ENDING, "EvuFSCH2: object-access-denied; EvuFSCH2 still enabled")
    ]
    assert box.desk.jobs == {6: ENDING}


def test_a_box_that_does_not_clear_keeps_no_slot_taken() -> None:
    box = begun(ENDING)
    box.turn()
    box.says(FOUND)
    box.says(states(NOT_READY, NOT_READY))
    assert box.says(NO) == [Finished(ENDING)]


def test_commands_that_wait_for_their_time_are_ended() -> None:
    box = begun(COMMANDS)
    assert box.turn() == [Withdraw("old")]
    assert box.says(Done()) == [Finished(COMMANDS)]


def test_schedules_first_then_commands_then_the_traces() -> None:
    box = begun(BOTH)
    box.turn()
    box.says(FOUND)
    assert box.says(states(RUNNING, NOT_READY)) == [Disable(EVU, "old")]
    assert box.says(Done()) == [ReadStates((EVU,))]
    assert box.says(states(NOT_READY, NOT_READY)) == [Withdraw("old")]
    assert box.says(Done()) == [Clear((EVU, SGR))]
    assert box.says(Done()) == [Finished(BOTH)]


def test_commands_are_ended_even_if_schedules_cannot_be() -> None:
    box = begun(BOTH)
    box.turn()
    assert box.says(NO) == [Withdraw("old")]
    assert box.says(Done()) == [Trouble(BOTH, "object-access-denied")]


def test_where_there_are_no_schedules_there_is_nothing_to_disable() -> None:
    box = begun(ENDING)
    box.turn()
    assert box.says(Found(())) == [Finished(ENDING)]


# --- order, and coming and going -------------------------------------------------------------------


def test_what_ends_comes_before_what_begins() -> None:
    box = Played(Desk())
    assert box.take(PENDING, ENDING, COMMANDS) == []
    assert box.desk.stage is Stage.AWAY
    assert box.desk.here(0.0) == [Queue()]
    assert box.turn() == [Withdraw("old")]
    assert box.says(Done()) == [Finished(COMMANDS), FindSchedules(2)]
    box.says(FOUND)
    box.says(states(NOT_READY, NOT_READY))
    assert box.says(Done()) == [Finished(ENDING), FindSchedules(2)]
    box.says(FOUND)
    box.says(AT_REST)
    assert box.says(Done()) == [Finished(PENDING)]


def test_trouble_with_one_job_keeps_no_other_waiting() -> None:
    box = begun(ENDING)
    box.take(PENDING)
    box.turn()
    box.says(FOUND)
    assert box.says(NO) == [Trouble(ENDING, "object-access-denied"), FindSchedules(2)]
    box.says(FOUND)
    box.says(AT_REST)
    assert box.says(Done()) == [Finished(PENDING)]
    assert (box.desk.stage, box.desk.jobs) == (Stage.WAITING, {6: ENDING})


def test_without_an_answer_the_round_is_over_and_begins_anew_later() -> None:
    box = begun(ENDING)
    box.take(PENDING)
    box.turn()
    box.says(FOUND)
    assert box.says(LOST) == [Trouble(ENDING, LOST.reason)]
    assert box.desk.tick(FIRST_RETRY) == [Queue()]
    assert box.turn() == [FindSchedules(2)]


def test_a_box_that_goes_is_left_alone_and_begun_with_at_once_when_it_comes() -> None:
    box = begun(ENDING)
    box.turn()
    box.desk.away()
    assert box.says(FOUND) == []
    assert box.desk.tick(1e9) == []
    assert box.turn() == []
    assert box.desk.here(1.0) == [Queue()]
    assert box.desk.here(1.0) == []
    assert box.turn() == [FindSchedules(2)]


def test_a_grant_that_ends_while_it_begins_is_ended() -> None:
    box = begun(PENDING)
    box.turn()
    before = box.asked
    assert before is not None
    ended = replace(PENDING, state=SteeringState.ENDING)
    assert box.take(ended) == [Queue()]
    assert box.desk.answered(before.attempt, FOUND, 0.0) == [], "of what was asked for another purpose"
    box.turn()
    assert box.says(FOUND) == [ReadStates((EVU, SGR))]


def test_what_comes_while_others_are_under_way_takes_its_place_among_them() -> None:
    box = begun(PENDING)
    box.take(replace(PENDING, key=8))
    box.turn()
    assert box.take(ENDING) == []
    box.says(FOUND)
    box.says(AT_REST)
    assert box.says(Done()) == [Finished(PENDING), FindSchedules(2)]
    assert box.says(FOUND) == [ReadStates((EVU, SGR))], "the one that ends"


def test_what_is_given_up_is_asked_of_no_box() -> None:
    gone = replace(ENDING, state=SteeringState.GIVEN_UP)
    away = Played(Desk())
    away.take(ENDING)
    assert away.take(gone) == [Finished(gone)]
    under_way = begun(ENDING)
    under_way.take(PENDING)
    under_way.turn()
    assert under_way.take(gone) == [Finished(gone), FindSchedules(2)]
    assert under_way.desk.jobs == {7: PENDING}


# --- whatever happens ------------------------------------------------------------------------------


@dataclass
class PretendedBox:
    """Does what it is asked, if it hears it; its answer may be lost. Slot 2 has two schedules."""

    enabled: dict[str, bool]
    waiting: set[str]
    priority: dict[str, int] = field(default_factory=dict)

    def does(self, request: Request) -> Outcome:
        match request:
            case FindSchedules():
                return FOUND
            case SetPriority(schedules, priority):
                self.priority |= dict.fromkeys(schedules, priority)
            case ReadStates(schedules):
                return States({one: RUNNING if self.enabled[one] else NOT_READY for one in schedules})
            case Disable(schedule, _):
                self.enabled[schedule] = False
            case Withdraw(provider):
                self.waiting.discard(provider)
        return Done()


EVENTS = st.sampled_from(
    ["answer", "answer", "answer", "lost", "unheard", "refused", "gone", "killed", "late"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=60), st.booleans(), st.booleans())
def test_whatever_is_cut_or_killed_what_is_finished_is_true(events: list[str], evu: bool, sgr: bool) -> None:
    """The registry keeps only what is finished. In the end all is done, and nothing was said to be before."""
    box = PretendedBox({"EvuFSCH2": evu, "SgrFSCH2": sgr}, {"old"})
    left = {6: BOTH, 7: PENDING}
    played = Played()
    effects = played.take(*left.values())
    for event in [*events, *["answer"] * 40]:
        played.now += LAST_RETRY
        match event:
            case "killed":
                played = Played()
                effects = played.take(*left.values())
            case "gone":
                played.desk.away()
                effects = list(played.desk.here(played.now))
            case _ if effects and isinstance(effects[-1], Queue):
                effects = played.turn()
            case _ if not effects or not isinstance(effects[-1], Request):
                effects = list(played.desk.tick(played.now))
            case "late":
                assert played.asked is not None
                assert played.desk.answered(played.asked.attempt - 1, Done(), played.now) == []
                continue
            case "unheard":
                effects = played.says(LOST)
            case "lost":
                box.does(effects[-1])
                effects = played.says(LOST)
            case "refused":
                effects = played.says(NO)
            case _:
                effects = played.says(box.does(effects[-1]))
        for effect in effects:
            if isinstance(effect, Finished):
                del left[effect.job.key]
                if effect.job is BOTH:
                    assert not any(box.enabled.values())
                    assert not box.waiting
                else:
                    assert box.priority == {"EvuFSCH2": 40, "SgrFSCH2": 40}
    assert left == {}

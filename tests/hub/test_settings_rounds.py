"""When settings are read and restored, as dialogues: the registry says, time goes on, a box answers or
not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hub.operations.rounds import (
    FIRST_RETRY,
    LAST_RETRY,
    MAX_REFUSALS,
    READ_AFTER_WRITING,
    READ_EVERY,
    Begin,
    SettingsRounds,
    Work,
)
from hub.registry.settings_work import SETTLED, SettingsTask

NOW = 1_800_000_000.0
NEW = SettingsTask("hp1", online=True)
READ = replace(NEW, read_at=NOW - 100)
WANTED = replace(NEW, since=NOW - 60, restore=NOW - 60)


def begun(rounds: SettingsRounds, now: float) -> list[Begin]:
    return list(rounds.due(now, 10))


def one(rounds: SettingsRounds, now: float) -> Begin:
    (found,) = begun(rounds, now)
    return found


def told(*tasks: SettingsTask) -> SettingsRounds:
    rounds = SettingsRounds()
    for task in tasks:
        rounds.told(task)
    return rounds


def test_a_box_that_was_never_read_is_read_at_once_and_then_once_a_day() -> None:
    rounds = told(NEW)
    first = one(rounds, NOW)
    assert first.work is Work.READ
    assert begun(rounds, NOW + 10 * READ_EVERY) == [], "one thing at a time"
    assert rounds.read(first, NOW, NOW + 1)
    assert begun(rounds, NOW + READ_EVERY - 1) == []
    assert one(rounds, NOW + READ_EVERY).work is Work.READ


def test_one_that_comes_again_is_not_read_again_the_same_day() -> None:
    rounds = told(READ, replace(READ, online=False), READ)
    assert begun(rounds, NOW) == []
    assert one(rounds, NOW - 100 + READ_EVERY).work is Work.READ


def test_what_was_written_is_read_but_not_more_often_than_every_ten_minutes() -> None:
    rounds = told(READ, replace(READ, written=1))
    assert begun(rounds, NOW - 101 + READ_AFTER_WRITING) == []
    first = one(rounds, NOW - 100 + READ_AFTER_WRITING)
    rounds.told(replace(READ, written=2))
    at = NOW + READ_AFTER_WRITING
    assert rounds.read(first, at, at)
    rounds.told(replace(READ, written=2))
    assert begun(rounds, at + READ_AFTER_WRITING - 1) == []
    assert one(rounds, at + READ_AFTER_WRITING).task.written == 2


def test_a_box_that_is_away_is_left_alone_and_what_it_said_before_does_not_count() -> None:
    rounds = told(NEW)
    first = one(rounds, NOW)
    rounds.told(replace(NEW, online=False))
    assert len(rounds) == 0
    assert not rounds.read(first, NOW, NOW + 1)
    rounds.told(NEW)
    assert not rounds.read(first, NOW, NOW + 1)
    assert one(rounds, NOW).work is Work.READ


def test_no_answer_is_tried_again_later_each_time() -> None:
    rounds, now, pauses = told(NEW), NOW, [0.0]
    for _ in range(12):
        found = begun(rounds, now)
        while not found:
            now, pauses[-1] = now + FIRST_RETRY, pauses[-1] + FIRST_RETRY
            found = begun(rounds, now)
        pauses.append(0.0)
        assert not rounds.read(found[0], None, now)
    assert pauses[1:5] == [5.0, 10.0, 20.0, 40.0]
    assert pauses[-2] == LAST_RETRY
    rounds.told(replace(NEW, online=False))
    rounds.told(NEW)
    assert one(rounds, now).work is Work.READ, "who comes again is asked at once"


def test_another_box_is_asked_when_no_router_takes_the_former_one_for_it() -> None:
    rounds = told(READ)
    new = replace(NEW, since=NOW)
    rounds.told(new)
    assert begun(rounds, NOW + SETTLED - 0.1) == []
    assert one(rounds, NOW + SETTLED).task == new


def test_a_reading_under_way_in_the_former_box_does_not_count() -> None:
    rounds = told(NEW)
    first = one(rounds, NOW)
    rounds.told(replace(NEW, since=NOW + 1))
    assert not rounds.read(first, NOW, NOW + 2)


def test_what_is_kept_is_written_before_anything_is_read_and_read_afterwards() -> None:
    rounds = told(WANTED)
    first = one(rounds, NOW)
    assert first.work is Work.RESTORE
    assert rounds.is_last(first, refused=False)
    rounds.restored(first, done=True, refused=False, now=NOW)
    assert one(rounds, NOW).work is Work.READ


def test_a_box_that_refuses_is_asked_again_some_times_and_one_that_is_silent_for_ever() -> None:
    rounds, now, refusals = told(WANTED), NOW, 0
    while True:
        found = one(rounds, now)
        rounds.restored(found, done=False, refused=False, now=now)  # no answer
        now += LAST_RETRY
        found = one(rounds, now)
        refusals += 1
        if done := rounds.is_last(found, refused=True):
            break
        rounds.restored(found, done=done, refused=True, now=now)
        now += LAST_RETRY
    assert refusals == MAX_REFUSALS


def test_asked_once_more_it_begins_anew_though_the_last_time_is_under_way() -> None:
    rounds = told(WANTED)
    first = one(rounds, NOW)
    rounds.told(replace(WANTED, restore=NOW))
    rounds.restored(first, done=True, refused=False, now=NOW)
    again = one(rounds, NOW + FIRST_RETRY)
    assert (again.work, again.task.restore) == (Work.RESTORE, NOW)


def test_no_more_than_there_is_room_for() -> None:
    rounds = told(*(replace(NEW, heat_pump=f"hp{number}") for number in range(5)))
    assert len(list(rounds.due(NOW, 2))) == 2
    assert len(list(rounds.due(NOW, 9))) == 3


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["here", "away", "replaced", "written", "restore", "read", "lost", "done", "wait"]),
        st.floats(0, 2_000),
    ),
    max_size=60,
)


@given(_EVENTS)
def test_whatever_comes_a_box_that_is_there_is_never_forgotten(events: list[tuple[str, float]]) -> None:
    rounds, task, now = SettingsRounds(), NEW, NOW
    under_way: list[Begin] = []
    rounds.told(task)
    for what, pause in events:
        now += pause
        match what:
            case "here" | "away":
                task = replace(task, online=what == "here")
            case "replaced":
                task = replace(task, since=now, read_at=None)
            case "written":
                task = replace(task, written=task.written + 1)
            case "restore":
                task = replace(task, restore=now)
        if what in ("here", "away", "replaced", "written", "restore"):
            rounds.told(task)
        under_way += begun(rounds, now)
        if what in ("read", "lost", "done") and under_way:
            first = under_way.pop(0)
            if first.work is Work.READ:
                rounds.read(first, None if what == "lost" else now, now)
            else:
                rounds.restored(first, done=what == "done", refused=False, now=now)
    rounds.told(replace(task, online=True))
    for first in under_way:
        rounds.read(first, None, now) if first.work is Work.READ else rounds.restored(
            first, done=False, refused=False, now=now
        )
    assert begun(rounds, now + 2 * READ_EVERY)

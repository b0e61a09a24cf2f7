"""Shares and outstanding requests, with time passed in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.limits import ANSWER_WITHIN, MAX_COUNTED, Outstanding, Share, Shares


def test_a_burst_then_the_rate() -> None:
    shares = Shares(Share(rate=10, burst=5))
    assert [shares.take("a", 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert not shares.take("a", 0.05)
    assert shares.take("a", 0.15)
    assert not shares.take("a", 0.15)


def test_one_sender_does_not_use_up_the_share_of_another() -> None:
    shares = Shares(Share(rate=1, burst=1))
    assert shares.take("a", 0.0)
    assert not shares.take("a", 0.0)
    assert shares.take("b", 0.0)


def test_a_clock_set_back_neither_gives_nor_takes() -> None:
    shares = Shares(Share(rate=1, burst=2))
    assert shares.take("a", 100.0)
    assert shares.take("a", 50.0)
    assert not shares.take("a", 50.0)
    assert shares.take("a", 51.5)


def test_the_silent_are_forgotten_and_the_busy_are_not() -> None:
    shares = Shares(Share(rate=1, burst=10))
    shares.take("silent", 0.0)
    shares.take("busy", 9.0)
    shares.sweep(10.5)
    assert len(shares) == 1
    assert [shares.take("busy", 10.5) for _ in range(11)].count(True) == 10


def test_any_number_of_senders_takes_bounded_memory() -> None:
    shares = Shares(Share(rate=1, burst=1))
    for number in range(MAX_COUNTED + 10):
        shares.take(str(number), 0.0)
    assert len(shares) == MAX_COUNTED


@given(st.lists(st.floats(min_value=0, max_value=2), max_size=200), st.integers(1, 20), st.integers(1, 50))
def test_never_more_than_burst_and_rate_allow(pauses: list[float], rate: int, burst: int) -> None:
    shares = Shares(Share(rate, burst))
    now, let_through = 0.0, 0
    for pause in pauses:
        now += pause
        let_through += shares.take("a", now)
    assert let_through <= burst + rate * now + 1e-6


def test_so_many_answers_may_be_waited_for() -> None:
    outstanding = Outstanding(most=2)
    assert outstanding.asked("agg", 1, 0.0)
    assert outstanding.asked("agg", 2, 0.0)
    assert not outstanding.asked("agg", 3, 0.0)
    assert outstanding.asked("other", 3, 0.0)
    outstanding.answered("agg", 1)
    assert outstanding.asked("agg", 3, 0.0)
    assert outstanding.count("agg") == 2


def test_a_repeat_is_the_same_request() -> None:
    outstanding = Outstanding(most=1)
    assert outstanding.asked("agg", 1, 0.0)
    assert outstanding.asked("agg", 1, 5.0)
    assert outstanding.count("agg") == 1


def test_what_is_never_answered_is_not_held_against_anybody_for_ever() -> None:
    outstanding = Outstanding(most=1)
    assert outstanding.asked("agg", 1, 0.0)
    assert not outstanding.asked("agg", 2, ANSWER_WITHIN)
    assert outstanding.asked("agg", 2, ANSWER_WITHIN + 0.1)


def test_answers_nobody_waits_for_change_nothing() -> None:
    outstanding = Outstanding(most=1)
    outstanding.answered("agg", 1)
    assert outstanding.count("agg") == 0

"""When a box renews its certificate."""

from __future__ import annotations

from iec61850_model.enrolment.plan import FIRST_RETRY, LAST_RETRY, Plan

DAY = 86_400.0


def test_it_renews_when_two_thirds_are_over() -> None:
    plan = Plan(0.0, 30 * DAY)
    assert not plan.due(20 * DAY - 1) and plan.due(20 * DAY)
    assert not plan.expired(30 * DAY - 1) and plan.expired(30 * DAY)


def test_it_tries_again_ever_more_slowly_and_often_enough() -> None:
    plan, now, attempts = Plan(0.0, 30 * DAY), 20 * DAY, 0
    plan.failed(now)
    assert not plan.due(now + FIRST_RETRY - 1) and plan.due(now + FIRST_RETRY)
    while now < 30 * DAY:
        now += 60.0
        if plan.due(now):
            plan.failed(now)
            attempts += 1
    assert 50 < attempts < 80
    assert plan.due(now + LAST_RETRY)


def test_a_box_whose_clock_is_behind_learns_it_from_the_refused_login() -> None:
    plan = Plan(0.0, 30 * DAY)
    assert not plan.due(DAY)
    plan.refused(DAY)
    assert plan.due(DAY) and plan.expired(DAY)
    plan.failed(DAY)
    plan.refused(DAY + 1)
    assert not plan.due(DAY + 1), "a box that is shut out does not ask with every attempt to log in"

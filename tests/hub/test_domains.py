"""Domains are asked for a sign of life; what comes back, and what does not, says whether they are there."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hub.domains import ASK_EVERY, MAX_ASKED_AT_ONCE, SILENT_AFTER, Domains
from hub.roster import Changes, HeatPump, Provider, Roster
from hub.stanzas import Condition, Stanza, error, stanza

NOW = 1_800_000_000.0
HUB, MAKER, THIRD = "hub.example.org", "maker.example", "aggregator.example"


def questions(domains: Domains, now: float, *names: str) -> list[Stanza]:
    return [Stanza.of(ElementTree.fromstring(xml)) for xml in domains.ask(names, now)]


def result(question: Stanza) -> Stanza:
    return Stanza("iq", "result", question.id, question.to, HUB)


def refused(question: Stanza, condition: Condition) -> Stanza:
    return Stanza.of(ElementTree.fromstring(error("iq", question.id, question.to, HUB, condition)))


def test_each_domain_is_asked_in_turn_and_not_too_often() -> None:
    domains = Domains(HUB)
    assert [(one.to, one.sender, one.type) for one in questions(domains, NOW, MAKER, THIRD)] == [
        (MAKER, HUB, "get"),
        (THIRD, HUB, "get"),
    ]
    assert questions(domains, NOW + ASK_EVERY - 1, MAKER, THIRD) == []
    assert [one.to for one in questions(domains, NOW + ASK_EVERY, MAKER)] == [MAKER]


def test_many_domains_are_asked_a_handful_at_a_time_and_none_is_left_out() -> None:
    domains, names = Domains(HUB), [f"d{number}.example" for number in range(2 * MAX_ASKED_AT_ONCE + 1)]
    turns = [{one.to for one in questions(domains, NOW + second, *names)} for second in range(3)]
    assert [len(turn) for turn in turns] == [MAX_ASKED_AT_ONCE, MAX_ASKED_AT_ONCE, 1]
    assert set.union(*turns) == set(names)


@pytest.mark.parametrize("condition", [Condition.SERVICE_UNAVAILABLE, Condition.FEATURE_NOT_IMPLEMENTED])
def test_a_server_without_ping_is_there(condition: Condition) -> None:
    domains = Domains(HUB)
    (question,) = questions(domains, NOW, MAKER)
    assert domains.answered(refused(question, condition)) is None
    assert domains.silent(NOW + SILENT_AFTER) == []


@pytest.mark.parametrize(
    "condition",
    [Condition.REMOTE_SERVER_NOT_FOUND, Condition.REMOTE_SERVER_TIMEOUT, Condition.RECIPIENT_UNAVAILABLE],
)
def test_the_own_server_says_that_a_domain_cannot_be_reached_and_it_comes_back(condition: Condition) -> None:
    domains = Domains(HUB)
    (question,) = questions(domains, NOW, MAKER)
    assert domains.is_answer(refused(question, condition))
    assert domains.answered(refused(question, condition)) is False
    assert domains.answered(refused(question, condition)) is None, "each change is told once"
    assert domains.unreachable == [MAKER]
    assert domains.silent(NOW + SILENT_AFTER) == []
    (again,) = questions(domains, NOW + ASK_EVERY, MAKER)
    assert domains.answered(result(again)) is True
    assert domains.unreachable == []


def test_silence_is_counted_from_the_first_question_without_an_answer() -> None:
    domains = Domains(HUB)
    (question,) = questions(domains, NOW, MAKER)
    assert domains.answered(result(question)) is None
    questions(domains, NOW + ASK_EVERY, MAKER)
    questions(domains, NOW + 2 * ASK_EVERY, MAKER)
    assert domains.silent(NOW + ASK_EVERY + SILENT_AFTER - 1) == []
    assert domains.silent(NOW + ASK_EVERY + SILENT_AFTER) == [MAKER]
    assert domains.silent(NOW + 2 * SILENT_AFTER) == []
    (late,) = questions(domains, NOW + 3 * ASK_EVERY, MAKER)
    assert domains.answered(result(late)) is True


def test_only_who_knows_the_question_can_answer_and_only_for_itself() -> None:
    """An account of the domain, or another domain, says nothing about it."""
    domains, other = Domains(HUB), Domains(HUB)
    (question,) = questions(domains, NOW, MAKER)
    (of_other,) = questions(other, NOW, MAKER)
    assert not domains.is_answer(result(of_other))
    gone = Condition.REMOTE_SERVER_NOT_FOUND
    for liar in (THIRD, f"box@{MAKER}", f"box@{MAKER}/IEC"):
        assert domains.answered(refused(question, gone)._replace(sender=liar)) is None
    assert domains.unreachable == []


def test_a_request_with_the_same_id_is_no_answer() -> None:
    domains = Domains(HUB)
    (question,) = questions(domains, NOW, MAKER)
    asked = stanza("iq", "get", question.id, MAKER, HUB, "<x/>")
    assert not domains.is_answer(Stanza.of(ElementTree.fromstring(asked)))


def test_a_domain_that_nobody_is_at_home_in_any_more_is_forgotten() -> None:
    domains = Domains(HUB)
    (question,) = questions(domains, NOW, MAKER)
    domains.answered(refused(question, Condition.REMOTE_SERVER_NOT_FOUND))
    assert questions(domains, NOW + 1) == []
    assert domains.unreachable == []
    assert domains.answered(result(question)) is None


def test_the_roster_counts_who_is_at_home_where() -> None:
    roster = Roster()
    boxes = (HeatPump("hp1", f"a@{MAKER}"), HeatPump("hp2", f"b@{MAKER}"))
    roster.apply(Changes(1, boxes, (Provider("agg", f"control@{THIRD}"),)))
    assert roster.domains == {MAKER: 2, THIRD: 1}
    roster.apply(Changes(2, heat_pumps=(boxes[0],), removed_heat_pumps=("hp2", "hp2")))
    assert roster.domains == {MAKER: 1, THIRD: 1}
    roster.apply(Changes(3, removed_heat_pumps=("hp1",), removed_providers=("agg", "unknown")))
    assert roster.domains == {}

"""The room of ad-hoc commands by itself: sessions, their bounds and their ends; nothing is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.listing import INFO_NS, ITEMS_NS
from hub.operations.commands.command import Command, Done
from hub.operations.commands.forms import FORMS_NS, Field, Form, Values
from hub.operations.commands.office import Office
from hub.operations.commands.roles import Role
from hub.operations.commands.room import MAX_SESSIONS, MAX_SESSIONS_OF_ONE, SESSION_LASTS, Room, Work
from hub.operations.commands.wire import COMMANDS_NS
from hub.registry.operators import Caller
from hub.stanzas import Stanza

AGG = Caller(provider="agg")
FORM = Form("Test", (Field("a", "A"),))


async def _ask(_office: Office, _caller: Caller, _values: Values) -> Form:
    return FORM


async def _do(_office: Office, _caller: Caller, _values: Values) -> Done:
    return Done("done")


def made(stages: int = 1) -> Room:
    numbers: Iterator[int] = count(1)
    command = Command("test", "Test", frozenset({Role.PROVIDER}), _do, (_ask,) * stages)
    return Room([command], lambda: f"s{next(numbers)}")


def iq(
    sender: str = "a@x.example/1", session: str = "", action: str = "execute", node: str = "test"
) -> Stanza:
    at = f' sessionid="{session}"' if session else ""
    xml = f'<command xmlns="{COMMANDS_NS}" node="{node}" action="{action}"{at}/>'
    return Stanza("iq", "set", "i", sender, "ops.hub", (ElementTree.fromstring(xml),))


def begin(room: Room, sender: str = "a@x.example/1", now: float = 0.0) -> str:
    work = room.take(iq(sender), AGG, now)
    assert isinstance(work, Work)
    answer = room.went(work, FORM, now)
    assert isinstance(answer, str)
    return answer.partition('sessionid="')[2].partition('"')[0]


def conditions(answer: str | Work) -> list[str]:
    assert isinstance(answer, str)
    (error,) = ElementTree.fromstring(answer)
    return [one.tag.rpartition("}")[2] for one in error]


def test_a_session_is_over_when_nobody_goes_on_with_it() -> None:
    room = made()
    session = begin(room)
    room.take(iq(session=session, action="prev"), AGG, SESSION_LASTS - 1)
    late = room.take(iq(session=session), AGG, 2 * SESSION_LASTS)
    assert conditions(late) == ["not-allowed", "session-expired"]
    begin(room, now=0.0)
    room.tick(SESSION_LASTS + 1)
    assert len(room) == 0


def test_a_session_is_its_clients_alone() -> None:
    room = made()
    session = begin(room, "a@x.example/1")
    for other in ("a@x.example/2", "b@x.example/1"):
        assert conditions(room.take(iq(other, session), AGG, 1.0)) == ["bad-request", "bad-sessionid"]
    assert conditions(room.take(iq(session="made-up"), AGG, 1.0)) == ["bad-request", "bad-sessionid"]


def test_one_account_has_few_sessions_and_its_oldest_makes_room() -> None:
    room = made()
    sessions = [begin(room, f"a@x.example/{number}") for number in range(MAX_SESSIONS_OF_ONE + 1)]
    assert len(room) == MAX_SESSIONS_OF_ONE
    assert conditions(room.take(iq("a@x.example/0", sessions[0]), AGG, 1.0))[1:] == ["bad-sessionid"]


def test_sessions_in_which_something_is_done_are_not_thrown_out() -> None:
    room = made()
    for number in range(MAX_SESSIONS_OF_ONE):
        assert isinstance(room.take(iq(f"a@x.example/{number}"), AGG, 0.0), Work)
    assert conditions(room.take(iq("a@x.example/z"), AGG, 9 * SESSION_LASTS)) == ["resource-constraint"]


def test_all_together_have_so_many_sessions() -> None:
    room = made()
    for number in range(MAX_SESSIONS):
        begin(room, f"a{number}@x.example/1")
    assert conditions(room.take(iq("one-more@x.example/1"), AGG, 1.0)) == ["resource-constraint"]
    begin(room, "one-more@x.example/1", SESSION_LASTS + 1)


def test_a_second_stanza_while_one_is_being_answered_has_to_wait() -> None:
    room = made()
    session = begin(room)
    assert isinstance(room.take(iq(session=session), AGG, 1.0), Work)
    assert conditions(room.take(iq(session=session), AGG, 1.0)) == ["unexpected-request"]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("fly", ["bad-request", "malformed-action"]),
        ("next", ["bad-request", "bad-sessionid"]),
        ("cancel", ["bad-request", "bad-sessionid"]),
    ],
)
def test_an_action_that_does_not_fit_is_refused(action: str, said: list[str]) -> None:
    assert conditions(made().take(iq(action=action), AGG, 0.0)) == said


def test_execute_in_a_session_does_what_it_says_is_usual() -> None:
    room = made(stages=2)
    session = begin(room)
    work = room.take(iq(session=session), AGG, 1.0)
    assert isinstance(work, Work)
    assert work.stage == 1
    room.went(work, FORM, 1.0)
    work = room.take(iq(session=session), AGG, 1.0)
    assert isinstance(work, Work)
    assert work.stage is None, "the last form was filled in"


def test_a_stage_without_a_question_is_passed_over() -> None:
    room = made(stages=2)
    work = room.take(iq(), AGG, 0.0)
    assert isinstance(work, Work)
    work = room.went(work, None, 0.0)
    assert isinstance(work, Work)
    assert work.stage == 1
    work = room.went(work, None, 0.0)
    assert isinstance(work, Work)
    assert work.stage is None
    assert 'status="completed"' in str(room.went(work, Done("done"), 0.0))
    assert len(room) == 0


def test_another_command_does_not_go_on_with_a_session() -> None:
    numbers = count(1)
    both = [Command(one, one, frozenset({Role.PROVIDER}), _do, (_ask,)) for one in ("test", "other")]
    room = Room(both, lambda: f"s{next(numbers)}")
    session = begin(room)
    wrong = room.take(iq(session=session, node="other"), AGG, 1.0)
    assert conditions(wrong) == ["bad-request", "bad-sessionid"]


NAMES = st.sampled_from(["command", "x", "field", "value", "query", "actions", "option", "y"])
SPACES = st.sampled_from([COMMANDS_NS, FORMS_NS, INFO_NS, ITEMS_NS, "jabber:client", ""])
WORDS = st.sampled_from(
    ["test", "s1", "s2", "submit", "execute", "next", "prev", "complete", "cancel", "a", "", "<é&"]
)


def trees(depth: int) -> st.SearchStrategy[Element]:
    return st.builds(
        _tree,
        SPACES,
        NAMES,
        st.dictionaries(st.sampled_from(["node", "sessionid", "action", "type", "var"]), WORDS),
        WORDS,
        st.lists(trees(depth - 1), max_size=3) if depth else st.just([]),
    )


def _tree(space: str, name: str, attributes: dict[str, str], text: str, inner: list[Element]) -> Element:
    made = Element(f"{{{space}}}{name}" if space else name, attributes)
    made.text = text
    made.extend(inner)
    return made


@given(st.lists(st.tuples(st.sampled_from(["get", "set"]), trees(3)), max_size=8))
def test_whatever_is_sent_is_answered(sent: list[tuple[str, Element]]) -> None:
    room = made(stages=2)
    begin(room)
    for type_, element in sent:
        step = room.take(Stanza("iq", type_, "i", "a@x.example/1", "ops.hub", (element,)), AGG, 1.0)
        while isinstance(step, Work):
            step = room.went(step, Done("done") if step.stage is None else FORM, 1.0)
        assert step.startswith("<iq type=")
        ElementTree.fromstring(step)

"""The gate: who is over his share is told to wait, everybody else does not notice."""

from __future__ import annotations

from hub.gate import Gate, Limits, Verdict
from hub.limits import Share
from hub.roster import Changes, HeatPump, Provider, Roster
from hub.stanzas import Stanza

LIMITS = Limits(
    provider=Share(1, 3), box=Share(1, 2), stranger=Share(1, 1), presence=Share(0.1, 2), outstanding=2
)
HUB = "hub.example.org"


def gate() -> Gate:
    roster = Roster()
    roster.apply(
        Changes(
            1,
            heat_pumps=(HeatPump("hp0001", "box0001@boxes.example"),),
            providers=(Provider("agg", "control@agg.example"), Provider("two", "control@two.example")),
        )
    )
    return Gate(LIMITS, roster)


def iq(sender: str) -> Stanza:
    return Stanza("iq", "get", "1", sender, f"hp0001@{HUB}/IEC")


def presence(sender: str, type_: str = "") -> Stanza:
    return Stanza("presence", type_, "", sender, HUB)


def admitted(gate: Gate, sender: str, times: int, now: float = 0.0) -> int:
    return [gate.admit(iq(sender), now) for _ in range(times)].count(Verdict.PASS)


def test_a_provider_has_one_share_for_all_his_sessions() -> None:
    it = gate()
    assert admitted(it, "control@agg.example/a", 2) == 2
    assert admitted(it, "control@agg.example/b", 5) == 1
    assert admitted(it, "control@two.example/a", 3) == 3
    assert admitted(it, "control@agg.example/a", 2, now=1.0) == 1


def test_a_box_has_its_own() -> None:
    it = gate()
    assert admitted(it, "box0001@boxes.example/IEC", 5) == 2
    assert admitted(it, "control@agg.example/a", 3) == 3


def test_strangers_of_one_domain_share_and_cannot_make_up_names() -> None:
    it = gate()
    assert sum(admitted(it, f"user{number}@evil.example/x", 1) for number in range(20)) == 1
    assert admitted(it, "somebody@else.example/x", 1) == 1


def test_an_account_that_flaps_is_put_off_and_its_last_word_counts() -> None:
    it = gate()
    box = "box0001@boxes.example/IEC"
    assert it.admit(presence(box), 0.0) is Verdict.PASS
    assert it.admit(presence(box, "unavailable"), 0.1) is Verdict.PASS
    assert it.admit(presence(box), 0.2) is Verdict.LATER
    assert it.admit(presence(box, "unavailable"), 0.3) is Verdict.LATER
    assert it.due(1.0) == []
    assert [one.type for one in it.due(20.0)] == ["unavailable"]
    assert it.due(20.0) == []


def test_what_was_put_off_is_not_overtaken() -> None:
    it = gate()
    box = "box0001@boxes.example/IEC"
    for _ in range(3):
        it.admit(presence(box, "unavailable"), 0.0)
    assert it.admit(presence(box), 60.0) is Verdict.LATER
    assert [one.type for one in it.due(60.0)] == [""]


def test_presence_of_strangers_counts_as_any_stanza_of_theirs() -> None:
    it = gate()
    assert it.admit(presence("x@evil.example/1"), 0.0) is Verdict.PASS
    assert it.admit(presence("y@evil.example/1"), 0.0) is Verdict.RATE


def test_so_many_requests_may_be_without_an_answer() -> None:
    it = gate()
    assert it.asked("agg", "hp0001", "1", 0.0) is Verdict.PASS
    assert it.asked("agg", "hp0001", "2", 0.0) is Verdict.PASS
    assert it.asked("agg", "hp0001", "3", 0.0) is Verdict.OUTSTANDING
    assert it.asked("two", "hp0001", "3", 0.0) is Verdict.PASS
    it.answered("agg", "hp0001", "1")
    assert it.asked("agg", "hp0001", "3", 0.0) is Verdict.PASS


def test_operations_paces_itself() -> None:
    paced = Gate(LIMITS, Roster(), "ops.hub.example.org")
    for number in range(1_000):
        sender = f"ops.hub.example.org/sp{number % 3}" if number % 3 else "ops.hub.example.org"
        assert paced.admit(iq(sender), 0.0) is Verdict.PASS
    posing = iq("x@ops.hub.example.org/sp1")
    verdicts = {paced.admit(posing, 0.0) for _ in range(100)}
    assert verdicts == {Verdict.PASS, Verdict.RATE}

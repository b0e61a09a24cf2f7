"""Requests to groups that wait: at a pace, in turn, within a provider's share, and not for ever."""

from __future__ import annotations

from collections import Counter

from hub.gate import Gate, Limits, Verdict
from hub.group_request import GroupRequest
from hub.limits import Share
from hub.roster import Changes, Provider, Roster
from hub.spreading import HANDFUL, LEFT_OUT, SPREAD_WITHIN, WAITING, WAITING_OF_ONE, Spreading
from hub.stanzas import Stanza
from iec61850_model.mms.pdu import ConcludeRequest

NOW = 1_000.0


def request(members: int, provider: str = "agg", id_: str = "1") -> GroupRequest:
    ids = [f"{provider}-{id_}-{n}" for n in range(members)]
    sender = f"x@{provider}.example/desk"
    return GroupRequest(sender, f"{provider}@hub/desk", id_, provider, ids, ConcludeRequest(), "", NOW)


def unlimited() -> Spreading:
    return Spreading(lambda provider, now: True, Counter())


def turn(spreading: Spreading, now: float = NOW) -> list[str]:
    return [member for _, member in spreading.turn(now)]


def test_every_member_has_its_turn_once_and_in_order() -> None:
    spreading, asked = unlimited(), request(2 * HANDFUL + 5)
    assert spreading.put(asked)
    turns = [turn(spreading) for _ in range(4)]
    assert [len(one) for one in turns] == [HANDFUL, HANDFUL, 5, 0]
    assert [member for one in turns for member in one] == asked.members
    assert len(spreading) == 0


def test_a_small_group_does_not_wait_behind_a_large_one() -> None:
    spreading = unlimited()
    spreading.put(request(10_000))
    spreading.put(request(3, "heat"))
    assert {f"heat-1-{n}" for n in range(3)} < set(turn(spreading))


def test_requests_of_one_provider_go_one_after_the_other() -> None:
    spreading = unlimited()
    for id_ in "ab":
        spreading.put(request(3, id_=id_))
    assert turn(spreading) == [f"agg-{id_}-{n}" for id_ in "ab" for n in range(3)]


def test_only_so_many_wait() -> None:
    spreading = unlimited()
    assert [spreading.put(request(9)) for _ in range(WAITING_OF_ONE + 1)] == [True] * WAITING_OF_ONE + [False]
    taken = [spreading.put(request(9, f"sp{n // WAITING_OF_ONE}")) for n in range(WAITING)]
    assert taken.count(True) == WAITING - WAITING_OF_ONE


def test_who_had_his_share_waits_and_holds_up_nobody() -> None:
    left = {"x@agg.example": 2, "x@heat.example": 1_000}

    def share(provider: str, now: float) -> bool:
        left[provider] -= 1
        return left[provider] >= 0

    spreading = Spreading(share, Counter())
    spreading.put(request(5))
    spreading.put(request(7, "heat"))
    sent = turn(spreading)
    assert sorted(sent) == ["agg-1-0", "agg-1-1", *(f"heat-1-{n}" for n in range(7))]
    left["x@agg.example"] = 10
    assert turn(spreading) == ["agg-1-2", "agg-1-3", "agg-1-4"]


def test_what_had_no_turn_in_time_is_left_out_and_counted() -> None:
    spreading = unlimited()
    spreading.put(request(HANDFUL + 7))
    turn(spreading, NOW + SPREAD_WITHIN)
    assert turn(spreading, NOW + SPREAD_WITHIN + 0.1) == []
    assert (len(spreading), spreading.dropped[LEFT_OUT]) == (0, 7)


def test_with_the_link_goes_what_waits() -> None:
    spreading = unlimited()
    spreading.put(request(9))
    spreading.clear()
    assert (turn(spreading), spreading.dropped[LEFT_OUT]) == ([], 9)
    assert spreading.put(request(1))
    assert len(turn(spreading)) == 1


def test_members_count_as_requests_and_leave_room_for_single_ones() -> None:
    roster = Roster()
    roster.apply(Changes(1, providers=(Provider("agg", "x@agg.example"),)))
    gate = Gate(Limits(provider=Share(rate=10, burst=40)), roster)
    asked = sum(gate.member("x@agg.example", NOW) for _ in range(100))
    assert asked == 30
    single = Stanza("iq", "get", "1", "x@agg.example/desk", "hp1@hub/IEC")
    assert [gate.admit(single, NOW) for _ in range(11)].count(Verdict.PASS) == 10
    assert not gate.member("x@agg.example", NOW + 1.0), "single ones come first"
    assert sum(gate.member("x@agg.example", NOW + 2.0) for _ in range(100)) == 10


def test_a_tiny_share_still_lets_members_through() -> None:
    for burst in (1, 2, 3):
        gate = Gate(Limits(provider=Share(rate=1, burst=burst)), Roster())
        assert gate.member("x@agg.example", NOW)

"""The roster in memory: changed bit by bit it is what it would be if it were read anew."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.roster import Changes, Grant, HeatPump, Provider, Right, Roster

NOW = 1_000.0
READ = frozenset({Right.READ})
HEAT_PUMPS = ("hp1", "hp2", "hp3")
PROVIDERS = ("agg", "heat")
JIDS = ("a@x", "b@x", "c@x", "d@x")


def hp(id_: str = "hp1", box: str = "box1@boxes") -> HeatPump:
    return HeatPump(id_, box)


def sp(id_: str = "agg", jid: str = "control@agg.example") -> Provider:
    return Provider(id_, jid)


def grant(
    key: int = 1,
    provider: str = "agg",
    heat_pump: str = "hp1",
    valid_from: float = 0.0,
    until: float | None = None,
) -> Grant:
    return Grant(key, provider, heat_pump, READ, (), valid_from, until)


def roster(*changes: Changes) -> Roster:
    made = Roster()
    for one in changes:
        made.apply(one)
    return made


EVERYTHING = Changes(1, (hp(), hp("hp2", "box2@boxes")), (sp(),), (grant(), grant(2, heat_pump="hp2")))


def test_everything_is_found_by_id_and_by_jid() -> None:
    made = roster(EVERYTHING)
    assert made.revision == 1
    assert made.heat_pump_of_box("box2@boxes") == hp("hp2", "box2@boxes")
    assert made.provider_of_jid("control@agg.example") == sp()
    assert made.grants("agg", "hp1", NOW) == (grant(),)
    assert set(made.heat_pumps_of("agg", NOW)) == {"hp1", "hp2"}
    assert set(made.providers_of("hp1", NOW)) == {"agg"}


def test_nobody_is_found_under_another_name() -> None:
    made = roster(EVERYTHING)
    assert made.heat_pump_of_box("control@agg.example") is None
    assert made.heat_pump_of_box("") is None
    assert made.provider_of_jid("box1@boxes") is None
    assert (
        made.grants("", "hp1", NOW) == made.grants("agg", "hp3", NOW) == made.grants("hp1", "agg", NOW) == ()
    )


@pytest.mark.parametrize(("valid_from", "until"), [(NOW + 1, None), (0, NOW), (0, NOW - 1)])
def test_a_grant_not_in_force_is_not_found(valid_from: float, until: float | None) -> None:
    made = roster(Changes(1, (hp(),), (sp(),), (grant(valid_from=valid_from, until=until),)))
    assert made.grants("agg", "hp1", NOW) == ()
    assert list(made.heat_pumps_of("agg", NOW)) == list(made.providers_of("hp1", NOW)) == []


def test_of_two_grants_one_can_go() -> None:
    made = roster(Changes(1, (hp(),), (sp(),), (grant(1), grant(2))), Changes(2, removed_grants=(1,)))
    assert made.grants("agg", "hp1", NOW) == (grant(2),)
    made.apply(Changes(3, removed_grants=(2,)))
    assert made.grants("agg", "hp1", NOW) == ()
    assert list(made.providers_of("hp1", NOW)) == []


def test_a_grant_that_comes_again_replaces_itself() -> None:
    made = roster(EVERYTHING, Changes(2, grants=(grant(until=NOW),)))
    assert made.grants("agg", "hp1", NOW) == ()


def test_an_id_given_anew_in_the_same_change_has_the_new_box() -> None:
    again = Changes(2, (hp("hp1", "new@boxes"),), removed_heat_pumps=("hp1",), removed_grants=(1,))
    made = roster(EVERYTHING, again)
    assert made.heat_pump_of_box("box1@boxes") is None
    assert made.heat_pump_of_box("new@boxes") == hp("hp1", "new@boxes")
    assert made.grants("agg", "hp1", NOW) == ()


def test_a_box_moves_to_another_heat_pump_in_one_change() -> None:
    made = roster(EVERYTHING, Changes(2, (hp("hp9", "box1@boxes"),), removed_heat_pumps=("hp1",)))
    assert made.heat_pump_of_box("box1@boxes") == hp("hp9", "box1@boxes")


def test_two_heat_pumps_swap_their_boxes() -> None:
    made = roster(EVERYTHING, Changes(2, (hp("hp1", "box2@boxes"), hp("hp2", "box1@boxes"))))
    assert made.heat_pump_of_box("box1@boxes") == hp("hp2", "box1@boxes")
    assert made.heat_pump_of_box("box2@boxes") == hp("hp1", "box2@boxes")


def test_a_provider_given_anew_has_the_new_jid_only() -> None:
    made = roster(
        EVERYTHING, Changes(2, (), (sp("agg", "new@agg"),), removed_providers=("agg",), removed_grants=(1, 2))
    )
    assert made.provider_of_jid("control@agg.example") is None
    assert made.provider_of_jid("new@agg") == sp("agg", "new@agg")
    assert made.grants("agg", "hp1", NOW) == ()


def test_the_pairs_of_a_change_are_those_of_grants_that_come_and_go() -> None:
    made = roster(EVERYTHING)
    coming = Changes(2, grants=(grant(7, "heat", "hp2"),), removed_grants=(1, 99))
    assert made.pairs_of(coming) == {("heat", "hp2"), ("agg", "hp1")}


def test_what_is_removed_twice_or_was_never_there_does_no_harm() -> None:
    gone = Changes(2, removed_heat_pumps=("hp1", "hp7"), removed_providers=("x",), removed_grants=(1, 1, 44))
    made = roster(EVERYTHING, gone, gone)
    assert set(made.heat_pumps) == {"hp2"}
    assert set(made.heat_pumps_of("agg", NOW)) == {"hp2"}


@dataclass
class Registry:
    """What the registry would hold: the model that the roster is compared with."""

    heat_pumps: dict[str, str] = field(default_factory=dict)
    providers: dict[str, str] = field(default_factory=dict)
    grants: dict[int, Grant] = field(default_factory=dict)

    def changes(self, revision: int) -> Changes:
        return Changes(
            revision,
            tuple(HeatPump(*one) for one in self.heat_pumps.items()),
            tuple(Provider(*one) for one in self.providers.items()),
            tuple(self.grants.values()),
        )


class Incremental(RuleBasedStateMachine):
    """Random commands of an operator; the roster takes them over in bundles, as a slow router would."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.taken = Roster()
        self.changed: set[tuple[str, str]] = set()
        self.new_grants: set[int] = set()
        self.gone_grants: set[int] = set()
        self.next_key = 1

    def _free_jids(self) -> list[str]:
        used = {*self.registry.heat_pumps.values(), *self.registry.providers.values()}
        return [jid for jid in JIDS if jid not in used]

    @precondition(lambda self: self._free_jids())
    @rule(id_=st.sampled_from(HEAT_PUMPS + PROVIDERS), data=st.data())
    def add(self, id_: str, data: st.DataObject) -> None:
        table = self.registry.heat_pumps if id_ in HEAT_PUMPS else self.registry.providers
        if id_ not in table:
            table[id_] = data.draw(st.sampled_from(self._free_jids()))
            self.changed.add(("new", id_))

    @rule(id_=st.sampled_from(HEAT_PUMPS + PROVIDERS))
    def remove(self, id_: str) -> None:
        table = self.registry.heat_pumps if id_ in HEAT_PUMPS else self.registry.providers
        if table.pop(id_, None) is not None:
            self.changed.add(("gone", id_))
            for key, one in list(self.registry.grants.items()):
                if id_ in (one.heat_pump, one.provider):
                    self.revoke(key)

    @rule(provider=st.sampled_from(PROVIDERS), heat_pump=st.sampled_from(HEAT_PUMPS))
    def give(self, provider: str, heat_pump: str) -> None:
        if provider in self.registry.providers and heat_pump in self.registry.heat_pumps:
            self.registry.grants[self.next_key] = grant(self.next_key, provider, heat_pump)
            self.new_grants.add(self.next_key)
            self.next_key += 1

    @rule(key=st.integers(1, 20))
    def revoke(self, key: int) -> None:
        if self.registry.grants.pop(key, None):
            self.gone_grants.add(key)

    @rule()
    def take(self) -> None:
        """The router looks: all that changed since it looked last, in one bundle."""
        registry = self.registry
        added = {id_ for what, id_ in self.changed if what == "new"}
        gone = [id_ for what, id_ in self.changed if what == "gone"]
        self.taken.apply(
            Changes(
                self.taken.revision + 1,
                tuple(HeatPump(*one) for one in registry.heat_pumps.items() if one[0] in added),
                tuple(Provider(*one) for one in registry.providers.items() if one[0] in added),
                tuple(registry.grants[key] for key in self.new_grants if key in registry.grants),
                tuple(id_ for id_ in gone if id_ in HEAT_PUMPS),
                tuple(id_ for id_ in gone if id_ in PROVIDERS),
                tuple(self.gone_grants),
            )
        )
        self.changed.clear()
        self.new_grants.clear()
        self.gone_grants.clear()

    @precondition(lambda self: not (self.changed or self.new_grants or self.gone_grants))
    @invariant()
    def same_as_read_anew(self) -> None:
        anew = roster(self.registry.changes(1))
        taken = self.taken
        assert taken.heat_pumps == anew.heat_pumps
        assert taken.providers == anew.providers
        for jid in JIDS:
            assert taken.heat_pump_of_box(jid) == anew.heat_pump_of_box(jid)
            assert taken.provider_of_jid(jid) == anew.provider_of_jid(jid)
        for provider in PROVIDERS:
            assert set(taken.heat_pumps_of(provider, NOW)) == set(anew.heat_pumps_of(provider, NOW))
            for heat_pump in HEAT_PUMPS:
                assert set(taken.grants(provider, heat_pump, NOW)) == set(
                    anew.grants(provider, heat_pump, NOW)
                )
        for heat_pump in HEAT_PUMPS:
            assert set(taken.providers_of(heat_pump, NOW)) == set(anew.providers_of(heat_pump, NOW))


Incremental.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestIncremental = Incremental.TestCase

"""The roster in memory: changed bit by bit it is what it would be if it were read anew."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.roster import MAX_REACHES, Changes, Grant, HeatPump, Member, Provider, Right, Roster

NOW = 1_000.0
READ = frozenset({Right.READ})
HEAT_PUMPS = ("hp1", "hp2", "hp3")
PROVIDERS = ("agg", "heat")
GROUPS = ("north", "south")
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


def group_grant(
    key: int = 1, valid_from: float = 0.0, until: float | None = None, group: str = "north"
) -> Grant:
    return Grant(key, "agg", "", READ, (), valid_from, until, group)


IN_NORTH = Changes(
    1,
    (hp(), hp("hp2", "box2@boxes"), hp("hp3", "box3@boxes")),
    (sp(), sp("heat", "h@x")),
    (group_grant(), grant(2, "heat", "hp3")),
    members=(Member("north", "hp1"), Member("north", "hp2")),
)


def test_a_group_grant_is_that_of_each_member_and_of_nobody_else() -> None:
    made = roster(IN_NORTH)
    assert made.grants("agg", "hp1", NOW) == made.grants("agg", "hp2", NOW) == (group_grant(),)
    assert made.grants("agg", "hp3", NOW) == made.grants("heat", "hp1", NOW) == ()
    assert made.grants("agg", "north", NOW) == (), "a group is no heat pump"
    assert made.reached("agg", "north", NOW) == ("hp1", "hp2")
    assert made.reached("heat", "north", NOW) == made.reached("agg", "hp1", NOW) == ()
    assert made.reached("agg", "south", NOW) == ()


def test_a_group_that_is_gone_is_not_in_the_list_of_everything() -> None:
    north = Changes(2, grants=(group_grant(3),))
    gone = Changes(3, removed_grants=(3,))
    assert roster(EVERYTHING, north).everything() == ("hp1", "hp2", "north")
    assert roster(EVERYTHING, north, gone).everything() == ("hp1", "hp2")


def test_a_grant_on_one_member_reaches_that_one() -> None:
    made = roster(IN_NORTH, Changes(2, members=(Member("north", "hp3"),)))
    assert made.reached("heat", "north", NOW) == ("hp3",)
    assert made.reached("agg", "north", NOW) == ("hp1", "hp2", "hp3")


def test_whom_a_group_reaches_changes_with_time_alone() -> None:
    made = roster(
        IN_NORTH,
        Changes(2, grants=(group_grant(1, until=NOW + 10), grant(5, "agg", "hp2", NOW + 5, NOW + 20))),
    )
    for at, reached in ((0, ("hp1", "hp2")), (9, ("hp1", "hp2")), (10, ("hp2",)), (19, ("hp2",)), (20, ())):
        assert made.reached("agg", "north", NOW + at) == reached, at


def test_who_asks_for_many_groups_does_not_fill_the_memory() -> None:
    groups = [f"g{number}" for number in range(MAX_REACHES + 10)]
    made = roster(IN_NORTH, Changes(2, members=tuple(Member(one, "hp3") for one in groups)))
    for one in (*groups, *(f"none{number}" for number in range(1_000))):
        made.reached("heat", one, NOW)
    assert len(made._reaches) == MAX_REACHES


def test_the_pairs_of_a_change_are_those_of_the_members_it_touches() -> None:
    made = roster(IN_NORTH)
    came = Changes(2, members=(Member("north", "hp3"),), removed_members=(Member("north", "hp1"),))
    assert made.pairs_of(came) == {("agg", "hp3"), ("agg", "hp1")}
    of_all = {("agg", "hp1"), ("agg", "hp2")}
    assert made.pairs_of(Changes(2, removed_grants=(1,))) == of_all
    both = Changes(2, grants=(group_grant(7, group="south"),), members=(Member("south", "hp3"),))
    assert made.pairs_of(both) == {("agg", "hp3")}


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
    members: set[Member] = field(default_factory=set)

    def changes(self, revision: int) -> Changes:
        return Changes(
            revision,
            tuple(HeatPump(*one) for one in self.heat_pumps.items()),
            tuple(Provider(*one) for one in self.providers.items()),
            tuple(self.grants.values()),
            members=tuple(self.members),
        )

    def granted(self, provider: str, heat_pump: str) -> set[Grant]:
        """The grants that count for a pair, by looking at all."""
        return {
            one
            for one in self.grants.values()
            if one.provider == provider
            and (one.heat_pump == heat_pump or Member(one.group, heat_pump) in self.members)
        }


class Incremental(RuleBasedStateMachine):
    """Random commands of an operator; the roster takes them over in bundles, as a slow router would."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.taken = Roster()
        self.changed: set[tuple[str, str]] = set()
        self.new_grants: set[int] = set()
        self.gone_grants: set[int] = set()
        self.moved: set[Member] = set()
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
            for member in [one for one in self.registry.members if one.heat_pump == id_]:
                self.leave(*member)

    @rule(group=st.sampled_from(GROUPS), heat_pump=st.sampled_from(HEAT_PUMPS))
    def join(self, group: str, heat_pump: str) -> None:
        if heat_pump in self.registry.heat_pumps:
            self.registry.members.add(Member(group, heat_pump))
            self.moved.add(Member(group, heat_pump))

    @rule(group=st.sampled_from(GROUPS), heat_pump=st.sampled_from(HEAT_PUMPS))
    def leave(self, group: str, heat_pump: str) -> None:
        if Member(group, heat_pump) in self.registry.members:
            self.registry.members.discard(Member(group, heat_pump))
            self.moved.add(Member(group, heat_pump))

    @rule(provider=st.sampled_from(PROVIDERS), group=st.sampled_from(GROUPS))
    def give_on_group(self, provider: str, group: str) -> None:
        if provider in self.registry.providers:
            self.registry.grants[self.next_key] = Grant(self.next_key, provider, "", READ, group=group)
            self.new_grants.add(self.next_key)
            self.next_key += 1

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
                heat_pumps=tuple(HeatPump(*one) for one in registry.heat_pumps.items() if one[0] in added),
                providers=tuple(Provider(*one) for one in registry.providers.items() if one[0] in added),
                grants=tuple(registry.grants[key] for key in self.new_grants if key in registry.grants),
                removed_heat_pumps=tuple(id_ for id_ in gone if id_ in HEAT_PUMPS),
                removed_providers=tuple(id_ for id_ in gone if id_ in PROVIDERS),
                removed_grants=tuple(self.gone_grants),
                members=tuple(one for one in self.moved if one in registry.members),
                removed_members=tuple(self.moved),
            )
        )
        self.moved.clear()
        self.changed.clear()
        self.new_grants.clear()
        self.gone_grants.clear()

    @precondition(lambda self: not (self.changed or self.new_grants or self.gone_grants or self.moved))
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
                granted = self.registry.granted(provider, heat_pump)
                assert set(taken.grants(provider, heat_pump, NOW)) == granted
                assert set(anew.grants(provider, heat_pump, NOW)) == granted
            for group in GROUPS:
                reached = {hp for hp in HEAT_PUMPS if Member(group, hp) in self.registry.members}
                reached = {hp for hp in reached if self.registry.granted(provider, hp)}
                assert taken.reached(provider, group, NOW) == tuple(sorted(reached))
        for heat_pump in HEAT_PUMPS:
            assert set(taken.providers_of(heat_pump, NOW)) == set(anew.providers_of(heat_pump, NOW))


Incremental.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestIncremental = Incremental.TestCase

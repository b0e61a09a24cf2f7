"""A box is replaced: what of the registry goes, what stays, and which settings outlive it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hub.registry import (
    Conflict,
    Heard,
    Holder,
    InvalidInput,
    NewGrant,
    NotFound,
    Presence,
    Registry,
    add_certificate,
    add_code,
    add_grant,
    add_heat_pump,
    add_provider,
    current_revision,
    find_certificate,
    get_grant,
    get_heat_pump,
    keep_presence,
    list_grants,
    open_steering,
    presence,
    presence_revision,
    remove_heat_pump,
    revoke_grant,
    revoked_serials,
    shut_out,
    steering_ready,
)
from hub.registry.consents import consents_since, series_of
from hub.registry.manufacturers import NewManufacturer, add_manufacturer
from hub.registry.replacing import account_for_successor, replace_box
from hub.registry.settings import WRITTEN, ask_restore, settings_of
from hub.registry.settings_models import Restoring
from hub.registry.settings_work import (
    SETTLED,
    SettingsRead,
    SettingsTask,
    SettingsWritten,
    keep_settings,
    last_written,
    settings_news,
    settings_restored,
    settings_to_restore,
)
from hub.registry.usage import add_usage
from hub.roster import HeatPump, LinkState, Provider, Right

HUB, OLD, NEW = "hub.example.org", "box1@boxes.example", "box2@boxes.example"
T = 1_800_000_000.0
CURVE, ROOM = "HP/HcFCSD1.Crv[SP]", "HP/RmFSPT1.SptVal"


@pytest.fixture
async def hub(registry: Registry) -> Registry:
    """hp1 with its box, and provider agg."""
    await registry.run(add_heat_pump, HeatPump("hp1", OLD), hub_domain=HUB, now=T)
    await registry.run(add_provider, Provider("agg", "control@agg.example"), hub_domain=HUB, now=T)
    return registry


async def replaced(hub: Registry, box: str = NEW, *, restore: bool = False, at: float = T + 100) -> Any:
    return await hub.run(replace_box, "hp1", box, hub_domain=HUB, restore=restore, now=at)


async def read(hub: Registry, at: float, values: Mapping[str, str | None], seen: int = 0) -> None:
    await hub.run(keep_settings, [SettingsRead("hp1", at, seen, values)])


async def values(hub: Registry) -> dict[str, tuple[str | None, str | None]]:
    record = await hub.read(settings_of, "hp1")
    return {one.reference: (one.value, one.kept) for one in record.settings}


async def task(hub: Registry) -> SettingsTask:
    (found,) = [one for one in await hub.read(settings_news, -1, -1, -1) if one.heat_pump == "hp1"]
    return found


# --- the box -------------------------------------------------------------------------------------------


async def test_the_heat_pump_stays_and_its_former_box_is_a_stranger(hub: Registry) -> None:
    grant = (await hub.run(add_grant, NewGrant("agg", "hp1", [Right.READ], "op"), now=T)).key
    pk = (await hub.read(get_heat_pump, "hp1")).pk
    series = await hub.run(series_of, [pk])
    await hub.run(add_certificate, Holder("hp1"), 255, b"der", now=T, ends=T + 1e6)
    await hub.run(add_code, Holder("hp1"), b"i", b"v", now=T, expires=T + 1e6)
    done = await replaced(hub)
    assert (done.former, done.box, done.certificates) == (OLD, NEW, 1)
    row = await hub.read(get_heat_pump, "hp1")
    assert (row.pk, row.box, row.revision) == (pk, NEW, await hub.read(current_revision))
    assert (await hub.read(get_grant, grant)).revoked_at is None
    assert await hub.run(series_of, [pk]) == series
    assert await hub.read(revoked_serials, T) == ["FF"]
    assert await hub.read(find_certificate, 255) is None
    await hub.run(add_heat_pump, HeatPump("hp2", OLD), hub_domain=HUB, now=T)  # it may serve elsewhere


async def test_a_box_that_was_shut_out_is_replaced_alike(hub: Registry) -> None:
    await hub.run(shut_out, "hp1", T)
    assert (await replaced(hub)).former == OLD
    assert (await hub.read(get_heat_pump, "hp1")).box == NEW


async def test_its_presence_is_forgotten_and_everybody_told(hub: Registry) -> None:
    await hub.run(keep_presence, "router", {"hp1": Heard(LinkState.ONLINE, T)}, {})
    before = await hub.read(presence_revision)
    await replaced(hub)
    (found,) = await hub.read(presence)
    assert (found, found.seen) == (Presence("hp1", LinkState.UNKNOWN, T + 100, "IEC"), None)
    assert await hub.read(presence_revision) > before


async def test_what_the_new_box_measured_before_the_former_one_was_last_seen_was_elsewhere(
    hub: Registry,
) -> None:
    (known,) = await hub.read(consents_since, 0)
    assert known.since == 0.0
    for at, state in ((T, LinkState.ONLINE), (T + 30, LinkState.OFFLINE)):
        await hub.run(keep_presence, "router", {"hp1": Heard(state, at)}, {})
    await replaced(hub)
    (known,) = await hub.read(consents_since, 0)
    assert (known.box, known.since) == (NEW, T + 30)
    await replaced(hub, "box3@boxes.example", at=T + 200)
    (known,) = await hub.read(consents_since, 0)
    assert known.since == T + 30, "the second one never was there"


async def test_slots_are_prepared_anew_and_what_was_to_be_ended_is_given_up(hub: Registry) -> None:
    held = await hub.run(add_grant, NewGrant("agg", "hp1", [Right.SCHEDULE], "op"), now=T)
    over = await hub.run(add_grant, NewGrant("agg", "hp1", [Right.SCHEDULE], "op"), now=T)
    commands = await hub.run(add_grant, NewGrant("agg", "hp1", [Right.CONTROL], "op"), now=T)
    keys = {one.grant: one.key for one in await hub.read(open_steering, 0)}
    await hub.run(steering_ready, list(keys.values()))
    await hub.run(revoke_grant, over.key, now=T)
    revision = await hub.read(current_revision)
    await replaced(hub)
    open_ = {
        one.grant: (one.state.value, one.slot, one.box) for one in await hub.read(open_steering, revision)
    }
    assert open_ == {held.key: ("pending", 1, NEW), over.key: ("given up", None, NEW)}
    assert (await hub.read(get_grant, commands.key)).steering[0].state.value == "ready"


async def test_manufacturers_change_with_the_box(hub: Registry) -> None:
    for id_, domain in (("m1", "boxes.example"), ("m2", "other.example")):
        new = NewManufacturer(id_, domain, f"service@{domain}")
        await hub.run(add_manufacturer, new, hub_domain=HUB, now=T)

    async def seen_by() -> list[str]:
        return [one.provider for one in await hub.read(list_grants, heat_pump="hp1", now=T + 1e6)]

    assert await seen_by() == ["m1"]
    await replaced(hub)
    assert await seen_by() == ["m1"]
    await replaced(hub, "box9@other.example")
    assert await seen_by() == ["m2"]


async def test_what_cannot_be(hub: Registry) -> None:
    await hub.run(add_heat_pump, HeatPump("hp2", NEW), hub_domain=HUB, now=T)
    for box, error in ((OLD, Conflict), (NEW, Conflict), (f"x@{HUB}", InvalidInput)):
        with pytest.raises(error):
            await replaced(hub, box)
    with pytest.raises(NotFound):
        await hub.run(replace_box, "hp9", "b@x.example", hub_domain=HUB, restore=False, now=T)
    assert (await hub.read(get_heat_pump, "hp1")).box == OLD


async def test_successors_have_accounts_that_nobody_has_or_had(hub: Registry) -> None:
    domain = "boxes.example"
    await hub.run(add_heat_pump, HeatPump("hp1-2", f"hp1-2@{domain}"), hub_domain=HUB, now=T)
    await hub.run(remove_heat_pump, "hp1-2", now=T)
    assert await hub.read(account_for_successor, "hp1", domain) == f"hp1-3@{domain}"
    await replaced(hub, f"hp1-3@{domain}")
    assert await hub.read(account_for_successor, "hp1", domain) == f"hp1-4@{domain}"
    await hub.run(add_code, Holder("hp1"), b"i", b"v", now=T, expires=T + 1e6)
    await replaced(hub, f"hp1-4@{domain}")
    await hub.run(add_certificate, Holder("hp1"), 255, b"der", now=T, ends=T + 1e6)
    await replaced(hub, f"own@{domain}")
    assert await hub.read(account_for_successor, "hp1", domain) == f"hp1-5@{domain}", "-3 and -4 were its own"


# --- its settings --------------------------------------------------------------------------------------


async def test_the_defaults_of_a_new_box_do_not_overwrite_what_is_kept(hub: Registry) -> None:
    await read(hub, T, {CURVE: "steep", ROOM: "21"})
    assert (await replaced(hub)).settings == 2
    await read(hub, T + 200, {CURVE: "default", ROOM: None})
    assert await values(hub) == {CURVE: ("default", "steep"), ROOM: (None, "21")}
    assert await hub.read(settings_to_restore, "hp1") == {}, "nobody asked for it"
    assert await hub.run(ask_restore, "hp1", now=T + 300) == 2
    assert await hub.read(settings_to_restore, "hp1") == {CURVE: "steep", ROOM: "21"}


async def test_nor_do_those_of_one_that_was_dead_on_arrival_in_its_successor(hub: Registry) -> None:
    await read(hub, T, {CURVE: "steep", ROOM: "21"})
    await replaced(hub, restore=True)
    await read(hub, T + 200, {CURVE: "default", ROOM: None})
    await replaced(hub, "box3@boxes.example", restore=True, at=T + 300)
    assert await hub.read(settings_to_restore, "hp1") == {CURVE: "steep", ROOM: "21"}


async def test_what_was_set_in_the_new_box_is_what_is_kept_of_it(hub: Registry) -> None:
    await read(hub, T, {CURVE: "steep", ROOM: "21"})
    await replaced(hub)
    await read(hub, T + 200, {CURVE: "default", ROOM: "19"})
    await read(hub, T + 300, {CURVE: "flat", ROOM: "19"})
    await read(hub, T + 400, {CURVE: "flat", ROOM: None})
    await replaced(hub, "box3@boxes.example", at=T + 500)
    assert await values(hub) == {CURVE: (None, "flat")}


async def test_what_was_read_around_the_replacement_may_be_the_former_boxs(hub: Registry) -> None:
    await read(hub, T, {CURVE: "steep"})
    await replaced(hub)
    await read(hub, T + 100 + SETTLED - 0.1, {CURVE: "of whom?"})
    assert await values(hub) == {CURVE: (None, "steep")}
    await read(hub, T + 100 + SETTLED, {CURVE: "default"})
    assert await values(hub) == {CURVE: ("default", "steep")}


async def test_a_restore_is_over_when_it_is_done_and_a_late_word_of_an_earlier_one_is_none(
    hub: Registry,
) -> None:
    await read(hub, T, {CURVE: "steep", ROOM: "21"})
    await replaced(hub, restore=True)
    assert (await task(hub)).restore == T + 100
    silent = SettingsWritten(T + 100, {CURVE: ""}, "no answer within 20 s", done=False)
    await hub.run(settings_restored, "hp1", silent, now=T + 200)
    record = await hub.read(settings_of, "hp1")
    assert (record.restoring, record.trouble) == (Restoring.WANTED, "no answer within 20 s")
    assert [one.outcome for one in record.settings] == [WRITTEN, ""]
    assert await hub.read(settings_to_restore, "hp1") == {ROOM: "21"}, "the other one may be set anew by now"
    await hub.run(ask_restore, "hp1", now=T + 300)
    assert await hub.read(settings_to_restore, "hp1") == {CURVE: "steep", ROOM: "21"}
    whole = {CURVE: "", ROOM: "x" * 1_000}
    await hub.run(settings_restored, "hp1", SettingsWritten(T + 100, whole, "", done=True), now=T + 301)
    assert (await hub.read(settings_of, "hp1")).restoring is Restoring.WANTED
    await hub.run(settings_restored, "hp1", SettingsWritten(T + 300, whole, "", done=True), now=T + 302)
    record = await hub.read(settings_of, "hp1")
    assert (record.restoring, record.restoring_at, record.trouble) == (Restoring.DONE, T + 302, "")
    assert [len(one.outcome) for one in record.settings] == [len(WRITTEN), 200]
    assert (await task(hub)).restore is None


async def test_without_a_former_box_nothing_is_restored(hub: Registry) -> None:
    await read(hub, T, {CURVE: "steep"})
    with pytest.raises(Conflict, match="heatpump replace"):
        await hub.run(ask_restore, "hp1", now=T)
    with pytest.raises(NotFound):
        await hub.run(ask_restore, "hp9", now=T)


async def test_operations_is_told_of_who_came_of_what_was_written_and_of_who_went(hub: Registry) -> None:
    await hub.run(keep_presence, "router", {"hp1": Heard(LinkState.ONLINE, T)}, {})
    assert await hub.read(settings_news, 0, 0, 0) == [SettingsTask("hp1", online=True)]
    revision, heard = await hub.read(current_revision), await hub.read(presence_revision)

    written = 0

    async def news() -> list[SettingsTask]:
        return await hub.read(settings_news, revision, heard, written)

    assert await news() == []
    await hub.run(add_usage, "2027-01", [(("agg", "hp1", "GetDataValues"), 3), (("agg", "hp1", "Report"), 1)])
    assert await news() == [], "reading changes nothing"
    await hub.run(
        add_usage, "2027-01", [(("agg", "hp1", "SetDataValues"), 3), (("agg", "hp1", "Operate"), 1)]
    )
    await hub.run(add_usage, "2027-01", [(("agg", "hp1", "Operate"), 1)])
    assert [(one.written, one.seen) for one in await news()] == [(2, 0)]
    await read(hub, T + 10, {}, seen=1)
    assert [(one.written, one.seen, one.read_at) for one in await news()] == [(2, 1, T + 10)]
    await read(hub, T + 20, {}, seen=2)
    assert [(one.written, one.seen) for one in await news()] == [(2, 2)]
    written = await hub.read(last_written)
    assert (written, await news()) == (2, []), "what was told is not told again"
    await hub.run(remove_heat_pump, "hp1", now=T + 30)
    assert await news() == [SettingsTask("hp1", online=False)]
    await read(hub, T + 40, {CURVE: "late"})
    assert await news() == [SettingsTask("hp1", online=False)]

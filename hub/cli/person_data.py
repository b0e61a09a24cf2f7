"""``hphub person seen``, ``export``, ``erase``, ``wipe``: what a person may ask of whoever holds his data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import click

from hub.audit import StoredEntry
from hub.cli.context import (
    CommandFailed,
    change,
    config_option,
    confirm,
    json_option,
    load_config,
    now,
    read,
    yes_option,
)
from hub.cli.grant import grant_json
from hub.cli.output import show_json, show_table
from hub.cli.person import person_entry, person_json
from hub.cli.request import ask_json
from hub.cli.settings_text import settings_json
from hub.cli.times import When, local_time, utc_time
from hub.config import HubConfig
from hub.history.letting_go import count, let_go, samples_of, touched, without
from hub.history.quantities import QUANTITIES
from hub.history.store import HistoryStore
from hub.registry import GrantRecord
from hub.registry.leaving import Alone, Held, Left, end_consents, erase_person, held_of
from hub.registry.people import get_person
from hub.seen import SEEN, seen, who_did
from hub.wiping import NotWiped, wipe_deleted


@click.command("seen")
@click.argument("id_", metavar="ID")
@click.option("--since", type=When(-1), help="Only from then on, e.g. 2026-12-31 or 30d (ago).")
@json_option
@config_option
def seen_command(id_: str, since: float | None, as_json: bool) -> None:
    """Show who could read, and who steered or tried what and when, on what is or was a person's, then.

    Reading and reports are not written down one by one: for them there are the grants that allowed it. All
    that steered, or was refused, is from the audit, where a heat pump goes by its id.

    \b
    Example:
      hphub person seen p-7d01c3a95e --since 30d
    """
    held = read(held_of, id_, now=now())
    found = asyncio.run(seen(load_config().databases.audit, held.person.owns, since or 0.0))
    events = [one for one in found if one.entry.kind in SEEN]
    at = now()
    granted = [one for one in held.grants if _last(one) is None or (_last(one) or 0.0) >= (since or 0.0)]
    if as_json:
        show_json(
            {"grants": [grant_json(one, at) for one in granted], "events": [_event(one) for one in events]}
        )
        return
    show_table(
        ("provider", "heat pump", "rights", "purpose", "from", "until", "state"),
        [
            [
                one.provider, one.on, ", ".join(sorted(one.rights)), one.purpose, local_time(one.begins),
                local_time(_last(one)), one.state(at),
            ]
            for one in granted
        ],
        empty="Nobody was granted anything.",
    )  # fmt: skip
    click.echo()
    show_table(
        ("time", "who", "heat pump", "what", "service", "references", "detail"),
        [
            [
                local_time(one.entry.at), who_did(one), one.entry.heat_pump, one.entry.kind.value,
                one.entry.service, " ".join(one.entry.references), one.entry.detail,
            ]
            for one in events
        ],
        empty="Nobody steered anything.",
    )  # fmt: skip


@click.command("export")
@click.argument("id_", metavar="ID")
@config_option
def export_command(id_: str) -> None:
    """Print all that is held of a person as JSON: who he is, what he owned and answered, who was granted what
    on it, what the audit says of it, and its measurements.

    \b
    Example:
      hphub person export p-7d01c3a95e > kim.json
    """
    held = read(held_of, id_, now=now())
    at = now()
    config = load_config()
    audit, history = asyncio.run(_all(config, held))
    show_json(
        {
            "person": person_json(held.person),
            "operator since": utc_time(held.operator_since),
            "invitations": [
                {
                    "key": one.key,
                    "heatpump": one.heat_pump,
                    "created": utc_time(one.created),
                    "expires": utc_time(one.expires),
                    "answered": utc_time(one.answered_at),
                    "answer": one.answer,
                }
                for one in held.invites
            ],
            "reminders": [
                {"grant": one.grant, "ends": utc_time(one.ends), "told": utc_time(one.told_at)}
                for one in held.reminders
            ],
            "requests": [ask_json(one, at) for one in held.asks],
            "installations": {
                pump: data.model_dump(mode="json") for pump, data in held.installations.items()
            },
            "settings": [settings_json(pump, record) for pump, record in held.settings.items()],
            "grants": [grant_json(one, at) for one in held.grants],
            "audit": [_event(one) for one in audit],
            "history": history,
        }
    )


@click.command("erase")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def erase_command(id_: str, yes: bool) -> None:
    """Erase a person. What rests on his consent ends, in force at once, and heat pumps that are his alone
    leave groups on which something is granted that needs consent; measurements of the time in which a heat
    pump was his alone become anonymous; then his name and all that leads to him are deleted.

    What proves it is in the audit, by his id alone. Backups are yours to erase. Cut off in the middle, it
    goes on when it is given again.

    \b
    Example:
      hphub person erase p-7d01c3a95e --yes
    """
    person = read(get_person, id_)
    confirm(f"Erase person {person.id} and end what he consented to? It cannot be undone.", yes)
    ended = change(
        end_consents,
        lambda done: person_entry(
            "person erase begins", id_, f"{len(done.grants)} grants end, {len(done.left)} memberships end"
        ),
        id_,
        now=now(),
    )
    config = load_config()
    samples = asyncio.run(_anonymise(config, read(held_of, id_, now=now()).times))
    change(
        erase_person,
        lambda gone: person_entry(
            "person erase",
            gone.id,
            f"{len(gone.owns)} ownerships deleted, {len(ended.grants)} grants ended, {samples} samples"
            " anonymised",
        ),
        id_,
        now=now(),
    )
    click.echo(f"Person {id_} erased: {len(ended.grants)} grants ended, {samples} samples are anonymous now.")
    for left in ended.left:
        click.echo(_left(left))
    _wipe(config)


@click.command("wipe")
@config_option
def wipe_command() -> None:
    """Write the registry's file anew, so that nothing deleted stands in it; `hphub person erase` does it too.

    \b
    Example:
      hphub person wipe
    """
    _wipe(load_config())
    click.echo("Nothing that was deleted stands in the registry's file any more.")


def _left(one: Left) -> str:
    said = f"{one.heat_pump} has left group {one.group}, for what is granted on that needs consent."
    if not one.others:
        return said
    grants = ", ".join(map(str, one.others))
    return (
        f"{said} What needs none, grants {grants}, no longer counts for it either: give it anew if it is to."
    )


def _wipe(config: HubConfig) -> None:
    try:
        wipe_deleted(config.databases.registry)
    except NotWiped as failed:
        raise CommandFailed(str(failed)) from None


async def _all(config: HubConfig, held: Held) -> tuple[list[StoredEntry], list[dict[str, Any]]]:
    audit = await seen(config.databases.audit, held.person.owns, 0.0)
    store = await HistoryStore.open(config.databases.history)
    try:
        history = [
            {
                "heatpump": one.own.heat_pump,
                "columns": ["end of interval", "invalid (bit mask)", "questionable (bit mask)"]
                + [f"{quantity.column} ({quantity.unit})" for quantity in QUANTITIES],
                "samples": [
                    [utc_time(row[0]), *row[1:]]
                    for row in await samples_of(
                        store, one.series, touched(one.own.since, one.own.until, config.history.interval)
                    )
                ],
            }
            for one in held.times
            if one.series is not None
        ]
    finally:
        await store.close()
    return audit, history


async def _anonymise(config: HubConfig, times: Iterable[Alone]) -> int:
    period = config.history.interval
    done = 0
    store = await HistoryStore.open(config.databases.history)
    try:
        for one in times:
            if one.series is not None:
                others = [touched(other.since, other.until, period) for other in one.others]
                spans = list(without(touched(one.own.since, one.own.until, period), others))
                if await count(store, one.series, spans):
                    done += await let_go(store, one.series, spans)
    finally:
        await store.close()
    return done


def _last(one: GrantRecord) -> float | None:
    return min((end for end in (one.until, one.revoked_at) if end is not None), default=None)


def _event(stored: StoredEntry) -> dict[str, Any]:
    entry = stored.entry
    return {
        "time": utc_time(entry.at),
        "kind": entry.kind.value,
        "provider": entry.provider,
        "heatpump": entry.heat_pump,
        "service": entry.service,
        "references": list(entry.references),
        "detail": entry.detail,
        "actor": entry.actor,
    }

"""``hphub history``: what the collector has stored."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from hub.cli.context import config_option, json_option, load_config, now, read
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import local_time, utc_time
from hub.history.quantities import QUANTITIES, Quantity
from hub.history.reading import Sample
from hub.history.status import Follow, HistoryStatus, follows, statuses
from hub.history.store import HistoryStore

POWER = next(one for one in QUANTITIES if one.column == "electric_power")
NONE_YET = "No heat pumps yet. Add one: hphub heatpump add hp0001 --box box0001@boxes.example.org"


@click.group("history")
def history_commands() -> None:
    """The 5-minute history that the collector keeps of every heat pump with a consent.

    A consent is a grant with the right history and a purpose.
    """


@history_commands.command("status")
@click.argument("heat_pump", metavar="[HEATPUMP]", required=False)
@json_option
@config_option
def status(heat_pump: str | None, as_json: bool) -> None:
    """Show how far the history of each heat pump is, or that of one with its last values.

    Last is the end of the last 5 minutes stored, and power their mean, in W; lag is the time since then. Gaps
    are 5-minute intervals since the first one that are missing; doubles are samples refused because their
    interval was stored already; good is the share of values whose quality was good.

    \b
    Example:
      hphub history status
      hphub history status hp0001
    """
    config = load_config()
    at = now()
    found = asyncio.run(_statuses(config.databases.history, read(follows, heat_pump, at)))
    period = config.history.interval
    if as_json:
        listed = [_json(one, period, at) for one in found]
        show_json(listed if heat_pump is None else listed[0])
    elif heat_pump is None:
        rows = [list(_row(one, period, at).values()) for one in found]
        heads = ("id", "consent", "last", "power", "lag", "gaps", "doubles", "good")
        show_table(heads, rows, empty=NONE_YET)
    else:
        show_record(_row(found[0], period, at) | _counts(found[0]))
        click.echo()
        _show_values(found[0].last)


async def _statuses(url: str, followed: list[Follow]) -> list[HistoryStatus]:
    store = await HistoryStore.open(url)
    try:
        return await statuses(store, followed)
    finally:
        await store.close()


def _row(one: HistoryStatus, period: int, at: float) -> dict[str, str]:
    state = one.state
    lag = one.lag(at)
    share = one.good_share
    return {
        "id": one.heat_pump,
        "consent": "yes" if one.consent else "no",
        "last": local_time(state.last_interval if state else None),
        "power": _shown(_value(one.last, POWER)),
        "lag": "" if lag is None else _duration(lag),
        "gaps": "" if state is None else str(state.missing(period)),
        "doubles": "" if state is None else str(state.doubles),
        "good": "" if share is None else f"{share:.1%}",
    }


def _counts(one: HistoryStatus) -> dict[str, str]:
    """What is of interest of one heat pump only: BufOvfl seen, and samples of a time that cannot be."""
    state = one.state
    return {name: str(getattr(state, name)) if state else "" for name in ("samples", "overflows", "misdated")}


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _show_values(last: Sample | None) -> None:
    rows = []
    for quantity in QUANTITIES if last else ():
        value, quality = _value(last, quantity), _quality(last, quantity)
        rows.append([quantity.column, _shown(value), quantity.unit, quality])
    show_table(("quantity", "value", "unit", "quality"), rows, empty="Nothing was stored yet.")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.7g}"


def _value(last: Sample | None, quantity: Quantity) -> float | int | None:
    return last.cells[quantity.bit] if last else None


def _quality(last: Sample | None, quantity: Quantity) -> str:
    if last is None:
        return ""
    if last.invalid >> quantity.bit & 1:
        return "invalid"
    if last.cells[quantity.bit] is None:
        return "not reported"
    return "questionable" if last.questionable >> quantity.bit & 1 else "good"


def _json(one: HistoryStatus, period: int, at: float) -> dict[str, Any]:
    state, last = one.state, one.last
    lag, share = one.lag(at), one.good_share
    counts = ("samples", "doubles", "overflows", "misdated")
    return {
        "heat_pump": one.heat_pump,
        "consent": one.consent,
        "last_interval": utc_time(state.last_interval if state else None),
        "stored_at": utc_time(state.stored_at if state else None),
        "lag_s": None if lag is None else round(lag, 1),
        "gaps": state.missing(period) if state else 0,
        **{name: getattr(state, name) if state else 0 for name in counts},
        "good_share": None if share is None else round(share, 4),
        "values": {
            quantity.column: {
                "value": _value(last, quantity),
                "unit": quantity.unit,
                "quality": _quality(last, quantity),
            }
            for quantity in (QUANTITIES if last else ())
        },
    }

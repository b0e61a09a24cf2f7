"""``hphub usage``: who used which heat pumps how much in a month, and what that costs."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import click

from hub.accounts import month_of
from hub.cli.context import config_option, json_option, load_config, now, read
from hub.cli.output import show_json, show_table
from hub.config import UsageSection
from hub.registry.usage import KINDS, Usage, usage_of

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


@click.command("usage")
@click.option("--month", metavar="YYYY-MM", help="A month in UTC, e.g. 2026-11.  [default: this one, so far]")
@click.option("--provider", help="Only this provider, also a removed one.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a line for each provider and heat pump.")
@json_option
@config_option
def usage_command(month: str | None, provider: str | None, as_csv: bool, as_json: bool) -> None:
    """Show which heat pumps each provider used in a month and how much: the base of an invoice.

    Counted is what the routers passed on: requests that read, controls (select, operate, cancel), settings
    written, reports; and what the collector sent of the history: history_rows, intervals of all quantities. A
    heat pump with any of these is an installation used; hub.yaml says in usage.price and usage.currency what
    one costs. What was used in the last minute may not be in it yet.

    \b
    Examples:
      hphub usage --month 2026-11
      hphub usage --month 2026-11 --csv > november.csv
    """
    if month is not None and not _MONTH.fullmatch(month):
        raise click.UsageError(f"{month!r} is not a month: write e.g. 2026-11")
    if as_csv and as_json:
        raise click.UsageError("--csv and --json contradict each other")
    terms = load_config().usage
    found = read(usage_of, month or month_of(now()), provider)
    if as_csv:
        _show_csv(found)
        return
    accounts = [_account(id_, list(rows), terms) for id_, rows in groupby(found, lambda one: one.provider)]
    if as_json:
        show_json(accounts)
        return
    show_table(
        ("provider", "installations", *KINDS, "amount"),
        [
            [
                one["provider"],
                str(one["installations"]),
                *(str(one[kind]) for kind in KINDS),
                f"{one['amount']} {one['currency']}",
            ]
            for one in accounts
        ],
        empty="Nobody used anything in that month.",
    )


def _account(provider: str, rows: Sequence[Usage], terms: UsageSection) -> dict[str, Any]:
    return {
        "month": rows[0].month,
        "provider": provider,
        "installations": len(rows),
        **{kind: sum(getattr(row, kind) for row in rows) for kind in KINDS},
        "price": f"{terms.price:.2f}",
        "amount": f"{terms.price * len(rows):.2f}",
        "currency": terms.currency,
        "heatpumps": [
            {"heatpump": row.heat_pump, **{kind: getattr(row, kind) for kind in KINDS}} for row in rows
        ],
    }


def _show_csv(found: Sequence[Usage]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("month", "provider", "heatpump", *KINDS))
    for row in found:
        counts = [getattr(row, kind) for kind in KINDS]
        writer.writerow((row.month, row.provider, row.heat_pump, *counts))

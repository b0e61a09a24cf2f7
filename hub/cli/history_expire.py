"""``hphub history expire``: lets go by hand what the collector lets go once a day."""

from __future__ import annotations

import asyncio

import click

from hub.audit import HISTORY_CHAIN, AuditLog
from hub.cli.context import config_option, confirm, json_option, load_config, now, operator, yes_option
from hub.cli.output import show_json, show_table
from hub.config import HubConfig
from hub.history.expiry import Expired, HistoryExpiry
from hub.history.store import HistoryStore
from hub.registry import Registry


@click.command("expire")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@yes_option
@json_option
@config_option
def expire_command(dry_run: bool, yes: bool, as_json: bool) -> None:
    """Anonymise or erase samples whose consent ended longer ago than hub.yaml lets them stay.

    hub.yaml: history.keep_days_after_consent (30 if not said) and history.after_consent (anonymise or erase).
    The collector does the same once a day. It cannot be undone.

    \b
    Example:
      hphub history expire --dry-run
    """
    config = load_config()
    if not dry_run:
        confirm(f"{config.history.after_consent.capitalize()} all samples whose consent is over?", yes)
    done = asyncio.run(_expire(config, dry_run))
    if as_json:
        show_json([{"heatpump": one.heat_pump, "samples": one.samples} for one in done])
        return
    show_table(
        ("heat pump", "samples"),
        [[one.heat_pump, str(one.samples)] for one in done],
        empty="Nothing to let go: all samples have a consent, or are kept for some days more.",
    )


async def _expire(config: HubConfig, dry_run: bool) -> list[Expired]:
    registry = await Registry.open(config.databases.registry)
    try:
        store = await HistoryStore.open(config.databases.history)
        try:
            walk = HistoryExpiry(config, registry, store, now())
            if dry_run:
                return [expired for _, expired in await walk.due()]
            audit = await AuditLog.open(config.databases.audit, HISTORY_CHAIN)
            try:
                return await walk.carry_out(audit, operator())
            finally:
                await audit.close()
        finally:
            await store.close()
    finally:
        await registry.close()

"""write, operate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from iec61850_model.client import UnusableValue
from service_provider.addresses import group_named
from service_provider.cli.connection import connected
from service_provider.cli.exits import DONE
from service_provider.cli.grouping import repeat_option, show_results
from service_provider.cli.output import json_option, print_json
from service_provider.group_results import Outcome
from service_provider.provider import ServiceProvider
from service_provider.text import coming_time_from_text


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("heatpump")
@click.argument("reference")
@click.argument("value")
@connected
async def write(sp: ServiceProvider, heatpump: str, reference: str, value: str) -> None:
    """Set a setting, a description or configuration to VALUE.

    \b
      hpclient write hp0001 MET/MMXU1.TotW.db 100
      hpclient write hp0001 HP/EvuGGIO1.SPCSO1.d "EVU block"

    Relays and set points that are controls are switched with operate.
    """
    await sp.write(heatpump, reference, value)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("heatpump", metavar="HEATPUMP|@GROUP")
@click.argument("reference")
@click.argument("value", required=False)
@click.option(
    "--at",
    metavar="TIME",
    help="When: +5s, +10min, +2h, 17:30, or 2026-11-23T17:30 (local time unless it names a zone).",
)
@click.option("--wait", is_flag=True, help="With --at: stay until it was carried out, and tell how it ended.")
@click.option("--cancel", is_flag=True, help="Take back what you commanded for later. Needs no VALUE.")
@click.option("--select-only", is_flag=True, help="Only see whether it could be selected, and let it go.")
@click.option("--test", is_flag=True, help="A test: only a device in mode test or test/blocked takes it.")
@repeat_option
@json_option
@connected
async def operate(
    sp: ServiceProvider, /, heatpump: str, reference: str, value: str | None, **how: Any
) -> int:
    """Switch a control to VALUE, now or at a time that the device keeps by itself.

    \b
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 on
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 off --at +30s
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 --cancel  not off after all
      hpclient operate hp0001 HP/SgrGGIO1.ISCSO1 3         SG Ready state 1 to 4
      hpclient operate hp0001 HP/RmFSPT1.SptVal 20.5       a set point
      hpclient operate @north HP/EvuGGIO1.SPCSO1 on        all heat pumps of a group

    VALUE: on, off, true, false, 1 or 0 for relays, else a number. How the object has to be commanded is known
    from its ctlModel: what must be selected first is selected. Done means that the device has done it, and
    with --at that it has accepted it; it keeps one command for later for each object.

    A test is carried out in mode test, and in mode test/blocked answered only. No device of this hub is in
    one of these modes unless somebody at it has chosen so.

    For a group direct control is all there is: what must be selected first is operated in each alone. Those
    that are not done are named, with --json each heat pump in a line of its own. The exit code is 0 if all
    are done, 1 if some refused, 4 if some did not answer.
    """
    _fits_together(value, how)
    when = None if how["at"] is None else coming_time_from_text(how["at"], datetime.now(UTC))
    group = group_named(heatpump)
    if group is not None:
        if how["cancel"] or how["select_only"] or how["wait"]:
            raise UnusableValue("a group is operated, directly or --at a time: nothing else is asked of many")
        asked = await sp.group(group)
        results = asked.operate(reference, value, at=when, test=how["test"], repeat=how["repeat"])
        return await show_results(results, len(asked.members), as_json=how["as_json"])
    if how["cancel"]:
        await sp.cancel(heatpump, reference)
    elif not how["select_only"]:
        await sp.operate(heatpump, reference, value, at=when, test=how["test"], wait=how["wait"])
    elif await sp.select(heatpump, reference, value, at=when, test=how["test"]):
        await sp.cancel(heatpump, reference)
    else:
        raise UnusableValue(f"{reference} is not selected before it is operated (ctlModel)")
    if how["as_json"]:
        print_json({"heatpump": heatpump, "outcome": Outcome.DONE, "error": None})
    return DONE


def _fits_together(value: str | None, how: Mapping[str, Any]) -> None:
    """Raises UnusableValue."""
    if how["cancel"] and (value is not None or how["at"] or how["select_only"]):
        raise UnusableValue("--cancel needs neither a value nor another option")
    if value is None and not how["cancel"]:
        raise UnusableValue("give the VALUE to switch to, or --cancel")
    if how["wait"] and not how["at"]:
        raise UnusableValue("--wait is for --at: what is done at once is waited for anyway")

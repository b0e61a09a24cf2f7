"""write, operate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from iec61850_model.client import UnusableValue
from service_provider.cli.connection import connected
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
@click.argument("heatpump")
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
@connected
async def operate(
    sp: ServiceProvider, /, heatpump: str, reference: str, value: str | None, **how: Any
) -> None:
    """Switch a control to VALUE, now or at a time that the device keeps by itself.

    \b
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 on
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 off --at +30s
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 --cancel  not off after all
      hpclient operate hp0001 HP/SgrGGIO1.ISCSO1 3         SG Ready state 1 to 4
      hpclient operate hp0001 HP/RmFSPT1.SptVal 20.5       a set point

    VALUE: on, off, true, false, 1 or 0 for relays, else a number. How the object has to be commanded is known
    from its ctlModel: what must be selected first is selected. Done means that the device has done it, and
    with --at that it has accepted it; it keeps one command for later for each object.

    A test is carried out in mode test, and in mode test/blocked answered only. No device of this hub is in
    one of these modes unless somebody at it has chosen so.
    """
    if how["cancel"]:
        if value is not None or how["at"] or how["select_only"]:
            raise UnusableValue("--cancel needs neither a value nor another option")
        await sp.cancel(heatpump, reference)
        return
    if value is None:
        raise UnusableValue("give the VALUE to switch to, or --cancel")
    if how["wait"] and not how["at"]:
        raise UnusableValue("--wait is for --at: what is done at once is waited for anyway")
    when = None if how["at"] is None else coming_time_from_text(how["at"], datetime.now(UTC))
    if not how["select_only"]:
        await sp.operate(heatpump, reference, value, at=when, test=how["test"], wait=how["wait"])
    elif await sp.select(heatpump, reference, value, at=when, test=how["test"]):
        await sp.cancel(heatpump, reference)
    else:
        raise UnusableValue(f"{reference} is not selected before it is operated (ctlModel)")

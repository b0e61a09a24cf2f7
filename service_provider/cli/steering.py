"""write, operate."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from service_provider.cli.connection import connected
from service_provider.provider import ServiceProvider
from service_provider.text import time_from_text


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
@click.argument("value")
@click.option(
    "--at", metavar="TIME", help="When: +5s, +10min, +2h, or 2026-11-23T04:45:00Z. Now if not given."
)
@click.option(
    "--test", is_flag=True, help="A test: only a device in mode test carries it out, without effect."
)
@connected
async def operate(
    sp: ServiceProvider, heatpump: str, reference: str, value: str, at: str | None, test: bool
) -> None:
    """Switch a control to VALUE, now or at a time that the device keeps by itself.

    \b
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 on
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 off --at +30s
      hpclient operate hp0001 HP/SgrGGIO1.ISCSO1 3         SG Ready state 1 to 4
      hpclient operate hp0001 HP/RmFSPT1.SptVal 20.5       a set point

    VALUE: on, off, true, false, 1 or 0 for relays, else a number. Done means that the device accepted it;
    read the object to see it follow.
    """
    when = None if at is None else time_from_text(at, datetime.now(UTC))
    await sp.operate(heatpump, reference, value, at=when, test=test)

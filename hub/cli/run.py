"""``hphub run``: the hub itself."""

from __future__ import annotations

import asyncio

import click

from hub.cli.context import config_option, load_config
from hub.config import HubConfig

PARTS = ("router", "collector", "ops", "enrolment")
"""The parts of the hub, each of which can run as a process of its own."""


@click.command("run")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Run only this part.  [default: all]")
@config_option
def run_command(only: tuple[str, ...]) -> None:
    """Run the hub until it is stopped (Ctrl-C or SIGTERM).

    The router passes requests between providers and boxes, the collector keeps the 5-minute history, ops
    gives schedules their priorities and ends in the boxes what belongs to grants that have ended. There can
    be several routers, but only one collector and one ops. The enrolment gives boxes their certificates; it
    runs only if enrolment.box_domain is set, and can have a user of its own, who alone can read its key.

    \b
    Example:
      hphub run --config /etc/heat-pump-hub/hub.yaml
      hphub run --only collector
    """
    from hub.start import run  # noqa: PLC0415  the XMPP stack would slow down every other command

    config = load_config()
    asyncio.run(run(config, only or _configured(config)))


def _configured(config: HubConfig) -> tuple[str, ...]:
    return tuple(part for part in PARTS if part != "enrolment" or config.enrolment.box_domain is not None)

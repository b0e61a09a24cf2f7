"""``hphub run``: the hub itself."""

from __future__ import annotations

import asyncio

import click

from hub.cli.context import config_option, load_config

PARTS = ("router",)
"""The parts of the hub, each of which can run as a process of its own; there is one so far."""


@click.command("run")
@click.option(
    "--only", multiple=True, type=click.Choice(PARTS), expose_value=False, help="Run only this part."
)
@config_option
def run_command() -> None:
    """Run the hub until it is stopped (Ctrl-C or SIGTERM).

    \b
    Example:
      hphub run --config /etc/heat-pump-hub/hub.yaml
    """
    from hub.run import run  # noqa: PLC0415  the XMPP stack would slow down every other command

    asyncio.run(run(load_config()))

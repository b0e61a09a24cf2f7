"""``hphub run``: the hub itself."""

from __future__ import annotations

import click

from hub.cli.context import config_option, load_config

PARTS = ("router",)
"""The parts a hub is made of, each of which can run as a process of its own."""


@click.command("run")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Run only this part; may be repeated.")
@config_option
def run_command(only: tuple[str, ...]) -> None:
    """Run the hub until it is stopped (Ctrl-C or SIGTERM).

    \b
    Example:
      hphub run --config /etc/heat-pump-hub/hub.yaml
    """
    from hub.run import run  # noqa: PLC0415  the XMPP stack would slow down every other command

    run(load_config(), frozenset(only or PARTS))

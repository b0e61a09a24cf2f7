"""``hpbox``: run a box, or check its configuration."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import NoReturn

import click
import structlog

from device_agent import agent
from device_agent.config import BoxConfig, ConfigError
from device_agent.drivers.base import DriverError

EXIT_CONFIGURATION = 2
CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("box.yaml"),
    envvar="HPBOX_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The box's configuration.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The box beside a heat pump: measures, switches, and serves IEC 61850 over XMPP.

    \b
    Example:
      hpbox check --config box.yaml     look for mistakes, touch nothing
      hpbox run --config box.yaml       run until Ctrl-C or SIGTERM
    """


@main.command()
@CONFIG
def run(config: Path) -> None:
    """Run the box until Ctrl-C or SIGTERM.

    Relays are in their safe states before it starts and after it has stopped. Without a network it measures
    and waits; it connects as soon as it can. Logs go to standard error, as JSON lines in a pipe.
    """
    loaded = _load(config)
    _configure_logs(loaded.log_level)
    try:
        asyncio.run(agent.run(loaded))
    except (ConfigError, DriverError) as error:
        _fail(str(error))


@main.command()
@CONFIG
def check(config: Path) -> None:
    """Say what is wrong with a configuration, without touching hardware or network."""

    async def build() -> None:
        agent.Agent(_load(config))

    try:
        asyncio.run(build())
    except (ConfigError, DriverError) as error:
        _fail(str(error))
    click.echo(f"{config}: in order")


def _load(path: Path) -> BoxConfig:
    try:
        return BoxConfig.load(path)
    except ConfigError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    click.echo(f"hpbox: {message}", err=True)
    raise SystemExit(EXIT_CONFIGURATION)


def _configure_logs(level: str) -> None:
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")

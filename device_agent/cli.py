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

    Copy config/box.yaml of the source, whose comments explain every key, and say in it what is wired to this
    box and which account it has. Then:

    \b
      hpbox check --config box.yaml     look for mistakes, touch nothing
      hpbox run --config box.yaml       run until Ctrl-C or SIGTERM

    The hub's operator lets the box in: hphub heatpump add.
    """


@main.command()
@CONFIG
def run(config: Path) -> None:
    """Run the box until Ctrl-C or SIGTERM.

    Relays are in their safe states before it serves and after it has stopped. Without a network it measures
    and waits; it connects as soon as it can. Logs go to standard error, as JSON lines in a pipe.

    \b
    Exit codes:
      0  stopped by Ctrl-C or SIGTERM
      1  ended by a mistake of its own; the log says which
      2  the configuration or the hardware cannot be used; the message says why
    """
    loaded = _load(config)
    _configure_logs(loaded.log_level)
    try:
        asyncio.run(agent.run(loaded))
    except (ConfigError, DriverError) as error:
        _fail(f"{config}: {error}")


@main.command()
@CONFIG
def check(config: Path) -> None:
    """Look for mistakes in a configuration; touch nothing.

    Reads the configuration, the model, the password and the CA file, and compares them: every data object,
    driver, reading and output that is named must exist. Neither hardware nor network is used. Exit code 0: in
    order; 2: the message says what is wrong and where.
    """

    loaded = _load(config)

    async def build() -> None:
        agent.Agent(loaded, agent.make_buffers(loaded))

    try:
        asyncio.run(build())
    except ConfigError as error:
        _fail(f"{config}: {error}")
    click.echo(f"{config}: in order: {len(loaded.points)} points, {len(loaded.outputs)} outputs")


def _load(path: Path) -> BoxConfig:
    try:
        return BoxConfig.load(path)
    except ConfigError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    click.echo(f"hpbox: {message}", err=True)
    raise SystemExit(EXIT_CONFIGURATION)


def _configure_logs(level: str) -> None:
    """Ours and those of libraries alike: lines for people on a terminal, JSON in a pipe or journal."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    # slixmpp writes whole stanzas at debug: never below warning, whatever our own level is.
    logging.basicConfig(level=logging.WARNING, handlers=[handler])

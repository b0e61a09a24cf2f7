"""``hpbox``: run a box, or check its configuration."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import NoReturn

import click
import structlog

from device_agent import agent, make_safe
from device_agent.config import BoxConfig, ConfigError, read_yaml
from device_agent.drivers.base import DriverError
from device_agent.enrolment.command import enrol_command
from iec61850_model.check import Finding, NotReadable, Severity, check_model
from iec61850_model.scl import MAX_SCL_OCTETS

EXIT_FINDINGS = EXIT_NOT_SAFE = 1
EXIT_CONFIGURATION = 2
COLOURS = {Severity.ERROR: "red", Severity.NOTE: "cyan"}
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

    With a one-time code of the hub's operator this machine becomes a box and gets its first box.yaml; or copy
    config/box.yaml of the source, whose comments explain every key. Say in it what is wired to this box.
    Then:

    \b
      hpbox enrol CODE                  become the box that a code is for
      hpbox check --config box.yaml     look for mistakes, touch nothing
      hpbox run --config box.yaml       run until Ctrl-C or SIGTERM
      hpbox safe --config box.yaml      bring all relays to their safe states
      hpbox check-model my-box.icd      compare an information model with the standard

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
def safe(config: Path) -> None:
    """Bring all outputs to their safe states and exit; for when no box runs.

    A pin keeps its level when a process dies. The systemd unit runs this whenever hpbox run has ended,
    whatever ended it. Of the configuration only drivers and outputs are looked at, each for itself: a mistake
    elsewhere, or in another output, keeps none from its safe state. Set points stay as they are.

    \b
    Exit codes:
      0  every output is in its safe state
      1  some may not be; the messages say which, and why
      2  the configuration cannot be read
    """
    try:
        outputs = make_safe.outputs_of(read_yaml(config))
    except ConfigError as error:
        _fail(str(error))
    problems = asyncio.run(make_safe.make_safe(outputs))
    for problem in problems:
        click.echo(f"hpbox: {config}: {problem}", err=True)
    if problems:
        raise SystemExit(EXIT_NOT_SAFE)
    click.echo(f"{config}: {len(outputs.relays)} relays are in their safe states")


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


@main.command("check-model")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding and line, for programs.")
def check_model_command(file: Path, as_json: bool) -> None:
    """Compare an information model, an ICD or CID in SCL 2007B4, with the standard.

    Looked at: elements and names; data objects that a logical node must, may and must not have; attributes,
    their functional constraints, types and triggers; enumerations; values; data sets and their members;
    report and log control blocks; controls and their ctlModel; schedules. Last the file is read as a box
    reads it.
    Logical node classes: those of 7-4 and 7-420 that have to do with heat pumps.

    \b
    A finding names the line and place, what is wrong, and what to do:
      my-box.icd:17: error: LNodeType STMP_plain: Beh is missing: it is mandatory
          add Beh (ENS)
    An error is to be corrected. A note may be meant so: a type that nothing uses, a class without a table.

    \b
    With --json each line is an object with line, severity, rule, place, problem, remedy.

    \b
    Exit codes:
      0  no errors; there may be notes
      1  errors
      2  the file cannot be read; the message says why
    """
    try:
        with file.open("rb") as source:
            report = check_model(source.read(MAX_SCL_OCTETS + 1))
    except OSError as error:
        _fail(f"{file}: {error.strerror}: give the path of an ICD or CID")
    except NotReadable as error:
        _fail(f"{file}: {error}")
    for finding in report.findings:
        click.echo(json.dumps(dataclasses.asdict(finding)) if as_json else _shown(file, finding))
    if not as_json:
        size = f"{_counted(report.devices, 'logical device')}, {_counted(report.nodes, 'logical node')}"
        click.echo(f"{file}: {size}: {_counted(report.errors, 'error')}, {_counted(report.notes, 'note')}")
    if report.errors:
        raise SystemExit(EXIT_FINDINGS)


def _shown(file: Path, finding: Finding) -> str:
    severity = click.style(finding.severity, fg=COLOURS[finding.severity], bold=True)
    where = click.style(f"{file}:{finding.line}:", bold=True)
    return (
        f"{where} {severity}: {_plain(f'{finding.place}: {finding.problem}')}\n    {_plain(finding.remedy)}"
    )


def _plain(text: str) -> str:
    """Without what a file could send to a terminal beside letters."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


main.add_command(enrol_command)


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

"""The command line of ``scripts/bench``."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from support.bench import box, codec, collect, decision, fanout, roster, router
from support.bench.calling import NoAnswer
from support.bench.report import shown
from support.bench.world import ServerName, WorldError
from support.ejabberd import EjabberdError, EjabberdUnavailableError
from support.postgresql import PostgresqlError, PostgresqlUnavailableError
from support.prosody import ProsodyError, ProsodyUnavailableError
from support.scene import SceneError

BENCHES = ("codec", "router", "fanout", "decision", "roster", "box", "collect")
SERVERS: dict[str, tuple[ServerName, ...]] = {
    "prosody": ("prosody",),
    "ejabberd": ("ejabberd",),
    "both": ("prosody", "ejabberd"),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("what", type=click.Choice([*BENCHES, "all"]))
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.05, 600),
    default=5.0,
    show_default=True,
    help="Length of one measurement.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Measurements that a median is taken of (router, fanout, roster, collect).",
)
@click.option(
    "--server",
    type=click.Choice(list(SERVERS)),
    default="both",
    show_default=True,
    help="XMPP server the router, fanout and collect benches go through.",
)
@click.option(
    "--size",
    type=click.IntRange(1, 1_000_000),
    help="Heat pumps in the roster, instead of each bench's own number; for a quick look only.",
)
def main(what: str, as_json: bool, seconds: float, runs: int, server: str, size: int | None) -> None:
    """Measure how fast the hub's parts are, each beside a floor measured in the same run.

    \b
    codec     encoding and strict decoding, beside plain ElementTree
    router    reads to a box and back, beside a relay that only changes addresses
    fanout    10,000 operates to 10,000 heat pumps, and one message to all, beside the same relay
    decision  the decision in a roster of 258,000 heat pumps, and a router's start with it
    roster    100,000 grants that end at one instant: the hub's longest stall; audit rows a second
    box       updates of a box's model, and what hpbox takes of processor, memory and SD card
    collect   5-minute reports into SQLite and PostgreSQL, beside the same stanzas dropped

    Close what else runs on the machine. Nothing is left behind; no root and no network are needed, except to
    get Prosody, ejabberd and PostgreSQL the first time.
    """
    names = BENCHES if what == "all" else (what,)
    results: dict[str, Any] = {"conditions": _conditions(seconds, runs)}
    failure: Exception | None = None
    try:
        for name in names:
            _progress(f"{name} ...")
            results[name] = _run(name, seconds, runs, SERVERS[server], size)
    except (
        NoAnswer, WorldError, SceneError, ProsodyError, ProsodyUnavailableError, EjabberdError,
        EjabberdUnavailableError, PostgresqlError, PostgresqlUnavailableError,
    ) as failed:  # fmt: skip
        failure = failed  # what was measured before is worth as much
    click.echo(json.dumps(results, indent=2) if as_json else shown(results))
    if failure is not None:
        raise click.ClickException(f"{name}: {failure}") from failure


def _run(
    name: str, seconds: float, runs: int, servers: tuple[ServerName, ...], size: int | None
) -> dict[str, Any]:
    if name == "codec":
        return codec.run(seconds)
    if name == "box":
        return box.run(seconds)
    if name == "decision":
        return decision.run(seconds, decision.Size(size, min(size, 300), size) if size else None)
    if name == "roster":
        return roster.run(seconds, runs, roster.Size(size, min(size, 300), size, size) if size else None)
    per_server: dict[str, Callable[[ServerName], dict[str, Any]]] = {
        "router": lambda server: router.run(server, seconds, runs, size or router.HEAT_PUMPS),
        "fanout": lambda server: fanout.run(server, runs, size or fanout.OPERATES),
        "collect": lambda server: collect.run(server, seconds, runs, size or collect.HEAT_PUMPS),
    }
    results: dict[str, Any] = {}
    for server in servers:
        _progress(f"  {server} ...")
        results[server] = per_server[name](server)
    return results


def _conditions(seconds: float, runs: int) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "seconds": seconds,
        "runs": runs,
    }


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(prog_name="scripts/bench")

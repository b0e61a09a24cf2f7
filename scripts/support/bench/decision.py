"""The decision in a roster of a whole country, and how soon a router that starts has that roster."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from hub.judge import judge
from hub.roster import Changes, Grant, HeatPump, Provider, Right, Roster
from support.bench import messages
from support.bench.filling import box_local, fill, heat_pump_id, pairs
from support.bench.numbers import percentile
from support.bench.processes import peak_memory
from support.bench.world import BOXES, HUB, PROVIDERS
from support.ports import free_port
from support.processes import die_with_parent
from support.scene import PROGRAMS

AIM_MICROSECONDS = 20.0
AIM_START_SECONDS = 20.0
AIM_START_OCTETS = 1_000_000_000

START_TIMEOUT = 300.0
"""Seconds a router may take to start before this is given up."""
POLL = 0.02
CHUNK = 200
"""Decisions of one stretch: long enough for the clock, short enough for a median."""
ASKED = 20_000
"""Different pairs that are asked for, so that no cache of the processor helps more than in the field."""


@dataclass(frozen=True)
class Size:
    """How much is in the roster."""

    heat_pumps: int = 258_000
    providers: int = 300
    grants: int = 400_000


def run(seconds: float, size: Size | None = None) -> dict[str, Any]:
    """Measure the decision for ``seconds``, and one start of a router."""
    size = size or Size()
    return {
        "heat_pumps": size.heat_pumps,
        "providers": size.providers,
        "grants": size.grants,
        "decision": _decision(size, seconds),
        "start": _start(size),
    }


def _provider_jid(number: int) -> str:
    return f"control@sp{number:03d}.{PROVIDERS}"


def _decision(size: Size, seconds: float) -> dict[str, Any]:
    rights = frozenset(Right)
    roster = Roster()
    roster.apply(
        Changes(
            revision=1,
            heat_pumps=tuple(
                HeatPump(heat_pump_id(n), f"{box_local(n)}@{BOXES}") for n in range(size.heat_pumps)
            ),
            providers=tuple(Provider(f"sp{n:03d}", _provider_jid(n)) for n in range(size.providers)),
            grants=tuple(
                Grant(key, f"sp{provider:03d}", heat_pump_id(heat_pump), rights)
                for key, (provider, heat_pump) in enumerate(
                    pairs(size.heat_pumps, size.providers, size.grants)
                )
            ),
        )
    )
    granted = list(islice(pairs(size.heat_pumps, size.providers, size.grants), ASKED))
    Random(1).shuffle(granted)  # noqa: S311 - the order of a measurement
    asked = [(_provider_jid(provider), heat_pump_id(heat_pump)) for provider, heat_pump in granted]
    pdu, now = messages.read_request().pdu, time.time()

    def decide(jid: str, heat_pump: str) -> bool:
        provider = roster.provider_of_jid(jid)
        assert provider is not None
        return judge(pdu, roster.grants(provider.id, heat_pump, now), now).allowed

    if not all(decide(*one) for one in asked):
        raise AssertionError("the decision refuses what was granted")
    times = list(_stretches(decide, asked, seconds))
    micros = percentile(times, 0.5) * 1e6
    return {
        "microseconds": micros,
        "p99_microseconds": percentile(times, 0.99) * 1e6,
        "met": micros <= AIM_MICROSECONDS,
    }


def _stretches(decide: Any, asked: list[tuple[str, str]], seconds: float) -> Iterator[float]:
    end, at = perf_counter() + seconds, 0
    while True:
        part = [asked[(at + n) % len(asked)] for n in range(CHUNK)]
        begun = perf_counter()
        for jid, heat_pump in part:
            decide(jid, heat_pump)
        now = perf_counter()
        yield (now - begun) / CHUNK
        if now > end:
            return
        at += CHUNK


def _start(size: Size) -> dict[str, Any]:
    """Start ``hphub run`` on such a registry; no XMPP server is needed to have the roster."""
    with tempfile.TemporaryDirectory(prefix="hpbench-") as name:
        folder = Path(name) / "hub"
        command = [str(PROGRAMS / "hphub"), "init", "--domain", HUB, "--dir", str(folder)]
        subprocess.run(
            [*command, "--component-port", str(free_port())], check=True, stdout=subprocess.DEVNULL
        )
        fill(
            folder / "registry.db",
            boxes=BOXES,
            provider_jid=_provider_jid,
            heat_pumps=size.heat_pumps,
            providers=size.providers,
            grants=size.grants,
        )
        return _started(folder)


def _started(folder: Path) -> dict[str, Any]:
    log_file = folder / "hub.log"
    begun = perf_counter()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [str(PROGRAMS / "hphub"), "run", "--only", "router", "--config", str(folder / "hub.yaml")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Safe with threads: it makes two system calls.
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )
    try:
        while b"router starts" not in log_file.read_bytes():
            if process.poll() is not None or perf_counter() - begun > START_TIMEOUT:
                raise AssertionError(f"the router did not start:\n{log_file.read_text()[-3000:]}")
            time.sleep(POLL)
        seconds = perf_counter() - begun
        octets = peak_memory(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return {
        "seconds": seconds,
        "peak_octets": octets,
        "met": seconds <= AIM_START_SECONDS and octets <= AIM_START_OCTETS,
    }

"""The benches that go through a real XMPP server, at their smallest: they run to their end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from support.bench.report import shown
from support.ejabberd import EjabberdInstall
from support.prosody import ProsodyInstall

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
LONGEST = 240.0
"""Seconds after which a bench of the smallest size hangs."""


def bench(*words: str) -> dict[str, Any]:
    smallest = ("--json", "--seconds", "0.05", "--runs", "1", "--size", "4")
    done = subprocess.run(
        [BENCH, *words, *smallest], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_router_and_fanout_through_prosody(prosody_install: ProsodyInstall) -> None:
    router = bench("router", "--server", "prosody")["router"]["prosody"]
    for in_flight in (1, 64, 256):
        one = router[f"{in_flight} in flight"]
        assert one["hub"]["per_second"] > 0
        assert one["bottleneck"] in one["cores"]
        assert one["p50_ratio"] > 0
    fanout = bench("fanout", "--server", "prosody")
    assert fanout["fanout"]["prosody"]["operates"] == 4
    assert fanout["fanout"]["prosody"]["group"]["hub_seconds"] > 0
    assert "4 operates" in shown(fanout)


def test_router_through_ejabberd(ejabberd_install: EjabberdInstall) -> None:
    router = bench("router", "--server", "ejabberd")["router"]["ejabberd"]
    assert router["64 in flight"]["floor"]["per_second"] > 0


def test_collector_through_prosody(prosody_install: ProsodyInstall) -> None:
    results = bench("collect", "--server", "prosody")
    for database in ("sqlite", "postgresql"):
        one = results["collect"]["prosody"][database]
        assert one["per_second"] > 0
        assert one["floor_per_second"] > 0
        assert one["octets"] > 4_000
    assert {"prosody", "collector", "postgresql", "boxes"} <= set(one["cores"])
    assert "postgresql" in shown(results)


def test_a_box(prosody_install: ProsodyInstall) -> None:
    results = bench("box")
    box = results["box"]
    assert set(box["updates"]) == {"live", "all kept"}
    assert 0 < box["cpu_share"] < 1
    assert box["peak_octets"] > 10_000_000
    assert box["written_per_average"] > 0, "an average is on the disk before it is reported"
    assert "of a core" in shown(results)

"""``scripts/bench`` at its smallest: every bench runs to its end and says what its report needs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from support.bench.numbers import middle, paired, percentile
from support.bench.report import shown

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
LONGEST = 240.0
"""Seconds after which a bench of the smallest size hangs."""
SMALLEST = ("--json", "--seconds", "0.05", "--runs", "1", "--size", "4")


def bench(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [BENCH, *words, *SMALLEST], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_codec() -> None:
    results = bench("codec")
    assert set(results) == {"conditions", "codec"}
    assert all(one["ratio"] > 0 and isinstance(one["met"], bool) for one in results["codec"].values())
    assert "ratio" in shown(results)


def test_decision() -> None:
    results = bench("decision")
    assert results["decision"]["decision"]["microseconds"] > 0
    assert results["decision"]["start"]["peak_octets"] > 0
    assert "router" not in shown(results)


def test_roster() -> None:
    results = bench("roster")
    expiry, audit = results["roster"]["expiry"], results["roster"]["audit"]
    assert expiry["longest_stall_ms"] > 0
    assert expiry["told_after_s"] > 0
    assert isinstance(expiry["met"], bool)
    assert audit["ratio"] > 0
    assert "end at one instant" in shown(results)


def test_ratios_are_of_neighbours() -> None:
    """A machine that was slow for two thirds of the time leaves the ratio as it is."""
    ours = [{"ms": 2.0}, {"ms": 20.0}, {"ms": 40.0}]
    floor = [{"ms": 1.0}, {"ms": 10.0}, {"ms": 20.0}]
    assert paired(ours, floor, "ms") == 2.0
    assert middle(ours) == {"ms": 20.0}
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0

"""Processor time and memory of running processes (Linux, /proc)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, in user and system mode, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_memory(pid: int) -> int:
    """Largest resident memory of a process so far, in octets."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} tells no memory")


class CpuMeter:
    """How busy some processes are between two moments."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._begun = time.perf_counter()
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def busy(self) -> dict[str, float]:
        """Cores used by each process since the meter was made: 1.0 is one core, all the time."""
        seconds = time.perf_counter() - self._begun
        return {name: (cpu_seconds(pid) - self._before[name]) / seconds for name, pid in self._pids.items()}

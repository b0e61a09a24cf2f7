"""Processor time and memory of running processes (Linux, /proc)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_PID_SHIFT, _SCHEDULED = 3, 2
"""How Linux makes the number of the clock that is a process's processor time (clock_getcpuclockid); /proc
tells the same in ticks of 10 ms only, which is all an idle box takes."""


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, in user and system mode, all its threads together."""
    return time.clock_gettime(~pid << _PID_SHIFT | _SCHEDULED)


def peak_memory(pid: int) -> int:
    """Largest resident memory of a process so far, in octets."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} tells no memory")


def written_octets(pid: int) -> int:
    """Octets a process so far gave to disks, whole pages of the system's cache."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"process {pid} tells nothing of what it wrote")


def children(pid: int) -> list[int]:
    """The processes whose parent a process is, now."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(status.parent.name))
    return found


class CpuMeter:
    """How busy some processes are between two moments; several may go by one name."""

    def __init__(self, pids: Mapping[str, int | tuple[int, ...]]) -> None:
        self._pids = {name: (one,) if isinstance(one, int) else one for name, one in pids.items()}
        self._begun = time.perf_counter()
        self._before = self._so_far()

    def _so_far(self) -> dict[str, float]:
        return {name: sum(map(cpu_seconds, pids)) for name, pids in self._pids.items()}

    def busy(self) -> dict[str, float]:
        """Cores used by each since the meter was made: 1.0 is one core, all the time."""
        seconds = time.perf_counter() - self._begun
        return {name: (now - self._before[name]) / seconds for name, now in self._so_far().items()}

"""What must survive a power cut: the entries of buffered reports and logs, in one SQLite file for all.

An entry of 20 measurands with quality and time has 484 octets of values and takes 512 of the file, so the
8,640 entries of 30 days of 5-minute averages take 4.4 MB. Of the 200 MB that a box may use unless told
otherwise, 191 are for entries, in equal shares: with 10 buffers 19 MB each, four months of such entries.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_agent.buffer_file import BufferFile
from device_agent.stored_buffer import StoredBuffer


class Buffers:
    """All buffers of a box in one file, each with an equal share of ``max_octets``.

    Before ``open`` they are empty and take nothing, so that a configuration can be checked without touching
    the file.
    """

    def __init__(self, path: Path, max_octets: int, clock: Callable[[], float]) -> None:
        self._file = BufferFile(path, max_octets, clock)
        self._buffers: dict[str, StoredBuffer] = {}

    def of(self, reference: str) -> StoredBuffer:
        """The buffer of a control block or log, e.g. ``AVG/LLN0$BR$brcbAvg01``."""
        if reference not in self._buffers:
            self._buffers[reference] = StoredBuffer(self._file, reference)
        return self._buffers[reference]

    def forget_others(self) -> None:
        """Give up the entries of control blocks and logs that nobody asked for, left from another model."""
        self._file.forget_all_but(self._buffers)

    def open(self) -> None:
        """Open the file. Never raises: what fails is logged, ``kept`` says it, and it is tried again."""
        self._file.open()

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    @property
    def epoch(self) -> int:
        """The high half of every number, 0 before the file is open."""
        return self._file.epoch

    @property
    def kept(self) -> bool:
        """What was appended last is on the disk."""
        return self._file.kept

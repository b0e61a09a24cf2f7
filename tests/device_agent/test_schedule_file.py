"""Which schedules are enabled outlives the process, a damaged file and a full disk."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from device_agent import atomic_file
from device_agent.schedule_file import MAX_FILE, ScheduleFile, boot_id
from iec61850_model.server.schedules import Kept, ScheduleState
from iec61850_model.values import OrCat

EVU = {"SCH/EvuFSCH1": Kept(ScheduleState.RUNNING, OrCat.REMOTE_CONTROL, b"agg7")}
BOTH = EVU | {"SCH/RmFSCH2": Kept(ScheduleState.START_TIME_REQUIRED)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "schedules.json"


def opened(path: Path, boot: str = "this boot", *, settings_kept: bool = True) -> ScheduleFile:
    file = ScheduleFile(path, lambda: settings_kept, boot)
    file.read()
    return file


def test_what_was_kept_is_there_after_a_restart(path: Path) -> None:
    assert opened(path).kept() == {}
    assert opened(path).keep(BOTH, clock_known=True)
    assert opened(path).kept() == BOTH
    assert opened(path).keep(EVU, clock_known=True)
    assert opened(path).kept() == EVU


def test_a_clock_is_known_until_the_machine_is_switched_off(path: Path) -> None:
    opened(path).keep(EVU, clock_known=True)
    assert opened(path).clock_known
    assert not opened(path, "another boot").clock_known
    opened(path).keep(EVU, clock_known=False)
    assert not opened(path).clock_known
    opened(path, "").keep(EVU, clock_known=True)
    assert not opened(path, "").clock_known, "a system that does not tell its boot"


def test_this_machine_tells_its_boot() -> None:
    assert boot_id() == boot_id() != ""


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"clock_known_since_boot": "x", "schedules": []}',
        '{"clock_known_since_boot": "", "schedules": {"A": {"state": 9, "or_cat": 0, "or_ident": ""}}}',
        '{"clock_known_since_boot": "", "schedules": {"SCH/EvuFSCH1": {"state": 3}}}',
        "[" * 100_000,
        " " * (MAX_FILE + 1),
    ],
)
def test_a_damaged_file_enables_nothing_and_is_in_nobodys_way(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    file = opened(path)
    assert file.kept() == {}
    assert file.keep(EVU, clock_known=True)
    assert json.loads(path.read_text(encoding="utf-8"))["schedules"].keys() == EVU.keys()


def test_a_full_disk_is_told_and_the_old_file_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(path)
    assert file.keep(EVU, clock_known=True)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_file.os, "fsync", full)
    assert not file.keep(BOTH, clock_known=True)
    assert not file.kept_last
    assert opened(path).kept() == EVU
    monkeypatch.undo()
    assert file.keep(BOTH, clock_known=True)
    assert file.kept_last


def test_nothing_counts_as_kept_while_the_settings_are_not(path: Path) -> None:
    assert not opened(path, settings_kept=False).keep(EVU, clock_known=True)

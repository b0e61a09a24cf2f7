"""What goes from a buffer: for want of room, purged, in a restart, on a disk that fails (7-2, 17.2)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from report_scene import (
    ANY_CHANGE,
    BUFFER,
    DCHG,
    DESK,
    DUPD,
    OTHER,
    Scene,
    block,
    changes,
    last_id,
    told,
    values,
)

from iec61850_model.server.buffer import Entry, Member
from iec61850_model.server.control import Client
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.server.reports.buffered import READ_AGAIN, REPLAY_ENTRIES
from iec61850_model.values import OptFlds

AGAIN = Client(DESK.peer, "1:2")
"""The next association of the same client."""


# --- overflow --------------------------------------------------------------------------------------


def test_when_the_buffer_is_full_the_oldest_go_and_the_first_report_after_says_so() -> None:
    scene = Scene(capacity=3)
    changes(scene, 1.0, 2.0, 3.0, 4.0, 5.0)
    reports = scene.enable("brcb01")
    assert values(reports) == [3.0, 4.0, 5.0]
    assert [report.buf_ovfl for report in reports] == [True, False, False]
    scene.write("brcb01", RptEna=False)
    assert [report.buf_ovfl for report in scene.enable("brcb01", EntryID=bytes(8))] == [True, False, False]


def test_no_overflow_is_told_to_who_has_what_is_gone() -> None:
    scene = Scene(capacity=3)
    changes(scene, 1.0, 2.0, 3.0)
    known = [report.entry_id for report in scene.enable("brcb01")]
    scene.write("brcb01", RptEna=False)
    changes(scene, 4.0)
    for entry_id, wanted in ((known[1], [3.0, 4.0]), (known[0], [2.0, 3.0, 4.0])):
        reports = scene.enable("brcb01", EntryID=entry_id)
        assert values(reports) == wanted
        assert not any(report.buf_ovfl for report in reports)
        scene.write("brcb01", RptEna=False)


def test_overflow_during_replay_is_told_where_it_happened() -> None:
    scene = Scene(capacity=15)
    changes(scene, *(float(at) for at in range(1, 16)))
    scene.write("brcb01", RptEna=True)
    sent = scene.tick()
    for at in range(16, 29):
        scene.change(TotW=float(at))
    sent += scene.wait(1.0)
    assert values(sent) == [float(at) for at in (*range(1, 11), *range(14, 29))]
    assert [values([one])[0] for one in sent if one.buf_ovfl] == [14.0]


def test_live_reports_show_no_overflow_though_the_oldest_go() -> None:
    scene = Scene(capacity=2)
    scene.enable("brcb01")
    scene.wait(1.0)
    for at in range(1, 6):
        scene.change(TotW=float(at))
    reports = scene.heard()
    assert values(reports) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert not any(report.buf_ovfl for report in reports)


# --- purging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"PurgeBuf": True},
        {"RptID": "other"},
        {"BufTm": 10},
        {"TrgOps": DCHG | DUPD},
        {"IntgPd": 60_000},
        {"DatSet": "MET/LLN0$dsValue"},
        {"DatSet": ""},
    ],
)
def test_these_writes_purge_the_buffer(settings: dict[str, object]) -> None:
    scene = Scene(capacity=2)
    changes(scene, 1.0, 2.0, 3.0)
    assert scene.write("brcb01", **settings) == []
    assert scene.value("brcb01", "EntryID") == bytes(8)
    assert scene.value("brcb01", "PurgeBuf") is False
    scene.write("brcb01", DatSet="MET/LLN0$dsMeas")
    assert scene.enable("brcb01") == []
    scene.wait(1.0)
    scene.change(TotW=4.0)
    (report,) = scene.wait(1.0)
    assert (values([report]), report.buf_ovfl) == ([4.0], False)


@pytest.mark.parametrize(
    "settings",
    [
        {"PurgeBuf": False},
        {"OptFlds": OptFlds.ENTRY_ID},
        {"ResvTms": 30},
        {"RptID": "", "BufTm": 0, "TrgOps": ANY_CHANGE, "IntgPd": 0, "DatSet": "MET/LLN0$dsMeas"},
    ],
)
def test_other_writes_and_the_same_value_again_purge_nothing(settings: dict[str, object]) -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0)
    assert scene.write("brcb01", **settings) == []
    assert values(scene.enable("brcb01")) == [1.0, 2.0]


def test_entry_ids_go_on_after_a_purge() -> None:
    scene = Scene()
    changes(scene, 1.0)
    before = last_id(scene)
    scene.write("brcb01", PurgeBuf=True)
    changes(scene, 2.0)
    assert last_id(scene) > before
    assert values(scene.enable("brcb01", EntryID=before)) == [2.0]


# --- restart ---------------------------------------------------------------------------------------


def test_after_a_restart_the_client_resumes_by_entry_id() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0, 3.0)
    known = scene.enable("brcb01")[1].entry_id
    scene = scene.restarted()
    assert scene.value("brcb01", "RptEna") is False
    scene.heard()
    assert scene.value("brcb01", "EntryID") == last_id(scene)
    changes(scene, 4.0)
    assert values(scene.enable("brcb01", AGAIN, EntryID=known)) == [3.0, 4.0]


def test_after_a_restart_without_entry_id_all_is_sent() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0)
    scene.enable("brcb01")
    assert values(scene.restarted().enable("brcb01", AGAIN)) == [1.0, 2.0]


def test_a_restart_while_buf_tm_collects_loses_nothing() -> None:
    scene = Scene(block("brcb01", buffered=True, buf_tm=240_000))
    scene.change(TotW=1.0)
    scene.wait(10.0)
    scene.change(Hz=50.0)
    scene.wait(10.0)
    scene = scene.restarted(block("brcb01", buffered=True, buf_tm=240_000))
    (report,) = scene.enable("brcb01")
    assert told(report) == {"TotW": 1.0, "Hz": 50.0}


def test_what_buf_tm_still_collects_is_not_sent_by_a_replay() -> None:
    scene = Scene(block("brcb01", buffered=True, buf_tm=10_000))
    changes(scene, 1.0, 2.0)
    scene.wait(5.0)
    assert values(scene.enable("brcb01")) == [1.0]
    scene.change(Hz=50.0)
    assert scene.wait(3.9) == []
    (report,) = scene.wait(0.2)
    assert told(report) == {"TotW": 2.0, "Hz": 50.0}


def test_entries_of_another_data_set_are_not_sent_after_a_restart() -> None:
    scene = Scene()
    scene.write("brcb01", DatSet="MET/LLN0$dsValue")
    changes(scene, 1.0)
    scene = scene.restarted()
    changes(scene, 2.0)
    assert values(scene.enable("brcb01")) == [2.0]


# --- a store that fails ----------------------------------------------------------------------------


class FailingBuffer(MemoryBuffer):
    """A disk that is full while ``full``, and cannot be read while ``unreadable``."""

    full = unreadable = False

    def after(self, number: int, limit: int) -> list[Entry]:
        if self.unreadable:
            raise OSError("input/output error")
        return super().after(number, limit)

    def append(self, time: float, members: Sequence[Member]) -> Entry:
        if self.full:
            raise OSError("no space left on device")
        return super().append(time, members)

    def replace(self, entry: Entry) -> None:
        if self.full:
            raise OSError("no space left on device")
        super().replace(entry)


def failing_scene(**settings: int) -> tuple[Scene, FailingBuffer]:
    store = FailingBuffer()
    scene = Scene(
        block("brcb01", buffered=True, **settings),
        block("urcb01", buffered=False),
        buffers={BUFFER: store},
    )
    return scene, store


def test_an_entry_that_cannot_be_stored_is_lost_and_the_next_report_says_so() -> None:
    scene, store = failing_scene()
    scene.enable("brcb01")
    scene.wait(1.0)
    scene.change(TotW=1.0)
    assert values(scene.heard()) == [1.0]
    store.full = True
    scene.change(TotW=2.0)
    assert scene.heard() == []
    store.full = False
    for value in (3.0, 4.0):
        scene.change(TotW=value)
    assert [(values([one]), one.buf_ovfl) for one in scene.heard()] == [([3.0], True), ([4.0], False)]
    assert scene.reports.unstored == 1


def test_whoever_resumes_before_the_lost_entry_is_told_too() -> None:
    scene, store = failing_scene()
    changes(scene, 1.0)
    before = last_id(scene)
    store.full = True
    changes(scene, 2.0)
    store.full = False
    changes(scene, 3.0, 4.0)
    after = last_id(scene)
    assert [one.buf_ovfl for one in scene.enable("brcb01", EntryID=before)] == [True, False]
    scene.write("brcb01", RptEna=False)
    assert [one.buf_ovfl for one in scene.enable("brcb01", EntryID=bytes(8))] == [False, True, False]
    scene.write("brcb01", RptEna=False)
    changes(scene, 5.0)
    assert [one.buf_ovfl for one in scene.enable("brcb01", EntryID=after)] == [False]


def test_a_purge_forgets_what_could_not_be_stored() -> None:
    scene, store = failing_scene()
    store.full = True
    changes(scene, 1.0)
    store.full = False
    scene.write("brcb01", PurgeBuf=True)
    changes(scene, 2.0)
    assert [one.buf_ovfl for one in scene.enable("brcb01")] == [False]


def test_a_purge_ends_what_buf_tm_collects() -> None:
    scene, _ = failing_scene(buf_tm=2_000)
    scene.change(TotW=1.0)
    scene.heard()
    scene.write("brcb01", PurgeBuf=True)
    scene.change(Hz=50.0)
    scene.heard()
    scene.write("brcb01", RptEna=True)
    (report,) = scene.wait(2.0)
    assert told(report) == {"Hz": 50.0}


def test_a_full_disk_stops_no_other_block() -> None:
    scene, store = failing_scene()
    scene.enable("urcb01", OTHER)
    store.full = True
    scene.change(TotW=1.0)
    assert values(scene.heard()) == [1.0]


def test_what_buf_tm_could_not_add_is_lost_and_the_next_report_says_so() -> None:
    scene, store = failing_scene(buf_tm=2_000)
    scene.enable("brcb01")
    scene.change(TotW=1.0)
    scene.heard()
    store.full = True
    scene.change(Hz=50.0)
    (first,) = scene.wait(2.0)
    assert (told(first), first.buf_ovfl) == ({"TotW": 1.0}, False)
    store.full = False
    scene.change(TotW=2.0)
    (second,) = scene.wait(2.0)
    assert (told(second), second.buf_ovfl) == ({"TotW": 2.0}, True)


@pytest.mark.parametrize("since", ["the enabling", "the first portion"])
def test_what_cannot_be_read_now_is_sent_later_and_never_skipped(since: str) -> None:
    """An entry that comes meanwhile is known without the disk, and must not go before the others."""
    scene, store = failing_scene()
    backlog = [float(number) for number in range(2 * REPLAY_ENTRIES)]
    changes(scene, *(number + 1 for number in backlog))
    scene.write("brcb01", RptEna=True)
    reports = scene.heard() if since == "the first portion" else []
    store.unreadable = True
    reports += scene.wait(READ_AGAIN + 1)
    scene.change(TotW=1_000.0)
    reports += scene.wait(3 * READ_AGAIN)
    assert len(reports) == (REPLAY_ENTRIES if since == "the first portion" else 0)
    store.unreadable = False
    reports += scene.wait(READ_AGAIN + 1)
    assert values(reports) == [*(number + 1 for number in backlog), 1_000.0]
    assert [report.seq_num for report in reports] == list(range(len(backlog) + 1))
    assert not any(report.buf_ovfl for report in reports)


def test_an_entry_id_that_cannot_be_looked_up_now_is_answered_with_everything() -> None:
    scene, store = failing_scene()
    changes(scene, 1.0, 2.0)
    store.unreadable = True
    assert scene.enable("brcb01", EntryID=last_id(scene)) == []
    store.unreadable = False
    assert values(scene.wait(READ_AGAIN)) == [1.0, 2.0]

"""Buffered reports: kept while nobody listens, resumed by EntryID, after a lost association (7-2, 17.2)."""

from __future__ import annotations

import pytest
from report_scene import (
    BUFFER,
    DESK,
    DUPD,
    MEASURANDS,
    NOON,
    Scene,
    changes,
    last_id,
    reasons,
    told,
    values,
)

from iec61850_model.server.control import Client
from iec61850_model.server.reports.buffered import (
    UNCERTAIN,
)
from iec61850_model.values import EntryTime

AGAIN = Client(DESK.peer, "1:2")
"""The next association of the same client."""


# --- kept while nobody listens ---------------------------------------------------------------------


def test_a_disabled_block_buffers_and_sends_all_of_it_in_order_when_enabled() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0, 3.0)
    reports = scene.enable("brcb01")
    assert values(reports) == [1.0, 2.0, 3.0]
    assert [report.time for report in reports] == [EntryTime.from_unix(NOON + at) for at in range(3)]
    assert [report.seq_num for report in reports] == [0, 1, 2]
    assert [report.buf_ovfl for report in reports] == [False] * 3
    ids = [report.entry_id for report in reports]
    assert ids == sorted(set(ids), key=lambda one: one or b"")


def test_a_block_without_a_data_set_buffers_nothing() -> None:
    scene = Scene()
    scene.write("brcb01", DatSet="")
    changes(scene, 1.0)
    assert scene.buffers[BUFFER].last is None


def test_after_a_backlog_reports_are_live_again() -> None:
    scene = Scene()
    changes(scene, 1.0)
    scene.enable("brcb01")
    scene.wait(1.0)
    scene.change(TotW=2.0)
    assert values(scene.heard()) == [2.0]


def test_disabled_by_its_client_it_goes_on_after_the_last_one_sent() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0)
    scene.enable("brcb01")
    scene.write("brcb01", RptEna=False)
    changes(scene, 3.0)
    assert values(scene.enable("brcb01")) == [3.0]


def test_sq_num_begins_anew_and_entry_id_goes_on() -> None:
    scene = Scene()
    changes(scene, 1.0)
    (first,) = scene.enable("brcb01")
    scene.write("brcb01", RptEna=False)
    changes(scene, 2.0)
    (second,) = scene.enable("brcb01")
    assert (first.seq_num, second.seq_num) == (0, 0)
    assert (second.entry_id or b"") > (first.entry_id or b"")


def test_entry_id_and_time_show_the_newest_entry_and_while_enabled_the_last_one_sent() -> None:
    scene = Scene()
    assert scene.value("brcb01", "EntryID") == bytes(8)
    changes(scene, 1.0, 2.0)
    assert scene.value("brcb01", "EntryID") == last_id(scene)
    assert scene.value("brcb01", "TimeofEntry") == EntryTime.from_unix(NOON + 1.0)
    scene.write("brcb01", RptEna=True)
    scene.change(TotW=3.0)
    reports = scene.tick()
    assert scene.value("brcb01", "EntryID") == reports[-1].entry_id
    assert scene.value("brcb01", "TimeofEntry") == reports[-1].time


# --- EntryID: resume -------------------------------------------------------------------------------


def test_entry_id_resumes_after_that_entry() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0, 3.0, 4.0)
    second = scene.enable("brcb01")[1].entry_id
    scene.write("brcb01", RptEna=False)
    assert values(scene.enable("brcb01", EntryID=second)) == [3.0, 4.0]


def test_the_newest_entry_id_leaves_nothing_to_send() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0)
    assert scene.enable("brcb01", EntryID=last_id(scene)) == []
    scene.change(TotW=3.0)
    assert values(scene.heard()) == [3.0]


@pytest.mark.parametrize("unknown", [bytes(8), b"\x00" * 7 + b"\x09", b"\xff" * 8])
def test_an_unknown_or_zero_entry_id_sends_all(unknown: bytes) -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0)
    scene.enable("brcb01")
    scene.write("brcb01", RptEna=False)
    assert values(scene.enable("brcb01", EntryID=unknown)) == [1.0, 2.0]


def test_a_written_entry_id_reads_back_until_there_is_a_newer_entry() -> None:
    scene = Scene()
    changes(scene, 1.0, 2.0)
    scene.write("brcb01", EntryID=bytes(8))
    assert scene.value("brcb01", "EntryID") == bytes(8)
    changes(scene, 3.0)
    assert scene.value("brcb01", "EntryID") == last_id(scene)


# --- the association is lost -----------------------------------------------------------------------


def test_a_lost_association_disables_and_buffering_goes_on() -> None:
    scene = Scene()
    scene.enable("brcb01")
    changes(scene, 1.0)
    scene.end(DESK)
    changes(scene, 2.0)
    assert scene.value("brcb01", "RptEna") is False
    scene.wait(UNCERTAIN + 2.0)
    assert values(scene.enable("brcb01", AGAIN)) == [1.0, 2.0]


def test_what_was_sent_shortly_before_the_loss_counts_as_not_arrived() -> None:
    scene = Scene()
    scene.enable("brcb01")
    changes(scene, 1.0, 2.0)
    scene.wait(UNCERTAIN + 2.0)
    changes(scene, 3.0, 4.0)
    scene.end(DESK)
    changes(scene, 5.0)
    assert values(scene.enable("brcb01", AGAIN)) == [3.0, 4.0, 5.0]


def test_who_writes_entry_id_after_a_loss_gets_nothing_twice() -> None:
    scene = Scene()
    scene.enable("brcb01")
    changes(scene, 1.0, 2.0)
    known = last_id(scene)
    scene.change(TotW=3.0)
    scene.heard()
    scene.end(DESK)
    assert values(scene.enable("brcb01", AGAIN, EntryID=known)) == [3.0]


def test_what_is_remembered_as_sent_lately_is_bounded() -> None:
    scene = Scene()
    scene.enable("brcb01")
    changes(scene, *(float(at) for at in range(1, 801)), apart=0.5)
    scene.end(DESK)
    (first, *_) = values(scene.enable("brcb01", AGAIN))
    assert 800 - 2 * (UNCERTAIN + 3.0) <= first <= 800 - 2 * UNCERTAIN


def test_every_measurand_updated_together_is_one_entry_of_dupd() -> None:
    scene = Scene()
    scene.enable("brcbHist01")
    for _ in range(2):
        scene.change(dict.fromkeys(MEASURANDS, 5.0))
    first, second = scene.heard()
    assert told(first) == told(second) == dict.fromkeys(MEASURANDS, 5.0)
    assert reasons(second) == [DUPD] * 3

"""A backlog is sent in portions, and holds up nobody (7-2, 17.2; DESIGN section 3)."""

from __future__ import annotations

from report_scene import (
    DCHG,
    DESK,
    GI,
    OTHER,
    Scene,
    block,
    changes,
    reasons,
    values,
)

from iec61850_model.server.reports.buffered import (
    MAX_FRESH,
    REPLAY_ENTRIES,
    REPLAY_INTERVAL,
    UNCERTAIN,
)

# --- replay in portions ----------------------------------------------------------------------------


def test_a_backlog_is_sent_in_portions() -> None:
    scene = Scene()
    changes(scene, *(float(at) for at in range(1, 26)))
    scene.write("brcb01", RptEna=True)
    assert len(scene.tick()) == REPLAY_ENTRIES
    assert scene.reports.next_tick() == scene.now + REPLAY_INTERVAL
    assert scene.heard() == []
    assert len(scene.wait(REPLAY_INTERVAL)) == REPLAY_ENTRIES
    assert values(scene.wait(REPLAY_INTERVAL)) == [21.0, 22.0, 23.0, 24.0, 25.0]


def test_live_reports_of_an_unbuffered_block_do_not_wait_for_a_backlog() -> None:
    scene = Scene(block("brcb01", buffered=True), block("urcb01", buffered=False))
    changes(scene, *(float(at) for at in range(1, 101)))
    scene.enable("urcb01", OTHER)
    scene.write("brcb01", RptEna=True)
    scene.change(TotW=1_000.0)
    first, *portion = scene.tick()
    assert (first.rpt_id, values([first])) == ("MET/LLN0$RP$urcb01", [1_000.0])
    assert len(portion) == REPLAY_ENTRIES
    scene.change(TotW=1_001.0)
    assert [report.rpt_id for report in scene.heard()] == ["MET/LLN0$RP$urcb01"]


def test_what_happens_during_replay_is_sent_in_its_order() -> None:
    scene = Scene()
    changes(scene, *(float(at) for at in range(1, 16)))
    scene.write("brcb01", RptEna=True)
    sent = scene.tick()
    scene.change(TotW=16.0)
    sent += scene.tick()
    sent += scene.wait(1.0)
    assert values(sent) == [float(at) for at in range(1, 17)]


def test_a_burst_larger_than_memory_is_read_back_from_the_buffer() -> None:
    scene = Scene()
    scene.enable("brcb01")
    scene.wait(1.0)
    wanted = [float(at) for at in range(1, MAX_FRESH + 11)]
    for value in wanted:
        scene.change(TotW=value)
    assert values(scene.wait(10.0)) == wanted


def test_the_clock_set_back_does_not_stop_a_replay() -> None:
    scene = Scene()
    changes(scene, *(float(at) for at in range(1, 16)))
    scene.write("brcb01", RptEna=True)
    scene.tick()
    scene.now -= 3_600.0
    assert len(scene.tick()) == 5


# --- general interrogation and replay --------------------------------------------------------------


def test_on_replay_only_the_latest_general_interrogation_is_kept() -> None:
    scene = Scene()
    scene.enable("brcb01")
    scene.wait(1.0)
    changes(scene, 1.0)
    scene.write("brcb01", GI=True)
    changes(scene, 2.0)
    scene.write("brcb01", GI=True)
    changes(scene, 3.0)
    scene.write("brcb01", RptEna=False)
    reports = scene.enable("brcb01", EntryID=bytes(8))
    assert [(values([one])[0], reasons(one)[0]) for one in reports] == [
        (1.0, DCHG),
        (2.0, DCHG),
        (2.0, GI),
        (3.0, DCHG),
    ]
    assert [one.buf_ovfl for one in reports] == [False] * 4


def test_an_interrogation_during_replay_replaces_the_one_still_to_be_sent() -> None:
    scene = Scene()
    changes(scene, *(float(at) for at in range(1, 16)))
    scene.write("brcb01", RptEna=True)
    sent = scene.tick()
    scene.write("brcb01", GI=True)
    scene.write("brcb01", GI=True)
    sent += scene.wait(1.0)
    assert [reasons(one)[0] for one in sent] == [DCHG] * 15 + [GI]


def test_interrogations_sent_before_are_replaced_too_when_all_is_asked_for() -> None:
    scene = Scene()
    scene.enable("brcb01")
    scene.wait(1.0)
    scene.write("brcb01", GI=True)
    scene.wait(UNCERTAIN + 2.0)
    for _ in range(2):
        scene.write("brcb01", GI=True)
        scene.heard()
    scene.end(DESK)
    assert len(scene.enable("brcb01")) == 1
    scene.write("brcb01", RptEna=False)
    assert len(scene.enable("brcb01", EntryID=bytes(8))) == 1


def test_interrogations_already_sent_stay_known_by_their_entry_id() -> None:
    scene = Scene()
    scene.enable("brcb01")
    scene.wait(1.0)
    scene.write("brcb01", GI=True)
    (first,) = scene.heard()
    scene.write("brcb01", GI=True)
    scene.heard()
    scene.write("brcb01", RptEna=False)
    (second,) = scene.enable("brcb01", EntryID=first.entry_id)
    assert second.buf_ovfl is False

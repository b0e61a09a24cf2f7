"""What makes a report, and when: triggers, BufTm, integrity, general interrogation (7-2, 17.2)."""

from __future__ import annotations

import pytest
from report_scene import (
    ANY_CHANGE,
    DCHG,
    DUPD,
    GI,
    INTEGRITY,
    NOON,
    QCHG,
    Scene,
    block,
    reasons,
    told,
)

from iec61850_model.reference import Reference
from iec61850_model.values import EntryTime, Quality, Trigger

BOTH = pytest.mark.parametrize("name", ["urcb01", "brcb01"])
OLD = Quality.QUESTIONABLE | Quality.OLD_DATA


@BOTH
def test_a_changed_value_is_reported_with_its_quality_and_time(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=7.5)
    (report,) = scene.heard()
    (member,) = report.members
    assert (member.index, member.reference) == (0, Reference.parse("MET/MMXU1.TotW[MX]"))
    assert member.reason == DCHG
    node = scene.tree.find(Reference.parse("MET/MMXU1.TotW[MX]"))
    assert node is not None and member.value == node.data()
    assert told(report) == {"TotW": 7.5}
    assert report.time == EntryTime.from_unix(NOON)


@BOTH
def test_the_same_value_again_is_no_change(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=7.5)
    assert len(scene.heard()) == 1
    scene.change(TotW=7.5)
    assert scene.heard() == []


@BOTH
def test_one_report_is_one_moment(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=1.0, Hz=50.0)
    scene.change(TotW=2.0)
    assert [told(report) for report in scene.heard()] == [{"TotW": 1.0, "Hz": 50.0}, {"TotW": 2.0}]


@BOTH
def test_a_report_has_the_values_of_its_moment_not_of_when_it_is_sent(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=1.0)
    scene.change(Hz=50.0)
    scene.change(TotW=3.0, Hz=51.0)
    assert [told(report) for report in scene.heard()] == [
        {"TotW": 1.0},
        {"Hz": 50.0},
        {"TotW": 3.0, "Hz": 51.0},
    ]


@BOTH
@pytest.mark.parametrize(
    ("wanted", "reason_of_change", "reason_of_quality", "reason_of_update"),
    [
        (DCHG, DCHG, None, None),
        (QCHG, None, QCHG, None),
        (DUPD, DUPD, DUPD, DUPD),
        (DCHG | QCHG, DCHG, QCHG, None),
        (DCHG | DUPD, DCHG | DUPD, DUPD, DUPD),
        (INTEGRITY | GI, None, None, None),
    ],
)
def test_trg_ops_say_what_makes_a_report(
    name: str,
    wanted: Trigger,
    reason_of_change: Trigger | None,
    reason_of_quality: Trigger | None,
    reason_of_update: Trigger | None,
) -> None:
    scene = Scene()
    scene.enable(name, TrgOps=wanted)
    scene.change(TotW=1.0)
    changed = scene.heard()
    scene.change(TotW=1.0, quality=OLD)
    quality_changed = scene.heard()
    scene.change(TotW=1.0, quality=OLD)
    updated = scene.heard()
    for reports, reason in (
        (changed, reason_of_change),
        (quality_changed, reason_of_quality),
        (updated, reason_of_update),
    ):
        assert [reasons(report) for report in reports] == ([] if reason is None else [[reason]])


@BOTH
def test_value_and_quality_changed_at_once_are_one_member_with_both_reasons(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=1.0, quality=OLD)
    (report,) = scene.heard()
    assert reasons(report) == [DCHG | QCHG]


@BOTH
def test_members_that_are_attributes_are_reported_each_for_itself(name: str) -> None:
    scene = Scene()
    scene.enable(name, DatSet="MET/LLN0$dsValue")
    scene.change(TotW=1.0)
    (of_value,) = scene.heard()
    assert [member.index for member in of_value.members] == [0]
    scene.change(TotW=1.0, quality=OLD)
    (of_quality,) = scene.heard()
    assert [(member.index, member.reason) for member in of_quality.members] == [(1, QCHG)]


@BOTH
def test_what_is_not_in_the_data_set_is_not_reported(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(Txt00="elsewhere")
    assert scene.heard() == []


def test_reports_come_at_once_and_nothing_is_due_without_a_cause() -> None:
    scene = Scene()
    scene.enable("urcb01")
    assert scene.reports.next_tick() is None
    scene.change(TotW=1.0)
    assert scene.reports.next_tick() == 0.0


# --- BufTm -----------------------------------------------------------------------------------------


@BOTH
def test_buf_tm_collects_from_the_first_change_on(name: str) -> None:
    scene = Scene()
    scene.enable(name, BufTm=2_000)
    scene.change(Hz=50.0)
    assert scene.wait(1.5) == []
    scene.change(TotW=1.0)
    assert scene.wait(0.25) == []
    (report,) = scene.wait(0.25)
    assert told(report) == {"TotW": 1.0, "Hz": 50.0}
    assert report.time == EntryTime.from_unix(NOON)


@BOTH
def test_a_second_change_of_the_same_member_sends_at_once_and_begins_anew(name: str) -> None:
    scene = Scene()
    scene.enable(name, BufTm=2_000)
    scene.change(TotW=1.0)
    assert scene.wait(1.0) == []
    scene.change(TotW=2.0, Hz=50.0)
    (first,) = scene.heard()
    assert told(first) == {"TotW": 1.0}
    assert scene.wait(1.5) == []
    (second,) = scene.wait(0.5)
    assert told(second) == {"TotW": 2.0, "Hz": 50.0}


@BOTH
def test_a_general_interrogation_waits_for_no_buf_tm_and_does_not_overtake(name: str) -> None:
    scene = Scene()
    scene.enable(name, BufTm=2_000)
    scene.change(TotW=1.0)
    assert scene.write(name, GI=True) == []
    collected, all_of_it = scene.heard()
    assert (told(collected), reasons(collected)) == ({"TotW": 1.0}, [DCHG])
    assert reasons(all_of_it) == [GI] * 3


@BOTH
def test_buf_tm_ends_when_the_clock_is_set_back(name: str) -> None:
    scene = Scene()
    scene.enable(name, BufTm=2_000)
    scene.change(TotW=1.0)
    assert scene.heard() == []
    scene.now -= 3_600.0
    assert [told(report) for report in scene.tick()] == [{"TotW": 1.0}]


# --- integrity -------------------------------------------------------------------------------------


@BOTH
def test_integrity_reports_all_members_every_period(name: str) -> None:
    scene = Scene(block(name, buffered=name.startswith("b")))
    scene.enable(name, IntgPd=10_000)
    assert scene.wait(9.9) == []
    (first,) = scene.wait(0.1)
    assert (reasons(first), len(first.members)) == ([INTEGRITY] * 3, 3)
    assert first.time == EntryTime.from_unix(NOON + 10.0)
    assert len(scene.wait(30.0)) == 3


@pytest.mark.parametrize("settings", [{"IntgPd": 0}, {"IntgPd": 1_000, "TrgOps": DCHG | GI}])
@BOTH
def test_integrity_needs_a_period_and_its_trigger(name: str, settings: dict[str, object]) -> None:
    scene = Scene()
    scene.enable(name, **settings)
    assert scene.wait(60.0) == []


def test_the_integrity_period_of_an_unbuffered_block_begins_when_it_is_enabled() -> None:
    scene = Scene(block("urcb01", buffered=False, intg_pd=10_000))
    assert scene.wait(7.0) == []
    scene.enable("urcb01")
    assert scene.wait(9.0) == []
    assert len(scene.wait(1.0)) == 1


def test_missed_integrity_reports_are_not_made_up_for() -> None:
    scene = Scene(block("urcb01", buffered=False, intg_pd=10_000))
    scene.enable("urcb01")
    scene.now += 3_600.0
    assert len(scene.heard()) == 1
    assert scene.wait(9.0) == []
    assert len(scene.wait(1.0)) == 1


def test_integrity_goes_on_when_the_clock_is_set_back() -> None:
    scene = Scene(block("urcb01", buffered=False, intg_pd=10_000))
    scene.enable("urcb01")
    scene.now -= 3_600.0
    assert len(scene.tick()) == 1
    assert len(scene.wait(10.0)) == 1


def test_a_disabled_buffered_block_buffers_integrity_too() -> None:
    scene = Scene(block("brcb01", buffered=True, intg_pd=10_000))
    scene.wait(20.0)
    assert [reasons(report) for report in scene.enable("brcb01")] == [[INTEGRITY] * 3] * 2


# --- general interrogation -------------------------------------------------------------------------


@BOTH
def test_general_interrogation_reports_all_members_and_reads_back_false(name: str) -> None:
    scene = Scene()
    scene.change(TotW=7.0)
    scene.enable(name, DatSet="MET/LLN0$dsValue")
    assert scene.write(name, GI=True) == []
    assert scene.value(name, "GI") is False
    (report,) = scene.heard()
    assert reasons(report) == [GI, GI]
    assert report.members[0].value.value == 7.0


@BOTH
def test_general_interrogation_needs_rpt_ena_and_its_trigger(name: str) -> None:
    scene = Scene()
    assert scene.write(name, GI=True) == ["GI: temporarily-unavailable"]
    scene.enable(name, TrgOps=ANY_CHANGE & ~GI)
    assert scene.write(name, GI=True) == ["GI: temporarily-unavailable"]
    assert scene.write(name, GI=False) == []
    assert scene.heard() == []


@BOTH
def test_what_happened_before_an_interrogation_is_reported_before_it(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=1.0)
    scene.write(name, GI=True)
    scene.change(TotW=2.0)
    assert [told(report)["TotW"] for report in scene.heard()] == [1.0, 1.0, 2.0]


@BOTH
def test_moments_nobody_ticked_for_are_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iec61850_model.server.reports.collecting.MAX_HEARD", 3)
    scene = Scene(block(name, buffered=name.startswith("b")))
    scene.enable(name)
    for value in range(1, 6):
        scene.change(TotW=float(value))
    assert [told(report)["TotW"] for report in scene.heard()] == [3.0, 4.0, 5.0]
    assert scene.reports.unstored == 2

"""The averages over 5 minutes: the mean of a step function, its quality, and the intervals of UTC."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.averages import HELD, MOST_UNTOLD, SLICE, STANDS_AT_LEAST, Averages
from device_agent.config import ConfigError
from device_agent.mean import DOUBTFUL, GOOD_SHARE, Mean, Sum
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment
from iec61850_model.tree import Change, Tree
from iec61850_model.values import CLOCK_NOT_SYNCHRONIZED, GOOD, NOT_CONNECTED, Quality, Timestamp

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
NOON = 1_800_000_000.0
"""A full 5 minutes of UTC."""
BOOT = 5000.0
"""What the clock that never jumps says at noon."""
FIVE = 300.0
STALE = Quality.QUESTIONABLE | Quality.OLD_DATA
FORWARD, ROOM = "FwdSTMP1.Tmp", "RmMMET1.EnvTmp"


def ref(text: str) -> Reference:
    return Reference.parse(text)


# --- one quantity: the mean of a step function ----------------------------------------------------


def cut(*samples: tuple[float, float, Quality], until: float = FIVE, stands: float = 1000.0) -> Sum:
    mean = Mean(stands, 0.0)
    for at, value, quality in samples:
        mean.sample(value, quality, at)
    return mean.cut(until)


def test_a_value_counts_for_as_long_as_it_stands() -> None:
    assert cut((0, 10.0, GOOD), (100, 40.0, GOOD)).mean(FIVE) == (30.0, GOOD)


def test_the_mean_of_samples_would_be_another() -> None:
    """One sample of 1000 W for 3 s among many of none."""
    samples = [(at, 1000.0 if at == 297 else 0.0, GOOD) for at in (0, *range(200, 300))]
    value, quality = cut(*samples, (298, 0.0, GOOD)).mean(FIVE)
    assert value == pytest.approx(1000 / 300)
    assert quality == GOOD


@pytest.mark.parametrize(
    ("samples", "value", "quality"),
    [
        ([(0, 7.0, GOOD)], 7.0, GOOD),
        ([(FIVE * (1 - GOOD_SHARE), 7.0, GOOD)], 7.0, GOOD),
        ([(FIVE * (1 - GOOD_SHARE) + 1, 7.0, GOOD)], 7.0, DOUBTFUL),
        ([(299, 7.0, GOOD)], 7.0, DOUBTFUL),
        ([(0, 7.0, GOOD), (280, 90.0, STALE)], 7.0, GOOD),
        ([(0, 7.0, GOOD), (100, 90.0, STALE)], 7.0, DOUBTFUL),
        ([(0, 7.0, GOOD), (100, 90.0, NOT_CONNECTED)], 7.0, DOUBTFUL),
        ([(0, 7.0, STALE), (150, 9.0, STALE)], 8.0, STALE),
        ([(0, 7.0, STALE), (150, 9.0, NOT_CONNECTED)], 7.0, STALE),
        ([(0, 7.0, NOT_CONNECTED)], None, NOT_CONNECTED),
        ([(0, 7.0, Quality.from_bits("1000000000000"))], None, NOT_CONNECTED),
        ([], None, NOT_CONNECTED),
        ([(0, float("nan"), GOOD)], None, NOT_CONNECTED),
        ([(0, 7.0, GOOD), (100, float("nan"), GOOD)], 7.0, DOUBTFUL),
        ([(0, 7.0, GOOD), (100, float("inf"), GOOD)], 7.0, DOUBTFUL),
        ([(0, 7.0, Quality.SUBSTITUTED), (10, 7.0, GOOD)], 7.0, Quality.SUBSTITUTED),
        ([(0, 7.0, GOOD | Quality.TEST), (10, 7.0, STALE)], 7.0, DOUBTFUL | Quality.TEST),
    ],
)
def test_the_quality_of_a_mean_follows_one_rule(
    samples: list[tuple[float, float, Quality]], value: float | None, quality: Quality
) -> None:
    assert cut(*samples).mean(FIVE) == (value, quality)


def test_a_sample_stands_no_longer_than_it_may() -> None:
    total = cut((0, 5.0, GOOD), (200, 8.0, GOOD), stands=60)
    assert total.good.seconds == 120
    assert total.mean(FIVE) == (6.5, DOUBTFUL)


def test_a_sample_after_the_cut_waits_for_the_next() -> None:
    mean = Mean(1000.0, 0.0)
    mean.sample(10.0, GOOD, 0.0)
    mean.sample(99.0, GOOD, 300.5)
    assert mean.cut(300.0).mean(FIVE) == (10.0, GOOD)
    after = mean.cut(600.0)
    assert after.good.seconds == 300.0
    assert after.mean(FIVE)[0] == pytest.approx((10.0 * 0.5 + 99.0 * 299.5) / 300)


QUALITIES = [GOOD, STALE, NOT_CONNECTED, Quality.OUT_OF_RANGE | Quality.INVALID, Quality.SUBSTITUTED]
SAMPLES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(-50, 50), st.sampled_from(QUALITIES)), max_size=12
).map(lambda samples: sorted(samples, key=lambda one: one[0]))


def integrals(samples: Sequence[tuple[int, int, Quality]], stands: int) -> dict[str, tuple[int, int]]:
    """Second by second what stood there, without anything of the code under test: seconds and integral."""
    found = {"good": (0, 0), "questionable": (0, 0)}
    for second in range(300):
        before = [one for one in samples if one[0] <= second]
        if not before or second >= before[-1][0] + stands:
            continue
        _, value, quality = before[-1]
        if quality.validity in found:
            seconds, integral = found[quality.validity]
            found[quality.validity] = seconds + 1, integral + value
    return found


@given(SAMPLES, st.integers(1, 400), st.lists(st.integers(0, 300), max_size=5))
def test_the_mean_is_the_integral_of_the_good_parts_however_it_is_cut(
    samples: list[tuple[int, int, Quality]], stands: int, cuts: list[int]
) -> None:
    mean, total = Mean(stands, 0.0), Sum()
    coming = list(samples)
    for until in [*sorted(cuts), 300]:
        while coming and coming[0][0] <= until:
            at, value, quality = coming.pop(0)
            mean.sample(float(value), quality, float(at))
        total.add(mean.cut(float(until)))
    expected = integrals(samples, stands)
    assert (total.good.seconds, total.good.integral) == expected["good"]
    assert (total.questionable.seconds, total.questionable.integral) == expected["questionable"]
    found, found_quality = total.mean(FIVE)
    (good, integral), (questionable, doubtful) = expected["good"], expected["questionable"]
    if good:
        assert found == pytest.approx(integral / good)
        assert (found_quality.validity == "good") is (good >= GOOD_SHARE * 300)
    elif questionable:
        assert found == pytest.approx(doubtful / questionable)
        assert found_quality.validity == "questionable"
    else:
        assert found is None
        assert found_quality.validity == "invalid"


# --- all quantities of the model: a story is told second by second --------------------------------


class Story:
    """A box with its clocks. ``now`` is UTC, ``at`` the clock that never jumps."""

    def __init__(self, start: float = NOON, sample_every: float = 1.0) -> None:
        self.tree = read_scl(ICD)
        self.averages = Averages(self.tree, sample_every)
        self.now, self.at = start, BOOT
        self.synchronized = True
        self.told: list[Sequence[Change]] = []
        self.averages.start(self.at)
        self.averages.follow(lambda: self.at)
        self.tree.watchers.append(self._watch)

    def _watch(self, changes: Sequence[Change]) -> None:
        if any(change.attribute.ld == "AVG" for change in changes):
            self.told.append(changes)

    def measures(self, value: Any, quality: Quality = GOOD, name: str = FORWARD) -> None:
        self.tree.update(ref(f"MET/{name}"), value, quality, Timestamp.from_unix(self.now))

    def passes(self, seconds: float, step: float = 1.0) -> None:
        """Time passes, and the box looks at it every ``step`` seconds."""
        target = self.at + seconds
        while self.at < target:
            one = min(step, target - self.at)
            self.at, self.now = self.at + one, self.now + one
            self.averages.refresh(Moment(self.now, self.synchronized), self.at)

    def measuring(self, seconds: int, value: float, quality: Quality = GOOD, name: str = FORWARD) -> None:
        """The value is measured every second from now on, for so long."""
        for _ in range(seconds):
            self.measures(value, quality, name)
            self.passes(1)

    def shown(self, name: str = FORWARD) -> tuple[Any, Quality, float]:
        value, quality, time = self.tree.read(ref(f"AVG/{name}"))
        return value, quality, time.unix


@pytest.fixture
def story() -> Story:
    return Story()


def ends(story: Story) -> list[float]:
    """Follow the ends of intervals, in minutes after noon, as they are told from now on."""
    found: list[float] = []

    def seen(changes: Sequence[Change]) -> None:
        if any(change.attribute.ld == "AVG" for change in changes):
            found.append((story.shown()[2] - NOON) / 60)

    story.tree.watchers.append(seen)
    return found


def test_an_average_is_there_when_its_interval_is_over_and_not_before(story: Story) -> None:
    story.measuring(100, 20.0)
    story.measuring(199, 50.0)
    assert story.shown()[1] == NOT_CONNECTED
    story.measuring(1, 50.0)
    assert story.shown() == (40.0, GOOD, NOON + 300)


def test_all_averages_and_counters_are_updated_as_one_moment(story: Story) -> None:
    story.measures(4711, name="MMTR1.DmdWh")
    story.measures(230.0, name="MMXU1.PhV.phsB")
    story.measuring(300, 20.0)
    assert len(story.told) == 1
    attributes = {str(change.attribute) for change in story.told[0]}
    times = {
        story.tree.read(reference)[2]
        for reference, cdc in story.tree.data_objects()
        if reference.ld == "AVG" and cdc in ("MV", "CMV", "BCR")
    }
    assert [time.unix for time in times] == [NOON + 300]
    assert {"AVG/MMTR1.DmdWh.actVal[ST]", "AVG/FwdSTMP1.Tmp.q[MX]", "AVG/MMXU1.A.phsC.t[MX]"} <= attributes
    assert story.shown("MMTR1.DmdWh") == (4711, GOOD, NOON + 300)
    assert story.shown("MMXU1.PhV.phsB")[0] == 230.0


def test_the_whole_data_set_of_the_history_is_told_with_every_update(story: Story) -> None:
    """TrgOps dupd alone: what is as before is in the report nevertheless."""
    story.measuring(600, 20.0)
    first, second = story.told
    assert {change.attribute for change in first} == {change.attribute for change in second}
    assert len(second) == 3 * (24 + 3)
    assert all("DUPD" in str(change.triggers.name) for change in second)


def test_what_is_not_wired_has_no_average(story: Story) -> None:
    story.measuring(300, 20.0)
    assert story.shown(ROOM) == (0.0, NOT_CONNECTED, NOON + 300)


def test_a_lost_sensor_leaves_the_last_average_invalid_and_not_zero(story: Story) -> None:
    story.measuring(300, 20.0)
    story.measures(None, NOT_CONNECTED)
    story.passes(300)
    assert story.shown() == (20.0, NOT_CONNECTED, NOON + 600)


def test_an_average_has_its_intervals_in_utc_whenever_the_box_starts() -> None:
    story = Story(start=NOON + 137.5)
    found = ends(story)
    story.measuring(1000, 20.0)
    assert found == [5, 10, 15]


def test_after_a_restart_within_an_interval_the_average_is_of_the_rest_and_says_so() -> None:
    story = Story(start=NOON + 200)
    story.measuring(100, 20.0)
    assert story.shown() == (20.0, DOUBTFUL, NOON + 300)
    story.measuring(300, 30.0)
    assert story.shown() == (30.0, GOOD, NOON + 600)


def test_a_hung_bus_counts_for_a_minute(story: Story) -> None:
    story.measures(20.0)
    story.passes(200)
    story.measuring(100, 50.0)
    value, quality, _ = story.shown()
    assert value == pytest.approx((20 * STANDS_AT_LEAST + 50 * 100) / (STANDS_AT_LEAST + 100))
    assert quality == DOUBTFUL


def test_a_slow_rhythm_of_measuring_is_no_gap() -> None:
    story = Story(sample_every=60.0)
    for _ in range(3):
        story.measures(20.0)
        story.passes(100)
    assert story.shown() == (20.0, GOOD, NOON + 300)


def test_a_box_that_looks_late_splits_the_time_at_the_end_of_the_interval() -> None:
    story = Story(start=NOON + 7)
    story.measuring(283, 20.0)
    story.at, story.now = story.at + 9, story.now + 9
    story.measures(20.0)
    story.at, story.now = story.at + 11, story.now + 11
    story.measures(80.0)
    story.passes(1)
    assert story.shown() == (20.0, GOOD, NOON + 300)
    story.measuring(289, 80.0)
    value, _, time = story.shown()
    assert (value, time) == (pytest.approx((20 * 10 + 80 * 290) / 300), NOON + 600)


def test_intervals_the_box_slept_through_are_left_out(story: Story) -> None:
    story.measuring(300, 20.0)
    found = ends(story)
    story.at, story.now = story.at + 7200, story.now + 7200
    story.measuring(300, 30.0)
    assert found[-1] == 130
    assert story.shown() == (30.0, GOOD, NOON + 7800)


# --- what a box that died has not told -----------------------------------------------------------


def restarted(story: Story, told_until: float | None, after: float) -> list[float]:
    """The box is started again so many seconds later; what it tells from then on, in minutes after noon."""
    found = ends(story)
    story.at, story.now = story.at + after, story.now + after
    story.averages = Averages(story.tree, 1.0)
    story.averages.start(story.at, told_until)
    story.averages.follow(lambda: story.at)
    story.passes(1)
    return found


def test_an_interval_that_ended_and_was_not_told_is_told_as_missing(story: Story) -> None:
    story.measures(4711, name="MMTR1.DmdWh")
    story.measuring(300, 20.0)
    story.measuring(299, 30.0)
    assert restarted(story, NOON + 300, after=3) == [10]
    assert story.shown() == (20.0, NOT_CONNECTED, NOON + 600)
    assert story.shown("MMTR1.DmdWh")[1] == NOT_CONNECTED
    story.measuring(297, 40.0)
    assert story.shown() == (40.0, GOOD, NOON + 900)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (100, []),
        (299, []),
        (301, [10]),
        (910, [10, 15, 20]),
        (30 * 86_400 + 2, [5 + 5 * number for number in range(1, MOST_UNTOLD + 1)]),
    ],
)
def test_what_is_owed_is_what_ended_since_and_an_hour_of_it_at_most(
    story: Story, after: int, told: list[float]
) -> None:
    story.measuring(300, 20.0)
    assert restarted(story, NOON + 300, after - 1) == told


def test_a_box_that_never_told_any_owes_none(story: Story) -> None:
    assert restarted(story, None, after=3600) == []


def test_what_is_owed_waits_for_the_clock(story: Story) -> None:
    story.measuring(300, 20.0)
    story.synchronized = False
    found = restarted(story, NOON + 300, after=400)
    story.measuring(30, 20.0)
    assert found == []
    story.synchronized = True
    story.measuring(200, 20.0)
    assert found == [10, 15]


def test_an_interval_told_before_the_restart_is_not_told_again(story: Story) -> None:
    """It died 2 s after 12:05, and its clock is 4 s behind now."""
    story.measuring(302, 20.0)
    story.now -= 4
    assert restarted(story, NOON + 300, after=0) == []
    story.measuring(310, 20.0)
    assert story.shown() == (20.0, GOOD, NOON + 600)


def test_the_box_looks_at_the_end_of_each_interval(story: Story) -> None:
    assert story.averages.until_end(NOON) == 300
    assert story.averages.until_end(NOON + 299.75) == 0.25


# --- counters -------------------------------------------------------------------------------------


def test_a_counter_is_taken_as_it_is_at_the_end_of_the_interval(story: Story) -> None:
    for count in range(300):
        story.measures(1000 + count, name="MMTR1.DmdWh")
        story.passes(1)
    story.measures(2000, name="MMTR1.DmdWh")
    story.passes(10)
    assert story.shown("MMTR1.DmdWh") == (1299, GOOD, NOON + 300)


def test_a_counter_keeps_its_quality(story: Story) -> None:
    story.measures(1000, STALE, name="MMTR1.DmdWh")
    story.passes(300)
    assert story.shown("MMTR1.DmdWh") == (1000, STALE, NOON + 300)
    assert story.shown("ShGGIO1.CntVal1")[:2] == (0, NOT_CONNECTED)


# --- the clock ------------------------------------------------------------------------------------


def test_nothing_is_told_before_the_clock_is_right_and_all_of_it_then_at_its_time(story: Story) -> None:
    """The box starts in 1970; its clock is set after 20 minutes and says then 12:20."""
    found = ends(story)
    story.now, story.synchronized = 1000.0, False
    for minutes in range(4):
        story.measures(4000 + minutes, name="MMTR1.DmdWh")
        story.measuring(300, 10.0 * minutes)
    assert found == []
    story.now, story.synchronized = NOON + 1200.0, True
    told: list[tuple[Any, Quality, float]] = []
    story.tree.watchers.append(lambda _: told.append(story.shown()) if len(told) < 4 else None)
    story.passes(1)
    assert found == [5, 10, 15, 20]
    for at, (value, quality, time) in enumerate(told):
        assert value == pytest.approx(10.0 * at, abs=10 * SLICE / FIVE)
        assert (quality, time) == (GOOD, NOON + 300 * (at + 1))


def test_a_box_that_waits_long_for_its_clock_keeps_the_newest(story: Story) -> None:
    found = ends(story)
    story.synchronized = False
    story.passes(HELD + 3600)
    story.synchronized = True
    story.passes(1)
    assert len(found) == HELD / FIVE
    assert found[-1] == (HELD + 3600) / 60


def test_a_clock_that_is_no_longer_synchronized_is_told_in_the_time(story: Story) -> None:
    story.measuring(300, 20.0)
    story.synchronized = False
    story.measuring(300, 20.0)
    _, quality, time = story.tree.read(ref(f"AVG/{FORWARD}"))
    assert (quality, time.unix) == (GOOD, NOON + 600)
    assert time.quality & CLOCK_NOT_SYNCHRONIZED


def test_a_clock_set_forward_moves_what_is_not_told_along(story: Story) -> None:
    """At 12:02 it is 12:12 in truth: the two minutes were those before 12:12."""
    found = ends(story)
    story.measuring(120, 20.0)
    story.now += 600
    story.measuring(180, 50.0)
    assert found == [15]
    assert story.shown() == (38.0, GOOD, NOON + 900)


def test_a_clock_set_forward_beyond_the_end_tells_what_was_before_it(story: Story) -> None:
    """At 12:04 it is 12:06 in truth: three of the four minutes were before 12:05."""
    found = ends(story)
    story.measuring(240, 20.0)
    story.now += 120
    story.measuring(240, 50.0)
    assert found == [5, 10]
    assert story.shown() == (pytest.approx((60 * 20 + 240 * 50) / 300), GOOD, NOON + 600)


def test_a_clock_set_back_by_a_little_tells_no_interval_twice(story: Story) -> None:
    found = ends(story)
    story.measuring(301, 20.0)
    story.now -= 3
    story.measuring(310, 30.0)
    assert found == [5, 10]
    assert story.shown() == (30.0, GOOD, NOON + 600)


def test_a_clock_set_back_by_an_hour_goes_on_from_there(story: Story) -> None:
    found = ends(story)
    story.measuring(420, 20.0)
    story.now -= 3600
    story.measuring(240, 30.0)
    assert found == [5, -50]
    assert story.shown() == (26.0, GOOD, NOON - 3000)


@settings(max_examples=30)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("passes"), st.integers(1, 700)),
            st.tuples(st.just("set"), st.integers(-20, 1000)),
            st.tuples(st.just("sync"), st.integers(0, 1)),
        ),
        max_size=12,
    )
)
def test_whatever_the_clock_does_no_end_is_told_twice_in_a_row_and_each_is_of_five_minutes(
    doings: list[tuple[str, int]],
) -> None:
    story = Story()
    found = ends(story)
    for doing, number in doings:
        match doing:
            case "passes":
                story.passes(number, step=17.0)
            case "set":
                story.now += number
            case "sync":
                story.synchronized = bool(number)
    assert all(end % 5 == 0 and end * 60 + NOON <= story.now + 20 * len(doings) for end in found)
    assert all(one != other for one, other in pairwise(found))


# --- what a model may ask for ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"<Val>MET/RmMMET1</Val>", b"<Val>MET/NoMMET1</Val>", ["AVG/RmMMET1.EnvTmp", "NoMMET1", "ClcSrc"]),
        (b"<Val>MET/RmMMET1</Val>", b"<Val>MET-RmMMET1</Val>", ["AVG/RmMMET1.ClcSrc", "MET-RmMMET1"]),
        (b"<Val>MET/MMTR1</Val>", b"<Val>MET/MMTR9</Val>", ["AVG/MMTR1.DmdWh", "MMTR9", "InRef1"]),
        (b"<Val>MS</Val>", b"<Val>DAY</Val>", ["ClcIntvTyp", "MS"]),
        (b"<Val>300000</Val>", b"<Val>0</Val>", ["ClcIntvPer", "0"]),
    ],
)
def test_a_model_that_asks_for_what_cannot_be_is_refused(old: bytes, new: bytes, words: list[str]) -> None:
    assert old in ICD
    with pytest.raises(ConfigError) as refused:
        Averages(read_scl(ICD.replace(old, new)), 1.0)
    assert all(word in str(refused.value) for word in ["model", *words])


def test_averages_over_several_intervals_are_refused() -> None:
    one = b'<DOI name="ClcSrc">'
    other = b'<DOI name="ClcIntvPer"><DAI name="setVal"><Val>60000</Val></DAI></DOI>' + one
    with pytest.raises(ConfigError, match="several intervals"):
        Averages(read_scl(ICD.replace(one, other, 1)), 1.0)


def test_a_measurand_without_dupd_cannot_be_followed() -> None:
    told = b'type="AnalogueValue" dchg="true" dupd="true"/>'
    with pytest.raises(ConfigError, match=r"MET/.* needs dupd"):
        Averages(read_scl(ICD.replace(told, told.replace(b' dupd="true"', b""))), 1.0)


def test_another_method_is_left_alone() -> None:
    tree: Tree = read_scl(ICD.replace(b"<Val>AVG</Val>", b"<Val>MAX</Val>"))
    averages = Averages(tree, 1.0)
    averages.start(0.0)
    averages.refresh(Moment(NOON + 1), 1.0)
    averages.refresh(Moment(NOON + 301), 301.0)
    assert tree.read(ref(f"AVG/{FORWARD}"))[1:] == (NOT_CONNECTED, tree.read(ref(f"AVG/{ROOM}"))[2])
    assert tree.read(ref("AVG/MMTR1.DmdWh"))[2].unix == NOON + 300

"""The simulated house is physics: energy is conserved, limits hold, contacts have effect."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.heat_pump import Demand, HeatPump, HeatPumpParams, Source
from device_agent.house import MAX_STEP_S, READINGS, House, HouseParams, OperatingMode
from device_agent.weather import DAY_S, YEAR_S, Season, Weather

NOW = 1_700_000_000.0
WINTER = HouseParams(season=Season.WINTER)
BOUNDS = {
    "outdoor_temperature": (-30, 45),
    "outdoor_humidity": (0, 100),
    "room_temperature": (-20, 45),
    "room_humidity": (0, 100),
    "forward_temperature": (-20, 70),
    "return_temperature": (-20, 70),
    "buffer_top_temperature": (0, 70),
    "buffer_bottom_temperature": (0, 70),
    "dhw_temperature": (5, 75),
    "brine_in_temperature": (-15, 25),
    "brine_out_temperature": (-20, 25),
    "space_heating_flow": (0, 0.5),
    "dhw_flow": (0, 2),
    "space_heating_power": (0, 20e3),
    "dhw_power": (0, 150e3),
    "power": (5, 16e3),
    "reactive_power": (0, 10e3),
    "power_factor": (0.5, 1),
    "frequency": (49.9, 50.1),
    "voltage_1": (215, 240),
    "voltage_2": (215, 240),
    "voltage_3": (215, 240),
    "current_1": (0, 30),
    "current_2": (0, 30),
    "current_3": (0, 30),
    "operating_mode": (0, 5),
    "pump_speed": (0, 100),
    "box_temperature": (-10, 60),
}
COUNTERS = (
    "energy",
    "space_heating_energy",
    "dhw_energy",
    "space_heating_volume",
    "dhw_volume",
    "compressor_hours",
)


@dataclass
class Run:
    """A house with its clock."""

    house: House
    now: float = NOW

    def wait(self, seconds: float) -> dict[str, float | bool | int | None]:
        self.now += seconds
        self.house.step(self.now, seconds)
        return self.house.readings()

    def watch(self, seconds: float, every: float) -> Iterator[dict[str, float | bool | int | None]]:
        for _ in range(int(seconds / every)):
            yield self.wait(every)


def run(params: HouseParams = WINTER, seed: int = 1) -> Run:
    return Run(House(params, seed, NOW))


def with_times(min_run_s: float, min_pause_s: float, season: Season = Season.WINTER) -> HouseParams:
    return HouseParams(season=season, heat_pump=HeatPumpParams(min_run_s=min_run_s, min_pause_s=min_pause_s))


@pytest.mark.parametrize("season", list(Season))
@pytest.mark.parametrize("source", list(Source))
def test_the_compressor_runs_within_seconds_of_start_in_any_season(season: Season, source: Source) -> None:
    readings = run(HouseParams(season=season, heat_pump=HeatPumpParams(source=source))).wait(2)
    assert readings["compressor"] is True
    assert readings["power"] > 1000
    if season is Season.WINTER:
        assert readings["operating_mode"] == OperatingMode.HEATING
        assert readings["outdoor_temperature"] == pytest.approx(-2, abs=3)


@pytest.mark.parametrize("source", list(Source))
@pytest.mark.parametrize("season", list(Season))
def test_the_first_law_holds_over_days(season: Season, source: Source) -> None:
    days = run(HouseParams(season=season, heat_pump=HeatPumpParams(source=source)))
    before = days.house.building.stored_j
    for _ in days.watch(4 * DAY_S, every=1800):
        pass
    balance = days.house.building.balance
    grown = days.house.building.stored_j - before
    turned_over = balance.pump + balance.losses
    assert grown == pytest.approx(
        balance.pump + balance.backup + balance.gains - balance.losses - balance.drawn,
        abs=1e-9 * turned_over,
    )
    assert balance.pump == pytest.approx(balance.compressor + balance.source, rel=1e-9)
    assert min(balance.pump, balance.gains, balance.losses, balance.drawn, balance.source) > 0


def test_the_meters_agree_with_flows_and_temperatures() -> None:
    day = run()
    joules = litres = 0.0
    steady = compared = 0
    for readings in day.watch(DAY_S / 2, every=10):
        joules += readings["space_heating_power"] * 10
        litres += readings["space_heating_flow"] * 10
        steady = steady + 10 if readings["pump_on"] else 0
        if steady > 300:  # the sensors sit on the pipes and lag behind the water by half a minute
            drop = readings["forward_temperature"] - readings["return_temperature"]
            heat = readings["space_heating_flow"] * 4186 * drop
            assert readings["space_heating_power"] == pytest.approx(heat, rel=0.05)
            compared += 1
    assert readings["space_heating_energy"] == pytest.approx(joules / 3.6e6, rel=1e-6)
    assert readings["space_heating_volume"] == pytest.approx(litres / 1000, rel=1e-6)
    assert compared > 1000
    assert joules > 10e6


def test_electric_energy_is_the_integral_of_power() -> None:
    day = run()
    watt_seconds = sum(readings["power"] * 10 for readings in day.watch(DAY_S / 4, every=10))
    assert day.house.readings()["energy"] == pytest.approx(watt_seconds / 3600, rel=1e-6)


def test_the_cop_is_that_of_a_real_heat_pump_and_falls_in_the_cold() -> None:
    def cop(season: Season) -> float:
        days = run(HouseParams(season=season))
        days.wait(DAY_S)
        days.wait(DAY_S)
        return days.house.building.balance.pump / days.house.building.balance.compressor

    assert 2.0 < cop(Season.WINTER) < cop(Season.AUTUMN) < 5.0


def test_a_house_whose_heat_pump_heats_never_needs_its_backup_heater() -> None:
    assert not any(readings["backup_heater"] for readings in run().watch(3 * DAY_S, every=600))


@pytest.mark.parametrize("evu_blocks_backup", [False, True])
def test_a_block_without_end_leaves_the_backup_heat_unless_it_is_wired_to_that_too(
    evu_blocks_backup: bool,
) -> None:
    house = run(HouseParams(season=Season.WINTER, evu_blocks_backup=evu_blocks_backup))
    house.house.set("evu_block", True)
    rooms, heated = [], False
    for readings in house.watch(5 * DAY_S, every=600):
        rooms.append(readings["room_temperature"])
        heated |= readings["backup_heater"]
        if readings["backup_heater"]:
            assert readings["power"] > 6000
    assert heated is not evu_blocks_backup
    assert (min(rooms) > 16.5) is not evu_blocks_backup
    assert evu_blocks_backup is (min(rooms) < 14)


def test_a_winter_house_stays_warm_with_warm_water() -> None:
    rooms, tanks = [], []
    for readings in run().watch(3 * DAY_S, every=600):
        rooms.append(readings["room_temperature"])
        tanks.append(readings["dhw_temperature"])
    assert 20 < min(rooms) < max(rooms) < 23
    assert 38 < min(tanks) < max(tanks) < 55


def test_an_evu_block_stops_the_compressor_but_not_the_circulation() -> None:
    house = run()
    assert house.wait(60)["power"] > 1000
    house.house.set("evu_block", True)
    blocked = house.wait(1)
    assert blocked["compressor"] is False
    assert blocked["evu_contact"] is True
    assert blocked["operating_mode"] == OperatingMode.BLOCKED
    assert blocked["power"] < 60
    assert blocked["pump_on"] is True
    assert blocked["space_heating_power"] > 1000
    later = house.wait(3600)
    assert later["buffer_top_temperature"] < blocked["buffer_top_temperature"] - 5
    assert later["compressor"] is False


def test_after_a_block_the_compressor_waits_for_its_pause_and_starts_again() -> None:
    house = run(with_times(min_run_s=300, min_pause_s=3))
    house.wait(60)
    house.house.set("evu_block", True)
    house.wait(1)
    house.house.set("evu_block", False)
    assert house.wait(1)["compressor"] is False
    assert house.wait(3)["compressor"] is True


def test_a_long_block_lets_the_house_cool_until_the_buffer_has_nothing_left() -> None:
    house = run(HouseParams(season=Season.WINTER, evu_blocks_backup=True))
    house.house.set("evu_block", True)
    warm = house.wait(10)["room_temperature"]
    for _ in house.watch(2 * DAY_S, every=3600):
        pass
    cold = house.house.readings()
    assert cold["room_temperature"] < warm - 3
    assert cold["pump_on"] is False
    assert cold["space_heating_power"] == 0


@pytest.mark.parametrize(
    ("contact_1", "contact_2", "state"),
    [(True, False, 1), (False, False, 2), (False, True, 3), (True, True, 4)],
)
def test_the_sg_ready_contacts(contact_1: bool, contact_2: bool, state: int) -> None:
    house = run()
    house.house.set("sg_ready_1", contact_1)
    house.house.set("sg_ready_2", contact_2)
    readings = house.wait(1)
    assert house.house.sg_ready_state == state
    assert readings["sg_ready_contact_1"] is contact_1
    assert readings["sg_ready_contact_2"] is contact_2
    assert readings["compressor"] is (state != 1)


def mean_buffer(contact_1: bool, contact_2: bool) -> float:
    house = run()
    house.house.set("sg_ready_1", contact_1)
    house.house.set("sg_ready_2", contact_2)
    tops = [readings["buffer_top_temperature"] for readings in house.watch(DAY_S, every=300)]
    return sum(tops) / len(tops)


def test_sg_ready_raises_the_set_points() -> None:
    normal, recommended, forced = mean_buffer(False, False), mean_buffer(False, True), mean_buffer(True, True)
    assert normal + 1.5 < recommended
    assert recommended + 1.5 < forced


def test_sg_ready_4_starts_a_compressor_that_has_no_reason_to_run() -> None:
    house = run(with_times(min_run_s=60, min_pause_s=3))
    while house.wait(30)["compressor"]:
        pass
    house.house.set("sg_ready_1", True)
    house.house.set("sg_ready_2", True)
    assert house.wait(10)["compressor"] is True


COLD_BUFFER = Demand(
    outdoor=-2.0,
    humidity=80.0,
    ground=6.0,
    buffer_top=30.0,
    buffer_bottom=30.0,
    dhw=50.0,
    buffer_target=40.0,
    dhw_target=50.0,
    heating_wanted=True,
    blocked=False,
    forced=False,
)


def test_sg_ready_4_does_not_wait_for_the_hysteresis() -> None:
    """A buffer one kelvin below its set point is no reason to start, except when forced."""
    nearly_warm = replace(COLD_BUFFER, buffer_top=39.0, buffer_bottom=38.0)
    pump = HeatPump(HeatPumpParams(), ground=6.0)
    assert pump.step(nearly_warm, 1.0).sink_w == 0
    assert pump.step(replace(nearly_warm, forced=True), 1.0).sink_w > 3000


def test_a_compressor_runs_for_its_minimum_time_even_when_nobody_wants_heat_any_more() -> None:
    pump = HeatPump(HeatPumpParams(min_run_s=120), ground=6.0)
    pump.step(COLD_BUFFER, 10.0)
    warm = replace(COLD_BUFFER, buffer_top=45.0, buffer_bottom=45.0)
    for _ in range(100):
        pump.step(warm, 10.0)
    assert pump.seconds_run == 120
    assert not pump.running


def test_an_air_source_defrosts_in_damp_cold_and_draws_from_the_buffer() -> None:
    house = run(HouseParams(season=Season.SPRING))
    was, melting, buffer = False, [], math.nan
    for readings in house.watch(5 * DAY_S, every=10):
        if readings["defrost"]:
            assert readings["compressor"] is True
            assert readings["operating_mode"] == OperatingMode.DEFROST
            if not was:
                assert -0.5 <= readings["outdoor_temperature"] <= 5.5
                buffer = readings["buffer_top_temperature"]
        elif was and readings["compressor"]:
            melting.append(buffer - readings["buffer_top_temperature"])
        was = bool(readings["defrost"])
    assert len(melting) > 3
    assert min(melting) > 0


def test_a_brine_source_never_defrosts_and_an_air_source_has_no_brine() -> None:
    spring = HouseParams(season=Season.SPRING, heat_pump=HeatPumpParams(source=Source.BRINE))
    for readings in run(spring).watch(2 * DAY_S, every=60):
        assert readings["defrost"] is False
        assert readings["brine_out_temperature"] <= readings["brine_in_temperature"]
    air = run().wait(1)
    assert air["brine_in_temperature"] is None
    assert air["brine_out_temperature"] is None


def test_overheating_trips_the_high_pressure_switch() -> None:
    house = run(with_times(min_run_s=100_000, min_pause_s=0))
    faults = [readings for readings in house.watch(DAY_S, every=60) if readings["fault"]]
    assert faults
    assert not any(readings["compressor"] for readings in faults)
    assert faults[0]["operating_mode"] == OperatingMode.FAULT


def test_the_same_seed_gives_the_same_house_and_another_another() -> None:
    assert run(seed=5).wait(3600) == run(seed=5).wait(3600)
    assert run(seed=5).wait(3600) != run(seed=6).wait(3600)


def test_one_long_step_is_like_many_short_ones() -> None:
    long, short = run(), run()
    for _ in short.watch(3600, every=10):
        pass
    expected = short.house.readings()
    for name, value in long.wait(3600).items():
        assert value is expected[name] or value == pytest.approx(expected[name], rel=1e-6), name


@pytest.mark.parametrize("seconds", [-1, MAX_STEP_S + 1, math.nan, math.inf])
def test_a_step_that_is_no_step_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="a step must be between"):
        run().house.step(NOW, seconds)


@pytest.mark.parametrize(
    ("name", "value"), [("room_setpoint", 31), ("room_setpoint", math.nan), ("dhw_setpoint", 90)]
)
def test_a_set_point_outside_its_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be between"):
        run().house.set(name, value)


def test_an_unknown_input_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="no input chimney; it has evu_block"):
        run().house.set("chimney", True)


def test_the_calendar_has_cold_winters_and_warm_summers() -> None:
    weather = Weather(seed=3)

    def mean(first_day: int) -> float:
        hours = [weather.at(first_day * DAY_S + hour * 3600).temperature for hour in range(28 * 24)]
        return sum(hours) / len(hours)

    assert mean(15) < 5
    assert mean(190) > 13
    assert all(-25 < weather.at(hour * 3600).temperature < 38 for hour in range(int(YEAR_S / 3600)))


def check_bounds(readings: dict[str, float | bool | int | None]) -> None:
    assert readings.keys() == READINGS
    for name, value in readings.items():
        if value is not None:
            assert math.isfinite(value), name
        if value is not None and name in BOUNDS:
            low, high = BOUNDS[name]
            assert low <= value <= high, (name, value)


INPUTS = st.one_of(
    st.tuples(st.sampled_from(["evu_block", "sg_ready_1", "sg_ready_2"]), st.booleans()),
    st.tuples(st.just("room_setpoint"), st.floats(5, 30)),
    st.tuples(st.just("dhw_setpoint"), st.floats(35, 60)),
)


@settings(max_examples=40, deadline=None)
@given(
    season=st.sampled_from(Season),
    source=st.sampled_from(Source),
    seed=st.integers(0, 1000),
    pump=st.builds(
        HeatPumpParams,
        min_run_s=st.floats(0, 3600),
        min_pause_s=st.floats(0, 3600),
        source=st.just(Source.AIR),
    ),
    events=st.lists(
        st.tuples(INPUTS, st.floats(0, 20_000).map(lambda seconds: round(seconds, 3))),
        min_size=1,
        max_size=12,
    ),
)
def test_whatever_the_inputs_everything_stays_physical(
    season: Season,
    source: Source,
    seed: int,
    pump: HeatPumpParams,
    events: list[tuple[tuple[str, float], float]],
) -> None:
    house = run(HouseParams(season=season, heat_pump=replace(pump, source=source)), seed)
    before = house.house.readings()
    stored = house.house.building.stored_j
    for (name, value), seconds in events:
        house.house.set(name, value)
        readings = house.wait(seconds)
        check_bounds(readings)
        assert all(readings[name] >= before[name] for name in COUNTERS)
        blocked = readings["evu_contact"] or (
            readings["sg_ready_contact_1"] and not readings["sg_ready_contact_2"]
        )
        if blocked and seconds > 0:
            assert readings["compressor"] is False
            assert readings["compressor_hours"] == before["compressor_hours"]
        before = readings
    balance = house.house.building.balance
    assert house.house.building.stored_j - stored == pytest.approx(
        balance.pump + balance.backup + balance.gains - balance.losses - balance.drawn,
        abs=1e-9 * stored,
    )


@settings(max_examples=25, deadline=None)
@given(
    min_run=st.integers(0, 1200),
    min_pause=st.integers(0, 1200),
    blocks=st.lists(st.tuples(st.booleans(), st.integers(10, 3000)), min_size=1, max_size=8),
)
def test_minimum_run_and_pause_are_respected(
    min_run: int, min_pause: int, blocks: list[tuple[bool, int]]
) -> None:
    """Only a block or a fault may cut a run short; nothing may cut a pause short."""
    house = run(with_times(min_run, min_pause, Season.SPRING))
    running, since = False, -math.inf
    for blocked, seconds in blocks:
        house.house.set("evu_block", blocked)
        for readings in house.watch(seconds, every=5):
            if readings["compressor"] is not running:
                lasted = house.now - since
                if running and not blocked and not readings["fault"]:
                    assert lasted >= min_run
                if not running:
                    assert lasted >= min_pause
                running, since = bool(readings["compressor"]), house.now

"""LD DER: the heat pump as a load, its heat storage, and what of it is not known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from device_agent.config import BoxConfig, ConfigError
from device_agent.der import ESTIMATED, Der
from device_agent.der_config import DerConfig, Tank, Voltage
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment
from iec61850_model.tree import Change
from iec61850_model.values import GOOD, NO_TIME, NOT_CONNECTED, Quality, Timestamp

CONFIG = Path(__file__).parents[2] / "config"
ICD = (CONFIG / "heatpump-box.icd").read_bytes()
NOON = 1_800_000_000.0
STALE = Quality.QUESTIONABLE | Quality.OLD_DATA
AVAILABLE, RUNNING, BLOCKED, FAILED, NOT_KNOWN = 3, 6, 9, 11, 98
ON, OFF = 1, 5
FULL = DerConfig(
    rated_power=3000,
    max_power=2500,
    rated_apparent_power=4000,
    running_above=200,
    ramp=20,
    phases=1,
    voltage=Voltage(nominal=230, lowest=210, highest=250),
    connection="cellar",
    buffer=Tank(volume=200, empty=25, full=45),
    hot_water=Tank(volume=100, empty=40, full=60),
)
COMPRESSOR, FAULT, POWER = "HP/HpGGIO1.Ind1", "HP/HpGGIO1.Alm1", "MET/MMXU1.TotW"
EVU_SEEN, EVU_BLOCK, SG_READY = "HP/EvuGGIO1.Ind1", "HP/EvuGGIO1.SPCSO1", "HP/SgrGGIO1.ISCSO1"
TOP, BOTTOM, HOT_WATER = "MET/BufSTMP1.Tmp", "MET/BufSTMP2.Tmp", "MET/DhwSTMP1.Tmp"


class House:
    """A box with its model; values are measured into it, and DER follows."""

    def __init__(self, config: DerConfig | None = FULL, icd: bytes = ICD) -> None:
        self.tree = read_scl(icd)
        self.der = Der(self.tree, config)
        self.now = NOON
        self.der.start(Moment(self.now))

    def has(self, values: dict[str, Any], quality: Quality = GOOD) -> None:
        """These values are measured now, and DER looks a second later."""
        for name, value in values.items():
            self.tree.update(Reference.parse(name), value, quality, Timestamp.from_unix(self.now))
        self.now += 1
        self.der.refresh(Moment(self.now))

    def shown(self, name: str) -> tuple[Any, Quality]:
        value, quality, _ = self.tree.read(Reference.parse(f"DER/{name}"))
        return value, quality

    def time(self, name: str) -> float:
        return self.tree.read(Reference.parse(f"DER/{name}"))[2].unix

    def setting(self, name: str) -> Any:
        return self.tree.value_leaf(Reference.parse(f"DER/{name}")).value


@pytest.fixture
def house() -> House:
    return House()


# --- what is configured ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DLOD1.WMaxRtg", 3000),
        ("DLOD1.WOvPFRtg", 3000),
        ("DLOD1.WUnPFRtg", 3000),
        ("DLOD1.WMax", 2500),
        ("DLOD1.VAMaxRtg", 4000),
        ("DLOD1.WRmp", 20),
        ("DLOD1.VMax", 250),
        ("DLOD1.VMaxRtg", 250),
        ("DLOD1.VMinRtg", 210),
        ("DLOD1.PhsConnTyp", 1),
        ("DECP1.PhsConnTyp", 1),
        ("DECP1.VRef", 230),
        ("DECP1.ElcRefId", "cellar"),
    ],
)
def test_ratings_come_from_the_configuration(house: House, name: str, value: Any) -> None:
    assert house.setting(name) == value


def test_what_is_left_out_has_its_default() -> None:
    house = House(DerConfig(rated_power=3000))
    given = {name: house.setting(f"DLOD1.{name}") for name in ("WMax", "VAMaxRtg", "WRmp", "VMinRtg", "VMax")}
    assert given == {"WMax": 3000, "VAMaxRtg": 3000, "WRmp": 100, "VMinRtg": 207, "VMax": 253}
    assert house.setting("DLOD1.PhsConnTyp") == 6
    assert house.setting("DECP1.ElcRefId") == "house"


NODES = ("DLOD1", "DECP1", "DCTS1", "DCTS2", "DWMX1")


@pytest.mark.parametrize(
    ("config", "on"),
    [
        (None, set()),
        (DerConfig(rated_power=3000), {"DLOD1", "DECP1"}),
        (DerConfig(rated_power=3000, hot_water=FULL.hot_water), {"DLOD1", "DECP1", "DCTS2"}),
        (FULL, {"DLOD1", "DECP1", "DCTS1", "DCTS2"}),
    ],
)
def test_a_node_is_on_when_the_configuration_says_what_it_is_about(
    config: DerConfig | None, on: set[str]
) -> None:
    house = House(config)
    house.has({COMPRESSOR: True, POWER: 1000.0, TOP: 40.0, BOTTOM: 30.0, HOT_WATER: 50.0})
    shown = {node: house.shown(f"{node}.Beh") for node in NODES}
    assert shown == {node: (ON if node in on else OFF, GOOD) for node in NODES}
    for node, name in (("DLOD1", "DEROpSt"), ("DCTS1", "ThmCapPct"), ("DCTS2", "ThmCapTot")):
        good = house.shown(f"{node}.{name}")[1] == GOOD
        assert good is (node in on), f"{node}.{name}"


def test_the_limit_of_power_is_there_but_off(house: House) -> None:
    house.has({POWER: 1000.0})
    assert house.shown("DWMX1.Beh") == (OFF, GOOD)
    assert house.shown("DWMX1.WMaxSpt")[1] == NOT_CONNECTED


def test_a_tank_holds_what_warms_it_from_empty_to_full(house: House) -> None:
    assert house.shown("DCTS1.ThmCapTot") == (pytest.approx(200 * 20 * 4186.8 / 3600), GOOD)
    assert house.shown("DCTS2.ThmCapTot")[0] == pytest.approx(100 * 20 * 4186.8 / 3600)


def test_a_model_without_the_nodes_is_refused_if_the_configuration_speaks_of_them() -> None:
    without = ICD.replace(b'lnClass="DECP" inst="1"', b'lnClass="DECP" inst="2"')
    House(None, without)
    with pytest.raises(ConfigError, match=r"der: DER/DECP1.*leave der out"):
        House(FULL, without)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "rated_power"),
        ({"rated_power": 0}, "greater than 0"),
        ({"rated_power": 200_000}, "100000"),
        ({"rated_power": math.nan}, "finite"),
        ({"rated_power": 3000, "max_power": 3001}, "max_power is above rated_power"),
        ({"rated_power": 3000, "phases": 2}, "1 or 3"),
        ({"rated_power": 3000, "voltage": {"nominal": 300}}, "must rise"),
        ({"rated_power": 3000, "buffer": {"volume": 200, "empty": 50, "full": 50}}, "colder"),
        ({"rated_power": 3000, "buffer": {"volume": 0, "empty": 20, "full": 50}}, "greater than 0"),
        ({"rated_power": 3000, "connection": "Keller über"}, "pattern"),
        ({"rated_power": 3000, "power": 3}, "Extra"),
    ],
)
def test_a_wrong_nameplate_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DerConfig.model_validate(wrong)


def test_the_documented_example_has_a_nameplate() -> None:
    config = BoxConfig.load(CONFIG / "box.yaml")
    assert config.der is not None and config.der.buffer is not None and config.der.hot_water is not None
    House(config.der)


# --- the state of the load ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "state", "quality"),
    [
        ({}, NOT_KNOWN, NOT_CONNECTED),
        ({COMPRESSOR: True}, RUNNING, GOOD),
        ({COMPRESSOR: False}, AVAILABLE, GOOD),
        ({COMPRESSOR: False, POWER: 2000.0}, AVAILABLE, GOOD),
        ({POWER: 201.0}, RUNNING, ESTIMATED),
        ({POWER: 199.0}, AVAILABLE, ESTIMATED),
        ({COMPRESSOR: False, EVU_SEEN: True}, BLOCKED, GOOD),
        ({COMPRESSOR: False, EVU_BLOCK: True}, BLOCKED, GOOD),
        ({COMPRESSOR: False, EVU_SEEN: False, EVU_BLOCK: True}, AVAILABLE, GOOD),
        ({COMPRESSOR: False, SG_READY: 1}, BLOCKED, GOOD),
        ({COMPRESSOR: False, SG_READY: 2}, AVAILABLE, GOOD),
        ({COMPRESSOR: True, EVU_SEEN: True}, RUNNING, GOOD),
        ({COMPRESSOR: True, FAULT: True}, FAILED, GOOD),
        ({FAULT: True}, FAILED, GOOD),
        ({COMPRESSOR: True, FAULT: False}, RUNNING, GOOD),
    ],
)
def test_the_state_follows_what_is_wired(
    house: House, values: dict[str, Any], state: int, quality: Quality
) -> None:
    house.has(values)
    assert house.shown("DLOD1.DEROpSt") == (state, quality)


def test_a_state_from_old_data_says_so(house: House) -> None:
    house.has({COMPRESSOR: True}, STALE)
    assert house.shown("DLOD1.DEROpSt") == (RUNNING, STALE)


def test_a_contact_that_is_lost_leaves_the_power_to_judge_by(house: House) -> None:
    house.has({COMPRESSOR: True, POWER: 10.0})
    house.has({COMPRESSOR: None}, NOT_CONNECTED)
    assert house.shown("DLOD1.DEROpSt") == (AVAILABLE, ESTIMATED)


def test_a_fault_that_is_no_longer_seen_is_no_fault(house: House) -> None:
    house.has({COMPRESSOR: True, FAULT: True})
    house.has({FAULT: None}, NOT_CONNECTED)
    assert house.shown("DLOD1.DEROpSt") == (RUNNING, GOOD)


def test_a_state_keeps_the_time_of_its_last_change(house: House) -> None:
    house.has({COMPRESSOR: True})
    changed = house.time("DLOD1.DEROpSt")
    house.has({COMPRESSOR: True})
    assert house.time("DLOD1.DEROpSt") == changed == NOON + 1
    house.has({COMPRESSOR: False})
    assert house.time("DLOD1.DEROpSt") == NOON + 3


# --- powers and tanks -----------------------------------------------------------------------------


def test_the_share_of_apparent_power(house: House) -> None:
    house.has({POWER: 1200.0, "MET/MMXU1.TotVAr": 1600.0})
    assert house.shown("DLOD1.VAPct") == (50.0, GOOD)
    assert house.time("DLOD1.VAPct") == NOON


def test_the_share_of_apparent_power_without_reactive_power_is_an_estimate(house: House) -> None:
    house.has({POWER: -1000.0})
    assert house.shown("DLOD1.VAPct") == (25.0, ESTIMATED)


def test_without_power_there_is_no_share(house: House) -> None:
    house.has({POWER: 1000.0})
    house.has({POWER: None}, NOT_CONNECTED)
    assert house.shown("DLOD1.VAPct") == (25.0, NOT_CONNECTED), "the last value stays, and is invalid"


@pytest.mark.parametrize(
    ("values", "share", "quality"),
    [
        ({TOP: 40.0, BOTTOM: 30.0}, 50.0, GOOD),
        ({TOP: 70.0, BOTTOM: 60.0}, 100.0, GOOD),
        ({TOP: 10.0, BOTTOM: 10.0}, 0.0, GOOD),
        ({TOP: 40.0}, 75.0, ESTIMATED),
        ({BOTTOM: 30.0}, 25.0, ESTIMATED),
        ({}, 0.0, NOT_CONNECTED),
    ],
)
def test_how_full_a_tank_is(house: House, values: dict[str, Any], share: float, quality: Quality) -> None:
    house.has(values)
    assert house.shown("DCTS1.ThmCapPct") == (share, quality)
    assert house.shown("DCTS2.ThmCapPct")[1] == NOT_CONNECTED


def test_a_tank_with_one_old_sensor_says_so(house: House) -> None:
    house.has({TOP: 40.0})
    house.has({BOTTOM: 30.0}, STALE)
    assert house.shown("DCTS1.ThmCapPct") == (50.0, STALE)
    assert house.time("DCTS1.ThmCapPct") == NOON + 1


def test_the_hot_water_tank_has_one_sensor(house: House) -> None:
    house.has({HOT_WATER: 55.0})
    assert house.shown("DCTS2.ThmCapPct") == (75.0, GOOD)


def test_heat_taken_out_is_that_of_the_meters(house: House) -> None:
    house.has({"MET/ShMHET1.HeatOut": 4000.0, "MET/DhwMHET1.HeatOut": 9000.0})
    assert house.shown("DCTS1.ThmOut") == (4000.0, GOOD)
    assert house.shown("DCTS2.ThmOut") == (9000.0, GOOD)


def test_nothing_is_told_while_nothing_is_measured_anew(house: House) -> None:
    """Thirds have no exact single precision: what was rounded is not another value."""
    house.has({COMPRESSOR: True, POWER: 1000.0 / 3, TOP: 100.0 / 3, BOTTOM: 30.0, HOT_WATER: 50.0 / 3})
    told: list[Change] = []
    house.tree.watchers.append(told.extend)
    house.has({})
    assert told == []


def test_what_is_not_wired_keeps_no_time(house: House) -> None:
    house.has({})
    assert house.tree.read(Reference.parse("DER/DCTS1.ThmOut"))[1:] == (NOT_CONNECTED, NO_TIME)

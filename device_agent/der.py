"""LD DER alive: the heat pump as a load of the grid, and its heat storage (IEC 61850-7-420).

Ratings come from the configuration of the box, states from what is measured. A node of which the
configuration says nothing is off (Beh) and its values are invalid: a rating is never zero for want of one.
DWMX1 is the business of ``device_agent.limiting``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from device_agent.config import ConfigError
from device_agent.der_config import DerConfig, Tank
from iec61850_model.reference import Reference
from iec61850_model.server import Moment
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, NO_TIME, NOT_CONNECTED, Quality, Timestamp, Validity

WATER_WH_PER_L_K = 1.163
"""Heat that warms a litre of water by a kelvin, Wh."""
ESTIMATED = Quality.QUESTIONABLE | Quality.INACCURATE
"""Quality of what is worked out from less than it should be."""

_ON = 1
_SINGLE_PHASE, _THREE_PHASES = 1, 6
_AVAILABLE, _RUNNING, _BLOCKED, _FAILED, _NOT_KNOWN = 3, 6, 9, 11, 98
"""Of DERStateKind."""
_SG_READY_BLOCKED = 1


def _ref(text: str) -> Reference:
    return Reference.parse(text)


POWER, REACTIVE_POWER = _ref("MET/MMXU1.TotW"), _ref("MET/MMXU1.TotVAr")
COMPRESSOR, FAULT = _ref("HP/HpGGIO1.Ind1"), _ref("HP/HpGGIO1.Alm1")
EVU_SEEN, EVU_BLOCK = _ref("HP/EvuGGIO1.Ind1"), _ref("HP/EvuGGIO1.SPCSO1")
SG_READY = _ref("HP/SgrGGIO1.ISCSO1")
STATE, APPARENT_SHARE = _ref("DER/DLOD1.DEROpSt"), _ref("DER/DLOD1.VAPct")
LOAD, CONNECTION = _ref("DER/DLOD1"), _ref("DER/DECP1")


@dataclass(frozen=True, slots=True)
class _Storage:
    """A node DCTS: the sensors in its tank, and where the heat taken out of it is measured."""

    node: Reference
    sensors: tuple[Reference, ...]
    taken: Reference


BUFFER = _Storage(
    _ref("DER/DCTS1"), (_ref("MET/BufSTMP1.Tmp"), _ref("MET/BufSTMP2.Tmp")), _ref("MET/ShMHET1.HeatOut")
)
HOT_WATER = _Storage(_ref("DER/DCTS2"), (_ref("MET/DhwSTMP1.Tmp"),), _ref("MET/DhwMHET1.HeatOut"))


@dataclass(frozen=True, slots=True)
class _Known:
    """Value, quality and time of a data object, as the model has them."""

    value: Value | None
    quality: Quality
    time: Timestamp

    @property
    def usable(self) -> bool:
        return self.value is not None and self.quality.validity in (Validity.GOOD, Validity.QUESTIONABLE)

    @property
    def number(self) -> float:
        assert isinstance(self.value, int | float)
        return float(self.value)


_NOTHING = _Known(None, NOT_CONNECTED, NO_TIME)


class Der:
    """The data objects of LD DER. ``start`` it once, ``refresh`` it about once a second.

    Raises ConfigError if the model lacks what the configuration speaks of.
    """

    def __init__(self, tree: Tree, config: DerConfig | None) -> None:
        self._tree = tree
        self._config = config
        self._storages: list[tuple[_Storage, Tank]] = []
        if config is None:
            return
        for storage, tank in ((BUFFER, config.buffer), (HOT_WATER, config.hot_water)):
            if tank is not None:
                self._storages.append((storage, tank))
        try:
            for node in self._nodes():
                tree.read(node.child("Beh"))
            self._give_ratings(config)
        except NoSuchNode as error:
            raise ConfigError(f"der: {error}; leave der out, or take a model that has it") from None

    def start(self, moment: Moment) -> None:
        """The nodes that are configured are on from now."""
        for node in self._nodes():
            self._tree.update(node.child("Beh"), _ON, GOOD, moment.timestamp)
        for storage, tank in self._storages:
            capacity = tank.volume * WATER_WH_PER_L_K * (tank.full - tank.empty)
            self._tree.update(storage.node.child("ThmCapTot"), capacity, GOOD, moment.timestamp)

    def refresh(self, moment: Moment) -> None:
        """Follow what is measured now."""
        if self._config is None:
            return
        value, quality = self._state(self._config)
        self._set(STATE, _Known(value, quality, moment.timestamp), ignore_time=True)
        self._set(APPARENT_SHARE, self._apparent_share(self._config))
        for storage, tank in self._storages:
            self._set(storage.node.child("ThmCapPct"), self._filled(storage, tank))
            self._set(storage.node.child("ThmOut"), self._read(storage.taken))

    # --- what is configured -----------------------------------------------------------------------

    def _nodes(self) -> list[Reference]:
        if self._config is None:
            return []
        return [LOAD, CONNECTION, *(storage.node for storage, _ in self._storages)]

    def _give_ratings(self, config: DerConfig) -> None:
        """Settings have no quality and time; nobody is served yet, so nobody sees them change."""
        voltage = config.voltage
        phases: Value = _SINGLE_PHASE if config.phases == 1 else _THREE_PHASES
        given: dict[Reference, Value] = {
            LOAD.child("PhsConnTyp"): phases,
            LOAD.child("WMax"): config.max_power or config.rated_power,
            LOAD.child("WRmp"): config.ramp,
            LOAD.child("VMax"): voltage.highest,
            LOAD.child("WMaxRtg"): config.rated_power,
            LOAD.child("WOvPFRtg"): config.rated_power,
            LOAD.child("WUnPFRtg"): config.rated_power,
            LOAD.child("VMaxRtg"): voltage.highest,
            LOAD.child("VMinRtg"): voltage.lowest,
            LOAD.child("VAMaxRtg"): config.rated_apparent_power or config.rated_power,
            CONNECTION.child("ElcRefId"): config.connection,
            CONNECTION.child("PhsConnTyp"): phases,
            CONNECTION.child("VRef"): voltage.nominal,
        }
        for reference, value in given.items():
            leaf = self._tree.value_leaf(reference)
            leaf.value = leaf.type.checked(value)

    # --- what is measured -------------------------------------------------------------------------

    def _state(self, config: DerConfig) -> tuple[Value, Quality]:
        """DEROpSt. A fault comes before running, running before a block, a block before being available.

        Who has no contact of the compressor is judged by his power, which is an estimate; with neither
        nothing is known. A fault or block that is not wired is taken as absent.
        """
        fault, compressor, power = self._read(FAULT), self._read(COMPRESSOR), self._read(POWER)
        if fault.usable and fault.value:
            return _FAILED, fault.quality
        if compressor.usable:
            running, quality = bool(compressor.value), compressor.quality
        elif power.usable:
            running, quality = power.number > config.running_above, power.quality | ESTIMATED
        else:
            return _NOT_KNOWN, NOT_CONNECTED
        if running:
            return _RUNNING, quality
        return (_BLOCKED if self._blocked() else _AVAILABLE), quality

    def _blocked(self) -> bool:
        seen, block, sg_ready = self._read(EVU_SEEN), self._read(EVU_BLOCK), self._read(SG_READY)
        evu = seen if seen.usable else block
        by_evu = evu.usable and bool(evu.value)
        return by_evu or (sg_ready.usable and sg_ready.value == _SG_READY_BLOCKED)

    def _apparent_share(self, config: DerConfig) -> _Known:
        """VAPct, percent; without reactive power it is an estimate from active power alone."""
        power, reactive = self._read(POWER), self._read(REACTIVE_POWER)
        if not power.usable:
            return power
        rated = config.rated_apparent_power or config.rated_power
        if not reactive.usable:
            return _Known(100 * abs(power.number) / rated, power.quality | ESTIMATED, power.time)
        apparent = math.hypot(power.number, reactive.number)
        return _Known(
            100 * apparent / rated, power.quality | reactive.quality, max(power.time, reactive.time)
        )

    def _filled(self, storage: _Storage, tank: Tank) -> _Known:
        """ThmCapPct, 0 to 100 percent, by the mean temperature of the tank; a sensor less: an estimate."""
        sensors = [self._read(sensor) for sensor in storage.sensors]
        usable = [sensor for sensor in sensors if sensor.usable]
        if not usable:
            return sensors[0]
        mean = sum(sensor.number for sensor in usable) / len(usable)
        share = (mean - tank.empty) / (tank.full - tank.empty)
        return _Known(
            100 * min(1.0, max(0.0, share)),
            _worst(usable) | (GOOD if len(usable) == len(sensors) else ESTIMATED),
            max(sensor.time for sensor in usable),
        )

    def _read(self, reference: Reference) -> _Known:
        """A model without the data object is like one where it is not wired."""
        try:
            return _Known(*self._tree.read(reference))
        except NoSuchNode:
            return _NOTHING

    def _set(self, reference: Reference, new: _Known, ignore_time: bool = False) -> None:
        """Update what is another than before; a status keeps the time of its last change (7-3, 6.2.2)."""
        old = self._read(reference)
        value = None
        if new.value is not None and (new.usable or new.value == _NOT_KNOWN):
            value = self._tree.value_leaf(reference).type.checked(new.value)
        same = new.quality == old.quality and value in (None, old.value)
        if not same or not (ignore_time or new.time == old.time):
            self._tree.update(reference, value, new.quality, new.time)


def _worst(of: Iterable[_Known]) -> Quality:
    quality = GOOD
    for one in of:
        quality |= one.quality
    return quality

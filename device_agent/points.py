"""What is wired where: samples of drivers become value, quality and time of data objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_agent.config import ConfigError, Point
from device_agent.drivers.base import Health, Sample
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.tree import Branch, NoSuchNode, Tree, Update
from iec61850_model.types import BasicType, Value
from iec61850_model.values import GOOD, FunctionalConstraint, Quality, Timestamp, Validity

FC = FunctionalConstraint

QUALITIES: Mapping[Health, Quality] = {
    Health.GOOD: GOOD,
    Health.FAILED: Quality.INVALID | Quality.FAILURE,
    Health.OUT_OF_RANGE: Quality.INVALID | Quality.OUT_OF_RANGE,
    Health.STALE: Quality.QUESTIONABLE | Quality.OLD_DATA,
}
"""How a sample's health shows in the model (7-3, 6.2.1): invalid without a value, questionable if late."""

WHOLE = ("integer", "unsigned")
WIRABLE = (*WHOLE, "boolean", "floating-point")
"""Kinds of value that a reading can become."""


@dataclass(frozen=True, slots=True)
class BoundPoint:
    """A data object and the reading it follows. ``unit`` is what one count of a BCR means."""

    reference: Reference
    point: Point
    type: BasicType
    unit: float = 1.0

    def value(self, sample: Sample) -> Value | None:
        """The sample as the data object holds it; None if it has none.

        Raises ValueError (ValueRefused is one) or OverflowError if it does not fit the data object's type.
        """
        if sample.value is None:
            return None
        if self.type.tag == "boolean":
            if sample.value not in (0, 1):
                raise ValueError(f"{sample.value!r} is neither true nor false")
            return bool(sample.value)
        scaled = (sample.value * self.point.scale + self.point.offset) / self.unit
        return self.type.checked(round(scaled) if self.type.tag in WHOLE else scaled)


def bind(tree: Tree, points: Mapping[str, Point]) -> list[BoundPoint]:
    """Find the data object of every point; raises ConfigError that names the point."""
    return [_bind_one(tree, text, point) for text, point in points.items()]


def _bind_one(tree: Tree, text: str, point: Point) -> BoundPoint:
    reference = parse_reference(text, "points")
    try:
        found, branch = tree.value_branch(reference)
        leaf = tree.value_leaf(reference)
    except NoSuchNode as error:
        raise ConfigError(f"points: {error}; {_what_there_is(tree, reference)}") from None
    if found.fc not in (FC.ST, FC.MX) or branch.leaf("q") is None:
        raise ConfigError(f"points: {text} is a setting, nothing is measured there")
    if leaf.type.tag not in WIRABLE:
        raise ConfigError(f"points: {text} holds a {leaf.type.name}: only numbers and booleans are measured")
    if leaf.type.tag == "boolean" and (point.scale, point.offset) != (1, 0):
        raise ConfigError(f"points: {text} is true or false: leave scale and offset out")
    return BoundPoint(reference, point, leaf.type, _counter_unit(tree, reference))


def _what_there_is(tree: Tree, reference: Reference) -> str:
    """The valid names where a reference went wrong."""
    device = tree.devices.get(reference.ld)
    if device is None:
        return f"there is no {reference.ld}; it has: {', '.join(tree.devices)}"
    if reference.ln not in device.nodes:
        known = ", ".join(f"{device.name}/{ln}" for ln in device.nodes)
        return f"there is no {reference.ld}/{reference.ln}; it has: {known}"
    here = (Reference(device.name, reference.ln, path) for path in device.nodes[reference.ln].cdcs)
    return f"there are: {', '.join(str(one) for one in here if _holds_value(tree, one))}"


def _holds_value(tree: Tree, reference: Reference) -> bool:
    try:
        tree.read(reference)
    except NoSuchNode:
        return False
    return True


def parse_reference(text: str, where: str) -> Reference:
    """A data object's reference in the configuration; raises ConfigError."""
    try:
        reference = Reference.parse(text)
    except InvalidReference as error:
        raise ConfigError(f"{where}: {error}") from None
    if not reference.path or reference.fc is not None:
        raise ConfigError(f"{where}: {text}: name a data object, e.g. MET/MMXU1.TotW")
    return reference


def _counter_unit(tree: Tree, reference: Reference) -> float:
    """pulsQty of a BCR: actVal counts in steps of it (7-3, BCR)."""
    config = tree.find(reference.with_fc(FC.CF))
    leaf = config.leaf("pulsQty") if isinstance(config, Branch) else None
    return float(leaf.value) if leaf and isinstance(leaf.value, float) and leaf.value > 0 else 1.0


def taken(tree: Tree, bound: BoundPoint, sample: Sample, time_quality: int) -> tuple[Update | None, str]:
    """What a sample makes of its data object: one update of value, quality and time, None if there is none.

    A measurand's time is that of its measurement; a status, and what cannot be measured, keeps the time of
    its last change (7-3, 6.2.2). Also says why there is no usable value, and nothing if there is one.
    """
    quality, reason = QUALITIES[sample.health], sample.reason
    try:
        value = bound.value(sample)
    except (ValueError, OverflowError) as error:
        value, quality, reason = None, QUALITIES[Health.OUT_OF_RANGE], str(error)
    old_value, old_quality, _ = tree.read(bound.reference)
    unchanged = old_quality == quality and (value is None or old_value == value)
    update = None
    if not unchanged or (value is not None and bound.type.tag == "floating-point"):
        update = Update(bound.reference, value, quality, Timestamp.from_unix(sample.time, time_quality))
    return update, (reason or sample.health.value) if quality.validity is Validity.INVALID else ""

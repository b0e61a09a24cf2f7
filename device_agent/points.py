"""What is wired where: samples of drivers become value, quality and time of data objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from device_agent.config import ConfigError, Point
from device_agent.drivers.base import Health, Sample
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.tree import Branch, NoSuchNode, Tree
from iec61850_model.types import BasicType, Value, ValueRefused
from iec61850_model.values import GOOD, FunctionalConstraint, Quality, Timestamp

FC = FunctionalConstraint

QUALITIES: Mapping[Health, Quality] = {
    Health.GOOD: GOOD,
    Health.FAILED: Quality.INVALID | Quality.FAILURE,
    Health.OUT_OF_RANGE: Quality.INVALID | Quality.OUT_OF_RANGE,
    Health.STALE: Quality.QUESTIONABLE | Quality.OLD_DATA,
}
"""How a sample's health shows in the model (7-3, 6.2.1): invalid without a value, questionable if late."""


@dataclass(frozen=True, slots=True)
class BoundPoint:
    """A data object and the reading it follows. ``unit`` is what one count of a BCR means."""

    reference: Reference
    point: Point
    type: BasicType
    unit: float = 1.0

    def value(self, sample: Sample) -> Value | None:
        """The sample as the data object holds it; None if it has none.

        Raises ValueRefused if the number does not fit the data object's type.
        """
        if sample.value is None:
            return None
        if self.type.tag == "boolean":
            return bool(sample.value)
        scaled = (sample.value * self.point.scale + self.point.offset) / self.unit
        return round(scaled) if self.type.tag in ("integer", "unsigned") else scaled


def bind(tree: Tree, points: Mapping[str, Point]) -> list[BoundPoint]:
    """Find the data object of every point; raises ConfigError that names the point."""
    return [_bind_one(tree, text, point) for text, point in points.items()]


def _bind_one(tree: Tree, text: str, point: Point) -> BoundPoint:
    reference = parse_reference(text, "points")
    try:
        found, branch = tree.value_branch(reference)
        leaf = tree.value_leaf(reference)
    except NoSuchNode as error:
        raise ConfigError(f"points: {error}") from None
    if found.fc not in (FC.ST, FC.MX) or branch.leaf("q") is None:
        raise ConfigError(f"points: {text} is a setting, nothing is measured there")
    return BoundPoint(reference, point, leaf.type, _counter_unit(tree, reference))


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


def take(tree: Tree, bound: BoundPoint, sample: Sample, time_quality: int) -> None:
    """Put a sample into the model as one update of value, quality and time.

    A measurand's time is that of the measurement; a status keeps the time of its last change (7-3, 6.2.2).
    """
    quality = QUALITIES[sample.health]
    time = Timestamp.from_unix(sample.time, time_quality)
    try:
        value = bound.value(sample)
        if value is not None:
            value = bound.type.checked(value)
    except (ValueRefused, ValueError, OverflowError):
        value, quality = None, QUALITIES[Health.OUT_OF_RANGE]
    old_value, old_quality, _ = tree.read(bound.reference)
    unchanged = old_quality == quality and (value is None or old_value == value)
    if unchanged and bound.type.tag != "floating-point":
        return
    tree.update(bound.reference, value, quality, time)


def failing(tree: Tree, points: Iterable[BoundPoint]) -> list[str]:
    """The wired data objects that have no usable value now."""
    return [
        str(bound.reference)
        for bound in points
        if int(tree.read(bound.reference)[1]) & int(Quality.QUESTIONABLE) == int(Quality.INVALID)
    ]

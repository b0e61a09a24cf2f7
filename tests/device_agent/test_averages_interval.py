"""The model alone says over which interval is averaged (ClcIntvPer)."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agent.averages import Averages
from device_agent.config import ConfigError
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.server import Moment
from iec61850_model.tree import Tree
from iec61850_model.values import GOOD

MODEL = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
POWER, AVERAGE = Reference.parse("MET/MMXU1.TotW"), Reference.parse("AVG/MMXU1.TotW")
START = 1_800_000_000.0


def tree_with_interval(milliseconds: int) -> Tree:
    text = MODEL.read_text(encoding="utf-8")
    assert text.count("<Val>300000</Val>") == 1
    return read_model(text.replace("<Val>300000</Val>", f"<Val>{milliseconds}</Val>").encode()).tree


def test_an_interval_of_a_second() -> None:
    tree = tree_with_interval(1000)
    averages = Averages(tree, 0.2)
    averages.start(0.0)
    told = []
    for second in range(3):
        averages.take(POWER, float(second), GOOD, float(second))
        averages.refresh(Moment(START + second + 1), second + 1.0)
        value, _, time = tree.read(AVERAGE)
        told.append((value, time.unix))
    assert told == [(0.0, START + 1), (1.0, START + 2), (2.0, START + 3)]


def test_a_shorter_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="ClcIntvPer is 999, not 1000 or more"):
        Averages(tree_with_interval(999), 0.2)

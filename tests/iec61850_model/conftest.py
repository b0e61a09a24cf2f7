"""For the tests of the information model: the shipped ICD, and hypothesis the same in every CI run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from iec61850_model.scl import read_scl
from iec61850_model.tree import Tree

ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"

settings.register_profile(
    "iec61850_model",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("iec61850_model")


@pytest.fixture
def tree() -> Tree:
    """The instances of the shipped model, fresh for each test."""
    return read_scl(ICD.read_bytes())

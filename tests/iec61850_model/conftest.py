"""For the tests of the information model: the shipped ICD, and hypothesis the same in every CI run."""

from __future__ import annotations

import os

import pytest
from box_model import box_tree
from hypothesis import HealthCheck, settings

from iec61850_model.tree import Tree

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
    return box_tree()

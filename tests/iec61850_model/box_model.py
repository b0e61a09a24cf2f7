"""The shipped information model, for tests that need a real one."""

from __future__ import annotations

from pathlib import Path

from iec61850_model.blocks import Blocks
from iec61850_model.scl import read_model, read_scl
from iec61850_model.tree import Tree

ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"


def box_tree() -> Tree:
    """Fresh instances of the shipped model."""
    return read_scl(ICD.read_bytes())


def box_blocks() -> Blocks:
    """The data sets and control blocks of the shipped model."""
    return read_model(ICD.read_bytes()).blocks

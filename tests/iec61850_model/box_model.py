"""The shipped information model, for tests that need a real one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from iec61850_model.blocks import Blocks
from iec61850_model.scl import Model, read_model
from iec61850_model.tree import ArrayNode, Branch, Leaf, LogicalDevice, LogicalNode, Node, Tree

ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"


@cache
def _shipped() -> Model:
    return read_model(ICD.read_bytes())


def box_tree() -> Tree:
    """Fresh instances of the shipped model: copied, for reading the file takes a tenth of a second."""
    return Tree(
        LogicalDevice(device.name, {ln: _node(node) for ln, node in device.nodes.items()})
        for device in _shipped().tree.devices.values()
    )


def box_blocks() -> Blocks:
    """The data sets and control blocks of the shipped model."""
    return _shipped().blocks


def _node(node: LogicalNode) -> LogicalNode:
    by_fc = {fc: Branch(_children(branch)) for fc, branch in node.by_fc.items()}
    return LogicalNode(node.ln_class, by_fc, dict(node.cdcs), set(node.transient))


def _children(branch: Branch) -> dict[str, Node]:
    return {name: _copy(child) for name, child in branch.children.items()}


def _copy(node: Node) -> Node:
    match node:
        case Leaf(type_, value, writable, triggers):
            return Leaf(type_, value, writable, triggers)
        case ArrayNode(elements):
            return ArrayNode([_copy(one) for one in elements])
    return Branch(_children(node))

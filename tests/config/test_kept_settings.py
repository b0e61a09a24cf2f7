"""What the hub keeps of a box is what its model lets clients set, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hub.kept_settings import HOLDER, MAX_VALUE, SET_POINTS, SETTINGS, plain, shown
from iec61850_model.mms.one_value import as_text
from iec61850_model.mms.pdu import Data, ObjectName
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.tree import ArrayNode, Branch, Leaf
from iec61850_model.values import FunctionalConstraint as FC

MODEL = read_model((Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes())
SCHEDULES = "SCH"
BLOCKS = (FC.RP, FC.BR, FC.LG)


def writable(node: Branch | Leaf | ArrayNode) -> bool:
    if isinstance(node, Leaf):
        return node.writable
    inside = node.children.values() if isinstance(node, Branch) else node.elements
    return any(map(writable, inside))


def nodes() -> Iterator[tuple[str, str, FC, Branch]]:
    for device in MODEL.tree.devices.values():
        for name, node in device.nodes.items():
            for fc, branch in node.by_fc.items():
                if device.name != SCHEDULES and fc not in BLOCKS:
                    yield device.name, name, fc, branch


def test_every_setting_outside_schedules_is_kept() -> None:
    found = {
        Reference(ld, ln, (name,), fc)
        for ld, ln, fc, branch in nodes()
        for name, child in branch.children.items()
        if writable(child)
    }
    assert found == set(SETTINGS)


def test_every_analogue_set_point_is_kept_and_says_who_holds_it() -> None:
    found = {
        Reference(ld, ln, (name,))
        for ld, ln, fc, branch in nodes()
        if fc is FC.CO
        for name in branch.children
        if MODEL.tree.cdc(Reference(ld, ln, (name,))) == "APC"
    }
    assert found == set(SET_POINTS)
    for one in SET_POINTS:
        assert MODEL.tree.find(Reference(one.ld, one.ln, (HOLDER, "stVal"), FC.ST)) is not None
        assert MODEL.tree.find(one.with_fc(FC.MX).child("mxVal")) is not None


def test_values_fit_and_are_shown_as_numbers() -> None:
    (curve,) = SETTINGS
    node = MODEL.tree.find(curve)
    assert node is not None
    text = as_text(ObjectName(curve.item_id, curve.ld), node.data())
    assert len(text) < MAX_VALUE / 2
    found = plain(text)
    assert isinstance(found, list)
    assert (found[0], found[1][:2]) == (5, [[-20.0, 45.0], [-10.0, 40.0]])
    point = as_text(
        ObjectName("RmFSPT1$MX$SptVal$mxVal", "HP"), Data("structure", (Data("floating-point", 21.6),))
    )
    assert (shown(point), shown(None), plain(None)) == ("21.6", "", None)
    assert shown("<damaged") == "?"

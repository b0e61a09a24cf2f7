"""The instances: a value is never seen with another's quality or time."""

from __future__ import annotations

from typing import Any

import pytest
from box_model import box_tree
from hypothesis import given
from hypothesis import strategies as st
from mms_strategies import timestamps

from iec61850_model.mms.pdu import Array, Data, DataAccessError, Primitive, Structure
from iec61850_model.reference import Reference
from iec61850_model.tree import VALUE_PATHS, Branch, Leaf, NoSuchNode, Tree
from iec61850_model.types import BASIC_TYPES, ValueRefused
from iec61850_model.values import GOOD, NO_TIME, NOT_CONNECTED, FunctionalConstraint, Quality, Timestamp

TOTW = Reference.parse("MET/MMXU1.TotW")
BLOCK = Reference.parse("HP/EvuGGIO1.SPCSO1")
NOON = Timestamp.from_unix(1_795_000_000.0)
ST, MX, CF = FunctionalConstraint.ST, FunctionalConstraint.MX, FunctionalConstraint.CF


def everything(tree: Tree) -> list[Data]:
    return [
        branch.data()
        for device in tree.devices.values()
        for node in device.nodes.values()
        for branch in node.by_fc.values()
    ]


def test_value_quality_and_time_change_together(tree: Tree) -> None:
    assert tree.read(TOTW) == (0.0, NOT_CONNECTED, NO_TIME)
    tree.update(TOTW, 1234.5, GOOD, NOON)
    assert tree.read(TOTW) == (1234.5, GOOD, NOON)
    branch = tree.find(TOTW.with_fc(MX))
    assert isinstance(branch, Branch)
    magnitude = Data("structure", (Data("floating-point", 1234.5),))
    assert branch.data() == Data(
        "structure", (magnitude, Data("bit-string", "0" * 13), Data("utc-time", NOON))
    )


def test_a_source_without_a_value_keeps_the_last_one_and_says_so(tree: Tree) -> None:
    tree.update(TOTW, 1234.5, GOOD, NOON)
    tree.update(TOTW, None, Quality.QUESTIONABLE | Quality.OLD_DATA, NOON)
    assert tree.read(TOTW) == (1234.5, Quality.QUESTIONABLE | Quality.OLD_DATA, NOON)


def test_mirrored_attributes_go_along_where_they_exist(tree: Tree) -> None:
    tree.update(
        BLOCK, True, GOOD, NOON, mirrored={("origin", "orIdent"): b"hub", ("ctlNum",): 7, ("nope",): 1}
    )
    branch = tree.find(BLOCK.with_fc(ST))
    assert isinstance(branch, Branch)
    values = {
        path: leaf.value for path in (("ctlNum",), ("origin", "orIdent")) if (leaf := branch.leaf(*path))
    }
    assert values == {("ctlNum",): 7, ("origin", "orIdent"): b"hub"}


@pytest.mark.parametrize(
    ("reference", "value", "mirrored"),
    [
        (TOTW, float("nan"), {}),
        (TOTW, 1e39, {}),
        (TOTW, "5", {}),
        (TOTW, True, {}),
        (BLOCK, 1, {}),
        (BLOCK, True, {("ctlNum",): 256}),
        (BLOCK, True, {("ctlNum",): 7, ("origin", "orCat"): 99}),
    ],
)
def test_an_update_that_is_refused_changes_nothing(
    tree: Tree, reference: Reference, value: Any, mirrored: dict[tuple[str, ...], Any]
) -> None:
    tree.update(reference, None, Quality.INVALID, NOON)
    before = everything(tree)
    with pytest.raises(ValueRefused):
        tree.update(reference, value, GOOD, Timestamp(1, 2, 3), mirrored=mirrored)
    assert everything(tree) == before


@pytest.mark.parametrize(
    "text",
    ["MET", "MET/MMXU1", "MET/NONE1.TotW", "MET/MMXU1.Nope", "MET/MMXU1.TotW.mag", "NONE/MMXU1.TotW"],
)
def test_what_holds_no_value_cannot_be_updated_or_read(tree: Tree, text: str) -> None:
    before = everything(tree)
    with pytest.raises(NoSuchNode):
        tree.update(Reference.parse(text), 1.0, GOOD, NOON)
    with pytest.raises(NoSuchNode):
        tree.read(Reference.parse(text))
    assert everything(tree) == before


@pytest.mark.parametrize("text", ["MET/MMXU1.PhV", "MET/LLN0.NamPlt", "HP/HcFCSD1.Crv"])
def test_an_object_without_one_value_has_none(tree: Tree, text: str) -> None:
    with pytest.raises(NoSuchNode, match="not a data object with a value"):
        tree.read(Reference.parse(text))


def test_a_setting_has_no_quality_and_is_not_updated(tree: Tree) -> None:
    setting = Reference.parse("MET/ShMFLW1.MatTyp")
    assert tree.value_leaf(setting).value == 2
    with pytest.raises(NoSuchNode, match="quality"):
        tree.read(setting)
    with pytest.raises(NoSuchNode, match="it is a setting"):
        tree.update(setting, 1, GOOD, NOON)
    assert tree.value_leaf(setting).value == 2


SHARED = box_tree()
SETTINGS = ("ORG", "ENG", "ING", "SPG", "VSG", "ASG")
MEASURED = [
    reference for reference, cdc in SHARED.data_objects() if cdc in VALUE_PATHS and cdc not in SETTINGS
]
OFFERED = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3)
)


@given(
    st.sampled_from(MEASURED),
    OFFERED,
    st.integers(0, 0x1FFF).map(Quality),
    timestamps,
    st.dictionaries(st.sampled_from([("ctlNum",), ("origin", "orCat"), ("origin", "orIdent")]), OFFERED),
)
def test_any_update_is_whole_or_nothing(
    reference: Reference, value: Any, quality: Quality, time: Timestamp, mirrored: Any
) -> None:
    before, others = SHARED.read(reference), everything(SHARED)
    try:
        SHARED.update(reference, value, quality, time, mirrored=mirrored)
    except ValueRefused:
        assert everything(SHARED) == others
        return
    kept = before[0] if value is None else SHARED.value_leaf(reference).type.checked(value)
    assert SHARED.read(reference) == (kept, quality, time)


def test_every_measured_object_of_the_model_can_be_read(tree: Tree) -> None:
    assert len(MEASURED) > 50
    for reference in MEASURED:
        _, quality, _ = tree.read(reference)
        assert quality in (GOOD, NOT_CONNECTED)


# --- writes are planned before they are done ------------------------------------------------------


def setting_branch(writable: bool = True) -> Branch:
    number = BASIC_TYPES["INT8U"]
    return Branch({"a": Leaf(number, 1, writable=True), "b": Leaf(number, 2, writable=writable)})


def parts(*numbers: int) -> Data:
    return Data("structure", tuple(Data("unsigned", number) for number in numbers))


def test_a_plan_names_every_assignment_and_makes_none() -> None:
    branch = setting_branch()
    assignments: list[tuple[Leaf, Any]] = []
    branch.plan(parts(3, 4), assignments)
    assert [value for _, value in assignments] == [3, 4]
    assert branch.data() == parts(1, 2)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (parts(3), DataAccessError.TYPE_INCONSISTENT),
        (parts(3, 4, 5), DataAccessError.TYPE_INCONSISTENT),
        (Data("array", parts(3, 4).value), DataAccessError.TYPE_INCONSISTENT),
        (Data("unsigned", 3), DataAccessError.TYPE_INCONSISTENT),
        (parts(3, 256), DataAccessError.OBJECT_VALUE_INVALID),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(data: Data, error: DataAccessError) -> None:
    with pytest.raises(ValueRefused) as refused:
        setting_branch().plan(data, [])
    assert refused.value.error is error


def test_one_read_only_part_refuses_the_whole() -> None:
    with pytest.raises(ValueRefused) as refused:
        setting_branch(writable=False).plan(parts(3, 4), [])
    assert refused.value.error is DataAccessError.OBJECT_ACCESS_DENIED


# --- names and types ------------------------------------------------------------------------------


def test_variable_names_are_all_there_once_and_in_ascii_order(tree: Tree) -> None:
    names = tree.devices["MET"].variable_names()
    assert names == sorted(set(names))
    wanted = ["MMXU1", "MMXU1$CF", "MMXU1$MX", "MMXU1$MX$TotW", "MMXU1$MX$TotW$mag", "MMXU1$MX$TotW$mag$f"]
    assert [name for name in names if name in wanted] == wanted
    assert "MMXU1$MX$PhV$phsA$cVal$mag$f" in names
    assert not [name for name in tree.devices["HP"].variable_names() if "crvPts$" in name]


def test_a_node_is_described_by_fc_in_the_order_of_the_standard(tree: Tree) -> None:
    node = tree.logical_node("HP", "RmFSPT1")
    assert node is not None
    assert [name for name, _ in node.describe().components] == ["ST", "MX", "CF", "DC", "EX", "CO"]  # type: ignore[union-attr]  # a node is a structure


def test_an_array_is_described_by_its_size_and_element(tree: Tree) -> None:
    points = tree.find(Reference.parse("HP/HcFCSD1.Crv.crvPts[SP]"))
    assert points is not None
    float32 = Primitive("floating-point", 32)
    assert points.describe() == Array(10, Structure((("xVal", float32), ("yVal", float32))))


def test_without_an_fc_nothing_is_found(tree: Tree) -> None:
    assert tree.find(TOTW) is None
    assert tree.find(TOTW.with_fc(CF)) is not None
    assert tree.find(Reference("MET", "MMXU1", ("TotW", "mag", "f", "deeper"), MX)) is None

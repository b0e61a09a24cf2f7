"""Object references in both notations (7-2; 8-2, 8.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.tree import Tree
from iec61850_model.values import FunctionalConstraint

MX, ST = FunctionalConstraint.MX, FunctionalConstraint.ST


@pytest.mark.parametrize(
    ("text", "reference", "item"),
    [
        ("MET", Reference("MET"), ""),
        ("MET/MMXU1", Reference("MET", "MMXU1"), "MMXU1"),
        ("MET/MMXU1[MX]", Reference("MET", "MMXU1", (), MX), "MMXU1$MX"),
        ("MET/MMXU1.TotW[MX]", Reference("MET", "MMXU1", ("TotW",), MX), "MMXU1$MX$TotW"),
        (
            "HP/EvuGGIO1.SPCSO1.stVal[ST]",
            Reference("HP", "EvuGGIO1", ("SPCSO1", "stVal"), ST),
            "EvuGGIO1$ST$SPCSO1$stVal",
        ),
    ],
)
def test_a_reference_in_both_notations(text: str, reference: Reference, item: str) -> None:
    assert Reference.parse(text) == reference
    assert str(reference) == text
    assert reference.item_id == item
    assert Reference.from_mms(reference.ld, item) == reference


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "/",
            "MET/",
            "MET//MMXU1",
            "MET/MMXU1.",
            "MET/MMXU1..f",
            "MET/MMXU1.TotW[",
            "MET/MMXU1.TotW[mx]",
        ),
        *("MET/MMXU1.TotW[MX] ", " MET", "1MET", "MET/1", "MET/MMXU1$MX$TotW", "MET/MMXU1.TotW(1)", "MÉT"),
        *("MET/MMXU1.TotW[MX]\n", "a" * 65, "a" * 5000, "MET/MMXU1." + "a" * 64),
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)


def test_a_refusal_shows_the_form_or_the_choice() -> None:
    with pytest.raises(InvalidReference, match=r"write LD/LN\.DO\.DA\[FC\], e\.g\. MET/MMXU1\.TotW\[MX\]"):
        Reference.parse("MMXU1.TotW")
    with pytest.raises(InvalidReference, match="use one of ST, MX, SP"):
        Reference.parse("MET/MMXU1.TotW[XX]")


@pytest.mark.parametrize(
    ("domain", "item"),
    [
        ("", "MMXU1"),
        ("MET", "MMXU1$"),
        ("MET", "$MX"),
        ("MET", "MMXU1$$TotW"),
        ("MET", "MMXU1$XX$TotW"),
        ("MET", "MMXU1$TotW"),
        ("MET", "MMXU1$MX$Tot W"),
        ("MET", "MMXU1.TotW"),
        ("ME T", "MMXU1"),
        ("MET", "M" * 65),
        ("M" * 65, "MMXU1"),
    ],
)
def test_what_is_no_mms_name_is_refused(domain: str, item: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.from_mms(domain, item)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_a_reference_or_invalid(one: str, other: str) -> None:
    try:
        reference = Reference.parse(one)
    except InvalidReference:
        pass
    else:
        assert Reference.parse(str(reference)) == reference
    try:
        reference = Reference.from_mms(one, other)
    except InvalidReference:
        return
    assert (reference.ld, reference.item_id) == (one, other)


def test_every_name_of_the_model_has_both_notations(tree: Tree) -> None:
    for device in tree.devices.values():
        for name in device.variable_names():
            reference = Reference.from_mms(device.name, name)
            assert reference.item_id == name
            assert Reference.parse(str(reference)) == reference


def test_children_start_with_the_logical_node() -> None:
    assert str(Reference("MET").child("MMXU1", "TotW")) == "MET/MMXU1.TotW"
    assert str(Reference("MET", "MMXU1", ("TotW",), MX).child("mag", "f")) == "MET/MMXU1.TotW.mag.f[MX]"
    assert Reference("MET", "MMXU1").with_fc(ST).fc is ST

"""Presence conditions (IEC 61850-7-7), each over what is there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from iec61850_model.check.presence import Need, violations
from iec61850_model.check.tables import Presence, tables


@dataclass(frozen=True)
class Fact:
    name: str
    presence: Presence


def broken(conditions: str, present: str, **words: Need) -> list[tuple[str, str]]:
    """What is missing and what is surplus, of ``a:M b:O`` and the names that are there."""
    facts = [
        Fact(name, Presence.parse(condition))
        for name, condition in (one.split(":") for one in conditions.split())
    ]
    found = violations(facts, present.split(), words)
    return [(" ".join(one.missing), " ".join(one.surplus)) for one in found]


@pytest.mark.parametrize(
    ("conditions", "present", "expected"),
    [
        ("a:M", "a", []),
        ("a:M", "", [("a", "")]),
        ("a:Mmulti", "", [("a", "")]),
        ("a:O b:Omulti", "", []),
        ("a:F", "a", [("", "a")]),
        ("a:F", "", []),
        ("a:O b:MF(a)", "a", [("b", "")]),
        ("a:O b:MF(a)", "b", [("", "b")]),
        ("a:O b:MF(a)", "a b", []),
        ("a:O b:MmultiF(a)", "a", [("b", "")]),
        ("a:O b:OF(a)", "a", []),
        ("a:O b:OF(a)", "b", [("", "b")]),
        ("a:O b:MO(a)", "a", [("b", "")]),
        ("a:O b:MO(a)", "b", []),
        ("a:AtLeastOne(1) b:AtLeastOne(1)", "", [("a b", "")]),
        ("a:AtLeastOne(1) b:AtLeastOne(1)", "b", []),
        ("a:AtLeastOne(1) b:AtLeastOne(2)", "a", [("b", "")]),
        ("a:AtLeastOne b:AtLeastOne", "b", []),
        ("a:AtMostOne b:AtMostOne", "a b", [("", "a b")]),
        ("a:AtMostOne b:AtMostOne", "", []),
        ("a:AllOrNonePerGroup(1) b:AllOrNonePerGroup(1)", "a", [("b", "")]),
        ("a:AllOrNonePerGroup(1) b:AllOrNonePerGroup(1)", "", []),
        ("a:AllOrNonePerGroup(1) b:AllOrNonePerGroup(2)", "a", []),
        ("a:MAllOrNonePerGroup(1) b:MAllOrNonePerGroup(1)", "b", [("a", "")]),
        ("a:MFsubst b:MFsubst", "a", [("b", "")]),
        ("a:AllOnlyOneGroup(1) b:AllOnlyOneGroup(1) c:AllOnlyOneGroup(2)", "a b", []),
        ("a:AllOnlyOneGroup(1) b:AllOnlyOneGroup(1) c:AllOnlyOneGroup(2)", "a", [("b", "")]),
        ("a:AllOnlyOneGroup(1) b:AllOnlyOneGroup(1) c:AllOnlyOneGroup(2)", "b c", [("", "b c")]),
        ("a:AllOnlyOneGroup(1) b:AllOnlyOneGroup(2)", "", [("a", "")]),
        ("a:AllOnlyOneGroup b:AllOnlyOneGroup", "a b", [("", "a b")]),
        ("a:AllOnlyOneGroup b:AllOnlyOneGroup", "b", []),
        ("a:AllAtLeastOneGroup(1) b:AllAtLeastOneGroup(1) c:AllAtLeastOneGroup(2)", "a c", []),
        ("a:AllAtLeastOneGroup(1) b:AllAtLeastOneGroup(1) c:AllAtLeastOneGroup(2)", "a", [("b", "")]),
        ("a:MOcond(1)", "", []),
        ("a:MFcond(2)", "a", []),
    ],
)
def test_a_condition_over_what_is_there(
    conditions: str, present: str, expected: list[tuple[str, str]]
) -> None:
    assert broken(conditions, present) == expected


def test_the_surroundings_decide_what_only_they_can() -> None:
    assert broken("a:MFln0", "") == []
    assert broken("a:MFln0", "", MFln0=Need.MUST) == [("a", "")]
    assert broken("a:MFln0", "a", MFln0=Need.MUST_NOT) == [("", "a")]
    assert broken("a:MFln0", "a", MFln0=Need.MAY) == []


# --- the tables -----------------------------------------------------------------------------------


def test_a_class_has_what_it_inherits() -> None:
    stmp = tables().nodes["STMP"].objects
    assert stmp["Tmp"].cdc == "MV"
    assert (stmp["Beh"].parameter, stmp["Beh"].presence.word) == ("BehaviourModeKind", "M")
    assert stmp["OpCntRs"].cdc == "INC"
    assert tables().nodes["DLOD"].objects["WMaxRtg"].presence.word == "M"


def test_what_the_tables_name_is_in_the_tables() -> None:
    facts = tables()
    structures = {one.type for parts in facts.structures.values() for one in parts.values()}
    attributes = {one.type.removesuffix("[]") for cdc in facts.cdcs.values() for one in cdc.values()}
    basic = {one for one in structures | attributes if one[:3] in ("INT", "BOO", "FLO", "Vis", "Uni", "Oct")}
    other = {"Timestamp", "Quality", "Dbpos", "Tcmd", "Check", "ObjRef", "EntryID", "EntryTime", "Currency"}
    other |= {"OptFlds", "TrgOps", "underlying", "ctlVal", "CMV"}
    known = set(facts.structures) | {one for one in structures | attributes if one.endswith("Kind")}
    assert structures | attributes <= basic | other | known
    controlled = {name for name, cdc in facts.cdcs.items() if "ctlModel" in cdc}
    assert set(facts.control_values) == controlled


def test_every_sibling_that_a_condition_names_is_there() -> None:
    facts = tables()
    lists = [node.objects for node in facts.nodes.values()]
    for members in [*lists, *facts.cdcs.values()]:
        for one in members.values():
            argument = one.presence.argument
            assert not argument or argument.isdecimal() or argument in members, one

"""The check of a whole file: the shipped model, what cannot be read, what wants to exhaust the checker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from test_check_example import EXAMPLE, Mistake, told

from iec61850_model.check import NotReadable, Severity, check_model
from iec61850_model.scl import MAX_ARRAY_COUNT, MAX_SCL_OCTETS

SHIPPED = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_text("utf-8")
MAY_BE_LEFT_OUT = 40
"""Single changes of the example that leave nothing to tell: descriptions, defaults, service limits."""
MANY = 3000
"""Levels of nesting, beyond those that Python calls."""


def test_the_shipped_model_has_no_errors() -> None:
    report = check_model(SHIPPED.encode())
    assert [one for one in report.findings if one.severity is Severity.ERROR] == []
    assert report.nodes > 40


@pytest.mark.parametrize("ln_class", ["STMP", "GGIO", "LTMS", "MMXU"])
def test_the_shipped_model_without_a_mandatory_data_object(ln_class: str) -> None:
    at = re.search(rf'<LNodeType id="\w+" lnClass="{ln_class}">\s*<DO name="Beh"[^>]*/>', SHIPPED)
    assert at is not None
    text = SHIPPED.replace(at[0], at[0][: at[0].index("<DO")])  # the line stays, empty
    line = SHIPPED[: at.start()].count("\n") + 1
    found = set(told(text)) - set(told(SHIPPED))
    id_ = at[0].split('"')[1]
    assert found == {f"{line}: error objects: LNodeType {id_}: Beh is missing: it is mandatory"}


def test_the_shipped_model_with_a_member_that_is_not_there() -> None:
    at = re.search(r'<FCDA [^>]*doName="(\w+)"[^>]*/>', SHIPPED)
    assert at is not None
    text = SHIPPED.replace(at[0], at[0].replace(f'doName="{at[1]}"', 'doName="Nothing"'), 1)
    line = SHIPPED[: at.start()].count("\n") + 1
    (found,) = set(told(text)) - set(told(SHIPPED))
    assert found.startswith(f"{line}: error data-sets: ")
    assert ": there is no Nothing in " in found


# --- what is in order -----------------------------------------------------------------------------

UNITS = '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>'
OWN = '<DA name="own" fc="CF" bType="INT8" count="2"/><DA name="dataNs" fc="EX" bType="VisString255"/>'
METHOD = (
    '<DOType id="ENG_Method" cdc="ENG">'
    '<DA name="setVal" fc="SP" bType="Enum" type="BehaviourModeKind"/></DOType>'
)


@pytest.mark.parametrize(
    "edits",
    [
        [("<TrgOps/>", '<TrgOps gi="false" period="true"/>'), ('rptID="live"', 'intgPd="1000"')],
        [
            (UNITS, UNITS + OWN),
            ('<DOI name="Tmp">', '<DOI name="Tmp"><DAI name="own" ix="1"><Val>7</Val></DAI>'),
        ],
        [('<EnumVal ord="5">off</EnumVal>\n', "")],
        [('fc="SP" bType="INT32"', 'fc="SE" bType="INT32"')],
        [("<Val>°C</Val>", "<Val>23</Val>")],
        [('<ConfLogControl max="1"/>\n', ""), ("<ConfDataSet", '<ConfLogControl max="1"/>\n<ConfDataSet')],
        [("<Header", '<Private type="x"><LN/><DataSet own="1"/></Private><Header')],
        [('<DataSet name="dsMeas">', '<DataSet name="dsMeas" xmlns:own="urn:own" own:colour="red">')],
    ],
    ids=[
        "integrity alone",
        "own attributes",
        "fewer values",
        "setting group",
        "number",
        "any order",
        "private",
        "foreign",
    ],
)
def test_what_may_be_is_not_told(edits: list[tuple[str, str]]) -> None:
    assert told(Mistake(edits, at="", told="").text) == []


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ('<DO name="GrAlm" type="SPS"/>\n', "", "add GrAlm (SPS) or GrWrn (SPS) or GrInd (SPS)"),
        ('<DO name="ValSPG1" type="SPG"/>\n<DO name="ValSPG2" type="SPG"/>\n', "", "add ValSPG1 (SPG)"),
        ('<DO name="Alm1"', '<DO name="LocKey" type="SPS"/><DO name="Alm1"', "remove LocKey"),
        ('<DA name="actVal" fc="ST" bType="INT64" dchg="true"/>\n', "", "add actVal (fc ST, INT64)"),
        ('<DA name="lnNs"', '<DA name="ldNs" fc="EX" bType="VisString255"/><DA name="lnNs"', "remove ldNs"),
        ('<BDA name="orIdent" bType="Octet64"/>\n', "", "add orIdent"),
        ('<DA name="setTm" fc="SP"', '<DA name="setTm" fc="ST"', 'write fc="SP"'),
    ],
)
def test_a_finding_says_what_to_do(old: str, new: str, remedy: str) -> None:
    (found,) = check_model(Mistake([(old, new)], at="", told="").text.encode()).findings
    assert found.remedy == remedy


def test_a_statistical_node_is_measured_by_its_own_rules() -> None:
    text = EXAMPLE.replace(
        '<DO name="GrAlm" type="SPS"/>', '<DO name="ClcSrc" type="ORG"/><DO name="ClcMth" type="ENG_Method"/>'
    ).replace('<DOType id="SPS"', f'{METHOD}<DOType id="SPS"')
    (found,) = told(text)
    assert " note objects: LNodeType CALH: none of GrAlm, GrWrn, GrInd is there" in found
    assert found.endswith("in an ordinary node; this one is statistical")


# --- as a box reads it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ('bType="FLOAT64"', "bType FLOAT64 is not supported"),
        (f'bType="INT8" count="{MAX_ARRAY_COUNT + 1}"', f"count {MAX_ARRAY_COUNT + 1} is not a number up to"),
    ],
)
def test_what_no_rule_finds_the_reader_of_a_box_does(attribute: str, said: str) -> None:
    sdo, own = '<SDO name="phsA" type="CMV"/>', '<DA name="dataNs" fc="EX" bType="VisString255"/>'
    edit = (sdo, f'{sdo}\n<DA name="x" fc="EX" {attribute}/>{own}')
    mistake = Mistake([edit], at='<DA name="x"', told=f"error served: IED BOX: {said}")
    (found,) = told(mistake.text)
    assert found.startswith(mistake.expected)


def test_a_file_without_a_device() -> None:
    text = EXAMPLE[: EXAMPLE.index("<IED")] + EXAMPLE[EXAMPLE.index("<DataTypeTemplates") :]
    errors = [one for one in told(text) if " error " in one]
    assert errors == ["1: error served: SCL: there is no logical node in the file"]


# --- what cannot be read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (b"", "not well-formed XML"),
        (b"PK\x03\x04", "not well-formed XML"),
        (EXAMPLE.replace("</IED>", "", 1).encode(), "not well-formed XML: .*line"),
        (EXAMPLE.replace("2003/SCL", "2006/SCL", 1).encode(), "the root element is .*2006/SCL.*SCL of http"),
        (EXAMPLE.replace("?>", '?><!DOCTYPE SCL [<!ENTITY e "e">]>', 1).encode(), "remove the DOCTYPE"),
        (b" " * (MAX_SCL_OCTETS + 1), "at most 4194304 are read"),
    ],
)
def test_what_is_no_scl_cannot_be_read(xml: bytes, said: str) -> None:
    with pytest.raises(NotReadable, match=said):
        check_model(xml)


def single_changes(root: etree._Element) -> Iterator[str]:
    """The example without one attribute or with nonsense for it, once for each element and attribute."""
    seen: set[tuple[str, str]] = set()
    for element in root.iter("{*}*"):
        for name, value in list(element.attrib.items()):
            if (str(element.tag), str(name)) not in seen:
                seen.add((str(element.tag), str(name)))
                del element.attrib[name]
                yield etree.tostring(root, encoding="unicode")
                element.set(name, "?")
                yield etree.tostring(root, encoding="unicode")
                element.set(name, value)


def test_whatever_is_broken_is_told_and_breaks_no_rule() -> None:
    harmless = 0
    for text in single_changes(etree.fromstring(EXAMPLE.encode())):
        harmless += not told(text)
    assert harmless < MAY_BE_LEFT_OUT


# --- what wants to exhaust the checker ------------------------------------------------------------


def with_types(types: str, do_type: str = "T0") -> str:
    return EXAMPLE.replace(
        '<DO name="Tmp" type="MV"/>', f'<DO name="Tmp" type="MV"/><DO name="Alm" type="{do_type}"/>'
    ).replace('<DOType id="CMV"', f'{types}<DOType id="CMV"')


def test_types_that_double_at_each_level_are_each_looked_at_once() -> None:
    levels = "".join(
        f'<DOType id="T{at}" cdc="SPS">'
        f'<SDO name="a" type="T{at + 1}"/><SDO name="b" type="T{at + 1}"/></DOType>'
        for at in range(200)
    )
    found = told(with_types(f'{levels}<DOType id="T200" cdc="SPS"/>'))
    assert any("its item name has" in one for one in found)


def test_a_chain_of_types_longer_than_python_can_call_is_no_matter() -> None:
    chain = "".join(
        f'<DOType id="T{at}" cdc="SPS"><SDO name="a" type="T{at + 1}"/></DOType>' for at in range(MANY)
    )
    assert any(f"DOType T{MANY} is not defined" in one for one in told(with_types(chain)))


def test_a_circle_of_types_is_told_and_left() -> None:
    circle = "".join(
        f'<DOType id="T{at}" cdc="SPS"><SDO name="a" type="T{(at + 1) % 3}"/></DOType>' for at in range(3)
    )
    found = [one for one in told(with_types(circle)) if "which contains it" in one]
    assert len(found) == 1


def test_a_member_of_many_names_in_a_circle_of_types_is_walked_once() -> None:
    circle = '<DOType id="T0" cdc="SPS"><SDO name="a" type="T0"/></DOType>'
    path = "Alm" + ".a" * 50_000
    text = (
        with_types(circle)
        .replace('doName="PhV.phsA"', f'doName="{path}.b"')
        .replace('<FCDA ldInst="MET" lnClass="MMXU"', '<FCDA ldInst="MET" prefix="Fwd" lnClass="STMP"')
    )
    assert any("there is no Alm.a" in one for one in told(text))

"""Reading an ICD: what the instances start with, and what a faulty file is told (61850-6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iec61850_model.mms.pdu import MAX_NESTING, Data
from iec61850_model.reference import Reference
from iec61850_model.scl import MAX_ARRAY_COUNT, MAX_NODES, MAX_SCL_OCTETS, SclError, read_scl
from iec61850_model.tree import ArrayNode, Branch, Leaf, Tree
from iec61850_model.values import GOOD, NO_TIME, NOT_CONNECTED

ENUM = '<EnumType id="Mode"><EnumVal ord="1">on</EnumVal><EnumVal ord="5">off</EnumVal></EnumType>'
QT = '<DA name="q" fc="ST" bType="Quality"/><DA name="t" fc="ST" bType="Timestamp"/>'
MODE = f'<DA name="stVal" fc="ST" bType="Enum" type="Mode"/>{QT}'


def scl(
    instances: str = "",
    attributes: str = MODE,
    types: str = "",
    *,
    device: str = '<LDevice inst="LD0">',
    do: str = '<DO name="Obj" type="T"/>',
    ln: str = '<LN lnClass="GGIO" inst="1" lnType="N">',
) -> bytes:
    """A file with one logical node of one data object; the parts under test can be put in."""
    return f"""<?xml version="1.0"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B">
<IED name="BOX"><AccessPoint name="A"><Server>
{device}{ln}
{instances}
</LN></LDevice>
</Server></AccessPoint></IED>
<DataTypeTemplates>
<LNodeType id="N" lnClass="GGIO">{do}</LNodeType>
<DOType id="T" cdc="ENS">
{attributes}
</DOType>
{types}
{ENUM}
</DataTypeTemplates></SCL>""".encode()


def leaf(tree: Tree, text: str) -> Leaf:
    found = tree.find(Reference.parse(text))
    assert isinstance(found, Leaf), text
    return found


# --- what the instances start with ----------------------------------------------------------------


def test_a_device_is_named_by_ld_name_or_by_ied_and_instance() -> None:
    assert list(read_scl(scl()).devices) == ["BOXLD0"]
    assert list(read_scl(scl(device='<LDevice inst="LD0" ldName="HP">')).devices) == ["HP"]


def test_a_node_is_named_by_prefix_class_and_instance() -> None:
    named = read_scl(scl(ln='<LN prefix="Evu" lnClass="GGIO" inst="1" lnType="N">'))
    assert list(named.devices["BOXLD0"].nodes) == ["EvuGGIO1"]


VALUE = '<DOI name="Obj"><DAI name="stVal"><Val>{}</Val></DAI></DOI>'
TYPE_VALUE = MODE.replace('type="Mode"/>', 'type="Mode"><Val>on</Val></DA>')


@pytest.mark.parametrize(
    ("instances", "attributes", "number", "quality"),
    [
        ("", MODE, 1, NOT_CONNECTED),
        ("", TYPE_VALUE, 1, GOOD),
        (VALUE.format("off"), MODE, 5, GOOD),
        (VALUE.format("off"), TYPE_VALUE, 5, GOOD),
        (VALUE.format("5"), MODE, 5, GOOD),
        ('<DOI name="Obj"><DAI name="stVal"/></DOI>', TYPE_VALUE, 1, GOOD),
    ],
)
def test_a_value_of_the_instance_comes_before_one_of_the_type(
    instances: str, attributes: str, number: int, quality: object
) -> None:
    tree = read_scl(scl(instances, attributes))
    assert tree.read(Reference.parse("BOXLD0/GGIO1.Obj")) == (number, quality, NO_TIME)


def test_what_is_measured_is_not_connected_until_it_is_measured(tree: Tree) -> None:
    for reference, cdc in tree.data_objects():
        if cdc in ("MV", "CMV", "BCR", "APC", "INC"):
            assert tree.read(reference)[1:] == (NOT_CONNECTED, NO_TIME), reference
    assert tree.read(Reference.parse("HP/LLN0.Beh"))[:2] == (1, GOOD)


ARRAY = '<DA name="pts" fc="SP" bType="INT32" count="3"/>'


def test_elements_of_an_array_are_set_by_ix() -> None:
    values = (
        '<DOI name="Obj"><DAI name="pts" ix="0"><Val>10</Val></DAI>'
        '<DAI name="pts" ix="2"><Val>30</Val></DAI></DOI>'
    )
    points = read_scl(scl(values, MODE + ARRAY)).find(Reference.parse("BOXLD0/GGIO1.Obj.pts[SP]"))
    assert isinstance(points, ArrayNode)
    assert points.data() == Data("array", tuple(Data("integer", number) for number in (10, 0, 30)))


def test_elements_of_an_array_of_structures_are_set_by_ix(tree: Tree) -> None:
    points = tree.find(Reference.parse("HP/HcFCSD1.Crv.crvPts[SP]"))
    assert isinstance(points, ArrayNode)
    numbers = [(one.leaf("xVal"), one.leaf("yVal")) for one in points.elements if isinstance(one, Branch)]
    assert [(x.value, y.value) for x, y in numbers if x and y][:6] == [
        *((-20.0, 45.0), (-10.0, 40.0), (0.0, 35.0), (10.0, 30.0), (20.0, 25.0), (0.0, 0.0))
    ]


STRUCT = '<DAType id="S"><BDA name="a" bType="INT32"/><BDA name="b" bType="INT32" valKind="{}"/></DAType>'


@pytest.mark.parametrize(
    ("attribute", "instances", "writable"),
    [
        ('<DA name="set" fc="SP" bType="INT32"/>', "", True),
        ('<DA name="set" fc="SP" bType="INT32" valKind="Set"/>', "", True),
        ('<DA name="set" fc="SP" bType="INT32" valKind="RO"/>', "", False),
        ('<DA name="set" fc="SP" bType="INT32" valKind="Conf"/>', "", False),
        ('<DA name="set" fc="CF" bType="INT32" valKind="Set"/>', "", False),
        ('<DA name="set" fc="ST" bType="INT32"/>', "", False),
        (
            '<DA name="set" fc="SP" bType="INT32"/>',
            '<DOI name="Obj"><DAI name="set" valKind="RO"/></DOI>',
            False,
        ),
        (
            '<DA name="set" fc="SP" bType="INT32" valKind="RO"/>',
            '<DOI name="Obj"><DAI name="set" valKind="Set"/></DOI>',
            True,
        ),
    ],
)
def test_only_a_setting_that_is_not_read_only_can_be_written(
    attribute: str, instances: str, writable: bool
) -> None:
    tree = read_scl(scl(instances, MODE + attribute))
    fc = attribute.partition('fc="')[2][:2]
    assert leaf(tree, f"BOXLD0/GGIO1.Obj.set[{fc}]").writable is writable


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [("Set", "RO", (True, False)), ("RO", "RO", (False, False)), ("RO", "Set", (False, True))],
)
def test_the_parts_of_a_read_only_structure_are_read_only(
    outer: str, inner: str, expected: tuple[bool, bool]
) -> None:
    attribute = f'<DA name="set" fc="SP" bType="Struct" type="S" valKind="{outer}"/>'
    tree = read_scl(scl(attributes=MODE + attribute, types=STRUCT.format(inner)))
    found = tuple(leaf(tree, f"BOXLD0/GGIO1.Obj.set.{name}[SP]").writable for name in "ab")
    assert found == expected


def test_one_of_several_ieds_is_chosen_by_name() -> None:
    two = scl().replace(b"<DataType", b'<IED name="OTHER"/><DataType', 1)
    assert list(read_scl(two, "BOX").devices) == ["BOXLD0"]
    for name in (None, "THIRD"):
        with pytest.raises(SclError, match="it has BOX, OTHER"):
            read_scl(two, name)


# --- what a faulty file is told -------------------------------------------------------------------

NESTED = '<DA name="x" fc="SP" bType="Struct" type="S0"/>'


def chain(levels: int) -> str:
    """Structures inside structures: the last holds a number."""
    links = "".join(
        f'<DAType id="S{at}"><BDA name="a" bType="Struct" type="S{at + 1}"/></DAType>'
        for at in range(levels - 1)
    )
    return f'{links}<DAType id="S{levels - 1}"><BDA name="a" bType="INT8"/></DAType>'


def wide(levels: int, width: int) -> str:
    """Few types that make very many data objects, none of which has an attribute."""
    return (
        "".join(
            f'<DOType id="W{at}" cdc="ENS">'
            + "".join(f'<SDO name="s{part}" type="W{at + 1}"/>' for part in range(width))
            + "</DOType>"
            for at in range(levels)
        )
        + f'<DOType id="W{levels}" cdc="ENS"/>'
    )


FAULTY = {
    "unknown LNodeType": (scl(ln='<LN lnClass="GGIO" inst="1" lnType="X">'), 4, "LNodeType X is not defined"),
    "another class": (scl(ln='<LN lnClass="MMXU" inst="1" lnType="N">'), 4, "is of class GGIO, not MMXU"),
    "no class": (scl(ln='<LN inst="1" lnType="N">'), 4, "attribute lnClass is missing"),
    "node there twice": (
        scl("</LN><LN lnClass='GGIO' inst='1' lnType='N'>"),
        5,
        "BOXLD0/GGIO1 is there twice",
    ),
    "unknown DOType": (scl(do='<DO name="Obj" type="X"/>'), 9, "DOType X is not defined"),
    "object there twice": (scl(do='<DO name="Obj" type="T"/>' * 2), 9, "Obj is there twice"),
    "no type": (scl(do='<DO name="Obj"/>'), 9, "attribute type is missing"),
    "unknown DAType": (scl(attributes=f"\n{NESTED}"), 12, "DAType S0 is not defined"),
    "unknown EnumType": (
        scl(attributes='<DA name="x" fc="ST" bType="Enum" type="X"/>'),
        11,
        "EnumType X is not defined",
    ),
    "unknown basic type": (scl(attributes='<DA name="x" fc="ST" bType="INT128"/>'), 11, "known are BOOLEAN"),
    "unknown FC": (scl(attributes='<DA name="x" fc="ZZ" bType="INT8"/>'), 11, "ZZ is not a functional"),
    "no FC": (scl(attributes='<DA name="x" bType="INT8"/>'), 11, "attribute fc is missing"),
    "attribute there twice": (
        scl(attributes='<DA name="x" fc="ST" bType="INT8"/>' * 2),
        11,
        "x is there twice",
    ),
    "part there twice": (
        scl(attributes=NESTED, types='<DAType id="S0">' + '<BDA name="a" bType="INT8"/>' * 2 + "</DAType>"),
        13,
        "a is there twice",
    ),
    "structure without parts": (scl(attributes=NESTED, types='<DAType id="S0"/>'), 11, "has no BDA"),
    "object that the type has not": (scl('<DOI name="Objj"/>'), 5, "Objj has no place in LNodeType N"),
    "attribute that the type has not": (
        scl('<DOI name="Obj"><DAI name="stval"><Val>on</Val></DAI></DOI>'),
        5,
        "stval has no place",
    ),
    "part of what has no parts": (
        scl('<DOI name="Obj"><SDI name="stVal"><DAI name="f"><Val>1</Val></DAI></SDI></DOI>'),
        5,
        "f has no place",
    ),
    "element that the array has not": (
        scl('<DOI name="Obj"><DAI name="pts" ix="3"><Val>1</Val></DAI></DOI>', MODE + ARRAY),
        5,
        "pts has no place",
    ),
    "element of no number": (
        scl('<DOI name="Obj"><DAI name="pts"><Val>1</Val></DAI></DOI>', MODE + ARRAY),
        5,
        "pts has no place",
    ),
    "value that is no literal": (scl(VALUE.format("maybe")), 5, "'maybe' is not a number"),
    "value of no literal": (scl(VALUE.format("2")), 5, "one of 1 on, 5 off"),
    "value out of range": (
        scl(
            '<DOI name="Obj"><DAI name="x"><Val>300</Val></DAI></DOI>', '<DA name="x" fc="ST" bType="INT8"/>'
        ),
        5,
        "300 is not in -128..127",
    ),
    "value that is no hex": (
        scl(attributes='<DA name="x" fc="ST" bType="Octet64"><Val>zz</Val></DA>'),
        11,
        "is not hexadecimal",
    ),
    "value of a time": (
        scl(attributes='<DA name="x" fc="ST" bType="Timestamp"><Val>1</Val></DA>'),
        11,
        "no text form",
    ),
    "array too long": (
        scl(attributes=f'<DA name="x" fc="SP" bType="INT8" count="{MAX_ARRAY_COUNT + 1}"/>'),
        11,
        f"not a number up to {MAX_ARRAY_COUNT}",
    ),
    "array of a length elsewhere": (
        scl(attributes='<DA name="x" fc="SP" bType="INT8" count="maxPts"/>'),
        11,
        "count maxPts is not a number",
    ),
    "array of objects": (
        scl(attributes='<SDO name="x" type="T" count="2"/>'),
        11,
        "an array of data objects",
    ),
    "type there twice": (scl(types='<DOType id="T" cdc="SPS"/>'), 13, "DOType T is defined twice"),
    "empty enumeration": (
        scl(attributes='<DA name="x" fc="ST" bType="Enum" type="E"/>', types='<EnumType id="E"/>'),
        13,
        "EnumType E is empty",
    ),
    "ordinal that is none": (
        scl(
            attributes='<DA name="x" fc="ST" bType="Enum" type="E"/>',
            types='<EnumType id="E"><EnumVal ord="one">on</EnumVal></EnumType>',
        ),
        13,
        "ord one is not a number",
    ),
    "object inside itself": (scl(attributes='<SDO name="x" type="T"/>'), 11, "nested deeper"),
    "structure inside itself": (
        scl(
            attributes=NESTED,
            types='<DAType id="S0"><BDA name="a" bType="Struct" type="S0"/></DAType>',
        ),
        13,
        "nested deeper",
    ),
    "arrays inside themselves": (
        scl(
            attributes=NESTED,
            types='<DAType id="S0"><BDA name="a" bType="Struct" type="S0" count="1000"/></DAType>',
        ),
        13,
        "nested deeper",
    ),
    "too many empty objects": (
        scl(attributes='<SDO name="x" type="W0"/>', types=wide(5, 40)),
        13,
        str(MAX_NODES),
    ),
    "name of two names": (scl(do='<DO name="Ob$j" type="T"/>'), 9, "'Ob$j' is no name"),
    "name with a blank": (scl(do='<DO name="O j" type="T"/>'), 9, "'O j' is no name"),
    "attribute without name": (scl(attributes='<DA fc="ST" bType="INT8"/>'), 11, "attribute name is missing"),
    "attribute of two names": (scl(attributes='<DA name="a.b" fc="ST" bType="INT8"/>'), 11, "is no name"),
    "node of two names": (
        scl(ln='<LN prefix="A$ST$" lnClass="GGIO" inst="1" lnType="N">'),
        4,
        "is not a name",
    ),
    "device name that is no name": (scl(device='<LDevice inst="0" ldName="4">'), 4, "is not a name"),
    "name too long": (scl(do=f'<DO name="{"O" * 60}" type="T"/>'), 4, "is not a name"),
}


@pytest.mark.parametrize("case", FAULTY)
def test_a_fault_is_told_with_its_line(case: str) -> None:
    xml, line, words = FAULTY[case]
    with pytest.raises(SclError) as error:
        read_scl(xml)
    assert str(error.value).startswith(f"line {line}, ")
    assert words in str(error.value)


def test_values_nest_as_deep_as_a_pdu_carries_them_and_no_deeper() -> None:
    above = 2  # LN$FC and the data object
    read_scl(scl(attributes=NESTED, types=chain(MAX_NESTING - above)))
    with pytest.raises(SclError, match="nested deeper"):
        read_scl(scl(attributes=NESTED, types=chain(MAX_NESTING - above + 1)))


BOMB = (
    '<!DOCTYPE SCL [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (b"", "not well-formed"),
        (b"\x00", "not well-formed"),
        (b"<SCL>", "not well-formed"),
        (b"<?xml version='1.0' encoding='no-such'?><SCL/>", "not well-formed"),
        (b"<SCL/>", "the root element is SCL, not SCL of http"),
        (b'<IED xmlns="http://www.iec.ch/61850/2003/SCL"/>', "the root element"),
        (b'<SCL xmlns="http://www.iec.ch/61850/2003/SCL"/>', "it has none"),
        (b" " * (MAX_SCL_OCTETS + 1), f"at most {MAX_SCL_OCTETS} are read"),
        (b"<!DOCTYPE SCL>" + scl()[22:], "remove the DOCTYPE"),
        (b'<!DOCTYPE SCL SYSTEM "file:///etc/hostname">' + scl()[22:], "remove the DOCTYPE"),
        (BOMB.encode() + scl(VALUE.format("&i;"))[22:], "DOCTYPE|not well-formed"),
        (BOMB.encode() + scl(do='<DO name="&i;" type="T"/>')[22:], "DOCTYPE|not well-formed"),
        (
            scl().replace(b"</LDevice>", b'</LDevice><LDevice inst="LD0"/>'),
            "each with a name of its own",
        ),
        (b'<SCL xmlns="http://www.iec.ch/61850/2003/SCL"><IED name="A"/></SCL>', "needs logical devices"),
    ],
    ids=lambda part: repr(part)[:40],
)
def test_what_is_no_clean_scl_is_refused(xml: bytes, words: str) -> None:
    with pytest.raises(SclError, match=words):
        read_scl(xml)


def test_a_deeply_nested_file_is_refused() -> None:
    with pytest.raises(SclError, match="not well-formed"):
        read_scl(b"<a>" * 10_000 + b"</a>" * 10_000)


GOOD_FILE = scl(VALUE.format("on"), MODE + ARRAY)


@given(st.integers(0, len(GOOD_FILE) - 1), st.integers(0, 30), st.binary(max_size=10))
def test_a_damaged_file_is_read_or_refused(at: int, length: int, instead: bytes) -> None:
    try:
        tree = read_scl(GOOD_FILE[:at] + instead + GOOD_FILE[at + length :])
    except SclError:
        return
    assert tree.devices

"""One mistake in the elements, names or types of the example: exactly that is found, in its line."""

from __future__ import annotations

import pytest
from test_check_example import Mistake, told

MISTAKES = {
    "an earlier schema": Mistake(
        [('release="4"', 'release="1"')],
        at="<SCL",
        told='error version: SCL: release is "1": this checks SCL 2007B4',
    ),
    "no release": Mistake(
        [(' release="4"', "")],
        at="<SCL",
        told="error version: SCL: release is missing: this checks SCL 2007B4",
    ),
    "an attribute that is needed": Mistake(
        [('<BDA name="ctlVal" bType="Struct" type="AnalogueValue"/>', '<BDA name="ctlVal"/>')],
        at='<BDA name="ctlVal"/>',
        told="error schema: BDA ctlVal: attribute bType is missing",
    ),
    "an attribute misspelt": Mistake(
        [('intgPd="60000"', 'intgPd="60000" buftime="1"')],
        at='<ReportControl name="brcb"',
        told="error schema: ReportControl brcb: buftime is no attribute of ReportControl",
    ),
    "an element misspelt": Mistake(
        [("<TimerActivatedControl/>", "<TimerActivatedControl/>\n<GetDirectry/>")],
        at="<GetDirectry/>",
        told="error schema: Services: GetDirectry is no element of Services",
    ),
    "an element out of order": Mistake(
        [
            (('<DOType id="TSG" cdc="TSG">\n<DA name="setTm" fc="SP" bType="Timestamp"/>\n</DOType>\n'), ""),
            (
                '<DAType id="Vector">',
                (
                    '<DOType id="TSG" cdc="TSG">\n<DA name="setTm" fc="SP" bType="Timestamp"/>\n'
                    '</DOType>\n<DAType id="Vector">'
                ),
            ),
        ],
        at='<DOType id="TSG"',
        told="error schema: DataTypeTemplates: DOType comes after DAType",
    ),
    "a name of a logical device twice": Mistake(
        [('ldName="HP"', 'ldName="MET"')],
        at='<LDevice inst="HP"',
        told="error names: LDevice HP: the name MET is that of the logical device in line 38",
    ),
    "a name of a logical device too long": Mistake(
        [('ldName="HP"', 'ldName="HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH"')],
        at='<LDevice inst="HP"',
        told=(
            "error names: LDevice HP: "
            "'HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH' is no name of "
            "a logical device"
        ),
    ),
    "prefix and inst too long": Mistake(
        [('<LN prefix="Rly"', '<LN prefix="RelaysAtHome"')],
        at='<LN prefix="RelaysAtHome"',
        told="error names: HP/RelaysAtHomeGGIO1: prefix and inst have 13 characters together",
    ),
    "a prefix that begins with a digit": Mistake(
        [('<LN prefix="Rly"', '<LN prefix="2Rly"')],
        at='<LN prefix="2Rly"',
        told='error names: HP/2RlyGGIO1: prefix "2Rly" and inst "1" make no name',
    ),
    "a logical node without a number": Mistake(
        [('<LN prefix="Rly" lnClass="GGIO" inst="1"', '<LN prefix="Rly" lnClass="GGIO" inst=""')],
        at='<LN prefix="Rly"',
        told="error names: HP/RlyGGIO: inst is empty",
    ),
    "a logical node twice": Mistake(
        [
            (
                '<LN lnClass="KPMP"',
                (
                    '<LN lnClass="MMXU" inst="7" lnType="MMXU"/>\n'
                    '<LN lnClass="MMXU" inst="7" lnType="MMXU"/>\n<LN lnClass="KPMP"'
                ),
            )
        ],
        at='<LN lnClass="MMXU" inst="7" lnType="MMXU"/>\n<LN lnClass="KPMP"',
        told="error names: HP/MMXU7: the name is that of the logical node in line 56",
    ),
    "a part twice": Mistake(
        [
            (
                '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>',
                (
                    '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>\n'
                    '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>'
                ),
            )
        ],
        at='<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>\n</DOType>',
        told="error names: DOType MV.units: units is there already, in line 181",
    ),
    "a name with a dollar": Mistake(
        [
            ('<DO name="Tmp" type="MV"/>', '<DO name="Tmp" type="MV"/>\n<DO name="Te$mp" type="MV_own"/>'),
            (
                '<DOType id="CMV"',
                (
                    '<DOType id="MV_own" cdc="SPS"><DA name="dataNs" fc="EX" bType="VisString255"/>\n'
                    '<DA name="stVal" fc="ST" bType="BOOLEAN" dchg="true"/><DA name="q" fc="ST" '
                    'bType="Quality" qchg="true"/><DA name="t" fc="ST" bType="Timestamp"/></DOType>\n'
                    '<DOType id="CMV"'
                ),
            ),
        ],
        at='<DO name="Te$mp"',
        told="error names: LNodeType STMP.Te$mp: 'Te$mp' is no name of a data object",
    ),
    "an item name too long": Mistake(
        [
            (
                '<LN prefix="Fwd" lnClass="STMP"',
                '<LN lnClass="STMP" inst="1" lnType="STMP_long"/>\n<LN prefix="Fwd" lnClass="STMP"',
            ),
            (
                '<LNodeType id="MMXU"',
                (
                    '<LNodeType id="STMP_long" lnClass="STMP"><DO name="Beh" type="ENS_Beh"/>\n'
                    '<DO name="Tmp" type="MV_long"/></LNodeType>\n<LNodeType id="MMXU"'
                ),
            ),
            (
                '<DOType id="CMV"',
                (
                    '<DOType id="MV_long" cdc="MV"><DA name="mag" fc="MX" bType="Struct" '
                    'type="AnalogueValue" dchg="true" dupd="true"/><DA name="q" fc="MX" '
                    'bType="Quality" qchg="true"/><DA name="t" fc="MX" bType="Timestamp"/><DA '
                    'name="dataNs" fc="EX" bType="VisString255"/><DA '
                    'name="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" fc="EX" '
                    'bType="BOOLEAN"/></DOType>\n<DOType id="CMV"'
                ),
            ),
        ],
        at='<LN lnClass="STMP" inst="1" lnType="STMP_long"/>',
        told=(
            "error names: "
            "MET/STMP1.Tmp.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: its "
            "item name has 73 characters"
        ),
    ),
    "a type that is not there": Mistake(
        [('<DO name="Tmp" type="MV"/>', '<DO name="Tmp" type="MV"/>\n<DO name="TmpRte" type="MV2"/>')],
        at='<DO name="TmpRte"',
        told="error types: LNodeType STMP.TmpRte: DOType MV2 is not defined",
    ),
    "a structure that is not there": Mistake(
        [
            (
                '<DA name="mxVal" fc="MX" bType="Struct" type="AnalogueValue"',
                '<DA name="mxVal" fc="MX" bType="Struct" type="Analogue"',
            )
        ],
        at='type="Analogue"',
        told="error types: DOType APC.mxVal: DAType Analogue is not defined",
    ),
    "a type twice": Mistake(
        [
            (
                '<DAType id="Originator">',
                ('<DAType id="Unit"><BDA name="f" bType="FLOAT32"/></DAType>\n<DAType id="Originator">'),
            )
        ],
        at='<DAType id="Unit"><BDA name="f"',
        told="error types: DAType Unit: it is defined already in line 235",
    ),
    "a type of nothing": Mistake(
        [('<EnumVal ord="23">°C</EnumVal>\n', ""), ("<Val>°C</Val>", "")],
        at='<EnumType id="SIUnitKind"',
        told="error types: EnumType SIUnitKind: it is empty",
    ),
    "a type that contains itself": Mistake(
        [
            (
                '<SDO name="phsA" type="CMV"/>',
                (
                    '<SDO name="phsA" type="CMV"/>\n'
                    '<DA name="own" fc="EX" bType="Struct" type="Own"/><DA name="dataNs" fc="EX" '
                    'bType="VisString255"/>'
                ),
            ),
            (
                '<DAType id="Vector">',
                (
                    '<DAType id="Own">\n<BDA name="own" bType="Struct" type="Own"/></DAType>\n'
                    '<DAType id="Vector">'
                ),
            ),
        ],
        at='<DAType id="Own">',
        told="error types: DAType Own: it contains DAType Own, which contains it",
    ),
    "a logical node of another class": Mistake(
        [
            (
                '<LN lnClass="MMTR" inst="1" lnType="MMTR"/>',
                ('<LN lnClass="MMTR" inst="1" lnType="MMTR"/>\n<LN lnClass="MMTN" inst="1" lnType="MMTR"/>'),
            )
        ],
        at='<LN lnClass="MMTN"',
        told="error types: MMTN1: LNodeType MMTR is of class MMTR, not MMTN",
    ),
    "a type that nothing uses": Mistake(
        [('<LN lnClass="CALH" inst="1" lnType="CALH"/>\n', "")],
        at='<LNodeType id="CALH"',
        told="note types: LNodeType CALH: no logical node uses it",
    ),
    "an inst that is no number": Mistake(
        [('<LN lnClass="KPMP" inst="1"', '<LN lnClass="KPMP" inst="1a"')],
        at='inst="1a"',
        told='error names: HP/KPMP1a: prefix "" and inst "1a" make no name',
    ),
    "a name of a logical device that begins with a digit": Mistake(
        [('ldName="HP"', 'ldName="1HP"')],
        at='ldName="1HP"',
        told="error names: LDevice HP: '1HP' is no name of a logical device",
    ),
    "an inst of a logical device twice": Mistake(
        [('<LDevice inst="DER"', '<LDevice inst="HP"')],
        at='<LDevice inst="HP" ldName="DER">',
        told="error names: LDevice HP: inst HP is that of the logical device in line 49",
    ),
    "a part that is not there": Mistake(
        [('<SDO name="phsA" type="CMV"/>', '<SDO name="phsA" type="CMV"/>\n<SDO name="phsB" type="CMV2"/>')],
        at='<SDO name="phsB"',
        told="error types: DOType WYE.phsB: DOType CMV2 is not defined",
    ),
    "a name of an attribute with an underscore": Mistake(
        [
            (
                '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>',
                (
                    '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>\n'
                    '<DA name="own_value" fc="CF" bType="INT8"/><DA name="dataNs" fc="EX" '
                    'bType="VisString255"/>'
                ),
            )
        ],
        at='<DA name="own_value"',
        told="error names: DOType MV.own_value: 'own_value' is no name",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_finding_in_its_line(name: str) -> None:
    mistake = MISTAKES[name]
    assert told(mistake.text) == [mistake.expected]

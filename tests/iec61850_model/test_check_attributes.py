"""One mistake in the attributes of the example: exactly that is found, in its line."""

from __future__ import annotations

import pytest
from test_check_example import Mistake, told

MISTAKES = {
    "an attribute that is mandatory": Mistake(
        [('<DA name="pulsQty" fc="CF" bType="FLOAT32" dchg="true"><Val>1</Val></DA>\n', "")],
        at='<DOType id="BCR"',
        told="error attributes: DOType BCR: pulsQty is missing: it is mandatory",
    ),
    "no complete group": Mistake(
        [('<DA name="actVal" fc="ST" bType="INT64" dchg="true"/>\n', "")],
        at='<DOType id="BCR"',
        told=(
            "error attributes: DOType BCR: no complete group is there: actVal, t or frVal, "
            "frTm, frEna, frPd, frRs is needed"
        ),
    ),
    "an attribute of no such CDC": Mistake(
        [('<DA name="pulsQty"', '<DA name="subID" fc="SV" bType="VisString64"/>\n<DA name="pulsQty"')],
        at='<DA name="subID"',
        told="error attributes: DOType BCR.subID: subID is no attribute of CDC BCR",
    ),
    "what goes with another": Mistake(
        [
            (
                '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>',
                (
                    '<DA name="db" fc="CF" bType="INT32U"/>\n'
                    '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>'
                ),
            )
        ],
        at='<DOType id="MV"',
        told="error attributes: DOType MV: dbRef is missing: it is mandatory, as db is there",
    ),
    "a part of what belongs together": Mistake(
        [
            (
                '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>',
                (
                    '<DA name="subEna" fc="SV" bType="BOOLEAN"/><DA name="subQ" fc="SV" bType="Quality"/>\n'
                    '<DA name="subID" fc="SV" bType="VisString64"/><DA name="units" fc="CF" '
                    'bType="Struct" type="Unit" dchg="true"/>'
                ),
            )
        ],
        at='<DOType id="MV"',
        told="error attributes: DOType MV: subMag is missing: it goes with subEna, subQ, subID",
    ),
    "LLN0 without its name space": Mistake(
        [('<DA name="ldNs" fc="EX" bType="VisString255"><Val>IEC 61850-7-4:2007B5</Val></DA>\n', "")],
        at='<DOType id="LPL_LLN0"',
        told="error attributes: DOType LPL_LLN0: ldNs is missing: it is mandatory",
    ),
    "a name space of a device elsewhere": Mistake(
        [
            (
                '<DA name="lnNs" fc="EX"',
                '<DA name="ldNs" fc="EX" bType="VisString255"/>\n<DA name="lnNs" fc="EX"',
            )
        ],
        at='<DA name="ldNs" fc="EX" bType="VisString255"/>',
        told="error attributes: DOType LPL_DER: ldNs is there: it is forbidden here",
    ),
    "a functional constraint": Mistake(
        [
            (
                '<DA name="vendor" fc="DC" bType="VisString255"/>\n</DOType>',
                (
                    '<DA name="vendor" fc="DC" bType="VisString255"/>\n'
                    '<DA name="model" fc="CF" bType="VisString255"/></DOType>'
                ),
            )
        ],
        at='<DA name="model"',
        told="error attributes: DOType DPL.model: its functional constraint is CF, the standard has DC",
    ),
    "a setting that is a status": Mistake(
        [('<DA name="setTm" fc="SP"', '<DA name="setTm" fc="ST"')],
        at='<DA name="setTm"',
        told=(
            "error attributes: DOType TSG.setTm: its functional constraint is ST, the standard "
            "has SP or SG or SE"
        ),
    ),
    "a trigger that is not allowed": Mistake(
        [
            (
                '<DA name="actVal" fc="ST" bType="INT64" dchg="true"/>',
                '<DA name="actVal" fc="ST" bType="INT64" dchg="true" qchg="true"/>',
            )
        ],
        at='<DA name="actVal"',
        told="error attributes: DOType BCR.actVal: it has no trigger qchg",
    ),
    "an update trigger that the standard has not": Mistake(
        [
            (
                '<DA name="actVal" fc="ST" bType="INT64" dchg="true"/>',
                '<DA name="actVal" fc="ST" bType="INT64" dchg="true" dupd="true"/>',
            )
        ],
        at='<DA name="actVal"',
        told="note attributes: DOType BCR.actVal: it has no trigger dupd",
    ),
    "a trigger that is not set": Mistake(
        [
            (
                '<DA name="actVal" fc="ST" bType="INT64" dchg="true"/>',
                '<DA name="actVal" fc="ST" bType="INT64"/>',
            )
        ],
        at='<DA name="actVal"',
        told=(
            "note attributes: DOType BCR.actVal: trigger dchg of the standard is not set: no "
            "report or log sees it change"
        ),
    ),
    "an attribute of another CDC": Mistake(
        [('<DA name="setTm"', '<DA name="stVal" fc="ST" bType="BOOLEAN"/>\n<DA name="setTm"')],
        at='<DA name="stVal" fc="ST" bType="BOOLEAN"/>',
        told="error attributes: DOType TSG.stVal: stVal is no attribute of CDC TSG",
    ),
    "a part of another CDC": Mistake(
        [('<SDO name="phsA" type="CMV"/>', '<SDO name="phsA" type="CMV"/>\n<SDO name="phsB" type="MV"/>')],
        at='<SDO name="phsB"',
        told="error attributes: DOType WYE.phsB: its CDC is MV, the standard has CMV",
    ),
    "a CDC without a table": Mistake(
        [
            ('<DO name="Tmp" type="MV"/>', '<DO name="Tmp" type="MV"/>\n<DO name="Own" type="Own"/>'),
            (
                '<DOType id="CMV"',
                (
                    '<DOType id="Own" cdc="XYZ"><DA name="dataNs" fc="EX" bType="VisString255"/></DOType>\n'
                    '<DOType id="CMV"'
                ),
            ),
        ],
        at='<DOType id="Own"',
        told="note attributes: DOType Own: CDC XYZ is not in the tables: its attributes are not checked",
    ),
    "integers without a scale": Mistake(
        [
            (
                '<DAType id="AnalogueValue">\n',
                ('<DAType id="Scaled"><BDA name="i" bType="INT32"/></DAType>\n<DAType id="AnalogueValue">\n'),
            ),
            (
                '<DA name="mag" fc="MX" bType="Struct" type="AnalogueValue" dchg="true" dupd="true"/>',
                '<DA name="mag" fc="MX" bType="Struct" type="Scaled" dchg="true" dupd="true"/>',
            ),
            (' daName="mag.f"', ' daName="mag.i"'),
        ],
        at='<DOType id="MV"',
        told="error attributes: DOType MV: sVC is missing: it is mandatory",
    ),
    "a part that is no part": Mistake(
        [
            (
                '<BDA name="SIUnit" bType="Enum" type="SIUnitKind"/>',
                ('<BDA name="SIUnit" bType="Enum" type="SIUnitKind"/>\n<BDA name="factor" bType="INT8"/>'),
            )
        ],
        at='<BDA name="factor"',
        told="error attributes: DAType Unit.factor: factor is no part of Unit",
    ),
    "a part that is mandatory": Mistake(
        [('<BDA name="orIdent" bType="Octet64"/>\n', "")],
        at='<DAType id="Originator"',
        told="error attributes: DAType Originator: orIdent is missing: it is mandatory",
    ),
    "parts in another order": Mistake(
        [
            (
                (
                    '<BDA name="orCat" bType="Enum" type="OriginatorCategoryKind"/>\n'
                    '<BDA name="orIdent" bType="Octet64"/>'
                ),
                (
                    '<BDA name="orIdent" bType="Octet64"/>\n'
                    '<BDA name="orCat" bType="Enum" type="OriginatorCategoryKind"/>'
                ),
            )
        ],
        at='<DAType id="Originator"',
        told="error attributes: DAType Originator: its parts are not in the order of Originator",
    ),
    "an integer of another size": Mistake(
        [('<DA name="actVal" fc="ST" bType="INT64"', '<DA name="actVal" fc="ST" bType="INT32"')],
        at='<DA name="actVal"',
        told="error attribute-types: DOType BCR.actVal: its bType is INT32, the standard has INT64",
    ),
    "the value of a control": Mistake(
        [
            (
                '<DAType id="Oper_APC">\n<BDA name="ctlVal" bType="Struct" type="AnalogueValue"/>',
                '<DAType id="Oper_APC">\n<BDA name="ctlVal" bType="FLOAT32"/>',
            )
        ],
        at='<BDA name="ctlVal" bType="FLOAT32"/>',
        told=(
            "error attribute-types: DAType Oper_APC.ctlVal: its bType is FLOAT32, the standard "
            "has Struct AnalogueValueCtl"
        ),
    ),
    "an array of one value": Mistake(
        [
            (
                '<DA name="setTm" fc="SP" bType="Timestamp"/>',
                '<DA name="setTm" fc="SP" bType="Timestamp" count="2"/>',
            )
        ],
        at='<DA name="setTm"',
        told="error attribute-types: DOType TSG.setTm: it is not an array in the standard",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_finding_in_its_line(name: str) -> None:
    mistake = MISTAKES[name]
    assert told(mistake.text) == [mistake.expected]

"""One mistake in the controls and schedules of the example: exactly that is found, in its line."""

from __future__ import annotations

import pytest
from test_check_example import Mistake, told

MISTAKES = {
    "a control without Oper": Mistake(
        [("<Val>status-only</Val>", "<Val>direct-with-normal-security</Val>")],
        at='<DA name="ctlModel" fc="CF" bType="Enum" type="CtlModelKind" dchg="true">',
        told=("error control: DOType ENC_Mod: ctlModel is direct-with-normal-security, but Oper is missing"),
    ),
    "a control that one instance does not offer": Mistake(
        [
            (
                '<DAI name="ctlModel"><Val>direct-with-normal-security</Val></DAI>',
                '<DAI name="ctlModel"><Val>status-only</Val></DAI>',
            )
        ],
        at='<DAI name="ctlModel"><Val>status-only',
        told=(
            "note control: HP/RlyGGIO1.SPCSO1: ctlModel is status-only: Oper of DOType SPC is never of use"
        ),
    ),
    "a select before operate without SBOw": Mistake(
        [('<DA name="SBOw" fc="CO" bType="Struct" type="Oper_SPC"/>\n', "")],
        at="<Val>sbo-with-enhanced-security</Val>",
        told=("error control: DOType SPC_sbo: ctlModel is sbo-with-enhanced-security, but SBOw is missing"),
    ),
    "a select before operate without Cancel": Mistake(
        [
            ('<DA name="Cancel" fc="CO" bType="Struct" type="Cancel_SPC"/>\n', ""),
            (
                (
                    '<DAType id="Cancel_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>\n'
                    '<BDA name="operTm" bType="Timestamp"/>\n'
                    '<BDA name="origin" bType="Struct" type="Originator"/>\n'
                    '<BDA name="ctlNum" bType="INT8U"/>\n<BDA name="T" bType="Timestamp"/>\n'
                    '<BDA name="Test" bType="BOOLEAN"/>\n</DAType>\n'
                ),
                "",
            ),
        ],
        at="<Val>sbo-with-enhanced-security</Val>",
        told=("error control: DOType SPC_sbo: ctlModel is sbo-with-enhanced-security, but Cancel is missing"),
    ),
    "a select before operate without sboTimeout": Mistake(
        [('<DA name="sboTimeout" fc="CF" bType="INT32U"/>\n', "")],
        at="<Val>sbo-with-enhanced-security</Val>",
        told=(
            "error control: DOType SPC_sbo: ctlModel is sbo-with-enhanced-security, but sboTimeout is missing"
        ),
    ),
    "a select before operate without operTimeout": Mistake(
        [('<DA name="operTimeout" fc="CF" bType="INT32U"/>\n', "")],
        at="<Val>sbo-with-enhanced-security</Val>",
        told=(
            "error control: DOType SPC_sbo: ctlModel is sbo-with-enhanced-security, but "
            "operTimeout is missing"
        ),
    ),
    "a select of another kind in the way": Mistake(
        [("<Val>sbo-with-enhanced-security</Val>", "<Val>direct-with-enhanced-security</Val>")],
        at=(
            '<DA name="ctlModel" fc="CF" bType="Enum" '
            'type="CtlModelKind"><Val>direct-with-enhanced-security</Val></DA>'
        ),
        told=(
            "note control: DOType SPC_sbo: ctlModel is direct-with-enhanced-security: SBOw of "
            "DOType SPC_sbo is never of use"
        ),
    ),
    "an Oper without a control model": Mistake(
        [
            (
                (
                    "<Val>direct-with-normal-security</Val></DA>\n"
                    '<DA name="Oper" fc="CO" bType="Struct" type="Oper_APC"/>'
                ),
                '</DA>\n<DA name="Oper" fc="CO" bType="Struct" type="Oper_APC"/>',
            )
        ],
        at='<DOType id="APC"',
        told="error control: DOType APC: no ctlModel is given",
    ),
    "a Cancel that is not as Oper": Mistake(
        [
            (
                (
                    '<DAType id="Cancel_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>\n'
                    '<BDA name="operTm" bType="Timestamp"/>'
                ),
                '<DAType id="Cancel_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>',
            )
        ],
        at='<DA name="Cancel"',
        told=(
            "error control: DOType SPC_sbo.Cancel: its parts are not those of Oper: ctlVal, "
            "origin, ctlNum, T, Test"
        ),
    ),
    "a time that Services do not promise": Mistake(
        [("<TimerActivatedControl/>\n", "")],
        at=(
            '<BDA name="operTm" bType="Timestamp"/>\n'
            '<BDA name="origin" bType="Struct" type="Originator"/>\n'
            '<BDA name="ctlNum" bType="INT8U"/>\n<BDA name="T" bType="Timestamp"/>\n'
            '<BDA name="Test" bType="BOOLEAN"/>\n<BDA name="Check"'
        ),
        told="error control: operTm: controls have operTm, but Services lack TimerActivatedControl",
    ),
    "a time that no control has": Mistake(
        [
            (
                (
                    '<DAType id="Oper_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>\n'
                    '<BDA name="operTm" bType="Timestamp"/>\n'
                ),
                '<DAType id="Oper_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>\n',
            ),
            (
                (
                    '<DAType id="Cancel_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>\n'
                    '<BDA name="operTm" bType="Timestamp"/>\n'
                ),
                '<DAType id="Cancel_SPC">\n<BDA name="ctlVal" bType="BOOLEAN"/>\n',
            ),
        ],
        at="<TimerActivatedControl/>",
        told="error control: Services: TimerActivatedControl is promised, but no Oper has operTm",
    ),
    "a schedule of no value": Mistake(
        [
            (
                (
                    '<DO name="ValSPS" type="SPS"/>\n<DO name="ValSPG1" type="SPG"/>\n'
                    '<DO name="ValSPG2" type="SPG"/>\n'
                ),
                "",
            )
        ],
        at='<LNodeType id="FSCH"',
        told="error schedules: LNodeType FSCH: it has no kind of value",
    ),
    "a schedule of two values": Mistake(
        [
            (
                '<DO name="ValSPS" type="SPS"/>\n',
                (
                    '<DO name="ValSPS" type="SPS"/>\n<DO name="ValMV" type="MV"/>\n'
                    '<DO name="ValASG1" type="ASG"/>\n'
                ),
            ),
            (
                '<DOType id="TSG"',
                (
                    '<DOType id="ASG" cdc="ASG"><DA name="setMag" fc="SP" bType="Struct" '
                    'type="AnalogueValue"/></DOType>\n<DOType id="TSG"'
                ),
            ),
        ],
        at='<DO name="ValSPS" type="SPS"/>\n',
        told="error objects: LNodeType FSCH: ValSPS, ValMV are there: one at most may be",
    ),
    "a schedule without entries": Mistake(
        [('<DO name="ValSPG1" type="SPG"/>\n<DO name="ValSPG2" type="SPG"/>\n', "")],
        at='<LNodeType id="FSCH"',
        told="error objects: LNodeType FSCH: ValSPG is missing: it is mandatory, as ValSPS is there",
    ),
    "entries of another kind": Mistake(
        [
            (
                '<DO name="ValSPG2" type="SPG"/>\n',
                '<DO name="ValSPG2" type="SPG"/>\n<DO name="ValING1" type="ING"/>\n',
            )
        ],
        at='<DO name="ValING1"',
        told="error objects: LNodeType FSCH: ValING is there: it is forbidden, as ValINS is not",
    ),
    "entries with a gap": Mistake(
        [('"ValSPG2"', '"ValSPG3"')],
        at='<LNodeType id="FSCH"',
        told="error schedules: LNodeType FSCH: its ValSPG are not numbered 1 to 2: ValSPG2 is not there",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_finding_in_its_line(name: str) -> None:
    mistake = MISTAKES[name]
    assert told(mistake.text) == [mistake.expected]

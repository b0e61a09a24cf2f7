"""One mistake in the logical nodes and data objects of the example: exactly that is found, in its line."""

from __future__ import annotations

import pytest
from test_check_example import Mistake, told

MISTAKES = {
    "a data object that is mandatory": Mistake(
        [
            (
                '<LNodeType id="STMP" lnClass="STMP">\n<DO name="Beh" type="ENS_Beh"/>\n',
                '<LNodeType id="STMP" lnClass="STMP">\n',
            )
        ],
        at='<LNodeType id="STMP" lnClass="STMP">\n',
        told="error objects: LNodeType STMP: Beh is missing: it is mandatory",
    ),
    "a data object that is mandatory in a root": Mistake(
        [('<DO name="Health" type="ENS_Health"/>\n', "")],
        at='<LNodeType id="LLN0_root"',
        told="error objects: LNodeType LLN0_root: Health is missing: it is mandatory",
    ),
    "at least one": Mistake(
        [('<DO name="GrAlm" type="SPS"/>\n', "")],
        at='<LNodeType id="CALH"',
        told="error objects: LNodeType CALH: none of GrAlm, GrWrn, GrInd is there: one is needed",
    ),
    "one group only": Mistake(
        [('<DO name="SpdSpt" type="APC"/>', '<DO name="SpdSpt" type="APC"/>\n<DO name="OpCtl" type="SPC"/>')],
        at='<DO name="OpCtl"',
        told="error objects: LNodeType KPMP: OpCtl, SpdSpt exclude each other",
    ),
    "a data object of another class": Mistake(
        [('<DO name="Tmp" type="MV"/>', '<DO name="Tmp" type="MV"/>\n<DO name="LocKey" type="SPS"/>')],
        at='<DO name="LocKey"',
        told="error objects: LNodeType STMP.LocKey: LocKey is no data object of STMP",
    ),
    "only beside another": Mistake(
        [('<DO name="Alm1" type="SPS"/>', '<DO name="Alm1" type="SPS"/>\n<DO name="LocKey" type="SPS"/>')],
        at='<DO name="LocKey"',
        told="error objects: LNodeType GGIO: LocKey is there: it is forbidden, as Loc is not",
    ),
    "another CDC": Mistake(
        [('<DO name="Tmp" type="MV"/>', '<DO name="Tmp" type="MV"/>\n<DO name="Alm" type="SPG"/>')],
        at='<DO name="Alm"',
        told="error objects: LNodeType STMP.Alm: its CDC is SPG, the standard has SPS",
    ),
    "one of several without a number": Mistake(
        [('<DO name="Alm1"', '<DO name="Alm"')],
        at='<DO name="Alm"',
        told="error objects: LNodeType GGIO.Alm: it has no number, though there may be several",
    ),
    "a number where there is only one": Mistake(
        [('<DO name="Tmp" type="MV"/>', '<DO name="Tmp" type="MV"/>\n<DO name="Alm2" type="SPS"/>')],
        at='<DO name="Alm2"',
        told="error objects: LNodeType STMP.Alm2: Alm2 is no data object of STMP",
    ),
    "a transient that does not say so": Mistake(
        [('<DO name="EnaReq" type="SPC" transient="true"/>', '<DO name="EnaReq" type="SPC"/>')],
        at='<DO name="EnaReq"',
        told="note objects: LNodeType FSCH.EnaReq: EnaReq is transient in the standard",
    ),
    "a class without a table": Mistake(
        [
            ('<LN lnClass="MMTR"', '<LN lnClass="PTOC" inst="1" lnType="PTOC"/>\n<LN lnClass="MMTR"'),
            (
                '<LNodeType id="MMTR"',
                (
                    '<LNodeType id="PTOC" lnClass="PTOC"><DO name="Beh" type="ENS_Beh"/>\n'
                    '</LNodeType>\n<LNodeType id="MMTR"'
                ),
            ),
        ],
        at='<LNodeType id="PTOC"',
        told=(
            "note objects: LNodeType PTOC: class PTOC is not in the tables: its data objects are not checked"
        ),
    ),
    "statistics without their method": Mistake(
        [('<DO name="GrAlm" type="SPS"/>', '<DO name="GrAlm" type="SPS"/>\n<DO name="ClcSrc" type="ORG"/>')],
        at='<DO name="ClcSrc"',
        told="error objects: LNodeType CALH: ClcSrc is there without ClcMth",
    ),
    "a node of 7-420 that does not say so": Mistake(
        [("<Val>IEC 61850-7-420:2019A4</Val>", "<Val>IEC 61850-7-4:2007B5</Val>")],
        at='<LN lnClass="DCTS"',
        told=(
            "error objects: DER/DCTS1: DCTS is of IEC 61850-7-420:2019A4, its logical device of "
            "IEC 61850-7-4:2007B5"
        ),
    ),
    "no physical device": Mistake(
        [
            ('<LN lnClass="LPHD" inst="1" lnType="LPHD"/>\n', ""),
            ('lnClass="LPHD" lnInst="1" doName="PhyNam"', 'lnClass="LLN0" doName="NamPlt"'),
            (
                (
                    '<LNodeType id="LPHD" lnClass="LPHD">\n<DO name="PhyNam" type="DPL"/>\n'
                    '<DO name="PhyHealth" type="ENS_Health"/>\n<DO name="Proxy" type="SPS"/>\n'
                    "</LNodeType>\n"
                ),
                "",
            ),
            (
                (
                    '<DOType id="DPL" cdc="DPL">\n<DA name="vendor" fc="DC" bType="VisString255"/>\n'
                    "</DOType>\n"
                ),
                "",
            ),
        ],
        at='<LDevice inst="LD0"',
        told="error objects: IED BOX: there is no LPHD",
    ),
    "no LLN0": Mistake(
        [
            (
                '<LDevice inst="DER" ldName="DER">\n<LN0 lnClass="LLN0" inst="" lnType="LLN0_sub"/>',
                '<LDevice inst="DER" ldName="DER">',
            )
        ],
        at='<LDevice inst="DER"',
        told="error objects: LDevice DER: it has no LN0 of class LLN0",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_finding_in_its_line(name: str) -> None:
    mistake = MISTAKES[name]
    assert told(mistake.text) == [mistake.expected]

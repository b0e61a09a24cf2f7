"""One mistake in the data sets and control blocks of the example: exactly that is found, in its line."""

from __future__ import annotations

import pytest
from test_check_example import Mistake, told

MISTAKES = {
    "a member in no logical device": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MEET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
            )
        ],
        at='ldInst="MEET"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MEET/MMXU1.PhV.phsA[MX]: there is no such logical node"
        ),
    ),
    "a member of no logical node": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="2" doName="PhV.phsA" fc="MX"/>',
            )
        ],
        at='lnInst="2"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/MMXU2.PhV.phsA[MX]: there is no such logical node"
        ),
    ),
    "a member that is not there": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsB" fc="MX"/>',
            )
        ],
        at='doName="PhV.phsB"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/MMXU1.PhV.phsB[MX]: there is no "
            "PhV.phsB in MET/MMXU1"
        ),
    ),
    "a member of another functional constraint": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="ST"/>',
            )
        ],
        at='doName="PhV.phsA" fc="ST"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/MMXU1.PhV.phsA[ST]: it has no part "
            "of FC ST, only MX"
        ),
    ),
    "an attribute of another functional constraint": Mistake(
        [('daName="mag.f" fc="MX"', 'daName="mag.f" fc="CF"')],
        at='daName="mag.f" fc="CF"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/FwdSTMP1.Tmp.mag.f[CF]: it has no "
            "part of FC CF, only MX"
        ),
    ),
    "a functional constraint that is none": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="XX"/>',
            )
        ],
        at='fc="XX"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/MMXU1.PhV.phsA[XX]: XX is not a "
            "functional constraint"
        ),
    ),
    "a member without a data object": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" fc="MX"/>',
            )
        ],
        at='<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" fc="MX"/>',
        told="error data-sets: LD0/LLN0 DataSet dsMeas: MET/MMXU1.[MX]: it names no data object",
    ),
    "a control as a member": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="HP" prefix="Rly" lnClass="GGIO" lnInst="1" doName="SPCSO1" fc="CO"/>',
            )
        ],
        at='doName="SPCSO1" fc="CO"',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: HP/RlyGGIO1.SPCSO1[CO]: a control (CO) "
            "is operated, not read"
        ),
    ),
    "a member twice": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                '<FCDA ldInst="MET" prefix="Fwd" lnClass="STMP" lnInst="1" doName="Tmp" fc="MX"/>',
            )
        ],
        at=('<FCDA ldInst="MET" prefix="Fwd" lnClass="STMP" lnInst="1" doName="Tmp" fc="MX"/>\n</DataSet>'),
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/FwdSTMP1.Tmp[MX] is a member already, in line 15"
        ),
    ),
    "a member twice, once with an empty prefix": Mistake(
        [
            (
                '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>',
                (
                    '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>\n'
                    '<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" prefix="" doName="PhV.phsA" fc="MX"/>'
                ),
            )
        ],
        at='lnClass="MMXU" lnInst="1" prefix=""',
        told=(
            "error data-sets: LD0/LLN0 DataSet dsMeas: MET/MMXU1.PhV.phsA[MX] is a member already, in line 17"
        ),
    ),
    "too many members": Mistake(
        [('maxAttributes="4"', 'maxAttributes="2"')],
        at='<DataSet name="dsMeas"',
        told="error data-sets: LD0/LLN0 DataSet dsMeas: it has 3 members; Services allow 2",
    ),
    "no members": Mistake(
        [('<FCDA ldInst="LD0" lnClass="LPHD" lnInst="1" doName="PhyNam" fc="DC"/>\n', "")],
        at='<DataSet name="dsNames"',
        told="error data-sets: LD0/LLN0 DataSet dsNames: it has no members",
    ),
    "a data set twice": Mistake(
        [('"dsNames"', '"dsMeas"')],
        at='<DataSet name="dsMeas">\n<FCDA ldInst="LD0"',
        told="error data-sets: LD0/LLN0 DataSet dsMeas: the name is there already, in line 14",
    ),
    "a name of a data set too long": Mistake(
        [('"dsNames"', '"ddddddddddddddddddddddddddddddddd"')],
        at='<DataSet name="ddd',
        told=(
            "error data-sets: LD0/LLN0 DataSet ddddddddddddddddddddddddddddddddd: "
            "'ddddddddddddddddddddddddddddddddd' is no name"
        ),
    ),
    "more data sets than promised": Mistake(
        [('<ConfDataSet max="2"', '<ConfDataSet max="1"')],
        at='<DataSet name="dsNames"',
        told="error services: IED BOX: there are 2 DataSet, ConfDataSet allows 1",
    ),
    "more reports than promised": Mistake(
        [('<ConfReportControl max="3"', '<ConfReportControl max="1"')],
        at='<ReportControl name="urcb"',
        told="error services: IED BOX: there are 2 ReportControl, ConfReportControl allows 1",
    ),
    "a report on a data set of nowhere": Mistake(
        [
            (
                '<ReportControl name="brcb" datSet="dsMeas" confRev="1" buffered="true" intgPd="60000">',
                (
                    '<ReportControl name="brcb" datSet="dsMeasured" confRev="1" buffered="true" '
                    'intgPd="60000">'
                ),
            )
        ],
        at='datSet="dsMeasured"',
        told="error reports: LD0/LLN0 ReportControl brcb: there is no DataSet dsMeasured in LD0/LLN0",
    ),
    "a data set without a revision": Mistake(
        [
            (
                '<ReportControl name="brcb" datSet="dsMeas" confRev="1" buffered="true" intgPd="60000">',
                '<ReportControl name="brcb" datSet="dsMeas" confRev="0" buffered="true" intgPd="60000">',
            )
        ],
        at='confRev="0" buffered',
        told="error reports: LD0/LLN0 ReportControl brcb: confRev is 0 with a data set",
    ),
    "a revision without a data set": Mistake(
        [
            (
                '<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
                '<ReportControl name="urcb" confRev="7" indexed="false" rptID="live">',
            )
        ],
        at='confRev="7"',
        told="note reports: LD0/LLN0 ReportControl urcb: confRev is 7 without a data set",
    ),
    "a revision that is no number": Mistake(
        [
            (
                '<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
                '<ReportControl name="urcb" confRev="-1" indexed="false" rptID="live">',
            )
        ],
        at='confRev="-1"',
        told="error reports: LD0/LLN0 ReportControl urcb: confRev is '-1'",
    ),
    "integrity without an interval": Mistake(
        [(' intgPd="60000"', "")],
        at='<TrgOps dchg="true" qchg',
        told="error reports: LD0/LLN0 ReportControl brcb: TrgOps have period without an interval",
    ),
    "an interval without integrity": Mistake(
        [('<TrgOps dchg="true" qchg="true" period="true"/>', '<TrgOps dchg="true" qchg="true"/>')],
        at='<ReportControl name="brcb" datSet="dsMeas" confRev="1" buffered="true" intgPd="60000">',
        told="error reports: LD0/LLN0 ReportControl brcb: intgPd is 60000 without period in TrgOps",
    ),
    "nothing that triggers": Mistake(
        [("<TrgOps/>", '<TrgOps gi="false"/>')],
        at='<TrgOps gi="false"/>',
        told="error reports: LD0/LLN0 ReportControl urcb: nothing triggers it",
    ),
    "no trigger options": Mistake(
        [("<TrgOps/>\n", "")],
        at='<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
        told="error reports: LD0/LLN0 ReportControl urcb: nothing triggers it",
    ),
    "triggers that no member has": Mistake(
        [
            ("<TrgOps/>", '<TrgOps dchg="true"/>'),
            (
                '<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
                '<ReportControl name="urcb" confRev="1" datSet="dsNames" indexed="false" rptID="live">',
            ),
        ],
        at='<TrgOps dchg="true"/>',
        told=(
            "note reports: LD0/LLN0 ReportControl urcb: no member of dsNames has a trigger "
            "dchg: it never sends for one"
        ),
    ),
    "an index of three digits": Mistake(
        [('<RptEnabled max="3"/>', '<RptEnabled max="100"/>')],
        at='<RptEnabled max="100"/>',
        told="error reports: LD0/LLN0 ReportControl brcb: it has 100 instances",
    ),
    "several instances without an index": Mistake(
        [("<OptFields/>", '<OptFields/>\n<RptEnabled max="2"/>')],
        at='<RptEnabled max="2"/>',
        told="error reports: LD0/LLN0 ReportControl urcb: it has 2 instances",
    ),
    "an instance named as another block": Mistake(
        [
            (
                '<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
                '<ReportControl name="brcb02" confRev="0" indexed="false" rptID="live">',
            )
        ],
        at='<ReportControl name="brcb02"',
        told=(
            "error reports: LD0/LLN0 ReportControl brcb02: its instance brcb02 is one of the block in line 22"
        ),
    ),
    "a name of a report too long": Mistake(
        [
            (
                '<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
                (
                    '<ReportControl name="rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr" confRev="0" '
                    'indexed="false" rptID="live">'
                ),
            )
        ],
        at='<ReportControl name="rrr',
        told=(
            "error reports: LD0/LLN0 ReportControl rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr: "
            "'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr' is no name"
        ),
    ),
    "item names of a report too long": Mistake(
        [
            (
                '<LN prefix="Rly" lnClass="GGIO" inst="1" lnType="GGIO">\n',
                (
                    '<LN prefix="RelaysHouse" lnClass="GGIO" inst="1" lnType="GGIO">\n'
                    '<ReportControl name="rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr" confRev="0" '
                    'buffered="true"><TrgOps/><OptFields/></ReportControl>\n'
                ),
            )
        ],
        at='<ReportControl name="rrr',
        told=(
            "error reports: HP/RelaysHouseGGIO1 ReportControl rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr: "
            "the item names of its attributes have up to 66 characters"
        ),
    ),
    "a report id too long": Mistake(
        [
            (
                'rptID="live"',
                (
                    'rptID="iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii'
                    'iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"'
                ),
            )
        ],
        at='<ReportControl name="urcb"',
        told="error reports: LD0/LLN0 ReportControl urcb: rptID has 130 characters",
    ),
    "a log on a data set of nowhere": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="lcb" datSet="dsLog" logName="log">',
            )
        ],
        at='<LogControl name="lcb" datSet="dsLog"',
        told="error logs: LD0/LLN0 LogControl lcb: there is no DataSet dsLog in LD0/LLN0",
    ),
    "no such log": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="lcb" datSet="dsMeas" logName="other">',
            )
        ],
        at='logName="other"',
        told="error logs: LD0/LLN0 LogControl lcb: there is no Log other in LD0/LLN0",
    ),
    "a log that nothing triggers": Mistake(
        [('<TrgOps dchg="true" gi="false"/>', '<TrgOps gi="true"/>')],
        at='<TrgOps gi="true"/>',
        told="error logs: LD0/LLN0 LogControl lcb: nothing triggers it",
    ),
    "a log with an interval without integrity": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="lcb" datSet="dsMeas" intgPd="5" logName="log">',
            )
        ],
        at='intgPd="5"',
        told="error logs: LD0/LLN0 LogControl lcb: intgPd is 5 without period in TrgOps",
    ),
    "a log control block twice": Mistake(
        [
            ('<ConfLogControl max="1"/>', '<ConfLogControl max="2"/>'),
            (
                '<Log name="log"/>',
                (
                    '<LogControl name="lcb" logName="log"><TrgOps dchg="true"/></LogControl>\n'
                    '<Log name="log"/>'
                ),
            ),
        ],
        at='<LogControl name="lcb" logName',
        told="error logs: LD0/LLN0 LogControl lcb: the name is there already, in line 31",
    ),
    "a name of a log control block": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="l b" datSet="dsMeas" logName="log">',
            )
        ],
        at='<LogControl name="l b"',
        told="error logs: LD0/LLN0 LogControl l b: 'l b' is no name",
    ),
    "a name of a log": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="lcb" datSet="dsMeas" logName="l$g">',
            ),
            ('<Log name="log"/>', '<Log name="l$g"/>'),
        ],
        at="<LogControl",
        told="error logs: LD0/LLN0 LogControl lcb: 'l$g' is no name of a log",
    ),
    "a log of a node that is not there": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="lcb" datSet="dsMeas" logName="log" ldInst="MEET">',
            )
        ],
        at='ldInst="MEET"',
        told="error logs: LD0/LLN0 LogControl lcb: there is no logical node of its log",
    ),
    "a time of a log that is no number": Mistake(
        [
            (
                '<LogControl name="lcb" datSet="dsMeas" logName="log">',
                '<LogControl name="lcb" datSet="dsMeas" logName="log" bufTime="soon">',
            )
        ],
        at='bufTime="soon"',
        told="error logs: LD0/LLN0 LogControl lcb: bufTime is 'soon'",
    ),
    "a time of a report too long": Mistake(
        [
            (
                '<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">',
                ('<ReportControl name="urcb" confRev="0" indexed="false" rptID="live" bufTime="4294967296">'),
            )
        ],
        at='bufTime="4294967296"',
        told="error reports: LD0/LLN0 ReportControl urcb: bufTime is '4294967296'",
    ),
    "a name of a data set with a blank": Mistake(
        [('"dsNames"', '"ds Names"')],
        at='<DataSet name="ds Names"',
        told="error data-sets: LD0/LLN0 DataSet ds Names: 'ds Names' is no name",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_finding_in_its_line(name: str) -> None:
    mistake = MISTAKES[name]
    assert told(mistake.text) == [mistake.expected]

"""A small model in which nothing is to be found, and what a change to it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iec61850_model.check import check_model

QT = '<DA name="q" fc="ST" bType="Quality" qchg="true"/><DA name="t" fc="ST" bType="Timestamp"/>'

EXAMPLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B" release="4">
<Header id="example"/>
<IED name="BOX">
<Services nameLength="64">
<ConfDataSet max="2" maxAttributes="4"/>
<TimerActivatedControl/>
<ConfReportControl max="3"/>
<ConfLogControl max="1"/>
</Services>
<AccessPoint name="AP1"><Server><Authentication none="true"/>
<LDevice inst="LD0" ldName="LD0">
<LN0 lnClass="LLN0" inst="" lnType="LLN0_root">
<DataSet name="dsMeas">
<FCDA ldInst="MET" prefix="Fwd" lnClass="STMP" lnInst="1" doName="Tmp" fc="MX"/>
<FCDA ldInst="MET" prefix="Fwd" lnClass="STMP" lnInst="1" doName="Tmp" daName="mag.f" fc="MX"/>
<FCDA ldInst="MET" lnClass="MMXU" lnInst="1" doName="PhV.phsA" fc="MX"/>
</DataSet>
<DataSet name="dsNames">
<FCDA ldInst="LD0" lnClass="LPHD" lnInst="1" doName="PhyNam" fc="DC"/>
</DataSet>
<ReportControl name="brcb" datSet="dsMeas" confRev="1" buffered="true" intgPd="60000">
<TrgOps dchg="true" qchg="true" period="true"/>
<OptFields seqNum="true"/>
<RptEnabled max="3"/>
</ReportControl>
<ReportControl name="urcb" confRev="0" indexed="false" rptID="live">
<TrgOps/>
<OptFields/>
</ReportControl>
<LogControl name="lcb" datSet="dsMeas" logName="log">
<TrgOps dchg="true" gi="false"/>
</LogControl>
<Log name="log"/>
</LN0>
<LN lnClass="LPHD" inst="1" lnType="LPHD"/>
</LDevice>
<LDevice inst="MET" ldName="MET">
<LN0 lnClass="LLN0" inst="" lnType="LLN0_sub"/>
<LN prefix="Fwd" lnClass="STMP" inst="1" lnType="STMP">
<DOI name="Tmp"><SDI name="units">
<DAI name="SIUnit"><Val>°C</Val></DAI>
</SDI></DOI>
</LN>
<LN lnClass="MMXU" inst="1" lnType="MMXU"/>
<LN lnClass="MMTR" inst="1" lnType="MMTR"/>
<LN lnClass="CALH" inst="1" lnType="CALH"/>
</LDevice>
<LDevice inst="HP" ldName="HP">
<LN0 lnClass="LLN0" inst="" lnType="LLN0_sub"/>
<LN prefix="Rly" lnClass="GGIO" inst="1" lnType="GGIO">
<DOI name="SPCSO1">
<DAI name="ctlModel"><Val>direct-with-normal-security</Val></DAI>
</DOI>
</LN>
<LN lnClass="KPMP" inst="1" lnType="KPMP"/>
<LN lnClass="FSCH" inst="1" lnType="FSCH"/>
</LDevice>
<LDevice inst="DER" ldName="DER">
<LN0 lnClass="LLN0" inst="" lnType="LLN0_sub"/>
<LN lnClass="DCTS" inst="1" lnType="DCTS"/>
</LDevice>
</Server></AccessPoint>
</IED>
<DataTypeTemplates>
<LNodeType id="LLN0_root" lnClass="LLN0">
<DO name="NamPlt" type="LPL_LLN0"/>
<DO name="Beh" type="ENS_Beh"/>
<DO name="Health" type="ENS_Health"/>
<DO name="Mod" type="ENC_Mod"/>
</LNodeType>
<LNodeType id="LLN0_sub" lnClass="LLN0">
<DO name="NamPlt" type="LPL_LLN0"/>
<DO name="Beh" type="ENS_Beh"/>
<DO name="GrRef" type="ORG"/>
</LNodeType>
<LNodeType id="LPHD" lnClass="LPHD">
<DO name="PhyNam" type="DPL"/>
<DO name="PhyHealth" type="ENS_Health"/>
<DO name="Proxy" type="SPS"/>
</LNodeType>
<LNodeType id="STMP" lnClass="STMP">
<DO name="Beh" type="ENS_Beh"/>
<DO name="Tmp" type="MV"/>
</LNodeType>
<LNodeType id="MMXU" lnClass="MMXU">
<DO name="Beh" type="ENS_Beh"/>
<DO name="PhV" type="WYE"/>
</LNodeType>
<LNodeType id="MMTR" lnClass="MMTR">
<DO name="Beh" type="ENS_Beh"/>
<DO name="TotWh" type="BCR"/>
</LNodeType>
<LNodeType id="CALH" lnClass="CALH">
<DO name="Beh" type="ENS_Beh"/>
<DO name="GrAlm" type="SPS"/>
</LNodeType>
<LNodeType id="GGIO" lnClass="GGIO">
<DO name="Beh" type="ENS_Beh"/>
<DO name="Alm1" type="SPS"/>
<DO name="SPCSO1" type="SPC"/>
<DO name="SPCSO2" type="SPC_sbo"/>
</LNodeType>
<LNodeType id="KPMP" lnClass="KPMP">
<DO name="Beh" type="ENS_Beh"/>
<DO name="SpdSpt" type="APC"/>
</LNodeType>
<LNodeType id="FSCH" lnClass="FSCH">
<DO name="Beh" type="ENS_Beh"/>
<DO name="SchdSt" type="ENS_State"/>
<DO name="NxtStrTm" type="TCS"/>
<DO name="SchdEnaErr" type="ENS_Error"/>
<DO name="EnaReq" type="SPC" transient="true"/>
<DO name="DsaReq" type="SPC" transient="true"/>
<DO name="NumEntr" type="ING"/>
<DO name="SchdIntv" type="ING"/>
<DO name="SchdReuse" type="SPG"/>
<DO name="ValSPS" type="SPS"/>
<DO name="ValSPG1" type="SPG"/>
<DO name="ValSPG2" type="SPG"/>
<DO name="StrTm1" type="TSG"/>
</LNodeType>
<LNodeType id="DCTS" lnClass="DCTS">
<DO name="NamPlt" type="LPL_DER"/>
<DO name="Beh" type="ENS_Beh"/>
<DO name="ThmStoTyp" type="ENG_Storage"/>
</LNodeType>
<DOType id="LPL_LLN0" cdc="LPL">
<DA name="vendor" fc="DC" bType="VisString255"/>
<DA name="swRev" fc="DC" bType="VisString255"/>
<DA name="configRev" fc="DC" bType="VisString255"/>
<DA name="ldNs" fc="EX" bType="VisString255"><Val>IEC 61850-7-4:2007B5</Val></DA>
</DOType>
<DOType id="LPL_DER" cdc="LPL">
<DA name="vendor" fc="DC" bType="VisString255"/>
<DA name="swRev" fc="DC" bType="VisString255"/>
<DA name="lnNs" fc="EX" bType="VisString255"><Val>IEC 61850-7-420:2019A4</Val></DA>
</DOType>
<DOType id="DPL" cdc="DPL">
<DA name="vendor" fc="DC" bType="VisString255"/>
</DOType>
<DOType id="ORG" cdc="ORG">
<DA name="setSrcRef" fc="SP" bType="ObjRef" dchg="true" valKind="RO"><Val>LD0</Val></DA>
</DOType>
<DOType id="ENS_Beh" cdc="ENS">
<DA name="stVal" fc="ST" bType="Enum" type="BehaviourModeKind" dchg="true"><Val>on</Val></DA>
{QT}
</DOType>
<DOType id="ENS_Health" cdc="ENS">
<DA name="stVal" fc="ST" bType="Enum" type="Health" dchg="true"/>
{QT}
</DOType>
<DOType id="ENS_State" cdc="ENS">
<DA name="stVal" fc="ST" bType="Enum" type="ScheduleStateKind" dchg="true"/>
{QT}
</DOType>
<DOType id="ENS_Error" cdc="ENS">
<DA name="stVal" fc="ST" bType="Enum" type="ScheduleEnablingErrorKind" dchg="true"/>
{QT}
</DOType>
<DOType id="ENC_Mod" cdc="ENC">
<DA name="stVal" fc="ST" bType="Enum" type="BehaviourModeKind" dchg="true"><Val>on</Val></DA>
{QT}
<DA name="ctlModel" fc="CF" bType="Enum" type="CtlModelKind" dchg="true"><Val>status-only</Val></DA>
</DOType>
<DOType id="ENG_Storage" cdc="ENG">
<DA name="setVal" fc="SP" bType="Enum" type="ThermalEnergyStorageKind"/>
</DOType>
<DOType id="SPS" cdc="SPS">
<DA name="stVal" fc="ST" bType="BOOLEAN" dchg="true"/>
{QT}
</DOType>
<DOType id="TCS" cdc="TCS">
<DA name="stVal" fc="ST" bType="Timestamp" dchg="true"/>
{QT}
</DOType>
<DOType id="MV" cdc="MV">
<DA name="mag" fc="MX" bType="Struct" type="AnalogueValue" dchg="true" dupd="true"/>
<DA name="q" fc="MX" bType="Quality" qchg="true"/>
<DA name="t" fc="MX" bType="Timestamp"/>
<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>
</DOType>
<DOType id="CMV" cdc="CMV">
<DA name="cVal" fc="MX" bType="Struct" type="Vector" dchg="true"/>
<DA name="q" fc="MX" bType="Quality" qchg="true"/>
<DA name="t" fc="MX" bType="Timestamp"/>
</DOType>
<DOType id="WYE" cdc="WYE">
<SDO name="phsA" type="CMV"/>
</DOType>
<DOType id="BCR" cdc="BCR">
<DA name="actVal" fc="ST" bType="INT64" dchg="true"/>
{QT}
<DA name="pulsQty" fc="CF" bType="FLOAT32" dchg="true"><Val>1</Val></DA>
</DOType>
<DOType id="SPC" cdc="SPC">
<DA name="stVal" fc="ST" bType="BOOLEAN" dchg="true"/>
{QT}
<DA name="ctlModel" fc="CF" bType="Enum" type="CtlModelKind"><Val>direct-with-normal-security</Val></DA>
<DA name="Oper" fc="CO" bType="Struct" type="Oper_SPC"/>
</DOType>
<DOType id="SPC_sbo" cdc="SPC">
<DA name="stVal" fc="ST" bType="BOOLEAN" dchg="true"/>
{QT}
<DA name="stSeld" fc="ST" bType="BOOLEAN" dchg="true"/>
<DA name="ctlModel" fc="CF" bType="Enum" type="CtlModelKind"><Val>sbo-with-enhanced-security</Val></DA>
<DA name="sboTimeout" fc="CF" bType="INT32U"/>
<DA name="operTimeout" fc="CF" bType="INT32U"/>
<DA name="SBOw" fc="CO" bType="Struct" type="Oper_SPC"/>
<DA name="Oper" fc="CO" bType="Struct" type="Oper_SPC"/>
<DA name="Cancel" fc="CO" bType="Struct" type="Cancel_SPC"/>
</DOType>
<DOType id="APC" cdc="APC">
<DA name="mxVal" fc="MX" bType="Struct" type="AnalogueValue" dchg="true"/>
<DA name="q" fc="MX" bType="Quality" qchg="true"/>
<DA name="t" fc="MX" bType="Timestamp"/>
<DA name="ctlModel" fc="CF" bType="Enum" type="CtlModelKind"><Val>direct-with-normal-security</Val></DA>
<DA name="Oper" fc="CO" bType="Struct" type="Oper_APC"/>
</DOType>
<DOType id="ING" cdc="ING">
<DA name="setVal" fc="SP" bType="INT32"/>
</DOType>
<DOType id="SPG" cdc="SPG">
<DA name="setVal" fc="SP" bType="BOOLEAN"/>
</DOType>
<DOType id="TSG" cdc="TSG">
<DA name="setTm" fc="SP" bType="Timestamp"/>
</DOType>
<DAType id="AnalogueValue">
<BDA name="f" bType="FLOAT32"/>
</DAType>
<DAType id="Vector">
<BDA name="mag" bType="Struct" type="AnalogueValue"/>
</DAType>
<DAType id="Unit">
<BDA name="SIUnit" bType="Enum" type="SIUnitKind"/>
</DAType>
<DAType id="Originator">
<BDA name="orCat" bType="Enum" type="OriginatorCategoryKind"/>
<BDA name="orIdent" bType="Octet64"/>
</DAType>
<DAType id="Oper_SPC">
<BDA name="ctlVal" bType="BOOLEAN"/>
<BDA name="operTm" bType="Timestamp"/>
<BDA name="origin" bType="Struct" type="Originator"/>
<BDA name="ctlNum" bType="INT8U"/>
<BDA name="T" bType="Timestamp"/>
<BDA name="Test" bType="BOOLEAN"/>
<BDA name="Check" bType="Check"/>
</DAType>
<DAType id="Cancel_SPC">
<BDA name="ctlVal" bType="BOOLEAN"/>
<BDA name="operTm" bType="Timestamp"/>
<BDA name="origin" bType="Struct" type="Originator"/>
<BDA name="ctlNum" bType="INT8U"/>
<BDA name="T" bType="Timestamp"/>
<BDA name="Test" bType="BOOLEAN"/>
</DAType>
<DAType id="Oper_APC">
<BDA name="ctlVal" bType="Struct" type="AnalogueValue"/>
<BDA name="origin" bType="Struct" type="Originator"/>
<BDA name="ctlNum" bType="INT8U"/>
<BDA name="T" bType="Timestamp"/>
<BDA name="Test" bType="BOOLEAN"/>
<BDA name="Check" bType="Check"/>
</DAType>
<EnumType id="BehaviourModeKind">
<EnumVal ord="1">on</EnumVal>
<EnumVal ord="5">off</EnumVal>
</EnumType>
<EnumType id="Health">
<EnumVal ord="1">Ok</EnumVal>
<EnumVal ord="3">Alarm</EnumVal>
<EnumVal ord="-1">Our own</EnumVal>
</EnumType>
<EnumType id="CtlModelKind">
<EnumVal ord="0">status-only</EnumVal>
<EnumVal ord="1">direct-with-normal-security</EnumVal>
<EnumVal ord="2">sbo-with-normal-security</EnumVal>
<EnumVal ord="3">direct-with-enhanced-security</EnumVal>
<EnumVal ord="4">sbo-with-enhanced-security</EnumVal>
</EnumType>
<EnumType id="OriginatorCategoryKind">
<EnumVal ord="3">remote-control</EnumVal>
</EnumType>
<EnumType id="ScheduleStateKind">
<EnumVal ord="1">Not ready</EnumVal>
</EnumType>
<EnumType id="ScheduleEnablingErrorKind">
<EnumVal ord="1">None</EnumVal>
</EnumType>
<EnumType id="ThermalEnergyStorageKind">
<EnumVal ord="1">For heating with storage</EnumVal>
</EnumType>
<EnumType id="SIUnitKind">
<EnumVal ord="23">°C</EnumVal>
</EnumType>
</DataTypeTemplates>
</SCL>
"""


@dataclass(frozen=True)
class Mistake:
    """Edits of the example, each of a text that is there once, and what is told where ``at`` stands then."""

    edits: Sequence[tuple[str, str]]
    at: str
    told: str

    @property
    def text(self) -> str:
        """The example with the mistake in it."""
        text = EXAMPLE
        for old, new in self.edits:
            assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        return text

    @property
    def expected(self) -> str:
        """What is told, with its line."""
        assert self.text.count(self.at) == 1, f"{self.at!r} is there {self.text.count(self.at)} times"
        return f"{self.text[: self.text.index(self.at)].count(chr(10)) + 1}: {self.told}"


def told(text: str) -> list[str]:
    """All findings, each ``line: severity rule: place: problem``."""
    found = check_model(text.encode()).findings
    assert all(one.remedy for one in found)
    return [f"{one.line}: {one.severity} {one.rule}: {one.place}: {one.problem}" for one in found]


def test_there_is_nothing_to_find_in_the_example() -> None:
    report = check_model(EXAMPLE.encode())
    assert report.findings == ()
    assert (report.errors, report.notes, report.devices, report.nodes) == (0, 0, 4, 13)

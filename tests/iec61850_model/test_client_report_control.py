"""Report control blocks against a scripted device: what is written, in which order; whose reports count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from iec61850_model.client import BadAnswer, NoSuchObject, ServiceErrorReceived, UnusableValue
from iec61850_model.client.rcb import RcbValues
from iec61850_model.client.report_control import Reports, data_set_name
from iec61850_model.client.reports import Report
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    DataValue,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    InformationReport,
    InitiateResponse,
    ObjectName,
    Payload,
    Pdu,
    Primitive,
    ReadResponse,
    RequestService,
    Structure,
    Unconfirmed,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.values import EntryTime, OptFlds, Trigger
from tests.iec61850_model.test_client import PEER, Device, described, node

TEXT = Primitive("visible-string", -129)
FLAG = Primitive("boolean")
SHARED = {"DatSet": TEXT, "ConfRev": Primitive("unsigned", 32), "OptFlds": Primitive("bit-string", -10)}
TIMES = {
    "BufTm": Primitive("unsigned", 32),
    "SqNum": Primitive("unsigned", 16),
    "TrgOps": Primitive("bit-string", -6),
    "IntgPd": Primitive("unsigned", 32),
    "GI": FLAG,
}
BUFFERED = {
    "RptID": TEXT,
    "RptEna": FLAG,
    **SHARED,
    **TIMES,
    "PurgeBuf": FLAG,
    "EntryID": Primitive("octet-string", 8),
    "TimeofEntry": Primitive("binary-time"),
    "ResvTms": Primitive("integer", 16),
    "Owner": Primitive("octet-string", -64),
}
UNBUFFERED = {"RptID": TEXT, "RptEna": FLAG, "Resv": FLAG, **SHARED, **TIMES}
LLN0 = node(BR={"brcbAvg01": BUFFERED}, RP={"urcbMeas01": UNBUFFERED}, ST={"Beh": {"stVal": FLAG}})
BRCB, URCB = Reference.parse("MET/LLN0.brcbAvg01"), Reference.parse("MET/LLN0.urcbMeas01")
ENTRY = bytes(range(8))
TIME = EntryTime.from_unix(1_800_000_000)
DONE: None = None


def reports(*script: Pdu) -> tuple[Device, Reports]:
    """The reports of a client of a device that describes its LLN0, then answers by the script."""
    device = Device(described(LLN0), *script)
    return device, Reports(device.client._exchange, device.client.definition)


def read(*values: Data | DataAccessError) -> Pdu:
    return ConfirmedResponse(0, ReadResponse(values))


def written(*results: DataAccessError | None) -> Pdu:
    return ConfirmedResponse(0, WriteResponse(results))


def structure(type_: dict[str, Any], **values: Any) -> Data:
    """A block whose attributes are those given, all others zero or empty."""
    zero = {
        "boolean": False,
        "unsigned": 0,
        "integer": 0,
        "bit-string": "",
        "visible-string": "",
        "octet-string": b"",
        "binary-time": EntryTime(0, 0),
    }
    parts = []
    for name, one in type_.items():
        empty = "0" * abs(one.size) if one.tag == "bit-string" else zero[one.tag]
        parts.append(Data(one.tag, values.get(name, empty)))
    return Data("structure", tuple(parts))


def services(device: Device) -> list[RequestService]:
    """What was asked after the definition."""
    asked = [one.pdu.service for one in device.asked if isinstance(one.pdu, ConfirmedRequest)]
    return asked[1:]


def writes(device: Device) -> list[list[tuple[str, DataValue]]]:
    """Each write request as (item, value) in order."""
    found = []
    for service in services(device):
        assert isinstance(service, WriteRequest)
        names: Sequence[ObjectName] = getattr(service.variables, "names", ())
        pairs = zip(names, service.data, strict=True)
        found.append([(name.item.rpartition("$")[2], data.value) for name, data in pairs])
    return found


# --- values ----------------------------------------------------------------------------------------


async def test_the_values_of_a_buffered_block() -> None:
    data = structure(
        BUFFERED,
        RptEna=True,
        DatSet="MET/LLN0$dsAvg",
        ConfRev=3,
        OptFlds="0100000000",
        BufTm=200,
        SqNum=65535,
        TrgOps="010001",
        EntryID=ENTRY,
        TimeofEntry=TIME,
        ResvTms=-1,
        Owner=b"me",
    )
    _, found = reports(read(data))
    values = await found.values(PEER, BRCB)
    assert values == RcbValues(
        reference=Reference.parse("MET/LLN0.brcbAvg01[BR]"),
        rpt_id="",
        rpt_ena=True,
        dat_set="MET/LLN0$dsAvg",
        conf_rev=3,
        opt_flds=OptFlds.SEQ_NUM,
        buf_tm=200,
        sq_num=65535,
        trg_ops=Trigger.DCHG | Trigger.GI,
        intg_pd=0,
        gi=False,
        resv=None,
        purge_buf=False,
        entry_id=ENTRY,
        time_of_entry=TIME,
        resv_tms=-1,
        owner=b"me",
    )
    assert values.buffered
    assert values.name_in_reports == "MET/LLN0$BR$brcbAvg01"


async def test_several_blocks_in_one_request() -> None:
    device, found = reports(read(structure(BUFFERED), structure(UNBUFFERED, RptID="mine", Resv=True)))
    first, second = await found.all_values(PEER, [BRCB, URCB])
    assert (first.buffered, second.buffered) == (True, False)
    assert (second.resv, second.purge_buf, second.entry_id, second.resv_tms) == (True, None, None, None)
    assert second.name_in_reports == "mine"
    assert len(services(device)) == 1
    assert await found.all_values(PEER, []) == []


@pytest.mark.parametrize(
    ("taken", "free"),
    [({}, True), ({"RptEna": True}, False), ({"ResvTms": -1}, False), ({"ResvTms": 5}, False)],
)
async def test_a_block_is_free_if_nobody_has_it(taken: dict[str, Any], free: bool) -> None:
    _, found = reports(read(structure(BUFFERED, **taken)))
    assert (await found.values(PEER, BRCB)).free is free


@pytest.mark.parametrize("text", ["MET/LLN0.Beh", "MET/LLN0.brcbAvg01[RP]", "MET/LLN0", "MET/LLN0.x"])
async def test_what_is_no_block_is_not_asked_for(text: str) -> None:
    device, found = reports()
    with pytest.raises(NoSuchObject):
        await found.values(PEER, Reference.parse(text))
    assert services(device) == []


async def test_a_block_that_cannot_be_read_or_is_none() -> None:
    _, found = reports(read(DataAccessError.OBJECT_ACCESS_DENIED))
    with pytest.raises(ServiceErrorReceived, match="access-violation"):
        await found.values(PEER, BRCB)
    _, found = reports(read())
    with pytest.raises(BadAnswer):
        await found.values(PEER, BRCB)
    odd = Structure((("RptID", TEXT),))
    device = Device(described(Structure((("BR", Structure((("brcbAvg01", odd),))),))))
    device.script.append(read(Data("structure", (Data("visible-string", ""),))))
    with pytest.raises(BadAnswer, match="no report control block"):
        await Reports(device.client._exchange, device.client.definition).values(PEER, BRCB)


# --- setting ---------------------------------------------------------------------------------------


async def test_one_write_in_the_order_a_server_accepts() -> None:
    device, found = reports(written(*[DONE] * 10))
    await found.set(
        PEER,
        BRCB,
        gi=True,
        rpt_ena=True,
        entry_id=ENTRY,
        intg_pd=5,
        trg_ops=Trigger.INTEGRITY,
        buf_tm=7,
        opt_flds=OptFlds.ENTRY_ID,
        dat_set="MET/LLN0$ds",
        rpt_id="x",
        resv_tms=60,
    )
    assert writes(device) == [
        [
            ("ResvTms", 60),
            ("RptID", "x"),
            ("DatSet", "MET/LLN0$ds"),
            ("OptFlds", "0000000100"),
            ("BufTm", 7),
            ("TrgOps", "000010"),
            ("IntgPd", 5),
            ("EntryID", ENTRY),
            ("RptEna", True),
            ("GI", True),
        ]
    ]


async def test_the_first_refusal_is_raised_with_its_attribute() -> None:
    _, found = reports(written(DONE, DataAccessError.TEMPORARILY_UNAVAILABLE))
    with pytest.raises(ServiceErrorReceived, match=r"urcbMeas01\.BufTm\[RP\].*current-state"):
        await found.set(PEER, URCB, resv=True, buf_tm=5)
    _, found = reports(written())
    with pytest.raises(BadAnswer):
        await found.set(PEER, URCB, resv=True)


async def test_what_the_block_has_not_is_not_sent() -> None:
    device, found = reports()
    with pytest.raises(UnusableValue, match="EntryID"):
        await found.set(PEER, URCB, rpt_ena=True, entry_id=ENTRY)
    with pytest.raises(UnusableValue, match="BufTm"):
        await found.set(PEER, URCB, buf_tm=-1)
    await found.set(PEER, URCB)
    assert services(device) == []


async def test_enabled_is_what_was_set_up_first() -> None:
    device, found = reports(written(DONE, DONE), written(DONE), written(DONE))
    await found.enable(PEER, URCB, gi=True, resv=True, buf_tm=5)
    assert writes(device) == [[("Resv", True), ("BufTm", 5)], [("RptEna", True)], [("GI", True)]]
    device, found = reports(written(DONE, DataAccessError.OBJECT_ACCESS_DENIED))
    with pytest.raises(ServiceErrorReceived):
        await found.enable(PEER, URCB, resv=True, buf_tm=5)
    assert len(writes(device)) == 1


async def test_resynchronising_disables_first() -> None:
    device, found = reports(*[written(DONE)] * 3)
    await found.resync(PEER, BRCB, ENTRY)
    assert writes(device) == [[("RptEna", False)], [("EntryID", ENTRY)], [("RptEna", True)]]


# --- members ---------------------------------------------------------------------------------------


def members(*names: ObjectName) -> Pdu:
    return ConfirmedResponse(0, GetNamedVariableListAttributesResponse(names))


async def test_members_are_asked_for_once_per_revision() -> None:
    power, power2 = ObjectName("MMXU1$MX$TotW", "MET"), ObjectName("MMXU2$MX$TotW", "MET")
    device, found = reports(members(power), members(power2), members(power))
    device.script.pop(0)
    (first,) = [await found.members(PEER, "MET/LLN0$ds", 1) for _ in range(2)][-1]
    assert first == Reference.parse("MET/MMXU1.TotW[MX]")
    assert len(device.asked) == 1
    await found.members(PEER, "MET/LLN0$ds", 2)
    found.forget("another")
    assert await found.members(PEER, "MET/LLN0$ds", 2) == (Reference.parse("MET/MMXU2.TotW[MX]"),)
    found.forget(PEER)
    assert await found.members(PEER, "MET/LLN0$ds", 2) == (first,)
    assert isinstance(device.asked[0].pdu, ConfirmedRequest)
    name = ObjectName("LLN0$ds", "MET")
    assert device.asked[0].pdu.service == GetNamedVariableListAttributesRequest(name)


async def test_a_member_that_is_no_reference_is_a_bad_answer() -> None:
    device, found = reports(members(ObjectName("MMXU1$XX$TotW", "MET")))
    device.script.pop(0)
    with pytest.raises(BadAnswer, match="XX"):
        await found.members(PEER, "MET/LLN0$ds", 1)


def test_names_of_data_sets() -> None:
    assert data_set_name("MET/LLN0$ds") == ObjectName("LLN0$ds", "MET")
    assert data_set_name("@mine") == ObjectName("@mine", aa_specific=True)
    assert data_set_name("/all") == ObjectName("all")


# --- reports ---------------------------------------------------------------------------------------


def message(association: str | None, *results: Data, name: str = "RPT") -> Payload:
    return Payload(Unconfirmed(InformationReport(VariableListName(ObjectName(name)), results)), association)


WHOLE = (
    Data("visible-string", "x"),
    Data("bit-string", "0000000000"),
    Data("bit-string", "1"),
    Data("boolean", True),
)


async def associated() -> tuple[Reports, list[Report], list[str]]:
    device, found = reports()
    device.script[:] = [InitiateResponse(65_536, 8, 8, 8)]
    assert (await device.client.associate(PEER)).id == "1:9"
    heard: list[Report] = []
    broken: list[str] = []
    found.on_report.append(lambda peer, report: heard.append(report))
    found.on_broken.append(lambda peer, why: broken.append(why))
    return found, heard, broken


async def test_only_reports_of_our_association_count() -> None:
    found, heard, _ = await associated()
    for peer, association in ((PEER, "1:8"), (PEER, None), ("another@hub.example.org/IEC", "1:9")):
        assert found.receive(peer, message(association, *WHOLE), 0.0), "it is a report, but not ours"
    assert heard == []
    assert not found.receive(PEER, message("1:9", *WHOLE, name="XXX"), 0.0)
    assert found.receive(PEER, message("1:9", *WHOLE), 0.0)
    assert [report.rpt_id for report in heard] == ["x"]


async def test_a_broken_report_is_told_and_does_no_harm() -> None:
    found, heard, broken = await associated()
    assert found.receive(PEER, message("1:9", *WHOLE[:2]), 0.0)
    assert found.receive(PEER, message("1:9", *WHOLE), 0.0)
    assert (len(broken), len(heard)) == (1, 1)


async def test_segments_come_as_one_report() -> None:
    found, heard, broken = await associated()

    def segment(number: int, more: bool, inclusion: str) -> Payload:
        head = (Data("visible-string", "x"), Data("bit-string", "0000000001"), Data("unsigned", number))
        rest = (Data("boolean", more), Data("bit-string", inclusion), Data("boolean", True))
        return message("1:9", *head, *rest)

    found.receive(PEER, segment(0, True, "10"), 0.0)
    assert heard == []
    found.receive(PEER, segment(1, False, "01"), 1.0)
    assert [[one.index for one in report.members] for report in heard] == [[0, 1]]
    found.receive(PEER, segment(0, True, "10"), 2.0)
    found.forget(PEER)
    found.receive(PEER, segment(1, False, "01"), 2.0)
    assert (len(heard), len(broken)) == (1, 1)

"""GetServerDirectory, Get...Directory and GetDataDefinition (7-2 clauses 6 to 12; 8-2 clauses 9 to 12)."""

from __future__ import annotations

import pytest
from box_server import Box, named

from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    PDU_SIZE,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Primitive,
    Structure,
    TypeDescription,
)
from iec61850_model.mms.xer import encode_payload

FLOAT = Primitive("floating-point", 32)
QUALITY, TIME = Primitive("bit-string", -13), Primitive("utc-time")
MISSING = ConfirmedError(7, OBJECT_NON_EXISTENT)


@pytest.fixture
def box() -> Box:
    return Box()


def variables(device: str, after: str | None = None) -> GetNameListRequest:
    return GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, device, after)


# --- names ----------------------------------------------------------------------------------------


def test_the_server_lists_its_logical_devices(box: Box) -> None:
    listed = box.service(GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD))
    assert listed == GetNameListResponse(("AVG", "DER", "HP", "LD0", "MET", "SCH"), more_follows=False)


def test_a_logical_device_lists_every_variable_in_ascii_order(box: Box) -> None:
    listed = box.service(variables("MET"))
    assert isinstance(listed, GetNameListResponse) and not listed.more_follows
    assert list(listed.identifiers) == sorted(set(listed.identifiers))
    assert {"LLN0", "MMXU1", "MMXU1$MX", "MMXU1$MX$TotW", "MMXU1$MX$TotW$mag$f"} <= set(listed.identifiers)


def test_the_logical_nodes_of_a_device_are_the_names_without_a_dollar(box: Box) -> None:
    listed = box.service(variables("HP"))
    assert isinstance(listed, GetNameListResponse)
    assert [name for name in listed.identifiers if "$" not in name] == [
        *("DhwFSPT1", "DhwKVLV1", "EvuGGIO1", "HcFCSD1", "HpGGIO1", "LLN0", "RlyGGIO1", "RmFSPT1"),
        *("SgrGGIO1", "ShKPMP1"),
    ]


@pytest.mark.parametrize("device", ["LD0", "MET", "HP", "AVG", "DER"])
def test_a_long_list_comes_in_pages_every_name_once_and_in_order(box: Box, device: str) -> None:
    id_ = box.associate(pdu_size=8192)
    pages: list[GetNameListResponse] = []
    while not pages or pages[-1].more_follows:
        after = pages[-1].identifiers[-1] if pages else None
        answer = box.ask(ConfirmedRequest(7, variables(device, after)), association=id_)
        assert len(encode_payload(Payload(answer, id_))) <= 8192
        assert isinstance(answer, ConfirmedResponse) and isinstance(answer.service, GetNameListResponse)
        assert answer.service.identifiers
        pages.append(answer.service)
    assert [name for page in pages for name in page.identifiers] == box.tree.devices[device].variable_names()
    assert device == "LD0" or len(pages) > 1


def test_a_list_goes_on_after_a_name_that_is_not_there(box: Box) -> None:
    listed = box.service(variables("HP", "RmFSPT1$MX$SptVal$mxVal$e"))
    assert isinstance(listed, GetNameListResponse)
    assert listed.identifiers[0] == "RmFSPT1$MX$SptVal$mxVal$f"


def test_after_the_last_name_nothing_follows(box: Box) -> None:
    assert box.service(variables("HP", "zzz")) == GetNameListResponse((), more_follows=False)


@pytest.mark.parametrize("device", ["NONE", "met", "MET/MMXU1"])
def test_a_device_that_is_not_there_has_no_directory(box: Box, device: str) -> None:
    assert box.service(variables(device)) == MISSING


@pytest.mark.parametrize(
    "request_",
    [
        GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.DOMAIN, "MET"),
        GetNameListRequest(ObjectClass.JOURNAL, ObjectScope.DOMAIN, "MET"),
        GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.AA),
        GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.VMD),
        GetNameListRequest(ObjectClass.JOURNAL, ObjectScope.VMD),
    ],
)
def test_what_this_model_has_none_of_is_an_empty_list(box: Box, request_: GetNameListRequest) -> None:
    assert box.service(request_) == GetNameListResponse((), more_follows=False)


# --- types ----------------------------------------------------------------------------------------


def described(box: Box, reference: str) -> TypeDescription:
    (name,) = named(reference).names
    answer = box.service(GetVariableAccessAttributesRequest(name))
    assert isinstance(answer, GetVariableAccessAttributesResponse), answer
    assert not answer.mms_deletable
    return answer.type


def test_the_definition_of_a_data_object(box: Box) -> None:
    magnitude = Structure((("f", FLOAT),))
    assert described(box, "MET/MMXU1.TotW[MX]") == Structure(
        (("mag", magnitude), ("q", QUALITY), ("t", TIME))
    )


def test_the_definition_of_one_attribute(box: Box) -> None:
    assert described(box, "MET/MMXU1.TotW.mag.f[MX]") == FLOAT
    assert described(box, "MET/MMXU1.TotW.units.SIUnit[CF]") == Primitive("integer", 8)


def test_the_definition_of_an_operate_has_the_order_of_the_standard(box: Box) -> None:
    oper = described(box, "HP/EvuGGIO1.SPCSO1.Oper[CO]")
    assert isinstance(oper, Structure)
    assert [name for name, _ in oper.components] == [
        *("ctlVal", "operTm", "origin", "ctlNum", "T", "Test", "Check")
    ]


def test_the_definition_of_a_logical_node_lists_its_functional_constraints(box: Box) -> None:
    node = described(box, "MET/MMXU1")
    assert isinstance(node, Structure)
    assert [name for name, _ in node.components] == ["ST", "MX", "CF", "DC"]


def test_every_logical_node_can_be_described(box: Box) -> None:
    for device in box.tree.devices.values():
        for ln in device.nodes:
            if ln not in TOO_LARGE:
                described(box, f"{device.name}/{ln}")


def test_a_node_too_large_to_describe_at_once_is_described_in_parts(box: Box) -> None:
    for ln in TOO_LARGE:
        (name,) = named(f"SCH/{ln}").names
        assert box.service(GetVariableAccessAttributesRequest(name)) == ConfirmedError(7, PDU_SIZE)
        for fc in ("ST", "MX", "CF", "CO"):
            described(box, f"SCH/{ln}[{fc}]")
        described(box, f"SCH/{ln}.ValASG100[SP]")


TOO_LARGE = [f"{what}FSCH{slot}" for what in ("Rm", "Pwr") for slot in (1, 2, 3, 4)]
"""Schedules of set points: the types of 100 structures are more than one PDU of 64 kB holds."""


@pytest.mark.parametrize(
    "name",
    [
        ObjectName("MMXU1$MX$Nope", "MET"),
        ObjectName("MMXU2", "MET"),
        ObjectName("MMXU1", "NONE"),
        ObjectName("MMXU1$XX", "MET"),
        ObjectName("MMXU1$SP", "MET"),
        ObjectName("MMXU1$MX$TotW$mag$f$g", "MET"),
        ObjectName("HcFCSD1$SP$Crv$crvPts$xVal", "HP"),
        ObjectName("MMXU1$MX$TotW"),
        ObjectName("TotW", aa_specific=True),
    ],
)
def test_what_is_not_there_has_no_definition(box: Box, name: ObjectName) -> None:
    assert box.service(GetVariableAccessAttributesRequest(name)) == MISSING


def test_a_definition_too_large_for_the_association_is_an_error(box: Box) -> None:
    id_ = box.associate(pdu_size=8192)
    (name,) = named("MET/MMXU1").names
    request = GetVariableAccessAttributesRequest(name)
    assert box.service(request, association=id_) == ConfirmedError(7, PDU_SIZE)
    assert isinstance(box.service(request), GetVariableAccessAttributesResponse)

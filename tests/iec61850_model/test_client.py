"""The client against a scripted device: what it says on the wire, and what it makes of each answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from iec61850_model.client import (
    AmbiguousReference,
    AssociationRefused,
    BadAnswer,
    Client,
    ClientError,
    ControlRefused,
    NoSuchObject,
    Operation,
    Rejected,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    PDU_SIZE,
    VERSION_INCOMPATIBLE,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesResponse,
    InformationReport,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    ObjectName,
    Payload,
    Pdu,
    Primitive,
    ReadResponse,
    Reject,
    RejectReason,
    Structure,
    Unconfirmed,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause, FunctionalConstraint, OrCat, Quality, ServiceError, Timestamp

FC = FunctionalConstraint
PEER = "hp0001@hub.example.org/IEC"
_T = TypeVar("_T")

QUALITY, TIME = Primitive("bit-string", -13), Primitive("utc-time")
MAGNITUDE = Structure((("f", Primitive("floating-point", 32)),))
ORIGIN = Structure((("orCat", Primitive("integer", 8)), ("orIdent", Primitive("octet-string", -64))))
OPER = Structure(
    (
        ("ctlVal", Primitive("boolean")),
        ("operTm", TIME),
        ("origin", ORIGIN),
        ("ctlNum", Primitive("unsigned", 8)),
        ("T", TIME),
        ("Test", Primitive("boolean")),
        ("Check", Primitive("bit-string", -2)),
    )
)
OLD_OPER = Structure(tuple(one for one in OPER.components if one[0] != "operTm"))


def node(**constraints: dict[str, Any]) -> Structure:
    """A logical node: functional constraint -> data object -> attributes."""

    def built(inside: Any) -> Any:
        if isinstance(inside, dict):
            return Structure(tuple((name, built(one)) for name, one in inside.items()))
        return inside

    built_node = built(constraints)
    assert isinstance(built_node, Structure)
    return built_node


STATUS = {"stVal": Primitive("boolean"), "q": QUALITY, "t": TIME}
RELAY = node(
    ST={"SPCSO1": STATUS, "SPCSO2": STATUS},
    CF={"SPCSO1": {"ctlModel": Primitive("integer", 8)}},
    CO={"SPCSO1": {"Oper": OPER}, "SPCSO2": {"Oper": OLD_OPER}},
)
METER = node(
    MX={"TotW": {"mag": MAGNITUDE, "q": QUALITY, "t": TIME}},
    SP={"Lim": {"setMag": MAGNITUDE}, "Both": {"setVal": Primitive("integer", 32)}},
    CF={"TotW": {"units": {"SIUnit": Primitive("integer", 8)}, "db": Primitive("unsigned", 32)}},
    DC={"NamPlt": {"vendor": Primitive("visible-string", -255)}},
    EX={"NamPlt": {"ldNs": Primitive("visible-string", -255)}},
)


class Device:
    """Answers each request with the next PDU of its script, everything as real XML on the way."""

    def __init__(self, *script: Pdu) -> None:
        self.script = list(script)
        self.asked: list[Payload] = []
        self.client = Client(self)

    async def request(self, peer: str, payload: Payload) -> Payload:
        assert peer == PEER
        asked = decode_payload(parse(encode_payload(payload)), strict=True)
        self.asked.append(asked)
        while isinstance(self.script[0], Unconfirmed):
            self.client.receive(peer, self._on_the_wire(Payload(self.script.pop(0))))
        answer = self.script.pop(0)
        if isinstance(asked.pdu, ConfirmedRequest) and isinstance(answer, ConfirmedResponse | ConfirmedError):
            answer = type(answer)(asked.pdu.invoke_id + answer.invoke_id, *_rest(answer))
        association = asked.association
        if isinstance(answer, InitiateResponse):
            association = f"{association}:9"
        return self._on_the_wire(Payload(answer, association))

    @staticmethod
    def _on_the_wire(payload: Payload) -> Payload:
        return decode_payload(parse(encode_payload(payload)), strict=True)


def _rest(answer: ConfirmedResponse | ConfirmedError) -> tuple[Any]:
    return (answer.service if isinstance(answer, ConfirmedResponse) else answer.error,)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def names(*identifiers: str, more: bool = False) -> Pdu:
    return ConfirmedResponse(0, GetNameListResponse(identifiers, more))


def described(type_: Structure) -> Pdu:
    return ConfirmedResponse(0, GetVariableAccessAttributesResponse(type_))


def values(*results: Data | DataAccessError) -> Pdu:
    return ConfirmedResponse(0, ReadResponse(results))


def written(*results: DataAccessError | None) -> Pdu:
    return ConfirmedResponse(0, WriteResponse(results))


def last_error(control: str, ctl_num: int, cause: int) -> Pdu:
    origin = Data("structure", (Data("integer", 3), Data("octet-string", b"")))
    parts = (
        Data("visible-string", control),
        Data("integer", 1),
        origin,
        Data("unsigned", ctl_num),
        Data("integer", cause),
    )
    return Unconfirmed(
        InformationReport(VariableList((ObjectName("LastApplError"),)), (Data("structure", parts),))
    )


def ref(text: str) -> Reference:
    return Reference.parse(text)


# --- directories -----------------------------------------------------------------------------------


def test_pages_are_asked_for_until_the_last() -> None:
    device = Device(names("HP", "LD0", more=True), names("MET"))
    assert run(device.client.server_directory(PEER)) == ["HP", "LD0", "MET"]
    second = device.asked[1].pdu
    assert isinstance(second, ConfirmedRequest)
    assert isinstance(second.service, GetNameListRequest)
    assert second.service.continue_after == "LD0"


def test_a_device_that_repeats_its_page_is_not_asked_for_ever() -> None:
    device = Device(names("HP", more=True), names("HP", more=True))
    with pytest.raises(BadAnswer, match="gives none"):
        run(device.client.server_directory(PEER))


def test_a_device_that_never_ends_is_not_asked_for_ever() -> None:
    device = Device(*(names(f"LD{page}", more=True) for page in range(300)))
    with pytest.raises(BadAnswer, match="256 pages"):
        run(device.client.server_directory(PEER))


def test_logical_nodes_are_the_names_without_dollar() -> None:
    device = Device(names("LLN0", "LLN0$ST", "LLN0$ST$Beh", "MMXU1", "MMXU1$MX"))
    assert run(device.client.logical_device_directory(PEER, "MET")) == ["LLN0", "MMXU1"]


def test_the_names_of_a_node_end_where_the_next_node_begins() -> None:
    device = Device(
        names(
            "MMXU1$CF$TotW", "MMXU1$MX$TotW", "MMXU1$MX$TotW$mag", "MMXU1$MX$Hz", "MMXU10", "MMXU10$ST$Beh",
            more=True,
        )
    )  # fmt: skip
    assert run(device.client.logical_node_directory(PEER, "MET", "MMXU1")) == ["Hz", "TotW"]


def test_a_node_without_names_does_not_exist() -> None:
    device = Device(names("MMXU1", "MMXU1$MX"))
    with pytest.raises(NoSuchObject):
        run(device.client.logical_node_directory(PEER, "MET", "MMTR1"))


def test_definitions_are_asked_for_once_until_the_peer_is_gone() -> None:
    device = Device(described(METER), described(METER))

    async def story() -> None:
        for _ in range(3):
            await device.client.definition(PEER, "MET", "MMXU1")
        assert len(device.asked) == 1
        device.client.peer_gone(PEER)
        await device.client.definition(PEER, "MET", "MMXU1")

    run(story())
    assert len(device.asked) == 2


def test_data_directory_and_definition() -> None:
    device = Device(described(METER))

    async def story() -> None:
        client = device.client
        assert await client.data_directory(PEER, ref("MET/MMXU1.TotW")) == [
            ("mag", FC.MX), ("q", FC.MX), ("t", FC.MX), ("units", FC.CF), ("db", FC.CF),
        ]  # fmt: skip
        assert await client.data_directory(PEER, ref("MET/MMXU1.TotW[CF]")) == [
            ("units", FC.CF),
            ("db", FC.CF),
        ]
        found = await client.data_definition(PEER, ref("MET/MMXU1.TotW.mag"))
        assert found == {FC.MX: MAGNITUDE}
        with pytest.raises(NoSuchObject):
            await client.data_definition(PEER, ref("MET/MMXU1.TotVA"))

    run(story())


def test_the_functional_constraint_is_inferred_when_clear() -> None:
    device = Device(described(METER))
    definition = run(device.client.definition(PEER, "MET", "MMXU1"))
    assert definition.to_read(ref("MET/MMXU1.TotW")).fc is FC.MX
    assert definition.to_read(ref("MET/MMXU1.TotW.units")).fc is FC.CF
    assert definition.to_read(ref("MET/MMXU1.Lim")).fc is FC.SP
    assert definition.to_read(ref("MET/MMXU1.NamPlt[EX]")).fc is FC.EX
    assert definition.to_write(ref("MET/MMXU1.TotW.db")).fc is FC.CF
    with pytest.raises(AmbiguousReference) as raised:
        definition.to_read(ref("MET/MMXU1.NamPlt"))
    assert raised.value.choices == ("MET/MMXU1.NamPlt[DC]", "MET/MMXU1.NamPlt[EX]")
    for missing in ("MET/MMXU1.TotVA", "MET/MMXU1.TotW[ST]"):
        with pytest.raises(KeyError):
            definition.to_read(ref(missing))


# --- values ----------------------------------------------------------------------------------------

POWER = Data(
    "structure",
    (
        Data("structure", (Data("floating-point", 1234.5),)),
        Data("bit-string", "0000000000000"),
        Data("utc-time", Timestamp(1_700_000_000, 0, 10)),
    ),
)


def test_several_values_in_one_request_with_failures_as_values() -> None:
    device = Device(values(POWER, DataAccessError.OBJECT_NON_EXISTENT, DataAccessError.OBJECT_ACCESS_DENIED))
    wanted = [ref(f"MET/MMXU1.{name}[MX]") for name in ("TotW", "TotVA", "Hz")]
    good, missing, denied = run(device.client.get_data_values(PEER, wanted))
    assert good == POWER
    assert isinstance(missing, NoSuchObject)
    assert isinstance(denied, ServiceErrorReceived)
    assert denied.service_error is ServiceError.ACCESS_VIOLATION
    assert "MET/MMXU1.Hz[MX]" in str(denied)
    assert len(device.asked) == 1


def test_all_values_of_a_constraint_by_name() -> None:
    device = Device(described(METER), values(Data("structure", (POWER,))))
    found = run(device.client.get_all_data_values(PEER, "MET", "MMXU1", FC.MX))
    assert found == {"TotW": {"mag": {"f": 1234.5}, "q": Quality(0), "t": Timestamp(1_700_000_000, 0, 10)}}


def test_a_value_that_does_not_fit_its_definition_is_no_value() -> None:
    short = Data("structure", (Data("structure", (Data("floating-point", 1.0),)),))
    device = Device(described(METER), values(Data("structure", (short,))))
    with pytest.raises(BadAnswer, match="does not fit"):
        run(device.client.get_all_data_values(PEER, "MET", "MMXU1", FC.MX))


def test_a_value_of_another_kind_is_no_value() -> None:
    wrong = Data("structure", (Data("structure", (Data("floating-point", 1.0),)), POWER[1][1], POWER[1][1]))
    device = Device(described(METER), values(Data("structure", (wrong,))))
    with pytest.raises(BadAnswer, match="t is a bit-string where its definition says utc-time"):
        run(device.client.get_all_data_values(PEER, "MET", "MMXU1", FC.MX))


def test_a_value_too_few_is_no_answer() -> None:
    device = Device(values(POWER))
    with pytest.raises(BadAnswer, match="1 values where 2"):
        run(device.client.get_data_values(PEER, [ref("MET/MMXU1.TotW[MX]"), ref("MET/MMXU1.Hz[MX]")]))


def test_writing_takes_a_number_for_an_analogue_setting() -> None:
    device = Device(described(METER), written(None, DataAccessError.OBJECT_ACCESS_DENIED))
    results = run(
        device.client.set_data_values(
            PEER, [(ref("MET/MMXU1.Lim.setMag[SP]"), 21.5), (ref("MET/MMXU1.Both.setVal[SP]"), -3)]
        )
    )
    assert results[0] is None
    assert isinstance(results[1], ServiceErrorReceived)
    request = device.asked[1].pdu
    assert isinstance(request, ConfirmedRequest)
    assert isinstance(request.service, WriteRequest)
    assert request.service.data == (
        Data("structure", (Data("floating-point", 21.5),)),
        Data("integer", -3),
    )


@pytest.mark.parametrize("value", [True, "warm", 1 << 40, 1.5, None])
def test_a_value_that_does_not_fit_is_never_sent(value: object) -> None:
    device = Device(described(METER))
    with pytest.raises(UnusableValue, match=r"MET/MMXU1\.Both"):
        run(device.client.set_data_values(PEER, [(ref("MET/MMXU1.Both.setVal[SP]"), value)]))
    assert len(device.asked) == 1


# --- control ---------------------------------------------------------------------------------------

NOW = 1_700_000_000.0


def test_operate_has_the_devices_components_in_its_order() -> None:
    device = Device(described(RELAY), written(None))
    operation = Operation(True, NOW, 7, at=NOW + 5, or_ident=b"agg", interlock_check=True)
    run(device.client.operate(PEER, ref("HP/RlyGGIO1.SPCSO1"), operation))
    request = device.asked[1].pdu
    assert isinstance(request, ConfirmedRequest)
    assert request.service == WriteRequest(
        VariableList((ObjectName("RlyGGIO1$CO$SPCSO1$Oper", "HP"),)),
        (
            Data(
                "structure",
                (
                    Data("boolean", True),
                    Data("utc-time", Timestamp.from_unix(NOW + 5)),
                    Data("structure", (Data("integer", OrCat.REMOTE_CONTROL), Data("octet-string", b"agg"))),
                    Data("unsigned", 7),
                    Data("utc-time", Timestamp.from_unix(NOW)),
                    Data("boolean", False),
                    Data("bit-string", "01"),
                ),
            ),
        ),
    )


def test_a_device_without_oper_tm_can_be_operated_at_once_only() -> None:
    device = Device(described(RELAY), written(None))

    async def story() -> None:
        with pytest.raises(UnusableValue, match="operTm"):
            await device.client.operate(PEER, ref("HP/RlyGGIO1.SPCSO2"), Operation(True, NOW, 1, at=NOW + 5))
        await device.client.operate(PEER, ref("HP/RlyGGIO1.SPCSO2"), Operation(False, NOW, 2))

    run(story())
    assert len(device.asked) == 2


@pytest.mark.parametrize("control", ["HP/RlyGGIO1$CO$SPCSO1", "HP/RlyGGIO1$CO$SPCSO1$Oper"])
def test_a_refusal_names_its_cause(control: str) -> None:
    device = Device(
        described(RELAY), last_error(control, 7, 12), written(DataAccessError.TEMPORARILY_UNAVAILABLE)
    )
    with pytest.raises(ControlRefused, match="Command-already-in-execution") as raised:
        run(device.client.operate(PEER, ref("HP/RlyGGIO1.SPCSO1"), Operation(True, NOW, 7)))
    assert raised.value.add_cause is AddCause.COMMAND_ALREADY_IN_EXECUTION


@pytest.mark.parametrize(("control", "ctl_num"), [("HP/RlyGGIO1$CO$SPCSO2", 7), ("HP/RlyGGIO1$CO$SPCSO1", 8)])
def test_the_cause_of_another_control_is_not_taken(control: str, ctl_num: int) -> None:
    device = Device(
        described(RELAY), last_error(control, ctl_num, 8), written(DataAccessError.OBJECT_ACCESS_DENIED)
    )
    with pytest.raises(ControlRefused) as raised:
        run(device.client.operate(PEER, ref("HP/RlyGGIO1.SPCSO1"), Operation(True, NOW, 7)))
    assert raised.value.add_cause is None
    assert raised.value.service_error is ServiceError.ACCESS_VIOLATION


def test_a_cause_from_somebody_else_is_not_taken() -> None:
    device = Device(described(RELAY), written(DataAccessError.OBJECT_ACCESS_DENIED))
    report = last_error("HP/RlyGGIO1$CO$SPCSO1", 7, 8)
    assert device.client.receive("hp0002@hub.example.org/IEC", Payload(report))
    with pytest.raises(ControlRefused) as raised:
        run(device.client.operate(PEER, ref("HP/RlyGGIO1.SPCSO1"), Operation(True, NOW, 7)))
    assert raised.value.add_cause is None


def test_what_cannot_be_operated_is_not_sent() -> None:
    device = Device(described(METER))

    async def story() -> None:
        with pytest.raises(UnusableValue, match="cannot be operated"):
            await device.client.operate(PEER, ref("MET/MMXU1.TotW"), Operation(True, NOW, 1))
        with pytest.raises(NoSuchObject):
            await device.client.operate(PEER, ref("MET/MMXU1.Nothing"), Operation(True, NOW, 1))

    run(story())
    assert len(device.asked) == 1


# --- associations and errors -----------------------------------------------------------------------

AGREED = InitiateResponse(32_000, 4, 4, 5)


def test_inside_an_association_every_request_carries_its_id() -> None:
    device = Device(AGREED, names("MET"), ConcludeResponse(), names("MET"))

    async def story() -> None:
        association = await device.client.associate(PEER)
        assert (association.id, association.pdu_size) == ("1:9", 32_000)
        await device.client.server_directory(PEER)
        await device.client.release(PEER)
        assert device.client.association(PEER) is None
        await device.client.server_directory(PEER)

    run(story())
    assert [payload.association for payload in device.asked] == ["1", "1:9", "1:9", None]
    assert isinstance(device.asked[0].pdu, InitiateRequest)
    assert isinstance(device.asked[2].pdu, ConcludeRequest)


def test_a_refused_association_is_none() -> None:
    device = Device(InitiateError(VERSION_INCOMPATIBLE))
    with pytest.raises(AssociationRefused, match="version-incompatible"):
        run(device.client.associate(PEER))
    assert device.client.association(PEER) is None


def test_an_association_the_device_forgot_is_forgotten_here_too() -> None:
    device = Device(AGREED, Reject(RejectReason.ILLEGAL_ACSE_MAPPING), names("MET"))

    async def story() -> None:
        await device.client.associate(PEER)
        with pytest.raises(Rejected):
            await device.client.server_directory(PEER)
        assert await device.client.server_directory(PEER) == ["MET"]

    run(story())
    assert device.asked[-1].association is None


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (ConfirmedError(0, OBJECT_NON_EXISTENT), NoSuchObject, "instance-not-available"),
        (ConfirmedError(0, PDU_SIZE), ServiceErrorReceived, "failed-due-to-communications-constraint"),
        (Reject(RejectReason.UNRECOGNIZED_SERVICE), Rejected, "unrecognized-service"),
        (ConcludeResponse(), BadAnswer, "ConcludeResponse"),
        (ConfirmedResponse(1, GetNameListResponse(("X",), False)), BadAnswer, "does not belong"),
        (ConfirmedError(1, OBJECT_NON_EXISTENT), BadAnswer, "does not belong"),
        (values(POWER), BadAnswer, "does not belong"),
    ],
)
def test_every_answer_is_an_error_with_a_name(answer: Pdu, kind: type[ClientError], words: str) -> None:
    with pytest.raises(ClientError, match=words) as raised:
        run(Device(answer).client.server_directory(PEER))
    assert type(raised.value) is kind

"""The server answers any PDU, known or not, with exactly one defined PDU (8-2, 10.2.2.1)."""

from __future__ import annotations

import re
from typing import Any

from box_model import box_tree
from box_server import NOON, OTHER, SP, Box, named, switch_of
from hypothesis import given, settings
from hypothesis import strategies as st
from mms_strategies import elements, payloads, pdus, values

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    Data,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Pdu,
    ReadRequest,
    Reject,
    UnknownService,
    VariableList,
    WriteRequest,
)
from iec61850_model.mms.xer import MalformedPdu, decode_payload, encode_payload, parse
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server, Settled, Switch
from iec61850_model.tree import Branch
from iec61850_model.values import AddCause, Timestamp

MODEL = box_tree()
ANOTHER_SLOT = re.compile(r"[A-Za-z0-9]+FSCH[2-9]\b", re.ASCII)
NAMES = [
    ObjectName(item, device.name)
    for device in MODEL.devices.values()
    for item in device.variable_names()
    if not ANOTHER_SLOT.match(item)  # thousands of names that are as those of the first slot
]
SETTINGS = [name for name in NAMES if "$SP" in name.item]
OPERS = [name for name in NAMES if name.item.endswith("$Oper")]
CAUSES = st.none() | st.sampled_from(AddCause)

near_noon = st.floats(-40, 40).map(lambda seconds: Timestamp.from_unix(NOON + seconds))
ctl_values = st.one_of(
    st.booleans().map(lambda on: Data("boolean", on)),
    st.integers(-1, 6).map(lambda state: Data("integer", state)),
    st.floats(0, 70, width=32).map(lambda spt: Data("structure", (Data("floating-point", spt),))),
)


def structure(*parts: Data) -> Data:
    return Data("structure", parts)


opers = st.builds(
    structure,
    ctl_values,
    st.one_of(st.just(Timestamp(0, 0, 0)), near_noon).map(lambda time: Data("utc-time", time)),
    st.integers(0, 8).map(lambda cat: structure(Data("integer", cat), Data("octet-string", b"agg7"))),
    st.integers(0, 3).map(lambda number: Data("unsigned", number)),
    near_noon.map(lambda time: Data("utc-time", time)),
    st.booleans().map(lambda test: Data("boolean", test)),
    st.just(Data("bit-string", "00")),
)


def variables(of: list[ObjectName]) -> st.SearchStrategy[VariableList]:
    return st.lists(st.sampled_from(of), min_size=1, max_size=4).map(lambda some: VariableList(tuple(some)))


def writes(of: list[ObjectName], data: st.SearchStrategy[Data]) -> st.SearchStrategy[WriteRequest]:
    """Writes to known variables, with the right number of values most of the time."""
    pairs = st.lists(st.tuples(st.sampled_from(of), data), min_size=1, max_size=3)
    return pairs.map(
        lambda some: WriteRequest(VariableList(tuple(one for one, _ in some)), tuple(two for _, two in some))
    )


services = st.one_of(
    st.builds(ReadRequest, variables(NAMES)),
    writes(OPERS, opers),
    writes(SETTINGS, values(3)),
    writes(NAMES, st.one_of(opers, values(2))),
    st.builds(GetVariableAccessAttributesRequest, st.sampled_from(NAMES)),
    st.builds(
        GetNameListRequest,
        st.sampled_from(ObjectClass),
        st.just(ObjectScope.DOMAIN),
        st.sampled_from(["LD0", "MET", "HP", "NONE"]),
        st.none() | st.sampled_from([name.item for name in NAMES]),
    ),
    st.builds(UnknownService, st.sampled_from(["fileOpen", "defineNamedVariableList"])),
)
known: st.SearchStrategy[Pdu] = st.builds(ConfirmedRequest, st.integers(0, 9), services)
asked = st.one_of(
    payloads,
    st.builds(Payload, known, st.sampled_from([None, None, "1:1", "1:2"])),
    st.builds(Payload, st.just(InitiateRequest()), st.just("1")),
)


class Answers:
    """Collects what a server answers, and insists that every request has one answer in the end."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.replies: dict[object, int] = {}
        self.open: list[Switch] = []

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Reply(_, token, payload):
                    self.replies[token] = self.replies.get(token, 0) + 1
                    check_encodes(payload)
                case Send(_, payload):
                    check_encodes(payload)
                case Switch():
                    self.open.append(effect)
                case Settled(references):
                    assert references


def check_encodes(payload: Payload) -> None:
    """What leaves the server is 8-2, and the strictest reader takes it."""
    assert decode_payload(parse(encode_payload(payload)), strict=True) == payload


@given(
    requests=st.lists(
        st.tuples(
            asked, st.sampled_from([SP, OTHER]), st.sampled_from([100, 9000, 70_000]), st.floats(0, 200)
        ),
        max_size=8,
    ),
    causes=st.lists(CAUSES, min_size=30, max_size=30),
    reporting=st.lists(st.booleans(), min_size=8, max_size=8),
)
@settings(max_examples=150)
def test_every_request_has_exactly_one_answer(
    requests: list[tuple[Payload, str, int, float]], causes: list[AddCause | None], reporting: list[bool]
) -> None:
    box = Box()
    answers = Answers(box.server)
    for at, (payload, peer, octets, seconds) in enumerate(requests):
        answers.take(answers.server.handle(Incoming(peer, at, payload, octets), box.moment))
        if reporting[at]:
            answers.take(box.wait(seconds))
            report_all(answers, box, causes)
    report_all(answers, box, causes)
    assert answers.replies == dict.fromkeys(range(len(requests)), 1)


def report_all(answers: Answers, box: Box, causes: list[AddCause | None]) -> None:
    while answers.open:
        switch = answers.open.pop()
        answers.take(answers.server.switched(switch.key, causes[switch.key % len(causes)], box.moment))


@given(pdu=pdus, association=st.sampled_from([None, "1:1", "999"]), octets=st.integers(0, 1 << 20))
@settings(max_examples=200)
def test_any_pdu_has_exactly_one_answer(pdu: Pdu, association: str | None, octets: int) -> None:
    answers = Answers(Server(MODEL))
    effects = answers.server.handle(Incoming(SP, "iq", Payload(pdu, association), octets), Moment(NOON))
    answers.take(effects)
    assert answers.replies == {"iq": 1}


@given(element=elements())
@settings(max_examples=150)
def test_what_is_no_pdu_is_rejected_with_its_reason(element: Any) -> None:
    answers = Answers(Server(MODEL))
    try:
        payload = decode_payload(element)
    except MalformedPdu as error:
        (reply,) = effects = Server.malformed(SP, "iq", error)
        assert isinstance(reply, Reply)
        assert reply.payload.pdu == Reject(error.reason, error.invoke_id)
    else:
        effects = answers.server.handle(Incoming(SP, "iq", payload, 100), Moment(NOON))
    answers.take(effects)
    assert answers.replies == {"iq": 1}


def test_every_variable_of_the_model_can_be_read_and_described() -> None:
    box = Box()
    for name in NAMES:
        for service in (ReadRequest(VariableList((name,))), GetVariableAccessAttributesRequest(name)):
            check_encodes(Payload(box.ask(ConfirmedRequest(7, service))))


@given(st.lists(writes(SETTINGS, values(3)), max_size=5))
@settings(max_examples=60)
def test_whatever_is_written_can_be_read_again(requests: list[WriteRequest]) -> None:
    box = Box()
    for request in requests:
        replies = [effect for effect in box.hear(ConfirmedRequest(7, request)) if isinstance(effect, Reply)]
        assert len(replies) == 1
    everything = named("HP/HcFCSD1[SP]", "MET/ShMFLW1[SP]", "MET/LLN0[SP]", "SCH/EvuFSCH1[SP]")
    check_encodes(Payload(box.ask(ConfirmedRequest(7, ReadRequest(everything)))))


# --- a value is never seen with another's quality or time ------------------------------------------


@given(steps=st.lists(st.tuples(st.booleans(), st.floats(0, 20), CAUSES), min_size=1, max_size=6))
@settings(max_examples=40)
def test_a_status_is_always_the_last_one_taken_with_its_own_time_and_origin(
    steps: list[tuple[bool, float, AddCause | None]],
) -> None:
    box = Box()
    block = "HP/EvuGGIO1.SPCSO1"
    (shown,) = box.read(f"{block}[ST]")
    for number, (on, seconds, cause) in enumerate(steps):
        box.wait(seconds)
        effects = box.operate(block, box.oper(Data("boolean", on), number=number))
        assert box.read(f"{block}[ST]") == (shown,)
        assert switch_of(effects).value is on
        box.wait(seconds / 2)
        box.carried_out(effects, cause)
        if cause is None:
            origin = structure(Data("integer", 3), Data("octet-string", b"agg7"))
            shown = structure(
                origin,
                Data("unsigned", number),
                Data("boolean", on),
                Data("bit-string", "0" * 13),
                Data("utc-time", box.moment.timestamp),
            )
        assert box.read(f"{block}[ST]") == (shown,)


def test_the_names_of_the_status_are_in_this_order() -> None:
    branch = MODEL.devices["HP"].nodes["EvuGGIO1"].by_fc
    (status,) = [part.children["SPCSO1"] for fc, part in branch.items() if fc == "ST"]
    assert isinstance(status, Branch)
    assert list(status.children) == ["origin", "ctlNum", "stVal", "q", "t"]

"""Associate, Release and Abort; an association is a lease (7-2 clause 8, 8-2 clause 10)."""

from __future__ import annotations

import dataclasses

import pytest
from box_server import NOON, OTHER, SP, Box, named

from iec61850_model.mms.pdu import (
    FURTHER_COMMUNICATION_REQUIRED,
    INVOKE_ID_UNKNOWN,
    MAX_CALLING_INSUFFICIENT,
    MEMORY_UNAVAILABLE,
    MIN_PDU_SIZE,
    PARAMETER_CBB_INSUFFICIENT,
    PDU_SIZE,
    VERSION_INCOMPATIBLE,
    CancelError,
    CancelRequest,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    MmsError,
    Payload,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
)
from iec61850_model.server import Reply
from iec61850_model.server.associations import LEASE_SECONDS, MAX_ASSOCIATIONS, MAX_ASSOCIATIONS_PER_PEER

PROPOSED = InitiateRequest()
READ = ConfirmedRequest(7, ReadRequest(named("LD0/LLN0.Beh.stVal[ST]")))
VALUE = ConfirmedResponse(7, ReadResponse((Data("integer", 1),)))
UNKNOWN = Reject(RejectReason.ILLEGAL_ACSE_MAPPING)
BLOCK = "HP/EvuGGIO1.SPCSO1"


@pytest.fixture
def box() -> Box:
    return Box()


# --- Associate ------------------------------------------------------------------------------------


def test_both_halves_make_the_id_and_the_smaller_offer_counts(box: Box) -> None:
    proposal = InitiateRequest(local_detail=16_384, max_calling=3, max_called=100, nesting=5)
    (reply,) = box.hear(proposal, association="27")
    assert reply == Reply(
        SP, "iq1", Payload(InitiateResponse(16_384, max_calling=3, max_called=8, nesting=5), "27:1")
    )


def test_what_is_offered_above_our_own_limits_is_cut_to_them(box: Box) -> None:
    (reply,) = box.hear(InitiateRequest(1 << 24, 0x7FFF, 0x7FFF, 0x7F, version=2), association="1")
    assert isinstance(reply, Reply)
    assert reply.payload.pdu == InitiateResponse(65_536, 8, 8, 8, version=1)


def test_a_client_without_a_half_of_its_own_gets_zero(box: Box) -> None:
    assert box.associate(half=None) == "0:1"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": 0}, VERSION_INCOMPATIBLE),
        ({"local_detail": MIN_PDU_SIZE - 1}, PDU_SIZE),
        ({"max_calling": 0}, MAX_CALLING_INSUFFICIENT),
        ({"parameter_cbb": frozenset({"str1", "str2"})}, PARAMETER_CBB_INSUFFICIENT),
    ],
)
def test_a_proposal_that_cannot_be_met_is_refused(box: Box, change: dict[str, int], error: MmsError) -> None:
    assert box.ask(dataclasses.replace(PROPOSED, **change), association="1") == InitiateError(error)  # type: ignore[arg-type]  # one field
    assert len(box.server.associations) == 0


def test_the_smallest_proposal_is_accepted(box: Box) -> None:
    least = InitiateRequest(MIN_PDU_SIZE, max_calling=1, max_called=0, nesting=5)
    (reply,) = box.hear(least, association="1")
    assert isinstance(reply, Reply) and isinstance(reply.payload.pdu, InitiateResponse)


def test_one_client_cannot_take_all_associations(box: Box) -> None:
    ids = [box.associate() for _ in range(MAX_ASSOCIATIONS_PER_PEER)]
    assert len(set(ids)) == MAX_ASSOCIATIONS_PER_PEER
    assert box.ask(PROPOSED, association="1") == InitiateError(MEMORY_UNAVAILABLE)
    box.associate(peer=OTHER)


def test_a_server_has_so_many_associations_and_no_more(box: Box) -> None:
    for number in range(MAX_ASSOCIATIONS):
        box.associate(peer=f"agg{number}@hub.example.org/desk1")
    assert box.ask(PROPOSED, association="1") == InitiateError(MEMORY_UNAVAILABLE)


def test_ids_are_used_again_but_never_twice_at_once(box: Box) -> None:
    kept = box.associate()
    for _ in range(2000):
        ended = box.associate()
        assert ended != kept
        assert box.ask(ConcludeRequest(), association=ended) == ConcludeResponse()
    assert box.ask(READ, association=kept) == VALUE


# --- use ------------------------------------------------------------------------------------------


def test_a_request_is_served_inside_an_association_or_without_one(box: Box) -> None:
    assert box.ask(READ, association=box.associate()) == VALUE
    assert box.ask(READ) == VALUE


@pytest.mark.parametrize("association", ["1:2", "9:1", "1"])
def test_an_id_that_is_not_known_is_rejected(box: Box, association: str) -> None:
    assert box.associate() == "1:1"
    assert box.ask(READ, association=association) == UNKNOWN
    assert box.ask(ConcludeRequest(), association=association) == UNKNOWN
    assert box.ask(CancelRequest(1), association=association) == UNKNOWN


def test_an_association_belongs_to_one_full_jid(box: Box) -> None:
    id_ = box.associate()
    for stranger in (OTHER, SP.partition("/")[0], SP + "2"):
        assert box.ask(READ, association=id_, peer=stranger) == UNKNOWN
    assert box.ask(READ, association=id_) == VALUE


def test_a_request_over_the_negotiated_size_is_refused(box: Box) -> None:
    id_ = box.associate(pdu_size=8192)
    assert box.ask(READ, association=id_, octets=8192) == VALUE
    assert box.ask(READ, association=id_, octets=8193) == ConfirmedError(7, PDU_SIZE)
    assert box.ask(READ, octets=65_536) == VALUE
    assert box.ask(READ, octets=65_537) == ConfirmedError(7, PDU_SIZE)


def test_a_response_over_the_negotiated_size_is_an_error_in_its_place(box: Box) -> None:
    id_ = box.associate(pdu_size=8192)
    everything = ConfirmedRequest(7, ReadRequest(named(*["MET/MMXU1[MX]"] * 6)))
    assert box.ask(everything, association=id_) == ConfirmedError(7, PDU_SIZE)
    answer = box.ask(everything)
    assert isinstance(answer, ConfirmedResponse) and isinstance(answer.service, ReadResponse)


def test_there_is_nothing_to_cancel(box: Box) -> None:
    assert box.ask(CancelRequest(7)) == CancelError(7, INVOKE_ID_UNKNOWN)


# --- Release --------------------------------------------------------------------------------------


def test_a_released_association_is_over(box: Box) -> None:
    id_ = box.associate()
    assert box.ask(ConcludeRequest(), association=id_) == ConcludeResponse()
    assert box.ask(READ, association=id_) == UNKNOWN
    assert len(box.server.associations) == 0


def test_a_release_waits_for_the_requests_of_its_association(box: Box) -> None:
    id_, another = box.associate(), box.associate()
    operated = box.operate(BLOCK, box.oper(Data("boolean", True)), association=id_)
    assert box.ask(ConcludeRequest(), association=id_) == ConcludeError(FURTHER_COMMUNICATION_REQUIRED)
    assert box.ask(ConcludeRequest(), association=another) == ConcludeResponse()
    (reply,) = box.carried_out(operated)
    assert isinstance(reply, Reply) and reply.payload.association == id_
    assert box.ask(ConcludeRequest(), association=id_) == ConcludeResponse()


def test_a_release_outside_any_association_ends_none(box: Box) -> None:
    id_ = box.associate()
    assert box.ask(ConcludeRequest()) == ConcludeResponse()
    assert box.ask(READ, association=id_) == VALUE


# --- Abort and lease ------------------------------------------------------------------------------


def test_a_client_that_is_gone_has_no_associations(box: Box) -> None:
    mine, others = [box.associate(), box.associate()], box.associate(peer=OTHER)
    box.server.peer_gone(SP, box.moment)
    assert [box.ask(READ, association=id_) for id_ in mine] == [UNKNOWN, UNKNOWN]
    assert box.ask(READ, association=others, peer=OTHER) == VALUE


def test_a_bare_jid_that_is_gone_takes_all_its_resources_along(box: Box) -> None:
    desk, sofa = box.associate(), box.associate(peer="agg7@hub.example.org/sofa")
    longer = box.associate(peer="agg7@hub.example.organic/desk1")
    box.server.peer_gone("agg7@hub.example.org", box.moment)
    assert box.ask(READ, association=desk) == UNKNOWN
    assert box.ask(READ, association=sofa, peer="agg7@hub.example.org/sofa") == UNKNOWN
    assert box.ask(READ, association=longer, peer="agg7@hub.example.organic/desk1") == VALUE


def test_a_domain_that_is_gone_takes_all_its_addresses_along(box: Box) -> None:
    """The hub was away: what became of its providers nobody knows."""
    mine, longer = box.associate(), box.associate(peer="agg7@hub.example.organic/desk1")
    box.server.peer_gone("hub.example.org", box.moment)
    assert box.ask(READ, association=mine) == UNKNOWN
    assert box.ask(READ, association=longer, peer="agg7@hub.example.organic/desk1") == VALUE


def test_a_lost_link_ends_them_all(box: Box) -> None:
    box.associate(), box.associate(peer=OTHER)
    box.server.link_lost(box.moment)
    assert len(box.server.associations) == 0


def test_a_lease_ends_after_so_long_without_a_request(box: Box) -> None:
    id_ = box.associate()
    box.wait(LEASE_SECONDS - 1)
    assert box.ask(READ, association=id_) == VALUE
    box.wait(LEASE_SECONDS - 1)
    assert box.ask(READ, association=id_) == VALUE
    box.wait(LEASE_SECONDS)
    assert box.ask(READ, association=id_) == UNKNOWN
    assert len(box.server.associations) == 0


def test_a_lease_that_is_over_is_over_before_the_next_tick(box: Box) -> None:
    id_ = box.associate()
    box.moment = dataclasses.replace(box.moment, now=NOON + LEASE_SECONDS)
    assert box.ask(READ, association=id_) == UNKNOWN


def test_the_server_says_when_it_next_has_something_to_do(box: Box) -> None:
    assert box.server.next_tick() is None
    id_ = box.associate()
    assert box.server.next_tick() == NOON + LEASE_SECONDS
    box.wait(100)
    box.ask(READ, association=id_)
    assert box.server.next_tick() == NOON + 100 + LEASE_SECONDS
    box.ask(ConcludeRequest(), association=id_)
    assert box.server.next_tick() is None

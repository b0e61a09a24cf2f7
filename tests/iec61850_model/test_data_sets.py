"""The data set services (7-2 clause 13, 8-2 clause 14) as dialogues with a box."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from box_model import box_blocks
from box_server import NOON, OTHER, SP, Box, named, structure, written

from iec61850_model.blocks import Blocks, DataSetConfig
from iec61850_model.mms.pdu import (
    ACCESS_UNSUPPORTED,
    INVALID_ADDRESS,
    INVALID_SERVICE,
    MEMORY_UNAVAILABLE,
    MIN_PDU_SIZE,
    OBJECT_CONSTRAINT_CONFLICT,
    OBJECT_EXISTS,
    OBJECT_NON_EXISTENT,
    OBJECT_UNDEFINED,
    PDU_SIZE,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    Data,
    DataAccessError,
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    GetNameListRequest,
    GetNameListResponse,
    MmsError,
    ObjectClass,
    ObjectName,
    ObjectScope,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    VariableListName,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.server import Reply, Settled
from iec61850_model.server.associations import LEASE_SECONDS
from iec61850_model.server.control import Client
from iec61850_model.server.data_sets import MAX_CREATED, MAX_MEMBERS, MAX_OF_ASSOCIATION, DataSets
from iec61850_model.values import GOOD, Timestamp

DENIED, MISSING = DataAccessError.OBJECT_ACCESS_DENIED, DataAccessError.OBJECT_NON_EXISTENT
KIND = DataAccessError.TYPE_INCONSISTENT
STAMP = Timestamp.from_unix(NOON)
POWER, COUNT, BLOCKED = "MET/MMXU1.TotW[MX]", "HP/HcFCSD1.Crv.numPts[SP]", "HP/EvuGGIO1.SPCSO1.stVal[ST]"
OPER = "HP/EvuGGIO1.SPCSO1.Oper[CO]"
MIXED = ObjectName("LLN0$dsMixed", "MET")
MINE = ObjectName("LLN0$dsMine", "MET")
OWN = ObjectName("@mine", aa_specific=True)


def config(name: ObjectName, *members: str) -> DataSetConfig:
    ln, _, its_name = name.item.partition("$")
    return DataSetConfig(name.domain or "", ln, its_name, tuple(Reference.parse(one) for one in members))


@pytest.fixture
def box() -> Box:
    """A box with one configured data set: a data object and a setting of two devices."""
    return Box(Blocks(data_sets=(config(MIXED, POWER, COUNT),)))


def read(box: Box, name: ObjectName, **at: str | None) -> object:
    answer = box.service(ReadRequest(VariableListName(name)), **at)  # type: ignore[arg-type]  # peer, association
    return answer.results if isinstance(answer, ReadResponse) else error_of(answer)


def write(box: Box, name: ObjectName, *values: Data) -> tuple[object, ...]:
    return written(box.hear(ConfirmedRequest(7, WriteRequest(VariableListName(name), values))))


def create(
    box: Box, name: ObjectName, *members: str, peer: str = SP, association: str | None = None
) -> MmsError | None:
    """None: created."""
    request = DefineNamedVariableListRequest(name, named(*members).names)
    answer = box.service(request, peer=peer, association=association)
    return None if answer == DefineNamedVariableListResponse() else error_of(answer)


def delete(
    box: Box, *names: ObjectName, peer: str = SP, association: str | None = None
) -> tuple[int, int] | MmsError:
    """How many matched, and how many of those were deleted."""
    answer = box.service(DeleteNamedVariableListRequest(names), peer=peer, association=association)
    if isinstance(answer, DeleteNamedVariableListResponse):
        return answer.matched, answer.deleted
    return error_of(answer)


def directory(box: Box, name: ObjectName) -> tuple[list[str], bool] | MmsError:
    """The members, and whether the data set may be deleted."""
    answer = box.service(GetNamedVariableListAttributesRequest(name))
    if isinstance(answer, GetNamedVariableListAttributesResponse):
        return [f"{one.domain}/{one.item}" for one in answer.variables], answer.deletable
    return error_of(answer)


def names(
    box: Box, domain: str | None = None, *, peer: str = SP, association: str | None = None
) -> Sequence[str]:
    """The data sets of a logical device, or of the association."""
    scope = ObjectScope.AA if domain is None else ObjectScope.DOMAIN
    request = GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, scope, domain)
    answer = box.service(request, peer=peer, association=association)
    assert isinstance(answer, GetNameListResponse) and not answer.more_follows
    return answer.identifiers


def error_of(answer: object) -> MmsError:
    assert isinstance(answer, ConfirmedError) and answer.invoke_id == 7
    return answer.error


# --- GetDataSetValues -----------------------------------------------------------------------------


def test_a_data_set_is_read_member_by_member_in_its_order(box: Box) -> None:
    box.tree.update(Reference.parse("MET/MMXU1.TotW"), 1234.5, GOOD, STAMP)
    assert read(box, MIXED) == box.read(POWER, COUNT)
    assert box.read(POWER, COUNT)[0] == structure(
        structure(Data("floating-point", 1234.5)), Data("bit-string", GOOD.bits), Data("utc-time", STAMP)
    )


def test_a_member_that_cannot_be_read_fails_alone() -> None:
    box = Box(Blocks(data_sets=(config(MIXED, COUNT, "MET/MMXU1.Nope[MX]", OPER, BLOCKED),)))
    assert read(box, MIXED) == (*box.read(COUNT), MISSING, DENIED, *box.read(BLOCKED))


@pytest.mark.parametrize(
    "name",
    [
        ObjectName("LLN0$dsNone", "MET"),
        ObjectName("LLN0$dsMixed", "HP"),
        ObjectName("LLN0$dsMixed"),
        ObjectName("LLN0$dsMixed", aa_specific=True),
        ObjectName("/LLN0$dsMixed"),
        OWN,
    ],
)
def test_a_data_set_that_is_not_there_is_neither_read_nor_written_nor_described(
    box: Box, name: ObjectName
) -> None:
    association = box.associate()
    assert read(box, name, association=association) == OBJECT_NON_EXISTENT
    assert box.service(WriteRequest(VariableListName(name), ())) == ConfirmedError(7, OBJECT_NON_EXISTENT)
    assert directory(box, name) == OBJECT_NON_EXISTENT


def test_the_answer_to_a_read_comes_without_the_specification(box: Box) -> None:
    request = ReadRequest(VariableListName(MIXED), specification_with_result=True)
    assert box.service(request) == ConfirmedError(7, INVALID_SERVICE)


def test_a_data_set_larger_than_the_negotiated_pdu_is_refused_as_a_whole() -> None:
    members = [POWER] * 60
    box = Box(Blocks(data_sets=(config(MIXED, *members),)))
    small = box.associate(pdu_size=MIN_PDU_SIZE)
    assert read(box, MIXED, association=small) == PDU_SIZE
    assert read(box, MIXED) == box.read(*members)


def test_the_data_sets_of_the_shipped_model_are_read_whole() -> None:
    blocks = box_blocks()
    box = Box(blocks)
    for one in blocks.data_sets:
        results = read(box, ObjectName(one.item, one.ld))
        assert isinstance(results, tuple) and len(results) == len(one.members)
        assert all(isinstance(result, Data) for result in results)


# --- SetDataSetValues -----------------------------------------------------------------------------


def test_each_member_is_written_or_refused_by_itself_and_the_box_is_told(box: Box) -> None:
    value = box.read(POWER)[0]
    assert isinstance(value, Data)
    request = WriteRequest(VariableListName(MIXED), (value, Data("unsigned", 3)))
    settled, reply = box.hear(ConfirmedRequest(7, request))
    assert settled == Settled((Reference.parse(COUNT),))
    assert written([reply]) == (DENIED, None)
    assert box.read(COUNT) == (Data("unsigned", 3),)


def test_values_of_the_wrong_kind_change_nothing(box: Box) -> None:
    before = box.read(COUNT)
    assert write(box, MIXED, Data("boolean", True), Data("boolean", True)) == (KIND, KIND)
    assert box.read(COUNT) == before


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_write_needs_one_value_for_each_member(box: Box, count: int) -> None:
    before = box.read(COUNT)
    request = WriteRequest(VariableListName(MIXED), (Data("unsigned", 3),) * count)
    assert box.service(request) == Reject(RejectReason.INVALID_ARGUMENT, 7)
    assert box.read(COUNT) == before


def test_a_control_is_not_operated_through_a_data_set() -> None:
    box = Box(Blocks(data_sets=(config(MIXED, OPER, COUNT),)))
    (settled, reply) = box.hear(
        ConfirmedRequest(
            7,
            WriteRequest(VariableListName(MIXED), (box.oper(Data("boolean", True)), Data("unsigned", 3))),
        )
    )
    assert isinstance(settled, Settled) and isinstance(reply, Reply)
    assert written([reply]) == (DENIED, None)


# --- CreateDataSet --------------------------------------------------------------------------------


def test_a_created_data_set_is_there_for_every_client(box: Box) -> None:
    assert create(box, MINE, POWER, "MET/MMXU1.TotW.mag.f[MX]") is None
    assert directory(box, MINE) == (["MET/MMXU1$MX$TotW", "MET/MMXU1$MX$TotW$mag$f"], True)
    assert read(box, MINE, peer=OTHER) == box.read(POWER, "MET/MMXU1.TotW.mag.f[MX]")
    assert names(box, "MET", peer=OTHER) == ("LLN0$dsMine", "LLN0$dsMixed")
    assert box.server.data_sets.members("MET", "LLN0$dsMine") == (
        Reference.parse(POWER),
        Reference.parse("MET/MMXU1.TotW.mag.f[MX]"),
    )


def test_a_created_data_set_outlives_the_association_it_was_created_in(box: Box) -> None:
    assert create(box, MINE, POWER, association=box.associate()) is None
    box.server.peer_gone(SP, box.moment)
    assert read(box, MINE) == box.read(POWER)


def test_a_name_is_given_once(box: Box) -> None:
    assert create(box, MIXED, POWER) == OBJECT_EXISTS
    assert create(box, MINE, POWER) is None
    assert create(box, MINE, COUNT) == OBJECT_EXISTS
    assert read(box, MINE) == box.read(POWER)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (ObjectName("LLN0$dsMine", "NONE"), OBJECT_UNDEFINED),
        (ObjectName("MMXU9$dsMine", "MET"), OBJECT_UNDEFINED),
        (ObjectName("dsMine", "MET"), OBJECT_UNDEFINED),
        (ObjectName("LLN0", "MET"), INVALID_ADDRESS),
        (ObjectName("LLN0$", "MET"), INVALID_ADDRESS),
        (ObjectName("LLN0$ds$Mine", "MET"), INVALID_ADDRESS),
        (ObjectName("LLN0$1st", "MET"), INVALID_ADDRESS),
        (ObjectName("LLN0$" + "d" * 33, "MET"), INVALID_ADDRESS),
        (ObjectName("/dsMine"), ACCESS_UNSUPPORTED),
        (OWN, ACCESS_UNSUPPORTED),
    ],
)
def test_a_name_that_cannot_be_is_told_why(box: Box, name: ObjectName, error: MmsError) -> None:
    assert create(box, name, POWER) == error
    assert directory(box, name) == OBJECT_NON_EXISTENT


def test_a_name_may_have_32_characters(box: Box) -> None:
    assert create(box, ObjectName("LLN0$" + "d" * 32, "MET"), POWER) is None


@pytest.mark.parametrize(
    ("member", "error"),
    [
        ("MET/MMXU1.Nope[MX]", OBJECT_UNDEFINED),
        ("MET/MMXU9.TotW[MX]", OBJECT_UNDEFINED),
        ("MET/MMXU1.TotW[ST]", OBJECT_UNDEFINED),
        ("MET:MMXU1", OBJECT_UNDEFINED),
        ("MET:MMXU1$MX", OBJECT_UNDEFINED),
        ("MET:no name", OBJECT_UNDEFINED),
        (":MMXU1$MX$TotW", OBJECT_UNDEFINED),
        (OPER, ACCESS_UNSUPPORTED),
        ("HP/EvuGGIO1.SPCSO1[CO]", ACCESS_UNSUPPORTED),
    ],
)
def test_members_are_data_that_exist(box: Box, member: str, error: MmsError) -> None:
    assert create(box, MINE, POWER, member) == error
    assert directory(box, MINE) == OBJECT_NON_EXISTENT


def test_a_control_block_is_no_member() -> None:
    box = Box(box_blocks())
    assert create(box, MINE, "LD0/LLN0.lcbStat.LogEna[LG]") == ACCESS_UNSUPPORTED


def test_the_number_of_members_is_limited(box: Box) -> None:
    assert create(box, MINE, *[POWER] * (MAX_MEMBERS + 1)) == OBJECT_CONSTRAINT_CONFLICT
    assert create(box, MINE, *[POWER] * MAX_MEMBERS) is None


def test_the_number_of_created_data_sets_is_limited_and_a_deleted_one_makes_room(box: Box) -> None:
    every = [ObjectName(f"LLN0$ds{number}", "MET") for number in range(MAX_CREATED + 1)]
    assert [create(box, name, POWER) for name in every] == [None] * MAX_CREATED + [MEMORY_UNAVAILABLE]
    assert delete(box, every[3]) == (1, 1)
    assert create(box, every[-1], POWER) is None


def test_a_configured_data_set_without_members_or_with_too_many_is_refused(box: Box) -> None:
    for count in (0, 513):
        with pytest.raises(ValueError, match=f"MET/LLN0\\$dsMixed has {count} members"):
            DataSets(box.tree, [config(MIXED, *[POWER] * count)])


# --- the data sets of an association --------------------------------------------------------------


def test_what_an_association_creates_nobody_else_sees(box: Box) -> None:
    mine, second = box.associate(), box.associate(half="2")
    others = box.associate(peer=OTHER)
    assert create(box, OWN, POWER, association=mine) is None
    assert read(box, OWN, association=mine) == box.read(POWER)
    assert names(box, association=mine) == ("@mine",)
    for peer, association in ((OTHER, others), (SP, second), (SP, None)):
        assert names(box, peer=peer, association=association) == ()
        assert read(box, OWN, peer=peer, association=association) == OBJECT_NON_EXISTENT
        assert delete(box, OWN, peer=peer, association=association) == (0, 0)
    assert names(box, "MET") == ("LLN0$dsMixed",)
    assert read(box, OWN, association=mine) == box.read(POWER)


def test_two_associations_may_use_one_name(box: Box) -> None:
    mine, others = box.associate(), box.associate(peer=OTHER)
    assert create(box, OWN, POWER, association=mine) is None
    assert create(box, OWN, COUNT, peer=OTHER, association=others) is None
    assert read(box, OWN, association=mine) == box.read(POWER)
    assert read(box, OWN, peer=OTHER, association=others) == box.read(COUNT)
    assert delete(box, OWN, association=mine) == (1, 1)
    assert read(box, OWN, peer=OTHER, association=others) == box.read(COUNT)


@pytest.mark.parametrize("end", ["release", "abort", "lease", "link"])
def test_they_end_with_the_association(box: Box, end: str) -> None:
    association = box.associate()
    assert create(box, OWN, POWER, association=association) is None
    client = Client(SP, association)
    assert box.server.data_sets.own_members(client, "@mine") == (Reference.parse(POWER),)
    match end:
        case "release":
            assert box.ask(ConcludeRequest(), association=association) == ConcludeResponse()
        case "abort":
            box.server.peer_gone(SP, box.moment)
        case "lease":
            box.wait(LEASE_SECONDS)
        case "link":
            box.server.link_lost(box.moment)
    assert box.server.data_sets.own_members(client, "@mine") is None
    again = box.associate()
    assert read(box, OWN, association=again) == OBJECT_NON_EXISTENT


@pytest.mark.parametrize(
    ("item", "error"),
    [("mine", INVALID_ADDRESS), ("@", INVALID_ADDRESS), ("@a b", INVALID_ADDRESS), ("@1", INVALID_ADDRESS)],
)
def test_their_names_begin_with_an_at_sign(box: Box, item: str, error: MmsError) -> None:
    name = ObjectName(item, aa_specific=True)
    assert create(box, name, POWER, association=box.associate()) == error


def test_their_names_are_given_once_and_their_number_is_limited(box: Box) -> None:
    mine, others = box.associate(), box.associate(peer=OTHER)
    every = [ObjectName(f"@ds{number}", aa_specific=True) for number in range(MAX_OF_ASSOCIATION + 1)]
    outcomes = [create(box, name, POWER, association=mine) for name in every]
    assert outcomes == [None] * MAX_OF_ASSOCIATION + [MEMORY_UNAVAILABLE]
    assert create(box, every[0], POWER, association=mine) == OBJECT_EXISTS
    assert create(box, every[0], POWER, peer=OTHER, association=others) is None


# --- DeleteDataSet --------------------------------------------------------------------------------


def test_what_was_created_is_deleted(box: Box) -> None:
    assert create(box, MINE, POWER) is None
    assert delete(box, MINE, peer=OTHER) == (1, 1)
    assert directory(box, MINE) == OBJECT_NON_EXISTENT
    assert create(box, MINE, COUNT) is None


def test_what_is_configured_stays(box: Box) -> None:
    assert directory(box, MIXED) == (["MET/MMXU1$MX$TotW", "HP/HcFCSD1$SP$Crv$numPts"], False)
    assert delete(box, MIXED) == (1, 0)
    assert read(box, MIXED) == box.read(POWER, COUNT)


def test_what_is_not_there_does_not_match(box: Box) -> None:
    assert delete(box, MINE) == (0, 0)
    assert delete(box, OWN) == (0, 0)


def test_several_are_counted(box: Box) -> None:
    association = box.associate()
    assert create(box, MINE, POWER) is None
    assert create(box, OWN, POWER, association=association) is None
    gone = ObjectName("LLN0$dsNone", "MET")
    assert delete(box, MINE, MIXED, OWN, gone, MINE, association=association) == (3, 2)


def test_what_is_in_use_is_not_deleted_nor_anything_asked_with_it(box: Box) -> None:
    used = {("MET", "LLN0$dsMine")}
    box.server.data_sets.in_use.append(lambda ld, item: (ld, item) in used)
    second = ObjectName("LLN0$dsSecond", "MET")
    assert create(box, MINE, POWER) is None
    assert create(box, second, POWER) is None
    assert delete(box, second, MINE) == OBJECT_CONSTRAINT_CONFLICT
    assert names(box, "MET") == ("LLN0$dsMine", "LLN0$dsMixed", "LLN0$dsSecond")
    used.clear()
    assert delete(box, second, MINE) == (2, 2)


def test_what_is_in_use_by_its_own_client_is_not_deleted(box: Box) -> None:
    mine, others = box.associate(), box.associate(peer=OTHER)
    box.server.data_sets.in_use_of.append(lambda client, item: (client.peer, item) == (SP, "@mine"))
    assert create(box, OWN, POWER, association=mine) is None
    assert create(box, OWN, POWER, peer=OTHER, association=others) is None
    assert delete(box, OWN, association=mine) == OBJECT_CONSTRAINT_CONFLICT
    assert delete(box, OWN, peer=OTHER, association=others) == (1, 1)


def test_a_log_keeps_its_data_set() -> None:
    box = Box(box_blocks())
    mine = ObjectName("LLN0$dsMine", "LD0")
    assert create(box, mine, "LD0/LLN0.Health[ST]") is None
    log = "LD0/LLN0.lcbStat"
    assert box.write({f"{log}.LogEna[LG]": Data("boolean", False)}) == (None,)
    assert box.write({f"{log}.DatSet[LG]": Data("visible-string", "LD0/LLN0$dsMine")}) == (None,)
    assert delete(box, mine) == OBJECT_CONSTRAINT_CONFLICT


# --- names ----------------------------------------------------------------------------------------


def test_names_come_in_ascii_order_and_page_by_page() -> None:
    sets = [config(ObjectName(f"LLN0${'d' * 20}{number:03}", "MET"), POWER) for number in range(200)]
    box = Box(Blocks(data_sets=tuple(reversed(sets))))
    small = box.associate(pdu_size=MIN_PDU_SIZE)
    found: list[str] = []
    pages = 0
    more = True
    while more:
        request = GetNameListRequest(
            ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.DOMAIN, "MET", found[-1] if found else None
        )
        page = box.service(request, association=small)
        assert isinstance(page, GetNameListResponse) and page.identifiers
        found += page.identifiers
        pages, more = pages + 1, page.more_follows
    assert found == [one.item for one in sets] and pages > 1


def test_a_device_that_is_not_there_has_no_data_sets(box: Box) -> None:
    request = GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.DOMAIN, "NONE")
    assert box.service(request) == ConfirmedError(7, OBJECT_NON_EXISTENT)
    assert names(box, "HP") == ()

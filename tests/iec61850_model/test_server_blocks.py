"""The server brings requests, time and the end of associations to its control blocks (7-2, 17)."""

from __future__ import annotations

import pytest
from box_server import NOON, OTHER, SP, Box, named, written

from iec61850_model.blocks import Blocks, DataSetConfig, LogConfig, ReportConfig
from iec61850_model.mms.pdu import (
    OBJECT_CONSTRAINT_CONFLICT,
    OBJECT_NON_EXISTENT,
    ConcludeRequest,
    ConfirmedError,
    ConfirmedRequest,
    Data,
    DataAccessError,
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNameListRequest,
    GetNameListResponse,
    InformationReport,
    ObjectClass,
    ObjectName,
    ObjectScope,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    RequestService,
    Unconfirmed,
    VariableListName,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.server import Effect, Send, Settled
from iec61850_model.server.associations import LEASE_SECONDS
from iec61850_model.values import GOOD, EntryTime, FunctionalConstraint, Timestamp, Trigger

POWER = Reference.parse("MET/MMXU1.TotW")
BUFFERED, LIVE, LOGGED = "MET/LLN0.brcb01", "MET/LLN0.urcb01", "MET/LLN0.lcb"
CHANGES = Trigger.DCHG | Trigger.QCHG
JOURNAL = ObjectName("LLN0$GeneralLog", "MET")
ON, OFF = Data("boolean", True), Data("boolean", False)


@pytest.fixture
def box() -> Box:
    members = tuple(Reference.parse(f"MET/MMXU1.{name}[MX]") for name in ("TotW", "Hz"))
    data_set = "LLN0$dsPower"
    return Box(
        Blocks(
            (DataSetConfig("MET", "LLN0", "dsPower", members),),
            (
                ReportConfig(
                    "MET", "LLN0", "brcb01", True, data_set=data_set, conf_rev=1, trg_ops=CHANGES, owner=True
                ),
                ReportConfig(
                    "MET", "LLN0", "urcb01", False, data_set=data_set, conf_rev=1, trg_ops=CHANGES, owner=True
                ),
            ),
            (LogConfig("MET", "LLN0", "lcb", "GeneralLog", data_set, enabled=True, trg_ops=CHANGES),),
        )
    )


def measured(box: Box, watts: float) -> None:
    box.tree.update(POWER, watts, GOOD, Timestamp.from_unix(NOON))


def set_(
    box: Box, reference: str, value: Data, *, peer: str = SP, association: str | None = None
) -> list[Effect]:
    request = ConfirmedRequest(7, WriteRequest(named(reference), (value,)))
    return box.hear(request, peer=peer, association=association)


def enabled(box: Box, block: str, fc: str) -> str:
    """The association in which a client has enabled a block."""
    association = box.associate()
    assert written(set_(box, f"{block}.RptEna[{fc}]", ON, association=association)) == (None,)
    return association


def values(effects: list[Effect]) -> list[tuple[str, str | None]]:
    """To whom reports go, and in which association."""
    sent = [effect for effect in effects if isinstance(effect, Send)]
    for one in sent:
        assert isinstance(one.payload.pdu, Unconfirmed)
        report = one.payload.pdu.service
        assert isinstance(report, InformationReport)
        assert report.variables == VariableListName(ObjectName("RPT"))
    return [(one.peer, one.payload.association) for one in sent]


# --- reports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("block", "fc"), [(BUFFERED, "BR"), (LIVE, "RP")])
def test_what_changes_is_due_at_once_and_goes_to_whom_enabled_it(box: Box, block: str, fc: str) -> None:
    association = enabled(box, block, fc)
    assert box.write({f"{LOGGED}.LogEna[LG]": OFF}) == (None,)
    box.wait(0)
    assert box.server.next_tick() == NOON + LEASE_SECONDS
    measured(box, 1234.5)
    assert box.server.next_tick() == 0.0
    assert values(box.wait(0)) == [(SP, association)]


def test_setting_a_block_is_no_setting_of_the_box(box: Box) -> None:
    effects = set_(box, f"{LIVE}.RptEna[RP]", ON, association=box.associate())
    assert not [effect for effect in effects if isinstance(effect, Settled)]


def test_what_a_block_refuses_its_client_is_told(box: Box) -> None:
    enabled(box, LIVE, "RP")
    refused = set_(box, f"{LIVE}.RptEna[RP]", OFF, peer=OTHER, association=box.associate(peer=OTHER))
    assert written(refused) == (DataAccessError.TEMPORARILY_UNAVAILABLE,)
    assert written(set_(box, f"{LIVE}.Nope[RP]", ON)) == (DataAccessError.OBJECT_NON_EXISTENT,)


def test_a_block_is_not_written_through_a_data_set() -> None:
    block = Reference.parse(f"{LIVE}.RptEna[RP]")
    box = Box(
        Blocks(
            (DataSetConfig("MET", "LLN0", "dsOdd", (block,)),),
            (ReportConfig("MET", "LLN0", "urcb01", False),),
        )
    )
    request = WriteRequest(VariableListName(ObjectName("LLN0$dsOdd", "MET")), (ON,))
    effects = box.hear(ConfirmedRequest(7, request), association=box.associate())
    assert written(effects) == (DataAccessError.OBJECT_ACCESS_DENIED,)


@pytest.mark.parametrize("end", ["release", "abort", "lease", "link"])
def test_a_block_is_disabled_when_its_association_ends(box: Box, end: str) -> None:
    association = enabled(box, LIVE, "RP")
    match end:
        case "release":
            box.ask(ConcludeRequest(), association=association)
        case "abort":
            box.server.peer_gone(SP, box.moment)
        case "lease":
            box.wait(LEASE_SECONDS)
        case "link":
            box.server.link_lost(box.moment)
    assert box.read(f"{LIVE}.RptEna[RP]") == (OFF,)
    measured(box, 1234.5)
    assert values(box.wait(0)) == []


@pytest.mark.parametrize(("block", "fc"), [(BUFFERED, "BR"), (LIVE, "RP")])
def test_reports_alone_keep_their_association_even_if_one_fails_to_come(
    box: Box, block: str, fc: str
) -> None:
    """Those of every 5 minutes, some s sooner or later."""
    association = enabled(box, block, fc)
    another = box.associate()
    for watts, pause in enumerate((300, 320, 280, 300, 600, 300, 620, 300)):
        box.wait(pause)
        measured(box, float(watts))
        assert values(box.wait(0)) == [(SP, association)]
    assert len(box.server.associations) == 1
    assert box.ask(ConcludeRequest(), association=another) == Reject(RejectReason.ILLEGAL_ACSE_MAPPING)
    box.wait(LEASE_SECONDS - 1)
    assert len(box.server.associations) == 1
    box.wait(1)
    assert len(box.server.associations) == 0


def test_a_report_that_bounces_ends_the_association_that_it_had_kept(box: Box) -> None:
    association = enabled(box, BUFFERED, "BR")
    measured(box, 1.0)
    assert values(box.wait(300)) == [(SP, association)]
    box.server.peer_gone(SP, box.moment)
    measured(box, 2.0)
    assert values(box.wait(300)) == []
    assert len(box.server.associations) == 0


def test_only_the_owner_is_shown_who_owns_a_block(box: Box) -> None:
    association = enabled(box, LIVE, "RP")
    request = ReadRequest(named(f"{LIVE}.Owner[RP]"))
    mine = box.service(request, association=association)
    others = box.service(request, peer=OTHER)
    assert isinstance(mine, ReadResponse) and isinstance(others, ReadResponse)
    assert mine.results != others.results
    assert others.results == (Data("octet-string", b""),)


def test_the_data_set_of_a_block_is_not_deleted(box: Box) -> None:
    mine = ObjectName("@mine", aa_specific=True)
    association = box.associate()

    def ask(service: RequestService) -> object:
        return box.service(service, association=association)

    def take(data_set: str) -> object:
        value = Data("visible-string", data_set)
        return written(set_(box, f"{LIVE}.DatSet[RP]", value, association=association))

    assert ask(DefineNamedVariableListRequest(mine, named("MET/MMXU1.TotW[MX]").names)) == (
        DefineNamedVariableListResponse()
    )
    assert written(
        set_(box, f"{LIVE}.DatSet[RP]", Data("visible-string", "@mine"), association=association)
    ) == (None,)
    delete = DeleteNamedVariableListRequest((mine,))
    assert ask(delete) == ConfirmedError(7, OBJECT_CONSTRAINT_CONFLICT)
    assert take("") == (None,)
    assert ask(delete) == DeleteNamedVariableListResponse(1, 1)


# --- logs -----------------------------------------------------------------------------------------


def test_what_changes_is_logged_at_the_next_tick_and_read_back(box: Box) -> None:
    measured(box, 1234.5)
    box.wait(5)
    start = EntryTime.from_unix(NOON)
    answer = box.service(ReadJournalRequest(JOURNAL, start=start))
    assert isinstance(answer, ReadJournalResponse) and not answer.more_follows
    (entry,) = answer.entries
    assert entry.time == EntryTime.from_unix(NOON + 5)
    assert entry.variables[0][1] == box.read(f"{POWER}[MX]")[0]


def test_what_a_log_alone_observes_is_due_at_once() -> None:
    data_set = DataSetConfig("MET", "LLN0", "dsPower", (POWER.with_fc(FunctionalConstraint.MX),))
    log = LogConfig("MET", "LLN0", "lcb", "GeneralLog", data_set.item, enabled=True, trg_ops=CHANGES)
    box = Box(Blocks((data_set,), logs=(log,)))
    assert box.server.next_tick() is None
    measured(box, 1234.5)
    assert box.server.next_tick() == 0.0
    box.wait(0)
    assert box.server.next_tick() is None


def test_a_log_control_block_is_set_and_obeys(box: Box) -> None:
    assert box.write({f"{LOGGED}.LogEna[LG]": OFF}) == (None,)
    measured(box, 1234.5)
    box.wait(0)
    answer = box.service(ReadJournalRequest(JOURNAL, start=EntryTime.from_unix(NOON)))
    assert answer == ReadJournalResponse(())


def test_the_logs_of_a_device_are_listed(box: Box) -> None:
    def journals(ld: str) -> object:
        return box.service(GetNameListRequest(ObjectClass.JOURNAL, ObjectScope.DOMAIN, ld))

    assert journals("MET") == GetNameListResponse(("LLN0$GeneralLog",), more_follows=False)
    assert journals("HP") == GetNameListResponse((), more_follows=False)
    assert journals("NONE") == ConfirmedError(7, OBJECT_NON_EXISTENT)


def test_an_unknown_log_is_told(box: Box) -> None:
    request = ReadJournalRequest(ObjectName("LLN0$Nope", "MET"), start=EntryTime.from_unix(NOON))
    assert box.service(request) == ConfirmedError(7, OBJECT_NON_EXISTENT)

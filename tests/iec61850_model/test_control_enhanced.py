"""Enhanced security and time activation: how a command ends is told by a termination (8-2, 20.6 to 20.8)."""

from __future__ import annotations

import pytest
from box_server import NOON, OTHER, SP, structure
from control_models import DIRECT, ENHANCED, OPER_TIMEOUT, ROOM, SBO_TIMEOUT, SELECT, STATE
from control_scene import OFF, ControlBox, said

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    Data,
    InformationReport,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableList,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.server import Send
from iec61850_model.server.control import MAX_AGE
from iec61850_model.values import AddCause, Timestamp

SOFA = "agg7@hub.example.org/sofa"
BUSY = ["LastApplError Command-already-in-execution", "temporarily-unavailable"]
THREE = Data("integer", 3)


@pytest.fixture
def box() -> ControlBox:
    return ControlBox()


# --- enhanced security ----------------------------------------------------------------------------


def test_the_answer_comes_first_and_the_termination_when_the_process_has_the_value(box: ControlBox) -> None:
    assert box.operates(ENHANCED, box.command()) == ["done", "switch SPCSO2 True"]
    assert box.value(ENHANCED) is False
    box.wait(1)
    assert box.process() == ["CommandTermination+"]
    assert box.value(ENHANCED) is True


def test_a_process_that_refuses_is_told_by_a_negative_termination(box: ControlBox) -> None:
    box.operates(ENHANCED, box.command())
    assert box.process(AddCause.BLOCKED_BY_INTERLOCKING) == ["CommandTermination- Blocked-by-interlocking"]
    assert box.value(ENHANCED) is False
    assert box.operates(ENHANCED, box.command(number=2)) == ["done", "switch SPCSO2 True"]


def test_a_process_that_takes_too_long_is_told_once(box: ControlBox) -> None:
    box.operates(ENHANCED, box.command())
    assert box.server.next_tick() == NOON + OPER_TIMEOUT
    assert box.later(OPER_TIMEOUT) == ["CommandTermination- Time-limit-over"]
    assert box.later(1) == []
    assert box.operates(ENHANCED, box.command(OFF, number=2)) == BUSY
    assert box.process() == []
    assert box.value(ENHANCED) is True  # what the model says is what the process has


def test_a_repeat_is_told_how_it_ended_and_nothing_is_carried_out_again(box: ControlBox) -> None:
    oper = box.command()
    box.operates(ENHANCED, oper)
    assert box.operates(ENHANCED, oper) == ["done"]
    assert box.process() == ["CommandTermination+"]
    assert box.operates(ENHANCED, oper) == ["done", "CommandTermination+"]


def test_a_repeat_of_what_takes_too_long_is_told_so(box: ControlBox) -> None:
    oper = box.command()
    box.operates(ENHANCED, oper)
    box.wait(OPER_TIMEOUT)
    assert box.operates(ENHANCED, oper) == ["done", "CommandTermination- Time-limit-over"]
    box.process()
    assert box.operates(ENHANCED, oper) == ["done", "CommandTermination+"]


def test_the_termination_goes_to_who_asked_last(box: ControlBox) -> None:
    oper = box.command()
    box.write_to(ENHANCED, "Oper", oper)
    again = box.associate(peer=SOFA)
    box.write_to(ENHANCED, "Oper", oper, peer=SOFA, association=again)
    (ended,) = box.server.switched(box.last_key, None, box.moment)
    assert isinstance(ended, Send)
    assert (ended.peer, ended.payload.association) == (SOFA, again)


def test_the_termination_of_who_has_lost_his_association_goes_to_his_address(box: ControlBox) -> None:
    box.write_to(ENHANCED, "Oper", box.command())
    box.server.peer_gone(SP, box.moment)
    (ended,) = box.server.switched(box.last_key, None, box.moment)
    assert isinstance(ended, Send)
    assert (ended.peer, ended.payload.association) == (SP, None)


def test_a_set_point_is_commanded_with_enhanced_security(box: ControlBox) -> None:
    oper = box.command(structure(Data("floating-point", 21.5)))
    assert box.operates(ROOM, oper) == ["done", "switch SptVal 21.5"]
    assert box.process() == ["CommandTermination+"]
    assert box.value(ROOM, "mxVal.f") == 21.5


def test_a_refused_operate_has_no_termination(box: ControlBox) -> None:
    assert box.operates(ENHANCED, box.command(time=NOON - 100)) == [
        "LastApplError Time-limit-over",
        "temporarily-unavailable",
    ]
    assert box.later(60) == []


def test_terminations_have_their_form(box: ControlBox) -> None:
    oper = box.command(number=9)
    box.write_to(ENHANCED, "Oper", oper)
    (positive,) = box.server.switched(box.last_key, None, box.moment)
    name = ObjectName("RlyGGIO1$CO$SPCSO2$Oper", "HP")
    report = InformationReport(VariableList((name,)), (oper,))
    assert positive == Send(SP, Payload(Unconfirmed(report), box.association))

    oper = box.command(number=10)
    box.write_to(ENHANCED, "Oper", oper)
    (negative,) = box.server.switched(box.last_key, AddCause.BLOCKED_BY_PROCESS, box.moment)
    error = structure(
        Data("visible-string", "HP/RlyGGIO1$CO$SPCSO2"),
        Data("integer", 1),
        structure(Data("integer", 3), Data("octet-string", b"agg7")),
        Data("unsigned", 10),
        Data("integer", 9),
    )
    report = InformationReport(VariableList((ObjectName("LastApplError"), name)), (error, oper))
    assert negative == Send(SP, Payload(Unconfirmed(report), box.association))


def test_a_termination_waits_for_the_answer_to_its_write(box: ControlBox) -> None:
    names = VariableList(
        (ObjectName("EvuGGIO1$CO$SPCSO1$Oper", "HP"), ObjectName("RlyGGIO1$CO$SPCSO2$Oper", "HP"))
    )
    write = WriteRequest(names, (box.command(), box.command()))
    effects = box.hear(ConfirmedRequest(7, write), association=box.association)
    assert said(effects) == ["switch SPCSO1 True", "switch SPCSO2 True"]
    assert box.process(key=2) == []
    assert box.process(key=1) == ["done, done", "CommandTermination+"]


def test_a_termination_after_the_answer_to_its_write_comes_at_once(box: ControlBox) -> None:
    names = VariableList(
        (ObjectName("EvuGGIO1$CO$SPCSO1$Oper", "HP"), ObjectName("RlyGGIO1$CO$SPCSO2$Oper", "HP"))
    )
    write = WriteRequest(names, (box.command(), box.command()))
    box.hear(ConfirmedRequest(7, write), association=box.association)
    assert box.process(key=1) == ["done, done"]
    assert box.process(key=2) == ["CommandTermination+"]


# --- time-activated -------------------------------------------------------------------------------


def test_with_normal_security_one_termination_tells_how_it_ended(box: ControlBox) -> None:
    assert box.operates(DIRECT, box.command(after=60)) == ["done"]
    assert box.later(60) == ["switch SPCSO1 True"]
    assert box.process() == ["TimeActivatedOperateTermination+"]


def test_with_enhanced_security_the_beginning_and_the_end_are_told(box: ControlBox) -> None:
    assert box.operates(ENHANCED, box.command(after=60)) == ["done"]
    assert box.later(60) == ["TimeActivatedOperateTermination+", "switch SPCSO2 True"]
    assert box.process() == ["CommandTermination+"]


def test_a_selected_object_is_commanded_for_later(box: ControlBox) -> None:
    box.select(SELECT)
    assert box.operates(SELECT, box.command(after=3600)) == ["done"]
    assert box.value(SELECT, "stSeld") is False
    assert box.later(3600) == ["switch SPCSO1 True"]
    assert box.process() == ["TimeActivatedOperateTermination+"]


def test_what_is_due_waits_while_somebody_else_has_the_object_selected(box: ControlBox) -> None:
    box.select(SELECT)
    box.operates(SELECT, box.command(after=60))
    box.wait(59)
    assert said(box.select(SELECT, peer=OTHER, association=box.associate(peer=OTHER))) != ["''"]
    assert box.later(1) == []
    assert box.later(SBO_TIMEOUT - 1) == ["switch SPCSO1 True"]


def test_what_waited_too_long_for_another_is_dropped(box: ControlBox) -> None:
    his = box.associate(peer=OTHER)
    box.select(SELECT)
    box.operates(SELECT, box.command(after=60))
    box.wait(59)
    box.select(SELECT, peer=OTHER, association=his)
    assert box.later(SBO_TIMEOUT - 1) == []
    box.select(SELECT, peer=OTHER, association=his)
    assert box.later(1 + MAX_AGE - SBO_TIMEOUT + 1) == []
    assert box.later(1) == ["TimeActivatedOperateTermination- Time-limit-over"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("HP/EvuGGIO1.Beh.stVal[ST]", 5), "Blocked-by-Mode"),
        (("HP/EvuGGIO1.Loc.stVal[ST]", True), "Blocked-by-switching-hierarchy"),
        (("HP/EvuGGIO1.CmdBlk.stVal[ST]", True), "Blocked-by-command"),
    ],
)
def test_the_rules_are_looked_at_again_when_it_is_time(
    box: ControlBox, change: tuple[str, object], cause: str
) -> None:
    box.operates(DIRECT, box.command(after=60))
    box.set(*change)
    assert box.later(60) == [f"TimeActivatedOperateTermination- {cause}"]
    assert box.server.controls.next_tick() is None


def test_what_waits_is_cancelled_and_its_owner_told(box: ControlBox) -> None:
    oper = box.command(after=60)
    box.operates(DIRECT, oper)
    box.wait(10)
    assert box.cancels(DIRECT, box.command(number=2)) == [
        "done",
        "TimeActivatedOperateTermination- Abortion-by-cancel",
    ]
    assert box.later(60) == []


def test_a_late_repeat_of_what_was_cancelled_does_not_begin_it_anew(box: ControlBox) -> None:
    oper = box.command(after=60)
    box.operates(DIRECT, oper)
    box.cancels(DIRECT, box.command(number=2))
    assert box.operates(DIRECT, oper) == ["LastApplError Abortion-by-cancel", "temporarily-unavailable"]
    assert box.later(60) == []


@pytest.mark.parametrize("target", [DIRECT, ENHANCED])
def test_who_commanded_days_ahead_cancels_without_knowing_its_number(box: ControlBox, target: str) -> None:
    box.operates(target, box.command(number=7, after=3 * 86_400))
    box.wait(86_400)
    answer = box.cancels(target, box.command(OFF, number=1), peer=SOFA, association=None)
    assert answer == ["done", "TimeActivatedOperateTermination- Abortion-by-cancel"]


def test_a_cancel_with_the_parameters_of_what_waits_is_never_too_old(box: ControlBox) -> None:
    oper = box.command(after=3600)
    box.operates(DIRECT, oper)
    box.wait(1800)
    assert box.cancels(DIRECT, oper, association=None)[0] == "done"


def test_nobody_else_cancels_what_waits(box: ControlBox) -> None:
    box.operates(DIRECT, box.command(after=60))
    refused = box.cancels(DIRECT, box.command(number=2), peer=OTHER, association=None)
    assert refused == ["LastApplError Locked-by-other-client", "temporarily-unavailable"]
    assert box.later(60) == ["switch SPCSO1 True"]


def test_without_a_clock_a_cancel_still_ends_what_waits(box: ControlBox) -> None:
    box.operates(DIRECT, box.command(after=3600))
    box.moment = type(box.moment)(NOON + 1000, synchronized=False)
    assert box.cancels(DIRECT, box.command(number=2, time=NOON), association=None)[0] == "done"


def test_who_is_told_of_what_waits_follows_his_associations(box: ControlBox) -> None:
    oper = box.command(after=60)
    box.operates(DIRECT, oper)
    box.server.peer_gone(SP, box.moment)
    box.wait(60)
    (ended,) = box.server.switched(box.last_key, None, box.moment)
    assert isinstance(ended, Send)
    assert (ended.peer, ended.payload.association) == (SP, None)
    assert said([ended]) == ["TimeActivatedOperateTermination+"]


# --- a provider that may command no more ----------------------------------------------------------


def test_the_end_of_a_grant_ends_what_waits_and_what_is_selected(box: ControlBox) -> None:
    box.operates(DIRECT, box.command(after=60))
    box.operates(ENHANCED, box.command(after=90))
    box.select(SELECT)
    ended = said(box.server.withdraw("agg7@hub.example.org", box.moment))
    assert ended == ["TimeActivatedOperateTermination- No-access-authority"] * 2
    assert box.value(SELECT, "stSeld") is False
    assert box.later(100) == []


def test_the_end_of_a_grant_leaves_others_alone(box: ControlBox) -> None:
    box.operates(DIRECT, box.command(after=60))
    box.selects_with(STATE, box.command(THREE))
    assert box.server.withdraw("agg8@hub.example.org", box.moment) == []
    assert box.operates(STATE, box.command(THREE)) == ["done", "switch ISCSO1 3"]
    box.process()
    assert box.later(60)[-1] == "switch SPCSO1 True"


def test_what_the_process_does_already_is_brought_to_its_end(box: ControlBox) -> None:
    box.operates(ENHANCED, box.command())
    assert box.server.withdraw("agg7@hub.example.org", box.moment) == []
    assert box.process() == ["CommandTermination+"]


def test_a_late_repeat_after_the_end_of_a_grant_begins_nothing(box: ControlBox) -> None:
    oper = box.command(after=60)
    box.operates(DIRECT, oper)
    box.server.withdraw("agg7@hub.example.org", box.moment)
    assert box.operates(DIRECT, oper) == ["LastApplError No-access-authority", "object-access-denied"]


# --- objects whose value does not last ------------------------------------------------------------


@pytest.mark.parametrize("has_status", [True, False])
def test_the_value_of_a_transient_object_goes_back_at_once(box: ControlBox, has_status: bool) -> None:
    node = box.tree.logical_node("HP", "EvuGGIO1")
    assert node is not None
    node.transient.add(("SPCSO1",))
    if not has_status:
        status = box.tree.find(Reference.parse("HP/EvuGGIO1.SPCSO1[ST]"))
        for name in ("stVal", "q", "t"):
            del status.children[name]  # type: ignore[union-attr]  # a branch
    changes: list[object] = []
    box.tree.watchers.append(
        lambda seen: changes.extend(box.value(DIRECT) for one in seen if one.attribute.path[-1] == "stVal")
    )
    box.operates(DIRECT, box.command(number=5))
    assert box.process() == ["done"]
    assert box.value(DIRECT, "ctlNum") == 5
    if has_status:
        assert (changes, box.value(DIRECT)) == ([True, False], False)
        assert box.value(DIRECT, "t") == Timestamp.from_unix(NOON)

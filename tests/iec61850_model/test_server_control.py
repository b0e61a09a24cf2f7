"""Operate with direct control and normal security, at once and time-activated (7-2 and 8-2 clause 20).

The other control models are in ``test_control_select.py`` and ``test_control_enhanced.py``.
"""

from __future__ import annotations

import pytest
from box_server import NOON, OTHER, SP, Box, named, refusal, structure, switch_of, written
from control_scene import said

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    Data,
    DataAccessError,
    InformationReport,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableList,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.server import Moment, Reply, Send, Switch
from iec61850_model.server.control import MAX_AGE, MAX_AHEAD, MAX_OPERTM_AHEAD, MAX_REMEMBERED, REMEMBERED
from iec61850_model.values import GOOD, NOT_CONNECTED, AddCause, OrCat, Timestamp

DENIED, BUSY = DataAccessError.OBJECT_ACCESS_DENIED, DataAccessError.TEMPORARILY_UNAVAILABLE
KIND, VALUE = DataAccessError.TYPE_INCONSISTENT, DataAccessError.OBJECT_VALUE_INVALID
ON, OFF = Data("boolean", True), Data("boolean", False)
BLOCK, SPARE, SG_READY = "HP/EvuGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1", "HP/SgrGGIO1.ISCSO1"
ROOM = "HP/RmFSPT1.SptVal"
PUMP, MODE = "HP/ShKPMP1.OpCtl", "HP/LLN0.Mod"
BEH = Reference.parse("HP/EvuGGIO1.Beh")
OK: tuple[object, ...] = (None,)


@pytest.fixture
def box() -> Box:
    return Box()


def temperature(value: float) -> Data:
    return structure(Data("floating-point", value))


def state(box: Box, reference: str) -> object:
    return box.tree.read(Reference.parse(reference))


# --- at once --------------------------------------------------------------------------------------


def test_an_operate_is_answered_when_the_process_has_taken_it(box: Box) -> None:
    effects = box.operate(BLOCK, box.oper(ON))
    assert effects == [Switch(1, Reference.parse(BLOCK), True, OrCat.REMOTE_CONTROL, b"agg7")]
    assert state(box, BLOCK) == (False, NOT_CONNECTED, Timestamp(0, 0, 0x20))

    box.wait(0.5)
    assert written(box.carried_out(effects)) == OK
    assert state(box, BLOCK) == (True, GOOD, Timestamp.from_unix(NOON + 0.5))


def test_who_switched_and_under_which_number_can_be_read(box: Box) -> None:
    box.carried_out(box.operate(BLOCK, box.oper(ON, number=200, category=OrCat.AUTOMATIC_REMOTE)))
    assert box.read(f"{BLOCK}.origin[ST]", f"{BLOCK}.ctlNum[ST]") == (
        structure(Data("integer", 6), Data("octet-string", b"agg7")),
        Data("unsigned", 200),
    )


def test_who_switched_is_shown_to_him_alone(box: Box) -> None:
    box.carried_out(box.operate(BLOCK, box.oper(ON)))
    name, whole = f"{BLOCK}.origin.orIdent[ST]", f"{BLOCK}.origin[ST]"
    mine, nobody = Data("octet-string", b"agg7"), Data("octet-string", b"")
    assert box.read(name) == (mine,)
    assert box.read(name, peer=OTHER) == (nobody,)
    assert box.read(whole, peer=OTHER) == (structure(Data("integer", 3), nobody),)
    assert box.read(name, peer="agg7@hub.example.org/sofa") == (mine,)
    box.carried_out(box.operate(BLOCK, box.oper(OFF), peer=OTHER))
    assert box.read(name) == (nobody,)


def test_what_the_process_did_by_itself_has_no_commander(box: Box) -> None:
    box.carried_out(box.operate(BLOCK, box.oper(ON)))
    by_itself = {("origin", "orCat"): int(OrCat.PROCESS), ("origin", "orIdent"): b""}
    box.tree.update(Reference.parse(BLOCK), False, GOOD, Timestamp.from_unix(NOON), mirrored=by_itself)
    assert box.read(f"{BLOCK}.origin.orIdent[ST]") == (Data("octet-string", b""),)


def test_a_set_point_shows_in_mx_val(box: Box) -> None:
    effects = box.operate(ROOM, box.oper(temperature(21.5)))
    assert switch_of(effects).value == 21.5
    assert written(box.carried_out(effects)) == OK
    assert box.read(f"{ROOM}.mxVal.f[MX]") == (Data("floating-point", 21.5),)


def test_an_answer_goes_to_who_asked_in_his_association(box: Box) -> None:
    mine, his = box.associate(), box.associate(peer=OTHER, half="5")
    first = box.operate(BLOCK, box.oper(ON), association=mine)
    second = box.operate(SPARE, box.oper(ON), peer=OTHER, association=his)
    (answer,) = box.carried_out(second)
    assert isinstance(answer, Reply)
    assert (answer.peer, answer.token, answer.payload.association) == (OTHER, "iq4", his)
    (answer,) = box.carried_out(first)
    assert isinstance(answer, Reply)
    assert (answer.peer, answer.token, answer.payload.association) == (SP, "iq3", mine)


def test_several_operates_in_one_write_are_answered_when_all_are_done(box: Box) -> None:
    names = named(f"{BLOCK}.Oper[CO]", f"{SPARE}.Oper[CO]", "HP/HcFCSD1.Crv.numPts[SP]")
    values = (box.oper(ON), box.oper(ON), Data("unsigned", 2))
    effects = box.hear(ConfirmedRequest(7, WriteRequest(names, values)))
    switches = [effect for effect in effects if isinstance(effect, Switch)]
    assert not [effect for effect in effects if isinstance(effect, Reply)]
    assert box.server.switched(switches[1].key, None, box.moment) == []
    error, reply = box.server.switched(switches[0].key, AddCause.BLOCKED_BY_PROCESS, box.moment)
    assert isinstance(error, Send)
    assert written([reply]) == (DataAccessError.HARDWARE_FAULT, None, None)


def test_the_outcome_of_a_switch_is_reported_once(box: Box) -> None:
    effects = box.operate(BLOCK, box.oper(ON))
    box.carried_out(effects)
    with pytest.raises(KeyError):
        box.carried_out(effects)


# --- repeats --------------------------------------------------------------------------------------


def test_a_repeat_is_answered_and_not_carried_out_again(box: Box) -> None:
    oper = box.oper(ON)
    box.carried_out(box.operate(BLOCK, oper))
    box.carried_out(box.operate(BLOCK, box.oper(OFF, number=2)))
    box.wait(10)
    (reply,) = box.operate(BLOCK, oper)
    assert written([reply]) == OK
    assert box.tree.read(Reference.parse(BLOCK))[0] is False


def test_a_repeat_from_another_resource_of_the_same_client_is_the_same(box: Box) -> None:
    oper = box.oper(ON)
    box.carried_out(box.operate(BLOCK, oper))
    (reply,) = box.operate(BLOCK, oper, peer="agg7@hub.example.org/sofa")
    assert isinstance(reply, Reply)


def test_a_repeat_while_the_first_is_executing_is_not_carried_out(box: Box) -> None:
    oper = box.oper(ON)
    first = box.operate(BLOCK, oper)
    assert written(box.operate(BLOCK, oper)) == (BUSY,)
    assert written(box.carried_out(first)) == OK
    assert written(box.operate(BLOCK, oper)) == OK


def test_a_repeat_of_what_the_process_refused_is_a_new_try(box: Box) -> None:
    oper = box.oper(ON)
    box.carried_out(box.operate(BLOCK, oper), AddCause.BLOCKED_BY_PROCESS)
    assert written(box.carried_out(box.operate(BLOCK, oper))) == OK


@pytest.mark.parametrize("seconds", [REMEMBERED, REMEMBERED + 1, 3600])
def test_a_repeat_is_never_carried_out_again_however_late(box: Box, seconds: float) -> None:
    oper = box.oper(ON, time=NOON + MAX_AHEAD)
    box.carried_out(box.operate(BLOCK, oper))
    box.wait(seconds)
    assert not [effect for effect in box.operate(BLOCK, oper) if isinstance(effect, Switch)]


@pytest.mark.parametrize("change", ["number", "time", "category", "value", "at", "peer"])
def test_what_differs_is_another_command(box: Box, change: str) -> None:
    box.carried_out(box.operate(BLOCK, box.oper(ON)))
    if change == "peer":
        switch_of(box.operate(BLOCK, box.oper(ON), peer=OTHER))
        return
    other = {
        "number": box.oper(ON, number=2),
        "time": box.oper(ON, time=NOON + 0.001),
        "category": box.oper(ON, category=OrCat.MAINTENANCE),
        "value": box.oper(OFF),
        "at": box.oper(ON, at=NOON + 5),
    }[change]
    switch_of(box.operate(BLOCK, other) + box.wait(5))


def test_a_flood_of_operates_is_stopped(box: Box) -> None:
    for number in range(MAX_REMEMBERED):
        box.carried_out(box.operate(BLOCK, box.oper(ON, number=number)))
    flood = box.operate(BLOCK, box.oper(ON, number=MAX_REMEMBERED))
    assert refusal(flood) == (AddCause.COMMAND_ALREADY_IN_EXECUTION, (BUSY,))
    switch_of(box.operate(SPARE, box.oper(ON)))
    box.wait(REMEMBERED + 1)
    switch_of(box.operate(BLOCK, box.oper(ON, number=99)))


# --- refusals -------------------------------------------------------------------------------------


def test_a_refusal_is_told_by_last_appl_error_and_then_by_the_failed_write(box: Box) -> None:
    id_ = box.associate()
    oper = box.oper(ON, number=9, time=NOON - 100)
    error, reply = box.operate(BLOCK, oper, association=id_)
    report = InformationReport(
        VariableList((ObjectName("LastApplError"),)),
        (
            structure(
                Data("visible-string", "HP/EvuGGIO1$CO$SPCSO1"),
                Data("integer", 1),
                structure(Data("integer", 3), Data("octet-string", b"agg7")),
                Data("unsigned", 9),
                Data("integer", AddCause.TIME_LIMIT_OVER),
            ),
        ),
    )
    assert error == Send(SP, Payload(Unconfirmed(report), id_))
    assert written([reply]) == (BUSY,)


@pytest.mark.parametrize(
    ("cause", "failure"),
    [
        (AddCause.BLOCKED_BY_PROCESS, DataAccessError.HARDWARE_FAULT),
        (AddCause.BLOCKED_BY_INTERLOCKING, BUSY),
        (AddCause.BLOCKED_BY_SWITCHING_HIERARCHY, DENIED),
        (AddCause.NO_ACCESS_AUTHORITY, DENIED),
        (AddCause.TIME_LIMIT_OVER, BUSY),
    ],
)
def test_a_process_that_refuses_leaves_the_status_as_it_was(
    box: Box, cause: AddCause, failure: DataAccessError
) -> None:
    before = state(box, BLOCK)
    effects = box.carried_out(box.operate(BLOCK, box.oper(ON)), cause)
    assert refusal(effects) == (cause, (failure,))
    assert state(box, BLOCK) == before
    switch_of(box.operate(BLOCK, box.oper(ON, number=2)))


@pytest.mark.parametrize("seconds", [-MAX_AGE, 0, MAX_AHEAD])
def test_t_may_be_off_by_half_a_minute(box: Box, seconds: float) -> None:
    switch_of(box.operate(BLOCK, box.oper(ON, time=NOON + seconds)))


@pytest.mark.parametrize("seconds", [-3600, -MAX_AGE - 0.001, MAX_AHEAD + 0.001, 3600])
def test_t_further_off_is_refused(box: Box, seconds: float) -> None:
    refused = box.operate(BLOCK, box.oper(ON, time=NOON + seconds))
    assert refusal(refused) == (AddCause.TIME_LIMIT_OVER, (BUSY,))


def test_without_a_synchronized_clock_nothing_is_switched(box: Box) -> None:
    box.moment = Moment(NOON, synchronized=False)
    assert refusal(box.operate(BLOCK, box.oper(ON))) == (AddCause.BLOCKED_BY_HEALTH, (BUSY,))
    box.moment = Moment(NOON, synchronized=True)
    switch_of(box.operate(BLOCK, box.oper(ON)))


def test_a_status_without_a_clock_says_so(box: Box) -> None:
    effects = box.operate(BLOCK, box.oper(ON))
    box.moment = Moment(NOON, synchronized=False)
    box.carried_out(effects)
    assert not box.tree.read(Reference.parse(BLOCK))[2].synchronized


@pytest.mark.parametrize(
    ("behaviour", "test", "runs"),
    [
        ("on", False, True),
        ("on", True, False),
        ("blocked", False, False),
        ("blocked", True, False),
        ("test", False, False),
        ("test", True, True),
        ("test/blocked", False, False),
        ("off", False, False),
        ("off", True, False),
    ],
)
def test_the_mode_decides_about_commands_and_tests(box: Box, behaviour: str, test: bool, runs: bool) -> None:
    beh = box.tree.value_leaf(BEH)
    beh.value = beh.type.from_text(behaviour)
    effects = box.operate(BLOCK, box.oper(ON, test=test))
    if runs:
        switch_of(effects)
    else:
        assert refusal(effects) == (AddCause.BLOCKED_BY_MODE, (DENIED,))


@pytest.mark.parametrize(("value", "fits"), [(1, True), (4, True), (0, False), (5, False), (-1, False)])
def test_a_number_has_to_lie_within_its_limits(box: Box, value: int, fits: bool) -> None:
    effects = box.operate(SG_READY, box.oper(Data("integer", value)))
    if fits:
        assert switch_of(effects).value == value
    else:
        assert refusal(effects) == (AddCause.INCONSISTENT_PARAMETERS, (BUSY,))


@pytest.mark.parametrize(("value", "fits"), [(5.0, True), (30.0, True), (4.9, False), (30.1, False)])
def test_a_set_point_has_to_lie_within_its_limits(box: Box, value: float, fits: bool) -> None:
    effects = box.operate(ROOM, box.oper(temperature(value)))
    if fits:
        switch_of(effects)
    else:
        assert refusal(effects) == (AddCause.INCONSISTENT_PARAMETERS, (BUSY,))


@pytest.mark.parametrize("target", [PUMP, MODE, "MET/MMXU1.TotW", "HP/EvuGGIO1.Nope", "HP/EvuGGIO1"])
def test_what_is_only_status_has_no_operate(box: Box, target: str) -> None:
    assert written(box.operate(target, box.oper(ON))) == (DataAccessError.OBJECT_NON_EXISTENT,)


def test_what_the_model_makes_status_only_is_not_operated(box: Box) -> None:
    box_leaf = box.tree.find(Reference.parse(f"{BLOCK}.ctlModel[CF]"))
    box_leaf.value = 0  # type: ignore[union-attr]  # an attribute
    assert refusal(box.operate(BLOCK, box.oper(ON))) == (AddCause.NOT_SUPPORTED, (DENIED,))


ORIGIN = structure(Data("integer", 3), Data("octet-string", b"agg7"))
REST = (
    Data("utc-time", Timestamp(0, 0, 0)),
    ORIGIN,
    Data("unsigned", 1),
    Data("utc-time", Timestamp.from_unix(NOON)),
    Data("boolean", False),
    Data("bit-string", "00"),
)


@pytest.mark.parametrize(
    ("oper", "failure"),
    [
        (ON, KIND),
        (structure(), KIND),
        (structure(ON, *REST[:-1]), KIND),
        (structure(ON, *REST[1:]), KIND),
        (structure(ON, *REST, ON), KIND),
        (Data("array", (ON, *REST)), KIND),
        (structure(Data("integer", 1), *REST), KIND),
        (structure(temperature(1.0), *REST), KIND),
        (structure(ON, REST[0], Data("integer", 3), *REST[2:]), KIND),
        (structure(ON, REST[0], structure(Data("integer", 3)), *REST[2:]), KIND),
        (structure(ON, REST[0], structure(Data("integer", 99), *ORIGIN.value[1:]), *REST[2:]), VALUE),  # type: ignore[index]  # a structure
        (structure(ON, *REST[:2], Data("unsigned", 256), *REST[3:]), VALUE),
        (structure(ON, *REST[:5], Data("bit-string", "000")), VALUE),
    ],
)
def test_another_structure_is_no_operate(box: Box, oper: Data, failure: DataAccessError) -> None:
    assert written(box.operate(BLOCK, oper)) == (failure,)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_set_point_that_is_no_number_is_refused(box: Box, value: float) -> None:
    assert written(box.operate(ROOM, box.oper(temperature(value)))) == (VALUE,)


def test_one_object_executes_one_command_at_a_time(box: Box) -> None:
    first = box.operate(BLOCK, box.oper(ON))
    second = box.operate(BLOCK, box.oper(OFF, number=2), peer=OTHER)
    assert refusal(second) == (AddCause.COMMAND_ALREADY_IN_EXECUTION, (BUSY,))
    switch_of(box.operate(SPARE, box.oper(ON)))
    box.carried_out(first)
    switch_of(box.operate(BLOCK, box.oper(OFF, number=2)))


# --- time-activated -------------------------------------------------------------------------------


def test_a_time_activated_operate_is_answered_at_once_and_runs_in_time(box: Box) -> None:
    assert written(box.operate(BLOCK, box.oper(ON, at=NOON + 60))) == OK
    assert box.server.next_tick() == NOON + 60
    assert box.wait(59) == []
    effects = box.wait(1)
    assert switch_of(effects).value is True
    assert box.server.next_tick() is None
    assert said(box.carried_out(effects)) == ["TimeActivatedOperateTermination+"]
    assert state(box, BLOCK) == (True, GOOD, Timestamp.from_unix(NOON + 60))


def test_a_time_activated_operate_runs_once(box: Box) -> None:
    oper = box.oper(ON, at=NOON + 5)
    assert written(box.operate(BLOCK, oper)) == OK
    assert written(box.operate(BLOCK, oper)) == OK
    box.carried_out(box.wait(5))
    assert said(box.operate(BLOCK, oper)) == ["done", "TimeActivatedOperateTermination+"]
    assert box.wait(5) == []


@pytest.mark.parametrize("seconds", [-0.001, MAX_OPERTM_AHEAD + 1])
def test_a_time_that_is_past_or_too_far_away_is_refused(box: Box, seconds: float) -> None:
    refused = box.operate(BLOCK, box.oper(ON, at=NOON + seconds))
    assert refusal(refused) == (AddCause.TIME_LIMIT_OVER, (BUSY,))


def test_one_object_has_one_time_activated_operate_pending(box: Box) -> None:
    box.operate(BLOCK, box.oper(ON, at=NOON + 60))
    second = box.operate(BLOCK, box.oper(OFF, number=2, at=NOON + 90), peer=OTHER)
    assert refusal(second) == (AddCause.COMMAND_ALREADY_IN_EXECUTION, (BUSY,))
    assert written(box.operate(SPARE, box.oper(ON, at=NOON + 60))) == OK
    box.carried_out(box.operate(BLOCK, box.oper(OFF, number=3)))
    assert state(box, BLOCK) == (False, GOOD, Timestamp.from_unix(NOON))
    assert len([effect for effect in box.wait(60) if isinstance(effect, Switch)]) == 2


@pytest.mark.parametrize(("late", "runs"), [(MAX_AGE, True), (MAX_AGE + 1, False)])
def test_what_could_not_run_in_its_time_is_dropped(box: Box, late: float, runs: bool) -> None:
    box.operate(BLOCK, box.oper(ON, at=NOON + 5))
    effects = box.wait(5 + late)
    dropped = "TimeActivatedOperateTermination- Time-limit-over"
    assert said(effects) == (["switch SPCSO1 True"] if runs else [dropped])
    assert box.server.next_tick() is None
    if runs:
        box.carried_out(effects)
    assert written(box.operate(BLOCK, box.oper(ON, number=2, at=NOON + 100))) == OK


def test_what_is_due_waits_for_what_is_executing(box: Box) -> None:
    box.operate(BLOCK, box.oper(ON, at=NOON + 5))
    executing = box.operate(BLOCK, box.oper(OFF, number=2))
    assert box.wait(6) == []
    assert box.server.next_tick() == NOON + 5 + MAX_AGE  # the time of giving up
    box.carried_out(executing)
    assert box.server.next_tick() == NOON + 5
    assert switch_of(box.wait(0)).value is True


def test_a_time_activated_operate_outlives_its_association(box: Box) -> None:
    box.operate(BLOCK, box.oper(ON, at=NOON + 60), association=box.associate())
    box.server.peer_gone(SP, box.moment)
    box.carried_out(box.wait(60))
    assert box.tree.read(Reference.parse(BLOCK))[0] is True


def test_a_process_that_refuses_what_was_due_leaves_the_status(box: Box) -> None:
    before = state(box, BLOCK)
    box.operate(BLOCK, box.oper(ON, at=NOON + 60))
    effects = box.carried_out(box.wait(60), AddCause.BLOCKED_BY_PROCESS)
    assert said(effects) == ["TimeActivatedOperateTermination- Blocked-by-process"]
    assert state(box, BLOCK) == before

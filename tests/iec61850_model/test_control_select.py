"""Select before operate with normal and with enhanced security (7-2 clause 20, 8-2 clause 20)."""

from __future__ import annotations

import pytest
from box_server import NOON, OTHER, SP
from control_models import DIRECT, ENHANCED, SBO_TIMEOUT, SELECT, STATE
from control_scene import OFF, ON, ControlBox, said

from iec61850_model.mms.pdu import ConcludeRequest, Data
from iec61850_model.server import Moment
from iec61850_model.values import AddCause

SOFA = "agg7@hub.example.org/sofa"
OWN = ["'HP/RlyGGIO1$CO$SPCSO1$SBO'"]
REFUSED = ["''"]
NOT_SELECTED = ["LastApplError Object-not-selected", "object-access-denied"]
LOCKED = ["LastApplError Locked-by-other-client", "temporarily-unavailable"]
INCONSISTENT = ["LastApplError Inconsistent-parameters", "temporarily-unavailable"]
THREE = Data("integer", 3)


@pytest.fixture
def box() -> ControlBox:
    return ControlBox()


def test_a_selected_object_is_operated_once(box: ControlBox) -> None:
    assert said(box.select(SELECT)) == OWN
    assert box.value(SELECT, "stSeld") is True
    assert box.operates(SELECT, box.command(ON)) == ["switch SPCSO1 True"]
    assert box.process() == ["done"]
    assert (box.value(SELECT), box.value(SELECT, "stSeld")) == (True, False)
    assert box.operates(SELECT, box.command(OFF, number=2)) == NOT_SELECTED


def test_what_is_not_selected_is_not_operated(box: ControlBox) -> None:
    assert box.operates(SELECT, box.command()) == NOT_SELECTED
    assert box.operates(STATE, box.command(THREE)) == NOT_SELECTED


def test_a_selection_ends_with_its_time(box: ControlBox) -> None:
    box.select(SELECT)
    assert box.server.next_tick() == NOON + SBO_TIMEOUT
    assert box.later(SBO_TIMEOUT) == []
    assert box.value(SELECT, "stSeld") is False
    assert box.operates(SELECT, box.command()) == NOT_SELECTED


def test_a_selection_is_over_in_its_time_also_before_the_box_looks(box: ControlBox) -> None:
    box.select(SELECT)
    box.moment = Moment(NOON + SBO_TIMEOUT)
    assert box.operates(SELECT, box.command()) == NOT_SELECTED
    assert said(box.select(SELECT, peer=OTHER, association=box.associate(peer=OTHER))) == OWN


def test_who_selects_again_has_the_whole_time_again(box: ControlBox) -> None:
    box.select(SELECT)
    box.wait(SBO_TIMEOUT - 1)
    assert said(box.select(SELECT)) == OWN
    box.wait(SBO_TIMEOUT - 1)
    assert box.operates(SELECT, box.command()) == ["switch SPCSO1 True"]


def test_what_one_has_selected_no_other_selects_or_operates(box: ControlBox) -> None:
    his = box.associate(peer=OTHER)
    box.select(SELECT)
    assert said(box.select(SELECT, peer=OTHER, association=his)) == REFUSED
    assert box.operates(SELECT, box.command(), peer=OTHER, association=his) == LOCKED
    assert box.operates(SELECT, box.command()) == ["switch SPCSO1 True"]


def test_a_selection_holds_in_its_association_only(box: ControlBox) -> None:
    sofa = box.associate(peer=SOFA)
    box.select(SELECT)
    assert box.operates(SELECT, box.command(), peer=SOFA, association=sofa) == LOCKED
    assert box.operates(SELECT, box.command(), association=box.associate(half="9")) == LOCKED


def test_without_an_association_nothing_is_selected(box: ControlBox) -> None:
    assert said(box.select(SELECT, association=None)) == REFUSED
    assert box.selects_with(STATE, box.command(THREE), association=None) == [
        "LastApplError Select-failed",
        "temporarily-unavailable",
    ]


@pytest.mark.parametrize("end", ["released", "peer gone", "link lost", "lease over"])
def test_a_selection_ends_with_its_association(box: ControlBox, end: str) -> None:
    box.select(SELECT)
    box.selects_with(STATE, box.command(THREE))
    match end:
        case "released":
            box.ask(ConcludeRequest(), association=box.association)
        case "peer gone":
            box.server.peer_gone(SP, box.moment)
        case "link lost":
            box.server.link_lost(box.moment)
        case "lease over":
            box.wait(600)
    assert (box.value(SELECT, "stSeld"), box.value(STATE, "stSeld")) == (False, False)
    again = box.associate()
    assert box.operates(SELECT, box.command(), association=again) == NOT_SELECTED


def test_the_end_of_another_association_ends_no_selection(box: ControlBox) -> None:
    box.associate(peer=OTHER)
    box.select(SELECT)
    box.server.peer_gone(OTHER, box.moment)
    assert box.operates(SELECT, box.command()) == ["switch SPCSO1 True"]


@pytest.mark.parametrize("what", ["clock", "blocked", "off", "CmdBlk", "Loc"])
def test_what_could_not_be_operated_is_not_selected(box: ControlBox, what: str) -> None:
    match what:
        case "clock":
            box.moment = Moment(NOON, synchronized=False)
        case "blocked" | "off":
            box.set("HP/RlyGGIO1.Beh.stVal[ST]", {"blocked": 2, "off": 5}[what])
        case "Loc":
            box.set("HP/LLN0.Loc.stVal[ST]", True)
        case "CmdBlk":
            box.set("HP/RlyGGIO1.CmdBlk.stVal[ST]", True)
    assert said(box.select(SELECT)) == REFUSED
    assert box.value(SELECT, "stSeld") is False


def test_an_operate_that_is_refused_uses_up_the_selection(box: ControlBox) -> None:
    box.select(SELECT)
    assert box.operates(SELECT, box.command(time=NOON - 100)) == [
        "LastApplError Time-limit-over",
        "temporarily-unavailable",
    ]
    assert box.operates(SELECT, box.command(number=2)) == NOT_SELECTED


def test_a_repeat_of_the_operate_is_answered_though_nothing_is_selected_any_more(box: ControlBox) -> None:
    box.select(SELECT)
    oper = box.command()
    box.operates(SELECT, oper)
    box.process()
    assert box.operates(SELECT, oper) == ["done"]


def test_with_operate_many_a_selection_serves_until_its_time_ends(box: ControlBox) -> None:
    box.set(f"{SELECT}.sboClass[CF]", 1)
    box.select(SELECT)
    for number in range(3):
        box.wait(SBO_TIMEOUT - 1)
        assert box.operates(SELECT, box.command(number=number)) == ["switch SPCSO1 True"]
        box.process()
    box.wait(SBO_TIMEOUT)
    assert box.operates(SELECT, box.command(number=9)) == NOT_SELECTED


def test_what_is_being_carried_out_is_not_selected(box: ControlBox) -> None:
    box.select(SELECT)
    box.operates(SELECT, box.command())
    assert said(box.select(SELECT)) == REFUSED
    box.process()
    assert said(box.select(SELECT)) == OWN


@pytest.mark.parametrize("target", [DIRECT, ENHANCED, STATE, "HP/HpGGIO1.Ind1", "HP/EvuGGIO1.Nope"])
def test_only_what_has_sbo_is_selected_by_reading(box: ControlBox, target: str) -> None:
    known = target in (DIRECT, ENHANCED, STATE)
    failure = "object-access-unsupported" if known else "object-non-existent"
    assert said(box.select(target)) == [failure]


# --- select with value ----------------------------------------------------------------------------


def test_a_value_is_selected_and_then_operated(box: ControlBox) -> None:
    command = box.command(THREE)
    assert box.selects_with(STATE, command) == ["done"]
    assert box.value(STATE, "stSeld") is True
    assert box.operates(STATE, command) == ["done", "switch ISCSO1 3"]
    assert box.process() == ["CommandTermination+"]
    assert (box.value(STATE), box.value(STATE, "stSeld")) == (3, False)


@pytest.mark.parametrize("change", ["value", "number", "time", "operTm", "origin", "test"])
def test_what_is_operated_has_to_be_what_was_selected(box: ControlBox, change: str) -> None:
    box.selects_with(STATE, box.command(THREE))
    other = {
        "value": box.command(Data("integer", 2)),
        "number": box.command(THREE, number=2),
        "time": box.command(THREE, time=NOON + 1),
        "operTm": box.command(THREE, after=5),
        "origin": box.command(THREE, category=6),
        "test": box.command(THREE, test=True),
    }[change]
    assert box.operates(STATE, other) == INCONSISTENT
    assert box.value(STATE, "stSeld") is False


def test_with_operate_many_each_operate_has_a_number_and_time_of_its_own(box: ControlBox) -> None:
    box.set(f"{STATE}.sboClass[CF]", 1)
    box.selects_with(STATE, box.command(THREE))
    for number in (1, 2):
        assert box.operates(STATE, box.command(THREE, number=number)) == ["done", "switch ISCSO1 3"]
        box.process()
    assert box.operates(STATE, box.command(Data("integer", 2), number=3)) == INCONSISTENT


def test_a_value_that_could_not_be_operated_is_not_selected(box: ControlBox) -> None:
    assert box.selects_with(STATE, box.command(Data("integer", 5))) == INCONSISTENT
    assert box.selects_with(STATE, box.command(THREE, time=NOON - 31)) == [
        "LastApplError Time-limit-over",
        "temporarily-unavailable",
    ]


def test_what_one_has_selected_with_a_value_no_other_selects(box: ControlBox) -> None:
    his = box.associate(peer=OTHER)
    box.selects_with(STATE, box.command(THREE))
    assert box.selects_with(STATE, box.command(THREE), peer=OTHER, association=his) == [
        "LastApplError Object-already-selected",
        "temporarily-unavailable",
    ]


def test_a_second_value_takes_the_place_of_the_first(box: ControlBox) -> None:
    box.selects_with(STATE, box.command(THREE))
    box.selects_with(STATE, box.command(Data("integer", 2), number=2))
    assert box.operates(STATE, box.command(Data("integer", 2), number=2)) == ["done", "switch ISCSO1 2"]


def test_an_object_of_another_model_is_not_selected_with_a_value(box: ControlBox) -> None:
    box.set(f"{STATE}.ctlModel[CF]", 1)
    assert box.selects_with(STATE, box.command(THREE)) == [
        "LastApplError Not-supported",
        "object-access-denied",
    ]


# --- cancelling a selection -----------------------------------------------------------------------


def test_a_selection_is_cancelled(box: ControlBox) -> None:
    box.select(SELECT)
    assert box.cancels(SELECT, box.command()) == ["done"]
    assert box.value(SELECT, "stSeld") is False
    assert box.operates(SELECT, box.command()) == NOT_SELECTED


def test_a_selection_with_a_value_is_cancelled_by_the_same_parameters(box: ControlBox) -> None:
    command = box.command(THREE)
    box.selects_with(STATE, command)
    box.wait(1)
    assert box.cancels(STATE, box.command(THREE, number=2)) == INCONSISTENT
    assert box.value(STATE, "stSeld") is True
    assert box.cancels(STATE, command) == ["done"]
    assert box.value(STATE, "stSeld") is False


def test_only_its_owner_cancels_a_selection(box: ControlBox) -> None:
    box.select(SELECT)
    assert box.cancels(SELECT, box.command(), peer=OTHER, association=None) == LOCKED
    assert box.cancels(SELECT, box.command(), peer=SOFA, association=None) == ["done"]


def test_a_repeated_cancel_is_answered_and_a_new_one_finds_nothing(box: ControlBox) -> None:
    box.select(SELECT)
    cancel = box.command()
    box.cancels(SELECT, cancel)
    assert box.cancels(SELECT, cancel) == ["done"]
    assert box.cancels(SELECT, box.command(number=2)) == NOT_SELECTED


def test_a_cancel_that_was_held_up_ends_nothing_that_came_later(box: ControlBox) -> None:
    box.select(SELECT)
    assert box.cancels(SELECT, box.command(time=NOON - 31)) == [
        "LastApplError Time-limit-over",
        "temporarily-unavailable",
    ]
    assert box.operates(SELECT, box.command()) == ["switch SPCSO1 True"]


def test_what_the_process_does_already_is_not_cancelled(box: ControlBox) -> None:
    box.select(SELECT)
    box.operates(SELECT, box.command())
    assert box.cancels(SELECT, box.command()) == [
        f"LastApplError {AddCause.COMMAND_ALREADY_IN_EXECUTION.text}",
        "temporarily-unavailable",
    ]

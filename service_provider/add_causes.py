"""Why a command was refused or ended, in words for who gave it: every AddCause of 7-2."""

from __future__ import annotations

from iec61850_model.values import AddCause


def explained(cause: AddCause) -> str:
    """What an AddCause means to who commanded, and what to do."""
    return _EXPLANATIONS[cause]


_EXPLANATIONS = {
    AddCause.UNKNOWN: "the device gives no reason",
    AddCause.NOT_SUPPORTED: "this object cannot be controlled so: look at its ctlModel",
    AddCause.BLOCKED_BY_SWITCHING_HIERARCHY: "somebody at the heat pump has taken control (Loc or LocSta)",
    AddCause.SELECT_FAILED: "it could not be selected: somebody else has it, or it cannot be switched now",
    AddCause.INVALID_POSITION: "the switch is in no position from which it can be switched",
    AddCause.POSITION_REACHED: "it has this position already",
    AddCause.PARAMETER_CHANGE_IN_EXECUTION: "its parameters are being changed: try again in some seconds",
    AddCause.STEP_LIMIT: "it is at the end of its range",
    AddCause.BLOCKED_BY_MODE: "its mode does not let it (Beh): tests need mode test, all else mode on",
    AddCause.BLOCKED_BY_PROCESS: "the hardware did not follow: read its state and the box's health",
    AddCause.BLOCKED_BY_INTERLOCKING: "a lock of the heat pump forbids it now, such as a shortest pause",
    AddCause.BLOCKED_BY_SYNCHROCHECK: "the two sides are not in step",
    AddCause.COMMAND_ALREADY_IN_EXECUTION: (
        "another command is being carried out, or waits for its time: cancel that, or try again later"
    ),
    AddCause.BLOCKED_BY_HEALTH: "the device is not well; most often its clock is not synchronized",
    AddCause.ONE_OF_N_CONTROL: "another object is being controlled, and only one can be at a time",
    AddCause.ABORTION_BY_CANCEL: "it was cancelled",
    AddCause.TIME_LIMIT_OVER: (
        "it came too late, or its time is past or too far ahead, or it took too long: look at both clocks"
    ),
    AddCause.ABORTION_BY_TRIP: "a protection has tripped",
    AddCause.OBJECT_NOT_SELECTED: "nothing of yours is selected, or waits for its time",
    AddCause.OBJECT_ALREADY_SELECTED: "somebody else has selected it: try again when he is done",
    AddCause.NO_ACCESS_AUTHORITY: "you may not command it, or may not any more: ask the operator of the hub",
    AddCause.ENDED_WITH_OVERSHOOT: "it moved too far",
    AddCause.ABORTION_DUE_TO_DEVIATION: "it did not go where it was to go",
    AddCause.ABORTION_BY_COMMUNICATION_LOSS: "a link was lost meanwhile",
    AddCause.BLOCKED_BY_COMMAND: "commands to it are blocked (CmdBlk)",
    AddCause.NONE: "the control ended well",
    AddCause.INCONSISTENT_PARAMETERS: "the value is outside its range, or is not what was selected",
    AddCause.LOCKED_BY_OTHER_CLIENT: "somebody else commands it now",
}

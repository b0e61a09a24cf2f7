"""A model whose objects have different control models, and no other logical device than HP."""

from __future__ import annotations

from pathlib import Path

from iec61850_model.values import ControlModel
from support.control_icd import only_device, with_control_models

ICD = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
DIRECT, SELECT, ENHANCED = "HP/EvuGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO2"
STATE, ROOM = "HP/SgrGGIO1.ISCSO1", "HP/RmFSPT1.SptVal"
OBJECTS = {
    ControlModel.DIRECT_NORMAL: DIRECT,
    ControlModel.SBO_NORMAL: SELECT,
    ControlModel.DIRECT_ENHANCED: ENHANCED,
    ControlModel.SBO_ENHANCED: STATE,
}
"""One object of each control model."""
SBO_TIMEOUT, OPER_TIMEOUT = 20.0, 10.0
"""Seconds, as the model says."""

_SWITCHES = {"Loc": "SPS_plain", "LocSta": "SPC_status_only", "CmdBlk": "SPC_status_only"}
MODEL = with_control_models(
    only_device("HP", ICD.read_bytes()),
    {
        "RlyGGIO1.SPCSO1": "sbo-with-normal-security",
        "RlyGGIO1.SPCSO2": "direct-with-enhanced-security",
        "SgrGGIO1.ISCSO1": "sbo-with-enhanced-security",
        "RmFSPT1.SptVal": "direct-with-enhanced-security",
    },
    {
        "EvuGGIO1": _SWITCHES,
        "RlyGGIO1": {"CmdBlk": "SPC_status_only"},
        "LLN0": {"MltLev": "SPG_fixed"},
    },
    sbo_timeout=20_000,
    oper_timeout=10_000,
)

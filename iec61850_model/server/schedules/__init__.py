"""Schedules: values that come into force by the clock, without a network (7-4, FSCH and FSCC, Annex K)."""

from iec61850_model.server.schedules.keeping import InMemory, Keeper, Kept
from iec61850_model.server.schedules.service import Schedules
from iec61850_model.server.schedules.states import EnablingError, ScheduleState

__all__ = ["EnablingError", "InMemory", "Keeper", "Kept", "ScheduleState", "Schedules"]

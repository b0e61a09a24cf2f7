"""Schedules of heat pumps, as a service provider sets and sees them (IEC 61850-7-4: FSCH, FSCC)."""

from service_provider.schedules.objects import ScheduledObject
from service_provider.schedules.plan import Repeat, SchedulePlan, plan_from_csv
from service_provider.schedules.service import Schedules
from service_provider.schedules.shown import Segment, ShownSchedule

__all__ = [
    "Repeat",
    "SchedulePlan",
    "ScheduledObject",
    "Schedules",
    "Segment",
    "ShownSchedule",
    "plan_from_csv",
]

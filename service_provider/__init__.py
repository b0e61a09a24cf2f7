"""For service providers: read and steer heat pumps through a hub. Start with ``ServiceProvider``."""

from iec61850_model.client import (
    AmbiguousReference,
    BadAnswer,
    ClientError,
    ControlRefused,
    DataSetDirectory,
    NoAnswer,
    NoSuchObject,
    Rejected,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.client.logs import LcbValues, LogStatus
from iec61850_model.client.rcb import RcbValues
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint, OptFlds, Quality, Trigger
from service_provider.addresses import InvalidHeatPumpId
from service_provider.data_sets import ConfiguredDataSet, DataSetReading
from service_provider.errors import (
    CannotConnect,
    HeatPumpOffline,
    HubRefused,
    NoSuchGroup,
    NoSuchHeatPump,
    NotAllowed,
    ScheduleNotEnabled,
)
from service_provider.group_results import MemberResult, Outcome
from service_provider.groups import Group
from service_provider.history import HistoryInterval
from service_provider.listing import Listed
from service_provider.logs import LoggedEntry
from service_provider.presence import Presence, PresenceChange
from service_provider.provider import ServiceProvider
from service_provider.reading import Reading
from service_provider.report_blocks import NoFreeBlock, NoSuchDataSet
from service_provider.reports import HeatPumpReport, ReportEntry
from service_provider.schedules import Repeat, ScheduledObject, SchedulePlan, ShownSchedule, plan_from_csv
from service_provider.subscriptions import BlockInUse
from service_provider.tree import Branch, Kind

__all__ = [
    "AmbiguousReference",
    "BadAnswer",
    "BlockInUse",
    "Branch",
    "CannotConnect",
    "ClientError",
    "ConfiguredDataSet",
    "ControlRefused",
    "DataSetDirectory",
    "DataSetReading",
    "FunctionalConstraint",
    "Group",
    "HeatPumpOffline",
    "HeatPumpReport",
    "HistoryInterval",
    "HubRefused",
    "InvalidHeatPumpId",
    "InvalidReference",
    "Kind",
    "LcbValues",
    "Listed",
    "LogStatus",
    "LoggedEntry",
    "MemberResult",
    "NoAnswer",
    "NoFreeBlock",
    "NoSuchDataSet",
    "NoSuchGroup",
    "NoSuchHeatPump",
    "NoSuchObject",
    "NotAllowed",
    "OptFlds",
    "Outcome",
    "Presence",
    "PresenceChange",
    "Quality",
    "RcbValues",
    "Reading",
    "Reference",
    "Rejected",
    "Repeat",
    "ReportEntry",
    "ScheduleNotEnabled",
    "SchedulePlan",
    "ScheduledObject",
    "ServiceErrorReceived",
    "ServiceProvider",
    "ShownSchedule",
    "Trigger",
    "UnusableValue",
    "plan_from_csv",
]

"""Control (7-2 clause 20): the four control models, at once and time-activated."""

from iec61850_model.server.control.asked import selected_by, service_of
from iec61850_model.server.control.command import (
    Accepted,
    Answer,
    Client,
    Executing,
    Refused,
    Service,
)
from iec61850_model.server.control.limits import (
    DEFAULT_OPER_TIMEOUT,
    DEFAULT_SBO_TIMEOUT,
    MAX_AGE,
    MAX_AHEAD,
    MAX_OPERTM_AHEAD,
    MAX_REMEMBERED,
    MAX_SBO_TIMEOUT,
    REMEMBERED,
)
from iec61850_model.server.control.service import Controls

__all__ = [
    "DEFAULT_OPER_TIMEOUT",
    "DEFAULT_SBO_TIMEOUT",
    "MAX_AGE",
    "MAX_AHEAD",
    "MAX_OPERTM_AHEAD",
    "MAX_REMEMBERED",
    "MAX_SBO_TIMEOUT",
    "REMEMBERED",
    "Accepted",
    "Answer",
    "Client",
    "Controls",
    "Executing",
    "Refused",
    "Service",
    "selected_by",
    "service_of",
]

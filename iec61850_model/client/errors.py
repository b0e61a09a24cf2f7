"""What a client can meet; one tree, so that one ``except ClientError`` is enough."""

from __future__ import annotations

from collections.abc import Sequence

from iec61850_model.mms.pdu import DataAccessError, ErrorClass, MmsError, RejectReason
from iec61850_model.values import AddCause, ServiceError

_ACCESS = {
    DataAccessError.OBJECT_INVALIDATED: ServiceError.INSTANCE_NOT_AVAILABLE,
    DataAccessError.HARDWARE_FAULT: ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT,
    DataAccessError.TEMPORARILY_UNAVAILABLE: ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
    DataAccessError.OBJECT_ACCESS_DENIED: ServiceError.ACCESS_VIOLATION,
    DataAccessError.OBJECT_UNDEFINED: ServiceError.INSTANCE_NOT_AVAILABLE,
    DataAccessError.INVALID_ADDRESS: ServiceError.PARAMETER_VALUE_INAPPROPRIATE,
    DataAccessError.TYPE_UNSUPPORTED: ServiceError.CLASS_NOT_SUPPORTED,
    DataAccessError.TYPE_INCONSISTENT: ServiceError.TYPE_CONFLICT,
    DataAccessError.OBJECT_ATTRIBUTE_INCONSISTENT: ServiceError.PARAMETER_VALUE_INCONSISTENT,
    DataAccessError.OBJECT_ACCESS_UNSUPPORTED: ServiceError.ACCESS_VIOLATION,
    DataAccessError.OBJECT_NON_EXISTENT: ServiceError.INSTANCE_NOT_AVAILABLE,
    DataAccessError.OBJECT_VALUE_INVALID: ServiceError.PARAMETER_VALUE_INAPPROPRIATE,
}
"""DataAccessError of a read or write to the service error of 7-2 (after 8-1, clause 13)."""

_MMS = {
    (ErrorClass.DEFINITION, 1): ServiceError.INSTANCE_NOT_AVAILABLE,
    (ErrorClass.DEFINITION, 2): ServiceError.PARAMETER_VALUE_INAPPROPRIATE,
    (ErrorClass.DEFINITION, 3): ServiceError.CLASS_NOT_SUPPORTED,
    (ErrorClass.DEFINITION, 5): ServiceError.INSTANCE_IN_USE,
    (ErrorClass.SERVICE, 3): ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT,
    (ErrorClass.SERVICE, 5): ServiceError.INSTANCE_IN_USE,
    (ErrorClass.ACCESS, 1): ServiceError.ACCESS_VIOLATION,
    (ErrorClass.ACCESS, 2): ServiceError.INSTANCE_NOT_AVAILABLE,
    (ErrorClass.ACCESS, 3): ServiceError.ACCESS_VIOLATION,
    (ErrorClass.ACCESS, 4): ServiceError.INSTANCE_NOT_AVAILABLE,
}
"""confirmed-ErrorPDU to the service error of 7-2; all others failed-due-to-server-constraint."""


class ClientError(Exception):
    """Base of everything a client raises about a peer and its objects."""


class NoAnswer(ClientError):
    """No answer in time; the peer may have carried the request out or not."""


class BadAnswer(ClientError):
    """The answer is no PDU, or not one that fits the request or the definition."""


class Rejected(ClientError):
    """rejectPDU: the peer does not take the request as one (ISO 9506-2)."""

    def __init__(self, reason: RejectReason) -> None:
        super().__init__(f"the device rejects the request: {reason.name.lower().replace('_', '-')}")
        self.reason = reason


class AssociationRefused(ClientError):
    """Associate or Release was refused (8-2 clause 10)."""


class UnusableValue(ClientError, ValueError):
    """A value that does not fit the attribute it is for; nothing was sent."""


class AmbiguousReference(ClientError):
    """The reference alone does not say what is meant; ``choices`` do."""

    def __init__(self, message: str, choices: Sequence[str]) -> None:
        super().__init__(message)
        self.choices = tuple(choices)


class ServiceErrorReceived(ClientError):
    """The device answered with a service error (7-2); ``detail`` is the identifier on the wire."""

    def __init__(self, what: str, service_error: ServiceError, detail: str) -> None:
        super().__init__(f"{what}: the device answers {service_error} ({detail})")
        self.service_error = service_error
        self.detail = detail


class NoSuchObject(ServiceErrorReceived):
    """The device has no object of this name."""


class ControlRefused(ServiceErrorReceived):
    """A control was refused; ``add_cause`` says why, None if the device gave no reason."""

    def __init__(
        self, what: str, service_error: ServiceError, detail: str, add_cause: AddCause | None
    ) -> None:
        super().__init__(what, service_error, detail)
        self.add_cause = add_cause
        if add_cause is not None:
            self.args = (f"{what}: the device refuses the control: {add_cause.text} ({service_error})",)


def of_access(what: str, error: DataAccessError) -> ServiceErrorReceived:
    """The error of one variable."""
    return _received(what, _ACCESS[error], error.text)


def of_mms(what: str, error: MmsError) -> ServiceErrorReceived:
    """The error of a whole service."""
    service_error = _MMS.get((error.error_class, error.code), ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT)
    return _received(what, service_error, error.text)


def of_control(what: str, error: DataAccessError, add_cause: AddCause | None) -> ServiceErrorReceived:
    """The error of an operate, with what LastApplError said before it."""
    if error in (DataAccessError.OBJECT_NON_EXISTENT, DataAccessError.OBJECT_UNDEFINED) and add_cause is None:
        return of_access(what, error)
    return ControlRefused(what, _ACCESS[error], error.text, add_cause)


def of_termination(what: str, add_cause: AddCause) -> ControlRefused:
    """The error of a command that was accepted and ended badly."""
    failed = ControlRefused(what, ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, "terminated", add_cause)
    failed.args = (f"{what}: the device ended the command without having carried it out: {add_cause.text}",)
    return failed


def _received(what: str, service_error: ServiceError, detail: str) -> ServiceErrorReceived:
    kind = NoSuchObject if service_error is ServiceError.INSTANCE_NOT_AVAILABLE else ServiceErrorReceived
    return kind(what, service_error, detail)

"""MMS PDUs as plain data (ISO 9506-2 as profiled by 8-2); how they look in XML is ``xer``'s business."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from iec61850_model.values import EntryTime, Timestamp

Tag: TypeAlias = Literal[
    "boolean",
    "integer",
    "unsigned",
    "floating-point",
    "bit-string",
    "octet-string",
    "visible-string",
    "mMSString",
    "utc-time",
    "binary-time",
    "structure",
    "array",
]
"""The value kinds of 8-2 Table 3."""


class Data(NamedTuple):
    """One MMS value: its kind and the Python value that goes with it.

    boolean: bool; integer, unsigned: int of at most 64 bits; floating-point: float of single precision;
    bit-string: str of 0 and 1; octet-string: bytes; visible-string, mMSString: str; utc-time: Timestamp;
    binary-time: EntryTime; structure, array: tuple of Data.
    """

    tag: Tag
    value: DataValue


DataValue: TypeAlias = bool | int | float | str | bytes | Timestamp | EntryTime | tuple["Data", ...]


class DataAccessError(enum.IntEnum):
    """Why one variable could not be read or written (ISO 9506-2 DataAccessError)."""

    OBJECT_INVALIDATED = 0
    HARDWARE_FAULT = 1
    TEMPORARILY_UNAVAILABLE = 2
    OBJECT_ACCESS_DENIED = 3
    OBJECT_UNDEFINED = 4
    INVALID_ADDRESS = 5
    TYPE_UNSUPPORTED = 6
    TYPE_INCONSISTENT = 7
    OBJECT_ATTRIBUTE_INCONSISTENT = 8
    OBJECT_ACCESS_UNSUPPORTED = 9
    OBJECT_NON_EXISTENT = 10
    OBJECT_VALUE_INVALID = 11

    @property
    def text(self) -> str:
        """The identifier of the standard, e.g. ``object-access-denied``."""
        return self.name.lower().replace("_", "-")


AccessResult: TypeAlias = Data | DataAccessError


# --- names and types -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ObjectName:
    """A name in a domain (``domain`` set), of the association (``@``, aa_specific) or of the whole server."""

    item: str
    domain: str | None = None
    aa_specific: bool = False


@dataclass(frozen=True, slots=True)
class VariableList:
    """Variables named one by one (listOfVariable)."""

    names: tuple[ObjectName, ...]


@dataclass(frozen=True, slots=True)
class VariableListName:
    """A named variable list: a data set, or ``RPT`` of a report."""

    name: ObjectName


AccessSpecification: TypeAlias = VariableList | VariableListName


@dataclass(frozen=True, slots=True)
class Primitive:
    """A type without parts.

    ``size`` is bits for numbers and bit strings, octets or characters for strings, else 0; a negative size
    means "up to" (ISO 9506-2).
    """

    tag: Tag
    size: int = 0


@dataclass(frozen=True, slots=True)
class Structure:
    """A structured type: its components in order."""

    components: tuple[tuple[str, TypeDescription], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """``count`` elements of one type."""

    count: int
    element: TypeDescription


TypeDescription: TypeAlias = Primitive | Structure | Array


# --- confirmed services ----------------------------------------------------------------------------


class ObjectClass(enum.StrEnum):
    """What getNameList lists."""

    NAMED_VARIABLE = "namedVariable"
    NAMED_VARIABLE_LIST = "namedVariableList"
    JOURNAL = "journal"
    DOMAIN = "domain"


class ObjectScope(enum.StrEnum):
    """Where getNameList looks."""

    VMD = "vmdSpecific"
    DOMAIN = "domainSpecific"
    AA = "aaSpecific"


@dataclass(frozen=True, slots=True)
class GetNameListRequest:
    """GetServerDirectory, GetLogicalDeviceDirectory, GetLogicalNodeDirectory (8-2, clauses 9 to 11)."""

    object_class: ObjectClass
    scope: ObjectScope
    domain: str | None = None
    continue_after: str | None = None


@dataclass(frozen=True, slots=True)
class GetNameListResponse:
    """Names in ASCII order; more_follows: ask again with continueAfter the last one."""

    identifiers: tuple[str, ...]
    more_follows: bool = True


@dataclass(frozen=True, slots=True)
class GetVariableAccessAttributesRequest:
    """GetDataDirectory and GetDataDefinition (8-2, clause 12)."""

    name: ObjectName


@dataclass(frozen=True, slots=True)
class GetVariableAccessAttributesResponse:
    """The type of a variable."""

    type: TypeDescription
    mms_deletable: bool = False


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """GetDataValues, GetAllDataValues, GetDataSetValues and the Select of SBO (8-2, clauses 12, 14, 20)."""

    variables: AccessSpecification
    specification_with_result: bool = False


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """One result per variable, in the order asked."""

    results: tuple[AccessResult, ...]


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """SetDataValues, Operate and other writes (8-2, clauses 12, 20): one Data per variable."""

    variables: AccessSpecification
    data: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class WriteResponse:
    """Per variable None (written) or why not, in the order asked."""

    results: tuple[DataAccessError | None, ...]


@dataclass(frozen=True, slots=True)
class GetNamedVariableListAttributesRequest:
    """GetDataSetDirectory (8-2, 14.6)."""

    name: ObjectName


@dataclass(frozen=True, slots=True)
class GetNamedVariableListAttributesResponse:
    """The members of a data set, in order."""

    variables: tuple[ObjectName, ...]
    deletable: bool = False


@dataclass(frozen=True, slots=True)
class DefineNamedVariableListRequest:
    """CreateDataSet (8-2, 14.4)."""

    name: ObjectName
    variables: tuple[ObjectName, ...]


@dataclass(frozen=True, slots=True)
class DefineNamedVariableListResponse:
    """The data set is there."""


@dataclass(frozen=True, slots=True)
class DeleteNamedVariableListRequest:
    """DeleteDataSet (8-2, 14.5): scopeOfDelete is always ``specific``."""

    names: tuple[ObjectName, ...]


@dataclass(frozen=True, slots=True)
class DeleteNamedVariableListResponse:
    """How many of the names were found, and how many of those deleted."""

    matched: int
    deleted: int


@dataclass(frozen=True, slots=True)
class ReadJournalRequest:
    """QueryLogByTime (``start`` and ``stop``), QueryLogAfter (``after``); 8-2, 17.3.

    ``after``: time and EntryID of the entry to start after, which also asks for a further page.
    """

    name: ObjectName
    start: EntryTime | None = None
    stop: EntryTime | None = None
    after: tuple[EntryTime, bytes] | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """An entry of a log: EntryID of 8 octets, its time, and (variable tag, value) in order.

    Tags are data references, and ``ReasonCode`` after each one where the log keeps reasons.
    """

    entry_id: bytes
    time: EntryTime
    variables: tuple[tuple[str, Data], ...]


@dataclass(frozen=True, slots=True)
class ReadJournalResponse:
    """Entries in order of EntryID; more_follows: ask again with ``after`` the last one."""

    entries: tuple[JournalEntry, ...]
    more_follows: bool = False


@dataclass(frozen=True, slots=True)
class UnknownService:
    """A service this implementation does not know; ``name`` is its element. Never encoded."""

    name: str


RequestService: TypeAlias = (
    GetNameListRequest
    | GetVariableAccessAttributesRequest
    | ReadRequest
    | WriteRequest
    | GetNamedVariableListAttributesRequest
    | DefineNamedVariableListRequest
    | DeleteNamedVariableListRequest
    | ReadJournalRequest
    | UnknownService
)
ResponseService: TypeAlias = (
    GetNameListResponse
    | GetVariableAccessAttributesResponse
    | ReadResponse
    | WriteResponse
    | GetNamedVariableListAttributesResponse
    | DefineNamedVariableListResponse
    | DeleteNamedVariableListResponse
    | ReadJournalResponse
    | UnknownService
)


# --- PDUs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfirmedRequest:
    """confirmed-RequestPDU."""

    invoke_id: int
    service: RequestService


@dataclass(frozen=True, slots=True)
class ConfirmedResponse:
    """confirmed-ResponsePDU."""

    invoke_id: int
    service: ResponseService


class ErrorClass(enum.StrEnum):
    """Error classes of confirmed-ErrorPDU that 8-2 uses (ISO 9506-2 ServiceError)."""

    VMD_STATE = "vmd-state"
    APPLICATION_REFERENCE = "application-reference"
    DEFINITION = "definition"
    RESOURCE = "resource"
    SERVICE = "service"
    SERVICE_PREEMPT = "service-preempt"
    TIME_RESOLUTION = "time-resolution"
    ACCESS = "access"
    INITIATE = "initiate"
    CONCLUDE = "conclude"
    CANCEL = "cancel"
    FILE = "file"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class MmsError:
    """An error class and its code; codes are listed in ``ERROR_NAMES``."""

    error_class: ErrorClass
    code: int

    @property
    def text(self) -> str:
        """The identifier of the standard where one is known, e.g. ``object-non-existent``."""
        return ERROR_NAMES.get((self.error_class, self.code), f"{self.error_class} {self.code}")


INVALID_SERVICE = MmsError(ErrorClass.SERVICE, 0)
PDU_SIZE = MmsError(ErrorClass.SERVICE, 3)
OBJECT_UNDEFINED = MmsError(ErrorClass.DEFINITION, 1)
INVALID_ADDRESS = MmsError(ErrorClass.DEFINITION, 2)
OBJECT_EXISTS = MmsError(ErrorClass.DEFINITION, 5)
OBJECT_CONSTRAINT_CONFLICT = MmsError(ErrorClass.SERVICE, 5)
ACCESS_UNSUPPORTED = MmsError(ErrorClass.ACCESS, 1)
ACCESS_DENIED = MmsError(ErrorClass.ACCESS, 3)
OBJECT_NON_EXISTENT = MmsError(ErrorClass.ACCESS, 2)
VERSION_INCOMPATIBLE = MmsError(ErrorClass.INITIATE, 1)
MAX_CALLING_INSUFFICIENT = MmsError(ErrorClass.INITIATE, 3)
PARAMETER_CBB_INSUFFICIENT = MmsError(ErrorClass.INITIATE, 6)
FURTHER_COMMUNICATION_REQUIRED = MmsError(ErrorClass.CONCLUDE, 1)
INVOKE_ID_UNKNOWN = MmsError(ErrorClass.CANCEL, 1)
MEMORY_UNAVAILABLE = MmsError(ErrorClass.RESOURCE, 1)

ERROR_NAMES = {
    (ErrorClass.DEFINITION, 1): "object-undefined",
    (ErrorClass.DEFINITION, 2): "invalid-address",
    (ErrorClass.DEFINITION, 3): "type-unsupported",
    (ErrorClass.DEFINITION, 5): "object-exists",
    (ErrorClass.RESOURCE, 1): "memory-unavailable",
    (ErrorClass.SERVICE, 3): "pdu-size",
    (ErrorClass.SERVICE, 4): "continuation-invalid",
    (ErrorClass.SERVICE, 5): "object-constraint-conflict",
    (ErrorClass.ACCESS, 1): "object-access-unsupported",
    (ErrorClass.ACCESS, 2): "object-non-existent",
    (ErrorClass.ACCESS, 3): "object-access-denied",
    (ErrorClass.ACCESS, 4): "object-invalidated",
    (ErrorClass.INITIATE, 1): "version-incompatible",
    (ErrorClass.INITIATE, 2): "max-segment-insufficient",
    (ErrorClass.INITIATE, 3): "max-services-outstanding-calling-insufficient",
    (ErrorClass.INITIATE, 4): "max-services-outstanding-called-insufficient",
    (ErrorClass.INITIATE, 5): "service-CBB-insufficient",
    (ErrorClass.INITIATE, 6): "parameter-CBB-insufficient",
    (ErrorClass.INITIATE, 7): "nesting-level-insufficient",
    (ErrorClass.CONCLUDE, 1): "further-communication-required",
    (ErrorClass.CANCEL, 1): "invoke-id-unknown",
    (ErrorClass.CANCEL, 2): "cancel-not-possible",
}


@dataclass(frozen=True, slots=True)
class ConfirmedError:
    """confirmed-ErrorPDU."""

    invoke_id: int
    error: MmsError


@dataclass(frozen=True, slots=True)
class InformationReport:
    """The one unconfirmed service 8-2 uses: reports, LastApplError, CommandTermination."""

    variables: AccessSpecification
    results: tuple[AccessResult, ...]


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """unconfirmed-PDU."""

    service: InformationReport


class RejectReason(enum.StrEnum):
    """The reasons of rejectPDU in use: class and code of ISO 9506-2 joined by a slash."""

    OTHER = "confirmed-requestPDU/0"
    UNRECOGNIZED_SERVICE = "confirmed-requestPDU/1"
    UNRECOGNIZED_MODIFIER = "confirmed-requestPDU/2"
    INVALID_INVOKE_ID = "confirmed-requestPDU/3"
    INVALID_ARGUMENT = "confirmed-requestPDU/4"
    MAX_SERV_OUTSTANDING_EXCEEDED = "confirmed-requestPDU/6"
    MAX_RECURSION_EXCEEDED = "confirmed-requestPDU/8"
    VALUE_OUT_OF_RANGE = "confirmed-requestPDU/9"
    UNKNOWN_PDU_TYPE = "pdu-error/0"
    INVALID_PDU = "pdu-error/1"
    ILLEGAL_ACSE_MAPPING = "pdu-error/2"

    @property
    def reason_class(self) -> str:
        """The element that holds the code."""
        return self.value.partition("/")[0]

    @property
    def code(self) -> int:
        """The number inside that element."""
        return int(self.value.partition("/")[2])


@dataclass(frozen=True, slots=True)
class Reject:
    """rejectPDU: the PDU could not be taken as a request at all."""

    reason: RejectReason
    invoke_id: int | None = None


DEFAULT_PDU_SIZE = 65_536
"""Octets of one PDU unless negotiated lower (DESIGN section 5: 96 schedule entries are 21 kB)."""
MIN_PDU_SIZE = 8_192
"""Octets below which an association is refused (8-2, 10.2.2.1.3)."""
MAX_OUTSTANDING = 8
"""Requests an association may have unanswered, either way (bounds a box's memory)."""
MAX_NESTING = 8
"""Levels of structure in one value; 8-2 asks for at least 5."""

NEEDED_CBB = frozenset({"str1", "str2", "vnam"})
"""Parameter conformance building blocks without which no service works (8-2, clause 10)."""
PARAMETER_CBB = NEEDED_CBB | {"vlis"}
"""Those this implementation has: named variable lists too, which are data sets."""
SERVICES = frozenset(
    {
        *("getNameList", "read", "write", "getVariableAccessAttributes", "informationReport", "conclude"),
        *("defineNamedVariableList", "getNamedVariableListAttributes", "deleteNamedVariableList"),
        "readJournal",
    }
)
"""Services this implementation announces at Associate."""


@dataclass(frozen=True, slots=True)
class InitiateRequest:
    """initiate-RequestPDU: Associate (7-2 clause 8, 8-2 clause 10)."""

    local_detail: int = DEFAULT_PDU_SIZE
    max_calling: int = MAX_OUTSTANDING
    max_called: int = MAX_OUTSTANDING
    nesting: int = MAX_NESTING
    version: int = 1
    parameter_cbb: frozenset[str] = PARAMETER_CBB
    services: frozenset[str] = SERVICES


@dataclass(frozen=True, slots=True)
class InitiateResponse:
    """initiate-ResponsePDU: what was agreed."""

    local_detail: int
    max_calling: int
    max_called: int
    nesting: int
    version: int = 1
    parameter_cbb: frozenset[str] = PARAMETER_CBB
    services: frozenset[str] = SERVICES


@dataclass(frozen=True, slots=True)
class InitiateError:
    """initiate-ErrorPDU."""

    error: MmsError


@dataclass(frozen=True, slots=True)
class ConcludeRequest:
    """conclude-RequestPDU: Release."""


@dataclass(frozen=True, slots=True)
class ConcludeResponse:
    """conclude-ResponsePDU."""


@dataclass(frozen=True, slots=True)
class ConcludeError:
    """conclude-ErrorPDU."""

    error: MmsError


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """cancel-RequestPDU: give up a request still being worked on."""

    invoke_id: int


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """cancel-ResponsePDU."""

    invoke_id: int


@dataclass(frozen=True, slots=True)
class CancelError:
    """cancel-ErrorPDU."""

    invoke_id: int
    error: MmsError


Pdu: TypeAlias = (
    ConfirmedRequest
    | ConfirmedResponse
    | ConfirmedError
    | Unconfirmed
    | Reject
    | InitiateRequest
    | InitiateResponse
    | InitiateError
    | ConcludeRequest
    | ConcludeResponse
    | ConcludeError
    | CancelRequest
    | CancelResponse
    | CancelError
)


@dataclass(frozen=True, slots=True)
class Payload:
    """What one stanza carries: a PDU, inside an association or without one.

    ``association`` is the association id ``1:2`` (both halves) or ``1`` (the asking half) of 62351-4, 13.3.
    """

    pdu: Pdu
    association: str | None = None

"""Quality, time stamps, functional constraints and the error vocabulary (IEC 61850-7-2 and 7-3)."""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

FRACTION_STEPS = 1 << 24
"""A second has 2^24 fraction steps in a time stamp (8-2 Table 18)."""
MAX_SECONDS = (1 << 32) - 1
"""Largest second since 1970 a time stamp can carry: 2106-02-07."""
ENTRY_TIME_EPOCH_DAYS = 5113
"""Days between 1970-01-01 and 1984-01-01, the epoch of binary-time."""
MILLISECONDS_PER_DAY = 86_400_000


class FunctionalConstraint(enum.StrEnum):
    """Functional constraints of 7-2; the order is the one a server lists them in."""

    ST = "ST"
    MX = "MX"
    SP = "SP"
    SV = "SV"
    CF = "CF"
    DC = "DC"
    SG = "SG"
    SE = "SE"
    SR = "SR"
    OR = "OR"
    BL = "BL"
    EX = "EX"
    CO = "CO"
    RP = "RP"
    BR = "BR"
    LG = "LG"


class ServiceError(enum.StrEnum):
    """Service errors of the abstract services (7-2, ServiceError)."""

    INSTANCE_NOT_AVAILABLE = "instance-not-available"
    INSTANCE_IN_USE = "instance-in-use"
    ACCESS_VIOLATION = "access-violation"
    ACCESS_NOT_ALLOWED_IN_CURRENT_STATE = "access-not-allowed-in-current-state"
    PARAMETER_VALUE_INAPPROPRIATE = "parameter-value-inappropriate"
    PARAMETER_VALUE_INCONSISTENT = "parameter-value-inconsistent"
    CLASS_NOT_SUPPORTED = "class-not-supported"
    INSTANCE_LOCKED_BY_OTHER_CLIENT = "instance-locked-by-other-client"
    CONTROL_MUST_BE_SELECTED = "control-must-be-selected"
    TYPE_CONFLICT = "type-conflict"
    FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT = "failed-due-to-communications-constraint"
    FAILED_DUE_TO_SERVER_CONSTRAINT = "failed-due-to-server-constraint"


class AddCause(enum.IntEnum):
    """Why a control was refused or ended (7-2 ControlServiceStatusKind)."""

    UNKNOWN = 0
    NOT_SUPPORTED = 1
    BLOCKED_BY_SWITCHING_HIERARCHY = 2
    SELECT_FAILED = 3
    INVALID_POSITION = 4
    POSITION_REACHED = 5
    PARAMETER_CHANGE_IN_EXECUTION = 6
    STEP_LIMIT = 7
    BLOCKED_BY_MODE = 8
    BLOCKED_BY_PROCESS = 9
    BLOCKED_BY_INTERLOCKING = 10
    BLOCKED_BY_SYNCHROCHECK = 11
    COMMAND_ALREADY_IN_EXECUTION = 12
    BLOCKED_BY_HEALTH = 13
    ONE_OF_N_CONTROL = 14
    ABORTION_BY_CANCEL = 15
    TIME_LIMIT_OVER = 16
    ABORTION_BY_TRIP = 17
    OBJECT_NOT_SELECTED = 18
    OBJECT_ALREADY_SELECTED = 19
    NO_ACCESS_AUTHORITY = 20
    ENDED_WITH_OVERSHOOT = 21
    ABORTION_DUE_TO_DEVIATION = 22
    ABORTION_BY_COMMUNICATION_LOSS = 23
    BLOCKED_BY_COMMAND = 24
    NONE = 25
    INCONSISTENT_PARAMETERS = 26
    LOCKED_BY_OTHER_CLIENT = 27

    @property
    def text(self) -> str:
        """The cause as the standard writes it, e.g. ``Blocked-by-Mode``."""
        if self is AddCause.ONE_OF_N_CONTROL:
            return "1-of-n-control"
        words = self.name.replace("_", "-").capitalize()
        return words.replace("-mode", "-Mode")


class ControlError(enum.IntEnum):
    """The Error member of LastApplError (8-1/8-2, clause 20)."""

    NO_ERROR = 0
    UNKNOWN = 1
    TIMEOUT_TEST = 2
    OPERATOR_TEST = 3


class OrCat(enum.IntEnum):
    """Originator category (7-2 OriginatorCategoryKind)."""

    NOT_SUPPORTED = 0
    BAY_CONTROL = 1
    STATION_CONTROL = 2
    REMOTE_CONTROL = 3
    AUTOMATIC_BAY = 4
    AUTOMATIC_STATION = 5
    AUTOMATIC_REMOTE = 6
    MAINTENANCE = 7
    PROCESS = 8


class ControlModel(enum.IntEnum):
    """Value of ctlModel (7-3 CtlModelKind)."""

    STATUS_ONLY = 0
    DIRECT_NORMAL = 1
    SBO_NORMAL = 2
    DIRECT_ENHANCED = 3
    SBO_ENHANCED = 4


class Validity(enum.StrEnum):
    """The two validity bits of a quality in words (7-3, 6.2.1)."""

    GOOD = "good"
    INVALID = "invalid"
    RESERVED = "reserved"
    QUESTIONABLE = "questionable"


QUALITY_BITS = 13


class Quality(enum.IntFlag, boundary=enum.CONFORM):
    """Quality of a value (7-3, 6.2.1): 13 bits, bit 0 leftmost as on the wire.

    ``Quality(0)`` is good. Combine with ``|``: ``Quality.INVALID | Quality.FAILURE``.
    """

    INVALID = 1 << 11
    QUESTIONABLE = 0b11 << 11
    OVERFLOW = 1 << 10
    OUT_OF_RANGE = 1 << 9
    BAD_REFERENCE = 1 << 8
    OSCILLATORY = 1 << 7
    FAILURE = 1 << 6
    OLD_DATA = 1 << 5
    INCONSISTENT = 1 << 4
    INACCURATE = 1 << 3
    SUBSTITUTED = 1 << 2
    TEST = 1 << 1
    OPERATOR_BLOCKED = 1 << 0

    @classmethod
    def from_bits(cls, text: str) -> Quality:
        """Quality from its bit string, e.g. ``0100000000000``.

        Raises ValueError if it is not exactly 13 binary digits.
        """
        if len(text) != QUALITY_BITS or text.strip("01"):
            raise ValueError(f"a quality has {QUALITY_BITS} bits, got {text[:20]!r}")
        return cls(int(text, 2))

    @property
    def bits(self) -> str:
        """The bit string on the wire, bit 0 leftmost."""
        return f"{int(self):013b}"

    @property
    def validity(self) -> Validity:
        """The validity in words."""
        return _VALIDITIES[int(self) >> 11]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """Validity and detail as a person reads it, e.g. ``invalid (failure)``."""
        details = [name for bit, name in _DETAILS if int(self) & bit]
        return f"{self.validity} ({', '.join(details)})" if details else str(self.validity)


GOOD = Quality(0)
NOT_CONNECTED = Quality.INVALID | Quality.FAILURE
"""Quality of what is not wired or never had a value: missing is not zero."""

_VALIDITIES = (Validity.GOOD, Validity.INVALID, Validity.RESERVED, Validity.QUESTIONABLE)
_DETAILS = tuple(
    (int(flag), words)
    for flag, words in (
        (Quality.OVERFLOW, "overflow"),
        (Quality.OUT_OF_RANGE, "outOfRange"),
        (Quality.BAD_REFERENCE, "badReference"),
        (Quality.OSCILLATORY, "oscillatory"),
        (Quality.FAILURE, "failure"),
        (Quality.OLD_DATA, "oldData"),
        (Quality.INCONSISTENT, "inconsistent"),
        (Quality.INACCURATE, "inaccurate"),
        (Quality.SUBSTITUTED, "substituted"),
        (Quality.TEST, "test"),
        (Quality.OPERATOR_BLOCKED, "operatorBlocked"),
    )
)


class Trigger(enum.IntFlag):
    """What makes an entry of a report or log (7-2, TrgOps and ReasonCode; bit 0 is reserved)."""

    DCHG = 1 << 5
    """The value changed."""
    QCHG = 1 << 4
    """The quality changed."""
    DUPD = 1 << 3
    """The value was written anew, the same or another."""
    INTEGRITY = 1 << 2
    GI = 1 << 1
    APPLICATION = 1 << 0
    """A reason only: never in TrgOps."""

    @classmethod
    def from_trg_ops(cls, bits: str) -> Trigger:
        """TrgOps from its 6 bits, the reserved first one left out of account; raises ValueError."""
        if len(bits) != 6 or bits.strip("01"):
            raise ValueError(f"TrgOps has 6 bits, got {bits[:20]!r}")
        return cls(int(bits[1:], 2) << 1)

    @property
    def trg_ops(self) -> str:
        """The 6 bits of TrgOps."""
        return f"0{int(self) >> 1:05b}"

    @property
    def reason_code(self) -> str:
        """The 7 bits of ReasonCode."""
        return f"0{int(self):06b}"

    @classmethod
    def from_reason_code(cls, bits: str) -> Trigger:
        """A reason from its 7 bits (6, as older devices send, too); raises ValueError."""
        if len(bits) not in (6, 7) or bits.strip("01"):
            raise ValueError(f"a reason code has 7 bits, got {bits[:20]!r}")
        return cls(int(f"{bits:0<7}"[1:], 2))


NO_TRIGGER = Trigger(0)


class OptFlds(enum.IntFlag):
    """Optional fields of a report (7-2, OptFlds: 10 bits, bit 0 reserved)."""

    SEQ_NUM = 1 << 8
    TIME_STAMP = 1 << 7
    REASON = 1 << 6
    DATA_SET = 1 << 5
    DATA_REF = 1 << 4
    BUF_OVFL = 1 << 3
    ENTRY_ID = 1 << 2
    CONF_REV = 1 << 1
    SEGMENTATION = 1 << 0

    @classmethod
    def from_bits(cls, bits: str) -> OptFlds:
        """OptFlds from its 10 bits; raises ValueError."""
        if len(bits) != 10 or bits.strip("01"):
            raise ValueError(f"OptFlds has 10 bits, got {bits[:20]!r}")
        return cls(int(bits[1:], 2))

    @property
    def bits(self) -> str:
        """The 10 bits on the wire."""
        return f"0{int(self):09b}"


NO_OPT_FLDS = OptFlds(0)

CLOCK_FAILURE = 0x40
CLOCK_NOT_SYNCHRONIZED = 0x20
ACCURACY_1_MS = 10
"""TimeAccuracy: number of valid fraction bits; 10 bits are about 1 ms (7-2, 6.1.2.9)."""


class Timestamp(NamedTuple):
    """UTC time stamp (7-2, 6.1.2.9; 8-2 Table 18): 8 octets on the wire.

    ``seconds`` since 1970 (0..2^32-1), ``fraction`` in 2^-24 s (0..2^24-1), ``quality``: TimeQuality octet.
    """

    seconds: int
    fraction: int
    quality: int

    @classmethod
    def from_unix(cls, time: float, quality: int = ACCURACY_1_MS) -> Timestamp:
        """Time stamp of ``time`` seconds since 1970 UTC.

        Raises ValueError if the time is not finite or outside 1970..2106.
        """
        if not math.isfinite(time) or not 0 <= time <= MAX_SECONDS:
            raise ValueError(f"{time} is outside 1970..2106, the range of a time stamp")
        seconds = int(time)
        return cls(seconds, int((time - seconds) * FRACTION_STEPS), quality)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Timestamp:
        """Time stamp from its 8 octets; raises ValueError on any other length."""
        if len(octets) != 8:
            raise ValueError(f"a time stamp has 8 octets, got {len(octets)}")
        return cls(int.from_bytes(octets[:4]), int.from_bytes(octets[4:7]), octets[7])

    def to_bytes(self) -> bytes:
        """The 8 octets on the wire."""
        return self.seconds.to_bytes(4) + self.fraction.to_bytes(3) + self.quality.to_bytes(1)

    @property
    def unix(self) -> float:
        """Seconds since 1970 UTC."""
        return self.seconds + self.fraction / FRACTION_STEPS

    @property
    def is_zero(self) -> bool:
        """No time given (used by operTm for "now")."""
        return self.seconds == 0 and self.fraction == 0

    @property
    def synchronized(self) -> bool:
        """The clock that made this stamp was synchronized and healthy."""
        return not self.quality & (CLOCK_NOT_SYNCHRONIZED | CLOCK_FAILURE)

    @property
    def datetime(self) -> datetime:
        """Aware UTC datetime, rounded to the nearest millisecond."""
        milliseconds = (self.fraction * 1000 + FRACTION_STEPS // 2) // FRACTION_STEPS
        return datetime.fromtimestamp(self.seconds, UTC) + timedelta(milliseconds=milliseconds)

    @property
    def iso(self) -> str:
        """ISO 8601 in UTC with milliseconds, e.g. ``2026-11-23T04:45:00.000Z``."""
        return self.datetime.isoformat(timespec="milliseconds").replace("+00:00", "Z")


NO_TIME = Timestamp(0, 0, CLOCK_NOT_SYNCHRONIZED)
"""Stamp of a value that was never set."""
NOW = Timestamp(0, 0, 0)
"""operTm of a control that is to be carried out at once."""


class EntryTime(NamedTuple):
    """Binary time of 6 octets: milliseconds of the day and days since 1984-01-01 (8-2 Table 3)."""

    milliseconds: int
    days: int

    @classmethod
    def from_unix(cls, time: float) -> EntryTime:
        """Entry time of ``time`` seconds since 1970 UTC; raises ValueError before 1984 or after 2163."""
        if not math.isfinite(time):
            raise ValueError(f"{time} is not a time")
        total = round(time * 1000) - ENTRY_TIME_EPOCH_DAYS * MILLISECONDS_PER_DAY
        days, milliseconds = divmod(total, MILLISECONDS_PER_DAY)
        if not 0 <= days <= 0xFFFF:
            raise ValueError(f"{time} is outside 1984..2163, the range of an entry time")
        return cls(milliseconds, days)

    @classmethod
    def from_bytes(cls, octets: bytes) -> EntryTime:
        """Entry time from its 6 octets; raises ValueError on any other length."""
        if len(octets) != 6:
            raise ValueError(f"an entry time has 6 octets, got {len(octets)}")
        return cls(int.from_bytes(octets[:4]), int.from_bytes(octets[4:]))

    def to_bytes(self) -> bytes:
        """The 6 octets on the wire."""
        return self.milliseconds.to_bytes(4) + self.days.to_bytes(2)

    @property
    def unix(self) -> float:
        """Seconds since 1970 UTC."""
        return (self.days + ENTRY_TIME_EPOCH_DAYS) * 86_400 + self.milliseconds / 1000

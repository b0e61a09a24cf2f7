"""Where mutation starts: the golden messages, and PDUs made at random from names of the shipped model."""

from __future__ import annotations

import re
import struct
from functools import cache
from pathlib import Path
from random import Random

from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    InformationReport,
    InitiateRequest,
    JournalEntry,
    MmsError,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Pdu,
    Primitive,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    RequestService,
    Structure,
    Unconfirmed,
    VariableList,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.pdu import ErrorClass as Class
from iec61850_model.mms.xer import encode_payload
from iec61850_model.scl import Model, read_model
from iec61850_model.server import Server
from iec61850_model.values import EntryTime, Timestamp
from support.fuzz_case import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "iec61850_model" / "golden"
MODEL = REPOSITORY / "config" / "heatpump-box.icd"
ANOTHER_SLOT = re.compile(r"SCH/[A-Za-z0-9]+FSCH[2-9]\b", re.ASCII)
"""Schedules beside the first of each object: thousands of names that tell a fuzzer nothing new."""
NOW = 1_800_000_000.0
"""The time every run has, seconds since 1970 UTC, so that a kept input stays what it was."""

CONTROLS = (
    "HP/EvuGGIO1$CO$SPCSO1",
    "HP/SgrGGIO1$CO$ISCSO1",
    "HP/RlyGGIO1$CO$SPCSO1",
    "HP/RmFSPT1$CO$SptVal",
)
ODD_NAMES = (
    *("MET", "HP/LLN0", "HP/LLN0$CO", "SCH/EvuFSCH2$CO$EnaReq$Oper", "SCH/EvuFSCH2$SP$SchdPrio$setVal"),
    *("SCH/EvuFSCH2$SP$NumEntr$setVal", "SCH/SgrFSCH1$SP$StrTm1", "SCH/SgrFSCH2$SP$StrTm1$setTm"),
    *("SCH/SgrFSCH2$ST$SchdSt", "SCH/EvuFSCH2$CO$DsaReq$SBO", "SCH/EvuFSCH2", "SCH/EvuFSCC1$SP$CtlEnt"),
    *("HP/RlyGGIO1$CO$SPCSO1$SBO", "HP/RlyGGIO1$CO$SPCSO1$SBOw", "HP/RlyGGIO1$CO$SPCSO1$Cancel"),
    *("HP/RlyGGIO1$CO$SPCSO1$Oper$ctlVal", "HP/RlyGGIO1$XX$SPCSO1", "HP/$$", "HP/LLN0$BR$brcbAvg01"),
    *("HP/HcFCSD1$SP$Crv$crvPts$0", "HP/HcFCSD1$SP$Crv$crvPts", "HP/HcFCSD1$SP$Crv$numPts", "HP/a b"),
    *("@mine", "RPT", "/RPT", "HP/" + "A" * 64, "HP/" + "A$" * 60 + "A", "A" * 64 + "/LLN0", "hist/LLN0"),
)
DATA_SETS = (
    *(
        "MET/LLN0$dsMeas",
        "LD0/LLN0$dsStat",
        "AVG/LLN0$dsAvg",
        "MET/LLN0$dsMine",
        "HP/LLN0$dsMine",
        "HP/LLN0$",
    ),
    *("@mine", "@other", "mine", "/RPT"),
)
BLOCKS = (
    *("LD0/LLN0$BR$brcbStat01", "LD0/LLN0$RP$urcbStat01", "MET/LLN0$BR$brcbMeas01", "MET/LLN0$RP$urcbMeas01"),
    *("LD0/LLN0$LG$lcbStat", "MET/LLN0$RP$urcbNone01"),
)
ENTRY_IDS = (bytes(8), bytes.fromhex("0000000100000001"), bytes.fromhex("0000000100000002"), b"\xff" * 8)
BLOCK_VALUES = {
    **dict.fromkeys(
        ("RptEna", "GI", "PurgeBuf", "Resv", "LogEna"), (Data("boolean", True), Data("boolean", False))
    ),
    "RptID": (Data("visible-string", ""), Data("visible-string", "mine")),
    "DatSet": tuple(
        Data("visible-string", text) for text in ("", "@mine", "MET/LLN0$dsMeas", "MET/LLN0$dsMine", "none")
    ),
    "OptFlds": tuple(Data("bit-string", bits) for bits in ("0" * 10, "1" * 10, "0111101110")),
    "TrgOps": tuple(Data("bit-string", bits) for bits in ("0" * 6, "1" * 6, "011011")),
    **dict.fromkeys(
        ("BufTm", "IntgPd", "SqNum", "ConfRev"),
        tuple(Data("unsigned", number) for number in (0, 1, 1_000, 60_000, 2**32 - 1)),
    ),
    "ResvTms": tuple(Data("integer", number) for number in (-1, 0, 1, 60, 32_767)),
    "EntryID": tuple(Data("octet-string", entry_id) for entry_id in ENTRY_IDS),
}
"""Attributes of control blocks with values that may be meant."""


@cache
def model() -> bytes:
    """The shipped ICD."""
    return MODEL.read_bytes()


def fresh_model() -> Model:
    """Instances, data sets and control blocks of the shipped model."""
    return read_model(model())


@cache
def known_names() -> tuple[str, ...]:
    """Every variable of the shipped model as domain/item, those of its control blocks too."""
    fresh = fresh_model()
    devices = Server(fresh.tree, fresh.blocks).tree.devices.values()
    names = (f"{device.name}/{item}" for device in devices for item in device.variable_names())
    return tuple(name for name in names if not ANOTHER_SLOT.match(name))


@cache
def golden(folder: Path = GOLDEN) -> tuple[bytes, ...]:
    """The golden messages of the codec's tests."""
    return tuple(path.read_bytes() for path in sorted(folder.glob("*.xml")))


def seed(random: Random) -> bytes:
    """A valid message: one of the golden ones, or made at random."""
    if golden() and random.random() < 0.4:
        return random.choice(golden())
    return valid(random, None if random.random() < 0.7 else random.choice(("1", "1:2", "999:999")))


def valid(random: Random, association: str | None = None) -> bytes:
    """The XML of a PDU made at random."""
    return encode_payload(Payload(pdu(random), association)).encode()


# --- PDUs -----------------------------------------------------------------------------------------


def pdu(random: Random) -> Pdu:
    """Any PDU, requests above all."""
    return request(random) if random.random() < 0.7 else answer(random)


def request(random: Random) -> Pdu:
    """A request, a command often enough."""
    number = random.choice((0, 1, 7, 2**32 - 1))
    match random.choices(
        (
            "read",
            "operate",
            "write",
            "block",
            "data set",
            "log",
            "list",
            "type",
            "initiate",
            "conclude",
            "cancel",
        ),
        (6, 6, 4, 5, 4, 2, 3, 2, 1, 1, 1),
    )[0]:
        case "read":
            return ConfirmedRequest(number, ReadRequest(_access(random), random.random() < 0.1))
        case "operate":
            targets = random.sample(CONTROLS, random.choice((1, 1, 1, 2, 4)))
            service = {7: "SBOw", 2**32 - 1: "Cancel"}.get(number, "Oper")
            names = tuple(_name(f"{target}${service}") for target in targets)
            values = tuple(command(random, target) for target in targets)
            return ConfirmedRequest(number, WriteRequest(VariableList(names), values))
        case "write":
            access = _access(random)
            count = len(access.names) if isinstance(access, VariableList) else 1
            values = tuple(value(random) for _ in range(max(0, count + random.choice((0, 0, 0, 1, -1)))))
            return ConfirmedRequest(number, WriteRequest(access, values))
        case "block":
            return ConfirmedRequest(number, _block_setting(random))
        case "data set":
            return ConfirmedRequest(number, _data_set_service(random))
        case "log":
            return ConfirmedRequest(number, _log_query(random))
        case "list":
            return ConfirmedRequest(number, _listing(random))
        case "type":
            return ConfirmedRequest(number, GetVariableAccessAttributesRequest(name(random)))
        case "conclude":
            return ConcludeRequest()
        case "cancel":
            return CancelRequest(number)
    size = random.choice((0, 8_191, 8_192, 65_536, 16 * 1024 * 1024))
    return InitiateRequest(size, random.choice((0, 1, 8, 32_767)), nesting=random.choice((0, 5, 127)))


def answer(random: Random) -> Pdu:
    """What a server says."""
    results = tuple(
        value(random) if random.random() < 0.7 else random.choice(list(DataAccessError))
        for _ in range(random.choice((0, 1, 2, 5)))
    )
    outcomes = tuple(random.choice((None, *DataAccessError)) for _ in range(random.choice((0, 1, 3))))
    return random.choice(
        (
            ConfirmedResponse(1, ReadResponse(results)),
            ConfirmedResponse(1, WriteResponse(outcomes)),
            ConfirmedResponse(1, GetNameListResponse(("HP", "MET"), random.random() < 0.5)),
            ConfirmedResponse(1, GetVariableAccessAttributesResponse(_type(random))),
            ConfirmedResponse(1, GetNamedVariableListAttributesResponse((name(random),), deletable=True)),
            ConfirmedResponse(1, DefineNamedVariableListResponse()),
            ConfirmedResponse(1, DeleteNamedVariableListResponse(2, 1)),
            ConfirmedResponse(1, ReadJournalResponse((_log_entry(random),), random.random() < 0.5)),
            ConfirmedError(1, MmsError(random.choice(list(Class)), random.choice((0, 1, 2, 3, 255)))),
            Reject(random.choice(list(RejectReason)), random.choice((None, 0, 5))),
            Unconfirmed(InformationReport(VariableListName(ObjectName("RPT")), results)),
            Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)), results)),
        )
    )


def command(random: Random, target: str) -> Data:
    """An Oper structure for a controllable data object, mostly one that the server takes."""
    numbers = [Data("integer", random.choice((1, 2, 3, 4, 9, -1, 2**31)))]
    if "SptVal" in target:
        numbers = [Data("structure", (Data("floating-point", random.choice((21.5, 1e30, float("nan")))),))]
    elif "SPCSO" in target:
        numbers = [Data("boolean", random.random() < 0.5)]
    at = random.choice((0.0, 0.0, NOW + 5, NOW + 60, NOW + 8 * 86_400, NOW - 5, 4e9))
    time = random.choice((NOW, NOW, NOW, NOW + 1, NOW - 31, NOW + 31, 0.0, 4e9))
    origin = (Data("integer", random.choice((2, 3, 3, 0, 8, 9))), Data("octet-string", random.randbytes(4)))
    parts = [
        *numbers,
        Data("utc-time", Timestamp.from_unix(at, 0 if at == 0 else 10)),
        Data("structure", origin),
        Data("unsigned", random.choice((0, 1, 2, 255, 256))),
        Data("utc-time", Timestamp.from_unix(time)),
        Data("boolean", random.random() < 0.1),
        Data("bit-string", random.choice(("00", "11", "0"))),
    ]
    if random.random() < 0.1:
        parts.pop(random.randrange(len(parts)))
    return Data("structure", tuple(parts))


def _access(random: Random) -> VariableList | VariableListName:
    way = random.random()
    if way < 0.1:
        return VariableListName(_data_set(random))
    if way < 0.2:
        large = [one for one in known_names() if one.count("$") == 1]
        return VariableList(tuple(map(_name, random.choices(large, k=random.choice((3, 20, 60))))))
    return VariableList(tuple(name(random) for _ in range(random.choice((1, 1, 1, 2, 5, 40)))))


def name(random: Random) -> ObjectName:
    """Mostly a name of the shipped model."""
    return _name(random.choice(known_names() if random.random() < 0.85 else ODD_NAMES))


def _name(text: str) -> ObjectName:
    domain, slash, item = text.partition("/")
    if slash and domain and item:
        return ObjectName(item, domain)
    return ObjectName(text, aa_specific=text.startswith("@"))


def _block_setting(random: Random) -> WriteRequest:
    """One attribute of a control block, mostly with a value that may be meant."""
    block = random.choice(BLOCKS)
    attribute, values = random.choice(tuple(BLOCK_VALUES.items()))
    given = random.choice(values) if random.random() < 0.9 else value(random)
    return WriteRequest(VariableList((_name(f"{block}${attribute}"),)), (given,))


def _data_set(random: Random) -> ObjectName:
    return _name(random.choice(DATA_SETS)) if random.random() < 0.9 else name(random)


def _data_set_service(random: Random) -> RequestService:
    members = tuple(name(random) for _ in range(random.choice((1, 1, 2, 5, 40))))
    return random.choice(
        (
            DefineNamedVariableListRequest(_data_set(random), members),
            DefineNamedVariableListRequest(_data_set(random), (_name("MET/MMXU1$MX$TotW"),)),
            GetNamedVariableListAttributesRequest(_data_set(random)),
            DeleteNamedVariableListRequest(tuple(_data_set(random) for _ in range(random.choice((1, 1, 3))))),
            ReadRequest(VariableListName(_data_set(random))),
        )
    )


def _log_query(random: Random) -> ReadJournalRequest:
    times = [None, EntryTime.from_unix(NOW), EntryTime.from_unix(NOW + 3_600), EntryTime(0, 0)]
    after = random.choice((None, (EntryTime.from_unix(NOW), random.choice(ENTRY_IDS))))
    log = _name(random.choice(("LD0/LLN0$GeneralLog", "LD0/LLN0$GeneralLog", "MET/LLN0$None", "@log")))
    return ReadJournalRequest(log, random.choice(times), random.choice(times), after)


def _log_entry(random: Random) -> JournalEntry:
    return JournalEntry(
        random.choice(ENTRY_IDS), EntryTime.from_unix(NOW), (("MET/MMXU1$MX$TotW", value(random)),)
    )


def _listing(random: Random) -> GetNameListRequest:
    scope = random.choice(list(ObjectScope))
    domain = random.choice(("HP", "MET", "LD0", "XX", "A" * 129)) if scope is ObjectScope.DOMAIN else None
    after = random.choice((None, None, "A", "LLN0", "zzz", "~" * 129))
    return GetNameListRequest(random.choice(list(ObjectClass)), scope, domain, after)


def _type(random: Random, depth: int = 0) -> Structure | Primitive:
    if depth > 3 or random.random() < 0.4:
        return random.choice((Primitive("boolean"), Primitive("integer", 64), Primitive("octet-string", -64)))
    parts = (("a", _type(random, depth + 1)), ("b", _type(random, depth + 1)))
    return Structure(parts)


def value(random: Random, depth: int = 0) -> Data:
    """A value of any kind."""
    if depth < 7 and random.random() < (0.3 if depth else 0.4):
        parts = tuple(value(random, depth + 1) for _ in range(random.choice((0, 1, 2, 3))))
        return Data("array", parts) if random.random() < 0.3 else Data("structure", parts)
    return random.choice(
        (
            Data("boolean", random.random() < 0.5),
            Data("integer", random.choice((0, 1, -(2**63), 2**63 - 1, 1000))),
            Data("unsigned", random.choice((0, 1, 2**64 - 1))),
            Data("floating-point", struct.unpack(">f", random.randbytes(4))[0]),
            Data("bit-string", random.choice(("0", "01", "0" * 13, "1" * 1024))),
            Data("octet-string", random.randbytes(random.choice((0, 1, 8, 64, 65)))),
            Data("visible-string", random.choice(("", "<&>\"'", "x" * 300))),
            Data("mMSString", random.choice(("", "\x00\x1f\r\n\té\U0001f525", "y" * 256))),
            Data("utc-time", Timestamp(random.choice((0, 1, 2**32 - 1)), random.choice((0, 2**24 - 1)), 255)),
            Data("binary-time", EntryTime(random.choice((0, 86_400_000, 2**32 - 1)), 65_535)),
        )
    )

"""A box with schedules and nothing else, played: it does what a server does with the requests of operations.

Two controlled objects, Evu and Sgr, with four schedules each; no network, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    AccessResult,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    ObjectClass,
    ObjectName,
    Payload,
    Primitive,
    ReadRequest,
    ReadResponse,
    Structure,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.values import NOW, Timestamp

OBJECTS = ("Evu", "Sgr")
NODES = tuple(f"{name}FSCH{slot}" for name in OBJECTS for slot in (1, 2, 3, 4))
NOT_READY, READY, RUNNING = 1, 3, 4
HUB = "hub.example.org"
ORIGIN = Structure((("orCat", Primitive("integer", 8)), ("orIdent", Primitive("octet-string", -64))))
OPER = Structure(
    (
        ("ctlVal", Primitive("boolean")),
        ("operTm", Primitive("utc-time")),
        (
            "origin",
            Structure((("orCat", Primitive("integer", 8)), ("orIdent", Primitive("octet-string", -64)))),
        ),
        ("ctlNum", Primitive("unsigned", 8)),
        ("T", Primitive("utc-time")),
        ("Test", Primitive("boolean")),
        ("Check", Primitive("bit-string", 2)),
    )
)
ANALOGUE = Structure((("ctlVal", Structure((("f", Primitive("floating-point", 32)),))), *OPER.components[1:]))
DENIED, NO_SUCH = DataAccessError.OBJECT_ACCESS_DENIED, DataAccessError.OBJECT_NON_EXISTENT


@dataclass
class ScheduledBox:
    """``pending``: aliases (bare JIDs) with commands for later; ``done``: who did what, in order.

    ``lists``: it has the data set of its controllers. ``refuses``: node whose DsaReq it refuses.
    ``settings`` by LD and item, ``denied``: those it lets nobody write now.
    """

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NODES, NOT_READY))
    priorities: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NODES, 0))
    entries: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NODES, 0))
    starts: dict[str, Timestamp] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    done: list[tuple[str, str]] = field(default_factory=list)
    lists: bool = True
    refuses: str = ""
    settings: dict[str, Data] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)

    def presence(self, sender: str, type_: str) -> None:
        """Presence came."""
        bare, _, resource = sender.partition("/")
        if type_ == "unavailable" and resource == "~withdrawn":
            self.pending.discard(bare)
            self.done.append((sender, "withdrawn"))

    def answer(self, peer: str, payload: Payload) -> Payload:
        """What it answers to a request."""
        request = payload.pdu
        assert isinstance(request, ConfirmedRequest)
        found = self._serve(peer, request.service)
        if found is None:
            return Payload(ConfirmedError(request.invoke_id, OBJECT_NON_EXISTENT))
        return Payload(ConfirmedResponse(request.invoke_id, found))

    def _serve(self, peer: str, service: object) -> object | None:
        match service:
            case GetNameListRequest(ObjectClass.DOMAIN):
                return GetNameListResponse(("LD0", "SCH"), more_follows=False)
            case GetNameListRequest(_, _, "SCH"):
                names_ = tuple(sorted(f"{node}$SP$NumEntr" for node in NODES))
                return GetNameListResponse(names_, more_follows=False)
            case GetNamedVariableListAttributesRequest() if self.lists:
                names = [ObjectName(f"{name}FSCC1$SP$CtlEnt", "SCH") for name in OBJECTS]
                return GetNamedVariableListAttributesResponse(tuple(names))
            case GetVariableAccessAttributesRequest(ObjectName(_, "SCH")):
                return GetVariableAccessAttributesResponse(OPER)
            case GetVariableAccessAttributesRequest(ObjectName(item, domain)):
                there = f"{domain}/{item}".replace("$CO$SptVal$Oper", "$MX$SptVal$mxVal") in self.settings
                return GetVariableAccessAttributesResponse(ANALOGUE) if there else None
            case ReadRequest(VariableList(names)):
                return ReadResponse(tuple(self._read_any(name) for name in names))
            case WriteRequest(VariableList(names), data):
                pairs = zip(names, data, strict=True)
                return WriteResponse(tuple(self._write_any(peer, name, one) for name, one in pairs))
        return None

    def _read_any(self, name: ObjectName) -> AccessResult:
        if name.domain == "SCH":
            return self._read(name.item)
        return self.settings.get(f"{name.domain}/{name.item}", NO_SUCH)

    def _write_any(self, peer: str, name: ObjectName, data: Data) -> DataAccessError | None:
        if name.domain == "SCH":
            return self._write(peer, name.item, data)
        written = f"{name.domain}/{name.item}"
        if written in self.denied:
            return DENIED
        if written.endswith("$CO$SptVal$Oper") and isinstance(data.value, tuple):
            written = written.replace("$CO$SptVal$Oper", "$MX$SptVal$mxVal")
            data = data.value[0]
        if written not in self.settings:
            return NO_SUCH
        self.settings[written] = data
        self.done.append((peer, written))
        return None

    def _read(self, item: str) -> AccessResult:
        node, _, rest = item.partition("$")
        if node not in NODES:
            return NO_SUCH
        found: dict[str, AccessResult] = {
            "ST$SchdSt$stVal": Data("integer", self.states[node]),
            "SP$NumEntr$setVal": Data("integer", self.entries[node]),
            "SP$StrTm1$setTm": Data("utc-time", self.starts.get(node, NOW)),
            "SP$StrTm1$setCal$occType": Data("integer", 5),
        }
        return found.get(rest, NO_SUCH)

    def _write(self, peer: str, item: str, data: Data) -> DataAccessError | None:
        node, _, rest = item.partition("$")
        if node not in NODES:
            return NO_SUCH
        if rest == "CO$DsaReq$Oper":
            return self._disable(peer, node)
        if self.states[node] in (READY, RUNNING):
            return DataAccessError.TEMPORARILY_UNAVAILABLE
        if not peer.startswith("ops@hub.example.org/"):
            return DENIED
        match rest, data.value:
            case "SP$SchdPrio$setVal", int(priority):
                self.priorities[node] = priority
                self.done.append((peer, f"{node} priority {priority}"))
            case "SP$NumEntr$setVal", int(number):
                self.entries[node] = number
                self.done.append((peer, f"{node} {number} entries"))
            case "SP$StrTm1$setTm", Timestamp() as start:
                self.starts[node] = start
                self.done.append((peer, f"{node} no start"))
            case _:
                return NO_SUCH
        return None

    def _disable(self, peer: str, node: str) -> DataAccessError | None:
        if node == self.refuses:
            return DENIED
        self.states[node] = NOT_READY
        self.done.append((peer, f"{node} disabled"))
        return None

"""A hub with its command desk, a real registry and audit, and no network: stanzas in, stanzas out."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hub.addresses import Addresses
from hub.audit import AUDIT_SCHEMA, AuditFilter, AuditLog, AuditReader, StoredEntry
from hub.listing import ITEMS_NS
from hub.operations.commands.desk import Desk
from hub.operations.commands.forms import FORMS_NS
from hub.operations.commands.office import Office
from hub.operations.commands.wire import COMMANDS_NS
from hub.registry import REGISTRY_SCHEMA, Registry, add_heat_pump, add_provider
from hub.registry.operators import add_operator
from hub.registry.people import PersonalData, add_ownership, add_person
from hub.roster import HeatPump, Provider
from hub.stanzas import STANZAS_NS, Stanza
from iec61850_model.client import Transport
from iec61850_model.client.errors import NoAnswer
from iec61850_model.mms.pdu import Payload

HUB = "hub.example.org"
OPS = f"ops.{HUB}"
OPERATOR, OWNER, NEIGHBOUR = "ada@office.example/desk", "kim@post.example/phone", "bo@post.example/pc"
PROVIDER, OTHER, STRANGER = "control@aggregator.example/a", "desk@heat.example/b", "who@else.example/c"
NOW = 1_800_000_000.0
DAY = 86_400.0


class NoBox:
    """The way to boxes where there are none."""

    async def request(self, peer: str, payload: Payload) -> Payload:
        raise NoAnswer("there is no box")


@dataclass
class CommandHub:
    """``people`` are the ids of operator, owner and neighbour by their JIDs; ``now`` can be moved."""

    registry: Registry
    audit: AuditLog
    audit_url: str
    now: float = NOW
    people: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    office: Office = field(init=False)
    desk: Desk = field(init=False)
    boxes: Callable[[str], Transport] = lambda _: NoBox()
    _count: int = 0

    def __post_init__(self) -> None:
        self.office = Office(
            self.registry, self.audit, self.audit_url, Addresses(HUB), self._speaking_for, lambda: self.now
        )
        self.desk = Desk(self.office, self.sent.append)

    def _speaking_for(self, provider: str) -> Transport:
        return self.boxes(provider)

    async def furnish(self) -> None:
        """hp0001 is the owner's, hp0002 the neighbour's, hp0003 nobody's; agg and heat are providers."""

        def fill(session: object) -> None:
            for id_ in ("hp0001", "hp0002", "hp0003"):
                box = HeatPump(id_, f"{id_}@boxes.example")
                add_heat_pump(session, box, hub_domain=HUB, now=NOW - DAY)  # type: ignore[arg-type]
            for id_, jid in (("agg", PROVIDER), ("heat", OTHER)):
                who = Provider(id_, jid.partition("/")[0])
                add_provider(session, who, hub_domain=HUB, now=NOW - DAY)  # type: ignore[arg-type]
            for jid, owned in ((OPERATOR, ""), (OWNER, "hp0001"), (NEIGHBOUR, "hp0002")):
                data = PersonalData(f"Name of {jid}", "contact", jid.partition("/")[0])
                made = add_person(session, data, hub_domain=HUB, now=NOW - DAY)  # type: ignore[arg-type]
                self.people[jid] = made.id
                if owned:
                    add_ownership(session, made.id, owned, since=NOW - DAY)  # type: ignore[arg-type]
            add_operator(session, self.people[OPERATOR], now=NOW - DAY)  # type: ignore[arg-type]

        await self.registry.run(fill)

    async def ask(self, sender: str, inner: str, type_: str = "set", to: str = OPS) -> str:
        """What comes back to an iq, without its envelope; of an error the conditions."""
        self._count += 1
        whole = f'<x xmlns="jabber:component:accept"><iq type="{type_}" id="i{self._count}">{inner}</iq></x>'
        element = ElementTree.fromstring(whole)[0]
        element.attrib |= {"from": sender, "to": to}
        before = len(self.sent)
        self.desk.take(Stanza.of(element))
        async with asyncio.timeout(30):
            while len(self.sent) == before:  # noqa: ASYNC110 - the answer comes from a task of the desk
                await asyncio.sleep(0.005)
        answer = ElementTree.fromstring(self.sent[-1])
        assert (answer.get("id"), answer.get("to"), answer.get("from")) == (f"i{self._count}", sender, to)
        if answer.get("type") == "error":
            (error,) = answer
            return " ".join(one.tag.rpartition("}")[2] for one in error)
        return "".join(ElementTree.tostring(one, encoding="unicode") for one in answer)

    async def command(
        self, sender: str, node: str, action: str = "", session: str = "", **fields: str | list[str]
    ) -> Told:
        """Give a command, or go on with it; with fields the form is submitted."""
        form = submit(**fields) if fields or action in ("next", "complete") else ""
        head = f'xmlns="{COMMANDS_NS}" node="{node}"'
        head += f' action="{action}"' if action else ""
        head += f' sessionid="{session}"' if session else ""
        return Told.of(await self.ask(sender, f"<command {head}>{form}</command>"))

    async def run(self, sender: str, node: str, **fields: str | list[str]) -> Told:
        """Give a command and fill in its first form, as a client does that completes at once."""
        begun = await self.command(sender, node)
        if begun.status != "executing":
            return begun
        return await self.command(sender, node, "complete", begun.session, **fields)

    async def nodes(self, sender: str) -> list[str]:
        """The commands that a caller is shown."""
        shown = await self.ask(sender, f'<query xmlns="{ITEMS_NS}" node="{COMMANDS_NS}"/>', "get")
        return [one.get("node", "") for one in ElementTree.fromstring(shown)]

    async def audited(self) -> list[StoredEntry]:
        """All entries."""
        reader = await AuditReader.open(self.audit_url)
        try:
            return await reader.newest(AuditFilter(), 1_000)
        finally:
            await reader.close()


class Furnished(NamedTuple):
    """Databases of a furnished hub, to be copied, for making them takes time; and its people."""

    folder: Path
    people: dict[str, str]


def furnished_in(folder: Path) -> Furnished:
    """Make them in an empty folder."""

    async def make() -> dict[str, str]:
        await REGISTRY_SCHEMA.upgrade(_url(folder, "registry"))
        await AUDIT_SCHEMA.upgrade(_url(folder, "audit"))
        async with _opened(folder) as made:
            await made.furnish()
            return made.people

    return Furnished(folder, asyncio.run(make()))


@asynccontextmanager
async def copied(furnished: Furnished, folder: Path) -> AsyncIterator[CommandHub]:
    """A hub of one test's own."""
    shutil.copytree(furnished.folder, folder, dirs_exist_ok=True)
    async with _opened(folder) as made:
        made.people = furnished.people
        yield made


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[CommandHub]:
    registry = await Registry.open(_url(folder, "registry"))
    audit = await AuditLog.open(_url(folder, "audit"), "ops")
    made = CommandHub(registry, audit, _url(folder, "audit"))
    try:
        yield made
    finally:
        made.desk.stop()
        await audit.close()
        await registry.close()


def _url(folder: Path, name: str) -> str:
    return f"sqlite+aiosqlite:///{folder}/{name}.db"


@dataclass(frozen=True)
class Told:
    """An answer to a command as a client shows it; ``error`` is empty if it is none."""

    error: str = ""
    status: str = ""
    session: str = ""
    notes: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, text: str) -> Told:
        if not text.startswith("<"):
            return cls(error=text)
        command = ElementTree.fromstring(text)
        form = command.find(f"{{{FORMS_NS}}}x")
        x = Element("none") if form is None else form
        return cls(
            status=command.get("status", ""),
            session=command.get("sessionid", ""),
            notes=tuple(f"{one.get('type')}: {one.text}" for one in _all(command, COMMANDS_NS, "note")),
            fields=tuple(one.get("var", "") for one in x.findall(f"{{{FORMS_NS}}}field")),
            options=tuple(one.get("label", "") for one in _all(x, FORMS_NS, "option")),
            actions=tuple(
                sub.tag.rpartition("}")[2] for one in _all(command, COMMANDS_NS, "actions") for sub in one
            ),
            rows=tuple(
                tuple((value.text or "") for value in _all(item, FORMS_NS, "value"))
                for item in _all(x, FORMS_NS, "item")
            ),
        )


def _all(element: Element, namespace: str, name: str) -> list[Element]:
    return list(element.iter(f"{{{namespace}}}{name}"))


def submit(**fields: str | list[str]) -> str:
    """A filled-in form."""
    inner = "".join(
        f'<field var="{name}">{"".join(f"<value>{one}</value>" for one in _listed(values))}</field>'
        for name, values in fields.items()
    )
    return f'<x xmlns="{FORMS_NS}" type="submit">{inner}</x>'


def _listed(values: str | list[str]) -> list[str]:
    return [values] if isinstance(values, str) else values


def plain(text: str) -> str:
    """Without the ids of sessions, which are random, and with one kind of prefix."""
    text = re.sub(r'sessionid="[0-9a-f]+"', 'sessionid="S"', text)
    return ElementTree.canonicalize(text, rewrite_prefixes=True)


CONDITION = f"{{{STANZAS_NS}}}"

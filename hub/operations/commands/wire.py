"""The elements of ad-hoc commands (XEP-0050) and service discovery (XEP-0030)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from hub.listing import INFO_NS, ITEMS_NS
from hub.operations.commands.forms import FORMS_NS
from hub.stanzas import Condition, Stanza, error, escape, stanza

COMMANDS_NS = "http://jabber.org/protocol/commands"
_COMMAND = f"{{{COMMANDS_NS}}}command"
_INFO, _ITEMS = f"{{{INFO_NS}}}query", f"{{{ITEMS_NS}}}query"
_X = f"{{{FORMS_NS}}}x"
FEATURES = (INFO_NS, ITEMS_NS, COMMANDS_NS, FORMS_NS)


class Action(enum.StrEnum):
    """What a client may do (XEP-0050, 3.4)."""

    EXECUTE = "execute"
    NEXT = "next"
    PREV = "prev"
    COMPLETE = "complete"
    CANCEL = "cancel"


class Status(enum.StrEnum):
    """How far a command is (XEP-0050, 3.3)."""

    EXECUTING = "executing"
    COMPLETED = "completed"
    CANCELED = "canceled"


class Specific(enum.StrEnum):
    """Error conditions of XEP-0050 (4.4), each beside a general one."""

    BAD_ACTION = "bad-action"
    MALFORMED_ACTION = "malformed-action"
    BAD_PAYLOAD = "bad-payload"
    BAD_SESSION = "bad-sessionid"
    EXPIRED = "session-expired"


class Note(enum.StrEnum):
    """How a note is meant."""

    INFO = "info"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Command:
    """A command element as it came; ``action`` is None for one that does not exist."""

    node: str
    session: str
    action: Action | None
    form: Element | None


@dataclass(frozen=True, slots=True)
class Disco:
    """A question of service discovery: what is there (``items``), or what it is."""

    items: bool
    node: str


def read(incoming: Stanza) -> Command | Disco | None:
    """What an iq asks of operations; None: nothing that it offers."""
    if len(incoming.children) != 1 or not incoming.id:
        return None
    (child,) = incoming.children
    get = child.attrib.get
    if incoming.type == "get" and child.tag in (_INFO, _ITEMS):
        return Disco(child.tag == _ITEMS, get("node", ""))
    if incoming.type != "set" or child.tag != _COMMAND:
        return None
    said = get("action", Action.EXECUTE.value)
    action = Action(said) if said in set(Action) else None
    return Command(get("node", ""), get("sessionid", ""), action, child.find(_X))


def result(incoming: Stanza, inner: str) -> str:
    """The answer to an iq."""
    return stanza("iq", "result", incoming.id, incoming.to, incoming.sender, inner)


def refused(incoming: Stanza, condition: Condition, specific: Specific | None = None) -> str:
    """An error, with a condition of XEP-0050 where there is one; never a text."""
    inside = f'<{specific} xmlns="{COMMANDS_NS}"/>' if specific else ""
    return error("iq", incoming.id, incoming.to, incoming.sender, condition, inside)


def command_xml(node: str, session: str, status: Status, inner: str) -> str:
    """A command element for an answer."""
    return (
        f'<command xmlns="{COMMANDS_NS}" node="{escape(node)}" sessionid="{escape(session)}"'
        f' status="{status}">{inner}</command>'
    )


def note_xml(text: str, kind: Note = Note.INFO) -> str:
    """A note for the person; empty for none."""
    return f'<note type="{kind}">{escape(text)}</note>' if text else ""


def actions_xml(allowed: Sequence[Action], default: Action) -> str:
    """What may be done next."""
    return f'<actions execute="{default}">{"".join(f"<{one}/>" for one in allowed)}</actions>'


def items_xml(address: str, node: str, items: Sequence[tuple[str, str]]) -> str:
    """What is there: (node, name) of each."""
    at = f' node="{escape(node)}"' if node else ""
    listed = "".join(
        f'<item jid="{escape(address)}" node="{escape(one)}" name="{escape(name)}"/>' for one, name in items
    )
    return f'<query xmlns="{ITEMS_NS}"{at}>{listed}</query>'


def info_xml(node: str, category: str, type_: str, name: str) -> str:
    """What something is."""
    at = f' node="{escape(node)}"' if node else ""
    identity = f'<identity category="{category}" type="{type_}" name="{escape(name)}"/>'
    features = "".join(f'<feature var="{one}"/>' for one in FEATURES)
    return f'<query xmlns="{INFO_NS}"{at}>{identity}{features}</query>'

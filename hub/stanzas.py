"""Stanzas as text: built from their parts, so that nothing is passed on that was not meant to be."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple
from xml.etree.ElementTree import Element

from iec61850_model.mms.xer import Carried

_ESCAPES = {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("'"): "&apos;",
    ord("\t"): "&#9;",
    ord("\n"): "&#10;",
    ord("\r"): "&#13;",
}
_TO_ESCAPE = re.compile("[" + "".join(map(chr, _ESCAPES)) + "]").search
STANZAS_NS = "urn:ietf:params:xml:ns:xmpp-stanzas"


class Condition(enum.StrEnum):
    """Defined stanza error conditions (RFC 6120, 8.3.3)."""

    BAD_REQUEST = "bad-request"
    CONFLICT = "conflict"
    FEATURE_NOT_IMPLEMENTED = "feature-not-implemented"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    INTERNAL_SERVER_ERROR = "internal-server-error"
    ITEM_NOT_FOUND = "item-not-found"
    JID_MALFORMED = "jid-malformed"
    NOT_ACCEPTABLE = "not-acceptable"
    NOT_ALLOWED = "not-allowed"
    NOT_AUTHORIZED = "not-authorized"
    POLICY_VIOLATION = "policy-violation"
    RECIPIENT_UNAVAILABLE = "recipient-unavailable"
    REDIRECT = "redirect"
    REGISTRATION_REQUIRED = "registration-required"
    REMOTE_SERVER_NOT_FOUND = "remote-server-not-found"
    REMOTE_SERVER_TIMEOUT = "remote-server-timeout"
    RESOURCE_CONSTRAINT = "resource-constraint"
    SERVICE_UNAVAILABLE = "service-unavailable"
    SUBSCRIPTION_REQUIRED = "subscription-required"
    UNDEFINED_CONDITION = "undefined-condition"
    UNEXPECTED_REQUEST = "unexpected-request"


_TYPES = {
    Condition.BAD_REQUEST: "modify",
    Condition.JID_MALFORMED: "modify",
    Condition.NOT_ACCEPTABLE: "modify",
    Condition.POLICY_VIOLATION: "modify",
    Condition.REDIRECT: "modify",
    Condition.FORBIDDEN: "auth",
    Condition.NOT_AUTHORIZED: "auth",
    Condition.REGISTRATION_REQUIRED: "auth",
    Condition.SUBSCRIPTION_REQUIRED: "auth",
    Condition.RECIPIENT_UNAVAILABLE: "wait",
    Condition.REMOTE_SERVER_TIMEOUT: "wait",
    Condition.RESOURCE_CONSTRAINT: "wait",
    Condition.UNEXPECTED_REQUEST: "wait",
}
"""Error type recommended for each condition; all others are cancel."""


class Stanza(NamedTuple):
    """A stanza as it came from the XMPP server; ``type`` is empty where it was left out.

    ``text``: its octets, if they are known; ``carried``: its payload, if that was read from them alone: then
    it has no children.
    """

    kind: str
    type: str
    id: str
    sender: str
    to: str
    children: tuple[Element, ...] = ()
    text: str = ""
    carried: Carried | None = None

    @classmethod
    def of(cls, element: Element, text: str = "") -> Stanza:
        """Read the envelope of a stanza element."""
        get = element.attrib.get
        kind = element.tag.rpartition("}")[2]
        return cls(kind, get("type", ""), get("id", ""), get("from", ""), get("to", ""), tuple(element), text)

    @property
    def error_condition(self) -> Condition:
        """The condition of an error stanza; undefined-condition if it names none that is known."""
        for child in self.children:
            if child.tag.endswith("}error") or child.tag == "error":
                for inside in child:
                    namespace, _, name = inside.tag.rpartition("}")
                    if namespace == "{" + STANZAS_NS and name in _CONDITIONS:
                        return Condition(name)
        return Condition.UNDEFINED_CONDITION


_CONDITIONS = frozenset(Condition)


def escape(text: str) -> str:
    """Text for an attribute in double quotes."""
    return text.translate(_ESCAPES) if _TO_ESCAPE(text) else text


def stanza(kind: str, type_: str, id_: str, sender: str, to: str, inner: str = "") -> str:
    """A stanza of its parts; ``inner`` is XML, the rest is text."""
    type_part = f' type="{type_}"' if type_ else ""
    id_part = f' id="{escape(id_)}"' if id_ else ""
    head = f'<{kind}{type_part}{id_part} from="{escape(sender)}" to="{escape(to)}"'
    return f"{head}>{inner}</{kind}>" if inner else f"{head}/>"


def error(kind: str, id_: str, sender: str, to: str, condition: Condition, specific: str = "") -> str:
    """An error stanza that says its condition, and ``specific``, an element of its protocol, if given."""
    type_ = _TYPES.get(condition, "cancel")
    inner = f'<error type="{type_}"><{condition} xmlns="{STANZAS_NS}"/>{specific}</error>'
    return stanza(kind, "error", id_, sender, to, inner)

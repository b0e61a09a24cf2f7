"""What a received stanza holds: its PDU, or why it is an error."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from iec61850_model.mms.xer import NS82
from iec61850_model.xmpp.errors import StanzaError

STANZAS_NS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_ERROR = "{jabber:client}error"
_CONDITION = f"{{{STANZAS_NS}}}"
_PAYLOAD = f"{{{NS82}}}"


def payload_of(element: Element) -> Element | None:
    """The first element of 8-2 in it, if there is one."""
    for child in element:
        if child.tag.startswith(_PAYLOAD):
            return child
    return None


def stanza_error(element: Element) -> StanzaError:
    """The condition of an error stanza (RFC 6120, 8.3)."""
    error = element.find(_ERROR)
    if error is None:
        return StanzaError("undefined-condition", "cancel")
    found = next((child.tag for child in error if child.tag.startswith(_CONDITION)), "")
    return StanzaError(
        found[len(_CONDITION) :][:64] or "undefined-condition", error.get("type", "cancel")[:16]
    )

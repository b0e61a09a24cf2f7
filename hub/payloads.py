"""The one payload of a stanza, read strictly, and how it is passed on: written anew."""

from __future__ import annotations

from hub.stanza_text import remember
from hub.stanzas import Stanza
from iec61850_model.mms import xer
from iec61850_model.mms.carrier import carriers, is_request

_IN_NS82 = f"{{{xer.NS82}}}"


def speaks_82(incoming: Stanza) -> bool:
    """Something in it is of 8-2."""
    return incoming.carried is not None or any(one.tag.startswith(_IN_NS82) for one in incoming.children)


def payload_in(incoming: Stanza) -> xer.Carried:
    """The one payload of a stanza; raises MalformedPdu."""
    if incoming.carried is not None:
        return incoming.carried
    if len(incoming.children) != 1:
        raise xer.MalformedPdu(f"a stanza holds {len(incoming.children)} payloads where one is to stand")
    payload = xer.decode_payload(incoming.children[0], strict=True)
    remember(incoming, payload)
    return xer.Carried(payload)


def request_in(incoming: Stanza) -> xer.Carried:
    """The request an iq carries; raises MalformedPdu."""
    if incoming.type not in ("get", "set") or not incoming.id:
        raise xer.MalformedPdu("an iq get or set with an id is wanted")
    carried = payload_in(incoming)
    if not is_request(carried.pdu) or incoming.type not in carriers(carried.pdu):
        raise xer.MalformedPdu("this PDU does not travel in such an iq")
    return carried

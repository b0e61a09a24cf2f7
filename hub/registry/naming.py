"""What an id, a JID and a short text must look like to be taken into the registry."""

from __future__ import annotations

import re

from slixmpp.jid import JID, InvalidJID

from hub.registry.errors import InvalidInput

RESERVED_IDS = frozenset({"enrol", "guest", "history", "ops"})
"""Names of the hub's own components and domains (DESIGN section 3)."""
MAX_ID = 63
"""Characters of an id: far below the 1023 octets of an XMPP localpart (RFC 7622, 3.3), and good to read."""
MAX_TEXT = 500
"""Characters of a note, name, purpose or ground: a sentence or two, shown in tables."""

_ID = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_ID - 1}}}", re.ASCII)


def checked_id(text: str) -> str:
    """``text`` if it may name a heat pump, group or provider: a legal XMPP localpart; else InvalidInput."""
    if not _ID.fullmatch(text):
        raise InvalidInput(
            f"{text[:80]!r} cannot be an id: use 1 to {MAX_ID} of a-z 0-9 . _ - and begin with a-z or 0-9"
        )
    if text in RESERVED_IDS:
        raise InvalidInput(f"{text!r} is the name of a component of the hub: choose another id")
    return text


def checked_jid(text: str, hub_domain: str) -> str:
    """The bare JID ``text`` in its normal form (RFC 7622); InvalidInput if it is none or the hub's own."""
    try:
        jid = JID(text)
    except InvalidJID:
        raise InvalidInput(f"{text[:80]!r} is not a JID: write user@domain") from None
    if jid.resource:
        raise InvalidInput(f"{text[:80]!r} has a resource: write only {jid.bare}")
    if not jid.user:
        raise InvalidInput(f"{text[:80]!r} has no user part: write user@domain")
    if jid.domain == hub_domain or jid.domain.endswith(f".{hub_domain}"):
        raise InvalidInput(
            f"{jid.bare} is in the hub's own domain {hub_domain}: boxes and providers have their own"
        )
    return str(jid.bare)


def checked_text(text: str, what: str) -> str:
    """``text`` in one line, without control characters and at most MAX_TEXT long; else InvalidInput."""
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"the {what} has {len(text)} characters: at most {MAX_TEXT}")
    if not text.isprintable():
        raise InvalidInput(f"the {what} holds control characters or line breaks: write one line of text")
    return text.strip()

"""What can go wrong between us and a peer, before and after a stanza is sent."""

from __future__ import annotations

import enum


class XmppError(Exception):
    """Base of everything this package raises about the link and stanzas."""


class FailureKind(enum.StrEnum):
    """Why a connection could not be made."""

    UNREACHABLE = "unreachable"
    TLS = "TLS"
    AUTHENTICATION = "authentication"
    TIMEOUT = "timeout"
    REFUSED = "refused by the server"


class ConnectionFailed(XmppError):
    """No connection; ``kind`` says at which step, the message what to do."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def permanent(self) -> bool:
        """Somebody has to change something before it can work: trying often is of no use."""
        return self.kind in (FailureKind.AUTHENTICATION, FailureKind.TLS)


class NotConnected(XmppError):
    """Offline, or the link broke before the answer: nothing was kept to be sent later."""


class RequestTimeout(XmppError):
    """No answer in time; the peer may have carried the request out or not."""


class StanzaError(XmppError):
    """An error stanza came back (RFC 6120, 8.3): ``condition`` e.g. ``item-not-found``, ``type`` e.g.
    ``cancel``."""

    def __init__(self, condition: str, type_: str) -> None:
        super().__init__(f"{condition} ({type_})")
        self.condition = condition
        self.type = type_

"""The binding to XMPP: the only package of the model that knows slixmpp, sockets and a clock."""

from iec61850_model.xmpp.alive import Aliveness
from iec61850_model.xmpp.announce import Announcer
from iec61850_model.xmpp.channel import REQUEST_TIMEOUT, Answers, Channel
from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import (
    ConnectionFailed,
    FailureKind,
    NotConnected,
    RequestTimeout,
    StanzaError,
    XmppError,
)
from iec61850_model.xmpp.items import Items
from iec61850_model.xmpp.many import Answer, Many, ManyAnswers
from iec61850_model.xmpp.settings import MOBILE, WIRED, ConnectionSettings, LinkProfile

__all__ = [
    "MOBILE",
    "REQUEST_TIMEOUT",
    "WIRED",
    "Aliveness",
    "Announcer",
    "Answer",
    "Answers",
    "Channel",
    "Connection",
    "ConnectionFailed",
    "ConnectionSettings",
    "FailureKind",
    "Items",
    "LinkProfile",
    "Many",
    "ManyAnswers",
    "NotConnected",
    "RequestTimeout",
    "StanzaError",
    "XmppError",
]

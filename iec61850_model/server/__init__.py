"""The services of an IEC 61850 server as I/O-free state machines."""

from iec61850_model.server.dispatch import Server
from iec61850_model.server.effects import Drive, Effect, Incoming, Moment, Reply, Send, Settled, Switch

__all__ = ["Drive", "Effect", "Incoming", "Moment", "Reply", "Send", "Server", "Settled", "Switch"]

"""The first box.yaml of a box that has just enrolled: it is somebody, and switches nothing."""

from __future__ import annotations

import json

from iec61850_model.xmpp.enrolling import Enrolled
from iec61850_model.xmpp.identity import AUTHORITIES_NAME, IDENTITY_NAME

_TEXT = """\
# Written by `hpbox enrol`. What else can stand here, and what it means: config/box.yaml of the source.

jid: {jid}
identity_file: {identity}      # private key and certificate; a running box renews them
hub: {hub}
collector: {collector}
model: {model}
{server}{authorities}
# Safe until you say otherwise: nothing is wired, so all measurements are invalid; nothing can be switched.
drivers: {{}}
points: {{}}
outputs: {{}}
"""


def skeleton(enrolled: Enrolled, model: str, host: str, port: int) -> str:
    """The text of box.yaml; ``host`` empty: DNS says where the server is."""
    server = f"server:\n  host: {json.dumps(host)}\n  port: {port}\n" if host else ""
    authorities = f"ca_file: {AUTHORITIES_NAME}\n" if enrolled.authorities else ""
    return _TEXT.format(
        jid=json.dumps(enrolled.jid),
        identity=IDENTITY_NAME,
        hub=json.dumps(enrolled.hub),
        collector=json.dumps(enrolled.collector),
        model=json.dumps(model),
        server=server,
        authorities=authorities,
    )

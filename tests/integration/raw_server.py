"""The sending half of an XMPP server (RFC 6120, s2s with SASL EXTERNAL) that says whatever a test wants."""

from __future__ import annotations

import base64
import socket
import ssl
from pathlib import Path

from raw_party import PATIENCE

from support.pki import ServerCertificate

MAX_ANSWER = 65_536
"""Octets read while waiting for what the other server says."""


class RawServer:
    """A stream from one domain to another server, logged in by certificate."""

    def __init__(self, domain: str, to: str, address: tuple[str, int]) -> None:
        self._opening = (
            "<?xml version='1.0'?><stream:stream xmlns='jabber:server' version='1.0'"
            f" xmlns:stream='http://etherx.jabber.org/streams' from='{domain}' to='{to}'>"
        )
        self._domain, self._to = domain, to
        self._socket = socket.create_connection(address, PATIENCE)

    def log_in(self, certificate: ServerCertificate, ca_file: Path) -> None:
        """TLS with our certificate, then SASL EXTERNAL; raises AssertionError if the server refuses."""
        self._say(self._opening, "</stream:features>")
        self._say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed")
        context = ssl.create_default_context(cafile=str(ca_file))
        context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        self._socket = context.wrap_socket(self._socket, server_hostname=self._to)
        self._say(self._opening, "EXTERNAL")
        identity = base64.b64encode(self._domain.encode()).decode()
        sasl = f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{identity}</auth>"
        self._say(sasl, "<success")
        self._say(self._opening, "<stream:features")

    def send(self, xml: str) -> None:
        """Send exactly this."""
        self._socket.sendall(xml.encode())

    def until_closed(self) -> str:
        """What the server still says before it ends the stream."""
        heard = b""
        while len(heard) < MAX_ANSWER and (part := self._socket.recv(MAX_ANSWER)):
            heard += part
        return heard.decode(errors="replace")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _say(self, xml: str, expected: str) -> None:
        self.send(xml)
        heard = ""
        while expected not in heard and len(heard) < MAX_ANSWER:
            part = self._socket.recv(MAX_ANSWER).decode(errors="replace")
            assert part, f"the server ended the stream: {heard}"
            heard += part

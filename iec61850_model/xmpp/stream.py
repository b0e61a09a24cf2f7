"""One stream to an XMPP server: from connecting until it ends, used once and then thrown away.

A fresh stream for every attempt is what keeps promises simple: slixmpp holds back what is sent while offline
and sends it after the next login, and what is never reused cannot send anything late.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import Element

from slixmpp import JID, ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.stanzabase import StanzaBase

from iec61850_model.xmpp.errors import ConnectionFailed, FailureKind, NotConnected
from iec61850_model.xmpp.settings import ConnectionSettings

log = logging.getLogger(__name__)

CLOSING_TIMEOUT = 1.0
"""Seconds the server gets to close its side when we end the stream."""
MAX_UNSENT = 1_048_576
"""Octets that may wait in our socket; above, the link is as good as dead and sending is refused."""
ACK_EVERY = 5
"""Stanzas between two requests for an acknowledgement (XEP-0198): bounds the list of unacknowledged ones."""
_ACK_REQUEST = '<r xmlns="urn:xmpp:sm:3"/>'
COUNTER_MODULUS = 1 << 32
"""XEP-0198 counts modulo 2^32."""


def tls_context(ca_file: Path | None, identity_file: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later with a verified certificate and host name, and ours from ``identity_file`` if given.

    Raises ConnectionFailed if a file is unusable.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConnectionFailed(
            FailureKind.TLS,
            f"the CA file {ca_file} cannot be used ({error}): give a PEM file with CA certificates",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if identity_file is not None:
        try:
            context.load_cert_chain(identity_file)
        except (OSError, ssl.SSLError) as error:
            raise ConnectionFailed(
                FailureKind.AUTHENTICATION,
                f"the certificate and key in {identity_file} cannot be used ({error})",
            ) from error
    return context


class Stream(ClientXMPP):
    """A slixmpp client for one attempt. ``on_stanza`` sees every stanza first; True means it was taken."""

    def __init__(
        self, settings: ConnectionSettings, context: ssl.SSLContext, on_stanza: Callable[[Element], bool]
    ) -> None:
        super().__init__(settings.jid, settings.password, ssl_context=context)
        self._settings = settings
        self._on_stanza = on_stanza
        self._failure: ConnectionFailed | None = None
        self._securing = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.plugin["feature_mechanisms"].use_mechs = set(settings.mechanisms)
        self.enable_direct_tls = settings.host is None
        # The order counts: XEP-0198 must count a stanza before our filter takes it away.
        self.register_plugin("xep_0198", {"allow_resume": False})
        self.register_plugin("xep_0199")
        self.add_filter("in", self._take)
        for event, handler in (
            ("connection_failed", self._connection_failed),
            ("reconnect_delay", self._gave_up),
            ("ssl_invalid_chain", self._certificate_refused),
            ("failed_all_auth", self._login_refused),
            ("stream_negotiated", self._negotiated),
            ("disconnected", self._ended),
        ):
            self.add_event_handler(event, handler)

    async def open(self, timeout: float) -> None:
        """Connect and log in within ``timeout`` seconds.

        Raises ConnectionFailed; the stream is discarded then.
        """
        try:
            async with asyncio.timeout(timeout):
                self.connect(self._settings.host, self._settings.port)
                await self.opened
        except TimeoutError:
            raise self._failure or ConnectionFailed(
                FailureKind.TIMEOUT,
                f"{self._where()} did not complete the login within {timeout:.0f} s: "
                f"is it an XMPP server for {self.default_domain}, and is the network up?",
            ) from None
        finally:
            if not self.opened.done() or self.opened.cancelled() or self.opened.exception():
                self.discard()

    async def start_tls(self) -> bool:
        """Secure the stream; the reason of a failure is only known once slixmpp is through with it."""
        self._securing = True
        secured = await super().start_tls()
        self._securing = False
        if not secured:
            self._give_up()
        return secured

    async def close(self) -> None:
        """End the stream in an orderly way."""
        if self.is_connected() and not self.closed.done():
            self.disconnect(wait=CLOSING_TIMEOUT)
            await asyncio.wait({self.closed}, timeout=2 * CLOSING_TIMEOUT)
        self.discard()

    def discard(self) -> None:
        """Drop the link at once, with everything unsent."""
        self.cancel_connection_attempt()
        self.abort()
        if self._run_out_filters is not None:
            self._run_out_filters.cancel()
        if not self.closed.done():
            self.closed.set_result("closed by us")
        if not self.opened.done():
            self.opened.cancel()

    def transmit(self, stanza: str) -> None:
        """Hand a finished stanza to the socket now; raises NotConnected if it cannot be taken."""
        transport = self.transport
        if transport is None or self.closed.done() or not self._is_open():
            raise NotConnected("not connected to the XMPP server: nothing was sent")
        if transport.get_write_buffer_size() > MAX_UNSENT:
            raise NotConnected(f"{MAX_UNSENT} octets wait to be sent, the link is stuck: nothing was sent")
        self.send_raw(stanza)
        management = self.plugin["xep_0198"]
        if management.enabled_out:
            # slixmpp counts only its own stanza objects; an uncounted one would upset every acknowledgement.
            management.seq = (management.seq + 1) % COUNTER_MODULUS
            management.unacked_queue.append((management.seq, None))
            if management.seq % ACK_EVERY == 0:
                self.send_raw(_ACK_REQUEST)

    async def answers_ping(self, timeout: float) -> bool:
        """Ask the server for a sign of life (XEP-0199)."""
        try:
            await self.plugin["xep_0199"].ping(JID(self.boundjid.host), timeout=timeout)
        except IqTimeout:
            return False
        except IqError:
            return True
        except Exception:
            log.exception("the ping failed unexpectedly: the link is given up")
            return False
        return True

    def _is_open(self) -> bool:
        return self.opened.done() and not self.opened.cancelled() and self.opened.exception() is None

    def _take(self, stanza: StanzaBase) -> StanzaBase | None:
        return None if self._on_stanza(stanza.xml) else stanza

    def _where(self) -> str:
        if self._settings.host is None:
            return f"the XMPP server of {self.default_domain}"
        return f"{self._settings.host}:{self._settings.port}"

    def _fail(self, kind: FailureKind, message: str) -> None:
        if self._failure is None:
            self._failure = ConnectionFailed(kind, message)

    def _give_up(self) -> None:
        if not self.opened.done():
            fallback = ConnectionFailed(
                FailureKind.REFUSED, f"{self._where()} closed the connection during login"
            )
            self.opened.set_exception(self._failure or fallback)

    # --- slixmpp's events ---------------------------------------------------------------------------

    def _connection_failed(self, error: Any) -> None:
        # One of several addresses; whether that was the last one is said by reconnect_delay.
        if isinstance(error, ssl.SSLError):
            self._certificate_refused(error, final=False)
            return
        self._fail(FailureKind.UNREACHABLE, f"cannot connect to {self._where()}: {error}")

    def _gave_up(self, _delay: Any) -> None:
        self.cancel_connection_attempt()
        self._give_up()

    def _certificate_refused(self, error: Any, *, final: bool = True) -> None:
        why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
        self._fail(
            FailureKind.TLS,
            f"{self._where()} does not prove to be {self.default_domain} ({why}): "
            "check the CA file and the domain",
        )
        if final:
            self._give_up()
            self.abort()

    def _login_refused(self, _event: Any) -> None:
        settings = self._settings
        if self.plugin["feature_mechanisms"].attempted_mechs:
            what = "password" if settings.password else "certificate" if settings.identity_file else "guest"
            message = f"{self._where()} refuses the {what} of {JID(settings.jid).bare}"
        elif settings.guest:
            message = f"{self._where()} takes no guests at {settings.jid}"
        elif settings.identity_file is not None:
            message = (
                f"{self._where()} takes no login with our certificate: it does not know the authority it is"
                " from, or the certificate has run out"
            )
        else:
            message = f"{self._where()} offers no SCRAM login: another one would show it the password"
        self._fail(FailureKind.AUTHENTICATION, message)
        self._give_up()

    def _negotiated(self, _event: Any) -> None:
        if self.opened.done():
            return
        secured = self.transport is not None and self.transport.get_extra_info("ssl_object") is not None
        wanted = JID(self._settings.jid)
        if not secured:
            self._fail(FailureKind.TLS, f"{self._where()} offers no TLS")
        elif not self.sessionstarted:
            self._fail(FailureKind.REFUSED, f"{self._where()} started no session")
        elif not self._bound_as(wanted):
            self._fail(
                FailureKind.REFUSED,
                f"{self._where()} bound {self.boundjid.full} where {wanted.full} was asked for",
            )
        if self._failure is not None and self._failure.kind is not FailureKind.UNREACHABLE:
            self._give_up()
            self.abort()
            return
        self.opened.set_result(None)

    def _bound_as(self, wanted: JID) -> bool:
        bound = self.boundjid
        if self._settings.guest:
            return bool(bound.domain == wanted.domain)
        return bool(bound.bare == wanted.bare and wanted.resource in ("", bound.resource))

    def _ended(self, reason: Any) -> None:
        text = str(self._failure or reason or "the server closed the connection")
        if not self.closed.done():
            self.closed.set_result(text)
        if not self._securing:
            self._give_up()

    def _handle_stream_error(self, error: Any) -> None:
        # Not slixmpp's own handler: it follows see-other-host and then expects the certificate of that other
        # host.
        condition = cast("str", error["condition"])
        self._fail(FailureKind.REFUSED, f"{self._where()} ended the stream: {condition}")

    def exception(self, exception: Exception) -> None:
        """An error inside slixmpp's handlers ends a login, but never a link that works: any peer could cause
        it."""
        if self._is_open():
            log.warning("slixmpp could not handle a stanza: %r", exception)
            return
        self._fail(
            FailureKind.REFUSED, f"{self._where()} answered the login unexpectedly: {exception!r:.200}"
        )
        self._give_up()
        self.abort()

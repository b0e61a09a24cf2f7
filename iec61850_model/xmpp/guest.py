"""A guest's visit to a server (SASL ANONYMOUS, XEP-0175): some questions, and gone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.etree.ElementTree import Element

from iec61850_model.xmpp.errors import ConnectionFailed, FailureKind
from iec61850_model.xmpp.questions import Questions
from iec61850_model.xmpp.settings import ConnectionSettings
from iec61850_model.xmpp.stream import Stream

LOGIN_TIMEOUT = 20.0
"""Seconds to connect and log in; some seconds on a Pi."""


@asynccontextmanager
async def guest(settings: ConnectionSettings, context: ssl.SSLContext) -> AsyncIterator[Questions]:
    """Log in as ``settings`` (a guest) over TLS as ``context`` wants it; raises ConnectionFailed."""
    assert settings.guest, "a guest has neither password nor certificate"

    def take(element: Element) -> bool:
        return questions.take(element)

    stream = Stream(settings, context, take)
    questions = Questions(stream.transmit)
    try:
        await stream.open(LOGIN_TIMEOUT)
    except ConnectionFailed:
        raise
    except Exception as error:
        raise ConnectionFailed(FailureKind.REFUSED, f"connecting failed: {error!r:.200}") from error
    stream.closed.add_done_callback(lambda closed: questions.lost(_reason(closed)))
    try:
        yield questions
    finally:
        await stream.close()


def any_server() -> ssl.SSLContext:
    """TLS that believes any server: only to be told what anybody may know, and who says it can be checked."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def only_believing(authorities: str) -> ssl.SSLContext:
    """TLS that believes servers certified by these authorities (PEM), none: by those of the system."""
    context = ssl.create_default_context(cadata=authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _reason(closed: asyncio.Future[str]) -> str:
    return "stopped" if closed.cancelled() else closed.result()

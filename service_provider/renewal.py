"""A provider's certificate renews itself: looked at before each login, so that no program need run for it."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from iec61850_model.enrolment.plan import FIRST_RETRY, Plan
from iec61850_model.xmpp import ConnectionSettings, XmppError
from iec61850_model.xmpp.enrolling import EnrolmentFailed, guest_settings, renew
from iec61850_model.xmpp.guest import guest
from iec61850_model.xmpp.identity import AUTHORITIES_NAME, Identity, UnusableIdentity, write_private
from iec61850_model.xmpp.settings import normalized
from iec61850_model.xmpp.stream import tls_context

log = logging.getLogger(__name__)

RENEW_WITHIN = 20.0
"""Seconds a login is held up by an attempt; while the certificate is good the next one follows later."""
TRIED_SUFFIX = ".tried"
"""Ends the name of the file whose time is that of the last attempt, beside the identity."""


async def renew_if_due(settings: ConnectionSettings, hub: str) -> bool:
    """Renew the certificate that this account logs in with, if it is time; returns whether it was renewed.

    As a guest, for the account may be logged in elsewhere. What fails is logged: a certificate that is still
    good lets the account in, and is tried again 10 minutes later; the login says what is wrong with one that
    is not.
    """
    file = settings.identity_file
    assert file is not None, "an account with a password has nothing to renew"
    try:
        identity = await asyncio.to_thread(Identity.read, file)
    except UnusableIdentity:
        return False  # the login says so
    plan, now = Plan(identity.begins, identity.ends), time.time()
    tried = file.with_name(file.name + TRIED_SUFFIX)
    if not plan.due(now) or (not plan.expired(now) and _tried_since(tried, now - FIRST_RETRY)):
        return False
    jid = normalized(settings.jid).partition("/")[0]
    try:
        await asyncio.to_thread(write_private, tried, b"")
        async with asyncio.timeout(RENEW_WITHIN):
            visitor = guest_settings(hub, settings.host, settings.port)
            async with guest(visitor, tls_context(settings.ca_file)) as questions:
                enrolled = await renew(questions, normalized(hub), identity, jid)
        await asyncio.to_thread(enrolled.identity.write, file)
        await asyncio.to_thread(_keep_authorities, settings.ca_file, file, enrolled.authorities)
        await asyncio.to_thread(tried.unlink)
    except (EnrolmentFailed, XmppError, OSError, TimeoutError) as error:
        log.warning("the certificate in %s was not renewed: %s", file, str(error) or "no answer in time")
        return False
    return True


def _tried_since(tried: Path, at: float) -> bool:
    try:
        return tried.stat().st_mtime > at
    except OSError:
        return False


def _keep_authorities(ca_file: Path | None, identity_file: Path, authorities: str) -> None:
    """Those that vouch for the server may change; ours to write is only what came with the identity."""
    ours = identity_file.with_name(AUTHORITIES_NAME)
    if authorities and ca_file is not None and ca_file.absolute() == ours.absolute():
        write_private(ours, authorities.encode("ascii"))

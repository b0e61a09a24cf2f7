"""The box's certificates renew themselves: a thin shell around ``Plan``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from device_agent.config import BoxConfig
from iec61850_model.enrolment.plan import Plan
from iec61850_model.xmpp import Connection, ConnectionFailed, FailureKind, XmppError
from iec61850_model.xmpp.enrolling import Enrolled, EnrolmentFailed, guest_settings, renew
from iec61850_model.xmpp.guest import guest
from iec61850_model.xmpp.identity import Identity, UnusableIdentity, write_private
from iec61850_model.xmpp.questions import Questions
from iec61850_model.xmpp.stream import tls_context

log = structlog.get_logger()

LOOK_EVERY = 5.0
"""Seconds between two looks whether it is time."""


class Renewal:
    """Renews the certificate in the identity file. A clock that is wrong does no harm: the hub decides."""

    def __init__(
        self, config: BoxConfig, connection: Connection, now: Callable[[], float] = time.time
    ) -> None:
        assert config.identity_file is not None, "a box with a password has nothing to renew"
        self._config = config
        self._file = config.identity_file
        self._connection = connection
        self._now = now
        self._questions = Questions(connection.send)
        self._plan = self._make_plan()
        connection.on_refused.append(self._login_refused)
        connection.stanza_handlers.append(self._questions.take)
        connection.on_offline.append(self._questions.lost)

    async def before_login(self) -> None:
        """One attempt if it has run out: a refused login would be tried again only minutes later."""
        now = self._now()
        if self._plan.expired(now):
            await self._attempt(now)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now, plan = self._now(), self._plan
            if plan.due(now) and (self._connection.online or plan.expired(now)):
                await self._attempt(now)

    def _login_refused(self, failed: ConnectionFailed) -> None:
        if failed.kind is FailureKind.AUTHENTICATION:
            self._plan.refused(self._now())

    async def _attempt(self, now: float) -> None:
        if await self._renew():
            self._plan = self._make_plan()
        else:
            self._plan.failed(now)

    def _make_plan(self) -> Plan:
        try:
            identity = Identity.read(self._file)
        except UnusableIdentity as error:
            log.error("the certificate cannot be renewed", reason=str(error))
            return Plan(0.0, float("inf"))
        return Plan(identity.begins, identity.ends)

    async def _renew(self) -> bool:
        try:
            identity = Identity.read(self._file)
            enrolled = await self._ask(identity)
            enrolled.identity.write(self._file)
            self._keep_authorities(enrolled.authorities)
        except (EnrolmentFailed, UnusableIdentity, XmppError, OSError) as error:
            log.error("the certificate was not renewed", reason=str(error))
            return False
        log.info("certificate renewed", ends=enrolled.identity.certificate.not_valid_after_utc.isoformat())
        return True

    async def _ask(self, identity: Identity) -> Enrolled:
        config, jid = self._config, self._config.jid.partition("/")[0]
        if self._connection.online:
            return await renew(self._questions, config.hub, identity, jid)
        server = config.server
        settings = guest_settings(
            config.hub, server.host if server else None, server.port if server else None
        )
        async with guest(settings, tls_context(config.ca_file)) as questions:
            return await renew(questions, config.hub, identity, jid)

    def _keep_authorities(self, authorities: str) -> None:
        """Those that vouch for the server may change, one year both, later only the new one."""
        file = self._config.ca_file
        if file is not None and authorities and file.read_text(encoding="ascii") != authorities:
            write_private(file, authorities.encode("ascii"))
            log.info("authorities of the server changed", file=str(file))

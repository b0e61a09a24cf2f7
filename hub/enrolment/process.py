"""The process of enrolment: it alone holds the authority's key."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.audit import AuditEntry, AuditError, AuditKind, AuditLog
from hub.component import ComponentLink, LinkDown, LinkFull
from hub.config import ConfigError, HubConfig
from hub.database import to_its_end
from hub.enrolment.authority import BadRequest
from hub.enrolment.certifying import Certified, Terms, certify, clear
from hub.enrolment.desk import Desk, Reply, Work
from hub.enrolment.files import load_authority, server_authorities, write_revoked
from hub.enrolment.judging import NOBODY_KNOWN, Refused
from hub.registry import Holder, Registry, RegistryError, count_wrong, current_revision, revoked_serials
from hub.stanzas import Stanza
from iec61850_model.enrolment.code import enrolment_address, guest_domain
from iec61850_model.enrolment.messages import Enrol, Issued, Renew

log = structlog.get_logger()

CHAIN = "hub:enrolment"
"""The audit chain of this process; no router's name has a colon."""
ACTOR = "enrol"
TICK = 1.0
"""Seconds between two looks at what became due."""
LOOK_EVERY = 600.0
"""Seconds after which the list of revoked certificates is made anew in any case: some have run out."""
COUNTED_EVERY = 60.0
"""Seconds after which requests that name no code of ours are told of, all in one."""
MAX_HANG = 10.0
"""Seconds without a tick after which the process is not healthy: nothing of ours blocks for one."""


@dataclass(slots=True)
class _Unknown:
    """Refusals that concern no heat pump, since ``since``."""

    count: int = 0
    since: float = 0.0


@dataclass(slots=True)
class _Revoked:
    """The list of revoked certificates as it was written, of which revision and when."""

    serials: list[str] | None = None
    revision: int = -1
    looked: float = 0.0


@dataclass(frozen=True, slots=True)
class EnrolmentSnapshot:
    """The state at the moment of asking."""

    link_up: bool
    in_hand: int
    revoked: int
    answers: Counter[str]


class EnrolmentProcess:
    """Answers boxes and providers, and keeps the list of revoked certificates up to date."""

    def __init__(self, config: HubConfig, registry: Registry, audit: AuditLog) -> None:
        section = config.enrolment
        accounts = section.account_domains
        if not accounts:
            raise ConfigError(
                "neither enrolment.box_domain nor enrolment.provider_domain is set: where boxes and providers"
                " log in with certificates of this hub"
            )
        self._config = config
        self._registry = registry
        self._audit = audit
        guests = guest_domain(config.domain)
        self._authorities = server_authorities(section)
        self._terms = Terms(load_authority(section), section.certificate_days, guests)
        self._desk = Desk(guests, accounts, self._authorities)
        port = section.component_port or config.xmpp.component_port
        address = enrolment_address(config.domain)
        self._link = ComponentLink(address, config.enrolment_secret(), (config.xmpp.host, port), self._take)
        self._work: set[asyncio.Task[None]] = set()
        self._revoked = _Revoked()
        self._unknown = _Unknown()
        self._failing = ""
        self._ticked = time.monotonic()

    async def run(self) -> None:
        """Answer until cancelled."""
        log.info("enrolment starts", domain=enrolment_address(self._config.domain))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run())
                tasks.create_task(self._clock())
        finally:
            for task in self._work:
                task.cancel()

    # --- requests -----------------------------------------------------------------------------------

    def _take(self, stanza: Stanza) -> None:
        taken = self._desk.take(stanza, time.time())
        if isinstance(taken, Reply):
            self._send(taken.xml)
        elif taken is not None:
            task = asyncio.create_task(self._answer(taken))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _answer(self, work: Work) -> None:
        """Whatever happens, it is answered and its place is free again: there are only MAX_IN_HAND."""
        try:
            await self._decide(work)
        except Exception:  # a place that is not freed is lost until a restart
            log.exception("a request for a certificate met a defect of the hub")
            self._send(self._desk.failed(work).xml)

    async def _decide(self, work: Work) -> None:
        now, sender = time.time(), work.sender.bare
        try:
            # Most of what is to be refused is, without waiting for the registry's lock.
            await self._registry.read(clear, self._terms, work.asked, sender, now)
            done = await self._certify(work, now)
        except BadRequest:
            self._send(self._desk.malformed(work).xml)
        except Refused as refused:
            await self._refuse(work, refused, now)
        except (SQLAlchemyError, AuditError, RegistryError) as error:
            log.error("no certificate could be given", reason=str(error))
            self._send(self._desk.failed(work).xml)
        else:
            config = self._config
            issued = Issued(done.account, config.domain, config.history_domain, done.der, self._authorities)
            self._send(self._desk.issued(work, issued).xml)

    async def _certify(self, work: Work, now: float) -> Certified:
        """In the audit before it is in the registry, in the registry before it is told."""

        async def certified() -> Certified:
            async with self._registry.transaction() as session:
                done = await session.run_sync(certify, self._terms, work.asked, work.sender.bare, now)
                await session.flush()
                if not done.again:
                    await self._audit.append(_given(now, work.asked, done))
                return done

        done = await to_its_end(certified())
        self._revoked.revision = -1  # a new code's certificate revokes the former ones
        who = {key: value for key, value in done.holder._asdict().items() if value}
        log.info("certificate given", **who, account=done.account, serial=f"{done.serial:X}")
        return done

    async def _refuse(self, work: Work, refused: Refused, now: float) -> None:
        reply = self._desk.refused(work, now)
        holder = refused.holder
        log.warning("no certificate", reason=str(refused), **holder._asdict())
        try:
            if refused.wrong_proof and isinstance(work.asked, Enrol):
                await self._registry.run(count_wrong, work.asked.identity)
            if any(holder):
                await self._audit.append(_refusal(now, holder, str(refused)))
            else:
                self._unknown.count += 1
        except Exception:  # also then it is told, and its place is free
            log.exception("a refusal could not be kept")
        if reply is not None:
            await asyncio.sleep(reply.after)
            self._desk.told(work)
            self._send(reply.xml)

    def _send(self, xml: str) -> None:
        try:
            self._link.send(xml)
        except (LinkDown, LinkFull) as lost:
            log.warning("an answer was not sent", reason=str(lost))

    # --- time ---------------------------------------------------------------------------------------

    async def _clock(self) -> None:
        while True:
            self._ticked = time.monotonic()
            now = time.time()
            self._desk.tick(now)
            try:
                await self._keep_revoked(now)
                await self._tell_unknown(now)
                self._failing = ""
            except (SQLAlchemyError, AuditError, ConfigError) as error:
                if not self._failing:
                    log.error("enrolment cannot keep its lists", reason=str(error))
                self._failing = str(error)
            await asyncio.sleep(TICK)

    async def _keep_revoked(self, now: float) -> None:
        """Write the list whenever it is another one; what has run out needs no place in it."""
        known, path = self._revoked, self._config.enrolment.revoked_file
        revision = await self._registry.read(current_revision)
        if revision == known.revision and now - known.looked < LOOK_EVERY and path.exists():
            return
        serials = await self._registry.read(revoked_serials, now)
        if serials != known.serials or not path.exists():
            write_revoked(path, serials)
        self._revoked = _Revoked(serials, revision, now)

    async def _tell_unknown(self, now: float) -> None:
        unknown = self._unknown
        if unknown.count and now - unknown.since >= COUNTED_EVERY:
            self._unknown = _Unknown(since=now)
            await self._audit.append(
                _refusal(now, NOBODY_KNOWN, f"{unknown.count} requests with unknown codes")
            )

    def snapshot(self) -> EnrolmentSnapshot:
        """The state now, for Prometheus; called from the probe's thread, so it only reads."""
        return EnrolmentSnapshot(
            link_up=self._link.up,
            in_hand=len(self._work),
            revoked=len(self._revoked.serials or ()),
            answers=self._desk.counts.copy(),
        )

    def unhealthy(self) -> list[str]:
        """Why the process should be restarted: its event loop hangs."""
        late = time.monotonic() - self._ticked
        return [f"the event loop of enrolment has not moved for {late:.0f} s"] if late > MAX_HANG else []

    def unready(self) -> list[str]:
        """Why no box can enrol now."""
        wrong = self.unhealthy()
        if not self._link.up:
            wrong.append("enrolment has no link to the XMPP server")
        if self._failing:
            wrong.append(f"enrolment cannot keep its lists: {self._failing}")
        return wrong


def _given(at: float, asked: Enrol | Renew, done: Certified) -> AuditEntry:
    holder = done.holder
    who, its = ("provider", done.account) if holder.provider else ("box", "")
    what = "enrolled" if isinstance(asked, Enrol) else "certificate renewed"
    return AuditEntry(
        at=at, kind=AuditKind.OPERATOR, heat_pump=holder.heat_pump, box="" if its else done.account,
        provider=holder.provider, provider_jid=its, service=f"{who} {what}",
        detail=f"certificate {done.serial:X}", actor=ACTOR,
    )  # fmt: skip


def _refusal(at: float, holder: Holder, reason: str) -> AuditEntry:
    return AuditEntry(
        at=at, kind=AuditKind.REFUSAL, heat_pump=holder.heat_pump, provider=holder.provider,
        service="enrolment", detail=reason, actor=ACTOR,
    )  # fmt: skip

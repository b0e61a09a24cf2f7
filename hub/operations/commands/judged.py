"""The way to a box for whoever gives a command: judged, request by request, as the router does."""

from __future__ import annotations

from dataclasses import dataclass

from hub.audit import AuditEntry, AuditKind
from hub.judge import Judgement, judge
from hub.operations.commands.command import NotThere
from hub.operations.commands.office import Office
from hub.operations.commands.roles import actor_of
from hub.registry import NotFound, get_heat_pump
from hub.registry.holdings import holdings
from hub.registry.operators import Caller, caller_of
from hub.roster import Grant, Right
from iec61850_model.client.errors import ClientError
from iec61850_model.mms.pdu import Payload

READING = "GetDataValues"
BY_COMMAND = "by command"
"""Stands in the audit beside what was asked by a command at operations."""
_OWN = frozenset({Right.READ, Right.CONTROL})
"""What an operator may do by command with every heat pump, and an owner with his own."""


class NotPermitted(ClientError):
    """No grant lets this request through, for this reason."""


@dataclass(frozen=True, slots=True)
class JudgedWay:
    """A Transport (iec61850_model.client). What steers, reads a value or is refused is audited before; what a
    provider uses is in his accounts as if he had asked himself.
    """

    office: Office
    caller: Caller
    heat_pump: str

    @property
    def decides(self) -> bool:
        """It is his own, or he is an operator: he needs no grant."""
        return self.caller.operator or self.heat_pump in self.caller.owns

    @property
    def provider(self) -> str:
        """In whose name it speaks: a provider's, or (empty) the hub's, for who decides."""
        return "" if self.decides else self.caller.provider

    async def request(self, peer: str, payload: Payload) -> Payload:
        """Send a request PDU that may pass. Raises NotThere, NotPermitted, and other ClientError."""
        judged = await self._judge(payload)
        if not judged.allowed:
            await self._audit(AuditKind.REFUSAL, judged, f"forbidden: {judged.reason}; {BY_COMMAND}")
            raise NotPermitted(judged.reason)
        if judged.steers or judged.service == READING:
            detail = f"{judged.detail}; {BY_COMMAND}" if judged.detail else BY_COMMAND
            await self._audit(AuditKind.REQUEST, judged, detail)
        if judged.steers and not (again := await self._judge(payload)).allowed:
            # Withdrawn while the audit was written.
            await self._audit(AuditKind.REFUSAL, again, f"forbidden: {again.reason}; {BY_COMMAND}")
            raise NotPermitted(again.reason)
        if self.provider:
            self.office.used[self.provider, self.heat_pump, judged.service] += 1
        return await self.office.speaking_for(self.provider).request(peer, payload)

    async def require_seen(self) -> None:
        """Raise NotThere unless he may know of the heat pump."""
        await self._held()

    async def _judge(self, payload: Payload) -> Judgement:
        grants, slots = await self._held()
        return judge(payload.pdu, grants, self.office.clock(), slots)

    async def _held(self) -> tuple[tuple[Grant, ...], dict[int, int]]:
        """What he holds now: it may be withdrawn between two requests, and so may what he is."""
        now = self.office.clock()
        present = await self.office.read(caller_of, self.caller.account, now=now)
        if self.decides:
            if not (present.operator or self.heat_pump in present.owns):
                raise NotThere
            try:
                await self.office.read(get_heat_pump, self.heat_pump)
            except NotFound:
                raise NotThere from None
            return (Grant(0, "", self.heat_pump, _OWN),), {}
        if present.provider != self.provider:
            raise NotThere
        try:
            held = await self.office.read(holdings, self.provider, self.heat_pump, now=now)
        except NotFound:
            raise NotThere from None
        live = tuple(one for one in held.grants if one.key not in held.revoked and one.live(now))
        if not live:
            raise NotThere
        return live, held.slots

    async def _audit(self, kind: AuditKind, judged: Judgement, detail: str) -> None:
        await self.office.audit.append(
            AuditEntry(
                at=self.office.clock(), kind=kind, provider=self.provider, heat_pump=self.heat_pump,
                service=judged.service, references=judged.references, detail=detail,
                actor=actor_of(self.caller, self.heat_pump),
            )
        )  # fmt: skip

"""An output within its limits: its ledger decides (``device_agent.limits``), what is inside carries out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from device_agent.guarded_relay import monotonic
from device_agent.limits import Ledger, Refusal
from iec61850_model.reference import Reference
from iec61850_model.types import Value
from iec61850_model.values import AddCause

log = structlog.get_logger()


class Process(Protocol):
    """One controllable data object's way to the hardware."""

    reference: Reference

    @property
    def rest(self) -> Value | None:
        """What it has when nobody wants anything of it: a relay's safe state. None: it stays as it is."""

    async def start(self) -> None:
        """Take the safe or initial state."""

    async def stop(self) -> None:
        """Take the safe state; it is reached, or given up, when this returns."""

    def refusal(self, value: Value) -> Refusal | None:
        """The limit that forbids this value now."""

    async def command(self, value: Value) -> AddCause | None:
        """Switch; returns None when it is done and certain, else why it is not."""

    async def release(self) -> None:
        """Go to rest, whatever limit speaks against it."""

    async def tick(self) -> None:
        """Do what is due, e.g. end a relay's longest time away from its safe state."""

    def ends(self) -> float | None:
        """When the present value ends by itself, monotonic seconds; None: it does not."""

    def state(self) -> Value | None:
        """What the hardware is known to have; None if it is not known."""

    def fault(self) -> str:
        """Why the last write was not done; empty if it was."""


class Switchable(Protocol):
    """Relays that can be switched, without a memory of what they did."""

    reference: Reference

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def command(self, value: Value) -> AddCause | None: ...
    async def tick(self) -> None: ...
    def state(self) -> Value | None: ...
    def fault(self) -> str: ...


class LimitedProcess:
    """Relays that keep their limits. ``keep`` puts the ledger on the disk and says whether it is there.

    A start that cannot be kept is not made: a box with a full disk leaves the house on its own.
    """

    def __init__(self, inner: Switchable, ledger: Ledger, keep: Callable[[], bool]) -> None:
        self.reference = inner.reference
        self.ledger = ledger
        self._inner = inner
        self._keep = keep
        self._begun: Value | None = None
        self._moving = False

    @property
    def rest(self) -> Value | None:
        return self.ledger.safe

    async def start(self) -> None:
        await self._inner.start()
        self._observe()

    async def stop(self) -> None:
        await self._inner.stop()
        self._observe()

    def refusal(self, value: Value) -> Refusal | None:
        return self.ledger.refusal(value, monotonic()) if isinstance(value, int) else None

    async def command(self, value: Value) -> AddCause | None:
        now = monotonic()
        if self._moving:
            return AddCause.BLOCKED_BY_PROCESS
        if not isinstance(value, int):
            return AddCause.INCONSISTENT_PARAMETERS
        refusal = self.ledger.refusal(value, now)
        if refusal is not None:
            log.warning("a limit refuses", output=str(self.reference), value=value, reason=refusal.text(now))
            return refusal.kind.cause
        if self.ledger.begin(value, now) and not self._keep():
            self._observe()
            return AddCause.BLOCKED_BY_HEALTH
        return await self._move(value)

    async def release(self) -> None:
        if not self._moving and self._inner.state() != self.ledger.safe:
            await self._move(self.ledger.safe)

    async def tick(self) -> None:
        if self._moving:
            return
        self._moving = True
        try:
            await self._inner.tick()
        finally:
            self._moving = False
        self._observe()
        deadline = self.ledger.deadline
        if deadline is not None and monotonic() >= deadline:
            await self.release()

    def ends(self) -> float | None:
        return self.ledger.deadline

    def state(self) -> Value | None:
        return self._inner.state()

    def fault(self) -> str:
        return self._inner.fault()

    async def _move(self, value: Value) -> AddCause | None:
        self._begun = value
        self._moving = True
        try:
            return await self._inner.command(value)
        finally:
            self._moving = False
            self._observe()

    def _observe(self) -> None:
        """What is known of the hardware counts; what it passes on its way does not."""
        state = self._inner.state()
        if state is None or state not in (self.ledger.safe, self._begun):
            return
        assert isinstance(state, int)
        if self.ledger.reached(state, monotonic()):
            self._keep()

"""The hub itself removes what is older than hub.yaml lets the audit be."""

from __future__ import annotations

import structlog

from hub.audit.entry import OPERATIONS_CHAIN
from hub.audit.retention import Pruned, prune

log = structlog.get_logger()

_DAY = 86_400.0


class PruningTask:
    """One pruning of the audit database ``url``: ``keep_days`` are kept."""

    def __init__(self, url: str, keep_days: int) -> None:
        self._url = url
        self._keep = keep_days * _DAY

    async def once(self, now: float) -> list[Pruned]:
        """Remove what is older; raises SchemaError and SQLAlchemyError."""
        done = await prune(self._url, now - self._keep, actor=OPERATIONS_CHAIN, now=now)
        for one in done:
            log.info("audit pruned", chain=one.chain, removed=one.rows, up_to=one.checkpoint.seq)
        return done

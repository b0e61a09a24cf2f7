"""Associations that several uses of one heat pump share: made by the first, released by the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from iec61850_model.client import Client, ClientError


@dataclass(slots=True)
class _Shared:
    users: int = 0
    ours: bool = False
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedAssociations:
    """Counts the users of each association; one that was made by ``associate`` before is left as it is."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._shared: dict[str, _Shared] = {}

    @property
    def addresses(self) -> list[str]:
        """Whom there is an association in use with."""
        return list(self._shared)

    @asynccontextmanager
    async def use(self, address: str) -> AsyncIterator[None]:
        """Within this there is an association, unless it is lost: then ``ensure`` makes it anew.

        Raises what ``ensure`` raises.
        """
        shared = self._shared.setdefault(address, _Shared())
        shared.users += 1
        try:
            await self.ensure(address)
            yield
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[address]
                if shared.ours and self._client.association(address) is not None:
                    # The device ends it by its lease if it cannot be told.
                    with suppress(ClientError):
                        await self._client.release(address)

    async def ensure(self, address: str) -> None:
        """Make the association if there is none; raises AssociationRefused and what the transport raises."""
        shared = self._shared[address]
        async with shared.making:
            if self._client.association(address) is None:
                await self._client.associate(address)
                shared.ours = True

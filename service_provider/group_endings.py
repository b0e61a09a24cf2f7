"""How commands to the members of a group end where their objects have enhanced security."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from iec61850_model.client import Client, NoAnswer, Termination
from iec61850_model.client.errors import of_termination
from iec61850_model.reference import Reference
from service_provider.addresses import address_of
from service_provider.group_results import MemberResult


class Endings:
    """Joins the acceptance of a command, which is an answer, with its CommandTermination, a message of its
    own that may come before or after it.
    """

    def __init__(self, target: Reference) -> None:
        self._target = target
        self._accepted: set[str] = set()
        self._ends: dict[str, Termination] = {}
        self._told = asyncio.Event()

    @contextmanager
    def listening(self, client: Client, hub: str, members: Sequence[str], ctl_num: int) -> Iterator[Endings]:
        """Hear the terminations of this command, until the block ends."""
        with ExitStack() as stops:
            for one in members:
                heard = partial(self._heard, one)
                stops.callback(client.controls.listen(address_of(one, hub), self._target, ctl_num, heard))
            yield self

    def accepted(self, heatpump: str) -> None:
        """It has taken the command: its termination is waited for."""
        self._accepted.add(heatpump)

    def ended(self) -> Iterator[MemberResult]:
        """The results of those that have told since."""
        for one in sorted(self._accepted & self._ends.keys()):
            self._accepted.discard(one)
            cause = self._ends[one].add_cause
            yield MemberResult(one, None if cause is None else of_termination(self._target.without_fc, cause))

    async def rest(self, patience: float) -> AsyncGenerator[MemberResult, None]:
        """The results of all others as they come; those that tell nothing for ``patience`` seconds are last,
        with NoAnswer.
        """
        end = asyncio.get_running_loop().time() + patience
        while True:
            self._told.clear()
            for result in self.ended():
                yield result
            if not self._accepted:
                return
            try:
                async with asyncio.timeout_at(end):
                    await self._told.wait()
            except TimeoutError:
                break
        for one in sorted(self._accepted):
            yield MemberResult(
                one,
                NoAnswer(
                    f"{self._target.without_fc}: {one} accepted the command and did not tell how it ended:"
                    " read its state"
                ),
            )

    def _heard(self, heatpump: str, end: Termination) -> None:
        self._ends.setdefault(heatpump, end)
        self._told.set()

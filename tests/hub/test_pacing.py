"""Stanzas that can wait are sent in order, at a steady pace, and never more than fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub import pacing
from hub.pacing import Pacer


class Turns:
    """Stands in for sleeping: adds up the seconds, so that no test depends on how fast it runs."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._allowed = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        await self._allowed.acquire()
        self.seconds += seconds

    async def pass_(self, turns: int) -> None:
        for _ in range(turns):
            self._allowed.release()
            await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def turns() -> Turns:
    return Turns()


@asynccontextmanager
async def running(pacer: Pacer[int]) -> AsyncIterator[None]:
    task = asyncio.create_task(pacer.run())
    await settle()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_what_waits_is_sent_in_order_and_in_handfuls(turns: Turns) -> None:
    sent: list[int] = []
    pacer = Pacer(200, lambda one: (sent.append(one), True)[1], turns.sleep)
    for number in range(25):
        pacer.put(number)
    async with running(pacer):
        assert sent == list(range(10))
        await turns.pass_(1)
        assert sent == list(range(20))
        await turns.pass_(1)
        assert sent == list(range(25))
        assert len(pacer) == 0


@pytest.mark.parametrize("pace", [1, 7, 19, 20, 21, 30, 50, 200, 1000])
async def test_the_pace_is_held_whatever_it_is(turns: Turns, pace: int) -> None:
    sent: list[int] = []
    pacer = Pacer(pace, lambda one: (sent.append(one), True)[1], turns.sleep)
    for number in range(20 * pace):
        pacer.put(number)
    async with running(pacer):
        while turns.seconds < 10 and len(pacer):
            await turns.pass_(1)
    assert len(sent) / turns.seconds == pytest.approx(pace, rel=0.11)


async def test_a_trickle_does_not_outrun_the_pace(turns: Turns) -> None:
    sent: list[int] = []
    pacer = Pacer(20, lambda one: (sent.append(one), True)[1], turns.sleep)
    async with running(pacer):
        for number in range(50):
            pacer.put(number)
            await settle()
        assert sent == [0]
        await turns.pass_(3)
        assert sent == [0, 1, 2, 3]


async def test_what_comes_after_a_pause_is_sent_at_once(turns: Turns) -> None:
    sent: list[int] = []
    pacer = Pacer(200, lambda one: (sent.append(one), True)[1], turns.sleep)
    async with running(pacer):
        pacer.put(1)
        await turns.pass_(5)
        pacer.put(2)
        await settle()
        assert sent == [1, 2]


async def test_what_cannot_be_sent_now_keeps_its_place(turns: Turns) -> None:
    sent: list[int] = []
    blocked = True

    def send(one: int) -> bool:
        if not blocked:
            sent.append(one)
        return not blocked

    pacer = Pacer(200, send, turns.sleep)
    for number in range(3):
        pacer.put(number)
    async with running(pacer):
        await turns.pass_(3)
        assert (sent, len(pacer)) == ([], 3)
        blocked = False
        await turns.pass_(1)
        assert sent == [0, 1, 2]


async def test_what_waits_can_be_forgotten(turns: Turns) -> None:
    sent: list[int] = []
    pacer = Pacer(20, lambda one: (sent.append(one), True)[1], turns.sleep)
    for number in range(5):
        pacer.put(number)
    async with running(pacer):
        pacer.clear()
        await turns.pass_(5)
        assert sent == [0]
        pacer.put(9)
        await turns.pass_(1)
        assert sent == [0, 9]


def test_beyond_the_bound_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "MAX_WAITING", 3)
    pacer: Pacer[int] = Pacer(1, lambda one: True)
    assert [pacer.put(number) for number in range(5)] == [True, True, True, False, False]
    assert len(pacer) == 3

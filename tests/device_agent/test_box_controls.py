"""Controls of a box put together: what is said around an answer, and the end of a grant."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from fake_box import EVU, ICD, SPARE, Box, prepared

from iec61850_model.client import Operation, Termination
from iec61850_model.mms.pdu import ConfirmedResponse, Payload, Unconfirmed
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause
from support.control_icd import with_control_models

ALIAS = "agg7@hub.example.org"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    model = tmp_path / "models.icd"
    model.write_bytes(
        with_control_models(
            ICD.read_bytes(),
            {
                "EvuGGIO1.SPCSO1": "direct-with-enhanced-security",
                "RlyGGIO1.SPCSO1": "sbo-with-normal-security",
            },
        )
    )
    return prepared(tmp_path, monkeypatch, model=str(model))


def heard(box: Box, reference: str, number: int = 1) -> list[Termination]:
    """What the box will say of how a command ends."""
    told: list[Termination] = []
    box.client.controls.listen("box", Reference.parse(reference), number, told.append)
    return told


def deliver(box: Box) -> None:
    """What the box has sent by itself arrives."""
    link: Any = box.agent._link
    for _, payload in link.sent:
        box.client.receive("box", payload)
    link.sent.clear()


async def test_the_termination_comes_when_the_relay_has_moved(box: Box) -> None:
    async with box.running():
        told = heard(box, EVU)
        box.a.gate.clear()
        await box.operate(EVU, True)
        await box.until(lambda: box.a.pins["evu"] is True)
        deliver(box)
        assert told == []
        box.a.gate.set()
        await box.until(lambda: bool(deliver(box) or told))
        assert told == [Termination(None, timed=False)]
        assert box.shown(EVU)[0] is True


async def test_a_relay_that_does_not_obey_is_told_by_the_termination(box: Box) -> None:
    async with box.running():
        told = heard(box, EVU)
        box.a.failing_once.add("evu")
        await box.operate(EVU, True)
        await box.until(lambda: bool(deliver(box) or told))
        assert told == [Termination(AddCause.BLOCKED_BY_PROCESS, timed=False)]


async def test_what_follows_an_answer_is_sent_after_it(box: Box) -> None:
    async with box.running():
        now = time.time()
        target = Reference.parse(EVU)
        await box.client.operate("box", target, Operation(True, now, 1, at=now + 3600))
        await box.client.controls.cancel("box", target, Operation(True, now, 2))
        answer, termination = (one.pdu for one in box.last_answer)
        assert isinstance(answer, ConfirmedResponse)
        assert isinstance(termination, Unconfirmed)
        assert [one.pdu for _, one in sent(box)] == []


async def test_the_end_of_a_grant_ends_what_waits_and_is_told(box: Box) -> None:
    async with box.running() as agent:
        told = heard(box, EVU)
        await box.operate(EVU, True, at=time.time() + 3600)
        agent._serving.withdrawn("agg8@hub.example.org")
        deliver(box)
        assert told == []
        agent._serving.withdrawn(ALIAS)
        deliver(box)
        assert told == [Termination(AddCause.NO_ACCESS_AUTHORITY, timed=True)]


async def test_a_relay_is_selected_and_operated(box: Box) -> None:
    async with box.running():
        await box.client.associate("box")
        await box.client.controls.select("box", Reference.parse(SPARE))
        assert box.attribute(f"{SPARE}.stSeld[ST]") is True
        await box.operate(SPARE, True)
        assert box.shown(SPARE)[0] is True


def sent(box: Box) -> list[tuple[str, Payload]]:
    link: Any = box.agent._link
    return list(link.sent)

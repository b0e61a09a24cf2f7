"""A hub that knows 1,000 boxes is killed and comes back: it learns anew who is there, and without a burst."""

from __future__ import annotations

import asyncio
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from raw_operator import link_states
from raw_party import until
from sqlalchemy.orm import Session

from hub.component_stream import ComponentStream
from hub.config import HubConfig
from hub.registry import Registry, add_heat_pump
from hub.roster import HeatPump
from hub.stanzas import Stanza
from support.ejabberd import EjabberdServer
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall, ProsodyServer
from support.scene import HUB, Scene

DOMAIN = "many.example.org"
BOXES = 1_000
AWAY = 50
"""Boxes whose server says that they are not there."""
PACE = 200
"""Boxes asked a second, as the hub is shipped."""
PATIENCE = 60.0


class SceneWithMany(Scene):
    """A scene whose server takes one more component: the domain of the boxes."""

    def _make_server(self, components: Mapping[str, str]) -> ProsodyServer | EjabberdServer:
        return super()._make_server({**components, DOMAIN: secrets.token_hex(32)})


@dataclass
class ManyBoxes:
    """All boxes of a domain in one component: each answers the hub's presence as a box does, or is away."""

    asked: list[tuple[float, str]] = field(default_factory=list)
    told_gone: Counter[str] = field(default_factory=Counter)
    stream: ComponentStream | None = None

    def take(self, stanza: Stanza) -> None:
        box, type_ = stanza.to, stanza.type
        if type_ == "unavailable":
            self.told_gone[box] += 1
        if stanza.kind != "presence" or stanza.sender != HUB or type_:
            return
        self.asked.append((asyncio.get_running_loop().time(), box))
        number = int(box[1:5])
        answer = ' type="error"' if number > BOXES - AWAY else ""
        assert self.stream is not None
        self.stream.send(f'<presence from="{box}" to="{HUB}"{answer}/>')

    @asynccontextmanager
    async def online(self, secret: str, port: int) -> AsyncIterator[None]:
        self.stream = stream = ComponentStream(DOMAIN, secret, self.take)
        await asyncio.get_running_loop().create_connection(lambda: stream, LOOPBACK, port)
        await stream.opened
        try:
            yield
        finally:
            stream.discard()


def register_all(session: Session) -> None:
    for number in range(1, BOXES + 1):
        box = HeatPump(f"hp{number:04d}", f"b{number:04d}@{DOMAIN}")
        add_heat_pump(session, box, hub_domain=HUB, now=0.0)


def most_in_a_second(times: list[float]) -> int:
    return max(bisect_left(times, at + 1.0) - first for first, at in enumerate(times))


async def test_a_hub_of_a_thousand_boxes_comes_back_without_a_burst(
    prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scene = SceneWithMany(tmp_path_factory.mktemp("many"), prosody_install)
    try:
        scene.start_server()
        config = HubConfig.load(scene.directory / "hub" / "hub.yaml")
        assert config.presence.pace == PACE
        registry = await Registry.open(config.databases.registry)
        await registry.run(register_all)
        await registry.close()
        boxes = ManyBoxes()
        wanted = Counter(online=BOXES - AWAY, offline=AWAY)
        secret = scene.prosody.component_secrets[DOMAIN]
        async with boxes.online(secret, scene.prosody.component_port):
            for _ in range(2):
                boxes.asked.clear()
                boxes.told_gone.clear()
                hub = await asyncio.to_thread(scene.start_hub)
                await until(lambda: len(boxes.asked) >= BOXES, PATIENCE)
                async with asyncio.timeout(PATIENCE):
                    while Counter((await link_states(scene)).values()) != wanted:  # noqa: ASYNC110 - a command
                        await asyncio.sleep(0.5)
                times = [at for at, _ in boxes.asked]
                assert sorted(box for _, box in boxes.asked) == sorted(boxes.told_gone)
                assert len(boxes.asked) == BOXES, "each is asked once"
                assert set(boxes.told_gone.values()) == {1}
                assert most_in_a_second(times) <= 1.5 * PACE
                hub.kill()
    finally:
        await asyncio.to_thread(scene.close)

"""An ordinary chat client and the hub on a real Prosody: it subscribes and waits, is granted, and browses.

The client is slixmpp as it comes: its roster is what its server tells it, as any client would show it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from raw_operator import operator
from raw_party import PATIENCE, RawParty
from slixmpp import JID, ClientXMPP

from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import HUB, PROVIDER_JID, Scene, box_jid

PUMPS = ("hp0001", "hp0002", "hp0003")


@pytest.fixture
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("contacts"), prosody_install)
    try:
        made.start_server()
        made.register(box_jid(1))
        for number, id_ in enumerate(PUMPS, start=1):
            operator(made, "heatpump", "add", id_, "--box", box_jid(number))
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        made.start_hub()
        yield made
    finally:
        made.close()


class ChatClient(ClientXMPP):
    """Logs in, fetches its roster and says that it is there, and no more."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(PROVIDER_JID, scene.passwords[PROVIDER_JID], sasl_mech="SCRAM-SHA-256")
        self.ca_certs = scene.xmpp_server.ca_file
        self.enable_direct_tls = False
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0059")
        self.ready = asyncio.Event()
        self.add_event_handler("session_start", self._begin)
        self.seen: dict[str, str] = {}
        """The last presence of each address."""
        self.add_event_handler("presence", lambda one: self.seen.update({str(one["from"]): one["type"]}))

    async def _begin(self, _event: Any) -> None:
        await self.get_roster()
        self.send_presence()
        self.ready.set()

    def contact(self, id_: str) -> tuple[str, bool]:
        """Subscription and whether it is pending, as the server's roster has it."""
        item = self.client_roster[f"{id_}@{HUB}"]
        return item["subscription"], bool(item["pending_out"])

    async def listed(self, most: int) -> list[list[str]]:
        """What the hub lists, page by page, with slixmpp's own paging."""
        query = self.make_iq_get(queryxmlns="http://jabber.org/protocol/disco#items", ito=HUB)
        pages = self.plugin["xep_0059"].iterate(query, "disco_items", results="substanzas", amount=most)
        return [sorted(jid for jid, _, _ in one["disco_items"]["items"]) async for one in pages]


@asynccontextmanager
async def chatting(scene: Scene) -> AsyncIterator[ChatClient]:
    client = ChatClient(scene)
    client.connect(LOOPBACK, scene.xmpp_server.c2s_port)
    try:
        async with asyncio.timeout(PATIENCE):
            await client.ready.wait()
        yield client
    finally:
        await client.disconnect()


async def hphub(scene: Scene, *arguments: str) -> str:
    return await asyncio.to_thread(operator, scene, *arguments)


async def until(scene: Scene, condition: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - other processes are waited for
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError("\n".join(one.log[-3000:] for one in scene.programs.values())) from None


async def requests(scene: Scene, count: int) -> list[dict[str, Any]]:
    """What waits for the operator, once it is so much."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: list[dict[str, Any]] = json.loads(await hphub(scene, "request", "list", "--json"))
            if len(found) == count:
                return found
            await asyncio.sleep(0.1)


async def test_an_ordinary_client_asks_waits_is_granted_and_browses(scene: Scene) -> None:
    box = RawParty(f"{box_jid(1)}/IEC", scene.passwords[box_jid(1)], scene)
    hp1 = f"hp0001@{HUB}/IEC"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(box.logged_in())
        client = await stack.enter_async_context(chatting(scene))
        for id_ in ("hp0001", "hp0002", "nobody"):
            client.send_presence_subscription(pto=f"{id_}@{HUB}")
        asked = {one["wanted"]: one["key"] for one in await requests(scene, 2)}
        assert asked.keys() == {"hp0001", "hp0002"}, "what nobody has is shown to nobody"
        assert await client.listed(2) == []

        await hphub(scene, "request", "refuse", str(asked["hp0002"]))
        await hphub(scene, "request", "approve", str(asked["hp0001"]))
        await until(scene, lambda: client.contact("hp0001") == ("to", False))
        await until(scene, lambda: client.seen.get(hp1) == "available")
        assert client.contact("hp0002") == client.contact("nobody") == ("none", True), "both are pending"
        assert not {f"hp0002@{HUB}", f"nobody@{HUB}"} & client.seen.keys()

        await hphub(scene, "group", "add", "north")
        await hphub(scene, "group", "member", "add", "north", *PUMPS)
        assert await client.listed(2) == [[hp1]]
        await hphub(scene, "grant", "add", "agg", "@north", "--right", "read")
        every = [*(f"{id_}@{HUB}/IEC" for id_ in PUMPS), f"north@{HUB}"]
        assert await client.listed(3) == [every[:3], every[3:]]
        await until(scene, lambda: client.contact("hp0002") == ("to", False))
        done = await asyncio.to_thread(scene.command, "hpclient", "heatpumps")
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert [row[0] for row in rows] == [*PUMPS, "@north"], done.stderr
        assert (rows[0][1], rows[3][1]) == ("online", "group")
        info = await client.plugin["xep_0030"].get_info(jid=JID(f"hp0001@{HUB}"))
        assert {(one[0], one[1]) for one in info["disco_info"]["identities"]} == {("hierarchy", "leaf")}

        await hphub(scene, "grant", "revoke", "agg", "@north")
        await until(scene, lambda: client.contact("hp0002") == ("none", False))
        assert client.contact("hp0001") == ("to", False)

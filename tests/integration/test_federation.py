"""A box at a manufacturer's and a provider at his own work through the hub over s2s, and leave again.

Three XMPP servers with certificates of one CA: that of the hub, of maker.example and of aggregator.example.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio
from federation_world import MAKER, FederatedScene, federated
from raw_operator import link_states, operator
from raw_party import until
from raw_table import PING, READ

from service_provider import HeatPumpOffline, NoSuchHeatPump, NotAllowed, Presence, ServiceProvider
from support.pki import CertificateAuthority
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import HUB, PROVIDER_JID

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 60.0
"""Seconds until something that must be seen is taken not to be; never the measure of anything."""
SERVICE = f"service@{MAKER}"
BOX = f"box0001@{MAKER}"
RELAY = "HP/RlyGGIO1.SPCSO1"


@pytest.fixture(scope="module")
def scene(
    prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FederatedScene]:
    made = federated(tmp_path_factory.mktemp("federation"), prosody_install)
    try:
        made.start_server()
        made.start_hub()
        made.register(SERVICE)
        operator(made, "manufacturer", "add", "maker", "--domain", MAKER)
        operator(made, "heatpump", "add", "hp0001", "--box", BOX)
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        operator(made, "grant", "add", "agg", "hp0001", "--right", "read", "--right", "control")
        made.start_maker_box(1)
        yield made
    finally:
        made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agg(scene: FederatedScene) -> AsyncIterator[ServiceProvider]:
    async with provider(scene, PROVIDER_JID) as logged_in:
        yield logged_in


def provider(scene: FederatedScene, jid: str) -> ServiceProvider:
    return ServiceProvider(
        f"{jid}/desk1",
        scene.passwords[jid],
        hub=HUB,
        host=LOOPBACK,
        port=scene.server_of(jid).c2s_port,
        ca_file=scene.server_of(jid).ca_file,
    )


async def seen(agg: ServiceProvider, scene: FederatedScene, presence: Presence) -> None:
    """Provider and operator see it."""
    await until(lambda: agg.presence_of("hp0001") is presence, PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while (await link_states(scene))["hp0001"] != presence.value:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def works(agg: ServiceProvider) -> None:
    """A fresh read, a command and a report go all the way."""
    for value in (True, False):
        await agg.operate("hp0001", RELAY, value)
        assert (await agg.read("hp0001", RELAY)).value is value
    async with asyncio.timeout(PATIENCE), aclosing(agg.reports("hp0001", dataset="dsMeas")) as reports:
        async for report in reports:
            assert report.readings
            break


async def test_read_switch_and_report_between_three_domains(
    scene: FederatedScene, agg: ServiceProvider
) -> None:
    await seen(agg, scene, Presence.ONLINE)
    await works(agg)


async def test_a_manufacturer_reads_the_technical_state_of_its_boxes_and_nothing_else(
    scene: FederatedScene, agg: ServiceProvider
) -> None:
    async with provider(scene, SERVICE) as maker:
        await until(lambda: maker.presence_of("hp0001") is Presence.ONLINE, PATIENCE)
        assert (await maker.read("hp0001", "LD0/LPHD1.PhyNam.vendor[DC]")).value
        assert (await maker.read("hp0001", "HP/HpGGIO1.Alm1")).value is False
        for hidden in ("MET/MMXU1.TotW", RELAY, "HP/RmFSPT1.SptVal"):
            with pytest.raises(NotAllowed):
                await maker.read("hp0001", hidden)
        with pytest.raises(NotAllowed):
            await maker.operate("hp0001", RELAY, True)
    status = json.loads(await asyncio.to_thread(operator, scene, "manufacturer", "status", "maker", "--json"))
    assert [(one["id"], one["presence"]) for one in status["boxes"]] == [("hp0001", "online")]


async def test_the_manufacturers_server_is_killed_and_comes_back(
    scene: FederatedScene, agg: ServiceProvider
) -> None:
    """Nobody says that the boxes are gone: the hub finds out, and that they are back."""
    scene.maker.kill()
    await seen(agg, scene, Presence.OFFLINE)
    with pytest.raises(HeatPumpOffline):
        await agg.read("hp0001", RELAY)
    scene.maker.start()
    await seen(agg, scene, Presence.ONLINE)
    await works(agg)


async def test_the_manufacturers_server_hangs(scene: FederatedScene, agg: ServiceProvider) -> None:
    scene.maker_line.swallow()
    await seen(agg, scene, Presence.OFFLINE)
    scene.maker_line.heal()
    await seen(agg, scene, Presence.ONLINE)
    await works(agg)


@pytest.mark.parametrize("lie", ["a CA of its own", "another's name"])
async def test_a_server_that_lies_about_its_name(
    scene: FederatedScene, agg: ServiceProvider, tmp_path: Path, lie: str
) -> None:
    """It stands where the manufacturer's did and has the box's account: the hub does not hear it."""
    ours = lie == "another's name"
    authority = scene.authority if ours else CertificateAuthority(tmp_path, "A CA that nobody trusts")
    shown = authority.issue_server(tmp_path, "shown", ["liar.example" if ours else MAKER])
    scene.maker.stop()
    try:
        await seen(agg, scene, Presence.OFFLINE)
        with scene.other_server(MAKER, "liar", shown) as liar:
            liar.register(BOX, scene.passwords[BOX])
            async with scene.party(f"{BOX}/IEC", liar).logged_in() as box:
                answer = await box.ask("get", PING, HUB)
                assert answer.get("type") == "error"
                box.send(f'<presence to="{HUB}"/>')
                with pytest.raises(HeatPumpOffline):
                    await agg.read("hp0001", RELAY)
                assert (await link_states(scene))["hp0001"] == "offline"
                heard = [one for one in box.everything if f'from="{HUB}"' in one]
                assert all('type="error"' in one for one in heard), "the hub's server has let one in"
    finally:
        scene.maker.start()
    await seen(agg, scene, Presence.ONLINE)
    await works(agg)


async def test_leaving_leaves_no_trace(scene: FederatedScene, agg: ServiceProvider) -> None:
    jid = f"box0002@{MAKER}"
    await asyncio.to_thread(scene.register, jid)
    async with scene.party(f"{jid}/IEC").logged_in() as box:
        await asyncio.to_thread(operator, scene, "heatpump", "add", "hp0002", "--box", jid)
        await asyncio.to_thread(operator, scene, "grant", "add", "agg", "hp0002", "--right", "read")
        await until(lambda: agg.presence_of("hp0002") is Presence.ONLINE, PATIENCE)
        box.heard.clear()
        await asyncio.to_thread(operator, scene, "heatpump", "remove", "hp0002", "--yes")
        gone = {f"agg@{HUB}/desk1", HUB}
        await until(lambda: gone <= {one.get("from") for one in box.heard}, PATIENCE)
        assert {one.get("type") for one in box.heard} == {"unavailable"}
        await until(lambda: agg.presence_of("hp0002") is not Presence.ONLINE, PATIENCE)
        with pytest.raises(NoSuchHeatPump):
            await agg.read("hp0002", RELAY)
        answer = await box.ask("get", READ, f"hp0001@{HUB}/IEC")
        assert answer.get("type") == "error", "a box that was removed is a stranger"
    await asyncio.to_thread(operator, scene, "provider", "remove", "agg", "--yes")
    await until(lambda: agg.presence_of("hp0001") is not Presence.ONLINE, PATIENCE)
    with pytest.raises(NoSuchHeatPump):
        await agg.read("hp0001", RELAY)
    for server in (scene.maker, scene.aggregator):
        for roster in (server.directory / "data").glob("*/roster/*"):
            assert HUB not in roster.read_text(), "an XMPP roster remembers the hub"

"""Two routers on one component domain of a real ejabberd: they share the work, the roster and presence."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.bench.component import connect
from support.ejabberd import EjabberdInstall, EjabberdServer
from support.ejabberd_config import EjabberdSettings, render
from support.scene import BOXES, HUB, PROVIDER_JID, Program, Scene, box_jid
from tests.integration.raw_operator import FAST, configure, link_states, operator
from tests.integration.raw_party import NS82, RawParty, until

BOX, DESK = f"{box_jid(1)}/IEC", f"{PROVIDER_JID}/desk1"
HP = f"hp0001@{HUB}/IEC"
LOAD = 400
"""Requests of one load; every second one is an operate."""
IN_FLIGHT = 40
LOST = 5.0
"""Seconds after which a request is taken to be lost; answers come within some ten milliseconds."""
ALL_SEEN = 45.0
"""Seconds until every view must be right again: 5 until a killed router counts as dead, some 25 in which a
box may answer, and a slow machine."""

NAME = (
    "<variableAccessSpecification><listOfVariable><SEQUENCE><variableSpecification><name><domain-specific>"
    "<domainId>HP</domainId><itemId>{}</itemId></domain-specific></name></variableSpecification></SEQUENCE>"
    "</listOfVariable></variableAccessSpecification>"
)
REQUEST = (
    f'<confirmed-RequestPDU xmlns="{NS82}"><invokeID>1</invokeID><ConfirmedServiceRequest>{{}}'
    "</ConfirmedServiceRequest></confirmed-RequestPDU>"
)
RESPONSE = REQUEST.replace("Request", "Response")
READ = REQUEST.format(f"<read>{NAME.format('HpGGIO1$ST$Ind1')}</read>")
OPERATE = REQUEST.format(
    f"<write>{NAME.format('EvuGGIO1$CO$SPCSO1$Oper')}<listOfData><Data><structure><Data><boolean>true</boolean>"
    "</Data></structure></Data></listOfData></write>"
)
VALUE = RESPONSE.format(
    "<read><listOfAccessResult><AccessResult><success><boolean>true</boolean></success></AccessResult>"
    "</listOfAccessResult></read>"
)
DONE = RESPONSE.format("<write><CHOICE><success/></CHOICE></write>")


# --- the server ---------------------------------------------------------------------------------------


def test_every_placeholder_of_the_configuration_is_filled_in(tmp_path: Path) -> None:
    ports = {HUB: 15347, f"ops.{HUB}": 15348}
    settings = EjabberdSettings(tmp_path, [BOXES], dict.fromkeys(ports, 'se"cret'), 15222, ports)
    text = render(settings)
    assert not [line for line in text.splitlines() if "@" in line.partition("#")[0]]
    read = yaml.safe_load(text)
    components = [one for one in read["listen"] if one["module"] == "ejabberd_service"]
    assert {one["port"]: one["hosts"] for one in components} == {
        port: {domain: {"password": 'se"cret'}} for domain, port in ports.items()
    }
    clients = next(one for one in read["listen"] if one["module"] == "ejabberd_c2s")
    assert clients["starttls_required"] is True
    assert "domain_balancing" not in str(read)
    assert not {"mod_offline", "mod_carboncopy", "mod_mam", "mod_register"} & set(read["modules"])
    assert read["modules"]["mod_stream_mgmt"]["max_resume_timeout"] == 0


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too long a path"):
        render(EjabberdSettings(tmp_path / ("x" * 100), [BOXES], {}, 1, {}))


async def test_a_server_is_private_refuses_a_wrong_secret_and_comes_back_on_its_ports(
    tmp_path: Path, ejabberd_install: EjabberdInstall
) -> None:
    server = EjabberdServer(tmp_path / "e", [BOXES], {HUB: secrets.token_hex(16)}, install=ejabberd_install)
    try:
        await asyncio.to_thread(server.start)
        first = server.pid
        await asyncio.to_thread(server.register, f"one@{BOXES}", "first secret")
        await asyncio.to_thread(server.register, f"one@{BOXES}", "another secret")
        assert server.directory.stat().st_mode & 0o077 == 0
        for name in ("ejabberd.yml", "server.pem", "server.key"):
            assert (server.directory / name).stat().st_mode & 0o077 == 0, name
        assert "another secret" not in server.log_file.read_text(errors="replace")
        with pytest.raises(ConnectionError):
            await connect(HUB, "not the secret", server.component_port, lambda _: None)
        secret = server.component_secrets[HUB]
        links = [await connect(HUB, secret, server.component_port, lambda _: None) for _ in range(2)]
        await asyncio.to_thread(server.kill)
        async with asyncio.timeout(10):
            await asyncio.gather(*(link.closed for link in links))
        await asyncio.to_thread(server.start)
        assert server.pid != first
        await connect(HUB, secret, server.component_port, lambda _: None)
    finally:
        await asyncio.to_thread(server.close)
    assert not server.is_running()


# --- two routers --------------------------------------------------------------------------------------


@pytest.fixture
def scene(ejabberd_install: EjabberdInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("two"), ejabberd_install, server="ejabberd")
    try:
        made.start_server()
        made.register(box_jid(1))
        configure(made, limits=FAST)
        made.start_hub()
        start_second(made)
        operator(made, "heatpump", "add", "hp0001", "--box", box_jid(1))
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        give(made)
        yield made
    finally:
        made.close()


def start_second(scene: Scene) -> Program:
    """Another router of the same hub: only its name differs."""
    folder = scene.directory / "hub"
    settings = yaml.safe_load((folder / "hub.yaml").read_text())
    path = folder / "second.yaml"
    path.write_text(yaml.safe_dump(settings | {"router_name": "second"}))
    program = scene.start("second", ["hphub", "run", "--only", "router", "--config", str(path)], {})
    scene.wait_for("the link", lambda: "link to the XMPP server is up" in program.log, program)
    return program


def give(scene: Scene) -> None:
    operator(scene, "grant", "add", "agg", "hp0001", "--right", "read", "--right", "control")


@asynccontextmanager
async def box_there(scene: Scene) -> AsyncIterator[RawParty]:
    box = RawParty(BOX, scene.passwords[box_jid(1)], scene)
    box.answer_with = {"get": VALUE, "set": DONE}
    async with box.logged_in():
        yield box


@pytest.fixture
async def desk(scene: Scene) -> AsyncIterator[RawParty]:
    party = RawParty(DESK, scene.passwords[PROVIDER_JID], scene)
    party.answer_with = {"get": ""}  # the server asks whether we are still there
    async with party.logged_in():
        yield party


async def ask(desk: RawParty, number: int) -> str:
    """A read or an operate; returns the type of its answer, or its error's condition."""
    answer = await desk.ask(*(("set", OPERATE) if number % 2 else ("get", READ)), HP)
    if answer.get("type") == "result":
        return "result"
    return next(
        one.tag.rpartition("}")[2] for error in answer for one in error if error.tag.endswith("error")
    )


async def load(desk: RawParty, numbers: list[int], served: Counter[int]) -> None:
    """Ask for all of them, IN_FLIGHT at once; ``served`` counts those with a result within LOST."""
    places = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int) -> None:
        async with places:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOST):
                    served[number] += await ask(desk, number) == "result"

    await asyncio.gather(*map(one, numbers))
    for number in [number for number in served if not served[number]]:
        del served[number]


def seen(desk: RawParty) -> list[str]:
    """What the provider was told of the heat pump, in order."""
    told = [one for one in desk.everything if "presence" in one.partition(" ")[0] and HP in one]
    return ["unavailable" if 'type="unavailable"' in one else "available" for one in told]


async def shown(scene: Scene, state: str, patience: float = ALL_SEEN) -> None:
    """Wait until the operator sees the heat pump in this state."""
    async with asyncio.timeout(patience):
        while (await link_states(scene))["hp0001"] != state:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.2)


async def test_one_of_two_routers_is_killed_under_load_and_a_repeat_brings_what_was_in_its_hands(
    scene: Scene, desk: RawParty
) -> None:
    async with box_there(scene) as box:
        await until(lambda: seen(desk) == ["available"])
        served: Counter[int] = Counter()
        working = asyncio.create_task(load(desk, list(range(LOAD)), served))
        await until(lambda: len(served) > LOAD // 4)
        scene.programs["second"].kill()
        await working
        missing = [number for number in range(LOAD) if number not in served]
        assert len(missing) <= IN_FLIGHT, "more is missing than was on its way"
        with closing(sqlite3.connect(scene.directory / "hub" / "audit.db")) as audit:
            chains = dict(
                audit.execute("SELECT chain, count(*) FROM entry WHERE kind = 'request' GROUP BY 1")
            )
        assert min(chains["router"], chains["second"]) > LOAD // 40, "both carried their share"
        await load(desk, missing, served)
        assert served == Counter(range(LOAD)), "every request has one answer"
        requests = [one for one in box.everything if "confirmed-RequestPDU" in one]
        ids = Counter(one.partition('id="')[2].partition('"')[0] for one in requests)
        assert max(ids.values()) == 1, "nothing was carried out twice"
        await asyncio.to_thread(operator, scene, "audit", "verify")
        start_second(scene)
        assert {await ask(desk, number) for number in range(20)} == {"result"}


async def test_a_change_of_grants_is_in_force_in_both_routers_when_the_command_returns(
    scene: Scene, desk: RawParty
) -> None:
    async with box_there(scene):
        await until(lambda: seen(desk) == ["available"])
        for _ in range(3):
            await asyncio.to_thread(operator, scene, "grant", "revoke", "agg", "hp0001")
            assert {await ask(desk, number) for number in range(20)} == {"item-not-found"}
            await asyncio.to_thread(give, scene)
            assert {await ask(desk, number) for number in range(20)} == {"result"}


async def test_whichever_router_gets_a_groups_message_does_it_and_the_answer_may_take_the_other(
    scene: Scene, desk: RawParty
) -> None:
    async with box_there(scene) as box:
        await until(lambda: seen(desk) == ["available"])
        await asyncio.to_thread(operator, scene, "group", "add", "north")
        await asyncio.to_thread(operator, scene, "group", "member", "add", "north", "hp0001")
        for number in range(12):
            desk.send(f'<message id="g{number}" to="north@{HUB}">{OPERATE}</message>')
            asked = await box.next_with(f"g{number}")
            assert asked.get("from") == f"agg@{HUB}/desk1"
            box.send(f'<message id="g{number}" to="{asked.get("from")}">{DONE}</message>')
            answer = await desk.next_with(f"g{number}")
            assert (answer.get("from"), answer[0].tag) == (HP, f"{{{NS82}}}confirmed-ResponsePDU")
    routers = {one["chain"] for one in await audited(scene) if one["kind"] in ("request", "result")}
    assert routers == {"router", "second"}, "both had their share"


async def audited(scene: Scene) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(await asyncio.to_thread(operator, scene, "audit", "--json"))
    return listed


async def test_presence_is_right_whichever_router_hears_it(scene: Scene, desk: RawParty) -> None:
    for lap in range(1, 7):
        async with box_there(scene):
            await shown(scene, "online")
            await until(
                lambda lap=lap: seen(desk) == ["available", "unavailable"] * (lap - 1) + ["available"]
            )
        await shown(scene, "offline")
        await until(lambda lap=lap: seen(desk) == ["available", "unavailable"] * lap)


async def test_presence_that_a_dead_router_took_with_it_is_learned_again(
    scene: Scene, desk: RawParty
) -> None:
    async with box_there(scene):
        await shown(scene, "online")
        await until(lambda: seen(desk)[-1:] == ["available"])
        # It is dealt stanzas still, and does nothing with them.
        scene.programs["second"].process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(0.5)
    scene.programs["second"].kill()
    await shown(scene, "offline")
    await until(lambda: seen(desk)[-1:] == ["unavailable"], ALL_SEEN)
    async with box_there(scene):
        await shown(scene, "online")
        await until(lambda: seen(desk)[-1:] == ["available"])

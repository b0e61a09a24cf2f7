"""Bad PDUs spoken to a running hub and to a running box: each has a defined answer, and nothing else happens.

Every row is asked twice: by a provider through the hub, which reads strictly, and by a component in the place
of the hub, for then the box is on its own and reads leniently.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from bad_pdu_peers import PATIENCE, Raw, hub_stream, provider_stream, used
from bad_pdus import (
    ANSWER,
    MESSAGES,
    POWER,
    REPORT,
    STREAM_ENDS,
    TABLE,
    UNAVAILABLE,
    Row,
    initiate,
    operate,
    read,
    within,
)

from iec61850_model.mms.pdu import ConcludeRequest, Payload, Reject, RejectReason
from iec61850_model.mms.xer import encode_payload
from support.prosody import ProsodyInstall
from support.scene import PROVIDER_JID, Scene, box_jid, simulated, simulated_outputs, simulated_points

pytestmark = pytest.mark.asyncio(loop_scope="module")


def scene_with_box(install: ProsodyInstall, folder: Path, with_hub: bool) -> Iterator[Scene]:
    scene = Scene(folder, install)
    try:
        scene.start_server()
        if with_hub:
            scene.start_hub()
            scene.hphub("heatpump", "add", "hp0001", "--box", box_jid(1))
            scene.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
            rights = [part for right in ("read", "control", "settings") for part in ("--right", right)]
            scene.hphub("grant", "add", "agg", "hp0001", *rights)
        box = scene.start_box(1, simulated(seed=1), simulated_points(), simulated_outputs())
        scene.wait_for("the box's link", lambda: "link is up" in box.log, box)
        if with_hub:
            scene.wait_for("the box's presence", lambda: scene.presence_of("hp0001") == "online", box)
        before = {program.name: program.process.pid for program in scene.programs.values()}
        yield scene
        after = {one.name: one.process.pid for one in scene.programs.values() if one.process.poll() is None}
        assert after == before, "a program ended"
        for program in scene.programs.values():
            assert "Traceback" not in program.log, program.log[-3_000:]
        assert box.log.count("link is up") == 1, "the box's link was lost"
    finally:
        scene.close()


@pytest.fixture(scope="module")
def world(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Prosody, hub, one box, and a provider that may do everything there is."""
    yield from scene_with_box(prosody_install, tmp_path_factory.mktemp("bad"), with_hub=True)


@pytest.fixture(scope="module")
def lonely(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Prosody and a box whose hub is played by us."""
    yield from scene_with_box(prosody_install, tmp_path_factory.mktemp("lonely"), with_hub=False)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def provider(world: Scene) -> AsyncIterator[Raw]:
    async with used(provider_stream(world, "raw")) as raw:
        yield raw


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hub(lonely: Scene) -> AsyncIterator[Raw]:
    async with used(hub_stream(lonely)) as raw:
        yield raw


# --- tests -----------------------------------------------------------------------------------------


async def asked(raw: Raw, row: Row) -> str:
    inner = row.inner if isinstance(row.inner, str) else row.inner()
    answer = await raw.ask(row.type, inner)
    assert await raw.ask("get", read(POWER)) == "read value", "a good read must work after it"
    assert not raw.ended
    return answer


@pytest.mark.parametrize("what", TABLE)
async def test_through_the_hub(provider: Raw, what: str) -> None:
    assert await asked(provider, TABLE[what]) == TABLE[what].hub


@pytest.mark.parametrize("what", TABLE)
async def test_at_the_box(hub: Raw, what: str) -> None:
    assert await asked(hub, TABLE[what]) == (TABLE[what].box or TABLE[what].hub)


@pytest.mark.parametrize("what", MESSAGES)
async def test_in_a_message(provider: Raw, hub: Raw, what: str) -> None:
    inner, answer = MESSAGES[what]
    assert await provider.ask("normal", inner, "message") == UNAVAILABLE
    assert await hub.ask("normal", inner, "message") == answer


@pytest.mark.parametrize(
    ("kind", "type_", "inner"),
    [
        ("iq", "result", encode_payload(ANSWER)),
        ("iq", "result", ""),
        ("iq", "error", ""),
        ("message", "error", ""),
        ("message", "error", encode_payload(REPORT)),
        ("message", "error", "<error type='cancel'/>"),
    ],
)
async def test_answers_nobody_asked_for_get_no_answer(
    provider: Raw, hub: Raw, kind: str, type_: str, inner: str
) -> None:
    for raw in (provider, hub):
        assert await raw.silent_after(type_, inner, kind)


@pytest.mark.parametrize("pdu", [encode_payload(REPORT), encode_payload(Payload(Reject(RejectReason.OTHER)))])
async def test_a_report_or_reject_to_a_box_gets_no_answer(hub: Raw, pdu: str) -> None:
    assert await hub.silent_after("normal", pdu, "message")


@pytest.mark.parametrize("party", ["provider", "hub"])
async def test_what_was_negotiated_is_kept(party: str, request: pytest.FixtureRequest) -> None:
    raw: Raw = request.getfixturevalue(party)
    assert await raw.ask("set", initiate(local_detail=8_192)) == "associated 8192"
    association = raw.seen[-1][0].get("assoID", "")
    large, small = read(*[f"MET/MMXU1$MX${'A' * 50}"] * 50), read(*["MET/MMXU1$MX"] * 20)
    assert len(large) > 8_192 > len(small)
    assert await raw.ask("get", within(association, read(POWER))) == "read value"
    assert await raw.ask("get", within(association, large)) == "ConfirmedError pdu-size"
    assert await raw.ask("get", within(association, small)) == "ConfirmedError pdu-size", (
        "its answer is too large"
    )
    assert await raw.ask("get", large) == "read " + ", ".join(["object-non-existent"] * 50)
    assert await raw.ask("set", within(association, encode_payload(Payload(ConcludeRequest())))) == "released"
    assert await raw.ask("get", within(association, read(POWER))) == "reject illegal_acse_mapping"


@pytest.mark.parametrize("what", STREAM_ENDS)
async def test_what_ends_the_senders_stream_ends_only_that(world: Scene, provider: Raw, what: str) -> None:
    text, condition = STREAM_ENDS[what]
    async with used(provider_stream(world, "doomed")) as doomed:
        doomed.stream.send_raw(text)
        async with asyncio.timeout(PATIENCE):
            while not doomed.ended:  # noqa: ASYNC110 - slixmpp tells it by a handler
                await asyncio.sleep(0.02)
        assert doomed.ended == [condition]
        assert not doomed.seen
    assert await provider.ask("get", read(POWER)) == "read value"


async def test_after_all_of_them_a_relay_still_switches(provider: Raw, hub: Raw) -> None:
    for raw in (provider, hub):
        assert await raw.ask("set", operate()) == "write done"
        assert not raw.ended

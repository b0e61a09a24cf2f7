"""``hphub request``, and an owner's answer to one, on real files."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from hub.config import HubConfig
from hub.registry import Registry
from hub.registry.asks import NewAsk, ask
from hub.roster import Right

Hphub = Callable[..., Result]


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def wishing(granted: Hphub, folder: Path) -> Hphub:
    """``agg`` asks for more on hp0001, and for what nobody has."""

    async def put() -> None:
        registry = await Registry.open(HubConfig.load(folder / "hub.yaml").databases.registry)
        wish = NewAsk("agg", "hp0001", [Right.CONTROL], "load shifting")
        for one in (wish, NewAsk("agg", "hp0009")):
            await registry.run(ask, one, now=time.time())
        await registry.close()

    asyncio.run(put())
    return granted


def test_requests_are_listed_approved_and_audited(wishing: Hphub) -> None:
    (waits,) = as_json(wishing("request", "list", "--json"))
    assert (waits["on"], waits["rights"], waits["state"]) == ("hp0001", ["control"], "open")
    everything = as_json(wishing("request", "list", "--all", "--provider", "agg", "--json"))
    assert [one["on"] for one in everything] == ["hp0001", None]
    assert "hp0009 (unknown)" in wishing("request", "list", "--all").output
    done = wishing("request", "approve", "1", "--until", "30d", "--scope", "HP/*")
    assert done.output.startswith("Grant 2: agg has control on hp0001, until "), done.output
    shown = as_json(wishing("request", "show", "1", "--json"))
    assert (shown["state"], shown["grant"]) == ("approved", 2)
    given = as_json(wishing("grant", "show", "2", "--json"))
    assert (given["purpose"], given["scope"]) == ("load shifting", ["HP/*"])
    entry = as_json(wishing("audit", "--json"))[-1]
    assert (entry["service"], entry["provider"], entry["heatpump"]) == ("request approve", "agg", "hp0001")
    assert entry["detail"] == "request 1, grant 2: control"
    assert wishing("request", "list").output.startswith("No requests wait.")


def test_a_refused_request_grants_nothing(wishing: Hphub) -> None:
    assert wishing("request", "refuse", "1").output == "Request 1 of agg for hp0001 refused.\n"
    assert as_json(wishing("request", "list", "--json")) == []
    assert len(as_json(wishing("grant", "list", "--json"))) == 1
    entry = as_json(wishing("audit", "--json"))[-1]
    assert (entry["service"], entry["detail"]) == ("request refuse", "request 1")


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("request show 9", 3), ("request approve 9", 3), ("request refuse 2", 3), ("request approve 2", 3),
        ("request approve 1 --purpose research", 2), ("request approve 1 --scope nonsense", 2),
        ("request list --provider nobody", 3),
    ],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(wishing: Hphub, command: str, exit_code: int) -> None:
    assert wishing(*command.split()).exit_code == exit_code
    assert [one["state"] for one in as_json(wishing("request", "list", "--json"))] == ["open"]
    assert len(as_json(wishing("grant", "list", "--json"))) == 1


@pytest.fixture
def code(wishing: Hphub) -> str:
    person = as_json(wishing("person", "add", "--name", "Kim Berg", "--json"))["id"]
    assert wishing("owner", "add", person, "hp0001").exit_code == 0
    return str(as_json(wishing("owner", "invite", person, "hp0001", "--json"))["code"])


def test_an_owner_approves_by_his_code(wishing: Hphub, code: str) -> None:
    assert wishing("owner", "answer", code, "approve", "2").exit_code == 3, "of no heat pump of his"
    done = as_json(wishing("owner", "answer", code, "approve", "1", "--json"))
    assert (done["answer"], done["grants"]) == ("approve", [2])
    given = as_json(wishing("grant", "show", "2", "--json"))
    assert given["giver"].startswith("owner p-")
    assert given["until"] is not None
    entry = as_json(wishing("audit", "--json"))[-1]
    assert (entry["service"], entry["detail"]) == ("owner approve", "code 1, request 1, grants 2")
    assert wishing("owner", "answer", code, "refuse").exit_code == 3, "a code opens once"


def test_an_owner_refuses_by_his_code(wishing: Hphub, code: str) -> None:
    assert wishing("owner", "answer", code, "refuse", "1").exit_code == 0
    shown = as_json(wishing("request", "show", "1", "--json"))
    assert shown["state"] == "refused"
    assert shown["by"].startswith("owner p-")

"""What a person may ask for: who read or steered what is his, all that is held of him, and to be erased."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from history_filling import SAMPLES, fill

from hub.audit import AuditEntry, AuditKind, AuditLog
from hub.config import HubConfig
from hub.registry import Registry, current_revision

Hphub = Callable[..., Result]
NAME, CONTACT, JID = "Kim Bergstrand", "kim@post.example", "kim.b@chat.example"
DAY = 86_400
POINT = "571313100000000003"
"""A metering point: it leads to a household."""


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def audited(folder: Path, *entries: AuditEntry) -> None:
    """Let a router write these."""

    async def write() -> None:
        log = await AuditLog.open(HubConfig.load(folder / "hub.yaml").databases.audit, "router")
        for entry in entries:
            await log.append(entry)
        await log.close()

    asyncio.run(write())


def operated(heat_pump: str, days_ago: float) -> AuditEntry:
    return AuditEntry(
        at=time.time() - days_ago * DAY, kind=AuditKind.REQUEST, provider="agg", heat_pump=heat_pump,
        provider_jid="control@aggregator.example/desk1", service="operate",
        references=("HP/EvuGGIO1.SPCSO1",), detail="True",
    )  # fmt: skip


def add(hphub: Hphub, *who: str) -> str:
    return str(as_json(hphub("person", "add", *who, "--json"))["id"])


def answer(hphub: Hphub, person: str, *words: str) -> None:
    code = as_json(hphub("owner", "invite", person, "hp0001", "--json"))["code"]
    assert hphub("owner", "answer", code, *words).exit_code == 0


@pytest.fixture
def kim(granted: Hphub, folder: Path) -> str:
    """Has owned hp0001 for 10 days and consented to its history; somebody noted his name in a ground."""
    id_ = add(granted, "--name", NAME, "--contact", CONTACT, "--jid", JID)
    assert granted("owner", "add", id_, "hp0001", "--from", "10d").exit_code == 0
    answer(granted, id_, "grant", "agg", "--right", "history", "--purpose", "research")
    noted = ("--right", "read", "--purpose", "tariff study", "--ground", f"letter of {NAME}, {CONTACT}")
    assert granted("grant", "add", "agg", "hp0001", *noted).exit_code == 0
    known = granted("heatpump", "set", "hp0001", "--make", "Vaillant", "--metering-point", POINT)
    assert known.exit_code == 0, known.output
    fill(folder, "hp0001")
    return id_


def linked(folder: Path) -> int:
    """Samples that the registry can join to a heat pump."""
    with sqlite3.connect(folder / "registry.db") as registry:
        (series,) = registry.execute("SELECT series FROM history_series").fetchone()
    with sqlite3.connect(folder / "history.db") as history:
        return int(history.execute("SELECT count(*) FROM sample WHERE series = ?", (series,)).fetchone()[0])


def stored(folder: Path) -> int:
    with sqlite3.connect(folder / "history.db") as history:
        return int(history.execute("SELECT count(*) FROM sample").fetchone()[0])


def test_an_owner_sees_what_was_done_in_his_time_and_nothing_else(
    granted: Hphub, kim: str, folder: Path
) -> None:
    tried = operated("hp0001", 2)._replace(kind=AuditKind.REFUSAL, detail="no right")
    audited(folder, operated("hp0001", 11), operated("hp0001", 3), tried, operated("hp0002", 1))
    shown = as_json(granted("person", "seen", kim, "--json"))
    assert [(one["kind"], one["provider"]) for one in shown["events"]] == [
        ("request", "agg"), ("refusal", "agg"),
    ]  # fmt: skip
    assert [one["key"] for one in shown["grants"]] == [1, 2, 3]
    since = as_json(granted("person", "seen", kim, "--since", "60h", "--json"))
    assert [one["kind"] for one in since["events"]] == ["refusal"]
    assert "HP/EvuGGIO1.SPCSO1" in granted("person", "seen", kim).output
    later = add(granted, "--name", "Next Owner")
    assert as_json(granted("person", "seen", later, "--json")) == {"grants": [], "events": []}


def test_grants_on_a_group_are_seen_too(granted: Hphub, kim: str) -> None:
    for command in (
        "group add north",
        "group member add north hp0001",
        "grant add agg @north --right control",
    ):
        assert granted(*command.split()).exit_code == 0
    seen = as_json(granted("person", "seen", kim, "--json"))
    assert "north" in [one["group"] for one in seen["grants"]]


def test_all_that_is_held_is_told(granted: Hphub, kim: str, folder: Path) -> None:
    audited(folder, operated("hp0001", 3))
    held = as_json(granted("person", "export", kim))
    assert held["person"]["name"] == NAME
    assert [one["answer"] for one in held["invitations"]] == ["grant"]
    assert [one["key"] for one in held["grants"]] == [1, 2, 3]
    assert "operate" in [one["service"] for one in held["audit"]]
    (history,) = held["history"]
    assert (history["heatpump"], len(history["samples"])) == ("hp0001", SAMPLES)
    (power,) = {row[history["columns"].index("electric_power (W)")] for row in history["samples"]}
    assert power == 812.5
    assert held["installations"]["hp0001"]["metering_points"] == [POINT]
    assert [one["id"] for one in held["settings"]] == ["hp0001"]
    assert "code_hash" not in json.dumps(held)


def test_after_erasing_no_file_holds_name_contact_or_account(granted: Hphub, kim: str, folder: Path) -> None:
    """Beside a running part of the hub, which has the registry open and reads it now and then."""
    running = RegistryInUse(folder)
    running.read()
    assert NAME.encode() in files(folder)
    assert granted("person", "erase", kim).exit_code == 2, "asks first"
    erased = granted("person", "erase", kim, "--yes")
    assert erased.exit_code == 0, erased.output
    running.read()
    written = files(folder)
    for private in (NAME, CONTACT, JID, NAME.upper(), "Bergstrand", POINT):
        assert private.encode() not in written
    running.close()
    assert as_json(granted("person", "list", "--json")) == []
    assert as_json(granted("owner", "list", "--all", "--json")) == []
    ground = next(one for one in as_json(granted("grant", "list", "--all", "--json")) if one["key"] == 3)
    assert ground["ground"] == "letter of [erased], [erased]"


def test_erasing_ends_consents_and_keeps_samples_that_nothing_joins_and_a_proof(
    granted: Hphub, kim: str, folder: Path
) -> None:
    assert linked(folder) == SAMPLES
    assert granted("person", "erase", kim, "--yes").exit_code == 0
    assert (linked(folder), stored(folder)) == (0, SAMPLES)
    assert [one["key"] for one in as_json(granted("grant", "list", "--json"))] == [1], "what needs no consent"
    proof = as_json(granted("audit", "--json"))[-1]
    assert proof["service"] == "person erase"
    assert (
        proof["detail"] == f"person {kim}, 1 ownerships deleted, 2 grants ended, {SAMPLES} samples anonymised"
    )
    assert granted("audit", "verify").exit_code == 0
    assert granted("person", "erase", kim, "--yes").exit_code == 3


def test_what_is_also_anothers_stays_his(granted: Hphub, kim: str, folder: Path) -> None:
    partner = add(granted, "--name", "Partner")
    assert granted("owner", "add", partner, "hp0001", "--from", "10d").exit_code == 0
    answer(granted, partner, "grant", "agg", "--right", "history", "--purpose", "research")
    assert granted("person", "erase", kim, "--yes").exit_code == 0
    assert linked(folder) == SAMPLES
    left = {one["key"]: one["giver"] for one in as_json(granted("grant", "list", "--json"))}
    assert left[4] == f"owner {partner}"
    assert 2 not in left, "what the erased one gave has ended"


def group_of(hphub: Hphub, *heat_pumps: str) -> tuple[int, int]:
    """A group with a grant on consent and one that needs none; returns their keys."""
    other = ("heatpump", "add", "hp0002", "--box", "box0002@boxes.example.org")
    assert "hp0002" not in heat_pumps or hphub(*other).exit_code == 0
    assert hphub("group", "add", "street").exit_code == 0
    assert hphub("group", "member", "add", "street", *heat_pumps).exit_code == 0
    study = ("--right", "read", "--purpose", "tariff study", "--ground", "letters of all in the street")
    assert hphub("grant", "add", "agg", "@street", *study).exit_code == 0
    assert hphub("grant", "add", "agg", "@street", "--right", "control").exit_code == 0
    keys = [one["key"] for one in as_json(hphub("grant", "list", "--json")) if one["group"] == "street"]
    return keys[0], keys[1]


def members(hphub: Hphub) -> list[str]:
    return list(as_json(hphub("group", "show", "street", "--json"))["heatpumps"])


def in_force(hphub: Hphub) -> list[int]:
    return [one["key"] for one in as_json(hphub("grant", "list", "--json"))]


def allowed(hphub: Hphub, heat_pump: str) -> bool:
    """Reading of a measurement, which only the study allows."""
    told = hphub("grant", "explain", heat_pump, "agg", "MET/MMXU1.TotW", "--json")
    return bool(json.loads(told.stdout)["allowed"])


def test_what_others_in_a_group_consented_to_goes_on_without_him(granted: Hphub, kim: str) -> None:
    assert granted("grant", "revoke", "1").exit_code == 0
    study, control = group_of(granted, "hp0001", "hp0002")
    erased = granted("person", "erase", kim, "--yes")
    assert erased.exit_code == 0, erased.output
    assert "hp0001 has left group street, for what is granted on that needs consent" in erased.output
    assert f"grants {control}," in erased.output
    assert members(granted) == ["hp0002"]
    assert {study, control} <= set(in_force(granted))
    assert (allowed(granted, "hp0001"), allowed(granted, "hp0002")) == (False, True)
    begins = next(
        one for one in as_json(granted("audit", "--json")) if one["service"] == "person erase begins"
    )
    assert begins["detail"] == f"person {kim}, 2 grants end, 1 memberships end"


def test_a_grant_on_a_group_of_his_alone_ends(granted: Hphub, kim: str) -> None:
    study, control = group_of(granted, "hp0001")
    assert granted("person", "erase", kim, "--yes").exit_code == 0
    assert members(granted) == ["hp0001"], "what needs no consent goes on"
    assert study not in in_force(granted)
    assert control in in_force(granted)


def test_what_another_owner_consented_to_in_a_group_goes_on(granted: Hphub, kim: str) -> None:
    partner = add(granted, "--name", "Partner")
    assert granted("owner", "add", partner, "hp0001", "--from", "10d").exit_code == 0
    study, _ = group_of(granted, "hp0001", "hp0002")
    assert granted("person", "erase", kim, "--yes").exit_code == 0
    assert members(granted) == ["hp0001", "hp0002"]
    assert study in in_force(granted)


def test_a_group_without_consents_is_left_alone(granted: Hphub, kim: str) -> None:
    study, _ = group_of(granted, "hp0001", "hp0002")
    assert granted("grant", "revoke", str(study)).exit_code == 0
    assert granted("person", "erase", kim, "--yes").exit_code == 0
    assert members(granted) == ["hp0001", "hp0002"]


def files(folder: Path) -> bytes:
    """All that stands in the hub's databases, write-ahead logs included."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("*.db*")))


class RegistryInUse:
    """A registry that another part of the hub holds open."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        url = HubConfig.load(folder / "hub.yaml").databases.registry
        self._registry = self._loop.run_until_complete(Registry.open(url))

    def read(self) -> None:
        self._loop.run_until_complete(self._registry.read(current_revision))

    def close(self) -> None:
        self._loop.run_until_complete(self._registry.close())
        self._loop.close()

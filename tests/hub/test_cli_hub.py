"""The operator's commands, on real files: what they store, refuse, and how they exit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Hphub = Callable[..., Result]


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_empty_hub_says_what_to_do(hphub: Hphub) -> None:
    for noun in ("heatpump", "provider", "grant"):
        shown = hphub(noun, "list")
        assert (shown.exit_code, f"hphub {noun} add" in shown.output) == (0, True)
        assert as_json(hphub(noun, "list", "--json")) == []


def test_a_heat_pump_is_added_listed_and_shown(granted: Hphub) -> None:
    (listed,) = as_json(granted("heatpump", "list", "--json"))
    assert listed.pop("created").endswith("Z")
    assert listed == {
        "id": "hp0001", "box": "box0001@boxes.example.org", "presence": "unknown", "since": None, "note": "",
    }  # fmt: skip
    shown = as_json(granted("heatpump", "show", "hp0001", "--json"))
    assert [grant["provider"] for grant in shown["grants"]] == ["agg"]
    for text in ("box0001@boxes.example.org", "unknown", "agg"):
        assert text in granted("heatpump", "show", "hp0001").output


def test_a_provider_is_added_listed_and_shown(granted: Hphub) -> None:
    (listed,) = as_json(granted("provider", "list", "--json"))
    assert (listed["id"], listed["jid"]) == ("agg", "control@aggregator.example")
    assert [
        grant["heatpump"] for grant in as_json(granted("provider", "show", "agg", "--json"))["grants"]
    ] == ["hp0001"]


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("heatpump add hp0001 --box other@boxes.example.org", 1),
        ("heatpump add hp0002 --box control@aggregator.example", 1),
        ("heatpump add HP --box other@boxes.example.org", 2),
        ("heatpump add hp0002 --box box@hub.example.org", 2),
        ("heatpump add hp0002", 2),
        ("heatpump show nobody", 3),
        ("heatpump remove nobody --yes", 3),
        ("provider show nobody", 3),
        ("provider remove hp0001 --yes", 3),
        ("grant add nobody hp0001 --right read", 3),
        ("grant add agg nobody --right read", 3),
        ("grant add agg hp0001 --right everything", 2),
        ("grant add agg hp0001", 2),
        ("grant add agg hp0001 --right read --scope MET", 2),
        ("grant add agg hp0001 --right read --until yesterday", 2),
        ("grant add agg hp0001 --right read --until 2020-01-01", 2),
        ("grant revoke 99", 3),
        ("grant revoke agg hp9999", 3),
        ("grant revoke agg", 2),
        ("grant revoke 1 2 3", 2),
        ("grant list --provider nobody", 3),
        ("audit --kind gossip", 2),
        ("audit --limit 0", 2),
        ("bake", 2),
    ],
)
def test_what_cannot_be_done_has_its_exit_code_and_a_message(
    granted: Hphub, command: str, exit_code: int
) -> None:
    before = as_json(granted("audit", "--json"))
    result = granted(*command.split())
    assert result.exit_code == exit_code, result.output
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output
    assert as_json(granted("audit", "--json")) == before


@pytest.mark.parametrize(("noun", "id_"), [("heatpump", "hp0001"), ("provider", "agg")])
def test_removing_needs_yes_in_a_pipe_and_ends_grants(granted: Hphub, noun: str, id_: str) -> None:
    refused = granted(noun, "remove", id_)
    assert (refused.exit_code, "--yes" in refused.output) == (2, True)
    assert len(as_json(granted(noun, "list", "--json"))) == 1
    assert granted(noun, "remove", id_, "--yes").exit_code == 0
    assert as_json(granted(noun, "list", "--json")) == []
    assert as_json(granted("grant", "list", "--json")) == []
    (ended,) = as_json(granted("grant", "list", "--all", "--json"))
    assert ended["state"] == "revoked"


def test_a_grant_is_stored_as_typed(granted: Hphub) -> None:
    given = as_json(
        granted(
            "grant", "add", "agg", "hp0001", "--right", "control", "--right", "read", "--right", "read",
            "--scope", "HP/RlyGGIO1.*", "--scope", "MET/*", "--from", "2098-01-01T00:00Z",
            "--until", "2099-01-01T00:00+01:00", "--purpose", "shift load", "--ground", "consent", "--json",
        )
    )  # fmt: skip
    listed = as_json(granted("grant", "list", "--provider", "agg", "--json"))[-1]
    assert given == listed
    assert listed["rights"] == ["control", "read"]
    assert listed["scope"] == ["HP/RlyGGIO1.*", "MET/*"]
    assert (listed["from"], listed["until"]) == ("2098-01-01T00:00:00.000Z", "2098-12-31T23:00:00.000Z")
    assert (listed["state"], listed["purpose"], listed["ground"]) == ("not yet", "shift load", "consent")
    assert listed["giver"]


def test_grants_are_revoked_by_key_or_by_pair(granted: Hphub) -> None:
    assert granted("grant", "add", "agg", "hp0001", "--right", "control").exit_code == 0
    assert granted("grant", "revoke", "1").exit_code == 0
    assert [grant["key"] for grant in as_json(granted("grant", "list", "--json"))] == [2]
    assert granted("grant", "revoke", "agg", "hp0001").exit_code == 0
    assert as_json(granted("grant", "list", "--heatpump", "hp0001", "--json")) == []
    assert len(as_json(granted("grant", "list", "--all", "--json"))) == 2


def test_every_change_is_audited_with_who_made_it(granted: Hphub) -> None:
    granted("grant", "revoke", "1")
    granted("provider", "remove", "agg", "--yes")
    entries = as_json(granted("audit", "--json"))
    assert [entry["service"] for entry in entries] == [
        "heatpump add", "provider add", "grant add", "grant revoke", "provider remove",
    ]  # fmt: skip
    assert {entry["kind"] for entry in entries} == {"operator"}
    assert all(entry["actor"] for entry in entries)
    assert (entries[2]["provider"], entries[2]["heatpump"]) == ("agg", "hp0001")
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5]


def test_the_audit_is_filtered_and_limited(granted: Hphub) -> None:
    def services(*options: str) -> list[str]:
        return [entry["service"] for entry in as_json(granted("audit", "--json", *options))]

    assert services("--provider", "agg") == ["provider add", "grant add"]
    assert services("--heatpump", "hp0001") == ["heatpump add", "grant add"]
    assert services("--limit", "1") == ["grant add"]
    assert services("--since", "1h") == ["heatpump add", "provider add", "grant add"]
    assert services("--since", "2099-01-01") == []
    assert services("--kind", "refusal") == []


def test_verify_finds_a_forged_entry(granted: Hphub, folder: Path) -> None:
    assert granted("audit", "verify").exit_code == 0
    with sqlite3.connect(folder / "audit.db") as database:
        database.execute("DROP TRIGGER entry_no_update")
        database.execute("UPDATE entry SET actor = 'somebody else' WHERE seq = 2")
    result = granted("audit", "verify")
    assert result.exit_code == 1
    assert "chain operator, entry 2: was changed after it was written" in result.output
    found = json.loads(granted("audit", "verify", "--json").stdout)
    assert [(one["chain"], one["seq"]) for one in found["findings"]] == [("operator", 2)]

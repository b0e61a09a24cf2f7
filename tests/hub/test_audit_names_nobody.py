"""Nobody is erased from the audit: so it names no person, by whatever way a row comes."""

from __future__ import annotations

import ast
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from test_router import DAMAGED, HP, NOW, OPERATE, READ, get, put, route, stanza

import hub
from hub.addresses import Addresses
from hub.audit import AuditKind, RefusalCounter
from hub.ops_way import RouterWithOperations
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster

Hphub = Callable[..., Result]
NAME, CONTACT, JID = "Kim Bergstrand", "kim@post.example", "kim.b@chat.example"
FOLDER = Path(hub.__file__).parent

# --- who writes an address into a row: each is shown below to write a provider's or a domain alone ---------

GIVES_ADDRESS = {
    "router.py": "Way.entry, of what Way was made with",
    "cli/provider.py": "the JID of the provider that is added or removed",
    "cli/manufacturer.py": "so too",
    "cli/provider_ways.py": "of the provider that is shut out or let in",
    "cli/enrolment.py": "of the provider that a code is for",
    "enrolment/process.py": "of the provider that got a certificate",
    "audit/flood.py": "the sender of refusals that were counted: of the entry it was given",
    "audit/query.py": "reads a row",
}
MAKES_WAYS = {"router.py", "group_way.py", "history_way.py", "ops_way.py"}


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call of something of this name in the hub, with its file."""
    for file in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and name in (
                getattr(node.func, "id", ""), getattr(node.func, "attr", ""),
            ):  # fmt: skip
                yield file.relative_to(FOLDER).as_posix(), node


def test_no_other_part_writes_an_address_into_a_row() -> None:
    giving = set()
    for name in ("AuditEntry", "_replace"):
        for file, call in calls(name):
            if any(keyword.arg == "provider_jid" for keyword in call.keywords) or len(call.args) > 3:
                giving.add(file)
            assert not any(keyword.arg is None for keyword in call.keywords), f"{file}: spelled out, please"
    assert giving == set(GIVES_ADDRESS)
    assert {file for file, _ in calls("Way")} == MAKES_WAYS


# --- the router ------------------------------------------------------------------------------------------

SENDERS = [f"{JID}/phone", JID, "op@operator.example/console", "agg@chat.example/kim@post.example/x"]
GROUP = "north@hub.example.org"


@pytest.fixture
def router() -> RouterWithOperations:
    """It knows one provider with one heat pump, in a group; nobody else."""
    roster = Roster()
    grants = (
        Grant(1, "agg", "hp0001", frozenset(Right)),
        Grant(2, "agg", "", frozenset(Right), group="north"),
    )
    roster.apply(
        Changes(
            1,
            (HeatPump("hp0001", "box0001@boxes.example.org"),),
            (Provider("agg", "control@aggregator.example"),),
            grants,
            members=(Member("north", "hp0001"),),
        )
    )
    return RouterWithOperations(Addresses("hub.example.org"), roster)


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("inner", [READ, OPERATE, *DAMAGED])
def test_of_whom_the_roster_does_not_know_only_the_domain_is_written(
    router: RouterWithOperations, inner: str, sender: str
) -> None:
    domain = sender.partition("/")[0].partition("@")[2]
    counted = RefusalCounter()
    for text in (
        *(ask(inner, sender, to) for ask in (get, put) for to in (HP, GROUP, "nowhere@hub.example.org/IEC")),
        stanza("message", "normal", sender, GROUP, inner),
    ):
        audit = route(router, text).audit
        assert audit is not None
        assert (audit.kind, audit.provider, audit.provider_jid) == (AuditKind.REFUSAL, "", domain)
        for _ in range(20):
            counted.refused(audit, audit.at)
    (summed,) = counted.drain(NOW)
    assert summed.provider_jid == domain


# --- operators and owners --------------------------------------------------------------------------------


def text_of(folder: Path) -> bytes:
    """All that stands in the audit's file, its write-ahead log included."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("audit.db*")))


def test_no_command_writes_who_a_person_is(granted: Hphub, folder: Path) -> None:
    made = granted("person", "add", "--name", NAME, "--contact", CONTACT, "--jid", JID, "--json")
    kim = json.loads(made.stdout)["id"]
    assert granted("owner", "add", kim, "hp0001").exit_code == 0
    for answer in (
        ("grant", "agg", "--right", "history", "--purpose", "research"),
        ("withdraw", "agg"),
    ):
        code = json.loads(granted("owner", "invite", kim, "hp0001", "--json").stdout)["code"]
        assert granted("owner", "answer", code, *answer).exit_code == 0, answer
    for command in (("person", "seen", kim), ("person", "export", kim), ("person", "erase", kim, "--yes")):
        assert granted(*command).exit_code == 0, command
    written = text_of(folder)
    assert kim.encode() in written
    assert not any(private.encode() in written for private in (NAME, CONTACT, JID, "chat.example"))
    with sqlite3.connect(folder / "audit.db") as audit:
        jids = {jid for (jid,) in audit.execute("SELECT DISTINCT provider_jid FROM entry")}
    assert jids == {"", "control@aggregator.example"}


def test_a_person_and_a_provider_have_no_account_in_common(granted: Hphub) -> None:
    """For a provider's stands in the audit, and there it would stay when the person is erased."""
    both = granted("person", "add", "--name", NAME, "--jid", "control@aggregator.example")
    assert both.exit_code == 1, both.output
    assert "provider agg" in both.output
    assert granted("person", "add", "--name", NAME, "--jid", JID).exit_code == 0
    refused = granted("provider", "add", "kim", "--jid", JID)
    assert refused.exit_code == 1, refused.output
    assert "account of person p-" in refused.output
    assert granted("provider", "revoke", "agg", "--yes").exit_code == 0
    assert granted("person", "add", "--name", "Lee", "--jid", "control@aggregator.example").exit_code == 0
    assert granted("provider", "allow", "agg").exit_code == 1, "it is a person's now"
    box = granted("person", "add", "--name", "Lee", "--jid", "box0001@boxes.example.org")
    assert box.exit_code == 1, box.output


def test_nor_have_a_person_and_a_box(granted: Hphub) -> None:
    assert granted("person", "add", "--name", NAME, "--jid", JID).exit_code == 0
    for command in (f"heatpump add hp0002 --box {JID}", f"heatpump replace hp0001 --box {JID} --yes"):
        refused = granted(*command.split())
        assert refused.exit_code == 1, refused.output
        assert "account of person p-" in refused.output and "each box" in refused.output
    assert granted("box", "revoke", "hp0001", "--yes").exit_code == 0
    its = granted("person", "add", "--name", "Lee", "--jid", "box0001@boxes.example.org")
    assert its.exit_code == 0, its.output
    assert "account of person p-" in granted("box", "allow", "hp0001").output, "it is a person's now"

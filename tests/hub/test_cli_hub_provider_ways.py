"""``hphub provider add --enrol``, ``enrol``, ``revoke`` and ``allow``: what they print, change and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_cli_hub_enrolment import Hphub, configure, done, shown_code  # noqa: F401 - fixtures

JID = "agg@providers.example.org"


@pytest.fixture
def ours(hphub: Hphub, configure: Callable[..., None], folder: Path) -> Hphub:  # noqa: F811
    """A hub whose providers may enrol."""
    configure(
        provider_domain="providers.example.org",
        host="xmpp.example.org",
        revoked_file=str(folder / "revoked"),
        close_session=["true"],
    )
    return hphub


def listed(hphub: Hphub) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in json.loads(done(hphub("provider", "list", "--json")))}


def test_a_provider_is_added_with_a_code_that_nobody_sees_again(ours: Hphub, folder: Path) -> None:
    told = ours("provider", "add", "agg", "--enrol", "--name", "Aggregator Ltd")
    code = shown_code(told)
    assert f"its account is {JID}" in told.output and "hpclient enrol CODE" in told.output
    assert (code.hub, code.host) == ("hub.example.org", "xmpp.example.org")
    row = listed(ours)["agg"]
    assert (row["jid"], row["state"], row["name"]) == (JID, "code open", "Aggregator Ltd")
    audit = done(ours("audit", "--provider", "agg", "--json"))
    assert code.identity.hex() in audit and code.text not in audit
    assert code.secret.hex().encode() not in (folder / "registry.db").read_bytes()
    again = json.loads(done(ours("provider", "enrol", "agg", "--json")))
    assert (again["id"], again["jid"]) == ("agg", JID) and again["code"] != code.text


def test_one_with_a_domain_of_its_own_gets_no_code(ours: Hphub) -> None:
    told = ours("provider", "add", "agg", "--jid", "control@aggregator.example", "--enrol")
    assert (told.exit_code, "its own server gives it" in told.output) == (2, True)
    assert listed(ours) == {}
    done(ours("provider", "add", "agg", "--jid", "control@aggregator.example"))
    assert listed(ours)["agg"]["state"] == "password"
    assert ours("provider", "enrol", "agg").exit_code == 2


def test_without_a_domain_of_providers_none_enrols(hphub: Hphub) -> None:
    for arguments in (["add", "agg", "--enrol"], ["enrol", "agg"]):
        told = hphub("provider", *arguments)
        assert (told.exit_code, "enrolment.provider_domain" in told.output) == (1, True)
    told = hphub("provider", "add", "agg")
    assert (told.exit_code, "--enrol for a new one" in told.output) == (2, True)


def test_a_provider_is_shut_out_and_let_in_and_keeps_its_grants(ours: Hphub) -> None:
    done(ours("provider", "add", "agg", "--jid", JID))
    done(ours("heatpump", "add", "hp0001", "--box", "box0001@boxes.example.org"))
    done(ours("grant", "add", "agg", "hp0001", "--right", "read"))
    told = done(ours("provider", "revoke", "agg", "--yes"))
    assert f"{JID}, the account of provider agg, is shut out" in told
    assert "Its session on providers.example.org is closed" in told
    shown = json.loads(done(ours("provider", "show", "agg", "--json")))
    assert (shown["jid"], shown["state"], len(shown["grants"])) == (JID, "shut out", 1)
    assert "shut out" in done(ours("provider", "list"))
    again = ours("provider", "revoke", "agg", "--yes")
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert "is let in again" in done(ours("provider", "allow", "agg"))
    assert listed(ours)["agg"]["state"] == "password"
    services = [one["service"] for one in json.loads(done(ours("audit", "--provider", "agg", "--json")))]
    assert {"provider revoke", "provider allow"} <= set(services)


def test_at_a_server_that_is_not_ours_the_operator_is_told_so(ours: Hphub) -> None:
    done(ours("provider", "add", "agg", "--jid", "control@aggregator.example"))
    assert "At the hub only" in done(ours("provider", "revoke", "agg", "--yes"))
    assert ours("provider", "revoke", "nobody", "--yes").exit_code == 3

"""``hphub operator`` and ``hphub person account``: who may give commands by XMPP, and as whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from hub.registry import Registry
from hub.registry.errors import Conflict
from hub.registry.operators import Caller, caller_of
from hub.registry.people import PersonalData, add_person

Hphub = Callable[..., Result]
ADA = "ada@office.example"


def person(hphub: Hphub, name: str, jid: str = "") -> str:
    made: dict[str, Any] = json.loads(hphub("person", "add", "--name", name, "--jid", jid, "--json").output)
    return str(made["id"])


def test_an_operator_is_named_listed_and_removed(hphub: Hphub) -> None:
    assert "No operators by XMPP" in hphub("operator", "list").output
    ada = person(hphub, "Ada", ADA)
    assert f"{ada} administers the hub from {ADA}" in hphub("operator", "add", ada).output
    assert hphub("operator", "add", ada).exit_code == 1
    (shown,) = json.loads(hphub("operator", "list", "--json").output)
    assert (shown["person"], shown["jid"]) == (ada, ADA)
    assert json.loads(hphub("person", "export", ada).output)["operator since"] == shown["since"]
    assert hphub("operator", "remove", ada).exit_code == 0
    assert hphub("operator", "remove", ada).exit_code == 3
    assert json.loads(hphub("operator", "list", "--json").output) == []
    audited = json.loads(hphub("audit", "--json").output)
    assert [one["service"] for one in audited if one["service"].startswith("operator")] == [
        "operator add", "operator remove",
    ]  # fmt: skip
    assert ADA not in str(audited)


def test_who_has_no_account_is_no_operator(hphub: Hphub) -> None:
    ada = person(hphub, "Ada")
    refused = hphub("operator", "add", ada)
    assert refused.exit_code == 2
    assert f"hphub person account {ada} JID" in refused.output
    assert f"{ada} has the account {ADA}" in hphub("person", "account", ada, ADA).output
    assert hphub("operator", "add", ada).exit_code == 0
    left = hphub("person", "account", ada)
    assert left.exit_code == 1
    assert f"hphub operator remove {ada}" in left.output
    hphub("operator", "remove", ada)
    assert "has no account" in hphub("person", "account", ada).output


@pytest.mark.parametrize("jid", ["nonsense", f"{ADA}/desk", "ada@hub.example.org"])
def test_an_account_is_a_bare_jid_of_another_domain(hphub: Hphub, jid: str) -> None:
    assert hphub("person", "account", person(hphub, "Ada"), jid).exit_code == 2


def test_an_account_is_one_persons(hphub: Hphub) -> None:
    person(hphub, "Ada", ADA)
    assert hphub("person", "add", "--name", "Bo", "--jid", ADA).exit_code == 1
    assert hphub("person", "account", person(hphub, "Bo"), ADA.upper()).exit_code == 1


def test_an_operator_who_is_erased_is_none_any_more(hphub: Hphub) -> None:
    ada = person(hphub, "Ada", ADA)
    hphub("operator", "add", ada)
    assert hphub("person", "erase", ada, "--yes").exit_code == 0
    assert json.loads(hphub("operator", "list", "--json").output) == []


async def test_an_account_that_nobody_has_is_a_strangers(registry: Registry) -> None:
    data = PersonalData("Ada")
    await registry.run(add_person, data, hub_domain="hub.example.org", now=1.0)
    for jid in ("", ADA):
        assert await registry.read(caller_of, jid, now=2.0) == Caller()
    await registry.run(add_person, PersonalData("Bo", jid=ADA), hub_domain="hub.example.org", now=1.0)
    with pytest.raises(Conflict):
        await registry.run(add_person, PersonalData("Cy", jid=ADA), hub_domain="hub.example.org", now=1.0)

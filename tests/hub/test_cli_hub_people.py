"""People, owners and their answers by one-time code, on real files."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Hphub = Callable[..., Result]
NAME, CONTACT = "Kim Bergstrand", "kim@post.example"


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def kim(granted: Hphub) -> str:
    """The id of a person who owns hp0001."""
    added = as_json(granted("person", "add", "--name", NAME, "--contact", CONTACT, "--json"))
    assert granted("owner", "add", added["id"], "hp0001", "--from", "30d").exit_code == 0
    return str(added["id"])


def invited(hphub: Hphub, person: str) -> str:
    return str(as_json(hphub("owner", "invite", person, "hp0001", "--json"))["code"])


def test_a_person_is_added_listed_and_shown_under_an_id_that_tells_nothing(granted: Hphub, kim: str) -> None:
    (listed,) = as_json(granted("person", "list", "--json"))
    assert (listed["id"], listed["name"], listed["contact"]) == (kim, NAME, CONTACT)
    assert [one["heatpump"] for one in listed["owns"]] == ["hp0001"]
    assert as_json(granted("person", "show", kim, "--json")) == listed
    assert "kim" not in kim
    assert NAME in granted("person", "show", kim).output


def test_the_audit_knows_the_id_alone(granted: Hphub, kim: str, folder: Path) -> None:
    code = invited(granted, kim)
    assert granted("owner", "answer", code, "refuse").exit_code == 0
    entries = as_json(granted("audit", "--json"))[3:]
    assert [entry["service"] for entry in entries] == [
        "person add", "owner add", "owner invite", "owner refuse",
    ]  # fmt: skip
    assert all(kim in entry["detail"] + entry["actor"] for entry in entries)
    assert entries[-1]["actor"] == f"owner {kim}"
    written = b"".join(file.read_bytes() for file in folder.glob("audit.db*"))
    for private in (NAME, CONTACT, code, code.replace("-", "")):
        assert private.encode() not in written


def test_an_owner_allows_something_by_his_code_and_takes_it_back(granted: Hphub, kim: str) -> None:
    done = granted(
        "owner",
        "answer",
        invited(granted, kim),
        "grant",
        "agg",
        "--right",
        "history",
        "--purpose",
        "research",
    )
    assert done.exit_code == 0, done.output
    (given,) = [one for one in as_json(granted("grant", "list", "--json")) if one["purpose"] == "research"]
    assert (given["giver"], given["rights"], given["heatpump"]) == (f"owner {kim}", ["history"], "hp0001")
    assert "consent of the owner" in given["ground"]
    assert given["until"] is not None
    assert granted("owner", "answer", invited(granted, kim), "withdraw", "agg").exit_code == 0
    left = as_json(granted("grant", "list", "--json"))
    assert [one["key"] for one in left] == [1], "what the operator granted for operation stays"


def test_a_code_opens_once(granted: Hphub, kim: str) -> None:
    code = invited(granted, kim)
    assert granted("owner", "answer", code.lower().replace("-", " "), "refuse").exit_code == 0
    again = granted("owner", "answer", code, "grant", "agg", "--right", "read", "--purpose", "research")
    assert (again.exit_code, "ask the operator for another" in again.output) == (3, True)


def test_a_code_that_was_answered_wrongly_may_be_used_again(granted: Hphub, kim: str) -> None:
    code = invited(granted, kim)
    assert granted("owner", "answer", code, "withdraw", "agg").exit_code == 3, "nothing rests on consent"
    asked = ("grant", "nobody", "--right", "read", "--purpose", "research")
    assert granted("owner", "answer", code, *asked).exit_code == 3
    assert granted("owner", "answer", code, "refuse").exit_code == 0


def test_a_second_invitation_makes_the_first_void(granted: Hphub, kim: str) -> None:
    first, second = invited(granted, kim), invited(granted, kim)
    assert granted("owner", "answer", first, "refuse").exit_code == 3
    assert granted("owner", "answer", second, "refuse").exit_code == 0


def test_codes_end_and_are_kept_as_hashes(granted: Hphub, kim: str, folder: Path) -> None:
    code = invited(granted, kim)
    with sqlite3.connect(folder / "registry.db") as registry:
        assert code not in "\n".join(registry.iterdump())
        assert code.replace("-", "") not in "\n".join(registry.iterdump())
        registry.execute("UPDATE owner_invite SET expires = ?", [time.time() - 1])
    assert granted("owner", "answer", code, "refuse").exit_code == 3


def test_only_the_owner_of_now_is_invited_or_answers(granted: Hphub, kim: str) -> None:
    other = as_json(granted("person", "add", "--name", "Other", "--json"))["id"]
    assert granted("owner", "invite", other, "hp0001").exit_code == 3
    code = invited(granted, kim)
    assert granted("owner", "end", kim, "hp0001").exit_code == 0
    late = granted("owner", "answer", code, "grant", "agg", "--right", "control", "--purpose", "research")
    assert late.exit_code == 3
    assert as_json(granted("owner", "list", "--json")) == []
    assert [one["person"] for one in as_json(granted("owner", "list", "--all", "--json"))] == [kim]


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("person add --name ''", 2),
        ("person show p-0", 3),
        ("owner add p-0 hp0001", 3),
        ("owner add KIM hp9999", 3),
        ("owner add KIM hp0001", 1),
        ("owner add KIM hp0001 --until 2020-01-01", 2),
        ("owner end KIM hp9999", 3),
        ("owner invite KIM hp9999", 3),
        ("owner invite KIM hp0001 --lasts 91", 2),
        ("owner answer ABCD refuse", 3),
        ("owner answer ABCD grant agg --right read", 2),
        ("person remove KIM --yes", 1),
    ],
)
def test_what_cannot_be_done_changes_nothing(granted: Hphub, kim: str, command: str, exit_code: int) -> None:
    before = as_json(granted("audit", "--json"))
    words = [kim if word == "KIM" else word.strip("'") for word in command.split()]
    result = granted(*words)
    assert (result.exit_code, "Error: " in result.stderr) == (exit_code, True), result.output
    assert as_json(granted("audit", "--json")) == before


def test_who_never_owned_anything_is_simply_removed(granted: Hphub) -> None:
    other = as_json(granted("person", "add", "--name", "Other", "--json"))["id"]
    assert granted("person", "remove", other).exit_code == 2, "asks first"
    assert granted("person", "remove", other, "--yes").exit_code == 0
    assert as_json(granted("person", "list", "--json")) == []


def test_a_purpose_that_needs_consent_needs_a_ground(granted: Hphub) -> None:
    asked = ("grant", "add", "agg", "hp0001", "--right", "history", "--purpose")
    refused = granted(*asked, "research")
    assert (refused.exit_code, "--ground" in refused.output) == (2, True)
    assert granted(*asked, "anything new").exit_code == 2, "what nobody has thought of needs consent"
    assert granted(*asked, "operation").exit_code == 0
    assert granted(*asked, "research", "--ground", "consent, letter 12").exit_code == 0
    operation, research = as_json(granted("grant", "list", "--json"))[1:]
    assert operation["until"] is None
    assert research["until"] is not None


def test_who_is_to_be_reminded_is_reminded_of_each_end_once(granted: Hphub, kim: str, folder: Path) -> None:
    asked = ("grant", "agg", "--right", "read", "--purpose", "research")
    assert granted("owner", "answer", invited(granted, kim), *asked, "--until", "20d").exit_code == 0
    assert granted("owner", "answer", invited(granted, kim), *asked).exit_code == 0
    assert [one["key"] for one in as_json(granted("consent", "list", "--json"))] == [2, 3]
    (ending,) = as_json(granted("consent", "list", "--ending", "30d", "--json"))
    assert (ending["key"], ending["people"]) == (2, [kim])
    (due,) = as_json(granted("reminder", "due", "--json"))
    assert (due["grant"], due["person"], due["contact"], due["told"]) == (2, kim, CONTACT, None)
    assert granted("reminder", "told", "3", kim).exit_code == 3, "that is a year ahead"
    assert granted("reminder", "told", "2", kim).exit_code == 0
    assert as_json(granted("reminder", "due", "--json")) == []
    assert [one["grant"] for one in as_json(granted("reminder", "list", "--json"))] == [2]
    with sqlite3.connect(folder / "registry.db") as registry:
        registry.execute('UPDATE "grant" SET until = until + 86400 WHERE pk = 2')
    assert [one["grant"] for one in as_json(granted("reminder", "due", "--json"))] == [2], "another end"


def test_what_an_owner_granted_ends_when_it_is_no_longer_his(granted: Hphub, kim: str) -> None:
    other = as_json(granted("person", "add", "--name", "Other", "--json"))["id"]
    assert granted("owner", "add", other, "hp0001", "--until", "40d").exit_code == 0
    code = as_json(granted("owner", "invite", other, "hp0001", "--json"))["code"]
    asked = ("grant", "agg", "--right", "read", "--purpose", "research")
    assert granted("owner", "answer", code, *asked).exit_code == 0
    assert granted("owner", "answer", invited(granted, kim), *asked).exit_code == 0
    others, kims = as_json(granted("grant", "list", "--json"))[1:]
    in_50_days = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 50 * 86_400))
    assert others["until"] < in_50_days < kims["until"], "at most for as long as it is his"
    assert granted("owner", "end", kim, "hp0001").exit_code == 0
    assert [one["key"] for one in as_json(granted("grant", "list", "--json"))] == [1, others["key"]]


def test_an_operator_widens_no_consent_without_a_ground_and_none_that_the_owner_gave(
    granted: Hphub, kim: str
) -> None:
    noted = ("--purpose", "research", "--ground", "letter 12", "--until", "30d")
    assert granted("grant", "add", "agg", "hp0001", "--right", "read", *noted).exit_code == 0
    asked = ("grant", "agg", "--right", "read", "--purpose", "research", "--until", "30d")
    assert granted("owner", "answer", invited(granted, kim), *asked).exit_code == 0
    more = ("--until", "60d")
    assert granted("grant", "extend", "2", *more).exit_code == 2, "no new ground"
    assert granted("grant", "extend", "2", *more, "--ground", "letter 13").exit_code == 0
    assert granted("grant", "extend", "3", *more, "--ground", "letter 14").exit_code == 2, "his to give"
    assert granted("grant", "narrow", "3", "--scope", "MET/*").exit_code == 0
    (left,) = [one for one in as_json(granted("grant", "list", "--json")) if one["scope"] == ["MET/*"]]
    assert left["giver"] == f"owner {kim}", "he can still take it back"

"""``hphub grant narrow``, ``extend``, ``change`` and ``explain``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from hub.asking import SERVICES

Hphub = Callable[..., Result]


def test_a_narrowed_grant_has_a_successor_and_the_audit_says_both(granted: Hphub) -> None:
    assert granted("grant", "extend", "1", "--right", "read", "--right", "control").exit_code == 0
    done = granted("grant", "narrow", "2", "--right", "read", "--scope", "MET/*", "--until", "2d")
    assert done.output.startswith("Grant 3: agg has read on hp0001, within MET/*, until ")
    assert "takes the place of grant 2" in done.output
    states = {
        one["key"]: one["state"] for one in json.loads(granted("grant", "list", "--all", "--json").output)
    }
    assert states == {1: "revoked", 2: "revoked", 3: "live"}
    audit = json.loads(granted("audit", "--json").output)[-1]
    assert (audit["service"], audit["references"]) == ("grant narrow", ["MET/*"])
    assert audit["detail"].startswith("grant 2: read, control; now grant 3: read within MET/* until ")


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("grant narrow 1 --right read --right control", 2), ("grant extend 1 --scope MET/*", 2),
        ("grant change 1 --until 1d --no-end", 2), ("grant change 1", 1), ("grant change 9 --until 1d", 3),
        ("grant explain hp0001 nobody", 3), ("grant explain nobody agg", 3),
        ("grant explain hp0001 agg MET/MMXU1.TotW Bake", 2), ("grant explain hp0001 agg Operate", 2),
        ("grant explain hp0001 agg MET.TotW", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(granted: Hphub, command: str, exit_code: int) -> None:
    refused = granted(*command.split())
    assert refused.exit_code == exit_code, refused.output
    assert "Error: " in refused.output
    assert [one["service"] for one in json.loads(granted("audit", "--json").output)][3:] == []


def test_explain_tells_by_which_grant_or_for_want_of_what(granted: Hphub) -> None:
    granted("grant", "add", "agg", "hp0001", "--right", "control", "--from", "2d")
    seen = granted("grant", "explain", "hp0001", "agg")
    assert (seen.exit_code, seen.output.splitlines()[0]) == (0, "Allowed: sees the heat pump, by grant 1.")
    read = granted("grant", "explain", "hp0001", "agg", "MET/MMXU1.TotW[MX]")
    assert (read.exit_code, "by grant 1." in read.output) == (0, True)
    measured = granted("grant", "explain", "hp0001", "agg", "MET/MMXU1.TotW")
    assert measured.output == read.output, "without a functional constraint it is the object's own"
    operate = ("grant", "explain", "hp0001", "agg", "HP/EvuGGIO1.SPCSO1", "Operate")
    refused = granted(*operate)
    assert refused.exit_code == 1
    assert "no right control on HP/EvuGGIO1.SPCSO1" in refused.output
    assert "would allow it" in refused.output
    said = json.loads(granted(*operate, "--json").output)
    assert (said["allowed"], said["by"], said["heatpump"], said["provider"]) == (False, [], "hp0001", "agg")
    assert [(one["key"], one["state"], one["allows"]) for one in said["grants"]] == [
        (1, "live", False), (2, "not yet", True),
    ]  # fmt: skip
    granted("grant", "revoke", "1")
    gone = granted("grant", "explain", "hp0001", "agg", "GetServerDirectory")
    assert (gone.exit_code, "no grant in force" in gone.output) == (1, True)


def test_explain_knows_that_a_command_for_later_outlives_its_grant(granted: Hphub) -> None:
    granted("grant", "add", "agg", "hp0001", "--right", "control", "--until", "1h")
    operate = ("grant", "explain", "hp0001", "agg", "HP/EvuGGIO1.SPCSO1", "Operate")
    assert granted(*operate, "--at", "30m").exit_code == 0
    late = granted(*operate, "--at", "2h")
    assert (late.exit_code, "until the commanded time" in late.output) == (1, True)


def test_help_names_every_service(hphub: Hphub) -> None:
    shown = " ".join(hphub("grant", "explain", "--help").output.split())
    assert all(service in shown for service in SERVICES)

"""``hphub audit``: what its filters find, its JSON lines and retention."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from hub.audit import AuditEntry, AuditFilter, AuditKind, AuditLog, AuditOutcome, AuditReader

Hphub = Callable[..., Result]
NOW = 1_800_000_000.0
REQUEST, RESULT, REFUSAL = AuditKind.REQUEST, AuditKind.RESULT, AuditKind.REFUSAL


def entry(number: int, kind: AuditKind, references: str, detail: str = "", **more: str) -> AuditEntry:
    return AuditEntry(
        at=NOW + number, kind=kind, stanza_id=str(number), references=tuple(references.split()),
        detail=detail, **more,
    )  # fmt: skip


ENTRIES = (
    entry(0, REQUEST, "HP/EvuGGIO1.SPCSO1.Oper[CO]", "ctlVal=True", service="Operate"),
    entry(1, RESULT, "", "done"),
    entry(2, RESULT, "HP/EvuGGIO1.SPCSO1", "ctlVal=True: done", service="CommandTermination"),
    entry(3, RESULT, "HP/EvuGGIO1.SPCSO1", "LastApplError: AddCause 10", service="LastApplError"),
    entry(4, REFUSAL, "HP/EvuGGIO11.SPCSO1.Oper[CO]", "forbidden: no right", service="Operate"),
    entry(5, RESULT, "", "done, done"),
    entry(6, RESULT, "", "done, object-access-denied"),
    entry(7, RESULT, "", "2 of 2 deleted"),
    entry(8, RESULT, "", "1 of 2 deleted"),
    entry(9, AuditKind.OPERATOR, "MET/*", "grant 1", service="grant add", actor="anna"),
    entry(10, RESULT, "", "done; not passed on: the provider holds no grant"),
    entry(11, REQUEST, "MET/LLN0.a MET/MMXU1.TotW[MX]", service="CreateDataSet"),
)


async def fill(url: str) -> None:
    audit = await AuditLog.open(url, "router")
    for one in ENTRIES:
        await audit.append(one)
    await audit.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(reference="HP/EvuGGIO1"), "0 2 3"),
        (AuditFilter(reference="HP/EvuGGIO1.SPCSO1"), "0 2 3"),
        (AuditFilter(reference="HP"), "0 2 3 4"),
        (AuditFilter(reference="hp"), ""),
        (AuditFilter(reference="MET/MMXU1.TotW"), "11"),
        (AuditFilter(reference="MMXU1"), ""),
        (AuditFilter(reference="H_/%"), ""),
        (AuditFilter(service="Operate"), "0 4"),
        (AuditFilter(actor="anna"), "9"),
        (AuditFilter(until=NOW + 2), "0 1"),
        (AuditFilter(since=NOW + 2, until=NOW + 4), "2 3"),
        (AuditFilter(outcome=AuditOutcome.PASSED), "0 11"),
        (AuditFilter(outcome=AuditOutcome.REFUSED), "4"),
        (AuditFilter(outcome=AuditOutcome.DONE), "1 2 5 7 10"),
        (AuditFilter(outcome=AuditOutcome.FAILED), "3 6 8"),
        (AuditFilter(outcome=AuditOutcome.DONE, reference="HP/EvuGGIO1"), "2"),
    ],
)
async def test_a_filter_finds_what_it_says(audit_url: str, wanted: AuditFilter, found: str) -> None:
    await fill(audit_url)
    reader = await AuditReader.open(audit_url)
    assert " ".join(one.entry.stanza_id for one in await reader.newest(wanted, 100)) == found
    await reader.close()


def test_filters_and_json_lines_from_the_command_line(granted: Hphub) -> None:
    shown = granted("audit", "--service", "grant add", "--lines")
    (one,) = [json.loads(line) for line in shown.output.splitlines()]
    assert (one["provider"], one["service"]) == ("agg", "grant add")
    assert granted("audit", "--actor", "nobody", "--lines").output == ""
    assert granted("audit", "--until", "2001-01-01").output.startswith("Nothing in the audit matches.")
    assert granted("audit", "--outcome", "gossip").exit_code == 2


def test_retention_by_command_and_by_hub_yaml(granted: Hphub, folder: Path) -> None:
    assert granted("audit", "prune").exit_code == 2
    assert granted("audit", "prune", "--before", "2001-01-01").exit_code == 2  # nobody to ask
    nothing = granted("audit", "prune", "--before", "2001-01-01", "--yes")
    assert (nothing.exit_code, "Nothing is older" in nothing.output) == (0, True)
    assert granted("audit", "prune", "--before", "0s", "--yes").exit_code == 0
    verified = json.loads(granted("audit", "verify", "--json").output)
    assert verified["findings"] == []
    (chain,) = verified["chains"]
    assert (chain["chain"], chain["first"], chain["seq"], chain["since"][-1]) == ("operator", 4, 4, "Z")
    assert "checked from" in granted("audit", "verify").output.lower()
    config = folder / "hub.yaml"
    config.write_text(config.read_text() + "\naudit:\n  keep_days: 30\n")
    assert "Nothing is older" in granted("audit", "prune").output
    config.write_text(config.read_text().replace("keep_days: 30", "keep_days: 0"))
    assert granted("audit", "prune").exit_code == 1

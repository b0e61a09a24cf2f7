"""Accounting: counted where stanzas are sent, entered once a minute, added up, told as an invoice's base."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from sqlalchemy.orm import Session
from test_registry_roster import NOW, give, hp, sp
from test_router import INITIATE, OPERATE, READ, READ_ANSWER, REPORT, get, put, result, stanza

from hub.accounts import Accounts, month_of
from hub.addresses import Addresses
from hub.asking import SERVICES
from hub.audit import AuditLog
from hub.gate import Gate, Limits
from hub.metrics import Counts
from hub.registry import Registry, changes_since, remove_heat_pump, remove_provider
from hub.registry.usage import HISTORY_ROWS, Usage, Used, add_usage, kind_of, usage_of
from hub.roster import Right, Roster
from hub.router import Router
from hub.stanzas import Stanza
from hub.traffic import Traffic

Hphub = Callable[..., Result]
BOX = "box0001@boxes.example/IEC"
SP = "control@agg.example/desk1"


def world(session: Session) -> None:
    hp(session)
    hp(session, "hp0002", "box0002@boxes.example")
    sp(session)
    sp(session, "heat", "desk@heat.example")
    give(session, rights=[Right.READ, Right.CONTROL])


@pytest.fixture
async def known(registry: Registry) -> Registry:
    await registry.run(world)
    return registry


async def test_what_is_passed_on_is_counted_and_nothing_else(known: Registry, audit_url: str) -> None:
    roster, addresses, counts = Roster(), Addresses("hub.example.org"), Counts()
    roster.apply(await known.read(changes_since, 0))
    audit = await AuditLog.open(audit_url, "router")
    sent: list[str] = []
    gate = Gate(Limits(), roster, addresses.operations)
    traffic = Traffic(Router(addresses, roster), gate, audit, counts, sent.append, lambda: True)
    for number, text in enumerate(
        (
            put(INITIATE, SP), get(READ, SP), get(READ, SP), put(OPERATE, SP), result(READ_ANSWER, BOX),
            stanza("message", "", BOX, "agg@hub.example.org/desk1", REPORT),
            get(READ, "desk@heat.example/x"), put(OPERATE, "nobody@stranger.example/x"),
            get(READ, SP, to="hp0002@hub.example.org/IEC"),
        )
    ):  # fmt: skip
        element = ElementTree.fromstring(f'<s xmlns="jabber:component:accept">{text}</s>')[0]
        element.set("id", f"i{number}")
        traffic.take(Stanza.of(element), NOW, in_force=True)
    await traffic.finish(NOW, 20)
    await audit.close()
    assert len(sent) == 9
    accounts = Accounts(known, counts.used)
    await accounts.close()
    assert not counts.used
    month = month_of(time.time())
    assert await known.read(usage_of, month) == [Usage(month, "agg", "hp0001", 2, 1, 0, 1, 0)]


async def test_several_routers_and_entries_add_up_by_month(known: Registry) -> None:
    for month, count in (("2026-11", 1), ("2026-11", 5), ("2026-12", 7)):
        used: list[tuple[Used, int]] = [
            (("agg", "hp0001", "GetDataValues"), count), (("agg", "hp0002", "Report"), 1),
            (("heat", "hp0001", "Cancel"), 2), (("agg", "hp0001", "Associate"), 9),
            (("heat", "hp0001", HISTORY_ROWS), 10 * count),
            (("", "gone", "Operate"), 3),
        ]  # fmt: skip
        await known.run(add_usage, month, used)
    assert await known.read(usage_of, "2026-11") == [
        Usage("2026-11", "agg", "hp0001", 6, 0, 0, 0, 0), Usage("2026-11", "agg", "hp0002", 0, 0, 0, 2, 0),
        Usage("2026-11", "heat", "hp0001", 0, 4, 0, 0, 60),
    ]  # fmt: skip
    assert [one.reads for one in await known.read(usage_of, "2026-12", "agg")] == [7, 0]
    assert await known.read(usage_of, "2026-10") == []


async def test_accounts_outlive_who_is_removed_and_an_id_given_anew_is_another(known: Registry) -> None:
    used: list[tuple[Used, int]] = [(("agg", "hp0001", "GetDataValues"), 1)]
    await known.run(add_usage, "2026-11", used)
    await known.run(remove_provider, "agg", now=NOW)
    await known.run(remove_heat_pump, "hp0001", now=NOW)
    await known.run(add_usage, "2026-11", used)  # counted a moment before
    await known.run(hp)
    await known.run(add_usage, "2026-11", used)
    assert [(one.heat_pump, one.reads) for one in await known.read(usage_of, "2026-11", "agg")] == [
        ("hp0001", 2), ("hp0001", 1),
    ]  # fmt: skip


async def test_what_cannot_be_entered_is_kept_and_what_comes_meanwhile_too(
    known: Registry, tmp_path: Path
) -> None:
    used: Counter[Used] = Counter({("agg", "hp0001", "GetDataValues"): 3})
    accounts = Accounts(known, used)
    with sqlite3.connect(tmp_path / "registry.db") as database:
        database.execute("ALTER TABLE usage RENAME TO away")
    await accounts.enter()
    assert used.total() == 3
    with sqlite3.connect(tmp_path / "registry.db") as database:
        database.execute("ALTER TABLE away RENAME TO usage")
    entering = asyncio.create_task(accounts.enter())
    await asyncio.sleep(0)
    used["agg", "hp0001", "GetDataValues"] += 2
    entering.cancel()
    await accounts.close()
    assert not used
    (one,) = await known.read(usage_of, month_of(time.time()))
    assert one.reads == 5


def test_every_service_counts_as_one_thing_or_as_nothing() -> None:
    counted = {kind: [one for one in SERVICES if kind_of(one) == kind] for kind in ("controls", "settings")}
    assert counted == {
        "controls": ["Select", "SelectWithValue", "Operate", "Cancel"],
        "settings": ["SetDataValues", "SetLCBValues", "SetDataSetValues"],
    }
    assert [one for one in SERVICES if kind_of(one) is None] == [
        "Associate", "Release", "CancelRequest", "SetBRCBValues", "SetURCBValues", "CreateDataSet",
        "DeleteDataSet",
    ]  # fmt: skip
    assert kind_of("CommandTermination") is None


def test_the_base_of_an_invoice(granted: Hphub, folder: Path) -> None:
    config = folder / "hub.yaml"
    config.write_text(config.read_text() + "\nusage:\n  price: 100\n")
    assert granted("usage", "--month", "2026-11").output.startswith("Nobody used anything")
    granted("heatpump", "add", "hp0002", "--box", "box0002@boxes.example.org")
    with sqlite3.connect(folder / "registry.db") as database:
        database.execute(
            "INSERT INTO usage VALUES ('2026-11', 1, 1, 5, 1, 0, 2, 288), ('2026-11', 1, 2, 0, 0, 0, 1, 0)"
        )
    (account,) = json.loads(granted("usage", "--month", "2026-11", "--json").output)
    assert (account["installations"], account["amount"], account["currency"]) == (2, "200.00", "DKK")
    assert (account["reads"], account["controls"], account["reports"]) == (5, 1, 3)
    assert account["history_rows"] == 288
    assert account["heatpumps"][1] == {
        "heatpump": "hp0002", "reads": 0, "controls": 0, "settings": 0, "reports": 1, "history_rows": 0,
    }  # fmt: skip
    assert "200.00 DKK" in granted("usage", "--month", "2026-11").output
    table = granted("usage", "--month", "2026-11", "--provider", "agg", "--csv").output
    assert next(csv.DictReader(table.splitlines())) == {
        "month": "2026-11", "provider": "agg", "heatpump": "hp0001", "reads": "5", "controls": "1",
        "settings": "0", "reports": "2", "history_rows": "288",
    }  # fmt: skip
    assert granted("usage", "--month", "2026-13").exit_code == 2
    assert granted("usage", "--csv", "--json").exit_code == 2
    assert granted("usage", "--provider", "nobody").exit_code == 3

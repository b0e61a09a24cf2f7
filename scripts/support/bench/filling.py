"""A registry of any size, written straight into its tables: the operator's commands would take hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, select, update
from sqlalchemy.orm import DeclarativeBase

from hub.database import open_in_thread
from hub.registry.models import (
    GrantRow,
    GroupMemberRow,
    GroupRow,
    HeatPumpRow,
    NameKind,
    NameRow,
    ProviderRow,
    RevisionRow,
    SteeringRow,
    SteeringState,
)
from hub.registry.rights import stored_rights
from hub.roster import Right

ROWS_AT_ONCE = 10_000
"""Rows of one INSERT."""
CHANGED_AT_ONCE = 2_000
"""Grants changed in one transaction beside a running hub."""
CHANGED_PAUSE = 0.2
"""Seconds after each: the hub's turn."""
PRIME = 7_919
"""Steps through the heat pumps so that one provider's are spread over all of them."""


def heat_pump_id(number: int) -> str:
    """Id of a heat pump."""
    return f"hp{number:06d}"


def box_local(number: int) -> str:
    """Local part of its box's address."""
    return f"box{number:06d}"


def pairs(heat_pumps: int, providers: int, grants: int) -> Iterator[tuple[int, int]]:
    """(provider, heat pump) of each grant, numbered from 0; none twice while there are enough pairs."""
    for number in range(grants):
        lap, position = divmod(number, heat_pumps)
        heat_pump = position * PRIME % heat_pumps
        yield (heat_pump + lap) % providers, heat_pump


def fill(
    database: Path, *, boxes: str, provider_jid: Callable[[int], str], heat_pumps: int, providers: int,
    grants: int,
) -> None:  # fmt: skip
    """Write heat pumps, providers and grants of all rights into an empty registry."""
    rights = stored_rights(Right)
    stamp = {"revision": 1, "created": 0.0, "removed_at": None}
    tables: list[tuple[type[DeclarativeBase], Iterator[dict[str, Any]]]] = [
        (
            NameRow,
            ({"id": heat_pump_id(n), "kind": NameKind.HEAT_PUMP.value} for n in range(heat_pumps)),
        ),
        (NameRow, ({"id": f"sp{n:03d}", "kind": NameKind.PROVIDER.value} for n in range(providers))),
        (
            HeatPumpRow,
            (
                {"pk": n + 1, "id": heat_pump_id(n), "box": f"{box_local(n)}@{boxes}", "note": "", **stamp}
                for n in range(heat_pumps)
            ),
        ),
        (
            ProviderRow,
            (
                {"pk": n + 1, "id": f"sp{n:03d}", "jid": provider_jid(n), "name": "", **stamp}
                for n in range(providers)
            ),
        ),
        (
            GrantRow,
            (
                {
                    "provider_pk": provider + 1, "heat_pump_pk": heat_pump + 1, "rights": rights, "scope": "",
                    "valid_from": None, "until": None, "purpose": "bench", "ground": "", "giver": "bench",
                    "created": 0.0, "revoked_at": None, "revision": 1,
                }
                for provider, heat_pump in pairs(heat_pumps, providers, grants)
            ),
        ),
    ]  # fmt: skip
    _write(database, tables)


def fill_group(database: Path, group: str, heat_pumps: int) -> None:
    """Add a group of the first ``heat_pumps`` heat pumps to a registry that ``fill`` made."""
    member = {"group_pk": 1, "added": 0.0, "removed_at": None, "revision": 1}
    _write(
        database,
        [
            (NameRow, iter([{"id": group, "kind": NameKind.GROUP.value}])),
            (GroupRow, iter([{"pk": 1, "id": group, "note": "", "created": 0.0, "removed_at": None}])),
            (GroupMemberRow, ({"heat_pump_pk": n + 1, **member} for n in range(heat_pumps))),
        ],
    )


def fill_ends(database: Path, grants: int, until: float) -> None:
    """The first ``grants`` of a registry that ``fill`` made end at one instant, seconds since 1970 UTC; and
    operations has each to end in its box. A running hub takes it over, change by change.
    """
    steering = {
        "slot": None,
        "priority": None,
        "state": SteeringState.READY.value,
        "ends": until,
        "trouble": "",
    }
    engine = open_in_thread(f"sqlite:///{database}")
    try:
        for first in range(1, grants + 1, CHANGED_AT_ONCE):
            these = GrantRow.pk.between(first, min(first + CHANGED_AT_ONCE - 1, grants))
            with engine.begin() as connection:
                connection.execute(update(RevisionRow).values(value=RevisionRow.value + 1))
                revision = connection.execute(select(RevisionRow.value)).scalar_one()
                connection.execute(update(GrantRow).where(these).values(until=until, revision=revision))
                on = connection.execute(select(GrantRow.pk, GrantRow.heat_pump_pk).where(these))
                rows = [{"grant_pk": grant, "heat_pump_pk": pump, **steering} for grant, pump in on]
                connection.execute(insert(SteeringRow).values(revision=revision), rows)
            time.sleep(CHANGED_PAUSE)
    finally:
        engine.dispose()


def _write(database: Path, tables: list[tuple[type[DeclarativeBase], Iterator[dict[str, Any]]]]) -> None:
    engine = create_engine(f"sqlite:///{database}")
    try:
        with engine.begin() as connection:
            for table, rows in tables:
                while handful := list(islice(rows, ROWS_AT_ONCE)):
                    connection.execute(insert(table), handful)
            connection.execute(update(RevisionRow).values(value=1))
    finally:
        engine.dispose()

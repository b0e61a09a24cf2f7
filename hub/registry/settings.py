"""The settings of heat pumps: read from the present box, kept from the former one, written back on request.

What a box has and what is kept of the one before it are two values, so the defaults of a new box overwrite
nothing. When a box is replaced, what was set in it is kept; a setting that nobody touched there does not
replace what is kept of a box before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub.registry.errors import Conflict
from hub.registry.lookup import get_heat_pump
from hub.registry.routers import next_revision
from hub.registry.settings_models import Restoring, SettingRow, SettingsStateRow

WRITTEN = "restored"
"""Outcome of a setting that the box took."""


@dataclass(frozen=True, slots=True)
class SettingRecord:
    """For people: a setting now and as it is kept, with what came of writing it."""

    reference: str
    value: str | None
    kept: str | None
    kept_at: float | None
    outcome: str


@dataclass(frozen=True, slots=True)
class SettingsRecord:
    """For people: all settings of a heat pump. ``since`` None: its box is the first one."""

    settings: tuple[SettingRecord, ...]
    since: float | None = None
    read_at: float | None = None
    restoring: Restoring = Restoring.NO
    restoring_at: float | None = None
    trouble: str = ""


def settings_of(session: Session, id_: str) -> SettingsRecord:
    """All that is known of a heat pump's settings. Raises NotFound."""
    pump = get_heat_pump(session, id_)
    settings = tuple(
        SettingRecord(row.reference, row.value, row.kept, row.kept_at, row.outcome)
        for row in rows_of(session, pump.pk)
        if row.value is not None or row.kept is not None
    )
    state = session.get(SettingsStateRow, pump.pk)
    if state is None:
        return SettingsRecord(settings)
    return SettingsRecord(
        settings, state.since or None, state.read_at, Restoring(state.restoring), state.restoring_at,
        state.trouble,
    )  # fmt: skip


def ask_restore(session: Session, id_: str, *, now: float) -> int:
    """Have operations write what is kept of the former box; returns how many settings. Raises NotFound,
    Conflict if nothing is kept.
    """
    pump = get_heat_pump(session, id_)
    count = sum(row.kept is not None for row in rows_of(session, pump.pk))
    if not count:
        raise Conflict(
            f"no settings of a former box of {id_} are kept: a box is replaced by `hphub heatpump replace`"
        )
    _want(session, session.get_one(SettingsStateRow, pump.pk), now, next_revision(session))
    return count


def hand_over_settings(
    session: Session, pump_pk: int, last_seen: float, *, restore: bool, now: float, revision: int
) -> int:
    """Another box comes: keep what the former one had, to be written to it if ``restore``; returns how many.

    ``last_seen``: until when the former one was online, 0 if it never was.
    """
    state = session.get(SettingsStateRow, pump_pk)
    if state is None:
        state = SettingsStateRow(heat_pump_pk=pump_pk, written=0, seen=0, trouble="")
        session.add(state)
    count = 0
    for row in rows_of(session, pump_pk):
        if row.set_here or (row.kept is None and row.value is not None):
            row.kept, row.kept_at = row.value, state.read_at
        row.value, row.set_here, row.outcome = None, False, ""
        count += row.kept is not None
    state.since, state.measures_from = now, max(last_seen, state.measures_from or 0.0)
    state.read_at, state.revision = None, revision
    state.restoring, state.restoring_at, state.trouble = Restoring.NO, None, ""
    session.flush()
    if restore and count:
        _want(session, state, now, revision)
    return count


def forget_settings(session: Session, pump_pk: int) -> None:
    """The heat pump is removed."""
    for table in (SettingRow, SettingsStateRow):
        session.execute(delete(table).where(table.heat_pump_pk == pump_pk))


def _want(session: Session, state: SettingsStateRow, now: float, revision: int) -> None:
    state.restoring, state.restoring_at = Restoring.WANTED, now
    state.trouble, state.revision = "", revision
    session.execute(
        update(SettingRow).where(SettingRow.heat_pump_pk == state.heat_pump_pk).values(outcome="")
    )
    session.flush()


def rows_of(session: Session, pump_pk: int) -> list[SettingRow]:
    """Its settings, by reference."""
    wanted = select(SettingRow).where(SettingRow.heat_pump_pk == pump_pk).order_by(SettingRow.reference)
    return list(session.scalars(wanted))

"""Settings as operations sees them: what it is told, and what it writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from hub.registry.models import HeatPumpRow, PresenceRow
from hub.registry.settings import WRITTEN, rows_of
from hub.registry.settings_models import Restoring, SettingRow, SettingsStateRow
from hub.registry.steering import in_parts
from hub.roster import LinkState

MAX_OUTCOME = 200
"""Characters kept of why a setting could not be written, or a box not be reached."""
ROWS_AT_ONCE = 5_000
"""Rows fetched before other tasks get a turn: some milliseconds of work."""
SETTLED = 5.0
"""Seconds after a box was replaced until what is read is the new one's for sure: every router has taken the
change over by then, or lets nothing through (ROUTER_STALE_AFTER)."""


@dataclass(frozen=True, slots=True)
class SettingsTask:
    """What operations must know of a heat pump: all as in ``SettingsStateRow``. ``online``: its box is there;
    ``restore``: when it was asked to write what is kept, None if it was not.
    """

    heat_pump: str
    online: bool
    since: float = 0.0
    read_at: float | None = None
    written: int = 0
    seen: int = 0
    restore: float | None = None


@dataclass(frozen=True, slots=True)
class SettingsRead:
    """What was read, by reference, None if it is not set: at ``asked_at``, after ``seen`` was written."""

    heat_pump: str
    asked_at: float
    seen: int
    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class SettingsWritten:
    """What came of the request to restore of ``asked_at``: by reference, empty if it is written, else why
    not.

    ``trouble``: why the box gave no answer; not ``done``: it is tried again.
    """

    asked_at: float
    outcomes: Mapping[str, str]
    trouble: str
    done: bool


# --- what operations is told ---------------------------------------------------------------------------


def settings_news(session: Session, revision: int, presence: int, noted: int) -> list[SettingsTask]:
    """Heat pumps whose box came or went after ``presence``, that changed after ``revision``, or in which
    something was written after ``noted``; for 0, 0 and 0 those whose box is there.
    """
    asked: tuple[ColumnElement[bool], ...] = (PresenceRow.state == LinkState.ONLINE.value,)
    if revision or presence or noted:
        asked = (
            PresenceRow.revision > presence,
            SettingsStateRow.revision > revision,
            SettingsStateRow.written > noted,
            HeatPumpRow.revision > revision,
        )
    found: dict[int, SettingsTask] = {}
    for which in asked:
        rows = session.execute(_NEWS.where(which), execution_options={"yield_per": ROWS_AT_ONCE})
        for pk, id_, removed_at, link, since, read_at, written, seen, restoring, restoring_at in rows:
            online = link == LinkState.ONLINE and removed_at is None
            wanted = restoring == Restoring.WANTED
            found[pk] = SettingsTask(
                id_, online, since or 0.0, read_at, written or 0, seen or 0, restoring_at if wanted else None
            )
    # Of an id that was given anew the newest holder counts.
    return list({task.heat_pump: task for _, task in sorted(found.items())}.values())


_NEWS = (
    select(
        HeatPumpRow.pk, HeatPumpRow.id, HeatPumpRow.removed_at, PresenceRow.state, SettingsStateRow.since,
        SettingsStateRow.read_at, SettingsStateRow.written, SettingsStateRow.seen, SettingsStateRow.restoring,
        SettingsStateRow.restoring_at,
    )
    .select_from(HeatPumpRow)
    .join(PresenceRow, PresenceRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
    .join(SettingsStateRow, SettingsStateRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
)  # fmt: skip


def last_written(session: Session) -> int:
    """The number of what was written last."""
    return session.scalar(select(func.max(SettingsStateRow.written))) or 0


def note_written(session: Session, heat_pumps: Collection[int]) -> None:
    """Something was written in these (HeatPumpRow.pk): they are to be read again. All of one call have one
    number, above all before.
    """
    number = last_written(session) + 1
    for part in in_parts(sorted(heat_pumps)):
        rows = [{"heat_pump_pk": pk, "written": number} for pk in part]
        session.execute(
            insert(SettingsStateRow).on_conflict_do_update(
                index_elements=["heat_pump_pk"], set_={"written": number}
            ),
            rows,
        )


# --- what operations writes ----------------------------------------------------------------------------


def keep_settings(session: Session, reads: Sequence[SettingsRead]) -> None:
    """Write what was read; nothing of a heat pump that is gone, or whose box was replaced meanwhile."""
    pumps = _live(session, [one.heat_pump for one in reads])
    for one in reads:
        pk = pumps.get(one.heat_pump)
        if pk is None:
            continue
        state = session.get(SettingsStateRow, pk)
        if state is None:
            state = SettingsStateRow(heat_pump_pk=pk)
            session.add(state)
            session.flush()
        if one.asked_at < state.since + SETTLED and state.since:
            continue
        rows = {row.reference: row for row in rows_of(session, pk)}
        for reference, value in one.values.items():
            row = rows.get(reference)
            if row is None and value is not None:
                row = SettingRow(heat_pump_pk=pk, reference=reference)
                row.set_here = state.read_at is not None
                session.add(row)
            elif row is not None and row.value != value:
                row.set_here = row.set_here or state.read_at is not None
            if row is not None:
                row.value = value
        state.read_at, state.seen = one.asked_at, one.seen
    session.flush()


def settings_to_restore(session: Session, heat_pump: str) -> dict[str, str]:
    """By reference what is kept of a former box and to be written to the present one, if that is wanted.

    What the present one took since it is wanted is left out: it may have been set anew meanwhile.
    """
    pk = _live(session, [heat_pump]).get(heat_pump)
    state = None if pk is None else session.get(SettingsStateRow, pk)
    if pk is None or state is None or state.restoring != Restoring.WANTED:
        return {}
    return {
        row.reference: row.kept
        for row in rows_of(session, pk)
        if row.kept is not None and row.outcome != WRITTEN
    }


def settings_restored(session: Session, heat_pump: str, written: SettingsWritten, *, now: float) -> None:
    """What came of writing; if it answers an older request than the last one, nothing is kept of it."""
    pk = _live(session, [heat_pump]).get(heat_pump)
    state = None if pk is None else session.get(SettingsStateRow, pk)
    if state is None or state.restoring != Restoring.WANTED or state.restoring_at != written.asked_at:
        return
    for row in rows_of(session, state.heat_pump_pk):
        if row.reference in written.outcomes:
            row.outcome = written.outcomes[row.reference][:MAX_OUTCOME] or WRITTEN
    state.trouble = written.trouble[:MAX_OUTCOME]
    if written.done:
        state.restoring, state.restoring_at = Restoring.DONE, now
    session.flush()


def _live(session: Session, ids: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in in_parts(list(ids)):
        rows = session.execute(
            select(HeatPumpRow.id, HeatPumpRow.pk).where(
                HeatPumpRow.id.in_(part), HeatPumpRow.removed_at.is_(None)
            )
        )
        found |= dict(rows.all())
    return found

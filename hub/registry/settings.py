"""The settings of heat pumps: read from the present box, kept from the former one, written back on request.

What a box has and what is kept of the one before it are two values, so the defaults of a new box overwrite
nothing. When a box is replaced, what was set in it is kept; a setting that nobody touched there does not
replace what is kept of a box before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from hub.registry.errors import Conflict
from hub.registry.lookup import get_heat_pump
from hub.registry.models import HeatPumpRow, PresenceRow
from hub.registry.routers import next_revision
from hub.registry.settings_models import Restoring, SettingRow, SettingsStateRow
from hub.registry.steering import in_parts
from hub.roster import LinkState

MAX_OUTCOME = 200
"""Characters kept of why a setting could not be written, or a box not be reached."""
WRITTEN = "restored"
"""Outcome of a setting that the box took."""
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
        rows = {row.reference: row for row in _rows(session, pk)}
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
    """By reference what is kept of a former box and to be written to the present one, if that is wanted."""
    pk = _live(session, [heat_pump]).get(heat_pump)
    state = None if pk is None else session.get(SettingsStateRow, pk)
    if pk is None or state is None or state.restoring != Restoring.WANTED:
        return {}
    return {row.reference: row.kept for row in _rows(session, pk) if row.kept is not None}


def settings_restored(session: Session, heat_pump: str, written: SettingsWritten, *, now: float) -> None:
    """What came of writing; if it answers an older request than the last one, nothing is kept of it."""
    pk = _live(session, [heat_pump]).get(heat_pump)
    state = None if pk is None else session.get(SettingsStateRow, pk)
    if state is None or state.restoring != Restoring.WANTED or state.restoring_at != written.asked_at:
        return
    for row in _rows(session, state.heat_pump_pk):
        if row.reference in written.outcomes:
            row.outcome = written.outcomes[row.reference][:MAX_OUTCOME] or WRITTEN
    state.trouble = written.trouble[:MAX_OUTCOME]
    if written.done:
        state.restoring, state.restoring_at = Restoring.DONE, now
    session.flush()


# --- what an operator asks -----------------------------------------------------------------------------


def settings_of(session: Session, id_: str) -> SettingsRecord:
    """All that is known of a heat pump's settings. Raises NotFound."""
    pump = get_heat_pump(session, id_)
    settings = tuple(
        SettingRecord(row.reference, row.value, row.kept, row.kept_at, row.outcome)
        for row in _rows(session, pump.pk)
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
    count = sum(row.kept is not None for row in _rows(session, pump.pk))
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
    for row in _rows(session, pump_pk):
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


def _rows(session: Session, pump_pk: int) -> list[SettingRow]:
    wanted = select(SettingRow).where(SettingRow.heat_pump_pk == pump_pk).order_by(SettingRow.reference)
    return list(session.scalars(wanted))


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

"""``hphub group``: heat pumps that are granted and addressed together."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

import click
from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import change, config_option, confirm, json_option, now, operator, read, yes_option
from hub.cli.grant import grant_json, show_grants
from hub.cli.output import show_json, show_record, show_table
from hub.cli.times import local_time, utc_time
from hub.registry import (
    GROUP_SIGN,
    MAX_MEMBERS,
    GrantRecord,
    GroupRecord,
    MembersChange,
    add_group,
    add_members,
    get_group,
    group_members,
    known_heat_pumps,
    list_grants,
    list_groups,
    remove_group,
    remove_members,
)

AT_ONCE = 250
"""Members that come or go in one step: their ids find room in its audit entry, and it is no longer under way
than any other command."""
HEADINGS = frozenset({"id", "heatpump", "heat pump", "heat_pump"})
"""First cells of a CSV file that are a heading and no heat pump."""
NONE_YET = "No groups yet. Make one: hphub group add north"
_Members = Callable[..., MembersChange]


@click.group("group")
def group_commands() -> None:
    """Groups: heat pumps that are granted and addressed together, at GROUP@HUB-DOMAIN.

    \b
    Example:
      hphub group add north
      hphub group member add north hp0001 hp0002
      hphub grant add agg @north --right control
    """


@group_commands.command("add")
@click.argument("id_", metavar="ID")
@click.option("--note", default="", help="A line for people, e.g. what they have in common.")
@config_option
def add(id_: str, note: str) -> None:
    """Make an empty group. Its id must be no heat pump's and no provider's.

    \b
    Example:
      hphub group add north --note "below substation 12"
    """
    made = change(add_group, lambda made: _entry("group add", made.id, made.note), id_, now=now(), note=note)
    click.echo(f"Group {made.id} made. Fill it: hphub group member add {made.id} HEATPUMP...")


@group_commands.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List all groups and how many heat pumps are in them.

    \b
    Example:
      hphub group list --json
    """
    found = read(list_groups)
    if as_json:
        show_json([_json(one) for one in found])
        return
    rows = [[one.id, str(one.members), local_time(one.created), one.note] for one in found]
    show_table(("id", "members", "made", "note"), rows, empty=NONE_YET)


@group_commands.command("show")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def show(id_: str, as_json: bool) -> None:
    """Show one group: its heat pumps, and the grants on it.

    \b
    Example:
      hphub group show north
    """
    at = now()
    group, members, granted = read(_one, _plain(id_), at)
    if as_json:
        grants = [grant_json(grant, at) for grant in granted]
        show_json({**_json(group), "heatpumps": members, "grants": grants})
        return
    show_record({"id": group.id, "made": local_time(group.created), "note": group.note})
    click.echo()
    show_table(("heat pump",), [[one] for one in members], empty=f"Nobody is in {group.id}.")
    click.echo()
    more = f"Give one: hphub grant add PROVIDER {GROUP_SIGN}{group.id} --right read --until 30d"
    show_grants(granted, at, empty=f"No grants. {more}")


@group_commands.command("remove")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def remove(id_: str, yes: bool) -> None:
    """Remove a group; the grants on it end. The heat pumps that were in it stay.

    \b
    Example:
      hphub group remove north --yes
    """
    id_ = _plain(id_)
    group, _, granted = read(_one, id_, now())
    confirm(f"Remove group {id_} of {group.members} heat pumps, and {len(granted)} grants on it?", yes)
    _, ended = change(
        remove_group,
        lambda done: _entry("group remove", id_, f"{done[0].members} members, {done[1]} grants ended"),
        id_,
        now=now(),
    )
    click.echo(f"Group {id_} removed; {ended} grants ended.")


@group_commands.group("member")
def member_commands() -> None:
    """The heat pumps in a group."""


_from_file = click.option(
    "--from", "file", type=click.File(encoding="utf-8-sig"),
    help="Also those in the first column of this CSV file; - is standard input.",
)  # fmt: skip


@member_commands.command("add")
@click.argument("group")
@click.argument("heatpumps", metavar="HEATPUMP...", nargs=-1)
@_from_file
@config_option
def member_add(group: str, heatpumps: tuple[str, ...], file: TextIO | None) -> None:
    """Take heat pumps into GROUP. The grants on it count for them when the command returns.

    \b
    Examples:
      hphub group member add north hp0001 hp0002
      hphub group member add north --from north.csv
    """
    done = _in_steps(add_members, "group member add", _plain(group), _named(heatpumps, file))
    click.echo(f"Heat pumps that came into group {_plain(group)}: {done}.")


@member_commands.command("remove")
@click.argument("group")
@click.argument("heatpumps", metavar="HEATPUMP...", nargs=-1)
@_from_file
@config_option
def member_remove(group: str, heatpumps: tuple[str, ...], file: TextIO | None) -> None:
    """Take heat pumps out of GROUP. The grants on it no longer count for them when the command returns.

    \b
    Example:
      hphub group member remove north hp0002
    """
    done = _in_steps(remove_members, "group member remove", _plain(group), _named(heatpumps, file))
    click.echo(f"Heat pumps that left group {_plain(group)}: {done}.")


def _in_steps(fn: _Members, service: str, group: str, heat_pumps: Sequence[str]) -> int:
    """Change members in steps, each in force before the next, after a look whether all are known."""
    read(_all_known, group, heat_pumps)
    done = 0
    steps = [heat_pumps[at : at + AT_ONCE] for at in range(0, len(heat_pumps), AT_ONCE)]
    hidden = len(steps) < 2 or not sys.stderr.isatty()
    with click.progressbar(length=len(heat_pumps), label="heat pumps", file=sys.stderr, hidden=hidden) as bar:
        for step in steps:
            changed = change(fn, lambda made: _members_entry(service, made), group, step, now=now())
            done += len(changed.heat_pumps)
            bar.update(len(step))
    return done


def _named(heatpumps: Sequence[str], file: TextIO | None) -> list[str]:
    """The ids given and those in the file, each once."""
    if not heatpumps and file is None:
        raise click.UsageError("name heat pumps, or a file with them: --from FILE")
    ids = list(dict.fromkeys([*heatpumps, *(_first_cells(file) if file else ())]))
    if not ids:
        raise click.UsageError("the file names no heat pump: write one id a line")
    return ids


def _first_cells(file: TextIO) -> Iterator[str]:
    try:
        for number, row in enumerate(csv.reader(file)):
            if number > MAX_MEMBERS:
                raise click.UsageError(f"the file has more than {MAX_MEMBERS} lines: a group has no room")
            cell = row[0].strip() if row else ""
            if cell and not (number == 0 and cell.lower() in HEADINGS):
                yield cell
    except (csv.Error, UnicodeDecodeError) as error:
        raise click.UsageError(f"the file is no CSV in UTF-8: {error}") from None


def _all_known(session: Session, group: str, heat_pumps: Sequence[str]) -> None:
    get_group(session, group)
    known_heat_pumps(session, heat_pumps)


def _one(session: Session, id_: str, at: float) -> tuple[GroupRecord, list[str], list[GrantRecord]]:
    row = get_group(session, id_)
    members = group_members(session, id_)
    record = GroupRecord(row.id, row.note, row.created, len(members))
    return record, members, list_grants(session, group=id_, now=at)


def _plain(group: str) -> str:
    return group.removeprefix(GROUP_SIGN)


def _json(group: GroupRecord) -> dict[str, Any]:
    return {
        "id": group.id,
        "members": group.members,
        "note": group.note,
        "created": utc_time(group.created),
    }


def _members_entry(service: str, made: MembersChange) -> AuditEntry:
    return _entry(service, made.group, f"{len(made.heat_pumps)} heat pumps", made.heat_pumps)


def _entry(service: str, group: str, detail: str, references: tuple[str, ...] = ()) -> AuditEntry:
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=f"{GROUP_SIGN}{group}",
        service=service,
        references=references,
        detail=detail,
        actor=operator(),
    )

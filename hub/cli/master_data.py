"""``hphub heatpump set``, ``data``, ``import`` and ``export``: master data."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from typing import BinaryIO

import click
from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import change, config_option, json_option, now, operator, read
from hub.cli.output import show_json, show_record
from hub.registry import InvalidInput, get_heat_pump, list_heat_pumps
from hub.registry.master_data import (
    FIELDS,
    TECHNICAL,
    MasterData,
    import_master_data,
    master_data,
    set_master_data,
)

MAX_FILE = 32 * 1024 * 1024
"""Octets of a file that is taken in: some 200 for each of 100,000 heat pumps, and room."""
POINTS = "metering_points"


@click.command("set")
@click.argument("id_", metavar="ID")
@click.option("--make", help="E.g. Vaillant.")
@click.option("--model", help="E.g. aroTHERM plus 75/6.")
@click.option("--source", help="Where its heat comes from: air, brine or water.")
@click.option("--distribution", help="How the heat is given off: floor, radiators, both or air.")
@click.option("--buffer-tank", help="Litres; 0: there is none.")
@click.option("--building-year", help="E.g. 1974.")
@click.option("--heated-area", help="Square metres.")
@click.option("--price-area", help="DK1 or DK2.")
@click.option("--installed", help="Date, e.g. 2026-11-28.")
@click.option(
    "--metering-point", "metering_points", multiple=True, help="18 digits; may be repeated, all of them."
)
@json_option
@config_option
def set_command(id_: str, metering_points: tuple[str, ...], as_json: bool, **given: str | None) -> None:
    """Set master data of heat pump ID; what is not named stays, an empty text clears.

    Metering points lead to a household: they are kept apart from the rest, exported only if asked for, and
    gone when the heat pump is removed.

    \b
    Example:
      hphub heatpump set hp0001 --make Vaillant --source air --heated-area 140 --price-area DK1
      hphub heatpump set hp0001 --metering-point 571313180400000001
    """
    texts = {name: text for name, text in given.items() if text is not None}
    if metering_points:
        texts[POINTS] = " ".join(metering_points)
    if not texts:
        raise click.UsageError("say what is to be set, e.g. --make Vaillant")
    named = ", ".join(name for name in FIELDS if name in texts)
    data = change(set_master_data, lambda _: _entry("heatpump set", id_, named), id_, texts)
    _show(id_, data, as_json)


@click.command("data")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def data_command(id_: str, as_json: bool) -> None:
    """Show the master data of heat pump ID.

    \b
    Example:
      hphub heatpump data hp0001
    """
    _show(id_, read(_of_one, id_), as_json)


@click.command("import")
@click.argument("file", type=click.File("rb"))
@config_option
def import_command(file: BinaryIO) -> None:
    """Take in master data from the CSV FILE (- is standard input): all lines, or none if one is wrong.

    The first line names the columns: id, and any of make, model, source, distribution, buffer_tank,
    building_year, heated_area, price_area, installed, metering_points (parted by spaces). What has no column
    stays, an empty cell clears. Comma or semicolon, UTF-8. The heat pumps have been added before.

    \b
    Example:
      hphub heatpump import stamdata.csv
    """
    lines = _lines(file.read(MAX_FILE + 1))
    ids = change(
        import_master_data, lambda ids: _entry("heatpump import", "", f"{len(ids)} heat pumps"), lines
    )
    click.echo(f"Master data of {len(ids)} heat pumps taken in.")


@click.command("export")
@click.option("--with-metering-points", is_flag=True, help="Also what leads to households.")
@json_option
@config_option
def export_command(with_metering_points: bool, as_json: bool) -> None:
    """Print the master data of all heat pumps as CSV, as `import` takes it.

    Without metering points unless they are asked for; that is audited.

    \b
    Example:
      hphub heatpump export > stamdata.csv
    """
    if with_metering_points:
        what = "with metering points"
        known = change(_of_all, lambda all_: _entry("heatpump export", "", f"{len(all_)}, {what}"))
    else:
        known = read(_of_all)
    columns = FIELDS if with_metering_points else TECHNICAL
    if as_json:
        show_json([{"id": id_} | _json(data, columns) for id_, data in known.items()])
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("id", *columns))
    for id_, data in known.items():
        texts = data.texts()
        writer.writerow((id_, *(texts[name] for name in columns)))


def _of_one(session: Session, id_: str) -> MasterData:
    return master_data(session, [get_heat_pump(session, id_)])[id_]


def _of_all(session: Session) -> dict[str, MasterData]:
    return master_data(session, list_heat_pumps(session))


def _lines(content: bytes) -> list[tuple[int, Mapping[str, str]]]:
    """The rows with their line numbers. Raises InvalidInput."""
    if len(content) > MAX_FILE:
        raise InvalidInput(f"the file has more than {MAX_FILE} octets: take it in in parts")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise InvalidInput(f"line {line}: not UTF-8: save the file as CSV UTF-8") from None
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",", strict=True)
    found: list[tuple[int, Mapping[str, str]]] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        unknown = [name for name in columns if name not in ("id", *FIELDS)]
        if unknown or "id" not in columns or len(set(columns)) != len(columns):
            raise InvalidInput(
                f"line 1: the columns are id and any of {', '.join(FIELDS)}, each once"
                + (f"; not {', '.join(map(repr, unknown))[:80]}" if unknown else "")
            )
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(columns):
                raise InvalidInput(f"line {reader.line_num}: {len(cells)} cells, {len(columns)} are wanted")
            row = dict(zip(columns, cells, strict=True))
            found.append((reader.line_num, row | {"id": row["id"].strip()}))
    except csv.Error as wrong:
        raise InvalidInput(f"line {reader.line_num}: {wrong}") from None
    return found


def _show(id_: str, data: MasterData, as_json: bool) -> None:
    if as_json:
        show_json({"id": id_} | _json(data, FIELDS))
    else:
        show_record({"id": id_} | {name.replace("_", " "): text for name, text in data.texts().items()})


def _json(data: MasterData, columns: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in data.model_dump(mode="json").items() if name in columns}


def _entry(service: str, heat_pump: str, detail: str) -> AuditEntry:
    """Names of fields only: the audit is kept longer than what leads to a household."""
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=heat_pump,
        service=service,
        detail=detail,
        actor=operator(),
    )

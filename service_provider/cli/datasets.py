"""dataset ls, show, read, write, create, delete."""

from __future__ import annotations

import click
from rich.text import Text

from service_provider.cli.connection import connected
from service_provider.cli.exits import DONE, exit_code, report
from service_provider.cli.output import json_option, print_json, print_lines, print_readings, print_table
from service_provider.provider import ServiceProvider


@click.group()
def dataset() -> None:
    """Data sets: several values of a heat pump under one name.

    \b
      hpclient dataset ls hp0001                           all of them
      hpclient dataset show hp0001 MET/LLN0.dsMeas         what is in it
      hpclient dataset read hp0001 MET/LLN0.dsMeas         all its values, of one moment
      hpclient watch hp0001 --dataset dsMeas               ... and every change

    Those of the heat pump's configuration are there for good. You can make others, unless your grant has a
    scope: then @NAME only, which nobody else sees and which lasts as long as the command that makes it.
    """


@dataset.command("ls")
@click.argument("heatpump")
@click.argument("device", metavar="[LD]", required=False)
@json_option
@connected
async def ls(sp: ServiceProvider, heatpump: str, device: str | None, as_json: bool) -> None:
    """List the data sets of a heat pump, or of one logical device.

    \b
      hpclient dataset ls hp0001
      hpclient dataset ls hp0001 MET
    """
    names = await sp.data_sets.names(heatpump, device or "")
    if as_json:
        print_json([{"heatpump": heatpump, "dataset": name} for name in names])
    else:
        print_lines(names)


@dataset.command("show")
@click.argument("heatpump")
@click.argument("name")
@json_option
@connected
async def show(sp: ServiceProvider, heatpump: str, name: str, as_json: bool) -> None:
    """List the members of the data set NAME, in order.

    \b
      hpclient dataset show hp0001 AVG/LLN0.dsAvg
    """
    found = await sp.data_sets.directory(heatpump, name)
    members = [str(one) for one in found.members]
    if as_json:
        print_json({"heatpump": heatpump, "dataset": name, "deletable": found.deletable, "members": members})
    else:
        print_lines(members)


@dataset.command("read")
@click.argument("heatpump")
@click.argument("name")
@json_option
@connected
async def read(sp: ServiceProvider, heatpump: str, name: str, as_json: bool) -> int:
    """Read all values of the data set NAME: with unit, quality and time, and of one moment.

    \b
      hpclient dataset read hp0001 MET/LLN0.dsMeas
      hpclient dataset read hp0001 AVG/LLN0.dsAvg --json

    A member that cannot be read does not stop the others; it is named, and the exit code is then 1.
    """
    return await _read(sp, heatpump, name, as_json)


async def _read(sp: ServiceProvider, heatpump: str, name: str, as_json: bool) -> int:
    found = await sp.data_sets.read(heatpump, name)
    if as_json:
        print_json(found.as_dict())
    elif found.readings:
        print_readings(found.readings)
    codes = [exit_code(error) if as_json else report(error) for _, error in found.failed]
    return codes[0] if codes else DONE


@dataset.command("write", context_settings={"ignore_unknown_options": True})
@click.argument("heatpump")
@click.argument("name")
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@json_option
@connected
async def write(sp: ServiceProvider, heatpump: str, name: str, values: tuple[str, ...], as_json: bool) -> int:
    """Set all members of the data set NAME, one VALUE for each, in order.

    \b
      hpclient dataset create hp0001 HP/LLN0.dsCurve HP/HcFCSD1.Crv.numPts
      hpclient dataset write hp0001 HP/LLN0.dsCurve 3

    Only settings can be set. A member that is refused does not stop the others; the exit code is then 1.
    """
    written = await sp.data_sets.write(heatpump, name, values)
    if as_json:
        print_json(
            [
                {"member": str(member), "error": None if error is None else str(error.service_error)}
                for member, error in written
            ]
        )
    else:
        rows = [
            (str(member), Text("written", "green") if error is None else Text(error.detail, "red"))
            for member, error in written
        ]
        print_table(("member", "result"), rows)
    return next((exit_code(error) for _, error in written if error is not None), DONE)


@dataset.command("create")
@click.argument("heatpump")
@click.argument("name")
@click.argument("members", metavar="MEMBER...", nargs=-1, required=True)
@json_option
@connected
async def create(
    sp: ServiceProvider, heatpump: str, name: str, members: tuple[str, ...], as_json: bool
) -> int:
    """Make a data set NAME of data objects or attributes.

    \b
      hpclient dataset create hp0001 MET/LLN0.dsMine MET/MMXU1.TotW MET/FwdSTMP1.Tmp
      hpclient watch hp0001 --dataset MET/LLN0.dsMine --buffered
      hpclient dataset create hp0001 @mine MET/MMXU1.TotW HP/HpGGIO1.Ind1

    One named LD/LN.NAME stays until it is deleted or the heat pump's box starts again, and everybody with the
    right to read sees it. @NAME is read once and gone with this command; to watch such values use
    'hpclient watch hp0001 --member MET/MMXU1.TotW'.
    """
    if not name.startswith("@"):
        await sp.data_sets.create(heatpump, name, members)
        return DONE
    await sp.associate(heatpump)
    try:
        await sp.data_sets.create(heatpump, name, members)
        return await _read(sp, heatpump, name, as_json)
    finally:
        await sp.release(heatpump)


@dataset.command("delete")
@click.argument("heatpump")
@click.argument("name")
@connected
async def delete(sp: ServiceProvider, heatpump: str, name: str) -> None:
    """Delete the data set NAME, if a client made it and no control block uses it.

    \b
      hpclient dataset delete hp0001 MET/LLN0.dsMine
    """
    await sp.data_sets.delete(heatpump, name)

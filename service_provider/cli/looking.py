"""ls, browse, read."""

from __future__ import annotations

import click

from iec61850_model.client import ClientError
from iec61850_model.reference import Reference
from service_provider.addresses import group_named
from service_provider.cli.connection import connected
from service_provider.cli.exits import DONE, report
from service_provider.cli.grouping import repeat_option, show_results
from service_provider.cli.output import (
    json_option,
    print_json,
    print_lines,
    print_listed,
    print_presences,
    print_readings,
    print_tree,
)
from service_provider.provider import ServiceProvider
from service_provider.reading import Reading


@click.command()
@json_option
@connected
async def heatpumps(sp: ServiceProvider, as_json: bool) -> None:
    """List every heat pump and group that you hold a grant for, whether or not it is online.

    \b
      hpclient heatpumps
      hpclient heatpumps --json
    """
    found = await sp.listed()
    if as_json:
        print_json([one.as_dict() for one in found])
    elif found:
        print_listed(found)
    else:
        click.echo("hpclient: the hub lists nothing: you hold no grant yet", err=True)


@click.command()
@click.argument("heatpump", required=False)
@click.argument("reference", required=False)
@json_option
@connected
async def ls(sp: ServiceProvider, heatpump: str | None, reference: str | None, as_json: bool) -> None:
    """List heat pumps, or what is directly below a REFERENCE in one.

    \b
      hpclient ls                          heat pumps and their presence
      hpclient ls hp0001                   its logical devices
      hpclient ls hp0001 MET               logical nodes of MET
      hpclient ls hp0001 MET/MMXU1         data objects of the node
      hpclient ls hp0001 MET/MMXU1.TotW    attributes, with functional constraint
      hpclient ls @north                   heat pumps of a group that you may use
    """
    if heatpump is None:
        seen = await sp.heat_pumps()
        if as_json:
            print_json([one.as_dict() for one in seen])
        elif seen:
            print_presences(seen)
        else:
            click.echo("hpclient: the hub told of no heat pump: you hold no grant yet", err=True)
        return
    group = group_named(heatpump)
    if group is not None:
        members = (await sp.group(group)).members
        if as_json:
            print_json([{"heatpump": one, "presence": sp.presence_of(one)} for one in members])
        else:
            print_lines(members)
        return
    names = await sp.ls(heatpump, reference or "")
    if as_json:
        print_json([{"heatpump": heatpump, "reference": _below(reference, name)} for name in names])
    else:
        print_lines(names)


def _below(reference: str | None, name: str) -> str:
    """The full reference of what ``ls`` lists below ``reference``."""
    if not reference:
        return name
    above = Reference.parse(reference)
    child, _, fc = name.partition("[")
    below = above.child(child).without_fc
    return f"{below}[{fc}" if fc else below


@click.command()
@click.argument("heatpump")
@click.argument("reference", required=False)
@json_option
@connected
async def browse(sp: ServiceProvider, heatpump: str, reference: str | None, as_json: bool) -> None:
    """Show everything below a REFERENCE (or all of a heat pump) as a tree with values.

    \b
      hpclient browse hp0001
      hpclient browse hp0001 MET/MMXU1
    """
    tree = await sp.browse(heatpump, reference or "")
    if as_json:
        print_json(tree.as_dict())
    else:
        print_tree(tree)


@click.command()
@click.argument("heatpump", metavar="HEATPUMP|@GROUP")
@click.argument("references", metavar="REFERENCE...", nargs=-1, required=True)
@repeat_option
@json_option
@connected
async def read(
    sp: ServiceProvider, heatpump: str, references: tuple[str, ...], repeat: int, as_json: bool
) -> int:
    """Read values with unit, quality and time; several references in one request.

    \b
      hpclient read hp0001 MET/MMXU1.TotW
      hpclient read hp0001 MET/MMXU1.TotW MET/FwdSTMP1.Tmp HP/EvuGGIO1.SPCSO1
      hpclient read hp0001 HP/EvuGGIO1.SPCSO1.ctlModel[CF]
      hpclient read hp0001 MET/MMXU1              every value of the node
      hpclient read @north MET/MMXU1.TotW         of all heat pumps of a group, by one message

    A value whose quality is invalid is shown as a dash; --json gives it as the device sent it. What can be
    read is printed even if something else cannot; the exit code is then that of the first error. For a group
    it is 1 if some refused, 4 if some did not answer.
    """
    group = group_named(heatpump)
    if group is not None:
        asked = await sp.group(group)
        results = asked.read(*references, repeat=repeat)
        return await show_results(results, len(asked.members), as_json=as_json)
    readings: list[Reading] = []
    code = DONE
    for found in await sp.read_each(heatpump, references):
        if isinstance(found, ClientError):
            code = code or report(found)
            continue
        readings += found
    if as_json:
        print_json([one.as_dict() for one in readings])
    elif readings:
        print_readings(readings)
    return code

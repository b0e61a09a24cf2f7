"""report list, show, set, enable, disable."""

from __future__ import annotations

from contextlib import aclosing

import click
from rich.text import Text

from iec61850_model.client.rcb import RcbValues
from service_provider.cli.connection import connected
from service_provider.cli.durations import seconds, until_options
from service_provider.cli.live import show
from service_provider.cli.output import json_option, print_json, print_table
from service_provider.cli.watching import until_told
from service_provider.provider import ServiceProvider
from service_provider.report_text import (
    block_as_dict,
    entry_id_from_text,
    settings_from_text,
    shown_data_set,
    trigger_text,
    triggers_from_text,
)


@click.group()
def report() -> None:
    """Report control blocks: what a heat pump reports by itself, to whom, and when.

    \b
      hpclient report list hp0001                          all blocks, and which are free
      hpclient report show hp0001 MET/LLN0.urcbMeas01      one with all its attributes
      hpclient report enable hp0001 MET/LLN0.urcbMeas01    use it: its reports, until Ctrl-C

    To see values it takes no block by name: hpclient watch hp0001 --dataset dsMeas chooses a free one.
    """


@report.command("list")
@click.argument("heatpump")
@click.argument("where", required=False)
@json_option
@connected
async def list_(sp: ServiceProvider, heatpump: str, where: str | None, as_json: bool) -> None:
    """List the report control blocks of a heat pump, or of WHERE in it.

    \b
      hpclient report list hp0001
      hpclient report list hp0001 MET
    """
    blocks = await sp.report_blocks(heatpump, where or "")
    if as_json:
        print_json([block_as_dict(heatpump, one) for one in blocks])
        return
    rows = [
        (
            one.reference.without_fc,
            "buffered" if one.buffered else "unbuffered",
            shown_data_set(one.dat_set),
            trigger_text(one.trg_ops),
            _state(one),
        )
        for one in blocks
    ]
    print_table(("block", "kind", "data set", "triggers", "state"), rows)


def _state(values: RcbValues) -> Text:
    if values.rpt_ena:
        return Text("enabled", "yellow")
    return Text("free", "green") if values.free else Text("reserved", "yellow")


@report.command("show")
@click.argument("heatpump")
@click.argument("block")
@json_option
@connected
async def show_(sp: ServiceProvider, heatpump: str, block: str, as_json: bool) -> None:
    """Show all attributes of a report control BLOCK.

    \b
      hpclient report show hp0001 MET/LLN0.urcbMeas01

    BufTm and IntgPd are milliseconds, ResvTms seconds.
    """
    found = block_as_dict(heatpump, await sp.report_block(heatpump, block))
    if as_json:
        print_json(found)
        return
    rows = [
        (name, ("off", "on")[value] if isinstance(value, bool) else str(value))
        for name, value in found.items()
        if name not in ("heatpump", "block", "fc")
    ]
    print_table(("attribute", "value"), rows)


@report.command("set")
@click.argument("heatpump")
@click.argument("block")
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
@connected
async def set_(sp: ServiceProvider, heatpump: str, block: str, assignments: tuple[str, ...]) -> None:
    """Set attributes of a report control BLOCK that nobody has enabled.

    \b
      hpclient report set hp0001 MET/LLN0.urcbMeas01 TrgOps=dchg,qchg,gi BufTm=500
      hpclient report set hp0001 MET/LLN0.brcbMeas01 DatSet=MET/LLN0.dsMeas OptFlds=seqNum,timeStamp,entryID

    BufTm and IntgPd are milliseconds, ResvTms seconds. Resv and RptEna last no longer than this command: to
    use a block, report enable. In a BRCB a change of DatSet, RptID, BufTm, TrgOps or IntgPd empties the
    buffer.
    """
    await sp.set_report_block(heatpump, block, **settings_from_text(assignments))


@report.command("enable")
@click.argument("heatpump")
@click.argument("block")
@click.option("--dataset", metavar="NAME", help="For a block that has no data set: MET/LLN0.dsMeas.")
@click.option(
    "--member", "members", metavar="REFERENCE", multiple=True, help="Report this instead; may be repeated."
)
@click.option("--triggers", metavar="WORDS", help="E.g. dchg,qchg; else as the block has them.")
@click.option(
    "--integrity", callback=seconds, metavar="DURATION", help="Report everything every 10s, 5min, 2h."
)
@click.option("--after", metavar="ENTRYID", help="Go on after this entry of a buffered block.")
@click.option("--keep", is_flag=True, help="A buffered block goes on buffering for you afterwards.")
@until_options
@json_option
@connected
async def enable(  # noqa: PLR0913 - one parameter for each option
    sp: ServiceProvider,
    *,
    heatpump: str,
    block: str,
    dataset: str | None,
    members: tuple[str, ...],
    triggers: str | None,
    integrity: float | None,
    after: str | None,
    keep: bool,
    duration: float | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Enable a report control BLOCK and show its reports until Ctrl-C; then it is disabled.

    \b
      hpclient report enable hp0001 MET/LLN0.urcbMeas01
      hpclient report enable hp0001 MET/LLN0.urcbMeas01 --triggers dchg --integrity 1min --json
      hpclient report enable hp0001 MET/LLN0.urcbMeas01 --member MET/MMXU1.TotW
      hpclient report enable hp0001 MET/LLN0.brcbMeas01 --dataset MET/LLN0.dsMeas --keep
      hpclient report enable hp0001 MET/LLN0.brcbMeas01 --keep --after 0000000100000c41

    A block is enabled as long as the client is there that enabled it. --json shows the entry_id after which
    to go on.
    """

    async def reports() -> None:
        stream = sp.reports(
            heatpump,
            block,
            dataset=dataset,
            members=members,
            triggers=None if triggers is None else triggers_from_text(triggers),
            integrity=integrity,
            after=None if after is None else entry_id_from_text(after),
            keep=keep,
        )
        async with aclosing(stream) as found:
            await show(found, as_json, count)

    await until_told(reports(), duration)


@report.command("disable")
@click.argument("heatpump")
@click.argument("block")
@connected
async def disable(sp: ServiceProvider, heatpump: str, block: str) -> None:
    """Disable a report control BLOCK.

    \b
      hpclient report disable hp0001 MET/LLN0.urcbMeas01

    A device lets only the client do this that enabled it; others wait for that one to end.
    """
    await sp.set_report_block(heatpump, block, rpt_ena=False)

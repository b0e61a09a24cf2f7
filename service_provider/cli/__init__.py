"""``hpclient``: look into heat pumps, read, switch and watch them from a terminal or a script."""

from __future__ import annotations

import logging

import click

from service_provider.cli.connection import Login, connection_options
from service_provider.cli.datasets import dataset
from service_provider.cli.enrolling import enrol
from service_provider.cli.history import history
from service_provider.cli.logs import log
from service_provider.cli.looking import browse, heatpumps, ls, read
from service_provider.cli.reporting import report
from service_provider.cli.scheduling import schedule
from service_provider.cli.steering import operate, write
from service_provider.cli.watching import watch


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@connection_options
@click.pass_context
def main(context: click.Context, /, **given: str | int | float | None) -> None:
    """Read and steer heat pumps through a heat pump hub.

    \b
    A first session:
      hpclient ls                                    heat pumps you may use, and whether they are online
      hpclient heatpumps                             all that you hold a grant for, groups too
      hpclient ls hp0001                             what is inside: logical devices
      hpclient ls hp0001 MET/MMXU1                   ... down to data objects and attributes
      hpclient browse hp0001 MET                     everything below MET, with values
      hpclient read hp0001 MET/MMXU1.TotW            one value with unit, quality and time
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 on  switch, now
      hpclient operate hp0001 HP/EvuGGIO1.SPCSO1 off --at +30s
      hpclient operate @north HP/EvuGGIO1.SPCSO1 on  switch all heat pumps of a group
      hpclient schedule set hp0001 evu --start 2026-12-01T17:00 --interval 15m --values 1,1,0,0
      hpclient schedule show hp0001                  what is scheduled, as a bar for each day
      hpclient watch                                 who comes and goes
      hpclient watch hp0001 --dataset dsMeas         its measurements, live
      hpclient log query hp0001 LD0/LLN0.GeneralLog  what happened in it
      hpclient history hp0001 --from -1d             what the hub has stored: every 5 minutes

    \b
    How to connect is taken from options, else from environment variables, else from the file
    ~/.config/heat-pump-hub/client.yaml:
      jid: control@aggregator.example
      password_file: /etc/heat-pump-hub/password     (readable by you alone)
      hub: hub.example.org
      ca_file: /etc/heat-pump-hub/ca.crt             (only if the server has a CA of its own)
      host: xmpp.example.org                         (host and port only if DNS does not tell)
      port: 5222
    `hpclient enrol CODE` writes it for you, with identity_file (key and certificate) instead of a password.
    The password is never given on the command line, where every user of the machine could read it.

    \b
    Exit codes: 0 done; 1 refused by the device; 2 wrong use; 3 no such heat pump, or no right;
    4 no answer in time, offline or not connected.
    """
    # What goes wrong is said in one sentence of ours; slixmpp's own log lines would stand between.
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    logging.getLogger("iec61850_model").setLevel(logging.CRITICAL)
    context.obj = Login(given)


for command in (
    ls,
    heatpumps,
    browse,
    read,
    write,
    operate,
    schedule,
    watch,
    report,
    dataset,
    log,
    history,
    enrol,
):
    main.add_command(command)

"""The operator's command line, ``hphub``: one file per noun."""

from __future__ import annotations

import click

from hub.cli.audit import audit_commands
from hub.cli.box import box_commands
from hub.cli.consent import consent_commands, reminder_commands
from hub.cli.context import HubGroup, config_option
from hub.cli.grant import grant_commands
from hub.cli.grant_change import change_command, extend_command, narrow_command
from hub.cli.grant_explain import explain_command
from hub.cli.group import group_commands
from hub.cli.heatpump import heatpump_commands
from hub.cli.history import history_commands
from hub.cli.history_expire import expire_command
from hub.cli.init import init_command
from hub.cli.manufacturer import manufacturer_commands
from hub.cli.master_data import data_command, export_command, import_command, set_command
from hub.cli.operators import operator_commands
from hub.cli.owner import owner_commands
from hub.cli.owner_answer import answer_commands
from hub.cli.person import person_commands
from hub.cli.person_data import erase_command, seen_command, wipe_command
from hub.cli.person_data import export_command as export_person_command
from hub.cli.provider import provider_commands
from hub.cli.provider_ways import allow_command, revoke_command
from hub.cli.provider_ways import enrol_command as enrol_provider_command
from hub.cli.replacing import replace_command, restore_command, settings_command
from hub.cli.request import request_commands
from hub.cli.run import run_command
from hub.cli.usage import usage_command


@click.group("hphub", cls=HubGroup)
@config_option
@click.version_option(package_name="heat-pump-hub")
def main() -> None:
    """The heat pump hub: who may read and steer which heat pump.

    A change is in force when its command returns.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such thing.

    \b
    A first session:
      hphub init --domain hub.example.org
      hphub run
      hphub heatpump add hp0001 --box box0001@boxes.example.org
      hphub provider add agg --jid control@aggregator.example
      hphub grant add agg hp0001 --right read --until 30d
      hphub heatpump add hp0042 --enrol
      hphub heatpump replace hp0042 --enrol --restore
      hphub heatpump list
      hphub history status
      hphub audit
    """


for command in (
    init_command,
    run_command,
    heatpump_commands,
    box_commands,
    group_commands,
    provider_commands,
    manufacturer_commands,
    grant_commands,
    request_commands,
    history_commands,
    person_commands,
    owner_commands,
    operator_commands,
    consent_commands,
    reminder_commands,
    audit_commands,
    usage_command,
):
    main.add_command(command)

for command in (narrow_command, extend_command, change_command, explain_command):
    grant_commands.add_command(command)
history_commands.add_command(expire_command)
owner_commands.add_command(answer_commands)

for command in (set_command, data_command, import_command, export_command):
    heatpump_commands.add_command(command)
for command in (replace_command, settings_command, restore_command):
    heatpump_commands.add_command(command)
for command in (enrol_provider_command, revoke_command, allow_command):
    provider_commands.add_command(command)
for command in (seen_command, export_person_command, erase_command, wipe_command):
    person_commands.add_command(command)

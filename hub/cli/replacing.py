"""``hphub heatpump replace``, ``settings`` and ``restore``: what outlives a box."""

from __future__ import annotations

import click
from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import (
    change,
    config_option,
    confirm,
    json_option,
    load_config,
    now,
    operator,
    read,
    yes_option,
)
from hub.cli.enrolment import new_code, require_own_domain, show_code, until_option
from hub.cli.output import show_json, show_table
from hub.cli.settings_text import restoring_text, settings_json
from hub.cli.times import local_time
from hub.cli.ways_in import at_the_server
from hub.kept_settings import shown
from hub.registry import Holder, account_of, get_heat_pump
from hub.registry.replacing import Replaced, account_for_successor, replace_box
from hub.registry.settings import ask_restore, settings_of

NONE_YET = "No settings yet: operations reads them when the box is online (`hphub run`)."


@click.command("replace")
@click.argument("id_", metavar="ID")
@click.option("--box", metavar="JID", help="The new box's account, another than the former one's.")
@click.option("--enrol", "with_code", is_flag=True, help="Make a one-time code for the new box.")
@click.option("--restore", is_flag=True, help="Write the former box's settings to the new one when it comes.")
@until_option
@yes_option
@json_option
@config_option
def replace_command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    id_: str, box: str | None, with_code: bool, restore: bool, until: float, yes: bool, as_json: bool
) -> None:
    """Have another box stand for heat pump ID: the former one broke, or makes way for a better one.

    The heat pump stays as it is, with its id, grants, owners, groups and history. When the command returns
    the former box is shut out as by `hphub box revoke`, and its manufacturer sees the heat pump no more; that
    of the new one does. Who may schedule gets his slot prepared in the new box; schedules he must set anew.

    With --enrol the account can be left out; it is ID-2, ID-3 and so on at the hub's domain of boxes.

    Settings are those that `hphub heatpump settings ID` shows. What the new box measured before the former
    one was last seen does not go into the history: it ran elsewhere then.

    \b
    Example:
      hphub heatpump replace hp0042 --enrol --restore
      hphub heatpump replace hp0001 --box box0107@boxes.example.org
    """
    config = load_config()
    made = new_code(config, until) if with_code else None
    if box is None and made is None:
        raise click.UsageError("give the new box's account, --box JID, or --enrol for a new one")
    former = read(_account, id_)
    confirm(f"Shut out {former}, the box of {id_}, and have another one stand for it?", yes)
    at = now()

    def apply(session: Session) -> Replaced:
        named = box or account_for_successor(session, id_, str(config.enrolment.box_domain))
        done = replace_box(session, id_, named, hub_domain=config.domain, restore=restore, now=at)
        if made is not None:
            require_own_domain(config, Holder(id_), done.box)
            made.keep(session, Holder(id_))
        return done

    code = f", enrolment code {made.code.identity.hex()}" if made else ""
    asked = ", to be restored" if restore else ""
    done = change(
        apply,
        lambda done: _entry(
            "heatpump replace", id_, done.box,
            f"in place of {done.former}; {done.certificates} certificates revoked, {done.settings} settings"
            f" kept{asked}{code}",
        ),
    )  # fmt: skip
    click.echo(f"{done.box} stands for {id_} now; {done.former} is shut out of the hub.", err=as_json)
    click.echo(f"{_settings_line(done.settings, restore, id_)}", err=as_json)
    if made is not None:
        show_code(made, Holder(id_), done.box, as_json=as_json)
    elif as_json:
        show_json({"id": id_, "box": done.box, "former": done.former, "settings": done.settings})
    at_the_server(config, done.former, quiet=as_json)


@click.command("settings")
@click.argument("id_", metavar="ID")
@json_option
@config_option
def settings_command(id_: str, as_json: bool) -> None:
    """Show the settings of heat pump ID that outlive its box: heating curve, set points, limit of power.

    Operations reads them when the box comes online and was not read for a day, and within some ten minutes
    after somebody wrote or commanded something. A set point is one only while it was commanded; not what a
    schedule wants.

    \b
    now       in the present box
    kept      in the box before it; `hphub heatpump restore ID` writes it
    restored  what came of that: a setting the box lacks or refuses is named, the others are written

    \b
    Example:
      hphub heatpump settings hp0042 --json
    """
    record = read(settings_of, id_)
    if as_json:
        show_json(settings_json(id_, record))
        return
    show_table(
        ("setting", "now", "kept", "of", "restored"),
        [
            [one.reference, shown(one.value), shown(one.kept), local_time(one.kept_at), one.outcome]
            for one in record.settings
        ],
        empty=NONE_YET,
    )
    if record.read_at is not None:
        click.echo(f"Read {local_time(record.read_at)}.")
    if record.since is not None:
        click.echo(f"The box came in place of another {local_time(record.since)}: {restoring_text(record)}.")


@click.command("restore")
@click.argument("id_", metavar="ID")
@config_option
def restore_command(id_: str) -> None:
    """Write the settings that are kept of the former box of heat pump ID to the present one.

    Operations does it as soon as the box is online, and tries again while the box does not answer or refuses;
    `hphub heatpump settings ID` shows what came of it, the audit too.

    \b
    Example:
      hphub heatpump restore hp0042
    """
    at = now()

    def apply(session: Session) -> tuple[int, str]:
        return ask_restore(session, id_, now=at), account_of(session, get_heat_pump(session, id_))

    count, _ = change(
        apply, lambda done: _entry("heatpump restore", id_, done[1], f"{done[0]} settings to be restored")
    )
    click.echo(f"{_settings_line(count, True, id_)}")


def _settings_line(count: int, restore: bool, id_: str) -> str:
    if not count:
        return "No settings of the former box are known."
    if restore:
        return f"{count} settings are written to the new box when it is online: hphub heatpump settings {id_}"
    later = f"`hphub heatpump restore {id_}` writes them to the new one"
    return f"{count} settings of the former box are kept: {later}."


def _account(session: Session, id_: str) -> str:
    return account_of(session, get_heat_pump(session, id_))


def _entry(service: str, heat_pump: str, box: str, detail: str) -> AuditEntry:
    return AuditEntry(
        at=now(), kind=AuditKind.OPERATOR, heat_pump=heat_pump, box=box, service=service, detail=detail,
        actor=operator(),
    )  # fmt: skip

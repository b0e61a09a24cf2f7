"""How boxes and providers get in, in words; and their accounts at the server."""

from __future__ import annotations

from typing import Any

import click

from hub.cli.context import CommandFailed, now, read
from hub.cli.times import utc_time
from hub.config import HubConfig
from hub.enrolment.files import write_revoked
from hub.enrolment.sessions import SessionNotClosed, close_session
from hub.registry import revoked_serials
from hub.registry.ways_in import WayIn


def way_state(one: WayIn, at: float) -> str:
    """In a word."""
    if one.shut_out_at is not None:
        return "shut out"
    if one.certificate_ends is not None:
        return "certificate" if at < one.certificate_ends else "expired"
    return "code open" if one.code_expires is not None else "password"


def way_json(one: WayIn, account: str, at: float) -> dict[str, Any]:
    """For programs; ``account``: what its account is called there."""
    return {
        "id": one.id,
        account: one.account,
        "state": way_state(one, at),
        "shut_out": utc_time(one.shut_out_at),
        "serial": one.serial,
        "certificate_ends": utc_time(one.certificate_ends),
        "code_expires": utc_time(one.code_expires),
    }


def at_the_server(config: HubConfig, account: str, *, quiet: bool = False) -> None:
    """Shut an account out of its server too, as far as that is ours, and say how far; ``quiet``: to standard
    error.

    Raises CommandFailed.
    """
    section, domain = config.enrolment, account.rpartition("@")[2]
    if section.account_domains:
        write_revoked(section.revoked_file, read(revoked_serials, now()))
    if domain not in section.account_domains:
        click.echo(
            f"At the hub only: {domain} is not a domain of this hub (enrolment), so its session"
            " and account there are in the hands of who runs that server.",
            err=quiet,
        )
        return
    if not section.close_session:
        click.echo(
            f"Its session on {domain} is left to mod_hub_revoked, which closes it within a second if it came"
            " in with a certificate; to close any, set enrolment.close_session in hub.yaml.",
            err=quiet,
        )
        return
    try:
        close_session(section.close_session, account)
    except SessionNotClosed as failed:
        raise CommandFailed(
            f"the hub has dropped {account}, but its session on {domain} may go on: {failed}"
        ) from None
    click.echo(
        f"Its session on {domain} is closed. If it has a password there, remove the account too.", err=quiet
    )

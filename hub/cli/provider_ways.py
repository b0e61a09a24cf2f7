"""``hphub provider enrol``, ``revoke`` and ``allow``: a provider's way in, and shutting it out."""

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
from hub.cli.enrolment import enrol, until_option
from hub.cli.ways_in import at_the_server
from hub.registry import (
    Holder,
    account_of,
    get_provider,
    let_in_provider,
    revoke_certificates,
    shut_out_provider,
    withdraw_codes,
)


@click.command("enrol")
@click.argument("id_", metavar="ID")
@until_option
@json_option
@config_option
def enrol_command(id_: str, until: float, as_json: bool) -> None:
    """Make a one-time code for a provider that is there: for another machine, or after it was shut out.

    Its account must be on the hub's domain of providers (enrolment.provider_domain). Codes made before are
    void. When the code is used, certificates given before are, too.

    \b
    Example:
      hphub provider enrol agg --code-until 2d
    """
    enrol(load_config(), Holder(provider=id_), until, as_json)


@click.command("revoke")
@click.argument("id_", metavar="ID")
@yes_option
@config_option
def revoke_command(id_: str, yes: bool) -> None:
    """Shut a provider out: its key was stolen, or it must not go on.

    When the command returns the hub takes nothing from its account and sends it nothing, its certificates and
    codes count no more, and its session on the XMPP server is closed. Boxes end its associations; a schedule
    that they have goes on, `hphub grant revoke` ends that. The provider stays with its grants. An account on
    another domain than ours is shut out at the hub only: its login is its own server's matter.

    It comes in again by `hphub provider enrol`, or `hphub provider allow`.

    \b
    Example:
      hphub provider revoke agg --yes
    """
    config = load_config()
    jid = read(_account, id_)
    confirm(f"Shut out {jid}, the account of provider {id_}?", yes)
    at = now()

    def apply(session: Session) -> int:
        row, _ = shut_out_provider(session, id_, at)
        withdraw_codes(session, Holder(provider=id_), at)
        return revoke_certificates(session, row, at)

    count = change(apply, lambda count: _entry("provider revoke", id_, jid, f"{count} certificates revoked"))
    click.echo(f"{jid}, the account of provider {id_}, is shut out of the hub; {count} certificates revoked.")
    at_the_server(config, jid)


@click.command("allow")
@click.argument("id_", metavar="ID")
@config_option
def allow_command(id_: str) -> None:
    """Let a provider that was shut out in again, by its password or at its own server.

    Revoked certificates stay so: for a provider that had one make a new code, `hphub provider enrol`, which
    lets it in by itself.

    \b
    Example:
      hphub provider allow agg
    """
    row = change(let_in_provider, lambda row: _entry("provider allow", id_, row.jid, ""), id_)
    click.echo(f"{row.jid}, the account of provider {id_}, is let in again.")


def _account(session: Session, id_: str) -> str:
    return account_of(session, get_provider(session, id_))


def _entry(service: str, provider: str, jid: str, detail: str) -> AuditEntry:
    return AuditEntry(
        at=now(), kind=AuditKind.OPERATOR, provider=provider, provider_jid=jid, service=service,
        detail=detail, actor=operator(),
    )  # fmt: skip

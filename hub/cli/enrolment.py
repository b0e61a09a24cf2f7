"""One-time codes as the operator makes and shows them."""

from __future__ import annotations

import io
import secrets
import sys
from dataclasses import dataclass

import click
import segno
from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditKind
from hub.cli.context import CommandFailed, WrongUsage, change, now, operator
from hub.cli.output import show_json
from hub.cli.times import When, local_time, utc_time
from hub.config import HubConfig
from hub.enrolment.files import server_fingerprint
from hub.registry import Holder, account_of, add_code
from iec61850_model.enrolment.code import IDENTITY_OCTETS, SECRET_OCTETS, EnrolmentCode
from iec61850_model.enrolment.keys import verifier_of

MAX_VALIDITY = 90 * 86_400.0
"""Seconds a code may be good for: it lies on a table or in a mail meanwhile."""

until_option = click.option(
    "--code-until", "until", type=When(1), default="7d", show_default=True, help="How long the code is good."
)


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that the registry does not know yet."""

    code: EnrolmentCode
    expires: float

    def keep(self, session: Session, holder: Holder) -> str:
        """Let the registry know it, for this heat pump or provider; returns the account it is for."""
        return add_code(
            session, holder, self.code.identity, verifier_of(self.code.secret), now=now(),
            expires=self.expires,
        ).account  # fmt: skip


def new_code(config: HubConfig, until: float, *, provider: bool = False) -> NewCode:
    """A code for one box or provider. Raises CommandFailed, WrongUsage, ConfigError."""
    section = config.enrolment
    if (section.provider_domain if provider else section.box_domain) is None:
        who, key = ("provider", "provider_domain") if provider else ("box", "box_domain")
        raise CommandFailed(
            f"no {who} can enrol at this hub: set enrolment.{key} in hub.yaml, see docs/enrolment.md"
        )
    if not now() < until <= now() + MAX_VALIDITY:
        raise WrongUsage(f"--code-until: a code is good for at most {MAX_VALIDITY / 86_400:.0f} days")
    host, port = (section.host, section.port) if section.host else ("", 0)
    return NewCode(
        EnrolmentCode(
            hub=config.domain,
            host=host,
            port=port,
            identity=secrets.token_bytes(IDENTITY_OCTETS),
            secret=secrets.token_bytes(SECRET_OCTETS),
            fingerprint=server_fingerprint(section),
        ),
        until,
    )


def require_own_domain(config: HubConfig, holder: Holder, account: str) -> None:
    """Raise WrongUsage if this account is not on the server that takes our certificates."""
    domain, section = account.rpartition("@")[2], config.enrolment
    ours = section.provider_domain if holder.provider else section.box_domain
    if domain != ours:
        raise WrongUsage(
            f"{account} is an account on {domain}, where certificates of this hub let nobody in (only on"
            f" {ours}): its own server gives it a password or certificate"
        )


def enrol(config: HubConfig, holder: Holder, until: float, as_json: bool) -> None:
    """Make a code for a heat pump or provider that is there, and show it."""
    made = new_code(config, until, provider=bool(holder.provider))

    def keep(session: Session) -> str:
        require_own_domain(config, holder, account_of(session, holder.row(session)))
        return made.keep(session, holder)

    account = change(keep, lambda account: code_entry(holder, account, made))
    show_code(made, holder, account, as_json=as_json)


def code_entry(holder: Holder, account: str, made: NewCode) -> AuditEntry:
    """For the audit: everything but the secret."""
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=holder.heat_pump,
        box="" if holder.provider else account,
        provider=holder.provider,
        provider_jid=account if holder.provider else "",
        service="enrolment code",
        detail=f"code {made.code.identity.hex()}, good until {utc_time(made.expires)}",
        actor=operator(),
    )


def show_code(made: NewCode, holder: Holder, account: str, *, as_json: bool) -> None:
    """Print a code: the only time anybody sees it."""
    text, id_ = made.code.text, holder.provider or holder.heat_pump
    if as_json:
        key = "jid" if holder.provider else "box"
        show_json({"id": id_, key: account, "code": text, "expires": utc_time(made.expires)})
        return
    whose, where, program, noun = (
        (f"provider {id_}", "On its machine", "hpclient", "provider")
        if holder.provider
        else (f"the box of {id_}", "On the box", "hpbox", "box")
    )
    click.echo(f"One-time code for {whose}, good until {local_time(made.expires)}:\n\n{text}\n")
    if sys.stdout.isatty():
        drawn = io.StringIO()
        segno.make(text, error="m", micro=False).terminal(drawn, border=4, compact=True)
        click.echo(drawn.getvalue())
    group = "provider" if holder.provider else "heatpump"
    click.echo(
        f"{where}: `{program} enrol CODE`, or `{program} enrol -` and paste it. It becomes {account}. Who"
        f" uses the code first is the {noun}: hand it over in person. It is not shown again;"
        f" `hphub {group} enrol {id_}` makes another one, and this one is void then."
    )

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
from hub.registry import account_of, add_code, get_heat_pump
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

    def keep(self, session: Session, heat_pump: str) -> str:
        """Let the registry know it, for this heat pump; returns the account it is for."""
        return add_code(
            session, heat_pump, self.code.identity, verifier_of(self.code.secret), now=now(),
            expires=self.expires,
        ).box  # fmt: skip


def new_code(config: HubConfig, until: float) -> NewCode:
    """A code for one box. Raises CommandFailed, WrongUsage, ConfigError."""
    section = config.enrolment
    if section.box_domain is None:
        raise CommandFailed(
            "no box can enrol at this hub: set enrolment.box_domain in hub.yaml, see docs/enrolment.md"
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


def require_box_domain(config: HubConfig, box: str) -> None:
    """Raise WrongUsage if this account is not on the server that takes our certificates."""
    domain = box.rpartition("@")[2]
    if domain != config.enrolment.box_domain:
        raise WrongUsage(
            f"{box} is an account on {domain}, where certificates of this hub let nobody in (only on"
            f" {config.enrolment.box_domain}): its own server gives it a password or certificate"
        )


def enrol(config: HubConfig, id_: str, until: float, as_json: bool) -> None:
    """Make a code for a heat pump that is there, and show it."""
    made = new_code(config, until)

    def keep(session: Session) -> str:
        require_box_domain(config, account_of(session, get_heat_pump(session, id_)))
        return made.keep(session, id_)

    box = change(keep, lambda box: code_entry(id_, box, made))
    show_code(made, id_, box, as_json=as_json)


def code_entry(heat_pump: str, box: str, made: NewCode) -> AuditEntry:
    """For the audit: everything but the secret."""
    return AuditEntry(
        at=now(),
        kind=AuditKind.OPERATOR,
        heat_pump=heat_pump,
        box=box,
        service="enrolment code",
        detail=f"code {made.code.identity.hex()}, good until {utc_time(made.expires)}",
        actor=operator(),
    )


def show_code(made: NewCode, heat_pump: str, box: str, *, as_json: bool) -> None:
    """Print a code: the only time anybody sees it."""
    text = made.code.text
    if as_json:
        show_json({"id": heat_pump, "box": box, "code": text, "expires": utc_time(made.expires)})
        return
    click.echo(
        f"One-time code for the box of {heat_pump}, good until {local_time(made.expires)}:\n\n{text}\n"
    )
    if sys.stdout.isatty():
        drawn = io.StringIO()
        segno.make(text, error="m", micro=False).terminal(drawn, border=4, compact=True)
        click.echo(drawn.getvalue())
    click.echo(
        f"On the box: `hpbox enrol CODE`, or `hpbox enrol -` and paste it. It becomes {box}. Who uses the"
        " code first is the box: hand it over in person. It is not shown again;"
        f" `hphub heatpump enrol {heat_pump}` makes another one, and this one is void then."
    )

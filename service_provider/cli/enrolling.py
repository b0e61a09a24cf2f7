"""``hpclient enrol``: from a one-time code to an account that logs in by certificate."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import click

from iec61850_model.enrolment.code import MAX_TEXT, EnrolmentCode, InvalidCode
from iec61850_model.xmpp import ConnectionFailed
from service_provider.cli.connection import Login
from service_provider.cli.exits import NO_ANSWER, NO_RIGHT, WRONG_USE, printable, report
from service_provider.errors import CannotConnect
from service_provider.provider import ServiceProvider


@click.command("enrol")
@click.argument("code")
@click.pass_obj
def enrol(login: Login, code: str) -> None:
    """Make this machine the provider that a one-time code of the hub's operator is for, and log in once.

    CODE is what `hphub provider add --enrol` printed, or what its QR code holds; - reads it from standard
    input, where no other user of this machine sees it. Blanks, dashes and line breaks in it do not matter.

    The private key is made here and never leaves this machine. The server must prove to be the one the code
    was made for. Written are identity.pem (key and certificate, yours alone to read), server-ca.pem and
    client.yaml, in ~/.config/heat-pump-hub or beside the file that --config names; a client.yaml that is
    there is left as it is. The certificate is good for 30 days and renewed by whatever command comes in its
    last ten.

    \b
    Example:
      hpclient enrol -                               paste the code, then Ctrl-D
      hpclient ls

    \b
    Exit codes:
      0  enrolled, and logged in
      2  the code or the folder cannot be used
      3  the hub says no; the message says why
      4  no connection; the code may be tried again
    """
    try:
        parsed = EnrolmentCode.parse(sys.stdin.read(MAX_TEXT + 1) if code == "-" else code)
    except (InvalidCode, UnicodeDecodeError) as error:
        _fail(f"this is no code of a hub: {error}", WRONG_USE)
    # What else hpclient does needs none of the megabytes that cryptography takes.
    from iec61850_model.enrolment.keys import BadKey  # noqa: PLC0415
    from iec61850_model.xmpp.enrolling import EnrolmentFailed  # noqa: PLC0415
    from service_provider.first_time import become_provider  # noqa: PLC0415

    config = login.config_file
    try:
        done = become_provider(parsed, config)
    except EnrolmentFailed as error:
        _fail(str(error), NO_RIGHT)
    except ConnectionFailed as error:
        _fail(str(error), NO_ANSWER)
    except (OSError, BadKey) as error:
        _fail(f"{config.parent}: {error}", WRONG_USE)
    lines, until = done.lines, datetime.fromtimestamp(done.until, UTC)
    click.echo(f"You are {lines['jid']} at hub {lines['hub']}; the certificate ends on {until:%Y-%m-%d}.")
    for note in done.notes or [f"Written: {config}"]:
        click.echo(note)
    sys.exit(asyncio.run(_log_in(lines)))


async def _log_in(lines: Mapping[str, Any]) -> int:
    jid, hub = lines["jid"], lines["hub"]
    more: dict[str, Any] = {key: lines.get(key) for key in ("identity_file", "ca_file", "host", "port")}
    try:
        async with ServiceProvider(jid, hub=hub, **more):
            click.echo("Logged in. Next: hpclient ls")
    except CannotConnect as error:
        return report(error)
    return 0


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"hpclient: {printable(message)}", err=True)
    raise SystemExit(code)

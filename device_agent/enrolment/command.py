"""``hpbox enrol``: from a one-time code to a box that can run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from iec61850_model.enrolment.code import MAX_TEXT, EnrolmentCode, InvalidCode
from iec61850_model.xmpp import ConnectionFailed

EXIT_REFUSED = 1
EXIT_CONFIGURATION = 2


@click.command("enrol")
@click.argument("code", required=False)
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Read the code from this file.")
@click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default="here",
    help="The box's folder.",
)  # fmt: skip
@click.option(
    "--model", type=click.Path(dir_okay=False, path_type=Path), help="The ICD.  [default: the shipped one]"
)
def enrol_command(code: str | None, file: Path | None, folder: Path, model: Path | None) -> None:
    """Make this machine the box that a one-time code of the hub's operator is for.

    CODE is what `hphub heatpump add --enrol` printed, or what its QR code holds; - reads it from standard
    input. Blanks, dashes and line breaks in it do not matter.

    The private key is made here and never leaves this machine. The server must prove to be the one the code
    was made for. Written are identity.pem (key and certificate), server-ca.pem and box.yaml, in which nothing
    is wired and nothing can be switched yet; a box.yaml that is there is left as it is. Then: `hpbox run`.

    \b
    Exit codes:
      0  enrolled
      1  the hub or the network says no; the message says why. The code may be tried again
      2  the code or the folder cannot be used
    """
    parsed = _parse(code, file)
    # What runs afterwards needs none of the megabytes that cryptography takes.
    from device_agent.enrolment.first_time import become_box  # noqa: PLC0415
    from iec61850_model.enrolment.keys import BadKey  # noqa: PLC0415
    from iec61850_model.xmpp.enrolling import EnrolmentFailed  # noqa: PLC0415

    try:
        enrolled, notes = become_box(parsed, folder, model)
    except (EnrolmentFailed, ConnectionFailed) as error:
        _fail(str(error), EXIT_REFUSED)
    except (OSError, BadKey) as error:
        _fail(f"{folder}: {error}", EXIT_CONFIGURATION)
    until = enrolled.identity.certificate.not_valid_after_utc
    click.echo(f"This box is {enrolled.jid} of hub {enrolled.hub}; its certificate ends on {until:%Y-%m-%d}.")
    for note in notes:
        click.echo(note)


def _parse(code: str | None, file: Path | None) -> EnrolmentCode:
    if (code is None) == (file is None):
        raise click.UsageError("give the code, - for standard input, or --file FILE")
    try:
        if file is not None:
            with file.open(encoding="ascii") as source:
                code = source.read(MAX_TEXT + 1)
        elif code == "-":
            code = sys.stdin.read(MAX_TEXT + 1)
        return EnrolmentCode.parse(code or "")
    except InvalidCode as error:
        _fail(f"this is no code of a hub: {error}", EXIT_CONFIGURATION)
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file or 'standard input'}: {error}", EXIT_CONFIGURATION)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"hpbox: {message}", err=True)
    raise SystemExit(code)

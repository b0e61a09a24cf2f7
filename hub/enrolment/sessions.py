"""Closing a box's session on its XMPP server, by the command that hub.yaml names for that."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

COMMAND_TIMEOUT = 20.0
"""Seconds for the command: prosodyctl takes some tenths."""
MAX_SHOWN = 300
"""Characters of its last words that are shown."""

_PLAIN = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", re.ASCII)


class SessionNotClosed(Exception):
    """The session may go on; the message says why."""


def command_line(command: Sequence[str], jid: str) -> list[str]:
    """The command with the account in its place.

    No shell reads it; but a server's console may, so an account with other than plain letters is refused:
    raises SessionNotClosed.
    """
    if not _PLAIN.fullmatch(jid):
        raise SessionNotClosed(f"{jid} has characters that are no good in a command: close it by hand")
    return [part.replace("{jid}", jid) for part in command]


def close_session(command: Sequence[str], jid: str) -> None:
    """Run it; raises SessionNotClosed if it fails."""
    line = command_line(command, jid)
    try:
        done = subprocess.run(  # noqa: S603  the operator's own command, without a shell
            line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SessionNotClosed(f"{line[0]}: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-MAX_SHOWN:]
        raise SessionNotClosed(f"{line[0]} ended with {done.returncode}: {said}")

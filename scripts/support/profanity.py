"""Profanity, a chat client for the terminal: where it is, and a terminal in which a program types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

from support.apt_packages import PackagesUnavailableError, Report, unpacked
from support.prosody_install import REPOSITORY

PACKAGE = "profanity-light"
"""Debian's build without a desktop's libraries."""
ROWS, COLUMNS = 60, 200
"""Of the terminal: wide enough that no line of ours is broken."""
POLL = 0.05
PATIENCE = 30.0
"""Seconds until waiting for a text is given up."""
MAX_SCREEN = 1_000_000
"""Characters kept of what the client drew, from the end."""
STOP_TIMEOUT = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|\][^\x07]*\x07|.)")


class ProfanityUnavailableError(Exception):
    """There is no Profanity and none could be got."""


class ProfanityError(Exception):
    """It did not show what was waited for; the message holds what it showed last."""


def find_profanity(
    local: Path = REPOSITORY / ".local", report: Report = lambda line: None
) -> tuple[str, dict[str, str]]:
    """The program and what its environment needs: the installed one, or else one unpacked into `local`.

    Raises ProfanityUnavailableError.
    """
    installed = shutil.which("profanity")
    if installed is not None:
        return installed, {}
    try:
        tree = unpacked(PACKAGE, local, lambda tree, new: None, report)
    except PackagesUnavailableError as error:
        raise ProfanityUnavailableError(f"Profanity is not installed and {error}") from error
    libraries = [*tree.glob("lib/*-linux-*"), *tree.glob("usr/lib/*-linux-*")]
    return str(tree / "usr/bin/profanity"), {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}


class Profanity:
    """Profanity in a terminal of its own, with a home of its own in `home`. Use it in a `with`."""

    def __init__(self, home: Path, program: tuple[str, dict[str, str]]) -> None:
        self._home = home
        self._program, self._needs = program
        self._shown = ""
        self._terminal = -1
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Profanity:
        settings = self._home / "config" / "profanity"
        settings.mkdir(parents=True)
        (settings / "profrc").write_text("[ui]\nsplash=false\n")
        environment = self._needs | {
            "HOME": str(self._home),
            "XDG_CONFIG_HOME": str(self._home / "config"),
            "XDG_DATA_HOME": str(self._home / "data"),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
        }
        self._terminal, its_end = pty.openpty()
        fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        try:
            self._process = subprocess.Popen(
                [self._program],
                env=environment,
                stdin=its_end,
                stdout=its_end,
                stderr=its_end,
                start_new_session=True,
            )
        finally:
            os.close(its_end)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_TIMEOUT)
        os.close(self._terminal)

    def type(self, line: str, *, then: str = "") -> None:
        """Type a line and Enter; with `then` wait until that was drawn after it. Raises ProfanityError."""
        before = len(self._shown)
        os.write(self._terminal, f"{line}\r".encode())
        if then:
            self.wait_for(lambda shown: then in shown[before:], then)

    def connect(self, jid: str, password: str, port: int) -> None:
        """Log in at a server on this machine, whatever its certificate. Raises ProfanityError."""
        self.wait_for(lambda shown: "Type '/help'" in shown, "its first lines")
        self.type(f"/connect {jid} server 127.0.0.1 port {port} tls trust", then="Enter password")
        self.type(password, then="logged in successfully")

    def wait_for(self, reached: Callable[[str], bool], what: str) -> None:
        """Wait until what was drawn fulfils this. Raises ProfanityError."""
        end = time.monotonic() + PATIENCE
        while not reached(self._shown):
            if time.monotonic() > end:
                raise ProfanityError(f"Profanity did not show {what!r}:\n{self._shown[-4_000:]}")
            time.sleep(POLL)

    @property
    def shown(self) -> str:
        """All that was drawn, without what moves the cursor; a line break where it was moved."""
        return self._shown

    def _read(self) -> None:
        held = b""
        while True:
            try:
                octets = os.read(self._terminal, 65_536)
            except OSError:
                return  # it has ended
            if not octets:
                return
            held += octets
            whole, held = _whole(held)
            text = re.sub(r"\x1b\[\d*;?\d*H", "\n", whole.decode(errors="replace"))
            self._shown = (self._shown + _ESCAPES.sub("", text).replace("\r", "\n"))[-MAX_SCREEN:]


def _whole(octets: bytes) -> tuple[bytes, bytes]:
    """Without an escape sequence or character at the end that has only begun."""
    at = octets.rfind(b"\x1b")
    if at >= 0 and not re.match(rb"\x1b(?:\[[0-9;?]*[@-~]|[^\[])", octets[at:]):
        return octets[:at], octets[at:]
    for back in range(1, min(4, len(octets)) + 1):
        if octets[-back] & 0xC0 == 0xC0:
            cut = len(octets) - back
            try:
                octets[cut:].decode()
            except UnicodeDecodeError:
                return octets[:cut], octets[cut:]
            break
    return octets, b""

"""A real Prosody of one's own: started on free loopback ports, stopped, killed, started again.

`python -m support.prosody` gets Prosody if needed and says where it is.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from support.pki import CertificateAuthority, write_private
from support.ports import LOOPBACK, ReservedPort
from support.processes import die_with_parent, is_alive
from support.prosody_config import EnrolmentSettings, ProsodySettings, render
from support.prosody_federation import Federation
from support.prosody_install import ProsodyInstall, ProsodyUnavailableError, find_prosody

__all__ = [
    "ProsodyError",
    "ProsodyInstall",
    "ProsodyServer",
    "ProsodyUnavailableError",
    "find_prosody",
    "stop_detached",
]

START_TIMEOUT = 30.0
"""Seconds from starting the process until both ports must answer; 0.3 s on a PC, seconds on a busy Pi."""

STOP_TIMEOUT = 15.0
"""Seconds between SIGTERM and SIGKILL; Prosody gives its clients 5 s to close their streams."""

CONTROL_TIMEOUT = 60.0
"""Seconds for one prosodyctl command (0.1 s on a PC)."""

POLL_INTERVAL = 0.05
"""Seconds between two looks at a server that is starting or stopping."""

ANSWER_LIMIT = 65_536
"""Octets read from a port while waiting for the answer that shows the server is up."""

LOG_SHOWN = 3_000
"""Characters from the end of the log that an error shows."""


class ProsodyError(Exception):
    """Prosody did not do what it was asked; the message holds the end of its log."""


class ProsodyServer:
    """One Prosody with a configuration, certificates and data folder of its own.

    Usable as a context manager: started on entry, closed on exit.

    Attributes:
        c2s_port: where clients connect (STARTTLS required).
        component_port: where components connect (plain TCP).
        ca_file: the certificate of the CA that clients must trust.
        component_secrets: the secret of each component domain.
        log_file: the server's log.
        directory: everything that belongs to this server, mode 0700.
    """

    def __init__(  # noqa: PLR0913 - all but three by name
        self,
        directory: Path,
        domains: Sequence[str],
        component_secrets: Mapping[str, str],
        *,
        install: ProsodyInstall | None = None,
        detached: bool = False,
        enrolment: EnrolmentSettings | None = None,
        federation: Federation | None = None,
    ) -> None:
        """Write configuration and certificates into `directory` and reserve the ports; nothing runs yet.

        With `federation` the server speaks to others; its certificate comes from their CA.

        Accounts already in `directory` stay. With `detached` the server outlives this process and is ended
        with `stop_detached`; otherwise the system ends it when the thread that called `start` ends, whatever
        the reason.

        Raises:
            ProsodyUnavailableError: see `find_prosody`, which is asked if no `install` is given.
            ValueError: no domain was given.
        """
        if not domains:
            raise ValueError("a Prosody needs at least one domain")
        self._install = install or find_prosody()
        self._detached = detached
        self._domains = tuple(domains)
        self._process: subprocess.Popen[bytes] | None = None
        self.component_secrets = dict(component_secrets)
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        (self.directory / "data").mkdir(exist_ok=True)
        self._ports = (ReservedPort(), ReservedPort())
        self.c2s_port, self.component_port = (port.number for port in self._ports)
        settings = ProsodySettings(
            self.directory,
            domains,
            component_secrets,
            self.c2s_port,
            self.component_port,
            enrolment,
            federation,
        )
        authority = federation.authority if federation else CertificateAuthority(self.directory)
        settings.certificates.mkdir(exist_ok=True)
        names = [*domains, *component_secrets, "localhost", LOOPBACK]
        authority.issue_server(settings.certificates, "server", names)
        self.ca_file = authority.certificate_file
        self.log_file = settings.log_file
        self._pid_file = settings.pid_file
        self._console = self.directory / "console.log"
        self._config = self.directory / "prosody.cfg.lua"
        write_private(self._config, render(settings).encode())

    def __enter__(self) -> ProsodyServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def is_running(self) -> bool:
        """Return whether the process that `start` made is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start the server and return when clients and components can connect; also after `stop` or `kill`.

        Raises:
            ProsodyError: it runs already, it ended at once, or a port gave no answer within `timeout` s.
        """
        if self.is_running():
            raise ProsodyError("this Prosody is running already: stop it before you start it again")
        command = [*self._install.server, "-F", "--config", str(self._config)]
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                umask=0o077,
                # Ctrl-C in a terminal is for us: we stop the server in an orderly way.
                start_new_session=True,
                preexec_fn=None if self._detached else die_with_parent(),  # noqa: PLW1509 - two system calls
            )
        try:
            self._wait_until_up(time.monotonic() + timeout, timeout)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the server in an orderly way; `start` brings it back on the same ports. Safe to repeat."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server without warning (SIGKILL), as a power cut would; `start` brings it back."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop the server, unless it is detached, and give its ports up; `start` is not possible any more."""
        if not self._detached:
            self.stop()
        for port in self._ports:
            port.release()

    def register(self, jid: str, password: str) -> None:
        """Make the account `jid` (user@domain), or give it this password; the server may be running or not.

        The password goes through a pipe: command lines can be read by every user of the machine.

        Raises:
            ProsodyError: prosodyctl refused.
            ValueError: not a bare JID of one of the server's domains, or a password that is no single line.
        """
        user, _, domain = jid.partition("@")
        if not user or domain not in self._domains:
            raise ValueError(f"{jid!r} is not user@domain with one of the domains {', '.join(self._domains)}")
        if not password or not password.isprintable():
            raise ValueError(f"the password for {jid} must be one line of printable characters")
        made = self._control("adduser", jid, password)
        # 0.12 says "That user already exists", 13 "User exists".
        if made.returncode != 0 and "exists" in made.stdout:
            made = self._control("passwd", jid, password)
        if made.returncode != 0:
            raise ProsodyError(f"prosodyctl could not make the account {jid}: {made.stdout.strip()}")

    def control_command(self, *arguments: str) -> list[str]:
        """A command line that runs prosodyctl on this server, from any environment."""
        environment = [f"{name}={value}" for name, value in self._install.environment.items()]
        return ["env", *environment, *self._install.control, "--config", str(self._config), *arguments]

    def _control(self, command: str, jid: str, password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._install.control, "--config", str(self._config), command, jid],
            cwd=self.directory,
            env=self._environment(),
            input=f"{password}\n{password}\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CONTROL_TIMEOUT,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._install.environment}

    def _wait_until_up(self, deadline: float, timeout: float) -> None:
        clients = _stream_opening("jabber:client", self._domains[0], " version='1.0'")
        waits = [("client", self.c2s_port, clients, b"<starttls")]
        for domain in self.component_secrets:
            opening = _stream_opening("jabber:component:accept", domain, "")
            waits.append((f"component {domain}", self.component_port, opening, b"<stream:stream"))
        for name, port, opening, expected in waits:
            while not _answers(port, opening, expected, deadline):
                if not self.is_running():
                    raise ProsodyError(f"Prosody ended while starting. {self._last_words()}")
                if time.monotonic() > deadline:
                    raise ProsodyError(
                        f"Prosody's {name} port {port} gave no proper answer within {timeout:.0f} s. "
                        f"{self._last_words()}"
                    )
                time.sleep(POLL_INTERVAL)

    def _last_words(self) -> str:
        parts = []
        for file in (self._console, self.log_file):
            if file.is_file():
                parts.append(f"End of {file}:\n{file.read_text(errors='replace')[-LOG_SHOWN:].strip()}")
        return "\n".join(parts)


def stop_detached(directory: Path) -> bool:
    """End the detached server of `directory`, made perhaps by another process; return whether there was one.

    Raises:
        ProsodyError: it did not end, not even by SIGKILL.
    """
    directory = directory.resolve()
    try:
        pid = int((directory / "prosody.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    # After a crash the number may belong to somebody else.
    if str(directory / "prosody.cfg.lua").encode() not in command.split(b"\0"):
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            if not is_alive(pid):
                return True
            time.sleep(POLL_INTERVAL)
    raise ProsodyError(f"Prosody (process {pid}) of {directory} does not end")


def _stream_opening(namespace: str, domain: str, version: str) -> bytes:
    streams = "http://etherx.jabber.org/streams"
    return f"<stream:stream xmlns='{namespace}' xmlns:stream='{streams}' to='{domain}'{version}>".encode()


def _answers(port: int, opening: bytes, expected: bytes, deadline: float) -> bool:
    """Whether the server on `port` answers a stream opening as expected."""
    received = b""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(opening)
            while expected not in received and len(received) < ANSWER_LIMIT and time.monotonic() < deadline:
                part = connection.recv(ANSWER_LIMIT)
                if not part:
                    return False
                received += part
    except OSError:
        return False
    return expected in received


def _main() -> int:
    try:
        install = find_prosody(report=lambda line: print(line, flush=True))
    except ProsodyUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Prosody {install.version}: {install.server[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(_main())

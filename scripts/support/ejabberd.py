"""A real ejabberd of one's own: started on free loopback ports, stopped, killed, started again.

`python -m support.ejabberd` gets ejabberd if needed and says where it is.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from support.ejabberd_config import EjabberdSettings, render
from support.ejabberd_install import EjabberdInstall, EjabberdUnavailableError, find_ejabberd
from support.pki import CertificateAuthority, write_private
from support.ports import LOOPBACK, ReservedPort
from support.processes import die_with_parent

__all__ = [
    "EjabberdError",
    "EjabberdInstall",
    "EjabberdServer",
    "EjabberdUnavailableError",
    "find_ejabberd",
]

START_TIMEOUT = 60.0
"""Seconds from starting the process until all ports must answer; 1 to 2 s on a PC."""

STOP_TIMEOUT = 20.0
"""Seconds between SIGTERM and SIGKILL; Erlang ends its applications one by one."""

REQUEST_TIMEOUT = 30.0
"""Seconds for one request to make an account (20 ms on a PC)."""

POLL_INTERVAL = 0.05
"""Seconds between two looks at a server that is starting."""

LOG_SHOWN = 3_000
"""Characters from the end of the log that an error shows."""

EXISTS = 409
"""HTTP status for an account that is there already."""


class EjabberdError(Exception):
    """ejabberd did not do what it was asked; the message holds the end of its log."""


class EjabberdServer:
    """One ejabberd with a configuration, certificates and database of its own, and no Erlang distribution.

    So no port mapper (epmd) is started or left behind. Usable as a context manager: started on entry and
    closed on exit.

    Attributes:
        c2s_port: where clients connect (STARTTLS required).
        component_ports: where the components of each domain connect (plain TCP).
        ca_file: the certificate of the CA that clients must trust.
        component_secrets: the secret of each component domain.
        log_file: the server's log.
        directory: everything that belongs to this server, mode 0700.
    """

    def __init__(
        self,
        directory: Path,
        domains: Sequence[str],
        component_secrets: Mapping[str, str],
        *,
        install: EjabberdInstall | None = None,
    ) -> None:
        """Write configuration and certificates into `directory` and reserve the ports; nothing runs yet.

        Accounts already in `directory` stay. The system ends the server when the thread that called `start`
        ends, whatever the reason.

        Raises:
            EjabberdUnavailableError: see `find_ejabberd`, which is asked if no `install` is given.
            ValueError: no domain was given, or the path of `directory` is too long for a socket in it.
        """
        if not domains:
            raise ValueError("an ejabberd needs at least one domain")
        self._install = install or find_ejabberd()
        self._domains = tuple(domains)
        self._process: subprocess.Popen[bytes] | None = None
        self.component_secrets = dict(component_secrets)
        self.directory = directory.resolve()
        self._ports = {name: ReservedPort() for name in ("", *component_secrets)}
        self.c2s_port = self._ports[""].number
        self.component_ports = {name: self._ports[name].number for name in component_secrets}
        settings = EjabberdSettings(
            self.directory, domains, component_secrets, self.c2s_port, self.component_ports
        )
        configuration = render(settings)
        for folder in (self.directory, settings.log_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        authority = CertificateAuthority(self.directory)
        names = [*domains, *component_secrets, "localhost", LOOPBACK]
        authority.issue_server(self.directory, "server", names)
        parts = [self.directory / f"server.{ending}" for ending in ("crt", "key")]
        write_private(settings.certificate, b"".join(part.read_bytes() for part in parts))
        self.ca_file = authority.certificate_file
        self.log_file = settings.log_file
        self._admin_socket = settings.admin_socket
        self._console = self.directory / "console.log"
        self._config = self.directory / "ejabberd.yml"
        write_private(self._config, configuration.encode())

    @property
    def component_port(self) -> int:
        """Where the first component domain's components connect."""
        return next(iter(self.component_ports.values()))

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def __enter__(self) -> EjabberdServer:
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
            EjabberdError: it runs already, it ended at once, or a port gave no answer within `timeout` s.
        """
        if self.is_running():
            raise EjabberdError("this ejabberd is running already: stop it before you start it again")
        self._admin_socket.unlink(missing_ok=True)
        database = json.dumps(
            str(self.directory / "database")
        )  # an Erlang string is written like one of JSON
        command = [*self._install.server, "-noinput", "-start_epmd", "false"]
        command += ["-mnesia", "dir", database, "-s", "ejabberd"]
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
                # Safe with threads: it makes two system calls.
                preexec_fn=die_with_parent(),  # noqa: PLW1509
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
        """Stop the server and give its ports up; `start` is not possible any more."""
        self.stop()
        for port in self._ports.values():
            port.release()

    def register(self, jid: str, password: str) -> None:
        """Make the account `jid` (user@domain), or give it this password; the server must be running.

        Raises:
            EjabberdError: the server does not run or refused.
            ValueError: not a bare JID of one of the server's domains, or a password that is no single line.
        """
        user, _, domain = jid.partition("@")
        if not user or domain not in self._domains:
            raise ValueError(f"{jid!r} is not user@domain with one of the domains {', '.join(self._domains)}")
        if not password or not password.isprintable():
            raise ValueError(f"the password for {jid} must be one line of printable characters")
        account = {"user": user, "host": domain}
        status, said = self._ask("register", account | {"password": password})
        if status == EXISTS:
            status, said = self._ask("change_password", account | {"newpass": password})
        if status != http.client.OK:
            raise EjabberdError(f"ejabberd could not make the account {jid}: {said}")

    def _ask(self, command: str, arguments: Mapping[str, str]) -> tuple[int, str]:
        connection = _SocketConnection(self._admin_socket)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"/api/{command}", json.dumps(arguments), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except OSError as error:
            raise EjabberdError(f"ejabberd cannot be asked: {error}. {self._last_words()}") from error
        finally:
            connection.close()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self._install.environment,
            # Erlang keeps a cookie in HOME even when it is never used.
            "HOME": str(self.directory),
            "EJABBERD_CONFIG_PATH": str(self._config),
            "EJABBERD_LOG_PATH": str(self.log_file),
            "ERL_CRASH_DUMP": str(self.directory / "crash.dump"),
        }

    def _wait_until_up(self, deadline: float, timeout: float) -> None:
        """The listeners open last, each when its part of the server is ready."""
        for port in (self.c2s_port, *self.component_ports.values()):
            while not _listens(port):
                if not self.is_running():
                    raise EjabberdError(f"ejabberd ended while starting. {self._last_words()}")
                if time.monotonic() > deadline:
                    raise EjabberdError(
                        f"ejabberd's port {port} did not open within {timeout:.0f} s. {self._last_words()}"
                    )
                time.sleep(POLL_INTERVAL)
        while not self._admin_socket.exists() and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)

    def _last_words(self) -> str:
        if not self._console.is_file():
            return ""
        return f"End of {self._console}:\n{self._console.read_text(errors='replace')[-LOG_SHOWN:].strip()}"


class _SocketConnection(http.client.HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=REQUEST_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(REQUEST_TIMEOUT)
        self.sock.connect(str(self._path))


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _main() -> int:
    try:
        install = find_ejabberd(report=lambda line: print(line, flush=True))
    except EjabberdUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"ejabberd {install.version}: {install.environment['ERL_LIBS']}")
    return 0


if __name__ == "__main__":
    sys.exit(_main())

"""A real PostgreSQL of one's own: made, started on a free loopback port, killed, started again.

`python -m support.postgresql` gets PostgreSQL if needed and says where it is.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from support.apt_packages import PackagesUnavailableError, Report, unpacked
from support.pki import write_private
from support.ports import LOOPBACK, ReservedPort
from support.processes import die_with_parent

__all__ = ["PostgresqlError", "PostgresqlInstall", "PostgresqlServer", "PostgresqlUnavailableError"]

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT = 120.0
"""Seconds for making the database's files; 2 s on a PC."""
START_TIMEOUT = 60.0
"""Seconds from starting until it takes connections, the repair after a kill included."""
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.05
LOG_SHOWN = 3_000
"""Characters from the end of the log that an error shows."""
USER = "hub"
"""The role that owns the database."""


class PostgresqlUnavailableError(Exception):
    """No usable PostgreSQL could be got; the message says why."""


class PostgresqlError(Exception):
    """PostgreSQL did not do what it was asked; the message holds the end of its log."""


@dataclass(frozen=True)
class PostgresqlInstall:
    """Where the programs are, and what they need in addition to the caller's environment."""

    programs: Path
    environment: dict[str, str]

    @property
    def version(self) -> str:
        """For example "15"."""
        return self.programs.parent.name


def find_postgresql(
    local: Path = REPOSITORY / ".local", report: Report = lambda line: None
) -> PostgresqlInstall:
    """Return the PostgreSQL an administrator has installed, else Debian's package unpacked into `local`.

    Raises:
        PostgresqlUnavailableError: there is none, and apt-get cannot give one.
    """
    if installed := _newest(Path("/usr/lib/postgresql")):
        return PostgresqlInstall(installed, {})
    try:
        tree = unpacked("postgresql", local, lambda _tree, _unpacked: None, report)
    except PackagesUnavailableError as error:
        raise PostgresqlUnavailableError(f"PostgreSQL is not here: {error}") from error
    programs = _newest(tree / "usr/lib/postgresql")
    if programs is None:
        raise PostgresqlUnavailableError("the packages hold no PostgreSQL where it is looked for")
    libraries = ":".join(str(folder) for folder in tree.glob("usr/lib/*-linux-*"))
    return PostgresqlInstall(programs, {"LD_LIBRARY_PATH": libraries})


def _newest(folder: Path) -> Path | None:
    found = sorted(folder.glob("*/bin/initdb"), key=lambda program: int(program.parts[-3]))
    return found[-1].parent if found else None


class PostgresqlServer:
    """One PostgreSQL with files of its own and one database. Usable as a context manager.

    It refuses to be root: then it runs as `nobody`, in a folder of its own that goes with it.

    Attributes:
        url: how the hub reaches the database.
    """

    def __init__(self, *, install: PostgresqlInstall | None = None) -> None:
        """Make its files; nothing runs yet."""
        self._install = install or find_postgresql()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._own(self._directory)
        self._port = ReservedPort()
        self.log_file = self._directory / "log"
        self.log_file.touch()
        self._own(self.log_file)
        password = secrets.token_hex(16)
        password_file = self._directory / "password"
        write_private(password_file, f"{password}\n".encode())
        self._own(password_file)
        self._run(
            "initdb", "--pgdata", str(self._data), "--username", USER, "--pwfile", str(password_file),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
        )  # fmt: skip
        self.url = f"postgresql+asyncpg://{USER}:{password}@{LOOPBACK}:{self._port.number}/postgres"

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def __enter__(self) -> PostgresqlServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start it and return when it takes connections; also after `stop` or `kill`.

        Raises:
            PostgresqlError: it ended at once, or takes no connections within `timeout` s.
        """
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # of one that was killed
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._install.programs / "postgres"), "-D", str(self._data),
                    "-c", f"listen_addresses={LOOPBACK}", "-c", f"port={self._port.number}",
                    "-c", f"unix_socket_directories={self._directory}", "-c", "shared_buffers=64MB",
                ],
                cwd=self._directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,
                # Safe with threads: it makes two system calls.
                preexec_fn=die_with_parent(),  # noqa: PLW1509
            )  # fmt: skip
        end = time.monotonic() + timeout
        while not self._ready():
            if self.pid is None or time.monotonic() > end:
                self.kill()
                raise PostgresqlError(f"PostgreSQL does not take connections. {self._last_words()}")
            time.sleep(POLL_INTERVAL)

    def stop(self) -> None:
        """End it in an orderly way, its clients cut; safe to repeat."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it and its helpers without warning (SIGKILL), as a power cut would."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        self._port.release()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _ready(self) -> bool:
        arguments = ["-q", "-h", LOOPBACK, "-p", str(self._port.number), "-t", "5"]
        asked = subprocess.run(
            [str(self._install.programs / "pg_isready"), *arguments],
            env=self._environment(),
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
        return asked.returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._install.programs / program), *arguments],
            cwd=self._directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        if done.returncode:
            raise PostgresqlError(f"{program}: {done.stderr[-LOG_SHOWN:]}")

    def _own(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._install.environment, "LC_ALL": "C"}

    def _last_words(self) -> str:
        return f"End of its log:\n{self.log_file.read_text(errors='replace')[-LOG_SHOWN:].strip()}"


def _main() -> int:
    try:
        install = find_postgresql(report=lambda line: print(line, flush=True))
    except PostgresqlUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"PostgreSQL {install.version}: {install.programs}")
    return 0


if __name__ == "__main__":
    sys.exit(_main())

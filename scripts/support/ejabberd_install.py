"""Where ejabberd's program files are: Debian's packages unpacked here, without root.

One that an administrator has installed is left alone: its control script insists on a user of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.apt_packages import PackagesUnavailableError, Report, unpacked

REPOSITORY = Path(__file__).resolve().parents[2]

OLDEST_VERSION = (23, 1)
"""The version of Debian 12, against which the shipped configuration was tried."""


class EjabberdUnavailableError(Exception):
    """No usable ejabberd could be got; the message says why."""


@dataclass(frozen=True)
class EjabberdInstall:
    """How to run one ejabberd.

    Attributes:
        server: the command line that is Erlang's runtime, without its options.
        version: for example "23.01".
        environment: what it needs in addition to the caller's environment.
    """

    server: Sequence[str]
    version: str
    environment: dict[str, str]


def find_ejabberd(local: Path = REPOSITORY / ".local", report: Report = lambda line: None) -> EjabberdInstall:
    """Return the ejabberd unpacked into `local`/ejabberd, which is filled if needed.

    Getting it takes apt-get, a network and some seconds (32 MB), but no root; later calls only look.

    Raises:
        EjabberdUnavailableError: apt-get cannot give it, or gives one that is too old.
    """
    try:
        tree = unpacked("ejabberd", local, lambda _tree, _unpacked: None, report)
    except PackagesUnavailableError as error:
        raise EjabberdUnavailableError(f"ejabberd is not here: {error}") from error
    erlang = tree / "usr/lib/erlang"
    programs = _one(erlang.glob("erts-*/bin"), "Erlang's runtime")
    applications = _one(tree.glob("usr/lib/*/ejabberd-*"), "ejabberd")
    version = applications.name.removeprefix("ejabberd-").partition("-")[0]
    _require_new_enough(version)
    return EjabberdInstall(
        server=(str(programs / "erlexec"),),
        version=version,
        environment={
            "BINDIR": str(programs),
            "ROOTDIR": str(erlang),
            "EMU": "beam",
            "PROGNAME": "erl",
            "ERL_LIBS": str(applications.parent),
        },
    )


def _one(found: Iterable[Path], what: str) -> Path:
    paths = sorted(found)
    if not paths:
        raise EjabberdUnavailableError(f"the packages hold no {what} where it is looked for")
    return paths[-1]


def _require_new_enough(version: str) -> None:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST_VERSION:
        wanted = f"{OLDEST_VERSION[0]}.{OLDEST_VERSION[1]:02d}"
        raise EjabberdUnavailableError(f"ejabberd {version} is too old: {wanted} or newer is needed")

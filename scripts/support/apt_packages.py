"""Debian packages unpacked into a folder: no root, and nothing outside that folder changes."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

APT_TIMEOUT = 600.0
"""Seconds for one apt-get call: the package lists (about 10 MB) over a slow line, on a small machine."""

APT_OUTPUT_SHOWN = 2_000
"""Characters of apt-get's output an error message shows, from the end."""

_PLANNED_PACKAGE = re.compile(r"^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) ", re.MULTILINE)

Report = Callable[[str], None]
"""Takes one line of progress."""


class PackagesUnavailableError(Exception):
    """apt-get could not give what was asked; the message says what it said."""


def unpacked(package: str, local: Path, prepare: Callable[[Path, Path], None], report: Report) -> Path:
    """Return `local`/`package`, filled with `package` and what it needs and the system lacks.

    Getting it takes apt-get, a network and some seconds, but no root; later calls only look. Of several
    processes one gets it and the others wait. `prepare(tree, unpacked)` may change what was unpacked before
    it is moved to its place `tree`.

    Raises:
        PackagesUnavailableError: there is no apt-get or dpkg, no network, or no such package.
    """
    local.mkdir(parents=True, exist_ok=True)
    tree = local / package
    with (local / f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete(tree):
            with _empty_folder(local / f"{package}.partial") as partial:
                _fetch(package, tree, partial, prepare, report)
    return tree


def _fetch(
    package: str, tree: Path, partial: Path, prepare: Callable[[Path, Path], None], report: Report
) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise PackagesUnavailableError(f"this system has no {tool} to get {package} with")
    report(f"Getting {package} from the system's package sources, without root")
    apt = _Apt(partial / "apt")
    # A broken third-party source makes an update fail as a whole; what counts is whether it is found.
    updated = apt.run("update")
    planned = apt.run("install", "--simulate", "--no-install-recommends", package)
    packages = [f"{name}={version}" for name, version in _PLANNED_PACKAGE.findall(planned.stdout)]
    if planned.returncode != 0 or not packages:
        raise _failed(f"apt-get does not know how to install {package}", updated, planned)
    report(f"Downloading {len(packages)} packages")
    downloaded = apt.run("download", *packages)
    archives = sorted(apt.downloads.glob("*.deb"))
    if downloaded.returncode != 0 or len(archives) != len(packages):
        raise _failed(f"apt-get could not download {package}", updated, downloaded)
    new = partial / "tree"
    for archive in archives:
        subprocess.run(["dpkg", "-x", str(archive), str(new)], check=True, timeout=APT_TIMEOUT)
    prepare(tree, new)
    _stamp(new).write_text(f"{tree}\n")
    shutil.rmtree(tree, ignore_errors=True)
    new.rename(tree)


class _Apt:
    """apt-get with lists and cache of its own: it changes nothing outside `root`."""

    def __init__(self, root: Path) -> None:
        self.downloads = root / "downloads"
        for folder in (root / "state/lists/partial", root / "cache/archives/partial", self.downloads):
            folder.mkdir(parents=True)
        self._options = [
            option
            for setting in (
                f"Dir::State={root / 'state'}",
                "Dir::State::status=/var/lib/dpkg/status",
                f"Dir::Cache={root / 'cache'}",
                # As root apt would switch to a user who may not write here.
                "APT::Sandbox::User=",
                "Acquire::Languages=none",
            )
            for option in ("-o", setting)
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["apt-get", *self._options, *arguments],
                cwd=self.downloads,
                env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=APT_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PackagesUnavailableError(
                f"apt-get {arguments[0]} took over {APT_TIMEOUT:.0f} s: is there a network?"
            ) from error


def _failed(what: str, *calls: subprocess.CompletedProcess[str]) -> PackagesUnavailableError:
    said = "\n".join((call.stdout + call.stderr)[-APT_OUTPUT_SHOWN:].strip() for call in calls)
    return PackagesUnavailableError(f"{what}. It said:\n{said}")


def _stamp(tree: Path) -> Path:
    return tree / "complete"


def _is_complete(tree: Path) -> bool:
    """Whether `tree` was unpacked to its end, and for the place where it is now."""
    stamp = _stamp(tree)
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == f"{tree}\n"


@contextmanager
def _empty_folder(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

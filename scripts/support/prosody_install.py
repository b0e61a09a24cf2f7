"""Where Prosody's program files are: installed by an administrator, or unpacked here without root."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

OLDEST_VERSION = (0, 12)
"""The first Prosody whose own modules include mod_smacks and mod_admin_shell."""

APT_TIMEOUT = 600.0
"""Seconds for one apt-get call: the package lists (about 10 MB) over a slow line, on a small machine."""

APT_OUTPUT_SHOWN = 2_000
"""Characters of apt-get's output an error message shows, from the end."""

FOREIGN_PATH_CHARACTERS = ";?:\n"
"""Separators and wildcards of LUA_PATH and LD_LIBRARY_PATH: no folder with one of these can stand there."""

INSTALL_HINT = "On Debian, Ubuntu or Raspberry Pi OS: `sudo apt-get install prosody`"

_PATH_LINE = re.compile(r"^CFG_(SOURCEDIR|CONFIGDIR|PLUGINDIR|DATADIR)\s*=.*$", re.MULTILINE)
_PLANNED_PACKAGE = re.compile(r"^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) ", re.MULTILINE)

Report = Callable[[str], None]
"""Takes one line of progress."""


class ProsodyUnavailableError(Exception):
    """There is no usable Prosody and none could be got; the message says what to install."""


@dataclass(frozen=True)
class ProsodyInstall:
    """How to run one Prosody.

    Attributes:
        server: the command line that is Prosody, without its options.
        control: the same for prosodyctl.
        version: for example "0.12.3".
        environment: what both need in addition to the caller's environment.
    """

    server: Sequence[str]
    control: Sequence[str]
    version: str
    environment: dict[str, str] = field(default_factory=dict)


def find_prosody(local: Path = REPOSITORY / ".local", report: Report = lambda line: None) -> ProsodyInstall:
    """Return the installed Prosody, or else one unpacked into `local`/prosody, which is filled if needed.

    Getting it takes apt-get, a network and some seconds, but no root; later calls only look.

    Raises:
        ProsodyUnavailableError: neither way leads to a Prosody that is new enough.
    """
    installed = _installed()
    if installed is not None:
        return installed
    if any(character in str(local) for character in FOREIGN_PATH_CHARACTERS):
        raise ProsodyUnavailableError(
            f"Prosody cannot run from {local}: a name on the way contains ';', '?', ':' or a line end. "
            f"Move this folder, or install Prosody. {INSTALL_HINT}"
        )
    local.mkdir(parents=True, exist_ok=True)
    tree = local / "prosody"
    with _only_one(local / "prosody.lock"):
        if not _is_complete(tree):
            _fetch(tree, local / "prosody.partial", report)
    return _unpacked(tree)


def _installed() -> ProsodyInstall | None:
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin"])
    server = shutil.which("prosody", path=search)
    control = shutil.which("prosodyctl", path=search)
    if server is None or control is None:
        return None
    declared = re.search(r"^CFG_SOURCEDIR\s*=\s*['\"](.*)['\"]", _text(Path(server)), re.MULTILINE)
    source = Path(declared[1]) if declared else Path("/usr/lib/prosody")
    version = _version(source)
    _require_new_enough(version, server)
    return ProsodyInstall((server,), (control,), version)


def _unpacked(tree: Path) -> ProsodyInstall:
    programs = tree / "usr/bin"
    shebang = _text(programs / "prosody").partition("\n")[0]
    named = re.search(r"(lua(\d\.\d))\s*$", shebang)
    if named is None:
        raise ProsodyUnavailableError(f"Prosody's first line names no Lua: {shebang!r}. {INSTALL_HINT}")
    interpreter = shutil.which(named[1], path=str(programs)) or shutil.which(named[1])
    if interpreter is None:
        raise ProsodyUnavailableError(f"{named[1]}, which Prosody needs, was not found. {INSTALL_HINT}")
    version = _version(tree / "usr/lib/prosody")
    _require_new_enough(version, str(tree))
    lua = named[2]
    libraries = [*sorted(tree.glob("lib/*-linux-*")), *sorted(tree.glob("usr/lib/*-linux-*"))]
    modules = [str(tree / f"usr/share/lua/{lua}/?.lua"), str(tree / f"usr/share/lua/{lua}/?/init.lua")]
    modules += [str(tree / "usr/share/lua/5.1/?.lua"), str(tree / "usr/share/lua/5.1/?/init.lua")]
    binary_modules = [str(path / "?.so") for path in sorted(tree.glob(f"usr/lib/*/lua/{lua}"))]
    inherited = os.environ.get("LD_LIBRARY_PATH")
    return ProsodyInstall(
        server=(interpreter, str(programs / "prosody")),
        control=(interpreter, str(programs / "prosodyctl")),
        version=version,
        environment={
            # The empty element that ";;" leaves stands for Lua's own default path.
            "LUA_PATH": ";".join([*modules, ";"]),
            "LUA_CPATH": ";".join([*binary_modules, ";"]),
            "LD_LIBRARY_PATH": ":".join([*map(str, libraries), *([inherited] if inherited else [])]),
        },
    )


def _fetch(tree: Path, partial: Path, report: Report) -> None:
    """Unpack Prosody and what it needs and the system lacks into `partial`, then rename that to `tree`."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise ProsodyUnavailableError(
                f"Prosody is not installed and this system has no {tool} to get it with. Install Prosody "
                f"{'.'.join(map(str, OLDEST_VERSION))} or newer with the system's package manager, so that "
                f"`prosody` and `prosodyctl` are on the PATH."
            )
    report("Getting Prosody from the system's package sources, without root")
    shutil.rmtree(partial, ignore_errors=True)
    apt = _Apt(partial / "apt")
    # A broken third-party source makes an update fail as a whole; what matters is whether Prosody is found.
    updated = apt.run("update")
    planned = apt.run("install", "--simulate", "--no-install-recommends", "prosody")
    packages = [f"{name}={version}" for name, version in _PLANNED_PACKAGE.findall(planned.stdout)]
    if planned.returncode != 0 or not packages:
        raise _apt_failed("apt-get does not know how to install Prosody", updated, planned)
    report(f"Downloading {len(packages)} packages")
    downloaded = apt.run("download", *packages)
    archives = sorted(apt.downloads.glob("*.deb"))
    if downloaded.returncode != 0 or len(archives) != len(packages):
        raise _apt_failed("apt-get could not download Prosody", updated, downloaded)
    unpacked = partial / "tree"
    for archive in archives:
        subprocess.run(["dpkg", "-x", str(archive), str(unpacked)], check=True, timeout=APT_TIMEOUT)
    for program in ("prosody", "prosodyctl"):
        _point_to(tree, unpacked / "usr/bin" / program)
    _stamp(unpacked).write_text(f"{tree}\n")
    shutil.rmtree(tree, ignore_errors=True)
    unpacked.rename(tree)
    shutil.rmtree(partial, ignore_errors=True)
    report(f"Prosody {_version(tree / 'usr/lib/prosody')} is in {tree}")


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
            raise ProsodyUnavailableError(
                f"apt-get {arguments[0]} took over {APT_TIMEOUT:.0f} s. Is there a network? {INSTALL_HINT}"
            ) from error


def _apt_failed(what: str, *calls: subprocess.CompletedProcess[str]) -> ProsodyUnavailableError:
    said = "\n".join((call.stdout + call.stderr)[-APT_OUTPUT_SHOWN:].strip() for call in calls)
    return ProsodyUnavailableError(f"{what}. {INSTALL_HINT}. It said:\n{said}")


def _point_to(tree: Path, program: Path) -> None:
    """Make a Prosody program look for its files in `tree` instead of the system's folders."""
    folders = {
        "SOURCEDIR": tree / "usr/lib/prosody",
        "CONFIGDIR": tree / "etc/prosody",
        "PLUGINDIR": f"{tree / 'usr/lib/prosody/modules'}/",
        "DATADIR": tree / "var/lib/prosody",
    }
    text, replaced = _PATH_LINE.subn(
        lambda line: f"CFG_{line[1]}={lua_string(str(folders[line[1]]))};", _text(program)
    )
    if replaced != len(folders):
        raise ProsodyUnavailableError(f"{program.name} is not built as expected: {INSTALL_HINT}")
    program.write_text(text)


def lua_string(text: str) -> str:
    """Return `text` as a Lua string literal, quotes included."""
    return '"' + "".join(rf"\{ord(c):03d}" if c in '"\\' or c < " " else c for c in text) + '"'


def _stamp(tree: Path) -> Path:
    return tree / "complete"


def _is_complete(tree: Path) -> bool:
    """Whether `tree` was unpacked to its end, and for the place where it is now."""
    return _stamp(tree).is_file() and _text(_stamp(tree)) == f"{tree}\n"


def _version(source: Path) -> str:
    version_file = source / "prosody.version"
    return _text(version_file).strip() if version_file.is_file() else "unknown"


def _require_new_enough(version: str, where: str) -> None:
    """Refuse a version known to be too old; one that does not tell its number (a nightly build) may try."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < OLDEST_VERSION:
        raise ProsodyUnavailableError(
            f"Prosody {version} ({where}) is too old: "
            f"{'.'.join(map(str, OLDEST_VERSION))} or newer is needed, as Debian 12 and Ubuntu 24.04 have."
        )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time fill the folder; the others wait and then find it filled."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

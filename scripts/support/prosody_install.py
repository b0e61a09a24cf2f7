"""Where Prosody's program files are: installed by an administrator, or unpacked here without root."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.apt_packages import PackagesUnavailableError, Report, unpacked

REPOSITORY = Path(__file__).resolve().parents[2]

OLDEST_VERSION = (0, 12)
"""The first Prosody whose own modules include mod_smacks and mod_admin_shell."""

FOREIGN_PATH_CHARACTERS = ";?:\n"
"""Separators and wildcards of LUA_PATH and LD_LIBRARY_PATH: no folder with one of these can stand there."""

INSTALL_HINT = "On Debian, Ubuntu or Raspberry Pi OS: `sudo apt-get install prosody`"

_PATH_LINE = re.compile(r"^CFG_(SOURCEDIR|CONFIGDIR|PLUGINDIR|DATADIR)\s*=.*$", re.MULTILINE)


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
    try:
        return _unpacked(unpacked("prosody", local, _prepare, report))
    except PackagesUnavailableError as error:
        wanted = ".".join(map(str, OLDEST_VERSION))
        raise ProsodyUnavailableError(
            f"Prosody is not installed and {error}. Install Prosody {wanted} or newer with the system's "
            f"package manager, so that `prosody` and `prosodyctl` are on the PATH. {INSTALL_HINT}"
        ) from error


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


def _prepare(tree: Path, unpacked_tree: Path) -> None:
    for program in ("prosody", "prosodyctl"):
        _point_to(tree, unpacked_tree / "usr/bin" / program)


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

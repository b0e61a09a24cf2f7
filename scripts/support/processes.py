"""Child processes that leave nothing running behind them (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""prctl(2), linux/prctl.h: the signal a process gets when the thread that made it ends."""


def die_with_parent() -> Callable[[], None]:
    """Return a `preexec_fn` for subprocess.Popen: the system kills the child when the calling thread ends.

    So the child does not outlive us, even if we are killed. Start such a child from a thread that lives as
    long as the child shall.
    """
    # Looked up here because a forked child of a program with threads must do as little as possible.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we died before the line above
            os._exit(1)

    return prepare


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is no zombie (its parent may be one who never looks)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""A child made to die with its parent does so, even if the parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from support.processes import is_alive

PATIENCE = 10.0
"""Seconds within which the system must have ended the child."""

PARENT = """
import subprocess, sys, time
from support.processes import die_with_parent
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, start_new_session=True, preexec_fn=die_with_parent())
print(child.pid, flush=True)
time.sleep(60)
"""


def test_the_child_of_a_killed_parent_ends(pytestconfig: pytest.Config) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=pytestconfig.rootpath / "scripts",
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + PATIENCE
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = is_alive(child)
    if left:
        os.kill(child, signal.SIGKILL)
    assert not left


def test_a_zombie_and_an_unknown_process_are_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + PATIENCE
    while is_alive(child.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child.pid)
    child.wait()
    assert not is_alive(child.pid)

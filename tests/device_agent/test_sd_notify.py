"""Words to systemd, caught at a socket like its own."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import pytest

from device_agent.sd_notify import ALIVE, READY, Notifier


def listening(address: str) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.bind(address)
    one.settimeout(5)
    return one


def test_words_go_as_one_datagram_to_the_socket_that_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening(path) as systemd:
        Notifier({"NOTIFY_SOCKET": path}).say(READY, "STATUS=here")
        assert systemd.recv(100) == b"READY=1\nSTATUS=here"


def test_a_name_in_the_abstract_name_space_too() -> None:
    name = f"notify-{secrets.token_hex(8)}"
    with listening(f"\0{name}") as systemd:
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).say(ALIVE)
        assert systemd.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "relative/path", "/nowhere/at/all"])
def test_where_nobody_listens_nothing_fails(address: str) -> None:
    Notifier({"NOTIFY_SOCKET": address}).say(READY)
    Notifier({}).say(READY)


@pytest.mark.parametrize(
    ("given", "every"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_wants_three_words_in_its_time(given: dict[str, str], every: float | None) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/x"} | given).every == every
    assert Notifier(given).every is None, "without a socket there is nobody to tell"

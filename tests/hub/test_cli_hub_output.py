"""What an operator sees: in a pipe, on a terminal, and through the real entry point."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.config import CONFIG_VARIABLE

Hphub = Callable[..., Result]


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_in_a_pipe_lists_are_plain_and_aligned(granted: Hphub) -> None:
    granted("heatpump", "add", "hp2", "--box", "b@boxes.example.org")
    lines = granted("heatpump", "list").stdout.splitlines()
    assert re.split(r"  +", lines[0]) == ["ID", "BOX", "PRESENCE", "SINCE", "NOTE"]
    assert {line.index("unknown") for line in lines[1:]} == {lines[0].index("PRESENCE")}
    assert all(line.isascii() for line in lines)


def test_a_strangers_text_cannot_steer_the_terminal(granted: Hphub, folder: Path) -> None:
    with sqlite3.connect(folder / "audit.db") as database:
        database.execute(
            "INSERT INTO entry (chain, seq, at, kind, provider, provider_jid, heat_pump, box, stanza_id,"
            ' service, "references", detail, actor, previous_hash, hash) VALUES'
            " ('router', 1, 1.0, 'refusal', '', '', '', '', '', '', '', ?, '', '', '')",
            ("\x1b[2J[red]gone[/red]\nsecond line",),
        )
    shown = granted("audit").output
    assert r"\x1b[2J[red]gone[/red]\x0asecond line" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    "command",
    ["", "init", "run", "heatpump", "heatpump add", "heatpump list", "heatpump show", "heatpump remove",
     "provider add", "provider list", "provider show", "provider remove", "grant add", "grant list",
     "grant revoke", "history status", "audit", "audit verify"],
)  # fmt: skip
def test_help_teaches_with_an_example(command: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), "--help"])
    assert result.exit_code == 0
    if command != "heatpump":
        assert f"  hphub {command}" in result.output


def entry_point(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "hphub", *arguments],
        env={**os.environ, CONFIG_VARIABLE: str(folder / "hub.yaml"), "TERM": "xterm", "COLUMNS": "120"},
        text=True, timeout=60, check=False, **options,
    )  # fmt: skip


def test_the_entry_point_works_in_a_pipe(folder: Path) -> None:
    added = entry_point(
        folder, "heatpump", "add", "hp0001", "--box", "box0001@boxes.example.org", capture_output=True
    )
    assert (added.returncode, added.stderr) == (0, "")
    listed = entry_point(folder, "heatpump", "list", "--json", capture_output=True)
    assert json.loads(listed.stdout)[0]["id"] == "hp0001"
    assert entry_point(folder, "heatpump", "show", "nobody", capture_output=True).returncode == 3


def test_on_a_terminal_it_asks_before_removing(folder: Path, granted: Hphub) -> None:
    for answer, exit_code, left in (("n\n", 1, 1), ("y\n", 0, 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        asked = entry_point(folder, "heatpump", "remove", "hp0001", stdin=theirs, capture_output=True)
        os.close(ours)
        os.close(theirs)
        assert (asked.returncode, "Remove heat pump hp0001 and its 1 grants?" in asked.stdout) == (
            exit_code,
            True,
        )
        assert len(as_json(granted("heatpump", "list", "--json"))) == left


def test_on_a_terminal_states_have_colours(folder: Path, granted: Hphub) -> None:
    ours, theirs = pty.openpty()
    assert entry_point(folder, "grant", "list", stdout=theirs).returncode == 0
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)
    assert "\x1b[32mlive" in shown


def test_follow_goes_on_with_what_is_new_until_interrupted(folder: Path, granted: Hphub) -> None:
    following = subprocess.Popen(
        [Path(sys.executable).parent / "hphub", "audit", "--follow", "--json", "--limit", "1"],
        env={**os.environ, CONFIG_VARIABLE: str(folder / "hub.yaml")}, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert following.stdout is not None
    try:
        assert json.loads(following.stdout.readline())["service"] == "grant add"
        granted("grant", "revoke", "1")
        assert json.loads(following.stdout.readline())["service"] == "grant revoke"
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 0
    finally:
        following.kill()
        following.wait()
        following.stdout.close()

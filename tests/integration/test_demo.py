"""The README's first command, as a stranger runs it: the whole story, then the running world to play with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.prosody import ProsodyInstall
from support.scene import REPOSITORY

DEMO = str(REPOSITORY / "scripts" / "demo")
STORY_TIMEOUT = 600
"""Seconds for the story; about a minute on two cores."""


def run(*command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STORY_TIMEOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def kept(
    prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """A demo left running, and what it told."""
    folder = tmp_path_factory.mktemp("demo") / "a folder"
    done = run(DEMO, "--keep", "--folder", str(folder))
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        yield folder, done.stdout
    finally:
        stopped = run(DEMO, "--stop", "--folder", str(folder))
        assert stopped.returncode == 0
        left = [pid for pid in Path("/proc").glob("[0-9]*") if str(folder) in _command_line(pid)]
        assert not left, "the demo left programs running"


def _command_line(pid: Path) -> str:
    try:
        return (pid / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def environment(folder: Path) -> dict[str, str]:
    """What sourcing the demo's env file gives."""
    shown = run("sh", "-c", f'. "{folder}/env" && env')
    assert shown.returncode == 0, shown.stderr
    return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)


def test_the_story_is_told_in_plain_lines(kept: tuple[Path, str]) -> None:
    _, told = kept
    assert "The story is true." in told
    assert "\x1b" not in told
    assert told.count("✓") >= 16
    assert "✗" not in told


def test_the_environment_makes_the_commands_work(kept: tuple[Path, str]) -> None:
    folder, _ = kept
    variables = environment(folder)
    listed = run("hphub", "heatpump", "list", environment=variables)
    assert listed.returncode == 0, listed.stderr
    assert "hp0003" in listed.stdout
    value = run("hpclient", "read", "hp0002", "MET/MMXU1.TotW", "--json", environment=variables)
    assert value.returncode == 0, value.stderr
    assert '"unit": "W"' in value.stdout


def test_the_environment_is_private(kept: tuple[Path, str]) -> None:
    folder, _ = kept
    assert (folder / "env").stat().st_mode & 0o077 == 0


CLIENT = """
import asyncio, os, ssl
from slixmpp import ClientXMPP

async def main():
    context = ssl.create_default_context(cafile=os.environ["DEMO_CA_FILE"])
    client = ClientXMPP(
        os.environ["DEMO_PROVIDER_JID"], os.environ["DEMO_PROVIDER_PASSWORD"], ssl_context=context
    )
    client.enable_direct_tls = client.enable_plaintext = False
    client.register_plugin("xep_0199")
    online = asyncio.Event()
    client.add_event_handler("session_start", lambda _: online.set())
    client.connect(os.environ["DEMO_XMPP_HOST"], int(os.environ["DEMO_XMPP_PORT"]))
    await asyncio.wait_for(online.wait(), 20)
    await client["xep_0199"].ping(os.environ["DEMO_HUB_DOMAIN"], timeout=10)
    print("pong")
    await client.disconnect()

asyncio.run(main())
"""


def test_any_xmpp_client_can_log_in_with_the_environment(kept: tuple[Path, str]) -> None:
    folder, _ = kept
    done = run("python", "-c", CLIENT, environment=environment(folder))
    assert done.stdout == "pong\n", done.stderr

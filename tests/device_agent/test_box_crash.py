"""A real ``hpbox`` beside a relay board that outlives it: killed, hung, restarted as systemd does it.

The relay closes without a network: a limit of power that was in force when a box ended holds when it is back,
and a box that measures no power obeys it with the EVU block.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymodbus.client import ModbusTcpClient

from support.ports import LOOPBACK
from support.processes import die_with_parent

REPOSITORY = Path(__file__).parents[2]
HPBOX = Path(sys.executable).parent / "hpbox"
PATIENCE = 60.0
WATCHDOG = 6.0
"""Seconds of WATCHDOG_USEC; the unit has 60."""


class World:
    """A simulated house on Modbus, the configuration of a box beside it, and a socket like systemd's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        self.port = self._start_house()
        self.config = folder / "box.yaml"
        self.hang = folder / "hang"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        (folder / "password").write_text("secret")
        (folder / "password").chmod(0o600)
        self.write({})

    def write(self, changes: dict[str, Any]) -> None:
        """The configuration, with a limit of power to begin with."""
        meter = {"kind": "modbus", "host": LOOPBACK, "port": self.port, "outputs": {"evu": 0}}
        config = {
            "jid": "box1@boxes.example.org",
            "password_file": "password",
            "hub": "hub.example.org",
            "model": str(REPOSITORY / "config" / "heatpump-box.icd"),
            "server": {"host": LOOPBACK, "port": 9},
            "clock": "trusted",
            "drivers": {"meter": meter, "slow": {"kind": "hanging", "while_there": str(self.hang)}},
            "points": {"MET/MMXU1.TotW": "slow.power"},
            "outputs": {"HP/EvuGGIO1.SPCSO1": {"relay": "meter.evu"}},
            "der": {"rated_power": 3200},
        }
        self.config.write_text(yaml.safe_dump(config | changes))

    def limit(self, watts: float) -> None:
        """As a box leaves it behind that ended while a limit was in force."""
        kept = {"boot": "", "monotonic": 0, "utc": time.time(), "power_limit": watts, "outputs": {}}
        (self.folder / "limits.json").write_text(json.dumps(kept))

    def start_box(self) -> subprocess.Popen[bytes]:
        environment = {
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "WATCHDOG_USEC": str(round(WATCHDOG * 1e6)),
        }
        program = [sys.executable, str(Path(__file__).with_name("hanging_box.py")), "run"]
        return self._start([*program, "--config", str(self.config)], "box.log", environment)

    def safe(self) -> subprocess.CompletedProcess[str]:
        """What ExecStopPost does."""
        command = [str(HPBOX), "safe", "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    @property
    def contact(self) -> bool:
        """What the heat pump's EVU terminals see."""
        with ModbusTcpClient(LOOPBACK, port=self.port, timeout=5) as client:
            return bool(client.read_discrete_inputs(0, count=1, device_id=1).bits[0])

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what}\n{(self.folder / 'box.log').read_text()[-3000:]}"
            time.sleep(0.05)

    def word(self, timeout: float) -> str | None:
        """What the box says next; None if it says nothing for so long."""
        self.systemd.settimeout(timeout)
        try:
            return self.systemd.recv(1000).decode()
        except TimeoutError:
            return None

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()
        self.systemd.close()

    def _start_house(self) -> int:
        command = [sys.executable, "-m", "device_agent.simulator", "--modbus-port", "0"]
        self._start([*command, "--onewire-dir", str(self.folder / "w1")], "house.log", {})
        log = self.folder / "house.log"
        end = time.monotonic() + PATIENCE
        while "modbus_port" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        return int(json.loads(log.read_text().splitlines()[0])["modbus_port"])

    def _start(self, command: list[str], log: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as file:
            process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - two system calls
            )
        self.running.append(process)
        return process


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_killed_in_the_middle_of_a_block_and_safe_again(world: World) -> None:
    """kill -9 leaves the pin as it is; what runs after it and the next start bring it back, and it is not
    closed again, for the pause of its limits holds through the crash."""
    world.limit(1000)
    box = world.start_box()
    assert world.word(PATIENCE) == "READY=1"
    world.until("the block", lambda: world.contact)
    assert [world.word(PATIENCE) for _ in range(3)] == ["WATCHDOG=1"] * 3
    box.kill()
    box.wait()
    assert world.contact, "nobody could switch it back"

    done = world.safe()
    assert (done.returncode, "1 relays are in their safe states" in done.stdout) == (0, True), done.stderr
    assert not world.contact
    with ModbusTcpClient(LOOPBACK, port=world.port) as client:
        client.write_coil(0, True, device_id=1)
    assert world.contact, "as if nothing had run after the kill"

    again = world.start_box()
    assert world.word(PATIENCE) == "READY=1"
    assert not world.contact, "safe before it says that it is ready"
    assert [world.word(PATIENCE) for _ in range(3)] == ["WATCHDOG=1"] * 3
    assert not world.contact, "the limit of power wants a block, the limits of the relay a pause"
    again.send_signal(signal.SIGTERM)
    assert again.wait(PATIENCE) == 0
    words = [world.word(1)]
    while words[-1] is not None:
        words.append(world.word(1))
    assert words[-2] == "STOPPING=1"


def test_a_hung_event_loop_says_nothing_more_and_who_supervises_makes_safe_and_restarts(world: World) -> None:
    world.limit(1000)
    box = world.start_box()
    assert world.word(PATIENCE) == "READY=1"
    world.until("the block", lambda: world.contact)
    world.hang.touch()
    # As systemd does it: what says nothing for the whole time is killed, then ExecStopPost, the next start.
    while world.word(WATCHDOG) is not None:
        pass
    assert box.poll() is None, "it lives, and does nothing"
    box.send_signal(signal.SIGABRT)
    box.wait(PATIENCE)
    assert world.contact
    assert world.safe().returncode == 0
    assert not world.contact
    world.hang.unlink()
    world.start_box()
    assert world.word(PATIENCE) == "READY=1"
    assert world.word(PATIENCE) == "WATCHDOG=1"
    assert not world.contact


def test_a_broken_configuration_touches_no_pin_and_what_runs_after_it_makes_safe(world: World) -> None:
    with ModbusTcpClient(LOOPBACK, port=world.port) as client:
        client.write_coil(0, True, device_id=1)
    world.write({"points": {"MET/Nothing1.X": "slow.power"}, "hub": "", "jid": 5})
    box = world.start_box()
    assert box.wait(PATIENCE) == 2
    assert "jid" in (world.folder / "box.log").read_text()
    assert world.contact
    assert world.safe().returncode == 0, "the relay board is a part that is in order"
    assert not world.contact


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", ["hpbox", "hphub"])
def test_systemd_understands_the_unit(tmp_path: Path, name: str) -> None:
    unit = REPOSITORY / "config" / "systemd" / f"{name}.service"
    text = unit.read_text().replace("/opt/heat-pump-hub/.venv/bin", str(HPBOX.parent))
    (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_the_unit_watches_the_box_and_always_restarts_it() -> None:
    text = (REPOSITORY / "config" / "systemd" / "hpbox.service").read_text().splitlines()
    for line in ("Type=notify", "Restart=always", "StartLimitIntervalSec=0"):
        assert line in text
    assert any(line.startswith("WatchdogSec=") for line in text)
    assert any(line.startswith("ExecStopPost=") and " safe " in line for line in text)

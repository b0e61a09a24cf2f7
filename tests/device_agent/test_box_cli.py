"""``hpbox`` as a stranger meets it: its help, its check, its exit codes, its logs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from device_agent.cli import main
from device_agent.config import BoxConfig, Point, Server
from device_agent.drivers import kinds
from device_agent.drivers.registry import _KINDS
from device_agent.output_config import LostHubConfig, RelayOutput, SetPointOutput, SgReadyOutput
from support.ports import LOOPBACK
from support.processes import die_with_parent

CONFIG = Path(__file__).parents[2] / "config"
PATIENCE = 20.0


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The documented example, with what it needs beside it."""
    for name in ("box.yaml", "heatpump-box.icd"):
        shutil.copy(CONFIG / name, tmp_path)
    secret = tmp_path / "box.password"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    return tmp_path / "box.yaml"


def changed(path: Path, **changes: Any) -> Path:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    return path


def check(path: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["check", "--config", str(path), *arguments])
    return done.exit_code, done.output


# --- the documented example -----------------------------------------------------------------------------


def test_the_example_is_in_order(example: Path) -> None:
    assert check(example) == (0, f"{example}: in order: 21 points, 3 outputs\n")


def test_the_example_explains_every_key_there_is() -> None:
    text = (CONFIG / "box.yaml").read_text()
    sections = (BoxConfig, Server, Point, RelayOutput, SgReadyOutput, SetPointOutput, LostHubConfig)
    keys = {name for section in sections for name in section.model_fields}
    for kind in kinds():
        assert f"kind: {kind}" in text
        keys |= set(_KINDS[kind].options.model_fields)
    missing = {key for key in keys if not re.search(rf"\b{key}:", text)}
    assert not missing


def test_what_the_example_shows_as_a_default_is_one(example: Path) -> None:
    """Every line in a comment that looks like a key says what holds without it."""
    plain = BoxConfig.load(example)
    text = example.read_text().replace("#profile:", "profile:").replace("#clock:", "clock:")
    for key in ("sample_every", "settings_file", "log_level", "collector"):
        text = text.replace(f"#{key}:", f"{key}:")
    example.write_text(text)
    assert all(f"\n{key}: " in text for key in ("profile", "clock", "sample_every", "log_level", "collector"))
    explicit = BoxConfig.load(example)
    assert explicit.collector == plain.collector_domain == "history.hub.example.org"
    assert explicit.model_copy(update={"collector": None}) == plain


def test_the_commented_house_is_in_order(example: Path) -> None:
    text = example.read_text()
    begin, end = text.index("  #house:"), text.index("# --- What is wired")
    house = re.sub("(?m)^  #", "  ", text[begin:end]).replace("start: now", "# start: now")
    commented = "  #HP/RmFSPT1"
    assert commented in text
    text = (text[:begin] + house + text[end:]).replace(commented, commented.replace("#", ""))
    example.write_text(text)
    assert check(example) == (0, f"{example}: in order: 21 points, 4 outputs\n")


# --- check ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"points": {"MET/MMXU1.TotW": "meter.pwr"}}, "meter.pwr is unknown; it reads: current_1"),
        ({"points": {"MET/MMXU9.TotW": "meter.power"}}, "there is no MET/MMXU9"),
        ({"outputs": {"HP/EvuGGIO1.SPCSO1": {"relay": "pins.evv"}}}, "pins has no output evv; it has: evu"),
        ({"drivers": {"meter": {"kind": "mbus"}}}, "drivers.meter: unknown kind of driver: mbus"),
        ({"drivers": {"meter": {"host": "x"}}}, "drivers.meter: "),
        (
            {"drivers": {"meter": {"kind": "modbus", "hots": "x"}}},
            "drivers.meter: driver modbus: option host",
        ),
        ({"password_file": "nowhere"}, "password_file: write the password"),
        ({"ca_file": "nowhere.pem"}, "ca_file: "),
        ({"model": "nowhere.icd"}, "nowhere.icd"),
    ],
)
def test_check_names_file_and_mistake_and_exits_2(example: Path, changes: dict[str, Any], said: str) -> None:
    code, output = check(changed(example, **changes))
    assert code == 2
    assert output.startswith(f"hpbox: {example}: ") and said in output
    assert "Traceback" not in output and "s3cret" not in output


def test_check_touches_no_hardware_and_no_network(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("check touches nothing")

    monkeypatch.setattr("device_agent.drivers.gpio.GpioDriver.start", refuse)
    monkeypatch.setattr("device_agent.drivers.modbus.AsyncModbusTcpClient", refuse)
    monkeypatch.setattr("device_agent.link.Link.start", refuse)
    assert check(example)[0] == 0


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    code, output = check(tmp_path / "box.yaml")
    assert code == 2 and "config/box.yaml" in output


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["check", "-h"]])
def test_help(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0
    if arguments == ["--help"]:
        for words in ("config/box.yaml", "hpbox check", "hpbox run", "hphub heatpump add"):
            assert words in done.output
    else:
        assert "HPBOX_CONFIG" in done.output and "xit code" in done.output


# --- run ----------------------------------------------------------------------------------------------------


def test_run_on_a_machine_without_the_pins_says_what_to_do(example: Path) -> None:
    config = yaml.safe_load(example.read_text())
    config["drivers"]["pins"]["pin_factory"] = "native"
    example.write_text(yaml.safe_dump(config))
    done = run_to_the_end(example)
    assert done.returncode == 2
    assert "driver gpio cannot use the pins" in done.stderr and "Traceback" not in done.stderr


def test_run_refuses_a_configuration_before_anything_else(example: Path) -> None:
    done = run_to_the_end(changed(example, points={"MET/MMXU1.TotW": "meter.pwr"}))
    assert done.returncode == 2
    assert done.stderr.startswith(f"hpbox: {example}: points: ")


def test_run_without_a_network_ends_with_0_and_logs_json_only(example: Path, unused_port: int) -> None:
    changed(
        example,
        drivers={"house": {"kind": "simulated"}},
        points={"MET/MMXU1.TotW": "house.power"},
        outputs={"HP/EvuGGIO1.SPCSO1": {"relay": "house.evu_block"}},
        server={"host": LOOPBACK, "port": unused_port},
    )
    log = example.parent / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from device_agent.cli import main; main()",
                "run",
                "--config",
                str(example),
            ],
            stderr=file,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - two system calls
        )
    try:
        end = time.monotonic() + PATIENCE
        while "cannot log in" not in log.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    switched = [(one["relay"], one["on"]) for one in events if one["event"] == "relay switched"]
    assert switched == [("house.evu_block", False), ("house.evu_block", False)]
    assert events[-1]["event"] == "box has stopped"
    assert any("logger" in one for one in events), "what libraries log is JSON too"
    assert all({"event", "level", "timestamp"} <= one.keys() for one in events)
    assert "s3cret" not in log.read_text()


@pytest.fixture
def unused_port() -> int:
    """A port that was free a moment ago: nobody answers there."""
    import socket

    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


def run_to_the_end(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from device_agent.cli import main; main()", "run", "--config", str(config)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

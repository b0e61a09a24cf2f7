"""``hpbox safe``: every relay to its safe state, whatever else is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from fake_driver import FakeDriver

from device_agent import guarded_relay, make_safe
from device_agent.cli import main
from device_agent.drivers import DriverStartError, OutputError

EVU, SG_READY = "HP/EvuGGIO1.SPCSO1", "HP/SgrGGIO1.ISCSO1"
OUTPUTS: dict[str, Any] = {
    EVU: {"relay": "a.evu"},
    "HP/RlyGGIO1.SPCSO1": {"relay": "b.frost", "safe": True},
    SG_READY: {"sg_ready": ["a.one", "a.two"]},
    "HP/RmFSPT1.SptVal": {"set_point": "b.room", "initial": 20},
}
DRIVERS: dict[str, Any] = {"a": {"kind": "a"}, "b": {"kind": "b"}}


class Boards:
    def __init__(self) -> None:
        self.a = FakeDriver(outputs=["evu", "one", "two"])
        self.b = FakeDriver(outputs=["frost", "room"])
        self.a.pins = dict.fromkeys(self.a.pins, True)
        self.b.pins = {"frost": False, "room": 23.0}


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> Boards:
    made = Boards()
    monkeypatch.setattr(make_safe, "make_driver", lambda kind, _rest, _clock: getattr(made, kind))
    monkeypatch.setattr(make_safe, "PAUSE", 0.01)
    monkeypatch.setattr(guarded_relay, "WRITE_LIMIT", 0.1)
    return made


def run(folder: Path, config: Any) -> tuple[int, str]:
    path = folder / "box.yaml"
    path.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    done = CliRunner().invoke(main, ["safe", "--config", str(path)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def test_every_relay_is_safe_and_set_points_stay(tmp_path: Path, boards: Boards) -> None:
    code, output = run(tmp_path, {"drivers": DRIVERS, "outputs": OUTPUTS})
    assert (code, "4 relays are in their safe states" in output) == (0, True)
    assert boards.a.pins == {"evu": False, "one": False, "two": False}
    assert boards.b.pins == {"frost": True, "room": 23.0}
    assert boards.a.writes.index(("one", False)) < boards.a.writes.index(("two", False)), (
        "no block on the way"
    )
    assert not (boards.a.running or boards.b.running)


def test_a_mistake_elsewhere_keeps_no_relay_from_its_safe_state(tmp_path: Path, boards: Boards) -> None:
    config = {
        "jid": "not a jid at all/",
        "hub": 17,
        "points": "none",
        "drivers": DRIVERS | {"meter": {"kind": "nonsense"}},
        "outputs": OUTPUTS | {"HP/RlyGGIO1.SPCSO2": {"relay": "nowhere.x"}, "HP/Bad": {"rely": "a.evu"}},
    }
    code, output = run(tmp_path, config)
    assert code == 1
    assert "there is no nowhere" in output and "HP/Bad: give exactly one of" in output
    assert boards.a.pins == {"evu": False, "one": False, "two": False}
    assert boards.b.pins["frost"] is True


@pytest.mark.parametrize("fault", [OutputError("stuck"), RuntimeError("a mistake")])
def test_a_relay_that_cannot_be_reached_delays_no_other_and_is_named(
    tmp_path: Path, boards: Boards, fault: Exception
) -> None:
    boards.a.broken["evu"] = fault
    code, output = run(tmp_path, {"drivers": DRIVERS, "outputs": OUTPUTS})
    assert code == 1
    assert "a.evu may not be in its safe state" in output
    assert boards.a.pins == {"evu": True, "one": False, "two": False}
    assert len([one for one in boards.a.writes if one[0] == "evu"]) == make_safe.ATTEMPTS


def test_a_relay_that_answers_at_the_second_attempt_is_safe(tmp_path: Path, boards: Boards) -> None:
    boards.a.failing_once.add("evu")
    assert run(tmp_path, {"drivers": DRIVERS, "outputs": OUTPUTS})[0] == 0
    assert boards.a.pins["evu"] is False


def test_a_driver_that_hangs_or_cannot_be_opened_costs_only_its_own(
    tmp_path: Path, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> None:
        raise DriverStartError("no pins here")

    monkeypatch.setattr(boards.b, "start", refuse)
    boards.a.hanging.add("one")
    code, output = run(tmp_path, {"drivers": DRIVERS, "outputs": OUTPUTS})
    assert code == 1
    assert "drivers.b: no pins here" in output and "a.one may not be in its safe state" in output
    assert (boards.a.pins["evu"], boards.a.pins["two"]) == (False, False)


@pytest.mark.parametrize(
    ("config", "code"),
    [("a: [", 2), ("- 1", 1), ("outputs: []\n", 1), ("drivers: 5\noutputs: {}\n", 1), ("{}", 0)],
)
def test_a_file_that_says_nothing_of_relays_is_said_to(
    tmp_path: Path, boards: Boards, config: str, code: int
) -> None:
    assert run(tmp_path, config)[0] == code


def test_a_missing_file_is_a_message(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["safe", "--config", str(tmp_path / "box.yaml")])
    assert done.exit_code == 2 and "does not exist" in done.output

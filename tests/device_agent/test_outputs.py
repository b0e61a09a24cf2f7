"""What a control switches, and what is known of it when something goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_box import FREE, FREE_STATES
from fake_driver import FakeDriver, Monotonic
from pydantic import TypeAdapter

from device_agent import guarded_relay
from device_agent.config import ConfigError
from device_agent.drivers import OutputError
from device_agent.limited import Process
from device_agent.limits_file import LimitsFile
from device_agent.output_config import Output
from device_agent.outputs import ledgers, make_processes
from device_agent.relays import RETRY_S
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.tree import Tree
from iec61850_model.values import AddCause, FunctionalConstraint

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
EVU, SG_READY, ROOM = "HP/EvuGGIO1.SPCSO1", "HP/SgrGGIO1.ISCSO1", "HP/RmFSPT1.SptVal"
BLOCKED = AddCause.BLOCKED_BY_PROCESS


@pytest.fixture(scope="module")
def tree() -> Tree:
    return read_scl(ICD)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    moved = Monotonic()
    monkeypatch.setattr(guarded_relay, "time", moved)
    return moved


class Board(FakeDriver):
    """Relays, with the file of what their limits remember."""

    def __init__(self, outputs: Sequence[str], file: LimitsFile) -> None:
        super().__init__(outputs=outputs)
        self.file = file


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(["evu", "one", "two", "room"], LimitsFile(tmp_path / "limits.json"))


def processes(tree: Tree, board: Board, outputs: dict[str, Any]) -> list[Process]:
    adapter: TypeAdapter[Output] = TypeAdapter(Output)
    given = {text: adapter.validate_python(one) for text, one in outputs.items()}
    made = make_processes(tree, given, {"board": board}, board.file)
    assert [str(reference) for reference in made] == list(outputs)
    return list(made.values())


def relay(tree: Tree, board: Board, **options: Any) -> Process:
    (process,) = processes(tree, board, {EVU: {"relay": "board.evu"} | FREE | options})
    return process


def sg_ready(tree: Tree, board: Board, **options: Any) -> Process:
    (process,) = processes(
        tree, board, {SG_READY: {"sg_ready": ["board.one", "board.two"]} | FREE_STATES | options}
    )
    return process


async def settle() -> None:
    """Let what goes on behind an answer come to its end."""
    for _ in range(10):
        await asyncio.sleep(0)


# --- one relay ------------------------------------------------------------------------------------


@pytest.mark.parametrize("safe", [False, True])
async def test_a_relay_is_safe_at_start_and_at_stop(tree: Tree, board: Board, safe: bool) -> None:
    process = relay(tree, board, safe=safe)
    assert process.state() is None
    await process.start()
    assert (board.pins["evu"], process.state()) == (safe, safe)
    assert await process.command(not safe) is None
    assert (board.pins["evu"], process.state()) == (not safe, not safe)
    await process.stop()
    assert (board.pins["evu"], process.state()) == (safe, safe)
    assert await process.command(not safe) is BLOCKED
    assert board.pins["evu"] is safe


@pytest.mark.parametrize("error", [OutputError("no answer"), RuntimeError("a mistake"), TimeoutError()])
async def test_after_a_failed_write_the_relay_goes_back_to_its_safe_state(
    tree: Tree, board: Board, error: Exception
) -> None:
    process = relay(tree, board)
    await process.start()
    board.broken["evu"] = error
    async with asyncio.timeout(5):
        assert await process.command(True) is BLOCKED
    await settle()
    assert board.writes == [("evu", False), ("evu", True), ("evu", False)]
    assert process.state() is None and process.fault()


async def test_a_relay_that_came_back_is_made_safe_and_can_be_switched_again(
    tree: Tree, board: Board, clock: Monotonic
) -> None:
    process = relay(tree, board)
    await process.start()
    board.broken["evu"] = OutputError("bus down")
    await process.command(True)
    await settle()
    del board.broken["evu"]
    assert await process.command(True) is BLOCKED, "its state is not known"
    clock.now += RETRY_S
    await process.tick()
    assert (board.pins["evu"], process.state(), process.fault()) == (False, False, "")
    assert await process.command(True) is None


async def test_a_write_that_hangs_is_given_up_in_time_for_the_client(
    tree: Tree, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_relay, "WRITE_LIMIT", 0.05)
    process = relay(tree, board)
    await process.start()
    board.hanging.add("evu")
    async with asyncio.timeout(5):
        assert await process.command(True) is BLOCKED
    assert process.state() is None


async def test_the_longest_time_away_ends_whatever_is_repeated(
    tree: Tree, board: Board, clock: Monotonic
) -> None:
    process = relay(tree, board, max_on=60)
    await process.start()
    await process.command(True)
    clock.now += 59
    assert await process.command(True) is None
    await process.tick()
    assert board.pins["evu"] is True
    clock.now += 1
    await process.tick()
    assert (board.pins["evu"], process.state()) == (False, False)


async def test_a_tick_while_a_command_is_written_does_not_disturb_it(
    tree: Tree, board: Board, clock: Monotonic
) -> None:
    process = relay(tree, board, max_on=1)
    await process.start()
    board.gate.clear()
    command = asyncio.create_task(process.command(True))
    await settle()
    clock.now += 5
    await process.tick()
    assert await process.command(False) is BLOCKED, "one write at a time"
    board.gate.set()
    assert await command is None
    assert (board.pins["evu"], board.writes[1:]) == (True, [("evu", True)])
    await process.tick()
    assert board.pins["evu"] is False, "the time counts from the attempt"


async def test_stopping_during_a_command_ends_safe(tree: Tree, board: Board) -> None:
    process = relay(tree, board)
    await process.start()
    board.gate.clear()
    command = asyncio.create_task(process.command(True))
    await settle()
    stop = asyncio.create_task(process.stop())
    await settle()
    assert not stop.done(), "not safe yet"
    board.gate.set()
    await stop
    await command
    assert (board.pins["evu"], process.state()) == (False, False)


async def test_who_asked_may_go_away_and_the_relay_still_ends_safe(tree: Tree, board: Board) -> None:
    """At the end of the box all its tasks are cancelled, also one in the middle of a command or of a tick."""
    process = relay(tree, board)
    await process.start()
    board.gate.clear()
    command = asyncio.create_task(process.command(True))
    await settle()
    command.cancel()
    await settle()
    assert command.cancelled()
    board.gate.set()
    await process.stop()
    assert (board.pins["evu"], process.state()) == (False, False)


async def test_stopping_gives_up_a_relay_that_cannot_be_reached(tree: Tree, board: Board) -> None:
    process = relay(tree, board)
    await process.start()
    board.broken["evu"] = OutputError("bus down")
    async with asyncio.timeout(5):
        await process.stop()
    assert process.state() is None


# --- SG Ready ---------------------------------------------------------------------------------------

CONTACTS = {1: (True, False), 2: (False, False), 3: (False, True), 4: (True, True)}


@pytest.mark.parametrize("new", CONTACTS)
@pytest.mark.parametrize("old", CONTACTS)
async def test_every_change_of_state_passes_nothing_worse(
    tree: Tree, board: Board, old: int, new: int
) -> None:
    process = sg_ready(tree, board)
    await process.start()
    assert process.state() == 2
    assert await process.command(old) is None
    board.writes.clear()
    seen = dict(board.pins)
    assert await process.command(new) is None
    assert process.state() == new
    assert (board.pins["one"], board.pins["two"]) == CONTACTS[new]
    passed = set()
    for output, value in board.writes:
        seen[output] = value
        passed.add(next(state for state, pair in CONTACTS.items() if pair == (seen["one"], seen["two"])))
    assert not {1, 4} & passed - {old, new}, "neither blocked nor forced on the way"


@pytest.mark.parametrize("value", [0, 5, -1])
async def test_a_state_that_sg_ready_does_not_have(tree: Tree, board: Board, value: int) -> None:
    process = sg_ready(tree, board)
    await process.start()
    board.writes.clear()
    assert await process.command(value) is AddCause.INCONSISTENT_PARAMETERS
    assert board.writes == []


@pytest.mark.parametrize(("old", "new"), [(2, 4), (4, 1), (3, 1), (1, 3), (4, 2)])
@pytest.mark.parametrize("broken", ["one", "two"])
async def test_a_half_done_change_ends_in_normal_running(
    tree: Tree, board: Board, clock: Monotonic, old: int, new: int, broken: str
) -> None:
    process = sg_ready(tree, board)
    await process.start()
    await process.command(old)
    board.broken[broken] = OutputError("stuck")
    assert await process.command(new) is BLOCKED
    await settle()
    assert process.state() is None and process.fault()
    await process.tick()
    other = "two" if broken == "one" else "one"
    assert board.pins[other] is False
    del board.broken[broken]
    clock.now += RETRY_S
    await process.tick()
    assert (board.pins["one"], board.pins["two"], process.state()) == (False, False, 2)
    assert process.fault() == ""


async def test_what_failed_once_and_answers_again_leaves_no_state_nobody_wanted(
    tree: Tree, board: Board
) -> None:
    process = sg_ready(tree, board)
    await process.start()
    board.failing_once.add("one")
    assert await process.command(4) is BLOCKED
    await settle()
    assert process.state() == 3, "contact 2 is closed, contact 1 went back"
    await process.tick()
    assert (board.pins["one"], board.pins["two"], process.state()) == (False, False, 2)
    await process.tick()
    assert await process.command(4) is None


async def test_the_longest_time_ends_both_contacts(tree: Tree, board: Board, clock: Monotonic) -> None:
    """Advised on for an hour, then forced on: the end of the first must not turn into a block."""
    process = sg_ready(tree, board, max_on=7200)
    await process.start()
    await process.command(3)
    clock.now += 3600
    await process.command(4)
    clock.now += 3600
    await process.tick()
    assert (board.pins["one"], board.pins["two"], process.state()) == (False, False, 2)


async def test_sg_ready_stops_in_the_middle_of_a_change(tree: Tree, board: Board) -> None:
    process = sg_ready(tree, board)
    await process.start()
    board.gate.clear()
    command = asyncio.create_task(process.command(4))
    await settle()
    stop = asyncio.create_task(process.stop())
    await settle()
    board.gate.set()
    await stop
    assert await command is BLOCKED
    assert (board.pins["one"], board.pins["two"], process.state()) == (False, False, 2)


# --- set points -------------------------------------------------------------------------------------


async def test_a_set_point_is_known_once_it_is_written(tree: Tree, board: Board) -> None:
    (process,) = processes(tree, board, {ROOM: {"set_point": "board.room"}})
    await process.start()
    assert (process.state(), board.writes) == (None, [])
    assert await process.command(21.5) is None
    assert (process.state(), board.pins["room"]) == (21.5, 21.5)
    board.broken["room"] = OutputError("bus down")
    assert await process.command(22.0) is BLOCKED
    assert process.state() is None and "bus down" in process.fault()
    await process.stop()
    assert board.pins["room"] == 21.5, "the heat pump keeps it"


async def test_the_initial_set_point_is_written_at_start(tree: Tree, board: Board) -> None:
    (process,) = processes(tree, board, {ROOM: {"set_point": "board.room", "initial": 20.5}})
    await process.start()
    assert (process.state(), board.pins["room"]) == (20.5, 20.5)


async def test_a_set_point_driver_that_hangs_is_given_up(
    tree: Tree, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_relay, "WRITE_LIMIT", 0.05)
    (process,) = processes(tree, board, {ROOM: {"set_point": "board.room"}})
    board.hanging.add("room")
    async with asyncio.timeout(5):
        assert await process.command(21.0) is BLOCKED


# --- wiring -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({EVU: {"relay": "boat.evu"}}, [EVU, "no driver boat; there is board"]),
        ({EVU: {"relay": "board.pump"}}, [EVU, "board has no output pump; it has: evu, one, room, two"]),
        ({SG_READY: {"relay": "board.evu"}}, [f"{SG_READY} is no SPC", f"{EVU}, HP/RlyGGIO1.SPCSO1"]),
        ({EVU: {"sg_ready": ["board.one", "board.two"]}}, [f"{EVU} is no INC", SG_READY]),
        ({EVU: {"set_point": "board.room"}}, [f"{EVU} is no APC", ROOM]),
        ({ROOM: {"relay": "board.evu"}}, [f"{ROOM} is no SPC"]),
        ({"HP/EvuGGIO1.Ind1": {"relay": "board.evu"}}, ["HP/EvuGGIO1.Ind1 is no SPC"]),
        ({"HP/Nothing1.X": {"relay": "board.evu"}}, ["HP/Nothing1.X is no SPC"]),
        ({"HP/EvuGGIO1": {"relay": "board.evu"}}, ["name a data object"]),
        (
            {EVU: {"relay": "board.evu"}, "HP/RlyGGIO1.SPCSO1": {"relay": "board.evu"}},
            [f"board.evu is used twice: {EVU} and HP/RlyGGIO1.SPCSO1"],
        ),
        ({SG_READY: {"sg_ready": ["board.one", "board.one"]}}, ["board.one is used twice"]),
        (
            {EVU: {"relay": "board.one"}, SG_READY: {"sg_ready": ["board.one", "board.two"]}},
            ["board.one is used twice"],
        ),
        ({ROOM: {"set_point": "board.room", "initial": 99}}, [ROOM, "initial 99 is beyond its maxVal 30"]),
        ({ROOM: {"set_point": "board.room", "initial": 4}}, [ROOM, "initial 4 is beyond its minVal 5"]),
    ],
)
def test_an_output_that_cannot_be_is_named(
    tree: Tree, board: Board, outputs: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(ConfigError, match="outputs: ") as caught:
        processes(tree, board, outputs)
    for words in said:
        assert words in str(caught.value)


def test_every_control_of_the_model_can_be_wired(tree: Tree, tmp_path: Path) -> None:
    board = Board([f"o{n}" for n in range(20)], LimitsFile(tmp_path / "limits.json"))
    names = iter(sorted(board.outputs()))
    outputs: dict[str, Any] = {}
    for reference, cdc in tree.data_objects():
        oper = Reference(reference.ld, reference.ln, (*reference.path, "Oper")).with_fc(
            FunctionalConstraint.CO
        )
        # The requests to schedules move nothing by themselves.
        if tree.find(oper) is None or reference.ld == "SCH":
            continue
        match cdc:
            case "SPC":
                outputs[str(reference)] = {"relay": f"board.{next(names)}"}
            case "INC":
                outputs[str(reference)] = {"sg_ready": [f"board.{next(names)}", f"board.{next(names)}"]}
            case "APC":
                outputs[str(reference)] = {"set_point": f"board.{next(names)}"}
            case _:
                pytest.fail(f"{reference} is a {cdc}, which no output can be behind")
    assert len(processes(tree, board, outputs)) == len(outputs) >= 6


# --- limits -----------------------------------------------------------------------------------------


async def test_a_command_that_a_limit_forbids_is_refused_by_name_and_moves_nothing(
    tree: Tree, board: Board, clock: Monotonic
) -> None:
    process = relay(tree, board, min_on=60, min_off=600, starts_per_hour=3, starts_per_day=2)
    await process.start()
    assert await process.command(True) is None
    board.writes.clear()
    assert await process.command(False) is AddCause.BLOCKED_BY_INTERLOCKING, "min_on"
    clock.now += 60
    assert await process.command(False) is None
    assert await process.command(True) is AddCause.BLOCKED_BY_INTERLOCKING, "min_off"
    clock.now += 600
    assert await process.command(True) is None
    clock.now += 60
    assert await process.command(False) is None
    clock.now += 600
    assert await process.command(True) is AddCause.STEP_LIMIT, "starts_per_day"
    assert board.writes == [("evu", False), ("evu", True), ("evu", False)]


async def test_the_evu_block_has_stricter_defaults_than_a_spare_relay(
    tree: Tree, board: Board, clock: Monotonic
) -> None:
    outputs = {EVU: {"relay": "board.evu"}, "HP/RlyGGIO1.SPCSO1": {"relay": "board.one"}}
    for process, cause in zip(
        processes(tree, board, outputs), (AddCause.BLOCKED_BY_INTERLOCKING, None), strict=True
    ):
        await process.start()
        assert await process.command(True) is None
        clock.now += 60
        assert await process.command(False) is None
        clock.now += 60
        assert await process.command(True) is cause, str(process.reference)


async def test_sg_ready_holds_its_states_and_bounds_all_of_them_together(
    tree: Tree, board: Board, clock: Monotonic
) -> None:
    """Blocked for an hour, then advised on: another contact, but the same time away."""
    process = sg_ready(tree, board, hold=600, max_on=7200)
    await process.start()
    assert await process.command(1) is None
    clock.now += 599
    assert await process.command(2) is AddCause.BLOCKED_BY_INTERLOCKING
    clock.now += 3001
    assert await process.command(3) is None
    clock.now += 3599
    await process.tick()
    assert process.state() == 3
    clock.now += 1
    await process.tick()
    assert (board.pins["one"], board.pins["two"], process.state()) == (False, False, 2)


async def test_what_protects_waits_for_no_limit(tree: Tree, board: Board, clock: Monotonic) -> None:
    process = relay(tree, board, min_on=600)
    await process.start()
    await process.command(True)
    await process.release()
    assert (board.pins["evu"], process.state()) == (False, False)


async def test_with_a_full_disk_no_relay_leaves_its_safe_state_and_each_can_return(
    tree: Tree, board: Board, clock: Monotonic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    process = relay(tree, board)
    board.file.restore(ledgers({process.reference: process}), clock.now, 0.0)
    await process.start()
    assert await process.command(True) is None
    monkeypatch.setattr("device_agent.limits_file.replace_text", full)
    assert await process.command(False) is None
    board.writes.clear()
    assert await process.command(True) is AddCause.BLOCKED_BY_HEALTH
    assert board.writes == [] and not board.file.kept
    monkeypatch.undo()


@pytest.mark.parametrize("reboot", [False, True])
async def test_starts_are_on_the_disk_before_the_pin_moves(
    tree: Tree, board: Board, clock: Monotonic, monkeypatch: pytest.MonkeyPatch, reboot: bool
) -> None:
    """The process dies in the middle of the write; what it had begun counts after the restart."""
    options = {"starts_per_day": 1}
    process = relay(tree, board, **options)
    board.file.restore(ledgers({process.reference: process}), clock.now, 0.0)
    await process.start()
    board.hanging.add("evu")
    stuck = asyncio.create_task(process.command(True))
    await settle()
    board.hanging.clear()
    if reboot:
        monkeypatch.setattr("device_agent.limits_file.boot_id", lambda: "another boot")
        clock.now = 3.0
    again = relay(tree, board, **options)
    LimitsFile(board.file._path).restore(ledgers({again.reference: again}), clock.now, time.time())
    await again.start()
    assert await again.command(True) is AddCause.STEP_LIMIT
    stuck.cancel()


DAMAGED = {
    "empty": "",
    "list": "[]",
    "outputs": '{"outputs": []}',
    "deep": '{"a": ' * 100_000,
    "time": '{"outputs": {}, "boot": 1}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_memory_counts_against_the_box(
    tree: Tree, board: Board, clock: Monotonic, content: str
) -> None:
    board.file._path.write_text(content)
    process = relay(tree, board, starts_per_hour=1, starts_per_day=1)
    board.file.restore(ledgers({process.reference: process}), clock.now, 0.0)
    await process.start()
    assert await process.command(True) is AddCause.STEP_LIMIT


async def test_a_clock_that_went_back_over_a_reboot_gives_nothing_back(
    tree: Tree, board: Board, clock: Monotonic, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = relay(tree, board, min_off=600)
    board.file.restore(ledgers({process.reference: process}), clock.now, 0.0)
    await process.start()
    await process.command(True)
    await process.command(False)
    assert board.file.save(clock.now, 1_800_000_000.0)
    monkeypatch.setattr("device_agent.limits_file.boot_id", lambda: "another boot")
    clock.now = 3.0
    again = relay(tree, board, min_off=600)
    LimitsFile(board.file._path).restore(ledgers({again.reference: again}), clock.now, 0.0)
    await again.start()
    assert await again.command(True) is AddCause.BLOCKED_BY_INTERLOCKING
    clock.now += 600
    assert await again.command(True) is None

"""Entries on the disk: what was promised survives a kill, and nothing that befalls the file stops a box."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from device_agent import buffer_file
from device_agent.buffer import Buffers
from device_agent.buffer_file import WAL_OCTETS
from device_agent.entry_codec import encode
from device_agent.stored_buffer import BATCH, SENT_STEP, StoredBuffer, octets_of_row
from iec61850_model.mms.pdu import Data
from iec61850_model.server.buffer import EPOCH_SHIFT, Entry, Member
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.values import Timestamp, Trigger

AVG, OTHER = "AVG/LLN0$BR$brcbAvg01", "LD0/LLN0$GeneralLog"
NOW = 1_800_000_000.0
ROOM = 10_000_000
REPOSITORY = Path(__file__).parents[2]


def members(value: float, count: int = 3) -> list[Member]:
    return [
        Member(
            index,
            Trigger.DUPD,
            Data(
                "structure",
                (
                    Data("floating-point", value),
                    Data("bit-string", "0" * 13),
                    Data("utc-time", Timestamp.from_unix(NOW)),
                ),
            ),
        )
        for index in range(count)
    ]


def values(entries: list[Entry]) -> list[float]:
    """The value of the first member of each entry."""
    found = []
    for entry in entries:
        assert isinstance(entry.members[0].value.value, tuple)
        found.append(entry.members[0].value.value[0].value)
    return found  # type: ignore[return-value]


class Disk:
    """A file of buffers that can be opened again and again."""

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self.path = folder / "buffer.db"
        self.aside = folder / "buffer.db.damaged"
        self.room = room
        self.now = NOW
        self.buffers = self._new()

    def _new(self) -> Buffers:
        return Buffers(self.path, self.room, lambda: self.now)

    def open(self) -> StoredBuffer:
        """The buffer of the averages, in a box that has just started."""
        self.buffers.close()
        self.buffers = self._new()
        self.buffers.open()
        return self.buffers.of(AVG)

    def close(self) -> None:
        self.buffers.close()

    def hurry(self) -> None:
        """From here on nobody waits for the disk, for thousands of entries that are there to fill it."""
        database = self.buffers._file._db
        assert database is not None
        database.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    yield made
    made.close()


# --- what every buffer does ---------------------------------------------------------------------------


def test_entries_come_back_in_order_under_their_numbers(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW + step, members(step)) for step in range(5)]
    assert [one.number for one in entries] == list(range(entries[0].number, entries[0].number + 5))
    assert buffer.after(0, 10) == entries
    assert buffer.after(entries[1].number, 2) == entries[2:4]
    assert (buffer.first, buffer.last, buffer.lost) == (entries[0], entries[4], 0)
    assert buffer.between(NOW + 1, NOW + 3, 0, 10) == entries[1:4]
    assert buffer.between(NOW + 1, NOW + 3, entries[1].number, 1) == [entries[2]]


def test_a_restart_keeps_entries_and_numbers(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW + step, members(step)) for step in range(3)]
    other = disk.buffers.of(OTHER).append(NOW, members(9))
    buffer = disk.open()
    assert buffer.after(0, 10) == entries
    assert (buffer.first, buffer.last) == (entries[0], entries[2])
    assert buffer.append(NOW, members(3)).number == entries[2].number + 1
    assert disk.buffers.of(OTHER).after(0, 10) == [other], "each has its own"


@pytest.mark.parametrize("forget", ["clear", "drop"])
def test_numbers_are_not_given_again_when_the_newest_entries_were_forgotten(disk: Disk, forget: str) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step)) for step in range(3)]
    if forget == "clear":
        buffer.clear()
        assert (buffer.after(0, 9), buffer.first, buffer.last) == ([], None, None)
    else:
        buffer.drop([entries[0].number, entries[2].number])
        assert buffer.after(0, 9) == [entries[1]]
        assert buffer.first == buffer.last == entries[1]
    buffer = disk.open()
    assert buffer.append(NOW, members(4)).number == entries[2].number + 1


def test_entries_of_another_data_set_are_forgotten_with_a_word_in_the_log(disk: Disk) -> None:
    buffer = disk.open()
    buffer.begin("power, voltage")
    before = buffer.append(NOW, members(1))
    buffer = disk.open()
    buffer.begin("power, voltage")
    assert buffer.after(0, 9) == [before], "the same as before the restart"
    buffer = disk.open()
    with capture_logs() as logs:
        buffer.begin("power, current")
        assert buffer.after(0, 9) == []
    assert [(one["event"], one["buffer"]) for one in logs] == [
        ("entries of another data set are forgotten", AVG)
    ]
    after = buffer.append(NOW, members(2))
    assert after.number == before.number + 1
    buffer = disk.open()
    buffer.begin("power, current")
    assert buffer.after(0, 9) == [after]


def test_what_it_is_of_may_be_said_before_the_file_is_there(disk: Disk) -> None:
    buffer = disk.open()
    buffer.begin("power, voltage")
    entry = buffer.append(NOW, members(1))
    disk.close()
    for content, kept in (("power, voltage", [entry]), ("power, current", []), ("power, voltage", [])):
        buffers = Buffers(disk.path, ROOM, lambda: NOW)
        buffer = buffers.of(AVG)
        buffer.begin(content)
        buffers.open()
        assert (buffer.after(0, 9), buffer.last) == (kept, kept[-1] if kept else None)
        buffers.close()


def test_the_newest_entry_can_be_replaced(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW + step, members(step)) for step in range(3)]
    filled = buffer.waiting
    more = Entry(entries[2].number, entries[2].time, tuple(members(7, count=40)))
    buffer.replace(more)
    assert (buffer.last, buffer.after(0, 9)) == (more, [*entries[:2], more])
    assert buffer.waiting > filled
    with pytest.raises(ValueError, match="not the newest"):
        buffer.replace(entries[1])
    filled = buffer.waiting
    buffer = disk.open()
    assert buffer.after(0, 9) == [*entries[:2], more]
    assert buffer.waiting == filled
    assert buffer.append(NOW, members(1)).number == more.number + 1


def test_what_the_model_has_no_more_is_forgotten_and_gives_its_room_back(disk: Disk) -> None:
    entry = disk.open().append(NOW, members(1))
    disk.buffers.of(OTHER).append(NOW, members(1))
    buffer = disk.open()
    filled = buffer.waiting
    with capture_logs() as logs:
        disk.buffers.forget_others()
    assert [(one["event"], one["buffer"]) for one in logs] == [
        ("the model has this no more: its entries are forgotten", OTHER)
    ]
    assert buffer.waiting == pytest.approx(filled / 2)
    assert disk.open().after(0, 9) == [entry]
    assert disk.buffers.of(OTHER).after(0, 9) == []


OPERATIONS = st.lists(
    st.one_of(
        st.just(("append", 0)),
        st.just(("clear", 0)),
        st.just(("restart", 0)),
        st.just(("replace", 0)),
        st.tuples(st.just("begin"), st.integers(0, 2)),
        st.tuples(st.just("drop"), st.integers(0, 6)),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(OPERATIONS)
def test_whatever_is_done_it_is_what_a_buffer_in_memory_does(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int]]
) -> None:
    disk = Disk(tmp_path_factory.mktemp("buffer"))
    try:
        buffer = disk.open()
        model = MemoryBuffer(1000, disk.buffers.epoch)
        for step, (what, at) in enumerate(operations):
            if what == "append":
                assert buffer.append(NOW + step, members(step, 1)) == model.append(
                    NOW + step, members(step, 1)
                )
            elif what == "clear":
                buffer.clear()
                model.clear()
            elif what == "begin":
                buffer.begin("x" * at)
                model.begin("x" * at)
            elif what == "replace" and model.last is not None:
                entry = Entry(model.last.number, model.last.time, tuple(members(-step, 4)))
                buffer.replace(entry)
                model.replace(entry)
            elif what == "restart":
                buffer = disk.open()
            elif what == "drop":
                numbers = [one.number for one in model.after(0, 1000)][at : at + 2]
                buffer.drop(numbers)
                model.drop(numbers)
            assert buffer.after(0, 1000) == model.after(0, 1000)
            assert (buffer.first, buffer.last, buffer.lost) == (model.first, model.last, 0)
    finally:
        disk.close()


# --- room ---------------------------------------------------------------------------------------------


def small(tmp_path: Path, entries: int) -> Disk:
    """Room for so many entries of `members`."""
    return Disk(tmp_path, WAL_OCTETS + entries * octets_of_row(len(encode(members(0)))))


def test_without_room_the_oldest_go_in_batches_and_it_is_remembered(tmp_path: Path) -> None:
    disk = small(tmp_path, 2 * BATCH)
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step)) for step in range(2 * BATCH)]
    assert (buffer.waiting, buffer.lost) == (1.0, 0)
    with capture_logs() as logs:
        entries.append(buffer.append(NOW, members(-1)))
    assert [one["event"] for one in logs] == ["no more room: the oldest entries go"]
    assert buffer.lost == entries[2].number
    assert buffer.after(0, 1000) == entries[3:]
    buffer = disk.open()
    assert (buffer.lost, buffer.first) == (entries[2].number, entries[3])
    for step in range(500):
        entries.append(buffer.append(NOW, members(step)))
        assert buffer.waiting <= 1
    kept = buffer.after(0, 1000)
    assert kept == entries[-len(kept) :] and len(kept) > 2 * BATCH - 5
    assert buffer.lost == entries[-len(kept) - 1].number
    buffer.clear()
    assert (buffer.lost, buffer.waiting) == (0, 0)
    assert disk.open().lost == 0
    disk.close()


def test_an_entry_larger_than_all_the_room_is_kept_alone(tmp_path: Path) -> None:
    disk = small(tmp_path, 4)
    buffer = disk.open()
    old = [buffer.append(NOW, members(step)) for step in range(3)]
    huge = buffer.append(NOW, members(1, count=100))
    assert buffer.after(0, 10) == [huge]
    assert buffer.lost == old[-1].number
    following = buffer.append(NOW, members(2))
    assert buffer.after(0, 10) == [following]
    disk.close()


def test_how_full_it_is_of_what_was_never_sent(tmp_path: Path) -> None:
    disk = small(tmp_path, 100)
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step)) for step in range(SENT_STEP + 10)]
    assert buffer.waiting == pytest.approx(0.42)
    buffer.note_sent(entries[9].number)
    assert buffer.waiting == pytest.approx(0.32)
    buffer.note_sent(entries[4].number)
    assert buffer.waiting == pytest.approx(0.32), (
        "what was sent once is not waiting, even if it is asked again"
    )
    buffer.note_sent(entries[SENT_STEP + 4].number)
    assert buffer.waiting == pytest.approx(0.05)
    entries.append(buffer.append(NOW, members(1)))
    assert buffer.waiting == pytest.approx(0.06)
    buffer = disk.open()
    assert buffer.waiting == pytest.approx(0.06), "known after a restart, too"
    buffer.note_sent(entries[-1].number)
    assert buffer.waiting == 0
    buffer.append(NOW, members(1))
    assert disk.open().waiting == pytest.approx(0.07), "roughly"
    buffer = disk.open()
    buffer.note_sent(2**64 - 1)
    assert buffer.waiting == 0
    buffer.append(NOW, members(1))
    assert buffer.waiting == pytest.approx(0.01), (
        "a number that was never given says nothing of those to come"
    )
    disk.close()


def test_the_room_is_shared_among_the_buffers(tmp_path: Path) -> None:
    disk = small(tmp_path, 10)
    buffer = disk.open()
    other = disk.buffers.of(OTHER)
    for step in range(30):
        buffer.append(NOW, members(step))
        other.append(NOW, members(step))
    assert len(buffer.after(0, 100)) == len(other.after(0, 100)) == 4
    disk.close()


def test_the_file_stays_within_its_room(tmp_path: Path) -> None:
    entries = 2_000_000
    room = WAL_OCTETS + entries
    disk = Disk(tmp_path, room)
    buffer = disk.open()
    disk.hurry()
    for step in range(6000):
        buffer.append(NOW, members(step, count=20))
        assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= room
    assert buffer.lost
    disk.close()
    assert disk.path.stat().st_size <= entries * 1.05


# --- power cuts ---------------------------------------------------------------------------------------

APPENDING = """
import sys, time
import structlog
from pathlib import Path
from device_agent.buffer import Buffers
from iec61850_model.mms.pdu import Data
from iec61850_model.server.buffer import Member
from iec61850_model.values import Trigger

structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
buffers = Buffers(Path(sys.argv[1]), 9_000_000, time.time)
buffers.open()
buffer = buffers.of(sys.argv[2])
print("ready", flush=True)
while True:
    entry = buffer.append(time.time(), [Member(0, Trigger.DUPD, Data("octet-string", bytes(2000)))])
    print(entry.number, flush=True)
"""


def test_what_was_promised_is_there_after_every_kill(disk: Disk) -> None:
    """Killed in the middle of appends; with entries of 2 kB the WAL is written back and room runs out."""
    chance = random.Random(4)
    promised: list[int] = []
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", APPENDING, str(disk.path), AVG],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for _ in range(chance.randrange(5, 200)):
            promised.append(int(child.stdout.readline()))
        child.kill()
        promised += [
            int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        child.wait()
        child.stdout.close()
        disk.room = 9_000_000
        buffer = disk.open()
        kept = [one.number for one in buffer.after(0, 100_000)]
        assert kept == sorted(set(kept))
        missing = [number for number in promised if number not in set(kept) and number > buffer.lost]
        assert missing == []
        disk.close()
    assert promised == sorted(set(promised)), "no number was given twice"
    assert not disk.aside.exists()


def test_a_torn_write_costs_only_what_was_not_promised_yet(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step, count=20)) for step in range(20)]
    wal = disk.path.with_name("buffer.db-wal")
    whole, database = wal.read_bytes(), disk.path.read_bytes()
    disk.close()
    for cut in (len(whole) - 1, len(whole) - 5000, len(whole) // 2, 100, 0):
        disk.path.write_bytes(database)
        wal.write_bytes(whole[:cut])
        buffer = disk.open()
        kept = buffer.after(0, 100)
        assert kept == entries[: len(kept)]
        after = buffer.append(NOW, members(99))
        assert after.number == (kept[-1].number if kept else entries[0].number - 1) + 1
        assert disk.open().after(0, 100) == [*kept, after]
        assert disk.buffers.kept
    assert not disk.aside.exists()


# --- a disk that refuses ------------------------------------------------------------------------------


@contextmanager
def no_file_grows_beyond(octets: int) -> Iterator[None]:
    """As on a full disk: every write beyond this place in a file fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_of_that_entry_only(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step)) for step in range(3)]
    with capture_logs() as logs, no_file_grows_beyond(disk.path.with_name("buffer.db-wal").stat().st_size):
        for step in range(3):
            with pytest.raises(OSError, match=r"buffer\.db"):
                buffer.append(NOW, members(step))
        assert not disk.buffers.kept
        assert buffer.after(0, 10) == entries, "what is there can be read"
        assert buffer.last == entries[-1]
    assert [one["event"] for one in logs] == ["entries cannot be kept"], "once, not with every entry"
    with capture_logs() as logs:
        after = buffer.append(NOW, members(9))
    assert [one["event"] for one in logs] == ["entries are kept again"]
    assert disk.buffers.kept
    assert after.number == entries[-1].number + 4, "a number is not given again"
    assert disk.open().after(0, 10) == [*entries, after]


def test_a_purge_that_the_full_disk_refuses_is_done_later(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step)) for step in range(3)]
    with no_file_grows_beyond(disk.path.with_name("buffer.db-wal").stat().st_size):
        buffer.drop([entries[0].number])
        with pytest.raises(OSError, match=r"buffer\.db"):
            buffer.replace(Entry(entries[2].number, NOW, tuple(members(5))))
        assert buffer.after(0, 9) == entries
        buffer.clear()
        assert (buffer.after(0, 9), buffer.first, buffer.last, buffer.lost) == ([], None, None, 0)
        assert buffer.between(0, 2 * NOW, 0, 9) == []
    after = buffer.append(NOW, members(9))
    assert buffer.after(0, 9) == [after]
    assert disk.open().after(0, 9) == [after]


@pytest.mark.parametrize("filled", [True, False])
def test_a_data_set_that_changes_while_the_disk_is_full_is_not_mixed_with_the_old_one(
    disk: Disk, filled: bool
) -> None:
    buffer = disk.open()
    buffer.begin("old")
    if filled:
        buffer.append(NOW, members(1))
    with no_file_grows_beyond(disk.path.with_name("buffer.db-wal").stat().st_size):
        buffer.begin("new")
        assert buffer.after(0, 9) == []
    after = buffer.append(NOW, members(9))
    buffer = disk.open()
    buffer.begin("new")
    assert buffer.after(0, 9) == [after]


def test_a_file_that_cannot_be_made_is_tried_again(disk: Disk) -> None:
    disk.path.mkdir()
    with capture_logs() as logs:
        buffer = disk.open()
        assert (buffer.first, buffer.last, buffer.lost, buffer.between(0, NOW, 0, 9)) == (None, None, 0, [])
        with pytest.raises(OSError, match="entries"):
            buffer.after(0, 9)
        assert buffer.waiting == 0
        buffer.clear()
        for _ in range(2):
            with pytest.raises(OSError, match="buffer"):
                buffer.append(NOW, members(1))
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["entries cannot be kept"]
    assert not disk.buffers.kept
    disk.path.rmdir()
    entry = buffer.append(NOW, members(1))
    assert disk.buffers.kept
    assert disk.open().after(0, 9) == [entry]


def test_a_file_that_another_box_has_is_left_to_it(disk: Disk) -> None:
    buffer = disk.open()
    entry = buffer.append(NOW, members(1))
    second = Disk(disk.path.parent)
    other = second.open()
    assert not second.buffers.kept and other.last is None
    with pytest.raises(OSError, match="entries"):
        other.after(0, 9)
    with pytest.raises(OSError, match="locked"):
        other.append(NOW, members(2))
    with pytest.raises(OSError, match="entries"):
        other.replace(entry)
    disk.close()
    assert other.append(NOW, members(2)).number == entry.number + 1
    second.close()


# --- damage -------------------------------------------------------------------------------------------


def scribble(path: Path, at: int, length: int = 1000) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(1).randbytes(length))


def in_the_header(path: Path) -> None:
    scribble(path, 0, 16)


def in_a_page(path: Path) -> None:
    """Every page but the first, whose header tells the epoch."""
    for page in range(1, path.stat().st_size // 4096):
        scribble(path, page * 4096)


def in_the_entries(path: Path) -> None:
    """Every page but those of the schema and of the list of buffers: it shows when a buffer is looked at."""
    for page in range(3, path.stat().st_size // 4096):
        scribble(path, page * 4096)


def cut_off(path: Path) -> None:
    os.truncate(path, 5000)


def another_file(path: Path) -> None:
    path.write_bytes(b"this is not a database at all" * 1000)


def of_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE x (y)")
    other.close()


@pytest.mark.parametrize(
    "damage", [in_the_header, in_a_page, in_the_entries, cut_off, another_file, of_another_program]
)
@pytest.mark.parametrize("first_use", ["last", "lost", "append"])
def test_a_damaged_file_is_set_aside_and_begun_anew(
    disk: Disk, damage: Callable[[Path], None], first_use: str
) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step, count=20)) for step in range(200)]
    disk.close()
    damage(disk.path)
    damaged = disk.path.read_bytes()
    disk.now += 86_400
    with capture_logs() as logs:
        buffer = disk.open()
        if first_use == "last":
            assert buffer.last is None
        if first_use == "lost":
            assert buffer.lost > entries[-1].number
        entry = buffer.append(NOW, members(1))
    assert [one["event"] for one in logs] == ["the buffer is damaged, begun anew"]
    assert disk.aside.read_bytes() == damaged
    assert entry.number > entries[-1].number, "a new epoch, above the old one"
    assert entry.number >> EPOCH_SHIFT != entries[-1].number >> EPOCH_SHIFT
    assert 0 < buffer.lost < entry.number, "what was in it is lost, and that is said"
    assert disk.buffers.kept
    buffer = disk.open()
    assert buffer.after(0, 9) == [entry]
    assert buffer.lost


def test_damage_that_shows_while_the_box_runs(disk: Disk) -> None:
    disk.room = 40_000_000
    buffer = disk.open()
    other = disk.buffers.of(OTHER)
    disk.hurry()
    for step in range(6000):  # more than is held in memory
        other.append(NOW, members(step))
        before = buffer.append(NOW, members(step, count=20)).number
    in_a_page(disk.path)
    in_a_page(disk.path.with_name("buffer.db-wal"))
    with pytest.raises(OSError, match="malformed"):
        buffer.after(0, 10_000)
    assert buffer.after(0, 10_000) == []
    assert disk.aside.exists()
    assert buffer.append(NOW, members(1)).number > before
    assert other.append(NOW, members(1)).number > before
    assert disk.buffers.kept


def test_an_entry_that_finds_the_file_damaged_goes_into_the_new_one(disk: Disk) -> None:
    disk.room = 40_000_000
    buffer = disk.open()
    before = buffer.append(NOW, members(1))
    other = disk.buffers.of(OTHER)
    disk.hurry()
    for step in range(8000):  # until the page of the first is held in memory no more
        other.append(NOW, members(step, count=20))
    in_a_page(disk.path)
    entry = buffer.append(NOW, members(2))
    assert entry.number > before.number
    assert (buffer.after(0, 9), disk.aside.exists()) == ([entry], True)
    # More comes to it: that it is gone is a fault of the disk's, which must not end the box.
    with pytest.raises(OSError, match="gone"):
        buffer.replace(before)


def test_the_epoch_is_above_the_old_one_even_without_a_clock(disk: Disk) -> None:
    numbers = [disk.open().append(NOW, members(1)).number]
    for _ in range(3):
        disk.close()
        disk.now = 0.0
        in_a_page(disk.path)
        numbers.append(disk.open().append(NOW, members(1)).number)
    assert numbers == sorted(set(numbers))


def test_files_made_at_the_same_moment_do_not_all_have_the_same_epoch(tmp_path: Path) -> None:
    """A box without a clock whose card is changed begins at the same time each time."""
    epochs = set()
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        disk = Disk(tmp_path / str(number))
        epochs.add(disk.open().append(NOW, members(1)).number >> EPOCH_SHIFT)
        disk.close()
    assert len(epochs) > 20
    assert all(abs(epoch - NOW) <= 256 for epoch in epochs)


def test_an_entry_that_was_changed_on_the_disk_is_lost_and_the_others_are_not(disk: Disk) -> None:
    buffer = disk.open()
    entries = [buffer.append(NOW, members(step)) for step in range(5)]
    disk.close()
    with sqlite3.connect(disk.path) as tampered:
        for at in (1, 4):
            counter = entries[at].number & 0xFFFFFFFF
            tampered.execute("UPDATE entries_1 SET body = zeroblob(100) WHERE counter = ?", (counter,))
    tampered.close()
    buffer = disk.open()
    with capture_logs() as logs:
        assert buffer.last == entries[3]
        assert buffer.after(0, 2) == [entries[0], entries[2]]
        assert buffer.after(0, 9) == [entries[0], entries[2], entries[3]]
    assert [one["event"] for one in logs] == ["an entry is damaged"] * 2
    assert buffer.lost == entries[4].number
    assert buffer.append(NOW, members(1)).number == entries[4].number + 1


# --- the file -----------------------------------------------------------------------------------------


def test_only_the_box_may_read_it(disk: Disk) -> None:
    disk.open().append(NOW, members(1))
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in disk.path.parent.iterdir()}
    assert found == {"buffer.db": 0o600, "buffer.db-wal": 0o600}


def test_every_append_waits_for_the_disk(disk: Disk) -> None:
    disk.open().append(NOW, members(1))
    assert disk.buffers._file.read("PRAGMA synchronous") == [(2,)]
    assert disk.buffers._file.read("PRAGMA journal_mode") == [("wal",)]


def test_before_it_is_opened_it_is_empty_and_touches_nothing(disk: Disk) -> None:
    buffer = disk.buffers.of(AVG)
    assert (buffer.first, buffer.last, buffer.lost, buffer.after(0, 9)) == (None, None, 0, [])
    with pytest.raises(OSError, match="not open"):
        buffer.append(NOW, members(1))
    assert disk.buffers.kept
    assert list(disk.path.parent.iterdir()) == []


def test_times_are_exact(disk: Disk) -> None:
    times = [NOW + 0.1, NOW + 1 / 3, 0.0, -1.5]
    for time in times:
        disk.open().append(time, members(1))
    assert [one.time for one in disk.open().after(0, 9)] == times


def test_the_bound_of_a_file_is_of_the_file_and_its_wal() -> None:
    assert WAL_OCTETS >= 2 * buffer_file.CHECKPOINT_PAGES * buffer_file.PAGE_OCTETS

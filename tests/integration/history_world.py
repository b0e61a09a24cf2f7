"""A hub that keeps the history of boxes whose values are known, and what is in either, to be compared."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from known_box import COUNT, RAMP
from raw_operator import operator
from sqlalchemy import text

from device_agent.buffer import Buffers
from hub.config import HubConfig
from hub.database import open_engine, reading
from iec61850_model.scl import read_model
from iec61850_model.server.buffer import Entry
from iec61850_model.values import Timestamp
from support.ports import LOOPBACK
from support.scene import HUB, MODEL, PROVIDER_JID, Program, Scene, box_jid

FIVE_MINUTES = 300
"""Seconds of an interval as the model has it."""
BLOCK = "AVG/LLN0$BR$brcbAvg01"
BUFFER_OCTETS = 200_000_000
SAMPLE_EVERY = 0.2
"""Seconds between two samples of a box."""
LONG_AGO = "2020-01-01"
EPOCH_BITS = 32
EVERYTHING = 1 << 30
INVALID = "01"
"""The first two bits of a quality (7-3, 6.2.1)."""


@cache
def model_with(interval: int) -> bytes:
    """The boxes' model, with averages over so many seconds."""
    model, per = MODEL.read_text(encoding="utf-8"), "<Val>{}</Val>"
    before = per.format(FIVE_MINUTES * 1000)
    assert model.count(before) == 1
    return model.replace(before, per.format(interval * 1000)).encode()


@dataclass(frozen=True, slots=True)
class Sample:
    """What is compared of one interval: its end, the mean of the ramp, the count at its end."""

    interval: int
    power: float | None
    energy: int | None


@dataclass
class HistoryWorld:
    """``interval``: seconds. ``since``: when the ramp began, so that it fits into single precision."""

    scene: Scene
    interval: int
    since: float = field(default_factory=lambda: float(int(time.time())))
    lives: dict[int, list[list[float]]] = field(default_factory=dict)
    """Of each box when it was started and, if it was, killed."""
    earlier_logs: dict[str, str] = field(default_factory=dict)

    # --- parts ------------------------------------------------------------------------------------

    def introduce(self, boxes: int) -> None:
        """The operator lets boxes and provider in; everything may be read and kept, also of the past."""
        operator(self.scene, "provider", "add", "agg", "--jid", PROVIDER_JID)
        for number in range(1, boxes + 1):
            operator(self.scene, "heatpump", "add", heat_pump(number), "--box", box_jid(number))
            operator(
                self.scene, "grant", "add", "agg", heat_pump(number), "--right", "read",
                "--right", "history", "--purpose", "operation", "--from", LONG_AGO,
            )  # fmt: skip
            self.scene.register(box_jid(number))

    def start_hub(self, part: str) -> Program:
        """Start ``router`` or ``collector``; it connects as soon as it can."""
        return self.start(part, ["hphub", "run", "--only", part], self.scene.hub_environment)

    def start_box(self, number: int, port: int) -> Program:
        """Start a box whose line to the server begins at ``port``."""
        path = self.box_folder(number) / "box.yaml"
        path.write_text(yaml.safe_dump(self._box_settings(number, port), sort_keys=False))
        self.lives.setdefault(number, []).append([time.time()])
        script = str(Path(__file__).with_name("known_box.py"))
        command = [sys.executable, script, "run", "--config", str(path)]
        return self.start(box_name(number), command, {})

    def _box_settings(self, number: int, port: int) -> dict[str, Any]:
        model = self.box_folder(number) / "box.icd"
        model.write_bytes(model_with(self.interval))
        return {
            "jid": box_jid(number),
            "password_file": str(self.scene.password_file(box_jid(number))),
            "hub": HUB,
            "model": str(model),
            "server": {"host": LOOPBACK, "port": port},
            "ca_file": str(self.scene.xmpp_server.ca_file),
            "clock": "trusted",
            "sample_every": SAMPLE_EVERY,
            "buffer": {"report_delay": 0},
            "drivers": {"known": {"kind": "known", "since": self.since}},
            "points": {"MET/MMXU1.TotW": f"known.{RAMP}", "MET/MMTR1.DmdWh": f"known.{COUNT}"},
        }

    def box_folder(self, number: int) -> Path:
        """Where a box has its files."""
        folder = self.scene.directory / box_name(number)
        folder.mkdir(exist_ok=True)
        return folder

    def start(self, name: str, command: Sequence[str], environment: dict[str, str]) -> Program:
        """Start a program; what it wrote the last time is kept."""
        if name in self.scene.programs:
            self.earlier_logs[name] = self.log_of(name)
        return self.scene.start(name, command, environment)

    def kill(self, name: str) -> None:
        """SIGKILL; it must not have ended by itself."""
        program = self.scene.programs[name]
        assert program.process.poll() is None, f"{name} has ended by itself:\n{program.log[-3000:]}"
        program.kill()
        for number, lives in self.lives.items():
            if name == box_name(number):
                lives[-1].append(time.time())

    def log_of(self, name: str) -> str:
        """All that a program wrote, over all its lives."""
        return self.earlier_logs.get(name, "") + self.scene.programs[name].log

    # --- what is kept where -------------------------------------------------------------------------

    def kept(self, number: int) -> list[Sample]:
        """What the box has in its buffer, in order; it must not run. It has never begun a new buffer."""
        buffers = Buffers(self.box_folder(number) / "buffer.db", BUFFER_OCTETS, time.time)
        buffers.open()
        try:
            entries = buffers.of(BLOCK).after(0, EVERYTHING)
        finally:
            buffers.close()
        assert len({one.number >> EPOCH_BITS for one in entries}) == 1, "the buffer was begun anew"
        assert not (self.box_folder(number) / "buffer.db.damaged").exists()
        return [self._sample(entry) for entry in entries]

    def _sample(self, entry: Entry) -> Sample:
        """As it is to be stored: what is invalid is missing."""
        named = {_names()[member.index]: member.value.value for member in entry.members}
        assert len(named) == len(entry.members) == len(_names()), "an entry tells of all"
        ended = named["AVG/MMXU1.TotW.t"]
        assert isinstance(ended, Timestamp)
        assert round(ended.unix) % self.interval == 0
        power, energy = named["AVG/MMXU1.TotW.mag.f"], named["AVG/MMTR1.DmdWh.actVal"]
        assert isinstance(power, float)
        assert isinstance(energy, int)
        return Sample(
            round(ended.unix),
            None if str(named["AVG/MMXU1.TotW.q"]).startswith(INVALID) else power,
            None if str(named["AVG/MMTR1.DmdWh.q"]).startswith(INVALID) else energy,
        )

    async def stored(self) -> dict[str, list[Sample]]:
        """What the history has of each heat pump, by interval. Doubles, if it took any, are in it twice."""
        config = HubConfig.load(self.scene.directory / "hub" / "hub.yaml")
        engine = open_engine(config.databases.history)
        query = "SELECT series, interval, electric_power, electric_energy FROM sample ORDER BY interval"
        names = self._names_of_series()
        found: dict[str, list[Sample]] = {name: [] for name in names.values()}
        try:
            async with reading(engine).connect() as connection:
                for series, interval, power, energy in await connection.execute(text(query)):
                    found[names[series]].append(Sample(interval, power, energy))
        finally:
            await engine.dispose()
        return found

    def _names_of_series(self) -> dict[int, str]:
        with closing(sqlite3.connect(self.scene.directory / "hub" / "registry.db")) as registry:
            query = "SELECT series, id FROM history_series JOIN heat_pump ON pk = heat_pump_pk"
            return dict(registry.execute(query).fetchall())

    async def status(self, number: int) -> dict[str, Any]:
        """What the operator is told of a heat pump's history."""
        arguments = ("history", "status", heat_pump(number), "--json")
        told: dict[str, Any] = json.loads(await asyncio.to_thread(operator, self.scene, *arguments))
        return told

    async def reached(self, interval: int, heat_pumps: Sequence[str], patience: float) -> None:
        """Wait until the history of all these has got so far."""
        last: dict[str, int] = {}
        try:
            async with asyncio.timeout(patience):
                while not all(last.get(one, 0) >= interval for one in heat_pumps):
                    await asyncio.sleep(0.5)
                    last = {one: rows[-1].interval for one, rows in (await self.stored()).items() if rows}
        except TimeoutError:
            logs = "\n".join(f"--- {name}\n{one.log[-2000:]}" for name, one in self.scene.programs.items())
            raise AssertionError(f"the history is at {last}, not at {interval}\n{logs}") from None


def heat_pump(number: int) -> str:
    return f"hp{number:04d}"


def box_name(number: int) -> str:
    return f"box{number:04d}"


@cache
def _names() -> list[str]:
    """The members of the data set of the history, in order."""
    blocks = read_model(model_with(FIVE_MINUTES)).blocks
    return [one.without_fc for one in next(one for one in blocks.data_sets if one.name == "dsAvg").members]


def single(value: float) -> float:
    """As single precision has it, which is what a box measures in."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded

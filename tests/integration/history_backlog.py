"""What a box keeps during a long outage, made in seconds by the code that a box makes it with."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

from history_world import BLOCK, BUFFER_OCTETS, FIVE_MINUTES, model_with

from device_agent import averages
from device_agent.averages import Averages
from device_agent.buffer import Buffers
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.server import Moment, Server
from iec61850_model.values import GOOD

POWER, ENERGY = Reference.parse("MET/MMXU1.TotW"), Reference.parse("MET/MMTR1.DmdWh")


def fill(file: Path, intervals: int) -> int:
    """Let the box of this buffer measure for so many intervals of 5 minutes, the last just over.

    The power is the number of the interval, from 0. Returns when the last one ended, seconds since 1970.
    """
    model = read_model(model_with(FIVE_MINUTES))
    collectors = tuple(one for one in model.blocks.reports if f"{one.ld}/{one.ln}$BR${one.name}" == BLOCK)
    assert len(collectors) == 1
    buffers = Buffers(file, BUFFER_OCTETS, time.time)
    server = Server(model.tree, replace(model.blocks, reports=collectors, logs=()), buffers.of)
    measured = Averages(model.tree, FIVE_MINUTES)
    last = int(time.time()) // FIVE_MINUTES * FIVE_MINUTES
    first = last - intervals * FIVE_MINUTES
    buffers.open()
    measured.start(0.0)
    # In the slices of a box it would take minutes.
    with mock.patch.object(averages, "SLICE", float(FIVE_MINUTES)):
        for number in range(intervals):
            at = float(number * FIVE_MINUTES)
            ended = Moment(first + at + FIVE_MINUTES)
            measured.take(POWER, float(number), GOOD, at)
            model.tree.update(ENERGY, number, GOOD, ended.timestamp)
            measured.refresh(ended, at + FIVE_MINUTES)
            server.tick(ended)
    buffers.close()
    return last

"""One box: updates of its model, and what a running ``hpbox`` takes of processor, memory and SD card."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_agent.stored_buffer import octets_of_row
from iec61850_model.client import Client
from iec61850_model.client.reports import Report
from iec61850_model.mms.pdu import Payload
from iec61850_model.reference import Reference
from iec61850_model.xmpp import Channel, Connection, ConnectionSettings
from support.bench import updates
from support.bench.processes import cpu_seconds, peak_memory
from support.ports import LOOPBACK
from support.scene import (
    AGGREGATOR,
    MODEL,
    PROVIDER_JID,
    Program,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

AIM_CPU = 0.01
"""Part of a core."""
AIM_OCTETS = 100_000_000
"""Resident memory."""
AIM_BUFFER_OCTETS = 200_000_000
"""Everything that is kept, with 30 days of averages in it."""
INTERVAL = 300
"""Seconds of a cycle: the averages of the shipped model."""
SHORT_INTERVAL = 1
"""Seconds of the interval with which the cost of one report is found."""
RUNS_LONGER = 6
"""A box is looked at so many times as long as the other measurements: it is idle most of the time."""
MIN_SECONDS = 3.0
SETTLE = 3.0
"""Seconds a box has to come up before it is looked at: reading the model, logging in, the first samples."""
PATIENCE = 60.0
"""Seconds for a box to serve."""
POLL = 0.2
DAY = 86_400
KEPT_DAYS = 30
BLOCK = Reference.parse("AVG/LLN0.brcbAvg01")
BUFFER = "buffer.db"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a box took in a stretch of time."""

    seconds: float
    cpu: float
    written: int
    reports: int
    peak_octets: int


def run(seconds: float) -> dict[str, Any]:
    """Updates for ``seconds`` a load; then two boxes on a real Prosody, each for RUNS_LONGER as long.

    One has the shipped interval of 5 minutes, the other a second: the difference is what reports cost. Of it
    and the rest a whole cycle and a day are reckoned. Raises ProsodyUnavailableError, SceneError.
    """
    longer = max(MIN_SECONDS, RUNS_LONGER * seconds)
    idle, busy = _box(INTERVAL, longer), _box(SHORT_INTERVAL, longer)
    reports = max(busy.reports - idle.reports, 1)
    rate = {name: getattr(idle, name) / idle.seconds for name in ("cpu", "written")}
    # The rest of the busy box is like the idle one.
    cpu = max(busy.cpu - rate["cpu"] * busy.seconds, 0.0) / reports
    written = max(busy.written - rate["written"] * busy.seconds, 0.0) / reports
    share = rate["cpu"] + cpu / INTERVAL
    entry = octets_of_row(_entry_octets())
    return {
        "updates": updates.run(seconds),
        "seconds": longer,
        "cpu_share": share,
        "cpu_ms_per_report": cpu * 1000,
        "peak_octets": max(idle.peak_octets, busy.peak_octets),
        "written_per_report": written,
        "written_per_day": rate["written"] * DAY + written * DAY / INTERVAL,
        "entry_octets": entry,
        "kept_octets": entry * KEPT_DAYS * DAY // INTERVAL,
        "met": share <= AIM_CPU and max(idle.peak_octets, busy.peak_octets) <= AIM_OCTETS,
    }

"""``hpbox safe``: every relay to its safe state, whatever else is wrong with the box.

Nothing here stops at a mistake: what can be made safe is made safe, the rest is reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from device_agent.drivers.base import Driver, DriverError
from device_agent.drivers.registry import make_driver
from device_agent.guarded_relay import write_output
from device_agent.output_config import Output, RelayOutput, SetPointOutput, Source

ATTEMPTS = 3
"""Writes tried for each relay; a bus that was just cut may need a moment."""
PAUSE = 1.0
"""Seconds between two attempts."""
SAFE_WITHIN = 15.0
"""Seconds for the relays of one driver: the systemd unit waits twice as long."""
START_WITHIN = 3.0
"""Seconds for a driver to open its hardware, and to release it."""

_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)


@dataclass(slots=True)
class Outputs:
    """What the configuration says of relays: their safe states, their drivers, and what is wrong with it."""

    relays: list[tuple[Source, bool]] = field(default_factory=list)
    drivers: dict[str, Driver] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def outputs_of(config: Any) -> Outputs:
    """The relays of a configuration, each judged for itself."""
    found = Outputs()
    for name, given in _section(config, "outputs", found).items():
        try:
            output = _OUTPUT.validate_python(given)
        except ValidationError as error:
            said = "; ".join(one["msg"] for one in error.errors(include_url=False, include_input=False))
            found.problems.append(f"outputs: {name}: {said}")
            continue
        if isinstance(output, RelayOutput):
            found.relays.append((output.relay, output.safe))
        elif not isinstance(output, SetPointOutput):
            # Contact 1 first: alone it blocks, contact 2 alone only advises.
            found.relays += [(source, False) for source in output.sg_ready]
    drivers = _section(config, "drivers", found)
    for name in {source.driver for source, _ in found.relays}:
        options = drivers.get(name)
        if not isinstance(options, dict):
            found.problems.append(f"drivers: there is no {name}, but outputs name it")
            continue
        rest = {key: value for key, value in options.items() if key != "kind"}
        try:
            found.drivers[name] = make_driver(str(options.get("kind", "")), rest, time.time)
        except DriverError as error:
            found.problems.append(f"drivers.{name}: {error}")
    return found


def _section(config: Any, name: str, found: Outputs) -> Mapping[str, Any]:
    section = config.get(name, {}) if isinstance(config, dict) else None
    if isinstance(section, dict):
        return {str(key): value for key, value in section.items()}
    found.problems.append(f"{name}: keys with values are wanted here")
    return {}


async def make_safe(outputs: Outputs) -> list[str]:
    """Do it; returns what went wrong, for people."""
    relays: dict[str, list[tuple[Source, bool]]] = {name: [] for name in outputs.drivers}
    for source, safe in outputs.relays:
        if source.driver in relays:
            relays[source.driver].append((source, safe))
    done = await asyncio.gather(
        *(_of_driver(name, outputs.drivers[name], wanted) for name, wanted in relays.items())
    )
    return outputs.problems + [problem for problems in done for problem in problems]


async def _of_driver(name: str, driver: Driver, relays: Sequence[tuple[Source, bool]]) -> list[str]:
    """All drivers at once: one after the other would let a dead bus delay the pins."""
    try:
        async with asyncio.timeout(START_WITHIN):
            await driver.start()
    except TimeoutError:
        return [f"drivers.{name}: not opened within {START_WITHIN:g} s"]
    except Exception as error:  # a driver's own mistake must not keep the other relays from safety
        return [f"drivers.{name}: {error}"]
    left = dict.fromkeys(relays, f"not reached within {SAFE_WITHIN:g} s")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SAFE_WITHIN):
            await _all_of(driver, left)
    problems = [f"{source} may not be in its safe state: {why}" for (source, _), why in left.items()]
    try:
        async with asyncio.timeout(START_WITHIN):
            await driver.stop()
    except Exception as error:  # the relays are where they are
        problems.append(f"drivers.{name}: {error or type(error).__name__}")
    return problems


async def _all_of(driver: Driver, left: dict[tuple[Source, bool], str]) -> None:
    """Write until nothing is left, in rounds, so that one that does not answer delays no other."""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE)
        for source, safe in list(left):
            problem = await write_output(driver, source.name, safe)
            if problem:
                left[source, safe] = problem
            else:
                del left[source, safe]
        if not left:
            return

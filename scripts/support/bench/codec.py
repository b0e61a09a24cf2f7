"""Encoding and strict decoding, beside the same XML built and parsed by plain ElementTree."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from iec61850_model.mms import xer
from support.bench import messages

AIM = 2.0
"""Encoding and decoding may take this many times what plain ElementTree takes."""
CHUNK = 0.05
"""Seconds of one stretch; floor and codec take turns, so that both see the same machine."""


def run(seconds: float) -> dict[str, Any]:
    """Measure each message for ``seconds``; microseconds per message, and how many times the floor."""
    return {
        name: _message(payload, seconds)
        for name, payload in (
            ("read request", messages.read_request()),
            ("read response", messages.read_response()),
            ("report of 20", messages.report()),
        )
    }


def _message(payload: Any, seconds: float) -> dict[str, Any]:
    text = xer.encode_payload(payload)
    tree = ET.fromstring(text)  # noqa: S314 - our own text
    if xer.decode_payload(tree, strict=True) != payload:
        raise AssertionError("the codec does not give back what it was given")

    def ours() -> None:
        xer.decode_payload(ET.fromstring(xer.encode_payload(payload)), strict=True)  # noqa: S314 - our own

    def floor() -> None:
        ET.fromstring(ET.tostring(_built(tree)))  # noqa: S314 - our own

    mine, plain = _alternating(ours, floor, seconds)
    ratio = median(one / other for one, other in zip(mine, plain, strict=True))
    return {
        "octets": len(text),
        "microseconds": median(mine) * 1e6,
        "floor_microseconds": median(plain) * 1e6,
        "per_second": 1 / median(mine),
        "ratio": ratio,
        "met": ratio <= AIM,
    }


def _built(like: ET.Element) -> ET.Element:
    """The same tree, made element by element as a program would that has the values at hand."""
    element = ET.Element(like.tag, like.attrib)
    element.text = like.text
    element.extend([_built(child) for child in like])
    return element


def _alternating(
    first: Callable[[], None], second: Callable[[], None], seconds: float
) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    end = perf_counter() + seconds
    while perf_counter() < end or not times[0]:
        for work, its in zip((first, second), times, strict=True):
            its.append(_stretch(work))
    return times


def _stretch(work: Callable[[], None]) -> float:
    count, begun = 0, perf_counter()
    while (now := perf_counter()) - begun < CHUNK:
        work()
        count += 1
    return (now - begun) / count

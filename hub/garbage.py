"""How the garbage collector is kept from going through what stays (gc.freeze, gc.set_threshold)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

GC_THRESHOLDS = (50_000, 20, 100)
"""Objects made, and lesser rounds done, until the garbage collector goes round (gc.set_threshold). A batch of
stanzas is thousands of XML elements that hold no cycle: with Python's 700 much time goes to looking through
them."""


@contextmanager
def long_lived() -> Iterator[None]:
    """What is made inside, or was just before, stays: the garbage collector need not go through it again and
    again, which for a whole country takes most of the start, and later half a second at a time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()

"""A request to a group of heat pumps while it goes from one member to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.judge import Judgement
from iec61850_model.mms.pdu import Pdu


@dataclass(slots=True)
class GroupRequest:
    """A request on its way to the members of a group, one after the other; ``since``: when it came.

    ``alias`` is the sender as boxes see it, ``inner`` the PDU written anew. ``judged``: what was decided, by
    the roster's revision and the grants it was decided under.
    """

    sender: str
    alias: str
    id: str
    provider: str
    members: Sequence[str]
    pdu: Pdu
    inner: str
    since: float
    judged: dict[tuple[int, tuple[tuple[int, int], ...]], Judgement] = field(default_factory=dict)

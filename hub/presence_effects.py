"""What is to be done about presence: what the I/O-free boards return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hub.roster import LinkState


@dataclass(frozen=True, slots=True)
class Emit:
    """Send a stanza, or two for the same receiver. ``paced``: one of many, it can wait for its turn.

    ``asks``: the heat pump whose box is asked by it; tell ``PresenceBoard.asked`` when it has left.
    """

    xml: str
    paced: bool = False
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """Write a heat pump's link state to the registry, also one that was known: another router may have heard
    something else meanwhile. ``silent``: nothing was heard, which is weaker.
    """

    heat_pump: str
    state: LinkState
    since: float
    silent: bool = False


@dataclass(frozen=True, slots=True)
class KeepSession:
    """Write to the registry that a provider's session is there (told of presence by this router) or went."""

    provider: str
    session: str
    there: bool
    since: float


@dataclass(frozen=True, slots=True)
class KeepAsk:
    """Write to the registry that a provider asks for whatever has the id ``wanted``, or does so no longer."""

    provider: str
    wanted: str
    asks: bool


Effect: TypeAlias = Emit | Keep | KeepSession | KeepAsk

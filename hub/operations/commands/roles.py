"""As what somebody gives a command: by the bare JID his XMPP server vouches for, and by nothing else."""

from __future__ import annotations

import enum

from hub.registry.operators import Caller
from hub.registry.purposes import OPERATOR, OWNER


class Role(enum.StrEnum):
    """As what somebody may give commands."""

    OPERATOR = "operator"
    OWNER = "owner"
    PROVIDER = "provider"


EVERYBODY = frozenset(Role)
"""Whoever is anybody: strangers have no role."""


def roles_of(caller: Caller) -> frozenset[Role]:
    """All that he is."""
    held = {
        Role.OPERATOR: caller.operator,
        Role.OWNER: bool(caller.owns),
        Role.PROVIDER: bool(caller.provider),
    }
    return frozenset(role for role, has in held.items() if has)


def actor_of(caller: Caller, heat_pump: str = "") -> str:
    """Who it is in the audit: never a name or an address of a person. On what is his own he is owner."""
    if heat_pump in caller.owns:
        return f"{OWNER}{caller.person}"
    if caller.operator:
        return f"{OPERATOR}{caller.person}"
    return f"provider {caller.provider}"

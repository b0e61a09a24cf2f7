"""The bijection between public, box and provider addresses (DESIGN section 3): computed, never remembered."""

from __future__ import annotations

from typing import NamedTuple

HEAT_PUMP_RESOURCE = "IEC"
"""Resource of every heat pump and box (8-2, 6.1)."""
OPERATIONS = "ops"
"""Localpart of the hub's own alias towards boxes, and first label of the domain of operations."""
RESERVED = "~"
"""With this the resources begin that only operations uses in an alias; no provider's session may."""
COLLECTOR = "history"
"""First label of the collector's domain."""
OPERATIONS_RESOURCE = "~ops"
"""Operations speaks to a box as ``agg7@hub/~ops`` for provider agg7, as ``ops@hub/~ops`` for the hub."""
WITHDRAWN_RESOURCE = "~withdrawn"
"""``unavailable`` from ``agg7@hub/~withdrawn`` tells a box that what agg7 commanded and is still to come must
not come: his grant has ended. (``unsubscribed`` would say so too, but no server delivers it unasked.)"""


NOBODY = "@shut-out.invalid"
"""How the account ends that stands for a box that is shut out: this domain can never be (RFC 6761, 6.4)."""


class Jid(NamedTuple):
    """A JID in its parts, as the XMPP server has already normalised it."""

    local: str
    domain: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Jid:
        """Split a JID; a missing part is empty (RFC 7622, 3.1: the resource starts at the first slash)."""
        bare, _, resource = text.partition("/")
        local, at, domain = bare.rpartition("@")
        return cls(local if at else "", domain, resource)

    @property
    def bare(self) -> str:
        """The JID without its resource."""
        return f"{self.local}@{self.domain}" if self.local else self.domain

    def __str__(self) -> str:
        return f"{self.bare}/{self.resource}" if self.resource else self.bare


def full(bare: str, resource: str) -> str:
    """The full JID of a bare one."""
    return f"{bare}/{resource}" if resource else bare


class Addresses:
    """Addresses under one hub domain."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self.operations = f"{OPERATIONS}.{domain}"
        """Where operations speaks from, with a provider's id as resource if in his name."""
        self.collector = f"{COLLECTOR}.{domain}"
        """Where the collector speaks from."""

    def heat_pump(self, id_: str) -> str:
        """Where everybody reaches a heat pump."""
        return f"{id_}@{self.domain}/{HEAT_PUMP_RESOURCE}"

    def heat_pump_bare(self, id_: str) -> str:
        """The same without resource, as in presence subscriptions."""
        return f"{id_}@{self.domain}"

    def history(self, id_: str) -> str:
        """Where the collector answers for a heat pump's history."""
        return f"{id_}@{self.collector}/{HEAT_PUMP_RESOURCE}"

    def alias(self, provider: str, resource: str) -> str:
        """A provider's session as a box sees it."""
        return full(f"{provider}@{self.domain}", resource)

    def operations_alias(self, provider: str) -> str:
        """Operations as a box sees it, in a provider's name or (empty) in the hub's own."""
        return self.alias(provider or OPERATIONS, OPERATIONS_RESOURCE)

    def withdrawn_alias(self, provider: str) -> str:
        """Who is gone when a provider's grant has ended."""
        return self.alias(provider, WITHDRAWN_RESOURCE)

    @staticmethod
    def box(bare: str) -> str:
        """Where a box takes requests."""
        return f"{bare}/{HEAT_PUMP_RESOURCE}"

"""Why a change to the registry is refused. Every message says what to do."""

from __future__ import annotations


class RegistryError(Exception):
    """A refused change; nothing was stored."""


class InvalidInput(RegistryError):
    """An id, JID, scope or time that can never be right."""


class Conflict(RegistryError):
    """Right in itself, but the id or JID is taken."""


class NotFound(RegistryError):
    """No such heat pump, provider or grant."""

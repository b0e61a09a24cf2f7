"""What is kept of a request, a refusal, a result or an operator's command, and how it is chained."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_TEXT = 500
"""Characters kept of each text: addresses are shorter, and what a stranger sends must not fill the disk."""
MAX_REFERENCES_TEXT = 4_000
"""Characters kept of all references together: some thirty of the longest."""
CUT = "…"
"""Stands at the end of a text that was longer."""

OPERATOR_CHAIN = "operator"
"""The chain of the operator's commands; no router may have this name."""
FIRST_PREVIOUS = "0" * 64
"""What stands for the hash before the first row of a chain."""


class AuditKind(enum.StrEnum):
    """What an entry tells of."""

    REQUEST = "request"
    REFUSAL = "refusal"
    RESULT = "result"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened at ``at`` (seconds since 1970 UTC).

    ``detail`` is short: a reason of refusal, a result, an AddCause, the control value and operTm of an
    operate; never a measured value or a secret. ``actor`` is the operator's unix user. A request and its
    result are joined by (box, provider_jid, stanza_id).
    """

    at: float
    kind: AuditKind
    provider: str = ""
    provider_jid: str = ""
    heat_pump: str = ""
    box: str = ""
    stanza_id: str = ""
    service: str = ""
    references: tuple[str, ...] = ()
    detail: str = ""
    actor: str = ""


def columns(entry: AuditEntry) -> dict[str, Any]:
    """The entry as it is stored: references parted by spaces, longer texts cut."""
    return {
        "at": entry.at,
        "kind": entry.kind.value,
        "provider": _cut(entry.provider, MAX_TEXT),
        "provider_jid": _cut(entry.provider_jid, MAX_TEXT),
        "heat_pump": _cut(entry.heat_pump, MAX_TEXT),
        "box": _cut(entry.box, MAX_TEXT),
        "stanza_id": _cut(entry.stanza_id, MAX_TEXT),
        "service": _cut(entry.service, MAX_TEXT),
        "references": _cut(" ".join(entry.references), MAX_REFERENCES_TEXT),
        "detail": _cut(entry.detail, MAX_TEXT),
        "actor": _cut(entry.actor, MAX_TEXT),
    }


def row_hash(row: Mapping[str, Any], previous_hash: str) -> str:
    """SHA-256, in hexadecimal, over the row's canonical JSON and the hash of the row before it in its chain.

    ``row`` holds chain, seq and what ``columns`` gives.
    """
    canonical = json.dumps({**row, "previous_hash": previous_hash}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - len(CUT)] + CUT

"""What is kept of a request, a refusal, a result or an operator's command, and how it is chained."""

from __future__ import annotations

import enum
import hashlib
import json
from typing import NamedTuple

MAX_TEXT = 500
"""Characters kept of each text: addresses are shorter, and what a stranger sends must not fill the disk."""
MAX_REFERENCES_TEXT = 4_000
"""Characters kept of all references together: some thirty of the longest."""
CUT = "…"
"""Stands at the end of a text that was longer."""

OPERATOR_CHAIN = "operator"
"""The chain of the operator's commands; no router may have this name."""
OPERATIONS_CHAIN = "ops"
"""The chain of what operations does of its own; no router may have this name either."""
HISTORY_CHAIN = "history"
"""The chain of what is done to the history for want of consent; no router may have this name either."""
FIRST_PREVIOUS = "0" * 64
"""What stands for the hash before the first row of a chain."""
_as_json = json.JSONEncoder(separators=(",", ":")).encode


class AuditKind(enum.StrEnum):
    """What an entry tells of."""

    REQUEST = "request"
    REFUSAL = "refusal"
    RESULT = "result"
    OPERATOR = "operator"


class AuditEntry(NamedTuple):
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


COLUMNS = (
    *("at", "kind", "provider", "provider_jid", "heat_pump", "box"),
    *("stanza_id", "service", "references", "detail", "actor"),
)
"""Columns an entry is stored in, in the order in which they are hashed."""


def stored_values(entry: AuditEntry) -> tuple[float | str, ...]:
    """What COLUMNS hold of the entry: references parted by spaces, longer texts cut."""
    at, kind, provider, jid, heat_pump, box, stanza_id, service, references, detail, actor = entry
    listed = " ".join(references)
    if sum(map(len, (provider, jid, heat_pump, box, stanza_id, service, listed, detail, actor))) <= MAX_TEXT:
        return (
            at, kind.value, provider, jid, heat_pump, box, stanza_id, service, listed, detail, actor,
        )  # fmt: skip
    before, after = (provider, jid, heat_pump, box, stanza_id, service), (detail, actor)
    return (at, kind.value, *map(_cut, before), _cut(listed, MAX_REFERENCES_TEXT), *map(_cut, after))


def row_hash(previous_hash: str, chain: str, seq: int, values: tuple[float | str, ...]) -> str:
    """SHA-256, in hexadecimal, over a row and the hash of the row before it in its chain.

    Hashed is the JSON array, without blanks and in ASCII, of these arguments and the values of COLUMNS.
    """
    return hashlib.sha256(_as_json((previous_hash, chain, seq, *values)).encode()).hexdigest()


def _cut(text: str, length: int = MAX_TEXT) -> str:
    return text if len(text) <= length else text[: length - len(CUT)] + CUT

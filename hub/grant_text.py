"""What the audit and people are told of a grant."""

from __future__ import annotations

from collections.abc import Collection

from hub.audit.entry import AuditEntry, AuditKind
from hub.registry import GrantRecord
from hub.roster import Right
from hub.time_text import utc_time


def rights_shown(rights: Collection[Right]) -> str:
    """Rights in their order, such as ``read, control``."""
    return ", ".join(right for right in Right if right in rights)


def grant_entry(service: str, record: GrantRecord, *, at: float, actor: str, detail: str = "") -> AuditEntry:
    """That somebody gave, took back or changed a grant."""
    until = f" until {utc_time(record.until)}" if record.until is not None else ""
    return AuditEntry(
        at=at,
        kind=AuditKind.OPERATOR,
        provider=record.provider,
        heat_pump=record.on,
        service=service,
        references=record.scope,
        detail=detail or f"grant {record.key}: {rights_shown(record.rights)}{until}",
        actor=actor,
    )

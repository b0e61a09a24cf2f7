"""Who asked for what and what became of it: append-only, hash-chained, committed before it takes effect."""

from hub.audit.entry import HISTORY_CHAIN, OPERATIONS_CHAIN, OPERATOR_CHAIN, AuditEntry, AuditKind
from hub.audit.flood import RefusalCounter
from hub.audit.log import AUDIT_SCHEMA, AuditClosed, AuditError, AuditFull, AuditLog
from hub.audit.query import AuditFilter, AuditOutcome, AuditReader, StoredEntry
from hub.audit.retention import Pruned, prune
from hub.audit.verification import Finding, Head, Verification, verify

__all__ = [
    "AUDIT_SCHEMA",
    "HISTORY_CHAIN",
    "OPERATIONS_CHAIN",
    "OPERATOR_CHAIN",
    "AuditClosed",
    "AuditEntry",
    "AuditError",
    "AuditFilter",
    "AuditFull",
    "AuditKind",
    "AuditLog",
    "AuditOutcome",
    "AuditReader",
    "Finding",
    "Head",
    "Pruned",
    "RefusalCounter",
    "StoredEntry",
    "Verification",
    "prune",
    "verify",
]

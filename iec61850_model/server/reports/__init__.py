"""Report control blocks and their reports (7-2, 17.2; 8-2, 17.1 and 17.2)."""

from iec61850_model.server.reports.service import Reports

__all__ = ["Reports"]

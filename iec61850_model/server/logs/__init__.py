"""Logs: what happened, kept in order and read back by time or by entry (7-2, 17.3; 8-2, 17.3)."""

from iec61850_model.server.logs.service import Logs

__all__ = ["Logs"]

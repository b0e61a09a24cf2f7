"""The collector and what it keeps: the 5-minute history of every heat pump whose owner agreed to it."""

from hub.history.schema import HISTORY_SCHEMA

__all__ = ["HISTORY_SCHEMA"]

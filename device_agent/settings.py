"""Settings that clients wrote, kept across restarts in one small file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import structlog

from device_agent.atomic_file import replace_text
from iec61850_model.mms import xer
from iec61850_model.mms.one_value import as_text, value_in
from iec61850_model.mms.pdu import ObjectName
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.server import access
from iec61850_model.tree import Tree

log = structlog.get_logger()

MAX_FILE = 8 * 1_048_576
"""Octets of the settings file: all of the 24 schedules of a box, each part by its own name, is 5 MB."""


class Settings:
    """The settings that were written, in one file: by reference, each as the write request for its value."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, Reference] = {}
        self.kept = True
        """What was written is on the disk; False after a failure, until the next write that succeeds."""

    def restore(self, tree: Tree) -> None:
        """Put the kept settings into the model; what no longer fits it is left out and logged."""
        try:
            if self._path.stat().st_size > MAX_FILE:
                raise ValueError(f"more than {MAX_FILE} octets")
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            log.error(
                "settings could not be read, those of the model apply",
                file=str(self._path),
                reason=str(error),
            )
            return
        for text, xml in kept.items() if isinstance(kept, dict) else ():
            try:
                reference, data = Reference.parse(text), value_in(xml)
            except (InvalidReference, xer.MalformedPdu, TypeError, ValueError) as error:
                log.error("a kept setting is damaged", setting=str(text)[:80], reason=str(error))
                continue
            refused = access.write(tree, reference, data)
            if refused is None:
                self._written[text] = reference
            else:
                log.error("a kept setting does not fit the model", setting=text, reason=refused.text)

    def save(self, tree: Tree, references: Iterable[Reference]) -> None:
        """Keep what was written, with its present value; it is on the disk when this returns and ``kept``.

        All of it is written anew, for a reference may lie inside another that was written before.
        """
        self._written |= {str(reference): reference for reference in references}
        nodes = {text: (reference, tree.find(reference)) for text, reference in self._written.items()}
        kept = {
            text: as_text(ObjectName(reference.item_id, reference.ld), node.data())
            for text, (reference, node) in nodes.items()
            if node
        }
        try:
            replace_text(self._path, json.dumps(kept, indent=1))
        except OSError as error:
            self.kept = False
            log.error("settings could not be written", file=str(self._path), reason=str(error))
        else:
            self.kept = True

"""Settings that clients wrote, kept across restarts in one small file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from iec61850_model.mms import xer
from iec61850_model.mms.pdu import ConfirmedRequest, Data, ObjectName, VariableList, WriteRequest
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.server import access
from iec61850_model.tree import Tree

log = structlog.get_logger()

MAX_FILE = 1_048_576
"""Octets of the settings file; the settings of a box are a few kB."""


class Settings:
    """The written settings by reference, each as the write request it came with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, str] = {}

    def restore(self, tree: Tree) -> None:
        """Put the kept settings into the model; what no longer fits it is left out and logged."""
        try:
            if self._path.stat().st_size > MAX_FILE:
                raise ValueError(f"more than {MAX_FILE} octets")
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.error(
                "settings could not be read, those of the model apply",
                file=str(self._path),
                reason=str(error),
            )
            return
        for text, xml in kept.items() if isinstance(kept, dict) else ():
            try:
                reference, data = Reference.parse(text), _data(xml)
            except (InvalidReference, xer.MalformedPdu, TypeError, ValueError) as error:
                log.error("a kept setting is damaged", setting=str(text)[:80], reason=str(error))
                continue
            refused = access.write(tree, reference, data)
            if refused is None:
                self._kept[text] = xml
            else:
                log.error("a kept setting does not fit the model", setting=text, reason=refused.text)

    def save(self, tree: Tree, references: Iterable[Reference]) -> None:
        """Keep the present values of these settings; they are on the disk when this returns."""
        for reference in references:
            node = tree.find(reference)
            if node is not None:
                self._kept[str(reference)] = _xml(reference, node.data())
        temporary = self._path.with_suffix(".new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(self._kept, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            log.error("settings could not be written", file=str(self._path), reason=str(error))


def _xml(reference: Reference, data: Data) -> str:
    name = ObjectName(reference.item_id, reference.ld)
    return xer.encode(ConfirmedRequest(0, WriteRequest(VariableList((name,)), (data,))))


def _data(xml: str) -> Data:
    pdu = xer.decode(xer.parse(xml), strict=True)
    if (
        isinstance(pdu, ConfirmedRequest)
        and isinstance(pdu.service, WriteRequest)
        and len(pdu.service.data) == 1
    ):
        return pdu.service.data[0]
    raise ValueError("not a write of one value")

"""Checks an ICD or CID against the standard: ``check_model`` finds, ``hpbox check-model`` shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iec61850_model.check.document import Document, NotReadable
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.rules import RULES
from iec61850_model.scl import SclError, read_model

__all__ = ["Finding", "NotReadable", "Report", "Severity", "check_model"]

_LINE = re.compile(r"line (\d+), \w+: (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, in the order of lines, and how much was looked at."""

    findings: tuple[Finding, ...]
    devices: int
    nodes: int

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def notes(self) -> int:
        """How many findings are notes."""
        return len(self.findings) - self.errors


def check_model(xml: bytes) -> Report:
    """Look for everything that is wrong with a model; raises NotReadable if it is no SCL file at all.

    A file without errors can be served: as the last check it is read the way a box reads it.
    """
    document = Document.parse(xml)
    findings = {finding for rule in RULES for finding in rule(document)}
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings |= _served(document, xml)
    devices = {(node.ied, node.device) for node in document.nodes}
    return Report(tuple(sorted(findings)), len(devices), len(document.nodes))


def _served(document: Document, xml: bytes) -> set[Finding]:
    """What the box's own reader does not take."""
    found: set[Finding] = set()
    if not document.nodes:
        problem = "there is no logical node in the file"
        found.add(Finding(1, Severity.ERROR, "served", "SCL", problem, "add an IED with logical devices"))
    for ied in {node.ied for node in document.nodes}:
        try:
            read_model(xml, ied)
        except SclError as error:
            match = _LINE.fullmatch(str(error))
            line, problem = (int(match[1]), match[2]) if match else (1, str(error))
            remedy = "correct it: a box cannot serve this model"
            found.add(Finding(line, Severity.ERROR, "served", f"IED {ied}", problem, remedy))
    return found

"""Enumerations: the ordinals and literals of the standard (7-2, 7-3, 7-4, 7-420)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from iec61850_model.check.document import Document, children, line, title
from iec61850_model.check.expectations import expectations
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.tables import tables

ORDINALS = range(-128, 128)
"""Ordinals of an enumeration on the wire, an INT8 (8-2 Table 3)."""


def attribute_enumerations(document: Document) -> Iterator[Finding]:
    """An attribute with an enumeration of the standard has that one, whatever its type is called here."""
    compared: set[tuple[etree._Element, str]] = set()
    known = tables().enumerations
    for one in expectations(document, tables()):
        template = document.type_of(one.element)
        if one.element.get("bType") != "Enum" or template is None or one.type not in known:
            continue
        id_ = template.get("id", "")
        if id_ != one.type and id_ in known:
            yield Finding(
                line(one.element),
                Severity.ERROR,
                "enumerations",
                one.place,
                f"its enumeration is {id_}, the standard has {one.type}",
                f'write type="{one.type}"',
            )
        elif id_ != one.type and (template, one.type) not in compared:
            compared.add((template, one.type))
            yield from _compared(template, one.type, known[one.type])


def enumeration_values(document: Document) -> Iterator[Finding]:
    """Ordinals are numbers of one octet, there once, each literal too; an enumeration named as one of the
    standard is as there."""
    for template in document.templates("EnumType"):
        ordinals: dict[int, int] = {}
        literals: dict[str, int] = {}
        for value in children(template, "EnumVal"):
            text = value.get("ord", "")
            ordinal = int(text) if text.removeprefix("-").isdecimal() else None
            if ordinal is None or ordinal not in ORDINALS:
                yield _error(
                    value, title(template), f"ord {text!r} is no number of one octet", "use -128 to 127"
                )
                continue
            literal = value.text or ""
            if ordinal in ordinals or literal in literals:
                first = ordinals.get(ordinal) or literals.get(literal)
                yield _error(
                    value,
                    title(template),
                    f'ordinal {ordinal} or literal "{literal}" is there already, in line {first}',
                    "give each value an ordinal and a literal of its own",
                )
            ordinals.setdefault(ordinal, line(value))
            literals.setdefault(literal, line(value))
        id_ = template.get("id", "")
        if id_ in tables().enumerations:
            yield from _compared(template, id_, tables().enumerations[id_])


def _compared(template: etree._Element, kind: str, standard: Mapping[int, str]) -> Iterator[Finding]:
    """Values may be left out; those below zero are the maker's own, unless the standard uses them.

    Of an ordinal that is there twice the first one counts.
    """
    seen: set[int] = set()
    for value in children(template, "EnumVal"):
        text = value.get("ord", "")
        if not text.removeprefix("-").isdecimal():
            continue
        ordinal, literal = int(text), value.text or ""
        if ordinal in seen:
            continue
        seen.add(ordinal)
        if ordinal not in standard:
            if ordinal >= 0 or min(standard) < 0:
                yield _error(
                    value,
                    title(template),
                    f'{kind} has no ordinal {ordinal} ("{literal}")',
                    "remove it; values of your own have negative ordinals",
                )
        elif standard[ordinal] != literal:
            yield _error(
                value,
                title(template),
                f'ordinal {ordinal} of {kind} is "{standard[ordinal]}", not "{literal}"',
                f'write "{standard[ordinal]}"',
            )


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "enumerations", place, problem, remedy)

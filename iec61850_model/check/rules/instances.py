"""Values a file gives: each has its place in the types and is a value of its type (IEC 61850-6)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, children, line, named, tag, title, value_text
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.types import BASIC_TYPES

VAL_KINDS = ("Spec", "Conf", "RO", "Set")
SHOWN = 60
"""Characters of a value that a finding repeats."""
_PARTS = ("DO", "SDO", "DA", "BDA")


def instance_values(document: Document) -> Iterator[Finding]:
    """DOI, SDI and DAI name what the LNodeType has, and their values are of its types."""
    for node in document.nodes:
        if node.template is None:
            continue
        for instance in children(node.element, "DOI"):
            yield from _instance(document, instance, node.template, node.place)


def template_values(document: Document) -> Iterator[Finding]:
    """Values and valKind of attributes in the types."""
    for kind in ("DOType", "DAType"):
        for template in document.templates(kind):
            for attribute in children(template, "DA", "BDA"):
                yield from _value(
                    document, attribute, attribute, f"{title(template)}.{attribute.get('name')}"
                )


def _instance(
    document: Document, instance: etree._Element, owner: etree._Element, place: str
) -> Iterator[Finding]:
    """Without recursion: a file can nest deeper than Python does."""
    todo = [(instance, owner, place)]
    while todo:
        one, template, above = todo.pop()
        name = one.get("name", "")
        here = f"{above}.{name}"
        attribute = named(template, _PARTS, name)
        if attribute is None:
            yield _error(
                one,
                here,
                f"{title(template)} has no {name}",
                "correct the name, remove it, or add it to the type",
            )
            continue
        yield from _index(one, attribute, here)
        if tag(one) == "DAI":
            yield from _value(document, one, attribute, here)
        elif (below := document.type_of(attribute)) is not None and tag(below) != "EnumType":
            todo.extend((inner, below, here) for inner in reversed(children(one, "SDI", "DAI")))


def _index(instance: etree._Element, attribute: etree._Element, place: str) -> Iterator[Finding]:
    ix, count = instance.get("ix"), attribute.get("count", "0")
    if ix is not None and count.isdecimal() and not (ix.isdecimal() and int(ix) < int(count)):
        yield _error(
            instance, place, f"ix {ix} is outside of its {count} elements", "count ix from 0, or raise count"
        )


def _value(
    document: Document, source: etree._Element, attribute: etree._Element, place: str
) -> Iterator[Finding]:
    val_kind = source.get("valKind", "Set")
    if val_kind not in VAL_KINDS:
        yield _error(source, place, f"valKind {val_kind} is unknown", f"use one of {', '.join(VAL_KINDS)}")
    text = value_text(source)
    if text is None:
        return
    if attribute.get("bType") == "Enum":
        yield from _literal(document, attribute, source, text, place)
        return
    basic = BASIC_TYPES.get(attribute.get("bType", ""))
    if basic is None:
        return  # told as another type than the standard has
    try:
        basic.from_text(text)
    except ValueError as error:
        yield _error(source, place, str(error), f"write a value of {basic.name}, or remove the Val")


def _literal(
    document: Document, attribute: etree._Element, source: etree._Element, text: str, place: str
) -> Iterator[Finding]:
    template = document.type_of(attribute)
    values = [] if template is None else children(template, "EnumVal")
    if values and not any(text in (value.text or "", value.get("ord")) for value in values):
        yield _error(
            source,
            place,
            f"{text[:SHOWN]!r} is no value of {attribute.get('type')}",
            "write one of its literals, or remove the Val",
        )


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "values", place, problem, remedy)

"""The file as SCL 2007B4 (IEC 61850-6): version, elements, attributes."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, line, tag
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.tables import elements

VERSION = {"version": "2007", "revision": "B", "release": "4"}


def version(document: Document) -> Iterator[Finding]:
    """The schema is 2007B4, as the earlier ones lack classes such as ORS and TCS."""
    root = document.root
    for name, wanted in VERSION.items():
        if root.get(name) != wanted and (name in root.attrib or name == "release"):
            found = f'"{root.get(name)}"' if name in root.attrib else "missing"
            yield Finding(
                line(root),
                Severity.ERROR,
                "version",
                "SCL",
                f"{name} is {found}: this checks SCL 2007B4",
                f'convert the file to that schema and write {name}="{wanted}"',
            )


def elements_and_attributes(document: Document) -> Iterator[Finding]:
    """Only elements and attributes of the schema, the needed ones, in its order."""
    for element in document.root.iter(*(f"{{*}}{name}" for name in elements())):
        name = tag(element)
        if name:
            yield from _attributes(element, name)
            yield from _children(element, name)


def _attributes(element: etree._Element, name: str) -> Iterator[Finding]:
    fact = elements()[name]
    place = _place(element, name)
    for attribute in sorted(fact.required - set(element.attrib)):
        yield Finding(
            line(element),
            Severity.ERROR,
            "schema",
            place,
            f"attribute {attribute} is missing",
            f"add {attribute} to the {name}",
        )
    for text in map(str, element.attrib):
        if text not in fact.attributes and not text.startswith("{"):
            yield Finding(
                line(element),
                Severity.ERROR,
                "schema",
                place,
                f"{text} is no attribute of {name}",
                f"remove it or correct it to one of {', '.join(sorted(fact.attributes))}",
            )


def _children(element: etree._Element, name: str) -> Iterator[Finding]:
    fact = elements()[name]
    position = {child: at for at, child in enumerate(fact.children)}
    latest = ""
    for child in element:
        kind = tag(child)
        if not kind or kind == "Text":
            continue
        if kind not in position:
            allowed = ", ".join(fact.children) or "none"
            yield Finding(
                line(child),
                Severity.ERROR,
                "schema",
                _place(element, name),
                f"{kind} is no element of {name}",
                f"remove it or correct it; elements of {name}: {allowed}",
            )
        elif latest and not fact.any_order and position[kind] < position[latest]:
            yield Finding(
                line(child),
                Severity.ERROR,
                "schema",
                _place(element, name),
                f"{kind} comes after {latest}",
                f"move it up: the order in {name} is {', '.join(fact.children)}",
            )
        else:
            latest = kind


def _place(element: etree._Element, name: str) -> str:
    own = element.get("name") or element.get("id") or element.get("inst") or ""
    return f"{name} {own}".rstrip()

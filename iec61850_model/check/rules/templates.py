"""Type definitions: there once, used, not within themselves; and what refers to them (IEC 61850-6)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, children, line, reference_of, tag, title
from iec61850_model.check.finding import Finding, Severity

_PARTS = {"LNodeType": ("DO",), "DOType": ("SDO", "DA"), "DAType": ("BDA",), "EnumType": ("EnumVal",)}


def definitions(document: Document) -> Iterator[Finding]:
    """Each type is defined once, has something in it and does not contain itself."""
    for kind, parts in _PARTS.items():
        for template in document.templates(kind):
            first = document.types[kind, template.get("id", "")]
            if first is not template:
                yield _error(
                    template,
                    title(template),
                    f"it is defined already in line {line(first)}",
                    "remove one of the two or give it another id",
                )
            elif not children(template, *parts):
                yield _error(
                    template, title(template), "it is empty", f"add a {parts[-1]} or remove the type"
                )
    yield from _cycles(document)


def references(document: Document) -> Iterator[Finding]:
    """Each type that is named is defined, and an LNodeType is of the class of its logical node."""
    for element in document.root.iter("{*}LN0", "{*}LN", "{*}DO", "{*}SDO", "{*}DA", "{*}BDA"):
        reference = reference_of(element)
        if reference is None:
            continue
        kind, id_ = reference
        template = document.types.get(reference)
        place = _place(element)
        if template is None:
            yield _error(
                element,
                place,
                f"{kind} {id_ or '(no type given)'} is not defined",
                "define it or correct the name",
            )
        elif kind == "LNodeType" and template.get("lnClass") != element.get("lnClass"):
            yield _error(
                element,
                place,
                f"{title(template)} is of class {template.get('lnClass')}, not {element.get('lnClass')}",
                f"use an LNodeType of class {element.get('lnClass')}",
            )


def unused(document: Document) -> Iterator[Finding]:
    """A type that no logical node reaches is only in the way."""
    used: set[etree._Element] = set()
    todo = [node.template for node in document.nodes if node.template is not None]
    while todo:
        template = todo.pop()
        if template not in used:
            used.add(template)
            reached = (document.type_of(part) for part in children(template, "DO", "SDO", "DA", "BDA"))
            todo.extend(one for one in reached if one is not None)
    for template in document.types.values():
        if template not in used:
            yield Finding(
                line(template),
                Severity.NOTE,
                "types",
                title(template),
                "no logical node uses it",
                "remove it, or use it",
            )


def _cycles(document: Document) -> Iterator[Finding]:
    """Depth first without recursion: a type met again while still open contains itself."""
    done: set[etree._Element] = set()
    for start in [*document.templates("DOType"), *document.templates("DAType")]:
        path: dict[etree._Element, None] = {}
        stack = [(start, 0)]
        while stack:
            template, depth = stack.pop()
            while len(path) > depth:
                path.popitem()
            if template in path:
                last = next(reversed(path))
                yield _error(
                    last,
                    title(last),
                    f"it contains {title(template)}, which contains it",
                    "break the circle: remove the part or give it another type",
                )
            elif template not in done:
                done.add(template)
                path[template] = None
                for part in children(template, "SDO", "DA", "BDA"):
                    if (below := document.type_of(part)) is not None and tag(below) != "EnumType":
                        stack.append((below, len(path)))


def _place(element: etree._Element) -> str:
    if tag(element) in ("LN0", "LN"):
        return element.get("prefix", "") + element.get("lnClass", "") + element.get("inst", "")
    parent = element.getparent()
    return f"{title(parent)}.{element.get('name')}" if parent is not None else str(element.get("name"))


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "types", place, problem, remedy)

"""Data sets: their members exist, once each, and are not too many (IEC 61850-6; 7-2 clause 13)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, Node, children, line, named, tag
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.rules.names import is_block_name
from iec61850_model.values import FunctionalConstraint

MAX_NAME = 32
"""Characters of the name of a data set (IEC 61850-6)."""
_KEY = ("ldInst", "prefix", "lnClass", "lnInst", "doName", "daName", "fc", "ix")


def data_sets(document: Document) -> Iterator[Finding]:
    """Names, members and number of members of each data set."""
    for node in document.nodes:
        seen: dict[str, int] = {}
        for data_set in children(node.element, "DataSet"):
            name = data_set.get("name", "")
            place = f"{node.place} DataSet {name}"
            if name in seen:
                yield _error(
                    data_set, place, f"the name is there already, in line {seen[name]}", "rename one of them"
                )
            elif not is_block_name(name, MAX_NAME):
                yield _error(
                    data_set,
                    place,
                    f"{name!r} is no name",
                    f"a letter, then letters, digits and _, at most {MAX_NAME}",
                )
            seen.setdefault(name, line(data_set))
            yield from _size(data_set, place)
            yield from _members(document, node, data_set, place)


def _size(data_set: etree._Element, place: str) -> Iterator[Finding]:
    members = len(children(data_set, "FCDA"))
    if not members:
        yield _error(data_set, place, "it has no members", "add an FCDA for each, or remove the data set")
    text = service_of(data_set, "ConfDataSet").get("maxAttributes", "")
    if text.isdecimal() and members > int(text):
        yield _error(
            data_set,
            place,
            f"it has {members} members; Services allow {text}",
            "make it smaller, or raise maxAttributes of ConfDataSet if the device can do so",
        )


def service_of(element: etree._Element, name: str) -> dict[str, str]:
    """The attributes of a service of the access point or IED around an element; empty if it has none."""
    for above in element.iterancestors("{*}AccessPoint", "{*}IED"):
        for services in children(above, "Services"):
            for service in children(services, name):
                return {str(key): str(value) for key, value in service.attrib.items()}
    return {}


def _members(document: Document, node: Node, data_set: etree._Element, place: str) -> Iterator[Finding]:
    seen: dict[tuple[str | None, ...], int] = {}
    for fcda in children(data_set, "FCDA"):
        key = tuple(fcda.get(name) or None for name in _KEY)
        if key in seen:
            yield _error(
                fcda, place, f"{describe(fcda)} is a member already, in line {seen[key]}", "remove it"
            )
        seen.setdefault(key, line(fcda))
        found = _resolve(document, node, fcda)
        if isinstance(found, str):
            yield _error(fcda, place, f"{describe(fcda)}: {found}", "correct or remove the member")


def _resolve(document: Document, node: Node, fcda: etree._Element) -> str | None:
    """What is wrong with a member, None if nothing is."""
    fc, path = fcda.get("fc", ""), member_path(fcda)
    if fc not in FunctionalConstraint.__members__:
        return f"{fc} is not a functional constraint"
    if fc == FunctionalConstraint.CO:
        return "a control (CO) is operated, not read"
    if not fcda.get("doName"):
        return "it names no data object"
    owner = document.node(node.ied, fcda)
    if owner is None:
        return "there is no such logical node"
    if owner.template is None:
        return None
    found = len(document.along(owner, path))
    if found < len(path):
        return f"there is no {'.'.join(path[: found + 1])} in {owner.place}"
    constraints = constraints_of(document, owner, path)
    if fc not in constraints:
        return f"it has no part of FC {fc}, only {', '.join(sorted(constraints)) or 'none'}"
    return None


def member_path(fcda: etree._Element) -> list[str]:
    """The names below the logical node: data objects, then attributes."""
    attributes = fcda.get("daName")
    return [*fcda.get("doName", "").split("."), *(attributes.split(".") if attributes else [])]


def constraints_of(document: Document, node: Node, path: list[str]) -> set[str]:
    """The functional constraints of an attribute, or of all there are in a data object."""
    return {element.get("fc", "") for element in attributes_below(document, node, path)}


def attributes_below(document: Document, node: Node, path: list[str]) -> list[etree._Element]:
    """The DA that a path leads to, is below of, or comprises; each type looked into once."""
    elements = document.along(node, path)
    if len(elements) < len(path):
        return []
    attribute = [one for one in elements if tag(one) == "DA"]
    if attribute:
        return attribute
    found: list[etree._Element] = []
    seen: set[etree._Element] = set()
    todo = elements[-1:]
    while todo:
        element = todo.pop()
        template = document.type_of(element)
        if template is not None and template not in seen:
            seen.add(template)
            found += children(template, "DA")
            todo += children(template, "SDO")
    return found


def describe(fcda: etree._Element) -> str:
    """A member as people write it: ``MET/FwdSTMP1.Tmp[MX]``."""
    node = "".join(fcda.get(name, "") for name in ("prefix", "lnClass", "lnInst"))
    return f"{fcda.get('ldInst', '')}/{node}.{'.'.join(member_path(fcda))}[{fcda.get('fc', '')}]"


def data_set_of(node: Node, block: etree._Element) -> etree._Element | None:
    """The data set of a control block: one of the same logical node."""
    return named(node.element, ("DataSet",), block.get("datSet", ""))


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "data-sets", place, problem, remedy)

"""Which type the standard gives each attribute of a model, down through structures and enumerations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from iec61850_model.check.document import Document, children, title
from iec61850_model.check.tables import Tables

ANY_ENUMERATION = "EnumDA"
"""An enumeration of the maker's own choice."""
UNDERLYING = "underlying"
_UNDERLYING_IS_A_TYPE = ("CTS", "GTS", "MTS")
"""CDC whose parameter is the type of an attribute, not the name of an enumeration."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An attribute and the type it should have.

    ``type`` is a basic type, a structure or an enumeration of the tables; ``many``: an array. ``place`` names
    the attribute for people. ``parameter`` is what ``underlying`` and ``ctlVal`` stand for below it.
    """

    element: etree._Element
    place: str
    type: str
    many: bool
    cdc: str
    parameter: str


def expectations(document: Document, tables: Tables) -> Iterator[Expectation]:
    """Each attribute of a known CDC and each part of a known structure, once per type expected of it."""
    seen: set[tuple[etree._Element, str, str, str]] = set()
    parameters = _parameters(document, tables)
    todo: list[Expectation] = []
    for template in document.templates("DOType"):
        cdc = template.get("cdc", "")
        for attribute in children(template, "DA"):
            fact = tables.cdcs.get(cdc, {}).get(attribute.get("name", ""))
            if fact is not None:
                place = f"{title(template)}.{fact.name}"
                for parameter in sorted(parameters.get(template, {ANY_ENUMERATION})):
                    todo.append(_expected(attribute, place, fact.type, cdc, parameter))
    while todo:
        one = todo.pop()
        key = (
            one.element,
            one.type,
            one.cdc if one.type in ("Oper", "SBOw", "Cancel") else "",
            one.parameter,
        )
        if key in seen or not one.type:
            continue
        seen.add(key)
        yield one
        structure = document.type_of(one.element) if one.element.get("bType") == "Struct" else None
        facts = tables.structures.get(one.type)
        if structure is None or facts is None:
            continue
        for part in children(structure, "BDA"):
            if (fact_of_part := facts.get(part.get("name", ""))) is not None:
                kind = fact_of_part.type
                kind = tables.control_values.get(one.cdc, "") if kind == "ctlVal" else kind
                place = f"{title(structure)}.{fact_of_part.name}"
                todo.append(_expected(part, place, kind, one.cdc, one.parameter))


def structures(document: Document, tables: Tables) -> Iterator[tuple[etree._Element, str]]:
    """Each DAType together with each structure of the tables that it is used as."""
    seen: set[tuple[etree._Element, str]] = set()
    for one in expectations(document, tables):
        template = document.type_of(one.element) if one.element.get("bType") == "Struct" else None
        if template is not None and one.type in tables.structures and (template, one.type) not in seen:
            seen.add((template, one.type))
            yield template, one.type


def _expected(element: etree._Element, place: str, kind: str, cdc: str, parameter: str) -> Expectation:
    many = kind.endswith("[]")
    kind = kind.removesuffix("[]")
    if kind == UNDERLYING:
        kind = parameter
    return Expectation(element, place, kind, many, cdc, parameter)


def _parameters(document: Document, tables: Tables) -> dict[etree._Element, set[str]]:
    """What ``ENS<HealthKind>`` and its like mean for each DOType, by the data objects that use it.

    Empty for a class that is a parameter away from being known, so that nothing is claimed about it.
    """
    found: dict[etree._Element, set[str]] = {
        template: {""}
        for template in document.templates("DOType")
        if template.get("cdc") in _UNDERLYING_IS_A_TYPE
    }
    for node in document.templates("LNodeType"):
        fact = tables.nodes.get(node.get("lnClass", ""))
        for data_object in children(node, "DO"):
            name = data_object.get("name", "")
            object_fact = None
            if fact is not None:
                object_fact = fact.objects.get(name) or fact.objects.get(name.rstrip("0123456789"))
            template = document.type_of(data_object)
            if object_fact is not None and template is not None and object_fact.parameter:
                found.setdefault(template, set()).add(object_fact.parameter)
    return {template: found_for - {""} or {""} for template, found_for in found.items()}

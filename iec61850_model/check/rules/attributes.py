"""Attributes of common data classes (7-3; controls 8-1 and 8-2) and the parts of their structures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from iec61850_model.check.document import Document, children, is_true, line, named, title
from iec61850_model.check.expectations import structures
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.presence import Need, Violation, violations
from iec61850_model.check.tables import AttributeFact, tables

TRIGGERS = ("dchg", "qchg", "dupd")
_SETTING = ("SP", "SG", "SE")
_OF_CHANGE = ("dchg", "qchg")
"""Triggers without which a status or measurement is not reported when it changes."""
_ANALOGUE = {
    "MFscaledAV": ("AnalogueValue", "AnalogueValueCtl"),
    "MFscaledMagV": ("Vector",),
    "MFscaledAngV": ("Vector",),
}


def cdc_attributes(document: Document) -> Iterator[Finding]:
    """Presence, functional constraint and triggers of the attributes of each DOType."""
    places = _places(document)
    for template in document.templates("DOType"):
        facts = tables().cdcs.get(template.get("cdc", ""))
        if facts is None:
            yield Finding(
                line(template),
                Severity.NOTE,
                "attributes",
                title(template),
                f"CDC {template.get('cdc')} is not in the tables: its attributes are not checked",
                "compare them with the standard by hand",
            )
            continue
        elements = {one.get("name", ""): one for one in children(template, "DA", "SDO")}
        extended = "dataNs" in elements
        for name, element in elements.items():
            fact = facts.get(name)
            if fact is not None:
                yield from _attribute(document, element, fact, f"{title(template)}.{name}")
            elif not extended:
                yield _error(
                    element,
                    f"{title(template)}.{name}",
                    f"{name} is no attribute of CDC {template.get('cdc')}",
                    "remove or rename it; one of another name space needs the attribute dataNs beside it",
                )
        words = _scaling(document, template)
        found: dict[Violation, None] = {}
        for in_ln0 in sorted(places.get(template, {False}) if template.get("cdc") == "LPL" else {False}):
            words |= {
                "MFln0": Need.MUST if in_ln0 else Need.MUST_NOT,
                "MOln0": Need.MUST if in_ln0 else Need.MAY,
            }
            found |= dict.fromkeys(violations(facts.values(), elements, words))
        for violation in found:
            at = elements[violation.surplus[0]] if violation.surplus else template
            yield _error(at, title(template), violation.problem, _remedy(violation, facts))


def _attribute(
    document: Document, element: etree._Element, fact: AttributeFact, place: str
) -> Iterator[Finding]:
    if fact.fc == "SDO":
        template = document.type_of(element)
        wanted = fact.type.removesuffix("[]")
        if template is not None and template.get("cdc") != wanted:
            problem = f"its CDC is {template.get('cdc')}, the standard has {wanted}"
            yield _error(element, place, problem, f"use a DOType of CDC {wanted}")
        return
    allowed = _SETTING if fact.fc == "SE" else (fact.fc,)
    if element.get("fc") not in allowed:
        yield _error(
            element,
            place,
            f"its functional constraint is {element.get('fc')}, the standard has {' or '.join(allowed)}",
            f'write fc="{allowed[0]}"',
        )
    for trigger in TRIGGERS:
        on = is_true(element, trigger)
        if on and trigger not in fact.triggers:
            known = ", ".join(sorted(fact.triggers)) or "none"
            problem, remedy = f"it has no trigger {trigger}", f"remove {trigger}; the standard has {known}"
            if trigger == "dupd":
                # Harmless, and wanted where value, quality and time are written together and reported so.
                yield Finding(line(element), Severity.NOTE, "attributes", place, problem, remedy)
            else:
                yield _error(element, place, problem, remedy)
        elif not on and trigger in fact.triggers and trigger in _OF_CHANGE and fact.fc in ("ST", "MX"):
            yield Finding(
                line(element),
                Severity.NOTE,
                "attributes",
                place,
                f"trigger {trigger} of the standard is not set: no report or log sees it change",
                f'write {trigger}="true"',
            )


def structure_parts(document: Document) -> Iterator[Finding]:
    """Presence and order of the parts of AnalogueValue, Unit, Oper and so on."""
    for template, structure in structures(document, tables()):
        facts = tables().structures[structure]
        elements = {one.get("name", ""): one for one in children(template, "BDA")}
        unknown = [name for name in elements if name not in facts]
        for name in unknown:
            yield _error(
                elements[name],
                f"{title(template)}.{name}",
                f"{name} is no part of {structure}",
                f"remove or rename it; parts of {structure}: {', '.join(facts)}",
            )
        for violation in violations(facts.values(), elements):
            at = elements[violation.surplus[0]] if violation.surplus else template
            wanted = violation.surplus or violation.missing
            verb = "remove" if violation.surplus else "add"
            yield _error(at, title(template), violation.problem, f"{verb} {' or '.join(wanted)}")
        order = [name for name in facts if name in elements]
        if not unknown and list(elements) != order:
            yield _error(
                template,
                title(template),
                f"its parts are not in the order of {structure}",
                f"order them {', '.join(order)}: on the wire they have no names",
            )


def _scaling(document: Document, template: etree._Element) -> dict[str, Need]:
    """sVC goes with integers: there must be one if an analogue value has i, and none if none has."""
    words: dict[str, Need] = {}
    facts = tables().cdcs[template.get("cdc", "")]
    for word, kinds in _ANALOGUE.items():
        part = {"MFscaledMagV": "mag", "MFscaledAngV": "ang"}.get(word)
        scaled = False
        for element in children(template, "DA"):
            fact = facts.get(element.get("name", ""))
            if fact is not None and fact.type in kinds:
                structure = document.type_of(element)
                if part is not None:
                    inner = named(structure, ("BDA",), part)
                    structure = None if inner is None else document.type_of(inner)
                scaled = scaled or named(structure, ("BDA",), "i") is not None
        words[word] = Need.MUST if scaled else Need.MUST_NOT
    return words


def _places(document: Document) -> dict[etree._Element, set[bool]]:
    """For each DOType whether it is used in LLN0, in other nodes, or in both."""
    found: dict[etree._Element, set[bool]] = {}
    for node in document.templates("LNodeType"):
        for data_object in children(node, "DO"):
            template = document.type_of(data_object)
            if template is not None:
                found.setdefault(template, set()).add(node.get("lnClass") == "LLN0")
    return found


def _remedy(violation: Violation, facts: Mapping[str, AttributeFact]) -> str:
    if violation.surplus:
        return f"remove {' or '.join(violation.surplus)}"
    wanted = []
    for name in violation.missing:
        fact = facts[name]
        kind = "an SDO" if fact.fc == "SDO" else f"fc {'SP' if fact.fc == 'SE' else fact.fc}"
        wanted.append(f"{name} ({kind}, {fact.type})")
    return f"add {' and '.join(wanted)}"


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "attributes", place, problem, remedy)

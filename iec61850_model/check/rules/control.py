"""Controls: ctlModel, and what of Oper, SBO, SBOw, Cancel goes with it (7-2 clause 20; 8-1 and 8-2)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, children, line, named, title, value_text
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.presence import Need, violations
from iec61850_model.check.tables import AttributeFact, tables

_NEEDS = {
    # ctlModel: the presence conditions that become a must with it
    0: (),
    1: ("MOctrl",),
    2: ("MOctrl", "MOsbo", "MOsboNormal"),
    3: ("MOctrl", "MOenhanced"),
    4: ("MOctrl", "MOsbo", "MOsboEnhanced", "MOenhanced"),
}
_SERVICES = ("SBO", "SBOw", "Oper", "Cancel")
_OF_MODEL = {"SBO": (2,), "SBOw": (4,), "Oper": (1, 2, 3, 4)}
"""The control models that use a service; Cancel is of use with each, for an operate that waits for operTm."""


def control_models(document: Document) -> Iterator[Finding]:
    """Each data object has the services of its ctlModel, and no others that look as if they worked."""
    for template in document.templates("DOType"):
        facts = tables().cdcs.get(template.get("cdc", ""), {})
        if "ctlModel" not in facts:
            continue
        found: dict[Finding, None] = {}
        for source, place in _sources(document, template):
            found |= dict.fromkeys(_agreement(document, template, list(facts.values()), source, place))
        yield from found
        yield from _same_parts(document, template)


def operate_times(document: Document) -> Iterator[Finding]:
    """operTm is in Oper if, and only if, Services say TimerActivatedControl."""
    timed = [
        part
        for template in document.templates("DOType")
        if "ctlModel" in tables().cdcs.get(template.get("cdc", ""), {})
        and (oper := named(template, ("DA",), "Oper")) is not None
        and (part := named(document.type_of(oper), ("BDA",), "operTm")) is not None
    ]
    services = list(document.root.iter("{*}TimerActivatedControl"))
    if timed and not services and document.nodes:
        yield _error(
            timed[0],
            "operTm",
            "controls have operTm, but Services lack TimerActivatedControl",
            "add <TimerActivatedControl/> to Services, or remove operTm",
        )
    elif services and not timed:
        yield _error(
            services[0],
            "Services",
            "TimerActivatedControl is promised, but no Oper has operTm",
            "add operTm to Oper after ctlVal, or remove the service",
        )


def _sources(document: Document, template: etree._Element) -> Iterator[tuple[etree._Element | None, str]]:
    """The DA or DAI that give this type its ctlModel, with their place; None where nothing gives it."""
    own = named(template, ("DA",), "ctlModel")
    if own is None:
        return  # told as a missing attribute
    for node in document.nodes:
        for data_object in children(node.template, "DO") if node.template is not None else []:
            if document.type_of(data_object) is not template:
                continue
            name = data_object.get("name", "")
            instance = named(named(node.element, ("DOI",), name), ("DAI",), "ctlModel")
            if value_text(instance) is not None:
                yield instance, f"{node.place}.{name}"
            else:
                yield (own if value_text(own) is not None else None), title(template)


def _agreement(
    document: Document,
    template: etree._Element,
    facts: list[AttributeFact],
    source: etree._Element | None,
    place: str,
) -> Iterator[Finding]:
    attributes = {one.get("name", "") for one in children(template, "DA")}
    if source is None:
        if "Oper" in attributes:
            yield _error(
                template, place, "no ctlModel is given", "give ctlModel a Val in the type or each instance"
            )
        return
    literal = value_text(source) or ""
    model = _models().get(literal)
    if model is None:
        return  # told as a value that the enumeration lacks
    words = {
        word: Need.MUST if word in _NEEDS[model] else Need.MAY for needs in _NEEDS.values() for word in needs
    }
    for violation in violations([fact for fact in facts if fact.presence.word in words], attributes, words):
        missing = " and ".join(violation.missing)
        yield _error(
            source,
            place,
            f"ctlModel is {literal}, but {missing} is missing",
            f"add {missing} to {title(template)}, or choose another ctlModel",
        )
    for service in _SERVICES:
        if service in attributes and model not in _OF_MODEL.get(service, (1, 2, 3, 4)):
            yield Finding(
                line(source),
                Severity.NOTE,
                "control",
                place,
                f"ctlModel is {literal}: {service} of {title(template)} is never of use",
                f"remove {service}, or choose another ctlModel",
            )


def _same_parts(document: Document, template: etree._Element) -> Iterator[Finding]:
    """SBOw and Cancel carry what Oper carries; Cancel has no Check."""
    oper = named(template, ("DA",), "Oper")
    wanted = None if oper is None else _parts(document, oper)
    if wanted is None:
        return
    for service in ("SBOw", "Cancel"):
        element = named(template, ("DA",), service)
        found = None if element is None else _parts(document, element)
        if element is None or found is None:
            continue
        expected = [part for part in wanted if service != "Cancel" or part[0] != "Check"]
        if found != expected:
            names = ", ".join(name for name, *_ in expected)
            yield _error(
                element,
                f"{title(template)}.{service}",
                f"its parts are not those of Oper: {', '.join(name for name, *_ in found)}",
                f"give it {names}, of the types they have in Oper",
            )


def _parts(document: Document, element: etree._Element) -> list[tuple[str, str, str]] | None:
    structure = document.type_of(element)
    if structure is None:
        return None
    return [
        (part.get("name", ""), part.get("bType", ""), part.get("type", ""))
        for part in children(structure, "BDA")
    ]


def _models() -> dict[str, int]:
    """The control model by its literal, or its number."""
    kinds = tables().enumerations["CtlModelKind"]
    return {literal: ordinal for ordinal, literal in kinds.items()} | {str(one): one for one in kinds}


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "control", place, problem, remedy)

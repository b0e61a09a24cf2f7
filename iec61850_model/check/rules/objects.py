"""Data objects of logical nodes: which there must, may and must not be (7-4, 7-420)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import (
    Document,
    Node,
    children,
    is_true,
    line,
    named,
    tag,
    title,
    value_text,
)
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.presence import Need, Violation, violations
from iec61850_model.check.tables import NodeFact, ObjectFact, tables

_DIGITS = "0123456789"
_DER = "IEC 61850-7-420"
_STATISTICAL = "ClcSrc"
"""The data object that makes a logical node a statistical one: it names the node it is calculated from."""


def fact_of(node: NodeFact, name: str) -> ObjectFact | None:
    """The data object of a class that goes by this name, Alm for Alm1 where there may be several."""
    fact = node.objects.get(name)
    if fact is not None:
        return fact
    fact = node.objects.get(name.rstrip(_DIGITS))
    return fact if fact is not None and fact.presence.many else None


def required_nodes(document: Document) -> Iterator[Finding]:
    """Each logical device has LLN0 first, and the device somewhere LPHD (7-1)."""
    for ied in document.ieds():
        devices = list(ied.iter("{*}LDevice"))
        for device in devices:
            first = next((one for one in device if tag(one) in ("LN0", "LN")), None)
            if first is None or tag(first) != "LN0" or first.get("lnClass") != "LLN0":
                yield _error(
                    device, f"LDevice {device.get('inst')}", "it has no LN0 of class LLN0", "add it first"
                )
        if devices and not any(
            node.ied == ied.get("name") and node.ln_class == "LPHD" for node in document.nodes
        ):
            yield _error(
                devices[0],
                f"IED {ied.get('name')}",
                "there is no LPHD",
                "add one to the root logical device: it stands for the physical device",
            )


def data_objects(document: Document) -> Iterator[Finding]:
    """Presence and CDC of the data objects of each LNodeType."""
    for template in document.templates("LNodeType"):
        fact = tables().nodes.get(template.get("lnClass", ""))
        if fact is None:
            yield Finding(
                line(template),
                Severity.NOTE,
                "objects",
                title(template),
                f"class {template.get('lnClass')} is not in the tables: its data objects are not checked",
                "compare them with the standard by hand",
            )
        else:
            yield from _known(document, template, fact)
            yield from _presence(template, fact)


def _known(document: Document, template: etree._Element, fact: NodeFact) -> Iterator[Finding]:
    for element in children(template, "DO"):
        name = element.get("name", "")
        place = f"{title(template)}.{name}"
        do_type = document.type_of(element)
        if do_type is None:
            continue
        one = fact_of(fact, name)
        if one is None:
            if named(do_type, ("DA",), "dataNs") is None:
                yield _error(
                    element,
                    place,
                    f"{name} is no data object of {template.get('lnClass')}",
                    "remove or rename it; a data object of another name space needs the attribute dataNs",
                )
            continue
        if do_type.get("cdc") != one.cdc:
            yield _error(
                element,
                place,
                f"its CDC is {do_type.get('cdc')}, the standard has {one.cdc}",
                f"use a DOType of CDC {one.cdc}",
            )
        if one.presence.many and name == one.name:
            yield _error(element, place, "it has no number, though there may be several", f"call it {name}1")
        if one.transient != is_true(element, "transient"):
            wanted = "true" if one.transient else "false"
            yield Finding(
                line(element),
                Severity.NOTE,
                "objects",
                place,
                f"{one.name} is {'' if one.transient else 'not '}transient in the standard",
                f'write transient="{wanted}"',
            )


def _presence(template: etree._Element, fact: NodeFact) -> Iterator[Finding]:
    elements: dict[str, etree._Element] = {}
    for element in children(template, "DO"):
        one = fact_of(fact, element.get("name", ""))
        if one is not None:
            elements.setdefault(one.name, element)
    root = Need.MAY if "GrRef" in elements else Need.MUST
    statistical = _STATISTICAL in elements
    # NamPlt depends on the name space of the logical device: see name_spaces
    words = {"MOrootLD": root, "MONamPlt": Need.MAY}
    for violation in violations(fact.objects.values(), elements, words):
        if statistical and violation.surplus == (_STATISTICAL,):
            continue
        at = elements[violation.surplus[0]] if violation.surplus else template
        note = statistical and violation.missing
        yield Finding(
            line(at),
            Severity.NOTE if note else Severity.ERROR,
            "objects",
            title(template),
            violation.problem + (" in an ordinary node; this one is statistical" if note else ""),
            _remedy(violation, fact),
        )
    if statistical and "ClcMth" not in elements:
        yield _error(
            elements[_STATISTICAL],
            title(template),
            "ClcSrc is there without ClcMth",
            "add ClcMth: a statistical node says how it is calculated",
        )


def _remedy(violation: Violation, fact: NodeFact) -> str:
    if violation.surplus:
        return f"remove {' or '.join(violation.surplus)}"
    wanted = [fact.objects[name] for name in violation.missing]
    numbered = [f"{one.name}{1 if one.presence.many else ''} ({one.cdc})" for one in wanted]
    return f"add {' or '.join(numbered)}"


def name_spaces(document: Document) -> Iterator[Finding]:
    """A node of 7-420 in a logical device of 7-4 says so in NamPlt.lnNs (7-1, 14.5; 7-3, lnNs)."""
    spaces = {
        (node.ied, node.device): _text(document, node, "ldNs")
        for node in document.nodes
        if node.ln_class == "LLN0"
    }
    for node in document.nodes:
        fact = tables().nodes.get(node.ln_class)
        space = spaces.get((node.ied, node.device))
        if fact is None or not space or not fact.namespace.startswith(_DER) or space.startswith(_DER):
            continue
        own = _text(document, node, "lnNs")
        if not own or not own.startswith(_DER):
            yield _error(
                node.element,
                node.place,
                f"{node.ln_class} is of {fact.namespace}, its logical device of {space}",
                f'add NamPlt with lnNs "{fact.namespace}"',
            )


def _text(document: Document, node: Node, attribute: str) -> str | None:
    """The text of an attribute of NamPlt: of the instance, else of the type; None where there is none."""
    plate = named(node.template, ("DO",), "NamPlt")
    if plate is None:
        return None
    own = named(named(node.element, ("DOI",), "NamPlt"), ("DAI",), attribute)
    return value_text(own) or value_text(named(document.type_of(plate), ("DA",), attribute))


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "objects", place, problem, remedy)

"""Names and their lengths (IEC 61850-6 and -7-2; 8-2, 8.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, children, device_name, line, tag, title
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.reference import MAX_ITEM_NAME, MAX_LD_NAME

MAX_PREFIX_AND_INST = 12
"""Characters of prefix and instance number of a logical node together (7-2, Ed. 2)."""
MAX_OBJECT_NAME = 12
"""Characters of the name of a data object (7-2)."""

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_PREFIX = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]*)?", re.ASCII)
_INSTANCE = re.compile(r"[0-9]*", re.ASCII)
_OBJECT = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)


def device_names(document: Document) -> Iterator[Finding]:
    """Names of logical devices: unique, an identifier, at most MAX_LD_NAME characters."""
    for ied in document.ieds():
        seen: dict[str, int] = {}
        instances: dict[str, int] = {}
        for device in ied.iter("{*}LDevice"):
            name, inst = device_name(device, ied), device.get("inst", "")
            if not IDENTIFIER.fullmatch(name) or len(name) > MAX_LD_NAME:
                yield _error(
                    device,
                    f"LDevice {inst}",
                    f"{name!r} is no name of a logical device",
                    f"give an ldName of a letter, then letters, digits and _, at most {MAX_LD_NAME}",
                )
            elif name in seen:
                yield _error(
                    device,
                    f"LDevice {inst}",
                    f"the name {name} is that of the logical device in line {seen[name]}",
                    "give it an ldName of its own",
                )
            elif inst in instances:
                yield _error(
                    device,
                    f"LDevice {inst}",
                    f"inst {inst} is that of the logical device in line {instances[inst]}",
                    "give it an inst of its own",
                )
            seen.setdefault(name, line(device))
            instances.setdefault(inst, line(device))


def node_names(document: Document) -> Iterator[Finding]:
    """Names of logical nodes: unique in the device; prefix and inst well-formed and short enough."""
    seen: dict[tuple[etree._Element | None, str], int] = {}
    for node in document.nodes:
        element = node.element
        prefix, inst = element.get("prefix", ""), element.get("inst", "")
        key = (element.getparent(), node.name)
        if not _PREFIX.fullmatch(prefix) or not _INSTANCE.fullmatch(inst):
            yield _error(
                element,
                node.place,
                f'prefix "{prefix}" and inst "{inst}" make no name',
                "a prefix is a letter, then letters, digits and _; an inst is a number",
            )
        elif tag(element) == "LN" and not inst:
            yield _error(element, node.place, "inst is empty", 'number the logical node, inst="1"')
        elif len(prefix) + len(inst) > MAX_PREFIX_AND_INST:
            yield _error(
                element,
                node.place,
                f"prefix and inst have {len(prefix) + len(inst)} characters together",
                f"shorten the prefix: {MAX_PREFIX_AND_INST} together are allowed",
            )
        if key in seen:
            yield _error(
                element,
                node.place,
                f"the name is that of the logical node in line {seen[key]}",
                "give it another prefix or inst",
            )
        seen.setdefault(key, line(element))


def template_names(document: Document) -> Iterator[Finding]:
    """Names of data objects and attributes: well-formed, once in their type."""
    for kind, parts in (("LNodeType", ("DO",)), ("DOType", ("SDO", "DA")), ("DAType", ("BDA",))):
        for template in document.templates(kind):
            seen: dict[str, int] = {}
            for part in children(template, *parts):
                name = part.get("name", "")
                place = f"{title(template)}.{name}"
                if name in seen:
                    yield _error(
                        part, place, f"{name} is there already, in line {seen[name]}", "remove one of the two"
                    )
                elif kind == "LNodeType" and not (_OBJECT.fullmatch(name) and len(name) <= MAX_OBJECT_NAME):
                    yield _error(
                        part,
                        place,
                        f"{name!r} is no name of a data object",
                        f"a capital letter, then letters and digits, at most {MAX_OBJECT_NAME} characters",
                    )
                elif not _ATTRIBUTE.fullmatch(name):
                    yield _error(part, place, f"{name!r} is no name", "a letter, then letters and digits")
                seen.setdefault(name, line(part))


def item_names(document: Document) -> Iterator[Finding]:
    """MMS item names LN$FC$DO$DA have at most MAX_ITEM_NAME characters."""
    longest = _Longest(document)
    for node in document.nodes:
        if node.template is None:
            continue
        for data_object in children(node.template, "DO"):
            below = longest.below(data_object)
            path = ".".join([data_object.get("name", ""), *below])
            item = len(node.name) + len("$FC$") + len(path)
            if item > MAX_ITEM_NAME:
                yield _error(
                    node.element,
                    f"{node.place}.{path}",
                    f"its item name has {item} characters",
                    f"shorten the prefix or a name: {MAX_ITEM_NAME} are allowed",
                )


class _Longest:
    """The longest path of names below an element, each type looked at once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._of_type: dict[etree._Element, tuple[str, ...]] = {}

    def below(self, element: etree._Element, depth: int = 0) -> tuple[str, ...]:
        template = self._document.type_of(element)
        if template is None or depth > MAX_ITEM_NAME:  # so deep a path is too long, whatever is below
            return ()
        if template not in self._of_type:
            self._of_type[template] = ()  # what a type that contains itself finds below
            paths = [
                (part.get("name", ""), *self.below(part, depth + 1))
                for part in children(template, "SDO", "DA", "BDA")
            ]
            self._of_type[template] = max(paths, key=lambda path: len(".".join(path)), default=())
        return self._of_type[template]


def is_block_name(name: str, longest: int) -> bool:
    """Whether a data set, control block or log may be called so."""
    return bool(IDENTIFIER.fullmatch(name)) and len(name) <= longest


def _error(element: etree._Element, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, "names", place, problem, remedy)

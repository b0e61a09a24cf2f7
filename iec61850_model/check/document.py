"""An SCL file as the rules see it: elements, what refers to what, and nothing expanded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from lxml import etree

from iec61850_model.scl_element import NS as _NS
from iec61850_model.scl_element import SclError, root_of

_TYPE_KINDS = ("LNodeType", "DOType", "DAType", "EnumType")


class NotReadable(ValueError):
    """A file in which nothing can be looked for; the message says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A logical node: its element, its device and its own name, and its LNodeType if that is defined."""

    element: etree._Element
    ied: str
    device: str
    name: str
    template: etree._Element | None

    @property
    def place(self) -> str:
        """Its reference, ``MET/FwdSTMP1``."""
        return f"{self.device}/{self.name}"

    @property
    def ln_class(self) -> str:
        """Its class, ``STMP``."""
        return self.element.get("lnClass", "")


class Document:
    """A parsed file. Types are those defined first under their id; ``nodes`` are in the order of the file."""

    def __init__(self, root: etree._Element) -> None:
        etree.strip_elements(root, f"{_NS}Private", with_tail=False)  # what others put there is their own
        self.root = root
        self.types: dict[tuple[str, str], etree._Element] = {}
        for kind in _TYPE_KINDS:
            for template in self.templates(kind):
                self.types.setdefault((kind, template.get("id", "")), template)
        self.nodes = list(self._nodes())
        self._by_key: Mapping[tuple[str, ...], Node] = {_key(node): node for node in reversed(self.nodes)}

    @classmethod
    def parse(cls, xml: bytes) -> Document:
        """Read a file: no entities, no network, at most MAX_SCL_OCTETS. Raises NotReadable."""
        try:
            return cls(root_of(xml))
        except SclError as error:
            raise NotReadable(str(error)) from None

    def ieds(self) -> list[etree._Element]:
        """The devices of the file."""
        return children(self.root, "IED")

    def templates(self, kind: str) -> list[etree._Element]:
        """All type definitions of one kind, doubles too."""
        return self.root.findall(f"{_NS}DataTypeTemplates/{_NS}{kind}")

    def type_of(self, element: etree._Element) -> etree._Element | None:
        """The definition that an LN, DO, SDO, or a DA or BDA of bType Struct or Enum refers to."""
        reference = reference_of(element)
        return None if reference is None else self.types.get(reference)

    def node(self, ied: str, fcda: etree._Element, default_class: str = "") -> Node | None:
        """The logical node that ldInst, prefix, lnClass and lnInst of an element name."""
        return self._by_key.get(
            (
                ied,
                fcda.get("ldInst", ""),
                fcda.get("prefix", ""),
                fcda.get("lnClass", default_class),
                fcda.get("lnInst", ""),
            )
        )

    def along(self, node: Node, path: list[str]) -> list[etree._Element]:
        """The DO, SDO, DA and BDA that a path of names leads through, as far as there are any."""
        found: list[etree._Element] = []
        at = node.template
        for name in path:
            element = named(at, ("DO", "SDO", "DA", "BDA"), name)
            if element is None:
                break
            found.append(element)
            at = self.type_of(element)
        return found

    def _nodes(self) -> Iterator[Node]:
        for ied in self.ieds():
            for device in ied.iterfind(f".//{_NS}Server/{_NS}LDevice"):
                ld = device_name(device, ied)
                for ln in device:
                    if tag(ln) in ("LN0", "LN"):
                        name = ln.get("prefix", "") + ln.get("lnClass", "") + ln.get("inst", "")
                        yield Node(ln, ied.get("name", ""), ld, name, self.type_of(ln))


def _key(node: Node) -> tuple[str, ...]:
    ln, device = node.element, node.element.getparent()
    inst = "" if device is None else device.get("inst", "")
    return node.ied, inst, ln.get("prefix", ""), ln.get("lnClass", ""), ln.get("inst", "")


def device_name(device: etree._Element, ied: etree._Element) -> str:
    """The name a client sees: ldName (functional naming), else IED name and inst."""
    return device.get("ldName") or ied.get("name", "") + device.get("inst", "")


def reference_of(element: etree._Element) -> tuple[str, str] | None:
    """Kind and id of the type that an element refers to; None for one that refers to none."""
    match tag(element), element.get("bType"):
        case (("LN" | "LN0"), _):
            return "LNodeType", element.get("lnType", "")
        case (("DO" | "SDO"), _):
            return "DOType", element.get("type", "")
        case (("DA" | "BDA"), "Struct"):
            return "DAType", element.get("type", "")
        case (("DA" | "BDA"), "Enum"):
            return "EnumType", element.get("type", "")
    return None


def tag(element: etree._Element) -> str:
    """The name of an SCL element; empty for an element of another namespace."""
    text = str(element.tag)
    return text.removeprefix(_NS) if text.startswith(_NS) else ""


def children(element: etree._Element, *kinds: str) -> list[etree._Element]:
    """The child elements of these kinds, in the order of the file."""
    return [one for one in element if tag(one) in kinds]


def named(element: etree._Element | None, kinds: tuple[str, ...], name: str) -> etree._Element | None:
    """The first child of these kinds with this name."""
    if element is None:
        return None
    return next((one for one in children(element, *kinds) if one.get("name") == name), None)


def line(element: etree._Element) -> int:
    """Where it stands in the file."""
    return cast("int", element.sourceline)  # the type stubs leave it open


def is_true(element: etree._Element | None, attribute: str, default: bool = False) -> bool:
    """An attribute of type xs:boolean."""
    text = None if element is None else element.get(attribute)
    return default if text is None else text in ("true", "1")


def value_text(element: etree._Element | None) -> str | None:
    """The text of the first Val of a DA, BDA or DAI; None if it has no Val."""
    if element is None:
        return None
    return next((one.text or "" for one in children(element, "Val")), None)


def title(template: etree._Element) -> str:
    """How a type is named to people: ``DOType SPS_plain``."""
    return f"{tag(template)} {template.get('id', '')}"

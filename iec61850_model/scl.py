"""Reads an ICD or CID (IEC 61850-6, schema 2007B4) into a tree of instances, and the blocks on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lxml import etree

from iec61850_model.blocks import Blocks
from iec61850_model.mms.pdu import MAX_NESTING
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.scl_blocks import read_blocks
from iec61850_model.scl_element import MAX_SCL_OCTETS, SclError, node_name, root_of
from iec61850_model.scl_element import NS as _NS
from iec61850_model.scl_element import at as _at
from iec61850_model.scl_element import needed as _needed
from iec61850_model.tree import ArrayNode, Branch, Leaf, LogicalDevice, LogicalNode, Node, Tree
from iec61850_model.types import BASIC_TYPES, BasicType, enumeration
from iec61850_model.values import GOOD, NO_TRIGGER, NOT_CONNECTED, FunctionalConstraint, Trigger

MAX_ARRAY_COUNT = 1000
"""Elements of one array attribute."""
MAX_NODES = 100_000
"""Data objects, structures and attributes of one model, so that nested arrays cannot fill the memory."""

__all__ = ["MAX_ARRAY_COUNT", "MAX_NODES", "MAX_SCL_OCTETS", "Model", "SclError", "read_model", "read_scl"]

FC = FunctionalConstraint
_DEVICES = f".//{_NS}Server/{_NS}LDevice"
_TRIGGERS = {"dchg": Trigger.DCHG, "qchg": Trigger.QCHG, "dupd": Trigger.DUPD}
_FC_ORDER = {fc: at for at, fc in enumerate(FC)}


@dataclass(frozen=True, slots=True)
class Model:
    """What one IED of a file is: its instances, and the data sets and control blocks on them."""

    tree: Tree
    blocks: Blocks


def read_scl(xml: bytes, ied: str | None = None) -> Tree:
    """Make the instances of one IED, without looking at data sets and control blocks; see ``read_model``."""
    return _Reader(root_of(xml)).tree(ied)


def read_model(xml: bytes, ied: str | None = None) -> Model:
    """Make the instances of one IED, and read its data sets and control blocks.

    ``ied`` chooses among several; a file with one needs none. Raises SclError, also for a model that could
    not be served: names that are no MMS names, values nested deeper than one PDU carries (8-2, 8.2).
    """
    reader = _Reader(root_of(xml))
    tree = reader.tree(ied)
    chosen = reader.chosen(ied)
    names = {
        _needed(device, "inst"): reader.device_name(device, chosen) for device in chosen.iterfind(_DEVICES)
    }
    return Model(tree, read_blocks(chosen, names, tree))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an attribute stands: its FC, the levels above it from LN$FC on, and the valKind it inherits."""

    fc: FC
    depth: int
    val_kind: str = "Set"
    triggers: Trigger = NO_TRIGGER

    def within(self, element: etree._Element) -> _Place:
        """A structure that is read-only holds nothing that can be written, unless a part says so itself."""
        triggers = self.triggers
        for name, trigger in _TRIGGERS.items():
            if name in element.attrib:
                on = element.get(name) in ("true", "1")
                triggers = triggers | trigger if on else triggers & ~trigger
        return replace(self, val_kind=element.get("valKind", self.val_kind), triggers=triggers)

    def below(self) -> _Place:
        return replace(self, depth=self.depth + 1)


@dataclass(slots=True)
class _Reader:
    root: etree._Element
    nodes: int = 0
    types: dict[tuple[str, str], etree._Element] = field(default_factory=dict)
    enums: dict[str, BasicType] = field(default_factory=dict)
    given: set[int] = field(default_factory=set)
    placed: set[etree._Element] = field(default_factory=set)

    def tree(self, ied_name: str | None) -> Tree:
        for template in self.root.iterfind(f"{_NS}DataTypeTemplates/*"):
            kind, id_ = etree.QName(template).localname, _needed(template, "id")
            if (kind, id_) in self.types:
                raise _at(template, f"{kind} {id_} is defined twice")
            self.types[kind, id_] = template
        chosen = self.chosen(ied_name)
        devices = [self._device(device, chosen) for device in chosen.iterfind(_DEVICES)]
        if len({device.name for device in devices}) != len(devices) or not devices:
            raise SclError("the IED needs logical devices, each with a name of its own")
        return Tree(devices)

    def chosen(self, ied_name: str | None) -> etree._Element:
        """The IED that is meant."""
        ieds = self.root.findall(f"{_NS}IED")
        chosen = [ied for ied in ieds if ied_name in (None, ied.get("name"))]
        if len(chosen) != 1:
            names = ", ".join(str(ied.get("name")) for ied in ieds) or "none"
            raise SclError(f"name one IED of this file: it has {names}")
        return chosen[0]

    @staticmethod
    def device_name(device: etree._Element, ied: etree._Element) -> str:
        """The functional name of a logical device, or the IED's name and its own (61850-6, 8.5.3)."""
        return device.get("ldName") or _needed(ied, "name") + _needed(device, "inst")

    def _device(self, element: etree._Element, ied: etree._Element) -> LogicalDevice:
        device = LogicalDevice(self.device_name(element, ied))
        for ln in element.iterfind("*"):
            if etree.QName(ln).localname not in ("LN0", "LN"):
                continue
            name = node_name(ln)
            if name in device.nodes:
                raise _at(ln, f"{device.name}/{name} is there twice")
            device.nodes[name] = self._node(ln)
            _check_names(ln, device, name)
        return device

    def _node(self, ln: etree._Element) -> LogicalNode:
        ln_class = _needed(ln, "lnClass")
        template = self._type("LNodeType", _needed(ln, "lnType"), ln)
        if template.get("lnClass") != ln_class:
            raise _at(
                ln, f"lnType {template.get('id')} is of class {template.get('lnClass')}, not {ln_class}"
            )
        node = LogicalNode(ln_class)
        for do in template.iterfind(f"{_NS}DO"):
            name = _name(do)
            self._object(node, (name,), do, _child(ln, "DOI", name))
            if do.get("transient") in ("true", "1"):
                node.transient.add((name,))
        for one in ln.iter(f"{_NS}DOI", f"{_NS}SDI", f"{_NS}DAI"):
            if one not in self.placed:
                raise _at(one, f"{one.get('name')} has no place in LNodeType {template.get('id')}")
        node.by_fc = dict(sorted(node.by_fc.items(), key=lambda item: _FC_ORDER[item[0]]))
        return node

    def _object(
        self,
        node: LogicalNode,
        path: tuple[str, ...],
        element: etree._Element,
        instance: etree._Element | None,
    ) -> None:
        template = self._type("DOType", _needed(element, "type"), element)
        self._count(element, len(path))
        self._place(instance)
        if path in node.cdcs:
            raise _at(element, f"{'.'.join(path)} is there twice")
        node.cdcs[path] = _needed(template, "cdc")
        for part in template.iterfind("*"):
            kind = etree.QName(part).localname
            if kind not in ("SDO", "DA"):
                continue
            name = _name(part)
            if kind == "SDO":
                if part.get("count", "0") != "0":
                    raise _at(part, "an array of data objects (count) is not supported")
                below = _child(instance, "SDI", name)
                self._object(node, (*path, name), part, below)
            else:
                fc = self._fc(part)
                holder = node.by_fc.setdefault(fc, Branch())
                for step in path:
                    following = holder.children.setdefault(step, Branch())
                    assert isinstance(following, Branch)
                    holder = following
                if name in holder.children:
                    raise _at(part, f"{name} is there twice")
                holder.children[name] = self._attribute(
                    part, _Place(fc, len(path) + 1), _instance(instance, name)
                )
        for fc in (FC.ST, FC.MX):
            self._set_rest_quality(node.by_fc.get(fc), path)

    def _set_rest_quality(self, branch: Branch | None, path: tuple[str, ...]) -> None:
        """What the file gives a status value is good; all else is not connected until it is measured."""
        node: Node | None = branch
        for name in path:
            node = node.children.get(name) if isinstance(node, Branch) else None
        if not isinstance(node, Branch):
            return
        quality, status = node.leaf("q"), node.leaf("stVal")
        if quality is not None:
            quality.value = GOOD if id(status) in self.given else NOT_CONNECTED

    def _place(self, instance: etree._Element | None) -> None:
        """Note that an instance element has its place: one that has none, say for a typing error, is told."""
        if instance is not None:
            self.placed.add(instance)

    def _count(self, element: etree._Element, depth: int) -> None:
        """Bound the model: in size, and in depth to what a value in a PDU may have below LN$FC."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _at(element, f"the model has more than {MAX_NODES} objects and attributes")
        if depth >= MAX_NESTING:
            raise _at(element, f"types are nested deeper than the {MAX_NESTING} levels of a PDU")

    def _attribute(self, element: etree._Element, place: _Place, instance: etree._Element | None) -> Node:
        place = place.within(element)
        count = element.get("count", "0")
        if not count.isdecimal() or int(count) > MAX_ARRAY_COUNT:
            raise _at(element, f"count {count} is not a number up to {MAX_ARRAY_COUNT}")
        if int(count) == 0:
            return self._single(element, place, instance)
        self._count(element, place.depth)
        return ArrayNode(
            [self._single(element, place.below(), _indexed(instance, at)) for at in range(int(count))]
        )

    def _single(self, element: etree._Element, place: _Place, instance: etree._Element | None) -> Node:
        self._place(instance)
        b_type = _needed(element, "bType")
        if b_type != "Struct":
            self._count(element, 0)
            return self._leaf(element, self._basic(element, b_type), place, instance)
        self._count(element, place.depth)
        branch = Branch()
        for part in self._type("DAType", _needed(element, "type"), element).iterfind(f"{_NS}BDA"):
            name = _name(part)
            if name in branch.children:
                raise _at(part, f"{name} is there twice")
            branch.children[name] = self._attribute(part, place.below(), _instance(instance, name))
        if not branch.children:
            raise _at(element, f"DAType {element.get('type')} has no BDA")
        return branch

    def _leaf(
        self, element: etree._Element, basic: BasicType, place: _Place, instance: etree._Element | None
    ) -> Leaf:
        source = instance if instance is not None and instance.find(f"{_NS}Val") is not None else element
        val_kind = (instance.get("valKind") if instance is not None else None) or place.val_kind
        writable = place.fc is FC.SP and val_kind == "Set"
        leaf = Leaf(basic, basic.rest, writable, place.triggers)
        text = source.findtext(f"{_NS}Val")
        if text is not None:
            try:
                leaf.value = basic.from_text(text)
                self.given.add(id(leaf))
            except ValueError as error:
                raise _at(source, str(error)) from None
        return leaf

    def _basic(self, element: etree._Element, b_type: str) -> BasicType:
        if b_type == "Enum":
            return self._enumeration(element)
        basic = BASIC_TYPES.get(b_type)
        if basic is None:
            raise _at(
                element, f"bType {b_type} is not supported; known are {', '.join(BASIC_TYPES)}, Enum, Struct"
            )
        return basic

    def _enumeration(self, element: etree._Element) -> BasicType:
        id_ = _needed(element, "type")
        if id_ not in self.enums:
            template = self._type("EnumType", id_, element)
            literals: dict[int, str] = {}
            for value in template.iterfind(f"{_NS}EnumVal"):
                try:
                    literals[int(_needed(value, "ord"))] = value.text or ""
                except ValueError:
                    raise _at(value, f"ord {value.get('ord')} is not a number") from None
            if not literals:
                raise _at(template, f"EnumType {id_} is empty")
            self.enums[id_] = enumeration(id_, literals)
        return self.enums[id_]

    def _type(self, kind: str, id_: str, user: etree._Element) -> etree._Element:
        found = self.types.get((kind, id_))
        if found is None:
            raise _at(user, f"{kind} {id_} is not defined")
        return found

    def _fc(self, element: etree._Element) -> FC:
        name = _needed(element, "fc")
        if name not in FC.__members__:
            raise _at(element, f"{name} is not a functional constraint")
        return FC(name)


def _check_names(ln: etree._Element, device: LogicalDevice, name: str) -> None:
    """Every variable is to have a name that a client can ask for (8-2, 8.2).

    The names it is made of were looked at when they were read, so the longest tells for all.
    """
    try:
        Reference.from_mms(name)
        Reference.from_mms(device.name, max(device.nodes[name].variable_names(name), key=len))
    except InvalidReference as error:
        raise _at(ln, str(error)) from None


def _child(element: etree._Element | None, kind: str, name: str) -> etree._Element | None:
    if element is None:
        return None
    return next((one for one in element.iterfind(f"{_NS}{kind}") if one.get("name") == name), None)


def _instance(element: etree._Element | None, name: str) -> etree._Element | None:
    """The DAI or SDI of an attribute, whichever the file uses."""
    found = _child(element, "DAI", name)
    return found if found is not None else _child(element, "SDI", name)


def _indexed(element: etree._Element | None, at: int) -> etree._Element | None:
    """The SDI or DAI of one array element; SCL repeats the name and counts in ``ix``."""
    if element is None:
        return None
    parent = element.getparent()
    same = [] if parent is None else [one for one in parent if one.get("name") == element.get("name")]
    return next((one for one in same if one.get("ix") == str(at)), None)


def _name(element: etree._Element) -> str:
    """The name of a data object or attribute; ``$`` and ``.`` in it would make it another's name."""
    name = _needed(element, "name")
    try:
        return Reference.from_mms(name).ld
    except InvalidReference:
        raise _at(element, f"{name!r} is no name: a letter, then letters, digits and _") from None

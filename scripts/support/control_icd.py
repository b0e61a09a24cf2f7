"""The shipped model with other control models than it ships, for tests of all four of them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from lxml import etree

_NS = "http://www.iec.ch/61850/2003/SCL"
_SELECTS = ("sbo-with-normal-security", "sbo-with-enhanced-security")
_ENHANCED = ("direct-with-enhanced-security", "sbo-with-enhanced-security")
_SBO_CLASS = """
<EnumType xmlns="http://www.iec.ch/61850/2003/SCL" id="SboClassKind">
  <EnumVal ord="0">operate-once</EnumVal><EnumVal ord="1">operate-many</EnumVal>
</EnumType>
"""


def with_control_models(
    icd: bytes,
    models: Mapping[str, str],
    more: Mapping[str, Mapping[str, str]] | None = None,
    *,
    sbo_timeout: int = 30_000,
    oper_timeout: int = 10_000,
) -> bytes:
    """The ICD with ``models``: ``RlyGGIO1.SPCSO1`` and its ctlModel, with all the attributes that go with it.

    ``more``: further data objects of a node, as name and DOType. Times are milliseconds.
    """
    root = etree.fromstring(icd)
    templates = root.find(f"{{{_NS}}}DataTypeTemplates")
    assert templates is not None
    templates.append(etree.fromstring(_SBO_CLASS))
    for name, literal in models.items():
        node, _, data_object = name.partition(".")
        place = _only(_node_type(root, node), "*[@name=$name]", data_object)
        do_type = _cloned(_template(root, place.get("type", "")), f"{node}_{data_object}")
        place.set("type", do_type.get("id", ""))
        _control(do_type, literal, sbo_timeout, oper_timeout)
    for node, objects in (more or {}).items():
        for data_object, type_ in objects.items():
            added = etree.SubElement(_node_type(root, node), f"{{{_NS}}}DO")
            added.set("name", data_object)
            added.set("type", type_)
    _in_schema_order(templates)
    return etree.tostring(root)


def only_device(name: str, icd: bytes) -> bytes:
    """The ICD with one logical device alone: a test that needs no other reads it ten times as fast."""
    root = etree.fromstring(icd)
    for device in list(root.iter(f"{{{_NS}}}LDevice")):
        if device.get("ldName") != name:
            parent = device.getparent()
            assert parent is not None
            parent.remove(device)
    return etree.tostring(root)


def _node_type(root: etree._Element, name: str) -> etree._Element:
    """The LNodeType of the node of this name in LD HP, its own alone."""
    path = "//*[local-name()='LDevice'][@ldName='HP']/*[concat(@prefix, @lnClass, @inst)=$name]"
    node = _only(root, path, name)
    own = f"{name}_of_test"
    if node.get("lnType") != own:
        _cloned(_template(root, node.get("lnType", "")), own)
        node.set("lnType", own)
    return _template(root, own)


def _template(root: etree._Element, id_: str) -> etree._Element:
    return _only(root, "//*[local-name()='DataTypeTemplates']/*[@id=$name]", id_)


def _only(element: etree._Element, path: str, name: str) -> etree._Element:
    """The one element that ``path``, in which the name is ``$name``, leads to."""
    found = element.xpath(path, name=name)
    assert isinstance(found, list) and len(found) == 1
    assert isinstance(found[0], etree._Element)
    return found[0]


def _cloned(template: etree._Element, id_: str) -> etree._Element:
    copy = deepcopy(template)
    copy.set("id", id_)
    template.addnext(copy)
    return copy


def _control(do_type: etree._Element, literal: str, sbo_timeout: int, oper_timeout: int) -> None:
    parts = {part.get("name", ""): part for part in do_type}
    fc = parts["q"].get("fc", "")
    (text,) = parts["ctlModel"]
    text.text = literal
    if literal in _SELECTS:
        selected = _attribute("stSeld", fc, "BOOLEAN")
        selected.set("dchg", "true")
        parts["t"].addnext(selected)
        parts["ctlModel"].addnext(
            _attribute("sboClass", "CF", "Enum", type="SboClassKind", value="operate-once")
        )
        parts["ctlModel"].addnext(_attribute("sboTimeout", "CF", "INT32U", value=str(sbo_timeout)))
    if literal in _ENHANCED:
        parts["ctlModel"].addnext(_attribute("operTimeout", "CF", "INT32U", value=str(oper_timeout)))
    if literal == "sbo-with-normal-security":
        parts["Oper"].addprevious(_attribute("SBO", "CO", "VisString129"))
    if literal == "sbo-with-enhanced-security":
        parts["Oper"].addprevious(_attribute("SBOw", "CO", "Struct", type=parts["Oper"].get("type", "")))


def _attribute(name: str, fc: str, b_type: str, *, type: str = "", value: str = "") -> etree._Element:
    made = etree.Element(f"{{{_NS}}}DA")
    for key, text in (("name", name), ("fc", fc), ("bType", b_type), ("type", type)):
        if text:
            made.set(key, text)
    if value:
        etree.SubElement(made, f"{{{_NS}}}Val").text = value
    return made


def _in_schema_order(templates: etree._Element) -> None:
    order = ("LNodeType", "DOType", "DAType", "EnumType")
    kinds = [one for one in templates if isinstance(one.tag, str)]
    templates[:] = sorted(kinds, key=lambda one: order.index(etree.QName(one).localname))

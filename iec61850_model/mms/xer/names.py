"""Object names, access specifications and type descriptions to XML and back."""

from __future__ import annotations

from typing import cast
from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import (
    AccessSpecification,
    Array,
    ObjectName,
    Primitive,
    RejectReason,
    Structure,
    Tag,
    TypeDescription,
    VariableList,
    VariableListName,
)
from iec61850_model.mms.xer.data import digits, escape
from iec61850_model.mms.xer.reading import NS82, MalformedPdu, Reader, UnencodableValue, shown

MAX_VARIABLES = 512
"""Variables of one request; with the longest names they fill a PDU of the default size."""
MAX_TYPE_NESTING = 10
"""Levels of one type: FC, DO, SDO, DA and five below (deepest in use: 7)."""
MAX_COMPONENTS = 512
"""Components of one structure in a type description."""
MAX_ARRAY = 65_535
"""Elements of an array type (INT16U)."""
MAX_NAME = 129
"""Characters of one name: 8-2 allows 64 for items and domains, 129 for references."""
MAX_SIZE = 65_535
"""Largest size in a type description (bits, octets, characters)."""

MAX_NUMBER_BITS = 64
"""Bits of the largest integer and floating-point types."""

_SIZED = ("bit-string", "octet-string", "visible-string", "mMSString")
_NUMBERS = ("integer", "unsigned")
_BARE = ("boolean", "utc-time")
_USUAL = tuple(f"{{{NS82}}}{name}" for name in ("variableSpecification", "name", "domain-specific"))
_USUAL_PARTS = tuple(f"{{{NS82}}}{name}" for name in ("domainId", "itemId"))
"""What stands around the two parts of a variable's name, and these."""
FLOAT32 = Primitive("floating-point", 32)
_FLOAT32_XML = (
    "<floating-point><format-width>32</format-width><exponent-width>8</exponent-width></floating-point>"
)


def write_name(name: ObjectName, out: list[str]) -> None:
    """Append an ObjectName's alternative; raises UnencodableValue."""
    item = written_identifier(name.item)
    if name.domain is not None:
        if name.aa_specific:
            raise UnencodableValue(f"{item[:80]} cannot be of a domain and of the association")
        domain = written_identifier(name.domain)
        out.append(f"<domain-specific><domainId>{domain}</domainId><itemId>{item}</itemId></domain-specific>")
    elif name.aa_specific:
        out.append(f"<aa-specific>{item}</aa-specific>")
    else:
        out.append(f"<vmd-specific>{item}</vmd-specific>")


def read_name(holder: Element, reader: Reader) -> ObjectName:
    """Read the ObjectName inside ``holder``; raises MalformedPdu."""
    kind, element = reader.choice(holder)
    match kind:
        case "domain-specific":
            fields = reader.fields(element, ("domainId", "itemId"))
            if len(fields) != 2:
                raise MalformedPdu("domain-specific needs domainId and itemId")
            return ObjectName(identifier(fields["itemId"], reader), identifier(fields["domainId"], reader))
        case "vmd-specific":
            return ObjectName(identifier(element, reader))
        case "aa-specific":
            return ObjectName(identifier(element, reader), aa_specific=True)
    raise MalformedPdu(f"{shown(kind)} is not a kind of name")


def identifier(element: Element, reader: Reader) -> str:
    """A name of 1 to MAX_NAME printable ASCII characters without blanks at its ends."""
    text = reader.text(element).strip(" \t\r\n")
    if not _is_identifier(text):
        raise MalformedPdu(f"{shown(text)} is not a name", RejectReason.INVALID_ARGUMENT)
    return text


def written_identifier(text: str) -> str:
    """A name as ``identifier`` reads it back; raises UnencodableValue if it would not."""
    if not _is_identifier(text) or text != text.strip(" "):
        raise UnencodableValue(f"{shown(text)} is not a name")
    return escape(text)


def _is_identifier(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isascii() and text.isprintable()


def write_access(variables: AccessSpecification, out: list[str]) -> None:
    """Append a variableAccessSpecification with its element; raises UnencodableValue."""
    out.append("<variableAccessSpecification>")
    if isinstance(variables, VariableListName):
        out.append("<variableListName>")
        write_name(variables.name, out)
        out.append("</variableListName>")
    else:
        write_variables(variables.names, out)
    out.append("</variableAccessSpecification>")


def write_variables(names: tuple[ObjectName, ...], out: list[str]) -> None:
    """Append a listOfVariable with its element; raises UnencodableValue."""
    if not 0 < len(names) <= MAX_VARIABLES:
        raise UnencodableValue(f"{len(names)} variables; 1 to {MAX_VARIABLES} go into a PDU")
    out.append("<listOfVariable>")
    for name in names:
        out.append("<SEQUENCE><variableSpecification><name>")
        write_name(name, out)
        out.append("</name></variableSpecification></SEQUENCE>")
    out.append("</listOfVariable>")


def read_access(element: Element, reader: Reader) -> AccessSpecification:
    """Read a variableAccessSpecification; raises MalformedPdu."""
    kind, inner = reader.choice(element)
    if kind == "variableListName":
        return VariableListName(read_name(inner, reader))
    if kind != "listOfVariable":
        raise MalformedPdu(f"{shown(kind)} is not an access specification")
    return VariableList(read_variables(inner, reader))


def read_variables(element: Element, reader: Reader) -> tuple[ObjectName, ...]:
    """Read a listOfVariable, which names at least one; raises MalformedPdu."""
    names = []
    for item in reader.items(element, "SEQUENCE", MAX_VARIABLES):
        if (usual := _usual_name(item)) is not None:
            names.append(usual)
            continue
        fields = reader.fields(item, ("variableSpecification", "alternateAccess"))
        if "alternateAccess" in fields:
            raise MalformedPdu("alternateAccess is not supported", RejectReason.INVALID_ARGUMENT)
        if "variableSpecification" not in fields:
            raise MalformedPdu("variableSpecification is missing")
        way, holder = reader.choice(fields["variableSpecification"])
        if way != "name":
            raise MalformedPdu(
                f"variables are accessed by name, not by {shown(way)}", RejectReason.INVALID_ARGUMENT
            )
        names.append(read_name(holder, reader))
    if not names:
        raise MalformedPdu("listOfVariable is empty", RejectReason.INVALID_ARGUMENT)
    return tuple(names)


def _usual_name(item: Element) -> ObjectName | None:
    """The variable of a domain named in ``item``; None if anything else is there, to be read with care.
    Nearly all variables are named so, and a call for each element would cost the most of a request.
    """
    element = item
    for tag in _USUAL:
        if len(element) != 1 or element.attrib or element.text:
            return None
        element = element[0]
        if element.tag != tag or element.tail:
            return None
    if len(element) != 2 or element.attrib or element.text:
        return None
    domain, variable = element
    if (domain.tag, variable.tag) != _USUAL_PARTS:
        return None
    for part in (domain, variable):
        text = part.text or ""
        if len(part) or part.attrib or part.tail or not _is_identifier(text) or text != text.strip():
            return None
    return ObjectName(variable.text or "", domain.text or "")


def write_type(described: TypeDescription, out: list[str], depth: int = 0) -> None:
    """Append a type description with its element; raises UnencodableValue."""
    if depth >= MAX_TYPE_NESTING:
        raise UnencodableValue(f"a type is nested deeper than {MAX_TYPE_NESTING} levels")
    out.append("<typeDescription>")
    match described:
        case Structure(components):
            if len(components) > MAX_COMPONENTS:
                raise UnencodableValue(f"a structure has more than {MAX_COMPONENTS} components")
            out.append('<structure packed="false"><components>')
            for name, part in components:
                component = written_identifier(name)
                out.append(f"<SEQUENCE><componentName>{component}</componentName><componentType>")
                write_type(part, out, depth + 1)
                out.append("</componentType></SEQUENCE>")
            out.append("</components></structure>")
        case Array(count, element):
            number = digits(count, 0, MAX_ARRAY)
            out.append(f'<array packed="false"><numberOfElements>{number}</numberOfElements><elementType>')
            write_type(element, out, depth + 1)
            out.append("</elementType></array>")
        case Primitive():
            out.append(_primitive(described))
    out.append("</typeDescription>")


def _primitive(described: Primitive) -> str:
    tag, size = described.tag, described.size
    if described == FLOAT32:
        return _FLOAT32_XML
    if tag in _NUMBERS:
        return f"<{tag}>{digits(size, 1, MAX_NUMBER_BITS)}</{tag}>"
    if tag in _SIZED:
        return f"<{tag}>{digits(size, -MAX_SIZE, MAX_SIZE)}</{tag}>"
    if size == 0 and tag in _BARE:
        return f"<{tag}/>"
    if size == 0 and tag == "binary-time":
        return "<binary-time>true</binary-time>"
    raise UnencodableValue(f"{tag} of size {size} is not a type of 8-2")


def read_type(element: Element, reader: Reader, depth: int = 0) -> TypeDescription:
    """Read a typeDescription element; raises MalformedPdu."""
    if depth >= MAX_TYPE_NESTING:
        raise MalformedPdu(
            f"a type is nested deeper than {MAX_TYPE_NESTING} levels", RejectReason.MAX_RECURSION_EXCEEDED
        )
    kind, inner = reader.choice(element)
    if kind == "structure":
        fields = reader.fields(inner, ("components",), ("packed",))
        if "components" not in fields:
            raise MalformedPdu("a structure needs components")
        return Structure(
            tuple(
                _read_component(item, reader, depth)
                for item in reader.items(fields["components"], "SEQUENCE", MAX_COMPONENTS)
            )
        )
    if kind == "array":
        fields = reader.fields(inner, ("numberOfElements", "elementType"), ("packed",))
        if len(fields) != 2:
            raise MalformedPdu("an array needs numberOfElements and elementType")
        return Array(
            reader.integer(fields["numberOfElements"], 0, MAX_ARRAY),
            _read_specification(fields["elementType"], reader, depth + 1),
        )
    return _read_primitive(kind, inner, reader)


def _read_component(item: Element, reader: Reader, depth: int) -> tuple[str, TypeDescription]:
    fields = reader.fields(item, ("componentName", "componentType"))
    if len(fields) != 2:
        raise MalformedPdu("a component needs componentName and componentType")
    name = identifier(fields["componentName"], reader)
    return name, _read_specification(fields["componentType"], reader, depth + 1)


def _read_specification(holder: Element, reader: Reader, depth: int) -> TypeDescription:
    kind, described = reader.choice(holder)
    if kind != "typeDescription":
        raise MalformedPdu(f"{shown(kind)} stands where typeDescription is to stand")
    return read_type(described, reader, depth)


def _read_primitive(kind: str, element: Element, reader: Reader) -> Primitive:
    tag = cast("Tag", kind)
    if kind in _BARE:
        reader.empty(element)
        return Primitive(tag)
    if kind in _NUMBERS:
        return Primitive(tag, reader.integer(element, 1, MAX_NUMBER_BITS))
    if kind in _SIZED:
        return Primitive(tag, reader.integer(element, -MAX_SIZE, MAX_SIZE))
    if kind == "binary-time":
        reader.boolean(element)
        return Primitive(tag)
    if kind == "floating-point":
        fields = reader.fields(element, ("format-width", "exponent-width"))
        if len(fields) != 2 or reader.integer(fields["format-width"], 1, MAX_NUMBER_BITS) != FLOAT32.size:
            raise MalformedPdu("only 32-bit floating point is used", RejectReason.INVALID_ARGUMENT)
        return FLOAT32
    raise MalformedPdu(f"{shown(kind)} is not a type", RejectReason.INVALID_ARGUMENT)

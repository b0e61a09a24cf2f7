"""Directories, definitions, reading and writing of data (7-2 clauses 6 to 12; 8-2 clauses 9 to 12)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from iec61850_model.mms.pdu import (
    INVALID_SERVICE,
    OBJECT_NON_EXISTENT,
    AccessResult,
    AccessSpecification,
    Data,
    DataAccessError,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesResponse,
    MmsError,
    ObjectClass,
    ObjectName,
    ObjectScope,
    ReadRequest,
    ReadResponse,
    VariableList,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.types import ValueRefused
from iec61850_model.values import FunctionalConstraint

NAME_OVERHEAD = 25
"""Octets of XML around one name in a getNameList response."""
RESPONSE_OVERHEAD = 600
"""Octets of XML around the names, with association context and stanza."""

FC = FunctionalConstraint


def get_name_list(tree: Tree, request: GetNameListRequest, pdu_size: int) -> GetNameListResponse | MmsError:
    """GetServerDirectory, GetLogicalDeviceDirectory and GetLogicalNodeDirectory.

    As many names as fit ``pdu_size`` octets, in ASCII order; the rest follows ``continue_after``.
    """
    names: Sequence[str] = ()
    if request.scope is ObjectScope.DOMAIN:
        device = tree.devices.get(request.domain or "")
        if device is None:
            return OBJECT_NON_EXISTENT
        if request.object_class is ObjectClass.NAMED_VARIABLE:
            names = device.variable_names()
    elif request.object_class is ObjectClass.DOMAIN and request.scope is ObjectScope.VMD:
        names = sorted(tree.devices)
    start = 0 if request.continue_after is None else bisect_right(names, request.continue_after)
    room = pdu_size - RESPONSE_OVERHEAD
    page: list[str] = []
    for name in names[start:]:
        room -= len(name) + NAME_OVERHEAD
        if room < 0:
            break
        page.append(name)
    return GetNameListResponse(tuple(page), more_follows=start + len(page) < len(names))


def get_attributes(tree: Tree, name: ObjectName) -> GetVariableAccessAttributesResponse | MmsError:
    """GetDataDirectory and GetDataDefinition: the type of a logical node, or of anything below it."""
    try:
        reference = Reference.from_mms(name.domain or "", name.item)
    except InvalidReference:
        return OBJECT_NON_EXISTENT
    if reference.fc is None:
        node = tree.logical_node(reference.ld, reference.ln)
        return GetVariableAccessAttributesResponse(node.describe()) if node else OBJECT_NON_EXISTENT
    found = tree.find(reference)
    return GetVariableAccessAttributesResponse(found.describe()) if found else OBJECT_NON_EXISTENT


def read(tree: Tree, request: ReadRequest) -> ReadResponse | MmsError:
    """GetDataValues and GetAllDataValues: one result per variable, all of one moment."""
    if not isinstance(request.variables, VariableList):
        return OBJECT_NON_EXISTENT
    if request.specification_with_result:
        return INVALID_SERVICE
    return ReadResponse(tuple(_read_one(tree, name) for name in request.variables.names))


def _read_one(tree: Tree, name: ObjectName) -> AccessResult:
    try:
        reference = Reference.from_mms(name.domain or "", name.item)
    except InvalidReference:
        return DataAccessError.OBJECT_NON_EXISTENT
    if reference.fc is None:
        known = tree.logical_node(reference.ld, reference.ln) is not None
        return DataAccessError.OBJECT_ACCESS_UNSUPPORTED if known else DataAccessError.OBJECT_NON_EXISTENT
    found = tree.find(reference)
    if found is None:
        return DataAccessError.OBJECT_NON_EXISTENT
    if reference.fc is FC.CO:
        return DataAccessError.OBJECT_ACCESS_DENIED
    return found.data()


def references_to_write(variables: AccessSpecification) -> list[Reference | None] | MmsError:
    """The references a write names, None where a name is none; an error for a named variable list."""
    if not isinstance(variables, VariableList):
        return OBJECT_NON_EXISTENT
    found: list[Reference | None] = []
    for name in variables.names:
        try:
            found.append(Reference.from_mms(name.domain or "", name.item))
        except InvalidReference:
            found.append(None)
    return found


def write(tree: Tree, reference: Reference | None, data: Data) -> DataAccessError | None:
    """SetDataValues on one attribute, structure or array: all of it or nothing.

    Returns None when written, otherwise what the client is told.
    """
    if reference is None:
        return DataAccessError.OBJECT_NON_EXISTENT
    try:
        tree.write(reference, data)
    except NoSuchNode:
        return DataAccessError.OBJECT_NON_EXISTENT
    except ValueRefused as refused:
        return refused.error
    return None

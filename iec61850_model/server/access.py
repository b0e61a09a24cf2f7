"""Definitions, reading and writing of data (7-2 clauses 6 to 13; 8-2 clauses 12 and 14)."""

from __future__ import annotations

from collections.abc import Iterable

from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    AccessResult,
    Data,
    DataAccessError,
    GetVariableAccessAttributesResponse,
    MmsError,
    ObjectName,
    ReadResponse,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.types import ValueRefused
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint


def reference(name: ObjectName) -> Reference | None:
    """The reference a variable's name stands for, None if it is no name of one."""
    try:
        return Reference.from_mms(name.domain or "", name.item)
    except InvalidReference:
        return None


def get_attributes(tree: Tree, name: ObjectName) -> GetVariableAccessAttributesResponse | MmsError:
    """GetDataDirectory and GetDataDefinition: the type of a logical node, or of anything below it."""
    asked = reference(name)
    if asked is None:
        return OBJECT_NON_EXISTENT
    found = tree.logical_node(asked.ld, asked.ln) if asked.fc is None else tree.find(asked)
    return GetVariableAccessAttributesResponse(found.describe()) if found else OBJECT_NON_EXISTENT


def read(tree: Tree, references: Iterable[Reference | None]) -> ReadResponse:
    """GetDataValues, GetAllDataValues and GetDataSetValues: one result for each, all of one moment."""
    return ReadResponse(tuple(_read_one(tree, one) for one in references))


def _read_one(tree: Tree, asked: Reference | None) -> AccessResult:
    if asked is None:
        return DataAccessError.OBJECT_NON_EXISTENT
    if asked.fc is None:
        known = tree.logical_node(asked.ld, asked.ln) is not None
        return DataAccessError.OBJECT_ACCESS_UNSUPPORTED if known else DataAccessError.OBJECT_NON_EXISTENT
    found = tree.find(asked)
    if found is None:
        return DataAccessError.OBJECT_NON_EXISTENT
    if asked.fc is FC.CO:
        return DataAccessError.OBJECT_ACCESS_DENIED
    return found.data()


def write(tree: Tree, asked: Reference, data: Data) -> DataAccessError | None:
    """SetDataValues on one attribute, structure or array: all of it or nothing.

    Returns None when written, otherwise what the client is told.
    """
    try:
        tree.write(asked, data)
    except NoSuchNode:
        return DataAccessError.OBJECT_NON_EXISTENT
    except ValueRefused as refused:
        return refused.error
    return None

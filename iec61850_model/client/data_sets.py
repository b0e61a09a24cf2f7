"""Data sets as a client uses them (7-2 clause 13; 8-2 clause 14)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from iec61850_model.client import errors
from iec61850_model.client.definition import NodeDefinition
from iec61850_model.client.errors import BadAnswer, ServiceErrorReceived, UnusableValue
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.name_lists import all_names
from iec61850_model.client.plain import to_data
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    GetNameListRequest,
    ObjectClass,
    ObjectName,
    ObjectScope,
    ReadRequest,
    ReadResponse,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import InvalidReference, Reference

Definitions = Callable[[str, str, str], Awaitable[NodeDefinition]]
"""Gives the definition of a logical node: (peer, ld, ln), as ``Client.definition`` does."""

_OWN = re.compile(r"@[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DataSetDirectory:
    """The members of a data set in order, each with its functional constraint.

    ``deletable``: it was created by a client, and can be deleted when nothing uses it.
    """

    members: tuple[Reference, ...]
    deletable: bool


class DataSets:
    """The data sets of any number of peers.

    One is named ``LD/LN.Name`` or, of the association and seen by nobody else, ``@Name``. Everything raises
    InvalidReference for a name of another form; nothing is sent then.
    """

    def __init__(self, exchange: Exchange, definitions: Definitions) -> None:
        self._exchange = exchange
        self._definitions = definitions

    async def names(self, peer: str, ld: str) -> list[str]:
        """The data sets of a logical device, ``LD/LN.Name``; raises NoSuchObject."""
        request = GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.DOMAIN, ld)
        items = await all_names(self._exchange, peer, request)
        return [f"{ld}/{item.replace('$', '.')}" for item in items]

    async def own_names(self, peer: str) -> list[str]:
        """The data sets ``@Name`` of our association with the peer."""
        request = GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.AA)
        return await all_names(self._exchange, peer, request)

    async def directory(self, peer: str, data_set: str) -> DataSetDirectory:
        """GetDataSetDirectory; raises NoSuchObject."""
        service = GetNamedVariableListAttributesRequest(object_name(data_set))
        answer = await self._exchange.confirmed(
            peer, service, GetNamedVariableListAttributesResponse, data_set
        )
        try:
            members = tuple(Reference.from_mms(one.domain or "", one.item) for one in answer.variables)
        except InvalidReference as error:
            raise BadAnswer(f"a member of {data_set}: {error}") from None
        if any(member.fc is None for member in members):
            raise BadAnswer(f"a member of {data_set} has no functional constraint")
        return DataSetDirectory(members, answer.deletable)

    async def values(self, peer: str, data_set: str) -> list[Data | ServiceErrorReceived]:
        """GetDataSetValues: one result for each member in the order of its directory, all of one moment.

        A member that cannot be read is a service error as a value. Raises NoSuchObject, and
        ServiceErrorReceived if the values do not fit one PDU.
        """
        service = ReadRequest(VariableListName(object_name(data_set)))
        answer = await self._exchange.confirmed(peer, service, ReadResponse, data_set)
        return [
            errors.of_access(f"{data_set}, member {at}", result)
            if isinstance(result, DataAccessError)
            else result
            for at, result in enumerate(answer.results)
        ]

    async def set_values(
        self, peer: str, data_set: str, values: Sequence[object]
    ) -> list[ServiceErrorReceived | None]:
        """SetDataSetValues: one value for each member, in order; None where it was written, else the error.

        Raises NoSuchObject, UnusableValue (nothing is written then).
        """
        members = (await self.directory(peer, data_set)).members
        if len(values) != len(members):
            raise UnusableValue(f"{data_set} has {len(members)} members: {len(values)} values do not fit")
        data = [await self._data(peer, *pair) for pair in zip(members, values, strict=True)]
        service = WriteRequest(VariableListName(object_name(data_set)), tuple(data))
        answer = await self._exchange.confirmed(peer, service, WriteResponse, data_set)
        if len(answer.results) != len(members):
            raise BadAnswer(f"{peer} answers {len(answer.results)} writes where {len(members)} were asked")
        return [
            None if result is None else errors.of_access(str(member), result)
            for member, result in zip(members, answer.results, strict=True)
        ]

    async def create(self, peer: str, data_set: str, members: Sequence[Reference]) -> None:
        """CreateDataSet of data objects or attributes, each with its functional constraint.

        One ``LD/LN.Name`` stays until it is deleted or the device starts again; one ``@Name`` needs an
        association and ends with it. Raises ServiceErrorReceived: instance-in-use for a name that is taken;
        NoSuchObject for a logical node or a member that does not exist. Raises ValueError without members or
        functional constraints (nothing is sent then).
        """
        name = object_name(data_set)
        if not members or any(not one.ln or one.fc is None for one in members):
            raise ValueError("give at least one member, each with logical node and functional constraint")
        variables = tuple(ObjectName(one.item_id, one.ld) for one in members)
        service = DefineNamedVariableListRequest(name, variables)
        await self._exchange.confirmed(peer, service, DefineNamedVariableListResponse, data_set)

    async def delete(self, peer: str, data_set: str) -> bool:
        """DeleteDataSet; False: it is configured in the device and stays.

        Raises NoSuchObject, and ServiceErrorReceived (instance-in-use) while a control block uses it.
        """
        service = DeleteNamedVariableListRequest((object_name(data_set),))
        answer = await self._exchange.confirmed(peer, service, DeleteNamedVariableListResponse, data_set)
        if answer.matched == 0:
            raise errors.of_access(data_set, DataAccessError.OBJECT_NON_EXISTENT)
        return answer.deleted > 0

    async def _data(self, peer: str, member: Reference, value: object) -> Data:
        definition = await self._definitions(peer, member.ld, member.ln)
        described = definition.find(member.fc, member.path) if member.fc else None
        if described is None:
            raise errors.of_access(str(member), DataAccessError.OBJECT_NON_EXISTENT)
        try:
            return to_data(described, value)
        except UnusableValue as error:
            raise UnusableValue(f"{member}: {error}") from None


def object_name(data_set: str) -> ObjectName:
    """The MMS name of a data set ``LD/LN.Name`` (or ``LD/LN$Name``) or ``@Name``; raises InvalidReference."""
    if data_set.startswith("@"):
        if not _OWN.fullmatch(data_set):
            raise InvalidReference(f"{data_set[:80]!r} is no data set: write @Name or LD/LN.Name")
        return ObjectName(data_set, aa_specific=True)
    reference = Reference.parse(data_set.replace("$", ".", 1))
    if len(reference.path) != 1 or reference.fc is not None:
        raise InvalidReference(f"{data_set[:80]!r} is no data set: write LD/LN.Name or @Name")
    return ObjectName(f"{reference.ln}${reference.path[0]}", reference.ld)

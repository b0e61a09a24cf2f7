"""The abstract services of 7-2 as a client calls them, mapped to MMS as 8-2 does (clauses 9 to 12, 20).

Knows no network and no clock: a transport carries PDUs, time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from iec61850_model.client import errors
from iec61850_model.client.control import LastErrors, Operation
from iec61850_model.client.controls import Controls
from iec61850_model.client.data_sets import DataSets
from iec61850_model.client.definition import NodeDefinition
from iec61850_model.client.errors import (
    BadAnswer,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.client.exchange import Association, Exchange, Transport
from iec61850_model.client.large_nodes import definition_in_parts, too_large
from iec61850_model.client.logs import Logs
from iec61850_model.client.many import Many
from iec61850_model.client.name_lists import all_names
from iec61850_model.client.plain import Plain, to_data, to_plain
from iec61850_model.client.report_control import Reports
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    ReadRequest,
    ReadResponse,
    Structure,
    TypeDescription,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint

CONTROL_BLOCKS = frozenset({FC.BR, FC.RP, FC.LG})
"""Functional constraints under which there is no data (7-2 clause 17)."""
MAX_DEFINITIONS = 4096
"""Logical nodes whose definition is kept, the least used dropped first: 100 boxes of 40 nodes."""


class Client:
    """An IEC 61850 client for any number of peers.

    ``controls``, ``data_sets``, ``reports`` and ``logs`` are the services of 7-2 clauses 20, 13 and 17;
    ``many`` makes requests for many peers at once.
    """

    def __init__(self, transport: Transport) -> None:
        self._exchange = Exchange(transport)
        self._definitions: OrderedDict[tuple[str, str, str], NodeDefinition] = OrderedDict()
        self._last_errors = LastErrors()
        self.controls = Controls(self._exchange, self.definition, self._last_errors)
        self.data_sets = DataSets(self._exchange, self.definition)
        self.reports = Reports(self._exchange, self.definition)
        self.logs = Logs(self._exchange)
        self.many = Many(self._exchange, self._last_errors)

    # --- associations (7-2 clause 8, 8-2 clause 10) -------------------------------------------------

    async def associate(self, peer: str) -> Association:
        """Associate; later requests to the peer go inside the association. Raises AssociationRefused."""
        return await self._exchange.associate(peer)

    async def release(self, peer: str) -> None:
        """Release; raises AssociationRefused if the device still works on a request."""
        await self._exchange.release(peer)

    def abort(self, peer: str) -> None:
        """Abort: forget the association. 8-2 has no PDU for it; the device's lease runs out."""
        self._exchange.abort(peer)

    def association(self, peer: str) -> Association | None:
        """The association with a peer, if there is one."""
        return self._exchange.association(peer)

    def peer_gone(self, peer: str) -> None:
        """The peer is offline: its associations are over, and it may come back with another model."""
        self.abort(peer)
        self.reports.forget(peer)
        for key in [key for key in self._definitions if key[0] == peer]:
            del self._definitions[key]

    def receive(self, peer: str, payload: Payload) -> bool:
        """Take a message that came from a peer; False if no control waits for it.

        What is left may be a report: give it to ``reports.receive``.
        """
        return self.controls.receive(peer, payload)

    # --- directories (8-2 clauses 9 to 12) ----------------------------------------------------------

    async def server_directory(self, peer: str) -> list[str]:
        """GetServerDirectory: the logical devices."""
        return await all_names(self._exchange, peer, GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD))

    async def logical_device_directory(self, peer: str, ld: str) -> list[str]:
        """GetLogicalDeviceDirectory: the logical nodes."""
        request = GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, ld)
        return [name for name in await all_names(self._exchange, peer, request) if "$" not in name]

    async def logical_node_directory(self, peer: str, ld: str, ln: str) -> list[str]:
        """GetLogicalNodeDirectory(DATA): the data objects, in ASCII order.

        Raises NoSuchObject; every logical node has at least one.
        """
        request = GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, ld, ln)
        below = [name.split("$") for name in await all_names(self._exchange, peer, request, f"{ln}$")]
        if not below:
            raise errors.of_access(f"{ld}/{ln}", DataAccessError.OBJECT_NON_EXISTENT)
        return sorted({parts[2] for parts in below if len(parts) > 2 and parts[1] not in CONTROL_BLOCKS})

    async def data_directory(self, peer: str, reference: Reference) -> list[tuple[str, FC]]:
        """GetDataDirectory: what is directly below a data object or attribute, with functional constraints.

        Raises NoSuchObject.
        """
        definition = await self.definition(peer, reference.ld, reference.ln)
        if not definition.where(reference.path):
            raise errors.of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
        below = definition.children(reference.path)
        return [(name, fc) for name, fc in below if reference.fc in (None, fc)]

    async def data_definition(self, peer: str, reference: Reference) -> dict[FC, TypeDescription]:
        """GetDataDefinition: the types of a data object or attribute by functional constraint.

        Raises NoSuchObject.
        """
        definition = await self.definition(peer, reference.ld, reference.ln)
        found = definition.where(reference.path)
        if reference.fc is not None:
            found = {fc: described for fc, described in found.items() if fc is reference.fc}
        if not found:
            raise errors.of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
        return found

    async def definition(self, peer: str, ld: str, ln: str) -> NodeDefinition:
        """The definition of a logical node, asked for once and kept until ``peer_gone``."""
        key = (peer, ld, ln)
        if key not in self._definitions:
            self._definitions[key] = await self._asked_definition(peer, ld, ln)
            while len(self._definitions) > MAX_DEFINITIONS:
                self._definitions.popitem(last=False)
        self._definitions.move_to_end(key)
        return self._definitions[key]

    async def _asked_definition(self, peer: str, ld: str, ln: str) -> NodeDefinition:
        service = GetVariableAccessAttributesRequest(ObjectName(ln, ld))
        try:
            answer = await self._exchange.confirmed(
                peer, service, GetVariableAccessAttributesResponse, f"{ld}/{ln}"
            )
        except ServiceErrorReceived as error:
            if not too_large(error):
                raise
            return await definition_in_parts(self._exchange, peer, ld, ln)
        if not isinstance(answer.type, Structure):
            raise BadAnswer(f"{ld}/{ln} is described as {type(answer.type).__name__}, not as a structure")
        return NodeDefinition(ld, ln, answer.type)

    # --- values (8-2 clause 12) ---------------------------------------------------------------------

    async def get_data_values(
        self, peer: str, references: Sequence[Reference]
    ) -> list[Data | ServiceErrorReceived]:
        """GetDataValues of several references, each with its functional constraint, in one request.

        One result per reference: the value, or the service error as a value.
        """
        service = ReadRequest(_variables(references))
        what = ", ".join(map(str, references[:3]))
        answer = await self._exchange.confirmed(peer, service, ReadResponse, what)
        if len(answer.results) != len(references):
            raise BadAnswer(
                f"{peer} gives {len(answer.results)} values where {len(references)} were asked for"
            )
        return [
            errors.of_access(str(reference), result) if isinstance(result, DataAccessError) else result
            for reference, result in zip(references, answer.results, strict=True)
        ]

    async def get_all_data_values(self, peer: str, ld: str, ln: str, fc: FC) -> dict[str, Plain]:
        """GetAllDataValues: the data objects of a logical node under one functional constraint, by name.

        Raises NoSuchObject.
        """
        definition = await self.definition(peer, ld, ln)
        described = definition.find(fc, ())
        reference = Reference(ld, ln, (), fc)
        if described is None:
            raise errors.of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
        if fc in definition.unordered and isinstance(described, Structure):
            objects = [reference.child(name) for name, _ in described.components]
            results = await self.get_data_values(peer, objects)
            return {
                one.path[0]: to_plain(inside, _value(result), one.path[0])
                for one, (_, inside), result in zip(objects, described.components, results, strict=True)
            }
        (found,) = await self.get_data_values(peer, [reference])
        result = _value(found)
        value = to_plain(described, result)
        if not isinstance(value, dict):
            raise BadAnswer(f"{reference} is not described as a structure")
        return value

    async def set_data_values(
        self, peer: str, values: Sequence[tuple[Reference, object]]
    ) -> list[ServiceErrorReceived | None]:
        """SetDataValues of several references in one request: None where it was written, else the error.

        Raises NoSuchObject, UnusableValue (nothing is sent then).
        """
        data = []
        for reference, value in values:
            definition = await self.definition(peer, reference.ld, reference.ln)
            described = definition.find(reference.fc, reference.path) if reference.fc else None
            if described is None:
                raise errors.of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
            try:
                data.append(to_data(described, value))
            except UnusableValue as error:
                raise UnusableValue(f"{reference}: {error}") from None
        results = await self._write(peer, [reference for reference, _ in values], data)
        return [
            None if result is None else errors.of_access(str(reference), result)
            for (reference, _), result in zip(values, results, strict=True)
        ]

    # --- control (7-2 clause 20, 8-2 clause 20) -----------------------------------------------------

    async def operate(self, peer: str, reference: Reference, operation: Operation) -> None:
        """``controls.operate``, which most callers want of all controls."""
        await self.controls.operate(peer, reference, operation)

    async def _write(
        self, peer: str, references: Sequence[Reference], data: Sequence[Data]
    ) -> tuple[DataAccessError | None, ...]:
        service = WriteRequest(_variables(references), tuple(data))
        answer = await self._exchange.confirmed(
            peer, service, WriteResponse, ", ".join(map(str, references[:3]))
        )
        if len(answer.results) != len(references):
            raise BadAnswer(f"{peer} answers {len(answer.results)} writes where {len(references)} were asked")
        return answer.results


def _value(result: Data | ServiceErrorReceived) -> Data:
    if isinstance(result, ServiceErrorReceived):
        raise result
    return result


def _variables(references: Sequence[Reference]) -> VariableList:
    if not references or any(not one.ln or one.fc is None for one in references):
        raise ValueError("give at least one reference, each with logical node and functional constraint")
    return VariableList(tuple(ObjectName(one.item_id, one.ld) for one in references))

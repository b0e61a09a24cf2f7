"""Looks into a heat pump: directories for ``ls``, the tree with values for ``browse``."""

from __future__ import annotations

from iec61850_model.client import Client, NodeDefinition, Plain, to_plain
from iec61850_model.client.errors import of_access
from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint
from service_provider.reader import BATCH, Peer, reading
from service_provider.reading import Reading
from service_provider.targets import targets
from service_provider.tree import Branch, Kind, data_object

FC = FunctionalConstraint
NOT_READABLE = (FC.CO, FC.SE)
"""Left out when everything is read: CO is written only, SE holds values only while it is being edited."""


class Browser:
    """Directories and trees by reference."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def names(self, peer: Peer, reference: Reference | None) -> list[str]:
        """What is directly below: logical devices, nodes, data objects, or attributes as ``name[FC]``.

        Raises NoSuchObject.
        """
        if reference is None:
            return await self._client.server_directory(peer.address)
        if not reference.ln:
            return await self._client.logical_device_directory(peer.address, reference.ld)
        if not reference.path:
            return await self._client.logical_node_directory(peer.address, reference.ld, reference.ln)
        below = await self._client.data_directory(peer.address, reference)
        return [f"{name}[{fc}]" for name, fc in below]

    async def tree(self, peer: Peer, reference: Reference | None) -> Branch:
        """The tree from ``reference`` (None: the whole server) down to the attributes, with their values.

        Raises NoSuchObject.
        """
        if reference is None:
            devices = await self._client.server_directory(peer.address)
            children = [await self._device(peer, ld) for ld in devices]
            return Branch(peer.heatpump, Kind.SERVER, tuple(children))
        if not reference.ln:
            return await self._device(peer, reference.ld)
        if not reference.path:
            return await self._node(peer, reference.ld, reference.ln)
        definition = await self._client.definition(peer.address, reference.ld, reference.ln)
        if not definition.where(reference.path):
            raise of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
        (found,) = await self._objects(peer, definition, reference.path[0])
        for name in reference.path[1:]:
            below = [child for child in found.children if child.name == name]
            if not below:
                raise of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
            found = below[0]
        return found

    async def _device(self, peer: Peer, ld: str) -> Branch:
        nodes = await self._client.logical_device_directory(peer.address, ld)
        children = [await self._node(peer, ld, ln) for ln in nodes]
        return Branch(ld, Kind.LOGICAL_DEVICE, tuple(children))

    async def _node(self, peer: Peer, ld: str, ln: str) -> Branch:
        definition = await self._client.definition(peer.address, ld, ln)
        objects = await self._objects(peer, definition, *definition.data_objects())
        return Branch(ln, Kind.LOGICAL_NODE, tuple(objects))

    async def _objects(self, peer: Peer, definition: NodeDefinition, *names: str) -> list[Branch]:
        here = Reference(definition.ld, definition.ln)
        wanted = [
            here.child(name).with_fc(fc)
            for name in names
            for fc in definition.where((name,))
            if fc not in NOT_READABLE
        ]
        values: dict[Reference, Plain] = {}
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            for one, result in zip(
                batch, await self._client.get_data_values(peer.address, batch), strict=True
            ):
                described = definition.find(one.fc, one.path) if one.fc else None
                if isinstance(result, Data) and described is not None:
                    values[one] = to_plain(described, result, one.path[-1])
        objects = [here.child(name) for name in names]
        readings: dict[Reference, Reading] = {}
        for one in objects:
            readings.update(_readings(peer, definition, values, one))
        return [data_object(definition, one, values, readings) for one in objects]


def _readings(
    peer: Peer, definition: NodeDefinition, values: dict[Reference, Plain], reference: Reference
) -> dict[Reference, Reading]:
    """Readings of a data object and of those inside it, by reference without functional constraint."""
    found: dict[Reference, Reading] = {}
    for fc in (FC.MX, FC.ST, FC.SP, FC.SG):
        for target in targets(definition, reference.with_fc(fc)):
            whole = _at(values, target.holder)
            if whole is None or not target.path:
                continue
            units = None if target.units is None else _at(values, target.units)
            weight: Plain | None = 1 if target.pulses is None else _at(values, target.pulses)
            if weight is None:
                continue
            found.setdefault(
                Reference(reference.ld, reference.ln, target.shown.path),
                reading(peer.heatpump, target, whole, units, weight),
            )
    return found


def _at(values: dict[Reference, Plain], reference: Reference) -> Plain | None:
    top = Reference(reference.ld, reference.ln, reference.path[:1], reference.fc)
    found = values.get(top)
    for name in reference.path[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found

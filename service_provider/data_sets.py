"""Data sets of heat pumps: several values under one name, configured in the device or made by a client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from iec61850_model.client import (
    BadAnswer,
    Client,
    ClientError,
    DataSetDirectory,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.client.reports import ReportedMember
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import NO_TRIGGER
from service_provider.reader import Peer, Reader, resolved
from service_provider.reading import Reading
from service_provider.reports import Shaper
from service_provider.text import meant


class ConfiguredDataSet(ClientError):
    """The data set belongs to the device's configuration: nobody can delete it."""


@dataclass(frozen=True, slots=True)
class DataSetReading:
    """The values of a data set, of one moment.

    ``readings``: in the order of the members; value, quality and time of one data object are one reading,
    also where they are members of their own. ``failed``: the members that could not be read, and why.
    """

    heatpump: str
    name: str
    readings: tuple[Reading, ...]
    failed: tuple[tuple[Reference, ServiceErrorReceived], ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: heatpump, dataset, values, and failed with reference, error and detail."""
        values = [one.as_dict() for one in self.readings]
        for value in values:
            del value["heatpump"]
        return {
            "heatpump": self.heatpump,
            "dataset": self.name,
            "values": values,
            "failed": [
                {"reference": str(member), "error": str(error.service_error), "detail": error.detail}
                for member, error in self.failed
            ],
        }


class DataSets:
    """The data sets of heat pumps (7-2 clause 13).

    One is named ``LD/LN.Name``; or ``@Name``: that one belongs to your association, nobody else sees it, and
    it ends with it. Everything raises InvalidReference for a name of another form, NoSuchObject, and what any
    request raises.
    """

    def __init__(self, client: Client, reader: Reader, peer: Callable[[str], Peer]) -> None:
        self._client = client
        self._reader = reader
        self._peer = peer

    async def names(self, heatpump: str, ld: str = "") -> list[str]:
        """The data sets of a logical device, or of all of them and of the association."""
        address = self._peer(heatpump).address
        names: list[str] = []
        for device in [ld] if ld else await self._client.server_directory(address):
            names += await self._client.data_sets.names(address, device)
        if not ld and self._client.association(address) is not None:
            names += await self._client.data_sets.own_names(address)
        return names

    async def directory(self, heatpump: str, name: str) -> DataSetDirectory:
        """The members in order, and whether the data set can be deleted (GetDataSetDirectory)."""
        return await self._client.data_sets.directory(self._peer(heatpump).address, name)

    async def read(self, heatpump: str, name: str) -> DataSetReading:
        """All values in one request (GetDataSetValues); a member that cannot be read does not stop the
        others."""
        peer = self._peer(heatpump)
        members = (await self.directory(heatpump, name)).members
        results = await self._client.data_sets.values(peer.address, name)
        if len(results) != len(members):
            raise BadAnswer(f"{heatpump} gives {len(results)} values of the {len(members)} of {name}")
        good = [(member, one) for member, one in zip(members, results, strict=True) if isinstance(one, Data)]
        shaper = await Shaper.of(self._client, self._reader, peer, [member for member, _ in good], NO_TRIGGER)
        reported = [ReportedMember(at, None, value, None) for at, (_, value) in enumerate(good)]
        return DataSetReading(
            peer.heatpump,
            name.replace("$", "."),
            tuple(entry.reading for entry in shaper.values(reported, None)),
            tuple(
                (member, one)
                for member, one in zip(members, results, strict=True)
                if isinstance(one, ServiceErrorReceived)
            ),
        )

    async def write(
        self, heatpump: str, name: str, values: Sequence[object]
    ) -> list[tuple[Reference, ServiceErrorReceived | None]]:
        """Set one value for each member, in order (SetDataSetValues); a text is read as people write values.

        Gives each member with None where it was written, else with the error. Raises UnusableValue (nothing
        is sent then).
        """
        peer = self._peer(heatpump)
        members = (await self.directory(heatpump, name)).members
        if len(values) != len(members):
            raise UnusableValue(f"{name} has {len(members)} members: {len(values)} values do not fit")
        wanted = []
        for member, value in zip(members, values, strict=True):
            definition = await self._client.definition(peer.address, member.ld, member.ln)
            described = definition.find(member.fc, member.path) if member.fc else None
            wanted.append(meant(value, described, member))
        results = await self._client.data_sets.set_values(peer.address, name, wanted)
        self._reader.forget(peer.heatpump)
        return list(zip(members, results, strict=True))

    async def create(self, heatpump: str, name: str, members: Sequence[str]) -> None:
        """Make a data set of data objects and attributes (CreateDataSet).

        ``LD/LN.Name`` stays until it is deleted or the device starts again; for ``@Name`` ``associate``
        before. Raises ServiceErrorReceived (instance-in-use) for a name that is taken.
        """
        peer = self._peer(heatpump)
        if name.startswith("@") and self._client.association(peer.address) is None:
            raise UnusableValue(f"{name} belongs to an association: associate with {heatpump} first")
        references = await member_references(self._client, peer, members)
        await self._client.data_sets.create(peer.address, name, references)

    async def delete(self, heatpump: str, name: str) -> None:
        """Delete a data set that a client made (DeleteDataSet).

        Raises ConfiguredDataSet, and ServiceErrorReceived (instance-in-use) while a control block uses it.
        """
        if not await self._client.data_sets.delete(self._peer(heatpump).address, name):
            raise ConfiguredDataSet(f"{name} belongs to the configuration of {heatpump}: it stays")


async def member_references(client: Client, peer: Peer, members: Sequence[str]) -> list[Reference]:
    """Members as people write them, each with its functional constraint.

    Raises InvalidReference, NoSuchObject, AmbiguousReference, UnusableValue if there are none.
    """
    if not members:
        raise UnusableValue("a data set has at least one member: name data objects, e.g. MET/MMXU1.TotW")
    found: list[Reference] = []
    for text in members:
        reference = Reference.parse(text)
        if not reference.path:
            raise InvalidReference(f"{text[:80]}: name data objects or attributes, e.g. MET/MMXU1.TotW")
        definition = await client.definition(peer.address, reference.ld, reference.ln)
        found += resolved(definition, reference)
    return found

"""Report control blocks as a client uses them, and what comes of it (7-2 clause 17.2; 8-2, 17.1 and 17.2).

Knows no network and no clock: time is passed in.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Unpack, cast

from iec61850_model.client import errors
from iec61850_model.client.definition import NodeDefinition
from iec61850_model.client.errors import BadAnswer, UnusableValue
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.plain import to_data
from iec61850_model.client.rcb import SETTABLE, RcbSettings, RcbValues, on_the_wire, rcb_values
from iec61850_model.client.reports import Report, Segments, decode_report, is_report
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    ObjectName,
    Payload,
    ReadRequest,
    ReadResponse,
    Structure,
    Unconfirmed,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import FunctionalConstraint

log = logging.getLogger(__name__)

FC = FunctionalConstraint
Definitions = Callable[[str, str, str], Awaitable[NodeDefinition]]
"""Gives the definition of a logical node: (peer, ld, ln), as ``Client.definition`` does."""
MAX_DIRECTORIES = 4096
"""Data sets whose members are kept, the least used dropped first: 1,000 boxes of four."""


class Reports:
    """The report control blocks of any number of peers, and their reports.

    Whoever is in ``on_report`` is given (peer, report), segments already put together. Whoever is in
    ``on_broken`` is given (peer, why) when a report came that cannot be used: it is missing then.
    """

    def __init__(self, exchange: Exchange, definitions: Definitions) -> None:
        self.on_report: list[Callable[[str, Report], None]] = []
        self.on_broken: list[Callable[[str, str], None]] = []
        self._exchange = exchange
        self._definitions = definitions
        self._segments = Segments()
        self._directories: OrderedDict[tuple[str, str, int], tuple[Reference, ...]] = OrderedDict()

    # --- control blocks -----------------------------------------------------------------------------

    async def values(self, peer: str, reference: Reference) -> RcbValues:
        """GetBRCBValues, GetURCBValues; raises NoSuchObject."""
        (found,) = await self.all_values(peer, [reference])
        return found

    async def all_values(self, peer: str, references: list[Reference]) -> list[RcbValues]:
        """The same of several blocks, in one request; raises NoSuchObject if one of them is not there."""
        blocks = [await self._block(peer, one) for one in references]
        if not blocks:
            return []
        variables = VariableList(tuple(ObjectName(one.item_id, one.ld) for one, _ in blocks))
        what = ", ".join(str(one) for one, _ in blocks[:3])
        answer = await self._exchange.confirmed(peer, ReadRequest(variables), ReadResponse, what)
        if len(answer.results) != len(blocks):
            raise BadAnswer(f"{peer} gives {len(answer.results)} values where {len(blocks)} were asked for")
        found = []
        for (block, described), result in zip(blocks, answer.results, strict=True):
            if not isinstance(result, Data):
                raise errors.of_access(str(block), result)
            found.append(rcb_values(block, described, result))
        return found

    async def set(self, peer: str, reference: Reference, **settings: Unpack[RcbSettings]) -> None:
        """SetBRCBValues, SetURCBValues: all in one request, in the order a server accepts.

        Raises ServiceErrorReceived for the first one refused (others may have been set), NoSuchObject,
        UnusableValue (nothing is sent then).
        """
        block, described = await self._block(peer, reference)
        values: dict[str, Any] = dict(settings)
        variables, data = [], []
        for name, attribute in SETTABLE.items():
            if name not in values:
                continue
            inside = dict(described.components).get(attribute)
            if inside is None:
                raise UnusableValue(f"{block} has no {attribute}")
            target = block.child(attribute)
            try:
                data.append(to_data(inside, on_the_wire(values[name])))
            except UnusableValue as error:
                raise UnusableValue(f"{target}: {error}") from None
            variables.append(target)
        await self._write(peer, variables, data)

    async def enable(self, peer: str, reference: Reference, **settings: Unpack[RcbSettings]) -> None:
        """Set what is given, then RptEna, then GI if ``gi`` is given too, each once the one before is done.

        So nothing is enabled that was not set up as asked. Raises as ``set``.
        """
        before = {name: value for name, value in settings.items() if name not in ("rpt_ena", "gi")}
        if before:
            await self.set(peer, reference, **cast("RcbSettings", before))
        await self.set(peer, reference, rpt_ena=True)
        if settings.get("gi"):
            await self.general_interrogation(peer, reference)

    async def disable(self, peer: str, reference: Reference) -> None:
        """RptEna=FALSE; a BRCB goes on buffering."""
        await self.set(peer, reference, rpt_ena=False)

    async def general_interrogation(self, peer: str, reference: Reference) -> None:
        """GI: a report of all members. The block is to be enabled, with the trigger GI."""
        await self.set(peer, reference, gi=True)

    async def resync(self, peer: str, reference: Reference, entry_id: bytes) -> None:
        """Have a BRCB send again all that is buffered after ``entry_id``; eight zero octets: all there is."""
        await self.disable(peer, reference)
        await self.enable(peer, reference, entry_id=entry_id)

    async def _block(self, peer: str, reference: Reference) -> tuple[Reference, Structure]:
        """The reference with its functional constraint, and the type of the block."""
        definition = await self._definitions(peer, reference.ld, reference.ln)
        there = definition.where(reference.path) if len(reference.path) == 1 else {}
        for fc in (FC.BR, FC.RP):
            described = there.get(fc)
            if isinstance(described, Structure) and reference.fc in (None, fc):
                return reference.with_fc(fc), described
        raise errors.of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)

    async def _write(self, peer: str, references: list[Reference], data: list[Data]) -> None:
        if not references:
            return
        variables = VariableList(tuple(ObjectName(one.item_id, one.ld) for one in references))
        request = WriteRequest(variables, tuple(data))
        what = ", ".join(map(str, references[:3]))
        answer = await self._exchange.confirmed(peer, request, WriteResponse, what)
        if len(answer.results) != len(references):
            raise BadAnswer(f"{peer} answers {len(answer.results)} writes where {len(references)} were asked")
        for reference, result in zip(references, answer.results, strict=True):
            if result is not None:
                raise errors.of_access(str(reference), result)

    # --- members ------------------------------------------------------------------------------------

    async def members(self, peer: str, dat_set: str, conf_rev: int) -> tuple[Reference, ...]:
        """The members of a data set by their index, with functional constraint.

        ``dat_set`` as DatSet has it: ``LD/LN$Name`` or ``@Name``. Asked for once per ConfRev and kept until
        ``forget``. Raises NoSuchObject, BadAnswer.
        """
        key = (peer, dat_set, conf_rev)
        if key not in self._directories:
            service = GetNamedVariableListAttributesRequest(data_set_name(dat_set))
            answer = await self._exchange.confirmed(
                peer, service, GetNamedVariableListAttributesResponse, dat_set
            )
            try:
                found = tuple(Reference.from_mms(one.domain or "", one.item) for one in answer.variables)
            except InvalidReference as error:
                raise BadAnswer(f"a member of {dat_set}: {error}") from None
            self._directories[key] = found
            while len(self._directories) > MAX_DIRECTORIES:
                self._directories.popitem(last=False)
        self._directories.move_to_end(key)
        return self._directories[key]

    # --- reports ------------------------------------------------------------------------------------

    def receive(self, peer: str, payload: Payload, now: float) -> bool:
        """Take a message; False if it is no report. A report outside our association is dropped.

        ``now``: seconds of any clock that only goes forward.
        """
        if not is_report(payload):
            return False
        association = self._exchange.association(peer)
        if association is None or payload.association != association.id:
            log.info("a report of %s was dropped: it is for no association of ours", peer)
            return True
        assert isinstance(payload.pdu, Unconfirmed)
        try:
            report = self._segments.add(peer, decode_report(payload.pdu.service), now)
        except BadAnswer as broken:
            log.warning("a report of %s was dropped: %s", peer, broken)
            for tell in self.on_broken:
                tell(peer, str(broken))
            return True
        if report is not None:
            for listener in self.on_report:
                listener(peer, report)
        return True

    def forget(self, peer: str) -> None:
        """The association with the peer is over; it may come back with other data sets."""
        self._segments.forget(peer)
        for key in [key for key in self._directories if key[0] == peer]:
            del self._directories[key]


def data_set_name(dat_set: str) -> ObjectName:
    """The name of a data set from ``LD/LN$Name``, ``@Name`` (of the association) or ``/Name`` (of the
    server); 8-2, 14."""
    if dat_set.startswith("@"):
        return ObjectName(dat_set, aa_specific=True)
    domain, _, item = dat_set.partition("/")
    return ObjectName(item, domain or None)

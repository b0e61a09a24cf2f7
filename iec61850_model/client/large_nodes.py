"""The definition of a logical node that is too large for one PDU: asked for in parts and put together.

A schedule of 100 set points takes 86 kB to describe. What is alike is asked for once: data objects that
differ by their number alone and have parts of the same names, such as ValASG001 to ValASG100.
"""

from __future__ import annotations

from collections.abc import Sequence

from iec61850_model.client.definition import NodeDefinition
from iec61850_model.client.errors import BadAnswer, ServiceErrorReceived
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.name_lists import all_names
from iec61850_model.mms.pdu import (
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Structure,
    TypeDescription,
)
from iec61850_model.values import FunctionalConstraint, ServiceError

FC = FunctionalConstraint

MAX_PARTS = 500
"""Requests for one logical node: several times what the largest one of the standard needs."""


def too_large(error: ServiceErrorReceived) -> bool:
    """The answer would be larger than the PDU that was agreed on."""
    return error.service_error is ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT


async def definition_in_parts(exchange: Exchange, peer: str, ld: str, ln: str) -> NodeDefinition:
    """The definition of a node by functional constraint, and where that is too large by data object.

    Raises BadAnswer for a node with more kinds of data objects than are asked for.
    """
    request = GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, ld, ln)
    names = [name.split("$") for name in await all_names(exchange, peer, request, f"{ln}$")]
    parts = _Parts(exchange, peer, ld, ln)
    components: list[tuple[str, TypeDescription]] = []
    unordered: set[FC] = set()
    for fc in dict.fromkeys(name[1] for name in names if len(name) > 1):
        try:
            described = await parts.ask(fc)
        except ServiceErrorReceived as error:
            if not too_large(error) or fc not in FC.__members__:
                raise
            described = await parts.one_by_one(fc, [name[2:] for name in names if name[1] == fc])
            unordered.add(FC(fc))
        components.append((fc, described))
    return NodeDefinition(ld, ln, Structure(tuple(components)), frozenset(unordered))


class _Parts:
    """The requests for the parts of one logical node."""

    def __init__(self, exchange: Exchange, peer: str, ld: str, ln: str) -> None:
        self._exchange = exchange
        self._peer = peer
        self._ld, self._ln = ld, ln
        self._asked = 0

    async def ask(self, *below: str) -> TypeDescription:
        """The type of LN$FC$DO.."""
        self._asked += 1
        if self._asked > MAX_PARTS:
            raise BadAnswer(f"{self._ld}/{self._ln} has more than {MAX_PARTS} kinds of data objects")
        item = "$".join((self._ln, *below))
        service = GetVariableAccessAttributesRequest(ObjectName(item, self._ld))
        what = f"{self._ld}/{item}"
        answer = await self._exchange.confirmed(
            self._peer, service, GetVariableAccessAttributesResponse, what
        )
        return answer.type

    async def one_by_one(self, fc: str, below: Sequence[list[str]]) -> Structure:
        """The data objects under a functional constraint; one of each kind is asked for."""
        inside: dict[str, list[str]] = {}
        for name, *rest in (path for path in below if path):
            inside.setdefault(name, []).append("$".join(rest))
        kinds: dict[tuple[str, tuple[str, ...]], TypeDescription] = {}
        components: list[tuple[str, TypeDescription]] = []
        for name, names in inside.items():
            kind = (name.rstrip("0123456789"), tuple(names))
            if kind not in kinds:
                kinds[kind] = await self.ask(fc, name)
            components.append((name, kinds[kind]))
        return Structure(tuple(components))

"""One request for many peers: made once, the answer of each judged by itself (GetDataValues, SetDataValues,
Operate). How it gets to them is the transport's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from iec61850_model.client import errors
from iec61850_model.client.control import LastErrors, Operation, oper_data
from iec61850_model.client.errors import BadAnswer, ServiceErrorReceived, UnusableValue
from iec61850_model.client.exchange import Exchange, response_in
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    ObjectName,
    Payload,
    Pdu,
    ReadRequest,
    ReadResponse,
    RequestService,
    TypeDescription,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint

R = TypeVar("R", covariant=True)  # noqa: PLC0105 - as the code base names them
FC = FunctionalConstraint


@dataclass(frozen=True, slots=True)
class ForMany(Generic[R]):
    """A request, and what the answer of a peer to it says: ``result(peer, answer)``; raises ClientError."""

    payload: Payload
    result: Callable[[str, Pdu], R]


class Many:
    """Makes requests that belong to no association."""

    def __init__(self, exchange: Exchange, last_errors: LastErrors) -> None:
        self._exchange = exchange
        self._last_errors = last_errors

    def read(self, references: Sequence[Reference]) -> ForMany[list[Data | ServiceErrorReceived]]:
        """GetDataValues: of each peer one result per reference, the value or the service error as a value."""
        request = self._exchange.numbered(ReadRequest(_variables(references)))
        what = ", ".join(map(str, references[:3]))

        def result(peer: str, answer: Pdu) -> list[Data | ServiceErrorReceived]:
            results = response_in(answer, request, ReadResponse, what).results
            if len(results) != len(references):
                raise BadAnswer(f"{peer} gives {len(results)} values where {len(references)} were asked for")
            return [
                errors.of_access(str(reference), one) if isinstance(one, DataAccessError) else one
                for reference, one in zip(references, results, strict=True)
            ]

        return ForMany(Payload(request), result)

    def write(self, reference: Reference, data: Data) -> ForMany[None]:
        """SetDataValues of one reference; a result is raised where the peer refuses."""
        written = self._write(reference, data)

        def result(peer: str, answer: Pdu) -> None:
            error = written.result(peer, answer)
            if error is not None:
                raise errors.of_access(str(reference), error)

        return ForMany(written.payload, result)

    @contextmanager
    def operate(
        self,
        peers: Collection[str],
        reference: Reference,
        described: TypeDescription | None,
        operation: Operation,
    ) -> Iterator[ForMany[None]]:
        """Operate, directly or at a time, of a control object that ``described`` says the Oper of.

        Within the block LastApplError of the ``peers`` is listened to, and a refusal raises ControlRefused
        with its AddCause. Raises UnusableValue.
        """
        control = Reference(reference.ld, reference.ln, reference.path, FC.CO)
        try:
            data = oper_data(described, operation)
        except UnusableValue as error:
            raise UnusableValue(f"{reference.without_fc}: {error}") from None
        written = self._write(control.child("Oper"), data)
        name = f"{control.ld}/{control.item_id}"
        keys = {peer: self._last_errors.expect(peer, name, operation.ctl_num) for peer in peers}

        def result(peer: str, answer: Pdu) -> None:
            error, cause = written.result(peer, answer), self._last_errors.take(keys.get(peer))
            if error is not None:
                raise errors.of_control(reference.without_fc, error, cause)

        try:
            yield ForMany(written.payload, result)
        finally:
            for key in keys.values():
                self._last_errors.take(key)

    def _write(self, reference: Reference, data: Data) -> ForMany[DataAccessError | None]:
        service: RequestService = WriteRequest(_variables([reference]), (data,))
        request = self._exchange.numbered(service)

        def result(peer: str, answer: Pdu) -> DataAccessError | None:
            results = response_in(answer, request, WriteResponse, str(reference)).results
            if len(results) != 1:
                raise BadAnswer(f"{peer} answers {len(results)} writes where 1 was asked")
            return results[0]

        return ForMany(Payload(request), result)


def _variables(references: Sequence[Reference]) -> VariableList:
    return VariableList(tuple(ObjectName(one.item_id, one.ld) for one in references))

"""Select, SelectWithValue, Operate, TimeActivatedOperate and Cancel of a client (7-2 and 8-2 clause 20)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from iec61850_model.client import errors
from iec61850_model.client.control import LastErrors, Operation, oper_data
from iec61850_model.client.definition import NodeDefinition, part
from iec61850_model.client.errors import BadAnswer, ControlRefused, UnusableValue
from iec61850_model.client.exchange import Exchange
from iec61850_model.client.terminations import Termination, Terminations
from iec61850_model.mms.pdu import (
    Data,
    DataAccessError,
    ObjectName,
    Payload,
    ReadRequest,
    ReadResponse,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause, FunctionalConstraint, ServiceError

FC = FunctionalConstraint


class Controls:
    """The control services. A device keeps a selection for as long as the association it was made in."""

    def __init__(
        self,
        exchange: Exchange,
        definition: Callable[[str, str, str], Awaitable[NodeDefinition]],
        last_errors: LastErrors,
    ) -> None:
        self._exchange = exchange
        self._definition = definition
        self._last_errors = last_errors
        self._terminations = Terminations()

    async def select(self, peer: str, reference: Reference) -> None:
        """Select an object of sbo-with-normal-security; it is ours until its sboTimeout (CF).

        Raises ControlRefused (Select-failed) where the device does not give it to us, NoSuchObject.
        """
        control = await self._control(peer, reference)
        name = ObjectName(control.child("SBO").item_id, control.ld)
        what = reference.without_fc
        answer = await self._exchange.confirmed(peer, ReadRequest(VariableList((name,))), ReadResponse, what)
        match answer.results:
            case (DataAccessError() as failure,):
                raise errors.of_access(what, failure)
            case (Data("visible-string", str(own)),):
                if not own:
                    state = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
                    raise ControlRefused(what, state, "not selected", AddCause.SELECT_FAILED)
            case _:
                raise BadAnswer(f"{what} answers a select with something that is no reference")

    async def select_with_value(self, peer: str, reference: Reference, operation: Operation) -> None:
        """Select an object of sbo-with-enhanced-security for this very operation.

        Raises ControlRefused with the AddCause, NoSuchObject, UnusableValue (nothing is sent then).
        """
        await self._write(peer, reference, operation, "SBOw")

    async def operate(self, peer: str, reference: Reference, operation: Operation) -> None:
        """Operate, or TimeActivatedOperate; returns when the device accepted it.

        With enhanced security a CommandTermination tells how it ended: ``listen`` before. Raises
        ControlRefused with the AddCause, NoSuchObject, UnusableValue (nothing is sent then).
        """
        await self._write(peer, reference, operation, "Oper")

    async def cancel(self, peer: str, reference: Reference, operation: Operation) -> None:
        """Cancel what of ours is selected, or waits for its operTm. Raises as ``operate`` does."""
        await self._write(peer, reference, operation, "Cancel")

    def listen(
        self, peer: str, reference: Reference, ctl_num: int, listener: Callable[[Termination], None]
    ) -> Callable[[], None]:
        """Tell ``listener`` how a command ends; call the result to stop.

        A time-activated one of enhanced security has two: that it begins, and how it ended.
        """
        return self._terminations.listen(peer, _name(reference), ctl_num, listener)

    def receive(self, peer: str, payload: Payload) -> bool:
        """Take a message that came from a peer; False if it is not about a control."""
        return self._last_errors.receive(peer, payload) or self._terminations.receive(peer, payload)

    async def _write(self, peer: str, reference: Reference, operation: Operation, service: str) -> None:
        control = await self._control(peer, reference)
        definition = await self._definition(peer, reference.ld, reference.ln)
        described = part(definition.find(FC.CO, reference.path), (service,))
        what = reference.without_fc
        try:
            data = oper_data(described, operation, service)
        except UnusableValue as error:
            raise UnusableValue(f"{what}: {error}") from None
        variables = VariableList((ObjectName(control.child(service).item_id, control.ld),))
        key = self._last_errors.expect(peer, _name(reference), operation.ctl_num)
        try:
            answer = await self._exchange.confirmed(
                peer, WriteRequest(variables, (data,)), WriteResponse, what
            )
        finally:
            cause = self._last_errors.take(key)
        if len(answer.results) != 1:
            raise BadAnswer(f"{peer} answers {len(answer.results)} writes where 1 was asked")
        (result,) = answer.results
        if result is not None:
            raise errors.of_control(what, result, cause)

    async def _control(self, peer: str, reference: Reference) -> Reference:
        """The reference under CO; raises NoSuchObject if the device has no object of this name."""
        definition = await self._definition(peer, reference.ld, reference.ln)
        if not definition.where(reference.path):
            raise errors.of_access(str(reference), DataAccessError.OBJECT_NON_EXISTENT)
        return Reference(reference.ld, reference.ln, reference.path, FC.CO)


def _name(reference: Reference) -> str:
    """``LD/LN$CO$DO``, as LastApplError names it."""
    control = reference.with_fc(FC.CO)
    return f"{control.ld}/{control.item_id}"

"""A box whose objects have different control models, and what it does in words."""

from __future__ import annotations

from box_server import SP, Box, named, structure
from control_models import MODEL

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    ObjectName,
    ReadRequest,
    ReadResponse,
    Unconfirmed,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Effect, Reply, Send, Switch
from iec61850_model.values import AddCause, OrCat, Timestamp

ON, OFF = Data("boolean", True), Data("boolean", False)


class ControlBox(Box):
    """A box with an object of each control model, and an association of SP with it."""

    def __init__(self, model: bytes = MODEL) -> None:
        super().__init__(tree=read_scl(model))
        self.association = self.associate()

    def select(self, target: str, *, peer: str = SP, association: str | None = "") -> list[Effect]:
        """Read ``SBO``."""
        reference = Reference.parse(f"{target}.SBO[CO]")
        request = ReadRequest(VariableList((ObjectName(reference.item_id, reference.ld),)))
        return self.hear(ConfirmedRequest(7, request), peer=peer, association=self._of(association))

    def write_to(
        self, target: str, service: str, data: Data, *, peer: str = SP, association: str | None = ""
    ) -> list[Effect]:
        """Write ``Oper``, ``SBOw`` or ``Cancel``; in SP's association if not said otherwise."""
        request = WriteRequest(named(f"{target}.{service}[CO]"), (data,))
        return self.hear(ConfirmedRequest(7, request), peer=peer, association=self._of(association))

    def operates(self, target: str, data: Data, *, peer: str = SP, association: str | None = "") -> list[str]:
        return said(self.write_to(target, "Oper", data, peer=peer, association=association))

    def selects_with(
        self, target: str, data: Data, *, peer: str = SP, association: str | None = ""
    ) -> list[str]:
        return said(self.write_to(target, "SBOw", data, peer=peer, association=association))

    def cancels(self, target: str, data: Data, *, peer: str = SP, association: str | None = "") -> list[str]:
        """Write ``Cancel``, which has no Check."""
        assert isinstance(data.value, tuple)
        return said(
            self.write_to(target, "Cancel", structure(*data.value[:-1]), peer=peer, association=association)
        )

    def process(self, cause: AddCause | None = None, key: int | None = None) -> list[str]:
        """The process takes (or refuses) what it was asked last."""
        return said(self.server.switched(key or self.last_key, cause, self.moment))

    @property
    def last_key(self) -> int:
        return self.server.controls._next_key

    def later(self, seconds: float) -> list[str]:
        return said(self.wait(seconds))

    def value(self, target: str, attribute: str = "stVal") -> object:
        reference = Reference.parse(target)
        for fc in ("ST", "MX", "CF"):
            leaf = self.tree.find(Reference.parse(f"{reference.without_fc}.{attribute}[{fc}]"))
            if leaf is not None:
                return leaf.value  # type: ignore[union-attr]  # an attribute
        raise AssertionError(f"{target} has no {attribute}")

    def set(self, attribute: str, value: object) -> None:
        """Change an attribute ``LD/LN.DO.DA[FC]`` behind everybody's back."""
        leaf = self.tree.find(Reference.parse(attribute))
        leaf.value = leaf.type.checked(value)  # type: ignore[union-attr]  # an attribute

    def _of(self, association: str | None) -> str | None:
        return self.association if association == "" else association

    def command(
        self,
        value: Data = ON,
        *,
        number: int = 1,
        time: float | None = None,
        after: float = 0.0,
        test: bool = False,
        category: int = OrCat.REMOTE_CONTROL,
    ) -> Data:
        """A control structure; ``after``: seconds from now to operTm, 0 is at once."""
        at = self.moment.now + after if after else 0.0
        return self.oper(value, number=number, time=time, at=at, test=test, category=category)


def said(effects: list[Effect]) -> list[str]:
    """What a server does, in words and in order."""
    return [_word(effect) for effect in effects]


def _word(effect: Effect) -> str:
    match effect:
        case Switch(_, reference, value):
            return f"switch {reference.path[-1]} {value}"
        case Reply(_, _, payload):
            answer = payload.pdu
            assert isinstance(answer, ConfirmedResponse)
            service = answer.service
            assert isinstance(service, WriteResponse | ReadResponse)
            return ", ".join(_result(one) for one in service.results)
        case Send(_, payload):
            assert isinstance(payload.pdu, Unconfirmed)
            report = payload.pdu.service
            assert isinstance(report.variables, VariableList)
            names = [name.item for name in report.variables.names]
            values = [one for one in report.results if isinstance(one, Data)]
            assert len(names) == len(values)
            error = values.pop(0) if names[0] == "LastApplError" else None
            cause = "" if error is None else f" {AddCause(_parts(error)[-1].value).text}"  # type: ignore[arg-type]  # an integer
            if not values:
                return f"LastApplError{cause}"
            timed = any(
                isinstance(part.value, Timestamp) and not part.value.is_zero
                for part in _parts(values[0])[1:2]
            )
            kind = "TimeActivatedOperateTermination" if timed else "CommandTermination"
            return f"{kind}-{cause}" if error else f"{kind}+"
    raise AssertionError(f"unexpected {effect}")


def _result(result: object) -> str:
    if isinstance(result, DataAccessError):
        return result.text
    if isinstance(result, Data):
        return f"'{result.value}'"
    return "done"


def _parts(data: Data) -> tuple[Data, ...]:
    assert isinstance(data.value, tuple)
    return data.value  # type: ignore[return-value]  # a structure

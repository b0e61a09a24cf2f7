"""Commands that go to a box: read a value, switch a relay."""

from __future__ import annotations

import secrets

from hub.operations.commands.asking import HEAT_PUMP, heat_pump_field
from hub.operations.commands.command import Done, Wrong
from hub.operations.commands.forms import Field, Form, Kind, Table, Values
from hub.operations.commands.judged import JudgedWay, NotPermitted
from hub.operations.commands.measuring import measure
from hub.operations.commands.office import Office
from hub.operations.commands.wire import Note
from hub.registry.operators import Caller
from iec61850_model.client import AmbiguousReference, Client, ClientError, NoSuchObject, Operation
from iec61850_model.client.control import MAX_CTL_NUM
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import OrCat

OR_IDENT = b"hub"
"""orIdent of what is commanded here: others may read it, so it names nobody."""
_ON, _OFF = "on", "off"


async def ask_read(office: Office, caller: Caller, _: Values) -> Form:
    """What, of which?"""
    return Form(
        "Read a value",
        (
            await heat_pump_field(office, caller),
            Field("reference", "Reference", required=True, values=("MET/MMXU1.TotW",), hint="LD/LN.DO"),
        ),
    )


async def do_read(office: Office, caller: Caller, values: Values) -> Done:
    """A value, its quality and its time."""
    way, reference = await _way(office, caller, values)
    try:
        got = await measure(Client(way), office.addresses.heat_pump(way.heat_pump), reference)
    except (InvalidReference, AmbiguousReference, NoSuchObject) as wrong:
        raise Wrong(str(wrong)) from None
    except ClientError as failed:
        return _failed(failed, way)
    row = (way.heat_pump, str(got.reference), got.value, got.quality, got.time)
    columns = (
        ("heatpump", "Heat pump"), ("reference", "Reference"), ("value", "Value"), ("quality", "Quality"),
        ("time", "Time"),
    )  # fmt: skip
    return Done("  ".join(filter(None, row)), Table("Value", columns, (row,)))


async def ask_switch(office: Office, caller: Caller, _: Values) -> Form:
    """Which relay, on or off?"""
    return Form(
        "Switch a relay",
        (
            await heat_pump_field(office, caller),
            Field("reference", "Relay", required=True, values=("HP/EvuGGIO1.SPCSO1",), hint="LD/LN.DO"),
            Field("value", "Switch", Kind.ONE_OF, True, options=((_ON, _ON), (_OFF, _OFF))),
        ),
        "The box keeps its limits whoever asks; a relay does not stay on longer than its longest time.",
    )


async def do_switch(office: Office, caller: Caller, values: Values) -> Done:
    """Operate at once, as somebody remote: station and bay are at the heat pump (7-4 Annex B)."""
    way, reference = await _way(office, caller, values)
    wanted = values.one("value")
    if wanted not in (_ON, _OFF):
        raise Wrong(f"a relay is switched {_ON} or {_OFF}")
    operation = Operation(
        wanted == _ON, office.clock(), secrets.randbelow(MAX_CTL_NUM + 1), or_cat=OrCat.REMOTE_CONTROL,
        or_ident=OR_IDENT,
    )  # fmt: skip
    client = Client(way)
    try:
        with office.listening(way.provider, client):
            await client.operate(office.addresses.heat_pump(way.heat_pump), reference, operation)
    except NoSuchObject as wrong:
        raise Wrong(str(wrong)) from None
    except ClientError as failed:
        return _failed(failed, way)
    return Done(f"{way.heat_pump} {reference} is {wanted}.")


async def _way(office: Office, caller: Caller, values: Values) -> tuple[JudgedWay, Reference]:
    """To a heat pump he may know of; whether it is there is looked at before what is asked of it."""
    way = JudgedWay(office, caller, values.one(HEAT_PUMP))
    await way.require_seen()
    try:
        return way, Reference.parse(values.one("reference"))
    except InvalidReference as wrong:
        raise Wrong(str(wrong)) from None


def _failed(failed: ClientError, way: JudgedWay) -> Done:
    if isinstance(failed, NotPermitted):
        return Done(f"Not allowed on {way.heat_pump}: {failed}.", kind=Note.ERROR)
    return Done(f"{way.heat_pump}: {failed}.", kind=Note.ERROR)

"""Boxes that are shut out: the heat pump stays, with its grants, but stands for nobody's account.

Its row names an account in ``invalid``, a domain that can never be (RFC 6761, 6.4). So whoever reads the
registry, router, collector or operations, knows nothing of the box's own account any more: what comes from it
is a stranger's, and what is for it reaches nobody.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from hub.addresses import NOBODY
from hub.registry.enrolment_models import ShutOutRow
from hub.registry.errors import Conflict
from hub.registry.lookup import get_heat_pump, require_unused_jid
from hub.registry.models import HeatPumpRow
from hub.registry.routers import next_revision


def shut_out(session: Session, id_: str, now: float) -> tuple[HeatPumpRow, str]:
    """Shut a heat pump's box out; returns the heat pump and the account the box had.

    Raises NotFound, Conflict if it is shut out already.
    """
    pump = get_heat_pump(session, id_)
    if session.get(ShutOutRow, pump.pk) is not None:
        raise Conflict(f"the box of {id_} is shut out already: `hphub box list` shows since when")
    box = pump.box
    session.add(ShutOutRow(heat_pump_pk=pump.pk, box=box, at=now))
    pump.box = f"{pump.id}-{pump.pk}{NOBODY}"
    pump.revision = next_revision(session)
    session.flush()
    return pump, box


def let_in(session: Session, id_: str) -> HeatPumpRow:
    """Let a box that was shut out in again.

    Raises NotFound, Conflict if it is not shut out, or its account is another's now.
    """
    pump = get_heat_pump(session, id_)
    if session.get(ShutOutRow, pump.pk) is None:
        raise Conflict(f"the box of {id_} is not shut out")
    let_in_again(session, pump, next_revision(session))
    return pump


def let_in_again(session: Session, pump: HeatPumpRow, revision: int) -> None:
    """The same, for a heat pump that is known to be shut out."""
    row = session.get_one(ShutOutRow, pump.pk)
    require_unused_jid(session, row.box)
    pump.box, pump.revision = row.box, revision
    session.delete(row)
    session.flush()


def account_of(session: Session, pump: HeatPumpRow) -> str:
    """The account of a heat pump's box, shut out or not."""
    row = session.get(ShutOutRow, pump.pk)
    return pump.box if row is None else row.box

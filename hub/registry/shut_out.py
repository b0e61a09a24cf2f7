"""Boxes and providers that are shut out: heat pump or provider stays, with its grants, but under nobody's
account.

Its row names an account in ``invalid``, a domain that can never be (RFC 6761, 6.4). So whoever reads the
registry, router, collector or operations, knows nothing of the former account any more: what comes from it is
a stranger's, and what is for it reaches nobody.
"""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from hub.addresses import NOBODY
from hub.registry.enrolment_models import ProviderShutOutRow, ShutOutRow
from hub.registry.errors import Conflict
from hub.registry.lookup import get_heat_pump, get_provider, require_nobodys_jid, require_unused_jid
from hub.registry.models import HeatPumpRow, ProviderRow, ProviderSessionRow
from hub.registry.routers import next_revision


def shut_out(session: Session, id_: str, now: float) -> tuple[HeatPumpRow, str]:
    """Shut a heat pump's box out; returns the heat pump and the account the box had.

    Raises NotFound, Conflict if it is shut out already.
    """
    pump = get_heat_pump(session, id_)
    if is_shut_out(session, pump):
        raise Conflict(f"the box of {id_} is shut out already: `hphub box list` shows since when")
    box = pump.box
    session.add(ShutOutRow(heat_pump_pk=pump.pk, box=box, at=now))
    pump.box = f"{pump.id}-{pump.pk}{NOBODY}"
    pump.revision = next_revision(session)
    session.flush()
    return pump, box


def shut_out_provider(session: Session, id_: str, now: float) -> tuple[ProviderRow, str]:
    """Shut a provider out; returns it and the account it had. Raises as ``shut_out`` does."""
    provider = get_provider(session, id_)
    if is_shut_out(session, provider):
        raise Conflict(f"provider {id_} is shut out already: `hphub provider list` shows it")
    jid = provider.jid
    session.add(ProviderShutOutRow(provider_pk=provider.pk, jid=jid, at=now))
    provider.jid = f"{provider.id}-{provider.pk}{NOBODY}"
    provider.revision = next_revision(session)
    session.execute(delete(ProviderSessionRow).where(ProviderSessionRow.provider_pk == provider.pk))
    session.flush()
    return provider, jid


def let_in(session: Session, id_: str) -> HeatPumpRow:
    """Let a box that was shut out in again.

    Raises NotFound, Conflict if it is not shut out, or its account is another's now.
    """
    pump = get_heat_pump(session, id_)
    if not is_shut_out(session, pump):
        raise Conflict(f"the box of {id_} is not shut out")
    let_in_again(session, pump, next_revision(session))
    return pump


def let_in_provider(session: Session, id_: str) -> ProviderRow:
    """The same of a provider."""
    provider = get_provider(session, id_)
    if not is_shut_out(session, provider):
        raise Conflict(f"provider {id_} is not shut out")
    let_in_again(session, provider, next_revision(session))
    return provider


def let_in_again(session: Session, owner: HeatPumpRow | ProviderRow, revision: int) -> None:
    """The same, for one that is known to be shut out."""
    row = _row(session, owner)
    assert row is not None
    account = account_in(owner, row)
    require_unused_jid(session, account)
    require_nobodys_jid(session, account)
    if isinstance(owner, HeatPumpRow):
        owner.box = account
    else:
        owner.jid = account
    owner.revision = revision
    session.delete(row)
    session.flush()


def is_shut_out(session: Session, owner: HeatPumpRow | ProviderRow) -> bool:
    """Its account stands for nobody."""
    return _row(session, owner) is not None


def account_of(session: Session, owner: HeatPumpRow | ProviderRow) -> str:
    """The account of a heat pump's box or of a provider, shut out or not."""
    return account_in(owner, _row(session, owner))


def account_in(owner: HeatPumpRow | ProviderRow, shut: ShutOutRow | ProviderShutOutRow | None) -> str:
    """The same, if it is known whether it is shut out."""
    if shut is not None:
        return shut.box if isinstance(shut, ShutOutRow) else shut.jid
    return owner.box if isinstance(owner, HeatPumpRow) else owner.jid


def _row(session: Session, owner: HeatPumpRow | ProviderRow) -> ShutOutRow | ProviderShutOutRow | None:
    if isinstance(owner, HeatPumpRow):
        return session.get(ShutOutRow, owner.pk)
    return session.get(ProviderShutOutRow, owner.pk)

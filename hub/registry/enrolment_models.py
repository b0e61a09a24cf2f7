"""The registry's tables of enrolment. Times are seconds since 1970 UTC, serial numbers hexadecimal."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Float, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.models import Base

_ONE_HOLDER = "(heat_pump_pk IS NULL) <> (provider_pk IS NULL)"


class EnrolmentCodeRow(Base):
    """A one-time code for ``account``, that of a heat pump's box or of a provider; also one that was used or
    withdrawn (``ended``).

    ``verifier`` is the public key made from its secret, ``wrong`` counts proofs that were none, ``serial`` is
    that of the certificate it was used for.
    """

    __tablename__ = "enrolment_code"
    __table_args__ = (CheckConstraint(_ONE_HOLDER, name="one_holder"),)
    identity: Mapped[str] = mapped_column(String, primary_key=True)
    verifier: Mapped[str] = mapped_column(String)
    heat_pump_pk: Mapped[int | None] = mapped_column(ForeignKey("heat_pump.pk"), index=True)
    provider_pk: Mapped[int | None] = mapped_column(ForeignKey("provider.pk"), index=True)
    account: Mapped[str] = mapped_column(String)
    created: Mapped[float] = mapped_column(Float)
    expires: Mapped[float] = mapped_column(Float)
    ended: Mapped[float | None] = mapped_column(Float)
    wrong: Mapped[int]
    serial: Mapped[str | None] = mapped_column(String)


class CertificateRow(Base):
    """A certificate the hub has given to a box or provider, as DER."""

    __tablename__ = "certificate"
    __table_args__ = (CheckConstraint(_ONE_HOLDER, name="one_holder"),)
    serial: Mapped[str] = mapped_column(String, primary_key=True)
    heat_pump_pk: Mapped[int | None] = mapped_column(ForeignKey("heat_pump.pk"), index=True)
    provider_pk: Mapped[int | None] = mapped_column(ForeignKey("provider.pk"), index=True)
    account: Mapped[str] = mapped_column(String)
    der: Mapped[bytes] = mapped_column(LargeBinary)
    issued: Mapped[float] = mapped_column(Float)
    ends: Mapped[float] = mapped_column(Float, index=True)
    revoked_at: Mapped[float | None] = mapped_column(Float)


class ShutOutRow(Base):
    """A heat pump whose box is shut out, and the account it had."""

    __tablename__ = "shut_out"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    box: Mapped[str] = mapped_column(String)
    at: Mapped[float] = mapped_column(Float)


class ProviderShutOutRow(Base):
    """A provider that is shut out, and the account it had."""

    __tablename__ = "provider_shut_out"
    provider_pk: Mapped[int] = mapped_column(ForeignKey("provider.pk"), primary_key=True)
    jid: Mapped[str] = mapped_column(String)
    at: Mapped[float] = mapped_column(Float)

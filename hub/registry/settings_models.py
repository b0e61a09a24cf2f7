"""The registry's tables of the settings of heat pumps. Times are seconds since 1970 UTC."""

from __future__ import annotations

import enum

from sqlalchemy import Float, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.models import Base


class Restoring(enum.StrEnum):
    """Whether kept settings are to be written to the present box, or have been."""

    NO = ""
    WANTED = "wanted"
    DONE = "done"


class SettingsStateRow(Base):
    """What operations knows of a heat pump's settings as a whole.

    ``since``: when the present box came in place of another, 0 for the first one; ``measures_from``: from
    when what it measured counts, for it may have run elsewhere before. ``read_at``: when its settings were
    last read. ``written`` numbers in order what was written through the hub, of all heat pumps; ``seen`` is
    its value before the last reading. ``restoring`` since ``restoring_at``; ``trouble``: why it is not done
    yet.
    """

    __tablename__ = "settings_state"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    since: Mapped[float] = mapped_column(Float, default=0.0)
    measures_from: Mapped[float] = mapped_column(Float, default=0.0)
    read_at: Mapped[float | None] = mapped_column(Float)
    written: Mapped[int] = mapped_column(index=True, default=0)
    seen: Mapped[int] = mapped_column(default=0)
    restoring: Mapped[str] = mapped_column(String, default="")
    restoring_at: Mapped[float | None] = mapped_column(Float)
    trouble: Mapped[str] = mapped_column(String, default="")
    revision: Mapped[int] = mapped_column(index=True, default=0)


class SettingRow(Base):
    """One setting of a heat pump, by its reference.

    ``value``: in the present box; ``set_here``: it was changed there after it was first read. ``kept``: in a
    former box at ``kept_at``; ``outcome``: what came of writing that to the present box, empty if nothing
    did. Values are texts of ``iec61850_model.mms.one_value``.
    """

    __tablename__ = "setting"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    reference: Mapped[str] = mapped_column(String, primary_key=True)
    value: Mapped[str | None] = mapped_column(String)
    set_here: Mapped[bool] = mapped_column(default=False)
    kept: Mapped[str | None] = mapped_column(String)
    kept_at: Mapped[float | None] = mapped_column(Float)
    outcome: Mapped[str] = mapped_column(String, default="")

"""Master data of heat pumps: what stands there, and apart from it the metering points, which are personal."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.registry.errors import InvalidInput
from hub.registry.lookup import get_heat_pump
from hub.registry.models import Base, HeatPumpRow
from hub.registry.steering import in_parts

MAX_METERING_POINTS = 8
"""Of one heat pump: its own meter, the house, a solar plant."""
GSRN_DIGITS = 18
"""Digits of a metering point's id, the last one its check digit (GS1 General Specifications, 2.5.2, 7.9)."""
MAX_COMPLAINTS = 20
"""Complaints about a file that are told at once."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_GSRN = re.compile(rf"[0-9]{{{GSRN_DIGITS}}}", re.ASCII)


class MasterRow(Base):
    """What stands at a heat pump; a date is ISO 8601."""

    __tablename__ = "master_data"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    make: Mapped[str | None] = mapped_column(String)
    model: Mapped[str | None] = mapped_column(String)
    source: Mapped[str | None] = mapped_column(String)
    distribution: Mapped[str | None] = mapped_column(String)
    buffer_tank: Mapped[int | None]
    building_year: Mapped[int | None]
    heated_area: Mapped[int | None]
    price_area: Mapped[str | None] = mapped_column(String)
    installed: Mapped[str | None] = mapped_column(String)


class MeteringPointRow(Base):
    """A metering point of a heat pump: it leads to a household, so it goes with the heat pump."""

    __tablename__ = "metering_point"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    id: Mapped[str] = mapped_column(String, primary_key=True)


def check_digit(digits: str) -> str:
    """The GS1 check digit that follows ``digits``: weights 3 and 1 in turn from the right, up to a ten."""
    total = sum(int(digit) * (1 if at % 2 else 3) for at, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _metering_point(text: str) -> str:
    if not _GSRN.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no metering point: {GSRN_DIGITS} digits")
    if check_digit(text[:-1]) != text[-1]:
        raise ValueError(f"{text} is no metering point: its check digit is wrong, look for a mistyped digit")
    return text


def _different(points: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(points)) != len(points):
        raise ValueError("a metering point stands there twice")
    return tuple(sorted(points))


def _iso_date(value: object) -> object:
    if isinstance(value, str) and not _DATE.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is not a date: write e.g. 2026-11-28")
    return value


Name = Annotated[str, Field(max_length=60, pattern=r"^[^\W_][\w .,/()+&-]*$")]
"""Begins with a letter or digit: no spreadsheet takes it for a formula."""
MeteringPoint = Annotated[str, AfterValidator(_metering_point)]


class MasterData(BaseModel):
    """What is known of an installation; None: not known.

    ``buffer_tank`` in litres (0: there is none), ``heated_area`` in square metres.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    make: Name | None = None
    model: Name | None = None
    source: Literal["air", "brine", "water"] | None = None
    distribution: Literal["floor", "radiators", "both", "air"] | None = None
    buffer_tank: int | None = Field(default=None, ge=0, le=20_000)
    building_year: int | None = Field(default=None, ge=1000, le=2100)
    heated_area: int | None = Field(default=None, ge=5, le=100_000)
    price_area: Literal["DK1", "DK2"] | None = None
    installed: Annotated[datetime.date, BeforeValidator(_iso_date)] | None = None
    metering_points: Annotated[
        tuple[MeteringPoint, ...], Field(max_length=MAX_METERING_POINTS), AfterValidator(_different)
    ] = ()

    def texts(self) -> dict[str, str]:
        """Each field as it is written in a file; empty if not known."""
        given = self.model_dump(mode="json")
        points = " ".join(given.pop("metering_points"))
        return {name: "" if value is None else str(value) for name, value in given.items()} | {
            "metering_points": points
        }


FIELDS = tuple(MasterData.model_fields)
TECHNICAL = tuple(name for name in FIELDS if name != "metering_points")


def master_data(session: Session, heat_pumps: Iterable[HeatPumpRow]) -> dict[str, MasterData]:
    """By id what is known of these heat pumps."""
    ids = {row.pk: row.id for row in heat_pumps}
    known: dict[str, dict[str, Any]] = {id_: {} for id_ in ids.values()}
    for part in in_parts(list(ids)):
        for row in session.scalars(select(MasterRow).where(MasterRow.heat_pump_pk.in_(part))):
            known[ids[row.heat_pump_pk]] |= {name: getattr(row, name) for name in TECHNICAL}
        for point in session.scalars(select(MeteringPointRow).where(MeteringPointRow.heat_pump_pk.in_(part))):
            of_one = known[ids[point.heat_pump_pk]]
            of_one["metering_points"] = (*of_one.get("metering_points", ()), point.id)
    return {id_: MasterData.model_validate(fields) for id_, fields in known.items()}


def set_master_data(session: Session, id_: str, texts: Mapping[str, str]) -> MasterData:
    """Change the fields in ``texts``, an empty one to not known; metering points are parted by spaces.

    Raises NotFound for the heat pump, InvalidInput with every wrong field.
    """
    heat_pump = get_heat_pump(session, id_)
    before = master_data(session, [heat_pump])[id_].texts()
    try:
        data = MasterData.model_validate(_fields(before | dict(texts)))
    except ValidationError as wrong:
        raise InvalidInput("; ".join(_complaint(error) for error in wrong.errors())) from None
    _store(session, heat_pump.pk, data)
    return data


def import_master_data(session: Session, lines: Sequence[tuple[int, Mapping[str, str]]]) -> list[str]:
    """Take in rows with their line numbers, each with ``id`` and any fields: all of them or none.

    Returns the ids. Raises InvalidInput with up to MAX_COMPLAINTS wrong lines.
    """
    known = {
        row.id: row for row in session.scalars(select(HeatPumpRow).where(HeatPumpRow.removed_at.is_(None)))
    }
    named = [row["id"] for _, row in lines]
    before = master_data(session, [known[id_] for id_ in set(named) if id_ in known])
    complaints: list[str] = []
    first: dict[str, int] = {}
    for number, row in lines:
        id_ = row["id"]
        texts = {name: text for name, text in row.items() if name != "id"}
        if id_ not in known:
            complaints.append(f"line {number}: there is no heat pump {id_[:80]!r}")
        elif first.setdefault(id_, number) != number:
            complaints.append(f"line {number}: {id_} stands in line {first[id_]} already")
        else:
            try:
                data = MasterData.model_validate(_fields(before[id_].texts() | texts))
                _store(session, known[id_].pk, data)
            except ValidationError as wrong:
                complaints += [f"line {number}: {_complaint(error)}" for error in wrong.errors()]
    if complaints:
        shown = complaints[:MAX_COMPLAINTS]
        more = len(complaints) - len(shown)
        raise InvalidInput(
            "\n".join([*shown, *([f"and {more} more"] if more else []), "nothing was changed"])
        )
    return named


def forget_metering_points(session: Session, heat_pump_pk: int) -> None:
    """What leads to a household goes."""
    session.execute(delete(MeteringPointRow).where(MeteringPointRow.heat_pump_pk == heat_pump_pk))


def _fields(texts: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: text.strip() or None for name, text in texts.items()}
    if "metering_points" in fields:
        fields["metering_points"] = tuple((fields["metering_points"] or "").split())
    return fields


def _store(session: Session, heat_pump_pk: int, data: MasterData) -> None:
    fields = data.model_dump(mode="json")
    points = fields.pop("metering_points")
    session.merge(MasterRow(heat_pump_pk=heat_pump_pk, **fields))
    forget_metering_points(session, heat_pump_pk)
    session.add_all(MeteringPointRow(heat_pump_pk=heat_pump_pk, id=point) for point in points)
    session.flush()


def _complaint(error: Any) -> str:
    name = error["loc"][0]
    if error["type"] == "string_pattern_mismatch":
        return f"{name}: letters, digits and . , / ( ) + & - only, a letter or digit first"
    if error["type"] == "extra_forbidden":
        return f"{name}: no such field"
    return f"{name}: {str(error['msg']).removeprefix('Value error, ')}"

"""Values and times as people write them, and values as they are shown."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from iec61850_model.client import Plain
from iec61850_model.mms.pdu import Primitive, Structure
from iec61850_model.reference import Reference
from iec61850_model.units import unit_text
from iec61850_model.values import EntryTime, Quality, Timestamp
from service_provider import Reading, UnusableValue
from service_provider.reading import jsonable, plain_text
from service_provider.text import coming_time_from_text, time_from_text, value_from_text

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOLEAN, INTEGER = Primitive("boolean"), Primitive("integer", 32)
ANALOGUE = Structure((("f", Primitive("floating-point", 32)),))


@pytest.mark.parametrize("word", ["on", "ON", "true", "1", " True "])
def test_on(word: str) -> None:
    assert value_from_text(word, BOOLEAN, ("SPCSO1",)) is True


@pytest.mark.parametrize("word", ["off", "false", "0"])
def test_off(word: str) -> None:
    assert value_from_text(word, BOOLEAN, ("SPCSO1",)) is False


def test_numbers_and_enumerations() -> None:
    assert value_from_text("21.5", ANALOGUE, ("SptVal",)) == 21.5
    assert value_from_text("-3", INTEGER, ("ISCSO1",)) == -3
    assert value_from_text("Test/Blocked", INTEGER, ("Mod",)) == 4
    assert value_from_text("direct-with-normal-security", INTEGER, ("SPCSO1", "ctlModel")) == 1
    assert value_from_text("a text", Primitive("visible-string", -255), ("d",)) == "a text"
    assert value_from_text("00ff", Primitive("octet-string", -64), ("orIdent",)) == b"\x00\xff"


@pytest.mark.parametrize(
    ("text", "type_", "hint"),
    [
        ("maybe", BOOLEAN, "neither on nor off"),
        ("2", BOOLEAN, "neither on nor off"),
        ("warm", INTEGER, "whole number"),
        ("1.5", INTEGER, "whole number"),
        ("20,5", ANALOGUE, "decimal point"),
        ("xyz", Primitive("octet-string", -64), "hexadecimal"),
        ("1", Structure((("a", INTEGER), ("b", INTEGER))), "one by one"),
    ],
)
def test_nonsense_is_refused_with_what_is_wanted(text: str, type_: Primitive | Structure, hint: str) -> None:
    with pytest.raises(UnusableValue, match=hint):
        value_from_text(text, type_, ("Xxx",))


def test_an_unknown_word_for_an_enumeration_lists_the_words() -> None:
    with pytest.raises(UnusableValue, match="on, blocked, test, test/blocked, off"):
        value_from_text("asleep", INTEGER, ("Mod",))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("+5s", 5),
        ("+5", 5),
        ("+1.5s", 1.5),
        ("+10min", 600),
        ("+10m", 600),
        ("+2h", 7200),
        ("+5d", 432_000),
        ("-1h", -3600),
    ],
)
def test_a_time_from_now(text: str, seconds: float) -> None:
    assert time_from_text(text, NOW) == NOW + timedelta(seconds=seconds)


def test_a_time_of_day() -> None:
    assert time_from_text("2026-11-23T13:00:00Z", NOW) == NOW + timedelta(hours=1)
    assert time_from_text("2026-11-23T13:00:00+01:00", NOW) == NOW
    assert time_from_text("2026-11-23T13:00:00", NOW) == datetime(2026, 11, 23, 13).astimezone(UTC)


@pytest.fixture
def copenhagen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Copenhagen")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("copenhagen")
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("17:30", "2026-11-23T16:30Z"),
        ("13:01", "2026-11-23T12:01Z"),
        ("13:00", "2026-11-24T12:00Z"),
        ("0:05", "2026-11-23T23:05Z"),
        ("2026-07-01T12:00", "2026-07-01T10:00Z"),
        ("2026-12-01T12:00", "2026-12-01T11:00Z"),
    ],
)
def test_local_time_goes_out_as_utc(text: str, utc: str) -> None:
    assert coming_time_from_text(text, NOW) == datetime.fromisoformat(utc)


@pytest.mark.usefixtures("copenhagen")
@pytest.mark.parametrize(
    ("text", "says"), [("2026-03-29T02:30", "does not exist"), ("2026-10-25T02:30", "comes twice")]
)
def test_a_local_time_that_is_not_one_moment_is_asked_about(text: str, says: str) -> None:
    with pytest.raises(UnusableValue, match=says):
        time_from_text(text, NOW)
    assert time_from_text(f"{text}+01:00", NOW) == datetime.fromisoformat(f"{text}+01:00")


@pytest.mark.parametrize("text", ["5s", "+5w", "tomorrow", "", "+", "25:00"])
def test_no_time(text: str) -> None:
    with pytest.raises(UnusableValue, match=r"\+5s"):
        time_from_text(text, NOW)


@pytest.mark.parametrize(
    ("si_unit", "multiplier", "text"),
    [
        (38, 0, "W"), (62, 0, "W"), (72, 3, "kWh"), (23, 0, "°C"), (1, -2, "%"), (1, 0, ""), (1, 3, "10^3"),
        (82, 0, "l/s"), (200, 0, "unit 200"), (38, 4, "10^4 W"),
    ],
)  # fmt: skip
def test_units(si_unit: int, multiplier: int, text: str) -> None:
    assert unit_text(si_unit, multiplier) == text


def test_values_as_people_read_them() -> None:
    assert plain_text(True) == "on"
    assert plain_text(3, ("Health", "stVal")) == "Alarm"
    assert plain_text(3, ("OpTmh", "stVal")) == "3"
    assert plain_text(b"\x01\xab") == "01ab"
    assert plain_text({"f": 21.5}) == "f 21.5"
    assert plain_text(Timestamp(0, 0, 0)) == "—"
    assert plain_text(Quality.INVALID | Quality.FAILURE) == "invalid (failure)"
    assert plain_text([1, 2]) == "1; 2"


def test_every_value_is_valid_json() -> None:
    values: Plain = {
        "nan": float("nan"),
        "inf": float("-inf"),
        "bytes": b"\x01",
        "time": Timestamp.from_unix(1_800_000_000),
        "entry": EntryTime.from_unix(1_800_000_000),
        "quality": Quality(0),
        "list": [1, {"a": float("nan")}],
    }
    text = json.dumps(jsonable(values), allow_nan=False)
    assert json.loads(text) == {
        "nan": None,
        "inf": None,
        "bytes": "01",
        "time": "2027-01-15T08:00:00.000Z",
        "entry": "2027-01-15T08:00:00.000Z",
        "quality": "good",
        "list": [1, {"a": None}],
    }


def test_a_reading_without_quality_is_usable() -> None:
    reading = Reading("hp0001", Reference.parse("HP/LLN0.NamPlt.vendor[DC]"), "us", "", None, None)
    assert reading.valid
    assert reading.text == "us"
    assert reading.as_dict()["quality"] is None

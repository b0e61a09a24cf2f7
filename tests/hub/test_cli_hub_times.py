from __future__ import annotations

import time
from datetime import UTC, datetime

import click
import pytest

from hub.cli.times import When, local_time, utc_time


@pytest.fixture(autouse=True)
def in_copenhagen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Copenhagen")
    time.tzset()


@pytest.fixture(autouse=True, scope="module")
def _back_again():  # type: ignore[no-untyped-def]
    yield
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-12-31", datetime(2026, 12, 30, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-12-31T18:00", datetime(2026, 12, 31, 17, tzinfo=UTC)),
        ("2026-12-31 18:00:30", datetime(2026, 12, 31, 17, 0, 30, tzinfo=UTC)),
        ("2026-12-31T18:00Z", datetime(2026, 12, 31, 18, tzinfo=UTC)),
        ("2026-12-31T18:00+05:00", datetime(2026, 12, 31, 13, tzinfo=UTC)),
    ],
)
def test_absolute_times(typed: str, meant: datetime) -> None:
    assert When(1).convert(typed, None, None) == meant.timestamp()


@pytest.mark.parametrize(
    ("typed", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_amounts_count_from_now_on_or_back(monkeypatch: pytest.MonkeyPatch, typed: str, seconds: int) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    assert When(1).convert(typed, None, None) == 1_800_000_000.0 + seconds
    assert When(-1).convert(typed, None, None) == 1_800_000_000.0 - seconds


@pytest.mark.parametrize(
    "typed", ["", "soon", "30", "d", "-5d", "1y", "2026-13-01", "2026-02-30", "9999999d"]
)
def test_what_is_no_time_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="2026-12-31"):
        When(1).convert(typed, None, None)


def test_local_on_the_screen_and_utc_in_json() -> None:
    assert local_time(1_800_000_000.25) == "2027-01-15 09:00:00 CET"
    assert utc_time(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"
    assert (local_time(None), utc_time(None)) == ("", None)

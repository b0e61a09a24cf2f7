from __future__ import annotations

import pytest

from hub.audit import AuditEntry, AuditKind, RefusalCounter
from hub.audit.flood import FURTHER_SENDERS, MAX_SENDERS, PERIOD, WRITTEN_PER_PERIOD

NOW = 1_800_000_000.0


def refusal(jid: str = "control@agg.example/desk1", provider: str = "agg", at: float = NOW) -> AuditEntry:
    return AuditEntry(
        at=at, kind=AuditKind.REFUSAL, provider=provider, provider_jid=jid, heat_pump="hp0001",
        box="box@boxes.example", stanza_id="x", service="Operate", references=("HP/RlyGGIO1.SPCSO1",),
        detail="no grant",
    )  # fmt: skip


def summaries(entries: tuple[AuditEntry, ...]) -> list[tuple[str, str]]:
    return [(entry.provider_jid, entry.detail) for entry in entries]


def test_the_first_are_written_the_rest_is_one_entry_when_the_minute_ends() -> None:
    counter = RefusalCounter()
    written = [counter.refused(refusal(), NOW + number * 0.01) for number in range(1_000)]
    assert written[:WRITTEN_PER_PERIOD] == [(refusal(),)] * WRITTEN_PER_PERIOD
    assert written[WRITTEN_PER_PERIOD:] == [()] * (1_000 - WRITTEN_PER_PERIOD)
    assert counter.due(NOW + PERIOD - 0.01) == ()
    assert counter.due(NOW + PERIOD) == (
        AuditEntry(
            at=NOW + PERIOD, kind=AuditKind.REFUSAL, provider="agg", provider_jid="control@agg.example",
            detail="990 more refused",
        ),
    )  # fmt: skip
    assert counter.due(NOW + 2 * PERIOD) == ()


def test_few_refusals_give_no_count() -> None:
    counter = RefusalCounter()
    for _ in range(WRITTEN_PER_PERIOD):
        counter.refused(refusal(), NOW)
    assert counter.due(NOW + PERIOD) == ()


def test_a_new_minute_is_written_anew_and_tells_the_count_of_the_old_first() -> None:
    counter = RefusalCounter()
    for _ in range(WRITTEN_PER_PERIOD + 3):
        counter.refused(refusal(), NOW)
    later = refusal(at=NOW + PERIOD)
    written = counter.refused(later, NOW + PERIOD)
    assert summaries(written[:1]) == [("control@agg.example", "3 more refused")]
    assert written[1:] == (later,)


def test_senders_are_counted_apart_but_not_by_resource() -> None:
    counter = RefusalCounter()
    for number in range(WRITTEN_PER_PERIOD):
        counter.refused(refusal(f"control@agg.example/desk{number}"), NOW)
    assert counter.refused(refusal("control@agg.example/more"), NOW) == ()
    other = refusal("control@other.example/desk", provider="other")
    assert counter.refused(other, NOW) == (other,)


def test_strangers_are_counted_by_their_domain() -> None:
    counter = RefusalCounter()
    for number in range(500):
        counter.refused(refusal(f"user{number}@evil.example/r", provider=""), NOW)
    assert summaries(counter.due(NOW + PERIOD)) == [
        ("evil.example", f"{500 - WRITTEN_PER_PERIOD} more refused")
    ]


def test_any_number_of_senders_needs_bounded_memory_and_bounded_entries() -> None:
    counter = RefusalCounter()
    written = sum(
        len(counter.refused(refusal(f"a@d{number}.example", ""), NOW)) for number in range(MAX_SENDERS + 500)
    )
    assert written == MAX_SENDERS + WRITTEN_PER_PERIOD
    assert summaries(counter.due(NOW + PERIOD)) == [
        (FURTHER_SENDERS, f"{500 - WRITTEN_PER_PERIOD} more refused")
    ]


@pytest.mark.parametrize("extra", [0, 4])
def test_stopping_tells_what_was_counted(extra: int) -> None:
    counter = RefusalCounter()
    for _ in range(WRITTEN_PER_PERIOD + extra):
        counter.refused(refusal(), NOW)
    told = summaries(counter.drain(NOW + 1))
    assert told == ([("control@agg.example", f"{extra} more refused")] if extra else [])
    assert counter.drain(NOW + 2) == ()

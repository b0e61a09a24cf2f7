"""How the collector talks with one box: dialogues of what happens and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from hub.history.collecting import (
    ASK_AGAIN,
    EVERYTHING,
    FIRST_REST,
    KEEP_AFTER,
    LAST_REST,
    MAX_RESYNCS,
    Collecting,
    Stage,
)
from hub.history.events import (
    Abort,
    Ask,
    Associated,
    Block,
    Done,
    Effect,
    Failed,
    Members,
    Note,
    Outcome,
    Probe,
    Queue,
    Request,
    Take,
)
from hub.registry.consents import Consent
from hub.requests import REQUEST_TIMEOUT
from iec61850_model.client.reports import Report
from iec61850_model.server.associations import LEASE_SECONDS
from iec61850_model.values import OptFlds
from tests.hub.history_reports import OPT_FLDS, T0, entry, members, report

FOREVER = Consent(0.0, None)
BLOCK = Block(False, "AVG/LLN0$dsAvg", 1, OPT_FLDS)
LATE = T0 + 300 * 1_000
"""A time after every report of these tests."""


@dataclass
class Talk:
    """One box and the clock. Each call returns what the collector does, as words."""

    machine: Collecting = field(default_factory=lambda: Collecting(300))
    now: float = LATE
    attempt: int = 0
    taken: list[Take] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def words(self, effects: list[Effect]) -> list[str]:
        said = []
        for effect in effects:
            match effect:
                case Ask(request, attempt, argument):
                    self.attempt = attempt
                    entry_id = argument.hex() if isinstance(argument, bytes) else ""
                    said.append(f"{request} {entry_id}".strip())
                case Queue():
                    said.append("queue")
                case Probe():
                    said.append("probe")
                case Abort():
                    said.append("abort")
                case Take() as take:
                    self.taken.append(take)
                    said.append(f"take {int.from_bytes(take.entry[4:])}")
                case Note(what):
                    self.notes.append(what)
        return said

    def agree(self, *consents: Consent) -> list[str]:
        return self.words(self.machine.agree(consents, self.now))

    def here(self) -> list[str]:
        return self.words(self.machine.here(self.now))

    def away(self) -> list[str]:
        return self.words(self.machine.away(self.now))

    def turn(self) -> list[str]:
        return self.words(self.machine.turn(self.now))

    def answer(self, outcome: Outcome, attempt: int | None = None) -> list[str]:
        of_attempt = self.attempt if attempt is None else attempt
        return self.words(self.machine.answered(of_attempt, outcome, self.now))

    def report(self, one: Report, association: str = "1:1") -> list[str]:
        return self.words(self.machine.report(association, one, self.now))

    def may_store(self, taken: Take) -> bool:
        return self.machine.may_store(taken, self.now)

    def settled(self, taken: Take, stored: bool) -> list[str]:
        return self.words(self.machine.settled(taken, stored, self.now))

    def later(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.words(self.machine.tick(self.now))


def ready() -> Talk:
    """A box with consent that is there and waits for its turn."""
    talk = Talk()
    assert talk.agree(FOREVER) == ["probe"]
    assert talk.here() == ["queue"]
    return talk


def enabling(position: bytes | None = None) -> Talk:
    """RptEna was sent."""
    talk = ready()
    talk.machine.position = talk.machine._stored = position
    talk.turn()
    talk.answer(Associated("1:1"))
    talk.answer(BLOCK)
    talk.answer(Members(members()))
    assert talk.answer(Done()) == [Request.ENABLE]
    return talk


def live(position: bytes | None = None) -> Talk:
    """Reports are enabled."""
    talk = enabling(position)
    assert talk.answer(Done()) == []
    assert talk.machine.stage is Stage.LIVE
    return talk


# --- setting up -----------------------------------------------------------------------------------


def test_from_presence_to_samples() -> None:
    talk = Talk()
    assert talk.agree(FOREVER) == ["probe"]
    assert talk.here() == ["queue"]
    assert talk.turn() == [Request.ASSOCIATE]
    assert talk.answer(Associated("1:1")) == [Request.BLOCK]
    assert talk.answer(BLOCK) == [Request.MEMBERS]
    assert talk.answer(Members(members())) == [f"{Request.ENTRY} {EVERYTHING.hex()}"]
    assert talk.answer(Done()) == [Request.ENABLE]
    assert talk.answer(Done()) == []
    assert talk.report(report(1, 0)) == ["take 1"]
    assert talk.report(report(2, 1)) == ["take 2"]
    assert [take.sample.interval for take in talk.taken if take.sample] == [T0 + 300, T0 + 600]


def test_it_goes_on_after_the_last_report_that_was_stored() -> None:
    talk = ready()
    talk.machine.position = entry(41)
    talk.turn()
    talk.answer(Associated("1:1"))
    talk.answer(BLOCK)
    assert talk.answer(Members(members())) == [f"{Request.ENTRY} {entry(41).hex()}"]


def test_a_report_may_come_before_the_answer_to_rpt_ena() -> None:
    talk = enabling()
    assert talk.report(report(1, 0)) == ["take 1"]
    assert talk.answer(Done()) == []
    assert talk.report(report(2, 1)) == ["take 2"]


def test_the_members_are_asked_for_once_as_long_as_the_data_set_is_the_same() -> None:
    talk = live()
    talk.away()
    talk.here()
    talk.turn()
    talk.answer(Associated("2:2"))
    assert talk.answer(BLOCK) == [f"{Request.ENTRY} {EVERYTHING.hex()}"]
    talk.away()
    talk.here()
    talk.turn()
    talk.answer(Associated("3:3"))
    assert talk.answer(Block(False, BLOCK.data_set, 2, OPT_FLDS)) == [Request.MEMBERS]


@pytest.mark.parametrize(
    "outcome",
    [
        Block(True, "AVG/LLN0$dsAvg", 1, OPT_FLDS),
        Block(False, "", 0, OPT_FLDS),
        Block(False, "AVG/LLN0$dsAvg", 1, OPT_FLDS & ~OptFlds.ENTRY_ID),
        Failed("object-non-existent"),
        Done(),
    ],
)
def test_a_block_that_cannot_be_used_is_left_alone_and_asked_again_later(outcome: Outcome) -> None:
    talk = ready()
    talk.turn()
    talk.answer(Associated("1:1"))
    assert talk.answer(outcome) == ["abort"]
    assert talk.notes == ["fault"]
    assert talk.later(FIRST_REST - 0.1) == []
    assert talk.later(0.1) == ["queue"]


def test_a_data_set_without_any_known_quantity_is_a_fault() -> None:
    talk = ready()
    talk.turn()
    talk.answer(Associated("1:1"))
    talk.answer(BLOCK)
    assert talk.answer(Members(members()[-1:])) == ["abort"]


def test_faults_in_a_row_make_it_rest_longer_up_to_a_limit() -> None:
    talk = ready()
    rests = []
    for _ in range(12):
        talk.turn()
        talk.answer(Failed("no answer"))
        assert talk.machine.due is not None
        rests.append(talk.machine.due - talk.now)
        talk.later(rests[-1])
    assert rests[:3] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST]
    assert rests[-1] == LAST_REST


def test_answers_of_an_earlier_attempt_are_nothing() -> None:
    talk = ready()
    talk.turn()
    old = talk.attempt
    talk.away()
    talk.here()
    talk.turn()
    assert talk.answer(Associated("9:9"), old) == []
    assert talk.answer(Associated("1:1")) == [Request.BLOCK]


# --- reports --------------------------------------------------------------------------------------


def test_a_report_that_is_missing_on_the_way_is_asked_for_again() -> None:
    talk = live()
    talk.report(report(1, 0))
    assert talk.report(report(3, 2)) == [Request.DISABLE]
    assert talk.report(report(4, 3)) == []  # was on its way
    assert talk.answer(Done()) == [f"{Request.ENTRY} {entry(1).hex()}"]
    assert talk.answer(Done()) == [Request.ENABLE]
    assert talk.answer(Done()) == []
    assert [talk.report(report(number, number - 2))[0] for number in (2, 3, 4)] == [
        "take 2",
        "take 3",
        "take 4",
    ]


def test_the_first_report_is_missing_if_its_number_is_not_0() -> None:
    talk = live(entry(1))
    assert talk.report(report(3, 1)) == [Request.DISABLE]
    assert talk.answer(Done()) == [f"{Request.ENTRY} {entry(1).hex()}"]


def test_what_the_box_had_to_drop_is_no_reason_to_ask_again() -> None:
    """The counter jumps, but SqNum goes on: the buffer overflowed, and says so."""
    talk = live(entry(1))
    assert talk.report(report(900, 0, overflow=True)) == ["take 900"]
    assert talk.taken[0].overflow


def test_a_new_epoch_of_the_buffer_is_taken_as_it_comes() -> None:
    talk = live(entry(500))
    assert talk.report(report(1, 0, epoch=2)) == ["take 1"]
    assert talk.machine.position == entry(1, 2)


def test_without_sq_num_a_jump_of_the_entry_id_is_asked_about_once() -> None:
    talk = live(entry(1))
    assert talk.report(report(5, None)) == ["take 5"]  # the first one says what there is
    assert talk.report(report(8, None)) == [Request.DISABLE]
    for _ in range(3):
        talk.answer(Done())
    assert talk.report(report(8, None)) == ["take 8"]


@pytest.mark.parametrize("after", [0, 1])
def test_sq_num_goes_round(after: int) -> None:
    talk = live()
    talk.machine._expected = 65_535
    talk.machine._first = False
    assert talk.report(report(1, 65_535)) == ["take 1"]
    assert talk.report(report(2, after)) == ["take 2"]


def test_a_box_whose_reports_never_fit_rests() -> None:
    talk = live()
    for _ in range(MAX_RESYNCS):
        assert talk.report(report(9, 7)) == [Request.DISABLE]
        for _ in range(3):
            talk.answer(Done())
    assert talk.report(report(9, 7)) == ["abort"]
    assert talk.machine.stage is Stage.RESTING


def test_a_report_of_another_association_is_dropped() -> None:
    talk = live()
    assert talk.report(report(1, 0), "7:7") == []
    assert talk.report(report(1, 0)) == ["take 1"]


def test_a_box_that_reports_out_of_turn_is_told_to_end_that() -> None:
    talk = ready()
    talk.away()
    assert talk.report(report(1, 0)) == ["abort", "probe"]


def test_a_report_without_entry_id_cannot_be_resumed_from() -> None:
    talk = live()
    assert talk.report(replace(report(1, 0), entry_id=None)) == ["abort"]
    assert talk.taken == []


@pytest.mark.parametrize("other", [{"data_set_size": 40}, {"conf_rev": 2}])
def test_a_report_of_another_data_set_is_not_read_as_if_it_were_of_this(other: dict[str, int]) -> None:
    """The box has another model now, so members are asked for again."""
    talk = live(entry(1))
    assert talk.report(replace(report(2, 0), **other)) == ["abort"]  # type: ignore[arg-type]  # one field
    assert talk.machine.position == entry(1)
    talk.later(FIRST_REST)
    talk.turn()
    talk.answer(Associated("1:1"))
    assert talk.answer(BLOCK) == [Request.MEMBERS]


@pytest.mark.parametrize("time", [0.0, LATE + 601, 4e9])
def test_a_time_that_cannot_be_gives_no_sample_and_is_counted(time: float) -> None:
    talk = live()
    assert talk.report(report(1, 0, time=time)) == ["take 1"]
    assert (talk.taken[0].sample, talk.taken[0].misdated) == (None, True)


def test_a_report_that_found_no_room_is_asked_for_again() -> None:
    talk = live(entry(1))
    talk.report(report(2, 0))
    talk.report(report(3, 1))
    assert talk.words(talk.machine.refused("full", talk.now)) == ["abort"]
    assert talk.machine.position == entry(2)
    assert talk.later(FIRST_REST) == ["queue"]


def test_a_report_that_was_not_stored_is_asked_for_again() -> None:
    talk = live(entry(1))
    talk.report(report(2, 0))
    talk.report(report(3, 1))
    second, third = talk.taken
    assert talk.settled(second, True) == []
    assert talk.settled(third, False) == ["abort"]
    assert talk.machine.position == entry(2)


def test_what_follows_a_report_that_was_not_stored_is_not_stored_either() -> None:
    """Both wait to be stored. With the second the place in the box's buffer would be past the first."""
    talk = live(entry(1))
    talk.report(report(2, 0))
    talk.report(report(3, 1))
    second, third = talk.taken
    assert talk.may_store(second) and talk.may_store(third)
    talk.settled(second, False)
    assert not talk.may_store(third)
    talk.later(FIRST_REST)
    talk.turn()
    for outcome in (Associated("1:1"), BLOCK, Members(members()), Done(), Done()):
        talk.answer(outcome)
    assert talk.report(report(2, 0)) == ["take 2"]
    assert talk.settled(third, False) == [], "it is known already"
    assert talk.may_store(talk.taken[-1])
    assert talk.machine.position == entry(2)


def test_not_stored_while_the_box_is_set_up_again_after_it() -> None:
    """EntryID has been written already: it is written again, of the last report that was stored."""
    talk = live(entry(1))
    talk.report(report(2, 0))
    talk.away()
    talk.here()
    talk.turn()
    talk.answer(Associated("2:2"))
    assert talk.answer(BLOCK) == [f"{Request.ENTRY} {entry(2).hex()}"]
    assert talk.settled(talk.taken[0], False) == ["abort"]
    assert talk.later(FIRST_REST) == ["queue"]
    talk.turn()
    talk.answer(Associated("3:3"))
    talk.answer(BLOCK)
    assert talk.answer(Members(members())) == [f"{Request.ENTRY} {entry(1).hex()}"]


def test_a_damaged_report_is_asked_for_again() -> None:
    talk = live(entry(1))
    assert talk.words(talk.machine.broken("no EntryID", talk.now)) == ["abort"]
    assert talk.later(FIRST_REST) == ["queue"]
    assert talk.machine.position == entry(1)


# --- presence and silence -------------------------------------------------------------------------


def test_a_box_that_goes_is_waited_for_and_asked_now_and_then() -> None:
    talk = live()
    assert talk.away() == []
    assert talk.later(ASK_AGAIN) == ["probe"]
    assert talk.here() == ["queue"]


def test_a_box_that_says_again_that_it_is_there_is_asked_whether_its_reports_are_enabled() -> None:
    talk = live()
    assert talk.here() == [Request.CHECK]
    assert talk.report(report(1, 0)) == ["take 1"]
    assert talk.answer(Block(True, "AVG/LLN0$dsAvg", 1, OPT_FLDS)) == []
    assert talk.report(report(2, 1)) == ["take 2"]
    assert talk.here() == [Request.CHECK]
    assert talk.answer(BLOCK) == ["abort", "queue"]


@pytest.mark.parametrize("late", [-20.0, 0.0, 20.0])
def test_reports_of_every_five_minutes_keep_the_association_and_nothing_is_asked(late: float) -> None:
    """Whatever is between two reports, of boxes whose delay (BufTm) is always the same."""
    talk = live()
    for number in range(20):
        assert talk.later(300 + (late if number % 2 else -late)) == []
        assert talk.report(report(number + 1, number)) == [f"take {number + 1}"]
    assert talk.machine.stage is Stage.LIVE


def test_a_box_whose_report_fails_to_come_is_asked_before_its_association_ends() -> None:
    assert KEEP_AFTER + 2 * REQUEST_TIMEOUT < LEASE_SECONDS
    talk = live()
    assert talk.later(KEEP_AFTER - 1) == []
    assert talk.report(report(1, 0)) == ["take 1"]
    assert talk.later(KEEP_AFTER - 1) == []
    assert talk.later(1) == [Request.CHECK]
    assert talk.report(report(2, 1)) == ["take 2"]
    assert talk.later(KEEP_AFTER) == []  # one question at a time
    assert talk.answer(Block(True, "AVG/LLN0$dsAvg", 1, OPT_FLDS)) == []
    assert talk.later(KEEP_AFTER) == [Request.CHECK]
    assert talk.answer(Failed("no answer within 20 s")) == ["abort", "queue"]


# --- consent --------------------------------------------------------------------------------------


def test_without_consent_nothing_is_asked() -> None:
    talk = Talk()
    assert talk.here() == []
    assert talk.later(10 * ASK_AGAIN) == []
    assert talk.agree() == []


def test_consent_that_is_withdrawn_ends_the_reports_and_nothing_more_is_taken() -> None:
    talk = live()
    talk.report(report(1, 0))
    assert talk.agree(Consent(0.0, talk.now)) == [Request.DISABLE]
    assert not talk.machine.allowed(talk.now)
    assert talk.report(report(2, 1)) == []
    assert talk.answer(Done()) == [Request.RELEASE]
    assert talk.answer(Done()) == []
    assert talk.machine.stage is Stage.IDLE


def test_withdrawn_from_a_box_that_does_not_answer() -> None:
    talk = live()
    talk.agree()
    assert talk.answer(Failed("no answer")) == ["abort"]
    assert talk.machine.stage is Stage.IDLE


def test_withdrawn_while_it_is_set_up() -> None:
    talk = enabling()
    assert talk.agree() == ["abort"]
    assert talk.answer(Done()) == []
    assert talk.report(report(1, 0)) == ["abort", "probe"]


def test_consent_that_ends_by_itself() -> None:
    talk = ready()
    talk.agree(Consent(0.0, talk.now + 100))
    talk.turn()
    for outcome in (Associated("1:1"), BLOCK, Members(members()), Done(), Done()):
        talk.answer(outcome)
    assert talk.later(99) == []
    assert talk.later(1) == [Request.DISABLE]


def test_consent_is_checked_with_each_report_even_if_the_clock_did_not_tick() -> None:
    talk = live()
    talk.machine.consents = (Consent(0.0, talk.now + 10),)
    talk.now += 10
    assert talk.report(report(1, 0)) == [Request.DISABLE]
    assert talk.taken == []


def test_consent_that_begins_later() -> None:
    talk = Talk()
    assert talk.agree(Consent(talk.now + 50, None)) == []
    assert talk.here() == []
    assert talk.later(49) == []
    assert talk.later(1) == ["queue"]


def test_given_again_it_goes_on_without_what_was_measured_in_between() -> None:
    """The box kept it, but nobody had agreed: only the place in its buffer moves on."""
    talk = ready()
    talk.agree(Consent(0.0, T0 + 700), Consent(T0 + 1_100, None))
    talk.turn()
    for outcome in (Associated("1:1"), BLOCK, Members(members()), Done(), Done()):
        talk.answer(outcome)
    for number in range(1, 7):
        talk.report(report(number, number - 1))
    kept = [take.sample.interval - T0 for take in talk.taken if take.sample]
    assert kept == [300, 600, 1500, 1800]
    assert talk.machine.position == entry(6)


@pytest.mark.parametrize(
    ("withdrawn", "again", "kept"),
    [
        (T0 + 300, T0 + 300, [300, 600, 900]),  # not a moment without
        (T0 + 299, T0 + 301, [900]),  # both intervals have a second of it
        (T0 + 310, T0 + 590, [300, 900]),  # withdrawn and given again within one interval
        (T0 + 300, T0 + 600, [300, 900]),  # to the end of one, and from the end of the next
    ],
)
def test_a_value_is_kept_only_if_all_of_its_interval_had_consent(
    withdrawn: float, again: float, kept: list[int]
) -> None:
    """It is no matter when the report comes: all of them come when consent has been given again."""
    talk = live()
    talk.agree(Consent(0.0, withdrawn), Consent(again, None))
    for number in (1, 2, 3):
        assert talk.report(report(number, number - 1)) == [f"take {number}"]
    assert [take.sample.interval - T0 for take in talk.taken if take.sample] == kept


def test_a_value_of_a_time_that_had_consent_is_fetched_when_it_is_given_again() -> None:
    """Measured while it was in force and not stored before it was withdrawn: nothing is stored then, but it
    is once somebody agrees again."""
    talk = live(entry(1))
    first = Consent(0.0, T0 + 600)
    talk.now = T0 + 601
    assert talk.agree(first) == [Request.DISABLE]
    assert talk.report(report(2, 0)) == []
    talk.answer(Done())
    talk.answer(Done())
    talk.now = T0 + 950
    assert talk.agree(first, Consent(T0 + 950, None)) == ["queue"]
    talk.turn()
    for outcome in (Associated("1:1"), BLOCK, Done(), Done()):
        talk.answer(outcome)
    for number in (2, 3, 4, 5):
        talk.report(report(number, number - 2))
    assert [take.sample.interval - T0 for take in talk.taken if take.sample] == [600, 1500]


def test_averages_that_end_between_the_ends_of_our_intervals_are_judged_by_their_own() -> None:
    talk = live()
    talk.agree(Consent(T0 + 290, None))
    talk.report(report(2, 0, time=T0 + 580))  # of 280 to 580, though its row is that of 300 to 600
    talk.report(report(3, 1, time=T0 + 880))
    assert [take.sample.interval - T0 for take in talk.taken if take.sample] == [900]


def test_consent_is_judged_again_when_it_is_stored() -> None:
    """While it waited, consent was withdrawn as of the middle of its interval, and given again."""
    talk = live()
    talk.report(report(1, 0))
    talk.report(report(2, 1))
    first, second = talk.taken
    talk.machine.consents = (Consent(0.0, T0 + 400), Consent(T0 + 500, None))
    assert talk.may_store(first)
    assert not talk.may_store(second)


def test_given_again_while_it_is_being_ended() -> None:
    talk = live()
    talk.agree()
    assert talk.agree(FOREVER) == []
    assert talk.answer(Done()) == [Request.RELEASE]
    assert talk.answer(Done()) == ["queue"]


def test_a_turn_that_comes_after_consent_was_withdrawn() -> None:
    talk = ready()
    talk.machine.consents = ()
    assert talk.turn() == []
    assert talk.machine.stage is Stage.IDLE


def test_only_entry_id_and_rpt_ena_are_ever_written() -> None:
    written = {one for one in Request if one.value.startswith("write")}
    assert written == {Request.ENTRY, Request.ENABLE, Request.DISABLE}

"""Who may use a report control block, and until when: Resv, ResvTms, Owner, the association (7-2, 17.2)."""

from __future__ import annotations

import pytest
from report_scene import DESK, NOBODYS, OTHER, Scene, told

from iec61850_model.server.control import Client

SECOND = Client(DESK.peer, "1:9")
"""Another association of the same client."""
BACK = Client("agg7@hub.example.org/another-desk", "1:10")
"""The same provider, come back under another resource."""
BUSY = ["RptID: temporarily-unavailable"]
BOTH = pytest.mark.parametrize("name", ["urcb01", "brcb01", "brcb02"])


@BOTH
def test_a_free_block_may_be_set_by_anybody(name: str) -> None:
    scene = Scene()
    assert scene.write(name, DESK, RptID="a") == []
    assert scene.write(name, OTHER, RptID="b") == []
    assert scene.write(name, NOBODYS, RptID="c") == []


@BOTH
def test_who_enables_a_block_holds_it_until_he_disables_it(name: str) -> None:
    scene = Scene()
    scene.enable(name, DESK)
    for attribute, value in (("RptEna", True), ("RptEna", False), ("GI", True)):
        refused = scene.write(name, OTHER, **{attribute: value})
        assert refused == [f"{attribute}: temporarily-unavailable"]
    scene.change(TotW=1.0)
    scene.heard()
    assert [client for client, _ in scene.pdus] == [DESK]
    assert scene.write(name, DESK, RptEna=False) == []
    scene.enable(name, OTHER)


@BOTH
def test_another_association_of_the_same_client_may_disable_and_take_over(name: str) -> None:
    scene = Scene()
    scene.enable(name, DESK)
    assert scene.write(name, SECOND, RptEna=True) == ["RptEna: temporarily-unavailable"]
    assert scene.write(name, SECOND, RptEna=False) == []
    scene.enable(name, SECOND)
    scene.end(DESK)
    scene.change(TotW=1.0)
    scene.heard()
    assert [client for client, _ in scene.pdus] == [SECOND]


@BOTH
def test_the_end_of_the_association_disables_and_frees_the_block(name: str) -> None:
    scene = Scene()
    scene.enable(name, DESK)
    scene.end(OTHER)
    assert scene.value(name, "RptEna") is True
    scene.end(DESK)
    assert scene.value(name, "RptEna") is False
    scene.change(TotW=1.0)
    assert scene.heard() == []
    assert scene.write(name, OTHER, RptID="free") == []


def test_owner_is_shown_to_the_owner_alone() -> None:
    scene = Scene()
    scene.enable("urcb01", DESK)
    assert scene.value("urcb01", "Owner", DESK) == DESK.peer.encode()
    assert scene.value("urcb01", "Owner", OTHER) == b""
    scene.reports.reading(None)
    assert scene.leaf("urcb01", "Owner").value == b""
    scene.end(DESK)
    assert scene.value("urcb01", "Owner", DESK) == b""


def test_a_long_jid_is_cut_to_what_owner_holds() -> None:
    scene = Scene()
    long = Client(f"{'a' * 70}@hub.example.org/x", "5:5")
    scene.enable("urcb01", long)
    assert scene.value("urcb01", "Owner", long) == b"a" * 64


# --- Resv of unbuffered blocks ---------------------------------------------------------------------


def test_resv_reserves_until_it_is_given_back() -> None:
    scene = Scene()
    assert scene.write("urcb01", DESK, Resv=True) == []
    assert scene.write("urcb01", OTHER, RptID="b") == BUSY
    assert scene.write("urcb01", OTHER, Resv=False) == ["Resv: temporarily-unavailable"]
    scene.enable("urcb01", DESK)
    assert scene.write("urcb01", DESK, RptEna=False) == []
    assert scene.value("urcb01", "Resv") is True
    assert scene.write("urcb01", OTHER, RptID="b") == BUSY
    assert scene.write("urcb01", DESK, Resv=False) == []
    assert scene.write("urcb01", OTHER, RptID="b") == []


def test_resv_shows_that_enabling_reserved_the_block() -> None:
    scene = Scene()
    scene.enable("urcb01")
    assert scene.value("urcb01", "Resv") is True
    assert scene.write("urcb01", RptEna=False) == []
    assert scene.value("urcb01", "Resv") is False


def test_resv_ends_with_the_association() -> None:
    scene = Scene()
    scene.write("urcb01", DESK, Resv=True)
    scene.end(DESK)
    assert scene.value("urcb01", "Resv") is False
    assert scene.write("urcb01", OTHER, RptID="b") == []


def test_nobody_reserves_outside_an_association() -> None:
    scene = Scene()
    assert scene.write("urcb01", NOBODYS, Resv=True) == ["Resv: object-access-denied"]
    assert scene.write("brcb01", NOBODYS, ResvTms=10) == ["ResvTms: object-access-denied"]


# --- ResvTms of buffered blocks --------------------------------------------------------------------


def test_resv_tms_reserves_and_goes_on_after_the_association() -> None:
    scene = Scene()
    assert scene.write("brcb01", DESK, ResvTms=60) == []
    assert scene.write("brcb01", OTHER, RptID="b") == BUSY
    scene.end(DESK)
    scene.wait(59.0)
    assert scene.write("brcb01", OTHER, RptID="b") == BUSY
    scene.wait(1.0)
    assert scene.value("brcb01", "ResvTms") == 0
    assert scene.write("brcb01", OTHER, RptID="b") == []


def test_within_resv_tms_the_client_comes_back_also_under_another_resource() -> None:
    scene = Scene()
    scene.enable("brcb01", DESK, ResvTms=60)
    scene.end(DESK)
    scene.wait(50.0)
    scene.enable("brcb01", BACK)
    scene.wait(60.0)
    assert scene.value("brcb01", "RptEna") is True
    scene.end(BACK)
    scene.wait(59.0)
    assert scene.write("brcb01", OTHER, RptID="b") == BUSY


def test_a_reserved_block_stays_reserved_when_it_is_disabled() -> None:
    scene = Scene()
    scene.enable("brcb01", DESK, ResvTms=60)
    assert scene.write("brcb01", DESK, RptEna=False) == []
    assert scene.write("brcb01", OTHER, RptID="b") == BUSY
    assert scene.write("brcb01", DESK, ResvTms=0) == []
    assert scene.write("brcb01", OTHER, RptID="b") == []


def test_resv_tms_ends_when_the_clock_is_set_back() -> None:
    scene = Scene()
    scene.write("brcb01", DESK, ResvTms=60)
    scene.end(DESK)
    scene.now -= 3_600.0
    scene.tick()
    assert scene.write("brcb01", OTHER, RptID="b") == []


def test_resv_tms_is_no_negative_number() -> None:
    assert Scene().write("brcb01", ResvTms=-1) == ["ResvTms: object-value-invalid"]


# --- reserved by configuration ---------------------------------------------------------------------

COLLECTOR = Client("history.hub.example.org", "7:7")


def test_a_block_kept_for_one_peer_is_no_others() -> None:
    scene = Scene()
    scene.reports.reserve("MET/LLN0$BR$brcbHist01", "history.hub.example.org")
    for attribute, value in (("RptEna", True), ("PurgeBuf", True), ("EntryID", bytes(8))):
        refused = scene.write("brcbHist01", DESK, **{attribute: value})
        assert refused == [f"{attribute}: object-access-denied"]
    scene.enable("brcbHist01", COLLECTOR)
    scene.change(TotW=1.0)
    assert [told(report) for report in scene.heard()] == [{"TotW": 1.0}]
    scene.end(COLLECTOR)
    assert scene.write("brcbHist01", DESK, RptEna=True) == ["RptEna: object-access-denied"]


@pytest.mark.parametrize(
    "peer", ["box@history.hub.example.org", "history.hub.example.org/a", "box@history.hub.example.org/b"]
)
def test_a_block_kept_for_a_domain_is_of_every_address_in_it(peer: str) -> None:
    scene = Scene()
    scene.reports.reserve("MET/LLN0$BR$brcbHist01", "history.hub.example.org")
    scene.enable("brcbHist01", Client(peer, "7:8"))


def test_resv_tms_by_configuration_is_not_set() -> None:
    scene = Scene()
    assert scene.write("brcbHist01", DESK, ResvTms=10) == ["ResvTms: object-access-denied"]
    scene.enable("brcbHist01", DESK)
    scene.end(DESK)
    assert scene.value("brcbHist01", "ResvTms") == -1


def test_an_unknown_block_cannot_be_kept() -> None:
    with pytest.raises(KeyError):
        Scene().reports.reserve("MET/LLN0$BR$brcbNone", "history.hub.example.org")

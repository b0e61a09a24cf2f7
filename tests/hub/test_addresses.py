"""Addresses: split as RFC 7622 says, computed in both directions without remembering anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.addresses import Addresses, Jid, full

HUB = Addresses("hub.example.org")

names = st.text(
    st.characters(exclude_characters="@/", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
)
resources = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hub.example.org", ("", "hub.example.org", "")),
        ("hub.example.org/x", ("", "hub.example.org", "x")),
        ("hp0001@hub.example.org", ("hp0001", "hub.example.org", "")),
        ("hp0001@hub.example.org/IEC", ("hp0001", "hub.example.org", "IEC")),
        ("a@b/c/d", ("a", "b", "c/d")),
        ("a@b/c@d", ("a", "b", "c@d")),
        ("b/c@d/e", ("", "b", "c@d/e")),
        ("", ("", "", "")),
    ],
)
def test_a_jid_is_split_at_its_first_slash(text: str, parts: tuple[str, str, str]) -> None:
    assert Jid.parse(text) == parts
    assert str(Jid.parse(text)) == text


@given(names, names, resources)
def test_splitting_and_joining_are_inverse(local: str, domain: str, resource: str) -> None:
    jid = Jid(local, domain, resource)
    assert Jid.parse(str(jid)) == jid
    assert Jid.parse(full(jid.bare, resource)) == jid


@given(names, resources)
def test_an_alias_gives_back_provider_and_resource(provider: str, resource: str) -> None:
    assert Jid.parse(HUB.alias(provider, resource)) == (provider, "hub.example.org", resource)


@given(names, resources, names, resources)
def test_two_sessions_never_share_an_alias(one: str, here: str, other: str, there: str) -> None:
    assert (HUB.alias(one, here) == HUB.alias(other, there)) == ((one, here) == (other, there))


def test_heat_pump_and_box_have_the_resource_of_the_standard() -> None:
    assert HUB.heat_pump("hp0001") == "hp0001@hub.example.org/IEC"
    assert HUB.heat_pump_bare("hp0001") == "hp0001@hub.example.org"
    assert HUB.box("box0001@boxes.example.org") == "box0001@boxes.example.org/IEC"

"""When a provider's certificate is renewed, and that a hub that cannot be reached holds nobody up."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

import service_provider.renewal
from hub.enrolment.authority import DAY, make_authority
from iec61850_model.enrolment.keys import new_key
from iec61850_model.xmpp import ConnectionSettings
from iec61850_model.xmpp.identity import AUTHORITIES_NAME, IDENTITY_NAME, Identity
from service_provider import ServiceProvider
from service_provider.renewal import TRIED_SUFFIX, _keep_authorities, renew_if_due
from support.ports import LOOPBACK, free_port

JID, HUB = "agg@providers.example", "hub.example"


@pytest.fixture
def settings(tmp_path: Path) -> ConnectionSettings:
    """Where nobody listens."""
    file = tmp_path / IDENTITY_NAME
    return ConnectionSettings(JID, host=LOOPBACK, port=free_port(), identity_file=file)


def given(settings: ConnectionSettings, days_ago: float) -> Identity:
    """The certificate, as it was given so many days ago for 30."""
    key, at = new_key(), time.time() - days_ago * DAY
    identity = Identity(key, make_authority("A", at).issue(key.public_key(), JID, 1, at, 30))
    assert settings.identity_file is not None
    identity.write(settings.identity_file)
    return identity


def tried(settings: ConnectionSettings) -> Path:
    assert settings.identity_file is not None
    return settings.identity_file.with_name(IDENTITY_NAME + TRIED_SUFFIX)


async def test_a_young_certificate_is_left_alone(settings: ConnectionSettings) -> None:
    given(settings, 19)
    assert not await renew_if_due(settings, HUB)
    assert not tried(settings).exists()


async def test_one_in_its_last_third_is_tried_once_in_a_while_and_the_login_goes_on(
    settings: ConnectionSettings, caplog: pytest.LogCaptureFixture
) -> None:
    given(settings, 21)
    with caplog.at_level(logging.WARNING):
        assert not await renew_if_due(settings, HUB)
        assert not await renew_if_due(settings, HUB)
    assert [one.message.partition(" was ")[2][:11] for one in caplog.records] == ["not renewed"]
    before = time.time() - 3_600
    os.utime(tried(settings), (before, before))
    assert not await renew_if_due(settings, HUB)
    assert tried(settings).stat().st_mtime > before + 60, "it is tried again"


async def test_one_that_has_run_out_is_tried_each_time(
    settings: ConnectionSettings, caplog: pytest.LogCaptureFixture
) -> None:
    given(settings, 31)
    for _ in range(2):
        assert not await renew_if_due(settings, HUB)
    assert len(caplog.records) == 2


async def test_a_hub_that_says_nothing_holds_the_login_up_for_a_bounded_time(
    settings: ConnectionSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import asyncio

    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(60), LOOPBACK, settings.port)
    monkeypatch.setattr(service_provider.renewal, "RENEW_WITHIN", 0.2)
    given(settings, 21)
    async with server:
        assert not await renew_if_due(settings, HUB)
    assert "no answer in time" in caplog.text


async def test_a_file_that_holds_no_identity_is_for_the_login_to_speak_of(
    settings: ConnectionSettings,
) -> None:
    assert settings.identity_file is not None
    settings.identity_file.write_text("nothing")
    assert not await renew_if_due(settings, HUB)


def test_only_the_list_of_authorities_that_came_with_the_identity_is_replaced(tmp_path: Path) -> None:
    ours, theirs = tmp_path / AUTHORITIES_NAME, tmp_path / "ca.pem"
    for file in (ours, theirs):
        file.write_text("old")
        _keep_authorities(file, tmp_path / IDENTITY_NAME, "new")
    assert (ours.read_text(), theirs.read_text()) == ("new", "old")


def test_who_gives_neither_password_nor_identity_is_told_so(settings: ConnectionSettings) -> None:
    with pytest.raises(ValueError, match="identity file"):
        ServiceProvider(JID, hub=HUB)
    with pytest.raises(ValueError, match="not both"):
        replace(settings, password="x")

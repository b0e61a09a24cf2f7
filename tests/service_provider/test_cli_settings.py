"""How hpclient finds out where and as whom to connect, and what it says if it cannot."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from iec61850_model.xmpp import ConnectionSettings
from service_provider.cli import main
from service_provider.cli.connection import Login
from service_provider.provider import ServiceProvider

GIVEN: dict[str, str | int | float | None] = dict.fromkeys(
    ("jid", "password_file", "hub", "host", "port", "ca_file", "timeout")
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for key in (*GIVEN, "password"):
        monkeypatch.delenv(f"HPCLIENT_{key.upper()}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def configure(home: Path, text: str, mode: int = 0o600) -> Path:
    file = home / ".config" / "heat-pump-hub" / "client.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def secret(home: Path, mode: int = 0o600) -> Path:
    file = home / "password"
    file.write_text("secret\n")
    file.chmod(mode)
    return file


async def settings(**given: str) -> ConnectionSettings:
    provider = Login(GIVEN | given).provider()
    assert isinstance(provider, ServiceProvider)
    return provider._connection.settings


async def test_options_go_before_environment_before_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(
        home, "jid: file@a.example\nhub: hub.example\nhost: xmpp.example\nport: 1\npassword: from-file\n"
    )
    monkeypatch.setenv("HPCLIENT_PORT", "2")
    monkeypatch.setenv("HPCLIENT_PASSWORD", "from-environment")
    found = await settings(jid="option@a.example")
    assert (found.jid, found.host, found.port) == ("option@a.example", "xmpp.example", 2)
    assert found.password == "from-environment"
    assert (await settings(password_file=str(secret(home)))).password == "secret"
    assert "secret" not in repr(found)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
async def test_a_secret_others_can_read_is_not_used(home: Path, mode: int) -> None:
    with pytest.raises(click.UsageError, match="chmod 600"):
        await settings(jid="a@b.example", hub="hub.example", password_file=str(secret(home, mode)))
    configure(home, "password: secret\n", mode)
    with pytest.raises(click.UsageError, match="chmod 600"):
        await settings(jid="a@b.example", hub="hub.example")


async def test_an_identity_file_is_taken_instead_of_a_password_and_the_nearer_of_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = secret(home)
    configure(home, f"jid: a@b.example\nhub: h.example\nidentity_file: {identity}\n")
    found = await settings()
    assert (found.identity_file, found.password, found.mechanisms) == (identity, "", {"EXTERNAL"})
    monkeypatch.setenv("HPCLIENT_PASSWORD", "secret")
    found = await settings()
    assert (found.identity_file, found.password) == (None, "secret")
    monkeypatch.delenv("HPCLIENT_PASSWORD")
    identity.chmod(0o640)
    with pytest.raises(click.UsageError, match="chmod 600"):
        await settings()


async def test_another_configuration_may_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(home, "jid: a@b.example\nhub: h.example\npassword: secret\n")
    other = home / "other.yaml"
    other.write_text("jid: c@d.example\nhub: h.example\npassword: secret\n")
    other.chmod(0o600)
    assert (await settings()).jid == "a@b.example"
    assert (await settings(config=str(other))).jid == "c@d.example"
    monkeypatch.setenv("HPCLIENT_CONFIG", str(other))
    assert (await settings()).jid == "c@d.example"


@pytest.mark.parametrize("code", ["", "x", "MFRGG"])
def test_what_is_no_code_is_said_and_writes_nothing(home: Path, code: str) -> None:
    result = CliRunner().invoke(main, ["enrol", "-"], input=code)
    assert (result.exit_code, "no code of a hub" in result.output) == (2, True)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "HPCLIENT_JID"),
        ({"JID": "a@b.example"}, "HPCLIENT_HUB"),
        ({"JID": "a@b.example", "HUB": "h.example"}, "HPCLIENT_PASSWORD"),
        ({"JID": "b.example", "HUB": "h.example", "PASSWORD": "x"}, "user@domain"),
        (
            {"JID": "a@b.example", "HUB": "h.example", "PASSWORD": "x", "PORT": "many"},
            "port is to be a number",
        ),
        ({"JID": "a@b.example", "HUB": "h.example", "PASSWORD": "x", "PORT": "5222"}, "host and port"),
        ({"JID": "a@b.example", "HUB": "h.example", "PASSWORD_FILE": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    environment: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(f"HPCLIENT_{key}", value)
    result = CliRunner().invoke(main, ["ls"])
    assert result.exit_code == 2
    assert says in result.output


def test_a_configuration_with_unknown_keys_is_refused(home: Path) -> None:
    configure(home, "jid: a@b.example\npasword: x\n")
    result = CliRunner().invoke(main, ["ls"])
    assert result.exit_code == 2
    assert "password_file" in result.output


@pytest.mark.parametrize(
    "command",
    [
        *(
            "",
            "ls",
            "heatpumps",
            "browse",
            "read",
            "write",
            "operate",
            "watch",
            "report",
            "dataset",
            "log",
            "history",
            "enrol",
        ),
        *(f"report {one}" for one in ("list", "show", "set", "enable", "disable")),
        *(f"dataset {one}" for one in ("ls", "show", "read", "write", "create", "delete")),
        *(f"log {one}" for one in ("ls", "show", "status", "query", "set")),
    ],
)
def test_help_teaches_with_examples(command: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "hpclient " in result.output


def test_no_option_takes_a_password() -> None:
    assert not [option for option in main.params if "--password" in option.opts]


@pytest.mark.parametrize(
    "arguments",
    [
        ["read"],
        ["read", "hp0001"],
        ["watch", "--for", "soon"],
        ["watch", "--count", "0"],
        ["dataset", "create", "hp0001", "@mine"],
        ["log", "query", "hp0001"],
        ["history"],
        ["log", "set", "hp0001", "LD0/LLN0.lcbStat"],
        ["fly"],
    ],
)
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2

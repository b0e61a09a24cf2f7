"""Making a hub, and finding it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.config import CONFIG_VARIABLE, HubConfig

Hphub = Callable[..., Result]


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_init_makes_a_private_hub_that_loads(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in ("hub.yaml", "secrets/router", "registry.db", "audit.db"):
        assert (folder / file).stat().st_mode & 0o077 == 0, file
    config = HubConfig.load(folder / "hub.yaml")
    assert config.domain == "hub.example.org"
    assert len(config.router_secret()) == 64


def test_init_shows_the_component_block_but_the_secret_only_if_asked(tmp_path: Path) -> None:
    for shown in (False, True):
        folder = tmp_path / f"hub{shown}"
        result = CliRunner().invoke(
            main,
            ["init", "--domain", "h.example", "--dir", str(folder), *(["--show-secrets"] if shown else [])],
        )
        assert 'Component "h.example"' in result.output
        assert str(folder / "secrets" / "router") in result.output
        secret = (folder / "secrets" / "router").read_text().strip()
        assert (secret in result.output) is shown


def test_init_takes_host_and_port(tmp_path: Path) -> None:
    CliRunner().invoke(
        main,
        [
            "init",
            "--domain",
            "h.example",
            "--dir",
            str(tmp_path),
            "--xmpp-host",
            "10.0.0.1",
            "--component-port",
            "15347",
        ],
    )
    config = HubConfig.load(tmp_path / "hub.yaml")
    assert (config.xmpp.host, config.xmpp.component_port) == ("10.0.0.1", 15347)


def test_init_again_changes_nothing(folder: Path, granted: Hphub) -> None:
    kept = [folder / "hub.yaml", folder / "secrets" / "router"]
    before = [file.read_bytes() for file in kept]
    dump = list(sqlite3.connect(folder / "registry.db").iterdump())
    result = CliRunner().invoke(main, ["init", "--dir", str(folder), "--domain", "hub.example.org"])
    assert (result.exit_code, "up to date" in result.output) == (0, True)
    assert [file.read_bytes() for file in kept] == before
    assert list(sqlite3.connect(folder / "registry.db").iterdump()) == dump


def test_init_does_not_turn_a_hub_into_another(folder: Path) -> None:
    result = CliRunner().invoke(main, ["init", "--dir", str(folder), "--domain", "other.example"])
    assert result.exit_code == 1
    assert "hub.example.org" in result.output


@pytest.mark.parametrize(
    "arguments", [[], ["--domain", "a@b"], ["--domain", "h.example", "--component-port", "0"]]
)
def test_init_without_a_usable_domain_or_port_is_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["init", "--dir", str(tmp_path / "hub"), *arguments])
    assert result.exit_code == 2
    assert not (tmp_path / "hub").exists()


def test_without_a_hub_the_commands_say_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    result = CliRunner().invoke(main, ["heatpump", "list"])
    assert result.exit_code == 1
    assert "hphub init" in result.output


@pytest.mark.parametrize("before", [True, False])
def test_the_configuration_may_be_named_before_or_after_the_command(folder: Path, before: bool) -> None:
    option = ["--config", str(folder / "hub.yaml")]
    command = ["heatpump", "list"]
    result = CliRunner().invoke(main, option + command if before else command + option)
    assert result.exit_code == 0


def test_a_missing_database_is_told_not_made(hphub: Hphub, folder: Path) -> None:
    (folder / "registry.db").unlink()
    result = hphub("heatpump", "list")
    assert (result.exit_code, "hphub init" in result.output) == (1, True)
    assert not (folder / "registry.db").exists()


def test_nothing_is_changed_that_cannot_be_audited(hphub: Hphub, folder: Path) -> None:
    with sqlite3.connect(folder / "audit.db") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    result = hphub("heatpump", "add", "hp0001", "--box", "box0001@boxes.example.org")
    assert (result.exit_code, "disk full" in result.output) == (1, True)
    assert as_json(hphub("heatpump", "list", "--json")) == []


def test_nothing_runs_on_a_schema_of_another_program(hphub: Hphub, folder: Path) -> None:
    with sqlite3.connect(folder / "registry.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'registry_9999'")
    for command in (("run",), ("init", "--dir", str(folder)), ("heatpump", "list")):
        result = hphub(*command)
        assert (result.exit_code, "newer hub" in result.stderr) == (1, True)


def test_run_refuses_a_secret_that_others_may_read(hphub: Hphub, folder: Path) -> None:
    (folder / "secrets" / "router").chmod(0o644)
    result = hphub("run")
    assert (result.exit_code, "chmod 600" in result.stderr) == (1, True)

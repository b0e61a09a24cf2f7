from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import CONFIG_VARIABLE, ConfigError, HubConfig, find_config, read_secret


def written(folder: Path, text: str) -> Path:
    path = folder / "hub.yaml"
    path.write_text(text)
    return path


def test_defaults_lie_beside_the_file(tmp_path: Path) -> None:
    config = HubConfig.load(written(tmp_path, "domain: Hub.Example.org\n"))
    assert config.domain == "hub.example.org"
    assert config.secrets.router == tmp_path / "secrets" / "router"
    assert config.databases.registry == f"sqlite+aiosqlite:///{tmp_path}/registry.db"
    assert config.databases.audit == f"sqlite+aiosqlite:///{tmp_path}/audit.db"
    assert (config.xmpp.host, config.xmpp.component_port) == ("127.0.0.1", 5347)


def test_relative_paths_start_at_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    config = HubConfig.load(
        written(
            tmp_path,
            "domain: h.example\nsecrets: {router: /srv/secret}\ndatabases: {audit: 'sqlite:///data/a.db'}\n",
        )
    )
    assert config.secrets.router == Path("/srv/secret")
    assert config.databases.audit == f"sqlite+aiosqlite:///{tmp_path}/data/a.db"
    assert config.databases.registry == f"sqlite+aiosqlite:///{tmp_path}/registry.db"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("xmpp: {}\n", "domain: missing"),
        ("domain: h.example\ncolour: red\n", "colour: no such key"),
        ("domain: h.example\nxmpp: {component_port: 70000}\n", "xmpp.component_port: "),
        ("domain: user@h.example\n", "domain: 'user@h.example' is not a domain name"),
        ("domain: h.example\nlog_level: loud\n", "log_level: "),
        ("domain: h.example\npresence: {pace: 0}\n", "presence.pace: "),
        ("domain: h.example\nrouter_name: A B\n", "router_name: "),
        ("domain: h.example\nrouter_name: operator\n", "choose another name"),
        (
            "domain: h.example\ndatabases: {registry: 'mysql://x/y'}\n",
            "databases.registry: only SQLite files",
        ),
        ("domain: h.example\ndatabases: {registry: 'nonsense'}\n", "databases.registry: not a database URL"),
        ("- a\n- b\n", "is not a list of"),
        ("domain: [\n", "is not YAML"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        HubConfig.load(path)
    assert str(path) in str(refused.value)
    assert complaint in str(refused.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hphub init"):
        HubConfig.load(tmp_path / "hub.yaml")


def secret_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "router"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_private_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    assert read_secret(secret_file(tmp_path, "0123456789abcdef\n")) == "0123456789abcdef"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_others_may_touch_is_refused_and_not_shown(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="chmod 600") as refused:
        read_secret(secret_file(tmp_path, "0123456789abcdef\n", mode))
    assert "0123456789abcdef" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "short\n", "0123456789abcdef\n0123456789abcdef\n", "x" * 2000])
def test_what_is_no_secret_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="must hold one line"):
        read_secret(secret_file(tmp_path, text))


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_secret(tmp_path / "router")


def test_the_file_given_goes_before_the_variable_before_the_folder(tmp_path: Path) -> None:
    here = written(tmp_path, "domain: h.example\n")
    environment = {CONFIG_VARIABLE: "/elsewhere/hub.yaml"}
    assert find_config(Path("/given.yaml"), environment, tmp_path) == Path("/given.yaml")
    assert find_config(None, environment, tmp_path) == Path("/elsewhere/hub.yaml")
    assert find_config(None, {}, tmp_path) == here


def test_no_file_anywhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=CONFIG_VARIABLE):
        find_config(None, {}, tmp_path)

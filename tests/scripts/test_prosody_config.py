"""The shipped Prosody configuration is filled in completely and safely."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.prosody_config import ProsodySettings, render
from support.prosody_install import ProsodyUnavailableError, find_prosody, lua_string


@pytest.fixture
def settings(tmp_path: Path) -> ProsodySettings:
    return ProsodySettings(
        directory=tmp_path,
        domains=["boxes.example.org", "aggregator.example"],
        component_secrets={"hub.example.org": "s1", "ops.hub.example.org": "s2"},
        client_port=15222,
        component_port=15347,
    )


def test_every_placeholder_is_filled_in(settings: ProsodySettings) -> None:
    effective = [line for line in render(settings).splitlines() if not line.lstrip().startswith("--")]
    assert not [line for line in effective if "@" in line]
    assert "c2s_ports = { 15222 }" in effective
    assert 'VirtualHost "aggregator.example"' in effective
    component = effective.index('Component "ops.hub.example.org"')
    assert effective[component + 1] == '    component_secret = "s2"'


def test_an_unknown_placeholder_is_refused(settings: ProsodySettings, tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("-- @not_this_one@\nport = @surprise@\n")
    with pytest.raises(KeyError, match="surprise"):
        render(settings, template)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("a b", '"a b"'),
        ('say "hi"', r'"say \034hi\034"'),
        ("back\\slash", r'"back\092slash"'),
        ("\n", r'"\010"'),
    ],
)
def test_lua_strings_keep_every_character_in_its_place(text: str, literal: str) -> None:
    assert lua_string(text) == literal


def test_without_prosody_and_without_apt_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ProsodyUnavailableError, match=r"no apt-get.*Install Prosody 0\.12 or newer"):
        find_prosody(tmp_path / ".local")


def test_an_installed_prosody_that_is_too_old_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prosody.version").write_text("0.11.9\n")
    for program in ("prosody", "prosodyctl"):
        (tmp_path / program).write_text(f"#!/bin/sh\nCFG_SOURCEDIR='{tmp_path}';\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProsodyUnavailableError, match=r"0\.11\.9 .* is too old"):
        find_prosody(tmp_path / ".local")


def test_a_folder_that_lua_cannot_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ProsodyUnavailableError, match="Move this folder"):
        find_prosody(tmp_path / "what?" / ".local")

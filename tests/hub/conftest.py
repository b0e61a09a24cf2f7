"""Real hubs in a temporary folder: their SQLite files, and their command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.audit import AUDIT_SCHEMA
from hub.cli import main
from hub.config import CONFIG_VARIABLE
from hub.registry import REGISTRY_SCHEMA, Registry

Hphub = Callable[..., Result]


@pytest.fixture
async def registry_url(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/registry.db"
    await REGISTRY_SCHEMA.upgrade(url)
    return url


@pytest.fixture
async def registry(registry_url: str) -> AsyncIterator[Registry]:
    opened = await Registry.open(registry_url)
    yield opened
    await opened.close()


@pytest.fixture
async def audit_url(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/audit.db"
    await AUDIT_SCHEMA.upgrade(url)
    return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = CliRunner().invoke(main, ["init", "--domain", "hub.example.org", "--dir", str(tmp_path / "hub")])
    assert made.exit_code == 0, made.output
    return tmp_path / "hub"


@pytest.fixture
def hphub(folder: Path) -> Hphub:
    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(main, list(arguments), env={CONFIG_VARIABLE: str(folder / "hub.yaml")})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def granted(hphub: Hphub) -> Hphub:
    for command in (
        "heatpump add hp0001 --box box0001@boxes.example.org",
        "provider add agg --jid control@aggregator.example",
        "grant add agg hp0001 --right read",
    ):
        assert hphub(*command.split()).exit_code == 0
    return hphub

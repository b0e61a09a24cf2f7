"""Real hubs in a temporary folder: their SQLite files, and their command line."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_hub import CommandHub, Furnished, copied, furnished_in
from sqlalchemy import text

from hub.audit import AUDIT_SCHEMA
from hub.cli import main
from hub.config import CONFIG_VARIABLE
from hub.database import open_engine
from hub.history import HISTORY_SCHEMA
from hub.registry import REGISTRY_SCHEMA, Registry
from support.postgresql import PostgresqlServer, PostgresqlUnavailableError

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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A running PostgreSQL; without one the test is skipped, in CI it fails."""
    try:
        __import__("asyncpg")
        with PostgresqlServer() as server:
            yield server
    except (ImportError, PostgresqlUnavailableError) as error:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL: {error}")


@pytest.fixture(params=["sqlite", "postgresql"])
async def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty history in each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/history.db"
    else:
        url = request.getfixturevalue("postgresql").url
        engine = open_engine(url)
        async with engine.begin() as connection:
            await connection.execute(text("DROP SCHEMA public CASCADE"))
            await connection.execute(text("CREATE SCHEMA public"))
        await engine.dispose()
    await HISTORY_SCHEMA.upgrade(url)
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


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnished_in(tmp_path_factory.mktemp("furnished"))


@pytest.fixture
async def command_hub(furnished: Furnished, tmp_path: Path) -> AsyncIterator[CommandHub]:
    """A hub with people, providers and heat pumps, at whose command desk stanzas can be handed in."""
    async with copied(furnished, tmp_path) as made:
        yield made

"""The history's schema in SQLite and PostgreSQL, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from hub.config import ConfigError, HubConfig
from hub.database import DatabaseDown, SchemaError, open_engine
from hub.history import HISTORY_SCHEMA
from hub.history.models import METADATA
from hub.history.quantities import QUANTITIES
from hub.history.store import HistoryStore
from iec61850_model.scl import read_model
from support.postgresql import PostgresqlServer
from support.scene import MODEL


async def test_migrations_make_what_the_models_say(history_url: str) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)

    engine = open_engine(history_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
    assert not await HISTORY_SCHEMA.upgrade(history_url)


def test_every_quantity_has_a_bit_of_its_own_that_is_its_place() -> None:
    assert [one.bit for one in QUANTITIES] == list(range(len(QUANTITIES)))
    assert len({one.reference for one in QUANTITIES}) == len(QUANTITIES) < 63


def test_the_quantities_are_those_of_the_data_set_in_the_icd() -> None:
    blocks = read_model(MODEL.read_bytes()).blocks
    (data_set,) = [one for one in blocks.data_sets if (one.ld, one.name) == ("AVG", "dsAvg")]
    values = [member for member in data_set.members if member.path[-1] in ("f", "actVal")]
    objects = [f"{one.ld}/{one.ln}.{'.'.join(one.path)}" for one in values]
    found = {one.removesuffix(".mag.f").removesuffix(".cVal").removesuffix(".actVal") for one in objects}
    assert found == {quantity.reference for quantity in QUANTITIES}


async def test_nothing_in_the_history_names_a_heat_pump(history_url: str) -> None:
    names = {column.name for table in METADATA.tables.values() for column in table.columns}
    assert not {one for one in names if "heat_pump" in one or "jid" in one or "box" in one}


async def test_an_interval_of_a_series_is_there_once_whatever_the_program_does(history_url: str) -> None:
    engine = open_engine(history_url)
    insert = text("INSERT INTO sample (series, interval, invalid, questionable) VALUES (1, 300, 0, 0)")
    async with engine.begin() as connection:
        await connection.execute(insert)
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with engine.begin() as connection:
            await connection.execute(insert)
    await engine.dispose()


async def test_a_server_that_is_away_is_told_from_a_wrong_one(postgresql: PostgresqlServer) -> None:
    host = postgresql.url.rpartition("/")[0]
    with pytest.raises(SchemaError, match=r"nodb.* cannot be used.*does not exist") as wrong:
        await HistoryStore.open(f"{host}/nodb")
    assert not isinstance(wrong.value, DatabaseDown)
    with pytest.raises(DatabaseDown, match=r"history database x at 127\.0\.0\.1:1 cannot be used") as away:
        await HistoryStore.open("postgresql+asyncpg://hub:verysecret@127.0.0.1:1/x")
    assert "verysecret" not in str(away.value)


async def test_a_history_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="hphub init"):
        await HistoryStore.open(f"sqlite+aiosqlite:///{tmp_path}/history.db")


def test_the_configuration_takes_sqlite_and_postgresql_and_nothing_else(folder: Path) -> None:
    path = folder / "hub.yaml"
    before = path.read_text()
    assert HubConfig.load(path).databases.history == f"sqlite+aiosqlite:///{folder}/history.db"
    url = "postgresql+asyncpg://hub:verysecret@db.example/history"
    path.write_text(before.replace("sqlite:///history.db", url))
    config = HubConfig.load(path)
    assert config.databases.history == url
    assert "verysecret" not in repr(config)
    for wrong in ("postgresql://x/y", "mysql://x/y", "postgresql+asyncpg:///y", "nonsense"):
        path.write_text(before.replace("sqlite:///history.db", wrong))
        with pytest.raises(ConfigError, match=r"databases\.history.*write e\.g\."):
            HubConfig.load(path)

"""The schema the migrations make is the one the models speak of; any other is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text

from hub.audit import AUDIT_SCHEMA, AuditLog
from hub.audit.models import Base as AuditBase
from hub.database import Schema, SchemaError, open_engine
from hub.registry import REGISTRY_SCHEMA, Holder, Registry, find_certificate, find_code
from hub.registry.models import Base as RegistryBase


def sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


@pytest.mark.parametrize(
    ("schema", "models"), [(REGISTRY_SCHEMA, RegistryBase.metadata), (AUDIT_SCHEMA, AuditBase.metadata)]
)
async def test_migrations_make_what_the_models_say(tmp_path: Path, schema: Schema, models: MetaData) -> None:
    url = sqlite_url(tmp_path / "some.db")
    await schema.upgrade(url)

    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), models)

    engine = open_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("schema", [REGISTRY_SCHEMA, AUDIT_SCHEMA])
async def test_a_second_upgrade_changes_nothing(tmp_path: Path, schema: Schema) -> None:
    url = sqlite_url(tmp_path / "some.db")
    assert await schema.upgrade(url)
    before = list(sqlite3.connect(tmp_path / "some.db").iterdump())
    assert not await schema.upgrade(url)
    assert list(sqlite3.connect(tmp_path / "some.db").iterdump()) == before


async def test_a_missing_database_is_not_made_by_opening_it(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    with pytest.raises(SchemaError, match="hphub init"):
        await Registry.open(sqlite_url(file))
    with pytest.raises(SchemaError, match="hphub init"):
        await AuditLog.open(sqlite_url(file), "router")
    assert not file.exists()


async def test_an_older_schema_says_how_to_upgrade(registry_url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "registry.db") as database:
        database.execute("DELETE FROM alembic_version")
    with pytest.raises(SchemaError, match=r"older schema.*hphub init"):
        await Registry.open(registry_url)


async def test_a_newer_schema_is_left_alone(registry_url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "registry.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'registry_9999'")
    with pytest.raises(SchemaError, match=r"newer hub.*update this program"):
        await Registry.open(registry_url)
    with pytest.raises(SchemaError, match=r"newer hub.*update this program"):
        await REGISTRY_SCHEMA.upgrade(registry_url)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    file.write_text("no database at all, but long enough to look at: " * 20)
    with pytest.raises(SchemaError, match=r"registry\.db cannot be read"):
        await Registry.open(sqlite_url(file))


async def test_codes_and_certificates_of_boxes_outlive_that_providers_have_them_too(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "registry.db")
    engine = open_engine(url)

    def older(connection: Connection) -> None:
        config = REGISTRY_SCHEMA._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "registry_0011")

    async with engine.begin() as connection:
        await connection.run_sync(older)
        for statement in (
            "INSERT INTO heat_pump VALUES (1, 'hp1', 'box@x.example', '', 1.0, NULL, 1)",
            "INSERT INTO enrolment_code VALUES ('ab', 'cd', 1, 'box@x.example', 1.0, 9e9, NULL, 0, NULL)",
            "INSERT INTO certificate VALUES ('FF', 1, 'box@x.example', x'00', 1.0, 9e9, NULL)",
        ):
            await connection.execute(text(statement))
    await engine.dispose()
    assert await REGISTRY_SCHEMA.upgrade(url)
    registry = await Registry.open(url)
    code = await registry.read(find_code, bytes.fromhex("ab"))
    certificate = await registry.read(find_certificate, 255)
    await registry.close()
    assert code is not None
    assert certificate is not None
    assert (code.holder, code.account) == (certificate.holder, certificate.account)
    assert code.holder == Holder("hp1")

"""How every command finds its hub, changes it, and fails."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.audit import OPERATOR_CHAIN, AuditEntry, AuditError, AuditLog
from hub.changing import NotTaken, make_change
from hub.config import ConfigError, HubConfig, find_config
from hub.database import SchemaError
from hub.registry import InvalidInput, NotFound, Registry, RegistryError

P = ParamSpec("P")
T = TypeVar("T")

_CONFIG_KEY = "hub.cli.config"


class CommandFailed(click.ClickException):
    """Ends a command with a message."""

    exit_code = 1


class WrongUsage(CommandFailed):
    """What was typed can never be right."""

    exit_code = 2


class NoSuchThing(CommandFailed):
    """What was named does not exist."""

    exit_code = 3


class HubGroup(click.Group):
    """The outermost group: turns what the packages raise into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors that a person can do something about end it with their message alone."""
        try:
            return super().invoke(ctx)
        except NotFound as error:
            raise NoSuchThing(str(error)) from None
        except InvalidInput as error:
            raise WrongUsage(str(error)) from None
        except (RegistryError, ConfigError, SchemaError, AuditError) as error:
            raise CommandFailed(str(error)) from None
        except SQLAlchemyError as error:
            raise CommandFailed(
                f"a database of the hub cannot be used: {getattr(error, 'orig', error)}"
            ) from None


def _remember_config(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.meta[_CONFIG_KEY] = value


config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_remember_config,
    expose_value=False,
    help="The hub.yaml to use.  [default: $HPHUB_CONFIG, ./hub.yaml or /etc/heat-pump-hub/hub.yaml]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON; times are UTC.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def load_config() -> HubConfig:
    """The configuration of the command being run. Raises ConfigError."""
    given: Path | None = click.get_current_context().meta.get(_CONFIG_KEY)
    return HubConfig.load(find_config(given, os.environ, Path.cwd()))


def read(fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read the registry: ``fn(session, ...)`` in one transaction."""

    async def run() -> T:
        async with _open_registry(load_config()) as registry:
            return await registry.read(fn, *args, **kwargs)

    return asyncio.run(run())


def change(
    fn: Callable[Concatenate[Session, P], T],
    describe: Callable[[T], AuditEntry],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Change the registry by ``fn(session, ...)``, audit it as ``describe`` says, and wait for the routers.

    The audit entry is on the disk before the change is: a change nobody could account for is not made. Raises
    CommandFailed if a router has not confirmed the change in time; then it is stored nevertheless.
    """

    async def apply(registry: Registry, audit: AuditLog) -> T:
        try:
            return await make_change(registry, audit, fn, describe, *args, **kwargs)
        except NotTaken as late:
            raise CommandFailed(str(late)) from None

    return asyncio.run(_with_audit(load_config(), apply))


async def _with_audit(config: HubConfig, apply: Callable[[Registry, AuditLog], Awaitable[T]]) -> T:
    async with _open_registry(config) as registry:
        audit = await AuditLog.open(config.databases.audit, OPERATOR_CHAIN)
        try:
            return await apply(registry, audit)
        finally:
            await audit.close()


@asynccontextmanager
async def _open_registry(config: HubConfig) -> AsyncIterator[Registry]:
    registry = await Registry.open(config.databases.registry)
    try:
        yield registry
    finally:
        await registry.close()


def operator() -> str:
    """The unix user who gives the command, also behind sudo."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)
    behind_sudo = os.environ.get("SUDO_USER") if user_id == 0 else None
    return f"{behind_sudo} as {name}" if behind_sudo else name


def confirm(question: str, yes: bool) -> None:
    """Ask before something is removed. Without a terminal to ask on, and without --yes, it is refused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUsage(f"{question} There is no terminal to ask on: add --yes")
    click.confirm(question, abort=True)


def now() -> float:
    """Seconds since 1970 UTC."""
    return time.time()

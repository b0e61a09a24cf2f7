"""How ``hpclient`` connects: options, environment, file; and how a command runs once connected."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
import yaml

from iec61850_model.client import ClientError
from iec61850_model.xmpp import REQUEST_TIMEOUT
from service_provider.cli.exits import INTERRUPTED, report
from service_provider.provider import ServiceProvider

CONFIG_FILE = Path(".config/heat-pump-hub/client.yaml")
"""Below the home directory."""
MAX_CONFIG = 65_536
"""Characters of a configuration or password file that are read; real ones have a few hundred."""
_KEYS = ("jid", "password", "password_file", "identity_file", "hub", "host", "port", "ca_file", "timeout")
_CONFIG_VARIABLE = "HPCLIENT_CONFIG"
_P = ParamSpec("_P")
_N = TypeVar("_N", int, float)
_F = TypeVar("_F", bound=Callable[..., Any])


def connection_options(command: _F) -> _F:
    """The options that say where and as whom to connect."""
    for option in reversed(
        (
            click.option("--jid", metavar="JID", help="Your account. [HPCLIENT_JID]"),
            click.option(
                "--password-file",
                metavar="FILE",
                help="File with its password. [HPCLIENT_PASSWORD_FILE, or HPCLIENT_PASSWORD itself]",
            ),
            click.option(
                "--identity-file",
                metavar="FILE",
                help="File with your key and certificate, instead of a password. [HPCLIENT_IDENTITY_FILE]",
            ),
            click.option("--hub", metavar="DOMAIN", help="The hub's domain. [HPCLIENT_HUB]"),
            click.option("--host", metavar="HOST", help="XMPP server, if not by DNS. [HPCLIENT_HOST]"),
            click.option("--port", type=int, metavar="PORT", help="Its port. [HPCLIENT_PORT]"),
            click.option("--ca-file", metavar="FILE", help="The only CAs to trust. [HPCLIENT_CA_FILE]"),
            click.option(
                "--timeout",
                type=click.FloatRange(0, 3600, min_open=True),
                metavar="SECONDS",
                help=f"For one answer; {REQUEST_TIMEOUT:g} if not given. [HPCLIENT_TIMEOUT]",
            ),
            click.option(
                "--config",
                metavar="FILE",
                help=f"File with all this. [{_CONFIG_VARIABLE}, else ~/{CONFIG_FILE}]",
            ),
        )
    ):
        command = option(command)
    return command


class Login:
    """Where and as whom to connect, gathered from options, environment and file when it is needed."""

    def __init__(self, given: Mapping[str, str | int | float | None]) -> None:
        self._given = given

    @property
    def config_file(self) -> Path:
        """The file that says where and as whom to connect."""
        named = self._given.get("config") or os.environ.get(_CONFIG_VARIABLE)
        return Path(str(named)).expanduser() if named else Path.home() / CONFIG_FILE

    def provider(self) -> ServiceProvider:
        """A service provider, not yet connected; raises click.UsageError that says what is missing or
        wrong."""
        environment = {key: os.environ.get(f"HPCLIENT_{key.upper()}") for key in _KEYS}
        sources = (self._given, environment, _config_file(self.config_file))
        found: dict[str, Any] = {}
        for key in _KEYS:
            values = [source.get(key) for source in sources]
            if any(values):
                found[key] = next(value for value in values if value)
        missing = [key for key in ("jid", "hub") if key not in found]
        if missing:
            raise click.UsageError(
                " and ".join(
                    f"{key} is not set: give --{key} or set HPCLIENT_{key.upper()}" for key in missing
                )
            )
        try:
            password, identity_file = _secret(sources)
            return ServiceProvider(
                str(found["jid"]),
                password,
                identity_file=identity_file,
                hub=str(found["hub"]),
                host=found.get("host"),
                port=_number("port", found["port"], int) if "port" in found else None,
                ca_file=found.get("ca_file"),
                timeout=_number("timeout", found.get("timeout", REQUEST_TIMEOUT), float),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def _secret(sources: Iterable[Mapping[str, Any]]) -> tuple[str, Path | None]:
    """What the first source has that has anything: a password, itself or in a file, or an identity file."""
    for source in sources:
        if source.get("identity_file"):
            identity_file = Path(str(source["identity_file"])).expanduser()
            _private_text(identity_file)
            return "", identity_file
        if source.get("password_file"):
            return _private_text(Path(str(source["password_file"])).expanduser()).strip("\r\n"), None
        if source.get("password"):
            return str(source["password"]), None
    raise click.UsageError(
        "the password is not set: set HPCLIENT_PASSWORD, or HPCLIENT_PASSWORD_FILE to a file with it; or get"
        " a certificate by a one-time code: hpclient enrol CODE"
    )


def _number(key: str, value: Any, kind: Callable[[Any], _N]) -> _N:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise click.UsageError(f"{key} is to be a number, not {value!r}") from None


def _private_text(path: Path) -> str:
    """Text of a file that holds a secret and must therefore be its owner's alone."""
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise click.UsageError(f"{path} can be read by others: run chmod 600 {path}")
            return file.read(MAX_CONFIG)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from None


def _config_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text) if len(text) <= MAX_CONFIG else None
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from None
    if content is None and not text.strip():
        return {}
    if not isinstance(content, dict) or not set(content) <= set(_KEYS):
        raise click.UsageError(f"{path}: write lines 'key: value' with keys of {', '.join(_KEYS)}")
    if "password" in content:
        _private_text(path)
    return content


def connected(
    command: Callable[Concatenate[ServiceProvider, _P], Awaitable[int | None]],
) -> Callable[_P, None]:
    """Run an asynchronous command with a connected provider, and end with its exit code."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        login = click.get_current_context().obj
        assert isinstance(login, Login)
        provider = login.provider()

        async def session() -> int | None:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            async with provider:
                return await command(provider, *args, **kwargs)

        try:
            code = asyncio.run(session())
        except (ClientError, ValueError) as error:
            code = report(error)
        except (KeyboardInterrupt, asyncio.CancelledError):
            code = INTERRUPTED
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.exit(code or 0)

    return run

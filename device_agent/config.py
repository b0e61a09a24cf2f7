"""What ``box.yaml`` says: who the box is, what is wired where, and what each relay does when in doubt."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from device_agent.clock import ClockSource
from device_agent.relays import DEFAULT_MAX_ON_S, LONGEST_MAX_ON_S
from iec61850_model.xmpp import MOBILE, WIRED, ConnectionSettings

MAX_POINTS = 1000
"""Points of one box: several times what a heat pump and its house have."""
MAX_PASSWORD = 1024
"""Characters of a password file."""
SG_READY_STATES = 4

DriverName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class ConfigError(Exception):
    """box.yaml cannot be used; the message says where and what to do."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Section):
    """``driver.name``: a reading or an output of a driver."""

    driver: DriverName
    name: str

    @model_validator(mode="before")
    @classmethod
    def _split(cls, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        driver, dot, name = text.partition(".")
        if not dot or not name:
            raise ValueError(f"{text!r}: write driver.name, e.g. meter.power")
        return {"driver": driver, "name": name}

    def __str__(self) -> str:
        return f"{self.driver}.{self.name}"


class Point(_Section):
    """Where the value of a data object comes from: value = reading * scale + offset."""

    source: Source
    scale: float = 1.0
    offset: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"source": data} if isinstance(data, str) else data


class RelayOutput(_Section):
    """A relay behind an SPC. ``max_on``: seconds it may be away from its safe state."""

    relay: Source
    safe: bool = False
    max_on: float = Field(default=DEFAULT_MAX_ON_S, ge=1, le=LONGEST_MAX_ON_S)


class SgReadyOutput(_Section):
    """Two relays behind the SG Ready state 1..4 of an INC; the safe state is 2, normal running."""

    sg_ready: tuple[Source, Source]
    max_on: float = Field(default=DEFAULT_MAX_ON_S, ge=1, le=LONGEST_MAX_ON_S)


class SetPointOutput(_Section):
    """A number handed to a driver, behind an APC. ``initial`` is written at start, if given."""

    set_point: Source
    initial: float | None = None


Output = RelayOutput | SgReadyOutput | SetPointOutput


class Server(_Section):
    """Where the XMPP server is, if DNS does not say it."""

    host: str
    port: int = Field(default=5222, ge=1, le=65535)


class BoxConfig(_Section):
    """The whole of box.yaml. Paths are relative to the file."""

    jid: str
    password_file: Path
    hub: str
    collector: str | None = None
    model: Path
    server: Server | None = None
    ca_file: Path | None = None
    profile: Literal["wired", "mobile"] = "wired"
    clock: ClockSource = ClockSource.KERNEL
    sample_every: float = Field(default=1.0, ge=0.2, le=60)
    settings_file: Path = Path("settings.json")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drivers: dict[DriverName, dict[str, Any]]
    points: dict[str, Point] = Field(max_length=MAX_POINTS)
    outputs: dict[str, Output] = Field(default_factory=dict, max_length=MAX_POINTS)

    @classmethod
    def load(cls, path: Path) -> BoxConfig:
        """Read ``path``; raises ConfigError that names the file and every wrong key."""
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is not YAML: {error}") from None
        try:
            config = cls.model_validate(data)
        except ValidationError as error:
            lines = [
                f"{path}: {'.'.join(str(part) for part in one['loc']) or 'the file'}: {one['msg']}"
                for one in error.errors(include_url=False, include_input=False)
            ]
            raise ConfigError("\n".join(lines)) from None
        return config._resolved(path.absolute().parent)

    def _resolved(self, folder: Path) -> BoxConfig:
        paths = {"password_file", "model", "ca_file", "settings_file"}
        given = {name: getattr(self, name) for name in paths}
        return self.model_copy(update={name: folder / path for name, path in given.items() if path})

    @property
    def collector_domain(self) -> str:
        """The collector's address (DESIGN section 3)."""
        return self.collector or f"history.{self.hub}"

    def connection(self) -> ConnectionSettings:
        """How to log in; raises ConfigError for a bad JID or password file."""
        try:
            return ConnectionSettings(
                jid=f"{self.jid.partition('/')[0]}/IEC",
                password=_password(self.password_file),
                host=self.server.host if self.server else None,
                port=self.server.port if self.server else None,
                ca_file=self.ca_file,
                profile=WIRED if self.profile == "wired" else MOBILE,
            )
        except ValueError as error:
            raise ConfigError(f"jid: {error}") from None


def _password(path: Path) -> str:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path} can be read by others: chmod 600 {path}")
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if not 0 < len(password) <= MAX_PASSWORD or "\n" in password:
        raise ConfigError(f"{path} must hold the password in one line")
    return password

"""What ``box.yaml`` says: who the box is, what is wired where, and what each relay does when in doubt."""

from __future__ import annotations

import hashlib
import ssl
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from device_agent.clock import ClockSource
from device_agent.der_config import DerConfig
from device_agent.output_config import DriverName, LostHubConfig, Output, Source
from iec61850_model.xmpp import MOBILE, WIRED, ConnectionSettings
from iec61850_model.xmpp.settings import normalized

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_POINTS = 1000
"""Points of one box: several times what a heat pump and its house have."""
MAX_PASSWORD = 1024
"""Characters of a password file."""
MIN_BUFFER_MB, MAX_BUFFER_MB = 50, 100_000
"""Bounds of the buffer's file: in 50 MB the averages of 30 days fit even though seven others have as much."""
MAX_REPORT_DELAY = 240.0
"""Seconds the collector's report may wait: the next values come after 300."""
RESOURCE = "IEC"
"""The resource of every box (8-2, 6.1)."""


class ConfigError(Exception):
    """box.yaml cannot be used; the message says where and what to do."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _not_zero(scale: float) -> float:
    if scale == 0:
        raise ValueError("0 would make zero of every reading; leave the point out if it is not wired")
    return scale


class Point(_Section):
    """Where the value of a data object comes from: value = reading * scale + offset."""

    source: Source
    scale: Annotated[float, AfterValidator(_not_zero)] = 1.0
    offset: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"source": data} if isinstance(data, str) else data


class Server(_Section):
    """Where the XMPP server is, if DNS does not say it."""

    host: str = Field(min_length=1)
    port: int = Field(default=5222, ge=1, le=65535)


class BufferConfig(_Section):
    """Where reports and logs are kept until somebody fetches them, and how much of them."""

    file: Path = Path("buffer.db")
    megabytes: int = Field(default=200, ge=MIN_BUFFER_MB, le=MAX_BUFFER_MB)
    report_delay: float | None = Field(default=None, ge=0, le=MAX_REPORT_DELAY)
    """Seconds the report to the collector waits; None: each box a time of its own."""


def _box_jid(text: str) -> str:
    user, _, rest = normalized(text).partition("@")
    domain, _, resource = rest.partition("/")
    if not user or not domain or resource not in ("", RESOURCE):
        raise ValueError(f"{text!r} is not a box's account: write user@domain, its resource is {RESOURCE}")
    return f"{user}@{domain}/{RESOURCE}"


def _domain(text: str) -> str:
    domain = normalized(text)
    if "@" in domain or "/" in domain:
        raise ValueError(f"{text!r} is not a domain, e.g. hub.example.org")
    return domain


Domain = Annotated[str, AfterValidator(_domain)]
"""A domain as servers write it, so that it can be compared with a sender's."""


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone of this system: write one such as Europe/Copenhagen"
        ) from None
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]
"""A time zone by its name in the tz database."""


class BoxConfig(_Section):
    """The whole of box.yaml. Paths are relative to the file."""

    jid: Annotated[str, AfterValidator(_box_jid)]
    password_file: Path | None = None
    identity_file: Path | None = None
    hub: Domain
    collector: Domain | None = None
    model: Path
    server: Server | None = None
    ca_file: Path | None = None
    profile: Literal["wired", "mobile"] = "wired"
    clock: ClockSource = ClockSource.KERNEL
    sample_every: float = Field(default=1.0, ge=0.2, le=60)
    settings_file: Path = Path("settings.json")
    schedules_file: Path = Path("schedules.json")
    time_zone: TimeZone = "UTC"
    limits_file: Path = Path("limits.json")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    drivers: dict[DriverName, dict[str, Any]]
    points: dict[str, Point] = Field(max_length=MAX_POINTS)
    outputs: dict[str, Output] = Field(default_factory=dict, max_length=MAX_POINTS)
    lost_hub: LostHubConfig = LostHubConfig()
    der: DerConfig | None = None
    buffer: BufferConfig = BufferConfig()

    @model_validator(mode="after")
    def _one_way_in(self) -> BoxConfig:
        if (self.password_file is None) == (self.identity_file is None):
            raise ValueError(
                "give either password_file or identity_file (which `hpbox enrol` makes): how the box logs in"
            )
        return self

    @classmethod
    def load(cls, path: Path) -> BoxConfig:
        """Read ``path``; raises ConfigError that names the file and every wrong key."""
        try:
            config = cls.model_validate(read_yaml(path))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)
            raise ConfigError("\n".join(f"{path}: {_complaint(one)}" for one in wrong)) from None
        return config._resolved(path)

    def _resolved(self, path: Path) -> BoxConfig:
        folder = path.absolute().parent
        names = (
            *("password_file", "identity_file", "model", "ca_file"),
            *("settings_file", "schedules_file", "limits_file"),
        )
        given = {name: getattr(self, name) for name in names}
        update: dict[str, Any] = {name: folder / file for name, file in given.items() if file}
        update["buffer"] = self.buffer.model_copy(update={"file": folder / self.buffer.file})
        found = self.model_copy(update=update)
        for name, file in (
            ("settings_file", found.settings_file),
            ("schedules_file", found.schedules_file),
            ("limits_file", found.limits_file),
            ("buffer: file", found.buffer.file),
        ):
            if not file.parent.is_dir():
                raise ConfigError(f"{path}: {name}: make the folder {file.parent}, writable for the box")
        return found

    @property
    def report_delay_ms(self) -> int:
        """BufTm of the report to the collector: boxes do not all speak at once (DESIGN section 6)."""
        if self.buffer.report_delay is not None:
            return round(self.buffer.report_delay * 1000)
        digest = hashlib.sha256(self.jid.encode()).digest()
        return int.from_bytes(digest[:4]) % (int(MAX_REPORT_DELAY * 1000) + 1)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the house, for the calendar of schedules."""
        return ZoneInfo(self.time_zone)

    @property
    def collector_domain(self) -> str:
        """The collector's address (DESIGN section 3)."""
        return self.collector or f"history.{self.hub}"

    def connection(self) -> ConnectionSettings:
        """How to log in; raises ConfigError if the files of password and CA cannot be used."""
        if self.ca_file is not None:
            try:
                ssl.create_default_context(cafile=self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"ca_file: {self.ca_file} is no PEM file with CAs: {error}") from None
        if self.identity_file is not None:
            _check_identity(self.identity_file)
        return ConnectionSettings(
            jid=self.jid,
            password=_password(self.password_file) if self.password_file else "",
            identity_file=self.identity_file,
            host=self.server.host if self.server else None,
            port=self.server.port if self.server else None,
            ca_file=self.ca_file,
            profile=WIRED if self.profile == "wired" else MOBILE,
        )


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    twice = f"{key.value} stands twice in one place"
                    raise yaml.constructor.ConstructorError(problem=twice, problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What the file holds; raises ConfigError if it is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: start from config/box.yaml, or give --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None


_WORDS = {
    "extra_forbidden": "there is no such key; config/box.yaml explains all there are",
    "missing": "is missing",
    "model_type": "keys with values are wanted here, as in config/box.yaml",
}
"""What pydantic says for programmers, said for who wires a box."""


def _complaint(error: ErrorDetails) -> str:
    where = [str(part) for part in error["loc"]]
    if where[:1] == ["outputs"] and error["type"] != "output_kind":
        where = [part for at, part in enumerate(where) if at != _OUTPUT_TAG]
    said = error["msg"].removeprefix("Value error, ")
    return ": ".join([*where, _WORDS.get(error["type"], said)])


_OUTPUT_TAG = 2
"""In outputs, <data object>, <tag>, .. pydantic puts the tag of the kind, which is no key of the file."""


def _check_identity(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        ssl.create_default_context().load_cert_chain(path)
    except FileNotFoundError:
        raise ConfigError(f"identity_file: {path} is not there: `hpbox enrol` makes it") from None
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"identity_file: {path} must hold a private key and its certificate (PEM): {error}"
        ) from None
    if mode & 0o077:
        raise ConfigError(f"identity_file: {path} can be read by others: chmod 600 {path}")


def _password(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        password = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ConfigError(
            f"password_file: write the password of the box's account to {path}, then chmod 600 {path}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"password_file: {path} cannot be read: {error}") from None
    if mode & 0o077:
        raise ConfigError(f"password_file: {path} can be read by others: chmod 600 {path}")
    if not 0 < len(password) <= MAX_PASSWORD or "\n" in password:
        raise ConfigError(f"password_file: {path} must hold the password in one line")
    return password

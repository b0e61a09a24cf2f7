"""What ``hub.yaml`` says: read once, checked wholly, every path made absolute."""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from slixmpp.jid import JID, InvalidJID
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from hub.audit.entry import HISTORY_CHAIN, OPERATIONS_CHAIN, OPERATOR_CHAIN
from hub.gate import BOX_SHARE, OUTSTANDING, PROVIDER_SHARE, Limits
from hub.limits import Share

CONFIG_NAME = "hub.yaml"
CONFIG_VARIABLE = "HPHUB_CONFIG"
SYSTEM_CONFIG = Path("/etc/heat-pump-hub") / CONFIG_NAME

MAX_PRESENCE_PACE = 10_000
"""Presence stanzas per second: several times what one component link carries (measured: 1,500 to 4,000)."""
MAX_COLLECT_PACE = 1_000
"""Boxes a second that reports are asked of: each costs five requests and brings what it kept meanwhile."""
MIN_SECRET_LENGTH = 16
"""Characters of a component secret: fewer can be guessed by whoever reaches the component port."""
MAX_SECRET_LENGTH = 1024
"""Characters read from a secret file: more is not a secret but a wrong file."""


class ConfigError(Exception):
    """The configuration cannot be used; the message names the file, the key and what to do."""


def _domain(text: str) -> str:
    try:
        jid = JID(text)
    except InvalidJID:
        raise ValueError(f"{text!r} is not a domain name") from None
    if jid.user or jid.resource or not jid.domain:
        raise ValueError(f"{text!r} is not a domain name: write it without user and resource")
    return str(jid.domain)


def _folder(info: ValidationInfo) -> Path:
    return Path(info.context["folder"]) if info.context else Path.cwd()


def _absolute_path(path: Path, info: ValidationInfo) -> Path:
    return _folder(info) / path


def _database_url(text: str, info: ValidationInfo) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("not a database URL: write e.g. sqlite:///registry.db") from None
    if url.drivername not in ("sqlite", "sqlite+aiosqlite") or not url.database:
        raise ValueError("only SQLite files are supported: write e.g. sqlite:///registry.db")
    absolute = url.set(drivername="sqlite+aiosqlite", database=str(_folder(info) / url.database))
    return absolute.render_as_string(hide_password=False)


def _history_url(text: str, info: ValidationInfo) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("not a database URL: write e.g. sqlite:///history.db") from None
    if url.get_backend_name() == "sqlite":
        return _database_url(text, info)
    if url.drivername != "postgresql+asyncpg" or not url.database or not url.host:
        raise ValueError(
            "neither a SQLite file nor PostgreSQL: write e.g. sqlite:///history.db or"
            " postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE"
        )
    if importlib.util.find_spec("asyncpg") is None:
        raise ValueError("PostgreSQL needs asyncpg: pip install 'heat-pump-hub[postgresql]'")
    return text


def _router_name(name: str) -> str:
    if name in (OPERATOR_CHAIN, OPERATIONS_CHAIN, HISTORY_CHAIN):
        raise ValueError(f"{name!r} is the audit chain of another part of the hub: choose another name")
    return name


RouterName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"), AfterValidator(_router_name)]
DomainName = Annotated[str, AfterValidator(_domain)]
FilePath = Annotated[Path, AfterValidator(_absolute_path)]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
HistoryUrl = Annotated[str, AfterValidator(_history_url)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class XmppSection(_Section):
    """Where the XMPP server takes components (XEP-0114)."""

    host: str = Field(default="127.0.0.1", min_length=1)
    component_port: int = Field(default=5347, ge=1, le=65535)


class SecretsSection(_Section):
    """Files that hold the component secrets, one line each, mode 0600."""

    router: FilePath = Path("secrets/router")
    history: FilePath = Path("secrets/history")
    enrolment: FilePath = Path("secrets/enrolment")
    operations: FilePath = Path("secrets/operations")


class DatabasesSection(_Section):
    """SQLite files; a relative one lies beside hub.yaml. The history may be in PostgreSQL."""

    registry: DatabaseUrl = "sqlite:///registry.db"
    audit: DatabaseUrl = "sqlite:///audit.db"
    history: HistoryUrl = Field(default="sqlite:///history.db", repr=False)


class AuditSection(_Section):
    """How long the audit is kept: operations removes what is older once a day."""

    keep_days: int | None = Field(default=None, ge=1, le=36_500, description="days; None: for ever")


class UsageSection(_Section):
    """What `hphub usage` reckons with."""

    price: Decimal = Field(
        default=Decimal(0), ge=0, max_digits=12, decimal_places=2,
        description="of one installation that a provider used in a month",
    )  # fmt: skip
    currency: str = Field(default="DKK", pattern=r"^[A-Z]{3}$")


class PresenceSection(_Section):
    """How fast the hub asks its boxes for their presence after it started."""

    pace: int = Field(default=200, ge=1, le=MAX_PRESENCE_PACE, description="stanzas per second")


class HistorySection(_Section):
    """The collector, component ``history.<domain>``."""

    component_port: int | None = Field(
        default=None, ge=1, le=65535, description="where the server takes it; None: as xmpp.component_port"
    )
    pace: int = Field(default=100, ge=1, le=MAX_COLLECT_PACE, description="boxes set up a second")
    interval: int = Field(default=300, ge=1, le=3600, description="seconds that one sample stands for")
    keep_days_after_consent: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="days samples stay after their consent ended",
    )
    after_consent: Literal["anonymise", "erase"] = Field(
        default="anonymise", description="what is done to them then"
    )


class EnrolmentSection(_Section):
    """How boxes and providers get certificates, component ``enrol.<domain>``; docs/enrolment.md."""

    box_domain: DomainName | None = Field(default=None, description="where boxes log in; None: none enrols")
    provider_domain: DomainName | None = Field(
        default=None, description="where providers log in with a certificate; None: none enrols"
    )
    host: HostName | None = Field(default=None, description="of their server; None: DNS says")
    port: int = Field(default=5222, ge=1, le=65535)
    server_ca: FilePath | None = Field(
        default=None, description="PEM, the authorities of the server's certificate; None: public ones"
    )
    ca_certificate: FilePath = Path("ca/ca.crt")
    ca_key: FilePath = Path("ca/ca.key")
    ca_passphrase_file: FilePath | None = None
    certificate_days: int = Field(default=30, ge=1, le=398)
    revoked_file: FilePath = Path("revoked")
    close_session: tuple[str, ...] = Field(
        default=(), description="a command that closes the session of {jid} on the server"
    )
    component_port: int | None = Field(
        default=None, ge=1, le=65535, description="where the server takes it; None: as xmpp.component_port"
    )

    @property
    def account_domains(self) -> frozenset[str]:
        """The domains on which certificates of this hub let somebody in."""
        return frozenset(one for one in (self.box_domain, self.provider_domain) if one is not None)


class OperationsSection(_Section):
    """The process that speaks for the hub, component ``ops.<domain>``."""

    component_port: int | None = Field(
        default=None, ge=1, le=65535, description="where the server takes it; None: as xmpp.component_port"
    )
    pace: int = Field(default=50, ge=1, le=MAX_COLLECT_PACE, description="boxes begun with a second")


class LimitsSection(_Section):
    """What one sender may ask for: stanzas a second in the long run, and at once."""

    provider_rate: float = Field(default=PROVIDER_SHARE.rate, gt=0)
    provider_burst: float = Field(default=PROVIDER_SHARE.burst, ge=1)
    provider_outstanding: int = Field(default=OUTSTANDING, ge=1)
    box_rate: float = Field(default=BOX_SHARE.rate, gt=0)
    box_burst: float = Field(default=BOX_SHARE.burst, ge=1)

    def limits(self) -> Limits:
        """The limits the gate works by."""
        return Limits(
            provider=Share(self.provider_rate, self.provider_burst),
            box=Share(self.box_rate, self.box_burst),
            outstanding=self.provider_outstanding,
        )


class ProbeSection(_Section):
    """Where /health, /ready and /metrics are served; a port of 0 serves nothing."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=0, ge=0, le=65535)


class HubConfig(_Section):
    """The whole of hub.yaml."""

    domain: DomainName
    router_name: RouterName = "router"
    xmpp: XmppSection = XmppSection()
    secrets: SecretsSection = Field(default_factory=SecretsSection)
    databases: DatabasesSection = Field(default_factory=DatabasesSection)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    audit: AuditSection = AuditSection()
    usage: UsageSection = UsageSection()
    presence: PresenceSection = PresenceSection()
    history: HistorySection = HistorySection()
    enrolment: EnrolmentSection = Field(default_factory=EnrolmentSection)
    operations: OperationsSection = OperationsSection()
    limits: LimitsSection = LimitsSection()
    probe: ProbeSection = ProbeSection()

    @classmethod
    def load(cls, path: Path) -> HubConfig:
        """Read ``path``; relative paths in it start at its folder.

        Raises ConfigError, which names the file and every wrong key.
        """
        try:
            data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                f"{path} does not exist: make a hub with `hphub init --domain DOMAIN`"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is not YAML: {error}") from None
        if not isinstance(data, dict):
            raise ConfigError(f"{path} is not a list of `key: value` lines")
        with_sections = {
            "secrets": {},
            "databases": {},
            "enrolment": {},
            **data,
        }  # their defaults too are paths beside hub.yaml
        try:
            return cls.model_validate(with_sections, context={"folder": path.absolute().parent})
        except ValidationError as error:
            raise ConfigError("\n".join(_complaint(path, one) for one in error.errors())) from None

    @property
    def history_domain(self) -> str:
        """The collector's component domain."""
        return f"history.{self.domain}"

    def history_secret(self) -> str:
        """The secret of the component ``history_domain``. Raises ConfigError if others can read its file."""
        return read_secret(self.secrets.history)

    def enrolment_secret(self) -> str:
        """The secret of the component of enrolment. Raises ConfigError if others can read its file."""
        return read_secret(self.secrets.enrolment)

    def operations_secret(self) -> str:
        """The secret of the component of operations. Raises ConfigError if others can read its file."""
        return read_secret(self.secrets.operations)

    def router_secret(self) -> str:
        """The secret of the component ``domain``. Raises ConfigError if others can read its file."""
        return read_secret(self.secrets.router)


def _complaint(path: Path, error: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{path}: {key}: no such key"
    if error["type"] == "missing":
        return f"{path}: {key}: missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{path}: {key}: {message}"


def read_secret(path: Path) -> str:
    """The one line in a secret file. Raises ConfigError if it is missing, readable by others or too short."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"{path} has mode {mode:04o}, others may read it: chmod 600 {path}")
            secret = file.read(MAX_SECRET_LENGTH + 1).decode("utf-8").strip()
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: it must hold the component secret in one line") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if not MIN_SECRET_LENGTH <= len(secret) <= MAX_SECRET_LENGTH or "\n" in secret:
        raise ConfigError(
            f"{path} must hold one line of {MIN_SECRET_LENGTH} to {MAX_SECRET_LENGTH} characters,"
            " the component secret"
        )
    return secret


def find_config(given: Path | None, environment: Mapping[str, str], working_folder: Path) -> Path:
    """The configuration file of a command: what was given, else ``HPHUB_CONFIG``, ./hub.yaml, the system's.

    Raises ConfigError if there is none.
    """
    if given is not None:
        return given
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    for candidate in (working_folder / CONFIG_NAME, SYSTEM_CONFIG):
        if candidate.exists():
            return candidate
    raise ConfigError(
        f"no {CONFIG_NAME} in this folder and no {SYSTEM_CONFIG}: go to the hub's folder, name the file with"
        f" --config or {CONFIG_VARIABLE}, or make a hub with `hphub init --domain DOMAIN`"
    )

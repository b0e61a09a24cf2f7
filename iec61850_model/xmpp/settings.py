"""Where and as whom to connect, and how eagerly a dead link is noticed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from slixmpp import JID
from slixmpp.jid import InvalidJID

MAX_PORT = 65_535
SCRAM = frozenset(
    f"SCRAM-SHA-{digest}{binding}" for digest in ("1", "256", "512") for binding in ("", "-PLUS")
)
"""The only mechanisms used with a password: none of them shows it to the server (RFC 6120, 13.8)."""


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """Times of a link, all in seconds: a dead link is known after ``ping_interval + ping_timeout`` at the
    latest."""

    ping_interval: float
    ping_timeout: float
    first_retry: float
    last_retry: float


WIRED = LinkProfile(ping_interval=10, ping_timeout=10, first_retry=1, last_retry=20)
"""A cut must be known within 30 s, and its end too (DESIGN section 3); a ping and its answer are some 300
octets of TLS payload."""
MOBILE = LinkProfile(ping_interval=240, ping_timeout=30, first_retry=5, last_retry=300)
"""A cut must be known within 5 min; 240 s is below the shortest common NAT timeout for TCP."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One account. ``jid`` may hold the resource to bind (a box: ``IEC``).

    It logs in by ``password`` (SCRAM), or by the client certificate and key in the PEM file ``identity_file``
    (EXTERNAL), which is read anew for each attempt. With neither it is a guest (ANONYMOUS): ``jid`` is then a
    domain, and the server gives a name.
    ``host`` and ``port`` replace the DNS look-up; the server must still prove to be the JID's domain.
    ``ca_file``: PEM file with the only CAs to trust; None: those of the system.
    Raises ValueError if the JID is none, or only one of host and port is given.
    """

    jid: str
    password: str = field(default="", repr=False)
    host: str | None = None
    port: int | None = None
    ca_file: Path | None = None
    profile: LinkProfile = WIRED
    identity_file: Path | None = None

    @property
    def guest(self) -> bool:
        """Without an account."""
        return not self.password and self.identity_file is None

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that are used, and no others."""
        if self.identity_file is not None:
            return frozenset({"EXTERNAL"})
        return frozenset({"ANONYMOUS"}) if self.guest else SCRAM

    def __post_init__(self) -> None:
        user = JID(normalized(self.jid)).user
        if self.guest and user:
            raise ValueError(f"{self.jid!r} has neither password nor certificate: a guest has no user part")
        if not self.guest and not user:
            raise ValueError(f"{self.jid!r} has no user part: write user@domain or user@domain/resource")
        if self.password and self.identity_file is not None:
            raise ValueError("give a password or a certificate, not both")
        if (self.host is None) != (self.port is None):
            raise ValueError("give host and port together, or neither (then DNS is asked)")
        if self.port is not None and not 0 < self.port <= MAX_PORT:
            raise ValueError(f"port {self.port} is not in 1..{MAX_PORT}")


def normalized(jid: str) -> str:
    """The JID as servers write it (RFC 7622); raises ValueError if it is none."""
    try:
        full = JID(jid).full
    except InvalidJID as error:
        raise ValueError(f"{jid[:100]!r} is not a JID (user@domain/resource)") from error
    if not full:
        raise ValueError("an empty text is not a JID")
    return full

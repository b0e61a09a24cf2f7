"""Which purposes need the owner's consent: all but a closed list. The one place that says so."""

from __future__ import annotations

from hub.registry.errors import InvalidInput

WITHOUT_CONSENT = frozenset({"", "operation", "maintenance", "load shifting", "settlement"})
"""What runs the heat pump or settles what it used, so what its owner has a contract for. A new purpose needs
consent until it is written here."""
CONSENT_LASTS = 365 * 86_400.0
"""Seconds after its beginning that a grant on consent ends if nobody says otherwise: a year."""
OWNER = "owner "
"""Stands before a person's id as the giver of a grant: he gave it himself."""
OPERATOR = "operator "
"""Stands before a person's id as the giver: he gave it as an operator, by XMPP. One at the command line goes
by his account there."""


def needs_consent(purpose: str) -> bool:
    """Whoever is granted something for this purpose needs the owner's consent, or another ground."""
    return purpose.strip().lower() not in WITHOUT_CONSENT


def on_consent(purpose: str, giver: str) -> bool:
    """A grant for this purpose from this giver rests on consent: the owner may withdraw it."""
    return giver.startswith(OWNER) or needs_consent(purpose)


def require_ground(purpose: str, ground: str) -> None:
    """Raise InvalidInput for a purpose that needs consent if no ground is recorded."""
    if needs_consent(purpose) and not ground.strip():
        free = ", ".join(sorted(one for one in WITHOUT_CONSENT if one))
        raise InvalidInput(
            f"the purpose {purpose!r} needs the owner's consent: let him answer (`hphub owner invite`), or"
            f" record the ground, such as --ground 'consent of the owner, 2026-11-02'. No ground need: {free}"
        )


def default_end(purpose: str, giver: str, begins: float) -> float | None:
    """When a grant ends if nobody says otherwise, in seconds since 1970 UTC; None: never."""
    return begins + CONSENT_LASTS if on_consent(purpose, giver) else None


def owners_end(until: float | None, owned_until: float | None, now: float) -> float:
    """When what an owner grants ends: in a year if he names no other end, and not later than it is his."""
    wanted = now + CONSENT_LASTS if until is None else until
    return wanted if owned_until is None else min(wanted, owned_until)


def require_purpose(purpose: str) -> None:
    """Raise InvalidInput if an owner names none."""
    if not purpose.strip():
        raise InvalidInput("consent is given for a purpose: name it with --purpose")

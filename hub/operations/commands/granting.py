"""Commands that give and take back: ask, approve, refuse, grant, withdraw."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hub.audit import AuditEntry, AuditKind
from hub.grant_text import grant_entry, rights_shown
from hub.operations.commands.asking import (
    HEAT_PUMP,
    MAX_OPTIONS,
    RIGHTS,
    chosen_rights,
    key_in,
    may_decide,
    own_field,
    time_in,
    until_field,
)
from hub.operations.commands.command import Done, NotThere, Wrong
from hub.operations.commands.forms import Field, Form, Kind, Values
from hub.operations.commands.office import Office
from hub.operations.commands.roles import actor_of
from hub.registry import GrantRecord, NewGrant, NotFound, add_grant, get_grant, list_grants, revoke_grant
from hub.registry.ask_answers import Terms, approve_ask, approve_owners_ask, refuse_ask, refuse_owners_ask
from hub.registry.asks import AskRecord, NewAsk, OwnAsk, ask, asks_of_owner, get_ask, list_asks
from hub.registry.operators import Caller
from hub.registry.owner_answers import Wish, grant_as_owner, withdraw_as_owner, withdrawable
from hub.time_text import far_time

GROUND = "consent of the owner, by XMPP"
"""Ground of what an owner allows with his own account."""
_PURPOSE = Field("purpose", "Purpose", hint="What for, such as load shifting or research")
_GROUND = Field("ground", "Ground", hint="Such as: consent of the owner, 2026-11-02")
_SCOPE = Field(
    "scope",
    "Only these references",
    Kind.LINES,
    hint="LD/*, LD/LN.*, LD/LN.DO, one a line; empty: everything",
)


# --- ask --------------------------------------------------------------------------------------------


async def ask_wanted(_office: Office, _caller: Caller, _: Values) -> Form:
    """For what?"""
    return Form(
        "Ask for a grant",
        (
            Field(HEAT_PUMP, "Heat pump", required=True, hint="Its id, such as hp0001, or a group's"),
            Field("rights", "Rights", Kind.SOME_OF, True, ("read",), RIGHTS),
            _PURPOSE,
        ),
        "Its owner or an operator decides. Nobody tells whether there is such a heat pump.",
    )


async def do_ask(office: Office, caller: Caller, values: Values) -> Done:
    """Kept and told alike, be there such an id or not."""
    now = office.clock()
    new = NewAsk(
        caller.provider, values.one(HEAT_PUMP), chosen_rights(values.many("rights")), values.one("purpose")
    )
    asked = await office.change(ask, lambda asked: _asked_entry(asked, caller, now), new, now=now)
    return Done(
        f"Asked for {rights_shown(asked.rights)} on {asked.wanted}. It waits until"
        f" {far_time(asked.expires)}; when it is granted, the heat pump is there for you."
    )


def _asked_entry(asked: OwnAsk, caller: Caller, at: float) -> AuditEntry:
    return AuditEntry(
        at=at, kind=AuditKind.OPERATOR, provider=caller.provider, heat_pump=asked.wanted, service="ask",
        detail=rights_shown(asked.rights), actor=f"provider {caller.provider}",
    )  # fmt: skip


# --- approve and refuse -----------------------------------------------------------------------------


async def ask_approved(office: Office, caller: Caller, _: Values) -> Form:
    """Which, and for how long?"""
    fields = (
        await _request_field(office, caller),
        Field(
            "rights", "Rights", Kind.SOME_OF, options=RIGHTS, hint="None chosen: those that were asked for"
        ),
        Field("purpose", "Purpose", hint="Empty: the one that was named when asking"),
        until_field("Until", "" if caller.operator else "365d"),
    )
    return Form("Approve a request", (*fields, _GROUND) if caller.operator else fields)


async def do_approve(office: Office, caller: Caller, values: Values) -> Done:
    """Grant what was asked, by the same rules as a grant without asking."""
    now, asked = office.clock(), await _request(office, caller, key_in(values))
    terms = Terms(
        rights=chosen_rights(values.many("rights")) or None,
        purpose=values.one("purpose") or None,
        until=time_in(values, "until", 1, now),
        ground=values.one("ground"),
    )

    def approve(session: Session) -> tuple[AskRecord, GrantRecord]:
        if asked.on in caller.owns:
            return approve_owners_ask(session, caller.person, asked.key, terms, ground=GROUND, now=now)
        return approve_ask(session, asked.key, terms, giver=actor_of(caller), now=now)

    _, record = await office.change(
        approve,
        lambda done: grant_entry(
            "request approve", done[1], at=now, actor=actor_of(caller, asked.on),
            detail=f"request {asked.key}, grant {done[1].key}: {rights_shown(done[1].rights)}",
        ),
    )  # fmt: skip
    return _given(record)


async def ask_refused(office: Office, caller: Caller, _: Values) -> Form:
    """Which?"""
    return Form("Refuse a request", (await _request_field(office, caller),), "The provider is not told.")


async def do_refuse(office: Office, caller: Caller, values: Values) -> Done:
    """Nothing is granted."""
    now, asked = office.clock(), await _request(office, caller, key_in(values))
    actor = actor_of(caller, asked.on)

    def refuse(session: Session) -> AskRecord:
        if asked.on in caller.owns:
            return refuse_owners_ask(session, caller.person, asked.key, now=now)
        return refuse_ask(session, asked.key, decided_by=actor, now=now)

    await office.change(
        refuse,
        lambda done: AuditEntry(
            at=now, kind=AuditKind.OPERATOR, provider=done.provider, heat_pump=done.on,
            service="request refuse", detail=f"request {done.key}", actor=actor,
        ),
    )  # fmt: skip
    return Done(f"Request {asked.key} of {asked.provider} for {asked.on} is refused.")


async def _request_field(office: Office, caller: Caller) -> Field:
    found = await _waiting(office, caller)
    if not found:
        raise Wrong("nothing waits for a decision of yours")
    if len(found) > MAX_OPTIONS:
        return Field("key", "Request", required=True, hint="Its key, from the list of requests")
    options = tuple(
        (
            str(one.key),
            f"{one.key}: {one.provider} asks for {rights_shown(one.rights)} on {one.on}"
            + (f" for {one.purpose}" if one.purpose else ""),
        )
        for one in found
    )
    only = (options[0][0],) if len(options) == 1 else ()
    return Field("key", "Request", Kind.ONE_OF, True, only, options)


async def _waiting(office: Office, caller: Caller) -> list[AskRecord]:
    now = office.clock()
    if caller.operator:
        return await office.read(list_asks, now=now)
    return await office.read(asks_of_owner, caller.person, now=now)


async def _request(office: Office, caller: Caller, key: int) -> AskRecord:
    """A request that he may decide; raises NotThere for any other."""
    try:
        found = await office.read(get_ask, key)
    except NotFound:
        raise NotThere from None
    may_decide(caller, found.on)
    return found


# --- grant ------------------------------------------------------------------------------------------


async def ask_grant(_office: Office, caller: Caller, _: Values) -> Form:
    """To whom, what, what for?"""
    if caller.operator:
        pump = Field(HEAT_PUMP, "Heat pump", required=True, hint="Its id, or @ and the id of a group")
    else:
        pump = own_field(caller)
    fields = (
        pump,
        Field("provider", "Provider", required=True, hint="Its id, such as agg: ask it"),
        Field("rights", "Rights", Kind.SOME_OF, True, ("read",), RIGHTS),
        _PURPOSE if caller.operator else Field("purpose", "Purpose", required=True, hint=_PURPOSE.hint),
    )
    return Form("Give a grant", fields, "It is in force when this command is done.")


async def ask_how_long(_office: Office, caller: Caller, values: Values) -> Form:
    """How long, and where?"""
    own = values.one(HEAT_PUMP) in caller.owns
    fields = (until_field("Until", "365d" if own else ""), _SCOPE)
    return Form("Give a grant", fields if own else (*fields, _GROUND))


async def do_grant(office: Office, caller: Caller, values: Values) -> Done:
    """By the rules of the command line: an operator needs a ground where consent is needed."""
    now, on = office.clock(), values.one(HEAT_PUMP)
    may_decide(caller, on)
    wish = Wish(
        provider=values.one("provider"),
        rights=chosen_rights(values.many("rights")),
        purpose=values.one("purpose"),
        scope=values.many("scope"),
        until=time_in(values, "until", 1, now),
    )

    def give(session: Session) -> GrantRecord:
        if on in caller.owns:
            return grant_as_owner(session, caller.person, on, wish, ground=GROUND, now=now)
        new = NewGrant(
            wish.provider, on, wish.rights, actor_of(caller), scope=wish.scope, until=wish.until,
            purpose=wish.purpose, ground=values.one("ground"),
        )  # fmt: skip
        return add_grant(session, new, now=now)

    service = "owner grant" if on in caller.owns else "grant add"
    record = await office.change(
        give, lambda record: grant_entry(service, record, at=now, actor=actor_of(caller, on))
    )
    return _given(record)


def _given(record: GrantRecord) -> Done:
    end = f"until {far_time(record.until)}" if record.until is not None else "without end"
    return Done(
        f"Grant {record.key}: {record.provider} has {rights_shown(record.rights)} on {record.on}, {end}."
    )


# --- withdraw ---------------------------------------------------------------------------------------


async def ask_withdrawn(office: Office, caller: Caller, _: Values) -> Form:
    """Which?"""
    by_key = Field("key", "Grant", required=True, hint="Its key, from the list of grants")
    if caller.operator:
        return Form("Withdraw a grant", (by_key,))
    found = [
        one
        for pump in sorted(caller.owns)
        for one in await office.read(list_grants, heat_pump=pump, now=office.clock())
        if withdrawable(one)
    ]
    if not found:
        raise Wrong("nobody holds a grant on your consent: the others, the operator ends")
    if len(found) > MAX_OPTIONS:
        return Form("Withdraw a grant", (by_key,))
    options = tuple(
        (str(one.key), f"{one.key}: {one.provider} may {rights_shown(one.rights)} on {one.on}")
        for one in found
    )
    only = (options[0][0],) if len(options) == 1 else ()
    return Form("Withdraw a grant", (Field("key", "Grant", Kind.ONE_OF, True, only, options),))


async def do_withdraw(office: Office, caller: Caller, values: Values) -> Done:
    """In force when it returns; what the provider set going in the box is ended as by the command line."""
    now, key = office.clock(), key_in(values)
    try:
        on = (await office.read(get_grant, key)).on
    except NotFound:
        raise NotThere from None
    may_decide(caller, on)

    def withdraw(session: Session) -> GrantRecord:
        if caller.operator:
            return revoke_grant(session, key, now=now)
        return withdraw_as_owner(session, caller.person, key, now=now)

    service = "grant revoke" if caller.operator else "owner withdraw"
    record = await office.change(
        withdraw, lambda record: grant_entry(service, record, at=now, actor=actor_of(caller, on))
    )
    what = f"{rights_shown(record.rights)} on {record.on}"
    return Done(f"Grant {key} withdrawn: {record.provider} had {what}.")

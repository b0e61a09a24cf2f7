"""Every command there is, and who may run it. What is not listed here for a role does not exist for it."""

from __future__ import annotations

from hub.operations.commands import granting, looking, steering
from hub.operations.commands.command import Command
from hub.operations.commands.roles import EVERYBODY, Role

_DECIDES = frozenset({Role.OPERATOR, Role.OWNER})
_OWNER = frozenset({Role.OWNER})
_PROVIDER = frozenset({Role.PROVIDER})

COMMANDS = (
    Command("heat-pumps", "Heat pumps", EVERYBODY, looking.show_heat_pumps, (looking.ask_which,)),
    Command("grants", "Grants", EVERYBODY, looking.show_grants, (looking.ask_whose,)),
    Command("requests", "Requests for grants", EVERYBODY, looking.show_requests),
    Command("explain", "Is this allowed, and why", EVERYBODY, looking.do_explain, (looking.ask_explain,)),
    Command("seen", "Who read or steered", _OWNER, looking.show_seen, (looking.ask_seen,)),
    Command("read", "Read a value", EVERYBODY, steering.do_read, (steering.ask_read,)),
    Command("switch", "Switch a relay", EVERYBODY, steering.do_switch, (steering.ask_switch,)),
    Command("ask", "Ask for a grant", _PROVIDER, granting.do_ask, (granting.ask_wanted,)),
    Command("approve", "Approve a request", _DECIDES, granting.do_approve, (granting.ask_approved,)),
    Command("refuse", "Refuse a request", _DECIDES, granting.do_refuse, (granting.ask_refused,)),
    Command(
        "grant", "Give a grant", _DECIDES, granting.do_grant, (granting.ask_grant, granting.ask_how_long)
    ),
    Command("withdraw", "Withdraw a grant", _DECIDES, granting.do_withdraw, (granting.ask_withdrawn,)),
)
"""In the order in which they are shown."""

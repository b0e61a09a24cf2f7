"""Heat pumps, providers, grants and presence: plain functions over a Session, run through ``Registry``."""

from hub.registry.changes import changes_since
from hub.registry.errors import Conflict, InvalidInput, NotFound, RegistryError
from hub.registry.grants import (
    GrantRecord,
    NewGrant,
    add_grant,
    get_grant,
    list_grants,
    revoke_grant,
    revoke_grants_between,
)
from hub.registry.heat_pumps import add_heat_pump, list_heat_pumps, remove_heat_pump
from hub.registry.link_state import (
    Presence,
    ProviderSession,
    drop_provider_session,
    mark_all_unknown,
    presence,
    provider_sessions,
    save_provider_session,
    set_presence,
)
from hub.registry.lookup import get_heat_pump, get_provider
from hub.registry.models import HeatPumpRow, PresenceState, ProviderRow
from hub.registry.providers import add_provider, list_providers, remove_provider
from hub.registry.routers import (
    ROUTER_STALE_AFTER,
    acknowledge,
    current_revision,
    enter_router,
    leave_router,
    live_routers,
    wait_until_taken,
)
from hub.registry.store import REGISTRY_SCHEMA, Registry

__all__ = [
    "REGISTRY_SCHEMA",
    "ROUTER_STALE_AFTER",
    "Conflict",
    "GrantRecord",
    "HeatPumpRow",
    "InvalidInput",
    "NewGrant",
    "NotFound",
    "Presence",
    "PresenceState",
    "ProviderRow",
    "ProviderSession",
    "Registry",
    "RegistryError",
    "acknowledge",
    "add_grant",
    "add_heat_pump",
    "add_provider",
    "changes_since",
    "current_revision",
    "drop_provider_session",
    "enter_router",
    "get_grant",
    "get_heat_pump",
    "get_provider",
    "leave_router",
    "list_grants",
    "list_heat_pumps",
    "list_providers",
    "live_routers",
    "mark_all_unknown",
    "presence",
    "provider_sessions",
    "remove_heat_pump",
    "remove_provider",
    "revoke_grant",
    "revoke_grants_between",
    "save_provider_session",
    "set_presence",
    "wait_until_taken",
]

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
    Heard,
    HeardSession,
    Presence,
    ProviderSession,
    Shared,
    forget_presence,
    keep_presence,
    presence,
    presence_revision,
    presence_since,
)
from hub.registry.lookup import get_heat_pump, get_provider
from hub.registry.models import HeatPumpRow, ProviderRow, SteeringState
from hub.registry.providers import add_provider, list_providers, remove_provider
from hub.registry.routers import (
    COLLECTOR,
    ROUTER_STALE_AFTER,
    acknowledge,
    current_revision,
    enter_router,
    leave_router,
    listening_routers,
    live_routers,
    set_listening,
    wait_until_taken,
)
from hub.registry.steering import SteeringRecord
from hub.registry.steering_work import (
    OpenSteering,
    anything_expired,
    expire_steering,
    note_trouble,
    open_steering,
    steering_ended,
    steering_ready,
)
from hub.registry.store import REGISTRY_SCHEMA, Registry

__all__ = [
    "COLLECTOR",
    "REGISTRY_SCHEMA",
    "ROUTER_STALE_AFTER",
    "Conflict",
    "GrantRecord",
    "Heard",
    "HeardSession",
    "HeatPumpRow",
    "InvalidInput",
    "NewGrant",
    "NotFound",
    "OpenSteering",
    "Presence",
    "ProviderRow",
    "ProviderSession",
    "Registry",
    "RegistryError",
    "Shared",
    "SteeringRecord",
    "SteeringState",
    "acknowledge",
    "add_grant",
    "add_heat_pump",
    "add_provider",
    "anything_expired",
    "changes_since",
    "current_revision",
    "enter_router",
    "expire_steering",
    "forget_presence",
    "get_grant",
    "get_heat_pump",
    "get_provider",
    "keep_presence",
    "leave_router",
    "list_grants",
    "list_heat_pumps",
    "list_providers",
    "listening_routers",
    "live_routers",
    "note_trouble",
    "open_steering",
    "presence",
    "presence_revision",
    "presence_since",
    "remove_heat_pump",
    "remove_provider",
    "revoke_grant",
    "revoke_grants_between",
    "set_listening",
    "steering_ended",
    "steering_ready",
    "wait_until_taken",
]

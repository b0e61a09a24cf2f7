"""What outputs obey beside commands and schedules: local switch, heartbeat of the hub, limit of power."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from device_agent.guarded_relay import monotonic
from device_agent.limiting import Limiting
from device_agent.local_switch import LocalSwitch
from device_agent.lost_hub import HubWatch
from device_agent.switching import Switching
from iec61850_model.server import Moment

log = structlog.get_logger()


class Obeying:
    """Tells the outputs. ``refresh`` it about once a second, ``heartbeat`` it for each sign of life of the
    hub. ``ask_hub`` asks the hub for one."""

    def __init__(
        self,
        switching: Switching,
        hub: HubWatch,
        local: LocalSwitch,
        limiting: Limiting | None,
        ask_hub: Callable[[], None],
    ) -> None:
        self._switching = switching
        self._hub = hub
        self._local = local
        self._limiting = limiting
        self._ask_hub = ask_hub

    @property
    def warning(self) -> bool:
        """The hub is lost, or the limit of power is not met."""
        return not self._hub.there or bool(self._limiting and self._limiting.problem)

    def start(self, moment: Moment) -> None:
        """The outputs are in their safe states."""
        if self._limiting is not None:
            self._limiting.start(moment)

    async def refresh(self, moment: Moment) -> None:
        """Follow all three."""
        self._switching.local(self._local.refresh(moment))
        self._follow_hub()
        if self._limiting is not None:
            if self._local.known:
                await self._limiting.resume()
            self._limiting.refresh(moment)

    def heartbeat(self) -> None:
        """The hub gave a sign of life."""
        back = not self._hub.there
        self._hub.heard(monotonic())
        if back:
            log.info("the hub", state=self._hub.state.value)
        self._switching.hub(there=True)

    def _follow_hub(self) -> None:
        now, before = monotonic(), self._hub.state
        self._hub.tick(now)
        if self._hub.ask(now):
            self._ask_hub()
        if self._hub.state is not before:
            log.warning("the hub", state=self._hub.state.value)
        self._switching.hub(self._hub.there)

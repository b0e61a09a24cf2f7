"""The service provider's way to its heat pumps: connect, look, read, write, switch, watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from iec61850_model.mms.pdu import Payload
from iec61850_model.xmpp import (
    REQUEST_TIMEOUT,
    Aliveness,
    Announcer,
    Channel,
    Connection,
    ConnectionFailed,
    ConnectionSettings,
    Items,
    Many,
    NotConnected,
    XmppError,
)
from service_provider.access import HeatPumpAccess
from service_provider.addresses import heatpump_at
from service_provider.errors import of_hub, translated
from service_provider.groups import Group, Groups
from service_provider.listing import Listed, listed_at
from service_provider.presence import Presence, PresenceBoard, PresenceChange
from service_provider.transport import XmppGroupTransport, XmppTransport

QUIET = 0.5
"""Seconds without news after which the hub is taken to have told the presence of all heat pumps."""
PRESENCE_PATIENCE = 3.0
"""Seconds to wait for the first presence, and for all of them."""


class ServiceProvider(HeatPumpAccess):
    """A service provider's connection to a hub.

    Use it as an asynchronous context manager::

        async with ServiceProvider("control@aggregator.example", password, hub="hub.example.org") as sp:
            power = await sp.read("hp0001", "MET/MMXU1.TotW")
            print(power.value, power.unit, power.quality, power.time)
            await sp.operate("hp0001", "HP/EvuGGIO1.SPCSO1", True)
            async with aclosing(sp.reports("hp0001", dataset="dsMeas")) as reports:
                async for report in reports:
                    print([reading.text for reading in report.readings])

    References are written ``LD/LN.DO.DA[FC]``; the functional constraint may be left out where it is clear.
    Every method raises a ``ClientError``: NoSuchHeatPump, NotAllowed, HeatPumpOffline, NoAnswer,
    NoSuchObject, ServiceErrorReceived, ControlRefused and others; InvalidReference and InvalidHeatPumpId
    (both ValueError) say that a name was written wrongly. One process cannot hold both this and a slixmpp
    component.
    """

    def __init__(  # noqa: PLR0913 - all but two by name, and each a fact of its own
        self,
        jid: str,
        password: str = "",
        *,
        hub: str,
        identity_file: Path | str | None = None,
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | str | None = None,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        """Nothing is sent yet.

        ``jid`` and ``password`` are the provider's account on any XMPP domain, ``hub`` the hub's domain.
        Instead of a password ``identity_file`` (PEM) may hold a key and its certificate, as `hpclient enrol`
        writes it: it is renewed in time, before a login. ``host`` and ``port`` replace the DNS look-up;
        ``ca_file`` (PEM) names the only CAs to trust. ``timeout``: seconds for one answer. Raises ValueError
        for a JID that is none.
        """
        ca_path = None if ca_file is None else Path(ca_file)
        identity = None if identity_file is None else Path(identity_file)
        if not password and identity is None:
            raise ValueError("give a password, or an identity file with key and certificate")
        self._settings = ConnectionSettings(jid, password, host, port, ca_path, identity_file=identity)
        self._connection = Connection(self._settings)
        many = Many(
            self._connection,
            lambda peer: heatpump_at(peer, hub) is not None or peer.partition("@")[2] == hub,
        )
        self._channel = Channel(
            self._connection,
            accepts=lambda peer: heatpump_at(peer, hub) is not None,
            on_message=self._on_message,
            on_error=self._on_bounce,
        )
        super().__init__(XmppTransport(self._channel, timeout), hub)
        self._board = PresenceBoard()
        self._items, self._timeout = Items(self._connection), timeout
        group_transport = XmppGroupTransport(self._channel, many, self._items, timeout)
        self._groups = Groups(
            self._client, group_transport, hub, lambda one: self._board.of(one) is Presence.ONLINE
        )
        self._connection.on_online.append(self._on_online)
        self._connection.on_offline.append(self._on_offline)
        self._connection.on_presence.append(self._on_presence)
        # After our own callback: the hub is to hear of us once we are available.
        announcer = Announcer(self._connection, hub)
        Aliveness(self._connection, hub, on_gone=self._on_hub_gone, on_back=announcer.announce)

    async def __aenter__(self) -> Self:
        """Connect; raises CannotConnect with the reason and what to do."""
        if self._settings.identity_file is not None:
            # What it takes of memory and time, an account with a password is spared.
            from service_provider.renewal import renew_if_due  # noqa: PLC0415

            await renew_if_due(self._settings, self._hub)
        try:
            await self._connection.start()
        except ConnectionFailed as failed:
            raise translated("", failed) from failed
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log out."""
        await self._connection.stop()

    # --- presence -----------------------------------------------------------------------------------

    async def heat_pumps(self) -> list[PresenceChange]:
        """The heat pumps you hold a grant for, as far as the hub told their presence, by id.

        Waits up to three seconds for the hub to tell.
        """
        news = self._board.last_news
        try:
            async with asyncio.timeout(PRESENCE_PATIENCE):
                await news.wait()
                while news.is_set():
                    news.clear()
                    await asyncio.sleep(QUIET)
        except TimeoutError:
            pass
        finally:
            if self._board.states():
                news.set()
        return self._board.states()

    async def listed(self) -> list[Listed]:
        """Every heat pump and group that you hold a grant for, by id, as the hub lists them.

        Waits, as ``heat_pumps`` does, for the hub to tell who is online.
        """
        await self.heat_pumps()
        try:
            addresses = await self._items.of(self._hub, self._timeout)
        except XmppError as error:
            raise of_hub(error) from error
        found = (listed_at(address, self._hub, self._board.of) for address in addresses)
        return sorted(filter(None, found), key=lambda one: one.id)

    def presence_of(self, heatpump: str) -> Presence:
        """The last known link state of a heat pump; unknown until the hub tells it."""
        return self._board.of(heatpump)

    async def presence(self, *heatpumps: str) -> AsyncGenerator[PresenceChange, None]:
        """The known states, then every change, without end; only of the ``heatpumps`` named, if any are."""
        async with aclosing(self._board.changes()) as changes:
            async for change in changes:
                if not heatpumps or change.heatpump in heatpumps:
                    yield change

    # --- groups -------------------------------------------------------------------------------------

    async def group(self, group: str) -> Group:
        """A group of heat pumps, which are asked by one message to all; raises NoSuchGroup::

        north = await sp.group("north")
        async for result in north.operate("HP/EvuGGIO1.SPCSO1", True):
            print(result.heatpump, result.outcome)
        """
        return await self._groups.group(group)

    # --- what the connection tells ------------------------------------------------------------------

    def _on_online(self) -> None:
        try:
            self._connection.send_presence()
        except NotConnected:
            # Lost again at once: it is sent when the link is back.
            return

    def _on_offline(self, reason: str) -> None:
        self._board.unknown(datetime.now(UTC))
        self._subscriptions.all_lost(f"our own link was lost: {reason}")
        self._steering.all_gone(f"our own link was lost: {reason}")

    def _on_presence(self, sender: str, type_: str) -> None:
        if sender == self._hub and type_ in ("unavailable", "error"):
            self._on_hub_gone()
            return
        heatpump = heatpump_at(sender, self._hub)
        if heatpump is None or type_ not in ("available", "unavailable"):
            return
        online = type_ == "available"
        if not online:
            self._client.peer_gone(sender)
            self._reader.forget(heatpump)
            self._subscriptions.lost(sender, f"{heatpump} is offline")
            self._steering.gone(sender, f"{heatpump} is offline")
        state = Presence.ONLINE if online else Presence.OFFLINE
        if self._board.note(heatpump, state, datetime.now(UTC)) and online:
            self._subscriptions.back(sender)

    def _on_hub_gone(self) -> None:
        """With the hub goes what it told."""
        self._board.unknown(datetime.now(UTC))

    def _on_bounce(self, peer: str) -> None:
        self._subscriptions.lost(peer, f"a message to {peer} came back")

    def _on_message(self, peer: str, payload: Payload) -> None:
        self._take(peer, payload)

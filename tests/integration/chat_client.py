"""An ordinary chat client as a library: slixmpp with its own plugins for commands, forms and discovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError

from support.ports import LOOPBACK
from support.scene import OPERATIONS, Scene

PATIENCE = 30.0
"""Seconds until a test gives up waiting; never the measure of anything."""


class ChatClient:
    """Gives commands at operations."""

    def __init__(self, scene: Scene, jid: str) -> None:
        self._stream = ClientXMPP(jid, scene.passwords[jid], sasl_mech="SCRAM-SHA-256")
        self._stream.ca_certs = scene.xmpp_server.ca_file
        self._stream.enable_direct_tls = False
        for plugin in ("xep_0030", "xep_0004", "xep_0050"):
            self._stream.register_plugin(plugin)
        self._port = scene.xmpp_server.c2s_port

    @asynccontextmanager
    async def logged_in(self) -> AsyncIterator[ChatClient]:
        """Log in and be there."""
        ready = asyncio.Event()
        self._stream.add_event_handler("session_start", lambda _: ready.set())
        self._stream.connect(LOOPBACK, self._port)
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            self._stream.send_presence()
            yield self
        finally:
            await self._stream.disconnect()

    async def commands(self) -> list[str]:
        """The nodes of the commands that are offered."""
        found = await self._stream.plugin["xep_0050"].get_commands(OPERATIONS, timeout=PATIENCE)
        return [node for _, node, _ in found["disco_items"]["items"]]

    async def run(self, command: str, **fields: str | list[str]) -> Ended:
        """Give a command, fill in its form if it has one, and complete it."""
        adhoc = self._stream.plugin["xep_0050"]
        try:
            answer = await adhoc.send_command(OPERATIONS, command, timeout=PATIENCE)
            if answer["command"]["status"] == "executing":
                form = self._stream.plugin["xep_0004"].make_form(ftype="submit")
                asked = answer["command"]["form"].get_fields()
                for name, value in fields.items():
                    form.add_field(var=name, ftype=asked[name]["type"], value=value)
                answer = await adhoc.send_command(
                    OPERATIONS, command, action="complete", payload=form,
                    sessionid=answer["command"]["sessionid"], timeout=PATIENCE,
                )  # fmt: skip
        except IqError as refused:
            return Ended(refused.condition, "", [])
        notes = " ".join(text for _, text in answer["command"]["notes"])
        return Ended(answer["command"]["status"], notes, _rows(answer["command"]["form"]))


class Ended:
    """What a person sees in the end: the status or the condition, the note and the rows of a table."""

    def __init__(self, status: str, note: str, rows: list[dict[str, Any]]) -> None:
        self.status, self.note, self.rows = status, note, rows


def _rows(form: Any) -> list[dict[str, Any]]:
    return [dict(item) for item in form["items"]] if form["type"] == "result" else []

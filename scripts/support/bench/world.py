"""What a measured path goes through: an XMPP server, the hub, the floor's relay, and the boxes' end."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml
from sqlalchemy import create_engine, func, select

from hub.registry.models import PresenceRow
from hub.roster import LinkState
from iec61850_model.mms import xer
from support.bench import messages
from support.bench.calling import NoAnswer
from support.bench.filling import fill, fill_group
from support.ejabberd import EjabberdServer, find_ejabberd
from support.pki import write_private
from support.processes import die_with_parent
from support.prosody import ProsodyServer, find_prosody
from support.scene import PROGRAMS

ServerName: TypeAlias = Literal["prosody", "ejabberd"]

HUB = "hub.example.org"
FLOOR = "floor.example.org"
BOXES = "boxes.example.org"
PROVIDERS = "aggregator.example"
PROVIDER = f"control@{PROVIDERS}"
ALIAS = "sp000"
GROUP = "all"
"""A group of all heat pumps."""

LIMITS = ("provider_rate", "provider_burst", "provider_outstanding", "box_rate", "box_burst")
"""What hub.yaml allows one sender; counted still, but never reached here."""
START_TIMEOUT = 120.0
"""Seconds for a program to be ready, and for the hub to have heard of all boxes."""
STOP_TIMEOUT = 20.0
"""Seconds between SIGTERM and SIGKILL."""
REPORTED = 3.0
"""Seconds in which the hub has said what it refused or dropped, which it does once a second."""
POLL = 0.1


class WorldError(Exception):
    """A part of the measured path did not come up; the message holds the end of its log."""


@dataclass(slots=True)
class World:
    """Everything runs. ``pids``: of the server, the hub, the relay and the boxes' end."""

    server_version: str
    secret: str
    provider_port: int
    pids: dict[str, int]


@contextmanager
def running(server: ServerName, heat_pumps: int) -> Iterator[World]:
    """Start everything, with one provider who may do all with so many heat pumps; stop it at the end.

    Raises WorldError, ProsodyUnavailableError or EjabberdUnavailableError.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpbench-")))
        secrets_of = {name: secrets.token_hex(32) for name in (HUB, FLOOR, BOXES, PROVIDERS)}
        xmpp, version = server_of(server, folder / server, secrets_of)
        stack.enter_context(xmpp)
        programs = Programs(folder)
        stack.callback(programs.stop)
        texts = {
            name: xer.encode_payload(payload)
            for name, payload in (
                ("read", messages.read_request()),
                ("operate", messages.operate_request(time.time())),
                ("value", messages.read_response()),
                ("done", messages.operate_response()),
            )
        }
        module = [sys.executable, "-m"]
        boxes = [*module, "support.bench.answering", str(port_of(xmpp, BOXES)), BOXES]
        programs.start("boxes", boxes, [secrets_of[BOXES], texts["value"], texts["done"]], "ready")
        names = [FLOOR, BOXES, ALIAS, PROVIDER]
        relay = [*module, "support.bench.relay", str(port_of(xmpp, FLOOR)), *names]
        payloads = [texts["read"], texts["operate"], texts["value"], texts["done"]]
        programs.start("floor", relay, [secrets_of[FLOOR], *payloads], "ready")
        config = hub_folder(folder / "hub", {"router": secrets_of[HUB]}, port_of(xmpp, HUB), heat_pumps)
        hub = [str(PROGRAMS / "hphub"), "run", "--only", "router", "--config", str(config)]
        programs.start("hub", hub, [], "link to the XMPP server is up")
        programs.wait("hub", "all boxes", lambda: _online(config.parent) >= heat_pumps)
        pids = {server: pid_of(xmpp)} | programs.pids
        try:
            yield World(f"{server} {version}", secrets_of[PROVIDERS], port_of(xmpp, PROVIDERS), pids)
        except NoAnswer as failed:
            time.sleep(REPORTED)
            raise WorldError(f"{failed}; the hub said:\n{programs.log_end('hub')}") from failed


def server_of(
    name: ServerName, folder: Path, component_secrets: dict[str, str]
) -> tuple[ProsodyServer | EjabberdServer, str]:
    """An XMPP server for these components, not started yet, and its version."""
    domains = ["nobody.example.org"]  # a server needs one; no accounts are used here
    if name == "prosody":
        prosody = find_prosody()
        return ProsodyServer(folder, domains, component_secrets, install=prosody), prosody.version
    ejabberd = find_ejabberd()
    return EjabberdServer(folder, domains, component_secrets, install=ejabberd), ejabberd.version


def port_of(server: ProsodyServer | EjabberdServer, domain: str) -> int:
    """Where it takes a component."""
    return server.component_ports[domain] if isinstance(server, EjabberdServer) else server.component_port


def pid_of(server: ProsodyServer | EjabberdServer) -> int:
    """Its process."""
    if isinstance(server, ProsodyServer):
        return int((server.directory / "prosody.pid").read_text())
    assert server.pid is not None, "it was started"
    return server.pid


def new_hub(folder: Path, secrets_of: dict[str, str], port: int, settings: dict[str, Any]) -> Path:
    """A hub as ``hphub init`` makes it, with other settings here and there; returns its configuration."""
    command = [str(PROGRAMS / "hphub"), "init", "--domain", HUB, "--dir", str(folder)]
    subprocess.run([*command, "--component-port", str(port)], check=True, stdout=subprocess.DEVNULL)
    for name, secret in secrets_of.items():
        write_private(folder / "secrets" / name, f"{secret}\n".encode())
    path = folder / "hub.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))
    return path


def hub_folder(folder: Path, secrets_of: dict[str, str], port: int, heat_pumps: int) -> Path:
    """A hub with its registry filled; returns its configuration."""
    # What is measured begins when all boxes are there: they need not be asked as gently as in the field.
    # And one provider asks here for more than a thousand would.
    settings = {"presence": {"pace": 5_000}, "limits": dict.fromkeys(LIMITS, 10**6)}
    path = new_hub(folder, secrets_of, port, settings)
    fill(
        folder / "registry.db",
        boxes=BOXES,
        provider_jid=lambda number: PROVIDER if number == 0 else f"other{number}@{PROVIDERS}",
        heat_pumps=heat_pumps,
        providers=1,
        grants=heat_pumps,
    )
    fill_group(folder / "registry.db", GROUP, heat_pumps)
    return path


def _online(folder: Path) -> int:
    engine = create_engine(f"sqlite:///{folder / 'registry.db'}")
    try:
        with engine.connect() as connection:
            online = PresenceRow.state == LinkState.ONLINE.value
            return connection.execute(
                select(func.count()).select_from(PresenceRow).where(online)
            ).scalar_one()
    finally:
        engine.dispose()


class Programs:
    """Programs of ours in the background."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Their processes by name."""
        return {name: process.pid for name, process in self._running.items()}

    def start(self, name: str, command: list[str], lines: list[str], ready: str) -> None:
        """Start it, give it ``lines`` to read, and wait until it has written ``ready``."""
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Safe with threads: it makes two system calls.
                preexec_fn=die_with_parent(),  # noqa: PLW1509
            )
        self._running[name] = process
        assert process.stdin is not None
        process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        process.stdin.close()
        self.wait(name, repr(ready), lambda: ready.encode() in self._log(name).read_bytes())

    def wait(self, name: str, what: str, reached: Callable[[], bool]) -> None:
        """Raises WorldError if the program ends or START_TIMEOUT goes by before."""
        end = time.monotonic() + START_TIMEOUT
        while not reached():
            if self._running[name].poll() is not None or time.monotonic() > end:
                raise WorldError(f"{name} did not come to {what}:\n{self.log_end(name)}")
            time.sleep(POLL)

    def stop(self) -> None:
        """End all of them."""
        for process in self._running.values():
            process.terminate()
        for name in list(self._running):
            self.end(name)

    def end(self, name: str) -> None:
        """End one of them."""
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def said(self, name: str) -> str:
        """All it has written so far."""
        return self._log(name).read_text()

    def log_end(self, name: str) -> str:
        """The last it said, of a program that logs as JSON without what is usual."""
        lines = self.said(name).splitlines()
        return "\n".join(line for line in lines if '"level": "info"' not in line)[-3000:]

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

"""A whole heat pump world on one machine: XMPP server, hub and boxes, for the demo and for tests."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from support.ejabberd import EjabberdInstall, EjabberdServer
from support.pki import write_private
from support.ports import LOOPBACK
from support.processes import die_with_parent, is_alive
from support.prosody import ProsodyInstall, ProsodyServer
from support.prosody_config import EnrolmentSettings

REPOSITORY = Path(__file__).resolve().parents[2]
MODEL = REPOSITORY / "config" / "heatpump-box.icd"
PROGRAMS = Path(sys.executable).parent

HUB = "hub.example.org"
HISTORY = f"history.{HUB}"
ENROLMENT = f"enrol.{HUB}"
GUESTS = f"guest.{HUB}"
OPERATIONS = f"ops.{HUB}"
BOXES = "boxes.example.org"
AGGREGATOR = "aggregator.example"
PROVIDER_JID = f"control@{AGGREGATOR}"

COMMAND_TIMEOUT = 60.0
"""Seconds for one command of ours; the slowest waits 10 s for an answer."""
START_TIMEOUT = 30.0
"""Seconds for a program of ours to say that it is ready."""
STOP_TIMEOUT = 15.0
"""Seconds between SIGTERM and SIGKILL: a box takes up to 10 s to bring its relays to their safe states."""
POLL = 0.1
LOG_SHOWN = 3_000
"""Characters from the end of a log that an error shows."""

FREE_RELAY = {"min_on": 0, "min_off": 0, "starts_per_hour": 10_000, "starts_per_day": 10_000}
FREE_SG_READY = {"hold": 0, "block_pause": 0, "starts_per_hour": 10_000, "blocks_per_day": 10_000}
"""Limits of outputs that limit nothing but the longest time."""

SIMULATED_POINTS = {
    "MET/MMXU1.TotW": "power",
    "MET/MMXU1.TotVAr": "reactive_power",
    "MET/MMXU1.TotPF": "power_factor",
    "MET/MMXU1.Hz": "frequency",
    "MET/MMXU1.PhV.phsA": "voltage_1",
    "MET/MMXU1.PhV.phsB": "voltage_2",
    "MET/MMXU1.PhV.phsC": "voltage_3",
    "MET/MMXU1.A.phsA": "current_1",
    "MET/MMXU1.A.phsB": "current_2",
    "MET/MMXU1.A.phsC": "current_3",
    "MET/MMTR1.DmdWh": "energy",
    "MET/FwdSTMP1.Tmp": "forward_temperature",
    "MET/RetSTMP1.Tmp": "return_temperature",
    "MET/BufSTMP1.Tmp": "buffer_top_temperature",
    "MET/BufSTMP2.Tmp": "buffer_bottom_temperature",
    "MET/DhwSTMP1.Tmp": "dhw_temperature",
    "MET/OutMMET1.EnvTmp": "outdoor_temperature",
    "MET/OutMMET1.EnvHum": "outdoor_humidity",
    "MET/RmMMET1.EnvTmp": "room_temperature",
    "MET/RmMMET1.EnvHum": "room_humidity",
    "MET/ShMFLW1.FlwRte": "space_heating_flow",
    "MET/ShMFLW1.VlmCnt": "space_heating_volume",
    "MET/DhwMFLW1.FlwRte": "dhw_flow",
    "MET/DhwMFLW1.VlmCnt": "dhw_volume",
    "MET/ShMHET1.HeatOut": "space_heating_power",
    "MET/ShMHET1.AccmHeatOut": "space_heating_energy",
    "MET/DhwMHET1.HeatOut": "dhw_power",
    "MET/DhwMHET1.AccmHeatOut": "dhw_energy",
    "HP/HpGGIO1.IntIn1": "operating_mode",
    "HP/HpGGIO1.Alm1": "fault",
    "HP/HpGGIO1.Ind1": "compressor",
    "HP/HpGGIO1.Ind2": "defrost",
    "HP/HpGGIO1.Ind3": "dhw_mode",
    "HP/HpGGIO1.OpTmh": "compressor_hours",
    "HP/ShKPMP1.Spd": "pump_speed",
    "HP/ShKPMP1.OpCtl": "pump_on",
    "HP/DhwKVLV1.OpnPos": "valve_dhw",
    "HP/EvuGGIO1.Ind1": "evu_contact",
    "HP/SgrGGIO1.Ind1": "sg_ready_contact_1",
    "HP/SgrGGIO1.Ind2": "sg_ready_contact_2",
    "LD0/BoxSTMP1.Tmp": "box_temperature",
}
"""Data object -> reading of the simulated house: everything a box without a brine circuit has."""


class SceneError(Exception):
    """A part of the scene did not do what it was asked; the message holds the end of its log."""


@dataclass(slots=True)
class Program:
    """A program of ours that runs in the background."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and, if that does not help, SIGKILL; returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@dataclass(slots=True)
class Scene:
    """XMPP server, hub and boxes in one folder.

    ``install``: where the server's program is, else it is looked for. ``detached``: they outlive this process
    (``stop_detached``); only Prosody can. ``enrolment``: boxes and providers can enrol by one-time codes; so
    too.
    """

    directory: Path
    install: ProsodyInstall | EjabberdInstall | None = None
    detached: bool = False
    server: Literal["prosody", "ejabberd"] = "prosody"
    enrolment: bool = False
    guest_logins: int = 1_000
    programs: dict[str, Program] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    _xmpp_server: ProsodyServer | EjabberdServer | None = None

    @property
    def xmpp_server(self) -> ProsodyServer | EjabberdServer:
        """The XMPP server; it runs after ``start_server``."""
        assert self._xmpp_server is not None, "start_server comes first"
        return self._xmpp_server

    @property
    def prosody(self) -> ProsodyServer:
        """The XMPP server of a scene with Prosody."""
        assert isinstance(self.xmpp_server, ProsodyServer), "this scene runs on ejabberd"
        return self.xmpp_server

    # --- starting ---------------------------------------------------------------------------------

    def start_server(self) -> None:
        """Make secrets, the provider's account and the hub's folder, and start the XMPP server."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        files = {"router": HUB, "history": HISTORY, "operations": OPERATIONS}
        if self.enrolment:
            files["enrolment"] = ENROLMENT
        components = {name: secrets.token_hex(32) for name in files.values()}
        self._xmpp_server = server = self._make_server(components)
        secrets_folder = self.directory / "hub" / "secrets"
        secrets_folder.mkdir(parents=True, exist_ok=True)
        for name, domain in files.items():
            write_private(secrets_folder / name, f"{components[domain]}\n".encode())
        port = str(server.component_port)
        self.hphub("init", "--domain", HUB, "--dir", str(self.directory / "hub"), "--component-port", port)
        if isinstance(server, EjabberdServer):
            ports = server.component_ports
            self.configure_hub(
                history={"component_port": ports[HISTORY]}, operations={"component_port": ports[OPERATIONS]}
            )

        if self.enrolment:
            self._configure_enrolment()
        server.start()
        self.register(PROVIDER_JID)

    def _configure_enrolment(self) -> None:
        server = self.prosody
        self.configure_hub(
            enrolment={
                "box_domain": BOXES,
                "provider_domain": AGGREGATOR,
                "host": LOOPBACK,
                "port": server.c2s_port,
                "server_ca": str(server.ca_file),
                "close_session": server.control_command("shell", "c2s:close('{jid}')"),
            }
        )
        (self.directory / "hub" / "revoked").touch()

    def _make_server(self, components: Mapping[str, str]) -> ProsodyServer | EjabberdServer:
        folder, domains = self.directory / self.server, [BOXES, AGGREGATOR]
        if self.server == "ejabberd":
            assert not self.detached, "ejabberd does not outlive its scene"
            assert not isinstance(self.install, ProsodyInstall), "this is where Prosody is"
            return EjabberdServer(folder, domains, components, install=self.install)
        assert not isinstance(self.install, EjabberdInstall), "this is where ejabberd is"
        hub = self.directory / "hub"
        authority, revoked = hub / "ca" / "ca.crt", hub / "revoked"
        enrolment = EnrolmentSettings(domains, GUESTS, ENROLMENT, authority, revoked, self.guest_logins)
        return ProsodyServer(
            folder,
            [*domains, GUESTS] if self.enrolment else domains,
            components,
            install=self.install,
            detached=self.detached,
            enrolment=enrolment if self.enrolment else None,
        )

    def register(self, jid: str) -> str:
        """Make an account; its password lies in ``passwords`` and a private file too."""
        return self._register(jid, self.xmpp_server)

    def _register(self, jid: str, server: ProsodyServer | EjabberdServer) -> str:
        password = self.passwords[jid] = secrets.token_urlsafe(24)
        server.register(jid, password)
        write_private(self.password_file(jid), f"{password}\n".encode())
        return password

    def password_file(self, jid: str) -> Path:
        """Where the password of an account lies."""
        return self.directory / f"{jid}.secret"

    def configure_hub(self, **sections: Mapping[str, Any]) -> None:
        """Change keys in sections of hub.yaml; a hub that runs does not see it."""
        path = self.directory / "hub" / "hub.yaml"
        values = yaml.safe_load(path.read_text())
        for name, keys in sections.items():
            values[name] = values.get(name, {}) | dict(keys)
        path.write_text(yaml.safe_dump(values, sort_keys=False))

    def start_hub(self) -> Program:
        """Start the hub's router and wait for its link."""
        return self._start_part("hub", "router")

    def start_collector(self) -> Program:
        """Start the hub's collector, a process of its own, and wait for its link."""
        return self._start_part("collector", "collector")

    def start_enrolment(self) -> Program:
        """Start what gives boxes their certificates, a process of its own, and wait for its link."""
        return self._start_part("enrolment", "enrolment")

    def start_operations(self) -> Program:
        """Start the hub's operations, a process of its own, and wait for its link."""
        return self._start_part("operations", "ops")

    def _start_part(self, name: str, part: str) -> Program:
        program = self.start(name, ["hphub", "run", "--only", part], self.hub_environment)
        self.wait_for(f"the {part}'s link", lambda: "link to the XMPP server is up" in program.log, program)
        return program

    def start_box(
        self, number: int, drivers: Mapping[str, Any], points: Mapping[str, str], outputs: Mapping[str, Any],
        *, port: int | None = None, more: Mapping[str, Any] | None = None,
    ) -> Program:  # fmt: skip
        """Start a box with an account of its own; ``port``: of a proxy before the server; ``more``: other
        keys of box.yaml."""
        jid = box_jid(number)
        if jid not in self.passwords:
            self.register(jid)
        path = self.directory / f"box{number:04d}" / "box.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            yaml.safe_dump(
                {
                    "jid": jid,
                    "password_file": str(self.password_file(jid)),
                    "hub": HUB,
                    "model": str(MODEL),
                    "server": {"host": LOOPBACK, "port": port or self.xmpp_server.c2s_port},
                    "ca_file": str(self.xmpp_server.ca_file),
                    # The provider's clock is this machine's clock too, synchronized or not.
                    "clock": "trusted",
                    "sample_every": 0.5,
                    "drivers": dict(drivers),
                    "points": dict(points),
                    "outputs": dict(outputs),
                }
                | dict(more or {}),
                sort_keys=False,
            )
        )
        return self.start(f"box{number:04d}", ["hpbox", "run", "--config", str(path)], {})

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Program:
        """Start a program in the background; its output goes to a log file."""
        log_file = self.directory / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [str(PROGRAMS / command[0]), *command[1:]],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=self.detached,
                # Safe with threads: it only calls prctl, looked up beforehand.
                preexec_fn=None if self.detached else die_with_parent(),  # noqa: PLW1509
            )
        program = self.programs[name] = Program(name, process, log_file)
        if self.detached:
            (self.directory / f"{name}.pid").write_text(f"{process.pid}\n")
        return program

    # --- using ------------------------------------------------------------------------------------

    @property
    def hub_environment(self) -> dict[str, str]:
        """What makes ``hphub`` work on this hub."""
        return {"HPHUB_CONFIG": str(self.directory / "hub" / "hub.yaml")}

    @property
    def client_environment(self) -> dict[str, str]:
        """What makes ``hpclient`` work as the provider."""
        return {
            "HPCLIENT_JID": PROVIDER_JID,
            "HPCLIENT_PASSWORD_FILE": str(self.password_file(PROVIDER_JID)),
            "HPCLIENT_HUB": HUB,
            "HPCLIENT_HOST": LOOPBACK,
            "HPCLIENT_PORT": str(self.xmpp_server.c2s_port),
            "HPCLIENT_CA_FILE": str(self.xmpp_server.ca_file),
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``hphub`` or ``hpclient`` to its end, whatever its exit code."""
        return subprocess.run(
            [str(PROGRAMS / arguments[0]), *arguments[1:]],
            env=os.environ | self.hub_environment | (self.client_environment if self._xmpp_server else {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )

    def hphub(self, *arguments: str) -> str:
        """Run an operator's command that must work; returns what it prints."""
        done = self.command("hphub", *arguments)
        if done.returncode:
            raise SceneError(
                f"hphub {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}{done.stdout}"
            )
        return done.stdout

    def presence_of(self, heat_pump: str) -> str:
        """The link state the operator sees."""
        listed = json.loads(self.hphub("heatpump", "list", "--json"))
        return next(str(one["presence"]) for one in listed if one["id"] == heat_pump)

    def wait_for(
        self,
        what: str,
        reached: Callable[[], bool],
        program: Program | None = None,
        timeout: float = START_TIMEOUT,
    ) -> float:
        """Wait until ``reached()``; returns the seconds it took.

        Raises SceneError after ``timeout`` seconds or if ``program`` has ended.
        """
        start = time.monotonic()
        while not reached():
            waited = time.monotonic() - start
            if program is not None and program.process.poll() is not None:
                raise SceneError(f"{program.name} ended before {what}:\n{program.log[-LOG_SHOWN:]}")
            if waited > timeout:
                tail = f":\n{program.log[-LOG_SHOWN:]}" if program else ""
                raise SceneError(f"{what} was not there after {timeout:.0f} s{tail}")
            time.sleep(POLL)
        return time.monotonic() - start

    def close(self) -> None:
        """Stop everything this scene started."""
        for program in reversed(self.programs.values()):
            if program.process.poll() is None:
                program.stop()
        if self._xmpp_server is not None:
            self._xmpp_server.close()


def box_jid(number: int) -> str:
    """The account of a box."""
    return f"box{number:04d}@{BOXES}"


def simulated(**options: Any) -> dict[str, Any]:
    """The drivers of a box in a cold winter house whose heat pump answers within seconds."""
    return {"house": {"kind": "simulated", "season": "winter", "min_run": 0, "min_pause": 3} | options}


def simulated_points() -> dict[str, str]:
    """Every point of the simulated house."""
    return {reference: f"house.{reading}" for reference, reading in SIMULATED_POINTS.items()}


def simulated_outputs() -> dict[str, Any]:
    """Every output of the simulated house, to be switched as often as one likes: nothing wears out there."""
    return {
        "HP/EvuGGIO1.SPCSO1": {"relay": "house.evu_block", "max_on": 7200} | FREE_RELAY,
        "HP/SgrGGIO1.ISCSO1": {"sg_ready": ["house.sg_ready_1", "house.sg_ready_2"]} | FREE_SG_READY,
        "HP/RlyGGIO1.SPCSO1": {"relay": "house.relay_1"} | FREE_RELAY,
        "HP/RlyGGIO1.SPCSO2": {"relay": "house.relay_2"} | FREE_RELAY,
        "HP/RmFSPT1.SptVal": {"set_point": "house.room_setpoint", "initial": 20.5},
        "HP/DhwFSPT1.SptVal": {"set_point": "house.dhw_setpoint", "initial": 50.0},
    }


def stop_pid_file(path: Path) -> bool:
    """Stop the program of a pid file if it still runs; returns whether it did."""
    try:
        pid = int(path.read_text())
    except (OSError, ValueError):
        return False
    running = is_alive(pid) and _is_ours(pid)
    if running:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + STOP_TIMEOUT
        while is_alive(pid) and time.monotonic() < end:
            time.sleep(POLL)
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    path.unlink(missing_ok=True)
    return running


def _is_ours(pid: int) -> bool:
    """The pid has not been given to somebody else's program meanwhile."""
    try:
        return str(PROGRAMS).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False

"""The demo's story: a provider reads and switches a heat pump, and the operator says when he may."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from support.background_proxy import BackgroundProxy
from support.narrator import Narrator, StepFailed
from support.scene import PROVIDER_JID, Scene, SceneError, box_jid

EVU = "HP/EvuGGIO1.SPCSO1"
COMPRESSOR = "HP/HpGGIO1.Ind1"
POWER = "MET/MMXU1.TotW"
RUNNING_WATTS = 500.0
"""A compressor of the simulated house takes 1 to 3 kW; pumps and standby are below 200 W."""
FOLLOWS_WITHIN = 20.0
"""Seconds for the compressor to follow its relay: it waits some seconds between two runs."""
DELAY = 6
"""Seconds ahead that the time-activated command is set to."""
DELAY_SLACK = 4.0
"""Seconds after operTm within which the relay must have switched, by the box's own time."""
CUT_KNOWN_WITHIN = 30.0
"""Seconds within which a cut must be known (wired profile, DESIGN section 3)."""
EXIT_NO_RIGHT = 3
REPORTS = 3
"""Reports to watch: everything, and changes of the power, which comes every second."""


class Story:
    """The steps, each of which raises StepFailed if it does not do what it says."""

    def __init__(self, scene: Scene, tell: Narrator, proxy: BackgroundProxy) -> None:
        self._scene = scene
        self._tell = tell
        self._proxy = proxy

    def play(self) -> None:
        """All steps in order."""
        for step in (
            self.boxes_come_online,
            self.nothing_without_a_grant,
            self.read_is_granted,
            self.browse,
            self.read_values,
            self.real_meter,
            self.watch,
            self.history_is_granted,
            self.switching_is_refused,
            self.control_is_granted,
            self.switch_at_once,
            self.switch_later,
            self.schedule,
            self.grant_ends,
            self.network_is_cut,
            self.audit_shows_it,
        ):
            step()

    # --- the steps --------------------------------------------------------------------------------

    def boxes_come_online(self) -> None:
        self._tell.step("Three boxes come online, and the operator sees it")
        for number in (1, 2, 3):
            self._operator("heatpump", "add", f"hp{number:04d}", "--box", box_jid(number))
        self._operator("provider", "add", "agg", "--jid", PROVIDER_JID)
        for number in (1, 2, 3):
            self._wait_for_presence(f"hp{number:04d}", "online")
        self._tell.lines(self._operator("heatpump", "list"))
        self._tell.seen("all three are online")

    def nothing_without_a_grant(self) -> None:
        self._tell.step("Provider agg asks for hp0001 and is told that it does not exist")
        message = self._refused(EXIT_NO_RIGHT, "read", "hp0001", POWER)
        unknown = self._refused(EXIT_NO_RIGHT, "read", "hp9999", POWER, show=False)
        if message.replace("hp0001", "hp9999") != unknown:
            raise StepFailed(f"an unknown heat pump is answered otherwise: {unknown}")
        self._tell.seen("the same answer as for a heat pump that is not there")

    def read_is_granted(self) -> None:
        self._tell.step("The operator grants read; agg sees the presence of hp0001")
        for number in (1, 2, 3):
            self._operator("grant", "add", "agg", f"hp{number:04d}", "--right", "read", "--until", "30d")
        listed = self._provider("ls", "--json")
        self._tell.table(
            ("heat pump", "presence"), [(str(one["heatpump"]), str(one["presence"])) for one in listed]
        )
        states = {one["heatpump"]: one["presence"] for one in listed}
        if states != dict.fromkeys(("hp0001", "hp0002", "hp0003"), "online"):
            raise StepFailed(f"presence seen by the provider: {states}")
        self._tell.seen("the change was in force when the command returned")

    def browse(self) -> None:
        self._tell.step("agg browses: server > logical device > node > data object > attribute")
        for below, wanted in (
            ((), "MET"),
            (("MET",), "MMXU1"),
            (("MET/MMXU1",), "TotW"),
            (("MET/MMXU1.TotW",), "mag"),
        ):
            names = [str(one["reference"]) for one in self._provider("ls", "hp0001", *below, "--json")]
            self._tell.lines(", ".join(names))
            if not any(name.replace("/", ".").split(".")[-1].split("[")[0] == wanted for name in names):
                raise StepFailed(f"{wanted} is missing below {below or 'the server'}")
        self._tell.seen("five levels down")

    def read_values(self) -> None:
        self._tell.step("agg reads power, temperatures and relay: value, unit, quality and time")
        self._follows("the compressor runs", lambda: self._watts() > RUNNING_WATTS)
        values = self._read(
            "hp0001",
            POWER,
            "MET/FwdSTMP1.Tmp",
            "MET/RetSTMP1.Tmp",
            "MET/OutMMET1.EnvTmp",
            "MET/RmMMET1.EnvTmp",
            COMPRESSOR,
            EVU,
        )
        _require_good(values)
        missing = self._read("hp0001", "MET/BriSTMP1.Tmp")
        if not missing[0]["quality"].startswith("invalid"):
            raise StepFailed(f"a sensor that is not wired reads {missing[0]}")
        self._tell.seen("every value is good; the brine sensor, which is not wired, is invalid and not zero")

    def real_meter(self) -> None:
        self._tell.step("hp0003 has a real meter on Modbus TCP and sensors in the kernel's 1-Wire format")
        values = self._read("hp0003", POWER, "MET/MMXU1.PhV.phsA", "MET/FwdSTMP1.Tmp", "MET/OutMMET1.EnvTmp")
        _require_good(values)
        self._tell.seen("read from registers and files of another process")

    def watch(self) -> None:
        self._tell.step("agg watches: the box reports by itself what changes")
        arguments = ("watch", "hp0001", "--member", POWER, "--member", COMPRESSOR, "--count", str(REPORTS))
        self._tell.command(["hpclient", *arguments])
        done = self._scene.command("hpclient", *arguments, "--json")
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        self._tell.table(
            ("reference", "value", "unit", "quality", "time", "reason"),
            [(*_reading_row(one), one["reason"]) for report in reports for one in report["values"]],
        )
        reasons = [{value["reason"] for value in report["values"]} for report in reports]
        if done.returncode or len(reports) != REPORTS or {"gi"} not in reasons:
            raise StepFailed(f"exit code {done.returncode}, reports for {reasons}: {done.stderr}")
        self._tell.seen("everything first, then each change; nobody asked again and again")

    def history_is_granted(self) -> None:
        self._tell.step("The operator lets the hub keep a history, for a purpose; the collector follows")
        purpose = ("--right", "history", "--purpose", "research", "--ground", "consent, 2026-11-02")
        self._operator("grant", "add", "agg", "hp0001", *purpose, "--until", "30d")
        shown = self._operator("history", "status")
        self._tell.lines(shown)
        consents = dict(line.split()[:2] for line in shown.splitlines()[1:])
        if consents != {"hp0001": "yes", "hp0002": "no", "hp0003": "no"}:
            raise StepFailed(f"consents: {consents}")
        self._tell.seen("5-minute averages of hp0001 from now on, of the others none")

    def switching_is_refused(self) -> None:
        self._tell.step("agg tries to switch the EVU relay and is refused")
        self._refused(EXIT_NO_RIGHT, "operate", "hp0001", EVU, "on")
        if self._value(EVU) is not False:
            raise StepFailed("the relay has moved")
        self._tell.seen("reading does not let him switch")

    def control_is_granted(self) -> None:
        self._tell.step("The operator adds the right to control")
        self._operator("grant", "add", "agg", "hp0001", "--right", "control", "--scope", "HP/EvuGGIO1.*")
        self._tell.lines(self._operator("grant", "list"))
        self._tell.seen("for this relay only")

    def switch_at_once(self) -> None:
        self._tell.step("agg blocks the heat pump at once")
        self._follows("the compressor runs", lambda: self._value(COMPRESSOR) is True)
        self._provider_says("operate", "hp0001", EVU, "on")
        took = self._follows("the compressor stops", lambda: self._value(COMPRESSOR) is False)
        self._read("hp0001", EVU, "HP/EvuGGIO1.Ind1", COMPRESSOR, POWER)
        if self._value(EVU) is not True:
            raise StepFailed("the relay is not on")
        self._tell.seen(f"relay on, compressor stopped {took:.0f} s later")

    def switch_later(self) -> None:
        self._tell.step(f"agg releases it with a time: operTm {DELAY} s ahead")
        before = time.time()
        self._provider_says("operate", "hp0001", EVU, "off", "--at", f"+{DELAY}s")
        after = time.time()
        if self._value(EVU) is not True:
            raise StepFailed("the relay did not wait")
        self._tell.seen("taken; the relay is still on")
        self._follows("the relay releases", lambda: self._value(EVU) is False)
        switched = datetime.fromisoformat(self._read("hp0001", EVU, show=False)[0]["time"]).timestamp()
        if not before + DELAY <= switched <= after + DELAY + DELAY_SLACK:
            raise StepFailed(f"the relay switched {switched - before:.1f} s after the command")
        took = self._follows("the compressor runs again", lambda: self._watts() > RUNNING_WATTS)
        self._read("hp0001", EVU, COMPRESSOR, POWER)
        self._tell.seen(f"released at its time, compressor running {took:.0f} s after that")

    def schedule(self) -> None:
        self._tell.step("The operator grants schedules; agg blocks two hours of tomorrow evening")
        self._operator("grant", "add", "agg", "hp0001", "--right", "schedule", "--until", "30d")
        start = f"{datetime.now() + timedelta(days=1):%Y-%m-%dT17:00}"
        plan = ("schedule", "set", "hp0001", "evu", "--start", start, "--interval", "1h", "--values", "1,0,1")
        self._tell.command(["hpclient", *plan])
        self._follows(
            "the slot of the grant is ready and the schedule set",
            lambda: self._scene.command("hpclient", *plan).returncode == 0,
        )
        shown = self._provider_says("schedule", "show", "hp0001", "evu")
        if "Ready" not in shown or "##..##" not in shown:
            raise StepFailed("this is not what was set")
        self._tell.seen("the box keeps it, also without a network and over a restart")

    def grant_ends(self) -> None:
        self._tell.step("The grants end, and the next request is refused")
        self._operator("grant", "revoke", "agg", "hp0001")
        self._refused(EXIT_NO_RIGHT, "read", "hp0001", POWER)
        self._tell.seen("hp0001 is gone for agg")

    def network_is_cut(self) -> None:
        self._tell.step("The network of hp0002's box is cut without a word")
        self._proxy.swallow()
        took = self._wait_for_presence("hp0002", "offline")
        self._tell.lines(self._operator("heatpump", "list"))
        listed = self._provider("ls", "--json")
        self._tell.table(("heat pump", "presence"), [(one["heatpump"], one["presence"]) for one in listed])
        states = {one["heatpump"]: one["presence"] for one in listed}
        if states != {"hp0002": "offline", "hp0003": "online"}:
            raise StepFailed(f"presence seen by the provider: {states}")
        self._tell.seen(f"known after {took:.0f} s, to the operator and to agg")

    def audit_shows_it(self) -> None:
        self._tell.step("The audit shows all of it")
        self._operator("audit", "verify")
        entries = json.loads(self._operator("audit", "--limit", "200", "--json", show=False))
        self._tell.command(["hphub", "audit"])
        self._tell.table(
            ("what", "who", "heat pump", "service", "detail"),
            [_audit_row(entry) for entry in entries if entry["kind"] != "operator"],
        )
        kinds = [(entry["kind"], entry["service"]) for entry in entries]
        for wanted in (
            ("operator", "grant add"),
            ("refusal", "GetDataDefinition"),
            ("refusal", "Operate"),
            ("request", "Operate"),
            ("operator", "slot ready"),
            ("result", ""),
            ("operator", "grant revoke"),
        ):
            if wanted not in kinds:
                raise StepFailed(f"{wanted} is missing in the audit: {sorted(set(kinds))}")
        self._tell.seen("every command of the operator, every refusal, every operate with its result")

    # --- helpers ----------------------------------------------------------------------------------

    def _operator(self, *arguments: str, show: bool = True) -> str:
        if show:
            self._tell.command(["hphub", *arguments])
        return self._scene.hphub(*arguments)

    def _provider(self, *arguments: str, show: bool = True) -> Any:
        """A command of the provider that must work and prints JSON."""
        shown = [one for one in arguments if one != "--json"]
        if show:
            self._tell.command(["hpclient", *shown])
        done = self._scene.command("hpclient", *arguments)
        if done.returncode:
            raise StepFailed(f"hpclient {' '.join(shown)}: exit code {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def _provider_says(self, *arguments: str) -> str:
        self._tell.command(["hpclient", *arguments])
        done = self._scene.command("hpclient", *arguments)
        if done.returncode:
            raise StepFailed(f"exit code {done.returncode}: {done.stderr}")
        self._tell.lines(done.stdout)
        return done.stdout

    def _refused(self, code: int, *arguments: str, show: bool = True) -> str:
        done = self._scene.command("hpclient", *arguments)
        if show:
            self._tell.command(["hpclient", *arguments])
            self._tell.lines(f"{done.stderr.strip()} (exit code {done.returncode})")
        if done.returncode != code:
            raise StepFailed(f"exit code {done.returncode} instead of {code}: {done.stdout}{done.stderr}")
        return done.stderr

    def _read(self, heat_pump: str, *references: str, show: bool = True) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._provider("read", heat_pump, *references, "--json", show=show)
        if show:
            self._tell.table(
                ("reference", "value", "unit", "quality", "time"), [_reading_row(one) for one in found]
            )
        return found

    def _value(self, reference: str) -> Any:
        return self._read("hp0001", reference, show=False)[0]["value"]

    def _watts(self) -> float:
        return float(self._value(POWER))

    def _follows(self, what: str, reached: Callable[[], bool]) -> float:
        return self._wait(what, reached, FOLLOWS_WITHIN)

    def _wait_for_presence(self, heat_pump: str, state: str) -> float:
        seen = self._scene.presence_of
        return self._wait(f"{heat_pump} {state}", lambda: seen(heat_pump) == state, CUT_KNOWN_WITHIN)

    def _wait(self, what: str, reached: Callable[[], bool], timeout: float) -> float:
        try:
            return self._scene.wait_for(what, reached, timeout=timeout)
        except SceneError as error:
            raise StepFailed(str(error)) from None


def _require_good(values: list[dict[str, Any]]) -> None:
    bad = [one["reference"] for one in values if one["quality"] != "good" or not one["time"]]
    if bad:
        raise StepFailed(f"not good: {', '.join(bad)}")


def _reading_row(one: dict[str, Any]) -> tuple[str, ...]:
    value = one["value"]
    if isinstance(value, bool):
        shown = "on" if value else "off"
    elif isinstance(value, float):
        shown = f"{value:.1f}"
    else:
        shown = str(value)
    return one["reference"], shown, one["unit"] or "", one["quality"], one["time"] or ""


def _audit_row(entry: dict[str, Any]) -> tuple[str, ...]:
    names = (str(entry[key] or "") for key in ("kind", "provider", "heatpump", "service", "detail"))
    return tuple(names)

"""`scripts/demo`: sets the scene, plays the story, and leaves nothing running unless asked to."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click

from support.background_proxy import BackgroundProxy
from support.narrator import Narrator, StepFailed
from support.ports import LOOPBACK
from support.prosody import ProsodyError, ProsodyUnavailableError, find_prosody, stop_detached
from support.scene import (
    FREE_RELAY,
    HUB,
    LOG_SHOWN,
    PROVIDER_JID,
    REPOSITORY,
    Scene,
    SceneError,
    simulated,
    simulated_outputs,
    simulated_points,
    stop_pid_file,
)
from support.story import Story

FOLDER = REPOSITORY / ".local" / "demo"
METER_READINGS = {
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
    "HP/EvuGGIO1.Ind1": "evu_contact",
    "HP/HpGGIO1.Ind1": "compressor",
    "HP/HpGGIO1.Ind2": "defrost",
    "HP/HpGGIO1.Ind3": "dhw_mode",
}
"""Data object -> reading of the Modbus meter and of the contacts beside it."""
SENSORS = {
    "MET/FwdSTMP1.Tmp": "forward_temperature",
    "MET/RetSTMP1.Tmp": "return_temperature",
    "MET/BufSTMP1.Tmp": "buffer_top_temperature",
    "MET/BufSTMP2.Tmp": "buffer_bottom_temperature",
    "MET/DhwSTMP1.Tmp": "dhw_temperature",
    "MET/OutMMET1.EnvTmp": "outdoor_temperature",
    "MET/RmMMET1.EnvTmp": "room_temperature",
}
"""Data object -> 1-Wire sensor."""

NAMEPLATE = {
    "der": {
        "rated_power": 3200,
        "buffer": {"volume": 200, "empty": 25, "full": 50},
        "hot_water": {"volume": 190, "empty": 40, "full": 55},
    }
}
"""The first box's heat pump as a load of the grid, and its storage: LD DER is alive."""


def start_metered_box(scene: Scene, number: int) -> None:
    """A box on real interfaces: meter and relay on Modbus TCP, 1-Wire files, a house in another process."""
    files = scene.directory / "onewire"
    house = scene.start(
        "house",
        ["python", "-m", "device_agent.simulator", "--modbus-port", "0", "--onewire-dir", str(files),
         "--season", "winter", "--min-run", "0", "--min-pause", "3", "--seed", str(number)],
        {},
    )  # fmt: skip
    scene.wait_for("the simulated meter", lambda: house.log.endswith("\n"), house)
    where = json.loads(house.log.splitlines()[0])
    drivers: dict[str, Any] = {
        "meter": {
            "kind": "modbus",
            "host": LOOPBACK,
            "port": where["modbus_port"],
            "map": "eastron-sdm630",
            "outputs": {"evu_block": 0},
            "inputs": {"evu_contact": 0, "compressor": 1, "defrost": 2, "dhw_mode": 3},
        },
        "probes": {"kind": "onewire", "root": str(files), "sensors": where["sensors"]},
    }
    points = {reference: f"meter.{name}" for reference, name in METER_READINGS.items()}
    points |= {reference: f"probes.{name}" for reference, name in SENSORS.items()}
    outputs = {"HP/EvuGGIO1.SPCSO1": {"relay": "meter.evu_block"} | FREE_RELAY}
    scene.start_box(number, drivers, points, outputs)


def set_scene(scene: Scene, tell: Narrator) -> BackgroundProxy:
    """Start everything there is; returns the line of the second box."""
    tell.preparing("making a CA, certificates, secrets and accounts; starting Prosody")
    scene.start_server()
    tell.preparing(f"starting the hub {HUB}: router, collector and operations")
    scene.start_hub()
    scene.start_collector()
    scene.start_operations()
    proxy = BackgroundProxy(scene.prosody.c2s_port)
    tell.preparing("starting three boxes, one of them beside a meter on Modbus TCP and 1-Wire sensors")
    scene.start_box(1, simulated(seed=1), simulated_points(), simulated_outputs(), more=NAMEPLATE)
    scene.start_box(2, simulated(seed=2), simulated_points(), simulated_outputs(), port=proxy.port)
    start_metered_box(scene, 3)
    return proxy


def write_environment(scene: Scene) -> Path:
    """The variables that make hphub, hpclient and any other XMPP client work against this demo."""
    values = scene.hub_environment | scene.client_environment
    values |= {
        "DEMO_XMPP_HOST": LOOPBACK,
        "DEMO_XMPP_PORT": str(scene.prosody.c2s_port),
        "DEMO_CA_FILE": str(scene.prosody.ca_file),
        "DEMO_HUB_DOMAIN": HUB,
        "DEMO_PROVIDER_JID": PROVIDER_JID,
        "DEMO_PROVIDER_PASSWORD": scene.passwords[PROVIDER_JID],
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    lines.append(f"export PATH={shlex.quote(str(REPOSITORY / '.venv' / 'bin'))}:$PATH")
    path = scene.directory / "env"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def stop_demo(folder: Path) -> list[str]:
    """Stop what an earlier demo left running; returns the names."""
    pid_files = sorted(folder.glob("*.pid"), key=lambda path: path.stat().st_mtime, reverse=True)
    stopped = [path.stem for path in pid_files if stop_pid_file(path)]
    if (folder / "prosody").exists() and stop_detached(folder / "prosody"):
        stopped.append("prosody")
    return stopped


def keep(scene: Scene, proxy: BackgroundProxy, tell: Narrator) -> None:
    """Leave the scene running without this process: the second box gets a line of its own."""
    scene.programs["box0002"].stop()
    proxy.close()
    scene.start_box(2, simulated(seed=2), simulated_points(), simulated_outputs())
    scene.wait_for("hp0002 online", lambda: scene.presence_of("hp0002") == "online", timeout=60)
    path = write_environment(scene)
    shown = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path
    tell.lines(
        f"It is still running. In this folder:\n"
        f"    source {shown}          hphub and hpclient work against it\n"
        f"    hphub heatpump list\n"
        f"    hpclient read hp0002 MET/MMXU1.TotW\n"
        f"    scripts/demo --stop            ends it"
    )


def play(folder: Path, keep_running: bool) -> int:
    """The whole demo; returns the exit code."""
    tell = Narrator()
    try:
        install = find_prosody(report=tell.preparing)
    except ProsodyUnavailableError as error:
        tell.failed(str(error))
        return 1
    stop_demo(folder)
    shutil.rmtree(folder, ignore_errors=True)
    scene = Scene(folder, install, detached=keep_running)
    done = False
    proxy: BackgroundProxy | None = None
    try:
        proxy = set_scene(scene, tell)
        Story(scene, tell, proxy).play()
        if keep_running:
            keep(scene, proxy, tell)
        done = True
    except (StepFailed, SceneError, ProsodyError) as error:
        tell.failed(str(error))
        for program in scene.programs.values():
            tell.lines(f"--- the end of {program.log_file.name}\n{program.log[-LOG_SHOWN:]}")
    finally:
        if not (done and keep_running):
            scene.close()
            if proxy is not None:
                proxy.close()
    tell.end("The story is true." if done else "The story stopped.")
    return 0 if done else 1


def _stop_on_sigterm(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--keep", "keep_running", is_flag=True, help="Leave it running and write .local/demo/env.")
@click.option("--stop", is_flag=True, help="End a demo that was left running.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=".local/demo",
    help="Where to play; what is in it is removed.",
)
def main(keep_running: bool, stop: bool, folder: Path) -> None:
    """Play the main job end to end on this machine: Prosody, a hub, three boxes, a provider, an operator.

    \b
    scripts/demo            tell the story, then stop everything
    scripts/demo --keep     tell the story and leave it running, to play with:
                            source .local/demo/env
    scripts/demo --stop     end it

    Exits 0 only if every step did what it says.
    """
    if stop:
        stopped = stop_demo(folder)
        click.echo(f"Stopped: {', '.join(stopped)}" if stopped else "No demo was running.")
        return
    signal.signal(signal.SIGTERM, _stop_on_sigterm)
    try:
        sys.exit(play(folder, keep_running))
    except KeyboardInterrupt:
        click.echo("Interrupted; everything was stopped.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main(prog_name="scripts/demo")

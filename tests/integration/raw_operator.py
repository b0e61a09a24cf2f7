"""The operator's commands run inside the test: a process each would take most of the time of such a test."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import yaml
from click.testing import CliRunner

from hub.cli import main
from support.scene import Scene, SceneError


def operator(scene: Scene, *arguments: str) -> str:
    """Run ``hphub`` with these arguments; returns what it prints, raises SceneError if it refuses."""
    done = CliRunner().invoke(main, list(arguments), env=scene.hub_environment)
    if done.exit_code:
        raise SceneError(f"hphub {' '.join(arguments)}: exit code {done.exit_code}\n{done.output}")
    return done.output


async def link_states(scene: Scene) -> dict[str, str]:
    """Heat pumps and their link states as the operator sees them."""
    listed: list[dict[str, Any]] = json.loads(
        await asyncio.to_thread(operator, scene, "heatpump", "list", "--json")
    )
    return {one["id"]: one["presence"] for one in listed}


def configure(scene: Scene, **sections: dict[str, Any]) -> None:
    """Write sections into the hub's configuration; it reads them when it starts."""
    path = scene.directory / "hub" / "hub.yaml"
    settings: dict[str, Any] = yaml.safe_load(path.read_text())
    for name, keys in sections.items():
        settings[name] = settings.get(name, {}) | keys
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


FAST = {"provider_rate": 1e4, "provider_burst": 1e4, "box_rate": 1e4, "box_burst": 1e4}
"""Limits that no test reaches whose matter is another one."""

"""The real Prosody that integration tests share."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ejabberd import EjabberdInstall, EjabberdUnavailableError, find_ejabberd
from support.prosody import ProsodyInstall, ProsodyServer, ProsodyUnavailableError, find_prosody

HERE = Path(__file__).parent

DOMAINS = ("boxes.example.org", "aggregator.example")
COMPONENTS = ("hub.example.org", "ops.hub.example.org", "history.hub.example.org")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests here, and run them first: they are long, and several processes share all tests."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.prosody)
    items.sort(key=lambda item: HERE not in item.path.parents)


@pytest.fixture(scope="session")
def prosody_install() -> ProsodyInstall:
    """Where Prosody is; without one the test is skipped, in CI it fails."""
    try:
        return find_prosody()
    except ProsodyUnavailableError as error:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"no Prosody: {error}")
        pytest.skip(f"no Prosody: {error}")


@pytest.fixture(scope="session")
def ejabberd_install() -> EjabberdInstall:
    """Where ejabberd is; without one the test is skipped, in CI it fails."""
    try:
        return find_ejabberd()
    except EjabberdUnavailableError as error:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"no ejabberd: {error}")
        pytest.skip(f"no ejabberd: {error}")


@pytest.fixture(scope="session")
def prosody(
    prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProsodyServer]:
    """A running Prosody with `DOMAINS` and `COMPONENTS`. Tests register accounts of names of their own."""
    component_secrets = {domain: secrets.token_hex(32) for domain in COMPONENTS}
    directory = tmp_path_factory.mktemp("prosody")
    with ProsodyServer(directory, DOMAINS, component_secrets, install=prosody_install) as server:
        yield server

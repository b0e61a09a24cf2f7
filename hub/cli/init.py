"""``hphub init``: makes a hub's folder, or brings its databases to this program's schema."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import ValidationError

from hub.addresses import Addresses
from hub.audit import AUDIT_SCHEMA
from hub.cli.context import CommandFailed
from hub.config import CONFIG_NAME, HubConfig, read_secret
from hub.enrolment.files import make_authority_files
from hub.history import HISTORY_SCHEMA
from hub.registry import REGISTRY_SCHEMA

SECRET_OCTETS = 32
"""Octets of a component secret: beyond any guessing."""

_TEMPLATE = """\
# The heat pump hub. Relative paths and database files start at this folder.

# The hub's XMPP domain: heat pumps are addressed as ID@{plain_domain}/IEC.
domain: {domain}

# This router's name in the registry and the audit. Several routers of one hub need one each.
router_name: router

xmpp:
  # Where the XMPP server takes components (XEP-0114).
  host: {host}
  component_port: {port}

secrets:
  # The component secrets, one line each, mode 0600; the XMPP server's configuration holds the same.
  router: secrets/router
  history: secrets/history
  enrolment: secrets/enrolment
  operations: secrets/operations

databases:
  registry: sqlite:///registry.db
  audit: sqlite:///audit.db
  # For more than some ten thousand boxes: postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE
  # (pip install 'heat-pump-hub[postgresql]'; the database must be there, `hphub init` makes its tables).
  history: sqlite:///history.db

# debug, info, warning or error
log_level: info

# What one sender may ask for, so that none can take the hub from the others: stanzas a second in the long
# run, and at once. Above that he is told to wait (resource-constraint).
limits:
  provider_rate: 1000
  provider_burst: 4000
  provider_outstanding: 2000
  box_rate: 20
  box_burst: 200

# /health, /ready and /metrics (Prometheus) over HTTP, for this machine only; 0 serves nothing.
probe:
  host: 127.0.0.1
  port: 0

presence:
  # After its start the hub asks every box for its presence: this many a second.
  pace: 200

# The collector, component history.{plain_domain}, keeps the 5-minute averages of every heat pump that a
# provider has a grant for with the right history and a purpose.
history:
  # So many boxes a second are asked for their reports after a restart of the collector or the XMPP server.
  pace: 100
  # When consent ends, collection stops at once. What was collected stays for so many days, then it is made
  # anonymous, or erased if after_consent says so: once a day, recorded in the audit.
  keep_days_after_consent: 30
  after_consent: anonymise

# Boxes that enrol with a one-time code and log in with a certificate of this hub: docs/enrolment.md.
enrolment:
  # The XMPP domain where they log in. Without it no box enrols; accounts with passwords need nothing here.
  #box_domain: boxes.example.org
  # Where they reach that server, if DNS does not say it.
  #host: xmpp.example.org
  #port: 5222
  # PEM file: the authority that the server's certificate is from. Without it a public one that boxes know.
  #server_ca: server-ca.crt
  # The authority that certifies boxes: without these lines ca/ca.crt and ca/ca.key, which `hphub init` makes.
  # `hphub run --only enrolment` can run as a user of its own, who alone can read the key.
  #ca_certificate: ca/ca.crt
  #ca_key: ca/ca.key
  # File with the key's passphrase in one line, mode 0600.
  #ca_passphrase_file: ca/passphrase
  # The serial numbers that the server must refuse (mod_hub_revoked); it must be able to read the file.
  #revoked_file: /var/lib/heat-pump-hub/revoked
  # What closes a session on the server, without a shell.
  #close_session: [prosodyctl, shell, "c2s:close('{{jid}}')"]
  # Days; boxes renew when two thirds are over.
  certificate_days: 30

# Operations, component ops.{plain_domain}, gives schedules their priorities and ends in the boxes what
# belongs to grants that have ended.
operations:
  # It begins with so many boxes a second.
  pace: 50
"""


@click.command("init")
@click.option("--domain", help="The hub's XMPP domain, e.g. hub.example.org; needed for a new hub.")
@click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default="here",
    help="The folder to make it in.",
)  # fmt: skip
@click.option("--xmpp-host", help="Where the XMPP server takes components.  [default: 127.0.0.1]")
@click.option("--component-port", type=click.IntRange(1, 65535), help="On which port.  [default: 5347]")
@click.option("--show-secrets", is_flag=True, help="Print the component secret in the next steps.")
def init_command(
    domain: str | None, folder: Path, xmpp_host: str | None, component_port: int | None, show_secrets: bool
) -> None:
    """Make a hub: its folder, hub.yaml, the component secrets and the databases.

    In a folder that has a hub it only brings the databases to this program's schema, and makes what was not
    there in earlier versions.

    \b
    Example:
      hphub init --domain hub.example.org --dir hub
    """
    folder = folder.absolute()
    path = folder / CONFIG_NAME
    with _private_files():
        if path.exists():
            config = HubConfig.load(path)
            _require_same(path, "domain", domain, config.domain)
            _require_same(path, "xmpp.host", xmpp_host, config.xmpp.host)
            _require_same(path, "xmpp.component_port", component_port, config.xmpp.component_port)
            upgraded = _make_secrets(config)
            upgraded |= asyncio.run(_upgrade(config))
            click.echo(
                f"{folder} has a hub; its databases {'were upgraded' if upgraded else 'are up to date'}."
            )
            return
        if domain is None:
            raise click.UsageError("a new hub needs --domain, e.g. --domain hub.example.org")
        config = _make(path, domain, xmpp_host or "127.0.0.1", component_port or 5347)
        asyncio.run(_upgrade(config))
    _show_next_steps(path, config, show_secrets)


def _require_same(path: Path, key: str, given: object, has: object) -> None:
    if given is not None and given != has:
        raise CommandFailed(f"{path} has {key}: {has} already; init changes no hub: edit that file")


def _make(path: Path, domain: str, host: str, port: int) -> HubConfig:
    folder = path.parent
    values = {"domain": domain, "xmpp": {"host": host, "component_port": port}}
    try:
        checked = HubConfig.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = _TEMPLATE.format(
        plain_domain=checked.domain, domain=json.dumps(checked.domain), host=json.dumps(host), port=port
    )
    path.write_text(text, encoding="utf-8")
    config = HubConfig.load(path)
    _make_secrets(config)
    return config


def _make_secrets(config: HubConfig) -> bool:
    """Make the component secrets that are not there; returns whether there was one."""
    held = config.secrets
    files = (held.router, held.history, held.operations, held.enrolment)
    missing = [file for file in files if not file.exists()]
    for file in missing:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_text(f"{secrets.token_hex(SECRET_OCTETS)}\n", encoding="ascii")
    made = make_authority_files(config)
    return bool(missing) or made


async def _upgrade(config: HubConfig) -> bool:
    registry = await REGISTRY_SCHEMA.upgrade(config.databases.registry)
    audit = await AUDIT_SCHEMA.upgrade(config.databases.audit)
    history = await HISTORY_SCHEMA.upgrade(config.databases.history)
    return registry or audit or history


@contextmanager
def _private_files() -> Iterator[None]:
    """Whatever is made meanwhile belongs to the user alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _show_next_steps(path: Path, config: HubConfig, show_secrets: bool) -> None:
    files = {
        config.domain: config.secrets.router,
        config.history_domain: config.secrets.history,
        Addresses(config.domain).operations: config.secrets.operations,
    }
    components = "\n".join(
        f"""\
     Component "{domain}"
         component_secret = "{read_secret(file) if show_secrets else f"the line in {file}"}\""""
        for domain, file in files.items()
    )
    click.echo(
        f"""\
Made a hub for {config.domain} in {path.parent}.

Next:
1. Put this into the Prosody configuration, see that its component_ports has {config.xmpp.component_port},
   and restart Prosody:

{components}

   The secrets are kept in {", ".join(map(str, files.values()))}.
2. Start the hub:
     hphub run --config {path}
3. In another terminal, add a heat pump and a provider and let them meet:
     export HPHUB_CONFIG={path}
     hphub heatpump add hp0001 --box box0001@boxes.example.org
     hphub provider add agg --jid control@aggregator.example
     hphub grant add agg hp0001 --right read --until 30d"""
    )

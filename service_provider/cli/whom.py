"""Several heat pumps at once: who is meant, what came of it for each, and one exit code for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import click

from iec61850_model.client import ClientError
from service_provider.addresses import group_named
from service_provider.cli.exits import DONE, NO_ANSWER, NO_RIGHT, REFUSED, exit_code, printable
from service_provider.provider import ServiceProvider

AT_ONCE = 16
"""Heat pumps that are talked to at one time."""
MAX_NAMED = 10_000
"""Heat pumps of one command."""
_WORDS = {REFUSED: "refused", NO_RIGHT: "no right", NO_ANSWER: "no answer"}


async def members(sp: ServiceProvider, names: Sequence[str]) -> list[str]:
    """The heat pumps among ``names``, and those in the groups (``@north``) that you may ask, each once.

    Raises ClientError for a group that there is not.
    """
    found: list[str] = []
    for name in names:
        group = group_named(name)
        found += [name] if group is None else (await sp.group(group)).members
    return list(dict.fromkeys(found))


def heat_pumps(text: str) -> list[str]:
    """The ids in ``hp0001``, ``hp0001,hp0002`` or ``@north``, each once; raises click.UsageError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not 1 <= len(names) <= MAX_NAMED:
        raise click.UsageError(f"name 1 to {MAX_NAMED} heat pumps, with commas between them")
    return names


async def for_each(names: Sequence[str], work: Callable[[str], Awaitable[None]]) -> int:
    """Do ``work`` for each heat pump; what fails is said on stderr, and a summary if there are several.

    Returns the exit code: 0 if all is done, else that of the worst.
    """
    slots = asyncio.Semaphore(AT_ONCE)
    codes: list[int] = []

    async def one(name: str) -> None:
        async with slots:
            try:
                await work(name)
                codes.append(DONE)
            except (ClientError, ValueError) as error:
                codes.append(exit_code(error))
                click.echo(f"hpclient: {printable(str(error))}", err=True)

    await asyncio.gather(*(one(name) for name in names))
    if len(names) > 1:
        told = [f"{codes.count(DONE)} done"]
        told += [
            f"{codes.count(code)} {_WORDS.get(code, 'wrong use')}" for code in sorted(set(codes) - {DONE})
        ]
        click.echo(", ".join(told), err=True)
    return min((code for code in codes if code), default=DONE)

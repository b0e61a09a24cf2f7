"""`scripts/fuzz`: damaged messages against codec, server and router until the time is up."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom

import click

from support.fuzz_case import CORPUS, REPOSITORY, Finding, Target, attempt, kept, load, save, shrink
from support.fuzz_codec import Codec
from support.fuzz_router import HubRouter
from support.fuzz_server import BoxServer

TARGETS: dict[str, type[Target]] = {one.name: one for one in (Codec, BoxServer, HubRouter)}
SECONDS = 30.0
"""Seconds of a run unless told otherwise, shared by its targets."""
MAX_SECONDS = 86_400.0
MAX_SEED = 2**32 - 1
WARM_UP = 0.25
"""Part of a target's time after which its memory is first looked at: caches and allocator have settled."""
MAX_GROWTH = 32 * 1024 * 1024
"""Octets the process may grow from the end of the warm-up to the end: what the allocator keeps of the largest
messages (0.3 MB of XML are some 20 MB of elements). A leak of 1 kB an input passes it within a minute."""
MAX_FINDINGS = 20
"""Different findings after which a target is left: the first ones tell enough."""
PROGRESS = 2.0
"""Seconds between two progress lines."""


@dataclass(slots=True)
class Report:
    """What came of one target."""

    target: str
    seed: int
    episodes: int = 0
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    grown: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def leaks(self) -> bool:
        """It grew more than it may."""
        return self.grown > MAX_GROWTH

    def as_json(self) -> dict[str, object]:
        """For programs; times in seconds, memory in octets."""
        found = [
            {"key": one.key, "error": one.error, "file": str(self.files[key]), "reproduce": self.command(key)}
            for key, one in self.findings.items()
        ]
        return {
            "target": self.target,
            "seed": self.seed,
            "episodes": self.episodes,
            "inputs": self.inputs,
            "seconds": round(self.seconds, 1),
            "slowest": round(self.slowest, 3),
            "grown": self.grown,
            "grown_too_much": self.leaks,
            "findings": found,
        }

    def command(self, key: str) -> str:
        """What shows a finding again."""
        return f"scripts/fuzz --replay {self.files[key]}"


def memory() -> int:
    """Octets of the process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def fuzz(target: Target, seed: int, seconds: float, corpus: Path = CORPUS) -> Report:
    """Feed a target episodes of ``seed`` for ``seconds``; the same seed gives the same episodes."""
    report = Report(target.name, seed)
    start = shown = time.monotonic()
    warm = 0
    while True:
        now = time.monotonic()
        report.seconds = now - start
        if not warm and report.seconds >= WARM_UP * seconds:
            warm = memory()
        if now - shown >= PROGRESS:
            shown = now
            _progress(report)
        if report.seconds >= seconds or len(report.findings) >= MAX_FINDINGS:
            break
        steps = target.episode(Random(f"{seed}/{target.name}/{report.episodes}"))  # noqa: S311  # no secret
        begun = time.monotonic()
        finding = attempt(target, steps)
        report.slowest = max(report.slowest, time.monotonic() - begun)
        report.episodes += 1
        report.inputs += len(steps)
        if finding is not None and finding.key not in report.findings:
            smallest = shrink(finding, lambda fewer: attempt(target, fewer))
            report.findings[finding.key] = smallest
            report.files[finding.key] = _shown(save(smallest, corpus))
    report.grown = memory() - warm if warm else 0
    return report


def replay(paths: Iterable[Path]) -> Iterator[tuple[Path, Finding | None]]:
    """Feed kept inputs again; raises ValueError for a file that is none."""
    targets = {name: make() for name, make in TARGETS.items()}
    for path in paths:
        one = load(path)
        if one.target not in targets:
            raise ValueError(f"{path} is for {one.target!r}; there are {', '.join(targets)}")
        yield path, attempt(targets[one.target], one.steps)


def _shown(path: Path) -> Path:
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def _progress(report: Report) -> None:
    line = (
        f"{report.target}: {report.inputs} inputs in {report.seconds:.0f} s, {len(report.findings)} findings"
    )
    print(line, file=sys.stderr, flush=True)


def _tell(report: Report) -> None:
    print(
        f"{report.target}: {report.inputs} inputs in {report.episodes} episodes, {report.seconds:.1f} s, "
        f"slowest episode {report.slowest:.2f} s, memory {report.grown / 1024 / 1024:+.1f} MiB"
    )
    for key, finding in report.findings.items():
        print(f"  FOUND {finding.error}\n    again: {report.command(key)}")
    if report.leaks:
        again = f"scripts/fuzz {report.target} --seed {report.seed} --seconds {report.seconds:.0f}"
        print(f"  FOUND it grew by more than {MAX_GROWTH // 1024 // 1024} MiB\n    again: {again}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", type=click.Choice([*TARGETS, "all"]), default="all")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), help="The run to repeat; otherwise one is drawn.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, MAX_SECONDS, min_open=True),
    default=SECONDS,
    show_default=True,
    help="Time for the whole run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
@click.option(
    "--replay",
    "replayed",
    type=click.Path(exists=True, path_type=Path),
    help="Feed a kept input (or a folder of them) again instead.",
)
def main(target: str, seed: int | None, seconds: float, as_json: bool, replayed: Path | None) -> None:
    """Damage messages and feed them to the codec, the server of a box and the router of the hub.

    Exit code 1 if one of them does what it must not; the input is kept in tests/fuzz/corpus, and the command
    that shows it again is printed.
    """
    if replayed is not None:
        sys.exit(_replay(replayed))
    if seed is None:
        seed = SystemRandom().randint(0, MAX_SEED)
    print(f"seed {seed}", file=sys.stderr, flush=True)
    names = [*TARGETS] if target == "all" else [target]
    reports = [fuzz(TARGETS[name](), seed, seconds / len(names)) for name in names]
    if as_json:
        print(json.dumps({"seed": seed, "targets": [one.as_json() for one in reports]}, indent=1))
    else:
        for report in reports:
            _tell(report)
    sys.exit(any(one.findings or one.leaks for one in reports))


def _replay(path: Path) -> int:
    paths = list(kept(path)) if path.is_dir() else [path]
    failed = 0
    try:
        for one, finding in replay(paths):
            failed += finding is not None
            print(f"{one}: {finding.error if finding else 'nothing wrong'}")
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return int(failed > 0)


if __name__ == "__main__":
    main()

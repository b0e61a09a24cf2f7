"""What the fuzzer feeds to a target, and how a failing input is kept so that it can be fed again."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Protocol

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY / "tests" / "fuzz" / "corpus"
PACKAGES = ("iec61850_model", "hub", "device_agent", "service_provider")

MAX_ERROR = 300
"""Characters of an error that are kept beside the input."""


@dataclass(frozen=True, slots=True)
class Step:
    """One input. ``xml``: its octets, each as the character of that number, so that any octets can be kept.

    The rest is for the server: which client sends, how many seconds after the step before, and whether the
    process then ``takes``, ``refuses`` or ``waits`` with what it is told to switch.
    """

    xml: str
    peer: int = 0
    after: float = 0.0
    process: str = "takes"

    @classmethod
    def of(cls, octets: bytes, peer: int = 0, after: float = 0.0, process: str = "takes") -> Step:
        """A step of octets."""
        return cls(octets.decode("latin-1"), peer, after, process)

    @property
    def octets(self) -> bytes:
        """What is fed."""
        return self.xml.encode("latin-1")


@dataclass(frozen=True, slots=True)
class Finding:
    """Steps that make a target do what it must not. ``key`` is the same for the same mistake."""

    target: str
    key: str
    error: str
    steps: tuple[Step, ...]


class Broken(Exception):
    """A target broke one of its promises; ``key`` names the promise."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


class Target(Protocol):
    """Something to be fuzzed. ``run`` starts from the same state each time and raises if a promise breaks."""

    name: str

    def episode(self, random: Random) -> list[Step]:
        """Inputs that belong together."""

    def run(self, steps: Sequence[Step]) -> None:
        """Feed them."""


def attempt(target: Target, steps: Sequence[Step]) -> Finding | None:
    """Feed steps to a target; what it broke, or None."""
    try:
        target.run(steps)
    except Broken as broken:
        return Finding(target.name, broken.key, str(broken)[:MAX_ERROR], tuple(steps))
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:MAX_ERROR]
        return Finding(target.name, f"{type(error).__name__} in {_place(error)}", text, tuple(steps))
    return None


def _place(error: Exception) -> str:
    """The innermost function of the product an error came through."""
    place = "the fuzzer"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(REPOSITORY) and path.relative_to(REPOSITORY).parts[0] in PACKAGES:
            place = f"{'.'.join(path.relative_to(REPOSITORY).with_suffix('').parts)}.{frame.name}"
    return place


def shrink(finding: Finding, again: Callable[[Sequence[Step]], Finding | None]) -> Finding:
    """Leave out steps as long as the same mistake shows."""
    best = finding
    at = 0
    while at < len(best.steps) and len(best.steps) > 1:
        fewer = again(best.steps[:at] + best.steps[at + 1 :])
        if fewer is not None and fewer.key == best.key:
            best = fewer
        else:
            at += 1
    return best


# --- files ----------------------------------------------------------------------------------------


def file_name(finding: Finding) -> str:
    """The name of a finding's file: one for each mistake."""
    digest = hashlib.sha256(f"{finding.target} {finding.key}".encode()).hexdigest()[:10]
    return f"{finding.target}-{digest}.json"


def save(finding: Finding, corpus: Path = CORPUS) -> Path:
    """Keep a finding; one that is known already stays as it is."""
    path = corpus / file_name(finding)
    if not path.exists():
        corpus.mkdir(parents=True, exist_ok=True)
        content = {"target": finding.target, "key": finding.key, "error": finding.error}
        steps = [_sparse(asdict(step)) for step in finding.steps]
        path.write_text(json.dumps(content | {"steps": steps}, indent=1) + "\n")
    return path


def _sparse(fields: dict[str, object]) -> dict[str, object]:
    defaults = asdict(Step(""))
    return {name: value for name, value in fields.items() if name == "xml" or value != defaults[name]}


def load(path: Path) -> Finding:
    """Read a kept input; raises ValueError if the file is none."""
    try:
        content = json.loads(path.read_text())
        steps = tuple(Step(**fields) for fields in content["steps"])
        return Finding(content["target"], content["key"], content["error"], steps)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not an input of scripts/fuzz: {error!r}") from None


def kept(corpus: Path = CORPUS) -> Iterator[Path]:
    """Every kept input, in a fixed order."""
    return iter(sorted(corpus.glob("*.json")))

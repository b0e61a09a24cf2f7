"""A short run of scripts/fuzz, every input it ever kept, and whether it would notice anything at all."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from hub import judge, router
from hub.addresses import Addresses
from hub.roster import Roster
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import DataValue, Tag
from iec61850_model.mms.xer import data as xer_data
from iec61850_model.server import access, dispatch
from iec61850_model.types import BasicType
from support import fuzz
from support.fuzz_case import CORPUS, REPOSITORY, Finding, Step, Target, attempt, kept, load, save, shrink

SEED = 61850
"""Of the short run: the same messages every time, so that a test that passes once passes again."""
SHORT = 3.0
"""Seconds for each target in the short run."""
EPISODES = {"codec": 8000, "server": 400, "router": 4000}
"""Episodes within which a planted mistake must be found; an episode of the server has some 15 messages."""


@pytest.mark.parametrize("name", [*fuzz.TARGETS])
def test_a_short_run_finds_nothing(name: str, tmp_path: Path) -> None:
    report = fuzz.fuzz(fuzz.TARGETS[name](), SEED, SHORT, tmp_path)
    assert report.inputs > 0
    assert not report.findings, [f"{one.error}: {one.steps}" for one in report.findings.values()]
    assert not report.leaks, f"{report.grown} octets more at the end"


@pytest.mark.parametrize("path", [*kept()], ids=lambda path: path.stem)
def test_what_was_found_once_stays_mended(path: Path) -> None:
    ((_, finding),) = fuzz.replay([path])
    assert finding is None, finding.error


def test_the_corpus_is_read_at_all() -> None:
    assert {load(path).target for path in kept()} == {*fuzz.TARGETS}


# --- it can fail -----------------------------------------------------------------------------------


def first_finding(target: Target) -> Finding | None:
    for episode in range(EPISODES[target.name]):
        finding = attempt(target, target.episode(Random(f"{SEED}/{target.name}/{episode}")))
        if finding is not None:
            return finding
    return None


def plant_decoder(monkeypatch: pytest.MonkeyPatch, tag: Tag, decoder: Callable[[str], DataValue]) -> None:
    monkeypatch.setitem(xer_data._DECODERS, tag, decoder)
    monkeypatch.setitem(xer_data._PLAIN, f"{{{xer.NS82}}}{tag}", (tag, decoder))


def test_a_codec_that_raises_something_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_decoder(monkeypatch, "octet-string", bytes.fromhex)
    finding = first_finding(fuzz.TARGETS["codec"]())
    assert finding is not None
    assert finding.key.startswith("ValueError in iec61850_model.mms.xer.data.read_")


def test_a_codec_that_reads_more_than_it_writes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_decoder(monkeypatch, "visible-string", lambda text: text)
    finding = first_finding(fuzz.TARGETS["codec"]())
    assert finding is not None
    assert "UnencodableValue" in finding.key


def test_a_codec_that_forgets_part_of_a_value_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    written = xer_data._ENCODERS["octet-string"]
    monkeypatch.setitem(xer_data._ENCODERS, "octet-string", lambda value: written(value)[:16])
    finding = first_finding(fuzz.TARGETS["codec"]())
    assert finding is not None
    assert finding.key == "what is encoded decodes to something else"


def test_a_server_that_takes_invalid_settings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BasicType, "from_data", lambda self, data: data.value)
    finding = first_finding(fuzz.TARGETS["server"]())
    assert finding is not None


def test_a_server_that_writes_what_is_read_only_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(tree, reference, data):
        node = tree.find(reference) if reference else None
        if isinstance(getattr(node, "value", None), str):
            node.value = "written"

    monkeypatch.setattr(access, "write", write)
    finding = first_finding(fuzz.TARGETS["server"]())
    assert finding is not None
    assert finding.key in ("a read-only attribute was written", "a setting that does not exist")


def test_a_server_that_keeps_silent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch.Server, "malformed", staticmethod(lambda peer, token, error: []))
    finding = first_finding(fuzz.TARGETS["server"]())
    assert finding is not None
    assert finding.key == "not exactly one answer"
    smallest = shrink(finding, lambda fewer: attempt(fuzz.TARGETS["server"](), fewer))
    assert len(smallest.steps) == 1


def test_a_server_that_answers_above_the_agreed_size_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch.xer, "encode", lambda pdu: "")
    known = next(one for one in map(load, kept()) if one.key == "an answer larger than agreed")
    finding = attempt(fuzz.TARGETS["server"](), known.steps)
    assert finding is not None
    assert finding.key == "an answer above the negotiated size"


def test_a_router_that_lets_everything_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_covers", lambda *_: True)
    finding = first_finding(fuzz.TARGETS["router"]())
    assert finding is not None
    assert finding.key == "forwarded although no grant covers it"


def test_a_router_that_shows_real_addresses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Addresses, "heat_pump", lambda self, id_: f"box{id_[2:]}@boxes.example.org/IEC")
    finding = first_finding(fuzz.TARGETS["router"]())
    assert finding is not None
    assert finding.key == "a wrong address is shown"


def test_a_router_that_speaks_of_members_without_a_grant_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Roster, "reached", lambda self, provider, group, now: tuple(self.members(group)))
    finding = first_finding(fuzz.TARGETS["router"]())
    assert finding is not None
    assert finding.key in (
        "the hub's own answer tells what it must not",
        "a member without a grant was to be asked",
    )


def test_a_router_that_reads_leniently_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lenient = xer.decode_payload

    def read(element, *, strict):
        return lenient(element)

    monkeypatch.setattr(router.xer, "decode_payload", read)
    finding = first_finding(fuzz.TARGETS["router"]())
    assert finding is not None
    assert finding.key == "forwarded although it is malformed"


# --- keeping, and the command ----------------------------------------------------------------------


class Leaky:
    """A target that keeps what it is fed, and fails at the word bad."""

    name = "codec"

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.since = time.monotonic()

    def episode(self, random: Random) -> list[Step]:
        return [Step("good"), Step.of(b"bad\xff"), Step("good")]

    def run(self, steps: Sequence[Step]) -> None:
        """However busy the machine is: 100 MB of each second are kept."""
        wanted = int(100 * (time.monotonic() - self.since))
        self.kept += [b"x" * 1_000_000 for _ in range(wanted - len(self.kept))]
        if any(step.octets == b"bad\xff" for step in steps):
            raise RuntimeError("bad")


def test_memory_that_grows_is_a_finding_and_one_mistake_is_kept_once(tmp_path: Path) -> None:
    report = fuzz.fuzz(Leaky(), 1, 1.0, tmp_path)
    assert report.leaks
    (path,) = tmp_path.iterdir()
    finding = load(path)
    assert (finding.target, finding.key) == ("codec", "RuntimeError in the fuzzer")
    assert [step.octets for step in finding.steps] == [b"bad\xff"], "what is not needed is left out"
    assert save(finding, tmp_path) == path
    assert report.command(finding.key) == f"scripts/fuzz --replay {path}"


def test_a_file_that_is_no_input_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="is not an input of scripts/fuzz"):
        load(path)


def test_the_same_seed_gives_the_same_messages() -> None:
    for make in fuzz.TARGETS.values():
        episodes = [make().episode(Random("7/x/3")) for _ in range(2)]
        assert episodes[0] == episodes[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(REPOSITORY / "scripts" / "fuzz"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_tells_programs_what_came_of_it() -> None:
    done = run("codec", "--seed", "7", "--seconds", "0.5", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert "seed 7" in done.stderr.splitlines()
    assert (told["seed"], [one["target"] for one in told["targets"]]) == (7, ["codec"])
    assert told["targets"][0]["inputs"] > 0


def test_the_command_ends_with_1_on_a_finding(tmp_path: Path) -> None:
    good = sorted(CORPUS.glob("*.json"))[0]
    assert run("--replay", str(good)).returncode == 0
    wrong = tmp_path / "x.json"
    wrong.write_text("[]")
    done = run("--replay", str(wrong))
    assert done.returncode == 1
    assert "is not an input" in done.stderr
    assert run("nonsense").returncode == 2

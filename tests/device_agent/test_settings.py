"""Settings that clients wrote: still there after a restart, and never in the way of one."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from device_agent.settings import MAX_FILE, Settings
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import access
from iec61850_model.tree import Leaf, Tree

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
CURVE = Reference.parse("HP/HcFCSD1.Crv[SP]")
POINTS = Reference.parse("HP/HcFCSD1.Crv.numPts[SP]")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def model(*replaced: tuple[bytes, bytes]) -> Tree:
    text = ICD
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return read_scl(text)


def number(tree: Tree) -> int:
    leaf = tree.find(POINTS)
    assert isinstance(leaf, Leaf) and isinstance(leaf.value, int)
    return leaf.value


def write(tree: Tree, settings: Settings, reference: Reference, data: Data) -> None:
    assert access.write(tree, reference, data) is None
    settings.save(tree, [reference])


def points(value: int) -> Data:
    return Data("unsigned", value)


def curve(tree: Tree) -> Data:
    node = tree.find(CURVE)
    assert node is not None
    return node.data()


def started(file: Path, tree: Tree | None = None) -> tuple[Tree, Settings]:
    tree = tree or model()
    settings = Settings(file)
    settings.restore(tree)
    return tree, settings


def test_a_setting_survives_a_restart(file: Path) -> None:
    tree, settings = started(file)
    assert number(tree) == 5
    write(tree, settings, POINTS, points(7))
    assert settings.kept
    again, _ = started(file)
    assert number(again) == 7
    assert not list(file.parent.glob("*.new")), "nothing is left lying about"


def test_what_was_restored_is_kept_when_another_is_written(file: Path) -> None:
    tree, settings = started(file)
    write(tree, settings, POINTS, points(7))
    tree, settings = started(file)
    settings.save(tree, [Reference.parse("HP/HcFCSD1.Crv.crvPts[SP]")])
    again, _ = started(file)
    assert number(again) == 7


@pytest.mark.parametrize("order", [(POINTS, CURVE, POINTS), (CURVE, POINTS), (POINTS, CURVE)])
def test_a_setting_inside_another_is_restored_as_it_was_last(
    file: Path, order: tuple[Reference, ...]
) -> None:
    """The curve holds its number of points: whichever was written last counts."""
    tree, settings = started(file)
    for at, reference in enumerate(order, start=6):
        if reference == POINTS:
            write(tree, settings, POINTS, points(at))
        else:
            now = curve(tree)
            assert isinstance(now.value, tuple)
            write(tree, settings, CURVE, Data("structure", (points(at), *now.value[1:])))
    assert number(tree) == 5 + len(order)
    again, _ = started(file)
    assert number(again) == 5 + len(order)
    assert curve(again) == curve(tree)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"HP/HcFCSD1.Crv.numPts[SP]": "<conf',
        b"\xff\xfe",
        b"[1, 2]",
        b"null",
        b"[" * 100_000,
        b'{"HP/HcFCSD1.Crv.numPts[SP]": 7}',
        b'{"HP/HcFCSD1.Crv.numPts[SP]": "<a/>"}',
        b'{"no reference": "<a/>"}',
        b" " * (MAX_FILE + 1),
    ],
)
def test_a_damaged_file_does_not_keep_the_box_from_starting(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    tree, settings = started(file)
    assert number(tree) == 5
    write(tree, settings, POINTS, points(8))
    again, _ = started(file)
    assert number(again) == 8


def test_one_damaged_setting_does_not_take_the_others_along(file: Path) -> None:
    tree, settings = started(file)
    write(tree, settings, POINTS, points(7))
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({"HP/HcFCSD1.Crv[SP]": "<damaged", **kept}))
    again, _ = started(file)
    assert number(again) == 7


def test_a_file_that_is_a_folder(file: Path) -> None:
    file.mkdir()
    tree, settings = started(file)
    write(tree, settings, POINTS, points(8))
    assert (number(tree), settings.kept) == (8, False)


def test_a_model_that_changed_takes_what_still_fits(file: Path) -> None:
    tree, settings = started(file)
    write(tree, settings, POINTS, points(7))
    write(tree, settings, CURVE, curve(tree))
    renamed = model((b'<DO name="Crv" ', b'<DO name="Crw" '), (b'<DOI name="Crv">', b'<DOI name="Crw">'))
    assert started(file, renamed)[0].find(POINTS) is None
    smaller = model((b'type="Point" count="10"', b'type="Point" count="9"'))
    assert number(started(file, smaller)[0]) == 7, "the curve no longer fits, its number of points does"
    old = b'<DA name="numPts" fc="SP" bType="INT16U"'
    fixed = model((old, old + b' valKind="RO"'))
    assert number(started(file, fixed)[0]) == 5, "what the model fixes now is not overwritten"


def test_a_full_disk_is_admitted_and_forgotten_once_it_is_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, settings = started(file)
    write(tree, settings, POINTS, points(7))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        write(tree, settings, POINTS, points(8))
    assert (number(tree), settings.kept) == (8, False)
    again, _ = started(file)
    assert number(again) == 7, "the file of before is whole"
    settings.save(tree, [])
    assert settings.kept
    again, _ = started(file)
    assert number(again) == 8


def test_a_power_cut_while_writing_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, settings = started(file)
    write(tree, settings, POINTS, points(7))

    def cut(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        write(tree, settings, POINTS, points(8))
    again, _ = started(file)
    assert number(again) == 7


def test_file_and_name_are_on_the_disk_when_it_returns(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, settings = started(file)
    synced: list[str] = []
    real = os.fsync

    def note(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    write(tree, settings, POINTS, points(7))
    assert synced == ["settings.json.new", file.parent.name]

"""What the documents say of the tests is true: every test that they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)?::(?P<test>test_\w+)`|`(?P<alone>(?:[\w/]+/)?test_\w+\.py)`")


def named(text: str) -> list[tuple[str, str]]:
    """File and test of everything named; a name that begins with ``::`` is in the file named before."""
    found, file = [], ""
    for match in NAMED.finditer(text):
        file = match["file"] or match["alone"] or file
        found.append((file, match["test"] or ""))
    return found


DOCUMENT = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("file", "test"), sorted(set(named(DOCUMENT))))
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    places = list((ROOT / "tests").rglob(file))
    assert len(places) == 1, f"{file}: {places}"
    if test:
        assert re.search(rf"^(async )?def {test}\(", places[0].read_text(encoding="utf-8"), re.M)


def test_names_are_found_in_every_form_they_have() -> None:
    text = "`test_a.py::test_one`, `::test_two` and `test_b.py`; `not_a_test.md`"
    assert named(text) == [("test_a.py", "test_one"), ("test_a.py", "test_two"), ("test_b.py", "")]

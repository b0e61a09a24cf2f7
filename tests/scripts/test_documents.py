"""What the documents say of the tests is true: every test that they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)?::(?P<test>test_\w+)`|`(?P<alone>(?:[\w/]+/)?test_\w+\.py)`")


def named(text: str) -> list[tuple[str, str]]:
    """File and test of everything named; the file is empty where a legend or the line before says it."""
    return [(match["file"] or match["alone"] or "", match["test"] or "") for match in NAMED.finditer(text)]


DOCUMENTS = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("conformance.md", "security.md")]
SECURITY = DOCUMENTS[1]
CODE = re.compile(r"`((?:hub|iec61850_model|device_agent|config|scripts)/[\w./]+)")


@pytest.mark.parametrize(("file", "test"), sorted({one for document in DOCUMENTS for one in named(document)}))
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    found = (ROOT / "tests").rglob(Path(file).name if file else "test_*.py")
    places = [one for one in found if str(one).endswith(file)]
    assert len(places) == 1 or not file, f"{file}: {places}"
    if test:
        defined = re.compile(rf"^(async )?def {test}\(", re.M)
        assert any(defined.search(one.read_text(encoding="utf-8")) for one in places)


def test_what_is_said_to_defend_stands_where_it_is_said_to() -> None:
    """Every path of code in docs/security.md is there, and each test is in the file that is named with it or
    before it.
    """
    paths = CODE.findall(SECURITY)
    assert len(paths) > 10
    assert [one for one in paths if not (ROOT / one).exists()] == []
    before = ""
    for file, test in named(SECURITY):
        before = file or before
        (place,) = (ROOT / "tests").rglob(Path(before).name)
        assert not test or re.search(rf"^ *(async )?def {test}\(", place.read_text(encoding="utf-8"), re.M), (
            before,
            test,
        )


def test_names_are_found_in_every_form_they_have() -> None:
    text = "`test_a.py::test_one`, `::test_two` and `test_b.py`; `not_a_test.md`"
    assert named(text) == [("test_a.py", "test_one"), ("", "test_two"), ("test_b.py", "")]

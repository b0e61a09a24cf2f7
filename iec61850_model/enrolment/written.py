"""A configuration that was there before somebody enrolled: what it must say and does not."""

from __future__ import annotations

from collections.abc import Mapping


def wrong_lines(found: object, wanted: Mapping[str, str], unwanted: tuple[str, ...]) -> list[str]:
    """The lines to be changed in what was read from a YAML file; the resource of a JID does not matter."""
    has = found if isinstance(found, dict) else {}
    wrong = {key: value for key, value in wanted.items() if str(has.get(key)).partition("/IEC")[0] != value}
    wrong |= {key: "(remove the line)" for key in unwanted if key in has}
    return [f"  {key}: {value}" for key, value in wrong.items()]

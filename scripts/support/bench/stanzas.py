"""Whole stanzas out of a stream of octets by pattern alone: what the ends of a measured path can afford.

Good between programs of this benchmark only: it trusts that no payload holds the end tag of a stanza.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STANZA = re.compile(rb"<(iq|presence|message)\b([^>]*?)(?:/>|>(.*?)</\1>)", re.DOTALL)
_ATTRIBUTE = re.compile(rb"\b(type|id|from|to)=['\"]([^'\"]*)['\"]")


class Splitter:
    """Collects octets and gives each stanza's kind, attributes and content once it is complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, dict[bytes, bytes], bytes]]:
        """Take in ``data``; yields what is complete now."""
        data = self._rest + data if self._rest else data
        end = 0
        for found in _STANZA.finditer(data):
            end = found.end()
            yield found[1], dict(_ATTRIBUTE.findall(found[2])), found[3] or b""
        self._rest = data[end:]

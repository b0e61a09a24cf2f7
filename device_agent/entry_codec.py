"""The members of a buffered entry as octets: compact, exact for every kind of value, and with a checksum.

An entry is a CRC-32 (4 octets), then each member: index (varint), reason (1 octet), value. A value is one
octet for its kind, then: boolean 1 octet; integer (zigzag) and unsigned a varint; floating-point 4 octets;
bit-string the number of bits (varint) and the bits; strings their length (varint) and octets; utc-time 8 and
binary-time 6 octets as on the wire; structure and array the number of parts (varint) and the parts. A varint
has 7 bits in each octet, the lowest first.

So a measurand with magnitude, quality and time takes 24 octets: a report of 20, some 5 kB of XML, takes 484.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from iec61850_model.mms.pdu import Data, Tag
from iec61850_model.server.buffer import Member
from iec61850_model.values import EntryTime, Timestamp, Trigger

_KINDS: dict[Tag, int] = {
    "boolean": 1,
    "integer": 2,
    "unsigned": 3,
    "floating-point": 4,
    "bit-string": 5,
    "octet-string": 6,
    "visible-string": 7,
    "mMSString": 8,
    "utc-time": 9,
    "binary-time": 10,
    "structure": 11,
    "array": 12,
}
"""The octet of each kind. It lies in buffers on disks: a number never gets another meaning."""
_TAGS = {kind: tag for tag, kind in _KINDS.items()}
_SINGLE = struct.Struct(">f")
_CRC_OCTETS = 4


class DamagedEntry(ValueError):
    """These octets are no entry: they were changed after they were written."""


def encode(members: Sequence[Member]) -> bytes:
    """The octets of an entry's members. Raises ValueError for a value that is none of its kind."""
    out = bytearray(_CRC_OCTETS)
    for member in members:
        _put_varint(out, member.index)
        out.append(int(member.reason))
        _put(out, member.value)
    out[:_CRC_OCTETS] = zlib.crc32(memoryview(out)[_CRC_OCTETS:]).to_bytes(_CRC_OCTETS)
    return bytes(out)


def decode(octets: bytes) -> tuple[Member, ...]:
    """The members of an entry; raises DamagedEntry."""
    body = octets[_CRC_OCTETS:]
    if len(octets) < _CRC_OCTETS or zlib.crc32(body).to_bytes(_CRC_OCTETS) != octets[:_CRC_OCTETS]:
        raise DamagedEntry("the checksum is wrong")
    reader = _Reader(body)
    members = []
    try:
        while reader.at < len(body):
            members.append(Member(reader.varint(), Trigger(reader.octet()), reader.value()))
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise DamagedEntry(f"not an entry: {error!r}") from None
    return tuple(members)


def _put(out: bytearray, data: Data) -> None:
    tag, value = data
    out.append(_KINDS[tag])
    match value:
        case Timestamp() | EntryTime():
            out += value.to_bytes()
        case tuple():
            _put_varint(out, len(value))
            for part in value:
                _put(out, part)
        case bytes():
            _put_octets(out, value)
        case str() if tag == "bit-string":
            _put_varint(out, len(value))
            out += int(value or "0", 2).to_bytes(-(-len(value) // 8))
        case str():
            _put_octets(out, value.encode())
        case _ if tag == "floating-point":
            out += _SINGLE.pack(value)
        case _ if tag == "boolean":
            out.append(bool(value))
        case _ if tag == "unsigned":
            _put_varint(out, int(value))
        case _:
            _put_varint(out, 2 * int(value) if value >= 0 else -2 * int(value) - 1)


def _put_octets(out: bytearray, octets: bytes) -> None:
    _put_varint(out, len(octets))
    out += octets


def _put_varint(out: bytearray, number: int) -> None:
    if number < 0:
        raise ValueError(f"{number} is below zero")
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


class _Reader:
    """Takes values from octets one after the other."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.at = 0

    def octet(self) -> int:
        self.at += 1
        return self._octets[self.at - 1]

    def varint(self) -> int:
        number = shift = 0
        while True:
            octet = self.octet()
            number |= (octet & 0x7F) << shift
            if octet <= 0x7F:
                return number
            shift += 7

    def take(self, length: int) -> bytes:
        self.at += length
        if self.at > len(self._octets):
            raise IndexError("cut off")
        return self._octets[self.at - length : self.at]

    def value(self) -> Data:
        tag = _TAGS[self.octet()]
        match tag:
            case "boolean":
                return Data(tag, bool(self.octet()))
            case "integer":
                zigzag = self.varint()
                return Data(tag, -(zigzag >> 1) - 1 if zigzag & 1 else zigzag >> 1)
            case "unsigned":
                return Data(tag, self.varint())
            case "floating-point":
                return Data(tag, float(_SINGLE.unpack(self.take(4))[0]))
            case "bit-string":
                bits = self.varint()
                number = int.from_bytes(self.take(-(-bits // 8)))
                return Data(tag, f"{number:0{bits}b}" if bits else "")
            case "octet-string":
                return Data(tag, self.take(self.varint()))
            case "visible-string" | "mMSString":
                return Data(tag, self.take(self.varint()).decode())
            case "utc-time":
                return Data(tag, Timestamp.from_bytes(self.take(8)))
            case "binary-time":
                return Data(tag, EntryTime.from_bytes(self.take(6)))
            case "structure" | "array":
                return Data(tag, tuple(self.value() for _ in range(self.varint())))

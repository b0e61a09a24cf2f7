"""The codec's promise: MalformedPdu and UnencodableValue, and nothing else, for any octets."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from random import Random
from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import ConfirmedRequest, ConfirmedResponse, Payload, UnknownService
from iec61850_model.mms.xer import (
    MalformedPdu,
    UnencodableValue,
    decode_payload,
    encode_payload,
    parse,
    recall,
    remember,
)
from support.fuzz_case import Broken, Step
from support.fuzz_mutations import damaged
from support.fuzz_seeds import seed


class Codec:
    """``parse``, ``decode_payload`` strict and lenient, ``encode_payload``."""

    name = "codec"

    def episode(self, random: Random) -> list[Step]:
        """One message, damaged most of the time."""
        octets = seed(random)
        return [Step.of(damaged(random, octets) if random.random() < 0.85 else octets)]

    def run(self, steps: Sequence[Step]) -> None:
        """Decode and encode; raises Broken, or what the codec must not raise."""
        for step in steps:
            _check(step.octets)
            _check_recalled(step.octets.decode(errors="replace").replace('"', "'"))


def _check(octets: bytes) -> None:
    try:
        element = parse(octets)
    except MalformedPdu:
        return
    strict, lenient = (_decoded(element, strict) for strict in (True, False))
    if strict is not None:
        if lenient is None or comparable(lenient) != comparable(strict):
            raise Broken("strict and lenient differ", f"{strict!r:.100} and {lenient!r:.100}")
        if _writable(strict):
            _check_round_trip(strict, encode_payload(strict))
    if lenient is not None:
        try:
            xml = encode_payload(lenient)
        except UnencodableValue:
            return
        _check_round_trip(lenient, xml)


def _check_recalled(xml: str) -> None:
    """What is read from its text alone is what is decoded strictly, and written the same."""
    try:
        strict = decode_payload(parse(xml), strict=True)
    except MalformedPdu:
        strict = None
    if strict is not None:
        remember(xml, strict)
    found = recall(xml)
    if found is None:
        return
    if (
        strict is None
        or comparable(found.payload) != comparable(strict)
        or found.xml != encode_payload(strict)
    ):
        raise Broken("recalled something else than is decoded", f"{found!r:.120} and {strict!r:.120}")


def _decoded(element: Element, strict: bool) -> Payload | None:
    try:
        return decode_payload(element, strict=strict)
    except MalformedPdu:
        return None


def _writable(payload: Payload) -> bool:
    pdu = payload.pdu
    unknown = isinstance(pdu, ConfirmedRequest | ConfirmedResponse) and isinstance(
        pdu.service, UnknownService
    )
    return not unknown


def _check_round_trip(payload: Payload, xml: str) -> None:
    try:
        again = decode_payload(parse(xml), strict=True)
    except MalformedPdu as malformed:
        raise Broken("what is encoded cannot be decoded", f"{malformed}: {xml:.150}") from None
    if comparable(again) != comparable(payload):
        raise Broken("what is encoded decodes to something else", f"{payload!r:.120}, {again!r:.120}")


def comparable(value: object) -> object:
    """The value with floats as their bits and types beside values: NaN equals itself, True is not 1."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return type(value), *(comparable(getattr(value, one.name)) for one in fields)
    if isinstance(value, tuple):
        return type(value), *(comparable(part) for part in value)
    return type(value), value

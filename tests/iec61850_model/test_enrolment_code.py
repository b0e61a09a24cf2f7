"""The one-time code as text."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iec61850_model.enrolment.code import EnrolmentCode, InvalidCode, fingerprint_of

CODE = EnrolmentCode(
    "hub.example.org", "xmpp.example.org", 5222, b"identity", b"secret-of-16-oct", bytes(range(32))
)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,60}", fullmatch=True)
ZEROS = bytes(58)
"""Port, identity, secret and fingerprint."""


@given(NAMES, st.one_of(st.just(""), NAMES), st.integers(0, 65_535), st.binary(min_size=8, max_size=8))
def test_a_code_is_read_as_it_was_written(hub: str, host: str, port: int, identity: bytes) -> None:
    code = EnrolmentCode(hub, host, port, identity, identity * 2, b"")
    assert EnrolmentCode.parse(code.text) == code


def test_blanks_dashes_line_breaks_and_small_letters_do_not_matter() -> None:
    text = CODE.text
    shown = "\n".join(f" {text[at : at + 20].lower()}-" for at in range(0, len(text), 20))
    assert EnrolmentCode.parse(shown) == CODE


def test_it_fits_the_small_alphabet_of_qr_codes_and_hides_its_secret() -> None:
    assert CODE.text.isalnum() and CODE.text.upper() == CODE.text and len(CODE.text) < 200
    assert "secret" not in repr(CODE)


def test_every_wrong_letter_is_found() -> None:
    text = CODE.text
    for at, letter in enumerate(text[:-1]):  # of the last one only some bits count
        wrong = text[:at] + ("A" if letter != "A" else "B") + text[at + 1 :]
        with pytest.raises(InvalidCode, match="copy the whole code"):
            EnrolmentCode.parse(wrong)


def _checked(body: bytes) -> str:
    return base64.b32encode(body + hashlib.sha256(body).digest()[:4]).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "some are missing"),
        ("A" * 5_000, "5000"),
        ("0189", "letters A to Z"),
        ("ÄÖÜß", "letters A to Z"),
        (CODE.text[:-8], "some are missing"),
        (_checked(b"\x02" + bytes(70)), "version 2"),
        (_checked(b"\x01" + ZEROS + b"\x05abc"), "damaged"),
        (_checked(b"\x01" + ZEROS + b"\x03a\nc\x00"), "damaged"),
        (_checked(b"\x01" + ZEROS + b"\x00\x00"), "damaged"),
        (_checked(b"\x01" + ZEROS + b"\x01a\x00more"), "damaged"),
    ],
)
def test_what_is_no_code_is_told_so(text: str, why: str) -> None:
    with pytest.raises(InvalidCode, match=why):
        EnrolmentCode.parse(text)


def test_the_fingerprint_covers_every_authority() -> None:
    assert fingerprint_of([b"a"]) == hashlib.sha256(b"a").digest(), "what every tool calls it"
    assert len({fingerprint_of(one) for one in ([b"a"], [b"a", b"b"], [b"b", b"a"])}) == 3

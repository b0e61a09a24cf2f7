"""The files of enrolment: key and certificate of the authority, the server's authorities, what is revoked."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.config import ConfigError, EnrolmentSection, HubConfig, read_secret
from hub.enrolment.authority import Authority, UnusableAuthority, authority_as_pem, make_authority
from iec61850_model.enrolment.code import fingerprint_of
from iec61850_model.enrolment.messages import MAX_AUTHORITIES

MAX_PEM = 65_536
"""Octets of a PEM file: a handful of certificates."""


def load_authority(section: EnrolmentSection) -> Authority:
    """The authority that hub.yaml names. Raises ConfigError."""
    key = _read(section.ca_key, "the authority's key", private=True)
    certificate = _read(section.ca_certificate, "the authority's certificate")
    passphrase = read_secret(section.ca_passphrase_file).encode() if section.ca_passphrase_file else None
    try:
        return Authority.load(key, certificate, passphrase, time.time())
    except UnusableAuthority as error:
        raise ConfigError(f"{section.ca_key} and {section.ca_certificate}: {error}") from None


def make_authority_files(config: HubConfig) -> bool:
    """Make an authority if hub.yaml names none and there is none; returns whether."""
    section = config.enrolment
    if {"ca_key", "ca_certificate"} & section.model_fields_set or section.ca_key.exists():
        return False
    passphrase = read_secret(section.ca_passphrase_file).encode() if section.ca_passphrase_file else None
    key, certificate = authority_as_pem(make_authority(f"Boxes of {config.domain}", time.time()), passphrase)
    section.ca_key.parent.mkdir(mode=0o700, exist_ok=True)
    write_file(section.ca_certificate, certificate, 0o644)
    write_file(section.ca_key, key, 0o600)
    return True


def server_authorities(section: EnrolmentSection) -> tuple[bytes, ...]:
    """The certificates (DER) that vouch for the boxes' server; none: public ones. Raises ConfigError."""
    if section.server_ca is None:
        return ()
    pem = _read(section.server_ca, "the authority of the server's certificate")
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ConfigError(f"{section.server_ca}: no certificates in PEM: {error}") from None
    if len(found) > MAX_AUTHORITIES:
        raise ConfigError(f"{section.server_ca}: at most {MAX_AUTHORITIES} certificates")
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def server_fingerprint(section: EnrolmentSection) -> bytes:
    """By which a box knows them; empty if they are public ones. Raises ConfigError."""
    found = server_authorities(section)
    return fingerprint_of(found) if found else b""


def write_revoked(path: Path, serials: Sequence[str]) -> None:
    """Write the list that mod_hub_revoked reads; whole or not at all. Raises ConfigError."""
    try:
        write_file(path, "".join(f"{one}\n" for one in serials).encode(), 0o644)
    except OSError as error:
        raise ConfigError(f"enrolment.revoked_file: {path} cannot be written: {error.strerror}") from None


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step, with this mode from its first moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _read(path: Path, what: str, *, private: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if private and mode & 0o077:
                raise ConfigError(f"{path} has mode {mode:04o}, others may read it: chmod 600 {path}")
            return file.read(MAX_PEM)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: it must hold {what} (PEM)") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None

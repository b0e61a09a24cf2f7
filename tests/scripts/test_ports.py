"""Ports handed out are free, and a reserved one stays with its server."""

from __future__ import annotations

import socket

import pytest

from support.ports import LOOPBACK, ReservedPort, free_port


def listen_on(port: int, *, reuse: bool) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    try:
        server.bind((LOOPBACK, port))
        server.listen()
    except OSError:
        server.close()
        raise
    return server


def test_a_free_port_can_be_listened_on() -> None:
    listen_on(free_port(), reuse=False).close()


def test_a_reserved_port_serves_its_server_again_and_again_and_nobody_else() -> None:
    reserved = ReservedPort()
    try:
        for _ in range(2):
            with listen_on(reserved.number, reuse=True):
                socket.create_connection((LOOPBACK, reserved.number)).close()
        with pytest.raises(OSError, match="in use"):
            listen_on(reserved.number, reuse=False)
    finally:
        reserved.release()
    reserved.release()


def test_reserved_ports_differ() -> None:
    ports = [ReservedPort() for _ in range(20)]
    try:
        assert len({port.number for port in ports}) == len(ports)
    finally:
        for port in ports:
            port.release()

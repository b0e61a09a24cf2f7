"""A small HTTP server for whoever watches the hub: /health, /ready and /metrics (Prometheus)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

REQUEST_TIMEOUT = 5.0
"""Seconds a caller may take for his request; a slow one holds one thread and nothing else."""

Check = Callable[[], list[str]]
"""What is wrong, in words; empty: nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""


class Probe:
    """Serves in a thread of its own, so that it answers even when the event loop hangs."""

    def __init__(
        self, address: tuple[str, int], registry: CollectorRegistry, healthy: Check, ready: Check
    ) -> None:
        metrics = make_wsgi_app(registry)
        checks = {"/health": healthy, "/ready": ready}

        def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if path == "/metrics":
                found: Iterable[bytes] = metrics(environ, start_response)
                return found
            check = checks.get(path)
            if check is None:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"There is /health, /ready and /metrics.\n"]
            wrong = check()
            status = "503 Service Unavailable" if wrong else "200 OK"
            start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
            return ["".join(f"{line}\n" for line in wrong or ["ok"]).encode()]

        self._server = make_server(*address, serve, _Server, _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probe", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(REQUEST_TIMEOUT)

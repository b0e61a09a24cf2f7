"""For all tests: skipped tests are named at the end; in CI (environment variable CI) they are failures."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings


def in_ci() -> bool:
    """Whether this run must prove everything: a test that cannot run is then a failed test."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


# No test is judged by the time it takes: a busy machine is no fault. In CI the examples are the same each
# time, and half of them do: what they do not find is found where others are drawn.
settings.register_profile("no clock", deadline=None, derandomize=in_ci(), max_examples=50 if in_ci() else 100)
settings.load_profile("no clock")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is for what a shell starts in the background, and programs that tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_skipped: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped[report.nodeid] = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped[report.nodeid] = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and in_ci() and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _skipped:
        return
    heading = "NOT RUN" + (": in CI each of these is a failure" if in_ci() else "")
    terminalreporter.section(heading, red=in_ci(), yellow=not in_ci())
    for test, reason in _skipped.items():
        terminalreporter.write_line(f"{test}: {reason}")

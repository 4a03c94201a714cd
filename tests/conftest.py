"""Shared by all tests: Hypothesis profiles, and no way out to any network but this machine's loopback.

Folders say what their tests need: `core` nothing at all, `config` files, `remotes` loopback servers and recorded answers,
`store` SQLite and a real PostgreSQL, `service` fakes of the remotes over a real SQLite state, `e2e` the `bridge` command as a
process against the sandbox.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("night", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

_connect = socket.socket.connect


def _only_loopback(self: socket.socket, address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else "127.0.0.1"
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise AssertionError(f"a test reached out to {host}")
    _connect(self, address)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only addresses of this machine can be connected to."""
    monkeypatch.setattr(socket.socket, "connect", _only_loopback)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own leaks into a test."""
    for name in [name for name in os.environ if name.startswith("BRIDGE_") and not name.startswith("BRIDGE_TEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A test that sets the log up writes to its own captured stream, which no test after it can."""
    yield
    structlog.reset_defaults()


Proof = Callable[[str], None]
"""Says what was counted, in the summary of the tests."""


@pytest.fixture
def proof(record_property: Callable[[str, object], None]) -> Proof:
    """How a test says how many cases it tried: its own output is not shown where it passes."""
    return lambda told: record_property("proof", told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests that passed have counted."""
    passed = [each for each in terminalreporter.stats.get("passed", []) if isinstance(each, pytest.TestReport)]
    told = [(each.nodeid, value) for each in passed for name, value in each.user_properties if name == "proof"]
    if told:
        terminalreporter.section("counted")
    for nodeid, value in told:
        terminalreporter.write_line(f"{nodeid.rpartition('::')[2]}: {value}")

"""Listening over Socket Mode: acknowledged first, connected again whatever happens, and said once when it is not."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.core.record import Json
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.sandbox.slack import APP_TOKEN, Slack
from bridge.sandbox.slack_api import SlackApi
from bridge.sandbox.slack_socket import SocketServer
from bridge.slack.ear import Ear
from bridge.slack.heard import Heard
from fakes import FakeClock


@dataclass
class Workspace:
    """A Slack that can be listened to, and what was heard of it."""

    slack: Slack
    server: Server
    heard: list[tuple[str, Heard]] = field(default_factory=list)
    busy: threading.Event = field(default_factory=threading.Event)
    answer: dict[str, Json] | None = None

    @contextmanager
    def listening(self, token: str = APP_TOKEN) -> Iterator[Ear]:
        """An ear at the workspace."""
        ear = Ear(
            token,
            lambda _kind, _payload: self.answer,
            self._act,
            FakeClock(),
            url=f"{self.server.url}/api/",
            ping_seconds=0.2,
            first_pause=0.05,
        )
        ear.start()
        try:
            yield ear
        finally:
            ear.stop()

    def _act(self, kind: str, payload: Heard) -> None:
        self.busy.wait(60)
        self.heard.append((kind, payload))


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    slack = Slack()
    with SocketServer(slack.connections) as socket, Server(SlackApi(slack, lambda: socket.url)) as server:
        made = Workspace(slack, server)
        made.busy.set()
        yield made


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def test_an_envelope_is_acknowledged_before_anything_is_done_about_it(workspace: Workspace) -> None:
    slack = workspace.slack
    workspace.answer = {"response_action": "clear"}
    workspace.busy.clear()
    with workspace.listening() as ear:
        assert slack.connections.wait_for(1)
        until(lambda: not ear.hearing.problem)
        envelope = slack.command("status")
        assert envelope.acked
        assert envelope.answer == {"response_action": "clear"}
        assert workspace.heard == []
        workspace.busy.set()
        until(lambda: workspace.heard)
    [(kind, payload)] = workspace.heard
    assert (kind, payload["text"]) == ("slash_commands", "status")


def test_it_connects_anew_when_asked_to_and_ends_what_it_was_doing(workspace: Workspace) -> None:
    slack = workspace.slack
    workspace.busy.clear()
    with workspace.listening():
        assert slack.connections.wait_for(1)
        first = slack.command("one")
        slack.connections.disconnect()
        assert slack.connections.wait_for(2)
        workspace.busy.set()
        second = slack.command("two")
        slack.connections.again(second)
        until(lambda: len(workspace.heard) == 3)
        assert (first.acked, second.acked) == (True, True)
    assert [payload["text"] for _, payload in workspace.heard] == ["one", "two", "two"]


def test_a_socket_that_died_without_a_word_is_replaced(workspace: Workspace) -> None:
    with workspace.listening() as ear:
        assert workspace.slack.connections.wait_for(1)
        workspace.slack.connections.cut()
        assert workspace.slack.connections.wait_for(2)
        until(lambda: not ear.hearing.problem)
        assert workspace.slack.command("status").acked


def test_a_slack_that_is_away_is_waited_for_and_said_once(workspace: Workspace) -> None:
    workspace.server.faults.add(Fault(FaultKind.STATUS_500_HTML, "apps.connections.open", times=3))
    with capture_logs() as logs, workspace.listening() as ear:
        assert workspace.slack.connections.wait_for(1)
        until(lambda: not ear.hearing.problem)
    told = [(each["log_level"], each["event"]) for each in logs]
    assert told == [("warning", "Slack is not heard"), ("info", "Slack is heard")]


def test_a_token_that_is_refused_is_said_with_its_cure_and_asked_with_no_more_for_minutes(workspace: Workspace) -> None:
    workspace.slack.revoke()
    with capture_logs() as logs, workspace.listening() as ear:
        until(lambda: "token_revoked" in ear.hearing.problem)
        time.sleep(0.5)
    asked = [each for each in workspace.server.requests if "connections.open" in each.path]
    assert len(asked) == 1
    assert "BRIDGE_SLACK__APP_TOKEN" in ear.hearing.next_step
    assert APP_TOKEN not in str(logs)


def test_a_pause_that_slack_asks_for_is_a_pause(workspace: Workspace) -> None:
    workspace.server.faults.add(Fault(FaultKind.STATUS_429, "apps.connections.open"))
    began = time.monotonic()
    with workspace.listening():
        assert workspace.slack.connections.wait_for(1)
        assert time.monotonic() - began >= 1, "Retry-After: 1"


def test_the_old_socket_is_heard_until_a_new_one_is_open(workspace: Workspace) -> None:
    slack = workspace.slack
    with workspace.listening():
        assert slack.connections.wait_for(1)
        workspace.server.faults.add(Fault(FaultKind.STATUS_500_HTML, "apps.connections.open", times=3))
        slack.connections.warn()
        until(lambda: sum("connections.open" in each.path for each in workspace.server.requests) == 3)
        assert slack.command("status").acked
        assert slack.connections.wait_for(2)

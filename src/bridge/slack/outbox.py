"""Posting what the outbox holds: each message once, whatever is lost on the way.

planned -> sending -> sent. A message whose answer was lost is `uncertain`: at the next delivery our own metadata is looked for,
and only a message that is surely not there is sent again. Where we may not look, at most one is sent and the doubt is told.
"""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bridge.errors import (
    AuthRejected,
    BridgeError,
    ConfigError,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    Unavailable,
)
from bridge.ports import Clock, Outbox, OutboxMessage, OutboxState
from bridge.slack.client import Place, Poster

T = TypeVar("T")

PACE_SECONDS = 1.0
"""Slack takes one message a second and channel (docs.slack.dev, rate limits)."""

PATIENCE = dt.timedelta(seconds=30)
"""How long one delivery waits in all when Slack asks for pauses; what is left goes out with the next."""

KEPT = dt.timedelta(days=7)
"""A message that could not be posted for so long is given up, so that a mended channel is not flooded."""

_LEFT_ALONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Slack's words for a message that a person deleted, or that is too old for the workspace to edit: it is not edited again."""

_MARGIN = dt.timedelta(minutes=5)
"""How far Slack's clock may be behind ours when we look for a message."""


@dataclass(slots=True)
class Delivery:
    """What became of the messages, by key. `problems` are told to the operator; each has a next step where there is one."""

    sent: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    problems: list[BridgeError] = field(default_factory=list)


class _Stop(Exception):
    """Nothing more can be sent in this delivery."""


class Courier:
    """Delivers an outbox. Never raises for Slack: reports are not worth a run."""

    def __init__(self, outbox: Outbox, poster: Poster, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._outbox = outbox
        self._poster = poster
        self._clock = clock
        self._sleep = sleep

    def deliver(self) -> Delivery:
        """Post all that is pending, parents before their threads."""
        return _Round(self._outbox, self._poster, self._clock, self._sleep).run()

    def edit(self, key: str) -> Delivery:
        """Make a message that was sent show its present payload; one that was not yet sent needs no edit."""
        result = Delivery()
        message = self._outbox.get(key)
        place = _place(message)
        if message is None or place is None or message.state is not OutboxState.SENT:
            return result
        try:
            _patiently(lambda: self._poster.edit(place, message.payload), PATIENCE.total_seconds(), self._sleep)
            result.sent.append(key)
        except BridgeError as problem:
            if isinstance(problem, RequestRejected) and problem.code in _LEFT_ALONE:
                self._outbox.mark(key, OutboxState.FAILED, error=problem.message)
            result.failed.append(key)
            result.problems.append(problem)
        return result


class _Round:
    """One delivery: what it may still wait, and which channels it gave up."""

    def __init__(self, outbox: Outbox, poster: Poster, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._outbox = outbox
        self._poster = poster
        self._clock = clock
        self._sleep = sleep
        self._patience = PATIENCE.total_seconds()
        self._closed: set[str] = set()
        self._used: set[str] = set()
        self._result = Delivery()

    def run(self) -> Delivery:
        waiting = list(self._outbox.pending())
        while waiting:
            message = waiting.pop(0)
            try:
                self._one(message)
            except _Stop:
                self._result.waiting += [message.key, *(each.key for each in waiting)]
                break
        return self._result

    def _one(self, message: OutboxMessage) -> None:
        if message.channel in self._closed:
            self._result.waiting.append(message.key)
            return
        parent = self._outbox.get(message.thread_of) if message.thread_of else None
        if message.thread_of and not self._may_follow(message, parent):
            return
        thread = _place(parent)
        if message.state in (OutboxState.SENDING, OutboxState.UNCERTAIN) and self._settled(message, thread):
            return
        if self._clock() - message.created_at > KEPT:
            self._give_up(message, RequestRejected(f"Message {message.key} could not be posted for {KEPT.days} days."))
            return
        self._send(message, thread)

    def _may_follow(self, message: OutboxMessage, parent: OutboxMessage | None) -> bool:
        """Whether the reply's parent is posted; a reply that can never follow is closed."""
        if parent is None or parent.state is OutboxState.FAILED:
            self._outbox.mark(message.key, OutboxState.FAILED, error="the message it answers was not posted")
            self._result.failed.append(message.key)
            return False
        if parent.state is not OutboxState.SENT:
            self._result.waiting.append(message.key)
            return False
        if parent.ts is None:
            self._outbox.mark(message.key, OutboxState.SENT, error="left out: a webhook has no threads")
            return False
        return True

    def _settled(self, message: OutboxMessage, thread: Place | None) -> bool:
        """Whether a message of doubtful fate needs no sending: it is there, or we must not risk a second."""
        try:
            place = self._poster.find(message.channel, message.key, message.created_at - _MARGIN, thread)
        except OutcomeUnknown as doubt:
            self._give_up(message, doubt)
            return True
        except Unavailable as problem:
            self._outbox.mark(message.key, OutboxState.UNCERTAIN, error=problem.message)
            self._stop(problem)
        if place is None:
            return False
        self._sent(message, place)
        return True

    def _send(self, message: OutboxMessage, thread: Place | None) -> None:
        if message.channel in self._used:
            self._sleep(PACE_SECONDS)
        self._used.add(message.channel)
        self._outbox.mark(message.key, OutboxState.SENDING)
        try:
            place = self._post(message, thread)
        except OutcomeUnknown as doubt:
            self._outbox.mark(message.key, OutboxState.UNCERTAIN, error=doubt.message)
            self._result.waiting.append(message.key)
            self._result.problems.append(doubt)
        except RequestRejected as problem:
            self._give_up(message, problem)
        except (RateLimited, ConfigError) as problem:
            self._outbox.mark(message.key, OutboxState.PLANNED, error=problem.message)
            self._result.waiting.append(message.key)
            self._result.problems.append(problem)
            self._closed.add(message.channel)
        except (AuthRejected, Unavailable) as problem:
            self._outbox.mark(message.key, OutboxState.PLANNED, error=problem.message)
            self._stop(problem)
        else:
            self._sent(message, place)

    def _post(self, message: OutboxMessage, thread: Place | None) -> Place | None:
        """Post, waiting out the pauses that Slack asks for while there is patience left."""
        return _patiently(lambda: self._poster.post(message.channel, message.payload, thread), self._patience, self._wait)

    def _wait(self, seconds: float) -> None:
        self._patience -= seconds
        self._sleep(seconds)

    def _sent(self, message: OutboxMessage, place: Place | None) -> None:
        self._outbox.mark(message.key, OutboxState.SENT, ts=f"{place.channel}:{place.ts}" if place else None)
        self._result.sent.append(message.key)

    def _give_up(self, message: OutboxMessage, problem: BridgeError) -> None:
        self._outbox.mark(message.key, OutboxState.FAILED, error=problem.message)
        self._result.failed.append(message.key)
        self._result.problems.append(problem)

    def _stop(self, problem: BridgeError) -> None:
        self._result.problems.append(problem)
        raise _Stop from problem


def _patiently(act: Callable[[], T], patience: float, wait: Callable[[float], None]) -> T:
    """What `act` answers, after the pauses that Slack asks for; RateLimited once they come to more than `patience` seconds."""
    while True:
        try:
            return act()
        except RateLimited as pause:
            seconds = max(pause.retry_after.total_seconds(), PACE_SECONDS)
            if seconds > patience:
                raise
            patience -= seconds
            wait(seconds)


def _place(message: OutboxMessage | None) -> Place | None:
    """Where a sent message stands. The outbox keeps `channel id:ts`, because only the id lets a message be edited."""
    if message is None or message.ts is None:
        return None
    channel, _, ts = message.ts.rpartition(":")
    return Place(channel or message.channel, ts)

"""Listens to Slack over Socket Mode: a websocket that we open, so that no address of ours need be reachable.

An envelope is acknowledged before anything is done about it: Slack gives three seconds. Slack closes every socket after some
hours and says so before (`disconnect`), which is routine; a socket that died is noticed by its missing pongs. Each is followed
by a new connection, with growing pauses while none can be had (docs.slack.dev, apis/events-api/using-socket-mode).
"""

import datetime as dt
import logging
import random
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge.core.record import Json
from bridge.errors import AuthRejected, BridgeError, OutcomeUnknown, RateLimited, Unavailable
from bridge.ports import Clock
from bridge.slack.client import SLACK_API, TIMEOUT_SECONDS, our_errors

log = structlog.get_logger()

PING_SECONDS = 5.0
"""A socket whose pongs stay away for four times as long is dead."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_LOOK_SECONDS = 0.25
_THREADS = 4
_BUFFER = 16_384

_MUTE = logging.getLogger("bridge.slack.sdk")
_MUTE.addHandler(logging.NullHandler())
_MUTE.propagate = False  # what the library says of sockets is said here, once, without addresses

Heard = Mapping[str, Json]
Answer = Callable[[str, Heard], dict[str, Json] | None]
"""What an acknowledgement carries, by the envelope's type and payload. Called within the three seconds: it may not wait."""
Act = Callable[[str, Heard], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Whether we hear Slack, since when that is so, and what is wrong."""

    since: dt.datetime
    problem: str = ""
    next_step: str = ""


def address(app_token: str, url: str = SLACK_API) -> str:
    """A new websocket's address. Raises AuthRejected for a token that is refused, Unavailable or its kinds otherwise."""
    try:
        with our_errors():
            answer = _client(url).apps_connections_open(app_token=app_token)
    except AuthRejected as refused:
        raise AuthRejected(
            refused.message,
            next_step="Renew BRIDGE_SLACK__APP_TOKEN (xapp-…, scope `connections:write`), and switch Socket Mode on.",
        ) from refused
    except OutcomeUnknown as lost:
        raise Unavailable("Slack did not answer apps.connections.open.") from lost
    found = answer.data.get("url") if isinstance(answer.data, dict) else None
    if not isinstance(found, str):
        raise Unavailable("Slack answered apps.connections.open without an address.")
    return found


def _client(url: str) -> WebClient:
    return WebClient(base_url=url, timeout=TIMEOUT_SECONDS, retry_handlers=[])


class _Client(SocketModeClient):
    """slack_sdk's client of one socket. When a new one is opened is decided by the ear, and not by two threads at once."""

    def __init__(self, app_token: str, url: str, ping_seconds: float) -> None:
        self._url = url
        self.asked_anew = threading.Event()
        super().__init__(
            app_token=app_token,
            web_client=_client(url),
            logger=_MUTE,
            auto_reconnect_enabled=False,
            ping_interval=ping_seconds,
            receive_buffer_size=_BUFFER,
            concurrency=_THREADS,
        )

    def issue_new_wss_url(self) -> str:
        """A new address."""
        return address(self.app_token, self._url)

    def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002  # the signature is slack_sdk's
        """Slack asks to connect anew."""
        self.asked_anew.set()


class Ear:
    """Keeps one connection open until it is stopped. `act` is called after each acknowledgement, on a thread of its own."""

    def __init__(
        self,
        app_token: str,
        answer: Answer,
        act: Act,
        clock: Clock,
        *,
        url: str = SLACK_API,
        ping_seconds: float = PING_SECONDS,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._token = app_token
        self._answer = answer
        self._act = act
        self._clock = clock
        self._url = url
        self._ping = ping_seconds
        self._first_pause = first_pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="bridge slack", daemon=True)
        self._hearing = Hearing(since=clock(), problem="not connected yet")

    @property
    def hearing(self) -> Hearing:
        """How it stands."""
        return self._hearing

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; what is being done is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS)

    def _listen(self) -> None:
        pause = self._first_pause
        heard: _Client | None = None
        while not self._stopping.is_set():
            fresh = _Client(self._token, self._url, self._ping)
            fresh.socket_mode_request_listeners.append(self._hear)
            asked = self._connect(fresh)
            if fresh.is_connected():
                _close(heard)  # until now: it is heard until the new one is open
                heard, pause = fresh, self._first_pause
                self._note("")
                while fresh.is_connected() and not fresh.asked_anew.is_set() and not self._stopping.wait(_LOOK_SECONDS):
                    pass
                if not fresh.asked_anew.is_set():
                    self._note("The connection to Slack was lost.")
            else:
                _close(fresh)
            self._stopping.wait(max(asked, pause * random.uniform(0.5, 1.0)))  # noqa: S311  # spreads reconnections, no secret
            pause = min(2 * pause, _LONGEST_PAUSE)
        _close(heard)

    def _connect(self, client: _Client) -> float:
        """Try to connect; how many seconds not to try again for, where that did not come off."""
        try:
            client.connect()
        except BridgeError as error:
            self._note(error.message, error.next_step)
            if isinstance(error, RateLimited):
                return error.retry_after.total_seconds()
            return _LONGEST_PAUSE if isinstance(error, AuthRejected) else 0.0
        except (OSError, SlackClientError) as error:
            self._note(f"Slack's socket could not be opened ({type(error).__name__}).")
            return 0.0
        if not client.is_connected():
            self._note("Slack's socket could not be opened.")
        return 0.0

    def _note(self, problem: str, next_step: str = "") -> None:
        """Remember how it stands, and say it once when it changes."""
        if problem == self._hearing.problem or self._stopping.is_set():
            return
        self._hearing = Hearing(since=self._clock(), problem=problem, next_step=next_step)
        if problem:
            log.warning("Slack is not heard", problem=problem, next_step=next_step)
        else:
            log.info("Slack is heard")

    def _hear(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Acknowledge, then act. What cannot be acknowledged is done all the same: Slack only shows a warning."""
        payload: Heard = request.payload if isinstance(request.payload, dict) else {}
        try:
            client.send_socket_mode_response(
                SocketModeResponse(envelope_id=request.envelope_id, payload=self._answer(request.type, payload))
            )
        except (OSError, SlackClientError) as error:
            log.warning("Slack's envelope could not be acknowledged", error=type(error).__name__)
        self._act(request.type, payload)


def _close(client: _Client | None) -> None:
    """End a socket at once: whoever waits to receive is woken first."""
    if client is None:
        return
    session = client.current_session
    if session is not None and session.sock is not None:
        with suppress(OSError):
            session.sock.shutdown(socket.SHUT_RDWR)
    client.close()

"""Slack's Socket Mode: the websocket over which an app without a public address hears of clicks.

As much of RFC 6455 as `slack_sdk`'s own client speaks: one frame a message, text, ping, pong and close.
"""

import base64
import hashlib
import json
import socket
import socketserver
import struct
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

ACK_SECONDS = 3.0
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_SHORT, _TWO_BYTES, _EIGHT_BYTES = 125, 126, 127


@dataclass(slots=True)
class Envelope:
    """Something a person did, as it was pushed to the app. `answer` is what the app put into its acknowledgement."""

    id: str
    type: str
    payload: Mapping[str, Any]
    answer: dict[str, Any] | None = None
    _acked: threading.Event = field(default_factory=threading.Event)

    @property
    def acked(self) -> bool:
        """Whether the app acknowledged it."""
        return self._acked.is_set()

    def acknowledge(self, answer: dict[str, Any] | None) -> None:
        """Notes that the app has it."""
        self.answer = answer
        self._acked.set()

    def wait(self, seconds: float = ACK_SECONDS) -> bool:
        """Whether the app acknowledges it in time; Slack gives it three seconds."""
        return self._acked.wait(seconds)

    def frame(self) -> bytes:
        """The envelope as a websocket message."""
        kept = {"envelope_id": self.id, "type": self.type, "accepts_response_payload": True, "payload": self.payload}
        return text_frame(kept)


class Connections:
    """The apps that are connected, and what was pushed to them. Safe to use from several threads."""

    def __init__(self) -> None:
        self.opened = 0
        self.envelopes: list[Envelope] = []
        self._open: list[socket.socket] = []
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: socket.socket) -> None:
        """Greets a new connection."""
        with self._changed:
            self.opened += 1
            hello = {"type": "hello", "num_connections": len(self._open) + 1, "connection_info": {"app_id": "A0BRIDGE"}}
            connection.sendall(text_frame(hello))
            self._open.append(connection)
            self._changed.notify_all()

    def drop(self, connection: socket.socket) -> None:
        """Forgets a connection."""
        with self._changed:
            if connection in self._open:
                self._open.remove(connection)

    def wait_for(self, opened: int, seconds: float = 60.0) -> bool:
        """Whether so many connections were opened, in all, within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.opened >= opened, seconds)

    def push(self, kind: str, payload: Mapping[str, Any]) -> Envelope:
        """The envelope, sent to one of the connections; with none open nobody ever hears of it."""
        envelope = Envelope(str(uuid.uuid4()), kind, payload)
        with self._changed:
            self.envelopes.append(envelope)
            if self._open:
                self._open.append(self._open.pop(0))
                self._open[-1].sendall(envelope.frame())
        return envelope

    def again(self, envelope: Envelope) -> None:
        """Sends an envelope a second time, as Slack may where it is not sure that the first one arrived."""
        with self._changed:
            self._open[-1].sendall(envelope.frame())

    def warn(self) -> None:
        """Asks every app to connect anew, and closes nothing yet."""
        with self._changed:
            for connection in self._open:
                connection.sendall(text_frame({"type": "disconnect", "reason": "warning"}))

    def cut(self) -> None:
        """Lets every connection die without a word: its peer hears nothing more, and is not told so."""
        with self._changed:
            for connection in self._open:
                connection.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def receive(self, message: Mapping[str, Any]) -> None:
        """Takes an acknowledgement."""
        for envelope in self.envelopes:
            if envelope.id == message.get("envelope_id"):
                envelope.acknowledge(message.get("payload"))

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Asks every app to connect anew, as Slack does every few hours, and closes."""
        with self._changed:
            for connection in self._open:
                connection.sendall(text_frame({"type": "disconnect", "reason": reason}) + _frame(_CLOSE, b""))
            self._open.clear()


class SocketServer:
    """Accepts websockets on 127.0.0.1 and keeps them among `connections`; a context manager."""

    def __init__(self, connections: Connections, port: int = 0) -> None:
        self._server = _Listener(("127.0.0.1", port), connections)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address, such as `ws://127.0.0.1:40123`."""
        host, port = self._server.server_address[:2]
        return f"ws://{host!s}:{port}"

    def start(self) -> Self:
        """Begins to accept; returns the server."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cuts what is open and stops."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.cut_all()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    block_on_close = True

    def __init__(self, address: tuple[str, int], connections: Connections) -> None:
        self.connections = connections
        self._accepted: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._accepted.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._accepted.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        for connection in [*self._accepted]:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it went away by itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stays silent: what reaches this is a client that went away."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Listener

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        self.request.sendall(_handshake(head.decode("latin-1")))
        self.server.connections.add(self.request)
        try:
            self._listen()
        finally:
            self.server.connections.drop(self.request)

    def _listen(self) -> None:
        while (frame := self._read()) is not None:
            kind, payload = frame
            if kind == _PING:
                self.request.sendall(_frame(_PONG, payload))
            elif kind == _TEXT:
                self.server.connections.receive(json.loads(payload))
            elif kind == _CLOSE:
                return

    def _read(self) -> tuple[int, bytes] | None:
        """The next frame's kind and unmasked payload, or None at the end of the stream."""
        head = self.rfile.read(2)
        if len(head) < 2:  # noqa: PLR2004  # the two bytes just asked for
            return None
        size = head[1] & 0x7F
        if size in (_TWO_BYTES, _EIGHT_BYTES):
            form = ">H" if size == _TWO_BYTES else ">Q"
            [size] = struct.unpack(form, self.rfile.read(struct.calcsize(form)))
        mask = self.rfile.read(4) if head[1] & 0x80 else b"\0\0\0\0"
        masked = self.rfile.read(size)
        return head[0] & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))


def text_frame(message: Mapping[str, Any]) -> bytes:
    """The message as one unmasked text frame."""
    return _frame(_TEXT, json.dumps(message).encode())


def _frame(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size <= _SHORT:
        head = struct.pack(">BB", 0x80 | kind, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | kind, _TWO_BYTES, size)
    else:
        head = struct.pack(">BBQ", 0x80 | kind, _EIGHT_BYTES, size)
    return head + payload


def _handshake(head: str) -> bytes:
    lines = [line.split(": ", 1) for line in head.split("\r\n") if ": " in line]
    key = {name.lower(): value for name, value in lines}["sec-websocket-key"]
    accepted = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
    )

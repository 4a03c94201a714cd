"""The HTTP plumbing of the sandbox: a threaded server on 127.0.0.1 that serves one `App` and its faults.

    class Echo:
        def route(self, request: Request) -> str: return "echo"
        def handle(self, request: Request) -> Response: return Response.json(request.first("word"))
        def fail(self, request: Request, fault: Fault) -> Response: return Response(500)

    with Server(Echo()) as server:
        httpx.get(server.url + "/?word=hello")
        server.faults.add(Fault(FaultKind.DROP_AFTER, match="POST echo"))
        assert server.count("echo") == 1

Each server mounts `/_sandbox/faults` (GET, POST one fault or a list, DELETE) and `/_sandbox/requests`
(GET, DELETE), so that another process can drive it too.
"""

import json
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

from bridge.sandbox.faults import DONE_BY_THE_SERVER, Fault, FaultKind, FaultPlan

REQUESTS_KEPT = 20_000
CONTROL = "/_sandbox/"
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower case; `path` is decoded; `query` keeps repeated names."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def first(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        return self.query.get(name, [None])[0]

    def header(self, name: str) -> str:
        """A header's value, or ""."""
        return self.headers.get(name.lower(), "")

    def form(self) -> dict[str, list[str]]:
        """The fields of a form-encoded body; empty when the body is anything else."""
        if not self.header("content-type").startswith("application/x-www-form-urlencoded"):
            return {}
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def json(self) -> Any:
        """The body read as JSON. ValueError when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. `headers` may repeat a name, as cookies do.

    `cut=True` closes the connection without an answer. `sent_share` below 1 announces the whole body, sends that
    share of its bytes and closes the connection.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    sent_share: float = 1.0

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> "Response":
        """An answer of content type `application/json`."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, (("Content-Type", JSON_TYPE), *headers))

    @classmethod
    def text(cls, text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> "Response":
        """An answer in plain text, or in another content type."""
        return cls(status, text.encode(), (("Content-Type", content_type),))

    @classmethod
    def html(cls, text: str, status: int = 200) -> "Response":
        """An answer as a web page."""
        return cls.text(text, status, "text/html; charset=UTF-8")


class App(Protocol):
    """A service behind a `Server`. Called from many threads at once: it guards its own state."""

    def route(self, request: Request) -> str:
        """The short name of what is asked, such as `Contact/update`; faults and counts go by it."""
        ...

    def handle(self, request: Request) -> Response:
        """The answer, with the work done."""
        ...

    def fail(self, request: Request, fault: Fault) -> Response:
        """The answer in this service's own words for a fault the server cannot commit by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request, without its body. `status` is 0 when the connection was cut; `at` is epoch seconds."""

    method: str
    path: str
    route: str
    status: int
    at: float


@dataclass(slots=True)
class _CallLog:
    kept: deque[Call] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> None:
        with self.lock:
            self.kept.append(call)

    def all(self) -> list[Call]:
        with self.lock:
            return list(self.kept)

    def clear(self) -> None:
        with self.lock:
            self.kept.clear()


class Server:
    """Serves one app on a thread of its own; a context manager that starts and stops it.

    `clock` is in epoch seconds and says the `Date` of every answer.
    """

    def __init__(self, app: App, host: str = "127.0.0.1", port: int = 0, *, clock: Callable[[], float] = time.time) -> None:
        self.app = app
        self.clock = clock
        self.faults = FaultPlan()
        self._log = _CallLog()
        self._stopping = threading.Event()
        self._listener = _Listener((host, port), self)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address without a trailing slash, such as `http://127.0.0.1:40123`."""
        host, port = self._listener.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def requests(self) -> list[Call]:
        """The last requests answered, oldest first; control requests are not among them."""
        return self._log.all()

    def count(self, route: str = "", method: str = "") -> int:
        """How many requests were answered whose route holds `route` and whose method is `method`, if given."""
        return sum(route in call.route and method in ("", call.method) for call in self.requests)

    def forget_requests(self) -> None:
        """Start counting anew."""
        self._log.clear()

    def start(self) -> Self:
        """Begin to answer; returns the server."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut what is open and wait until every thread is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        self._listener.cut_all()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def answer(self, request: Request) -> Response:
        """The app's answer to a request, or the fault's."""
        if request.path.startswith(CONTROL):
            control = self._control(request)
            if control is not None:
                return control
        route = self.app.route(request)
        response = self._answer_with_fault(request, self.faults.take(f"{request.method} {route} {request.path}"))
        status = 0 if response.cut else response.status
        self._log.add(Call(request.method, request.path, route, status, time.time()))
        return response

    def _answer_with_fault(self, request: Request, fault: Fault | None) -> Response:
        if fault is None:
            return _or_told(lambda: self.app.handle(request))
        if fault.kind is FaultKind.DROP_BEFORE:
            return Response(0, cut=True)
        if fault.kind not in DONE_BY_THE_SERVER:
            return _or_told(lambda: self.app.fail(request, fault))
        if fault.kind is FaultKind.SLOW_BEFORE:
            self._stopping.wait(fault.seconds)
        response = _or_told(lambda: self.app.handle(request))
        if fault.kind is FaultKind.SLOW:
            self._stopping.wait(fault.seconds)
        truncated = fault.kind is FaultKind.TRUNCATED_JSON
        return replace(response, cut=fault.kind is FaultKind.DROP_AFTER, sent_share=0.5 if truncated else 1.0)

    def _control(self, request: Request) -> Response | None:
        match request.method, request.path.removeprefix(CONTROL):
            case "GET", "faults":
                pass
            case "POST", "faults":
                try:
                    given = request.json()
                    self.faults.add(*map(Fault.from_json, given if isinstance(given, list) else [given]))
                except (ValueError, TypeError) as problem:
                    return Response.json({"error": str(problem)}, 400)
            case "DELETE", "faults":
                self.faults.clear()
            case "GET", "requests":
                return Response.json([asdict(call) for call in self.requests])
            case "DELETE", "requests":
                self.forget_requests()
                return Response.json([])
            case _:
                return None
        return Response.json([fault.to_json() for fault in self.faults.waiting()])


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], server: Server) -> None:
        self.server = server
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def cut_all(self, wait_seconds: float = 5.0) -> None:
        with self._changed:
            for connection in self._open:
                _cut(connection)
            self._changed.wait_for(lambda: not self._open, wait_seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: what reaches this is a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: _Listener
    do_methods: ClassVar = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

    def setup(self) -> None:
        self.server.opened(self.request)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.closed(self.request)

    def __getattr__(self, name: str) -> Any:
        # The base class looks for do_GET, do_POST, …: all of them are one.
        if name.removeprefix("do_") in self.do_methods:
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        response = self.server.server.answer(self._request())
        if response.cut:
            self.close_connection = True
            _cut(self.connection)
            return
        self._send(response)

    def _request(self) -> Request:
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = parse_qs(target.query, keep_blank_values=True)
        return Request(self.command, unquote(target.path), query, headers, body)

    def _send(self, response: Response) -> None:
        sent = response.body[: int(len(response.body) * response.sent_share)]
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)
        self.wfile.flush()
        if len(sent) < len(response.body):
            self.close_connection = True
            _cut(self.connection)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` header, by the clock of the service."""
        return super().date_time_string(self.server.server.clock() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay silent: `Server.requests` tells what was asked."""


def _or_told(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except Exception:  # noqa: BLE001 - a fault of the sandbox itself must be seen by who calls it, not hang them
        return Response.text(f"The sandbox broke:\n{traceback.format_exc()}", 599)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # already gone, which is what was wanted
        return

"""The sandbox's server: keep-alive, faults, control requests and the count of calls."""

import time
from collections.abc import Iterator

import httpx
import pytest

from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Request, Response, Server


class Counter:
    """A service that counts how often its work was done."""

    def __init__(self) -> None:
        self.done = 0

    def route(self, request: Request) -> str:
        return f"count/{request.path.strip('/')}"

    def handle(self, request: Request) -> Response:
        if request.path == "/broken":
            raise RuntimeError("a bug of the sandbox")
        self.done += 1
        return Response.json({"done": self.done, "words": request.query.get("word", [])})

    def fail(self, request: Request, fault: Fault) -> Response:
        return Response.text(fault.kind, 500)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Counter()) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as opened:
        yield opened


def done(server: Server) -> int:
    assert isinstance(server.app, Counter)
    return server.app.done


def test_repeated_query_names_are_all_kept(client: httpx.Client) -> None:
    assert client.get("/one?word=a&word=b%20c").json() == {"done": 1, "words": ["a", "b c"]}


def test_one_connection_serves_many_requests(client: httpx.Client, server: Server) -> None:
    for _ in range(3):
        client.post("/one")
    assert server.count("count/one", "POST") == 3
    assert len(server._listener._open) == 1


def test_drop_before_cuts_the_connection_and_does_no_work(client: httpx.Client, server: Server) -> None:
    server.faults.add(Fault(FaultKind.DROP_BEFORE, match="POST count/one"))
    assert client.get("/one").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/one")
    assert done(server) == 1
    assert [call.status for call in server.requests] == [200, 0]


def test_drop_after_does_the_work_and_gives_no_answer(client: httpx.Client, server: Server) -> None:
    server.faults.add(Fault(FaultKind.DROP_AFTER))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/one")
    assert done(server) == 1
    assert client.post("/one").json()["done"] == 2


def test_a_truncated_answer_ends_early(client: httpx.Client, server: Server) -> None:
    server.faults.add(Fault(FaultKind.TRUNCATED_JSON))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/one")
    assert done(server) == 1


def test_a_slow_answer_comes_late(client: httpx.Client, server: Server) -> None:
    server.faults.add(Fault(FaultKind.SLOW, seconds=30))
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        client.get("/one", timeout=0.05)
    client.get("/one")
    assert time.monotonic() - started < 20
    assert done(server) == 2


def test_after_lets_requests_pass_and_times_bounds_the_failures(client: httpx.Client, server: Server) -> None:
    server.faults.add(Fault(FaultKind.STATUS_429, after=1, times=2))
    assert [client.get("/one").status_code for _ in range(4)] == [200, 500, 500, 200]
    assert server.faults.waiting() == ()


def test_another_process_drives_the_faults_as_json(client: httpx.Client, server: Server) -> None:
    answer = client.post("/_sandbox/faults", json={"kind": "html_403", "match": "count/two", "times": None})
    assert answer.json() == [{"kind": "html_403", "match": "count/two", "times": None, "after": 0, "seconds": 0.0}]
    assert [client.get("/two").status_code for _ in range(3)] == [500, 500, 500]
    assert client.delete("/_sandbox/faults").json() == []
    assert client.get("/two").status_code == 200
    assert [call["status"] for call in client.get("/_sandbox/requests").json()] == [500, 500, 500, 200]


@pytest.mark.parametrize("fault", [{"kind": "no-such"}, {"kind": "slow", "often": 2}, {}, 5])
def test_a_fault_nobody_knows_is_refused(client: httpx.Client, server: Server, fault: object) -> None:
    assert client.post("/_sandbox/faults", json=fault).status_code == 400
    assert server.faults.waiting() == ()


def test_a_bug_of_the_sandbox_is_told_to_its_caller(client: httpx.Client) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 599
    assert "a bug of the sandbox" in answer.text


def test_stopping_cuts_idle_connections_at_once(client: httpx.Client) -> None:
    server = Server(Counter()).start()
    with httpx.Client(base_url=server.url) as other:
        other.get("/one")
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 10
        with pytest.raises(httpx.TransportError):
            other.get("/one")

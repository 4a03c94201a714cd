"""The dead-man's switch: it beats after good runs, its address is shown nowhere, and it never fails a run."""

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from bridge.errors import Unavailable
from bridge.heartbeat import Heartbeat
from bridge.ports import RunState
from bridge.service.order import Result
from bridge.service.tell import all_is_well
from fakes import FakeClock
from web.web_office import House

URL = "https://watch.example.org/ping/0f1e2d3c-secret"


@respx.mock
def test_a_beat_is_one_empty_get_and_is_remembered() -> None:
    clock = FakeClock()
    route = respx.get(URL).respond(200, text="OK")
    heart = Heartbeat(URL, clock)
    heart.beat()
    assert route.call_count == 1
    assert route.calls.last.request.content == b""
    assert (heart.last_good, heart.problem, heart.since) == (clock(), "", None)


@respx.mock
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"side_effect": httpx.ConnectError(f"no route to {URL}")}, "did not answer (ConnectError)"),
        ({"side_effect": httpx.ReadTimeout("")}, "did not answer (ReadTimeout)"),
        ({"return_value": httpx.Response(404)}, "answered 404"),
        ({"return_value": httpx.Response(302, headers={"Location": "https://elsewhere.example"})}, "answered 302"),
    ],
)
def test_what_goes_wrong_is_told_once_without_the_address_and_raises_nothing(answer: dict[str, object], said: str) -> None:
    clock = FakeClock()
    route = respx.get(URL).mock(**answer)  # type: ignore[arg-type]  # one of the two words of `mock`
    heart = Heartbeat(URL, clock)
    began = clock()
    with capture_logs() as lines:
        heart.beat()
        clock.forward(minutes=30)
        heart.beat()
    assert said in heart.problem
    assert heart.since == began
    assert [each["event"] for each in lines] == ["the heartbeat address could not be told"]
    assert "secret" not in str(lines) + heart.problem
    route.mock(return_value=httpx.Response(200))
    heart.beat()
    assert (heart.problem, heart.since) == ("", None)


def test_without_an_address_nobody_is_told() -> None:
    heart = Heartbeat(None, FakeClock())
    heart.beat()
    assert not heart.wanted
    assert heart.last_good is None


def ended(state: RunState) -> Result:
    failed = Unavailable("CiviCRM did not answer.") if state is RunState.FAILED else None
    return Result(run=1, mapping="groups", state=state, error=failed)


@pytest.mark.parametrize(
    ("states", "well"),
    [
        ([RunState.DONE], True),
        ([RunState.HELD], True),
        ([RunState.DONE, RunState.FAILED], False),
        ([RunState.INTERRUPTED], False),
        ([], False),
    ],
)
def test_it_beats_only_if_every_run_read_both_systems(house: House, states: list[RunState], well: bool) -> None:
    assert all_is_well([ended(each) for each in states], house.store) is well


def test_a_good_run_does_not_hide_that_another_mappings_source_is_unread(house: House) -> None:
    house.entry(1, code=504, field=None, details={"reason": "CiviCRM did not answer."})
    assert not all_is_well([ended(RunState.DONE)], house.store)

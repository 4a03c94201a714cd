"""The two policies: what they try again, how long they wait and when they give up."""

import datetime as dt
import time
from collections.abc import Callable, Iterator

import pytest
from tenacity import Retrying

from bridge import retry
from bridge.errors import AuthRejected, BridgeError, OutcomeUnknown, QuotaExhausted, RateLimited, Unavailable


class Flaky:
    """Raises the given errors one after the other, then answers `done`."""

    def __init__(self, *errors: BridgeError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    with retry.no_waits():
        yield


@pytest.mark.parametrize(("policy", "tries"), [(retry.reads, 5), (retry.idempotent_writes, 3)])
def test_an_unavailable_remote_is_tried_again_and_the_last_error_is_raised_as_it_is(policy: Retrying, tries: int) -> None:
    call = Flaky(*[Unavailable(f"try {n}") for n in range(1, 10)])
    with pytest.raises(Unavailable, match=f"try {tries}"):
        policy(call)
    assert call.calls == tries


def test_a_remote_that_recovers_is_answered() -> None:
    call = Flaky(Unavailable("down"), Unavailable("down"))
    assert retry.reads(call) == "done"
    assert call.calls == 3


@pytest.mark.parametrize(
    "error", [AuthRejected("no"), OutcomeUnknown("lost"), QuotaExhausted("month used up")], ids=lambda each: type(each).__name__
)
def test_what_waiting_does_not_mend_is_raised_at_once(error: BridgeError) -> None:
    call = Flaky(error)
    with pytest.raises(type(error)):
        retry.idempotent_writes(call)
    assert call.calls == 1


def test_a_pause_the_remote_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(retry, "_waiting", True)
    monkeypatch.setattr(time, "sleep", pauses.append)
    retry.reads(Flaky(RateLimited("slow down", retry_after=dt.timedelta(seconds=30)), Unavailable("down")))
    assert 30 <= pauses[0] <= 31
    assert 0.5 <= pauses[1] <= 1


def test_a_pause_longer_than_the_policy_is_not_begun() -> None:
    call = Flaky(RateLimited("come back tomorrow", retry_after=dt.timedelta(hours=20)))
    with pytest.raises(RateLimited):
        retry.reads(call)
    assert call.calls == 1


def test_pauses_have_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(retry, "_waiting", True)
    monkeypatch.setattr(time, "sleep", pauses.append)
    down: Callable[[], str]
    for _ in range(8):
        down = Flaky(Unavailable("down"))
        retry.reads(down)
    assert len(set(pauses)) > 1

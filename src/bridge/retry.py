"""The two retry policies, and all there are: `reads`, and `idempotent_writes`.

Call them with the function and its arguments: `reads(client.get, url)`. Only `Unavailable` is tried again, and never
`QuotaExhausted`, which no wait within the month mends. Every policy stops, waits with jitter and raises the last error
itself. A write that is not known to be idempotent goes through neither: who lost its answer reads back instead.
"""

import contextlib
import random
import time
from collections.abc import Iterator

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_before_delay

from bridge.errors import QuotaExhausted, RateLimited, Unavailable

log = structlog.get_logger()

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_jitter = random.SystemRandom()
_waiting = True


def _passes(error: BaseException) -> bool:
    """Whether time may mend `error`."""
    return isinstance(error, Unavailable) and not isinstance(error, QuotaExhausted)


def _pause(state: RetryCallState) -> float:
    """Seconds to wait: what the remote asked for and up to a second more, else an exponential step with full jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return error.retry_after.total_seconds() + _jitter.uniform(0, 1)
    step = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (state.attempt_number - 1))
    return _jitter.uniform(step / 2, step)


def _sleep(seconds: float) -> None:
    if _waiting:
        time.sleep(seconds)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    why = error.message if isinstance(error, Unavailable) else ""
    pause = round(state.upcoming_sleep, 1)
    log.info("retrying", attempt=state.attempt_number, pause_seconds=pause, error=type(error).__name__, message=why)


def _policy(attempts: int, seconds: float) -> Retrying:
    """A policy of at most `attempts` tries that starts no pause ending more than `seconds` after the first."""
    return Retrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_attempt(attempts) | stop_before_delay(seconds),
        wait=_pause,
        sleep=_sleep,
        before_sleep=_tell,
        reraise=True,
    )


reads = _policy(attempts=5, seconds=180)
"""For calls that change nothing."""

idempotent_writes = _policy(attempts=3, seconds=90)
"""For writes that end in the same state however often they land (an update by id; never a create)."""


@contextlib.contextmanager
def no_waits() -> Iterator[None]:
    """Retry without sleeping, for tests. Counts for the whole process, so also for its other threads."""
    global _waiting  # noqa: PLW0603  # one switch for both policies and every thread is the point
    before, _waiting = _waiting, False
    try:
        yield
    finally:
        _waiting = before

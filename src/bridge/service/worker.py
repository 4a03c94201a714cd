"""The one worker of a process that serves: jobs wait in line for one thread, and an equal job never waits twice."""

import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable

import structlog

from bridge.errors import BridgeError

log = structlog.get_logger()


class Worker:
    """Does one job after the other on a thread of its own. A job that fails is logged, and the next one is begun.

    The thread is a daemon: a job that outlives `stop` dies with the process, and the next process settles what it left.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, Callable[[], object]] = OrderedDict()
        self._doing: Hashable | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="bridge worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, key: Hashable, job: Callable[[], object]) -> bool:
        """Put a job in line; False if one of the same key waits already, or if the worker is stopping."""
        with self._changed:
            if self._stopping or key in self._waiting:
                return False
            self._waiting[key] = job
            self._changed.notify_all()
            return True

    def stop(self, grace_seconds: float) -> bool:
        """Begin nothing more and wait for the job in hand; whether it ended within the grace period."""
        with self._changed:
            self._stopping = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(grace_seconds)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether jobs are being taken."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether no more jobs are begun."""
        return self._stopping

    @property
    def waiting(self) -> int:
        """How many jobs wait in line."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a job is in hand."""
        return self._doing is not None

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except BridgeError as error:
                log.warning("job failed", error=type(error).__name__, message=error.message)
            except Exception as error:  # noqa: BLE001  # one job's defect must not end all that follow
                # Its message may hold a record's values, so only its kind and place are told.
                frame = traceback.extract_tb(error.__traceback__)[-1]
                log.error("job broke", error=type(error).__name__, where=f"{frame.filename}:{frame.lineno}")  # noqa: TRY400
            finally:
                self._doing = None

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            if self._stopping:
                return None
            self._doing, job = self._waiting.popitem(last=False)
            return job

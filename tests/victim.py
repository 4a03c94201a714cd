"""The process that is killed: one sync of everything, in a process of its own, dead at a given moment.

`forkserver` starts it with bridge already imported, so that hundreds of deaths take seconds and not minutes. It is a real
process and a real SIGKILL: nothing of it runs afterwards, no `finally`, no `atexit`.
"""

import datetime as dt
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

PRELOADED = ["bridge.app", "bridge.store", "bridge.civicrm.remote", "bridge.airtable.remote", "victim"]


@dataclass(frozen=True)
class Death:
    """When the process dies: just before the commit of its `commit`-th step in the state (0: never)."""

    commit: int = 0


NEVER = Death()


HOUSEKEEPING = ("slots", "calls", "leases", "secrets")
"""Tables whose commits are no step of a run: pacing, call counts, the lease's renewal."""


@dataclass
class _Killer:
    death: Death
    commits: int = 0
    steps: bool = False

    def on_statement(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        words = statement.lower().split()
        if words and words[0] in ("insert", "update", "delete"):
            table = next(word for word in words[1:] if word not in ("into", "from", "or", "ignore"))
            self.steps |= table.strip('"') not in HOUSEKEEPING

    def on_commit(self, _connection: object) -> None:
        self.commits += self.steps
        if self.steps and self.commits == self.death.commit:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps = False


def live(environment: Mapping[str, str], death: Death, later: dt.timedelta, tell: Connection) -> None:
    """Sync everything, `later` than now; tell the states of the runs, how many commits it took, and any error's words."""
    from sqlalchemy import Engine, event

    from bridge import log
    from bridge.airtable import pace
    from bridge.app import App, utc_now
    from bridge.config.settings import Settings
    from bridge.errors import BridgeError
    from bridge.service.order import Kind

    log.set_up("error")
    # These servers have no limit, and waiting for it would be most of hundreds of deaths.
    pace.next_send = lambda _answers, now, *_: now
    killer = _Killer(death)
    event.listen(Engine, "before_cursor_execute", killer.on_statement)
    event.listen(Engine, "commit", killer.on_commit)
    try:
        with App(Settings.load(environment), clock=lambda: utc_now() + later) as bridge:
            results = bridge.run([], Kind.SWEEP, by="victim")
        errors = [f"{type(each.error).__name__}: {each.error}" for each in results if each.error is not None]
        tell.send(([each.state.value for each in results], killer.commits, "".join(errors[:1])))
    except BridgeError as error:
        tell.send(([], killer.commits, f"{type(error).__name__}: {error}"))


@dataclass(frozen=True)
class Life:
    """How a process ended: `killed`, or the states of its runs with the commits they took, or an error's words."""

    killed: bool
    states: tuple[str, ...] = ()
    commits: int = 0
    error: str = ""


_context = multiprocessing.get_context("forkserver")

LIVING: list[int] = []
"""The process that is running now, for a server that is to kill it."""


def sync(environment: Mapping[str, str], death: Death = NEVER, *, later: dt.timedelta = dt.timedelta(0)) -> Life:
    """One sync in a process of its own, and how it ended."""
    with started(environment, death, later=later) as ending:
        return ending()


@contextmanager
def started(
    environment: Mapping[str, str], death: Death = NEVER, *, later: dt.timedelta = dt.timedelta(0)
) -> Iterator[Callable[[], Life]]:
    """A sync that has begun in a process of its own; call what is given to wait for its end."""
    _context.set_forkserver_preload(PRELOADED)
    here, there = _context.Pipe(duplex=False)
    process = _context.Process(target=live, args=(dict(environment), death, later, there))
    process.start()
    there.close()
    LIVING.append(process.pid or 0)

    def ending() -> Life:
        try:
            answer = here.recv() if here.poll(60) else None
        except EOFError:
            answer = None
        process.join(60)
        if process.exitcode == -signal.SIGKILL:
            return Life(killed=True)
        assert answer is not None, f"the process ended with {process.exitcode} and said nothing"
        states, commits, error = answer
        return Life(killed=False, states=tuple(states), commits=commits, error=error)

    yield ending
    LIVING.remove(process.pid or 0)
    here.close()

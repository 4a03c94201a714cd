"""Takes what people ask for over HTTP to the one worker, and answers in the form of the HTTP API."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bridge.app import App
from bridge.app.decisions import Decisions
from bridge.core.mapping import Mode
from bridge.core.record import Side
from bridge.errors import BridgeError
from bridge.ports import Progress
from bridge.service.order import Kind, Result, raise_if_not_begun
from bridge.service.requests import Request, Requests, Then, Wish
from bridge.service.worker import Worker


class Desk:
    """Fulfils `web.office.Syncs`, and keeps the one line for what people ask for in Slack.

    `tell` is called after each run that was asked for.
    """

    def __init__(self, app: App, worker: Worker, tell: Callable[[], None]) -> None:
        self._app = app
        self._tell = tell
        self._worker = worker
        self._requests = Requests(worker, self._carry_out, app.clock, app.store.syncs, self._after)

    def ask(
        self,
        *,
        mapping: str | None,
        record: tuple[Side, str] | None,
        dry_run: bool,
        by: str,
        mode: Mode | None = None,
        delta: bool = False,
        key: str = "",
    ) -> Mapping[str, Any]:
        """Put a sync in line, or find what the same person asked for under this key before.

        Raises ConfigError for a mapping that is none, RequestRejected if the key was used for something else, RunInProgress if
        too much waits.
        """
        self._app.named([mapping] if mapping else [])
        wish = Wish(mapping=mapping, record=record, dry_run=dry_run, mode=mode, delta=delta)
        return self._shown(self._requests.ask(wish, by, key=key))

    def approve(self, digest: str, *, by: str) -> Mapping[str, Any]:
        """Put the held plan of this digest in line to be applied."""
        return self._shown(self._requests.ask(Wish(digest=digest), by))

    def put(self, wish: Wish, by: str, then: Then) -> bool:
        """Put a wish in line, `then` to be told when it has ended; whether something else comes first."""
        busy = self._worker.busy or self._worker.waiting > 0
        self._requests.ask(wish, by, then)
        return busy

    def choose(self, key: str, side: Side, *, stamp: str | None, by: str) -> Mapping[str, Any]:
        """Put in line that `side`'s value is right; StaleRecord if the discrepancy is no longer as it was shown."""
        entry = Decisions(self._app, by).entry(key, stamp)
        wish = Wish(mapping=entry.discrepancy.mapping, choice=(entry.fingerprint, side, stamp))
        return self._shown(self._requests.ask(wish, by))

    def match(self, key: str, *, same: bool, stamp: str | None, by: str) -> None:
        """Say at once of a suggested pair whether the two are the same."""
        Decisions(self._app, by).match(key, same=same, stamp=stamp)

    def reject(self, digest: str, *, by: str) -> None:
        """Reject the held plan of this digest at once."""
        Decisions(self._app, by).reject_plan(digest)

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002  # its own word for it
        """How a request stands, or None if it is not known."""
        found = self._requests.get(id)
        return None if found is None else self._shown(found)

    def adopt(self) -> None:
        """Take over what waits in line of a process that is gone."""
        self._requests.adopt()

    def leave(self) -> None:
        """Leave what still waits in line to the next process."""
        self._requests.leave()

    def _after(self, wish: Wish) -> None:
        if not wish.dry_run:
            self._tell()

    def _carry_out(self, wish: Wish, by: str, progress: Progress) -> Sequence[Result]:
        if wish.digest is not None:
            return [self._app.approve(wish.digest, by=by, progress=progress)]
        if wish.choice is not None:
            key, side, stamp = wish.choice
            return [Decisions(self._app, by).choose(key, side, stamp=stamp, progress=progress)]
        named = [wish.mapping] if wish.mapping else []
        whole = Kind.DELTA if wish.delta else Kind.SWEEP
        kind = Kind.PLAN if wish.dry_run else Kind.RECORD if wish.record else whole
        results = self._app.run(named, kind, record=wish.record, by=by, mode=wish.mode, progress=progress)
        raise_if_not_begun(results)
        return results

    def _shown(self, request: Request) -> Mapping[str, Any]:
        wish = request.wish
        return {
            "id": request.id,
            "state": request.stage.value,
            "mapping": wish.mapping,
            "record": f"{wish.record[0].value}:{wish.record[1]}" if wish.record else None,
            "dry_run": wish.dry_run,
            "mode": wish.mode,
            "delta": wish.delta,
            "digest": wish.digest,
            "chosen": wish.choice[1].value if wish.choice else None,
            "by": request.by,
            "asked_at": request.asked_at,
            "started_at": request.started_at,
            "finished_at": request.finished_at,
            "progress": [dataclasses.asdict(each) for each in request.steps],
            "runs": [run for number in request.numbers if (run := self._app.store.runs.get(number)) is not None],
            "problem": request.problem,
            "cause": next((type(error).__name__ for error in _errors(request)), ""),
        }


def _errors(request: Request) -> Iterator[BridgeError]:
    """What kept it, or one of its runs, from being done."""
    found = (request.error, *(each.error for each in request.runs))
    return (each for each in found if each is not None)

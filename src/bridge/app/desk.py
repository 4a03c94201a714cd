"""Takes what people ask for over HTTP to the one worker, and answers in the form of the HTTP API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.app import App
from bridge.core.record import Side
from bridge.service.order import Kind, Result, raise_if_not_begun
from bridge.service.requests import Request, Requests, Wish
from bridge.service.worker import Worker


class Desk:
    """Fulfils `web.office.Syncs`. `tell` is called after each run that was asked for."""

    def __init__(self, app: App, worker: Worker, tell: Callable[[], None]) -> None:
        self._app = app
        self._tell = tell
        self._requests = Requests(worker, self._run, app.clock)

    def ask(self, *, mapping: str | None, record: tuple[Side, str] | None, dry_run: bool, by: str) -> Mapping[str, Any]:
        """Put a sync in line. Raises ConfigError for a mapping that is none, RunInProgress if too much waits."""
        self._app.named([mapping] if mapping else [])
        return self._shown(self._requests.ask(Wish(mapping=mapping, record=record, dry_run=dry_run), by))

    def approve(self, digest: str, *, by: str) -> Mapping[str, Any]:
        """Put the held plan of this digest in line to be applied."""
        return self._shown(self._requests.ask(Wish(digest=digest), by))

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002  # its own word for it
        """How a request stands, or None if it is not known."""
        found = self._requests.get(id)
        return None if found is None else self._shown(found)

    def _run(self, wish: Wish, by: str) -> Sequence[Result]:
        results = self._carry_out(wish, by)
        if not wish.dry_run:
            self._tell()
        return results

    def _carry_out(self, wish: Wish, by: str) -> Sequence[Result]:
        if wish.digest is not None:
            return [self._app.approve(wish.digest, by=by)]
        named = [wish.mapping] if wish.mapping else []
        kind = Kind.PLAN if wish.dry_run else Kind.RECORD if wish.record else Kind.SWEEP
        results = self._app.run(named, kind, record=wish.record, by=by)
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
            "digest": wish.digest,
            "by": request.by,
            "asked_at": request.asked_at,
            "started_at": request.started_at,
            "finished_at": request.finished_at,
            "runs": [run for each in request.runs if (run := self._app.store.runs.get(each.run)) is not None],
            "problem": request.problem,
        }

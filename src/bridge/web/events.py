"""A sync's progress as server-sent events (HTML standard, section 9.2): what a page or a script follows without polling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from bridge.web.access import problems
from bridge.web.api import SyncId, TheOffice, Viewer, as_it_stands, followed
from bridge.web.shapes import Sync

router = APIRouter(prefix="/api/v1", responses=problems())

_LOOK_SECONDS = 0.5
_SILENCE_SECONDS = 15
"""After so long a comment is sent: proxies cut what is silent."""
_LONGEST_SECONDS = 600
"""Then the stream ends; the client comes again by itself, and is told how it stands."""

_EVENT = {
    "type": "object",
    "properties": {
        "event": {"const": "sync"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Sync"},
        },
    },
    "required": ["event", "data"],
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `sync`, each with the sync as JSON in its data; the last one has `finished_at`.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
}


@router.get(
    "/syncs/{id}/events",
    tags=["syncs"],
    summary="Follow a sync",
    response_class=StreamingResponse,
    responses={**_STREAM, **problems(404)},
)
def sync_events(office: TheOffice, response: Response, _: Viewer, id: SyncId) -> StreamingResponse:  # noqa: A002
    """How it stands now, and again whenever that changes, until it has ended."""
    followed(office, id, response)  # or it is not known: 404
    return StreamingResponse(_events(lambda: as_it_stands(office, id)), media_type="text/event-stream")


async def _events(look: Callable[[], Sync | None]) -> AsyncIterator[str]:
    """The stream's text."""
    yield "retry: 2000\n\n"
    told, silent = "", 0.0
    for _ in range(int(_LONGEST_SECONDS / _LOOK_SECONDS)):
        found = await run_in_threadpool(look)
        if found is None:
            return
        now = found.model_dump_json()
        if now != told:
            yield f"event: sync\ndata: {now}\n\n"
            told, silent = now, 0.0
        if found.finished_at is not None:
            return
        if silent >= _SILENCE_SECONDS:
            yield ": still there\n\n"
            silent = 0.0
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS

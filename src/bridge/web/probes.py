"""What machines ask: whether the process lives, whether all is well, and the metrics."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from bridge.web import health
from bridge.web.access import Refusal, office_of, problems, visitor_of
from bridge.web.metrics import exposition
from bridge.web.office import Office
from bridge.web.shapes import Ready
from bridge.web.visitors import Visitor

router = APIRouter(tags=["machines"])

TheOffice = Annotated[Office, Depends(office_of)]
MaybeVisitor = Annotated[Visitor | None, Depends(visitor_of)]

_TOKEN_OR_NONE: dict[str, Any] = {"security": [{}, {"HTTPBearer": []}, {"APIKeyCookie": []}]}
_FORWARDED = ("Forwarded", "X-Forwarded-For")


@router.get("/healthz", response_class=PlainTextResponse, summary="Whether the process answers")
def healthz() -> str:
    """Says `ok` as long as the process can answer at all: for whoever restarts it."""
    return "ok\n"


@router.get(
    "/readyz",
    summary="Whether all is well",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Something is wrong."}, 401: problems()[401], 429: problems()[429]},
    openapi_extra=_TOKEN_OR_NONE,
)
def readyz(office: TheOffice, visitor: MaybeVisitor) -> Response:
    """200 if everything was well when it was last used, 503 if somebody should look: for monitors.

    With a token it says what is wrong, since when, and what to do. Told from the state: neither system is asked.
    """
    found = health.checks(office)
    well = health.ready(found)
    body: dict[str, object] = {"ready": well}
    if visitor is not None:
        body["checks"] = [health.as_json(each) for each in found]
    return JSONResponse(body, 200 if well else 503)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    summary="Metrics for Prometheus",
    responses=problems(401),
    openapi_extra=_TOKEN_OR_NONE,
)
def metrics(request: Request, office: TheOffice, visitor: MaybeVisitor) -> Response:
    """All metrics as text. Needs a token, unless only this machine can reach the server and no proxy asks."""
    if visitor is None and not (office.loopback and not any(name in request.headers for name in _FORWARDED)):
        raise Refusal(401, "This needs a token.", next_step="send `Authorization: Bearer TOKEN`.")
    return Response(exposition(office), media_type=CONTENT_TYPE_PLAIN_0_0_4)

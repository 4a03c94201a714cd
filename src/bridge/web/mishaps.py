"""What a request that went wrong is answered with: a `Problem` in JSON, or for a reader of pages a page that says so."""

import math
from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from bridge.errors import BridgeError, ConfigError, RequestRejected, RunInProgress, StaleRecord
from bridge.language import Language
from bridge.locales.wording import MISHAPS, N_
from bridge.web.access import TITLES, Refusal
from bridge.web.reader import SEE_OTHER, Elsewhere, Reader, language_of
from bridge.web.shapes import Problem

log = structlog.get_logger()

_FOR_MACHINES = ("/api/", "/healthz", "/readyz", "/metrics")
_STATUS: tuple[tuple[type[BridgeError], int], ...] = (
    (RequestRejected, 409),
    (StaleRecord, 409),
    (ConfigError, 422),
    (RunInProgress, 503),
)


def handle_errors(app: FastAPI) -> None:
    """Answer every error of this app in the form that whoever asked can read."""
    app.add_exception_handler(Elsewhere, _elsewhere)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(BridgeError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broke)


def _answer(
    request: Request,
    status: int,
    detail: str,
    next_step: str = "",
    headers: dict[str, str] | None = None,
    told: Callable[[Language], str] | None = None,
) -> Response:
    """The problem as JSON; or as a page of what is `told` to readers, the operators' words folded below it where they say more.

    Without anything to tell, the heading says enough.
    """
    if request.url.path.startswith(_FOR_MACHINES):
        body = Problem(status=status, title=TITLES.get(status, "Error"), detail=detail, next_step=next_step)
        return JSONResponse(body.model_dump(), status_code=status, headers=headers)
    office = request.app.state.office
    reader = Reader(request=request, office=office, visitor=None, language=language_of(request, office))
    answer = reader.page(
        "mishap.html",
        status=status,
        heading=MISHAPS.get(status, MISHAPS[500]),
        told=told(reader.language) if told else "",
        technical="" if told and told(Language()).startswith(detail) else f"{detail} {next_step}".strip(),
    )
    answer.headers.update(headers or {})
    return answer


def _elsewhere(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Elsewhere)  # noqa: S101  # registered for it alone
    return RedirectResponse(error.address, SEE_OTHER)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101  # registered for it alone
    headers = {}
    if error.status == 401:  # noqa: PLR2004  # HTTP's own
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after:
        headers["Retry-After"] = str(math.ceil(error.retry_after))

    def told(language: Language) -> str:
        return " ".join(language.say(each, **error.values) for each in (error.said, error.next_step) if each)

    said, step = (Language().say(each, **error.values) if each else "" for each in (error.said, error.next_step))
    return _answer(request, error.status, said, step, headers, told)


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, BridgeError)  # noqa: S101  # registered for it alone
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
    kind = type(error).__name__
    return _answer(request, status, error.message, error.next_step, told=lambda say: say.failure(kind, error.message))


def _invalid(request: Request, error: Exception) -> Response:
    """What is wrong and where; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it alone
    found = [f"{'.'.join(str(part) for part in each['loc'][1:]) or each['loc'][0]}: {each['msg']}" for each in error.errors()]
    return _answer(request, 422, "; ".join(found[:10]), "see /api/v1/openapi.json for what is expected.")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it alone
    return _answer(request, error.status_code, str(error.detail), headers=dict(error.headers or {}))


def _broke(request: Request, error: Exception) -> Response:
    """A defect of ours: its message may hold values, so only its kind is told."""
    log.error("web call broke", error=type(error).__name__, route=getattr(request.scope.get("route"), "path", "?"))
    said = N_("This went wrong; the log says what kind of error it was.")
    return _answer(request, 500, said, "please report it.", told=lambda language: language.say(said))

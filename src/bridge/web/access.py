"""Who may do what: the dependencies that every route stands behind, and the errors they and the routes answer with."""

import math
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from bridge.errors import BridgeError, ConfigError, RequestRejected, RunInProgress
from bridge.web.office import Office
from bridge.web.shapes import Problem
from bridge.web.visitors import Doorman, Pace, Visitor

COOKIE = "bridge_session"
CSRF_HEADER = "X-CSRF-Token"

log = structlog.get_logger()

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_STATUS: tuple[tuple[type[BridgeError], int], ...] = ((RequestRejected, 409), (ConfigError, 422), (RunInProgress, 503))

_bearer = HTTPBearer(auto_error=False, description="A token of BRIDGE_WEB__TOKENS.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A session that was made from a token at /sign-in.")


class Refusal(Exception):
    """A request that is answered with a problem. `retry_after` is in seconds."""

    def __init__(self, status: int, detail: str, *, next_step: str = "", retry_after: float = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.next_step = next_step
        self.retry_after = retry_after


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for OpenAPI: these, and those that every route has."""
    return {
        status: {"model": Problem, "description": _TITLES[status]}
        for status in sorted({400, 401, 413, 422, 429, 503, *statuses})
    }


def office_of(request: Request) -> Office:
    """What the app works with."""
    office: Office = request.app.state.office
    return office


def visitor_of(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    session: Annotated[str | None, Depends(_cookie)],
) -> Visitor | None:
    """Who asks; None for somebody unknown. Everybody asks at their own pace, the unknown at that of their address.

    Raises Refusal for a wrong token: it is never taken for nobody.
    """
    doorman: Doorman = request.app.state.doorman
    visitor = doorman.by_token(bearer.credentials) if bearer else doorman.by_session(session) if session else None
    if visitor is not None:
        request.state.by = visitor.name
    pace: Pace = request.app.state.pace if visitor else request.app.state.strangers
    if wait := pace.wait(visitor.name if visitor else caller(request)):
        raise Refusal(429, "Too many requests.", next_step="ask again later.", retry_after=wait)
    if bearer and visitor is None:
        raise Refusal(401, "The token is not known.", next_step="check it against BRIDGE_WEB__TOKENS.")
    return visitor


def caller(request: Request) -> str:
    """The address that somebody unknown is counted by."""
    return request.client.host if request.client else "?"


def viewer(visitor: Annotated[Visitor | None, Depends(visitor_of)]) -> Visitor:
    """Somebody who may look. Raises Refusal for anybody unknown."""
    if visitor is None:
        raise Refusal(401, "This needs a token.", next_step="send `Authorization: Bearer TOKEN`, or sign in at /sign-in.")
    return visitor


def operator(request: Request, visitor: Annotated[Visitor, Depends(viewer)]) -> Visitor:
    """Somebody who may also assign, snooze and sync."""
    return _writer(request, visitor, "operator")


def approver(request: Request, visitor: Annotated[Visitor, Depends(viewer)]) -> Visitor:
    """Somebody who may also approve a held plan."""
    return _writer(request, visitor, "approver")


def _writer(request: Request, visitor: Visitor, role: str) -> Visitor:
    if not visitor.may(role):
        raise Refusal(403, f"This needs the role {role}; yours is {visitor.role}.", next_step="ask who runs bridge.")
    if visitor.csrf and request.headers.get(CSRF_HEADER) != visitor.csrf:
        raise Refusal(403, f"A session writes only with its {CSRF_HEADER}.", next_step="send it, or use a token.")
    return visitor


def note(request: Request, **about: object) -> None:
    """Add to the line that the log will have about this call; never a value."""
    request.state.about = about


# ── errors ──


def handle_errors(app: FastAPI) -> None:
    """Make every error of this app a `Problem` in JSON."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(BridgeError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broke)


def _answer(status: int, detail: str, next_step: str = "", headers: dict[str, str] | None = None) -> Response:
    title = _TITLES.get(status, "Error")
    body = Problem(status=status, title=title, detail=detail, next_step=next_step)
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101  # registered for it alone
    headers = {}
    if error.status == 401:  # noqa: PLR2004  # HTTP's own
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return _answer(error.status, error.detail, error.next_step, headers)


def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BridgeError)  # noqa: S101  # registered for it alone
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
    return _answer(status, error.message, error.next_step)


def _invalid(_request: Request, error: Exception) -> Response:
    """What is wrong and where; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it alone
    found = [f"{'.'.join(str(part) for part in each['loc'][1:]) or each['loc'][0]}: {each['msg']}" for each in error.errors()]
    return _answer(422, "; ".join(found[:10]), "see /api/v1/openapi.json for what is expected.")


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it alone
    return _answer(error.status_code, str(error.detail), headers=dict(error.headers or {}))


def _broke(request: Request, error: Exception) -> Response:
    """A defect of ours: its message may hold values, so only its kind is told."""
    log.error("web call broke", error=type(error).__name__, route=getattr(request.scope.get("route"), "path", "?"))
    return _answer(500, "This went wrong; the log says what kind of error it was.", "please report it.")

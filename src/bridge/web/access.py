"""Who may do what: the dependencies that every route stands behind, and the refusal they answer with."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from bridge.locales.wording import N_
from bridge.web.office import Office
from bridge.web.shapes import Problem
from bridge.web.visitors import Doorman, Pace, Visitor

COOKIE = "bridge_session"
CSRF_HEADER = "X-CSRF-Token"

TITLES = {
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
_bearer = HTTPBearer(auto_error=False, description="A token of BRIDGE_WEB__TOKENS.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A session that was made from a token at /sign-in.")


class Refusal(Exception):
    """A request that is answered with a problem: `said` and what to do about it, both filled by `values`.

    What pages refuse is marked for the catalogues. `retry_after` is in seconds.
    """

    def __init__(self, status: int, said: str, *, next_step: str = "", retry_after: float = 0, **values: object) -> None:
        super().__init__(said)
        self.status = status
        self.said = said
        self.next_step = next_step
        self.retry_after = retry_after
        self.values = values


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for OpenAPI: these, and those that every route has."""
    return {
        status: {"model": Problem, "description": TITLES[status]}
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
        raise Refusal(429, N_("Too many requests."), next_step=N_("Ask again later."), retry_after=wait)
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


def admin(request: Request, visitor: Annotated[Visitor, Depends(viewer)]) -> Visitor:
    """Somebody who may also approve a held plan."""
    return _writer(request, visitor, "admin")


def _writer(request: Request, visitor: Visitor, role: str) -> Visitor:
    if not visitor.may(role):
        raise Refusal(403, f"This needs the role {role}; yours is {visitor.role}.", next_step="ask who runs bridge.")
    if visitor.csrf and request.headers.get(CSRF_HEADER) != visitor.csrf:
        raise Refusal(403, f"A session writes only with its {CSRF_HEADER}.", next_step="send it, or use a token.")
    return visitor


def note(request: Request, **about: object) -> None:
    """Add to the line that the log will have about this call; never a value."""
    request.state.about = about

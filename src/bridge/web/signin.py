"""Signing in, where a token becomes a session, and signing out."""

import datetime as dt
from typing import Annotated
from urllib.parse import quote, unquote, urlencode

import structlog
from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import RedirectResponse, Response

from bridge.errors import BridgeError
from bridge.locales.wording import N_
from bridge.web.access import COOKIE, Refusal, caller
from bridge.web.oidc import Attempt, House
from bridge.web.reader import DONE_COOKIE, SEE_OTHER, Reader, local, reader_of
from bridge.web.visitors import SESSION, Doorman, Pace

router = APIRouter(include_in_schema=False)

AnyReader = Annotated[Reader, Depends(reader_of)]
Next = Annotated[str, Query(alias="next", max_length=1000)]

FORM_COOKIE = "bridge_form"
_FORM_SECONDS = 3600
_NO_KEY = N_("That key is not known. Check that all of it was copied.")

log = structlog.get_logger()


@router.get("/sign-in")
def sign_in_page(reader: AnyReader, back: Next = "/") -> Response:
    """The form that takes a token, or for somebody signed in the one that ends the session."""
    return _form(reader, local(back))


@router.post("/sign-in")
def sign_in(
    reader: AnyReader,
    token: Annotated[str, Form(max_length=500)] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(alias="next", max_length=1000)] = "/",
) -> Response:
    """Make a session from a token, kept in a cookie that no script and no other site's form can use."""
    request = reader.request
    tries: Pace = request.app.state.sign_ins
    if wait := tries.wait(caller(request)):
        raise Refusal(429, N_("Too many tries to sign in."), next_step=N_("Wait a minute."), retry_after=wait)
    doorman: Doorman = request.app.state.doorman
    if not doorman.gave_form(request.cookies.get(FORM_COOKIE, ""), csrf):
        raise Refusal(403, N_("The form was not sent from our own page."), next_step=N_("Open /sign-in and try again."))
    session, visitor = doorman.session_for(token.strip()), doorman.by_token(token.strip())
    if session is None or visitor is None:
        return _form(reader, local(back), problem=_NO_KEY)
    request.state.by = visitor.name
    return begin(reader, session, local(back))


def begin(reader: Reader, session: str, back: str) -> Response:
    """Lead the reader to where they wanted to go, signed in."""
    answer = RedirectResponse(back, SEE_OTHER)
    reader.remember(answer, COOKIE, session, int(SESSION.total_seconds()))
    return answer


# ── with an account of another house ──

CAME_BACK = "/sign-in/back"
ATTEMPT_COOKIE = "bridge_attempt"
_ATTEMPT = dt.timedelta(minutes=10)
_NOT_PROVEN = N_("Signing in with that account did not work. Try again.")
_NOT_KNOWN = N_("Nobody here is known by that account's address. Ask whoever runs bridge.")


@router.get("/sign-in/account")
def account(reader: AnyReader, back: Next = "/") -> Response:
    """Send the browser to the house of its account, with a try that only its own answer fits."""
    house, doorman, attempt = _house(reader), _doorman(reader), Attempt.new()
    kept = doorman.sealed("attempt", " ".join((attempt.state, attempt.nonce, attempt.verifier, local(back))), _ATTEMPT)
    answer = RedirectResponse(house.door(attempt), SEE_OTHER)
    reader.remember(answer, ATTEMPT_COOKIE, quote(kept), int(_ATTEMPT.total_seconds()), path="/sign-in")
    return answer


@router.get(CAME_BACK)
def came_back(
    reader: AnyReader,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Make a session for whoever proves an address that is known here."""
    request, house, doorman = reader.request, _house(reader), _doorman(reader)
    tries: Pace = request.app.state.sign_ins
    if wait := tries.wait(caller(request)):
        raise Refusal(429, N_("Too many tries to sign in."), next_step=N_("Wait a minute."), retry_after=wait)
    kept = doorman.opened("attempt", unquote(request.cookies.get(ATTEMPT_COOKIE, "")))
    if kept is None or not code:
        return _form(reader, "/", problem=_NOT_PROVEN)
    own_state, nonce, verifier, back = kept.split(" ", 3)
    try:
        email = house.email(Attempt(own_state, nonce, verifier), state, code, reader.office.clock)
    except BridgeError as error:
        log.warning("an account was not let in", error=type(error).__name__, message=error.message)
        return _form(reader, local(back), problem=_NOT_PROVEN)
    session = doorman.session_of(email)
    if session is None:
        return _form(reader, local(back), problem=_NOT_KNOWN)
    request.state.by = email
    answer = begin(reader, session, local(back))
    answer.delete_cookie(ATTEMPT_COOKIE, httponly=True, samesite="lax", secure=reader.office.secure, path="/sign-in")
    return answer


def _house(reader: Reader) -> House:
    if reader.office.house is None:
        raise Refusal(404, N_("No accounts are known here."), next_step=N_("Sign in with a key."))
    return reader.office.house


def _doorman(reader: Reader) -> Doorman:
    doorman: Doorman = reader.request.app.state.doorman
    return doorman


@router.post("/sign-out")
def sign_out(reader: AnyReader, csrf: Annotated[str, Form(max_length=200)] = "") -> Response:
    """End the session in this browser."""
    if reader.visitor is not None and reader.visitor.csrf != csrf:
        raise Refusal(403, N_("The form is not of this session."), next_step=N_("Open /sign-in and try again."))
    answer = reader.led_to("/sign-in")
    for cookie in (COOKIE, DONE_COOKIE):
        answer.delete_cookie(cookie, httponly=True, samesite="lax", secure=reader.office.secure, path="/")
    return answer


def _form(reader: Reader, back: str, *, problem: str = "") -> Response:
    """The sign-in page. Its form carries a mark of the cookie that comes with it, which no other site can send or read."""
    doorman: Doorman = reader.request.app.state.doorman
    browser, mark = doorman.new_form()
    house = reader.office.house
    page = reader.page(
        "sign_in.html",
        status=401 if problem else 200,
        mark=mark,
        back=back,
        problem=problem,
        nobody=not reader.office.holders() and house is None,
        account=house and f"/sign-in/account?{urlencode({'next': back})}",
    )
    reader.remember(page, FORM_COOKIE, browser, _FORM_SECONDS, path="/sign-in")
    return page

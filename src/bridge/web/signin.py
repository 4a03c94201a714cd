"""The pages of `bridge serve`: the report, and the one where a token becomes a session."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bridge.language import Language
from bridge.web.access import COOKIE, Refusal, caller, office_of, visitor_of
from bridge.web.office import Office
from bridge.web.page import environment, policy, style
from bridge.web.visitors import SESSION, Doorman, Pace, Visitor

router = APIRouter(include_in_schema=False)

TheOffice = Annotated[Office, Depends(office_of)]
MaybeVisitor = Annotated[Visitor | None, Depends(visitor_of)]
InLanguage = Annotated[str, Query(pattern="^(|en|es)$")]

FORM_COOKIE = "bridge_form"
_SEE_OTHER = 303


@router.get("/")
def report(office: TheOffice, visitor: MaybeVisitor, language: InLanguage = "") -> Response:
    """The report as it stands now; whoever is not signed in is led to where they can."""
    if visitor is None:
        return RedirectResponse("/sign-in", _SEE_OTHER)
    return _page(office.page(language or office.language), policy())


@router.get("/sign-in")
def sign_in_page(request: Request, office: TheOffice, visitor: MaybeVisitor, language: InLanguage = "") -> Response:
    """The form that takes a token, or for somebody signed in the one that ends the session."""
    return _form(request, office, visitor, language)


@router.post("/sign-in")
def sign_in(
    request: Request,
    office: TheOffice,
    token: Annotated[str, Form(max_length=500)] = "",
    language: Annotated[str, Form(pattern="^(|en|es)$")] = "",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Make a session from a token, kept in a cookie that no script and no other site can use."""
    tries: Pace = request.app.state.sign_ins
    if wait := tries.wait(caller(request)):
        raise Refusal(429, "Too many tries to sign in.", next_step="wait a minute.", retry_after=wait)
    doorman: Doorman = request.app.state.doorman
    if not doorman.gave_form(request.cookies.get(FORM_COOKIE, ""), csrf):
        raise Refusal(403, "The form was not sent from our own page.", next_step="open /sign-in and try again.")
    session, visitor = doorman.session_for(token.strip()), doorman.by_token(token.strip())
    if session is None or visitor is None:
        return _form(request, office, None, language, wrong=True)
    request.state.by = visitor.name
    answer = RedirectResponse(f"/?language={language}" if language else "/", _SEE_OTHER)
    age = int(SESSION.total_seconds())
    answer.set_cookie(COOKIE, session, max_age=age, httponly=True, samesite="strict", secure=office.secure, path="/")
    return answer


@router.post("/sign-out")
def sign_out(office: TheOffice, visitor: MaybeVisitor, csrf: Annotated[str, Form(max_length=200)] = "") -> Response:
    """End the session in this browser."""
    if visitor is not None and visitor.csrf != csrf:
        raise Refusal(403, "The form is not of this session.", next_step="open /sign-in and try again.")
    answer = RedirectResponse("/sign-in", _SEE_OTHER)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=office.secure, path="/")
    return answer


def _form(request: Request, office: Office, visitor: Visitor | None, code: str, *, wrong: bool = False) -> Response:
    """The sign-in page. Its form carries a mark of the cookie that comes with it, which no other site can send or read."""
    doorman: Doorman = request.app.state.doorman
    language = Language(code or office.language, office.timezone)
    with_forms = policy().replace("form-action 'none'", "form-action 'self'")
    browser, mark = doorman.new_form()
    html = (
        environment()
        .get_template("sign_in.html")
        .render(
            language=language,
            say=language.say,
            style=style(),
            policy=with_forms,
            name=visitor.name if visitor else "",
            csrf=visitor.csrf if visitor else mark,
            wrong=wrong,
            nobody=not office.holders,
            chosen=code,
        )
    )
    page = _page(html, with_forms, 401 if wrong else 200)
    page.set_cookie(FORM_COOKIE, browser, httponly=True, samesite="strict", secure=office.secure, path="/sign-in")
    return page


def _page(html: str, content_policy: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, {"Content-Security-Policy": f"{content_policy}; frame-ancestors 'none'"})

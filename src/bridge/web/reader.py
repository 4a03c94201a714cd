"""Who reads a page, in which language, and how they are answered: with a page, or led on with a word on what was done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bridge.language import LANGUAGES, Language
from bridge.locales.wording import DONE, N_
from bridge.web.access import Refusal, office_of, visitor_of
from bridge.web.office import Office
from bridge.web.page import policy, render
from bridge.web.visitors import Visitor

LANGUAGE_COOKIE = "bridge_language"
DONE_COOKIE = "bridge_done"
_A_YEAR = 365 * 24 * 3600
_A_MINUTE = 60
SEE_OTHER = 303


class Elsewhere(Exception):
    """A reader who is to look at another address."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody in front of a page. `visitor` is None before they signed in."""

    request: Request
    office: Office
    visitor: Visitor | None
    language: Language

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """The page, in the reader's language, with the word on what was done last if there is one."""
        done = DONE.get(self.request.cookies.get(DONE_COOKIE, "")) if self.visitor else None
        html = render(
            template,
            self.language,
            policy=policy(forms=True),
            visitor=self.visitor,
            done=done,
            others=self._other_languages(),
            **values,
        )
        headers = {"Content-Security-Policy": f"{policy(forms=True)}; frame-ancestors 'none'"}
        answer = HTMLResponse(html, status, headers)
        if done:
            answer.delete_cookie(DONE_COOKIE, httponly=True, samesite="lax", secure=self.office.secure, path="/")
        if self.request.query_params.get("language") in LANGUAGES:
            self.remember(answer, LANGUAGE_COOKIE, self.language.code, _A_YEAR)
        return answer

    def led_to(self, address: str, done: str = "") -> Response:
        """The reader's next page, where a word of `wording.DONE` says what was done."""
        answer = RedirectResponse(address, SEE_OTHER)
        if done:
            self.remember(answer, DONE_COOKIE, done, _A_MINUTE)
        return answer

    def remember(self, answer: Response, name: str, value: str, seconds: int, path: str = "/") -> None:
        """Give the browser something to bring back, out of reach of scripts and of forms on other sites.

        Lax, not strict: whoever follows a link from Slack is still signed in, and whatever writes carries its form's mark.
        """
        answer.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=self.office.secure, path=path)

    def _other_languages(self) -> Mapping[str, str]:
        """This same page in the other languages."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "language"]
        path = self.request.url.path if self.request.method == "GET" else "/"
        return {
            code: f"{quote(path)}?{urlencode([*kept, ('language', code)])}" for code in LANGUAGES if code != self.language.code
        }


def reader_of(
    request: Request,
    office: Annotated[Office, Depends(office_of)],
    visitor: Annotated[Visitor | None, Depends(visitor_of)],
) -> Reader:
    """Whoever asks for a page: in the language they ask for, else the one they chose before, else that of the settings."""
    return Reader(request=request, office=office, visitor=visitor, language=language_of(request, office))


def language_of(request: Request, office: Office) -> Language:
    """The reader's language."""
    asked = (request.query_params.get("language"), request.cookies.get(LANGUAGE_COOKIE))
    code = next((each for each in asked if each and each in LANGUAGES), office.language)
    return Language(code, office.timezone)


@dataclass(frozen=True, kw_only=True)
class SignedIn(Reader):
    """A reader who is known."""

    visitor: Visitor


def signed_in(reader: Annotated[Reader, Depends(reader_of)]) -> SignedIn:
    """Somebody who may look; whoever is not signed in is led to where they can, and back afterwards."""
    if reader.visitor is None:
        asked = reader.request.url.path
        query = reader.request.url.query
        back = f"?{urlencode({'next': asked + (f'?{query}' if query else '')})}" if asked != "/" else ""
        raise Elsewhere(f"/sign-in{back if reader.request.method == 'GET' else ''}")
    return SignedIn(request=reader.request, office=reader.office, visitor=reader.visitor, language=reader.language)


def acting(role: str) -> Callable[[SignedIn, str], SignedIn]:
    """The dependency of a form that only this role may send, and only from a page of their own session."""

    def may_act(reader: Annotated[SignedIn, Depends(signed_in)], csrf: Annotated[str, Form(max_length=200)] = "") -> SignedIn:
        if not reader.visitor.may(role):
            said = N_("This needs the role {needed}; yours is {yours}.")
            raise Refusal(403, said, next_step=N_("Ask who runs bridge."), needed=role, yours=reader.visitor.role)
        if reader.visitor.csrf != csrf:
            step = N_("Open the page again and send it from there.")
            raise Refusal(403, N_("The form is not of this session."), next_step=step)
        return reader

    return may_act


def local(address: str) -> str:
    """The address if it is a page of ours, else the first page: nobody is led to another site."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if plain and address.isprintable() and not any(map(str.isspace, address)) else "/"

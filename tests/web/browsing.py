"""How tests go through the pages: signing in as somebody, and sending the forms that a page offers."""

import re
from html.parser import HTMLParser
from typing import Any

from httpx import Response

from web.web_office import House, TestClient, token


def mark(client: TestClient) -> str:
    """What the forms of this reader carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/sign-in").text)
    assert found is not None
    return found[1]


def sign_in(client: TestClient, key: str, **fields: str) -> Response:
    return client.post("/sign-in", data={"token": key, "csrf": mark(client), **fields})


def signed_in(house: House, name: str = "olga") -> TestClient:
    client = house.client()
    answer = sign_in(client, token(name))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    return client


class Forms(HTMLParser):
    """Every form of a page: where it goes, and what it would send if nothing were touched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._fields = self.found.setdefault(str(given["action"]), {})
        elif tag == "input" and self._fields is not None and "name" in given and _is_sent(given):
            self._fields[str(given["name"])] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None


def _is_sent(given: dict[str, str | None]) -> bool:
    return given.get("type") not in ("radio", "checkbox") or "checked" in given


def send(client: TestClient, page: str, action: str, **fields: Any) -> Response:
    """Open a page and send its form of this action, with these fields filled in."""
    forms = Forms(client.get(page).text).found
    assert action in forms, f"{page} has no form for {action}; it has {[*forms]}"
    return client.post(action, data={**forms[action], **fields})

"""Signing in with an account of another house: what is proven lets people in, and nothing else does."""

import base64
import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from httpx import Response
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from bridge.web.oidc import House as Provider
from bridge.web.oidc import Person
from web.browsing import mark
from web.web_office import House, TestClient

KEY, OTHER_KEY = RSAKey.generate_key(2048, {"kid": "1"}), RSAKey.generate_key(2048, {"kid": "1"})


@dataclass
class Elsewhere:
    """Another house: it signs everybody in as `email`, and lies as it is told to."""

    house: House
    url: str = ""
    email: str = "maria@example.org"
    lies: dict[str, Any] = field(default_factory=dict)
    signs_with: Any = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    answers: int = 200
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            **self.lies.get("described", {}),
        }

    def authorize(self, query: str) -> str:
        """Where the browser is sent back to, once somebody signed in."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        code = f"code{len(self.asked)}"
        self.asked[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'code': code})}"

    def token(self, body: dict[str, str], secret: str) -> dict[str, str] | None:
        """The token for a code that is used once, with its verifier, by whom it was given to."""
        asked = self.asked.pop(body["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(body["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or proof != asked["code_challenge"] or secret != "client:the secret" or self.answers != 200:
            return None
        now = int(self.house.clock().timestamp())
        claims = {
            "iss": self.url,
            "aud": "client",
            "sub": "42",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
            **self.lies,
        }
        header = {"alg": self.algorithm, "kid": "1"}
        return {"id_token": jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])}


@pytest.fixture
def elsewhere(house: House) -> Iterator[Elsewhere]:
    found = Elsewhere(house)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys = KeySet([KEY]).as_dict(private=False)
            self._answer(200, found.described() if "well-known" in self.path else keys)

        def do_POST(self) -> None:
            body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            secret = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            token = found.token({name: values[0] for name, values in body.items()}, secret)
            self._answer(200 if token else 400, token or {"error": "invalid_grant"})

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _answer(self, status: int, body: Any) -> None:
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    house.provider = Provider(
        issuer=found.url,
        client_id="client",
        client_secret="the secret",
        redirect="http://testserver/sign-in/back",
        people=[Person("viewer", "@example.org"), Person("operator", "maria@example.org", sensitive=True)],
    )
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def sign_in(client: TestClient, elsewhere: Elsewhere, back: str = "/") -> Response:
    """Go there, sign in, and come back."""
    sent = client.get("/sign-in/account", params={"next": back})
    assert sent.status_code == 303
    return client.get(elsewhere.authorize(urlsplit(sent.headers["Location"]).query))


def test_whoever_is_known_by_their_address_is_let_in_with_their_role(house: House, elsewhere: Elsewhere) -> None:
    house.entry(1)
    client = house.client()
    assert "/sign-in/account" in client.get("/sign-in").text
    answer = sign_in(client, elsewhere, "/discrepancies/1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/discrepancies/1")
    cookie = next(each for each in answer.headers.get_list("Set-Cookie") if each.startswith("bridge_session="))
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/"))
    page = client.get("/discrepancies/1").text
    assert "maria@example.org" in page
    assert "What you can do" in page
    client.post("/discrepancies/1/comment", data={"csrf": mark(client), "stamp": stamp(house), "remark": "called"})
    assert house.store.ledger.events()[-1].by == "maria@example.org"


def stamp(house: House) -> str:
    entry = house.store.ledger.get("1")
    assert entry is not None
    return entry.stamp


def test_a_domain_lets_its_people_in_and_an_address_of_its_own_goes_before_it(house: House, elsewhere: Elsewhere) -> None:
    elsewhere.email = "Somebody@Example.org"
    client = house.client()
    sign_in(client, elsewhere)
    assert "somebody@example.org" in client.get("/").text
    assert "Start a run now" not in client.get("/runs").text


def test_the_verifier_and_the_secret_never_pass_through_the_browser(house: House, elsewhere: Elsewhere) -> None:
    client = house.client()
    sent = client.get("/sign-in/account").headers["Location"]
    asked = parse_qs(urlsplit(sent).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert "the secret" not in sent
    assert "code_verifier" not in sent


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"aud": "somebody else"},
        {"aud": ["client", "somebody else"]},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"email_verified": False},
        {"email": ""},
        {"email": "maria@evil.example"},
        {"email": "maria@example.org", "hd": "evil.example", "role": "admin"},
        {"described": {"issuer": "https://evil.example"}},
        {"described": {"token_endpoint": "file:///etc/passwd"}},
    ],
    ids=str,
)
def test_what_is_not_proven_lets_nobody_in(house: House, elsewhere: Elsewhere, lies: dict[str, Any]) -> None:
    if "hd" in lies:
        elsewhere.email = lies["email"] = "somebody@example.org"
    client = house.client()
    if "described" in lies:
        elsewhere.lies = lies
        answer = client.get("/sign-in/account")
        assert answer.status_code in (303, 503, 401)
        if answer.status_code != 303:
            return
        elsewhere.lies = {}
    elsewhere.lies = lies
    answer = sign_in(client, elsewhere) if "described" not in lies else client.get("/sign-in/back")
    assert answer.status_code == 401
    assert "bridge_session" not in client.cookies
    assert "evil" not in answer.text


@pytest.mark.parametrize(("key", "algorithm"), [(OTHER_KEY, "RS256"), (OctKey.import_key("x" * 32), "HS256")])
def test_a_word_that_was_signed_by_somebody_else_does_not_hold(
    house: House, elsewhere: Elsewhere, key: Any, algorithm: str
) -> None:
    elsewhere.signs_with, elsewhere.algorithm = key, algorithm
    client = house.client()
    assert sign_in(client, elsewhere).status_code == 401
    assert "bridge_session" not in client.cookies


def test_an_answer_fits_only_the_try_of_the_same_browser(house: House, elsewhere: Elsewhere) -> None:
    victim, attacker = house.client(), house.client()
    theirs = elsewhere.authorize(urlsplit(attacker.get("/sign-in/account").headers["Location"]).query)
    assert victim.get(theirs).status_code == 401, "a browser that asked for nothing"
    victim.get("/sign-in/account")
    assert victim.get(theirs).status_code == 401, "a browser that asked for something else"
    assert attacker.get(theirs).status_code == 303
    assert attacker.get(theirs).status_code == 401, "a code is used once"


def test_a_try_is_over_after_ten_minutes(house: House, elsewhere: Elsewhere) -> None:
    client = house.client()
    back = elsewhere.authorize(urlsplit(client.get("/sign-in/account").headers["Location"]).query)
    house.clock.forward(minutes=10)
    assert client.get(back).status_code == 401


def test_a_house_that_refuses_or_is_away_is_said_and_the_key_still_works(house: House, elsewhere: Elsewhere) -> None:
    elsewhere.answers = 400
    client = house.client()
    answer = sign_in(client, elsewhere)
    assert answer.status_code == 401
    assert 'name="token"' in answer.text


def test_a_session_ends_when_its_address_is_taken_out_of_the_settings(house: House, elsewhere: Elsewhere) -> None:
    client = house.client()
    sign_in(client, elsewhere)
    session = client.cookies["bridge_session"]
    assert "maria" not in session, "the cookie does not show the address as it is read"
    assert house.provider is not None
    house.provider = dataclasses.replace(house.provider, people=[])
    assert house.client(cookies={"bridge_session": session}).get("/").status_code == 303


def test_google_must_say_that_an_address_is_the_domains_own() -> None:
    google = Provider(
        issuer="https://accounts.google.com",
        client_id="client",
        client_secret="s",
        redirect="https://bridge.example.org/sign-in/back",
        people=[Person("viewer", "@example.org"), Person("operator", "me@gmail.com")],
    )
    google._of_the_domain("a@example.org", {"hd": "example.org"})
    google._of_the_domain("me@gmail.com", {})
    for claims in ({}, {"hd": "evil.example"}):
        with pytest.raises(Exception, match="not one of the domain's own"):
            google._of_the_domain("a@example.org", claims)


def test_without_a_house_there_is_no_such_door(house: House) -> None:
    assert house.client().get("/sign-in/account").status_code == 404
    assert "/sign-in/account" not in house.client().get("/sign-in").text

"""Whatever Slack, a webhook or a house of accounts answers, and whatever stands in a plan or secret file: only our own errors.

Beside `test_parsers_fuzz.py`, which has the mapping files, the settings, both APIs' answers and what Slack sends by itself.
"""

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from bridge.airtable.answers import Answer
from bridge.airtable.hooks import Hooks
from bridge.airtable.schema import read_tables
from bridge.cli.plans import digests_in
from bridge.config.settings import Settings, variables
from bridge.core.document import canonical
from bridge.errors import BridgeError, ConfigError
from bridge.sandbox.faults import Fault
from bridge.sandbox.http import Request, Response, Server
from bridge.slack.client import Bot, Hook, Place
from bridge.slack.ear import address
from bridge.web.oidc import Attempt, House, Person
from test_parsers_fuzz import a_few, anything, only_our_errors, responses, shaped

NOW = dt.datetime(2026, 11, 16, 14, tzinfo=dt.UTC)
ISSUER = "https://accounts.example.org"
ATTEMPT = Attempt("state", "nonce", "verifier")
HOUSE = House(
    issuer=ISSUER,
    client_id="bridge",
    client_secret="hush",
    redirect="https://bridge.example.org/sign-in/back",
    people=[Person("viewer", "@example.org")],
)
DESCRIBED = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}
TOKEN = jwt.encode({"alg": "HS256"}, {"iss": ISSUER, "aud": "bridge"}, OctKey.generate_key(256))


# ── a house of accounts ──


@pytest.fixture(scope="module")
def house() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


oidc = responses("issuer", "token_endpoint", "jwks_uri", "keys", "kty", "n", "e", "kid", "alg", "id_token", "error")
described = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*DESCRIBED, "token_endpoint_auth_methods_supported"), anything),
).map(lambda wrong: {**DESCRIBED, **wrong})
keys = shaped("keys") | st.lists(shaped("kty", "n", "e", "k", "crv", "x", "y", "kid", "alg", "use"), max_size=3).map(
    lambda found: {"keys": found}
)
tokens = shaped("id_token") | st.fixed_dictionaries({"id_token": anything | st.sampled_from([TOKEN, "a.b.c", "..", "é.é.é"])})


def said(body: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(body).encode())


@settings(a_few, max_examples=25)  # each asks five times, and each time makes a connection anew
@given(first=oidc | described.map(said), second=oidc | tokens.map(said), third=oidc | keys.map(said))
def test_a_house_of_accounts_may_answer_anything(
    house: respx.MockRouter, first: httpx.Response, second: httpx.Response, third: httpx.Response
) -> None:
    house.get(path="/.well-known/openid-configuration").mock(return_value=first)
    house.post(path="/token").mock(return_value=second)
    house.get(path="/keys").mock(return_value=third)
    house.route().mock(side_effect=httpx.ConnectError("nobody is there"))
    for ask in (
        lambda: HOUSE.door(ATTEMPT),
        lambda: HOUSE.email(ATTEMPT, "state", "code", lambda: NOW),
        HOUSE.prove,
    ):
        with only_our_errors():
            ask()


# ── Slack's own answers ──


class Anything:
    """A server that answers every request with what it was told to."""

    def __init__(self) -> None:
        self.next = Response.json({})

    def route(self, request: Request) -> str:
        return request.path

    def handle(self, request: Request) -> Response:
        return self.next

    def fail(self, request: Request, fault: Fault) -> Response:
        return self.next


@pytest.fixture(scope="module")
def slack() -> Iterator[tuple[Anything, str]]:
    app = Anything()
    with Server(app) as server:
        yield app, server.url


asked: dict[str, Callable[[str], object]] = {
    "post": lambda url: Bot("xoxb-1", f"{url}/api/").post("#c", {"text": "x"}, None),
    "edit": lambda url: Bot("xoxb-1", f"{url}/api/").edit(Place("C1", "1.1"), {"text": "x"}),
    "find": lambda url: Bot("xoxb-1", f"{url}/api/").find("#c", "key", NOW, None),
    "identity": lambda url: Bot("xoxb-1", f"{url}/api/").identity(),
    "scopes": lambda url: Bot("xoxb-1", f"{url}/api/").scopes(),
    "reach": lambda url: Bot("xoxb-1", f"{url}/api/").reach("#c"),
    "members": lambda url: Bot("xoxb-1", f"{url}/api/").members("S1"),
    "name_of": lambda url: Bot("xoxb-1", f"{url}/api/").name_of("U1"),
    "address": lambda url: address("xapp-1", f"{url}/api/"),
    "hook": lambda url: Hook(f"{url}/services/x").post("", {"text": "x"}, None),
}
NAMES = ("ok", "error", "ts", "channel", "channels", "messages", "metadata", "event_payload", "users", "user", "name", "url")
bodies = shaped(*NAMES, "response_metadata", "next_cursor", "id", "is_member").map(
    lambda body: json.dumps({**body, "ok": True} if isinstance(body, dict) else body).encode()
)


@a_few
@given(
    what=st.sampled_from(sorted(asked)),
    body=bodies | st.binary(max_size=100) | st.integers(1, 3000).map(lambda depth: b"[" * depth),
    status=st.sampled_from([200, 302, 400, 403, 404, 410, 429, 500, 503]),
    kind=st.sampled_from(["application/json; charset=utf-8", "text/html", "text/plain; charset=nonsense", ""]),
    pause=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8) | st.sampled_from(["30", "-1", "²"]),
)
def test_slack_may_answer_anything(
    slack: tuple[Anything, str], what: str, body: bytes, status: int, kind: str, pause: str
) -> None:
    app, url = slack
    told = (("Content-Type", kind), ("Retry-After", pause.encode("ascii", "ignore").decode()), ("X-OAuth-Scopes", pause[:3]))
    app.next = Response(status, body, told)
    with only_our_errors():
        asked[what](url)


# ── files, and Airtable's schema ──


def sealed(plan: Any) -> Any:
    """A plan file with the digest of what it holds, where it can have one."""
    if not isinstance(plan, dict):
        return plan
    body = {name: value for name, value in plan.items() if name != "digest"}
    import hashlib

    return {**body, "digest": hashlib.sha256(canonical(body)).hexdigest()}


@a_few
@given(
    text=st.binary(max_size=60)
    | shaped("digest", "plans", "changes", "mapping").map(lambda found: json.dumps(found).encode())
    | shaped("changes", "mapping").map(lambda found: json.dumps(sealed(found)).encode())
    | st.lists(anything | st.just({"digest": "x"}), max_size=3).map(
        lambda found: json.dumps({"digest": "x", "plans": found}).encode()
    )
    | st.integers(1, 3000).map(lambda depth: b"[" * depth)
)
def test_a_plan_file_may_hold_anything(text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_bytes(text)
        with only_our_errors():
            assert all(isinstance(each, str) for each in digests_in(file))


@a_few
@given(
    found=st.dictionaries(
        st.sampled_from(sorted(each.name for each in variables() if each.secret)), st.binary(max_size=40), max_size=5
    )
)
def test_a_secret_file_may_hold_anything(found: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in found.items():
            (Path(folder) / name.lower()).write_bytes(content)
        try:
            Settings.load({}, secrets_dir=Path(folder), remotes=False)
        except ConfigError as error:
            shown = str(error)
            assert not any(len(each) > 8 and each.decode("utf-8", "replace") in shown for each in found.values())


@a_few
@given(tables=st.lists(shaped("id", "name", "fields", "views", "type", "options", "choices", "primaryFieldId"), max_size=3))
def test_airtables_schema_may_be_anything(tables: list[Any]) -> None:
    with only_our_errors():
        read_tables(tables)


class Forgetful:
    """A memory of one hook."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def recall(self, place: str) -> dict[str, Any]:
        return self.kept.get(place, {})

    def keep(self, place: str, told: Any) -> None:
        self.kept[place] = dict(told)


payloads = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.sampled_from(["2026-11-16T14:00:00.000Z", "2026-11-16T14:00:00", "", "soon"]) | anything,
        "changedTablesById": st.dictionaries(
            st.sampled_from(["tblGroups", "tblOther"]),
            st.fixed_dictionaries(
                {}, optional={"createdRecordsById": anything, "destroyedRecordIds": st.lists(st.just("rec1")) | anything}
            )
            | anything,
        )
        | anything,
        "error": anything,
        "code": anything,
    },
)
heard = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("ach1") | anything,
        "payloads": st.lists(payloads | anything, max_size=2) | anything,
        "cursor": st.integers(1, 4) | anything,
        "mightHaveMore": st.booleans() | anything,
        "webhooks": st.lists(
            st.fixed_dictionaries(
                {"id": st.just("ach1")},
                optional={"isHookEnabled": anything, "cursorForNextPayload": st.integers(1, 9) | anything},
            )
            | anything,
            max_size=2,
        )
        | anything,
    },
)


@a_few
@given(told=st.lists(heard | anything, min_size=6, max_size=6))
def test_airtables_webhooks_may_answer_anything(told: list[Any]) -> None:
    """Whatever they say, a run goes on: it is told nothing by them, and asks each table."""
    answered = iter([{"id": "ach1"}, *told])

    def ask(method: str, rest: str, body: Any, base: str) -> Answer:
        return Answer(next(answered, {}), NOW)

    memory = Forgetful()
    for _ in range(4):
        hooks = Hooks(ask, memory, lambda: NOW)
        assert isinstance(hooks.gone("appX", "tblGroups", NOW), frozenset)
        hooks.quiet("appX", "tblGroups", NOW)


def test_what_is_fuzzed_here_can_raise_our_own_errors_at_all() -> None:
    with pytest.raises(BridgeError):
        read_tables([{}])

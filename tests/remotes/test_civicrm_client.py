"""The client against recorded answers of two running sites, and against every way an answer can be wrong or missing."""

import base64
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from bridge import retry
from bridge.civicrm.client import Call, CivicrmClient, Site
from bridge.errors import (
    AuthRejected,
    BridgeError,
    ConfigError,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    Unavailable,
    UnexpectedAnswer,
)

SITE = "https://civi.example.org"
GET = f"{SITE}/civicrm/ajax/api4/Contact/get"
MANY = f"{SITE}/civicrm/ajax/api4"
KEY = "sekrit-api-key"
RECORDINGS = Path(__file__).parents[2] / "../shared/recordings"
UPDATE = Call("Contact", "update", {"where": [["id", "=", 8]], "values": {"nick_name": "Zutano"}})


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    with retry.no_waits():
        yield


SENT: list[int] = []


@pytest.fixture(scope="module")
def client() -> Iterator[CivicrmClient]:
    made = CivicrmClient(SITE, KEY, site_key="site-key", proxy_auth="wall:pass", count=SENT.append)
    yield made
    made.close()


@pytest.fixture
def counted() -> list[int]:
    SENT.clear()
    return SENT


def recordings() -> list[Any]:
    """Every recorded answer to one call, of both versions."""
    found = []
    for path in sorted(RECORDINGS.glob("civicrm-*/**/*.json")):
        case = json.loads(path.read_text())
        if isinstance(case, dict) and (case.get("response") or {}).get("status"):
            found.append(pytest.param(case, id=str(path.relative_to(RECORDINGS))))
    return found or [pytest.param(None, marks=pytest.mark.skip(reason="the recordings are not beside this checkout"))]


def replay(case: dict[str, Any]) -> httpx.Response:
    answer = case["response"]
    body = answer["body"] if isinstance(answer["body"], str) else json.dumps(answer["body"])
    return httpx.Response(answer["status"], headers=answer["headers"], content=body.encode())


def meaning(answer: dict[str, Any]) -> type[BridgeError] | None:
    """What an answer should be taken for, said apart from the code under test. None: rows."""
    body, status = answer["body"], answer["status"]
    if isinstance(body, str):
        by_status = {401: AuthRejected, 403: AuthRejected, 404: UnexpectedAnswer, 500: Unavailable, 502: Unavailable}
        return by_status.get(status, UnexpectedAnswer)
    if "status_message" in body or body.get("code") == "civicrm_rest_api_error":
        return Unavailable
    if "error_message" in body:
        denied = (
            body.get("status") == 403 or body.get("error_code") in (400, "unauthorized") or "FATAL" in body["error_message"]
        )
        return AuthRejected if denied else RequestRejected
    rows = body.get("values")
    return None if isinstance(rows, list) and all(isinstance(row, dict) or row == [] for row in rows) else UnexpectedAnswer


@respx.mock
@pytest.mark.parametrize("case", recordings())
def test_every_recorded_answer_is_told_for_what_it_is(case: dict[str, Any], client: CivicrmClient) -> None:
    respx.post(GET).mock(return_value=replay(case))
    expected = meaning(case["response"])
    if expected is None:
        rows = [row for row in case["response"]["body"]["values"] if row]
        assert client.once("Contact", "get", {"select": ["id"]}).values == rows
        return
    with pytest.raises(BridgeError) as raised:
        client.once("Contact", "get", {"select": ["id"]})
    assert type(raised.value) is expected


@respx.mock
@pytest.mark.parametrize("version", ["6.17.2", "5.78.3"])
def test_a_recorded_batch_tells_each_call_apart(version: str, client: CivicrmClient) -> None:
    path = RECORDINGS / f"civicrm-{version}/transport/multi_calls.json"
    if not path.exists():
        pytest.skip("the recordings are not beside this checkout")
    case = json.loads(path.read_text())
    case["response"]["body"] = {f"c{n}": part for n, part in enumerate(case["response"]["body"].values())}
    respx.post(MANY).mock(return_value=replay(case))
    contact, refused, count = client.write_many([UPDATE, UPDATE, UPDATE])
    assert not isinstance(contact, BridgeError)
    assert len(contact.values) == 1
    assert isinstance(refused, RequestRejected)
    assert not isinstance(count, BridgeError)
    assert count.total == 375


# ── what is sent ──


@respx.mock
def test_a_call_is_a_form_with_the_key_in_its_own_header_and_nothing_in_the_address(
    client: CivicrmClient, counted: list[int]
) -> None:
    route = respx.post(GET).respond(json={"values": []})
    client.read("Contact", "get", {"where": [["id", "=", 8]]})
    request = route.calls.last.request
    assert request.headers["X-Civi-Auth"] == f"Bearer {KEY}"
    assert request.headers["X-Civi-Key"] == "site-key"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"wall:pass").decode()
    assert request.headers["X-Requested-With"] == "XMLHttpRequest"
    assert request.headers["User-Agent"].startswith("bridge/")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(request.content.decode())["params"][0]) == {"where": [["id", "=", 8]]}
    assert counted == [1]


@respx.mock
def test_no_cookie_is_kept(client: CivicrmClient) -> None:
    route = respx.post(GET).respond(json={"values": []}, headers={"Set-Cookie": "PHPSESSID=abc; path=/"})
    client.read("Contact", "get", {})
    client.read("Contact", "get", {})
    assert "Cookie" not in route.calls.last.request.headers


@pytest.mark.parametrize(
    ("url", "call", "many", "who", "page"),
    [
        (
            "https://x.org/",
            "https://x.org/civicrm/ajax/api4/Contact/get",
            "https://x.org/civicrm/ajax/api4",
            "https://x.org/civicrm/authx/id",
            "https://x.org/civicrm/contact/view?reset=1&cid=8",
        ),
        (
            "https://x.org/civicrm/ajax/api4/{entity}/{action}/",
            "https://x.org/civicrm/ajax/api4/Contact/get/",
            "https://x.org/civicrm/ajax/api4/",
            "https://x.org/civicrm/authx/id/",
            "https://x.org/civicrm/contact/view/?reset=1&cid=8",
        ),
        (
            "https://x.org/?civiwp=CiviCRM&q=civicrm/ajax/api4/{entity}/{action}",
            "https://x.org/?civiwp=CiviCRM&q=civicrm/ajax/api4/Contact/get",
            "https://x.org/?civiwp=CiviCRM&q=civicrm/ajax/api4",
            "https://x.org/?civiwp=CiviCRM&q=civicrm/authx/id",
            "https://x.org/?civiwp=CiviCRM&q=civicrm/contact/view&reset=1&cid=8",
        ),
        (
            "https://x.org/index.php?option=com_civicrm&task=civicrm/ajax/api4/{entity}/{action}",
            "https://x.org/index.php?option=com_civicrm&task=civicrm/ajax/api4/Contact/get",
            "https://x.org/index.php?option=com_civicrm&task=civicrm/ajax/api4",
            "https://x.org/index.php?option=com_civicrm&task=civicrm/authx/id",
            "https://x.org/index.php?option=com_civicrm&task=civicrm/contact/view&reset=1&cid=8",
        ),
    ],
    ids=["site", "wordpress clean", "wordpress query", "joomla"],
)
def test_every_address_of_a_site_follows_from_one(url: str, call: str, many: str, who: str, page: str) -> None:
    site = Site.of(url)
    assert site.api("Contact", "get") == call
    assert site.many == many
    assert site.who == who
    assert site.page("contact/view", reset="1", cid="8") == page


@pytest.mark.parametrize(
    "url", ["x.org", "https://x.org/api/{entity}", "ftp://x.org", "https://me:pass@x.org", "https://x.org:port"]
)
def test_an_address_that_cannot_work_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Site.of(url)
    assert "me:pass" not in str(raised.value)


@pytest.mark.parametrize("key", ["", "two\nlines", "clé"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        CivicrmClient(SITE, key)
    assert not key or key not in str(raised.value)


def test_no_representation_shows_a_key_or_a_value(client: CivicrmClient) -> None:
    assert KEY not in repr(client)
    assert "Zutano" not in repr(UPDATE)


# ── who we are ──


@respx.mock
def test_a_key_that_belongs_to_nobody_is_rejected_before_its_empty_answers_are_believed(client: CivicrmClient) -> None:
    respx.get(f"{SITE}/civicrm/authx/id").respond(json={"contact_id": None, "user_id": None})
    with pytest.raises(AuthRejected, match="nobody"):
        client.identity()


@respx.mock
@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("Invalid credential", "BRIDGE_CIVICRM__API_KEY"),
        ("Login not permitted. Must satisfy guard (site_key, perm).", "authenticate with api key"),
        ('Authentication type "api_key" with flow "xheader" is not allowed for this principal.', "authx settings"),
        ("Cannot login. No matching user is available.", "CMS user"),
        ("Expired token", "new token"),
        ("Cannot login. User is blocked.", "Unblock"),
        ("Cannot login. A mismatched session is already active.", "cookie"),
    ],
)
def test_each_refusal_of_the_key_names_its_cure(reason: str, cure: str, client: CivicrmClient) -> None:
    respx.get(f"{SITE}/civicrm/authx/id").respond(401, text=f"HTTP 401 {reason}")
    with pytest.raises(AuthRejected) as raised:
        client.identity()
    assert cure in raised.value.next_step


# ── what can come back ──


@respx.mock
@pytest.mark.parametrize(
    ("response", "error", "says"),
    [
        (httpx.Response(503, html="<h1>Service Unavailable</h1>"), Unavailable, "503"),
        (httpx.Response(504, html="<h1>Gateway Time-out</h1>"), Unavailable, "504"),
        (httpx.Response(522, html="<h1>Cloudflare</h1>", headers={"cf-ray": "8f1-EWR"}), Unavailable, "ray 8f1-EWR"),
        (httpx.Response(403, html="<h1>Blocked</h1>", headers={"cf-ray": "8f1-EWR"}), AuthRejected, "ray 8f1-EWR"),
        (
            httpx.Response(301, headers={"location": f"{SITE}/civicrm/ajax/api4/Contact/get/?x=1"}),
            UnexpectedAnswer,
            "Contact/get/",
        ),
        (httpx.Response(302, headers={"location": f"{SITE}/wp-login.php"}), AuthRejected, "sign-in"),
        (
            httpx.Response(200, text='{"values":[{"id":', headers={"content-type": "application/json"}),
            UnexpectedAnswer,
            "cut off",
        ),
        (httpx.Response(200, text=""), UnexpectedAnswer, "page"),
        (httpx.Response(401, html="", headers={"www-authenticate": 'Basic realm="staging"'}), AuthRejected, "PROXY_AUTH"),
        (httpx.Response(200, json={"is_error": 1, "error_message": "FATAL: no such key"}), AuthRejected, "credential"),
        (httpx.Response(200, json={"rows": []}), UnexpectedAnswer, "without a list"),
        (
            httpx.Response(405, json={"error_code": 405, "error_message": "SECURITY: must be http POST"}),
            RequestRejected,
            "refused",
        ),
    ],
)
def test_what_is_no_answer_is_told_apart(
    response: httpx.Response, error: type[BridgeError], says: str, client: CivicrmClient
) -> None:
    respx.post(GET).mock(return_value=response)
    with pytest.raises(error, match=says) as raised:
        client.once("Contact", "get", {})
    assert "no such key" not in str(raised.value)


@respx.mock
@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("Sat, 21 Nov 2026 19:26:30 GMT", 60), ("soon", 30), (None, 30)])
def test_a_site_that_asks_for_a_pause_says_how_long(header: str | None, seconds: int, client: CivicrmClient) -> None:
    headers = {"date": "Sat, 21 Nov 2026 19:25:30 GMT"} | ({"retry-after": header} if header else {})
    respx.post(GET).respond(429, headers=headers)
    with pytest.raises(RateLimited) as raised:
        client.once("Contact", "get", {})
    assert raised.value.retry_after == dt.timedelta(seconds=seconds)


@respx.mock
def test_the_cause_of_a_refusal_is_told_in_words_without_the_value_and_with_the_error_id(client: CivicrmClient) -> None:
    message = "One of the parameters  (value: 413-555-0188) is not of the type Integer"
    respx.post(GET).respond(500, json={"error_id": "kBHq-JkrY", "error_code": 0, "error_message": message, "status": 500})
    with pytest.raises(RequestRejected) as raised:
        client.once("Contact", "get", {})
    assert "not of the type Integer" in raised.value.message
    assert "kBHq-JkrY" in raised.value.message
    assert "0188" not in str(raised.value)


@respx.mock
def test_a_refusal_is_not_tried_again_and_an_outage_is(client: CivicrmClient, counted: list[int]) -> None:
    respx.post(GET).mock(
        side_effect=[
            httpx.Response(502, html="bad"),
            httpx.ConnectError("down"),
            httpx.Response(200, json={"values": [{"id": 8}]}),
        ]
    )
    assert client.read("Contact", "get", {}).values == [{"id": 8}]
    assert len(counted) == 3
    respx.post(GET).mock(return_value=httpx.Response(500, json={"error_code": "1", "error_message": "Sorry", "status": 500}))
    with pytest.raises(RequestRejected):
        client.read("Contact", "get", {})
    assert len(counted) == 4


@respx.mock
@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.WriteError("cut"),
        httpx.Response(502, html="bad"),
        httpx.Response(200, html="PHP failed"),
        httpx.Response(200, text='{"c0":{"values":', headers={"content-type": "application/json"}),
        httpx.Response(200, json={"c1": {"values": []}}),
        httpx.Response(200, json={"c0": "?"}),
    ],
    ids=["timeout", "cut", "cut while sending", "502", "page", "truncated", "other calls", "no envelope"],
)
def test_a_write_whose_answer_is_lost_is_in_doubt_and_is_never_sent_again(
    answer: httpx.Response | Exception, client: CivicrmClient, counted: list[int]
) -> None:
    respx.post(MANY).mock(side_effect=[answer])
    with pytest.raises(OutcomeUnknown) as raised:
        client.write_many([UPDATE])
    assert counted == [1]
    assert "Zutano" not in f"{raised.value}{raised.value.__cause__}"


@respx.mock
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.ConnectError("down"), Unavailable),
        (httpx.ConnectTimeout("down"), Unavailable),
        (httpx.Response(503, json={"status_code": 503, "status_message": "Temporarily unavailable."}), Unavailable),
        (httpx.Response(429), RateLimited),
        (httpx.Response(401, text="HTTP 401 Invalid credential"), AuthRejected),
    ],
)
def test_a_write_that_never_ran_is_not_in_doubt(
    answer: httpx.Response | Exception, error: type[BridgeError], client: CivicrmClient, counted: list[int]
) -> None:
    respx.post(MANY).mock(side_effect=[answer])
    with pytest.raises(error):
        client.write_many([UPDATE])
    assert counted == [1]


@respx.mock
def test_what_is_shared_is_loaded_once_and_only_within(client: CivicrmClient) -> None:
    loads: list[int] = []
    client.remember("fields", lambda: loads.append(1))
    with client.shared():
        client.remember("fields", lambda: loads.append(2))
        client.remember("fields", lambda: loads.append(3))
    client.remember("fields", lambda: loads.append(4))
    assert loads == [1, 2, 4]


@respx.mock
def test_what_was_asked_ahead_is_not_asked_for_again_and_what_was_refused_is(client: CivicrmClient, counted: list[int]) -> None:
    fields, actions = Call("Contact", "getFields", {"loadOptions": False}), Call("Contact", "get", {})
    refused = {"error_code": "1", "error_message": "no", "status": 403}
    respx.post(MANY).mock(return_value=httpx.Response(200, json={"c0": {"values": [{"name": "id"}]}, "c1": refused}))
    respx.post(GET).mock(return_value=httpx.Response(200, json={"values": [{"id": 8}]}))
    with client.shared():
        client.ask_ahead([fields, actions])
        assert client.read("Contact", "getFields", {"loadOptions": False}).values == [{"name": "id"}]
        assert client.read("Contact", "get", {}).values == [{"id": 8}]
    assert counted == [1, 1]


@respx.mock
def test_nothing_is_asked_ahead_where_it_would_not_be_kept_or_is_only_one_call(
    client: CivicrmClient, counted: list[int]
) -> None:
    client.ask_ahead([Call("Contact", "getFields", {}), Call("Contact", "get", {})])
    with client.shared():
        client.ask_ahead([Call("Contact", "getFields", {})])
    assert counted == []

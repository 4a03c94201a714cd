"""The one door to Airtable: what each answer becomes, what is sent again, what is counted, and what never leaks."""

import datetime as dt
import json
import traceback
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from bridge import errors, retry
from bridge.airtable.answers import IteratorExpired
from bridge.airtable.api import Api
from remotes.airtable_slots import MemoryCalls, MemorySlots, VirtualClock

BASE = "appBenefits000001"
URL = f"https://api.airtable.com/v0/{BASE}/tblGroups00000001"
TOKEN = "patSecret.0123456789"
RATE = {"error": {"type": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}}
RATE_PLURAL = {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}
BILLING = {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "…"}]}
RETRIABLE = {"error": {"type": "RETRIABLE_ERROR", "message": "it is safe to retry the request"}}


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with retry.no_waits():
        yield


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def calls() -> MemoryCalls:
    return MemoryCalls()


@pytest.fixture
def api(clock: VirtualClock, calls: MemoryCalls) -> Iterator[Api]:
    with Api(TOKEN, slots=MemorySlots(), calls=calls, clock=clock, now=clock.seconds, sleep=clock.sleep) as made:
        yield made


def read(api: Api) -> Any:
    return api.list_page(BASE, "tblGroups00000001", {"pageSize": 100}).data


def write(api: Api) -> Any:
    return api.patch(URL, json={"records": [{"id": "rec1", "fields": {"fld1": "Arroyo Bakery"}}]})


def error(kind: str, message: str = "") -> dict[str, Any]:
    return {"error": {"type": kind, "message": message}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, error("AUTHENTICATION_REQUIRED"), errors.AuthRejected),
        (403, error("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"), errors.AuthRejected),
        (403, "<html>Just a moment...</html>", errors.AuthRejected),
        (404, {"error": "NOT_FOUND"}, errors.RequestRejected),
        (404, {"error": {"type": "NOT_FOUND"}}, errors.RequestRejected),
        (400, "no json at all", errors.RequestRejected),
        (413, {}, errors.RequestRejected),
        (422, error("INVALID_FILTER_BY_FORMULA", "Unknown field names: x"), errors.RequestRejected),
        (422, {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}, IteratorExpired),
        (500, "<html>", errors.Unavailable),
        (502, "<html>", errors.Unavailable),
        (503, RETRIABLE, errors.Unavailable),
        (302, "", errors.UnexpectedAnswer),
        (200, "<html>Sign in to the hotel's network</html>", errors.UnexpectedAnswer),
    ],
)
@respx.mock
def test_each_answer_to_a_read_becomes_the_error_that_says_what_to_do(
    api: Api, status: int, body: Any, expected: type[errors.BridgeError]
) -> None:
    respx.post(f"{URL}/listRecords").respond(status, **({"text": body} if isinstance(body, str) else {"json": body}))
    with pytest.raises(expected):
        read(api)


@respx.mock
def test_a_refusal_carries_airtables_own_type(api: Api) -> None:
    respx.patch(URL).respond(422, json=error("INVALID_VALUE_FOR_COLUMN", 'Field "Phone" cannot accept the provided value'))
    with pytest.raises(errors.RequestRejected) as raised:
        write(api)
    assert raised.value.code == "INVALID_VALUE_FOR_COLUMN"
    assert 'the field "Phone"' in raised.value.message


@pytest.mark.parametrize("body", [RATE, RATE_PLURAL])
@respx.mock
def test_a_429_is_waited_out_and_the_request_goes_on(api: Api, clock: VirtualClock, calls: MemoryCalls, body: Any) -> None:
    """Airtable refuses for 30 seconds; both calls count, and the pause is logged without a word of the request."""
    respx.post(f"{URL}/listRecords").side_effect = [httpx.Response(429, json=body), httpx.Response(200, json={"records": []})]
    with capture_logs() as logs:
        assert read(api) == {"records": []}
    assert sum(clock.slept) == pytest.approx(30)
    assert calls.made[BASE] == 2
    said = {"base": BASE, "pause_seconds": 30.0, "then_a_second": 2, "why": "others send to the base"}
    assert logs == [{"event": "airtable_rate_limited", "log_level": "warning", **said}]


@respx.mock
def test_a_write_that_drew_a_429_was_not_executed_and_is_sent_again(api: Api, clock: VirtualClock) -> None:
    answers = [httpx.Response(429, json=RATE, headers={"Retry-After": "7"}), httpx.Response(200, json={"records": []})]
    respx.patch(URL).side_effect = answers
    assert write(api) == {"records": []}
    assert sum(clock.slept) == pytest.approx(7)


@respx.mock
def test_a_base_that_never_lets_us_in_is_given_up(api: Api, clock: VirtualClock) -> None:
    route = respx.patch(URL).respond(429, json=RATE)
    with pytest.raises(errors.RateLimited):
        write(api)
    assert 5 <= route.call_count <= 15
    assert sum(clock.slept) >= 120


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (dt.datetime(2026, 12, 14, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)),
        (dt.datetime(2026, 1, 31, 23, 59, tzinfo=dt.UTC), dt.datetime(2026, 2, 1, tzinfo=dt.UTC)),
    ],
)
@respx.mock
def test_a_used_up_quota_blocks_the_base_until_the_first(
    api: Api, clock: VirtualClock, calls: MemoryCalls, today: dt.datetime, first: dt.datetime
) -> None:
    """No wait within the month helps, so nothing is waited for and nothing is sent any more."""
    clock.now = today
    route = respx.post(f"{URL}/listRecords").respond(429, json=BILLING)
    for _ in range(2):
        with pytest.raises(errors.QuotaExhausted, match=f"{first:%Y-%m-%d}"):
            read(api)
    assert calls.blocked == {BASE: first}
    assert route.call_count == 1
    assert clock.slept == []
    clock.now = first
    route.respond(200, json={"records": []})
    assert read(api) == {"records": []}


@respx.mock
def test_a_read_is_tried_again_when_the_network_or_airtable_fails(api: Api, calls: MemoryCalls) -> None:
    answers = [
        httpx.ReadTimeout("x"),
        httpx.ConnectError("x"),
        httpx.Response(502, text="<html>"),
        httpx.Response(200, json={}),
    ]
    respx.post(f"{URL}/listRecords").side_effect = answers
    assert read(api) == {}
    assert calls.made[BASE] == 4


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("x"),
        httpx.WriteError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.Response(500, text="<html>"),
        httpx.Response(502, text="<html>"),
        httpx.Response(503, text="<html>"),
        httpx.Response(200, text="<html>"),
    ],
)
@respx.mock
def test_a_write_whose_answer_is_lost_is_never_sent_again(api: Api, answer: Any) -> None:
    """Pyairtable's own transport made six rows of one create here."""
    route = respx.post(URL)
    route.side_effect = [answer]
    with pytest.raises(errors.OutcomeUnknown):
        api.post(URL, json={"records": [{"fields": {}}]})
    assert route.call_count == 1


@pytest.mark.parametrize("answer", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.Response(503, json=RETRIABLE)])
@respx.mock
def test_a_write_that_certainly_did_not_happen_is_sent_again(api: Api, answer: Any) -> None:
    respx.post(URL).side_effect = [answer, httpx.Response(200, json={"records": [{"id": "rec1"}]})]
    assert api.post(URL, json={"records": [{"fields": {}}]}) == {"records": [{"id": "rec1"}]}


@respx.mock
def test_no_error_shows_token_value_or_query(api: Api) -> None:
    """Not the message, not its cause's, not the repr; Airtable itself quotes what it refuses."""
    refusal = error("INVALID_MULTIPLE_CHOICE_OPTIONS", 'Insufficient permissions to create new select option ""Arroyo Bakery""')
    respx.patch(URL).respond(422, json=refusal)
    respx.get(url__startswith=URL).respond(422, json=refusal)
    for send in (lambda: write(api), lambda: api.get(URL, params={"filterByFormula": "{Name}='Arroyo Bakery'"})):
        with capture_logs() as logs, pytest.raises(errors.RequestRejected) as raised:
            send()
        told = f"{raised.value!r} {raised.value} {raised.value.next_step} {logs} {api!r} {api._http!r}"
        told += "".join(traceback.format_exception_only(raised.value)) + repr(raised.value.__cause__)
        assert "Arroyo" not in told
        assert TOKEN not in told
        assert "filterByFormula=" not in told


@respx.mock
def test_the_schema_is_asked_once_for_all_remotes_of_a_base(api: Api, calls: MemoryCalls) -> None:
    respx.get(f"https://api.airtable.com/v0/meta/bases/{BASE}/tables").respond(json={"tables": [{"id": "tbl1"}]})
    respx.get("https://api.airtable.com/v0/meta/whoami").respond(json={"id": "usr1"})
    for _ in range(2):
        assert api.tables(BASE) == [{"id": "tbl1"}]
        assert api.identity(BASE) == "usr1"
    assert calls.made[BASE] == 2
    api.forget()
    api.tables(BASE)
    assert api.identity(BASE) == "usr1", "whose the token is does not change"
    assert calls.made[BASE] == 3


@respx.mock
def test_pyairtables_own_tables_go_through_the_same_door(api: Api, calls: MemoryCalls) -> None:
    made = {"id": "rec1", "createdTime": "2026-01-01T00:00:00.000Z", "fields": {"Name": "x"}}
    respx.post(URL).respond(json={"records": [made]})
    assert api.table(BASE, "tblGroups00000001").batch_create([{"Name": "x"}])[0]["id"] == "rec1"
    assert calls.made == {BASE: 1}


@respx.mock
def test_a_formula_too_long_for_a_url_goes_into_a_body(api: Api) -> None:
    route = respx.post(f"{URL}/listRecords").respond(json={"records": []})
    assert api.table(BASE, "tblGroups00000001").all(formula="x" * 17_000) == []
    assert json.loads(route.calls.last.request.content)["filterByFormula"] == "x" * 17_000


@respx.mock
def test_requests_ask_for_gzip_and_have_timeouts(api: Api) -> None:
    route = respx.post(f"{URL}/listRecords").respond(json={"records": []})
    read(api)
    request = route.calls.last.request
    assert "gzip" in request.headers["Accept-Encoding"]
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.extensions["timeout"] == {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 60.0}


@respx.mock
def test_a_proxy_of_the_environment_is_not_used(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    made = Api(TOKEN, slots=MemorySlots(), calls=MemoryCalls(), clock=VirtualClock())
    assert made._http._mounts == {}
    made.close()

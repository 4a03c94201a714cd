"""Sweeps that must not be called whole, and rows joined to the record they belong to."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from bridge import retry
from bridge.civicrm.client import CivicrmClient
from bridge.civicrm.pages import SMALLEST_PAGE, scope, sweep
from bridge.civicrm.related import Join, picked, total
from bridge.core.mapping import Pick, Related
from bridge.errors import RateLimited, Unavailable, UnexpectedAnswer

SITE = "https://civi.example.org"
GET = f"{SITE}/civicrm/ajax/api4/Contact/get"
Site = Callable[[dict[str, Any]], httpx.Response]


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    with retry.no_waits():
        yield


@pytest.fixture(scope="module")
def client() -> Iterator[CivicrmClient]:
    made = CivicrmClient(SITE, "key")
    yield made
    made.close()


def asked(request: httpx.Request) -> dict[str, Any]:
    params: dict[str, Any] = json.loads(parse_qs(request.content.decode())["params"][0])
    return params


def a_site(count: int) -> Site:
    """A site of `count` contacts that pages as CiviCRM does."""

    def answer(params: dict[str, Any]) -> httpx.Response:
        last = next(clause[2] for clause in params["where"] if clause[:2] == ["id", ">"])
        rows = [{"id": number, "nick_name": "x"} for number in range(last + 1, count + 1)]
        counted = {"count": count, "countMatched": count} if "row_count" in params["select"] else {}
        return httpx.Response(200, json={"values": rows[: params["limit"]], **counted})

    return answer


def serve(site: Site) -> respx.Route:
    return respx.post(GET).mock(side_effect=lambda request: site(asked(request)))


@respx.mock
def test_a_sweep_asks_by_id_and_never_by_offset(client: CivicrmClient) -> None:
    route = serve(a_site(7))
    told: list[tuple[int, int | None]] = []
    kept = ["is_deleted", "=", False]
    swept = sweep(client, "Contact", ["nick_name"], [kept], page_size=3, tell=lambda *step: told.append(step))
    assert [row["id"] for row in swept.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert swept.note == ""
    assert told == [(3, 7), (7, 7)]
    params = [asked(call.request) for call in route.calls]
    assert [each["limit"] for each in params] == [3, 6]
    assert all("offset" not in each and each["orderBy"] == {"id": "ASC"} for each in params)
    assert all(kept in each["where"] for each in params)


@respx.mock
def test_pages_grow_to_two_thousand_rows_on_a_site_that_bears_them(client: CivicrmClient) -> None:
    route = serve(a_site(9_000))
    assert len(sweep(client, "Contact", [], [], page_size=500).rows) == 9_000
    assert [asked(call.request)["limit"] for call in route.calls] == [500, 1000, 2000, 2000, 2000, 2000]


@respx.mock
def test_pages_shrink_while_the_server_gives_up_and_grow_back(client: CivicrmClient) -> None:
    whole = a_site(700)
    limits: list[int] = []

    def overloaded(params: dict[str, Any]) -> httpx.Response:
        limits.append(params["limit"])
        return httpx.Response(504, html="slow") if params["limit"] > 100 and len(limits) < 4 else whole(params)

    serve(overloaded)
    swept = sweep(client, "Contact", [], [], page_size=400)
    assert len(swept.rows) == 700
    assert swept.note == ""
    assert limits == [400, 200, 100, 200, 400, 400]


@respx.mock
def test_a_server_that_cannot_even_send_the_smallest_page_is_unavailable(client: CivicrmClient) -> None:
    limits: list[int] = []

    def down(params: dict[str, Any]) -> httpx.Response:
        limits.append(params["limit"])
        return httpx.Response(502, html="bad")

    serve(down)
    with pytest.raises(Unavailable):
        sweep(client, "Contact", [], [], page_size=100)
    assert limits == [100, 50] + [SMALLEST_PAGE] * 6


@respx.mock
def test_a_pause_that_is_asked_for_is_not_answered_with_smaller_pages(client: CivicrmClient) -> None:
    limits: list[int] = []

    def busy(params: dict[str, Any]) -> httpx.Response:
        limits.append(params["limit"])
        return httpx.Response(429)

    serve(busy)
    with pytest.raises(RateLimited):
        sweep(client, "Contact", [], [], page_size=100)
    assert set(limits) == {100}


@respx.mock
def test_a_count_that_does_not_agree_makes_the_sweep_incomplete(client: CivicrmClient) -> None:
    respx.post(GET).respond(json={"values": [{"id": 1}], "count": 3, "countMatched": 3})
    assert "1 rows came and CiviCRM counts 3" in sweep(client, "Contact", [], [], page_size=10).note


@respx.mock
def test_a_page_that_comes_twice_makes_the_sweep_incomplete_and_ends_it(client: CivicrmClient) -> None:
    respx.post(GET).respond(json={"values": [{"id": 1}, {"id": 2}], "count": 4, "countMatched": 4})
    assert "came twice" in sweep(client, "Contact", [], [], page_size=2).note


@respx.mock
def test_a_contact_joined_twice_is_one_row_and_the_same_one_on_any_day(client: CivicrmClient) -> None:
    rows = [{"id": 1, "email_primary.email": "b@x.org"}, {"id": 1, "email_primary.email": "a@x.org"}]
    for order in (rows, rows[::-1]):
        respx.post(GET).respond(json={"values": order, "count": 1, "countMatched": 1})
        swept = sweep(client, "Contact", ["email_primary.email"], [], page_size=10)
        assert swept.rows == [rows[1]]
        assert swept.doubled == (1,)
        assert swept.note == ""


@respx.mock
def test_a_field_left_out_is_no_blank_but_for_those_of_other_contact_types(client: CivicrmClient) -> None:
    counted = {"count": 1, "countMatched": 1}
    respx.post(GET).respond(json={"values": [{"id": 1}], **counted})
    with pytest.raises(UnexpectedAnswer, match="nick_name"):
        sweep(client, "Contact", ["nick_name"], [], page_size=10)
    respx.post(GET).respond(json={"values": [{"id": 1, "contact_type": "Individual"}], **counted})
    swept = sweep(client, "Contact", ["contact_type", "organization_name"], [], page_size=10)
    assert swept.rows[0]["organization_name"] is None
    with pytest.raises(UnexpectedAnswer, match=r"Benefits\.Status"):
        sweep(client, "Contact", ["contact_type", "Benefits.Status"], [], page_size=10)


def test_what_civicrm_leaves_out_only_sometimes_is_always_said() -> None:
    assert scope("Organization", [["a", "=", 1]]) == [["a", "=", 1], ["is_deleted", "=", False]]
    assert scope("Membership", []) == [["is_test", "=", False]]
    assert scope("Relationship", []) == []


# ── related rows ──


@pytest.mark.parametrize(
    ("rows", "winner"),
    [
        ([{"id": 1, "now": False, "end_date": "2030-01-01"}, {"id": 2, "now": True, "end_date": "2026-01-01"}], 2),
        ([{"id": 1, "now": True, "end_date": "2026-01-01"}, {"id": 2, "now": True, "end_date": "2027-01-01"}], 2),
        ([{"id": 1, "now": True, "end_date": None}, {"id": 2, "now": True, "end_date": "2027-01-01"}], 1),
        ([{"id": 1, "now": True, "end_date": "2027-01-01"}, {"id": 2, "now": True, "end_date": "2027-01-01"}], 2),
        ([{"id": 1, "now": None, "end_date": "2027-01-01"}, {"id": 2, "now": False, "end_date": "2020-01-01"}], 2),
        ([{"id": 1, "now": 1, "end_date": "2027-01-01"}, {"id": 2, "now": True, "end_date": "2020-01-01"}], 2),
    ],
    ids=["preferred first", "then the latest", "no end is the latest", "then the newest row", "unlisted last", "1 is not true"],
)
def test_one_of_several_rows_is_meant_whatever_order_they_come_in(rows: list[dict[str, Any]], winner: int) -> None:
    pick = Pick(prefer={"now": (True, False)}, latest="end_date")
    for order in (rows, rows[::-1]):
        found = picked(pick, order)
        assert found is not None
        assert found["id"] == winner


def test_no_row_is_picked_from_none() -> None:
    assert picked(Pick(), []) is None


def test_a_date_that_is_no_end_is_not_latest_when_blank() -> None:
    rows: list[dict[str, Any]] = [{"id": 2, "receive_date": None}, {"id": 1, "receive_date": "2026-01-01"}]
    found = picked(Pick(latest="receive_date"), rows)
    assert found is not None
    assert found["id"] == 1


def test_money_is_summed_to_the_cent() -> None:
    assert total([0.1, 0.2, None, 1000, "5.05"]) == Decimal("1005.35")


def test_a_join_belongs_to_the_record_its_rows_name() -> None:
    join = Join(Related(alias="workers", entity="Individual", by="employer_id", count=True), ())
    groups = join.group([{"id": 1, "employer_id": 8}, {"id": 2, "employer_id": 8}, {"id": 3, "employer_id": None}])
    assert {owner: join.values(rows) for owner, rows in groups.items()} == {"8": {"workers": 2}}
    assert join.values([]) == {"workers": 0}


def test_the_earliest_row_is_picked_and_a_blank_is_no_early_day() -> None:
    rows = [{"id": 1, "receive_date": None}, {"id": 2, "receive_date": "2026-03-01"}, {"id": 3, "receive_date": "2026-02-28"}]
    found = picked(Pick(earliest="receive_date"), rows)
    assert found is not None
    assert found["id"] == 3

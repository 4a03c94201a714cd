"""What the pages show: the ledger's own numbers, a page at a time, under addresses that stay."""

import datetime as dt
import re
from html import unescape

import pytest

from bridge.core import ledger
from bridge.core.ledger import Reason, State
from bridge.core.mapping import Severity
from bridge.language import Language
from bridge.ports import RunState
from bridge.web.chart import chart
from bridge.web.overview import overview
from web.browsing import send, signed_in
from web.remembered import remember
from web.web_office import House, TestClient

EN = Language("en", "America/New_York")


def text(client: TestClient, page: str) -> str:
    """What a reader sees, on one line."""
    body = re.sub(r"<style>.*?</style>", "", client.get(page).text, flags=re.DOTALL)
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", body).split()))


def a_month(house: House) -> None:
    """Thirty days in which thirty come, and every third goes again after a week."""
    for day in range(30):
        house.clock.forward(days=1)
        house.entry(day + 1, code=204 if day % 2 else 206, severity=Severity.HIGH if day % 5 == 0 else Severity.MEDIUM)
        if day >= 7 and day % 3 == 0:
            gone = house.store.ledger.get(str(day - 6))
            assert gone is not None
            house.store.ledger.keep(gone, *ledger.accept(gone, Reason.TIMING, by="olga", at=house.clock()))


def test_the_overview_carries_the_ledgers_numbers(house: House) -> None:
    a_month(house)
    number = house.ran()
    opened = house.store.ledger.list(state="open")
    page = text(signed_in(house, "vera"), "/")
    assert f"Groups: {len(opened)} discrepancies are open." in page
    assert f"{sum(each.discrepancy.severity is Severity.HIGH for each in opened)} high severity" in page
    found = overview(house.office)
    assert sum(kind.number for kind in found.kinds) == len(opened) == found.open
    assert found.states[State.ACCEPTED] == len(house.store.ledger.list(state="accepted"))
    run = house.store.runs.get(number)
    assert run is not None
    assert run.finished_at is not None
    assert f"As of {EN.moment(run.finished_at)}" in page
    assert "40 of 1,000" in page
    assert "1,200 expected by the end of the month." in page
    assert "Syncs come less often" in page
    assert "Everything is compared next" in page


def test_the_trend_is_what_the_reports_of_those_days_said(house: House) -> None:
    a_month(house)
    weeks = overview(house.office).weeks
    events = house.store.ledger.events()
    for week in weeks:
        came = sum(event.at <= week.ends and event.happened.value == "opened" for event in events)
        went = sum(event.at <= week.ends and event.happened.value == "accepted" for event in events)
        assert week.open == came - went
    assert weeks[-1].open == len(house.store.ledger.list(state="open"))
    page = signed_in(house, "vera").get("/").text
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td>(\d+)</td><td>(\d+)</td><td>(\d+)</td></tr>', page)
    assert [int(row[1]) for row in rows] == [week.open for week in reversed(weeks)]


def test_a_picture_never_leaves_its_frame() -> None:
    for numbers in ([0, 0], [0, 1], [7, 3, 900_000], [100, 0]):
        drawn = chart(numbers)
        assert all(0 <= mark.y <= 200 and 0 <= mark.x <= 640 for mark in (*drawn.marks, *drawn.rules))
        assert drawn.rules[0].number == 0
        assert drawn.rules[-1].number >= max(numbers)


def test_agreement_is_said_only_once_both_systems_were_read(house: House) -> None:
    client = signed_in(house, "vera")
    assert "Groups: not compared yet." in text(client, "/")
    house.ran("record")
    assert "not compared yet" in text(client, "/")
    house.ran()
    assert "Groups: the two systems agree." in text(client, "/")
    house.entry(1, code=504, field=None, details={"side": "CiviCRM"})
    page = text(client, "/")
    assert "CiviCRM could not be read, so nothing could be compared." in page
    assert "the two systems agree" not in page


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", {1, 2, 3, 5}),
        ("kind=206", {2}),
        ("kind=lapsed", {3}),
        ("severity=high", {2}),
        ("state=accepted", {4}),
        ("state=any", {1, 2, 3, 4, 5}),
        ("assignee=Lupe", {5}),
        ("assignee=~", {1, 2, 3}),
        ("age=days", {1, 2, 3, 5}),
        ("age=months", set()),
        ("text=casa", {5}),
        ("text=%235", {5}),
        ("mapping=groups&kind=&severity=&state=&assignee=&age=&text=", {1, 2, 3, 5}),
    ],
)
def test_each_filter_has_an_address_that_shows_what_it_says(house: House, query: str, numbers: set[int]) -> None:
    house.entry(1)
    house.entry(2, code=206, severity=Severity.HIGH)
    house.entry(3, code=300, rule="lapsed", field=None)
    house.entry(4, state=State.ACCEPTED, accepted_reason="timing")
    house.entry(5, name="Casa Verde", assignee="Lupe")
    page = signed_in(house, "vera").get(f"/discrepancies?{query}").text
    assert {int(each) for each in re.findall(r'<h3><a href="/discrepancies/(\d+)">', page)} == numbers
    assert f"{len(numbers)} discrepanc" in page


def test_a_long_list_comes_in_pages(house: House) -> None:
    for number in range(1, 121):
        house.entry(number)
    client = signed_in(house, "vera")
    seen: list[str] = []
    page = client.get("/discrepancies?kind=204").text
    for _ in range(3):
        seen += re.findall(r'<h3><a href="/discrepancies/(\d+)">', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        assert "kind=204" in following[1], "a filter stays from page to page"
        page = client.get(unescape(following[1])).text
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("query", ["kind=x'--", "state=gone", "age=old", "page=0", "page=x", f"text={'x' * 101}"])
def test_an_address_that_makes_no_sense_is_answered_with_a_page_that_says_so(house: House, query: str) -> None:
    answer = signed_in(house, "vera").get(f"/discrepancies?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "This could not be understood." in answer.text
    assert "x'--" not in answer.text


def test_a_held_plan_is_approved_or_rejected_by_whoever_may(house: House) -> None:
    remember(house, "hidden")
    digest = house.store.plans.held()[0].digest
    client = signed_in(house, "ana")
    assert "a plan for 1 record is held" in text(client, "/")
    assert "at most 0" in text(client, "/runs/1")
    answer = send(client, "/runs/1", f"/plans/{digest}/approve")
    assert answer.headers["Location"] == "/syncs/0000000000000000"
    assert house.syncs.asked[0]["digest"] == digest
    assert send(client, "/runs/1", f"/plans/{digest}/reject").headers["Location"] == "/runs/1"
    assert house.syncs.said[-1] == {"digest": digest}
    assert "/approve" not in signed_in(house, "olga").get("/runs/1").text
    gone = "b" * 64
    csrf = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
    assert csrf is not None
    assert client.post(f"/plans/{gone}/approve", data={"csrf": csrf[1]}).status_code == 409


def test_runs_go_back_page_by_page(house: House) -> None:
    for _ in range(60):
        house.ran(written=2)
    house.ran(state=RunState.FAILED)
    client = signed_in(house, "vera")
    assert "failed" in text(client, "/runs")
    first = re.findall(r'<h3><a href="/runs/(\d+)">', client.get("/runs").text)
    older = re.findall(r'<h3><a href="/runs/(\d+)">', client.get(f"/runs?before={first[-1]}").text)
    assert [int(each) for each in (*first, *older)] == list(range(61, 0, -1))
    assert client.get("/runs/999").status_code == 404


def test_a_run_that_was_asked_for_says_how_it_goes(house: House) -> None:
    client = signed_in(house)
    where = send(client, "/runs", "/syncs").headers["Location"]
    assert "It is not done yet." in text(client, where)
    number = house.ran()
    run = house.store.runs.get(number)
    house.syncs.asked[0].update(state="done", finished_at=house.clock(), runs=[run])
    assert f'href="/runs/{number}"' in client.get(where).text
    assert client.get("/syncs/ffffffffffffffff").status_code == 404


@pytest.mark.parametrize(("language", "means"), [("en", "Means:"), ("es", "Significa:")])
def test_every_code_is_explained_in_the_readers_language(house: House, language: str, means: str) -> None:
    client = signed_in(house, "vera")
    for code in (101, 204, 300, 404, 505):
        assert means in client.get(f"/codes/{code}?language={language}").text, code
    assert client.get("/codes/199").status_code == 404


def test_a_name_that_is_markup_stays_text_on_every_page(house: House) -> None:
    nasty = '<img src=x onerror="alert(1)">\u202eevil'
    entry = house.entry(12, name=nasty, note=nasty, details={"reason": nasty}, assignee=nasty[:40])
    house.entry(13, code=104, name=nasty, field=None, details={"candidate": nasty, "score": "0.9"})
    client = signed_in(house)
    for page in ("/", "/discrepancies", f"/discrepancies/{entry.id}", "/matches", "/records/civicrm:12"):
        html = client.get(page).text
        assert "<img" not in html, page
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", html), page
    assert "onerror" in client.get("/discrepancies").text


def test_days_and_numbers_follow_the_reader(house: House) -> None:
    house.clock.now = dt.datetime(2026, 11, 16, 3, 5, tzinfo=dt.UTC)
    entry = house.entry(1)
    client = signed_in(house, "vera")
    assert "Nov 15, 2026 22:05 EST" in text(client, f"/discrepancies/{entry.id}")
    assert "15 nov 2026 22:05 EST" in text(client, f"/discrepancies/{entry.id}?language=es")

"""What staff do from the pages: each form does one thing, under their name, to what they saw."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from bridge.core import ledger
from bridge.core.ledger import Entry, State
from bridge.errors import StaleRecord
from bridge.web import deeds, pages, signin
from web.browsing import Forms, mark, send, signed_in
from web.web_office import House, in_days


def now(house: House, entry: Entry) -> Entry:
    found = house.store.ledger.get(entry.fingerprint)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("verb", "fields", "after", "said"),
    [
        ("assign", {"assignee": "Lupe", "remark": "phones today"}, {"assignee": "Lupe"}, "in those hands"),
        ("assign", {"assignee": ""}, {"assignee": None}, "nobody&#39;s hands"),
        ("snooze", {"how": "week"}, {"state": State.SNOOZED}, "silent for now"),
        ("snooze", {"how": "change"}, {"state": State.SNOOZED, "snoozed_until": None}, "silent for now"),
        ("accept", {"reason": "timing"}, {"state": State.ACCEPTED, "accepted_reason": "timing"}, "stand as it is"),
        (
            "accept",
            {"reason": "other", "remark": "the board"},
            {"state": State.ACCEPTED, "note": "the board"},
            "stand as it is",
        ),
        ("comment", {"remark": "called, no answer"}, {"note": "called, no answer"}, "note is kept"),
    ],
)
def test_a_form_does_what_it_says_under_the_readers_name_and_says_so_once(
    house: House, verb: str, fields: dict[str, str], after: dict[str, Any], said: str
) -> None:
    entry = house.entry(1, assignee="Ben")
    client, page = signed_in(house), f"/discrepancies/{entry.id}"
    answer = send(client, page, f"{page}/{verb}", **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    stored = now(house, entry)
    assert {name: getattr(stored, name) for name in after} == after
    event = house.store.ledger.events(fingerprint=entry.fingerprint)[-1]
    assert event.by == "olga"
    assert said in client.get(page).text
    assert said not in client.get(page).text


def test_a_snooze_ends_on_the_day_that_was_chosen_and_not_on_one_that_is_over(house: House) -> None:
    entry = house.entry(1)
    client, page = signed_in(house), f"/discrepancies/{entry.id}"
    for day in ("", "2020-01-01", "tomorrow", in_days(house.clock, 0)):
        answer = send(client, page, f"{page}/snooze", how="day", until=day)
        assert answer.status_code == 409
        assert "choose a day after today" in answer.text
    assert send(client, page, f"{page}/snooze", how="day", until=in_days(house.clock, 3)).status_code == 303
    assert str(now(house, entry).snoozed_until) == in_days(house.clock, 3)
    assert send(client, page, f"{page}/reopen").status_code == 303
    assert now(house, entry).state is State.OPEN


def test_another_reason_needs_a_note(house: House) -> None:
    entry = house.entry(1)
    page = f"/discrepancies/{entry.id}"
    answer = send(signed_in(house), page, f"{page}/accept", reason="other")
    assert answer.status_code == 409
    assert "say in a note" in answer.text
    assert now(house, entry) == entry


def test_what_changed_after_it_was_opened_is_left_alone_and_shown_as_it_stands(house: House) -> None:
    entry = house.entry(1)
    client, page = signed_in(house), f"/discrepancies/{entry.id}"
    forms = Forms(client.get(page).text).found
    house.store.ledger.keep(entry, *ledger.assign(entry, "Somebody else", by="ana", at=house.clock()))
    house.syncs.fails = StaleRecord("It changed.")
    for verb in ("assign", "snooze", "accept", "comment", "use"):
        more = {"side": "civicrm", "reason": "timing", "remark": "mine"}
        answer = client.post(f"{page}/{verb}", data={**forms[f"{page}/{verb}"], **more})
        assert answer.status_code == 409, verb
        assert "changed after you opened it" in answer.text
        assert "in the hands of Somebody else" in answer.text
    assert now(house, entry).state is State.OPEN
    assert house.syncs.asked == []


def test_a_value_is_chosen_through_the_worker(house: House) -> None:
    entry = house.entry(1)
    page = f"/discrepancies/{entry.id}"
    client = signed_in(house)
    answer = send(client, page, f"{page}/use", side="airtable")
    assert answer.headers["Location"] == "/syncs/0000000000000000"
    (asked,) = house.syncs.asked
    assert asked["chosen"] == "airtable"
    assert house.syncs.said == [{"key": str(entry.id), "stamp": entry.stamp}]
    assert "waiting its turn" in client.get(answer.headers["Location"]).text


def test_a_pair_is_answered(house: House) -> None:
    entry = house.entry(1, code=104, field=None, details={"candidate": "Arroyo Bakery Inc", "score": "0.93"})
    client = signed_in(house)
    assert "93%" in client.get("/matches").text
    assert "Arroyo Bakery Inc" in client.get("/matches").text
    assert send(client, "/matches", f"/matches/{entry.id}", answer="same").headers["Location"] == "/matches"
    assert send(client, "/matches", f"/matches/{entry.id}", answer="not_same").status_code == 303
    assert [each["same"] for each in house.syncs.said] == [True, False]
    assert {each["stamp"] for each in house.syncs.said} == {entry.stamp}


def test_a_sync_is_put_in_line(house: House) -> None:
    client = signed_in(house)
    answer = send(client, "/runs", "/syncs", mapping="groups", record="civicrm:12", dry_run="true")
    assert answer.headers["Location"] == "/syncs/0000000000000000"
    assert (house.syncs.asked[0]["record"], house.syncs.asked[0]["dry_run"]) == ("civicrm:12", True)
    assert send(client, "/runs", "/syncs", mapping="others").status_code == 404
    assert send(client, "/runs", "/syncs", record="'; drop").status_code == 422
    assert len(house.syncs.asked) == 1


ROUTES = [
    route.path
    for router in (deeds.router, signin.router, pages.router)
    for route in router.routes
    if isinstance(route, APIRoute) and "POST" in route.methods and route.path != "/sign-in"
]


def test_no_form_works_for_strangers_viewers_or_other_sites(house: House) -> None:
    entry = house.entry(1)
    viewer, operator = signed_in(house, "vera"), signed_in(house, "ana")
    assert len(ROUTES) > 9
    for route in ROUTES:
        path = re.sub(r"\{key\}", str(entry.id), route).replace("{digest}", "a" * 64)
        everything = {"stamp": entry.stamp, "remark": "x", "reason": "timing", "side": "civicrm", "answer": "same"}
        stranger = house.client().post(path, data=everything)
        assert stranger.status_code == 303, path
        assert stranger.headers["Location"].startswith("/sign-in")
        if route == "/sign-out":
            continue
        assert viewer.post(path, data={**everything, "csrf": mark(viewer)}).status_code == 403, path
        for csrf in ("", "0" * 64, mark(viewer)):
            assert operator.post(path, data={**everything, "csrf": csrf}).status_code == 403, path
    assert now(house, entry) == entry
    assert house.syncs.asked == []


def test_a_viewer_sees_no_form_but_the_way_out(house: House) -> None:
    entry = house.entry(1)
    client = signed_in(house, "vera")
    for page in ("/", "/discrepancies", f"/discrepancies/{entry.id}", "/matches", "/runs"):
        forms = [form for form, fields in Forms(client.get(page).text).found.items() if "csrf" in fields]
        assert forms == ["/sign-out"], page

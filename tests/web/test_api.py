"""The HTTP API: what it shows, who may say what, and what it refuses."""

import hashlib
import json
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.cli.plans import run_record
from bridge.core.ledger import State
from bridge.core.mapping import Severity
from bridge.errors import RequestRejected, RunInProgress, StaleRecord, StoreError
from bridge.ports import RunState
from bridge.web.gate import MOST_BYTES
from bridge.web.server import web_app
from bridge.web.shapes import Run
from bridge.web.visitors import Pace
from web.web_office import Holder, House, in_days, token

NASTY = "<script>alert(1)</script>\u202e\x00"
IN_PATHS = {"{run}": "1", "{key}": "1", "{id}": "a" * 16, "{digest}": "a" * 64}
OPEN_TO_ALL = {"/healthz", "/readyz", "/metrics"}


def post(house: House, name: str, path: str, body: Any = None, **headers: str) -> Any:
    return house.client(name).post(path, json={} if body is None else body, headers=headers)


# ── who may come in ──


def test_every_route_of_the_api_needs_a_token(house: House) -> None:
    asked = 0
    for path, operations in web_app(house.office).openapi()["paths"].items():
        if path in OPEN_TO_ALL:
            continue
        for method in operations:
            concrete = re.sub(r"\{\w+\}", lambda found: IN_PATHS[found[0]], path)
            answer = house.client().request(method, concrete, json={})
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            asked += 1
    assert asked > 12
    assert house.client().get("/api/v1/nothing").status_code == 404


@pytest.mark.parametrize("wrong", ["nobody's token", "", "ñandú", "x" * 5000])
def test_a_wrong_token_is_told_as_wrong_everywhere(house: House, wrong: str) -> None:
    client = house.client()
    headers = {"Authorization": f"Bearer {wrong}".encode()}
    for path in ("/api/v1/runs", "/readyz", "/metrics"):
        assert client.get(path, headers=headers).status_code in ((401,) if wrong else (401, 200))


def test_a_digest_from_the_settings_is_no_token(house: House) -> None:
    digest = house.holders[0].sha256
    assert house.client().get("/api/v1/runs", headers={"Authorization": f"Bearer {digest}"}).status_code == 401


WRITES = [
    ("/api/v1/discrepancies/1/assign", {"assignee": "Lupe"}, "operator"),
    ("/api/v1/discrepancies/1/snooze", {}, "operator"),
    ("/api/v1/discrepancies/1/accept", {"reason": "timing"}, "operator"),
    ("/api/v1/discrepancies/1/reopen", {}, "operator"),
    ("/api/v1/discrepancies/1/use", {"side": "airtable"}, "operator"),
    ("/api/v1/discrepancies/1/match", {"same": True}, "operator"),
    ("/api/v1/syncs", {}, "operator"),
    (f"/api/v1/plans/{'a' * 64}/approve", {}, "admin"),
    (f"/api/v1/plans/{'a' * 64}/reject", {}, "admin"),
]


@pytest.mark.parametrize(("path", "body", "role"), WRITES)
def test_each_write_needs_its_role(house: House, path: str, body: dict[str, Any], role: str) -> None:
    house.entry(1)
    below = {"operator": ["vera"], "admin": ["vera", "olga"]}[role]
    for name in below:
        refused = post(house, name, path, body)
        assert refused.status_code == 403
        assert role in refused.json()["detail"]
    assert house.syncs.asked == []
    assert post(house, "ana", path, body).status_code != 403


# ── looking ──


def test_a_run_looks_as_it_does_on_the_command_line(house: House) -> None:
    number = house.ran(changes=3, discrepancies=5, written=2)
    record = house.store.runs.get(number)
    assert record is not None
    (shown,) = house.client("vera").get("/api/v1/runs").json()
    said = run_record(record)
    assert {**shown, "started_at": None, "finished_at": None} == {**said, "started_at": None, "finished_at": None}
    assert Run.of(record).started_at.isoformat() == said["started_at"]
    whole = house.client("vera").get(f"/api/v1/runs/{number}").json()
    assert (whole["plan"], whole["writes"]) == (None, [])
    assert house.client("vera").get("/api/v1/runs/999").status_code == 404


def test_discrepancies_are_filtered_counted_and_paged(house: House) -> None:
    house.entry(1)
    house.entry(2, code=206, severity=Severity.HIGH)
    house.entry(3, state=State.ACCEPTED, accepted_reason="timing")
    house.entry(4, assignee="Lupe")
    client = house.client("vera")

    def numbers(query: str) -> list[int]:
        return [int(each["civicrm_id"]) for each in client.get(f"/api/v1/discrepancies?{query}").json()]

    assert numbers("") == [2, 1, 4, 3], "open first, then the severe"
    assert numbers("state=accepted") == [3]
    assert numbers("code=206") == [2]
    assert numbers("severity=high") == [2]
    assert numbers("assignee=Lupe") == [4]
    assert numbers("mapping=groups&limit=2&offset=1") == [1, 4]
    assert numbers("mapping=others") == []
    assert client.get("/api/v1/discrepancies?limit=1").headers["X-Total-Count"] == "4"


def test_a_discrepancy_speaks_the_language_asked_for(house: House) -> None:
    entry = house.entry(1)
    client = house.client("vera")
    english = client.get(f"/api/v1/discrepancies/{entry.id}").json()
    spanish = client.get(f"/api/v1/discrepancies/{entry.fingerprint}?language=es").json()
    assert english["fingerprint"] == spanish["fingerprint"]
    assert english["text"] != spanish["text"]
    assert [each["what"] for each in english["history"]] == ["opened"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/runs?limit=0",
        "/api/v1/runs?limit=x",
        "/api/v1/runs/0",
        "/api/v1/runs/99999999999999999999",
        "/api/v1/discrepancies?state=gone",
        "/api/v1/discrepancies?code=7",
        "/api/v1/discrepancies?mapping=../etc",
        "/api/v1/discrepancies/x'--",
        "/api/v1/syncs/1",
    ],
)
def test_what_is_out_of_bounds_is_refused_without_repeating_it(house: House, path: str) -> None:
    answer = house.client("vera").get(path)
    assert answer.status_code == 422
    assert answer.json()["title"] == "Unprocessable Content"
    assert "etc" not in answer.text


# ── a person's word ──


def test_a_person_assigns_snoozes_accepts_and_reopens_under_the_name_of_their_token(house: House) -> None:
    number = house.entry(1).id
    said = post(house, "olga", f"/api/v1/discrepancies/{number}/assign", {"assignee": "Lupe", "note": "phones today"}).json()
    assert said["assignee"] == "Lupe"
    said = post(house, "olga", f"/api/v1/discrepancies/{number}/snooze", {"until": in_days(house.clock, 7)}).json()
    assert (said["state"], said["snoozed_until"]) == ("snoozed", in_days(house.clock, 7))
    assert post(house, "olga", f"/api/v1/discrepancies/{number}/reopen").json()["state"] == "open"
    said = post(house, "ana", f"/api/v1/discrepancies/{number}/accept", {"reason": "other", "note": "the board said so"}).json()
    assert (said["state"], said["note"]) == ("accepted", "the board said so")
    assert [(each["what"], each["by"]) for each in said["history"]] == [
        ("opened", "bridge"),
        ("assigned", "olga"),
        ("snoozed", "olga"),
        ("woke", "olga"),
        ("accepted", "ana"),
    ]


@pytest.mark.parametrize(
    ("word", "body", "status"),
    [
        ("snooze", {"until": "2020-01-01"}, 409),
        ("snooze", {"until": "tomorrow"}, 422),
        ("accept", {"reason": "because"}, 422),
        ("accept", {"reason": "other"}, 409),
        ("assign", {"assignee": ""}, 422),
        ("assign", {"assignee": "x" * 81}, 422),
        ("assign", {"assignee": "Lupe\x00"}, 422),
        ("assign", {"asignee": "Lupe"}, 422),
        ("reopen", {}, 409),
        ("reopen", {"note": "x" * 501}, 422),
        ("reopen", [], 422),
    ],
)
def test_a_word_that_makes_no_sense_changes_nothing(house: House, word: str, body: Any, status: int) -> None:
    before = house.entry(1)
    answer = post(house, "olga", f"/api/v1/discrepancies/{before.id}/{word}", body)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"status", "title", "detail", "next_step"}
    assert house.store.ledger.get(before.fingerprint) == before


def test_there_is_no_word_on_a_discrepancy_that_is_none(house: House) -> None:
    assert post(house, "olga", "/api/v1/discrepancies/99/reopen").status_code == 404


def test_what_a_record_says_comes_back_as_text_only(house: House) -> None:
    entry = house.entry(1, name=NASTY)
    answer = house.client("vera").get(f"/api/v1/discrepancies/{entry.id}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["name"] == NASTY


# ── syncs ──


def test_a_sync_is_put_in_line_and_followed(house: House) -> None:
    answer = post(house, "olga", "/api/v1/syncs", {"mapping": "groups", "record": "civicrm:12", "dry_run": True})
    assert answer.status_code == 202
    where = answer.headers["Location"]
    (asked,) = house.syncs.asked
    assert {name: asked[name] for name in ("mapping", "record", "dry_run", "by")} == {
        "mapping": "groups",
        "record": "civicrm:12",
        "dry_run": True,
        "by": "olga",
    }
    record = house.store.runs.get(house.ran("plan"))
    asked.update(state="done", finished_at=house.clock(), runs=[record])
    followed = house.client("vera").get(where).json()
    assert followed["state"] == "done"
    assert [run["kind"] for run in followed["runs"]] == ["plan"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"mapping": "others"}, 404),
        ({"mapping": "Groups!"}, 422),
        ({"record": "civicrm:x"}, 422),
        ({"record": "airtable:12"}, 422),
        ({"dry_run": "perhaps"}, 422),
        ({"delete": True}, 422),
    ],
)
def test_a_sync_of_nothing_is_refused(house: House, body: dict[str, Any], status: int) -> None:
    assert post(house, "olga", "/api/v1/syncs", body).status_code == status
    assert house.syncs.asked == []


def test_an_idempotency_key_goes_with_whoever_sent_it(house: House) -> None:
    client = house.client("olga")
    client.post("/api/v1/syncs", json={}, headers={"Idempotency-Key": "morning"})
    client.post("/api/v1/syncs", json={})
    assert [each["key"] for each in house.syncs.said] == ["morning", ""]
    assert [each["by"] for each in house.syncs.asked] == ["olga", "olga"]
    assert client.post("/api/v1/syncs", json={}, headers={"Idempotency-Key": "x" * 256}).status_code == 422
    house.syncs.fails = RequestRejected("This Idempotency-Key was used for another request.", next_step="use a new one.")
    other = client.post("/api/v1/syncs", json={"mapping": "groups"}, headers={"Idempotency-Key": "morning"})
    assert (other.status_code, other.json()["next_step"]) == (409, "use a new one.")


def test_a_server_that_is_too_busy_says_when_to_come_back(house: House) -> None:
    house.syncs.fails = RunInProgress("50 syncs wait already.", next_step="ask again in a minute.")
    answer = post(house, "olga", "/api/v1/syncs")
    assert (answer.status_code, answer.json()["next_step"]) == (503, "ask again in a minute.")


def test_only_a_plan_that_is_held_can_be_approved(house: House) -> None:
    answer = post(house, "ana", f"/api/v1/plans/{'a' * 64}/approve")
    assert answer.status_code == 404
    assert house.client("vera").get("/api/v1/plans").json() == []


def test_a_value_is_chosen_of_the_discrepancy_that_was_looked_at(house: House) -> None:
    entry = house.entry(1)
    whole = house.client("olga").get("/api/v1/discrepancies/1").json()
    assert whole["stamp"] == entry.stamp
    answer = post(house, "olga", "/api/v1/discrepancies/1/use", {"side": "airtable", "stamp": whole["stamp"]})
    assert (answer.status_code, answer.json()["chosen"], answer.json()["by"]) == (202, "airtable", "olga")
    assert house.syncs.said == [{"key": entry.fingerprint, "stamp": entry.stamp}]
    assert post(house, "olga", "/api/v1/discrepancies/1/use", {"side": "both"}).status_code == 422
    house.syncs.fails = StaleRecord("Discrepancy 1 is not what it was when it was shown.", next_step="look at it again.")
    assert post(house, "olga", "/api/v1/discrepancies/1/use", {"side": "airtable"}).status_code == 409


def test_a_person_says_of_a_suggested_pair_whether_the_two_are_the_same(house: House) -> None:
    entry = house.entry(1, code=104)
    answer = post(house, "olga", "/api/v1/discrepancies/1/match", {"same": False, "stamp": entry.stamp})
    assert answer.status_code == 200
    assert house.syncs.said == [{"key": entry.fingerprint, "same": False, "stamp": entry.stamp}]


# ── bounds, headers, and the line in the log ──


def test_a_body_that_is_too_large_is_refused_before_it_is_read(house: House) -> None:
    client = house.client("olga")
    large = b'{"mapping": "' + b"x" * MOST_BYTES + b'"}'
    assert client.post("/api/v1/syncs", content=large).status_code == 413
    chunks = (large[start : start + 1000] for start in range(0, len(large), 1000))
    answer = client.post("/api/v1/syncs", content=chunks)
    assert answer.status_code == 413, "also where nobody said beforehand how large it is"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert house.syncs.asked == []


def test_whoever_asks_too_often_is_told_when_to_ask_again(house: House) -> None:
    client = house.client("vera")
    answers = [client.get("/api/v1/runs") for _ in range(60)]
    assert {each.status_code for each in answers} == {200}
    refused = next(each for each in (client.get("/api/v1/runs") for _ in range(2000)) if each.status_code != 200)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1


def test_strangers_and_people_do_not_wait_for_one_another(house: House) -> None:
    client = house.client()
    assert any(client.get("/api/v1/runs").status_code == 429 for _ in range(2000))
    allowed = client.get("/api/v1/runs", headers={"Authorization": f"Bearer {token('vera')}"})
    assert allowed.status_code == 200


def test_a_pace_gives_back_what_time_has_earned() -> None:
    now = [0.0]
    pace = Pace(per_second=2, burst=3, now=lambda: now[0])
    assert [pace.wait("a") for _ in range(3)] == [0, 0, 0]
    assert pace.wait("a") == pytest.approx(0.5)
    assert pace.wait("b") == 0
    now[0] = 0.5
    assert pace.wait("a") == 0
    assert pace.wait("a") > 0


def test_every_answer_tells_the_browser_to_do_nothing_with_it(house: House) -> None:
    client = house.client("vera")
    for path in ("/api/v1/runs", "/api/v1/nothing", "/healthz", "/readyz", "/", "/sign-in", "/api/v1/openapi.json"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "server" not in headers


def test_every_call_leaves_one_line_with_who_and_what_and_no_value(house: House) -> None:
    number = house.entry(1).id
    with capture_logs() as lines:
        post(house, "olga", f"/api/v1/discrepancies/{number}/assign", {"assignee": "Lupe Ortega", "note": "secret words"})
        post(house, "vera", f"/api/v1/discrepancies/{number}/reopen")
        house.client().post("/api/v1/syncs", json={})
        house.client("vera").get("/api/v1/discrepancies?assignee=Lupe")
        house.client().get("/sign-in")
        for machines in ("/healthz", "/readyz", "/metrics"):
            house.client().get(machines)
    calls = [line for line in lines if line["event"] == "web call"]
    assert [(line["by"], line["method"], line["route"], line["status"]) for line in calls] == [
        ("olga", "POST", "/api/v1/discrepancies/{key}/assign", 200),
        ("vera", "POST", "/api/v1/discrepancies/{key}/reopen", 403),
        ("unknown", "POST", "/api/v1/syncs", 401),
        ("vera", "GET", "/api/v1/discrepancies", 200),
        ("unknown", "GET", "/sign-in", 200),
    ]
    assert calls[0]["discrepancy"] == number
    assert "Lupe" not in str(lines)
    assert "secret" not in str(lines)


def test_a_state_that_cannot_be_read_is_an_answer_and_not_a_traceback(house: House) -> None:
    def gone(*_: object, **__: object) -> Any:
        raise StoreError("The state cannot be read.", next_step="run `bridge db check`.")

    client = house.client("vera", raise_server_exceptions=False)
    client.app.state.office.syncs.fails = None  # type: ignore[attr-defined]  # TestClient does not say what app it has
    object.__setattr__(house.store, "runs", type("Gone", (), {"list": gone, "totals": gone})())
    answer = client.get("/api/v1/runs")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The state cannot be read.")
    assert client.get("/readyz").status_code == 503


def test_a_defect_of_ours_tells_only_its_kind(house: House) -> None:
    house.syncs.fails = ValueError("Lupe Ortega")
    with capture_logs() as lines:
        answer = house.client("olga", raise_server_exceptions=False).post("/api/v1/syncs", json={})
    assert answer.status_code == 500
    assert "Lupe" not in answer.text + str(lines)
    assert any(line["event"] == "web call broke" and line["error"] == "ValueError" for line in lines)


# ── following a sync ──


def events(text: str) -> list[dict[str, Any]]:
    """The data of a stream's events."""
    return [json.loads(found) for found in re.findall(r"^event: sync\ndata: (.+)$", text, re.MULTILINE)]


def test_a_sync_is_followed_by_its_events_until_it_has_ended(house: House) -> None:
    asked = post(house, "olga", "/api/v1/syncs", {"mapping": "groups"}).json()
    running = {"state": "running", "progress": [{"what": "CiviCRM", "done": 250, "total": 500}]}
    house.syncs.script = [{}, running, running, {"state": "done", "progress": [], "finished_at": house.clock()}]
    answer = house.client("vera").get(f"/api/v1/syncs/{asked['id']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: 2000\n\n")
    told = events(answer.text)
    assert [each["state"] for each in told] == ["waiting", "running", "done"]
    assert told[1]["progress"] == [{"what": "CiviCRM", "done": 250, "total": 500}]


def test_one_that_has_ended_is_told_once_and_one_that_is_not_known_is_not_there(house: House) -> None:
    asked = post(house, "olga", "/api/v1/syncs").json()
    house.syncs.asked[0].update(state="failed", finished_at=house.clock(), problem="CiviCRM did not answer.")
    told = events(house.client("vera").get(f"/api/v1/syncs/{asked['id']}/events").text)
    assert [(each["state"], each["problem"]) for each in told] == [("failed", "CiviCRM did not answer.")]
    assert house.client("vera").get(f"/api/v1/syncs/{'f' * 16}/events").status_code == 404


def test_a_sync_may_be_told_to_observe_or_to_look_only_at_what_changed(house: House) -> None:
    post(house, "olga", "/api/v1/syncs", {"mode": "observe", "delta": True})
    assert (house.syncs.asked[0]["mode"], house.syncs.asked[0]["delta"]) == ("observe", True)
    assert post(house, "olga", "/api/v1/syncs", {"mode": "write"}).status_code == 422


# ── tokens that come and go ──


def test_a_token_is_given_and_taken_without_a_restart(house: House) -> None:
    client = house.client("vera")
    assert client.get("/api/v1/runs").status_code == 200
    house.holders = [each for each in house.holders if each.name != "vera"]
    assert client.get("/api/v1/runs").status_code == 401
    house.holders = [*house.holders, Holder("viewer", "vera", hashlib.sha256(token("vera").encode()).hexdigest())]
    assert client.get("/api/v1/runs").status_code == 200


# ── its description ──


def test_the_description_names_every_route_with_its_errors(house: House) -> None:
    described = house.client("vera").get("/api/v1/openapi.json").json()
    paths = {path for path in described["paths"] if path.startswith("/api/v1")}
    assert "/api/v1/discrepancies/{key}/snooze" in paths
    for path in paths - {"/api/v1/openapi.json"}:
        for operation in described["paths"][path].values():
            assert {"401", "422", "429"} <= set(operation["responses"])
            assert operation["description"]
            assert operation["security"] == [{"HTTPBearer": []}, {"APIKeyCookie": []}]
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert RunState.HELD.value in str(described["components"]["schemas"]["RunState"])

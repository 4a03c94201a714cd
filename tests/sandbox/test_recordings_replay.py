"""Every recording of a running CiviCRM, asked again of the sandbox: the same status, form and kinds of values.

Rows differ, so shapes are compared: HTTP status, content type, keys of the envelope, error or values, the error's text
where the recorded user saw it, whether rows came at all, and the JSON types of what both rows have. Three recordings
are tables of many calls; those are replayed exactly.
"""

import ast
import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import pytest

from bridge.sandbox.civicrm import API_KEYS, CiviCRM
from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import base_entity
from bridge.sandbox.http import Request, Response

RECORDINGS = Path(__file__).parents[2] / ".." / "shared" / "recordings"
VERSIONS = {"civicrm-6.17.2": "6.17", "civicrm-5.78.3": "5.78"}
NOW = dt.datetime(2026, 11, 21, 19, 30, tzinfo=dt.UTC)
MISSING_ID = 90_000_000

# What is not replayed, by the beginning of the case's name, and why.
OUT_OF_SCOPE = {
    "v3/": "API v3 is not served",
    "setup/": "custom groups and types are tables here, not made through the API",
    "failure/": "a fault of the host, which the fault plan commits",
    "transport/host_mismatch": "the Host header means nothing to the sandbox",
}
# Where 5.78 differs in a way the sandbox does not follow.
DIFFERS = {
    ("5.78", "read/contact_where_custom_multi_contains_array"): "CONTAINS with a list matches nothing",
    ("5.78", "read/where_int_field_with_text"): "a text for a number matches nothing",
    ("5.78", "write/contact_update_int_float"): "one word of the message",
    ("5.78", "write/contact_update_int_garbage"): "one word of the message",
    ("5.78", "write/contact_update_money_garbage"): "one word of the message",
}
# Rows a case needs of what was done before it, where its own request and answer do not tell.
_MERGED: list[tuple[str, Row]] = [
    ("Activity", {"id": 990, "activity_type_id": 51, "target_contact_id": [768], "status_id": 2}),
    ("Activity", {"id": 991, "activity_type_id": 52, "target_contact_id": [769], "parent_id": 990, "status_id": 2}),
]
_EMPLOYED: list[tuple[str, Row]] = [
    ("Contact", {"id": 6985, "contact_type": "Individual", "first_name": "Ana", "last_name": "Rossi"}),
    ("Relationship", {"id": 253, "contact_id_a": 6985, "contact_id_b": 8, "relationship_type_id": 5}),
]
NEEDS: dict[str, list[tuple[str, Row]]] = {
    "read/relationship_get": _EMPLOYED,
    "relationship/duplicate": _EMPLOYED,
    "relationship/same_contact": _EMPLOYED,
    "relationship/wrong_types": _EMPLOYED,
    "merge/activity": _MERGED,
    "merge/getMergedTo": _MERGED,
    "merge/getMergedTo_as_syncbot": _MERGED,
    "merge/getMergedFrom": _MERGED,
    "read/offset_without_limit": [("Contact", {"id": number}) for number in range(1000, 1710)],
    "delete/membership_delete": [
        ("Contact", {"id": 746, "contact_type": "Organization", "external_identifier": "S-CH"}),
        ("Membership", {"id": 395, "contact_id": 746, "membership_type_id": 2, "status_id": 1}),
    ],
}
# The identifiers that trashed contacts held when a case ran.
HELD = {
    "delete/create_with_ext_of_trashed": "S-B",
    "permissions/nocustom/save_match_ext_of_trashed": "X-T",
    "save/save_partial_failure": "S-A",
    "save/save_match_trashed_reload_bool_as_admin": "K-4",
    "save/save_match_trashed_reload_bool_as_syncbot": "K-4",
    "merge/update_trashed_by_id_as_readonly_perm": "G-4",
}


def cases() -> Iterator[Any]:
    for folder in VERSIONS:
        root = RECORDINGS / folder
        for path in sorted(root.rglob("*.json")):
            name = path.relative_to(root).with_suffix("").as_posix()
            yield pytest.param(folder, name, id=f"{folder.removeprefix('civicrm-')}-{name}")


def recorded(folder: str, name: str) -> Any:
    return json.loads((RECORDINGS / folder / f"{name}.json").read_text())


def why_out_of_scope(folder: str, name: str, recording: Any) -> str | None:
    if (VERSIONS[folder], name) in DIFFERS:
        return "5.78 differs in a way the sandbox does not follow"
    if not isinstance(recording, dict) or "request" not in recording:
        return "a table of many calls"
    return next((why for start, why in OUT_OF_SCOPE.items() if name.startswith(start)), None)


def test_the_large_majority_of_the_recordings_is_replayed(proof: Callable[[str], None]) -> None:
    found = [(str(folder), str(name)) for folder, name in (case.values for case in cases())]
    if not found:
        pytest.skip(f"no recordings in {RECORDINGS}")
    reasons = Counter(why_out_of_scope(folder, name, recorded(folder, name)) for folder, name in found)
    proof(f"{reasons.pop(None)} of {len(found)} recordings are replayed; not: {dict(reasons)}")
    assert reasons.total() < len(found) * 0.08


@pytest.mark.parametrize(("folder", "name"), list(cases()))
def test_the_sandbox_answers_in_the_form_recorded(folder: str, name: str) -> None:
    recording = recorded(folder, name)
    why = why_out_of_scope(folder, name, recording)
    if why:
        pytest.skip(why)
    civicrm = CiviCRM(VERSIONS[folder], clock=lambda: NOW)
    seed(civicrm, name, recording)
    answered = civicrm.handle(request_of(recording["request"]))
    assert shape(answered, recording) == shape_recorded(recording)
    assert_types_agree(answered, recording)


# -- asking


def request_of(recording: Mapping[str, Any]) -> Request:
    path, _, query = recording["path"].partition("?")
    headers = {name.lower(): credential(value) for name, value in recording["headers"].items()}
    body = recording.get("raw_body")
    if body is None and recording.get("params") is not None:
        form = {"params": json.dumps(recording["params"])}
        if "index" in recording:
            form["index"] = str(recording["index"])
        body = urlencode(form)
    return Request(recording["method"], unquote(path), parse_qs(query, keep_blank_values=True), headers, (body or "").encode())


def credential(value: str) -> str:
    kind, _, key = value.partition(" <api key")
    if not key:
        return value
    user = key.strip(": >") or "admin"
    return kind if user == "None" else f"{kind} {API_KEYS.get(user, 'unknown')}"


# -- what must be there before


def seed(civicrm: CiviCRM, name: str, recording: Mapping[str, Any]) -> None:
    """The rows the answer shows, those the request and the refusal name, and a small federation around them."""
    rows: dict[tuple[str, int], Row] = {}
    refused = "error_message" in recording["response"]["body"]
    holder = {"id": 90, "is_deleted": True, "external_identifier": HELD.get(name)}
    held = [("Contact", holder)] if name in HELD and refused else []
    for entity, row in (*federation(), *rows_implied(recording), *NEEDS.get(name, ()), *held):
        rows[entity, row["id"]] = {**rows.get((entity, row["id"]), {}), **row}
    for (entity, _), row in rows.items():
        if entity in civicrm.site.schema.entities:
            civicrm.load(entity, [kept(civicrm, entity, row)])


def kept(civicrm: CiviCRM, entity: str, row: Row) -> Row:
    """A row as its columns keep it, from what was shown of it."""
    fields = civicrm.site.schema.fields(entity)
    kind = {"contact_type": "Organization"} if entity == "Contact" else {}
    return kind | {
        name: civicrm.site.kept(fields[name], value) if fields[name].in_utc else value
        for name, value in row.items()
        if name in fields
    }


def federation() -> Iterator[tuple[str, Row]]:
    for number in range(8, 21):
        organization = {"contact_type": "Organization", "organization_name": f"Co-op {number}", "source": "seed"}
        details = {"Coop_Details.benefits_status": "active", "Coop_Details.Sectors": ["tech", "edu", "care"]}
        identifier = {"external_identifier": f"USWC-{number - 7:05}"} if number > 8 else {}
        key = {"Coop_Details.External_Key": f"ledger-{number - 8:04}"}
        yield "Contact", {"id": number, **organization, **details, **identifier, **key}
        dates = {"join_date": "2026-01-01", "start_date": "2026-01-01", "end_date": "2026-12-31"}
        status = {"status_id": 3 if number < 11 else 2, "membership_type_id": 2}
        yield "Membership", {"id": number + 11, "contact_id": number, **status, **dates}
        yield "Email", {"id": number, "contact_id": number, "email": f"info@{number}.example.org", "is_primary": True}
    yield "Email", {"id": 40, "contact_id": 10, "email": "billing@example.org", "location_type_id": 5}
    for number in (408, 409):
        yield "Contact", {"id": number, "contact_type": "Individual", "first_name": "Mei", "last_name": "García"}
    money = {"total_amount": 100, "financial_type_id": 2, "currency": "USD", "source": "seed dues"}
    yield "Contribution", {"id": 1, "contact_id": 8, "receive_date": "2026-09-28 10:30:00", **money}


def rows_implied(recording: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    request, body = recording["request"], recording["response"]["body"]
    entity, _, action = request["path"].split("?")[0].removeprefix("/civicrm/ajax/api4/").partition("/")
    entity = base_entity(entity)
    params = request.get("params") if isinstance(request.get("params"), dict) else {}
    answered = body.get("values") if isinstance(body, dict) else None
    if isinstance(body, dict) and (found := re.match("Could not delete Contact id (\\d+)", body.get("error_message", ""))):
        yield "Contribution", {"id": 900, "contact_id": int(found[1]), "total_amount": 1}
    if action == "get" and not answered:
        return
    conditions = dict(equalities(params))
    if "near_contact_id" in conditions:
        employer = conditions["near_contact_id"]
        yield "Relationship", {"id": 254, "contact_id_a": 408, "contact_id_b": employer, "relationship_type_id": 5}
    matched = body.get("countMatched") if isinstance(body, dict) else 0
    if action in ("get", "update", "delete") or (action == "save" and (matched or any_ids(params))):
        for row in answered if isinstance(answered, list) else ():
            if str(row.get("id", "")).isdigit() and not recording["response"].get("values_trimmed_from"):
                shown = {name: value for name, value in row.items() if value is not None and ":" not in name}
                yield entity, {**conditions, **shown, "id": int(row["id"])}
    yield from ((entity, {"id": number}) for number in ids_named(params))
    yield from contacts_named(params)


def any_ids(params: Mapping[str, Any]) -> bool:
    return any("id" in record for record in params.get("records") or ())


def equalities(params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for clause in params.get("where") or () if isinstance(params.get("where"), list) else ():
        if clause[1:2] == ["="]:
            yield clause[0], clause[2]
        if clause[1:2] == ["IN"] and len(clause[2]) == 1:
            yield clause[0], clause[2][0]


def ids_named(params: Mapping[str, Any]) -> Iterator[int]:
    records = params.get("records")
    for record in records if isinstance(records, list) else ():
        if isinstance(record.get("id"), int) and record["id"] < MISSING_ID:
            yield record["id"]
    for clause in params.get("where") or () if isinstance(params.get("where"), list) else ():
        if isinstance(clause, list) and clause[0] == "id" and len(clause) > 2:
            values = clause[2] if isinstance(clause[2], list) else [clause[2]]
            yield from (value for value in values if isinstance(value, int) and 0 < value < MISSING_ID)


def contacts_named(params: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    records = params.get("records")
    sent = [params, params.get("values") or {}, *(records if isinstance(records, list) else ())]
    for record in (*sent, dict(equalities(params))):
        for name in ("contactId", "duplicateId", "contact_id"):
            number = record.get(name)
            if isinstance(number, int) and number < MISSING_ID and number > 20:
                unlike = params.get("mode") == "safe" and (params["contactId"], name) != (771, "duplicateId")
                names = {"organization_name": f"Merge {name if number < 769 else 'G'}"} if unlike else {}
                yield "Contact", {"id": number, **names}


# -- comparing


def shape(answer: Response, recording: Mapping[str, Any]) -> dict[str, Any]:
    content_type = dict(answer.headers).get("Content-Type", "")
    is_json = content_type.startswith("application/json") and recording["request"]["method"] != "HEAD"
    return shape_of(answer.status, content_type, json.loads(answer.body) if is_json else None)


def shape_recorded(recording: Mapping[str, Any]) -> dict[str, Any]:
    response = recording["response"]
    body = response["body"] if response["is_json"] else None
    return shape_of(response["status"], response["headers"].get("Content-Type", ""), body)


def shape_of(status: int, content_type: str, body: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"status": status, "content": content_type.split(";", maxsplit=1)[0]}
    if isinstance(body, dict):
        found["keys"] = sorted(body)
        found["values"] = type(body.get("values")).__name__
        found["rows"] = bool(body.get("values"))
        if "error_message" in body:
            found["error"] = body["error_message"].partition("(Error ID")[0], body["error_code"], body.get("status")
    return found


def assert_types_agree(answer: Response, recording: Mapping[str, Any]) -> None:
    expected, found = first_row(recording["response"]["body"]), first_row(body_of(answer))
    for name in expected.keys() & found.keys():
        both = kind_of(expected[name]), kind_of(found[name])
        assert both[0] == both[1] or "null" in both, f"{name}: recorded {both[0]}, answered {both[1]}"


def body_of(answer: Response) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def first_row(body: Any) -> Row:
    values = body.get("values") if isinstance(body, dict) else None
    row = values[0] if isinstance(values, list) and values else values
    return row if isinstance(row, dict) else {}


def kind_of(value: Any) -> str:
    if value is None or value == []:
        return "null"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


# -- the tables of many calls, replayed exactly


def table(name: str, folder: str = "civicrm-6.17.2") -> list[Row]:
    path = RECORDINGS / folder / f"{name}.json"
    return list(json.loads(path.read_text())["results"]) if path.exists() else []


def ask(civicrm: CiviCRM, entity: str, action: str, params: Row) -> Any:
    headers = {"x-civi-auth": f"Bearer {API_KEYS['admin']}", "content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"params": json.dumps(params)}).encode()
    answer = json.loads(civicrm.handle(Request("POST", f"/civicrm/ajax/api4/{entity}/{action}", {}, headers, body)).body)
    assert "values" in answer, answer
    return answer["values"]


@pytest.mark.parametrize("result", table("membership/partial_update_recalculates_status"))
def test_a_membership_write_computes_the_status_as_recorded(result: Row) -> None:
    civicrm = CiviCRM(clock=lambda: NOW)
    before = result["before"]
    fields = civicrm.site.schema.fields("Membership")
    civicrm.load("Membership", [{"contact_id": 1, "membership_type_id": 1, "id": before["id"]}])
    civicrm.load("Membership", [civicrm.row("Membership", before["id"]) | {n: before[n] for n in before if n in fields}])
    civicrm.staff_update("Membership", before["id"], {"status_id:name": before["status_id:name"]})
    values = result["values_sent"]
    if result["how"] == "save":
        ask(civicrm, "Membership", "save", {"records": [{"id": before["id"], **values}]})
    else:
        ask(civicrm, "Membership", "update", {"where": [["id", "=", before["id"]]], "values": values})
    select = {"select": list(result["after"]), "where": [["id", "=", before["id"]]]}
    assert ask(civicrm, "Membership", "get", select) == [result["after"]]


def stored(note: str, word: str) -> Row:
    """The row that a note tells in Python's own form: `stored before: {…} stored after: […]`."""
    text = note.partition(f"stored {word}: ")[2].partition(" stored ")[0]
    value = ast.literal_eval(text)
    return dict(value[0] if isinstance(value, list) else value)


def membership_updates() -> list[str]:
    root = RECORDINGS / "civicrm-6.17.2"
    return [path.stem for path in sorted(root.glob("membership/update_*.json")) if "stored after: [{" in path.read_text()]


@pytest.mark.parametrize("name", membership_updates())
def test_a_membership_update_keeps_what_was_recorded(name: str) -> None:
    recording = recorded("civicrm-6.17.2", f"membership/{name}")
    before, after = stored(recording["note"], "before"), stored(recording["note"], "after")
    civicrm = CiviCRM(clock=lambda: NOW)
    seed(civicrm, name, recording)
    options = {"status_id": "MembershipStatus", "membership_type_id": "MembershipType"}
    raw = {key: value for key, value in before.items() if ":" not in key}
    for field, entity in options.items():
        rows = civicrm.site.rows[entity].rows.values()
        raw[field] = next(row["id"] for row in rows if row["name"] == before[f"{field}:name"])
    civicrm.load("Membership", [raw])
    civicrm.handle(request_of(recording["request"]))
    select = {"select": list(after), "where": [["id", "=", before["id"]]]}
    assert ask(civicrm, "Membership", "get", select) == [after]


@pytest.mark.parametrize("result", table("text/round_trip_of_strings"), ids=lambda result: result.get("case"))
def test_text_comes_back_as_recorded(result: Row) -> None:
    civicrm = CiviCRM(clock=lambda: NOW)
    civicrm.load("Contact", [{"id": 757, "contact_type": "Organization"}])
    names = ("organization_name", "nick_name", "Coop_Details.External_Key", "Coop_Details.Notes")
    too_long = len(result["sent"]) > 64
    values = {name: result["sent"] for name in names if not (too_long and name.endswith("Key"))}
    ask(civicrm, "Contact", "update", {"where": [["id", "=", 757]], "values": values})
    expected = {name: value for name, value in result["got"].items() if not (too_long and name.endswith("Key"))}
    select = {"select": list(expected), "where": [["id", "=", 757]]}
    assert ask(civicrm, "Contact", "get", select) == [expected]


WATCHED = {"(watch the individual)": 756, "(watch the employee": 756, "(watch the new organisation)": 755}
NOT_SERVED = ("Website", "IM", "Note", "Custom_Audit_Visits")
MODIFIED = {"which_changes_bump_modified_date": False, "custom_fields_after_full_trigger_rebuild": True}


@pytest.mark.parametrize(("name", "triggers"), MODIFIED.items())
def test_modified_date_moves_for_what_was_recorded(name: str, triggers: bool) -> None:
    ticks = iter(range(10_000))
    civicrm = CiviCRM(clock=lambda: NOW + dt.timedelta(seconds=next(ticks)), custom_triggers=triggers)
    for number, kind in ((754, "Organization"), (755, "Organization"), (756, "Individual")):
        names = {"organization_name": "Mod Coop"} if kind == "Organization" else {"first_name": "Mod"}
        civicrm.load("Contact", [{"id": number, "contact_type": kind, "nick_name": "q", **names}])
    membership = {"contact_id": 754, "membership_type_id": 2, "status_id": 2, "start_date": "2026-01-01"}
    civicrm.load("Membership", [{"id": 696, **membership}])
    civicrm.load("Tag", [{"id": 1, "name": "Board liaison"}])
    for entity, last in {"Email": 722, "Phone": 420, "Address": 302, "Relationship": 250}.items():
        civicrm.site.rows[entity].last_id = last
    wrong = []
    for result in table(f"modified_date/{name}"):
        entity, action = result["api"].split(".")
        if entity in NOT_SERVED:
            continue
        watched = next((number for words, number in WATCHED.items() if words in result["change"]), 754)
        before = civicrm.contacts[watched]["modified_date"]
        ask(civicrm, entity, action, result["params"])
        if (civicrm.contacts[watched]["modified_date"] != before) is not result["bumped"]:
            wrong.append(result["change"])
    assert wrong == []

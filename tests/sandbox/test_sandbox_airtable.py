"""The sandbox's Airtable answers as Airtable's reference and its integrators say Airtable does."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyairtable
import pytest
from pyairtable import formulas

from bridge.sandbox.airtable import TOKEN, Airtable, AirtableError, Column
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.sandbox.limits import MonthlyQuota, RateLimit

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
BASE = "appFederation0001"


class Moment:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_by(self, **period: float) -> None:
        self.now += dt.timedelta(**period)


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def airtable(clock: Moment) -> Airtable:
    made = Airtable(clock=clock, rate_limit=None)
    made.add_base("Benefits", BASE)
    made.add_table(
        BASE,
        "Groups",
        [
            Column("Group name"),
            Column("Status", "singleSelect", {"choices": ["Prospect", "Enrolled"]}),
            Column("Plans", "multipleSelects", {"choices": ["Dental", "Vision"]}),
            Column("Effective date", "date"),
            Column("Called at", "dateTime"),
            Column("Workers", "number"),
            Column("Premium", "currency"),
            Column("Archived", "checkbox"),
            Column("Changed", "lastModifiedTime"),
            Column("Made", "createdTime"),
            Column("Label", "formula", {"formula": "{Group name} & ' (' & {Workers} & ')'"}),
            Column("Each", "formula", {"formula": "{Premium} / {Workers}"}),
        ],
    )
    link = Column("Group", "multipleRecordLinks", {"linkedTableId": "Groups"}, inverse="Enrollees")
    lookup = {"recordLinkFieldId": "Group", "fieldIdInLinkedTable": "Status"}
    made.add_table(BASE, "Enrollees", [Column("Name"), link, Column("Group status", "multipleLookupValues", lookup)])
    return made


class Client:
    """A bare client of the web API."""

    def __init__(self, server: Server, http: httpx.Client) -> None:
        self.server = server
        self.http = http

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.http.request(method, f"{self.server.url}/v0/{path}", json=body, params=query)

    def create(self, **fields: Any) -> str:
        answer = self("POST", f"{BASE}/Groups", {"fields": fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def found(self, formula: str, table: str = "Groups") -> list[str]:
        answer = self("POST", f"{BASE}/{table}/listRecords", {"filterByFormula": formula})
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["records"]]

    def refusal(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self(method, path, body)
        error = answer.json()["error"]
        return answer.status_code, error if isinstance(error, str) else error["type"]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


@pytest.fixture
def client(airtable: Airtable, http: httpx.Client) -> Iterator[Client]:
    with Server(AirtableApi(airtable)) as server:
        yield Client(server, http)


def test_empty_cells_are_left_out(client: Client, airtable: Airtable) -> None:
    record = client.create(**{"Group name": "Arroyo", "Archived": False, "Plans": [], "Workers": 0})
    fields = client("GET", f"{BASE}/Groups/{record}").json()["fields"]
    assert {*fields} == {"Group name", "Workers", "Changed", "Made", "Label", "Each"}
    airtable.edit(BASE, "Groups", record, {"Group name": "", "Workers": None})
    assert {*airtable.row(BASE, "Groups", record)} == {"Changed", "Made", "Label"} | {"Each"}


def test_a_batch_is_kept_whole_or_not_at_all(client: Client, airtable: Airtable) -> None:
    rows: list[Any] = [{"fields": {"Group name": "Arroyo"}}, {"fields": {"Status": "Enroled"}}]
    assert client.refusal("POST", f"{BASE}/Groups", {"records": rows}) == (422, "INVALID_MULTIPLE_CHOICE_OPTIONS")
    assert airtable.rows(BASE, "Groups") == {}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"Status": "enrolled"}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ({"Status": ""}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ({"Plans": ["Dental", "Hearing"]}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
        ({"Plans": "Dental"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Workers": "12"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Workers": True}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Group name": 12}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Group name": "x" * 100_001}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Effective date": "03/02/2026"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Label": "Arroyo"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Made": "2026-03-02"}, "INVALID_VALUE_FOR_COLUMN"),
        ({"Group": "Arroyo"}, "UNKNOWN_FIELD_NAME"),
    ],
)
def test_a_cell_that_does_not_fit_is_refused(client: Client, fields: dict[str, Any], kind: str) -> None:
    assert client.refusal("POST", f"{BASE}/Groups", {"fields": fields}) == (422, kind)


def test_an_unknown_option_is_refused_with_airtables_misleading_words(client: Client) -> None:
    answer = client("POST", f"{BASE}/Groups", {"fields": {"Status": "Golld"}})
    message = 'Insufficient permissions to create new select option ""Golld""'
    assert answer.json() == {"error": {"type": "INVALID_MULTIPLE_CHOICE_OPTIONS", "message": message}}


def test_typecast_reads_text_and_makes_options(client: Client, airtable: Airtable) -> None:
    fields = {"Status": "Golld", "Workers": "1,200", "Plans": "Dental, Vision", "Archived": "yes", "Group name": 12}
    record = client("POST", f"{BASE}/Groups", {"fields": fields, "typecast": True}).json()["id"]
    row = airtable.row(BASE, "Groups", record)
    assert (row["Status"], row["Workers"], row["Plans"]) == ("Golld", 1200, ["Dental", "Vision"])
    assert (row["Archived"], row["Group name"]) == (True, "12")
    unfit = {"fields": {"Workers": "many"}, "typecast": True}
    assert client.refusal("POST", f"{BASE}/Groups", unfit) == (422, "INVALID_VALUE_FOR_COLUMN")


def test_cells_answer_in_airtables_own_form(client: Client) -> None:
    record = client.create(
        **{"Effective date": "2026-01-01", "Called at": "2026-01-01T10:00:00-05:00", "Premium": 12.5, "Archived": True}
    )
    fields = client("GET", f"{BASE}/Groups/{record}").json()["fields"]
    assert fields["Effective date"] == "2026-01-01"
    assert fields["Called at"] == "2026-01-01T15:00:00.000Z"
    assert (fields["Premium"], fields["Archived"]) == (12.5, True)
    assert fields["Made"] == "2026-03-02T12:00:00.000Z"


def test_formulas_that_have_no_number_say_so(client: Client, airtable: Airtable) -> None:
    record = client.create(**{"Group name": "Arroyo", "Premium": 10, "Workers": 4})
    assert airtable.row(BASE, "Groups", record)["Label"] == "Arroyo (4)"
    assert airtable.row(BASE, "Groups", record)["Each"] == 2.5
    airtable.edit(BASE, "Groups", record, {"Workers": 0})
    assert airtable.row(BASE, "Groups", record)["Each"] == {"specialValue": "Infinity"}
    airtable.retype_field(BASE, "Groups", "Workers", "singleLineText")
    assert airtable.row(BASE, "Groups", record)["Each"] == {"error": "#ERROR!"}


def test_links_are_kept_at_both_ends_and_lookups_are_lists(client: Client, airtable: Airtable) -> None:
    group = client.create(**{"Group name": "Arroyo", "Status": "Enrolled"})
    body = {"fields": {"Name": "Ana", "Group": [group]}}
    ana = client("POST", f"{BASE}/Enrollees", body).json()
    assert ana["fields"]["Group status"] == ["Enrolled"]
    assert airtable.row(BASE, "Groups", group)["Enrollees"] == [ana["id"]]
    airtable.edit(BASE, "Groups", group, {"Enrollees": []})
    assert airtable.row(BASE, "Enrollees", ana["id"]) == {"Name": "Ana"}
    airtable.edit(BASE, "Groups", group, {"Enrollees": [ana["id"]]})
    airtable.delete(BASE, "Groups", group)
    assert airtable.row(BASE, "Enrollees", ana["id"]) == {"Name": "Ana"}


def test_a_link_to_no_record_is_refused(client: Client) -> None:
    body = {"fields": {"Group": ["rec00000000000000"]}}
    assert client.refusal("POST", f"{BASE}/Enrollees", body) == (422, "ROW_DOES_NOT_EXIST")


def test_patch_leaves_and_put_clears_what_is_not_listed(client: Client, airtable: Airtable) -> None:
    record = client.create(**{"Group name": "Arroyo", "Workers": 4})
    client("PATCH", f"{BASE}/Groups", {"records": [{"id": record, "fields": {"Status": "Enrolled"}}]})
    assert airtable.row(BASE, "Groups", record)["Workers"] == 4
    client("PUT", f"{BASE}/Groups/{record}", {"fields": {"Group name": "Arroyo"}})
    assert {"Workers", "Status"}.isdisjoint(airtable.row(BASE, "Groups", record))


def test_patching_a_missing_record_refuses_the_whole_batch(client: Client, airtable: Airtable) -> None:
    record = client.create(**{"Group name": "Arroyo"})
    rows = [{"id": record, "fields": {"Workers": 1}}, {"id": "rec00000000000000", "fields": {"Workers": 1}}]
    answer = client("PATCH", f"{BASE}/Groups", {"records": rows})
    message = "Record ID rec00000000000000 does not exist in this table"
    assert (answer.status_code, answer.json()) == (422, {"error": {"type": "ROW_DOES_NOT_EXIST", "message": message}})
    assert "Workers" not in airtable.row(BASE, "Groups", record)


def test_more_than_ten_records_in_one_request_are_refused(client: Client) -> None:
    rows: list[Any] = [{"fields": {}}] * 11
    answer = client("POST", f"{BASE}/Groups", {"records": rows})
    message = "A maximum of 10 records can be created per request but you have provided 11."
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, message)


def test_upsert_makes_updates_and_refuses_the_ambiguous(client: Client, airtable: Airtable) -> None:
    arroyo = client.create(**{"Group name": "Arroyo"})
    merge = {"performUpsert": {"fieldsToMergeOn": ["Group name"]}}
    rows = [{"fields": {"Group name": "Arroyo", "Workers": 4}}, {"fields": {"Group name": "Bakers"}}]
    answer = client("PATCH", f"{BASE}/Groups", {"records": rows, **merge}).json()
    assert answer["updatedRecords"] == [arroyo]
    assert answer["createdRecords"] == [answer["records"][1]["id"]]
    client.create(**{"Group name": "Arroyo"})
    assert client.refusal("PATCH", f"{BASE}/Groups", {"records": rows, **merge})[0] == 422
    assert len(airtable.rows(BASE, "Groups")) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"records": [{"id": "rec0", "fields": {}}] * 2},
        {"records": [{"fields": {}}]},
        {"records": []},
        {"records": [{"id": "rec0"}]},
        {"records": [{"fields": {}}], "performUpsert": {"fieldsToMergeOn": []}},
        {"records": [{"fields": {"Archived": True}}], "performUpsert": {"fieldsToMergeOn": ["Archived"]}},
    ],
)
def test_an_update_that_names_no_record_is_refused(client: Client, body: dict[str, Any]) -> None:
    assert client("PATCH", f"{BASE}/Groups", body).status_code == 422


def test_a_record_is_found_by_id_through_any_table_of_its_base(client: Client) -> None:
    record = client.create(**{"Group name": "Arroyo"})
    assert client("GET", f"{BASE}/Enrollees/{record}").json()["fields"]["Group name"] == "Arroyo"
    assert client.refusal("PATCH", f"{BASE}/Enrollees/{record}", {"fields": {}}) == (404, "MODEL_ID_NOT_FOUND")


def test_deleting_tells_what_is_gone(client: Client) -> None:
    record = client.create()
    answer = client("DELETE", f"{BASE}/Groups", **{"records[]": [record]})
    assert answer.json() == {"records": [{"id": record, "deleted": True}]}
    assert client.refusal("DELETE", f"{BASE}/Groups/{record}") == (404, "MODEL_ID_NOT_FOUND")
    assert client.refusal("GET", f"{BASE}/Groups/{record}") == (404, "NOT_FOUND")


def test_pages_follow_each_other_until_no_offset_is_left(client: Client, airtable: Airtable) -> None:
    made = [airtable.create(BASE, "Groups", {"Workers": each}) for each in range(250)]
    seen: list[str] = []
    body: dict[str, Any] = {"fields": ["Workers"]}
    pages = 0
    while pages == 0 or "offset" in body:
        answer = client("POST", f"{BASE}/Groups/listRecords", body).json()
        seen += [each["id"] for each in answer["records"]]
        pages += 1
        body = {"fields": ["Workers"], **({"offset": answer["offset"]} if "offset" in answer else {})}
    assert (seen, pages) == (made, 3)


def test_an_idle_scan_expires(client: Client, airtable: Airtable, clock: Moment) -> None:
    for each in range(3):
        airtable.create(BASE, "Groups", {"Workers": each})
    offset = client("GET", f"{BASE}/Groups", pageSize=1).json()["offset"]
    clock.pass_by(minutes=2)
    assert client("GET", f"{BASE}/Groups", pageSize=1, offset=offset).status_code == 200
    clock.pass_by(minutes=6)
    answer = client("GET", f"{BASE}/Groups", pageSize=1, offset=offset)
    assert (answer.status_code, answer.json()) == (422, {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}})


def test_records_deleted_during_a_scan_are_skipped(client: Client, airtable: Airtable) -> None:
    made = [airtable.create(BASE, "Groups", {"Workers": each}) for each in range(4)]
    offset = client("GET", f"{BASE}/Groups", pageSize=2).json()["offset"]
    airtable.delete(BASE, "Groups", made[2])
    rest = client("GET", f"{BASE}/Groups", pageSize=2, offset=offset).json()
    assert [each["id"] for each in rest["records"]] == [made[3]]


def test_a_list_can_be_sorted_cut_and_keyed_by_id(client: Client, airtable: Airtable) -> None:
    for workers, status in ((3, "Prospect"), (None, "Enrolled"), (5, "Enrolled")):
        airtable.create(BASE, "Groups", {"Workers": workers, "Status": status})
    query = {"sort[0][field]": "Workers", "sort[0][direction]": "desc", "maxRecords": 2, "fields[]": ["Workers"]}
    records = client("GET", f"{BASE}/Groups", **query).json()["records"]
    assert [each["fields"]["Workers"] for each in records] == [5, 3]
    key = airtable.table(BASE, "Groups").column("Workers").id
    by_id = {"sort": [{"field": "Status"}, {"field": key}], "returnFieldsByFieldId": True, "fields": [key]}
    records = client("POST", f"{BASE}/Groups/listRecords", by_id).json()["records"]
    assert [each["fields"] for each in records] == [{key: 3}, {}, {key: 5}]


@pytest.mark.parametrize(
    "body", [{"pageSize": 101}, {"view": "My view"}, {"fields": ["Nope"]}, {"timeZone": "utc"}, {"pageSize": "many"}]
)
def test_a_list_that_asks_for_the_impossible_is_refused(client: Client, body: dict[str, Any]) -> None:
    assert client("POST", f"{BASE}/Groups/listRecords", body).status_code == 422


def test_filters_keep_what_a_reconciler_asks_for(client: Client, clock: Moment) -> None:
    arroyo = client.create(**{"Group name": 'Arroyo "Bakery"', "Status": "Enrolled", "Archived": True})
    clock.pass_by(hours=1)
    bakers = client.create(**{"Group name": "O'Brien & Co", "Workers": 7, "Plans": ["Dental"]})
    clock.pass_by(hours=1)
    client("PATCH", f"{BASE}/Groups/{arroyo}", {"fields": {"Workers": 1}})
    since = "2026-03-02T13:30:00.000Z"
    assert client.found(f'OR(RECORD_ID()="{arroyo}",RECORD_ID()="rec0")') == [arroyo]
    assert client.found("{Group name}='Arroyo \"Bakery\"'") == [arroyo]
    assert client.found(r"{Group name}='O\'Brien & Co'") == [bakers]
    assert client.found("{Status}='Enrolled'") == [arroyo]
    assert client.found("{Status}=BLANK()") == client.found("NOT({Status})") == [bakers]
    assert client.found("AND({Archived}, {Workers} >= 1)") == [arroyo]
    assert client.found("{Archived}=TRUE()") == client.found("Archived=1") == [arroyo]
    assert client.found("FIND('Dental', {Plans})") == [bakers]
    assert client.found(f"NOT(IS_BEFORE(LAST_MODIFIED_TIME(), DATETIME_PARSE('{since}')))") == [arroyo]
    assert client.found(f"NOT(IS_BEFORE(LAST_MODIFIED_TIME({{Status}}), DATETIME_PARSE('{since}')))") == []
    assert client.found("IS_AFTER(CREATED_TIME(), DATETIME_PARSE('2026-03-02T12:30:00Z'))") == [bakers]


def test_a_naive_comparison_of_time_and_text_keeps_everything(client: Client) -> None:
    """A connector of a peer re-emitted every row at each poll this way."""
    record = client.create()
    assert client.found("LAST_MODIFIED_TIME() > '2030-01-01T00:00:00Z'") == [record]


def test_filters_written_by_pyairtable_are_understood(client: Client) -> None:
    arroyo = client.create(**{"Group name": "O'Brien's \\ \"Bakery\"\nNorth", "Archived": True})
    client.create(**{"Group name": "Other"})
    wanted = formulas.match({"Group name": "O'Brien's \\ \"Bakery\"\nNorth", "Archived": True})
    assert client.found(str(wanted)) == [arroyo]
    later = formulas.IS_AFTER(formulas.CREATED_TIME(), NOON - dt.timedelta(seconds=1))
    assert len(client.found(str(later))) == 2


@pytest.mark.parametrize(
    "formula",
    [
        "LOWER({Group name}) = 'arroyo' & ' bakery'",
        "UPPER(TRIM('  arroyo ')) = 'ARROYO'",
        "LEN({Group name}) = 5 + 2 * 4",
        "-{Workers} < -3",
        "{Workers} / 2 = 2",
        "{Workers} - 1 > 2.5",
        "IF({Workers} > 3, 'many')",
        "NOT(IF({Workers} > 5, 'many'))",
        "CONCATENATE({Workers}, '/', {Archived}) = '4/0'",
        "IS_SAME({Effective date}, DATETIME_PARSE('2026-01-01'))",
        "({Group name} < 'B') = TRUE()",
        "{Group name} != BLANK()",
        "{Workers} >= 4",
        "{Workers} <= 4",
        "'2026' & {Effective date} = '20262026-01-01T00:00:00.000Z'",
        "{Enrollees} = 'Ana, Ben'",
    ],
)
def test_a_formula_reckons_as_airtable_does(client: Client, airtable: Airtable, formula: str) -> None:
    record = client.create(**{"Group name": "Arroyo Bakery", "Workers": 4, "Effective date": "2026-01-01"})
    for name in ("Ana", "Ben"):
        airtable.create(BASE, "Enrollees", {"Name": name, "Group": [record]})
    assert client.found(formula) == [record]


@pytest.mark.parametrize(
    "formula", ["{Workers} / 0 = {Workers} / 0 - 1", "0 / 0", "{Group name} + 1", "IS_BEFORE({Effective date}, TRUE())"]
)
def test_a_formula_without_a_value_drops_the_record(client: Client, formula: str) -> None:
    client.create(**{"Group name": "Arroyo"})
    assert client.found(formula) == []


@pytest.mark.parametrize("formula", ["{Nope}='x'", "MEDIAN(1,2)", "{Status", "“x”=1", "NOT()", "1 +", "AND()"])
def test_a_formula_that_is_not_understood_is_refused(client: Client, formula: str) -> None:
    answer = client("POST", f"{BASE}/Groups/listRecords", {"filterByFormula": formula})
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "INVALID_FILTER_BY_FORMULA")


def test_column_ids_do_not_work_inside_formulas(client: Client, airtable: Airtable) -> None:
    key = airtable.table(BASE, "Groups").column("Status").id
    answer = client("POST", f"{BASE}/Groups/listRecords", {"filterByFormula": f"{{{key}}}='Enrolled'"})
    message = f"The formula for filtering records is invalid: Unknown field names: {key}"
    assert answer.json() == {"error": {"type": "INVALID_FILTER_BY_FORMULA", "message": message}}


def test_a_renamed_option_changes_every_answer_and_edits_nothing(client: Client, airtable: Airtable, clock: Moment) -> None:
    record = client.create(Status="Enrolled")
    clock.pass_by(hours=1)
    airtable.rename_option(BASE, "Groups", "Status", "Enrolled", "Active")
    row = airtable.row(BASE, "Groups", record)
    assert (row["Status"], row["Changed"]) == ("Active", "2026-03-02T12:00:00.000Z")
    assert client.refusal("PATCH", f"{BASE}/Groups/{record}", {"fields": {"Status": "Enrolled"}})[0] == 422
    airtable.drop_option(BASE, "Groups", "Status", "Active")
    assert "Status" not in airtable.row(BASE, "Groups", record)


def test_a_renamed_field_looks_empty_and_keeps_its_id(client: Client, airtable: Airtable) -> None:
    record = client.create(Workers=4)
    key = airtable.table(BASE, "Groups").column("Workers").id
    airtable.rename_field(BASE, "Groups", "Workers", "Head count")
    assert "Workers" not in airtable.row(BASE, "Groups", record)
    body = {"returnFieldsByFieldId": True, "fields": [key]}
    assert client("POST", f"{BASE}/Groups/listRecords", body).json()["records"][0]["fields"] == {key: 4}


def test_a_removed_field_takes_its_cells_along(client: Client, airtable: Airtable) -> None:
    group = client.create(**{"Group name": "Arroyo"})
    ana = airtable.create(BASE, "Enrollees", {"Name": "Ana", "Group": [group]})
    airtable.remove_field(BASE, "Enrollees", "Group")
    assert airtable.row(BASE, "Enrollees", ana) == {"Name": "Ana"}
    assert "Enrollees" not in airtable.row(BASE, "Groups", group)
    assert [each.name for each in airtable.table(BASE, "Groups").fields.values()][-1] == "Each"


def test_columns_count_number_and_look_through_links(client: Client, airtable: Airtable) -> None:
    airtable.add_field(BASE, "Groups", Column("How many", "count", {"recordLinkFieldId": "Enrollees"}))
    airtable.add_field(BASE, "Groups", Column("Number", "autoNumber"))
    lookup = {"recordLinkFieldId": "Enrollees", "fieldIdInLinkedTable": "Name"}
    airtable.add_field(BASE, "Groups", Column("Who", "multipleLookupValues", lookup))
    group = client.create(**{"Group name": "Arroyo"})
    for name in ("Ana", None):
        airtable.create(BASE, "Enrollees", {"Name": name, "Group": [group]})
    row = airtable.row(BASE, "Groups", group)
    assert (row["How many"], row["Number"], row["Who"]) == (2, 1, ["Ana", None])
    airtable.remove_field(BASE, "Enrollees", "Name")
    assert "Who" not in airtable.row(BASE, "Groups", group)


def test_a_formula_whose_column_is_gone_shows_an_error(client: Client, airtable: Airtable) -> None:
    record = client.create(Workers=4)
    airtable.remove_field(BASE, "Groups", "Workers")
    assert airtable.row(BASE, "Groups", record)["Label"] == {"error": "#ERROR!"}


def test_naive_times_are_of_the_columns_zone(client: Client, airtable: Airtable) -> None:
    airtable.add_field(BASE, "Groups", Column("Due", "dateTime", {"timeZone": "America/New_York"}))
    record = client.create(**{"Due": "2026-07-01T09:00:00", "Called at": "2026-07-01T09:00:00"})
    row = airtable.row(BASE, "Groups", record)
    assert (row["Due"], row["Called at"]) == ("2026-07-01T13:00:00.000Z", "2026-07-01T09:00:00.000Z")


def test_a_table_may_be_renamed_under_its_id(client: Client, airtable: Airtable) -> None:
    table = airtable.table(BASE, "Groups").id
    record = client.create(Workers=4)
    airtable.rename_table(BASE, "Groups", "Co-ops")
    assert client("GET", f"{BASE}/Groups").status_code == 403
    assert [each["id"] for each in client("GET", f"{BASE}/{table}").json()["records"]] == [record]


def test_a_retyped_field_keeps_what_can_be_cast(client: Client, airtable: Airtable) -> None:
    first, second = client.create(**{"Group name": "12"}), client.create(**{"Group name": "Arroyo"})
    airtable.retype_field(BASE, "Groups", "Group name", "number")
    assert airtable.row(BASE, "Groups", first)["Group name"] == 12
    assert "Group name" not in airtable.row(BASE, "Groups", second)
    airtable.retype_field(BASE, "Groups", "Status", "singleLineText")
    assert airtable.table(BASE, "Groups").column("Status").type == "singleLineText"


def test_only_edits_by_users_move_the_last_modified_time(client: Client, airtable: Airtable, clock: Moment) -> None:
    group = client.create(**{"Group name": "Arroyo", "Status": "Prospect"})
    ana = airtable.create(BASE, "Enrollees", {"Name": "Ana", "Group": [group]})
    clock.pass_by(hours=1)
    airtable.edit(BASE, "Groups", group, {"Status": "Enrolled"})
    assert airtable.row(BASE, "Enrollees", ana)["Group status"] == ["Enrolled"]
    later = "NOT(IS_BEFORE(LAST_MODIFIED_TIME(), DATETIME_PARSE('2026-03-02T13:00:00.000Z')))"
    assert client.found(later, "Enrollees") == []
    assert client.found(later) == [group]


@pytest.mark.parametrize("token", ["", "Bearer wrong", TOKEN[3:]])
def test_a_bad_token_is_401(client: Client, token: str) -> None:
    answer = httpx.get(f"{client.server.url}/v0/{BASE}/Groups", headers={"Authorization": token} if token else {})
    body = {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}
    assert (answer.status_code, answer.json()) == (401, body)


def test_a_missing_base_table_and_scope_look_the_same(client: Client, airtable: Airtable) -> None:
    assert client.refusal("GET", "appNoSuchBase0001/Groups")[0] == 403
    assert client.refusal("GET", f"{BASE}/Nope")[1] == "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"
    airtable.tokens[TOKEN] = frozenset({"data.records:read"})
    assert client("GET", f"{BASE}/Groups").status_code == 200
    assert client.refusal("POST", f"{BASE}/Groups", {"fields": {}})[0] == 403
    assert client.refusal("GET", f"meta/bases/{BASE}/tables")[0] == 403


def test_a_locked_field_refuses_the_write_by_name(client: Client, airtable: Airtable) -> None:
    airtable.locked.add(airtable.table(BASE, "Groups").column("Workers").id)
    assert client.refusal("POST", f"{BASE}/Groups", {"fields": {"Workers": 1}}) == (403, "INVALID_PERMISSIONS")


def test_what_is_no_json_and_no_path_is_refused(client: Client) -> None:
    answer = client.http.post(f"{client.server.url}/v0/{BASE}/Groups", content=b"{nope")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "INVALID_REQUEST_BODY")
    assert client("GET", "nope").json() == {"error": "NOT_FOUND"}
    assert client.refusal("POST", f"{BASE}/Groups", {}) == (422, "INVALID_REQUEST_MISSING_FIELDS")


def test_pyairtable_reads_schema_records_and_writes(client: Client, airtable: Airtable) -> None:
    api = pyairtable.Api(TOKEN, endpoint_url=client.server.url)
    shown = api.base(BASE).schema()
    assert [each.name for each in shown.tables] == ["Groups", "Enrollees"]
    status = shown.table("Groups").field("Status")
    assert [each.name for each in status.options.choices] == ["Prospect", "Enrolled"]  # type: ignore[union-attr]
    table = api.table(BASE, "Groups")
    made = table.batch_create([{"Workers": each} for each in range(12)])
    table.batch_update([{"id": each["id"], "fields": {"Status": "Enrolled"}} for each in made])
    assert len(table.all(formula="{Status}='Enrolled'")) == 12
    assert api.whoami() == {"id": "usrSandbox0000001"}
    assert [each.id for each in api.bases()] == [BASE]


def test_the_sixth_request_of_a_second_closes_the_base_for_thirty(airtable: Airtable) -> None:
    now = [100.0]
    limit = RateLimit(5, 30, now=lambda: now[0])
    assert [limit.admits() for _ in range(6)] == [True] * 5 + [False]
    now[0] += 29.9
    assert not limit.admits()
    now[0] += 0.2
    assert limit.admits()
    assert limit.violations == 1


def test_the_window_slides(airtable: Airtable) -> None:
    """Five requests late in one second and five early in the next are ten in one second."""
    now = [0.9]
    limit = RateLimit(5, 30, now=lambda: now[0])
    assert all(limit.admits() for _ in range(5))
    now[0] = 1.1
    assert not limit.admits()


def test_a_violation_is_told_in_either_shape(client: Client, airtable: Airtable) -> None:
    airtable.rate_limit, airtable.penalty_seconds = 1, 0.05
    airtable.limits.clear()
    shapes: list[set[str]] = []
    while len(shapes) < 2:
        answer = client("GET", f"{BASE}/Groups")
        if answer.status_code == 429:
            shapes.append({*answer.json()})
            time.sleep(0.06)
    assert shapes == [{"error"}, {"errors"}]


def test_limits_are_counted_for_each_base(airtable: Airtable) -> None:
    airtable.rate_limit = 1
    assert airtable.limit_of("appOne").admits()
    assert airtable.limit_of("appTwo").admits()
    assert not airtable.limit_of("appOne").admits()


def test_a_months_quota_blocks_data_and_not_the_schema(client: Client, airtable: Airtable, clock: Moment) -> None:
    airtable.quota = MonthlyQuota(1)
    assert client("GET", f"{BASE}/Groups").status_code == 200
    answer = client("GET", f"{BASE}/Groups")
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED")
    assert client("GET", f"meta/bases/{BASE}/tables").status_code == 200
    clock.pass_by(days=31)
    assert client("GET", f"{BASE}/Groups").status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "type_"),
    [
        (FaultKind.STATUS_500_ENVELOPE, 503, "RETRIABLE_ERROR"),
        (FaultKind.STATUS_429, 429, "RATE_LIMIT_REACHED"),
        (FaultKind.EXPIRE_ITERATOR, 422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"),
    ],
)
def test_faults_are_told_in_airtables_words(client: Client, kind: FaultKind, status: int, type_: str) -> None:
    client.server.faults.add(Fault(kind, match="Groups/list"))
    answer = client("POST", f"{BASE}/Groups/listRecords", {})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, type_)
    assert client("POST", f"{BASE}/Groups/listRecords", {}).status_code == 200
    assert client.server.count("Groups/list") == 2


def test_a_billing_block_is_told_in_the_plural_shape(client: Client) -> None:
    client.server.faults.add(Fault(FaultKind.BILLING_429))
    assert client("GET", f"{BASE}/Groups").json()["errors"][0]["error"] == "PUBLIC_API_BILLING_LIMIT_EXCEEDED"


def test_a_base_survives_saving_and_loading(client: Client, airtable: Airtable, clock: Moment, tmp_path: Path) -> None:
    group = client.create(**{"Group name": "Arroyo", "Status": "Enrolled"})
    airtable.create(BASE, "Enrollees", {"Name": "Ana", "Group": [group]})
    airtable.save_state(tmp_path / "airtable.json")
    other = Airtable(clock=clock)
    other.load_state(tmp_path / "airtable.json")
    assert other.rows(BASE, "Groups") == airtable.rows(BASE, "Groups")
    assert other.base(BASE).dump() == airtable.base(BASE).dump()
    assert other.create(BASE, "Groups", {"Group name": "New"}) not in airtable.rows(BASE, "Groups")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda airtable: airtable.row(BASE, "Groups", "rec0"),
        lambda airtable: airtable.rows(BASE, "Nope"),
        lambda airtable: airtable.rows("appNope", "Groups"),
        lambda airtable: airtable.rename_option(BASE, "Groups", "Status", "Nope", "x"),
    ],
)
def test_staff_hear_of_what_is_not_there(airtable: Airtable, wrong: Callable[[Airtable], Any]) -> None:
    with pytest.raises(KeyError):
        wrong(airtable)


def test_staff_are_held_to_the_options(airtable: Airtable) -> None:
    with pytest.raises(AirtableError, match="Golld"):
        airtable.create(BASE, "Groups", {"Status": "Golld"})
    airtable.add_option(BASE, "Groups", "Status", "Golld")
    record = airtable.create(BASE, "Groups", {"Status": "Golld"})
    assert airtable.row(BASE, "Groups", record)["Status"] == "Golld"


SPECIFICATION = {"specification": {"options": {"filters": {"dataTypes": ["tableData", "tableFields"]}}}}


def a_hook(client: Client) -> str:
    answer = client("POST", f"bases/{BASE}/webhooks", SPECIFICATION)
    assert answer.json().keys() == {"id", "macSecretBase64", "expirationTime"}
    return f"bases/{BASE}/webhooks/{answer.json()['id']}"


def test_a_webhook_keeps_numbered_payloads_that_anybody_may_fetch_without_an_address(
    client: Client, airtable: Airtable
) -> None:
    hook = a_hook(client)
    empty = {"payloads": [], "cursor": 1, "mightHaveMore": False}
    assert client("GET", f"{hook}/payloads").json() == empty
    made = client.create(**{"Group name": "Arroyo", "Status": "Enrolled"})
    airtable.edit(BASE, "Groups", made, {"Status": "Prospect"})
    airtable.delete(BASE, "Groups", made)
    first = client("GET", f"{hook}/payloads", limit=2).json()
    rest = client("GET", f"{hook}/payloads", cursor=first["cursor"]).json()
    assert [(page["cursor"], page["mightHaveMore"]) for page in (first, rest)] == [(3, True), (4, False)]
    payloads = first["payloads"] + rest["payloads"]
    assert [each["actionMetadata"]["source"] for each in payloads] == ["publicApi", "client", "client"]
    assert [each["timestamp"] for each in payloads] == ["2026-03-02T12:00:00.000Z"] * 3
    table = airtable.table(BASE, "Groups")
    status = table.column("Status")
    told = [each["changedTablesById"][table.id] for each in payloads]
    cells = told[0]["createdRecordsById"][made]["cellValuesByFieldId"]
    assert cells[table.column("Group name").id] == "Arroyo"
    assert cells[status.id]["name"] == "Enrolled", "options are objects there"
    changed = told[1]["changedRecordsById"][made]["current"]["cellValuesByFieldId"]
    assert {key: value["name"] for key, value in changed.items()} == {status.id: "Prospect"}
    assert told[2] == {"destroyedRecordIds": [made]}
    assert client("GET", f"{hook}/payloads", cursor=4).json() == {**empty, "cursor": 4}


def test_a_write_of_ten_is_one_payload_and_the_other_end_of_a_link_is_in_it(client: Client, airtable: Airtable) -> None:
    group = airtable.create(BASE, "Groups", {"Group name": "Arroyo"})
    hook = a_hook(client)
    client("POST", f"{BASE}/Enrollees", {"records": [{"fields": {"Name": f"{each}", "Group": [group]}} for each in range(10)]})
    [payload] = client("GET", f"{hook}/payloads").json()["payloads"]
    groups, enrollees = (airtable.table(BASE, name).id for name in ("Groups", "Enrollees"))
    assert len(payload["changedTablesById"][enrollees]["createdRecordsById"]) == 10
    assert [*payload["changedTablesById"][groups]["changedRecordsById"]] == [group]


def test_a_webhook_ends_after_a_week_without_a_question_and_payloads_go_after_one_heard_or_not(
    client: Client, airtable: Airtable, clock: Moment
) -> None:
    hook = a_hook(client)
    record = airtable.create(BASE, "Groups", {"Group name": "Arroyo"})
    clock.pass_by(days=6)
    assert client("GET", f"{hook}/payloads").json()["cursor"] == 2, "which renews it"
    clock.pass_by(days=6)
    assert client("GET", f"{hook}/payloads").json() == {"payloads": [], "cursor": 2, "mightHaveMore": False}
    client("POST", f"{hook}/refresh")
    clock.pass_by(days=8)
    airtable.edit(BASE, "Groups", record, {"Group name": "Arroyo Bakery"})
    assert client("GET", f"{hook}/payloads").json()["payloads"] == [], "it has ended"
    [shown] = client("GET", f"bases/{BASE}/webhooks").json()["webhooks"]
    assert (shown["isHookEnabled"], shown["notificationUrl"], shown["cursorForNextPayload"]) == (False, None, 2)
    clock.pass_by(days=7)
    assert client.refusal("GET", f"{hook}/payloads") == (404, "NOT_FOUND")


def test_a_base_takes_ten_webhooks_and_only_from_a_token_that_may(client: Client, airtable: Airtable) -> None:
    hooks = [a_hook(client) for _ in range(10)]
    place = f"bases/{BASE}/webhooks"
    assert client.refusal("POST", place, SPECIFICATION) == (403, "TOO_MANY_WEBHOOKS_IN_BASE")
    assert client("DELETE", hooks[0]).status_code == 200
    assert client.refusal("POST", place, {"specification": {}}) == (422, "INVALID_REQUEST_UNKNOWN")
    airtable.tokens[TOKEN] -= {"webhook:manage"}
    assert client.refusal("POST", place, SPECIFICATION) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")

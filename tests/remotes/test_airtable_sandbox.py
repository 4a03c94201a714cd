"""The Airtable remote against the sandbox over real sockets: what it sees and reads, and what it infers when pages fail."""

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import builders
from bridge import retry
from bridge.airtable.api import Api
from bridge.airtable.remote import AirtableRemote
from bridge.core.mapping import FieldType
from bridge.core.plan import Written
from bridge.core.record import Json
from bridge.core.sight import SOURCE, Fault, Whereabouts
from bridge.errors import AuthRejected, ConfigError, QuotaExhausted, Unavailable, UnexpectedAnswer
from bridge.sandbox.airtable import TOKEN, Airtable, Column
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.faults import Fault as Mishap
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.http import Server
from bridge.store import open_store
from remotes.airtable_slots import MemoryCalls, MemorySlots
from remotes.airtable_world import BASE, FIELDS, STATUSES, Opener, a_workspace, add, update, utc_now

NOT_ARCHIVED: Json = ["Archived", "=", False]


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with retry.no_waits():
        yield


@pytest.fixture
def airtable() -> Airtable:
    return a_workspace()


@pytest.fixture
def server(airtable: Airtable) -> Iterator[Server]:
    with Server(AirtableApi(airtable)) as running:
        yield running


@pytest.fixture
def calls() -> MemoryCalls:
    return MemoryCalls()


@pytest.fixture
def remote_for(server: Server, calls: MemoryCalls) -> Iterator[Opener]:
    with Opener(server.url, calls) as opener:
        yield opener


# ── sight ──


def test_sight_tells_who_we_are_and_what_every_path_means(airtable: Airtable, remote_for: Opener) -> None:
    sight = remote_for(NOT_ARCHIVED).sight({})
    assert sight.identity == "appFederation0001"
    assert sight.drift == ()
    assert set(sight.fields) == {
        SOURCE,
        "Archived",
        "Code",
        "Effective date",
        "Group name",
        "Label",
        "Plans",
        "Status",
        "Workers",
    }
    assert sight.fields["Workers"].id == airtable.table(BASE, "Groups").column("Workers").id
    assert [each.name for each in sight.fields["Status"].options or ()] == ["Prospect", "Enrolled", "Terminated"]
    assert sight.fields["Status"].writable
    assert not sight.fields["Label"].writable
    assert "Changed" in sight.names


def test_sight_costs_one_call_for_all_remotes_of_a_base(remote_for: Opener, calls: MemoryCalls) -> None:
    remote_for().sight({})
    assert calls.made[BASE] == 1


def test_a_table_that_is_not_there_is_told_with_the_nearest_name(remote_for: Opener) -> None:
    with pytest.raises(ConfigError, match="`Group`") as raised:
        remote_for(table="Group")
    assert "`Groups`" in raised.value.next_step


def test_a_renamed_table_is_known_by_its_id_even_where_another_took_its_name(airtable: Airtable, remote_for: Opener) -> None:
    add(airtable, "Arroyo Bakery")
    pins = remote_for().sight({}).fields
    airtable.rename_table(BASE, "Groups", "Member groups")
    assert len(remote_for(pins=pins).pull().rows) == 1
    airtable.rename_table(BASE, "Other", "Groups")
    remote = remote_for(pins=pins)
    assert remote.sight(pins).drift == ()
    assert len(remote.pull().rows) == 1


def test_a_token_that_is_not_accepted_says_where_to_mend_it(remote_for: Opener) -> None:
    with pytest.raises(AuthRejected) as raised:
        remote_for(token="patWrong")
    assert "BRIDGE_AIRTABLE__TOKEN" in raised.value.next_step


def test_a_renamed_field_freezes_alone_until_it_is_renamed_back(airtable: Airtable, remote_for: Opener) -> None:
    """503; a pull by name alone would have seen an empty column."""
    add(airtable, "Arroyo Bakery", Workers=7)
    pins = remote_for().sight({}).fields
    airtable.rename_field(BASE, "Groups", "Workers", "Head count")
    remote = remote_for(pins=pins)
    [drift] = remote.sight(pins).drift
    assert (drift.path, drift.fault, drift.freezes) == ("Workers", Fault.RENAMED, True)
    assert "Head count" in drift.detail
    [row] = remote.pull().rows
    assert row.values == {"Group name": "Arroyo Bakery", "Label": "ARROYO BAKERY"}
    airtable.rename_field(BASE, "Groups", "Head count", "Workers")
    remote = remote_for(pins=pins)
    assert remote.sight(pins).drift == ()
    assert remote.pull().rows[0].values["Workers"] == 7


def test_a_deleted_field_is_gone_even_where_another_took_its_name(airtable: Airtable, remote_for: Opener) -> None:
    pins = remote_for().sight({}).fields
    airtable.remove_field(BASE, "Groups", "Workers")
    airtable.add_field(BASE, "Groups", Column("Workers", "number"))
    sight = remote_for(pins=pins).sight(pins)
    [drift] = sight.drift
    assert drift.fault is Fault.GONE
    assert "not the same field" in drift.detail
    assert "Workers" not in sight.fields


def test_a_field_that_never_was_is_gone_too(airtable: Airtable, remote_for: Opener) -> None:
    airtable.remove_field(BASE, "Groups", "Workers")
    [drift] = remote_for().sight({}).drift
    assert (drift.path, drift.fault) == ("Workers", Fault.GONE)


def test_a_retyped_field_freezes(airtable: Airtable, remote_for: Opener) -> None:
    pins = remote_for().sight({}).fields
    airtable.retype_field(BASE, "Groups", "Workers", "singleLineText")
    [drift] = remote_for(pins=pins).sight(pins).drift
    assert (drift.path, drift.fault, drift.freezes) == ("Workers", Fault.RETYPED, True)


def test_a_field_mapped_by_its_id_may_be_renamed(airtable: Airtable, remote_for: Opener) -> None:
    id_ = airtable.table(BASE, "Groups").column("Workers").id
    fields = (builders.a_field("workers", airtable=id_, type=FieldType.INTEGER),)
    pins = remote_for(fields=fields).sight({}).fields
    airtable.rename_field(BASE, "Groups", "Workers", "Head count")
    add(airtable, "Arroyo Bakery", Head_count=7)
    remote = remote_for(fields=fields, pins=pins)
    assert remote.sight(pins).drift == ()
    assert remote.pull().rows[0].values == {id_: 7}


def test_a_renamed_option_is_understood_by_its_id_both_ways(airtable: Airtable, remote_for: Opener) -> None:
    """Reading, writing, filtering and pinning again all keep the word that the mapping knows."""
    arroyo = add(airtable, "Arroyo Bakery", Status="Enrolled", Plans=["Dental"])
    add(airtable, "Boreal Print", Status="Prospect")
    pins = remote_for().sight({}).fields
    airtable.rename_option(BASE, "Groups", "Status", "Enrolled", "Enrolled 2027")
    airtable.rename_option(BASE, "Groups", "Plans", "Vision", "Eyes")
    remote = remote_for(["Status", "=", "Enrolled"], pins=pins)
    sight = remote.sight(pins)
    assert sight.drift == ()
    assert sight.fields["Status"].options == pins["Status"].options
    [row] = remote.pull().rows
    assert row.values["Status"] == "Enrolled"
    change = update(arroyo, Status=("Enrolled", "Prospect"), Plans=(["Dental"], ["Dental", "Vision"]))
    [outcome] = remote.apply([change])
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values["Plans"] == ["Dental", "Vision"]
    assert airtable.row(BASE, "Groups", arroyo)["Plans"] == ["Dental", "Eyes"]
    [outcome] = remote.apply([update(arroyo, Status=("Prospect", "Enrolled"))])
    assert airtable.row(BASE, "Groups", arroyo)["Status"] == "Enrolled 2027"


def test_a_mapping_that_names_the_options_new_word_is_believed(airtable: Airtable, remote_for: Opener) -> None:
    add(airtable, "Arroyo Bakery", Status="Enrolled")
    pins = remote_for().sight({}).fields
    airtable.rename_option(BASE, "Groups", "Status", "Enrolled", "Active")
    renamed = builders.a_field("status", airtable="Status", type=FieldType.CHOICE, values={**STATUSES, "enrolled": "Active"})
    remote = remote_for(pins=pins, fields=(*FIELDS[:1], renamed))
    assert remote.sight(pins).drift == ()
    assert remote.pull().rows[0].values["Status"] == "Active"


def test_a_new_option_with_a_renamed_ones_old_name_is_not_taken_for_it(airtable: Airtable, remote_for: Opener) -> None:
    pins = remote_for().sight({}).fields
    airtable.rename_option(BASE, "Groups", "Status", "Enrolled", "Active")
    airtable.add_option(BASE, "Groups", "Status", "Enrolled")
    add(airtable, "Arroyo Bakery", Status="Enrolled")
    [row] = remote_for(pins=pins).pull().rows
    assert str(row.values["Status"]).startswith("Enrolled (sel")


def test_an_option_that_is_gone_or_new_is_drift_that_freezes_nothing(airtable: Airtable, remote_for: Opener) -> None:
    pins = remote_for().sight({}).fields
    airtable.drop_option(BASE, "Groups", "Status", "Terminated")
    airtable.add_option(BASE, "Groups", "Status", "On leave")
    drift = remote_for(pins=pins).sight(pins).drift
    assert [(each.fault, each.freezes) for each in drift] == [(Fault.OPTION_GONE, False), (Fault.OPTION_NEW, False)]
    assert "Terminated" in drift[0].detail
    assert "On leave" in drift[1].detail


# ── pull ──


def test_a_pull_brings_every_page_by_the_mappings_paths(airtable: Airtable, remote_for: Opener, calls: MemoryCalls) -> None:
    ids = [add(airtable, f"Co-op {number}", Workers=number) for number in range(205)]
    remote, before = remote_for(), calls.made[BASE]
    told: list[tuple[str, int, int | None]] = []
    pulled = remote.pull(lambda *progress: told.append(progress))
    assert pulled.complete
    assert pulled.whole
    assert [row.id for row in pulled.rows] == ids
    assert pulled.rows[7].values == {"Group name": "Co-op 7", "Workers": 7, "Label": "CO-OP 7"}
    assert pulled.rows[7].modified_at is not None
    assert calls.made[BASE] - before == 3
    assert told == [("Airtable Groups", 100, None), ("Airtable Groups", 200, None), ("Airtable Groups", 205, None)]
    assert abs(pulled.pulled_at - utc_now()) < dt.timedelta(seconds=5)


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (["Archived", "=", False], "AB"),
        (["Archived", "!=", False], "C"),
        (["Archived", "=", True], "C"),
        (["Status", "=", "Enrolled"], "A"),
        (["Status", "!=", "Enrolled"], "BC"),
        (["Status", "IN", ["Enrolled", "Prospect"]], "AB"),
        (["Status", "NOT IN", ["Enrolled", "Prospect"]], "C"),
        (["Status", "IS EMPTY"], "C"),
        (["Status", "IS NOT EMPTY"], "AB"),
        (["Plans", "CONTAINS", "Dental"], "A"),
        (["Plans", "CONTAINS", "Vision"], "AB"),
        (["Plans", "NOT CONTAINS", "Dental"], "BC"),
        (["Group name", "CONTAINS", "'s"], "B"),
        (["Workers", "<", 5], "A"),
        (["Workers", ">=", 5], "B"),
        (["Workers", "=", 0], "A"),
        (["Workers", "!=", 0], "BC"),
        (["Workers", "IS EMPTY"], "C"),
        (["Effective date", "=", "2026-01-01"], "A"),
        (["Effective date", "!=", "2026-01-01"], "BC"),
        (["Effective date", "<=", "2026-01-01"], "A"),
        (["Effective date", ">", "2026-01-01"], "B"),
        (["Effective date", "<", "2027-01-01"], "AB"),
    ],
)
def test_where_asks_what_it_says(airtable: Airtable, remote_for: Opener, where: list[Json], names: str) -> None:
    """Blank numbers and dates are neither less nor more than any; part of an option's name is not the option."""
    add(airtable, "A", Status="Enrolled", Plans=["Dental", "Vision"], Workers=0, Effective_date="2026-01-01")
    add(airtable, "B's", Status="Prospect", Plans=["Vision", "Dental Plus"], Workers=5, Effective_date="2026-06-01")
    add(airtable, "C", Archived=True)
    pulled = remote_for(where).pull()
    assert "".join(str(row.values["Group name"])[0] for row in pulled.rows) == names


def test_an_operator_nobody_knows_is_the_operators_to_mend(remote_for: Opener) -> None:
    with pytest.raises(ConfigError, match="LIKE"):
        remote_for(["Group name", "LIKE", "A%"])


def test_a_where_column_that_was_renamed_still_filters(airtable: Airtable, remote_for: Opener) -> None:
    """Otherwise every archived record would look like a new one."""
    add(airtable, "A")
    add(airtable, "B", Archived=True)
    pins = remote_for(NOT_ARCHIVED).sight({}).fields
    airtable.rename_field(BASE, "Groups", "Archived", "Put away")
    remote = remote_for(NOT_ARCHIVED, pins=pins)
    assert [row.values["Group name"] for row in remote.pull().rows] == ["A"]
    assert [each.fault for each in remote.sight(pins).drift] == [Fault.RENAMED]


def test_a_where_column_that_is_gone_stops_the_run(airtable: Airtable, remote_for: Opener) -> None:
    airtable.remove_field(BASE, "Groups", "Archived")
    with pytest.raises(ConfigError, match="Archived"):
        remote_for(NOT_ARCHIVED)


def test_a_delta_brings_what_was_made_or_edited_with_two_minutes_of_overlap(airtable: Airtable, remote_for: Opener) -> None:
    noon = dt.datetime(2026, 12, 14, 12, tzinfo=dt.UTC)
    for minutes, name in ((-10, "long before"), (-1, "within the overlap"), (5, "after")):
        airtable.clock = lambda minutes=minutes: noon + dt.timedelta(minutes=minutes)  # type: ignore[misc]  # a default binds it
        add(airtable, name)
    pulled = remote_for().pull(since=noon)
    assert [row.values["Group name"] for row in pulled.rows] == ["within the overlap", "after"]
    assert not pulled.whole


def test_a_scan_that_airtable_forgot_is_begun_anew(airtable: Airtable, server: Server, remote_for: Opener) -> None:
    for number in range(150):
        add(airtable, f"Co-op {number}")
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.EXPIRE_ITERATOR, match="Groups/list", after=1, times=1))
    pulled = remote.pull()
    assert pulled.complete
    assert len(pulled.rows) == 150


def test_a_scan_that_airtable_forgets_every_time_is_not_complete(server: Server, remote_for: Opener) -> None:
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.EXPIRE_ITERATOR, match="Groups/list", times=None))
    pulled = remote.pull()
    assert not pulled.complete
    assert "4 times" in pulled.note
    assert server.count("Groups/list") == 4


def test_a_page_that_fails_leaves_the_pull_incomplete(airtable: Airtable, server: Server, remote_for: Opener) -> None:
    for number in range(150):
        add(airtable, f"Co-op {number}")
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.STATUS_500_HTML, match="Groups/list", after=1, times=None))
    pulled = remote.pull()
    assert not pulled.complete
    assert len(pulled.rows) == 100
    assert "could not be read" in pulled.note


def test_a_first_page_that_fails_brings_nothing_to_believe(server: Server, remote_for: Opener) -> None:
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.STATUS_500_HTML, match="Groups/list", times=None))
    with pytest.raises(Unavailable):
        remote.pull()


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.TRUNCATED_JSON])
def test_a_page_whose_answer_was_cut_is_asked_again(
    airtable: Airtable, server: Server, remote_for: Opener, kind: FaultKind
) -> None:
    add(airtable, "Arroyo Bakery")
    remote = remote_for()
    server.faults.add(Mishap(kind, match="Groups/list"))
    assert remote.pull().complete


def test_a_used_up_quota_stops_the_pull(airtable: Airtable, server: Server, remote_for: Opener, calls: MemoryCalls) -> None:
    for number in range(150):
        add(airtable, f"Co-op {number}")
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.BILLING_429, match="Groups/list", after=1))
    with pytest.raises(QuotaExhausted):
        remote.pull()
    assert calls.blocked[BASE] > utc_now()


def test_a_table_that_changed_between_sight_and_pull_stops_the_run(airtable: Airtable, remote_for: Opener) -> None:
    remote = remote_for()
    airtable.remove_field(BASE, "Groups", "Workers")
    with pytest.raises(UnexpectedAnswer, match="not there any more"):
        remote.pull()


def test_a_table_none_of_whose_fields_is_left_still_tells_its_records(airtable: Airtable, remote_for: Opener) -> None:
    add(airtable, "Arroyo Bakery")
    fields = (builders.a_field("x", airtable="Nowhere"),)
    [row] = remote_for(fields=fields).pull().rows
    assert row.values == {}


def test_nothing_is_read_before_sight(server: Server) -> None:
    with Api(TOKEN, url=server.url, slots=MemorySlots(), calls=MemoryCalls(), clock=utc_now) as api:
        remote = AirtableRemote(api, builders.a_mapping(*FIELDS), base_id=BASE, clock=utc_now)
        with pytest.raises(RuntimeError, match="sight"):
            remote.pull()
    assert server.requests == []


def test_a_condition_of_another_form_is_the_operators_to_mend(remote_for: Opener) -> None:
    with pytest.raises(ConfigError, match="column, operator, value"):
        remote_for(["OR", [["Status", "=", "Enrolled"]], "x", "y"])


def test_a_lookup_of_a_renamed_option_keeps_the_mappings_word(airtable: Airtable, remote_for: Opener) -> None:
    """A lookup is a list, also of one, and shows the option of the other table."""
    airtable.add_field(BASE, "Other", Column("Kind", "singleSelect", {"choices": ["Co-op"]}))
    airtable.add_field(BASE, "Groups", Column("Others", "multipleRecordLinks", {"linkedTableId": "Other"}))
    lookup = {"recordLinkFieldId": "Others", "fieldIdInLinkedTable": "Kind"}
    airtable.add_field(BASE, "Groups", Column("Kinds", "multipleLookupValues", lookup))
    other = airtable.create(BASE, "Other", {"Name": "x", "Kind": "Co-op"})
    add(airtable, "Arroyo Bakery", Others=[other])
    fields = (builders.a_field("kind", civicrm=None, airtable="Kinds", type=FieldType.CHOICE),)
    pins = remote_for(fields=fields).sight({}).fields
    airtable.rename_option(BASE, "Other", "Kind", "Co-op", "Cooperative")
    assert remote_for(fields=fields, pins=pins).pull().rows[0].values == {"Kinds": ["Co-op"]}


# ── read and find ──


def test_read_says_of_every_id_where_it_is(airtable: Airtable, remote_for: Opener, calls: MemoryCalls) -> None:
    inside, outside = add(airtable, "A"), add(airtable, "B", Archived=True)
    gone = add(airtable, "C")
    airtable.delete(BASE, "Groups", gone)
    elsewhere = airtable.create(BASE, "Other", {"Name": "x"})
    remote, before = remote_for(NOT_ARCHIVED), calls.made[BASE]
    found = remote.read([inside, outside, gone, elsewhere])
    assert {id_: each.whereabouts for id_, each in found.items()} == {
        inside: Whereabouts.IN_SCOPE,
        outside: Whereabouts.OUT_OF_SCOPE,
        gone: Whereabouts.PURGED,
        elsewhere: Whereabouts.UNREADABLE,
    }
    assert found[outside].row is not None
    assert found[outside].row.values["Group name"] == "B"
    assert found[gone].row is None
    assert calls.made[BASE] - before == 4


def test_reading_records_that_are_all_in_scope_takes_one_call_for_a_hundred(
    airtable: Airtable, remote_for: Opener, calls: MemoryCalls
) -> None:
    ids = [add(airtable, f"Co-op {number}") for number in range(5)]
    remote, before = remote_for(NOT_ARCHIVED), calls.made[BASE]
    assert {each.whereabouts for each in remote.read(ids).values()} == {Whereabouts.IN_SCOPE}
    assert calls.made[BASE] - before == 1


def test_reading_250_records_takes_three_calls(airtable: Airtable, remote_for: Opener, calls: MemoryCalls) -> None:
    ids = [add(airtable, f"Co-op {number}") for number in range(250)]
    remote, before = remote_for(), calls.made[BASE]
    assert set(remote.read(ids)) == set(ids)
    assert calls.made[BASE] - before == 3


def test_find_returns_the_rows_that_carry_all_keys(airtable: Airtable, remote_for: Opener) -> None:
    wanted = add(airtable, "O'Hara \\ Sons", Code="12", Workers=3)
    add(airtable, "O'Hara \\ Sons", Code="13", Workers=3)
    remote = remote_for()
    assert [row.id for row in remote.find({"Group name": "O'Hara \\ Sons", "Code": "12", "Workers": 3})] == [wanted]
    assert remote.find({"Code": None}) == ()
    assert len(remote.find({"Effective date": None})) == 2


def test_find_by_a_frozen_field_is_refused_rather_than_guessed(airtable: Airtable, remote_for: Opener) -> None:
    pins = remote_for().sight({}).fields
    airtable.rename_field(BASE, "Groups", "Code", "Number")
    with pytest.raises(UnexpectedAnswer, match="Code"):
        remote_for(pins=pins).find({"Code": "12"})


def test_the_address_opens_the_record(airtable: Airtable, remote_for: Opener) -> None:
    table = airtable.table(BASE, "Groups").id
    assert remote_for().address("rec0123456789ABCD") == f"https://airtable.com/{BASE}/{table}/rec0123456789ABCD"


# ── pace ──


def test_under_the_true_limit_threads_and_processes_draw_no_429(airtable: Airtable, server: Server, tmp_path: Path) -> None:
    """Invariant 31 in real time: three scans over three openings of one state, as three processes have it."""
    for number in range(500):
        add(airtable, f"Co-op {number}")
    airtable.rate_limit = 5

    def pull(_number: int) -> int:
        with (
            open_store(f"sqlite:///{tmp_path / 'bridge.db'}", [], utc_now) as store,
            Api(TOKEN, url=server.url, slots=store.slots, calls=store.calls, clock=utc_now) as api,
        ):
            remote = AirtableRemote(api, builders.a_mapping(*FIELDS), base_id=BASE, clock=utc_now)
            remote.sight({})
            return len(remote.pull().rows)

    with open_store(f"sqlite:///{tmp_path / 'bridge.db'}", [], utc_now) as store:
        with ThreadPoolExecutor(max_workers=3) as pool:
            assert list(pool.map(pull, range(3))) == [500] * 3
        assert store.calls.used(BASE, f"{utc_now():%Y-%m}") == 18
    assert airtable.limit_of(BASE).violations == 0

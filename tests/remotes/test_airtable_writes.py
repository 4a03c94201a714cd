"""What the Airtable remote writes, and how each change ends, against the sandbox over real sockets."""

from collections.abc import Iterator
from typing import Any

import pytest

import builders
from bridge import retry
from bridge.core.plan import Written
from bridge.core.record import Json
from bridge.sandbox.airtable import Airtable, Column
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.faults import Fault as Mishap
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.http import Server
from remotes.airtable_slots import MemoryCalls
from remotes.airtable_world import BASE, Opener, a_workspace, add, create, update


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


def test_apply_writes_only_the_cells_of_the_change_and_reads_them_back(airtable: Airtable, remote_for: Opener) -> None:
    arroyo = add(airtable, "Arroyo", Code="12", Workers=3)
    remote = remote_for()
    done, made = remote.apply(
        [update(arroyo, Group_name=("Arroyo", "Arroyo Bakery"), Workers=(3, None)), create(Group_name="New", Code="77")]
    )
    assert (done.written, made.written) == (Written.DONE, Written.DONE)
    assert done.row is not None
    assert done.row.values == {"Group name": "Arroyo Bakery", "Code": "12", "Label": "ARROYO BAKERY"}
    assert made.row is not None
    assert airtable.row(BASE, "Groups", made.row.id)["Code"] == "77"


def test_a_hundred_updates_take_one_list_and_ten_patches(
    airtable: Airtable, server: Server, remote_for: Opener, calls: MemoryCalls
) -> None:
    """Invariant 32: the prediction is at least what it takes."""
    ids = [add(airtable, f"Co-op {number}") for number in range(100)]
    remote, before = remote_for(), calls.made[BASE]
    changes = [update(id_, Workers=(None, 5)) for id_ in ids]
    outcomes = remote.apply(changes)
    assert {each.written for each in outcomes} == {Written.DONE}
    assert [each.row.id for each in outcomes if each.row] == ids
    assert calls.made[BASE] - before == remote.calls_for(changes) == 11
    assert server.count("Groups/update", "PATCH") == 10
    assert server.count("", "PUT") == 0


@pytest.mark.parametrize(
    ("updates", "creates", "expected"), [(0, 0, 0), (1, 0, 2), (0, 1, 1), (11, 0, 3), (0, 11, 2), (5, 5, 3), (101, 0, 13)]
)
def test_calls_are_predicted_per_batch(remote_for: Opener, updates: int, creates: int, expected: int) -> None:
    changes = [update("rec1", Workers=(1, 2))] * updates + [create(Group_name="x")] * creates
    assert remote_for().calls_for(changes) == expected


def test_a_record_edited_since_the_pull_is_left_alone_and_shown(airtable: Airtable, remote_for: Opener) -> None:
    arroyo, boreal = add(airtable, "Arroyo", Workers=3), add(airtable, "Boreal", Workers=3)
    remote = remote_for()
    airtable.edit(BASE, "Groups", arroyo, {"Workers": 4})
    stale, done = remote.apply([update(arroyo, Workers=(3, 5)), update(boreal, Workers=(3, 5))])
    assert (stale.written, done.written) == (Written.STALE, Written.DONE)
    assert stale.row is not None
    assert stale.row.values["Workers"] == 4
    assert stale.reason == "Edited since it was read: Workers."
    assert airtable.row(BASE, "Groups", arroyo)["Workers"] == 4


def test_an_edit_of_another_cell_does_not_make_a_change_stale(airtable: Airtable, remote_for: Opener) -> None:
    arroyo = add(airtable, "Arroyo", Workers=3)
    remote = remote_for()
    airtable.edit(BASE, "Groups", arroyo, {"Code": "99"})
    [outcome] = remote.apply([update(arroyo, Workers=(3, 5))])
    assert outcome.written is Written.DONE
    assert airtable.row(BASE, "Groups", arroyo)["Code"] == "99"


def test_a_number_zero_is_not_a_blank_for_the_precondition(airtable: Airtable, remote_for: Opener) -> None:
    arroyo, boreal = add(airtable, "Arroyo"), add(airtable, "Boreal", Workers=0)
    stale, also = remote_for().apply([update(arroyo, Workers=(0, 5)), update(boreal, Workers=(None, 5))])
    assert (stale.written, also.written) == (Written.STALE, Written.STALE)


@pytest.mark.parametrize("blank", [None, "", []])
def test_whatever_is_blank_is_the_same_blank(airtable: Airtable, remote_for: Opener, blank: Json) -> None:
    [outcome] = remote_for().apply([update(add(airtable, "Arroyo"), Workers=(blank, 5))])
    assert outcome.written is Written.DONE


def test_a_deleted_record_is_stale_and_the_rest_goes_on(airtable: Airtable, remote_for: Opener) -> None:
    arroyo, boreal = add(airtable, "Arroyo"), add(airtable, "Boreal")
    remote = remote_for()
    airtable.delete(BASE, "Groups", arroyo)
    stale, done = remote.apply([update(arroyo, Workers=(None, 5)), update(boreal, Workers=(None, 5))])
    assert (stale.written, stale.row, done.written) == (Written.STALE, None, Written.DONE)


def test_one_bad_cell_among_ten_is_found_and_the_nine_are_written(
    airtable: Airtable, server: Server, remote_for: Opener, calls: MemoryCalls
) -> None:
    ids = [add(airtable, f"Co-op {number}") for number in range(10)]
    remote = remote_for()
    changes = [update(id_, Workers=(None, "seven" if number == 3 else number)) for number, id_ in enumerate(ids)]
    outcomes = remote.apply(changes)
    assert [each.written for each in outcomes] == [Written.REFUSED if number == 3 else Written.DONE for number in range(10)]
    assert outcomes[3].reason == 'Airtable refused it: the field "Workers" does not take this kind of value.'
    assert airtable.row(BASE, "Groups", ids[9])["Workers"] == 9
    assert server.count("Groups/update") <= 9


def test_an_unknown_option_is_refused_and_never_made(airtable: Airtable, remote_for: Opener) -> None:
    arroyo = add(airtable, "Arroyo")
    [outcome] = remote_for().apply([update(arroyo, Status=(None, "Enroled"))])
    assert outcome.written is Written.REFUSED
    assert "no such option" in outcome.reason
    assert "Enroled" not in outcome.reason
    assert len(airtable.table(BASE, "Groups").column("Status").choices) == 3


def test_computed_and_frozen_fields_are_refused_without_a_call(
    airtable: Airtable, remote_for: Opener, calls: MemoryCalls
) -> None:
    arroyo = add(airtable, "Arroyo")
    pins = remote_for().sight({}).fields
    airtable.rename_field(BASE, "Groups", "Workers", "Head count")
    remote = remote_for(pins=pins)
    before = calls.made[BASE]
    outcomes = remote.apply([update(arroyo, Label=("ARROYO", "x")), update(arroyo, Workers=(None, 5)), create(Nowhere="x")])
    assert {each.written for each in outcomes} == {Written.REFUSED}
    assert calls.made[BASE] == before


def test_a_field_locked_to_the_tokens_user_holds_up_nothing_else(
    airtable: Airtable, server: Server, remote_for: Opener
) -> None:
    """Airtable's 403 names the field: only what would write it is refused, and it is asked once for a whole batch."""
    ids = [add(airtable, f"Co-op {number}") for number in range(20)]
    airtable.locked.add(airtable.table(BASE, "Groups").column("Workers").id)
    changes = [
        update(id_, **({"Workers": (None, 5)} if number % 2 else {"Code": (None, "7")})) for number, id_ in enumerate(ids)
    ]
    outcomes = remote_for().apply(changes)
    assert [each.written for each in outcomes] == [Written.DONE, Written.REFUSED] * 10
    assert server.count("Groups/update") == 3


def test_a_create_whose_answer_was_lost_is_in_doubt_and_made_once(
    airtable: Airtable, server: Server, remote_for: Opener
) -> None:
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.DROP_AFTER, match="POST Groups/create"))
    outcomes = remote.apply([create(Group_name=f"Co-op {number}", Code=f"{number}") for number in range(12)])
    assert [each.written for each in outcomes] == [Written.IN_DOUBT] * 10 + [Written.DONE] * 2
    assert len(airtable.rows(BASE, "Groups")) == 12
    assert len(remote.find({"Code": "3"})) == 1


def test_two_lost_answers_stop_the_batch(airtable: Airtable, server: Server, remote_for: Opener) -> None:
    ids = [add(airtable, f"Co-op {number}") for number in range(30)]
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.DROP_AFTER, match="Groups/update", times=None))
    outcomes = remote.apply([update(id_, Workers=(None, 5)) for id_ in ids])
    assert [each.written for each in outcomes] == [Written.IN_DOUBT] * 20 + [Written.NOT_SENT] * 10
    assert server.count("Groups/update") == 2


@pytest.mark.parametrize("kind", [FaultKind.TRUNCATED_JSON, FaultKind.STATUS_500_HTML])
def test_a_write_answered_with_half_an_answer_is_in_doubt(
    airtable: Airtable, server: Server, remote_for: Opener, kind: FaultKind
) -> None:
    arroyo = add(airtable, "Arroyo")
    remote = remote_for()
    server.faults.add(Mishap(kind, match="Groups/update"))
    [outcome] = remote.apply([update(arroyo, Workers=(None, 5))])
    assert outcome.written is Written.IN_DOUBT
    assert server.count("Groups/update") == 1


def test_a_write_that_airtable_calls_safe_to_retry_is_sent_again(
    airtable: Airtable, server: Server, remote_for: Opener
) -> None:
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.STATUS_500_ENVELOPE, match="Groups/create"))
    [outcome] = remote.apply([create(Group_name="New")])
    assert outcome.written is Written.DONE
    assert len(airtable.rows(BASE, "Groups")) == 1


def test_a_quota_that_ends_mid_way_leaves_the_rest_unsent(airtable: Airtable, server: Server, remote_for: Opener) -> None:
    ids = [add(airtable, f"Co-op {number}") for number in range(30)]
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.BILLING_429, match="Groups/update", after=1))
    outcomes = remote.apply([update(id_, Workers=(None, 5)) for id_ in ids])
    assert [each.written for each in outcomes] == [Written.DONE] * 10 + [Written.NOT_SENT] * 20
    assert {each.code for each in outcomes[10:]} == {505}


def test_a_firewall_before_airtable_leaves_all_unsent(airtable: Airtable, server: Server, remote_for: Opener) -> None:
    arroyo = add(airtable, "Arroyo")
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.HTML_403, match="Groups/update"))
    [outcome] = remote.apply([update(arroyo, Workers=(None, 5))])
    assert outcome.written is Written.NOT_SENT
    assert "not Airtable's" in outcome.reason


def test_preconditions_that_cannot_be_read_leave_all_unsent(airtable: Airtable, server: Server, remote_for: Opener) -> None:
    arroyo = add(airtable, "Arroyo")
    remote = remote_for()
    server.faults.add(Mishap(FaultKind.STATUS_500_HTML, match="Groups/list", times=None))
    outcomes = remote.apply([update(arroyo, Workers=(None, 5)), create(Group_name="New")])
    assert [each.written for each in outcomes] == [Written.NOT_SENT] * 2
    assert server.count("Groups/create") == 0


def test_a_link_to_a_record_that_is_gone_is_refused_and_does_not_make_the_change_stale(
    airtable: Airtable, remote_for: Opener
) -> None:
    """Airtable says ROW_DOES_NOT_EXIST of both; only the id in its message tells which."""
    airtable.add_field(BASE, "Groups", Column("Others", "multipleRecordLinks", {"linkedTableId": "Other"}))
    arroyo = add(airtable, "Arroyo")
    fields = (builders.a_field("others", airtable="Others"),)
    refused, also = remote_for(fields=fields).apply(
        [update(arroyo, Others=(None, ["rec0123456789ABCD"])), create(Others=["rec0123456789ABCD"])]
    )
    assert (refused.written, also.written) == (Written.REFUSED, Written.REFUSED)
    assert "links to" in refused.reason


def test_a_record_deleted_between_the_check_and_the_write_is_stale(
    airtable: Airtable, server: Server, remote_for: Opener
) -> None:
    arroyo, boreal = add(airtable, "Arroyo"), add(airtable, "Boreal")
    remote = remote_for()
    patch = remote._door._api.patch

    def delete_first(url: str, **asked: Any) -> Any:
        if arroyo in airtable.rows(BASE, "Groups"):
            airtable.delete(BASE, "Groups", arroyo)
        return patch(url, **asked)

    remote._door._api.patch = delete_first  # type: ignore[method-assign]  # the only moment between check and write
    stale, done = remote.apply([update(arroyo, Workers=(None, 5)), update(boreal, Workers=(None, 5))])
    assert (stale.written, done.written) == (Written.STALE, Written.DONE)


def test_a_table_that_was_deleted_is_not_searched_for_the_guilty_record(
    airtable: Airtable, server: Server, remote_for: Opener
) -> None:
    remote = remote_for()
    remote._door._url = server.url + f"/v0/{BASE}/{airtable.table(BASE, 'Groups').id}/a/b"
    outcomes = remote.apply([create(Group_name=f"{number}") for number in range(10)])
    assert {each.written for each in outcomes} == {Written.REFUSED}
    assert server.count("", "POST") == 1

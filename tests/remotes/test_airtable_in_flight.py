"""Where every request takes long, several are under way at once: the same rows, the same outcomes, a call or three more."""

import datetime as dt
from collections.abc import Iterator

import pytest

from bridge import retry
from bridge.airtable.remote import AirtableRemote
from bridge.airtable.scan import Scan, together
from bridge.core.plan import Written
from bridge.errors import Unavailable
from bridge.sandbox.airtable import Airtable
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.faults import Fault as Mishap
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.http import Server
from remotes.airtable_slots import MemoryCalls
from remotes.airtable_world import BASE, Opener, a_workspace, add, update


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
def opener(server: Server, calls: MemoryCalls) -> Iterator[Opener]:
    with Opener(server.url, calls) as made:
        made.seconds = 0.9
        yield made


@pytest.fixture
def slow(opener: Opener) -> AirtableRemote:
    """A remote to which every request seems to take most of a second, and which has never swept its table."""
    return opener()


def test_a_large_table_is_read_over_four_cursors_that_miss_nothing(
    airtable: Airtable, slow: AirtableRemote, calls: MemoryCalls
) -> None:
    """The parts of a table are disjoint and leave nobody out, and each costs one page more at the most."""
    made = {add(airtable, f"Co-op {number}") for number in range(900)}
    before = calls.made[BASE]
    pulled = slow.pull()
    assert pulled.complete
    assert {row.id for row in pulled.rows} == made
    assert len(pulled.rows) == 900
    assert 9 <= calls.made[BASE] - before <= 9 + 4


@pytest.mark.parametrize(("expected", "most"), [(900, 9), (1_999, 9), (2_000, 13), (None, 13)])
def test_a_table_that_is_known_to_be_small_costs_no_call_more(
    airtable: Airtable, opener: Opener, calls: MemoryCalls, expected: int | None, most: int
) -> None:
    for number in range(900):
        add(airtable, f"Co-op {number}")
    opener.expected = expected
    remote = opener()
    before = calls.made[BASE]
    assert len(remote.pull().rows) == 900
    assert (calls.made[BASE] - before > 9) is (most > 9)
    assert calls.made[BASE] - before <= most


def test_a_small_table_of_which_nothing_is_known_costs_one_call_more(
    airtable: Airtable, slow: AirtableRemote, calls: MemoryCalls
) -> None:
    made = {add(airtable, f"Co-op {number}") for number in range(90)}
    before = calls.made[BASE]
    assert {row.id for row in slow.pull().rows} == made
    assert calls.made[BASE] - before == 2


def test_progress_counts_the_rows_of_all_cursors(airtable: Airtable, slow: AirtableRemote) -> None:
    for number in range(700):
        add(airtable, f"Co-op {number}")
    told: list[int] = []
    slow.pull(lambda _what, count, _of: told.append(count))
    assert max(told) == 700


def test_a_cursor_that_cannot_begin_brings_nothing_to_believe(airtable: Airtable, server: Server, slow: AirtableRemote) -> None:
    for number in range(900):
        add(airtable, f"Co-op {number}")
    server.faults.add(Mishap(FaultKind.STATUS_500_HTML, match="Groups/list", after=1, times=None))
    with pytest.raises(Unavailable):
        slow.pull()


def test_scans_together_are_complete_only_if_each_is_and_nothing_came_twice() -> None:
    first = Scan({"rec1": {"id": "rec1"}}, at=dt.datetime(2026, 11, 22, 9, 1, tzinfo=dt.UTC))
    second = Scan({"rec2": {"id": "rec2"}}, at=dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC))
    whole = together([first, second])
    assert (whole.complete, set(whole.records), whole.at) == (True, {"rec1", "rec2"}, second.at)
    assert together([first, Scan(note="A page could not be read: x")]).note == "A page could not be read: x"
    assert not together([first, first]).complete


def test_several_hundreds_of_writes_end_each_as_it_would_alone(airtable: Airtable, slow: AirtableRemote) -> None:
    """Three hundreds at once: what was edited meanwhile is stale, what is gone is stale, the rest is written."""
    records = [add(airtable, f"Co-op {number}", Workers=1) for number in range(300)]
    assert slow.batch_size == 500
    airtable.edit(BASE, "Groups", records[7], {"Workers": 9})
    airtable.delete(BASE, "Groups", records[250])
    outcomes = slow.apply([update(record, Workers=(1, number)) for number, record in enumerate(records, 2)])
    assert {at for at, each in enumerate(outcomes) if each.written is not Written.DONE} == {7, 250}
    assert {outcomes[7].written, outcomes[250].written} == {Written.STALE}
    done = [at for at in range(300) if at not in (7, 250)]
    assert [airtable.row(BASE, "Groups", records[at])["Workers"] for at in done] == [at + 2 for at in done]


def test_what_writes_will_cost_does_not_hang_on_how_many_are_under_way(slow: AirtableRemote) -> None:
    changes = [update(f"rec{number:014d}", Workers=(1, 2)) for number in range(250)]
    assert slow.calls_for(changes) == 3 + 25

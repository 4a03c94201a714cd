"""A change that CiviCRM takes in two requests, of which one landed: kept cell by cell, and taken back like any other.

With the real CiviCRM remote over the local site, on both databases.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from bench import Bench
from bridge import retry
from bridge.core.mapping import FieldType, Mode, Unmatched
from bridge.core.plan import Written
from bridge.core.record import PerSide
from bridge.ports import JournalEntry
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.service.order import Kind, Order
from bridge.service.undo import Prepared, prepare, undo
from fakes import FakeClock
from remotes.civicrm_site import close_all, coops_mapping, coops_site, remote_to
from store.store_builders import State

ARROYO = "recArroyo00000001"
PATHS = {"number": ("external_identifier", FieldType.TEXT), "source": ("membership.source", FieldType.TEXT)}


@pytest.fixture
def site() -> CiviCRM:
    return coops_site()


@pytest.fixture
def server(site: CiviCRM) -> Iterator[Server]:
    with retry.no_waits(), Server(site) as running:
        yield running
    close_all()


@pytest.fixture
def bench(state: State, server: Server) -> Bench:
    """A co-op that agrees; then Airtable gives it a number that another one has, and its membership another source."""
    mapping = coops_mapping(paths=PATHS, unmatched=PerSide(Unmatched.IGNORE, Unmatched.IGNORE))
    made = Bench(state.store, FakeClock(), mapping)
    made.civicrm = remote_to(server, made.mapping)  # type: ignore[assignment]  # the real one, for once
    made.airtable.rows = {ARROYO: {"Civi ID": "USWC-1", "Number": "USWC-1", "Source": "paper"}}
    made.sync()
    made.airtable.rows[ARROYO].update(Number="USWC-2", Source="web")
    return made


def half_landed(bench: Bench) -> JournalEntry:
    """The change of which CiviCRM refused the contact's part and took the membership's."""
    [entry] = bench.store.journal.of_run(bench.sync().run)
    return entry


def take_back(bench: Bench, run: int) -> Prepared:
    bench.clock.forward(minutes=5)
    prepared = prepare(run, bench.mapping, bench.means)
    undo(prepared, Order(mode=Mode.CORRECT, by="maria", kind=Kind.UNDO), bench.means)
    return prepared


def source_of(site: CiviCRM) -> Any:
    return site.row("Membership", 1)["source"]


def test_what_landed_of_a_refused_change_is_kept_and_what_did_not_is_not(bench: Bench, site: CiviCRM) -> None:
    entry = half_landed(bench)
    assert (entry.outcome, entry.landed, source_of(site)) == (Written.REFUSED, ("source",), "web")
    assert [cell.field for cell in entry.stands] == ["source"]
    assert "Other cells of the change were written" in entry.detail


def test_an_undo_puts_back_the_cell_that_landed_and_it_stays_so(bench: Bench, site: CiviCRM) -> None:
    prepared = take_back(bench, half_landed(bench).run)
    [change] = prepared.plan.changes
    assert ([cell.field for cell in change.cells], prepared.left) == (["source"], ())
    assert source_of(site) == "paper"
    bench.sync()
    assert source_of(site) == "paper"
    assert bench.entry(208).discrepancy.field == "source"


def test_a_landed_cell_that_was_edited_since_is_listed_and_left(bench: Bench, site: CiviCRM) -> None:
    run = half_landed(bench).run
    site.staff_update("Membership", 1, {"source": "telephone"})
    prepared = prepare(run, bench.mapping, bench.means)
    assert not prepared.plan.changes
    assert [(each.field, each.why) for each in prepared.left] == [("source", "it has been edited since")]


def test_of_a_write_in_doubt_that_landed_in_part_the_part_is_found_by_reading_and_can_be_taken_back(
    bench: Bench, server: Server, site: CiviCRM
) -> None:
    server.faults.add(Fault(FaultKind.DROP_AFTER, "Membership/update"))
    entry = half_landed(bench)
    assert (entry.outcome, source_of(site)) == (Written.IN_DOUBT, "web")
    assert bench.sync().doubts_settled == 1
    [entry] = bench.store.journal.of_run(entry.run)
    assert (entry.outcome, entry.landed) == (Written.STALE, ("source",))
    assert entry.detail == "in doubt, settled by reading: a part of it had landed"
    take_back(bench, entry.run)
    assert source_of(site) == "paper"


def test_half_of_an_undo_that_landed_stays_taken_back(bench: Bench, site: CiviCRM) -> None:
    """An undo whose one half CiviCRM refuses must not see its other half written again by the next run."""
    site.staff_update("Contact", 9, {"external_identifier": "USWC-9"})
    run = bench.sync().run
    assert site.row("Contact", 8)["external_identifier"] == "USWC-2"
    site.staff_update("Contact", 9, {"external_identifier": "USWC-1"})
    take_back(bench, run)
    assert (site.row("Contact", 8)["external_identifier"], source_of(site)) == ("USWC-2", "paper")
    bench.sync()
    assert source_of(site) == "paper"
    assert bench.entry(208).discrepancy.field == "source"

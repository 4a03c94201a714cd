"""Outages, read from the ledger's events: what is one, when it is over, and that a source that comes and goes is one."""

import datetime as dt

import pytest

from bench import Bench
from bridge.core.ledger import Event, Happened
from bridge.core.plan import Change, Written
from bridge.errors import Unavailable
from bridge.ports import RunState
from bridge.service.order import Kind
from bridge.service.outage import Outage, last_outage, outages
from builders import airtable_rows, civicrm_rows
from fakes import NOW


def at(hours: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=hours)


def events(*told: tuple[float, str, Happened]) -> list[Event]:
    return [Event(fingerprint=name, happened=happened, at=at(hours), by="bridge") for hours, name, happened in told]


BROKE, AGAIN, BACK = Happened.OPENED, Happened.REOPENED, Happened.RESOLVED


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([], []),
        ([(0, "a", BROKE)], [Outage(began=at(0), ended=None)]),
        ([(0, "a", BROKE), (3, "a", BACK)], [Outage(began=at(0), ended=at(3))]),
        (
            [(0, "a", BROKE), (1, "b", BROKE), (2, "a", BACK), (4, "b", BACK)],
            [Outage(began=at(0), ended=at(4))],
        ),
        (
            [(0, "a", BROKE), (1, "a", BACK), (2, "a", AGAIN), (3, "a", BACK), (4.5, "b", BROKE)],
            [Outage(began=at(0), ended=None, times=3)],
        ),
        (
            [(0, "a", BROKE), (1, "a", BACK), (3, "a", AGAIN), (4, "a", BACK)],
            [Outage(began=at(0), ended=at(1)), Outage(began=at(3), ended=at(4))],
        ),
        ([(0, "a", BACK), (1, "a", Happened.ASSIGNED)], []),
    ],
    ids=["none", "ongoing", "over", "two-sources-are-one", "flapping-is-one", "two", "whose-beginning-is-forgotten"],
)
def test_what_is_one_outage(told: list[tuple[float, str, Happened]], found: list[Outage]) -> None:
    assert outages(events(*told)) == found


def test_a_delta_that_reads_both_systems_ends_an_outage(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.airtable.fails = Unavailable("Airtable did not answer.")
    assert bench.sync(kind=Kind.DELTA).state is RunState.FAILED
    assert bench.entry(504).discrepancy.field == "airtable", "the side that failed is named"
    went = last_outage(bench.store, ["groups"], bench.clock())
    assert went is not None
    assert (went.ended, len(went.unread)) == (None, 1)
    bench.airtable.fails = None
    bench.clock.forward(hours=1)
    bench.sync(kind=Kind.DELTA)
    assert bench.codes() == []
    came = last_outage(bench.store, ["groups"], bench.clock())
    assert came is not None
    assert (came.began, came.ended) == (went.began, bench.clock())


def test_a_process_told_to_stop_ends_the_write_in_hand_and_begins_no_other(bench: Bench) -> None:
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, A2={"name": "Brook"}, A3={"name": "Cedar"}),
        airtable_rows(A1={"Name": None}, A2={"Name": None}, A3={"Name": None}),
    )
    told: list[Change] = []
    bench.airtable.batch_size = 1
    bench.airtable.after_write = told.append
    bench.stopping = lambda: bool(told)
    result = bench.sync()
    assert (result.counts["written"], result.counts["not_sent"], result.counts["in_doubt"]) == (1, 2, 0)
    assert [outcome.reason for _, outcome in result.applied.outcomes if outcome.written is Written.NOT_SENT] == [
        "bridge was told to stop; the next run goes on"
    ] * 2
    assert bench.store.journal.open("groups") == []
    bench.stopping = lambda: False
    bench.forget_writes()
    assert bench.sync().counts["written"] == 2
    assert len(bench.writes) == 2

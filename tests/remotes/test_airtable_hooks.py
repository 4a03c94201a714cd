"""What a webhook vouches for: only what it surely heard, and once anything may have been missed, nothing before that."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import retry
from bridge.airtable.api import Api
from bridge.sandbox.airtable import ALL_SCOPES, TOKEN, Airtable
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from remotes.airtable_slots import MemoryCalls, MemorySlots, VirtualClock
from remotes.airtable_world import BASE, a_workspace

HOUR = 3600


class MemoryMemory:
    """What is remembered, in memory."""

    def __init__(self) -> None:
        self.places: dict[str, Mapping[str, Any]] = {}

    def recall(self, place: str) -> Mapping[str, Any]:
        return self.places.get(place, {})

    def keep(self, place: str, told: Mapping[str, Any]) -> None:
        self.places[place] = dict(told)


class Ear:
    """A client with webhooks over a sandbox's Airtable. Each question is of a run of its own, an hour after the last."""

    def __init__(self, airtable: Airtable, server: Server, api: Api, clock: VirtualClock) -> None:
        self.airtable, self.server, self.api, self.clock = airtable, server, api, clock
        self.groups, self.other = (airtable.table(BASE, name).id for name in ("Groups", "Other"))
        self.row = airtable.create(BASE, "Groups", {"Group name": "Arroyo"})
        self.seen = clock()

    def hear(self, *, later: float = HOUR) -> tuple[bool, bool]:
        """Whether a delta that was last here at `seen` lists Groups, and whether it lists Other."""
        self.clock.sleep(later)
        self.api.forget()
        quiet = [self.api.quiet(BASE, table, self.seen) for table in (self.groups, self.other)]
        self.seen = self.clock()
        return quiet[0] is None, quiet[1] is None

    def gone(self) -> frozenset[str]:
        return self.api.gone(BASE, self.groups, self.seen)

    @property
    def asked(self) -> list[str]:
        """What was asked since the last time."""
        asked = [each.route for each in self.server.requests]
        self.server.forget_requests()
        return asked


@pytest.fixture
def ear() -> Iterator[Ear]:
    airtable, clock = a_workspace(), VirtualClock()
    airtable.clock = clock
    settings: dict[str, Any] = {"slots": MemorySlots(), "calls": MemoryCalls(), "memory": MemoryMemory(), "webhooks": True}
    with (
        retry.no_waits(),
        Server(AirtableApi(airtable), clock=clock.seconds) as server,
        Api(TOKEN, url=server.url, clock=clock, now=clock.seconds, sleep=clock.sleep, **settings) as api,
    ):
        yield Ear(airtable, server, api, clock)


@pytest.fixture
def listening(ear: Ear) -> Ear:
    """A hook that was made, and has been heard since."""
    assert ear.hear() == (True, True), "a new hook knows nothing of what was before it"
    assert ear.hear() == (True, True), "nor of the two minutes before what was seen"
    assert ear.hear() == (False, False)
    ear.server.forget_requests()
    return ear


def test_what_did_not_change_is_known_by_one_call_for_all_tables(listening: Ear) -> None:
    listening.airtable.edit(BASE, "Groups", listening.row, {"Group name": "Arroyo Bakery"})
    assert listening.hear() == (True, False)
    assert listening.asked == ["webhooks/payloads"]
    assert listening.hear() == (False, False)


def test_an_edit_in_the_two_minutes_before_what_was_seen_is_news_as_it_is_to_a_list(listening: Ear) -> None:
    listening.airtable.edit(BASE, "Groups", listening.row, {"Group name": "Arroyo Bakery"})
    assert listening.hear(later=60) == (True, False)
    assert listening.hear(later=90) == (True, False)
    assert listening.hear() == (False, False)


def test_fields_and_tables_are_heard_of_too(listening: Ear) -> None:
    listening.airtable.rename_field(BASE, "Other", "Name", "Title")
    assert listening.hear() == (False, True)
    listening.airtable.rename_table(BASE, "Groups", "Co-ops")
    assert listening.hear() == (True, False)


def test_a_deleted_record_is_heard_of_once(listening: Ear) -> None:
    listening.airtable.delete(BASE, "Groups", listening.row)
    before = listening.seen
    listening.clock.sleep(HOUR)
    listening.api.forget()
    assert listening.api.gone(BASE, listening.groups, before) == {listening.row}
    assert listening.api.gone(BASE, listening.other, before) == frozenset()
    listening.hear()
    assert listening.gone() == frozenset()


def test_a_deletion_that_was_taken_back_is_none(listening: Ear) -> None:
    listening.airtable.delete(BASE, "Groups", listening.row)
    before = listening.seen
    listening.hear()
    listening.airtable.create(BASE, "Groups", {"Group name": "Arroyo"}, record_id=listening.row)
    listening.hear()
    assert listening.api.gone(BASE, listening.groups, before) == frozenset()


def said(listening: Ear, **period: float) -> list[str]:
    """What the log says of the next question."""
    with capture_logs() as lines:
        assert listening.hear(later=dt.timedelta(**period).total_seconds() or HOUR) == (True, True)
    return [f"{each['event']}: {each.get('why')}" for each in lines]


def missing(ear: Ear) -> None:
    """Somebody deletes the hook."""
    ear.airtable.base(BASE).hooks.hooks.clear()


def silent_for_a_week(ear: Ear) -> None:
    ear.clock.sleep(7 * 24 * HOUR)


def ill(ear: Ear) -> None:
    """The hook reports a fault of its own."""
    [hook] = ear.airtable.base(BASE).hooks.hooks.values()
    hook.payloads.append((ear.clock(), {"error": True, "code": "INVALID_HOOK"}))


def purged(ear: Ear) -> None:
    """Payloads are gone before they were heard, though the hook is young."""
    [hook] = ear.airtable.base(BASE).hooks.hooks.values()
    hook.first += 3


def busy(ear: Ear) -> None:
    for number in range(4 * 50 + 1):
        ear.airtable.edit(BASE, "Groups", ear.row, {"Workers": number})


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (missing, "airtable_webhook_lost: Airtable refused GET"),
        (silent_for_a_week, "airtable_webhook_gap: nobody has asked it for a week"),
        (ill, "airtable_webhook_gap: it reports INVALID_HOOK"),
        (purged, "airtable_webhook_gap: payloads are missing"),
        (busy, "airtable_webhook_gap: there is more to hear than to list"),
    ],
)
def test_a_gap_is_said_once_and_until_it_is_past_the_tables_are_listed(
    listening: Ear, happens: Callable[[Ear], None], told: str
) -> None:
    happens(listening)
    [first] = said(listening)
    assert first.startswith(told)
    for _ in range(2):
        listening.hear()
    with capture_logs() as lines:
        assert listening.hear() == (False, False)
    assert lines == []
    listening.airtable.edit(BASE, "Groups", listening.row, {"Group name": "Arroyo Bakery"})
    assert listening.hear() == (True, False)
    alive = [each for each in listening.airtable.base(BASE).hooks.hooks.values() if listening.clock() < each.expires]
    assert len(alive) == 1, "a base takes ten"


def test_a_payload_that_comes_late_counts_as_of_when_it_came(listening: Ear) -> None:
    """What a list of that time should have brought, and did not."""
    listening.airtable.edit(BASE, "Groups", listening.row, {"Group name": "Arroyo Bakery"})
    hooks = listening.airtable.base(BASE).hooks.hooks.values()
    kept = [each.payloads.pop() for each in hooks]
    assert listening.hear() == (False, False)
    for each, payload in zip(hooks, kept, strict=True):
        each.payloads.append(payload)
    assert listening.hear() == (True, False)


def test_without_the_right_it_is_said_once_and_asked_for_again_each_day(ear: Ear) -> None:
    ear.airtable.tokens[TOKEN] = ALL_SCOPES - {"webhook:manage"}
    [first] = said(ear)
    assert first.startswith("airtable_webhook_refused: Airtable does not permit POST")
    ear.server.forget_requests()
    assert said(ear, hours=1) == []
    assert ear.asked == []
    assert said(ear, days=1) == []
    assert ear.asked == ["webhooks/create"]
    ear.airtable.tokens[TOKEN] = ALL_SCOPES
    said(ear, days=1)
    ear.hear()
    assert ear.hear() == (False, False)


def test_where_it_does_not_answer_the_tables_are_listed_and_nothing_is_forgotten(listening: Ear) -> None:
    listening.airtable.edit(BASE, "Groups", listening.row, {"Group name": "Arroyo Bakery"})
    listening.server.faults.add(Fault(FaultKind.STATUS_500_HTML, "webhooks/payloads", times=None))
    seen = listening.seen
    assert said(listening)[0].startswith("airtable_webhook_silent")
    listening.server.faults.clear()
    listening.seen = seen
    assert listening.hear() == (True, False)

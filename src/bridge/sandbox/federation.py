"""A federation of worker co-ops, the same one for the same seed, as CiviCRM and Airtable hold it on one morning.

Both sides come from the same facts; a known number of true differences of every kind is planted, and `truth` tells
where. All else differs only in the way it is written: phones, capitals, spaces, accents taken apart, `&amp;`.
"""

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.sandbox import federation_words as words
from bridge.sandbox.airtable import Airtable
from bridge.sandbox.airtable_cells import Ids
from bridge.sandbox.federation_airtable import BASE, BENEFITS, Fields, enrollee_row, group_row
from bridge.sandbox.federation_civicrm import CivicrmRows, Row
from bridge.sandbox.federation_facts import Coop, Coverage, draw_coop, draw_coops, draw_worker, hire
from bridge.sandbox.federation_plants import ENROLLEE_KINDS, GROUP_KINDS, Copy, Draft, Planted, bend, choose, plant
from bridge.sandbox.ground import Ground

__all__ = ["BASE", "Federation", "Planted", "found_federation"]


class RowLoader(Protocol):
    """What takes rows in bulk: the sandbox's CiviCRM site."""

    def extend(self, ground: Ground) -> None:
        """Makes the custom groups and options that the rows use."""

    def load(self, entity: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Puts rows with ids of their own."""


@dataclass(frozen=True, slots=True)
class Federation:
    """Rows for CiviCRM by entity, rows for Airtable by table and record id, and where each difference was planted.

    `truth` is keyed by `groups.<kind>` and `enrollees.<kind>`, the kinds of `federation_plants`; in the data of a ready
    mapping (`bridge.sandbox.ready`) by `<mapping>.<rule or code>`.
    """

    civicrm: Mapping[str, Sequence[Row]]
    airtable: Mapping[str, Mapping[str, Fields]]
    truth: Mapping[str, Sequence[Planted]]
    ground: Ground = BENEFITS

    def fill_civicrm(self, site: RowLoader) -> None:
        """Puts its rows into a CiviCRM site."""
        site.extend(self.ground)
        for entity, rows in self.civicrm.items():
            site.load(entity, rows)

    def fill_airtable(self, airtable: Airtable) -> None:
        """Makes the base with its tables and rows; `appFederation0001` is the federation's."""
        base = airtable.add_base(self.ground.title, self.ground.base)
        for table, columns in self.ground.tables.items():
            airtable.add_table(base, table, columns)
            for record, fields in self.airtable[table].items():
                airtable.create(base, table, fields, record)


def found_federation(coops: int = 375, workers: int = 10_000, seed: int = 1, today: dt.date | None = None) -> Federation:
    """A federation of that many co-ops and workers.

    Args:
        coops: how many; 30 are enough for every kind of difference.
        workers: how many over all co-ops; about two in five are enrolled.
        seed: the same seed, sizes and day make the same federation, byte for byte.
        today: the day that memberships, renewals and overdue dues are reckoned from; today if not given.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    rng = random.Random(seed)  # noqa: S311  # sample data is no secret
    draft = Draft(rng, Ids(seed), today, CivicrmRows(rng, today))
    members = draw_coops(rng, coops, workers, today)
    of_groups = [*choose(GROUP_KINDS, rng.sample(members, coops))]
    for each in of_groups:
        bend(draft, *each)
    hire(rng, members, today)
    enrolled = [worker for coop in members if not coop.coverage_left for worker in coop.workers if worker.coverage]
    of_enrollees = [*choose(ENROLLEE_KINDS, rng.sample(enrolled, len(enrolled)))]
    for one in of_enrollees:
        bend(draft, *one)
    for coop in members:
        _write_down(draft, coop)
    plant(draft, "groups", of_groups, draft.members)
    plant(draft, "enrollees", of_enrollees, draft.people)
    _add_only_in_airtable(draft, max(1, coops // 100), max(1, len(enrolled) // 500))
    _note_kin(draft)
    airtable = {"Groups": draft.groups, "Enrollees": draft.enrollees, "Discrepancies": {}}
    return Federation(dict(draft.civicrm.rows), airtable, {name: tuple(each) for name, each in draft.truth.items()})


def _write_down(draft: Draft, coop: Coop) -> None:
    record = draft.ids.new("rec")
    draft.groups[record] = group_row(draft.rng, coop)
    employer = draft.civicrm.add_coop(coop)
    draft.members[coop.key] = Copy(coop, employer, record, draft.groups)
    for worker in coop.workers:
        person = draft.civicrm.add_worker(worker, employer)
        if worker.coverage:
            enrollee = draft.ids.new("rec")
            draft.enrollees[enrollee] = enrollee_row(draft.rng, worker, record)
            draft.people[worker.key] = Copy(worker, person, enrollee, draft.enrollees)


def _add_only_in_airtable(draft: Draft, groups: int, enrollees: int) -> None:
    """Rows that nobody ever wrote into CiviCRM, with names that nothing there resembles."""
    rng, stranger = draft.rng, draw_coop(draft.rng, 0, "Stranger", draft.today)
    for name in rng.sample(words.STRANGE_NAMES, groups):
        stranger.name = name
        record = draft.ids.new("rec")
        draft.groups[record] = {**group_row(rng, stranger), "Civi ID": None, "Enrolled workers": 0, "Invoiced workers": 0}
        draft.truth["groups.only_in_airtable"].append(Planted(airtable=record))
    stranger.status = "enrolled"
    for number in range(enrollees):
        worker = draw_worker(rng, 90_000 + number, "787", draft.today)
        worker.last = f"Quispe Huamán {number}"
        worker.coverage = Coverage("pending", "vision", draft.today, None, f"M{number:06}")
        record = draft.ids.new("rec")
        draft.enrollees[record] = {**enrollee_row(rng, worker, None), "Civi ID": None}
        draft.truth["enrollees.only_in_airtable"].append(Planted(airtable=record))


def _note_kin(draft: Draft) -> None:
    """Families share an e-mail, so it can never be a key: told for enrollees whose address somebody else has too."""
    emails = {row["contact_id"]: row["email"] for row in draft.civicrm.rows["Email"]}
    used = Counter(emails.values())
    kin = [copy.planted for copy in draft.people.values() if used[emails.get(copy.contact["id"], "")] > 1]
    draft.truth["enrollees.shared_email"] += kin

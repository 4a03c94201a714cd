"""The differences planted in the seeded federation, one kind after the other, each where no other kind spoils it.

A kind first bends the facts (then both systems agree on something that a rule should tell), or the copy in one system
(then the two differ), or both. `truth` says where each was planted.
"""

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bridge.sandbox import federation_words as words
from bridge.sandbox.airtable_cells import Ids
from bridge.sandbox.federation_airtable import UNMAPPED_COVERAGE, UNMAPPED_STATUS, Fields
from bridge.sandbox.federation_civicrm import CivicrmRows, Row
from bridge.sandbox.federation_facts import Coop, Coverage, Membership, Worker, membership

Subject = TypeVar("Subject", Coop, Worker)
WHOLE = frozenset({"the whole record"})


@dataclass(frozen=True, slots=True)
class Planted:
    """The ids of one planted difference; empty where that side has no record."""

    civicrm: str = ""
    airtable: str = ""


@dataclass(slots=True)
class Copy(Generic[Subject]):
    """One subject as both systems hold it. `table` are the rows of Airtable, among them the one with id `record`."""

    subject: Subject
    contact: Row
    record: str
    table: dict[str, Fields]

    @property
    def row(self) -> Fields:
        """The row in Airtable."""
        return self.table[self.record]

    @property
    def planted(self) -> Planted:
        """Where it stands."""
        return Planted(str(self.contact["id"]), self.record)


@dataclass(slots=True)
class Draft:
    """The federation while it is made."""

    rng: random.Random
    ids: Ids
    today: dt.date
    civicrm: CivicrmRows
    groups: dict[str, Fields] = field(default_factory=dict)
    enrollees: dict[str, Fields] = field(default_factory=dict)
    truth: defaultdict[str, list[Planted]] = field(default_factory=lambda: defaultdict(list))
    members: dict[str, Copy[Coop]] = field(default_factory=dict)
    people: dict[str, Copy[Worker]] = field(default_factory=dict)
    only_in_civicrm: list[Copy[Coop]] = field(default_factory=list)
    hostile_names: Iterator[str] = field(default_factory=lambda: itertools.cycle(words.HOSTILE_NAMES))


@dataclass(frozen=True, slots=True)
class Kind(Generic[Subject]):
    """One kind of difference: the cells it needs for itself, how often it is planted, and what it does.

    `share` is of all subjects; at least `least` are planted while there is room. `fits` says which subjects will do.
    """

    name: str
    cells: frozenset[str]
    share: float
    fact: Callable[[Draft, Subject], None] | None = None
    copy: Callable[[Draft, Copy[Subject]], Sequence[Planted] | None] | None = None
    least: int = 1
    fits: Callable[[Subject], bool] = lambda _subject: True


Choice = tuple[Kind[Subject], Subject]


def choose(kinds: Sequence[Kind[Subject]], subjects: Sequence[Subject]) -> Iterator[Choice[Subject]]:
    """Which subject each kind is planted on. No two kinds on one subject need the same cell."""
    untouched = {each.key: each for each in subjects}
    touched: list[tuple[Subject, frozenset[str]]] = []
    for kind in kinds:
        for _ in range(max(kind.least, round(kind.share * len(subjects)))):
            found = next((each for each in untouched.values() if kind.fits(each)), None)
            if found is not None:
                touched.append((untouched.pop(found.key), kind.cells))
                yield kind, found
                continue
            room = next((place for place, each in enumerate(touched) if _has_room(kind, *each)), None)
            if room is not None:
                found, cells = touched.pop(room)
                touched.append((found, cells | kind.cells))
                yield kind, found


def _has_room(kind: Kind[Subject], subject: Subject, taken: frozenset[str]) -> bool:
    return kind.fits(subject) and WHOLE not in (taken, kind.cells) and not taken & kind.cells


def bend(draft: Draft, kind: Kind[Subject], subject: Subject) -> None:
    """Bends the facts of one subject, before either system writes them down."""
    if kind.fact:
        kind.fact(draft, subject)


def plant(draft: Draft, prefix: str, choices: Sequence[Choice[Subject]], copies: Mapping[str, Copy[Subject]]) -> None:
    """Bends the copies, and notes in `truth` under `prefix.kind` where."""
    for kind, subject in choices:
        copy = copies[subject.key]
        planted = kind.copy(draft, copy) if kind.copy else None
        draft.truth[f"{prefix}.{kind.name}"] += planted or [copy.planted]


def _set(**cells: Any) -> Callable[[Draft, Copy[Any]], None]:
    """Puts values into cells of the Airtable row; underscores in a name stand for spaces."""

    def put(_draft: Draft, copy: Copy[Any]) -> None:
        copy.row.update({name.replace("_", " "): value for name, value in cells.items()})

    return put


# -- either table ---------------------------------------------------------------------------------------------------


def _duplicate_in_airtable(draft: Draft, copy: Copy[Any]) -> Sequence[Planted]:
    twin = draft.ids.new("rec")
    copy.table[twin] = dict(copy.row)
    return [copy.planted, Planted(copy.planted.civicrm, twin)]


def _trashed(_draft: Draft, copy: Copy[Any]) -> None:
    copy.contact["is_deleted"] = True


def _merged(draft: Draft, copy: Copy[Any]) -> None:
    loser = draft.civicrm.add_merged(copy.contact, f"{copy.subject.key}-OLD")
    copy.row["Civi ID"] = loser["external_identifier"]


def _blank_in_civicrm(draft: Draft, copy: Copy[Any]) -> None:
    draft.civicrm.drop_email(copy.contact)


# -- co-ops ---------------------------------------------------------------------------------------------------------


def _enrolled(*statuses: str) -> Callable[[Draft, Coop], None]:
    def bend(draft: Draft, coop: Coop) -> None:
        coop.status = "enrolled"
        coop.memberships = [membership(draft.rng, each, draft.today) for each in statuses]

    return bend


def _renewal_soon(draft: Draft, coop: Coop) -> None:
    end = draft.today + dt.timedelta(days=draft.rng.randint(10, 50))
    coop.status, coop.memberships = "enrolled", [Membership("Current", end - dt.timedelta(days=364), end)]


def _dues_overdue(draft: Draft, coop: Coop) -> None:
    _enrolled("Current")(draft, coop)
    coop.dues_open = 250


def _overridden(draft: Draft, coop: Coop) -> None:
    end = draft.today - dt.timedelta(days=draft.rng.randint(60, 200))
    coop.memberships = [Membership("Current", end - dt.timedelta(days=364), end, override=True)]


def _inherited(draft: Draft, coop: Coop) -> None:
    _enrolled("Current")(draft, coop)
    coop.memberships[0].inherited = True


def _never_enrolled(_draft: Draft, coop: Coop) -> None:
    """For co-ops that will not be linked: nobody's coverage hangs on them."""
    coop.status = "prospect"


def _coverage_left(_draft: Draft, coop: Coop) -> None:
    coop.status, coop.coverage_left = "terminated", True


def _hostile_name(draft: Draft, coop: Coop) -> None:
    coop.name = next(draft.hostile_names)


def _similar_name(_draft: Draft, copy: Copy[Coop]) -> None:
    copy.row.update({"Civi ID": None, "Group name": words.mistyped(copy.subject.name)})


def _keys_disagree(draft: Draft, copy: Copy[Coop]) -> None:
    other = draft.only_in_civicrm[0].subject
    copy.row.update({"Group name": other.name, "State": other.state})


def _duplicate_in_civicrm(draft: Draft, copy: Copy[Coop]) -> Sequence[Planted]:
    kept = {name: value for name, value in copy.contact.items() if name not in ("id", "external_identifier")}
    twin = draft.civicrm.add("Contact", **kept)
    draft.civicrm.add_address(twin, copy.subject)
    copy.row["Civi ID"] = None
    return [copy.planted, Planted(str(twin["id"]), copy.record)]


def _only_in_civicrm(draft: Draft, copy: Copy[Coop]) -> Sequence[Planted]:
    del copy.table[copy.record]
    draft.only_in_civicrm.append(copy)
    return [Planted(civicrm=str(copy.contact["id"]))]


def _name_differs(draft: Draft, copy: Copy[Coop]) -> None:
    name = copy.subject.name
    worn = max((each for each in words.SUFFIXES if name.endswith(each)), key=len)
    copy.row["Group name"] = name.removesuffix(worn) + draft.rng.choice([x for x in words.SUFFIXES if x != worn])


def _plans_differ(_draft: Draft, copy: Copy[Coop]) -> None:
    every = ["Dental Basic", "Dental Plus", "Vision"]
    copy.row["Plans"] = every[:1] if len(copy.row["Plans"]) == len(every) else every


def _status_differs(_draft: Draft, copy: Copy[Coop]) -> None:
    copy.row["Status"] = "Enrolling" if copy.row["Status"] != "Enrolling" else "Prospect"


def _membership_stale(_draft: Draft, copy: Copy[Coop]) -> None:
    copy.row["Membership status"] = "Lapsed" if copy.row["Membership status"] == "Active" else "Active"


def _head_count_above_roster(_draft: Draft, copy: Copy[Coop]) -> None:
    copy.row["Enrolled workers"] = copy.row["Invoiced workers"] = len(copy.subject.workers) + 3


def _invoiced_above_head_count(_draft: Draft, copy: Copy[Coop]) -> None:
    copy.row["Invoiced workers"] += 2


def _left_active(draft: Draft, copy: Copy[Coop]) -> None:
    left = draft.people[copy.subject.workers[0].key]
    draft.truth["enrollees.active_in_terminated_group"].append(left.planted)


def _has_joined(coop: Coop) -> bool:
    return bool(coop.memberships)


_MEMBERSHIP = frozenset({"Status", "Membership status", "Membership ends"})
_HEADS = frozenset({"Enrolled workers", "Invoiced workers"})
_EMAIL, _PHONE, _STATUS, _NAME = (frozenset({each}) for each in ("Contact email", "Phone", "Status", "Group name"))

GROUP_KINDS: Sequence[Kind[Coop]] = (
    Kind("only_in_civicrm", WHOLE, 0.02, _never_enrolled, _only_in_civicrm, least=2),
    Kind("keys_disagree", WHOLE, 0.003, _never_enrolled, _keys_disagree),
    Kind("missing_key", WHOLE, 0.03, copy=_set(Civi_ID=None)),
    Kind("similar_name", WHOLE, 0.02, _never_enrolled, _similar_name),
    Kind("duplicate_in_airtable", WHOLE, 0.008, _never_enrolled, _duplicate_in_airtable),
    Kind("duplicate_in_civicrm", WHOLE, 0.008, _never_enrolled, _duplicate_in_civicrm),
    Kind("trashed", WHOLE, 0.008, _never_enrolled, _trashed),
    Kind("merged", WHOLE, 0.008, copy=_merged),
    Kind("archived", WHOLE, 0.02, _never_enrolled, _set(Archived=True)),
    Kind("lapsed_but_enrolled", _MEMBERSHIP, 0.015, _enrolled("Expired")),
    Kind("cancelled_but_enrolled", _MEMBERSHIP, 0.005, _enrolled("Cancelled")),
    Kind("no_membership_but_enrolled", _MEMBERSHIP, 0.005, _enrolled()),
    Kind("pending_and_enrolled", _MEMBERSHIP, 0.01, _enrolled("Pending")),
    Kind("renewal_soon", _MEMBERSHIP, 0.03, _renewal_soon),
    Kind("dues_overdue", _MEMBERSHIP, 0.02, _dues_overdue),
    Kind("overridden_membership", _MEMBERSHIP, 0.01, _overridden),
    Kind("inherited_membership", _MEMBERSHIP, 0.01, _inherited),
    Kind("coverage_left_active", _MEMBERSHIP, 0.01, _coverage_left, _left_active, fits=lambda coop: coop.size > 0),
    Kind("hostile_name", _NAME, 0.013, _hostile_name),
    Kind("name_differs", _NAME, 0.02, copy=_name_differs),
    Kind("blank_in_airtable", _PHONE, 0.03, copy=_set(Phone=None)),
    Kind("phone_differs", _PHONE, 0.02, copy=_set(Phone="(787) 555-0199")),
    Kind("invalid_phone", _PHONE, 0.01, copy=_set(Phone="555-CALL")),
    Kind("blank_in_civicrm", _EMAIL, 0.02, copy=_blank_in_civicrm),
    Kind("email_differs", _EMAIL, 0.02, copy=_set(Contact_email="new.office@mail.example")),
    Kind("invalid_email", _EMAIL, 0.01, copy=_set(Contact_email="office at mail dot example")),
    Kind("owner_blank", frozenset({"Effective date"}), 0.01, copy=_set(Effective_date=None)),
    Kind("plans_differ", frozenset({"Plans"}), 0.02, copy=_plans_differ),
    Kind("status_differs", _STATUS, 0.01, copy=_status_differs),
    Kind("unmapped_option", _STATUS, 0.008, copy=_set(Status=UNMAPPED_STATUS)),
    Kind("membership_status_stale", frozenset({"Membership status"}), 0.02, copy=_membership_stale, fits=_has_joined),
    Kind("head_count_above_roster", _HEADS, 0.01, copy=_head_count_above_roster),
    Kind("invoiced_above_head_count", _HEADS, 0.01, copy=_invoiced_above_head_count),
)


# -- workers --------------------------------------------------------------------------------------------------------


def _coverage_after_end(draft: Draft, worker: Worker) -> None:
    if worker.coverage:
        start = draft.today - dt.timedelta(days=400)
        end = draft.today - dt.timedelta(days=draft.rng.randint(20, 90))
        worker.coverage = Coverage("active", worker.coverage.plan, start, end, worker.coverage.member_number)


def _without_employer(_draft: Draft, worker: Worker) -> None:
    worker.employed = False


def _similar_person(_draft: Draft, copy: Copy[Worker]) -> None:
    last = words.mistyped(copy.subject.last)
    copy.row.update({"Civi ID": None, "Last name": last, "Name": f"{copy.subject.first} {last}"})


def _birth_date_differs(_draft: Draft, copy: Copy[Worker]) -> None:
    copy.row["Birth date"] = (copy.subject.birth + dt.timedelta(days=30)).isoformat()


def _coverage_differs(_draft: Draft, copy: Copy[Worker]) -> None:
    copy.row["Coverage status"] = "Pending" if copy.row["Coverage status"] != "Pending" else "Active"


def _plan_differs(_draft: Draft, copy: Copy[Worker]) -> None:
    copy.row["Plan"] = "Vision" if copy.row["Plan"] != "Vision" else "Dental Plus"


def _premium_differs(_draft: Draft, copy: Copy[Worker]) -> None:
    copy.row["Monthly premium"] += 0.01


def _never_terminated(worker: Worker) -> bool:
    return worker.coverage is not None and worker.coverage.status != "terminated"


_WORKER_STATUS, _WORKER_EMAIL = frozenset({"Coverage status", "End date"}), frozenset({"Email"})

ENROLLEE_KINDS: Sequence[Kind[Worker]] = (
    Kind("missing_key", WHOLE, 0.01, copy=_set(Civi_ID=None)),
    Kind("similar_name", WHOLE, 0.005, copy=_similar_person),
    Kind("duplicate_in_airtable", WHOLE, 0.001, copy=_duplicate_in_airtable),
    Kind("trashed", WHOLE, 0.001, copy=_trashed),
    Kind("merged", WHOLE, 0.001, copy=_merged),
    Kind("without_employer", WHOLE, 0.003, _without_employer),
    Kind("coverage_after_end", _WORKER_STATUS, 0.003, _coverage_after_end, fits=_never_terminated),
    Kind("coverage_status_differs", _WORKER_STATUS, 0.003, copy=_coverage_differs),
    Kind("unmapped_option", _WORKER_STATUS, 0.001, copy=_set(Coverage_status=UNMAPPED_COVERAGE)),
    Kind("blank_in_airtable", frozenset({"Phone"}), 0.01, copy=_set(Phone=None)),
    Kind("invalid_phone", frozenset({"Phone"}), 0.001, copy=_set(Phone="413-555-01")),
    Kind("blank_in_civicrm", _WORKER_EMAIL, 0.005, copy=_blank_in_civicrm),
    Kind("email_differs", _WORKER_EMAIL, 0.003, copy=_set(Email="my.new.address@mail.example")),
    Kind("invalid_email", _WORKER_EMAIL, 0.001, copy=_set(Email="no e-mail")),
    Kind("birth_date_differs", frozenset({"Birth date"}), 0.002, copy=_birth_date_differs),
    Kind("plan_differs", frozenset({"Plan"}), 0.003, copy=_plan_differs),
    Kind("premium_differs", frozenset({"Monthly premium"}), 0.001, copy=_premium_differs),
)

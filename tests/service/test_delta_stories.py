"""Deltas with any mix of edits between them, and then a sweep, which finds nothing that the deltas should have found.

Everything is real but the clocks: the adapters, the HTTP servers, the state, the mappings read from YAML. Staff edit contacts,
emails, phones, memberships, custom fields and employers in CiviCRM and cells in Airtable, on a site of either version, with or
without SQL triggers for custom data. The site's clock goes wrong by up to three quarters of an hour and is put right, summer
time ends, pages are lost, sources fall silent, and the process dies at any point of a run.

Deltas are *not* expected to find, and the sweep must:

- who was put in the trash, archived, deleted or merged, and what else was edited while a record was out of the scope so;
- who is new, and whoever's partner is;
- what was written past CiviCRM, so that no date moved that should have.

`aside` holds the pairs that such a thing came to since the latest sweep. Of all other pairs a sweep plans no change and tells
nothing that is not in the ledger.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from bridge import retry
from bridge.airtable.api import Api
from bridge.app import App
from bridge.config.mappings import load
from bridge.config.settings import Settings
from bridge.core.mapping import Mapping
from bridge.core.plan import Change, Discrepancy
from bridge.core.record import Link, PerSide, Side
from bridge.ports import Outcome, Progress, Pulled, Remote, RunState, silent
from bridge.sandbox.airtable import TOKEN, Airtable, Column
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.civicrm import API_KEYS, CiviCRM
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.service.order import Kind, Result
from service.engine import Clock, Died, an_empty_state, with_state

C, A = Side.CIVICRM, Side.AIRTABLE
BASE = "appFederation0001"
FIRST, COOPS, WORKERS = 8, 3, 2
FIRST_WORKER = 40
EXAMPLES = {"dev": 4, "ci": 8, "night": 300}

GROUPS = """\
mapping: groups
title: {en: Groups}
mode: correct
civicrm:
  entity: Organization
  where: [[contact_sub_type, CONTAINS, Worker_Cooperative]]
  related:
    membership:
      entity: Membership
      by: contact_id
      pick: {prefer: {status_id.is_current_member: [true, false]}, latest: end_date}
    workers: {entity: Individual, by: employer_id, count: true}
    mail: {entity: Email, by: contact_id, count: true}
airtable: {base: benefits, table: Groups, where: [[Archived, "=", false]]}
match:
  - exact: {civicrm: external_identifier, airtable: Civi ID}
fields:
  name: {civicrm: organization_name, airtable: Group name, type: text, authority: civicrm}
  email: {civicrm: email_primary.email, airtable: Email, type: email, authority: either}
  phone: {civicrm: phone_primary.phone, airtable: Phone, type: phone, region: US, authority: either, on_conflict: civicrm}
  effective: {civicrm: Benefits.Effective_Date, airtable: Effective, type: date, authority: either}
  ends: {civicrm: membership.end_date, airtable: Ends, type: date, authority: civicrm}
  source: {civicrm: membership.source, type: text}
  legal: {civicrm: legal_name, type: text}
  nickname: {civicrm: nick_name, airtable: Nickname, type: text, authority: report}
  workers: {civicrm: workers, type: integer}
  mails: {civicrm: mail, type: integer}
unmatched: {civicrm: ignore, airtable: ignore}
guard: {updates: {count: 100, share: 100%}, shrink: 99%}
rules:
  on-paper: {title: {en: Paper}, severity: low, when: [{civicrm: source, is: paper}], say: {en: "{name}: paper"}}
  closed: {title: {en: Closed}, severity: low, when: [{civicrm: legal, is: Closed}], say: {en: "{name}: closed"}}
  empty: {title: {en: Empty}, severity: low, when: [{civicrm: workers, is: 0}], say: {en: "{name}: no workers"}}
  silent: {title: {en: Silent}, severity: low, when: [{civicrm: mails, is: 0}], say: {en: "{name}: no email"}}
"""
PEOPLE = """\
mapping: people
title: {en: People}
mode: correct
civicrm: {entity: Individual, where: [[contact_sub_type, CONTAINS, Worker]]}
airtable: {base: benefits, table: People}
match:
  - exact: {civicrm: external_identifier, airtable: Civi ID}
fields:
  name: {civicrm: first_name, airtable: First name, type: text, authority: civicrm}
  job: {civicrm: job_title, airtable: Job, type: text, authority: either, on_conflict: newest}
  employer: {civicrm: employer_id.legal_name, airtable: Employer, type: text, authority: civicrm}
  sort: {civicrm: "employer_id.Benefits.Effective_Date", type: date}
unmatched: {civicrm: ignore, airtable: ignore}
guard: {updates: {count: 100, share: 100%}, shrink: 99%}
rules:
  early: {title: {en: Early}, severity: low, when: [{civicrm: sort, before: 2026-02-15}], say: {en: "{name}: early"}}
"""

TEXTS = ["Arroyo", " arroyo  ", "Breadfruit", "Closed"]
MAILS = ["ana@example.org", "Ana@Example.org", "bo@example.org", "half@"]
PHONES = ["413-555-0188", "(413) 555-0188", "413-555-0199", "call me"]
DAYS = ["2026-01-01", "2026-02-01", "2026-03-01"]
CONTACT: list[tuple[str, Sequence[Any]]] = [
    ("organization_name", TEXTS),
    ("legal_name", TEXTS),
    ("nick_name", TEXTS),
    ("email_primary.email", MAILS),
    ("phone_primary.phone", PHONES),
    ("Benefits.Effective_Date", DAYS),
]
CELLS: list[tuple[str, Sequence[Any]]] = [
    ("Group name", TEXTS),
    ("Email", MAILS),
    ("Phone", PHONES),
    ("Effective", DAYS),
    ("Ends", ["2027-06-30", "2027-12-31"]),
    ("Nickname", TEXTS),
]
MEMBERSHIP: list[tuple[str, Sequence[Any]]] = [("end_date", ["2027-06-30", "2027-12-31"]), ("source", ["paper", "web", ""])]


@cache
def mappings() -> tuple[Mapping, ...]:
    """Both mappings."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "groups.yaml").write_text(GROUPS)
        (Path(folder) / "people.yaml").write_text(PEOPLE)
        return tuple(load(Path(folder)))


# ── the two systems and bridge ──


def a_site(version: str, clock: Callable[[], dt.datetime], *, triggers: bool) -> CiviCRM:
    """Co-ops with an email, a phone and a membership each, and people who work in the first of them."""
    site = CiviCRM(version, clock=clock, custom_triggers=triggers)
    coops, workers = range(FIRST, FIRST + COOPS), range(FIRST_WORKER, FIRST_WORKER + WORKERS)
    site.load("Contact", [a_coop(id_) for id_ in coops])
    person = {"contact_type": "Individual", "contact_sub_type": ["Worker"], "job_title": "Baker", "employer_id": FIRST}
    site.load("Contact", [{**person, "id": id_, "first_name": f"P{id_}", "external_identifier": f"P{id_}"} for id_ in workers])
    site.load("Email", [{"id": id_, "contact_id": id_, "email": f"c{id_}@example.org", "is_primary": True} for id_ in coops])
    site.load("Phone", [{"id": id_, "contact_id": id_, "phone": f"413-555-01{id_:02}", "is_primary": True} for id_ in coops])
    kept = {"membership_type_id": 1, "join_date": "2020-01-01", "start_date": "2026-01-01", "is_override": False}
    site.load(
        "Membership",
        [{**kept, "id": id_, "contact_id": id_, "status_id": 2, "end_date": "2026-12-31", "source": "web"} for id_ in coops],
    )
    return site


def a_coop(id_: int) -> dict[str, Any]:
    """A co-op as CiviCRM keeps it."""
    return {
        "id": id_,
        "contact_type": "Organization",
        "contact_sub_type": ["Worker_Cooperative"],
        "organization_name": f"Coop {id_}",
        "legal_name": f"Coop {id_} Inc",
        "nick_name": f"C{id_}",
        "external_identifier": f"K{id_}",
        "Benefits.Effective_Date": "2026-03-01",
    }


def a_group(id_: int) -> dict[str, Any]:
    """The co-op's row, as people write it."""
    return {
        "Group name": f"Coop {id_}",
        "Civi ID": f"K{id_}",
        "Email": f"c{id_}@example.org",
        "Phone": f"(413) 555-01{id_:02}",
        "Effective": "2026-03-01",
        "Ends": "2026-12-31",
        "Nickname": f"C{id_}",
    }


def a_workspace(clock: Clock) -> Airtable:
    """The same co-ops and people in Airtable."""
    made = Airtable(clock=clock, rate_limit=None)
    made.add_base("Benefits", BASE)
    texts = ["Group name", "Civi ID", "Nickname"]
    columns = [*map(Column, texts), Column("Email", "email"), Column("Phone", "phoneNumber")]
    columns += [Column("Effective", "date"), Column("Ends", "date"), Column("Archived", "checkbox")]
    made.add_table(BASE, "Groups", columns)
    made.add_table(BASE, "People", [*map(Column, ["First name", "Civi ID", "Job", "Employer"])])
    for id_ in range(FIRST, FIRST + COOPS):
        made.create(BASE, "Groups", a_group(id_), f"recGroup{id_:09}")
    for id_ in range(FIRST_WORKER, FIRST_WORKER + WORKERS):
        row = {"First name": f"P{id_}", "Civi ID": f"P{id_}", "Job": "Baker", "Employer": f"Coop {FIRST} Inc"}
        made.create(BASE, "People", row, f"recPerson{id_:08}")
    return made


class Shaky:
    """A remote of which a pull may lose a row, and around whose answers the process may die."""

    def __init__(self, remote: Remote, story: "Story") -> None:
        self._remote = remote
        self._story = story

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        pulled = self._remote.pull(progress, since=since)
        if self._story.loses is self._remote.side:
            self._story.loses = None
            pulled = dataclasses.replace(pulled, rows=pulled.rows[1:], complete=False, note="a page is lost")
        self._story.die("pulled")
        return pulled

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self._story.die("planned")
        outcomes = self._remote.apply(changes)
        self._story.die("written")
        return outcomes


class Bridge(App):
    """bridge with the pace on the same clock as everything."""

    story: "Story"

    @cached_property
    def airtable(self) -> Api:
        wanted = self.settings.airtable
        token, clock = wanted.token.get_secret_value(), self.story.clock
        api = Api(
            token,
            slots=self.store.slots,
            calls=self.store.calls,
            clock=clock,
            url=str(wanted.url),
            now=clock.seconds,
            sleep=clock.sleep,
        )
        self._open.callback(api.close)
        return api

    def remotes(self, mapping: Mapping) -> PerSide[Remote]:
        return PerSide[Remote](*(Shaky(remote, self.story) for _, remote in super().remotes(mapping)))


class Story:
    """Two systems, a bridge between them that has swept once and knows all pairs, and what may happen to them."""

    def __init__(self, servers: PerSide[Server], state: str, version: str = "6.17", *, triggers: bool = True) -> None:
        self.clock, self.skew = Clock(), dt.timedelta()
        self.servers = servers
        self.site = a_site(version, lambda: self.clock() + self.skew, triggers=triggers)
        self.workspace = a_workspace(self.clock)
        servers.civicrm.app, servers.airtable.app = self.site, AirtableApi(self.workspace)
        for _, server in servers:
            server.clock = self.clock.seconds
            server.faults.clear()
        self.aside: set[str] = set()
        self.dies = ""
        self.loses: Side | None = None
        environment = {
            "BRIDGE_MODE": "correct",
            "BRIDGE_STATE_URL": state,
            "BRIDGE_CIVICRM__URL": servers.civicrm.url,
            "BRIDGE_CIVICRM__API_KEY": API_KEYS["syncbot"],
            "BRIDGE_AIRTABLE__URL": servers.airtable.url,
            "BRIDGE_AIRTABLE__TOKEN": TOKEN,
            "BRIDGE_AIRTABLE__BASES__BENEFITS": BASE,
        }
        self.app = Bridge(Settings.load(environment), clock=self.clock, sleep=self.clock.sleep)
        self.app.story = self
        self.app.__dict__["mappings"] = mappings()
        move = self.app.store.ledger.move

        def told(*words: Any) -> None:
            self.die("compared")
            move(*words)
            self.die("told")

        self.app.store.ledger.move = told  # type: ignore[method-assign]  # between a run's findings and its end
        self.sweep()

    def close(self) -> None:
        """The process ends."""
        self.app.__exit__()

    def die(self, where: str) -> None:
        """End the process here, if it is to end here."""
        if self.dies == where:
            self.dies = ""
            raise Died

    # ── what bridge does ──

    def run(self, kind: Kind) -> list[Result]:
        """A run of both mappings; nothing where the process died in it."""
        self.clock.sleep(60)
        try:
            results = self.app.run([], kind, by="tester")
        except Died:
            return []
        finally:
            self.mend()
        assert not [each.plan.breaches for each in results if each.state is RunState.HELD and each.plan]
        return results

    def delta(self) -> list[Result]:
        """What changed."""
        return self.run(Kind.DELTA)

    def sweep(self) -> list[Result]:
        """Everything. Where it came to its end, nothing is aside any more but what was found to be gone."""
        results = self.run(Kind.SWEEP)
        if results and all(each.state is RunState.DONE and each.plan and each.plan.complete for each in results):
            self.aside = set()
        return results

    def mend(self) -> None:
        """No more trouble."""
        for _, server in self.servers:
            server.faults.clear()
        self.loses, self.dies = None, ""

    def settle(self) -> None:
        """Deltas until one has nothing to write."""
        self.mend()
        for _ in range(4):
            if not any(each.plan is None or each.plan.changes for each in self.delta()):
                return
        pytest.fail("four deltas did not come to rest")

    # ── what the sweep finds ──

    def found(self) -> tuple[list[Change], list[Discrepancy]]:
        """What a sweep would write, and tell, that no run has written or told. A pair that lost both records is told once."""
        changes: list[Change] = []
        news: list[Discrepancy] = []
        for result in self.run(Kind.PLAN):
            assert result.plan is not None, result.error
            entries = [each for each in self.app.store.ledger.list(mapping=result.mapping) if each.state != "resolved"]
            told = {(each.fingerprint, each.discrepancy.evidence) for each in entries}
            now = result.plan.discrepancies
            known = {each.fingerprint for each in now if (each.fingerprint, each.evidence) in told}
            changes += result.plan.changes
            news += [each for each in now if each.fingerprint not in known]
        return changes, news

    def links(self) -> set[Link]:
        """All pairs of both mappings."""
        return {link for each in mappings() for link in self.app.store.knowledge.load(each).links}

    def check(self) -> None:
        """Nothing is found of pairs that are not aside; and the sweep after that leaves nothing to find."""
        self.settle()
        changes, news = self.found()
        links = self.links()
        known = {link[side]: link for link in links for side in Side}
        for change in changes:
            link = known.get(change.id or "")
            assert link is None or self._is_aside(link), f"a sweep would write what no delta saw: {_told(change)}"
        for each in news:
            whole = Link(str(each.ids.civicrm), str(each.ids.airtable))
            assert whole not in links or self._is_aside(whole), f"a sweep would tell what no delta saw: {each}"
        for _ in range(2):
            self.sweep()
        changes, news = self.found()
        assert (changes, news) == ([], [])

    def _is_aside(self, link: Link) -> bool:
        return bool({link.civicrm, link.airtable} & self.aside)

    # ── what staff do ──

    def coop(self, number: int) -> int:
        """A co-op that is there."""
        present = [
            id_ for id_, row in sorted(self.site.contacts.items()) if row.get("contact_sub_type") == ["Worker_Cooperative"]
        ]
        return present[number % len(present)]

    def contact(self, number: int, field: int, pick: int) -> None:
        path, words = CONTACT[field % len(CONTACT)]
        self.site.staff_update("Contact", self.coop(number), {path: words[pick % len(words)]})

    def person(self, number: int, pick: int) -> None:
        values = [{"job_title": "Cook"}, {"first_name": "Ana"}, {"job_title": "Baker"}, {"first_name": "Bo"}]
        self.site.staff_update("Contact", FIRST_WORKER + number % WORKERS, values[pick % 4])

    def hire(self, number: int, coop: int) -> None:
        self.site.staff_update("Contact", FIRST_WORKER + number % WORKERS, {"employer_id": self.coop(coop)})

    def mail(self, number: int, how: int, pick: int) -> None:
        """An email is added, changed or taken away."""
        coop = self.coop(number)
        mine = self.site.site.rows["Email"].ids_where("contact_id", coop)
        if how == 0 or not mine:
            values = {"contact_id": coop, "email": MAILS[pick % 3], "is_primary": bool(pick % 2)}
            self.site.staff_create("Email", values)
        elif how == 1:
            self.site.staff_update("Email", mine[0], {"email": MAILS[pick % len(MAILS)]})
        else:
            self.site.staff_delete("Email", mine[0])

    def member(self, number: int, how: int, pick: int) -> None:
        """A membership is edited, made, taken away, or the nightly job is run."""
        coop = self.coop(number)
        mine = self.site.site.rows["Membership"].ids_where("contact_id", coop)
        if how == 0 and mine:
            self.site.staff_delete("Membership", mine[0])
        elif how == 1 or not mine:
            values = {"contact_id": coop, "membership_type_id": 1, "join_date": "2021-01-01", "start_date": "2026-02-01"}
            self.site.staff_create("Membership", {**values, "end_date": "2027-12-31", "source": "paper"})
        elif how == 2:
            self.site.run_membership_job()
        else:
            name, words = MEMBERSHIP[pick % 2]
            self.site.staff_update("Membership", mine[0], {name: words[pick % len(words)], "status_id": 2})

    def cell(self, number: int, field: int, pick: int) -> None:
        name, words = CELLS[field % len(CELLS)]
        rows = sorted(self.workspace.rows(BASE, "Groups"))
        if rows:
            self.workspace.edit(BASE, "Groups", rows[number % len(rows)], {name: words[pick % len(words)]})

    def job(self, number: int, pick: int) -> None:
        row = f"recPerson{FIRST_WORKER + number % WORKERS:08}"
        self.workspace.edit(BASE, "People", row, {"Job": ["Baker", "Cook", "Driver"][pick % 3]})

    # ── what only a sweep finds ──

    def trash(self, number: int) -> None:
        coop = self.coop(number)
        if self._others_than(coop):
            self.site.trash(coop)
            self.aside.add(str(coop))

    def _others_than(self, coop: int) -> bool:
        """Whether others are left, for a source that is empty is held."""
        rows = self.site.contacts
        kind = ["Worker_Cooperative"]
        return any(
            not row.get("is_deleted") and row.get("contact_sub_type") == kind for id_, row in rows.items() if id_ != coop
        )

    def restore(self) -> None:
        for id_, row in list(self.site.contacts.items()):
            if row.get("is_deleted"):
                self.site.restore(id_)
                self.aside.add(str(id_))

    def merge(self, number: int) -> None:
        keep, lose = self.coop(number), self.coop(number + 1)
        gone = [id_ for id_ in (keep, lose) if self.site.contacts[id_].get("is_deleted")]
        if keep != lose and not gone:
            self.site.merge(keep, lose)
            self.aside |= {str(keep), str(lose)}

    def archive(self, number: int, *, away: bool) -> None:
        rows = sorted(self.workspace.rows(BASE, "Groups"))
        if rows:
            self.workspace.edit(BASE, "Groups", row := rows[number % len(rows)], {"Archived": away})
            self.aside.add(row)

    def delete(self, number: int) -> None:
        rows = sorted(self.workspace.rows(BASE, "Groups"))
        if len(rows) > 2:
            self.workspace.delete(BASE, "Groups", row := rows[number % len(rows)])
            self.aside.add(row)

    def behind(self, number: int, pick: int) -> None:
        """Somebody writes straight into the database, and no date moves."""
        self.site.site.rows["Contact"].patch(coop := self.coop(number), {"organization_name": TEXTS[pick % len(TEXTS)]})
        self.aside.add(str(coop))

    def newcomer(self, pick: int) -> None:
        """A co-op that both come to know."""
        id_ = 100 + pick
        if id_ not in self.site.contacts:
            self.site.load("Contact", [a_coop(id_)])
            self.workspace.create(BASE, "Groups", a_group(id_))

    # ── time and trouble ──

    def wait(self, minutes: int) -> None:
        self.clock.sleep(60 * minutes)

    def tilt(self, minutes: int) -> None:
        """The site's clock goes wrong by so much, or is put right."""
        self.skew = dt.timedelta(minutes=minutes)

    def trouble(self, kind: int) -> None:
        """Something goes wrong in the next run."""
        faults = [(C, "Organization/get"), (A, "Groups/list"), (C, "Membership/get"), (C, "Organization/update")]
        side, route = faults[kind % len(faults)]
        what = [FaultKind.DROP_BEFORE, FaultKind.TRUNCATED_JSON, FaultKind.DROP_AFTER][kind % 3]
        self.servers[side].faults.add(Fault(what, route, times=1 if kind % 2 else 20))

    def lose(self, side: Side) -> None:
        self.loses = side

    def kill(self, where: str) -> None:
        self.dies = where


def _told(change: Change) -> tuple[Any, ...]:
    return change.side.value, change.id, [(each.field, each.before, each.after, each.why) for each in change.cells]


n, pick = st.integers(0, 5), st.integers(0, 11)
edits = st.one_of(
    st.tuples(st.just("contact"), n, st.integers(0, 5), pick),
    st.tuples(st.just("cell"), n, st.integers(0, 5), pick),
    st.tuples(st.just("mail"), n, st.integers(0, 2), pick),
    st.tuples(st.just("member"), n, st.integers(0, 4), pick),
    st.tuples(st.just("person"), n, pick),
    st.tuples(st.just("job"), n, pick),
    st.tuples(st.just("hire"), n, n),
)
unseen = st.one_of(
    st.tuples(st.just("trash"), n),
    st.tuples(st.just("restore")),
    st.tuples(st.just("merge"), n),
    st.tuples(st.just("delete"), n),
    st.tuples(st.just("behind"), n, pick),
    st.tuples(st.just("newcomer"), pick),
)
trouble = st.one_of(
    st.tuples(st.just("trouble"), st.integers(0, 11)),
    st.tuples(st.just("lose"), st.sampled_from(Side)),
    st.tuples(st.just("kill"), st.sampled_from(["pulled", "planned", "written", "compared", "told"])),
)
times = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 15, 50, 130, 1440])),
    st.tuples(st.just("tilt"), st.sampled_from([-45, -7, 0, 8, 45])),
)
runs = st.sampled_from([("delta",), ("delta",), ("delta",), ("delta",), ("sweep",)])
steps = st.lists(st.one_of(edits, edits, edits, runs, runs, times, trouble, unseen), min_size=4, max_size=24)


@pytest.fixture(scope="module")
def servers() -> Iterator[PerSide[Server]]:
    """Two servers that run through all stories."""
    site = CiviCRM(clock=Clock())
    with Server(site) as civicrm, Server(site) as airtable, retry.no_waits():
        yield PerSide(civicrm, airtable)


@pytest.fixture(scope="module")
def tell(servers: PerSide[Server], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Story]:
    """Begins a story with a state of its own."""
    empty = an_empty_state(tmp_path_factory.mktemp("state"))
    return lambda *site, **how: Story(servers, with_state(tmp_path_factory.mktemp("story"), empty), *site, **how)


@settings(
    max_examples=EXAMPLES.get(settings.get_current_profile_name(), 15),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(version=st.sampled_from(["6.17", "5.78"]), triggers=st.booleans(), steps=steps)
def test_a_sweep_finds_nothing_that_the_deltas_before_it_should_have_found(
    tell: Callable[..., Story], version: str, triggers: bool, steps: list[tuple[Any, ...]]
) -> None:
    """As the module says."""
    note(f"{version}, triggers {triggers}: {steps}")
    story = tell(version, triggers=triggers)
    try:
        for name, *words in steps:
            getattr(story, name)(*words)
        story.check()
    finally:
        story.close()


@pytest.fixture
def story(tell: Callable[..., Story]) -> Iterator[Story]:
    """One on a site whose custom data moves no date, where all was quiet for a while."""
    begun = tell("6.17", triggers=False)
    begun.wait(180)
    begun.settle()
    begun.wait(180)
    yield begun
    begun.close()


def test_a_sweep_finds_just_what_moves_no_date(story: Story) -> None:
    """Nobody is told to be missing by a delta, and nothing is made: it did not pull them."""
    story.behind(0, 1)
    story.trash(1)
    story.newcomer(1)
    story.delete(2)
    known = story.links()
    for result in (*story.delta(), *story.delta()):
        assert result.plan is not None
        assert (result.plan.changes, result.plan.discrepancies, result.plan.links) == ((), (), ())
    changes, news = story.found()
    written = {(each.side, each.id, *(cell.field for cell in each.cells)) for each in changes}
    assert written == {(A, f"recGroup{FIRST:09}", "name"), (C, "101", "email")}
    told = {(each.code, each.ids.civicrm) for each in news if each.ids.civicrm != "101"}
    assert told == {(106, str(FIRST + 1)), (106, str(FIRST + 2))}
    story.check()
    assert {link.civicrm for link in story.links() - known} == {"101"}


@pytest.mark.parametrize("where", ["pulled", "planned", "written", "compared", "told"])
def test_what_was_on_its_way_when_the_process_died_is_found_by_the_next_delta(story: Story, where: str) -> None:
    """Told is what a run ends with: only after it have both sides been seen to."""
    story.contact(0, 0, 2)
    story.contact(1, 5, 1)
    story.member(2, 3, 0)
    story.member(2, 3, 3)
    story.kill(where)
    assert story.delta() == []
    story.settle()
    assert story.found() == ([], [])
    names = {row["Group name"] for row in story.workspace.rows(BASE, "Groups").values()}
    assert "Breadfruit" in names


def test_what_a_process_died_before_telling_is_told_by_the_next_delta(story: Story) -> None:
    """The watermarks and glimpses wait for the ledger: hours later no overlap would bring these records again."""
    story.site.staff_update("Contact", FIRST, {"legal_name": "Closed"})
    story.site.staff_update("Membership", FIRST + 1, {"source": "paper", "status_id": 2})
    story.wait(180)
    story.kill("compared")
    assert story.delta() == []
    story.wait(180)
    story.settle()
    assert story.found() == ([], [])


@pytest.mark.parametrize("side", Side)
def test_after_a_pull_that_lost_a_row_the_next_delta_reads_from_where_that_one_did(story: Story, side: Side) -> None:
    story.contact(0, 0, 2)
    story.cell(1, 1, 2)
    story.wait(180)
    story.lose(side)
    story.delta()
    story.wait(180)
    story.settle()
    assert story.found() == ([], [])


def test_a_change_that_only_a_rule_reads_is_told_by_a_delta(story: Story) -> None:
    story.site.staff_update("Contact", FIRST, {"legal_name": "Closed"})
    story.site.staff_update("Membership", FIRST + 1, {"source": "paper", "status_id": 2})
    story.hire(0, 1)
    story.hire(1, 1)
    [groups, _] = story.delta()
    assert groups.plan is not None
    told = {(each.rule, each.ids.civicrm) for each in groups.plan.discrepancies}
    assert told == {("closed", str(FIRST)), ("on-paper", str(FIRST + 1)), ("empty", str(FIRST))}


def test_a_quiet_delta_asks_civicrm_at_most_three_times_for_each_entity(story: Story) -> None:
    """Three requests look for both mappings, and each pull is one; the emails, which move the date, are not asked for."""
    pulls = {"Organization/get,Organization/get,Membership/get,Individual/get", "Individual/get,Individual/get"}
    story.servers.civicrm.forget_requests()
    story.delta()
    asked = [each.route for each in story.servers.civicrm.requests]
    assert asked[0] == "authx/id"
    assert set(asked[3:]) == pulls
    assert len(asked) == 5 <= 3 * len({"Organization", "Membership", "Individual", "Email"})

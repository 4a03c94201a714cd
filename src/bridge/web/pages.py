"""The pages that staff look at. What they may do from there is done by forms, which `deeds` takes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from bridge.core.ledger import Entry, Reason, Selection, State
from bridge.core.mapping import Mode, Severity
from bridge.core.record import Json, Link, Sealed, Side, Unreadable
from bridge.core.report import SIMILAR, rule_of
from bridge.core.values import display
from bridge.language import Language
from bridge.locales.wording import COUNTS, N_
from bridge.web.access import Refusal
from bridge.web.asked import AGE_WORDS, AGES, NOBODY, Asked
from bridge.web.codes import chapter
from bridge.web.office import Office
from bridge.web.overview import headline, overview
from bridge.web.page import ages
from bridge.web.reader import SignedIn, signed_in

router = APIRouter(include_in_schema=False)

Viewer = Annotated[SignedIn, Depends(signed_in)]
Key = Annotated[str, Path(pattern=r"^([0-9]{1,18}|[0-9a-f]{6,16})$")]

PER_PAGE = 50
_NEVER = Unreadable("never agreed")
MOST = 200
"""How many changes and writes of a run are shown; the command line has all."""


@router.get("/")
def first(reader: Viewer) -> Response:
    """How everything stands."""
    found = overview(reader.office)
    return reader.page(
        "overview.html",
        found=found,
        headline=headline(found, reader.language),
        ages=ages(reader.language),
        names=titles(reader),
        mapping_of=reader.office.mapping,
    )


@router.get("/discrepancies")
def discrepancies(reader: Viewer, asked: Annotated[Asked, Query()]) -> Response:
    """The discrepancies that are asked for, a page at a time."""
    office, names = reader.office, titles(reader)
    selection = asked.selection([*names], office.now())
    entries, number = office.store.ledger.search(selection, limit=PER_PAGE, offset=(asked.page - 1) * PER_PAGE)
    return reader.page(
        "discrepancies.html",
        asked=asked,
        rows=[Told(each, office, reader.language) for each in entries],
        number=number,
        pages=-(-number // PER_PAGE),
        names=names,
        kinds=_kinds(office, reader.language),
        severities=[(each.value, reader.language.severity(each)) for each in reversed(Severity)],
        states=[("" if each is State.OPEN else each.value, reader.language.state(each)) for each in State],
        assignees=[(name, name) for name in office.store.ledger.assignees([*names])],
        ages=[*zip(AGE_WORDS, (age.title for age in ages(reader.language)), strict=True)],
        nobody=NOBODY,
        narrowed=asked.narrows,
    )


@router.get("/discrepancies/{key}")
def discrepancy(reader: Viewer, key: Key) -> Response:
    """One discrepancy whole."""
    return discrepancy_page(reader, entry_of(reader.office, key))


def discrepancy_page(reader: SignedIn, entry: Entry, *, status: int = 200, problem: str = "") -> Response:
    """The page of this discrepancy, where asked with what went wrong."""
    office = reader.office
    return reader.page(
        "discrepancy.html",
        status=status,
        told=Told(entry, office, reader.language),
        problem=problem,
        history=office.store.ledger.events(fingerprint=entry.fingerprint),
        names=titles(reader),
        assignees=office.store.ledger.assignees([entry.discrepancy.mapping]),
        reasons=[*Reason],
        base=_base(office, entry),
        choosable=office.decisions(reader.visitor.name).choosable(entry) if reader.visitor.may("operator") else (),
        may_act=reader.visitor.may("operator"),
        tomorrow=office.now().date() + AGES[0] / 7,
    )


def _base(office: Office, entry: Entry) -> str | None:
    """What both sides last agreed on, as people read it; None where they never did, or nobody may see it here."""
    found, mapping = entry.discrepancy, office.mapping(entry.discrepancy.mapping)
    field = mapping.fields.get(found.field) if mapping is not None and found.field is not None else None
    if mapping is None or field is None or field.sensitive or found.ids.civicrm is None or found.ids.airtable is None:
        return None
    agreed = office.store.knowledge.agreed(mapping, Link(found.ids.civicrm, found.ids.airtable))
    base = agreed.get(field.name, _NEVER)
    return None if isinstance(base, (Sealed, Unreadable)) else display(field, base)


def entry_of(office: Office, key: str) -> Entry:
    """The discrepancy of this number or fingerprint. Raises Refusal if there is none."""
    entry = office.store.ledger.get(key)
    if entry is None:
        raise Refusal(404, N_("There is no discrepancy {key}."), next_step=N_("Look for it in the list."), key=key)
    return entry


class Told:
    """An entry as a reader is told of it."""

    def __init__(self, entry: Entry, office: Office, language: Language) -> None:
        found = entry.discrepancy
        mapping = office.mapping(found.mapping)
        rule = rule_of(mapping, found.rule)
        field = mapping.fields.get(found.field) if mapping is not None and found.field is not None else None
        self.entry = entry
        self.found = found
        self.sentence = language.discrepancy(entry, mapping)
        self.mapping = mapping
        self.name = language.called(found, mapping)
        self.title = language.title(found.code, found.rule, mapping)
        self.days = max(0, (office.clock() - entry.opened_at).days)
        self.overdue = rule is not None and rule.due is not None and entry.opened_at + rule.due < office.clock()
        self.owner = rule.owner if rule is not None else None
        self.sensitive = field is not None and field.sensitive
        self._office = office

    @property
    def addresses(self) -> Mapping[Side, str]:
        """Where a browser may open the records."""
        asked = {
            side: self._office.address(self.found.mapping, side, native)
            for side, native in self.found.ids
            if native is not None
        }
        return {side: where for side, where in asked.items() if where and urlsplit(where).scheme in ("http", "https")}

    @property
    def alike(self) -> float | None:
        """How alike two records are that may be the same, from 0 to 1."""
        score = self.found.details.get("score")
        return float(score) if score else None

    @property
    def records(self) -> Sequence[str]:
        """The records it is about, as their own pages are called."""
        return [f"{side.value}:{native}" for side, native in self.found.ids if native is not None]


@router.get("/matches")
def matches(reader: Viewer) -> Response:
    """The pairs that wait for a person."""
    office, names = reader.office, titles(reader)
    wanted = Selection(mappings=frozenset(names), code=SIMILAR, state=State.OPEN)
    entries, number = office.store.ledger.search(wanted, limit=PER_PAGE)
    pairs = [Told(each, office, reader.language) for each in entries]
    may_act = reader.visitor.may("operator")
    return reader.page("matches.html", pairs=pairs, more=number - len(pairs), names=names, may_act=may_act)


@router.get("/runs")
def runs(reader: Viewer, before: Annotated[int | None, Query(ge=1, lt=2**63)] = None) -> Response:
    """The runs, newest first."""
    found = reader.office.store.runs.list(limit=PER_PAGE + 1, before=before)
    may_act = reader.visitor.may("operator")
    older = len(found) > PER_PAGE
    return reader.page("runs.html", runs=found[:PER_PAGE], older=older, names=titles(reader), may_act=may_act)


@router.get("/runs/{number}")
def run(reader: Viewer, number: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """One run: its plan as it was, and how every write ended."""
    store, language = reader.office.store, reader.language
    found = store.runs.get(number)
    if found is None:
        raise Refusal(404, N_("There is no run {key}."), next_step=N_("Look for it in the list of runs."), key=str(number))
    plan = store.plans.sheet(found.digest) if found.digest else None
    changes = cast("list[Json]", plan.document["changes"]) if plan else []
    writes = store.journal.of_run(number)
    return reader.page(
        "run.html",
        run=found,
        title=titles(reader).get(found.mapping, found.mapping),
        mapping=reader.office.mapping(found.mapping),
        plan=plan,
        changes=changes[:MOST],
        more_changes=max(0, len(changes) - MOST),
        writes=writes[:MOST],
        more_writes=max(0, len(writes) - MOST),
        counts=[
            (language.plural(*words, found.counts[name]), found.counts[name])
            for name, words in COUNTS.items()
            if found.counts.get(name)
        ],
        side_of=Side,
        mode_of=Mode,
        may_approve=reader.visitor.may("admin"),
    )


@router.get("/syncs/{number}")
def sync(reader: Viewer, number: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
    """How a run that was asked for stands."""
    found = reader.office.syncs.get(number)
    if found is None:
        step = N_("After a restart, ask again: asking twice writes nothing twice.")
        raise Refusal(404, N_("This run was asked for too long ago, or before a restart."), next_step=step)
    return reader.page("sync.html", sync=found, names=titles(reader))


@router.get("/codes/{code}")
def code(reader: Viewer, code: Annotated[int, Path(ge=100, le=599)]) -> Response:
    """What a code means, what to do about it, and how to silence it."""
    found = chapter(code, reader.language.code)
    if found is None:
        raise Refusal(404, N_("There is no code {key}."), key=str(code))
    return reader.page("code.html", code=code, title=f"{code} {reader.language.title(code)}", chapter=found)


def titles(reader: SignedIn) -> Mapping[str, str]:
    """Every mapping's name and its title in the reader's language."""
    return {each.name: reader.language.text(each.title) or each.name for each in reader.office.mappings()}


def _kinds(office: Office, language: Language) -> Mapping[str, str]:
    """The kinds that there are now, by their word in an address, in the order of their titles."""
    tallies = office.store.ledger.tally((), [each.name for each in office.mappings()])
    kinds = {
        each.rule or str(each.code): language.title(each.code, each.rule, office.mapping(each.mapping)) for each in tallies
    }
    return dict(sorted(kinds.items(), key=lambda kind: kind[1]))

"""Every case of the verdict table, against an oracle that is the table written down once more.

The oracle knows nothing of the code under test. It reads like the table of the mapping language: the first row that fits,
top to bottom, says the verdict, what is written where, the code that is told, and whether the base takes the value.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from bridge.core.compare import NO_BASE, Keep, NoBase, Outcome, merge
from bridge.core.mapping import Authority, Field, FieldType, FirstContact, OnConflict, OnEdit
from bridge.core.record import Base, Cell, PerSide, Sealed, Side, Unreadable, Value

C, A = Side.CIVICRM, Side.AIRTABLE
Mark = frozenset[str] | str | None
X, Y, Z = frozenset("x"), frozenset("y"), frozenset("xy")
BLANK, UNREADABLE, NEVER = None, "unreadable", "never agreed"

EARLY, LATE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
TIMES = ((None, None), (EARLY, None), (None, LATE), (EARLY, EARLY), (EARLY, LATE), (LATE, EARLY))


@dataclass(frozen=True)
class Case:
    b: Mark
    c: Mark
    a: Mark
    authority: str
    first_contact: str
    on_edit: str
    on_conflict: str
    clear: bool
    fill_blank: bool
    times: tuple[dt.datetime | None, dt.datetime | None] = (None, None)
    sealed: bool = False


@dataclass(frozen=True)
class Says:
    verdict: str
    code: int | None = None
    to_civicrm: Mark = UNREADABLE  # nothing is written
    to_airtable: Mark = UNREADABLE
    base_takes: Mark = NEVER


def write(case: Case, source: str, verdict: str, code: int | None = None) -> Says:
    if source == "civicrm":
        return Says(verdict, code, to_airtable=case.c)
    return Says(verdict, code, to_civicrm=case.a)


def oracle(case: Case) -> Says:  # noqa: C901, PLR0911, PLR0912  # one row of the table after the other
    b, c, a = case.b, case.c, case.a
    cell = {"civicrm": c, "airtable": a}
    other = {"civicrm": "airtable", "airtable": "civicrm"}
    owner = case.authority if case.authority in cell else None

    # either unreadable | frozen | report (206)
    if UNREADABLE in (c, a):
        return Says("unreadable", 206)
    # c = a | agreed; base takes it (also when both moved) | nothing
    if c == a:
        return Says("agreed", base_takes=NEVER if b == c else c)
    # `report`: compare, never write; a difference is always 207, at first contact too
    if case.authority == "report":
        return Says(oracle(replace(case, authority="either")).verdict, 207)

    moved = [side for side in cell if cell[side] != b]
    # neither moved, c != a | treated as no base: no base that holds one value can say it
    assert b == NEVER or moved
    if b == NEVER:
        # no base, one blank | owner's value fills the other; owner blank: 201 | the value fills the blank
        if BLANK in (c, a):
            source = "civicrm" if a is BLANK else "airtable"
            if not case.fill_blank or owner == other[source]:
                return Says("first_contact", 201)
            return write(case, source, "first_contact")
        # no base, c != a | `first_contact: report` (202) or `authority`, and then it is reported | 202
        if owner and case.first_contact == "authority":
            return write(case, owner, "first_contact", 202)
        return Says("first_contact", 202)

    if len(moved) == 1:
        (mover,) = moved
        # only the owner moved | changed | write the other side
        # only one side moved  | changed |                       | write the other side
        if mover == owner or owner is None:
            # the owner's new value is blank | clear | only with `clear: true`, else 205 | the side that moved to blank: same
            if cell[mover] is BLANK:
                return write(case, mover, "clear") if case.clear else Says("clear", 205)
            return write(case, mover, "changed")
        # only the other side moved, to a value or to blank | `on_edit: revert` (put back, 203) or `report` (203)
        if case.on_edit == "report":
            return Says("changed", 203)
        # … a blank is never "put back" without `clear`
        if cell[owner] is BLANK and not case.clear:
            return Says("changed", 203)
        return write(case, owner, "changed", 203)

    # both moved, c != a | conflict | owner's value, and say so (203), also where `on_edit: report`
    if owner:
        # … the owner's value is blank and the other side edited too: left alone, 203, without `clear`
        if cell[owner] is BLANK and not case.clear:
            return Says("conflict", 203)
        return write(case, owner, "conflict", 203)
    # | `on_conflict: report` (204), `civicrm`, `airtable`, `newest` (only where both sides have an honest time), `union`
    if case.on_conflict == "union":
        both = (c or frozenset()) | (a or frozenset())  # type: ignore[operator]  # neither is unreadable here
        return Says(
            "conflict",
            to_civicrm=both if c != both else UNREADABLE,
            to_airtable=both if a != both else UNREADABLE,
        )
    winner = {"civicrm": "civicrm", "airtable": "airtable"}.get(case.on_conflict)
    if case.on_conflict == "newest" and None not in case.times and case.times[0] != case.times[1]:
        winner = "civicrm" if case.times == (LATE, EARLY) else "airtable"
    if winner is None:
        return Says("conflict", 204)
    # … a policy that picks the blank needs `clear: true`, else 205
    if cell[winner] is BLANK and not case.clear:
        return Says("conflict", 205)
    return write(case, winner, "conflict")


def cases() -> Iterator[Case]:
    cells: tuple[Mark, ...] = (BLANK, X, Y, Z, UNREADABLE)
    policies = itertools.product(Authority, FirstContact, OnEdit, OnConflict, (False, True), (False, True))
    for authority, first_contact, on_edit, on_conflict, clear, fill_blank in policies:
        words = (authority.value, first_contact.value, on_edit.value, on_conflict.value, clear, fill_blank)
        for times in TIMES if on_conflict is OnConflict.NEWEST else TIMES[-1:]:
            for c, a in itertools.product(cells, cells):
                yield Case(NEVER, c, a, *words, times)
                for b, sealed in itertools.product((BLANK, X, Y, Z), (False, True)):
                    yield Case(b, c, a, *words, times, sealed)


def decided(case: Case) -> Outcome:
    field = Field(
        name="plans",
        at=PerSide("Benefits.Plans", "Plans"),
        type=FieldType.CHOICES,
        authority=Authority(case.authority),
        first_contact=FirstContact(case.first_contact),
        on_edit=OnEdit(case.on_edit),
        on_conflict=OnConflict(case.on_conflict),
        clear=case.clear,
        fill_blank=case.fill_blank,
    )
    return merge(field, _base(case), PerSide(_cell(case.c), _cell(case.a)), modified=PerSide(*case.times))


def _cell(mark: Mark) -> Cell:
    return Unreadable("This is not a plain value.") if mark == UNREADABLE else mark


def _base(case: Case) -> Base | NoBase:
    if case.b == NEVER:
        return NO_BASE
    return Sealed(lambda value: value == case.b) if case.sealed else case.b


def said(outcome: Outcome) -> Says:
    written: dict[Side, Value | None] = {each.side: each.value for each in outcome.writes}
    assert len(written) == len(outcome.writes)
    assert all(each.clears == (each.value is None) for each in outcome.writes)
    return Says(
        outcome.verdict.value,
        outcome.code,
        to_civicrm=written.get(C, UNREADABLE),  # type: ignore[arg-type]  # only sets and blanks go in
        to_airtable=written.get(A, UNREADABLE),  # type: ignore[arg-type]
        base_takes=outcome.agreed if outcome.keep is Keep.TAKE else NEVER,  # type: ignore[arg-type]
    )


def test_every_case_of_the_verdict_table(proof: Callable[[str], None]) -> None:
    count = 0
    for case in cases():
        count += 1
        assert said(decided(case)) == oracle(case), case
    proof(f"{count:,} cases")
    assert count > 100_000


def test_swapping_the_sides_and_their_policies_mirrors_the_outcome() -> None:
    mirror = {"civicrm": "airtable", "airtable": "civicrm"}
    for case in itertools.islice(cases(), 0, None, 7):  # 7 shares no factor with the table's dimensions
        swapped = replace(
            case,
            c=case.a,
            a=case.c,
            authority=mirror.get(case.authority, case.authority),
            on_conflict=mirror.get(case.on_conflict, case.on_conflict),
            times=case.times[::-1],
        )
        one, other = said(decided(case)), said(decided(swapped))
        assert one == replace(other, to_civicrm=other.to_airtable, to_airtable=other.to_civicrm), case


@pytest.mark.parametrize("authority", ["civicrm", "airtable", "either"])
def test_without_clear_no_case_ever_writes_a_blank(authority: str) -> None:
    for case in cases():
        if not case.clear and case.authority == authority:
            assert not any(each.clears for each in decided(case).writes), case

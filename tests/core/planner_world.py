"""Facts for the planner out of rows, and Hypothesis strategies for one agreed base that both sides moved away from.

Two sides drawn independently would have nothing in common and test nothing, so one base is drawn and perturbed twice.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from bridge.core import values
from bridge.core.facts import Facts
from bridge.core.knowledge import Known, Stop
from bridge.core.mapping import Authority, Field, FieldType, FirstContact, Mapping, OnConflict, OnEdit, Unmatched
from bridge.core.match import match
from bridge.core.plan import Action, Plan
from bridge.core.planner import make_plan
from bridge.core.record import Base, Json, Link, PerSide, Row, Side, Snapshot, Unreadable, Value
from bridge.core.sight import Drift, FieldSight, Found, Sight
from builders import a_field, a_mapping

C, A = Side.CIVICRM, Side.AIRTABLE
NOW = dt.datetime(2026, 11, 16, 14, 0, tzinfo=dt.UTC)
WORDS = {"new": "New one", "old": "Old one", "gone": "Gone one"}

Rows = dict[str, dict[str, Json]]


def seal(text: str) -> str:
    """A stand-in for the store's keyed digest."""
    return hashlib.sha256(f"key {text}".encode()).hexdigest()


@dataclass
class World:
    """All that a plan is made of, with good defaults; tests change what they are about."""

    mapping: Mapping = field(default_factory=a_mapping)
    rows: PerSide[Rows] = field(default_factory=lambda: PerSide({}, {}))
    links: list[Link] = field(default_factory=list)
    bases: dict[Link, dict[str, Base]] = field(default_factory=dict)
    stops: dict[tuple[Link, str], Stop] = field(default_factory=dict)
    apart: dict[Link, str] = field(default_factory=dict)
    complete: PerSide[bool] = PerSide(True, True)
    whole: PerSide[bool] = PerSide(True, True)
    drift: PerSide[tuple[Drift, ...]] = PerSide((), ())
    fields: PerSide[Map[str, FieldSight]] = field(default_factory=lambda: PerSide({}, {}))
    missing: dict[tuple[Link, Side], Found] = field(default_factory=dict)
    moved: tuple[tuple[Link, Link], ...] = ()
    doubtful: frozenset[tuple[Side, str]] = frozenset()
    modified: Map[str, dt.datetime] = field(default_factory=dict)
    references: values.References = field(default_factory=dict)
    last: PerSide[int | None] = PerSide(None, None)

    @property
    def facts(self) -> Facts:
        """The facts of this world."""
        snapshots = PerSide.of(self._snapshot)
        known = Known(
            links=frozenset(self.links),
            bases=self.bases,
            apart=self.apart,
            stops=self.stops,
            absent=frozenset(),
            last_counts=self.last,
            last_digest=None,
            last_scope=None,
        )
        return Facts(
            mapping=self.mapping,
            snapshots=snapshots,
            matching=match(self.mapping, snapshots, known.links, known.apart),
            known=known,
            sights=PerSide.of(lambda side: Sight(side=side, identity="", fields=self.fields[side], drift=self.drift[side])),
            today=NOW.date(),
            seal=seal,
            references=self.references,
            missing=self.missing,
            moved=self.moved,
            doubtful=self.doubtful,
        )

    @property
    def plan(self) -> Plan:
        """The plan of this world."""
        return make_plan(self.facts)

    def codes(self) -> list[int]:
        """The codes the plan tells, sorted."""
        return sorted(each.code for each in self.plan.discrepancies)

    def apply(self, plan: Plan) -> None:
        """What applying the plan does where every system keeps what it is given."""
        self.links += [link for link in plan.links if link not in self.links]
        for link, agreed in plan.agreed.items():
            self.bases.setdefault(link, {}).update(agreed)
        for change in plan.changes:
            native = change.id or f"new-{change.partner}"
            self.rows[change.side].setdefault(native, {}).update({cell.path: cell.after_raw for cell in change.cells})
            link = Link(native, change.partner) if change.side is C else Link(change.partner, native)
            if change.action is Action.CREATE:
                self.links.append(link)

    def mirrored(self) -> "World":
        """The same world with the two systems, and all that the mapping says of them, changed over."""
        fields = {name: mirrored(each) for name, each in self.mapping.fields.items()}
        keys = dataclasses.replace(self.mapping.match[0].keys[0], at=PerSide("Code", "code"))  # type: ignore[union-attr]
        return World(
            mapping=dataclasses.replace(
                self.mapping,
                fields=fields,
                match=(dataclasses.replace(self.mapping.match[0], keys=(keys,)),),  # type: ignore[type-var]
                unmatched=PerSide(self.mapping.unmatched.airtable, self.mapping.unmatched.civicrm),
            ),
            rows=PerSide(self.rows.airtable, self.rows.civicrm),
            links=[Link(link.airtable, link.civicrm) for link in self.links],
            bases={
                Link(link.airtable, link.civicrm): {
                    name: values.translate(fields[name], C, base)  # type: ignore[arg-type]  # no base here is sealed
                    for name, base in bases.items()
                }
                for link, bases in self.bases.items()
            },
            modified=self.modified,
        )

    def _snapshot(self, side: Side) -> Snapshot:
        frozen = {each.path: Unreadable(each.detail, 501) for each in self.drift[side] if each.freezes}
        records = {
            native: values.read_record(
                self.mapping,
                side,
                Row(native, row, modified_at=self.modified.get(native)),
                frozen=frozen,
                references=self.references,
            )
            for native, row in self.rows[side].items()
        }
        return Snapshot(side, records, self.complete[side], NOW, self.whole[side])


def mirrored(each: Field) -> Field:
    """The field with its sides changed over. `comparable` speaks Airtable's words, so the base has to be translated too."""
    swap = {Authority.CIVICRM: Authority.AIRTABLE, Authority.AIRTABLE: Authority.CIVICRM}
    winner = {OnConflict.CIVICRM: OnConflict.AIRTABLE, OnConflict.AIRTABLE: OnConflict.CIVICRM}
    return dataclasses.replace(
        each,
        at=PerSide(each.at.airtable, each.at.civicrm),
        authority=each.authority and swap.get(each.authority, each.authority),
        on_conflict=winner.get(each.on_conflict, each.on_conflict),
        values={option: name for name, option in each.values.items()},
    )


# ── drawn worlds ──

POLICIES: Map[str, st.SearchStrategy[Any]] = {
    "authority": st.sampled_from(Authority),
    "first_contact": st.sampled_from(FirstContact),
    "on_edit": st.sampled_from(OnEdit),
    "on_conflict": st.sampled_from(OnConflict),
    "clear": st.booleans(),
    "fill_blank": st.booleans(),
    "sensitive": st.booleans(),
}
KINDS = {
    FieldType.TEXT: st.sampled_from([None, "Arroyo", "Breadfruit", "Cedar & Co"]),
    FieldType.EMAIL: st.sampled_from([None, "a@example.org", "b@example.org", "no address"]),
    FieldType.CHOICE: st.sampled_from([None, *WORDS, "unheard of"]),
    FieldType.CHOICES: st.sets(st.sampled_from(sorted(WORDS))).map(lambda each: sorted(each) or None),
}
"""For each kind of field a cell in CiviCRM's words. "no address" and "unheard of" cannot be read."""


@st.composite
def a_policy_field(draw: st.DrawFn, name: str) -> Field:
    """A two-sided field of any kind under any policies."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    words = WORDS if kind in (FieldType.CHOICE, FieldType.CHOICES) else {}
    policies = {key: draw(strategy) for key, strategy in POLICIES.items()}
    return a_field(name, type=kind, values=words, **policies)


def wire(each: Field, side: Side, cell: Json) -> Json:
    """A cell drawn in CiviCRM's words as `side` would send it."""
    if side is C or not each.values:
        return cell
    if isinstance(cell, list):
        return [each.values[str(word)] for word in cell]
    return each.values.get(str(cell), cell) if cell is not None else None


def agreed_value(each: Field, cell: Json) -> Value | None:
    """The base that both sides agree on where both hold `cell`."""
    found = values.comparable(each, A, values.read(each, A, wire(each, A, cell)))
    assert not isinstance(found, Unreadable)
    return found


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One base, moved on either side, on both or on none, for a few pairs; and records that have no partner."""
    fields = [draw(a_policy_field(f"field{number}")) for number in range(draw(st.integers(1, 4)))]
    mapping = a_mapping(*fields, unmatched=PerSide(draw(st.sampled_from(Unmatched)), draw(st.sampled_from(Unmatched))))
    world = World(mapping=mapping)
    for number in range(1, draw(st.integers(1, 5)) + 1):
        link = Link(str(number), f"rec{number}")
        rows = PerSide[dict[str, Json]]({"code": f"K{number}"}, {"Code": f"K{number}"})
        bases: dict[str, Base] = {}
        for each in fields:
            cells = KINDS[each.type]
            base = draw(cells.filter(lambda cell: cell not in ("no address", "unheard of")))
            for side, row in rows:
                row[str(each.at[side])] = wire(each, side, draw(st.one_of(st.just(base), cells)))
            if draw(st.booleans()):
                bases[each.name] = agreed_value(each, base)
        present = draw(st.sampled_from([(C, A), (C, A), (C, A), (C,), (A,)]))
        for side in present:
            world.rows[side][link[side]] = rows[side]
        if len(present) == 2 and draw(st.booleans()):
            world.links.append(link)
            world.bases[link] = bases
        for native in link.civicrm, link.airtable:
            world.modified = {**world.modified, native: NOW - dt.timedelta(days=draw(st.integers(0, 2)))}
    return world

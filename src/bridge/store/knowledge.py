"""What makes the comparison three-way: links, bases, decisions of people, pinned schemas and the last run's counts."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from bridge.core.knowledge import Known
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Plan
from bridge.core.record import Base, Link, PerSide, Side
from bridge.core.sight import FieldSight, Option
from bridge.errors import ConfigError
from bridge.ports import Clock, Lease
from bridge.store.bases import Bases
from bridge.store.bulk import among, batches, bound, count_anew, put
from bridge.store.database import Database, insert_into
from bridge.store.lease import fenced
from bridge.store.schema import apart, bases, glimpses, links, mappings, marks, pins, watermarks

_LINKS = select(links.c.id, links.c.civicrm, links.c.airtable, links.c.absent, marks.c.civicrm, marks.c.airtable).join_from(
    links, marks, marks.c.link == links.c.id, isouter=True
)
_MANY = 2000
"""New links after which a table is not what it was."""


class SqlKnowledge:
    """Fulfils `ports.Knowledge`."""

    def __init__(self, database: Database, bases: Bases, clock: Clock) -> None:
        self._database = database
        self._bases = bases
        self._clock = clock

    # ── what runs learn ──

    def load(self, mapping: FieldMapping, *, bases: bool = True) -> Known:
        """All that is known of the mapping; without `bases` all but what was agreed, which `bases` tells."""
        name = mapping.name
        with self._database.reading() as connection:
            numbered, marked, absent = _links(connection, name)
            taken_apart = connection.execute(select(apart).where(apart.c.mapping == name)).all()
            last = connection.execute(select(mappings).where(mappings.c.mapping == name)).first()
            agreed = self._bases.read(connection, mapping, numbered) if bases else {}
            stops = self._bases.read_stops(connection, mapping)
        return Known(
            links=frozenset(numbered.values()),
            bases=agreed,
            marks=marked,
            salt=self._bases.salt,
            apart={Link(row.civicrm, row.airtable): row.evidence for row in taken_apart},
            stops=stops,
            absent=frozenset(absent),
            last_counts=PerSide(last.civicrm_count, last.airtable_count) if last else PerSide(None, None),
            last_digest=last.digest if last else None,
            last_scope=last.scope if last else None,
        )

    def agreed(self, mapping: FieldMapping, link: Link) -> Mapping[str, Base]:
        """What the two records last agreed on, by field; nothing if they are not linked."""
        with self._database.reading() as connection:
            number = link_numbers(connection, mapping.name, [link]).get(link)
            known = {} if number is None else self._bases.read(connection, mapping, {number: link})
        return known.get(link, {})

    def bases(self, mapping: FieldMapping, wanted: Collection[Link]) -> Mapping[Link, Mapping[str, Base]]:
        """What each of these pairs last agreed on, by field; a pair that is not linked, or agreed on nothing, is left out."""
        if not wanted:
            return {}
        with self._database.reading() as connection:
            numbers = link_numbers(connection, mapping.name, wanted)
            return self._bases.read(connection, mapping, {number: link for link, number in numbers.items()})

    def store(self, mapping: FieldMapping, plan: Plan, lease: Lease) -> None:
        """Keep the plan's new links, agreed bases and marks, in one transaction.

        A link that a person took apart or made otherwise since the run began is left as the person wants it.
        """
        with fenced(self._database, mapping.name, lease, self._clock) as connection:
            last = connection.scalar(select(func.max(links.c.id))) or 0  # nothing but this run stores anything of a later link
            add_links(connection, mapping.name, plan.links, self._clock())
            added = 0
            for batch in batches(dict.fromkeys(chain(plan.agreed, plan.marks))):
                numbers = link_numbers(connection, mapping.name, batch)
                agreed, marked = ({link: numbers[link] for link in numbers if link in of} for of in (plan.agreed, plan.marks))
                known = {number: plan.agreed[link] for link, number in agreed.items()}
                fresh = all(number > last for number in numbers.values())
                added += len(numbers) if fresh else 0
                self._bases.keep(connection, mapping, known, fresh=fresh)
                self._bases.mark(connection, {number: plan.marks[link] for link, number in marked.items()}, fresh=fresh)

            if added >= _MANY:
                count_anew(connection, links, bases, marks)

    def mark_told(self, mapping: FieldMapping, plan: Plan, lease: Lease) -> None:
        """Keep the half marks of the plan's pairs of which the ledger has been told."""
        if not plan.told:
            return
        with fenced(self._database, mapping.name, lease, self._clock) as connection:
            for batch in batches(plan.told):
                numbers = link_numbers(connection, mapping.name, batch)
                self._bases.mark(connection, {number: plan.told[link] for link, number in numbers.items()})

    def remember_run(self, mapping: FieldMapping, counts: PerSide[int], lease: Lease) -> None:
        """After a whole, complete run: the counts, the mapping's digest and scope."""
        last = {
            "civicrm_count": counts.civicrm,
            "airtable_count": counts.airtable,
            "digest": mapping.digest,
            "scope": mapping.scope_digest,
        }
        with fenced(self._database, mapping.name, lease, self._clock) as connection:
            row = insert_into(connection, mappings).values(mapping=mapping.name, **last)
            connection.execute(row.on_conflict_do_update(index_elements=["mapping"], set_=last))

    def set_absent(self, mapping: str, absent: Collection[Link], lease: Lease) -> None:
        """Replace the set of absent links."""
        with fenced(self._database, mapping, lease, self._clock) as connection:
            _mark_absent(connection, mapping, frozenset(absent))

    def move_link(self, mapping: str, old: Link, new: Link, lease: Lease) -> None:
        """After a merge: the base goes with it. Raises ConfigError if the winner is linked to somebody else."""
        with fenced(self._database, mapping, lease, self._clock) as connection:
            _refuse_if_taken(connection, mapping, new, but=old)
            connection.execute(
                update(links).where(*_is(mapping, old)).values(civicrm=new.civicrm, airtable=new.airtable, absent=False)
            )

    # ── what people decide ──

    def confirm(self, mapping: str, link: Link, by: str) -> None:
        """A person says the two are the same: link them. Raises ConfigError if either is linked elsewhere."""
        with self._database.writing() as connection:
            _refuse_if_taken(connection, mapping, link)
            connection.execute(delete(apart).where(*_is_apart(mapping, link)))
            add_links(connection, mapping, [link], self._clock(), by=by)
            _refuse_if_taken(connection, mapping, link)  # PostgreSQL may have let somebody else in between

    def reject(self, mapping: str, link: Link, by: str, evidence: str) -> None:
        """A person says the two are not the same. Raises ConfigError if they are linked."""
        with self._database.writing() as connection:
            if connection.execute(select(links.c.id).where(*_is(mapping, link))).first() is not None:
                raise ConfigError(
                    f"{_both(link)} are linked in {mapping}.",
                    next_step=f"take them apart: `bridge matches unlink {mapping} {link.civicrm} {link.airtable}`.",
                )
            self._keep_apart(connection, mapping, link, by, evidence)

    def unlink(self, mapping: str, link: Link, by: str) -> None:
        """Forget the link and its base, and remember who took it apart. Raises ConfigError if there is no such link."""
        with self._database.writing() as connection:
            if connection.execute(delete(links).where(*_is(mapping, link))).rowcount == 0:
                raise ConfigError(
                    f"{_both(link)} are not linked in {mapping}.",
                    next_step=f"`bridge explain civicrm:{link.civicrm}` shows what it is linked to.",
                )
            self._keep_apart(connection, mapping, link, by, "")

    def _keep_apart(self, connection: Connection, mapping: str, link: Link, by: str, evidence: str) -> None:
        said = {"by": by, "evidence": evidence, "at": self._clock()}
        row = insert_into(connection, apart).values(mapping=mapping, civicrm=link.civicrm, airtable=link.airtable, **said)
        connection.execute(row.on_conflict_do_update(index_elements=["mapping", "civicrm", "airtable"], set_=said))

    # ── who is who, and how far we have read ──

    def partners(self, mapping: str) -> PerSide[Mapping[str, str]]:
        """For references: each side's id to the other side's; a link that lost a record is read, but nothing new goes there."""
        query = select(links.c.civicrm, links.c.airtable, links.c.absent).where(links.c.mapping == mapping)
        with self._database.reading() as connection:
            pairs = connection.execute(query).all()
        there = {row.civicrm: row.airtable for row in pairs if not row.absent}
        return PerSide(there, {row.airtable: row.civicrm for row in pairs})

    def find_link(self, side: Side, id: str) -> Sequence[tuple[str, Link]]:  # noqa: A002  # the record's native id, as everywhere
        """Every (mapping, link) that holds this native id."""
        query = select(links).where(links.c[side.value] == id).order_by(links.c.mapping)
        with self._database.reading() as connection:
            return [(row.mapping, Link(row.civicrm, row.airtable)) for row in connection.execute(query)]

    def watermark(self, mapping: str, side: Side) -> dt.datetime | None:
        """Up to when the side has been read completely."""
        query = select(watermarks.c.at).where(watermarks.c.mapping == mapping, watermarks.c.side == side.value)
        with self._database.reading() as connection:
            return connection.scalar(query)

    def set_watermark(self, mapping: str, side: Side, at: dt.datetime, lease: Lease) -> None:
        """Move the watermark; only after a complete, stored pull."""
        with fenced(self._database, mapping, lease, self._clock) as connection:
            row = insert_into(connection, watermarks).values(mapping=mapping, side=side.value, at=at)
            connection.execute(row.on_conflict_do_update(index_elements=["mapping", "side"], set_={"at": at}))

    def glimpses(self, mapping: str) -> Mapping[Link, bytes]:
        """The glimpse of each link's CiviCRM record when the pair was last seen to; a pair that never was is left out."""
        with self._database.reading() as connection:
            return dict(_glimpses(connection, mapping))

    def glimpse(self, mapping: str, seen: Mapping[Link, bytes], lease: Lease) -> None:
        """Keep these glimpses in place of earlier ones; what stands there already is not written again."""
        new = seen.items() - self.glimpses(mapping).items()
        if not new:
            return
        with fenced(self._database, mapping, lease, self._clock) as connection:
            insert = insert_into(connection, glimpses)
            keep = insert.on_conflict_do_update(index_elements=["link"], set_={"civicrm": insert.excluded["civicrm"]})
            for batch in batches(new):
                digests = dict(batch)
                numbers = link_numbers(connection, mapping, digests)
                put(connection, keep, ("link", "civicrm"), [(number, digests[link]) for link, number in numbers.items()])

    def pins(self, mapping: str, side: Side) -> Mapping[str, FieldSight]:
        """The pinned schema by path; empty if never pinned."""
        query = select(pins.c.path, pins.c.sight).where(pins.c.mapping == mapping, pins.c.side == side.value)
        with self._database.reading() as connection:
            return {row.path: _sight(row) for row in connection.execute(query)}

    def pin(self, mapping: str, side: Side, fields: Iterable[FieldSight]) -> None:
        """Replace the pins of these paths."""
        rows = [
            {"mapping": mapping, "side": side.value, "path": each.path, "sight": dataclasses.asdict(each)} for each in fields
        ]
        if not rows:
            return
        with self._database.writing() as connection:
            pin = insert_into(connection, pins)
            replaced = {"sight": pin.excluded["sight"]}
            connection.execute(pin.on_conflict_do_update(index_elements=["mapping", "side", "path"], set_=replaced), rows)


def _links(connection: Connection, mapping: str) -> tuple[dict[int, Link], dict[Link, PerSide[bytes]], set[Link]]:
    """Every link of the mapping by its number, the marks there are, and the links that lost a record."""
    numbered: dict[int, Link] = {}
    marked: dict[Link, PerSide[bytes]] = {}
    absent: set[Link] = set()
    found = connection.execute(_LINKS.where(links.c.mapping == mapping), execution_options={"yield_per": 10_000})
    for rows in found.partitions():  # of a million, the rows would take as much memory as what is made of them
        for number, here, there, is_absent, ours, theirs in rows:
            numbered[number] = link = Link(here, there)
            if ours is not None:
                marked[link] = PerSide(ours, theirs)
            if is_absent:
                absent.add(link)
    return numbered, marked, absent


def add_links(connection: Connection, mapping: str, new: Iterable[Link], now: dt.datetime, *, by: str = "") -> None:
    """Add the links that keep one-to-one and that no person has taken apart for good; the others are passed over."""
    kept_apart = {
        Link(row.civicrm, row.airtable)
        for row in connection.execute(
            select(apart.c.civicrm, apart.c.airtable).where(apart.c.mapping == mapping, apart.c.evidence == "")
        )
    }
    about = (False, bound(connection, links.c.made_at, now), by)
    columns = ("mapping", "civicrm", "airtable", "absent", "made_at", "made_by")
    for batch in batches(new):
        passed_over = kept_apart | link_numbers(connection, mapping, batch).keys()
        rows = [(mapping, link.civicrm, link.airtable, *about) for link in batch if link not in passed_over]
        put(connection, insert_into(connection, links).on_conflict_do_nothing(), columns, rows)


def link_numbers(connection: Connection, mapping: str, wanted: Collection[Link]) -> dict[Link, int]:
    """The number in the state of each of these links that is there."""
    query = select(links.c.civicrm, links.c.airtable, links.c.id).where(links.c.mapping == mapping)
    found: dict[Link, int] = {}
    for batch in batches(wanted):
        asked = {(link.civicrm, link.airtable): link for link in batch}
        here = among(connection, links.c.civicrm, [civicrm for civicrm, _ in asked])
        for civicrm, airtable, number in connection.execute(query.where(here)).all():
            if (link := asked.get((civicrm, airtable))) is not None:
                found[link] = number
    return found


def _glimpses(connection: Connection, mapping: str) -> Iterable[tuple[Link, bytes]]:
    query = select(links.c.civicrm, links.c.airtable, glimpses.c.civicrm)
    mine = query.join(glimpses, glimpses.c.link == links.c.id).where(links.c.mapping == mapping)
    return ((Link(civicrm, airtable), digest) for civicrm, airtable, digest in connection.execute(mine).all())


def _mark_absent(connection: Connection, mapping: str, absent: frozenset[Link]) -> None:
    gone = select(links.c.id).where(links.c.mapping == mapping, links.c.absent)
    before, now = set(connection.scalars(gone)), set(link_numbers(connection, mapping, absent).values())
    for numbers, is_absent in ((before - now, False), (now - before, True)):
        for batch in batches(sorted(numbers)):
            connection.execute(update(links).where(among(connection, links.c.id, batch)).values(absent=is_absent))


def _refuse_if_taken(connection: Connection, mapping: str, link: Link, *, but: Link | None = None) -> None:
    """Raise ConfigError, with a line and a next step for each, if either record is linked to another one than meant."""
    query = select(links.c.civicrm, links.c.airtable).where(links.c.mapping == mapping)
    taken = [
        Link(row.civicrm, row.airtable)
        for row in connection.execute(query.where((links.c.civicrm == link.civicrm) | (links.c.airtable == link.airtable)))
    ]
    others = [each for each in taken if each not in (link, but)]
    if others:
        told = "; ".join(
            f"{side.title} {each[side]} is linked to {side.other.title} {each[side.other]}"
            for each in others
            for side in Side
            if each[side] == link[side]
        )
        first = others[0]
        raise ConfigError(
            f"{_both(link)} cannot be linked in {mapping}: {told}.",
            next_step=f"if that is wrong, take it apart: `bridge matches unlink {mapping} {first.civicrm} {first.airtable}`.",
        )


def _is(mapping: str, link: Link) -> tuple[ColumnElement[bool], ...]:
    return (links.c.mapping == mapping, links.c.civicrm == link.civicrm, links.c.airtable == link.airtable)


def _is_apart(mapping: str, link: Link) -> tuple[ColumnElement[bool], ...]:
    return (apart.c.mapping == mapping, apart.c.civicrm == link.civicrm, apart.c.airtable == link.airtable)


def _both(link: Link) -> str:
    return f"CiviCRM {link.civicrm} and Airtable {link.airtable}"


def _sight(row: Row[Any, Any]) -> FieldSight:
    options = row.sight["options"]
    return FieldSight(**{**row.sight, "options": None if options is None else tuple(Option(**each) for each in options)})

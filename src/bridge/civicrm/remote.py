"""CiviCRM as one mapping sees it: sight, pull, read, find and apply, as `ports.Remote` says."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from bridge.civicrm import changes as writing
from bridge.civicrm import fate
from bridge.civicrm.client import Call, CivicrmClient
from bridge.civicrm.pages import FIRST_PAGE, LARGEST_PAGE, MOST_CELLS, Rows, Swept, Where, checked, first_page, sizes, sweep
from bridge.civicrm.preflight import foresee, look
from bridge.civicrm.related import Join
from bridge.civicrm.schema import CONTACTS, Schema, drift
from bridge.civicrm.sweeps import Sweeps
from bridge.civicrm.view import View, zone_name
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Action, Change
from bridge.core.record import Json, Row, Side
from bridge.core.sight import FieldSight, Found, Sight, Whereabouts
from bridge.errors import Unavailable, UnexpectedAnswer
from bridge.ports import Clock, Outcome, Progress, Pulled, silent

log = structlog.get_logger()

_CHUNK = 200
"""Ids in one `IN`: 200 contacts with their related rows are one answer of about half a second."""

_OVERLAP = dt.timedelta(hours=2)
"""A delta looks this much further back: over the hour that is told twice in autumn, and transactions that end late."""

_BOTH = [True, False]
Groups = dict[str, dict[str, Rows]]
"""Related rows by alias and by the id of the record they belong to."""
_NEXT_RUN = "Nothing: the next run tries again."


class CivicrmRemote:
    """One mapping's side in CiviCRM; `clock` tells the time in UTC, and the mappings of a run share its `sweeps`.

    `page_size` is how many rows a pull asks for at first, if not as many as their fields suggest.
    """

    side = Side.CIVICRM
    batch_size = 50

    def __init__(
        self,
        client: CivicrmClient,
        mapping: FieldMapping,
        *,
        page_size: int | None = None,
        clock: Clock,
        sweeps: Sweeps | None = None,
    ) -> None:
        self._client = client
        self._sweeps = sweeps or Sweeps()
        self._mapping = mapping
        self._page_size = page_size
        self._clock = clock
        self._seen: View | None = None

    # ── sight ──

    def sight(self, pins: Mapping[str, FieldSight]) -> Sight:
        """Prove who we are and what we may do, and read the schema of every mapped path.

        Raises AuthRejected where the account may not read an entity of the mapping, or not write one it should.
        """
        who = self._client.remember("identity", self._client.identity)
        if others := self._sweeps.mappings:
            self._client.remember("foreseen", partial(foresee, self._client, others, self._clock()))
        schema = Schema(self._client)
        self._seen = view = look(self._client, schema, self._mapping, self._clock(), me=who.contact_id)
        return Sight(
            side=self.side,
            identity=f"contact {who.contact_id}",
            fields=view.fields,
            drift=drift(schema, self._mapping, view.fields, pins),
            names=schema.names(self._mapping),
            timezone=zone_name(view.offset, self._mapping.timezone, self._clock()),
        )

    @property
    def _view(self) -> View:
        if self._seen is None:
            who = self._client.identity()
            self._seen = look(self._client, Schema(self._client), self._mapping, self._clock(), me=who.contact_id)
        return self._seen

    # ── reading ──

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        """Every record in scope, or with `since` the contacts that CiviCRM says were modified from then on.

        Of all others a delta sees what may change without moving a date: of their own fields those, and the related records.
        A mapping of anything but contacts is pulled whole all the same, and so is one whose site set its clock back since.
        """
        view = self._view
        if since is None or since > view.now or not view.tells_changes:
            return self._whole(progress)
        key = [*view.where, ["modified_date", ">=", since.isoformat()]]
        where = [*view.where, ["modified_date", ">=", view.local(since - _OVERLAP)]]
        with self._client.fetched(list(self._first_pages(where, key))):
            swept = self._sweep(view.entity, view.select, where, progress, key=key)
            narrow = self._sweep(view.entity, view.narrow, view.where, progress) if view.narrow else None
            related = self._related(view.far, progress)
        related |= self._beside([join for join in view.joins if join not in view.far], swept)
        seen = {str(raw["id"]): raw for raw in narrow.rows} if narrow else None

        def glimpse(id_: str) -> Mapping[str, Json] | None:
            raw = {} if seen is None else seen.get(id_)
            return None if raw is None else view.glimpse(raw, _of(related, id_))

        rows = tuple(view.row(raw, _of(related, str(raw["id"]))) for raw in swept.rows)
        notes = (swept.note, narrow.note if narrow else "")
        note = " ".join(filter(None, (*notes, _doubled(swept))))
        return Pulled(
            rows=rows,
            complete=not any(notes),
            pulled_at=view.now,
            whole=False,
            note=note,
            undated=view.undated,
            glimpse=glimpse,
        )

    def _first_pages(self, where: Where, key: Where) -> Iterator[Call]:
        """The first page of each sweep of a delta, as many as the site bears in one request: often they are all there is."""
        view, cells = self._view, 0
        also = self._sweeps.beside(self._mapping.name, view.entity, view.select, key)
        if also is not None:
            size, _ = self._sizes(view.select, also)
            yield first_page(view.entity, view.select, where, page_size=size, also=also)
        others = [(join.related.entity, join.select, join.where) for join in view.far]
        for entity, select, of in [(view.entity, view.narrow, view.where), *others] if view.narrow else others:
            if (also := self._sweeps.beside(self._mapping.name, entity, select, of)) is not None:
                size, _ = self._sizes(select, also)
                cells += size * (1 + len(select) + len(also))
                if cells <= MOST_CELLS:
                    yield first_page(entity, select, of, page_size=size, also=also)

    def _sizes(self, select: Collection[str], also: Collection[str]) -> tuple[int, int]:
        """Rows of the first page and of the largest one."""
        if self._page_size is not None:
            return self._page_size, LARGEST_PAGE
        return sizes(1 + len(select) + len(also), self._sweeps.borne)

    def _whole(self, progress: Progress) -> Pulled:
        view = self._view
        swept = self._sweep(view.entity, view.select, view.where, progress)
        related = self._related(view.joins, progress)
        rows = tuple(view.row(raw, _of(related, str(raw["id"]))) for raw in swept.rows)
        note = " ".join(filter(None, (swept.note, _doubled(swept))))
        return Pulled(rows=rows, complete=not swept.note, pulled_at=view.now, note=note, undated=view.undated)

    def _related(self, joins: Sequence[Join], progress: Progress) -> Groups:
        """All related rows of these joins. Raises Unavailable where some could not be read."""
        related: Groups = {}
        for join in joins:
            rest = self._sweep(join.related.entity, join.select, join.where, progress)
            if rest.note:
                raise Unavailable(f"The related records could not be read whole: {rest.note}", next_step=_NEXT_RUN)
            related[join.related.alias] = join.group(rest.rows)
        return related

    def _beside(self, joins: Sequence[Join], swept: Swept) -> Groups:
        """The related rows of these joins that belong to the contacts that were brought."""
        related: Groups = {join.related.alias: {} for join in joins}
        for chunk in _chunks([raw["id"] for raw in swept.rows]) if joins else ():
            answers = self._client.read_many([join.call(chunk) for join in joins])
            for join, answer in zip(joins, answers, strict=True):
                related[join.related.alias].update(join.group(checked(answer.values, join.related.entity, join.select)))
        return related

    def sample(self, most: int, progress: Progress = silent) -> Sequence[Row]:
        """At most so many records in scope, the oldest first, without related rows: `read` brings those by id."""
        view = self._view

        def tell(done: int, total: int | None) -> None:
            progress(f"CiviCRM {view.entity}", done, min(total, most) if total is not None else None)

        swept = sweep(
            self._client, view.entity, view.select, view.where, page_size=self._page_size or FIRST_PAGE, tell=tell, most=most
        )
        return [view.row(raw, {}) for raw in swept.rows[:most]]

    def _sweep(
        self, entity: str, select: Sequence[str], where: Where, progress: Progress, *, key: Where | None = None
    ) -> Swept:
        """Every row, swept a second time where people added or removed some during the first.

        `key` are the conditions as the run's other mappings know them, if not as they are sent.
        """

        def tell(done: int, total: int | None) -> None:
            progress(f"CiviCRM {entity}", done, total)

        def load(also: frozenset[str]) -> Swept:
            first, largest = self._sizes(select, also)
            ask = partial(
                sweep, self._client, entity, select, where, page_size=first, largest_page=largest, tell=tell, also=also
            )
            swept = ask()
            swept = ask() if swept.note else swept
            self._sweeps.borne = max(self._sweeps.borne, swept.largest * (1 + len(select) + len(also)))
            return swept

        return self._sweeps.rows(self._mapping.name, entity, select, where if key is None else key, load)

    def read(self, ids: Collection[str]) -> Mapping[str, Found]:
        """Each id's row and whereabouts. One that cannot be seen counts as purged only if the trash can be seen."""
        found: dict[str, Found] = {id_: Found(whereabouts=Whereabouts.UNREADABLE) for id_ in ids}
        numbers = sorted({int(id_) for id_ in ids if id_.isdecimal()})
        for chunk in _chunks(numbers):
            found.update(self._read(chunk))
        return found

    def _read(self, ids: list[int]) -> dict[str, Found]:
        raws, rows, inside = self._fetch(ids)
        trashed = {id_ for id_, raw in raws.items() if raw.get("is_deleted")}
        missing = set(ids) - raws.keys()
        winners = fate.winners(self._client, trashed | missing, asks=self._view.merges) if self._view.is_contact else {}
        gone = self._missing(missing) if missing else {}
        found: dict[str, Found] = {}
        for id_ in ids:
            row = rows.get(id_)
            if id_ in winners:
                found[str(id_)] = Found(whereabouts=Whereabouts.MERGED, row=row, into=str(winners[id_]))
            elif id_ in trashed:
                found[str(id_)] = Found(whereabouts=Whereabouts.TRASHED, row=row)
            elif row is None:
                found[str(id_)] = Found(whereabouts=gone[id_])
            else:
                found[str(id_)] = Found(
                    whereabouts=Whereabouts.IN_SCOPE if id_ in inside else Whereabouts.OUT_OF_SCOPE, row=row
                )
        return found

    def _missing(self, ids: set[int]) -> dict[int, Whereabouts]:
        """Where records are that the mapping's entity does not show at all."""
        if not self._view.is_contact:
            return dict.fromkeys(ids, Whereabouts.PURGED)
        where = [["id", "IN", sorted(ids)], ["is_deleted", "IN", _BOTH]]
        others = {row["id"] for row in self._client.read("Contact", "get", {"select": ["id"], "where": where}).values}
        unseen = Whereabouts.PURGED if fate.sees_trash(self._client) else Whereabouts.UNREADABLE
        return {id_: Whereabouts.OUT_OF_SCOPE if id_ in others else unseen for id_ in ids}

    def _fetch(self, ids: list[int]) -> tuple[dict[int, dict[str, Any]], dict[int, Row], set[int]]:
        """By id: the rows as sent, the rows as told, and the ids in scope; trash included, all in one request."""
        view = self._view
        answers = self._client.read_many([*view.calls(ids), Call(view.entity, "get", view.scope_of(ids))])
        raws, rows = view.rows([answer.values for answer in answers[:-1]])
        return raws, rows, {row["id"] for row in answers[-1].values}

    def find(self, keys: Mapping[str, Json]) -> Sequence[Row]:
        """The rows that carry all of these values, also in the trash. CiviCRM's `=` takes no note of case and accents."""
        view = self._view
        if lost := sorted(path for path in keys if path not in view.own):
            raise UnexpectedAnswer(
                f"CiviCRM cannot be searched by {', '.join(lost)}.", next_step="Mend the mapping's match keys."
            )
        where: list[Any] = [clause for path, value in keys.items() for clause in writing.clauses(view.own[path], value)]
        if view.is_contact:
            where.append(["is_deleted", "IN", _BOTH])
        ids = [row["id"] for row in self._client.read(view.entity, "get", {"select": ["id"], "where": where}).values]
        return [row for chunk in _chunks(sorted(set(ids))) for row in self._fetch(chunk)[1].values()]

    # ── writing ──

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Check, write and read back at most `batch_size` changes: one request to check, one to write, one for new records."""
        return writing.apply(self._client, self._view, changes)

    def calls_for(self, changes: Sequence[Change]) -> int:
        """An upper bound of the requests that applying these takes."""
        batches = -(-len(changes) // self.batch_size)
        return batches * (3 if any(change.action is Action.CREATE for change in changes) else 2)

    def address(self, id: str) -> str | None:  # noqa: A002  # the record's native id, as everywhere
        """The record's page in CiviCRM. None where its id alone opens none: a relationship's needs one of its contacts."""
        if self._mapping.civicrm.entity not in (*CONTACTS, "Membership"):
            return None
        if self._mapping.civicrm.entity == "Membership":
            return self._client.site.page("contact/view/membership", reset="1", action="view", id=id)
        return self._client.site.page("contact/view", reset="1", cid=id)


def _of(related: Groups, id_: str) -> dict[str, Rows]:
    """One record's related rows by alias."""
    return {alias: groups.get(id_, []) for alias, groups in related.items()}


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _doubled(swept: Swept) -> str:
    """A word on contacts of which two emails, phones or addresses call themselves primary."""
    ids = ", ".join(map(str, swept.doubled[:5]))
    return f"{len(swept.doubled)} records have two primary emails, phones or addresses (such as {ids})." if ids else ""

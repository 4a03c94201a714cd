"""Airtable as one mapping sees it: fulfils `bridge.ports.Remote`."""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pyairtable.formulas import Formula

from bridge.airtable import formula, writes
from bridge.airtable.api import Api
from bridge.airtable.door import WRITE_SIZE, Door, chunks
from bridge.airtable.pulls import Want
from bridge.airtable.scan import Scan
from bridge.airtable.schema import Column, Table, find_table, place
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Action, Change, Written
from bridge.core.record import Json, Row, Side
from bridge.core.sight import SOURCE, FieldSight, Found, Sight, Whereabouts
from bridge.errors import AuthRejected, BridgeError, ConfigError, RequestRejected, UnexpectedAnswer
from bridge.ports import Clock, Outcome, Progress, Pulled, silent

_Asked = tuple[str, str, frozenset[str], dt.datetime | None]


def record_address(base_id: str, table_id: str, id: str) -> str:  # noqa: A002  # the record's native id, as everywhere
    """A record's page in Airtable's own interface."""
    return f"https://airtable.com/{base_id}/{table_id}/{id}"


def want(mapping: FieldMapping, base_id: str, since: dt.datetime | None = None) -> Want:
    """What a run of the mapping asks of its table: all in scope, or what changed since."""
    return Want(
        mapping=mapping.name,
        base=base_id,
        table=mapping.airtable.table,
        where=json.dumps(mapping.airtable.where),
        paths=frozenset(mapping.paths(Side.AIRTABLE)),
        since=since,
    )


class AirtableRemote:
    """One Airtable table. `base_id` is the `app…` id that the mapping's alias stands for.

    `expected` tells how many records the latest sweep brought, or None where there was none.
    """

    side = Side.AIRTABLE

    def __init__(
        self,
        api: Api,
        mapping: FieldMapping,
        *,
        base_id: str,
        clock: Clock,
        expected: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._api = api
        self._expected = expected
        self._mapping = mapping
        self._base = base_id
        self._clock = clock
        self._seen: Door | None = None
        self._others: Sequence[Want] = ()
        self._ahead: tuple[_Asked, Scan] | None = None
        self._believed: tuple[Sight, Mapping[str, FieldSight]] | None = None

    @property
    def batch_size(self) -> int:
        """A hundred changes, or as many hundreds as are written at once where each request takes long."""
        return writes.HUNDRED * self._api.in_flight(self._base)

    def sight(self, pins: Mapping[str, FieldSight]) -> Sight:
        """Every mapped path (and `where` column) in today's schema, held against its pin.

        An option is told by the word it was pinned with, so that a renamed one stays what the mapping calls it.

        A delta first lists what changed, by the schema of an earlier run. If that is nothing, no schema is needed: the one of
        today is read before anything else is asked of the table.
        """
        own = self._api.pulls.expected(self._mapping.name)
        self._others = [each for each in self._api.pulls.beside(own) if each.where == own.where] if own else []
        if own is not None and own.since is not None and (known := self._api.remembered(self._base)) is not None:
            with suppress(ConfigError, UnexpectedAnswer):  # then the schema is not what it was
                sight = self._look(known, pins)
                found = self._list(own.since)
                self._ahead = (self._asked(own.since), found)
                if found.complete and not found.records:
                    self._believed = (sight, pins)
                    return sight
        return self._look(self._api.tables(self._base), pins)

    def _look(self, tables: Sequence[Any], pins: Mapping[str, FieldSight]) -> Sight:
        home = pins.get(SOURCE)
        table = find_table(tables, self._mapping.airtable.table, home)
        if home is not None and home.id != table.id:
            pins = {}  # the mapping names another table: what was pinned in the old one says nothing here
        places = {path: place(table, path, pins.get(path), self._named(path)) for path in sorted(self._paths())}
        scope = [formula.condition(places[path], operator, value) for path, operator, value in self._where()]
        self._seen = Door(self._api, self._base, table, places, scope, self._wanted_beside(table))
        self._believed = None
        return Sight(
            side=self.side,
            identity=self._base,
            fields={
                SOURCE: FieldSight(path=SOURCE, id=table.id, name=table.name, kind="table", writable=False),
                **{path: sight for path, each in places.items() if (sight := each.sight()) is not None},
            },
            drift=tuple(drift for each in places.values() for drift in each.drift),
            names=tuple(each.name for each in table.columns),
            reworded={path: {word: now for now, word in each.renamed.items()} for path, each in places.items() if each.renamed},
        )

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        """Every record in scope, or those made or edited since; an edit of a computed field is none to Airtable."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == self._asked(since):
            found = ahead[1]
        else:
            self._confirm()
            found = self._list(since, progress)
        return Pulled(
            rows=tuple(self._door.row(each) for each in found.records.values()),
            complete=found.complete,
            pulled_at=found.at or self._clock(),
            whole=since is None,
            note=found.note,
            gone=self._api.gone(self._base, self._door.table.id, since) if since is not None else frozenset(),
        )

    def _list(self, since: dt.datetime | None, progress: Progress = silent) -> Scan:
        door = self._door
        if since is not None and (at := self._api.quiet(self._base, door.table.id, since)) is not None:
            self._api.pulls.done(self._mapping.name)
            return Scan(at=at)

        def tell(count: int) -> None:
            progress(f"Airtable {door.table.name}", count, None)

        def read(moment: dt.datetime | None) -> Scan:
            if moment is None:
                return door.sweep(door.scope, tell, expected=self._expected())
            return door.scan([*door.scope, formula.changed_since(moment)], tell)

        return self._api.pulls.pull(
            want(self._mapping, self._base, since),
            door.table.id,
            formula.both(door.scope),
            door.own,
            frozenset(door.wanted),
            read=read,
            peek=lambda moment: door.scan([formula.changed_since(moment)], tell, ids_only=True),
        )

    def _asked(self, since: dt.datetime | None) -> _Asked:
        """All that the answer to a list hangs on."""
        door = self._door
        return (door.table.id, formula.both(door.scope), frozenset(door.wanted), since)

    def _confirm(self) -> None:
        """Hold what was understood by an earlier run's schema against today's, before more is asked of the table."""
        if self._believed is None:
            return
        believed, pins = self._believed
        if _said(self._look(self._api.tables(self._base), pins)) != _said(believed):
            raise UnexpectedAnswer(
                f"The mapped fields of Airtable's table {self._door.table.name} have changed since an earlier run read them.",
                next_step="The next run goes by them as they are now.",
            )

    def sample(self, most: int, progress: Progress = silent) -> Sequence[Row]:
        """At most so many records in scope, in the table's own order: a call for each hundred."""
        self._confirm()
        door = self._door
        found = door.scan(door.scope, lambda count: progress(f"Airtable {door.table.name}", count, None), most=most)
        return [door.row(each) for each in found.records.values()]

    def read(self, ids: Collection[str]) -> Mapping[str, Found]:
        """Each record and its whereabouts: a call for a hundred in scope, another for a hundred that are not.

        One more is made for each that the table does not list.
        """
        self._confirm()
        wanted = list(dict.fromkeys(ids))
        inside = self._door.fetch(wanted, self._door.scope)
        rest = [id_ for id_ in wanted if id_ not in inside]
        outside = self._door.fetch(rest) if self._door.scope else {}
        answer = {id_: Found(whereabouts=Whereabouts.IN_SCOPE, row=row) for id_, row in inside.items()}
        for id_ in rest:
            row = outside.get(id_)
            answer[id_] = (
                Found(whereabouts=Whereabouts.OUT_OF_SCOPE, row=row) if row else Found(whereabouts=self._why_missing(id_))
            )
        return answer

    def find(self, keys: Mapping[str, Json]) -> Sequence[Row]:
        """The records whose cells equal all of these values, in scope or not."""
        self._confirm()
        return tuple(self._door.rows([self._equals(path, value) for path, value in sorted(keys.items())]).values())

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One outcome per change: preconditions are read in one list, writes go in tens, their answers are the read-back."""
        try:
            self._confirm()
        except BridgeError as error:
            return [Outcome(written=Written.NOT_SENT, reason=error.message)] * len(changes)
        return writes.apply(self._door, changes, at_once=self._api.in_flight(self._base))

    def calls_for(self, changes: Sequence[Change]) -> int:
        """The calls if nothing fails: per hundred, one list if anything is updated, and the tens of updates and of creates."""
        calls = 0
        for batch in chunks(changes, writes.HUNDRED):
            updates = sum(each.action is Action.UPDATE for each in batch)
            calls += bool(updates) - (-updates // WRITE_SIZE) - (-(len(batch) - updates) // WRITE_SIZE)
        return calls

    def address(self, id: str) -> str:  # noqa: A002  # the record's native id, as everywhere
        """The record's page in Airtable's own interface."""
        return record_address(self._base, self._door.table.id, id)

    @property
    def _door(self) -> Door:
        if self._seen is None:
            raise RuntimeError("AirtableRemote.sight comes first: paths are understood by the schema it reads")
        return self._seen

    def _wanted_beside(self, table: Table) -> Sequence[Column]:
        """The columns that the run's other mappings want of the same records."""
        columns = (table.by_name(path) or table.by_id(path) for each in self._others for path in sorted(each.paths))
        return [column for column in columns if column is not None]

    def _paths(self) -> set[str]:
        return {*self._mapping.paths(self.side), *(path for path, _, _ in self._where())}

    def _where(self) -> Iterator[tuple[str, str, Json]]:
        for each in self._mapping.airtable.where:
            match each:
                case [str(path), str(operator), *rest] if len(rest) <= 1:
                    yield path, operator, rest[0] if rest else None
                case _:
                    raise ConfigError(
                        f"{self._mapping.file}: `airtable: where:` expects [column, operator, value], found another form."
                    )

    def _named(self, path: str) -> frozenset[str]:
        """The options of a column that the mapping's `values` name."""
        fields = (each for each in self._mapping.fields.values() if each.at[self.side] == path)
        return frozenset(option for each in fields for option in each.values.values())

    def _equals(self, path: str, value: Json) -> Formula:
        where = self._door.places.get(path)
        if where is None or where.usable is None:
            raise UnexpectedAnswer(
                f"Records cannot be looked up by {path}: the field is gone, renamed or retyped.",
                next_step="Mend the field first.",
            )
        return formula.condition(where, "IS EMPTY") if value is None else formula.condition(where, "=", value)

    def _why_missing(self, id_: str) -> Whereabouts:
        try:
            self._door.get(id_)
        except RequestRejected:
            return Whereabouts.PURGED
        except AuthRejected:
            return Whereabouts.UNREADABLE
        return Whereabouts.UNREADABLE


def _said(sight: Sight) -> tuple[object, ...]:
    """What a run goes by of what it sees: not which other columns there are."""
    return (sight.fields, sight.drift, sight.reworded)

"""Airtable as one mapping sees it: fulfils `bridge.ports.Remote`."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence

from pyairtable.formulas import Formula

from bridge.airtable import formula, writes
from bridge.airtable.api import Api
from bridge.airtable.door import WRITE_SIZE, Door
from bridge.airtable.schema import find_table, place
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Action, Change
from bridge.core.record import Json, Row, Side
from bridge.core.sight import SOURCE, FieldSight, Found, Sight, Whereabouts
from bridge.errors import AuthRejected, ConfigError, RequestRejected, UnexpectedAnswer
from bridge.ports import Clock, Outcome, Progress, Pulled, silent


def record_address(base_id: str, table_id: str, id: str) -> str:  # noqa: A002  # the record's native id, as everywhere
    """A record's page in Airtable's own interface."""
    return f"https://airtable.com/{base_id}/{table_id}/{id}"


class AirtableRemote:
    """One Airtable table. `base_id` is the `app…` id that the mapping's alias stands for."""

    side = Side.AIRTABLE
    batch_size = 100
    """One list of 100 records checks the preconditions of a whole batch."""

    def __init__(self, api: Api, mapping: FieldMapping, *, base_id: str, clock: Clock) -> None:
        self._api = api
        self._mapping = mapping
        self._base = base_id
        self._clock = clock
        self._seen: Door | None = None

    def sight(self, pins: Mapping[str, FieldSight]) -> Sight:
        """Who the token is, and every mapped path (and `where` column) in today's schema, held against its pin.

        An option is told by the word it was pinned with, so that a renamed one stays what the mapping calls it.
        """
        identity = self._api.identity(self._base)
        home = pins.get(SOURCE)
        table = find_table(self._api.tables(self._base), self._mapping.airtable.table, home)
        if home is not None and home.id != table.id:
            pins = {}  # the mapping names another table: what was pinned in the old one says nothing here
        places = {path: place(table, path, pins.get(path), self._named(path)) for path in sorted(self._paths())}
        scope = [formula.condition(places[path], operator, value) for path, operator, value in self._where()]
        self._seen = Door(self._api, self._base, table, places, scope)
        return Sight(
            side=self.side,
            identity=identity,
            fields={
                SOURCE: FieldSight(path=SOURCE, id=table.id, name=table.name, kind="table", writable=False),
                **{path: sight for path, each in places.items() if (sight := each.sight()) is not None},
            },
            drift=tuple(drift for each in places.values() for drift in each.drift),
            names=tuple(each.name for each in table.columns),
        )

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        """Every record in scope, or those made or edited since; an edit of a computed field is none to Airtable."""
        door = self._door
        asked = [*door.scope, *([formula.changed_since(since)] if since else [])]
        found = door.scan(asked, lambda count: progress(f"Airtable {door.table.name}", count, None))
        return Pulled(
            rows=tuple(door.row(each) for each in found.records.values()),
            complete=found.complete,
            pulled_at=found.at or self._clock(),
            whole=since is None,
            note=found.note,
        )

    def read(self, ids: Collection[str]) -> Mapping[str, Found]:
        """Each record and its whereabouts: two calls for a hundred, and one more for each that the table does not list."""
        wanted = list(dict.fromkeys(ids))
        rows = self._door.fetch(wanted)
        inside = self._door.in_scope(rows)
        answer = {id_: Found(whereabouts=self._why_missing(id_)) for id_ in wanted if id_ not in rows}
        for id_, row in rows.items():
            answer[id_] = Found(whereabouts=Whereabouts.IN_SCOPE if id_ in inside else Whereabouts.OUT_OF_SCOPE, row=row)
        return answer

    def find(self, keys: Mapping[str, Json]) -> Sequence[Row]:
        """The records whose cells equal all of these values, in scope or not."""
        return tuple(self._door.rows([self._equals(path, value) for path, value in sorted(keys.items())]).values())

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One outcome per change: preconditions are read in one list, writes go in tens, their answers are the read-back."""
        return writes.apply(self._door, changes)

    def calls_for(self, changes: Sequence[Change]) -> int:
        """The calls if nothing fails: per batch, one list if anything is updated, and the tens of updates and of creates."""
        calls = 0
        for start in range(0, len(changes), self.batch_size):
            batch = changes[start : start + self.batch_size]
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

"""One table of one base, seen through the paths of one mapping: rows in, rows out, in the mapping's words."""

import datetime as dt
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from pyairtable.formulas import NOT, Formula

from bridge.airtable import formula
from bridge.airtable.answers import Refused, lost
from bridge.airtable.api import Api
from bridge.airtable.scan import PAGE_SIZE, Scan, is_record, scan, together
from bridge.airtable.schema import Column, Place, Table
from bridge.core.record import Json, Row
from bridge.errors import Unavailable, UnexpectedAnswer

T = TypeVar("T")

WRITE_SIZE = 10  # https://airtable.com/developers/web/api/update-multiple-records
MOST_CURSORS = 4
LARGE = 2000


def _nobody(_count: int) -> None:
    """The listener of a scan nobody waits for."""


class Door:
    """Reads and writes one table. `places` are the mapping's paths and the columns they mean today.

    `also` are columns that other mappings of the run want of the same records.
    """

    def __init__(
        self,
        api: Api,
        base: str,
        table: Table,
        places: Mapping[str, Place],
        scope: Sequence[Formula],
        also: Collection[Column] = (),
    ) -> None:
        self.table = table
        self.places = places
        self.scope = scope
        """The conditions of the mapping's `where`."""
        self._api = api
        self._base = base
        self._url = str(api.build_url(base, table.id))
        self._columns = {path: column for path, place in places.items() if (column := place.usable) is not None}
        self._edited = table.last_modified
        self._also = also
        self._read = [(path, column.id, places[path]) for path, column in self._columns.items()]

    def scan(
        self,
        asked: Sequence[Formula],
        tell: Callable[[int], None] = _nobody,
        *,
        ids_only: bool = False,
        most: int | None = None,
    ) -> Scan:
        """All records that meet every formula, with the mapped columns, or with hardly any if only their ids are wanted.

        With `most` at the most so many.

        Raises UnexpectedAnswer where the table is not what the schema said.
        """
        # Named columns, because an empty list of fields means all; and no view, because people change what a view shows.
        fields = [self.table.columns[0].id] if ids_only else self.wanted
        ask: dict[str, Any] = {"fields": fields}
        if text := formula.both(asked):
            ask["filterByFormula"] = text
        if most is not None:
            ask["maxRecords"] = most
        try:
            return scan(lambda body: self._api.list_page(self._base, self.table.id, body), ask, tell)
        except Refused as error:
            raise UnexpectedAnswer(
                error.message, next_step="The next run reads the schema again, and says what changed."
            ) from error

    def sweep(self, asked: Sequence[Formula], tell: Callable[[int], None] = _nobody, *, expected: int | None = None) -> Scan:
        """All records that meet every formula, like `scan`, over several cursors where one alone would be too slow.

        A page tells where the next one is, so one cursor reads a page a round trip. Each further one costs a page that is not
        full, which a table of fewer than 2,000 records is not worth. Where it is not known how many to expect, the others
        begin once the first has a full page: a small table costs one call more at the most.
        """
        cursors = min(MOST_CURSORS, self._api.in_flight(self._base))
        if cursors == 1 or (expected is not None and expected < LARGE):
            return self.scan(asked, tell)
        first, *rest = formula.parts(cursors)
        counts = [0] * cursors
        others: list[Future[Scan]] = []

        def part(at: int, formula_: Formula) -> Scan:
            def heard(count: int) -> None:
                counts[at] = count
                tell(sum(counts))
                if at == 0 and count >= PAGE_SIZE and not others:
                    others.extend(pool.submit(part, number, each) for number, each in enumerate(rest, 1))

            return self.scan([*asked, formula_], heard)

        with ThreadPoolExecutor(max_workers=cursors - 1) as pool:
            begun = part(0, first)
            if not others:
                others.append(pool.submit(part, 1, NOT(first)))
        return together([begun, *(each.result() for each in others)])

    def rows(self, asked: Sequence[Formula]) -> dict[str, Row]:
        """Every row that meets every formula, by id. Unavailable if they did not all come."""
        return {id_: self.row(each) for id_, each in _whole(self.scan(asked)).records.items()}

    def fetch(self, ids: Collection[str], asked: Sequence[Formula] = ()) -> dict[str, Row]:
        """The rows with these ids that are in the table and meet every formula; one call for each hundred."""
        found: dict[str, Row] = {}
        for part in chunks(ids, PAGE_SIZE):
            found |= self.rows([formula.records(part), *asked])
        return found

    def get(self, id: str) -> None:  # noqa: A002  # the record's native id, as everywhere
        """Ask for one record; raise what Airtable says if it cannot be read.

        That it can says nothing of the table: Airtable looks through the whole base.
        """
        self._api.get(f"{self._url}/{id}")

    def update(self, changes: Sequence[tuple[str, Mapping[str, Json]]]) -> list[Row]:
        """Change only the named cells of up to ten records, given as id and values by path; the rows as they stand then."""
        rows = self._written(self._api.patch, [{"id": id_, "fields": self._cells(values)} for id_, values in changes])
        if [row.id for row in rows] != [id_ for id_, _ in changes]:
            raise lost(f"PATCH to table {self.table.id}")
        return rows

    def create(self, changes: Sequence[Mapping[str, Json]]) -> list[Row]:
        """Make up to ten records of values by path; their rows, in order."""
        return self._written(self._api.post, [{"fields": self._cells(values)} for values in changes])

    def row(self, data: Mapping[str, Any]) -> Row:
        """A record of Airtable as a row, with its options in the mapping's words."""
        cells = data.get("fields", {})
        values = {
            path: place.read(cells[column]) if place.renamed else cells[column]
            for path, column, place in self._read
            if column in cells
        }
        return Row(id=data["id"], values=values, modified_at=_moment(cells.get(self._edited.id)) if self._edited else None)

    @property
    def own(self) -> frozenset[str]:
        """The ids of the columns that `row` reads."""
        return frozenset(column.id for column in (*self._columns.values(), self._edited) if column is not None)

    @property
    def wanted(self) -> list[str]:
        """The ids of the columns that a scan asks for."""
        columns: Iterable[Column | None] = (*self._columns.values(), self._edited, *self._also)
        return sorted({each.id for each in columns if each is not None}) or [self.table.columns[0].id]

    def _cells(self, values: Mapping[str, Json]) -> dict[str, Json]:
        return {self._columns[path].id: self.places[path].write(value) for path, value in values.items()}

    def _written(self, send: Callable[..., Any], records: list[dict[str, Any]]) -> list[Row]:
        answer = send(self._url, json={"records": records, "typecast": False, "returnFieldsByFieldId": True})
        written = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(written, list) or len(written) != len(records) or not all(map(is_record, written)):
            raise lost(f"a write to table {self.table.id}")
        return [self.row(each) for each in written]


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    rest = iter(items)
    while part := list(itertools.islice(rest, size)):
        yield part


def _whole(found: Scan) -> Scan:
    if not found.complete:
        raise Unavailable(found.note, next_step="The next run tries again.")
    return found


def _moment(value: Any) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None

"""Pulling all rows of an entity by keyset, and proving that they are all.

Offsets skip and repeat rows while people work, and CiviCRM has no cursor: each page asks for ids above the last one seen.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.civicrm.client import Call, CivicrmClient
from bridge.civicrm.schema import CONTACTS
from bridge.civicrm.wire import Answer
from bridge.core.record import Json
from bridge.errors import RateLimited, Unavailable, UnexpectedAnswer

Rows = list[dict[str, Any]]
Where = Sequence[Any]

FIRST_PAGE = 500
LARGEST_PAGE = 2_000
"""Rows. A page that came is followed by one twice as large: each request costs the site a start of its own (85 ms on a fast
one), while 2,000 rows with joins take it a third of a second."""
_FIRST_CELLS, MOST_CELLS = 60_000, 250_000
"""Rows times fields of a page, where the pull chooses: 5,741 contacts with all their fields, twice as many cells as the larger
one, were a second of a site's time, and few fields of them a sixth of one."""
SMALLEST_PAGE = 25
_TESTS = frozenset({"Membership", "Contribution", "Participant"})


@dataclass(frozen=True, slots=True)
class Swept:
    """Rows by ascending id, each id once. `note` says why they are not all, or is empty; `doubled` ids came twice."""

    rows: Rows
    note: str = ""
    doubled: tuple[int, ...] = ()
    largest: int = 0
    """Rows in the largest page that came full."""


def sizes(fields: int, borne: int = 0) -> tuple[int, int]:
    """Rows to ask for in the first page and in the largest one, of so many fields. `borne` cells were sent in one already."""
    largest = max(LARGEST_PAGE, MOST_CELLS // fields)
    return min(largest, max(FIRST_PAGE, _FIRST_CELLS // fields, borne // fields)), largest


def scope(entity: str, where: Where) -> list[Json]:
    """`where`, and said aloud what CiviCRM leaves out only sometimes: what is in the trash, and test records."""
    hidden: list[Json] = []
    if entity in CONTACTS:
        hidden = [["is_deleted", "=", False]]
    if entity in _TESTS:
        hidden = [["is_test", "=", False]]
    return [*where, *hidden]


def sweep(
    client: CivicrmClient,
    entity: str,
    select: Sequence[str],
    where: Where,
    *,
    page_size: int,
    tell: Callable[[int, int | None], None] = lambda _done, _total: None,
    most: int | None = None,
    largest_page: int = LARGEST_PAGE,
    also: Collection[str] = (),
) -> Swept:
    """Every row of `entity` that meets `where`; `tell` hears after each page how many of how many are there.

    With `most` it stops after so many, by id, and says in its note that they are not all.
    Fields in `also` are brought where CiviCRM has them, and are not missed.
    Pages grow from `page_size` to `largest_page` rows. One the server gives up on is asked for again at half the size, down to
    25 rows; pages then grow back, no further than `page_size`.
    Raises Unavailable where even the smallest page cannot be had, and UnexpectedAnswer where a row lacks a selected field.
    """
    rows: dict[int, dict[str, Any]] = {}
    doubled: set[int] = set()
    last, size, largest, total, came, full = 0, min(page_size, most or page_size), max(page_size, largest_page), None, 0, 0
    while True:
        page, had = _page(client, entity, _params(select, where, also, last), size)
        largest, size = (largest if had == size else page_size), had
        total = page.total if total is None else total
        found = checked(page.values, entity, select)
        if any(row["id"] <= last for row in found):
            return Swept(list(rows.values()), note=f"{entity}: a page came twice.", doubled=tuple(sorted(doubled)))
        came, full = came + len(found), max(full, size if len(found) == size else 0)
        for row in found:
            if (known := rows.get(row["id"])) is not None:
                doubled.add(row["id"])
                row = min(known, row, key=repr)  # noqa: PLW2901  # which of two primaries comes first differs by day
            rows[row["id"]] = row
        tell(len(rows), total)
        if len(found) < size or (most is not None and len(rows) >= most):
            break
        last, size = found[-1]["id"], min(largest, size * 2)
    note = _shortfall(entity, total, len(rows), came)
    return Swept(list(rows.values()), note=note, doubled=tuple(sorted(doubled)), largest=full)


def first_page(entity: str, select: Sequence[str], where: Where, *, page_size: int, also: Collection[str] = ()) -> Call:
    """What `sweep` begins with."""
    return Call(entity, "get", {**_params(select, where, also, 0), "limit": page_size})


def _params(select: Sequence[str], where: Where, also: Collection[str], last: int) -> dict[str, Any]:
    wanted = ["id", *select, *sorted(also)] if last else ["row_count", "id", *select, *sorted(also)]
    return {"select": wanted, "where": [*where, ["id", ">", last]], "orderBy": {"id": "ASC"}}


def _page(client: CivicrmClient, entity: str, params: dict[str, Any], size: int) -> tuple[Answer, int]:
    """The next page, and the size it was had at."""
    while True:
        asked = {**params, "limit": size}
        try:
            return client.once(entity, "get", asked), size
        except Unavailable as error:
            if size <= SMALLEST_PAGE or isinstance(error, RateLimited):
                return client.read(entity, "get", asked), size
            size = max(SMALLEST_PAGE, size // 2)


def checked(rows: Rows, entity: str, select: Sequence[str]) -> Rows:
    """`rows`, each with every field asked for: one that is silently left out would read as blank.

    Raises UnexpectedAnswer where one is.
    """
    for row in rows:
        if lost := left_out(row, ("id", *select)):
            raise UnexpectedAnswer(
                f"{entity}.get left out {', '.join(lost)}.",
                next_step="Check that these fields exist and that the account's role may see them.",
            )
    return [dict.fromkeys(select) | row for row in rows]


def left_out(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The names that the row should have and has not.

    A contact read with its type rightly lacks the core fields of the other types: a person has no `organization_name` then.
    """
    missing = [name for name in names if name not in row]
    return [name for name in missing if "." in name] if "contact_type" in row else missing


def _shortfall(entity: str, total: int | None, distinct: int, came: int) -> str:
    """Why what came is not all, or empty. A contact with two primary emails may be counted twice or once."""
    if total is None:
        return f"{entity}: CiviCRM did not say how many rows there are."
    return "" if total in (distinct, came) else f"{entity}: {distinct} rows came and CiviCRM counts {total}."

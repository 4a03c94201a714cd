"""Membership of groups as one set of a contact: a group is joined by a row that says Added, left by one that says Removed.

No row is ever deleted: that is how CiviCRM itself remembers who left. Only groups that people are added to are meant; whom a
smart group's search finds has no row.
"""

from collections.abc import Iterable, Mapping, Sequence

from bridge.civicrm.client import Call, CivicrmClient
from bridge.core.mapping import Related
from bridge.core.record import Json

ENTITY = "GroupContact"
_ADDED, _REMOVED = "Added", "Removed"

Known = Mapping[tuple[int, str], int]
"""By contact and group, in the words of the set, the id of the row there is, whatever it says."""


def known(client: CivicrmClient, related: Related, contacts: Sequence[int]) -> Known:
    """The rows that these contacts have for any group."""
    path = str(related.set)
    params = {"select": ["id", "contact_id", path], "where": [["contact_id", "IN", list(contacts)]]}
    rows = client.read(ENTITY, "get", params).values
    return {(int(row["contact_id"]), str(row[path])): int(row["id"]) for row in rows}


def calls(related: Related, contact: int, before: Json, after: Json, rows: Known) -> list[Call]:
    """The writes that make the set of `contact` from what it was to what it is to be. Each holds only while that is so."""
    was, wanted, path = _words(before), _words(after), str(related.set)
    return [
        *(_join(contact, path, group, rows.get((contact, group))) for group in sorted(wanted - was)),
        *(_leave(contact, path, group) for group in sorted(was - wanted)),
    ]


def _join(contact: int, path: str, group: str, row: int | None) -> Call:
    if row is None:
        return Call(ENTITY, "create", {"values": {"contact_id": contact, path: group, "status": _ADDED}})
    return Call(ENTITY, "update", {"where": [["id", "=", row], ["status", "!=", _ADDED]], "values": {"status": _ADDED}})


def _leave(contact: int, path: str, group: str) -> Call:
    where = [["contact_id", "=", contact], [path, "=", group], ["status", "=", _ADDED]]
    return Call(ENTITY, "update", {"where": where, "values": {"status": _REMOVED}})


def _words(raw: Json) -> set[str]:
    return set(map(str, raw)) if isinstance(raw, Iterable) and not isinstance(raw, str) else set()

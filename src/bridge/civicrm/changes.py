"""Applying changes: check them against the rows as they stand, write each under its own conditions, read all of them back.

The check beforehand is exact, and the conditions in `where` close the moment between it and the write: CiviCRM's `=` takes
no note of case, accents or trailing blanks, and cannot compare a set.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.civicrm import groups, memberships
from bridge.civicrm.client import Call, CivicrmClient
from bridge.civicrm.related import ITSELF, SEVERAL
from bridge.civicrm.schema import Spot
from bridge.civicrm.view import View, country_of
from bridge.civicrm.wire import Answer
from bridge.core.plan import Action, CellChange, Change, Written
from bridge.core.record import Json, Row
from bridge.errors import AuthRejected, BridgeError, OutcomeUnknown, RequestRejected
from bridge.ports import Outcome

_BLANKS: tuple[Json, ...] = (None, "", [])
_COMPARED = frozenset({"Integer", "Boolean", "Date", "Money"})
"""Types whose `=` is exact. Text is compared too, but where it holds what CiviCRM encodes; floats and instants never."""

_ENCODED = frozenset("<>&")
_Parts = list[Answer | RequestRejected | AuthRejected]


@dataclass(frozen=True, slots=True)
class _Refused(Exception):  # carries an outcome out of the checks
    outcome: Outcome


def _refuse(reason: str, code: int | None = None) -> _Refused:
    return _Refused(Outcome(written=Written.REFUSED, reason=reason, code=code))


def apply(client: CivicrmClient, view: View, changes: Sequence[Change]) -> list[Outcome]:
    """How each change ended, in order."""
    try:
        standing = _as_they_stand(client, view, changes)
        joined = _groups_joined(client, view, changes)
    except BridgeError as error:
        return [Outcome(written=Written.NOT_SENT, reason=error.message)] * len(changes)
    outcomes: dict[int, Outcome] = {}
    steps: dict[int, list[_Step]] = {}
    for index, change in enumerate(changes):
        try:
            steps[index] = _Writer(view, change, standing, joined).steps()
        except _Refused as refused:
            outcomes[index] = refused.outcome
    outcomes.update(_written(client, view, {index: (changes[index], own) for index, own in steps.items()}))
    return [outcomes[index] for index in range(len(changes))]


def clauses(spot: Spot, value: Json) -> list[list[Json]]:
    """Conditions that hold where the record has `value` at `spot`; none where CiviCRM cannot tell."""
    name = spot.inner.partition(":")[0]
    if value in _BLANKS:
        return [[name, "IS NULL" if spot.spec.data_type in _COMPARED else "IS EMPTY"]]
    if isinstance(value, list):
        return [[spot.inner, "CONTAINS", each] for each in value] if not spot.suffix else []
    return [[spot.inner, "=", value]]


# ── before ──


_Standing = Mapping[str, tuple[dict[str, Any], Row]]


def _as_they_stand(client: CivicrmClient, view: View, changes: Sequence[Change]) -> _Standing:
    """By id, the records to be updated as they are now: as sent, and as rows."""
    ids = [int(change.id) for change in changes if change.id is not None and change.id.isdecimal()]
    if not ids:
        return {}
    raws, rows = view.rows([answer.values for answer in client.read_many(view.calls(ids))])
    return {str(id_): (raws[id_], rows[id_]) for id_ in raws}


def _groups_joined(client: CivicrmClient, view: View, changes: Sequence[Change]) -> dict[str, groups.Known]:
    """By alias, the rows that the contacts have for the groups a change is to write; none where no change writes groups."""
    found: dict[str, groups.Known] = {}
    for alias, related in view.mapping.civicrm.related.items():
        ids = [int(each.id) for each in changes if each.id and any(cell.path == alias for cell in each.cells)]
        if related.set is not None and ids:
            found[alias] = groups.known(client, related, ids)
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One request of a change, and the fields it writes."""

    call: Call
    fields: tuple[str, ...]


class _Writer:
    """The requests of one change, or why there are none."""

    def __init__(self, view: View, change: Change, standing: _Standing, joined: Mapping[str, groups.Known]) -> None:
        self._joined = joined
        self._view = view
        self._change = change
        found = standing.get(change.id or "")
        self._raw: Mapping[str, Any] = found[0] if found else {}
        self._row = found[1] if found else None

    def steps(self) -> list[_Step]:
        """The writes, related rows first. Raises _Refused with STALE or REFUSED."""
        if self._change.action is Action.CREATE:
            return [_Step(Call(self._view.entity, "create", {"values": self._create_values()}), ())]
        self._check_unmoved()
        by_alias: dict[str | None, list[CellChange]] = {}
        for cell in self._change.cells:
            spot = self._spot(cell)
            if not spot.may_write:
                raise _refuse(f"CiviCRM takes no values for {cell.path}.")
            by_alias.setdefault(spot.alias, []).append(cell)
        return [
            _Step(call, tuple(cell.field for cell in cells))
            for alias, cells in sorted(by_alias.items(), key=lambda each: (each[0] is None, each[0] or ""))
            for call in self._calls(alias, cells)
        ]

    def _calls(self, alias: str | None, cells: Sequence[CellChange]) -> list[Call]:
        """The requests for the cells of one row; for a set of groups one for each that is joined or left."""
        related = self._view.mapping.civicrm.related.get(alias or "")
        if alias is None or related is None or related.set is None:
            return [self._update(alias, cells)]
        [cell] = cells
        self._check_value(cell, self._spot(cell))
        rows, contact = self._joined.get(alias, {}), int(self._change.id or 0)
        return groups.calls(related, contact, cell.before_raw, cell.after_raw, rows)

    def _check_unmoved(self) -> None:
        row = self._row
        if row is None or self._raw.get("is_deleted"):
            raise _Refused(Outcome(written=Written.STALE, reason="The record is gone or in the trash."))
        for cell in self._change.cells:
            spot = self._spot(cell)
            if not same(row.values.get(cell.path), cell.before_raw) or _id_of(row, spot) != _id_of(self._change, spot):
                raise _Refused(Outcome(written=Written.STALE, row=row, reason=f"{cell.path} is no longer what the plan saw."))

    def _spot(self, cell: CellChange) -> Spot:
        found = self._view.spots.get(cell.path)
        if found is None and self._change.action is Action.CREATE:
            found = self._view.demanded.get(cell.path)
        if found is None:
            raise _refuse(f"{cell.path} is not to be seen in CiviCRM.")
        return found

    def _create_values(self) -> dict[str, Json]:
        values: dict[str, Json] = {}
        for cell in self._change.cells:
            spot = self._spot(cell)
            if spot.alias is not None or (spot.via and not spot.may_write):
                raise _refuse(f"{cell.path} belongs to another record and cannot be made with this one.")
            self._check_value(cell, spot)
            values[spot.inner] = cell.after_raw
        return values | self._countries(values)

    def _update(self, alias: str | None, cells: Sequence[CellChange]) -> Call:
        if alias is not None and (self._row is None or alias not in self._row.extra):
            return self._add(alias, cells)
        entity, where = self._target(alias)
        values: dict[str, Json] = {}
        for cell in cells:
            spot = self._spot(cell)
            self._check_value(cell, spot)
            values[spot.inner] = cell.after_raw
            where += [clause for clause in clauses(spot, cell.before_raw) if _exact(spot, cell.before_raw)]
        if entity == "Membership":
            values |= self._recipe(alias, values)
            where.append(["status_id", "=", self._standing(alias)["status_id"]])
        return Call(entity, "update", {"where": where, "values": values | self._countries(values)})

    def _add(self, alias: str, cells: Sequence[CellChange]) -> Call:
        """The related row that is not there yet: the record's own, inside the mapping's conditions, an activity from us."""
        related = self._view.mapping.civicrm.related[alias]
        if not related.add:
            raise _refuse(f"There is no {alias} record to write to.")
        own = int(self._change.id or 0)
        values: dict[str, Json] = {related.by: [own] if related.by in SEVERAL else own}
        if related.entity == "Activity":
            values["source_contact_id"] = self._view.me
        values |= {str(each[0]): each[2] for each in related.where if isinstance(each, list) and each[1] == "="}
        for cell in cells:
            spot = self._spot(cell)
            self._check_value(cell, spot)
            values[spot.inner] = cell.after_raw
        return Call(related.entity, "create", {"values": values})

    def _target(self, alias: str | None) -> tuple[str, list[Any]]:
        """The entity to update, and the conditions that pick the row and keep out of the trash."""
        if alias is None:
            hidden = [["is_deleted", "=", False]] if self._view.is_contact else []
            return self._view.entity, [["id", "=", int(self._change.id or 0)], *hidden]
        related = self._view.mapping.civicrm.related[alias]
        whose = [] if related.by in SEVERAL else [[related.by, "=", int(self._change.id or 0)]]
        return related.entity, [["id", "=", self._standing(alias)["id"]], *whose]

    def _standing(self, alias: str | None) -> dict[str, Any]:
        """What the row as it stands keeps for the recipes."""
        found = self._row.extra.get(alias or ITSELF) if self._row else None
        if not isinstance(found, dict):
            raise _refuse(f"There is no {alias} record to write to.")
        return found

    def _recipe(self, alias: str | None, values: Mapping[str, Json]) -> dict[str, Json]:
        standing = self._standing(alias)
        if why := memberships.protected(standing):
            raise _refuse(why, memberships.PROTECTED)
        for name, value in values.items():
            if memberships.ignored(name, value):
                raise _refuse(f"CiviCRM leaves {name} as it is where it is sent a blank.")
        return memberships.kept(standing, values)

    def _check_value(self, cell: CellChange, spot: Spot) -> None:
        """Refuse what CiviCRM would cut, empty, misread or take for a deletion without an error."""
        value = cell.after_raw
        if value in _BLANKS:
            if spot.is_location and not cell.clears:
                raise _refuse(f"A blank {cell.path} would delete the {spot.entity.lower()} record.")
            return
        if isinstance(value, str):
            if spot.max_length is not None and len(value) > spot.max_length:
                raise _refuse(f"{cell.path} holds {spot.max_length} characters and CiviCRM would cut the value.")
            if value.strip().casefold() == "null":
                raise _refuse(f"CiviCRM cannot store the word it takes for an empty value in {cell.path}.")
        if not _is_date_like(spot, value):
            raise _refuse(f"The value for {cell.path} is no ISO date.")
        sight = self._view.fields.get(cell.path)
        if sight is not None and sight.options:
            known = {option.name for option in sight.options}
            if any(str(each) not in known for each in (value if isinstance(value, list) else [value])):
                raise _refuse(f"CiviCRM has no such option of {cell.path} and would store a blank.")

    def _countries(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """The country of every address whose state is written: a state alone is looked up in any country of the world."""
        found: dict[str, Json] = {}
        for cell in self._change.cells:
            country = country_of(self._spot(cell))
            if country is None or any(name.partition(":")[0] == country for name in values):
                continue
            if (present := self._raw.get(country)) is not None:
                found[country] = present
            else:
                field = self._view.mapping.fields.get(cell.field)
                found[f"{country}:name"] = field.region if field else "US"
        return found


def same(left: Json, right: Json) -> bool:
    """Whether two wire values are the same cell: blanks are, sets in any order, and numbers however they are written."""
    if left in _BLANKS or right in _BLANKS:
        return left in _BLANKS and right in _BLANKS
    if isinstance(left, list) and isinstance(right, list):
        return sorted(map(str, left)) == sorted(map(str, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def _exact(spot: Spot, before: Json) -> bool:
    """Whether a condition on what stood there can be trusted not to fail on the same value."""
    if before in _BLANKS:
        return True
    if spot.suffix and (spot.suffix != "name" or spot.via):
        return False
    if isinstance(before, list):
        return True
    kind = spot.spec.data_type
    return kind in _COMPARED or (kind == "String" and not _ENCODED & set(str(before)))


def _is_date_like(spot: Spot, value: Json) -> bool:
    """Whether a day or moment is written in the one form that CiviCRM reads as it is meant."""
    read = {"Date": dt.date.fromisoformat, "Timestamp": dt.datetime.fromisoformat}.get(spot.spec.data_type or "")
    if read is None:
        return True
    try:
        return isinstance(value, str) and bool(read(value))
    except ValueError:
        return False


def _id_of(holder: Row | Change, spot: Spot) -> Json:
    """The id of the related row that a path meant."""
    kept = holder.extra.get(spot.alias) if spot.alias is not None else None
    return kept.get("id") if isinstance(kept, dict) else None


# ── writing and after ──


def _written(
    client: CivicrmClient, view: View, changes: Mapping[int, tuple[Change, list[_Step]]]
) -> Iterator[tuple[int, Outcome]]:
    """The outcome of every change that was cleared, by its place."""
    if not changes:
        return
    ids = [int(change.id) for change, _ in changes.values() if change.id is not None]
    after = view.calls(ids) if ids else []
    try:
        parts = client.write_many([*(step.call for _, steps in changes.values() for step in steps), *after])
    except BridgeError as error:
        lost = Written.IN_DOUBT if isinstance(error, OutcomeUnknown) else Written.NOT_SENT
        yield from ((index, Outcome(written=lost, reason=error.message)) for index in changes)
        return
    own, back = [_refused_as_double(each) for each in parts[: len(parts) - len(after)]], parts[len(parts) - len(after) :]
    rows = _rows(view, back)
    shared: list[tuple[int, _Parts]] = []
    for index, (_, steps) in changes.items():
        shared.append((index, own[: len(steps)]))
        own = own[len(steps) :]
    made = {
        index: part.values[0]["id"] for index, (part,) in _creates(changes, shared) if isinstance(part, Answer) and part.values
    }
    rows |= _read_back(client, view, list(made.values()))
    for index, mine in shared:
        change, steps = changes[index]
        yield index, _outcome(steps, mine, rows.get(made.get(index, int(change.id or 0))))


def _refused_as_double(part: Answer | RequestRejected | AuthRejected) -> Answer | RequestRejected | AuthRejected:
    """What CiviCRM said to a write; of a relationship that is there already it says 200, with the other one's id (C11)."""
    double = part.values[0].get("duplicate_id") if isinstance(part, Answer) and part.values else None
    return part if double is None else RequestRejected(f"CiviCRM has the same relationship already, number {double}.")


def _creates(
    changes: Mapping[int, tuple[Change, list[_Step]]], shared: Sequence[tuple[int, _Parts]]
) -> Iterator[tuple[int, _Parts]]:
    return ((index, parts) for index, parts in shared if changes[index][0].action is Action.CREATE)


def _rows(view: View, parts: _Parts) -> dict[int, Row]:
    """The rows read back; none at all where some part of the reading failed."""
    answers = [part.values for part in parts if isinstance(part, Answer)]
    if not parts or len(answers) < len(parts):
        return {}
    try:
        return view.rows(answers)[1]
    except BridgeError:
        return {}


def _read_back(client: CivicrmClient, view: View, ids: Sequence[int]) -> dict[int, Row]:
    """The rows of new records; none where they cannot be read now."""
    if not ids:
        return {}
    try:
        return view.rows([answer.values for answer in client.read_many(view.calls(ids))])[1]
    except BridgeError:
        return {}


def _outcome(steps: Sequence[_Step], parts: _Parts, row: Row | None) -> Outcome:
    """How one change ended, by what CiviCRM said to each of its requests and what is there now."""
    taken = [isinstance(part, Answer) and bool(part.values) for part in parts]
    if row is None and any(taken):
        return Outcome(written=Written.IN_DOUBT, reason="CiviCRM took the write and the record could not be read back.")
    landed = tuple(field for step, took in zip(steps, taken, strict=True) if took for field in step.fields)
    partly = " Other cells of the change were written." if landed else ""
    refusal = next((part for part in parts if isinstance(part, BridgeError)), None)
    if refusal is not None:
        return Outcome(written=Written.REFUSED, row=row, reason=refusal.message + partly, landed=landed)
    if not all(taken):
        moved = f"The record moved between the check and the write.{partly}"
        return Outcome(written=Written.STALE, row=row, reason=moved, landed=landed)
    return Outcome(written=Written.DONE, row=row)

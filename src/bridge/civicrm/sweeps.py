"""One sweep of an entity for all mappings of a run that read the same rows of it.

A mapping takes over what another one of the same run pulled where that has every field it asks for. CiviCRM drops a field that
it does not know without a word, so that one mapping's wrong field never spoils another one's pull.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridge.civicrm.client import Call
from bridge.civicrm.pages import Swept, Where, checked, scope
from bridge.civicrm.related import MEMBERSHIP_STANDING, Join
from bridge.civicrm.schema import CONTACTS
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Side
from bridge.errors import UnexpectedAnswer

Key = tuple[str, str]
"""An entity and its conditions."""


@dataclass(frozen=True, slots=True)
class Want:
    """The rows of one entity that a mapping will ask for, and the fields it is likely to select."""

    mapping: str
    key: Key
    select: frozenset[str]


class Sweeps:
    """What the mappings of a run will ask for, and what was pulled already. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.mappings: tuple[FieldMapping, ...] = ()
        """Those of the run."""
        self._wants: list[Want] = []
        self._kept: dict[Key, Swept] = {}
        self.borne = 0
        """The most cells (rows times fields) that the site was seen to send in one page."""

    def expect(self, wants: Iterable[Want], mappings: Sequence[FieldMapping] = ()) -> None:
        """A run begins, whose mappings will ask for this."""
        with self._lock:
            self.mappings = tuple(mappings)
            self._wants = list(wants)
            self._kept.clear()

    def forget(self) -> None:
        """Believe no longer what was pulled: something was written since."""
        with self._lock:
            self._kept.clear()

    def beside(self, mapping: str, entity: str, select: Sequence[str], where: Where) -> frozenset[str] | None:
        """The fields that `rows` will tell its `load` to bring for others; None where all was pulled already."""
        key = key_of(entity, where)
        with self._lock:
            known = self._kept.get(key)
            others = [each.select for each in self._wants if each.key == key and each.mapping != mapping]
        if known is not None and _with(known, entity, select) is not None:
            return None
        return frozenset[str]().union(*others) - {*select, "id"}

    def rows(
        self, mapping: str, entity: str, select: Sequence[str], where: Where, load: Callable[[frozenset[str]], Swept]
    ) -> Swept:
        """All rows that the mapping asks for. `load` sweeps them; it is given the fields to bring besides, for others."""
        key = key_of(entity, where)
        with self._lock:
            self._wants = [each for each in self._wants if (each.mapping, each.key) != (mapping, key)]
            others = [each for each in self._wants if each.key == key]
            known = self._kept.get(key)
            if known is not None and not others:
                del self._kept[key]
        if known is not None and (taken := _with(known, entity, select)) is not None:
            return taken
        swept = load(frozenset[str]().union(*(each.select for each in others)) - {*select, "id"})
        if others and not swept.note:
            with self._lock:
                self._kept[key] = swept
        return swept


def key_of(entity: str, where: Where) -> Key:
    """What two mappings must have in common to share a sweep."""
    return entity, json.dumps(where, sort_keys=True)


def wants(mapping: FieldMapping, since: dt.datetime | None = None) -> list[Want]:
    """What a run of the mapping sweeps, or a delta `since`, as far as that can be told without the site's schema."""
    source = mapping.civicrm
    where, select = scope(source.entity, source.where), frozenset({*_own_select(mapping), "modified_date"})
    delta = since is not None and source.entity in CONTACTS
    narrow = frozenset(path for path in _own_paths(mapping) if _undated(path))
    found = [Want(mapping.name, key_of(source.entity, where), narrow if delta else select)]
    if since is not None and delta:
        found.append(Want(mapping.name, key_of(source.entity, [*where, ["modified_date", ">=", since.isoformat()]]), select))
    joins = (join for join in _joins(mapping) if not (delta and join.moves_date))
    found += [Want(mapping.name, key_of(join.related.entity, join.where), frozenset(join.select)) for join in joins]
    return found


def samples(mapping: FieldMapping) -> list[Call]:
    """What will probably be asked to see one row of each entity just as a pull reads it."""
    source = mapping.civicrm
    own = {"select": ["id", *sorted(_own_select(mapping) - {"id"})], "where": scope(source.entity, source.where), "limit": 1}
    return [Call(source.entity, "get", own), *(join.sample() for join in _joins(mapping))]


def _own_paths(mapping: FieldMapping) -> set[str]:
    return {path for path in mapping.paths(Side.CIVICRM) if path.partition(".")[0] not in mapping.civicrm.related}


def _own_select(mapping: FieldMapping) -> set[str]:
    own, entity = _own_paths(mapping), mapping.civicrm.entity
    countries = {f"{head}.country_id" for head, _, name in (path.rpartition(".") for path in own) if _is_state(name)}
    beside = MEMBERSHIP_STANDING if entity == "Membership" else ("modified_date",) if entity in CONTACTS else ()
    return {*own, *countries, *beside}


def _joins(mapping: FieldMapping) -> list[Join]:
    paths = sorted(mapping.paths(Side.CIVICRM))
    found = []
    for alias, related in sorted(mapping.civicrm.related.items()):
        mine = [path for path in paths if path == alias or path.startswith(f"{alias}.")]
        if mine:
            found.append(Join(related, tuple(path.partition(".")[2] for path in mine)))
    return found


def _undated(path: str) -> bool:
    """Whether it looks like a custom field or one that is joined from elsewhere."""
    return "." in path and not path.startswith(("email_", "phone_", "address_", "im_"))


def _is_state(name: str) -> bool:
    return name.partition(":")[0] == "state_province_id"


def _with(swept: Swept, entity: str, select: Sequence[str]) -> Swept | None:
    """The sweep, if each of its rows has every field."""
    try:
        return Swept(checked(swept.rows, entity, select), doubled=swept.doubled, largest=swept.largest)
    except UnexpectedAnswer:
        return None

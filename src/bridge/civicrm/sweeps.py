"""One sweep of an entity for all mappings of a run that read the same rows of it.

A mapping takes over what another one of the same run pulled where that has every field it asks for. CiviCRM drops a field that
it does not know without a word, so that one mapping's wrong field never spoils another one's pull.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
        self._wants: list[Want] = []
        self._kept: dict[Key, Swept] = {}
        self.borne = 0
        """The most cells (rows times fields) that the site was seen to send in one page."""

    def expect(self, wants: Iterable[Want]) -> None:
        """A run begins, whose mappings will ask for this."""
        with self._lock:
            self._wants = list(wants)
            self._kept.clear()

    def forget(self) -> None:
        """Believe no longer what was pulled: something was written since."""
        with self._lock:
            self._kept.clear()

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
    source, paths = mapping.civicrm, sorted(mapping.paths(Side.CIVICRM))
    own = {path for path in paths if path.partition(".")[0] not in source.related}
    countries = {f"{head}.country_id" for head, _, name in (path.rpartition(".") for path in own) if _is_state(name)}
    standing = set(MEMBERSHIP_STANDING) if source.entity == "Membership" else set[str]()
    select = frozenset({*own, *countries, *standing, "modified_date"})
    where, delta = scope(source.entity, source.where), since is not None and source.entity in CONTACTS
    found = [Want(mapping.name, key_of(source.entity, where), frozenset(filter(_undated, own)) if delta else select)]
    if since is not None and delta:
        found.append(Want(mapping.name, key_of(source.entity, [*where, ["modified_date", ">=", since.isoformat()]]), select))
    for alias, related in source.related.items():
        read = tuple(path.partition(".")[2] for path in paths if path.startswith(f"{alias}."))
        join = Join(related, read)
        if not (delta and join.moves_date):
            found.append(Want(mapping.name, key_of(related.entity, join.where), frozenset(join.select)))
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

"""A mapping over the live schema: what to select, how a row is put together, and how old its word is."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from bridge.civicrm.client import Call
from bridge.civicrm.pages import Rows, checked, scope
from bridge.civicrm.related import ITSELF, MEMBERSHIP_STANDING, Join, standing
from bridge.civicrm.schema import CONTACTS, Spot
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Json, Row
from bridge.core.sight import FieldSight
from bridge.errors import UnexpectedAnswer

_QUARTER = dt.timedelta(minutes=15)
_WESTERNMOST, _EASTERNMOST = dt.timedelta(hours=-12), dt.timedelta(hours=14)


@dataclass(frozen=True, kw_only=True)
class View:
    """What one mapping sees of one site since `sight`.

    `spots` hold where each readable mapped path leads, `demanded` the same for the paths of `where`, which a create fills.
    `offset` is the site's from UTC today, in which it tells every timestamp, however old.
    """

    mapping: FieldMapping
    spots: Mapping[str, Spot]
    fields: Mapping[str, FieldSight]
    demanded: Mapping[str, Spot]
    offset: dt.timedelta
    now: dt.datetime
    """The site's own time at that sight, by its offset; this machine's where the site did not tell."""
    dated: bool
    """Whether the entity has a `modified_date`."""
    merges: bool
    """Whether the site can say what a contact was merged into (`getMergedTo`, CiviCRM 6.2 and later)."""
    me: int | None = None
    """The contact that bridge's key belongs to: the source of activities it makes."""

    @property
    def entity(self) -> str:
        """The mapped entity."""
        return self.mapping.civicrm.entity

    @property
    def is_contact(self) -> bool:
        """Whether its records are contacts, which can be in the trash or merged."""
        return self.entity in CONTACTS

    @property
    def where(self) -> list[Json]:
        """The mapping's scope."""
        return scope(self.entity, self.mapping.civicrm.where)

    @cached_property
    def own(self) -> Mapping[str, Spot]:
        """The paths of the record itself."""
        return {path: spot for path, spot in self.spots.items() if spot.alias is None}

    @property
    def select(self) -> list[str]:
        """The fields of the record itself to ask for, besides the id."""
        wanted = {spot.inner for spot in self.own.values()}
        if self.entity == "Membership":
            wanted.update(MEMBERSHIP_STANDING)
        if self.dated:
            wanted.add("modified_date")
        wanted.update(country for spot in self.own.values() if (country := country_of(spot)))
        return sorted(wanted - {"id"})

    @cached_property
    def joins(self) -> list[Join]:
        """The related entities of which some path is readable."""
        found = []
        for alias, related in sorted(self.mapping.civicrm.related.items()):
            paths = tuple(sorted(spot.inner for spot in self.spots.values() if spot.alias == alias))
            if paths:
                found.append(Join(related, paths))
        return found

    @property
    def tells_changes(self) -> bool:
        """Whether `modified_date` moves with anything the mapping reads: it is relied upon of contacts only."""
        return self.is_contact and self.dated

    @cached_property
    def undated(self) -> frozenset[str]:
        """The paths whose values may change while `modified_date` stands still.

        It moves with a contact's own fields, emails, phones and addresses, and never with what is joined from elsewhere.
        Whether it moves with custom fields depends on when the site last made its SQL triggers, which nothing tells.
        """
        if not self.tells_changes:
            return frozenset(self.spots)
        aliases = {join.related.alias for join in self.far}
        return frozenset(
            path for path, spot in self.spots.items() if (spot.alias in aliases if spot.alias else not spot.moves_date)
        )

    @property
    def narrow(self) -> list[str]:
        """The fields of the record itself, besides the id, whose values move no date."""
        return sorted({spot.inner for path, spot in self.own.items() if path in self.undated} - {"id"})

    @property
    def far(self) -> list[Join]:
        """The related entities that say nothing of it to the contact's date when they change."""
        return [join for join in self.joins if not (self.tells_changes and join.moves_date)]

    def calls(self, ids: Sequence[int]) -> list[Call]:
        """The reads that bring these records, in scope or not, with all their related rows; `rows` puts them together."""
        wanted: list[Any] = [["id", "IN", list(ids)]]
        select = ["id", *self.select]
        if self.is_contact:
            wanted.append(["is_deleted", "IN", [True, False]])
            select.append("is_deleted")
        own = Call(self.entity, "get", {"select": select, "where": wanted, "orderBy": {"id": "ASC"}})
        return [own, *(join.call(ids) for join in self.joins)]

    def scope_of(self, ids: Sequence[int]) -> dict[str, Any]:
        """Parameters that ask which of these records are in scope: CiviCRM judges its own conditions."""
        return {"select": ["id"], "where": [*self.where, ["id", "IN", list(ids)]]}

    def rows(self, answers: Sequence[Rows]) -> tuple[dict[int, dict[str, Any]], dict[int, Row]]:
        """By id, what `calls` brought: the records as sent and the rows they make."""
        groups = {
            join.related.alias: join.group(checked(rows, join.related.entity, join.select))
            for join, rows in zip(self.joins, answers[1:], strict=True)
        }
        raws: dict[int, dict[str, Any]] = {}
        for raw in checked(answers[0], self.entity, self.select):
            raws[raw["id"]] = min(raws.get(raw["id"], raw), raw, key=repr)
        rows = {
            id_: self.row(raw, {alias: group.get(str(id_), []) for alias, group in groups.items()}) for id_, raw in raws.items()
        }
        return raws, rows

    def glimpse(self, raw: Mapping[str, Any], related: Mapping[str, Rows]) -> dict[str, Json]:
        """What stands at a record's undated paths. `raw` holds the `narrow` fields, `related` the rows of the `far` joins."""
        values: dict[str, Json] = {path: raw[spot.inner] for path, spot in self.own.items() if path in self.undated}
        for join in self.far:
            values.update(join.values(related.get(join.related.alias, [])))
        return values

    def row(self, raw: Mapping[str, Any], related: Mapping[str, Rows]) -> Row:
        """The row of one record. `related` holds its related rows by alias."""
        values: dict[str, Json] = {path: raw[spot.inner] for path, spot in self.own.items()}
        extra: dict[str, Json] = {}
        if self.entity == "Membership":
            extra[ITSELF] = standing(self.entity, raw)
        for join in self.joins:
            rows = related.get(join.related.alias, [])
            values.update(join.values(rows))
            extra.update(join.keep(rows))
        return Row(id=str(raw["id"]), values=values, extra=extra, modified_at=self._instant(raw.get("modified_date")))

    def local(self, moment: dt.datetime) -> str:
        """`moment` as the site writes it today. Sent so, it is compared without the summer-time fault that `Z` meets."""
        return moment.astimezone(dt.timezone(self.offset)).strftime("%Y-%m-%d %H:%M:%S")

    def _instant(self, text: Any) -> dt.datetime | None:
        """When `text` was, for CiviCRM tells every timestamp at today's offset and not at that day's."""
        if not isinstance(text, str) or not text:
            return None
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone(self.offset)).astimezone(dt.UTC)


def country_of(spot: Spot) -> str | None:
    """The path of the country in which a state is looked up, or None where `spot` is no state of an address."""
    if spot.spec.name != "state_province_id":
        return None
    return ".".join((*spot.via, "country_id"))


def offset_of(site_now: str, now: dt.datetime) -> dt.timedelta:
    """How far the site's clock is from UTC: the zone's offset, to the quarter of an hour."""
    apart = dt.datetime.fromisoformat(site_now).replace(tzinfo=dt.UTC) - now
    return round(apart / _QUARTER) * _QUARTER


def zone_name(offset: dt.timedelta, configured: str, now: dt.datetime) -> str:
    """The site's zone: the configured one if it agrees with the site's clock today, else a fixed offset in whole hours.

    Raises UnexpectedAnswer for an offset that no zone has: then one of the two clocks is wrong.
    """
    hours, rest = divmod(offset, dt.timedelta(hours=1))
    if now.astimezone(ZoneInfo(configured)).utcoffset() == offset or rest:
        return configured
    if not _WESTERNMOST <= offset <= _EASTERNMOST:
        raise UnexpectedAnswer(
            f"CiviCRM's clock and this machine's, which says {now:%Y-%m-%d %H:%M} UTC, are {abs(hours)} hours apart: "
            "no time zone is.",
            next_step="Set whichever clock is wrong.",
        )
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"

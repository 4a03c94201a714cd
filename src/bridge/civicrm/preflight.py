"""Looking before anything is believed: what the account may do, what a real read brings, what the site's clock says."""

import contextlib
import dataclasses
import datetime as dt
import functools
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

import structlog

from bridge.civicrm.client import Call, CivicrmClient
from bridge.civicrm.pages import left_out
from bridge.civicrm.schema import CONTACTS, Schema, Spot, fields_of, sights
from bridge.civicrm.sweeps import samples
from bridge.civicrm.view import View, offset_of
from bridge.civicrm.wire import Answer
from bridge.core.mapping import Mapping, Mode, Unmatched
from bridge.core.record import Side
from bridge.errors import AuthRejected, RequestRejected

log = structlog.get_logger()

_SITE_NOW = Call(
    "Contact", "get", {"select": ["NOW() AS site_now"], "where": [["is_deleted", "IN", [True, False]]], "limit": 1}
)
_REACHED = frozenset({"Address", "Email", "Phone"})
"""What every contact is joined to: the schemas of these are asked for whatever the mapping reads."""
_JOINED = {
    "address_primary": "Address",
    "contact_id": "Contact",
    "email_primary": "Email",
    "employer_id": "Contact",
    "membership_type_id": "MembershipType",
    "phone_primary": "Phone",
    "status_id": "MembershipStatus",
}
"""What paths through these heads lead to, where the site is as most are: asked for before its schema is known."""
_GROUPS = frozenset({"AND", "OR", "NOT"})
_ROLE = "Give the service account's role the permission (see the role recipe in the README)."


def look(client: CivicrmClient, schema: Schema, mapping: Mapping, now: dt.datetime, *, me: int | None = None) -> View:
    """What `mapping` sees: its paths in the schema, less those that a real read leaves out without a word.

    Raises AuthRejected where the account may not read an entity of the mapping, or not write one that it should.
    """
    client.ask_ahead([*_schemas(_entities(mapping)), _SITE_NOW])
    actions = _permitted(client, mapping)
    view = dataclasses.replace(_outline(client, schema, mapping, now), merges="getMergedTo" in actions, me=me)
    samples = _samples(client, view)
    _check_access(client, mapping, samples[None])
    unread = {(alias, name) for alias, names in _asked(view) for row in samples[alias].values for name in left_out(row, names)}
    spots = {path: spot for path, spot in view.spots.items() if (spot.alias, spot.inner) not in unread}
    fields = sights(spots, schema.options(spots.values()), writable="update" in actions)
    return dataclasses.replace(view, spots=spots, fields=fields)


def foresee(client: CivicrmClient, mappings: Sequence[Mapping], now: dt.datetime) -> None:
    """Ask in two requests for what `look` will ask of each of these mappings, as far as that can be told before.

    What is not foreseen, or refused, `look` asks by itself. Does nothing but within `shared`.
    """
    entities = sorted({entity for mapping in mappings for entity in _entities(mapping)})
    heads = {head for mapping in mappings for path in mapping.paths(Side.CIVICRM) for head in path.split(".")[:-1]}
    joined = {entity for head, entity in _JOINED.items() if head in heads or entity in _REACHED} - set(entities)
    guesses = [call for mapping in mappings for call in samples(mapping)]
    client.ask_ahead([*_schemas(entities), *map(fields_of, sorted(joined)), _SITE_NOW, *guesses])
    schema, second = Schema(client), list[Call]()
    for mapping in mappings:
        with contextlib.suppress(RequestRejected, AuthRejected):
            view = _outline(client, schema, mapping, now)
            second += schema.asks_options(view.spots.values())
            if _asks_access(mapping):
                second += [_access_to(row["id"]) for row in client.read_many(_sample_calls(view))[0].values]
    client.ask_ahead(second)


def _entities(mapping: Mapping) -> list[str]:
    return sorted({mapping.civicrm.entity, *(each.entity for each in mapping.civicrm.related.values())})


def _schemas(entities: Sequence[str]) -> list[Call]:
    return [*map(_actions_of, entities), *map(fields_of, entities)]


def _outline(client: CivicrmClient, schema: Schema, mapping: Mapping, now: dt.datetime) -> View:
    """What the schema says that `mapping` sees."""
    schema.load(mapping)
    offset, site_now = _clock(client, mapping, now)
    return View(
        mapping=mapping,
        spots=_located(schema, mapping, mapping.paths(Side.CIVICRM)),
        fields={},
        demanded=_located(schema, mapping, _demanded(mapping)),
        offset=offset,
        now=site_now,
        dated="modified_date" in schema.fields(mapping.civicrm.entity),
        merges=False,
    )


def _permitted(client: CivicrmClient, mapping: Mapping) -> frozenset[str]:
    """The actions the account may run on the mapped entity, which must be all that are needed."""
    entity = mapping.civicrm.entity
    for alias, related in sorted(mapping.civicrm.related.items()):
        _check(related.entity, {"get"} | _updates(mapping, alias), _actions(client, related.entity))
    actions = _actions(client, entity)
    _check(entity, {"get"} | _updates(mapping, None) | _creates(mapping), actions)
    return actions


def _actions(client: CivicrmClient, entity: str) -> frozenset[str]:
    """What `getActions` names: only what this account may run."""
    asked = _actions_of(entity)
    ask = functools.partial(client.read, asked.entity, asked.action, asked.params)
    return frozenset(row["name"] for row in client.remember(("actions", entity), ask).values)


def _actions_of(entity: str) -> Call:
    return Call(entity, "getActions", {"select": ["name"]})


def _check(entity: str, needed: set[str], actions: frozenset[str]) -> None:
    if missing := sorted(needed - actions):
        raise AuthRejected(f"CiviCRM does not let this account {', '.join(missing)} {entity} records.", next_step=_ROLE)


def _updates(mapping: Mapping, alias: str | None) -> set[str]:
    """`update`, where the mapping may write to the related row `alias`, or to the record itself (None)."""
    related = mapping.civicrm.related
    heads = {(each.at.civicrm or "").partition(".")[0] for each in mapping.fields.values() if each.may_write(Side.CIVICRM)}
    written = heads - related.keys() if alias is None else heads & {alias if related[alias].pick or related[alias].set else ""}
    adds = {"create"} if alias is not None and (related[alias].add or related[alias].set) else set[str]()
    return {"update", *adds} if written and mapping.mode is Mode.CORRECT else set()


def _creates(mapping: Mapping) -> set[str]:
    return {"create"} if mapping.unmatched.airtable is Unmatched.CREATE and mapping.mode is Mode.CORRECT else set()


def _check_access(client: CivicrmClient, mapping: Mapping, sample: Answer) -> None:
    """Of contacts `getActions` names `update` for everybody: whether one may be changed is said of that one only."""
    if not _asks_access(mapping) or not sample.values:
        return
    asked = _access_to(sample.values[0]["id"])
    if not any(row.get("access") for row in client.read(asked.entity, asked.action, asked.params).values):
        raise AuthRejected(f"CiviCRM does not let this account update {mapping.civicrm.entity} records.", next_step=_ROLE)


def _asks_access(mapping: Mapping) -> bool:
    return mapping.civicrm.entity in CONTACTS and bool(_updates(mapping, None))


def _access_to(contact: int) -> Call:
    return Call("Contact", "checkAccess", {"action": "update", "values": {"id": contact}})


def _asked(view: View) -> list[tuple[str | None, list[str]]]:
    """By alias (None: the record itself), the fields a pull selects."""
    return [(None, view.select), *((join.related.alias, join.select) for join in view.joins)]


def _samples(client: CivicrmClient, view: View) -> dict[str | None, Answer]:
    """By alias, one row of each entity read just as a pull reads it."""
    return dict(zip((alias for alias, _ in _asked(view)), client.read_many(_sample_calls(view)), strict=True))


def _sample_calls(view: View) -> list[Call]:
    own = Call(view.entity, "get", {"select": ["id", *view.select], "where": view.where, "limit": 1})
    return [own, *(join.sample() for join in view.joins)]


def _clock(client: CivicrmClient, mapping: Mapping, now: dt.datetime) -> tuple[dt.timedelta, dt.datetime]:
    """How far the site is from UTC today, and the moment on its clock, by its own word.

    As the mapping's zone and this machine have it where the site says nothing.
    """

    def ask() -> tuple[dt.timedelta, dt.datetime]:
        row = next(iter(client.read(_SITE_NOW.entity, _SITE_NOW.action, _SITE_NOW.params).values), {})
        offset = offset_of(row["site_now"], now)
        return offset, (dt.datetime.fromisoformat(row["site_now"]) - offset).replace(tzinfo=dt.UTC)

    try:
        return client.remember("clock", ask)  # the moment is that of the asking, also for the run's later mappings
    except (RequestRejected, KeyError, TypeError, ValueError):
        log.info("site clock not told", zone=mapping.timezone)
        return now.astimezone(ZoneInfo(mapping.timezone)).utcoffset() or dt.timedelta(), now


def _located(schema: Schema, mapping: Mapping, paths: Iterable[str]) -> dict[str, Spot]:
    return {path: spot for path in sorted(paths) if (spot := schema.locate(mapping, path)) is not None}


def _demanded(mapping: Mapping) -> set[str]:
    """The paths of the mapping's plain conditions, which a create has to meet."""
    heads = (clause[0] for clause in mapping.civicrm.where if isinstance(clause, list) and clause)
    return {head for head in heads if isinstance(head, str)} - _GROUPS

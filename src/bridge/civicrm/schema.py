"""What a mapping's paths lead to in the live schema, as `getFields` tells it, and what became of them since they were pinned.

CiviCRM drops an unknown field of `select` without a word, so that a path nobody checked would read as blank.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.civicrm import groups
from bridge.civicrm.client import Call, CivicrmClient
from bridge.civicrm.wire import FIELDS, OPTIONS, FieldSpec, OptionSpec
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Related
from bridge.core.record import Side
from bridge.core.sight import Drift, Fault, FieldSight, Option

CONTACTS = frozenset({"Contact", "Individual", "Organization", "Household"})
"""Contact and the three entities that are contacts of one type (CiviCRM 5.67 and later)."""

_LOCATION = re.compile(r"(email|phone|address|im)_(primary|billing)")
"""Joins that may be written through, since 5.53: CiviCRM edits the row they stand for, or makes one."""

_TOO_MANY_OPTIONS = frozenset({"StateProvince", "Country", "County"})
_COLUMN_LENGTHS = {
    "Contact": {
        "external_identifier": 64,
        "first_name": 64,
        "middle_name": 64,
        "last_name": 64,
        "organization_name": 128,
        "household_name": 128,
        "legal_name": 128,
        "nick_name": 128,
        "source": 255,
        "job_title": 255,
    },
    "Email": {"email": 254},
    "Phone": {"phone": 32},
    "Address": {"street_address": 96, "supplemental_address_1": 96, "city": 64, "postal_code": 64},
    "Membership": {"source": 128},
}
"""Characters the columns of core fields hold (CiviCRM 5.78 and 6.17). `getFields` does not tell, and more is cut silently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where one path leads.

    `inner` is the path as the API is asked for it on the entity it starts from: the record's own, or the related one's if
    `alias` is set. `entity` and `spec` are those of the field at its end; `via` are the joins between.
    """

    path: str
    alias: str | None
    inner: str
    entity: str
    spec: FieldSpec
    suffix: str = ""
    via: tuple[str, ...] = ()
    among: frozenset[str] | None = None
    """The only words it may hold, where the mapping's conditions name them."""

    @property
    def kind(self) -> str:
        """The type word that is pinned: CiviCRM's own, with `[]` where several values are kept."""
        return f"{self.spec.data_type or 'String'}{'[]' if self.spec.serialize else ''}"

    @property
    def may_write(self) -> bool:
        """Whether CiviCRM takes values here: a plain or custom field, of the record itself or through a location join."""
        near = not self.via or (self.is_location and self.alias is None)
        return near and self.spec.type in ("Field", "Custom") and not self.spec.readonly and self.spec.name not in _GIVEN

    @property
    def is_location(self) -> bool:
        """Whether it is reached through the contact's primary or billing email, phone or address."""
        return len(self.via) == 1 and _LOCATION.fullmatch(self.via[0]) is not None

    @property
    def moves_date(self) -> bool:
        """Whether a change moves the contact's `modified_date`: not where it is custom, computed, or joined from elsewhere."""
        return self.spec.type == "Field" and (not self.via or self.is_location)

    @property
    def max_length(self) -> int | None:
        """The most characters it keeps."""
        table = _COLUMN_LENGTHS.get("Contact" if self.entity in CONTACTS else self.entity, {})
        return self.spec.max_length or (None if self.suffix else table.get(self.spec.name))

    @property
    def has_options(self) -> bool:
        """Whether its values are of a list that can be asked for in one go."""
        return bool(self.spec.options) and self.spec.fk_entity not in _TOO_MANY_OPTIONS and self.suffix in ("", "name", "label")


_GIVEN = frozenset({"id", "contact_id"})


class Schema:
    """The fields of a site's entities, each entity asked for once."""

    def __init__(self, client: CivicrmClient) -> None:
        self._client = client
        self._fields: dict[str, Mapping[str, FieldSpec]] = {}

    def fields(self, entity: str) -> Mapping[str, FieldSpec]:
        """Every field of `entity` that the account may see, by name."""
        if entity not in self._fields:
            self._fields[entity] = self._client.remember(("fields", entity), lambda: self._load(entity))
        return self._fields[entity]

    def load(self, mapping: FieldMapping) -> None:
        """Ask for the fields of all that the mapping reads in two requests: its entities, then what they are joined to."""
        own = {mapping.civicrm.entity, *(each.entity for each in mapping.civicrm.related.values())}
        self._client.ask_ahead([fields_of(entity) for entity in sorted(own)])
        heads = {head for path in mapping.paths(Side.CIVICRM) for head in path.partition(":")[0].split(".")[:-1]}
        joined = {
            spec.fk_entity
            for entity in own
            for name, spec in self.fields(entity).items()
            if spec.fk_entity and (name in heads or _LOCATION.fullmatch(name))
        }
        self._client.ask_ahead([fields_of(entity) for entity in sorted(joined - own)])

    def locate(self, mapping: FieldMapping, path: str) -> Spot | None:
        """Where `path` of `mapping` leads, or None where it leads nowhere or to what the account may not see."""
        alias, _, rest = path.partition(".")
        related = mapping.civicrm.related.get(alias)
        if related is None:
            return self._spot(path, None, path, mapping.civicrm.entity)
        if related.pick is not None:
            return self._spot(path, alias, rest, related.entity)
        return self._number(path, related) if related.set is None else self._set(path, related, related.set)

    def options(self, spots: Iterable[Spot]) -> dict[str, tuple[Option, ...]]:
        """The options of every spot that has some, by path. `Option.name` is the word a cell read at that path holds."""
        choices = [spot for spot in spots if spot.has_options]
        self._client.ask_ahead(self.asks_options(choices))
        loaded = {entity: self._load_options(entity, choices) for entity in {spot.entity for spot in choices}}
        return {
            spot.path: tuple(
                Option(id=str(option.id), name=option.word(spot.suffix))
                for option in loaded[spot.entity].get(spot.spec.name, ())
                if spot.among is None or option.word(spot.suffix) in spot.among
            )
            for spot in choices
        }

    def asks_options(self, spots: Iterable[Spot]) -> list[Call]:
        """What `options` asks for: one call for each entity."""
        choices = [spot for spot in spots if spot.has_options]
        return [_options_of(entity, choices) for entity in sorted({spot.entity for spot in choices})]

    def names(self, mapping: FieldMapping) -> tuple[str, ...]:
        """Every path that could be meant in `mapping`, with the suffixes of choices, for nearest-word hints."""
        found = list(self._names(mapping.civicrm.entity))
        for alias, related in mapping.civicrm.related.items():
            found.extend(f"{alias}.{name}" for name in self._names(related.entity)) if related.pick else found.append(alias)
        return tuple(sorted(found))

    def present(self, mapping: FieldMapping, path: str, stable_id: str) -> str:
        """The path that leads today to the field of this `stable_id`, once found at `path`; empty if there is none."""
        alias, _, rest = path.partition(".")
        related = mapping.civicrm.related.get(alias)
        entity, inner, head = (related.entity, rest, f"{alias}.") if related else (mapping.civicrm.entity, path, "")
        name = next((spec.name for spec in self.fields(entity).values() if spec.stable_id == stable_id), "")
        return f"{head}{name}{''.join(inner.partition(':')[1:])}" if name else ""

    def _names(self, entity: str) -> Iterable[str]:
        for spec in self.fields(entity).values():
            yield spec.name
            yield from (f"{spec.name}:{suffix}" for suffix in spec.suffixes or ())
            if _LOCATION.fullmatch(spec.name) and spec.fk_entity:
                yield from (f"{spec.name}.{name}" for name in self._names(spec.fk_entity))

    def _number(self, path: str, related: Related) -> Spot | None:
        """A count or a sum: computed here, so never written."""
        fields = self.fields(related.entity)
        if related.by not in fields or (related.sum is not None and related.sum not in fields):
            return None
        kind = fields[related.sum].data_type if related.sum is not None else "Integer"
        spec = FieldSpec(name=related.sum or "count", type="Extra", data_type=kind, readonly=True)
        return Spot(path=path, alias=related.alias, inner=related.sum or "id", entity=related.entity, spec=spec)

    def _set(self, path: str, related: Related, inner: str) -> Spot | None:
        """The values of a field over several rows; only the groups of a contact can be written."""
        found = self._spot(path, related.alias, inner, related.entity)
        if found is None or related.by not in self.fields(related.entity):
            return None
        spec = found.spec.model_copy(update={"serialize": 1, "readonly": related.entity != groups.ENTITY})
        named = [each[2] for each in related.where if isinstance(each, list) and each[:2] == [inner, "IN"]]
        among = [frozenset(map(str, each)) for each in named if isinstance(each, list)]
        return dataclasses.replace(found, spec=spec, among=among[0] if among else None)

    def _spot(self, path: str, alias: str | None, inner: str, entity: str) -> Spot | None:
        if (found := self._follow(entity, inner.partition(":")[0])) is None:
            return None
        owner, spec, via = found
        suffix = inner.partition(":")[2]
        if suffix and suffix not in (spec.suffixes or ()):
            return None
        return Spot(path=path, alias=alias, inner=inner, entity=owner, spec=spec, suffix=suffix, via=via)

    def _follow(self, entity: str, name: str) -> tuple[str, FieldSpec, tuple[str, ...]] | None:
        """The entity and field at the end of `name`, and the joins on the way: `Group.Field` is a name, `a_id.b` a join."""
        fields = self.fields(entity)
        if name in fields:
            return entity, fields[name], ()
        parts = name.split(".")
        for cut in range(1, len(parts)):
            head, rest = ".".join(parts[:cut]), ".".join(parts[cut:])
            join = fields.get(head)
            if join and join.fk_entity and (found := self._follow(join.fk_entity, rest)):
                return found[0], found[1], (head, *found[2])
        return None

    def _load(self, entity: str) -> Mapping[str, FieldSpec]:
        asked = fields_of(entity)
        rows = self._client.read(asked.entity, asked.action, asked.params).values
        return {spec.name: spec for spec in FIELDS.validate_python(rows)}

    def _load_options(self, entity: str, spots: Iterable[Spot]) -> Mapping[str, tuple[OptionSpec, ...]]:
        asked = _options_of(entity, spots)
        rows = FIELDS.validate_python(self._client.read(asked.entity, asked.action, asked.params).values)
        return {row.name: tuple(OPTIONS.validate_python(row.options)) for row in rows if isinstance(row.options, list)}


def fields_of(entity: str) -> Call:
    """What asks for the fields of an entity, their options left out."""
    return Call(entity, "getFields", {"loadOptions": False})


def _options_of(entity: str, spots: Iterable[Spot]) -> Call:
    names = sorted({spot.spec.name for spot in spots if spot.entity == entity})
    params = {"loadOptions": ["id", "name", "label"], "where": [["name", "IN", names]], "select": ["name", "options"]}
    return Call(entity, "getFields", params)


def sights(spots: Mapping[str, Spot], options: Mapping[str, tuple[Option, ...]], *, writable: bool) -> dict[str, FieldSight]:
    """What the core is told of each path. Nothing is writable where the account may not update at all."""
    return {
        path: FieldSight(
            path=path,
            id=spot.spec.stable_id,
            name=path,
            kind=spot.kind,
            writable=writable and spot.may_write,
            options=options.get(path),
            max_length=spot.max_length,
        )
        for path, spot in spots.items()
    }


def drift(
    schema: Schema, mapping: FieldMapping, fields: Mapping[str, FieldSight], pins: Mapping[str, FieldSight]
) -> tuple[Drift, ...]:
    """What became of the mapped paths since `pins`, in the order of the paths."""
    found: list[Drift] = []
    for path in sorted(mapping.paths(Side.CIVICRM)):
        now, pin = fields.get(path), pins.get(path)
        if now is None and pin is not None and (called := schema.present(mapping, path, pin.id)):
            found.append(Drift(path=path, fault=Fault.RENAMED, detail=f"{path} is called {called} now.", now=called))
        elif now is None:
            found.append(Drift(path=path, fault=Fault.GONE, detail=f"{path}: no such field, or this account may not see it"))
        elif pin is not None and now.kind != pin.kind:
            found.append(Drift(path=path, fault=Fault.RETYPED, detail=f"{path}: was {pin.kind}, is {now.kind}"))
        elif pin is not None:
            found.extend(_option_drift(path, now, pin))
    return tuple(found)


def _option_drift(path: str, now: FieldSight, pin: FieldSight) -> Iterable[Drift]:
    before, after = ({option.name for option in sight.options or ()} for sight in (pin, now))
    for name in sorted(before - after):
        yield Drift(path=path, fault=Fault.OPTION_GONE, detail=f"{path}: the option {name} is gone")
    for name in sorted(after - before):
        yield Drift(path=path, fault=Fault.OPTION_NEW, detail=f"{path}: the option {name} is new")

"""A mapping held against both live schemas: is every field there, of a fitting type, readable, writable where it is written?

Pure: what the two systems show was read before, as a `Sight` of each side.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bridge.config.drift import Pins, Rename, What, all_lost, lost, renames
from bridge.config.problems import Place, Problems, expected, suggest
from bridge.config.spots import spots
from bridge.config.tree import Trail, Tree, read
from bridge.core.mapping import ExactMatch, Field, FieldType, Mapping, Unmatched
from bridge.core.record import PerSide, Side
from bridge.core.sight import Fault, FieldSight, Sight


class Level(StrEnum):
    """How much a finding matters: an error stops the mapping from doing what it says, a warning may."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the mapping and a live system do not agree on. `where` is `file:line:column`."""

    severity: Level
    where: str
    message: str
    hint: str = ""
    rename: Rename | None = None
    """The new name that would mend it, where nothing but that is needed."""


_TEXTS = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber", "barcode"})
_NUMBERS = frozenset({"number", "currency", "percent", "rating", "duration", "count", "autoNumber"})
_MOMENTS = frozenset({"dateTime", "createdTime", "lastModifiedTime"})
_COMPUTED = frozenset({"formula", "rollup", "multipleLookupValues"})
"""Their cells may be of any type; they are read and never written."""

_WORDS = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.ORGANIZATION, FieldType.PERSON, FieldType.EMAIL, FieldType.PHONE)
_CODES = (FieldType.URL, FieldType.POSTAL_CODE, FieldType.STATE, FieldType.COUNTRY, FieldType.IDENTIFIER)
_COUNTS = (FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT)

_AIRTABLE: Map[FieldType, frozenset[str]] = {
    **dict.fromkeys(_WORDS, _TEXTS | {"singleSelect"}),
    **dict.fromkeys(_CODES, _TEXTS | {"singleSelect"} | _NUMBERS),
    **dict.fromkeys(_COUNTS, _NUMBERS),
    FieldType.DATE: frozenset({"date"}),
    FieldType.DATETIME: _MOMENTS,
    FieldType.BOOLEAN: frozenset({"checkbox"}),
    FieldType.CHOICE: frozenset({"singleSelect", "externalSyncSource"}),
    FieldType.CHOICES: frozenset({"multipleSelects"}),
    FieldType.REFERENCE: frozenset({"multipleRecordLinks"}),
}
"""Airtable's field types that hold what a type means."""

_CIVICRM: Map[FieldType, frozenset[str]] = {
    **dict.fromkeys((*_WORDS, *_CODES), frozenset({"String", "Text", "Memo", "Link"})),
    **dict.fromkeys(_COUNTS, frozenset({"Integer", "Float", "Money"})),
    FieldType.IDENTIFIER: frozenset({"String", "Text", "Integer"}),
    FieldType.DATE: frozenset({"Date"}),
    FieldType.DATETIME: frozenset({"Timestamp"}),
    FieldType.BOOLEAN: frozenset({"Boolean"}),
    FieldType.REFERENCE: frozenset({"Integer", "ContactReference", "EntityReference"}),
}
"""CiviCRM's data types that do; a choice may be of any, and any field asked for by `:name` or `:label` is text."""

_KNOWN = frozenset().union(*_CIVICRM.values())

_FREE_TEXT = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.ORGANIZATION, FieldType.PERSON, FieldType.IDENTIFIER})
"""Types whose values can be longer than a column of CiviCRM keeps."""

_ROOMY = 10_000
"""A column that keeps so many characters is nothing to warn of."""


def hold_against(mapping: Mapping, sights: PerSide[Sight], pins: PerSide[Pins] = PerSide({}, {})) -> list[Finding]:
    """What the live systems lack of what `mapping` names, in reading order; `pins` say what was there before."""
    renamed = tuple(renames(mapping, sights, pins))
    holder = _Holder(mapping, sights, pins, renamed, read(Path(mapping.file), Problems()))
    found = [*holder.renamed(), *holder.fields(), *holder.keys(), *holder.scopes()]
    return [finding for _, finding in sorted(found, key=lambda each: each[0])]


def not_repinned(mapping: Mapping) -> Finding:
    """That today's schema was not accepted, because the file still says names of yesterday's."""
    return Finding(
        severity=Level.ERROR,
        where=mapping.file,
        message="Nothing was pinned anew: names that the file says have changed, and new pins would forget what they became.",
        hint="First let `bridge check --live --fix` write the new names, or name them back; then `--repin`.",
    )


_Found = Iterator[tuple[Place, Finding]]


@dataclass(frozen=True, slots=True)
class _Holder:
    """One mapping beside what both sides show of it. `tree` is its file, for places; None if it has gone meanwhile."""

    mapping: Mapping
    sights: PerSide[Sight]
    pins: PerSide[Pins]
    renames: tuple[Rename, ...]
    tree: Tree | None

    def renamed(self) -> _Found:
        """Every new name, with the lines that say the old one. Tables and options are still read, by their ids."""
        for rename in self.renames:
            trails = [spot.trail for spot in spots(self.tree.data, rename)] if self.tree else []
            lines = sorted({self.tree.place(trail).line for trail in trails}) if self.tree else []
            hint = f"Write `{rename.new}` in {_lines(lines)} (`bridge check --live --fix` does), or name it back."
            frozen = rename.what is What.FIELD
            level = Level.ERROR if frozen else Level.WARNING
            message = f"{rename.text}: {'its cells are frozen (503)' if frozen else 'it is still read, by its id'}"
            place, finding = self._found(level, next(iter(trails), ()), message, hint)
            yield place, dataclasses.replace(finding, rename=rename)

    def fields(self) -> _Found:
        """Every field on each of its sides."""
        for name, field in self.mapping.fields.items():
            for side, path in field.at:
                if path is None:
                    continue
                trail = ("fields", name, side.value)
                sight = self.sights[side].fields.get(path)
                yield from self._presence(side, path, trail, sight)
                if sight is not None:
                    yield from self._fit(field, side, sight, trail)
                    yield from self._writing(field, side, sight, trail)
                    yield from self._options(field, side, sight)

    def keys(self) -> _Found:
        """The match keys that are no fields, and those a create writes."""
        fields = {(side, path) for field in self.mapping.fields.values() for side, path in field.at}
        for index, rule in enumerate(self.mapping.match):
            exact = isinstance(rule, ExactMatch)
            for key in rule.keys if isinstance(rule, ExactMatch) else (rule.key, *rule.within):
                for side, path in key.at:
                    sight = self.sights[side].fields.get(path)
                    if (side, path) not in fields:
                        yield from self._presence(side, path, ("match", index), sight)
                    creates = self.mapping.unmatched[side.other] is Unmatched.CREATE
                    if exact and creates and sight is not None and not sight.writable:
                        message = f"the match key `{path}` cannot be written in {side.title}: a create would be lost"
                        yield self._found(Level.ERROR, ("match", index), message, "Match by another field, or `report`.")

    def scopes(self) -> _Found:
        """The fields that the conditions of the two sources ask."""
        for side, where in ((Side.CIVICRM, self.mapping.civicrm.where), (Side.AIRTABLE, self.mapping.airtable.where)):
            for index, condition in enumerate(where):
                names = self.sights[side].names
                path = str(condition[0]) if isinstance(condition, list) and condition else ""
                known = path in names or path in self.sights[side].fields or path in ("OR", "AND", "NOT")
                if names and not known and not path.startswith("fld") and "_id." not in path:
                    trail = (side.value, "where", index, 0)
                    yield self._found(Level.ERROR, trail, self._missing(side, path), suggest(path, names))

    def _presence(self, side: Side, path: str, trail: Trail, sight: FieldSight | None) -> _Found:
        """The field is there, and is still of the type that it was pinned with."""
        drifts = {drift.fault: drift for drift in self.sights[side].drift if drift.path == path}
        if Fault.RETYPED in drifts:
            hint = "Change it back; or if it is meant, see that `type` fits and run `bridge check --live --repin`."
            yield self._found(Level.ERROR, trail, drifts[Fault.RETYPED].detail, hint)
        if sight is None and Fault.RENAMED not in drifts:
            near = suggest(path, (name for name in self.sights[side].names if name != path))
            yield self._found(
                Level.ERROR, trail, self._missing(side, path), " ".join(filter(None, (self._lost(side, path), near)))
            )

    def _lost(self, side: Side, path: str) -> str:
        """What a field that is not there today was when it was pinned."""
        told = lost(self.pins[side].get(path), side)
        if told and side is Side.CIVICRM and all_lost(path, self.sights[side], self.pins[side]):
            group = path.partition(".")[0]
            return f"All of `{group}` is gone at once: the right to see it was lost, or it was disabled."
        return told

    def _missing(self, side: Side, path: str) -> str:
        if side is Side.AIRTABLE:
            return expected(f"a field of Airtable's table `{self.mapping.airtable.table}`", path)
        return expected(f"a field of CiviCRM's `{self.mapping.civicrm.entity}` that this account may see", path)

    def _fit(self, field: Field, side: Side, sight: FieldSight, trail: Trail) -> _Found:
        """The remote's own type holds what the field's type means."""
        misfit = _civicrm_misfit(field, sight) if side is Side.CIVICRM else _airtable_misfit(field, sight)
        if misfit is not None:
            level, hint = misfit
            message = f"`{field.name}` is of type `{field.type}`, and `{sight.path}` is {sight.kind} in {side.title}"
            yield self._found(level, trail, message, hint)

    def _writing(self, field: Field, side: Side, sight: FieldSight, trail: Trail) -> _Found:
        """What may be written can be, whole."""
        if not field.may_write(side):
            return
        if not sight.writable:
            pin = self.pins[side].get(sight.path)
            message = f"`{sight.path}` cannot be written in {side.title} (it is {sight.kind}, or the account may not)"
            if pin is not None and pin.writable:
                message = f"`{sight.path}` could be written in {side.title} when it was pinned, and cannot be now"
            hint = f"Use `authority: {side.value}` or `report`, or give the account the right."
            yield self._found(Level.ERROR, trail, message, hint)
        other = self.sights[side.other].fields.get(field.at[side.other] or "")
        longer = other is None or other.max_length is None or other.max_length > (sight.max_length or 0)
        if field.type in _FREE_TEXT and sight.max_length is not None and sight.max_length < _ROOMY and longer:
            message = f"`{sight.path}` keeps {sight.max_length} characters in {side.title}; longer values are reported, not cut"
            yield self._found(Level.WARNING, trail, message)

    def _options(self, field: Field, side: Side, sight: FieldSight) -> _Found:
        """Every option that is named exists, and every one that exists is named."""
        if sight.options is None or field.type not in (FieldType.CHOICE, FieldType.CHOICES):
            return
        there = [option.name for option in sight.options]
        if not field.values:
            yield from self._same_words(field, side, there)
            return
        named = {word: key for key, option in field.values.items() for word in [key if side is Side.CIVICRM else option]}
        mended = {name: rename for rename in self.renames if rename.path == sight.path for name in (rename.old, rename.new)}
        pin = self.pins[side].get(sight.path)
        before = {option.name for option in pin.options or ()} if pin is not None else None
        for word, key in named.items():
            if word not in there and word not in mended:
                message = expected(f"an option that `{sight.path}` has in {side.title}", word)
                gone = "It was there when the schema was pinned: it was deleted since. " if before and word in before else ""
                hint = gone + suggest(word, there, kind="Options")
                yield self._found(Level.ERROR, ("fields", field.name, "values", key), message, hint)
        for word in there:
            if word not in named and word not in mended:
                new = "new option" if before is not None and word not in before else "option"
                message = f"no `values` name {side.title}'s {new} `{word}` of `{sight.path}`: cells with it are frozen (206)"
                yield self._found(Level.WARNING, ("fields", field.name, "values"), message, "Name it, if it is used.")

    def _same_words(self, field: Field, side: Side, there: list[str]) -> _Found:
        """Without `values`, what one side says the other must know."""
        if not field.may_write(side):
            return
        other = self.sights[side.other].fields.get(field.at[side.other] or "")
        for option in (other.options or ()) if other else ():
            if option.name not in there:
                message = f"{side.other.title}'s option `{option.name}` of `{field.name}` is none of {side.title}'s"
                hint = f"Add `values`, such as {{{option.name}: …}}." if side is Side.AIRTABLE else "Add `values`."
                yield self._found(Level.WARNING, ("fields", field.name), message, hint)

    def _found(self, level: Level, trail: Trail, message: str, hint: str = "") -> tuple[Place, Finding]:
        place = self.tree.place(trail) if self.tree else Place(self.mapping.file)
        return place, Finding(severity=level, where=str(place), message=message.removesuffix(".") + ".", hint=hint)


def _lines(numbers: list[int]) -> str:
    """`line 3`, or `lines 3, 8 and 12`."""
    if len(numbers) <= 1:
        return f"line {numbers[0]}" if numbers else "the file"
    return f"lines {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _airtable_misfit(field: Field, sight: FieldSight) -> tuple[Level, str] | None:
    """Why an Airtable column does not hold the field's type, or None if it does."""
    if sight.kind in _AIRTABLE[field.type] | _COMPUTED:
        return None
    if field.type is FieldType.DATE and sight.kind in _MOMENTS:
        return None if field.from_datetime else (Level.ERROR, "Add `from: datetime`, or make it a date in Airtable.")
    if sight.kind in _TEXTS and field.type not in (FieldType.CHOICES, FieldType.REFERENCE):
        return Level.WARNING, f"Text that is no {field.type} freezes its cell; a column of that type is safer."
    return Level.ERROR, _types_for(sight.kind, _AIRTABLE)


def _civicrm_misfit(field: Field, sight: FieldSight) -> tuple[Level, str] | None:
    """Why a CiviCRM field does not hold the field's type, or None if it does."""
    kind, several = sight.kind.removesuffix("[]"), sight.kind.endswith("[]") or sight.kind == "Array"
    hint = ""
    if several or field.type is FieldType.CHOICES:
        hint = "" if several and field.type is FieldType.CHOICES else "Use `choices` for several values, and only for them."
    elif field.type is FieldType.CHOICE:
        pass
    elif ":" in sight.path:
        hint = "" if field.type in (*_WORDS, *_CODES) else "With `:name` or `:label` it is text: use `choice` or `text`."
    elif field.type is FieldType.DATE and kind == "Timestamp":
        hint = "" if field.from_datetime else "Add `from: datetime`."
    elif kind not in _CIVICRM[field.type] and kind in _KNOWN:
        place = field.type in (FieldType.STATE, FieldType.COUNTRY)
        hint = f"Write `{sight.path}:abbr`." if place else _types_for(kind, _CIVICRM)
    return (Level.ERROR, hint) if hint else None


def _types_for(kind: str, fits: Map[FieldType, Iterable[str]]) -> str:
    """The types that a remote's kind holds, as a hint."""
    types = [each.value for each, kinds in fits.items() if kind in kinds]
    return f"Types for it: {', '.join(types)}." if types else "No type reads it: map another field."

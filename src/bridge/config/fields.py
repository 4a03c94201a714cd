"""The fields of a mapping: which options go with which type and authority, and which combinations could lose something."""

from collections import Counter
from collections.abc import Mapping as Map

from bridge.config.draft import Draft
from bridge.config.problems import expected, listed
from bridge.config.shape import FieldShape
from bridge.config.sources import check_column, check_path, is_related, unwritable
from bridge.config.tree import Trail
from bridge.core import values
from bridge.core.mapping import Authority, CivicrmSource, Field, FieldType, FirstContact, OnConflict, OnEdit
from bridge.core.record import PerSide, Side

CHOICES = frozenset({FieldType.CHOICE, FieldType.CHOICES})
NUMBERS = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT})
TEXTS = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.ORGANIZATION, FieldType.PERSON})
DATES = frozenset({FieldType.DATE, FieldType.DATETIME})

_ONLY_FOR: Map[str, frozenset[FieldType]] = {
    "values": CHOICES,
    "region": frozenset({FieldType.PHONE}),
    "precision": NUMBERS - {FieldType.INTEGER},
    "ignore": TEXTS,
    "to": frozenset({FieldType.REFERENCE}),
    "from": frozenset({FieldType.DATE}),
}
"""Options that mean something only for some types."""

_OWNED = frozenset({Authority.CIVICRM, Authority.AIRTABLE})
_WRITING = _OWNED | {Authority.EITHER}
_ONLY_WITH: Map[str, frozenset[Authority]] = {
    "on_edit": _OWNED,
    "on_conflict": frozenset({Authority.EITHER}),
    "fill_blank": _WRITING,
    "clear": _WRITING,
}
"""Policies that mean something only with some authorities."""

_TWO_SIDED_ONLY = ("authority", *_ONLY_WITH, "first_contact")
_RESERVED = frozenset({"discrepancies"})
"""Names that `expect` of an example uses for something else."""


def read_fields(draft: Draft, source: CivicrmSource) -> dict[str, Field]:
    """Every sound field by name, its options checked."""
    fields = {name: _field(name, shape) for name, shape in draft.shape.fields.items()}
    for name, shape in draft.shape.fields.items():
        trail: Trail = ("fields", name)
        if name in _RESERVED:
            draft.add(trail, f"expected a name that is not reserved, found `{name}`.", "Give the field another name.", key=True)
        _check_places(draft, trail, shape)
        _check_type(draft, trail, shape)
        _check_policies(draft, trail, shape)
        _check_flow(draft, trail, fields[name], source)
    _check_written_once(draft, fields)
    return fields


def _field(name: str, shape: FieldShape) -> Field:
    """The field with defaults filled in."""
    return Field(
        name=name,
        at=PerSide(shape.civicrm, shape.airtable),
        type=shape.type,
        authority=shape.authority,
        values=shape.values or {},
        region=shape.region or "US",
        precision=shape.precision,
        ignore=frozenset(shape.ignore or ()),
        to=shape.to,
        from_datetime=shape.from_ is not None,
        sensitive=shape.sensitive,
        fill_blank=shape.fill_blank is not False,
        first_contact=shape.first_contact or FirstContact.REPORT,
        on_edit=shape.on_edit or OnEdit.REVERT,
        on_conflict=shape.on_conflict or OnConflict.REPORT,
        clear=shape.clear or False,
        title=shape.title.model_dump(exclude_none=True) if shape.title else {},
    )


def _written(shape: FieldShape) -> set[str]:
    """The keys the author wrote, as they stand in the file."""
    return {type(shape).model_fields[name].alias or name for name in shape.model_fields_set}


def _check_places(draft: Draft, trail: Trail, shape: FieldShape) -> None:
    """A field stands somewhere; a two-sided one says who owns it, a one-sided one cannot."""
    if shape.civicrm is not None:
        check_path(draft, (*trail, "civicrm"), shape.civicrm)
    if shape.airtable is not None:
        check_column(draft, (*trail, "airtable"), shape.airtable)
    sides = [side for side in ("civicrm", "airtable") if getattr(shape, side) is not None]
    if not sides:
        draft.add(trail, "expected `civicrm:`, `airtable:` or both, found neither.", "Say where the field stands.", key=True)
    elif len(sides) > 1 and shape.authority is None:
        hint = "Add `authority: civicrm`, `airtable`, `either` (edits travel both ways) or `report` (only compare)."
        draft.add(trail, "expected `authority` on a field that stands on both sides, found none.", hint, key=True)
    elif len(sides) == 1:
        for key in _TWO_SIDED_ONLY:
            if key in _written(shape):
                hint = f"Remove it, or add the other side's place; a field only in {Side(sides[0]).title} is read, for rules."
                draft.add((*trail, key), f"expected no `{key}` on a field of one side, found one.", hint, key=True)


def _check_type(draft: Draft, trail: Trail, shape: FieldShape) -> None:
    """Options fit the type."""
    for key, types in _ONLY_FOR.items():
        if key in _written(shape) and shape.type not in types:
            fit = listed(sorted(types))
            draft.add(
                (*trail, key), f"`{key}` is for {fit}; found it on `{shape.type}`.", "Remove it or change the type.", key=True
            )
    if shape.type is FieldType.REFERENCE and shape.to is None:
        draft.add(trail, "expected `to` on a reference, found none.", "Name the mapping whose links say who is who.", key=True)
    if shape.values is not None and not shape.values and shape.type in CHOICES:
        draft.add((*trail, "values"), "expected at least one pair `civicrm name: Airtable option`, found an empty map.")


def _check_policies(draft: Draft, trail: Trail, shape: FieldShape) -> None:
    """Policies fit the authority and the type."""
    authority = shape.authority
    if authority is None:
        return
    for key, authorities in _ONLY_WITH.items():
        if key in _written(shape) and authority not in authorities:
            fit = listed(sorted(authorities))
            draft.add(
                (*trail, key), f"`{key}` goes with `authority:` {fit}; found it with `{authority}`.", "Remove one.", key=True
            )
    if shape.first_contact is FirstContact.AUTHORITY and authority not in _OWNED:
        hint = "Remove it: differences at first contact are reported."
        draft.add(
            (*trail, "first_contact"),
            f"expected an owner for `first_contact: authority`, found `authority: {authority}`.",
            hint,
        )
    if shape.on_conflict is OnConflict.UNION and shape.type is not FieldType.CHOICES:
        draft.add((*trail, "on_conflict"), f"`union` is for `choices`; found it on `{shape.type}`.", "Use `report` or a side.")


def _check_flow(draft: Draft, trail: Trail, field: Field, source: CivicrmSource) -> None:
    """What may be written can be, and loses nothing."""
    path = field.at.civicrm
    if not field.two_sided or path is None or field.authority is None:
        return
    to_civicrm = field.authority in (Authority.AIRTABLE, Authority.EITHER)
    if to_civicrm and (why := unwritable(source, path)):
        hint = "Use `authority: civicrm` or `report`."
        draft.add((*trail, "authority"), f"expected a field that can be written in CiviCRM; `{path}` {why}.", hint)
    if to_civicrm and field.lossy and field.type in CHOICES:
        option, count = Counter(field.values.values()).most_common(1)[0]
        what = f"{count} CiviCRM names stand for the option `{option}`, so it cannot be written back"
        hint = "Use `authority: civicrm` or `report`, or give each name its own option."
        draft.add((*trail, "authority"), f"expected one Airtable option for each CiviCRM name; {what}.", hint)
    for side in Side:
        if field.may_write(side):
            for reason in values.round_trips(field, side):
                draft.add((*trail, "values"), f"expected options that read back as they are written; {reason}")
    if field.on_conflict is OnConflict.NEWEST and is_related(source, path):
        what = "expected both sides to know when they were edited; CiviCRM keeps no time for this related row."
        draft.add((*trail, "on_conflict"), what, "Use `report` or a side.")


def _check_written_once(draft: Draft, fields: Map[str, Field]) -> None:
    """No two fields write to one place: each would undo the other."""
    for side in Side:
        first: dict[str, str] = {}
        for name, field in fields.items():
            place = field.at[side]
            if place is None or not field.may_write(side):
                continue
            if place in first:
                what = expected("one field that writes to each place", place)
                hint = f"`{first[place]}` writes there too. Make one of them `authority: report`, or one-sided."
                draft.add(("fields", name, side.value), what, hint)
            first.setdefault(place, name)

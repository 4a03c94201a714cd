"""How records are matched, and whether an unmatched one could be created so that it is found again."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map

from bridge.config.conditions import Conditions
from bridge.config.draft import Draft
from bridge.config.problems import expected, listed
from bridge.config.shape import MatchShape, PairShape
from bridge.config.sources import check_column, check_path, unwritable
from bridge.config.tree import Trail
from bridge.core.conditions import sides_asked
from bridge.core.mapping import (
    AirtableSource,
    CivicrmSource,
    Condition,
    ExactMatch,
    Field,
    FieldType,
    Key,
    MatchRule,
    Related,
    SimilarMatch,
    Unmatched,
)
from bridge.core.record import Json, PerSide, Side

_NAMES = (FieldType.ORGANIZATION, FieldType.PERSON, FieldType.TEXT)
_NO_KEYS = frozenset({FieldType.CHOICE, FieldType.CHOICES, FieldType.REFERENCE, FieldType.BOOLEAN, FieldType.LONG_TEXT})

_MADE_TRUE = ("=", "CONTAINS")
"""Conditions that a create makes true by writing their value."""

_TRUE_OF_NEW = ("!=", "<>", "NOT IN", "NOT LIKE", "NOT CONTAINS", "NOT CONTAINS ONE OF", "IS NULL", "IS EMPTY")
"""Conditions that hold for a new record, whose other cells are blank."""


def read_match(draft: Draft, fields: Map[str, Field]) -> tuple[MatchRule, ...]:
    """The match rules in the order written."""
    return tuple(
        rule
        for index, shape in enumerate(draft.shape.match)
        if (rule := _rule(draft, ("match", index), shape, fields)) is not None
    )


def _rule(draft: Draft, trail: Trail, shape: MatchShape, fields: Map[str, Field]) -> MatchRule | None:
    if (shape.exact is None) == (shape.similar is None):
        found = "neither" if shape.exact is None else "both"
        draft.add(trail, f"expected one of `exact` and `similar`, found {found}.")
        return None
    if shape.exact is not None:
        if shape.within is not None:
            draft.add(
                (*trail, "within"), "`within` goes with `similar`; found it with `exact`.", "Add the pair to `exact`.", key=True
            )
        keys = tuple(_keys(draft, (*trail, "exact"), shape.exact, fields))
        if not keys:
            draft.add((*trail, "exact"), "expected at least one pair, found an empty list.")
        return ExactMatch(keys=keys)
    if shape.similar is None:
        return None
    similar = _key(draft, (*trail, "similar"), shape.similar, fields, default=FieldType.TEXT)
    if similar.type not in _NAMES:
        what = expected(f"{listed(_NAMES)} for `similar`", similar.type.value)
        draft.add((*trail, "similar"), what, "Names can be alike; other values are equal or not.")
    within = tuple(_keys(draft, (*trail, "within"), shape.within or [], fields))
    return SimilarMatch(key=similar, least=shape.similar.least, within=within)


def _keys(draft: Draft, trail: Trail, pairs: PairShape | list[PairShape], fields: Map[str, Field]) -> Iterator[Key]:
    if isinstance(pairs, PairShape):
        yield _key(draft, trail, pairs, fields)
    else:
        for index, pair in enumerate(pairs):
            yield _key(draft, (*trail, index), pair, fields)


def _key(
    draft: Draft, trail: Trail, pair: PairShape, fields: Map[str, Field], *, default: FieldType = FieldType.IDENTIFIER
) -> Key:
    """The pair as a key, compared as it says, else as the field with the same two places, else as `default`."""
    check_path(draft, (*trail, "civicrm"), pair.civicrm)
    check_column(draft, (*trail, "airtable"), pair.airtable)
    at = PerSide(pair.civicrm, pair.airtable)
    field = next((each for each in fields.values() if each.at == at), None)
    kind = pair.as_ or (field.type if field else default)
    if kind in _NO_KEYS:
        hint = "Say how the two are compared, such as `as: text`."
        draft.add((*trail, "as") if pair.as_ else trail, f"expected a type that can be a key, found `{kind}`.", hint)
    if pair.region is not None and kind is not FieldType.PHONE:
        draft.add((*trail, "region"), f"`region` is for `phone`; found it on `{kind}`.", "Remove it.", key=True)
    return Key(at=at, type=kind, region=pair.region or (field.region if field else "US"))


def check_creates(
    draft: Draft, sources: PerSide[CivicrmSource | AirtableSource], match: Sequence[MatchRule], fields: Map[str, Field]
) -> None:
    """Refuse `create` where the new record could not be found again by its keys, or would lie outside its own scope."""
    unmatched = draft.shape.unmatched
    for side in Side:
        if getattr(unmatched, side.value) is not Unmatched.CREATE:
            continue
        target, trail = side.other, ("unmatched", side.value)
        for reason in _obstacles(sources, target, match, fields):
            draft.add(trail, f"`create` needs a record in {target.title} that can be found again; {reason}.", "Use `report`.")


def read_create_when(draft: Draft, fields: Map[str, Field]) -> Condition | None:
    """Which of the records without a partner are created, if not all."""
    shape = draft.shape.unmatched
    if shape.create_when is None:
        if shape.otherwise is not None:
            what = "`otherwise` goes with `create_when`; found it without."
            draft.add(("unmatched", "otherwise"), what, "Remove it, or say which are created.", key=True)
        return None
    trail: Trail = ("unmatched", "create_when")
    condition = Conditions(draft, fields).read(trail, shape.create_when)
    creating = [side for side in Side if getattr(shape, side.value) is Unmatched.CREATE]
    if len(creating) != 1:
        found = "both" if creating else "none"
        draft.add(
            trail, f"expected one side with `create` beside `create_when`, found {found}.", "Write `create`, or remove it."
        )
    elif creating[0].other in sides_asked(condition):
        hint = f"Write `{creating[0]}:` and a field that stands there."
        draft.add(trail, f"expected conditions on {creating[0].title}, where the record is; found another.", hint)
    return condition


def _obstacles(
    sources: PerSide[CivicrmSource | AirtableSource], target: Side, match: Sequence[MatchRule], fields: Map[str, Field]
) -> Iterator[str]:
    """Why a record created in `target` might be lost."""
    civicrm = sources.civicrm
    exact = [key.at[target] for rule in match if isinstance(rule, ExactMatch) for key in rule.keys]
    if not exact:
        yield "there is no `exact` match to find it by"
    written = {*exact, *(path for each in fields.values() if each.may_write(target) and (path := each.at[target]))}
    for path in dict.fromkeys(exact):
        if target is Side.CIVICRM and isinstance(civicrm, CivicrmSource) and (why := _not_at_creation(civicrm, path)):
            yield f"the match key `{path}` {why}"
    for condition in sources[target].where:
        yield from _outside(condition, target, civicrm, written)


def _not_at_creation(source: CivicrmSource, path: str) -> str:
    """Why a path cannot be written in the request that creates the record, or empty."""
    if path.partition(".")[0] in source.related:
        return "belongs to a related record"
    return unwritable(source, path)


def check_add(draft: Draft, related: Map[str, Related]) -> None:
    """Refuse `add` where the new row would not be the one that is picked."""
    for alias, each in related.items():
        if not each.add:
            continue
        trail: Trail = ("civicrm", "related", alias, "add")
        if each.pick is None:
            draft.add(trail, "`add` goes with `pick`; found it without.", "Say which row is meant, or remove it.", key=True)
        for condition in each.where:
            demands = isinstance(condition, list) and len(condition) > 1 and condition[1] in ("=", *_TRUE_OF_NEW)
            if not demands:
                asked = condition[0] if isinstance(condition, list) and condition else condition
                hint = "Write it with `=`, or leave it out."
                draft.add(trail, f"expected a `where` that a new row fulfils; it asks `{asked}` otherwise.", hint, key=True)


def _outside(condition: Json, target: Side, civicrm: CivicrmSource | AirtableSource, written: set[str]) -> Iterator[str]:
    """Why a condition of the scope would not hold for the new record."""
    if not isinstance(condition, list) or len(condition) < 2 or not isinstance(condition[0], str):  # noqa: PLR2004  # field, operator
        return
    path, operator = condition[0], str(condition[1])
    if path in ("OR", "AND", "NOT") and isinstance(condition[1], list):
        yield f"its scope has `{path}`, which a new record may not fulfil"
    elif operator in _MADE_TRUE:
        if target is Side.CIVICRM and isinstance(civicrm, CivicrmSource) and (why := _not_at_creation(civicrm, path)):
            yield f"its scope asks for `{path}`, which {why}"
    elif operator not in _TRUE_OF_NEW and not (operator in ("IS NOT NULL", "IS NOT EMPTY") and path in written):
        yield f"its scope asks `{path} {operator}`, which a new record may not fulfil"

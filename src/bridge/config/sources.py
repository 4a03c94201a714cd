"""Where records come from: the two sources, their conditions, and which CiviCRM paths could ever be written."""

import re

from bridge.config.draft import Draft
from bridge.config.problems import expected, nearest, suggest
from bridge.config.shape import RelatedShape
from bridge.config.terms import airtable_id
from bridge.config.tree import Trail
from bridge.core.mapping import AirtableSource, CivicrmSource, Pick, Related
from bridge.core.record import Json

BARE_OPERATORS = ("IS NULL", "IS NOT NULL", "IS EMPTY", "IS NOT EMPTY")
"""APIv4 operators without a value."""

_COMPARISONS = ("=", "!=", ">", ">=", "<", "<=", "IN", "NOT IN", "CONTAINS", "NOT CONTAINS")

CIVICRM_OPERATORS = (
    *_COMPARISONS,
    *("<>", "LIKE", "NOT LIKE", "BETWEEN", "NOT BETWEEN", "CONTAINS ONE OF", "NOT CONTAINS ONE OF", "REGEXP", "NOT REGEXP"),
    *BARE_OPERATORS,
)
"""The operators APIv4 accepts; `CONTAINS ONE OF` needs CiviCRM 6.4."""

AIRTABLE_OPERATORS = (*_COMPARISONS, "IS EMPTY", "IS NOT EMPTY")
"""What is translated to a formula."""

_GROUPS = ("OR", "AND", "NOT")

_WRITABLE_JOIN = re.compile(r"(email|phone|address|im)_(primary|billing)")
"""Implicit joins that APIv4 writes through; any other join is read only."""

_ENTITY_WORDS = frozenset(
    {"activity", "case", "contact", "contribution", "event", "grant", "group", "household", "individual", "membership", "note"}
    | {"organization", "participant", "payment", "pledge", "relationship", "tag", "website", "workers", "dues"}
)
"""First parts of a path that are most likely an alias somebody forgot to declare."""


def read_civicrm(draft: Draft) -> CivicrmSource:
    """The CiviCRM source, its conditions and related entities checked."""
    shape = draft.shape.civicrm
    trail: Trail = ("civicrm",)
    _check_where(draft, (*trail, "where"), shape.where, CIVICRM_OPERATORS)
    for index, condition in enumerate(shape.where):
        if condition and str(condition[0]).partition(".")[0] in shape.related:
            where = (*trail, "where", index, 0)
            draft.add(
                where,
                "expected a field of the entity itself, found one of a related entity.",
                "Put it in that entity's `where`.",
            )
    related = {alias: _related(draft, (*trail, "related", alias), alias, each) for alias, each in shape.related.items()}
    return CivicrmSource(entity=shape.entity, where=tuple(shape.where), related=related)


def read_airtable(draft: Draft) -> AirtableSource:
    """The Airtable source, its names and conditions checked."""
    shape = draft.shape.airtable
    if not (airtable_id("app", shape.base) or re.fullmatch(r"[a-z][a-z0-9_]*", shape.base)):
        what = "an alias of lower-case letters, digits and underscores, or an `app…` id of 17 characters"
        draft.add(("airtable", "base"), expected(what, shape.base), "Set BRIDGE_AIRTABLE__BASES__<ALIAS> to the base's id.")
    check_column(draft, ("airtable", "table"), shape.table, prefix="tbl")
    _check_where(draft, ("airtable", "where"), shape.where, AIRTABLE_OPERATORS)
    return AirtableSource(base=shape.base, table=shape.table, where=tuple(shape.where))


def check_column(draft: Draft, trail: Trail, name: str, *, prefix: str = "fld") -> None:
    """Refuse what looks like an Airtable id and is none."""
    if re.fullmatch(rf"{prefix}(?=.*[0-9A-Z])[0-9A-Za-z]{{7,}}", name) and not airtable_id(prefix, name):
        draft.add(trail, expected(f"a name, or a `{prefix}…` id of 17 characters", name), "Copy the whole id.")


def check_path(draft: Draft, trail: Trail, path: str) -> None:
    """Refuse a path whose first part should be, or is wrongly used as, a related alias."""
    if draft.is_broken(("civicrm",)):
        return
    aliases = draft.keys("civicrm", "related")
    first, _, rest = path.partition(".")
    related = draft.shape.civicrm.related.get(first)
    if first in aliases:
        if related is not None:
            _check_alias_use(draft, trail, first, rest, related)
    elif rest and _forgotten(first, aliases):
        hint = suggest(first, aliases) if nearest(first, aliases) else "Declare it under `civicrm.related`."
        draft.add(trail, f"expected a path that begins with a declared alias, found `{path}`.", hint)


def _forgotten(first: str, aliases: tuple[str, ...]) -> bool:
    """Whether the first part of a path reads like an alias that is not declared, rather than a join or a custom group."""
    return (
        first.islower()
        and not first.endswith("_id")
        and (first in _ENTITY_WORDS or nearest(first, aliases) is not None)
        and (_WRITABLE_JOIN.fullmatch(first) is None)
    )


def _check_alias_use(draft: Draft, trail: Trail, alias: str, rest: str, related: RelatedShape) -> None:
    """`alias.field` for a picked row; the bare alias for a count or a sum."""
    if related.pick is not None and not rest:
        draft.add(trail, f"expected a field of the related row, found `{alias}` alone.", f"Write `{alias}.field`.")
    if related.pick is None and rest:
        kind = "number" if related.set is None else "set"
        draft.add(
            trail,
            f"`{alias}` is a {kind} here and has no fields; found `{alias}.{rest}`.",
            f"Write `{alias}`, or `pick` a row.",
        )


def unwritable(source: CivicrmSource, path: str) -> str:
    """Why CiviCRM could never be written at `path`, in words that complete `it …`, or empty if it could."""
    first, _, rest = path.partition(".")
    related = source.related.get(first)
    if related is not None:
        if related.set is not None:
            mine = related.entity == "GroupContact" and related.by == "contact_id" and related.set.startswith("group_id")
            return "" if mine else "is collected from other records; only the groups of a contact can be written"
        if related.pick is None:
            return "is counted from other records"
        first, _, rest = rest.partition(".")
    if rest and first.endswith("_id"):
        return "is read through a link to another record"
    if (rest or first).partition(":")[0] in {"id", "contact_id"} and not rest:
        return "is given by CiviCRM"
    return ""


def is_related(source: CivicrmSource, path: str) -> bool:
    """Whether the value comes from a related row."""
    return path.partition(".")[0] in source.related


def _related(draft: Draft, trail: Trail, alias: str, shape: RelatedShape) -> Related:
    ways = [way for way in ("pick", "count", "sum", "set") if way in shape.model_fields_set]
    if len(ways) != 1:
        found = " and ".join(f"`{way}`" for way in ways) or "none"
        draft.add(
            trail,
            f"expected exactly one of `pick`, `count`, `sum` and `set`, found {found}.",
            "Say what the related rows become.",
            key=True,
        )
    _check_where(draft, (*trail, "where"), shape.where, CIVICRM_OPERATORS)
    pick = None
    if shape.pick is not None:
        prefer = {path: tuple(best) for path, best in shape.pick.prefer.items()}
        pick = Pick(prefer=prefer, latest=shape.pick.latest, earliest=shape.pick.earliest)
        if pick.latest is not None and pick.earliest is not None:
            draft.add((*trail, "pick", "earliest"), "expected `latest` or `earliest`, found both.", "Remove one.", key=True)
    return Related(
        alias=alias,
        entity=shape.entity,
        by=shape.by,
        where=tuple(shape.where),
        pick=pick,
        count=shape.count or False,
        sum=shape.sum,
        set=shape.set,
        add=shape.add or False,
    )


def _check_where(draft: Draft, trail: Trail, where: list[list[Json]], operators: tuple[str, ...]) -> None:
    """Check the form of every condition: `[field, operator, value]`, or for CiviCRM a group of them."""
    for index, condition in enumerate(where):
        _check_condition(draft, (*trail, index), condition, operators)


def _check_condition(draft: Draft, trail: Trail, condition: Json, operators: tuple[str, ...]) -> None:
    grouped = operators is CIVICRM_OPERATORS
    form = "a condition `[field, operator, value]`"
    if not isinstance(condition, list) or not condition or not isinstance(condition[0], str):
        draft.add(trail, expected(form, condition))
        return
    if grouped and condition[0] in _GROUPS:
        inner = condition[1] if len(condition) == 2 and isinstance(condition[1], list) else None  # noqa: PLR2004  # word and list
        if not inner:
            draft.add(trail, f"expected `[{condition[0]}, [conditions]]`, found another form.")
        for index, each in enumerate(inner or []):
            _check_condition(draft, (*trail, 1, index), each, operators)
        return
    operator = condition[1] if len(condition) > 1 else None
    if operator not in operators:
        hint = suggest(operator, operators, kind="Operators") if operator is not None else ""
        draft.add((*trail, 1), expected("an operator such as `=` or `CONTAINS`", operator), hint)
        return
    values = len(condition) - 2
    if operator in BARE_OPERATORS and values:
        draft.add(trail, f"expected `[field, {operator}]` without a value, found {values}.")
    elif operator not in BARE_OPERATORS and values != 1:
        draft.add(trail, f"expected `[field, {operator}, value]`, found {values or 'no'} values.")
    elif operator in {"IN", "NOT IN", "BETWEEN", "NOT BETWEEN", "CONTAINS ONE OF"} and not isinstance(condition[2], list):
        draft.add((*trail, 2), expected("a list of values", condition[2]))

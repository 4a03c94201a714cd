"""Rules and examples: sentences whose placeholders are fields, and rows whose paths the mapping knows."""

from collections.abc import Iterator
from collections.abc import Mapping as Map
from string import Formatter

from bridge.config.conditions import Conditions
from bridge.config.draft import Draft
from bridge.config.problems import expected, suggest
from bridge.config.shape import ExampleShape
from bridge.config.shape_base import Sentence
from bridge.config.tree import Trail
from bridge.core import values
from bridge.core.compare import Verdict
from bridge.core.mapping import CivicrmSource, Example, Field, Rule, Text
from bridge.core.record import Json, PerSide, Side, Unreadable

CODES = frozenset(str(code) for codes in (range(101, 108), range(201, 209), range(401, 406), range(501, 506)) for code in codes)
"""Discrepancy codes; 3xx are told by their rule's name."""

_VERDICTS = tuple(each.value for each in Verdict)


def read_text(sentence: Sentence | None) -> Text:
    """The languages that were given."""
    return {} if sentence is None else sentence.model_dump(exclude_none=True)


def read_rules(draft: Draft, fields: Map[str, Field]) -> tuple[Rule, ...]:
    """The rules, by name."""
    conditions = Conditions(draft, fields)
    rules = []
    for name, shape in sorted(draft.shape.rules.items()):
        trail: Trail = ("rules", name)
        _check_sentence(draft, (*trail, "say"), shape.say)
        if shape.do is not None:
            _check_sentence(draft, (*trail, "do"), shape.do)
        rules.append(
            Rule(
                name=name,
                severity=shape.severity,
                when=conditions.read((*trail, "when"), shape.when),
                say=read_text(shape.say),
                do=read_text(shape.do),
                title=read_text(shape.title),
                owner=shape.owner,
                due=shape.due,
            )
        )
    return tuple(rules)


def _check_sentence(draft: Draft, trail: Trail, sentence: Sentence) -> None:
    """Every `{placeholder}` of every language is a field that may be shown, and nothing more than a field's name."""
    names = draft.keys("fields")
    hidden = {name for name, field in draft.shape.fields.items() if field.sensitive and name != "name"}
    for language, text in read_text(sentence).items():
        where = (*trail, language)
        try:
            parts = list(Formatter().parse(text))
        except ValueError:
            draft.add(where, expected("every `{` closed by `}`", text), "Write {{ and }} for the signs themselves.")
            continue
        for _, name, form, conversion in parts:
            if name is None or (draft.is_broken(("fields",)) and name.isidentifier()):
                continue
            if form or conversion or name not in (*names, "name"):
                found = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
                hint = suggest(found, names, kind="Fields")
                draft.add(where, expected("a field of this mapping in braces", f"{{{found}}}"), hint)
            elif name in hidden:
                what = f"expected a field that may be shown, found `{{{name}}}`, which is sensitive and would read as `…`."
                draft.add(where, what, "Say it without the value, or name another field.")


def read_examples(
    draft: Draft, civicrm: CivicrmSource, fields: Map[str, Field], paths: PerSide[frozenset[str]]
) -> tuple[Example, ...]:
    """The examples. Their rows may use the mapping's `paths`."""
    first: dict[str, int] = {}
    for index, shape in enumerate(draft.shape.examples):
        if first.setdefault(shape.name, index) != index and not draft.is_broken(("examples", index)):
            line = draft.tree.place(("examples", first[shape.name], "name")).line
            draft.add(
                ("examples", index, "name"), expected("a name no other example has", shape.name), f"It is also at line {line}."
            )
    return tuple(
        _example(draft, ("examples", index), shape, civicrm, fields, paths) for index, shape in enumerate(draft.shape.examples)
    )


def _example(
    draft: Draft,
    trail: Trail,
    shape: ExampleShape,
    civicrm: CivicrmSource,
    fields: Map[str, Field],
    paths: PerSide[frozenset[str]],
) -> Example:
    flat = {path: (where, value) for path, where, value in _flat(shape.civicrm, civicrm)}
    for path, (where, _) in flat.items():
        _check_known(draft, (*trail, "civicrm", *where), path, paths.civicrm, Side.CIVICRM)
    for path in shape.airtable:
        _check_known(draft, (*trail, "airtable", path), path, paths.airtable, Side.AIRTABLE)
    names = draft.keys("fields")
    _check_expected(draft, (*trail, "expect"), shape, names)
    told = shape.expect.discrepancies
    return Example(
        name=shape.name,
        rows=PerSide({path: value for path, (_, value) in flat.items()}, dict(shape.airtable)),
        verdicts=dict(shape.expect.__pydantic_extra__ or {}),
        discrepancies=None if told is None else frozenset(map(str, told)),
        base={name: _base(draft, (*trail, "base", name), fields.get(name), raw) for name, raw in shape.base.items()},
        today=shape.today,
    )


def _base(draft: Draft, trail: Trail, field: Field | None, raw: Json) -> Json:
    """What both sides agreed on, in CiviCRM's words; an option may be written in either side's."""
    names = draft.keys("fields")
    if field is None or not field.two_sided:
        if field is not None or trail[-1] not in names:
            what = expected("a field of both sides", trail[-1])
            draft.add(trail, what, suggest(trail[-1], names, kind="Fields") if field is None else "", key=True)
        return raw
    keys = {option: key for key, option in reversed([*field.values.items()])} | {key: key for key in field.values}
    known = [keys.get(str(each), each) for each in raw] if isinstance(raw, list) else keys.get(str(raw), raw)
    if isinstance(cell := values.read(field, Side.CIVICRM, known), Unreadable):
        draft.add(trail, expected(f"a value of type `{field.type}`", raw), cell.reason)
    return known


def _flat(row: Map[str, Json], civicrm: CivicrmSource) -> Iterator[tuple[str, Trail, Json]]:
    """Each path of a CiviCRM row with its place and value; a map under a related alias is opened."""
    for key, value in row.items():
        if key in civicrm.related and isinstance(value, dict):
            for inner, each in value.items():
                yield f"{key}.{inner}", (key, inner), each
        else:
            yield key, (key,), value


_PLACES = frozenset({"fields", "match", "civicrm", "airtable"})
"""The parts that say which places a mapping uses: if one is wrong, a place that only it names is not wrong too."""


def _check_known(draft: Draft, trail: Trail, path: str, known: frozenset[str], side: Side) -> None:
    if path not in known and not any(part[0] in _PLACES for part in draft.broken):
        what = expected(f"a place in {side.title} that this mapping uses", path)
        draft.add(trail, what, suggest(path, known), key=True)


def _check_expected(draft: Draft, trail: Trail, shape: ExampleShape, names: tuple[str, ...]) -> None:
    """Verdicts are words of the verdict table on two-sided fields; discrepancies are rules or codes."""
    for name, verdict in (shape.expect.__pydantic_extra__ or {}).items():
        field = draft.shape.fields.get(name)
        if name not in names:
            hint = suggest(name, (*names, "discrepancies"), kind="Fields")
            draft.add((*trail, name), expected("a field of this mapping, or `discrepancies`", name), hint, key=True)
        elif field is not None and (field.civicrm is None or field.airtable is None):
            draft.add((*trail, name), f"expected a field of both sides, found `{name}`, which stands on one.", key=True)
        if verdict not in _VERDICTS:
            draft.add((*trail, name), expected("a verdict", verdict), suggest(verdict, _VERDICTS, kind="Verdicts"))
    rules = draft.keys("rules")
    for index, told in enumerate(shape.expect.discrepancies or ()):
        if str(told) not in {*rules, *CODES} and not any(part[:1] == ("rules",) for part in draft.broken):
            hint = suggest(told, rules, kind="Rules of this mapping")
            draft.add((*trail, "discrepancies", index), expected("a rule of this mapping or a code such as 204", told), hint)

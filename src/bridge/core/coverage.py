"""What of a mapping no example touches: fields that none gives a value, options that none holds, rules that none tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.core.examples import Ran
from bridge.core.mapping import Field
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Cell, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Untouched:
    """What no example touches. `values` are, by field, the CiviCRM names of its `values`; nothing in any: all is covered."""

    fields: tuple[str, ...]
    rules: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]

    @property
    def nothing(self) -> bool:
        """Whether the examples touch everything."""
        return not (self.fields or self.rules or self.values)


def untouched(mapping: FieldMapping, examples: Sequence[Ran]) -> Untouched:
    """What of `mapping` none of its examples touches, each in the file's order.

    An option that several CiviCRM names share is touched by the CiviCRM name alone: the word in Airtable does not say which.
    """
    told = {each.rule for ran in examples for each in ran.plan.discrepancies}
    options = {name: tuple(_unheld(field, examples)) for name, field in mapping.fields.items()}
    return Untouched(
        fields=tuple(name for name, field in mapping.fields.items() if not any(_gives(ran, field) for ran in examples)),
        rules=tuple(rule.name for rule in mapping.rules if rule.name not in told),
        values={name: left for name, left in options.items() if left},
    )


def _gives(ran: Ran, field: Field) -> bool:
    """Whether the example gives the field a value, on either side or as what was agreed."""
    rows = ran.example.rows
    return field.name in ran.example.base or any(path is not None and path in rows[side] for side, path in field.at)


def _unheld(field: Field, examples: Sequence[Ran]) -> Iterator[str]:
    """The CiviCRM names of the field's options that no example holds."""
    held = {side: {word for ran in examples for word in _words(ran.pair[side].cells.get(field.name))} for side in Side}
    shared = [*field.values.values()]
    for name, option in field.values.items():
        if name not in held[Side.CIVICRM] and (option not in held[Side.AIRTABLE] or shared.count(option) > 1):
            yield name


def _words(cell: Cell) -> frozenset[str]:
    """The options that a cell holds."""
    if isinstance(cell, str):
        return frozenset((cell,))
    return cell if isinstance(cell, frozenset) else frozenset()

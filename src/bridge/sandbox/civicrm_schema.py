"""The schema of the sandbox's CiviCRM: the fields of each entity and their option lists, read from the tables.

It can change while the site runs, as a real one does: an option is dropped, a custom field is removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bridge.sandbox.civicrm_fields import CUSTOM_GROUPS, FIELDS
from bridge.sandbox.civicrm_tables import OPTIONS, SUB_TYPES

CONTACT_TYPES = ("Individual", "Organization", "Household")
LOCATIONS = {"address": "Address", "email": "Email", "phone": "Phone"}
_TYPE_WORDS = {"ind": "Individual", "org": "Organization", "hh": "Household"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entity. `options` names a list, `@Entity` when its options are rows.

    `flag` is the column that picks the row a location join such as `email_primary` stands for.
    """

    entity: str
    name: str
    data_type: str
    max_length: int | None = None
    points_to: str = ""
    options: str = ""
    default: Any = None
    multi: bool = False
    read_only: bool = False
    required: bool = False
    nullable: bool = True
    in_utc: bool = False
    memo: bool = False
    contact_types: tuple[str, ...] = ()
    kind: str = "Field"
    flag: str = ""

    @property
    def is_custom(self) -> bool:
        """Whether it belongs to a custom group."""
        return self.kind == "Custom"

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.data_type in ("String", "Text")

    @property
    def is_date(self) -> bool:
        """Whether it holds a day or a moment."""
        return self.data_type in ("Date", "Timestamp")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a list. `group` is what it belongs to: the country of a state."""

    value: Any
    name: str
    label: str
    abbr: str = ""
    group: Any = None

    def shown_as(self, suffix: str) -> Any:
        """What `field:suffix` shows for it."""
        return {"name": self.name, "label": self.label, "abbr": self.abbr}.get(suffix, self.value)


class Schema:
    """The fields and options of one site."""

    def __init__(self) -> None:
        self._fields = {entity: _read_fields(entity, lines) for entity, lines in FIELDS.items()}
        self.removed: set[str] = set()
        self.lists = {name: [Option(*option) for option in options] for name, options in OPTIONS.items()}
        self.groups: dict[str, tuple[str, str, str]] = {}
        for group, (title, extends, lines) in CUSTOM_GROUPS.items():
            self.add_custom_group(group, title, extends, lines)
        for field in _extras():
            self._fields[field.entity][field.name] = field

    @property
    def entities(self) -> Iterable[str]:
        """The names of all entities, without the three contact types."""
        return self._fields

    def fields(self, entity: str) -> dict[str, Field]:
        """The fields of an entity by name, in the order CiviCRM tells them."""
        return self._fields[entity]

    def custom_fields(self) -> list[tuple[str, Field]]:
        """Each custom field with the name of its group."""
        every = (field for fields in self._fields.values() for field in fields.values() if field.is_custom)
        return [(field.name.partition(".")[0], field) for field in every]

    def add_custom_group(self, name: str, title: str, extends: str, lines: str) -> None:
        """Make a group of custom fields, written as in `civicrm_fields`."""
        self.groups[name] = (title, extends, lines)
        owner = "Contact" if extends in CONTACT_TYPES else extends
        only = (extends,) if extends in CONTACT_TYPES else ()
        for field in _read_fields(owner, lines, name).values():
            self._fields[owner][field.name] = replace(field, contact_types=only)

    def remove_custom_field(self, name: str) -> None:
        """Take a custom field such as `Benefits.Status` away, as an administrator does."""
        for fields in self._fields.values():
            if fields.pop(name, None):
                self.removed.add(name)

    def drop_option(self, list_name: str, option: Any) -> None:
        """Take an option, given by value or name, out of a list."""
        kept = [entry for entry in self.lists[list_name] if option not in (entry.value, entry.name)]
        self.lists[list_name] = kept

    def add_option(self, list_name: str, value: Any, name: str, label: str) -> None:
        """Append an option to a list."""
        self.lists[list_name].append(Option(value, name, label))


def base_entity(name: str) -> str:
    """The entity whose rows `name` shows: Contact for the three contact types, else itself."""
    return "Contact" if name in CONTACT_TYPES else name


def _read_fields(entity: str, lines: str, group: str = "") -> dict[str, Field]:
    fields = (_read_field(entity, line.split(), group) for line in lines.strip().splitlines())
    return {field.name: field for field in fields}


def _read_field(entity: str, words: list[str], group: str) -> Field:
    name, data_type, *rest = words
    marks = {word[0]: word[1:] for word in rest if word[0] in ">#="}
    return Field(
        entity=entity,
        name=f"{group}.{name}" if group else name,
        data_type=data_type,
        max_length=next((int(word) for word in rest if word.isdigit()), None),
        points_to=marks.get(">", ""),
        options=marks.get("#", ""),
        default=_read_default(marks.get("="), data_type),
        multi="multi" in rest,
        read_only="ro" in rest,
        required="required" in rest,
        nullable="notnull" not in rest,
        in_utc="utc" in rest,
        memo="memo" in rest,
        contact_types=tuple(_TYPE_WORDS[word] for word in rest if word in _TYPE_WORDS),
        kind="Custom" if group else "Field",
    )


def _read_default(text: str | None, data_type: str) -> Any:
    if text is None:
        return None
    if data_type == "Boolean":
        return text == "true"
    return int(text) if data_type in ("Integer", "Money") else text


def _extras() -> Iterable[Field]:
    for word, entity in LOCATIONS.items():
        for flag in ("primary", "billing"):
            name = f"{word}_{flag}"
            yield Field("Contact", name, "Integer", points_to=entity, kind="Extra", flag=f"is_{flag}")
    yield Field("Contact", "groups", "Array", options="@Group", multi=True, kind="Filter")
    yield Field("Contact", "age_years", "Integer", read_only=True, kind="Extra")
    yield Field("Contact", "tags", "Array", options="@Tag", multi=True, kind="Filter")
    yield Field("Membership", "is_primary_member", "Boolean", kind="Extra")
    yield Field("Relationship", "is_current", "Boolean", read_only=True, kind="Extra")


def sub_type_fits(sub_type: str, contact_type: str) -> bool:
    """Whether a contact of that type may have that sub type."""
    return SUB_TYPES.get(sub_type) == contact_type

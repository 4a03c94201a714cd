"""One CiviCRM site in memory: its schema, rows and clock, and what each user may see and do there."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bridge.sandbox.civicrm_rows import Row, Rows
from bridge.sandbox.civicrm_schema import CONTACT_TYPES, Field, Option, Schema, base_entity
from bridge.sandbox.civicrm_tables import ACTION_NEEDS, OPTION_ENTITIES, READ_NEEDS, ROWS, WRITE_NEEDS
from bridge.sandbox.civicrm_values import SiteClock, kept_value
from bridge.sandbox.ground import Ground

YES_OR_NO = [Option(True, "1", "Yes"), Option(False, "0", "No")]
CONTACT_COLUMNS = ("contact_id", "contact_id_a", "near_contact_id", "entity_id")


class Site:
    """The state that queries read and writes change. `version` is such as (6, 17)."""

    def __init__(
        self, now: Callable[[], dt.datetime], zone: ZoneInfo, version: tuple[int, int], *, custom_triggers: bool = True
    ) -> None:
        self.schema = Schema()
        self.rows = Rows()
        self.clock = SiteClock(now, zone)
        self.version = version
        self.custom_triggers = custom_triggers
        self._makers: dict[str, Callable[[], Iterable[Row]]] = {
            "RelationshipCache": self._relationship_cache,
            "CustomGroup": self._custom_groups,
            "CustomField": self._custom_fields,
            "OptionGroup": self._option_groups,
            "OptionValue": self._option_values,
            "Entity": self._entities,
            "Domain": self._domain,
        }
        for entity, rows in ROWS.items():
            self.load(entity, [self._with_defaults(entity, row) for row in rows])

    def load(self, entity: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put many rows with ids of their own. Contacts get their derived names and dates when they lack them."""
        if entity != "Contact":
            self.rows.load(entity, rows)
            return
        moment = self.clock.utc_text()
        self.rows.load(entity, ({"created_date": moment, "modified_date": moment, **derived(row), **row} for row in rows))

    def extend(self, ground: Ground) -> None:
        """Make the custom groups that a seed brings, with their lists, and add its options to the site's own."""
        for group in ground.custom:
            self.schema.add_custom_group(group.name, group.title, group.extends, group.fields)
            for name, options in group.lists.items():
                self.schema.lists[name] = [Option(*each) for each in options]
        for name, options in ground.options.items():
            self.schema.lists[name] += [Option(*each) for each in options]

    def fill_virtual(self, entity: str) -> None:
        """Bring rows that mirror other things up to date, before they are read."""
        if entity in self._makers:
            made = list(self._makers[entity]())
            self.rows.forget(entity)
            self.rows.load(entity, made)

    def options(self, field: Field) -> list[Option]:
        """The options of a field, or none."""
        if field.data_type == "Boolean":
            return YES_OR_NO
        if not field.options.startswith("@"):
            return self.schema.lists.get(field.options, [])
        entity = field.options[1:]
        name, label, abbr = OPTION_ENTITIES[entity]
        self.fill_virtual(entity)
        return [
            Option(row["id"], row[name], row.get(label) or row[name], row.get(abbr) or "", row.get("country_id"))
            for row in self.rows[entity].rows.values()
        ]

    def computed(self, field: Field) -> Callable[[Row], Any]:
        """How a field without a column of its own is worked out from its row."""
        if field.flag:
            table = self.rows[field.points_to]
            return lambda row: next(
                (found["id"] for found in table.rows_where("contact_id", row["id"]) if found.get(field.flag)), None
            )
        if field.name == "groups":
            return lambda row: [
                found["group_id"]
                for found in self.rows["GroupContact"].rows_where("contact_id", row["id"])
                if found.get("status", "Added") == "Added"
            ]
        if field.name == "tags":
            return lambda row: [found["tag_id"] for found in self.rows["EntityTag"].rows_where("entity_id", row["id"])]
        if field.name == "is_primary_member":
            return lambda row: "owner_membership_id" not in row
        if field.name == "is_current":
            return self._is_current
        return _nothing

    def _is_current(self, row: Row) -> bool:
        today = self.clock.now().date().isoformat()
        return bool(row.get("is_active", True) and row.get("start_date", today) <= today <= row.get("end_date", today))

    def _with_defaults(self, entity: str, row: Row) -> Row:
        fields = self.schema.fields(entity).values()
        return {field.name: field.default for field in fields if field.default is not None} | row

    def _relationship_cache(self) -> Iterable[Row]:
        for row in self.rows["Relationship"].rows.values():
            kind = self.rows["RelationshipType"].rows[row["relationship_type_id"]]
            for number, near, far in ((1, "a", "b"), (0, "b", "a")):
                yield {
                    "id": 2 * row["id"] - number,
                    "relationship_id": row["id"],
                    "relationship_type_id": row["relationship_type_id"],
                    "orientation": f"{near}_{far}",
                    "near_contact_id": row[f"contact_id_{near}"],
                    "near_relation": kind[f"name_{near}_{far}"],
                    "far_contact_id": row[f"contact_id_{far}"],
                    "far_relation": kind[f"name_{far}_{near}"],
                    "is_active": row.get("is_active", True),
                    "is_current": self._is_current(row),
                    **{name: row[name] for name in ("start_date", "end_date") if name in row},
                }

    def _custom_groups(self) -> Iterable[Row]:
        for number, (name, (title, extends, _)) in enumerate(self.schema.groups.items(), start=1):
            yield {"id": number, "name": name, "title": title, "extends": extends, "is_active": True}

    def _custom_fields(self) -> Iterable[Row]:
        groups = {name: number for number, name in enumerate(self.schema.groups, start=1)}
        lists = {name: number for number, name in enumerate(self.schema.lists, start=1)}
        for number, (group, field) in enumerate(self.schema.custom_fields(), start=1):
            name = field.name.partition(".")[2]
            yield {
                "id": number,
                "custom_group_id": groups[group],
                "name": name,
                "label": name.replace("_", " "),
                "data_type": field.data_type,
                "html_type": "Select" if field.options else "Text",
                "column_name": f"{name.lower()}_{number}",
                "option_group_id": lists.get(field.options),
                "serialize": int(field.multi),
                "is_active": True,
            }

    def _option_groups(self) -> Iterable[Row]:
        for number, name in enumerate(self.schema.lists, start=1):
            yield {"id": number, "name": name, "title": name, "is_active": True}

    def _option_values(self) -> Iterable[Row]:
        number = 0
        for group, options in enumerate(self.schema.lists.values(), start=1):
            for option in options:
                number += 1
                yield {
                    "id": number,
                    "option_group_id": group,
                    "value": str(option.value),
                    "name": option.name,
                    "label": option.label,
                    "is_active": True,
                }

    def _entities(self) -> Iterable[Row]:
        for number, name in enumerate(sorted(self.schema.entities), start=1):
            yield {"id": number, "name": name, "title": name, "type": ["DAOEntity"], "primary_key": ["id"]}

    def _domain(self) -> Iterable[Row]:
        number, name = 1, "Default Domain Name"
        yield {"id": number, "name": name, "contact_id": number, "version": ".".join(map(str, (*self.version, 2)))}

    def kept(self, field: Field, value: Any) -> Any:
        """The value as the field's column keeps it."""
        return kept_value(field, value, self.clock)


@dataclass(frozen=True, slots=True)
class User:
    """Someone who calls the API. `permissions` holds `*` for an administrator; the anonymous user has none."""

    name: str
    contact_id: int | None = None
    permissions: frozenset[str] = frozenset()

    def can(self, *needed: str) -> bool:
        """Whether the user has all of these permissions."""
        return "*" in self.permissions or self.permissions.issuperset(needed)

    def may(self, site: Site, entity: str, action: str) -> bool:
        """Whether the user may call the action at all; which rows they reach is another question."""
        entity = base_entity(entity)
        if action.startswith("get") or action in ("checkAccess", "autocomplete"):
            if entity.startswith("Custom") and site.version < (6,):
                return self.can("administer CiviCRM")
            return self.can(*READ_NEEDS.get(entity, ()))
        return self.can(*ACTION_NEEDS.get((entity, action), WRITE_NEEDS.get(entity, ("administer CiviCRM",))))

    def visible_fields(self, site: Site, entity: str) -> Mapping[str, Field]:
        """The fields of an entity, or of one contact type, that exist for this user."""
        fields = site.schema.fields(base_entity(entity))
        is_admin, is_whole = "*" in self.permissions, entity not in CONTACT_TYPES
        if is_admin and is_whole:
            return fields
        sees_custom = self.can("access all custom data")
        return {
            name: field
            for name, field in fields.items()
            if (is_admin or name != "api_key")
            and (sees_custom or not field.is_custom)
            and (is_whole or not field.contact_types or entity in field.contact_types)
        }

    def row_test(self, site: Site, entity: str) -> Callable[[Row], bool]:
        """Which rows of an entity the user sees."""
        if "*" in self.permissions:
            return _everyone
        if entity in ("CustomField", "CustomGroup"):
            return _everyone if self.can("access all custom data") else _no_one
        fields = site.schema.fields(entity)
        column = "id" if entity == "Contact" else next((name for name in CONTACT_COLUMNS if name in fields), "")
        if not column and entity != "Group":
            return _everyone
        if not self.can("view all contacts"):
            return _no_one
        if self.can("access deleted contacts") or entity == "Group":
            return _everyone
        contacts = site.rows["Contact"].rows
        return lambda row: not contacts.get(row.get(column, 0), {}).get("is_deleted", False)


def _everyone(row: Row) -> bool:
    del row
    return True


def _no_one(row: Row) -> bool:
    del row
    return False


def _nothing(row: Row) -> None:
    del row


def derived(row: Mapping[str, Any]) -> Row:
    """The columns of a contact that CiviCRM makes itself: names to show and to sort by, greetings, hash."""
    kind = row.get("contact_type")
    if kind == "Individual":
        first, last = row.get("first_name"), row.get("last_name")
        display = " ".join(filter(None, (first, row.get("middle_name"), last)))
        sort = ", ".join(filter(None, (last, first)))
    else:
        display = sort = row.get("organization_name" if kind == "Organization" else "household_name") or ""
    number = {"Individual": 1, "Household": 2, "Organization": 3}.get(str(kind))
    values = {
        "display_name": display or None,
        "sort_name": sort or None,
        "addressee_id": number,
        "addressee_display": display or None,
        "hash": hashlib.md5(str(row.get("id")).encode(), usedforsecurity=False).hexdigest(),
    }
    return {name: value for name, value in values.items() if value is not None}

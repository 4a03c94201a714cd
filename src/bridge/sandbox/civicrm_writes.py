"""APIv4 writes over the rows: create, update, save, delete and replace, with CiviCRM's own idea of each.

They are not transactions, they answer what was sent rather than what was kept, and an unknown field is ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.sandbox import civicrm_contacts as contacts
from bridge.sandbox import civicrm_memberships as memberships
from bridge.sandbox.civicrm_query import Query
from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import CONTACT_TYPES, LOCATIONS, Field, base_entity
from bridge.sandbox.civicrm_site import Site, User
from bridge.sandbox.civicrm_values import Refused, shown_value
from bridge.sandbox.civicrm_where import Fatal

ANSWER_TAIL = {"custom": None, "check_permissions": None}
UNAUTHORIZED = 403


@dataclass(frozen=True, slots=True)
class Written:
    """What a write answers: its rows, and for some actions how many were matched and which were deleted."""

    rows: list[Row]
    matched: int | None = None
    deleted: list[Row] | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """The writes of one user on one entity."""

    site: Site
    user: User
    entity: str

    def run(self, action: str, params: dict[str, Any]) -> Written:
        """The answer of a write action. Refused says why not; what was written before stays."""
        actions: dict[str, Callable[[dict[str, Any]], Written]] = {
            "create": self._create,
            "update": self._update,
            "save": self._save,
            "delete": self._delete,
            "replace": self._replace,
        }
        return actions[action](params)

    # -- the five actions

    def _create(self, params: dict[str, Any]) -> Written:
        values = params.get("values") or {}
        self._refuse_missing(values)
        return Written([self.write(None, values)])

    def _update(self, params: dict[str, Any]) -> Written:
        values, where = dict(params.get("values") or {}), params.get("where")
        if not where and "id" not in values:
            raise Refused('Parameter "where" is required unless primary keys are supplied in values.')
        ids = self._ids(where or [["id", "=", values["id"]]])
        written = [self.write(row_id, values) for row_id in ids]
        return Written(self._reloaded(written, params.get("reload")))

    def _save(self, params: dict[str, Any]) -> Written:
        records = params.get("records")
        if isinstance(records, dict):
            raise Fatal
        if not records:
            raise Refused('Parameter "records" is required.')
        records = [{**(params.get("defaults") or {}), **record} for record in records]
        matched = [_id_of(record) or self._match(record, params.get("match") or []) for record in records]
        for record, row_id in zip(records, matched, strict=True):
            if row_id is None:
                self._refuse_missing(record)
        written = [self.write(row_id, record) for record, row_id in zip(records, matched, strict=True)]
        count = sum(row_id is not None for row_id in matched)
        return Written(self._reloaded(written, params.get("reload")), count if self.site.version >= (6,) else None)

    def _delete(self, params: dict[str, Any]) -> Written:
        if not params.get("where"):
            raise Refused('Parameter "where" is required.')
        ids = Query(self.site, self.user, self.entity, {"where": params["where"]}).ids()
        entity = base_entity(self.entity)
        as_text = entity not in ("Contact", "Membership", "Contribution", "Activity")
        for row_id in ids:
            if entity == "Contact":
                contacts.delete(self.site, row_id, to_trash=params.get("useTrash", True))
            elif entity == "Membership" or entity not in LOCATIONS.values():
                self._remove(entity, row_id)
            else:
                contacts.remove_location(self.site, entity, row_id)
        return Written([{"id": str(row_id) if as_text else row_id} for row_id in ids])

    def _replace(self, params: dict[str, Any]) -> Written:
        where = params.get("where") or []
        before = Query(self.site, self.user, self.entity, {"where": where}).ids()
        implied = {clause[0]: clause[2] for clause in where if clause[1] == "="}
        records = [{**implied, **record} for record in params.get("records") or ()]
        saved = self._save({**params, "records": records})
        kept = {row["id"] for row in saved.rows}
        gone = [row_id for row_id in before if row_id not in kept]
        deleted = self._delete({"where": [["id", "IN", gone]]}).rows if gone else []
        return Written(saved.rows, saved.matched, deleted)

    def _remove(self, entity: str, row_id: int) -> None:
        if entity == "MembershipType":
            for row in list(self.site.rows["Membership"].rows.values()):
                if row["membership_type_id"] == row_id:
                    self.site.rows["Membership"].remove(row["id"])
        for copy in self.site.rows[entity].rows_where("owner_membership_id", row_id) if entity == "Membership" else ():
            self.site.rows[entity].remove(copy["id"])
        self.site.rows[entity].remove(row_id)

    # -- which rows

    def _ids(self, where: list[Any]) -> list[int]:
        """The rows an update means. A bare id is written without being looked for, and missed only then."""
        if len(where) == 1 and where[0][:2] == ["id", "="] and type(where[0][2]) is int:
            return [where[0][2]]
        return Query(self.site, self.user, self.entity, {"where": where}).ids()

    def _match(self, record: Row, match: list[str]) -> int | None:
        values = record | {field.name: value for field, value in self._raw_values(record)}
        clauses = [
            [name, "IS EMPTY"] if values[name] == "" else [name, "=", values[name]]
            for name in match
            if values.get(name) is not None
        ]
        if not match or len(clauses) != len(match):
            return None
        found = Query(self.site, self.user, self.entity, {"where": clauses}).ids()
        return found[0] if len(found) == 1 else None

    def _reloaded(self, written: list[Row], reload: Any) -> list[Row]:
        if not reload:
            return written
        select = reload if isinstance(reload, list) else ["*"]
        where = [["id", "IN", [row["id"] for row in written]]]
        return Query(self.site, self.user, self.entity, {"select": select, "where": where}).run().rows

    # -- one row

    def write(self, row_id: int | None, sent: Row) -> Row:
        """Write one row, new when `row_id` is None, and say what CiviCRM answers about it."""
        entity = base_entity(self.entity)
        row = self.site.rows.get(entity, row_id)
        if row_id is not None and row is None:
            raise Refused(f"Expected one {self.entity} but found 0")
        if row is not None and entity == "Contact" and not self.user.can("edit all contacts"):
            raise Refused(f"ACL check failed for {entity} update", UNAUTHORIZED)
        values, locations = self.kept_values(sent), self._locations(sent)
        if row is None and self.entity in CONTACT_TYPES:
            values["contact_type"] = self.entity
        self._refuse_dangling(entity, values)
        match entity:
            case "Contact":
                return self._write_contact(row, values, sent, locations)
            case "Membership":
                return self._write_membership(row, values, sent)
            case "Relationship":
                return self._write_relationship(row, values)
        write = self._write_location if entity in LOCATIONS.values() else self._write_plain
        return write(entity, row, values)

    def _write_location(self, entity: str, row: Row | None, values: Row) -> Row:
        new = {"location_type_id": 1, **({"on_hold": 0} if entity == "Email" else {})} if row is None else {}
        kept = contacts.put_location(self.site, entity, row, values)
        followed = {name: kept[name] for name in ("is_primary", "country_id") if kept.get(name)}
        return {"id": kept["id"], "contact_id": kept.get("contact_id"), **new, **values, **followed, **ANSWER_TAIL}

    def _write_plain(self, entity: str, row: Row | None, values: Row) -> Row:
        new = row is None
        if row is None:
            row = self._defaults(entity) | {"id": self.site.rows[entity].last_id + 1}
            self.site.rows[entity].put(row)
        fields = self.site.schema.fields(entity)
        moment = self.site.clock.utc_text()
        stamps = ("created_date", "modified_date") if new else ("modified_date",)
        stamped = {name: moment for name in stamps if name in fields and fields[name].in_utc}
        if entity == "Contribution" and new:
            values = {"net_amount": values.get("total_amount"), **values}
        self.site.rows[entity].patch(row["id"], {**stamped, **values})
        return {**self._shown(entity, row, only=None if new else values), **ANSWER_TAIL}

    def _write_contact(self, row: Row | None, values: Row, sent: Row, locations: dict[str, Row]) -> Row:
        new = row is None
        row = contacts.put(self.site, row, values, explicit_date="modified_date" in sent)
        answered: Row = {}
        for name, location in locations.items():
            kept = contacts.put_joined_location(self.site, row, name, location)
            answered |= {f"{name}.{column}": kept.get(column) for column in location}
        custom: Row = {name: None for name in values if "." in name}
        cleared: Row = {name: None for name, value in values.items() if value is None}
        of_update = {} if new else {"contact_id": None}
        return {**cleared, **self._shown("Contact", row), **custom, **answered, **ANSWER_TAIL, **of_update}

    def _write_membership(self, row: Row | None, values: Row, sent: Row) -> Row:
        table = self.site.rows["Membership"]
        values = memberships.completed(self.site, row, values, sent)
        new = row is None
        if row is None:
            row = {"id": table.last_id + 1, "is_override": False, "is_test": False, "is_pay_later": False}
            table.put(row)
        table.patch(row["id"], values)
        memberships.propagate(self.site, row)
        custom: Row = {name: None for name in values if "." in name}
        shown = self._shown("Membership", row, only={"contact_id": 0, **values} if new else None)
        if new:
            compact = {name: shown[name].replace("-", "") for name in memberships.DATES if name in shown}
            shown |= {"end_date": "null"} | compact
        return {**shown, **custom, **ANSWER_TAIL, "version": None}

    def _write_relationship(self, row: Row | None, values: Row) -> Row:
        if row is not None:
            return self._write_plain("Relationship", row, values)
        twin = contacts.twin_of_relationship(self.site, values)
        if twin is not None:
            return {"duplicate_id": twin, "error_code": "duplicate", "id": twin}
        contacts.refuse_unfit_relationship(self.site, values)
        return {"start_date": "NULL", "end_date": "NULL", **self._write_plain("Relationship", None, values)}

    # -- values

    def _refuse_missing(self, values: Row) -> None:
        given = {field.name for field, value in self._raw_values(values) if value not in (None, "")}
        fields = self.site.schema.fields(base_entity(self.entity)).values()
        missing = [field.name for field in fields if field.required and field.name not in given and field.default is None]
        if missing:
            raise Refused(f"Mandatory values missing from Api4 {self.entity}::create: {', '.join(missing)}")

    def _raw_values(self, sent: Row) -> list[tuple[Field, Any]]:
        """The fields that exist for this user with their raw values: names and labels of options replaced."""
        fields = self.user.visible_fields(self.site, self.entity)
        pairs = []
        for key, value in sent.items():
            name, _, suffix = key.partition(":")
            field = fields.get(name)
            if field is not None and name != "id" and field.kind in ("Field", "Custom"):
                pairs.append((field, self._raw(field, suffix, value, sent) if suffix else value))
        return pairs

    def _raw(self, field: Field, suffix: str, value: Any, sent: Row) -> Any:
        options = self.site.options(field)
        if field.name == "state_province_id":
            country = {found.name: raw for found, raw in self._raw_values(_only_country(sent))}.get("country_id")
            options = [option for option in options if country is None or option.group == country]
        raw = {option.shown_as(suffix): option.value for option in options}
        if isinstance(value, list):
            return [raw[item] for item in value if item in raw]
        return raw.get(value) if isinstance(value, str | int | bool) else None

    def kept_values(self, sent: Row) -> Row:
        """What is sent as the columns keep it; what the user cannot see is left out."""
        return {field.name: self.site.kept(field, value) for field, value in self._raw_values(sent)}

    def _locations(self, sent: Row) -> dict[str, Row]:
        """What is sent for joined rows such as `email_primary`, by the name of the join."""
        found: dict[str, Row] = {}
        if base_entity(self.entity) == "Contact":
            for key, value in sent.items():
                name, _, column = key.partition(".")
                if column and name.partition("_")[0] in LOCATIONS and name.partition("_")[2] in ("primary", "billing"):
                    found.setdefault(name, {})[column] = value
        return {
            name: Writer(self.site, self.user, LOCATIONS[name.partition("_")[0]]).kept_values(values)
            for name, values in found.items()
        }

    def _refuse_dangling(self, entity: str, values: Row) -> None:
        fields = self.site.schema.fields(entity)
        for name, value in values.items():
            target = fields[name].points_to
            if target and not fields[name].multi and value is not None and value not in self.site.rows[target].rows:
                raise Refused("DB Error: constraint violation")

    def _defaults(self, entity: str) -> Row:
        fields = self.site.schema.fields(entity).values()
        return {field.name: field.default for field in fields if field.default is not None}

    def _shown(self, entity: str, row: Row, only: Row | None = None) -> Row:
        fields = self.site.schema.fields(entity)
        offset = self.site.clock.offset_seconds()
        return {
            name: shown_value(fields[name], value, offset)
            for name, value in row.items()
            if name in fields and not fields[name].is_custom and (only is None or name in only or name == "id")
        }


def _id_of(record: Row) -> int | None:
    given = record.get("id")
    return int(given) if given else None


def _only_country(sent: Row) -> Row:
    return {key: value for key, value in sent.items() if key.startswith("country_id")}

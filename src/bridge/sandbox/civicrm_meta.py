"""What the sandbox's CiviCRM tells about itself: getFields, getActions, checkAccess."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import CONTACT_TYPES, Field, base_entity
from bridge.sandbox.civicrm_site import Site, User
from bridge.sandbox.civicrm_values import Refused
from bridge.sandbox.civicrm_where import test_of

PLAIN_ACTIONS = ("checkAccess", "create", "delete", "get", "getActions", "getFields", "replace", "save", "update")
CONTACT_ACTIONS = ("getMergedFrom", "getMergedTo", "mergeDuplicates")
READ_ONLY_ENTITIES = ("RelationshipCache", "Entity")
_INPUT_TYPES = {"Boolean": "CheckBox", "Date": "Date", "Timestamp": "Date", "Integer": "Number"}


def actions_of(site: Site, entity: str) -> tuple[str, ...]:
    """The actions an entity has on this version of the site."""
    if entity in READ_ONLY_ENTITIES:
        return ("get", "getActions", "getFields")
    has_merges = base_entity(entity) == "Contact"
    merges = [name for name in CONTACT_ACTIONS if site.version >= (6,) or not name.startswith("get")]
    return tuple(sorted((*PLAIN_ACTIONS, *(merges if has_merges else ()))))


def get_actions(site: Site, user: User, entity: str, params: Mapping[str, Any]) -> list[Row]:
    """The actions of an entity that this user may run."""
    names = (name for name in actions_of(site, entity) if user.may(site, entity, name))
    rows: Iterable[Row] = ({"name": name, "description": None, "params": {}, "deprecated": None} for name in names)
    return _chosen(rows, params, site)


def check_access(site: Site, user: User, entity: str, params: Mapping[str, Any]) -> list[Row]:
    """Whether the user may run an action on one row."""
    values = params.get("values") or {}
    access = user.may(site, entity, str(params.get("action")))
    if base_entity(entity) == "Contact" and params.get("action") == "update":
        access = user.can("edit all contacts")
    return [{"access": access, **({"id": values["id"]} if "id" in values else {})}]


def get_fields(site: Site, user: User, entity: str, params: Mapping[str, Any]) -> list[Row]:
    """The fields of an entity that this user sees, each as CiviCRM describes one."""
    action = params.get("action", "get")
    kind = (params.get("values") or {}).get("contact_type", entity if entity in CONTACT_TYPES else None)
    rows = (
        _described(site, field, params.get("loadOptions", False))
        for field in user.visible_fields(site, entity).values()
        if _is_told(field, action, kind)
    )
    return _chosen(rows, params, site)


def _is_told(field: Field, action: str, contact_type: str | None) -> bool:
    if contact_type and field.contact_types and contact_type not in field.contact_types:
        return False
    return action == "get" or field.kind in ("Field", "Custom")


def _described(site: Site, field: Field, load_options: Any) -> Row:
    name = field.name.rpartition(".")[2]
    title = name.replace("_", " ").capitalize()
    with_options = bool(field.options)
    input_type = "Select" if with_options else "EntityRef" if field.points_to else _INPUT_TYPES.get(field.data_type, "Text")
    return {
        "default_value": field.default if isinstance(field.default, bool) else None,
        "type": field.kind,
        "entity": field.entity,
        "required": field.required,
        "nullable": field.nullable,
        "required_if": None,
        "permission": None,
        "readonly": field.read_only,
        "deprecated": False,
        "usage": ["import", "export", "duplicate_matching"],
        "name": field.name,
        "title": title,
        "description": None,
        "data_type": field.data_type,
        "serialize": 1 if field.multi and field.kind != "Filter" else None,
        "fk_entity": field.points_to or None,
        "fk_column": "id" if field.points_to else None,
        "dfk_entities": None,
        "options": _shown_options(site, field, load_options) if with_options else False,
        "suffixes": _suffixes(field) if with_options else None,
        "options_callback": None,
        "options_callback_params": [],
        "label": title,
        "input_type": input_type,
        "localizable": False,
        "input_attrs": _input_attributes(field),
        "help_pre": None,
        "help_post": None,
        "table_name": f"civicrm_{field.entity.lower()}",
        "column_name": name,
        "operators": None,
        "custom_field_id": None,
    }


def _input_attributes(field: Field) -> Row | list[Any]:
    attributes: Row = {"maxlength": field.max_length} if field.max_length else {}
    if field.multi:
        attributes["multiple"] = True
    return attributes or []  # PHP writes an empty array either way


def _suffixes(field: Field) -> list[str]:
    return ["name", "label", "abbr"] if field.options in ("@StateProvince", "@Country") else ["name", "label"]


def _shown_options(site: Site, field: Field, load_options: Any) -> Any:
    if not load_options:
        return True
    options = site.options(field)
    if load_options is True:
        return {str(option.value): option.label for option in options}
    return [{name: option.value if name == "id" else option.shown_as(name) for name in load_options} for option in options]


def _chosen(rows: Iterable[Row], params: Mapping[str, Any], site: Site) -> list[Row]:
    tests = [_test(clause, site) for clause in params.get("where") or ()]
    found = [row for row in rows if all(test(row) for test in tests)]
    limit, offset = int(params.get("limit") or 0), int(params.get("offset") or 0)
    select = [name for name in params.get("select") or () if name != "*"]
    page = found[offset : offset + limit] if limit else found[offset:]
    return [{name: row[name] for name in select if name in row} for row in page] if select else page


def _test(clause: list[Any], site: Site) -> Callable[[Row], bool]:
    if clause[0] in ("AND", "OR", "NOT"):
        inner = [_test(part, site) for part in clause[1]]
        if clause[0] == "OR":
            return lambda row: any(test(row) for test in inner)
        return lambda row: all(test(row) for test in inner) is (clause[0] == "AND")
    name, word, value = (*clause, None)[:3]
    if not isinstance(name, str):
        raise Refused("Illegal operator")
    field = Field("", name, "Boolean" if isinstance(value, bool) else "String")
    test = test_of(field, False, word, value, site.clock)
    return lambda row: test(row.get(name))

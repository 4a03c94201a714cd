"""What CiviCRM does by itself to contacts and what hangs on them: names, one primary each, employers, trash, merges."""

from typing import Any

from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import LOCATIONS, sub_type_fits
from bridge.sandbox.civicrm_site import Site, derived
from bridge.sandbox.civicrm_tables import USERS
from bridge.sandbox.civicrm_values import Refused

EMPLOYEE_OF = "Employee of"
MERGED, DELETED_BY_MERGE, COMPLETED = 51, 52, 2
MAIN_COLUMNS = {"Email": "email", "Phone": "phone"}
CHILDREN = (
    ("Membership", "contact_id"),
    ("Contribution", "contact_id"),
    ("Email", "contact_id"),
    ("Phone", "contact_id"),
    ("Address", "contact_id"),
    ("Relationship", "contact_id_a"),
    ("Relationship", "contact_id_b"),
    ("GroupContact", "contact_id"),
    ("EntityTag", "entity_id"),
)
# What differs by itself between two contacts and is no conflict when they are merged.
_NEVER_IN_CONFLICT = {
    *("id", "hash", "api_key", "created_date", "modified_date", "is_deleted", "display_name", "sort_name"),
    *("addressee_display", "email_greeting_display", "postal_greeting_display"),
}


def put(site: Site, row: Row | None, values: Row, *, explicit_date: bool = False) -> Row:
    """Write a contact, new when `row` is None, with everything that follows from it. Returns the kept row."""
    table = site.rows["Contact"]
    after = (row or {}) | values
    kind = after.setdefault("contact_type", _kind_of(after))
    for sub_type in values.get("contact_sub_type") or ():
        if not sub_type_fits(sub_type, kind):
            raise Refused("The Contact Sub Type does not match the Contact type for this record")
    _refuse_taken_identifier(site, row, values)
    moment = site.clock.utc_text()
    if row is None:
        row = {"id": table.last_id + 1, "contact_type": kind, "created_date": moment, "modified_date": moment}
        fields = site.schema.fields("Contact").values()
        row |= {field.name: field.default for field in fields if field.default is not None and not field.is_custom}
        table.put(row)
    employer_before, name_before = row.get("employer_id"), row.get("organization_name")
    changed = _changes(site, row, values)
    table.patch(row["id"], values)
    names = derived(row)
    table.patch(row["id"], {"display_name": None, "sort_name": None, **names})
    if changed and not explicit_date:
        table.patch(row["id"], {"modified_date": moment})
    if row.get("employer_id") != employer_before:
        _change_employer(site, row, employer_before)
    if row.get("organization_name") != name_before and kind == "Organization":
        for worker_id in table.ids_where("employer_id", row["id"]):
            table.patch(worker_id, {"organization_name": row.get("organization_name"), "modified_date": moment})
    return row


def _kind_of(values: Row) -> str:
    if values.get("household_name"):
        return "Household"
    return "Organization" if values.get("organization_name") and not values.get("first_name") else "Individual"


def _refuse_taken_identifier(site: Site, row: Row | None, values: Row) -> None:
    identifier = values.get("external_identifier")
    holders = site.rows["Contact"].ids_where("external_identifier", identifier) if identifier else []
    if any(row is None or holder != row["id"] for holder in holders):
        raise Refused("DB Error: already exists")


def _changes(site: Site, row: Row, values: Row) -> bool:
    """Whether CiviCRM moves modified_date: a core value that differs, or any write to a custom group with triggers."""
    for name, value in values.items():
        if "." in name:
            if site.custom_triggers:
                return True
        elif row.get(name) != value and not (name == "is_deleted" and site.version < (6,)):
            return True
    return False


def touch(site: Site, contact_id: int | None) -> None:
    """Move a contact's modified_date to now."""
    if site.rows.get("Contact", contact_id) is not None and contact_id is not None:
        site.rows["Contact"].patch(contact_id, {"modified_date": site.clock.utc_text()})


def _change_employer(site: Site, worker: Row, before: int | None) -> None:
    contacts, relationships = site.rows["Contact"], site.rows["Relationship"]
    employee_of = next(row["id"] for row in site.rows["RelationshipType"].rows.values() if row["name_a_b"] == EMPLOYEE_OF)
    today = site.clock.now().date().isoformat()
    for row in relationships.rows_where("contact_id_a", worker["id"]):
        if row["contact_id_b"] == before and row["relationship_type_id"] == employee_of:
            relationships.patch(row["id"], {"is_active": False, "end_date": today})
    employer = site.rows.get("Contact", worker.get("employer_id"))
    contacts.patch(worker["id"], {"organization_name": (employer or {}).get("organization_name")})
    if employer is None:
        return
    values = {"contact_id_a": worker["id"], "contact_id_b": employer["id"], "relationship_type_id": employee_of}
    twin = twin_of_relationship(site, values)
    if twin is None:
        relationships.put({"id": relationships.last_id + 1, "is_active": True, "start_date": today, **values})
    else:
        relationships.patch(twin, {"is_active": True, "end_date": None})


def twin_of_relationship(site: Site, values: Row) -> int | None:
    """The id of the relationship that already says the same, or None."""
    same = ("contact_id_b", "relationship_type_id")
    rows = site.rows["Relationship"].rows_where("contact_id_a", values.get("contact_id_a"))
    return next((row["id"] for row in rows if all(row.get(name) == values.get(name) for name in same)), None)


def refuse_unfit_relationship(site: Site, values: Row) -> None:
    """Refuse a relationship whose contacts are not of the types it is for."""
    kind = site.rows["RelationshipType"].rows[values["relationship_type_id"]]
    for side in ("a", "b"):
        wanted = kind.get(f"contact_type_{side}")
        if wanted and site.rows["Contact"].rows[values[f"contact_id_{side}"]]["contact_type"] != wanted:
            raise Refused("Invalid Relationship")


# -- emails, phones, addresses


def put_location(site: Site, entity: str, row: Row | None, values: Row) -> Row:
    """Write an email, phone or address, new when `row` is None; each contact keeps exactly one primary."""
    table = site.rows[entity]
    if row is None:
        fields = site.schema.fields(entity).values()
        row = {field.name: field.default for field in fields if field.default is not None}
        row |= {"id": table.last_id + 1}
        table.put(row)
    if entity == "Email" and isinstance(values.get("email"), str):
        values["email"] = values["email"].lower()
    if entity == "Phone" and "phone" in values:
        values["phone_numeric"] = "".join(filter(str.isdigit, values["phone"] or "")) or None
    state = site.rows.get("StateProvince", values.get("state_province_id"))
    if state is not None and "country_id" not in values:
        values["country_id"] = state["country_id"]
    table.patch(row["id"], values)
    contact_id = row.get("contact_id")
    if contact_id is not None:
        _keep_one_primary(site, entity, contact_id, row["id"] if row.get("is_primary") else None)
        touch(site, contact_id)
    return row


def _keep_one_primary(site: Site, entity: str, contact_id: int, chosen: int | None) -> None:
    table = site.rows[entity]
    rows = table.rows_where("contact_id", contact_id)
    if chosen is None:
        chosen = next((row["id"] for row in rows if row.get("is_primary")), min((row["id"] for row in rows), default=None))
    for row in rows:
        if bool(row.get("is_primary")) != (row["id"] == chosen):
            table.patch(row["id"], {"is_primary": row["id"] == chosen})


def remove_location(site: Site, entity: str, row_id: int) -> None:
    """Delete an email, phone or address; another becomes the primary one."""
    contact_id = site.rows[entity].rows[row_id].get("contact_id")
    site.rows[entity].remove(row_id)
    if contact_id is not None:
        _keep_one_primary(site, entity, contact_id, None)
        touch(site, contact_id)


def put_joined_location(site: Site, contact: Row, name: str, values: Row) -> Row:
    """Write through a join such as `email_primary`: in place, or new; clearing an email or phone deletes its row."""
    word, _, flag = name.partition("_")
    entity, flag = LOCATIONS[word], f"is_{flag}"
    row = next((row for row in site.rows[entity].rows_where("contact_id", contact["id"]) if row.get(flag)), None)
    main = MAIN_COLUMNS.get(entity, "")
    if main in values and values[main] is None:
        if row is not None:
            remove_location(site, entity, row["id"])
        return {}
    if row is None and not any(value is not None for value in values.values()):
        return {}
    return put_location(site, entity, row, {"contact_id": contact["id"], flag: True, **values})


# -- trash and merge


def delete(site: Site, contact_id: int, *, to_trash: bool = True) -> None:
    """Move a contact to the trash, or delete it for good with all that hangs on it."""
    has_money = site.rows["Contribution"].ids_where("contact_id", contact_id)
    protected = {1, *(number for number, _ in USERS.values())}
    if contact_id in protected or (has_money and not to_trash):
        raise Refused(f"Could not delete Contact id {contact_id}")
    if to_trash:
        put(site, site.rows["Contact"].rows[contact_id], {"is_deleted": True})
        return
    for entity, column in CHILDREN:
        for row_id in site.rows[entity].ids_where(column, contact_id):
            site.rows[entity].remove(row_id)
    site.rows["Contact"].remove(contact_id)


def merge(site: Site, keep_id: int, lose_id: int, mode: str) -> Row:
    """Merge one contact into another; safe mode skips a pair whose values differ. Answers as mergeDuplicates does."""
    contacts = site.rows["Contact"]
    keep, lose = contacts.rows[keep_id], contacts.rows[lose_id]
    pair = {"main_id": keep_id, "other_id": lose_id}
    names = [name for name in lose if name not in _NEVER_IN_CONFLICT]
    if mode == "safe" and any(name in keep and keep[name] != lose[name] for name in names):
        return {"merged": [], "skipped": [pair]}
    moved = {name: lose[name] for name in names if name not in keep}
    if "external_identifier" in moved:
        contacts.patch(lose_id, {"external_identifier": None})
    put(site, keep, moved)
    for entity, column in CHILDREN:
        for row_id in site.rows[entity].ids_where(column, lose_id):
            cleared = {"is_primary": False} if entity in LOCATIONS.values() else {}
            site.rows[entity].patch(row_id, {column: keep_id, **cleared})
    for entity in LOCATIONS.values():
        _keep_one_primary(site, entity, keep_id, None)
    for worker_id in contacts.ids_where("employer_id", lose_id):
        contacts.patch(worker_id, {"employer_id": keep_id})
    put(site, lose, {"is_deleted": True})
    touch(site, keep_id)
    _file_merge(site, keep_id, lose_id)
    return {"merged": [pair], "skipped": []}


def _file_merge(site: Site, keep_id: int, lose_id: int) -> None:
    table = site.rows["Activity"]
    common = {
        "activity_date_time": site.clock.now().strftime("%Y-%m-%d %H:%M:%S"),
        "created_date": site.clock.utc_text(),
        "status_id": COMPLETED,
        "source_contact_id": keep_id,
    }
    parent = table.last_id + 1
    subject = f"Contact ID {lose_id} has been merged and deleted."
    table.put({"id": parent, "activity_type_id": MERGED, "subject": subject, "target_contact_id": [keep_id], **common})
    subject = f"Contact ID {lose_id} has been merged into Contact ID {keep_id} and deleted."
    loser = {"activity_type_id": DELETED_BY_MERGE, "subject": subject, "target_contact_id": [lose_id]}
    table.put({"id": parent + 1, "parent_id": parent, **loser, **common})


def merged_to(site: Site, contact_id: int) -> int | None:
    """The contact this one was merged into, followed to the end, or None."""
    activities = site.rows["Activity"].rows
    target, seen = contact_id, {contact_id}
    while True:
        trail: list[Any] = [
            activities[row["parent_id"]]["target_contact_id"][0]
            for row in activities.values()
            if row["activity_type_id"] == DELETED_BY_MERGE and row.get("target_contact_id") == [target]
        ]
        if not trail or trail[-1] in seen:
            return target if target != contact_id else None
        target = trail[-1]
        seen.add(target)


def merged_from(site: Site, contact_id: int) -> list[int]:
    """The contacts merged into this one, directly or by way of others."""
    losers = {
        row["target_contact_id"][0]
        for row in site.rows["Activity"].rows.values()
        if row["activity_type_id"] == DELETED_BY_MERGE and row.get("target_contact_id")
    }
    return sorted(loser for loser in losers if merged_to(site, loser) == contact_id)

"""A second mapping over the same base: people, each with a reference to a co-op of the first one.

Created after their co-op, linked to whichever group their employer is linked to; the newer of two edits of their job counts.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bridge.config.mappings import load
from bridge.core.mapping import Mapping
from bridge.core.record import Json, Side
from bridge.sandbox.airtable import Airtable, Column
from bridge.sandbox.civicrm import ADMIN, CiviCRM

if TYPE_CHECKING:
    from service.engine import Engine

TABLE = "People"
FIRST, COUNT = 40, 4

YAML = """\
mapping: people
title: {en: People}
mode: correct
civicrm: {entity: Individual, where: [[contact_sub_type, CONTAINS, Worker]]}
airtable: {base: benefits, table: People}
match:
  - exact: {civicrm: external_identifier, airtable: Civi ID}
fields:
  name: {civicrm: first_name, airtable: First name, type: text, authority: civicrm}
  job: {civicrm: job_title, airtable: Job, type: text, authority: either, on_conflict: newest}
  group: {civicrm: employer_id, airtable: Group, type: reference, to: groups, authority: civicrm}
unmatched: {civicrm: create, airtable: report}
guard: {updates: {count: 20}, creates: {count: 3}, clears: {count: 1}, shrink: 40%}
"""


@cache
def mapping(groups: str) -> Mapping:
    """The mapping of people, read beside that of the groups it refers to."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "groups.yaml").write_text(groups)
        (Path(folder) / "people.yaml").write_text(YAML)
        return next(each for each in load(Path(folder)) if each.name == "people")


def come_to(site: CiviCRM, first_coop: int, coops: int) -> None:
    """People work in the last co-ops; the last of those is not in Airtable yet."""
    site.load(
        "Contact",
        [
            {
                "id": id_,
                "contact_type": "Individual",
                "contact_sub_type": ["Worker"],
                "first_name": f"Person {id_}",
                "external_identifier": f"P{id_}",
                "job_title": "Baker",
                "employer_id": first_coop + coops - 1 - (id_ - FIRST) % coops,
            }
            for id_ in range(FIRST, FIRST + COUNT)
        ],
    )


def are_listed_in(made: Airtable, base: str) -> None:
    """Two of them stand in Airtable, not yet linked to a group."""
    columns = [
        Column("First name"),
        Column("Civi ID"),
        Column("Job"),
        Column("Group", "multipleRecordLinks", {"linkedTableId": "Groups"}, inverse="People"),
        Column("Edited", "lastModifiedTime"),
    ]
    made.add_table(base, TABLE, columns)
    for id_ in range(FIRST, FIRST + 2):
        row = {"First name": f"Person {id_}", "Civi ID": f"P{id_}", "Job": "Baker"}
        made.create(base, TABLE, row, f"recPerson{id_:08}")


def contacts(engine: "Engine") -> dict[str, dict[str, Json]]:
    """The people in CiviCRM, without those in the trash."""
    asked = {"select": ["id", "first_name", "job_title", "employer_id"], "where": [["contact_type", "=", "Individual"]]}
    with engine.civicrm._lock:
        rows = engine.civicrm.call(ADMIN, "Contact", "get", asked | {"checkPermissions": False})["values"]
    return {str(row["id"]): dict(row) for row in rows if row["id"] >= FIRST}


def check_rest(engine: "Engine", base: str, people: Mapping, groups: Mapping) -> None:
    """Nobody stands twice, and whatever differs is told."""
    known = engine.store.knowledge.load(people)
    assert not engine.store.journal.open("people"), "the journal of people has open entries"
    rows, there = engine.airtable.rows(base, TABLE), contacts(engine)
    keys = [row["Civi ID"] for row in rows.values()]
    assert len(set(keys)) == len(keys), f"a person was made twice: {sorted(keys)}"
    entries = [each for each in engine.store.ledger.list(mapping="people") if each.state != "resolved"]
    told = {(each.discrepancy.ids[side], each.discrepancy.field) for side in Side for each in entries}
    refused = {each.discrepancy.ids.airtable for each in entries if each.discrepancy.code in (401, 405)}
    partners = {link.civicrm: link.airtable for link in engine.store.knowledge.load(groups).links}
    for link in known.links:
        contact, row = there[link.civicrm], rows[link.airtable]
        employer = partners.get(str(contact["employer_id"]))
        for name, here, found in [
            ("name", _text(contact["first_name"]), _text(row.get("First name"))),
            ("job", _text(contact["job_title"]), _text(row.get("Job"))),
            ("group", [employer] if employer else None, row.get("Group") or None),
        ]:
            is_told = link.airtable in refused or any((link[side], name) in told for side in Side)
            assert here == found or is_told, f"{name} of {link} differs ({here!r}, {found!r}) and nobody was told"


def _text(value: Any) -> str:
    return " ".join(str(value or "").split())

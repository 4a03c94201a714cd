"""A day at the office: what staff do to the two systems between one sync and the next, of every kind once or a few times."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from bridge.sandbox.federation_airtable import BASE

if TYPE_CHECKING:
    from bridge.sandbox import Sandbox

_GROUPS = "Groups"


@dataclass(frozen=True, slots=True)
class _Pair:
    contact: int
    record: str
    group: dict[str, Any]


def work_a_day(box: "Sandbox") -> list[str]:
    """Edit both systems as staff would; one sentence for each kind of edit."""
    pairs = _undisturbed(box)
    return [
        _members_renew(box, list(islice(pairs, 6))),
        _phones_change(box, list(islice(pairs, 4))),
        _enrolment_moves(box, list(islice(pairs, 5))),
        _wrong_side(box, list(islice(pairs, 2))),
        _both_at_once(box, list(islice(pairs, 2))),
        _blanked(box, list(islice(pairs, 1))),
    ]


def _undisturbed(box: "Sandbox") -> Iterator[_Pair]:
    """Co-ops that the seed planted nothing in, in a fixed order."""
    planted = box.federation.truth.values()
    contacts = {each.civicrm for kind in planted for each in kind}
    records = {each.airtable for kind in planted for each in kind}
    by_key = {row.get("external_identifier"): number for number, row in box.civicrm.contacts.items()}
    for record, group in sorted(box.airtable.rows(BASE, _GROUPS).items()):
        contact = by_key.get(group.get("Civi ID"))
        if contact is not None and group.get("Status") and not {str(contact), contact} & contacts and record not in records:
            yield _Pair(contact, record, group)


def _members_renew(box: "Sandbox", pairs: list[_Pair]) -> str:
    renewed = 0
    for pair in pairs:
        for row in box.civicrm.site.rows["Membership"].rows_where("contact_id", pair.contact)[-1:]:
            box.civicrm.staff_update("Membership", row["id"], {"end_date": "2028-03-31", "status_id": row["status_id"]})
            renewed += 1
    return f"In CiviCRM {renewed} memberships are renewed."


def _phones_change(box: "Sandbox", pairs: list[_Pair]) -> str:
    for number, pair in enumerate(pairs):
        box.airtable.edit(BASE, _GROUPS, pair.record, {"Phone": f"(413) 555-01{60 + number}"})
    return f"In Airtable {len(pairs)} telephone numbers are corrected."


def _enrolment_moves(box: "Sandbox", pairs: list[_Pair]) -> str:
    for pair in pairs:
        status = "Terminated" if pair.group["Status"] == "Enrolled" else "Enrolled"
        box.airtable.edit(BASE, _GROUPS, pair.record, {"Status": status, "Effective date": "2027-01-01"})
    return f"In Airtable {len(pairs)} co-ops enrol or leave."


def _wrong_side(box: "Sandbox", pairs: list[_Pair]) -> str:
    for pair in pairs:
        box.airtable.edit(BASE, _GROUPS, pair.record, {"Membership ends": "2030-12-31"})
    return f"In Airtable somebody types over {len(pairs)} membership dates, which CiviCRM owns."


def _both_at_once(box: "Sandbox", pairs: list[_Pair]) -> str:
    for pair in pairs:
        box.airtable.edit(BASE, _GROUPS, pair.record, {"Contact email": f"office{pair.contact}@mail.example"})
        box.civicrm.staff_update("Contact", pair.contact, {"email_primary.email": f"hola{pair.contact}@mail.example"})
    return f"The e-mail of {len(pairs)} co-ops is changed in both systems, differently."


def _blanked(box: "Sandbox", pairs: list[_Pair]) -> str:
    for pair in pairs:
        box.airtable.edit(BASE, _GROUPS, pair.record, {"Phone": None})
    return "In Airtable one telephone number is deleted."

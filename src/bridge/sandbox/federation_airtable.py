"""The seeded federation as staff keep it in Airtable: the same facts, written as people write them."""

import random
from collections.abc import Mapping
from typing import Any, Final

from bridge.sandbox import federation_words as words
from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation_facts import PREMIUMS, Coop, Worker
from bridge.sandbox.ground import Ground

BASE: Final = "appFederation0001"
Fields = dict[str, Any]

STATUSES: Final = {
    "prospect": "Prospect",
    "enrolling": "Enrolling",
    "enrolled": "Enrolled",
    "terminated": "Terminated",
}
PLANS: Final = {"dental_basic": "Dental Basic", "dental_plus": "Dental Plus", "vision": "Vision"}
COVERAGE: Final = {"active": "Active", "pending": "Pending", "waived": "Waived", "terminated": "Terminated"}
LANGUAGES: Final = {"en_US": "English", "es_MX": "Spanish"}
MEMBERSHIP: Final = {
    "New": "Active",
    "Current": "Active",
    "Grace": "Grace",
    "Pending": "In process",
    "Expired": "Lapsed",
    "Cancelled": "Lapsed",
}
UNMAPPED_STATUS: Final = "On hold"
UNMAPPED_COVERAGE: Final = "COBRA"


def _select(*names: str) -> dict[str, Any]:
    return {"choices": list(dict.fromkeys(names))}


TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "Groups": (
        Column("Group name"),
        Column("Civi ID"),
        Column("Contact email", "email"),
        Column("Phone", "phoneNumber"),
        Column("State"),
        Column("Status", "singleSelect", _select(*STATUSES.values(), UNMAPPED_STATUS)),
        Column("Plans", "multipleSelects", _select(*PLANS.values())),
        Column("Effective date", "date"),
        Column("Membership status", "singleSelect", _select(*MEMBERSHIP.values())),
        Column("Membership ends", "date"),
        Column("Enrolled workers", "number"),
        Column("Invoiced workers", "number"),
        Column("Monthly premium", "currency"),
        Column("Archived", "checkbox"),
        Column("Notes", "multilineText"),
    ),
    "Enrollees": (
        Column("Name"),
        Column("Civi ID"),
        Column("First name"),
        Column("Last name"),
        Column("Email", "email"),
        Column("Phone", "phoneNumber"),
        Column("Birth date", "date"),
        Column("Group", "multipleRecordLinks", {"linkedTableId": "Groups"}, inverse="Enrollees"),
        Column("Group status", "multipleLookupValues", {"recordLinkFieldId": "Group", "fieldIdInLinkedTable": "Status"}),
        Column("Coverage status", "singleSelect", _select(*COVERAGE.values(), UNMAPPED_COVERAGE)),
        Column("Plan", "singleSelect", _select(*PLANS.values())),
        Column("Start date", "date"),
        Column("End date", "date"),
        Column("Member number"),
        Column("Monthly premium", "currency"),
        Column("Language", "singleSelect", _select(*LANGUAGES.values())),
        Column("Archived", "checkbox"),
    ),
    "Discrepancies": (
        Column("Fingerprint"),
        Column("Name"),
        Column("Code", "number"),
        Column("Rule"),
        Column("Severity", "singleSelect", _select("low", "medium", "high")),
        Column("State", "singleSelect", _select("open", "snoozed", "accepted", "resolved")),
        Column("Text", "multilineText"),
        Column("Opened", "dateTime"),
        Column("Assignee"),
        Column("Snooze until", "date"),
        Column("Note", "multilineText"),
        Column("Record link", "url"),
        Column("On the page", "url"),
        Column("What to do", "multilineText"),
        Column("Mapping"),
        Column("More about this kind", "url"),
        Column("Edited", "lastModifiedTime"),
        Column("Edited by", "lastModifiedBy"),
    ),
}


BENEFITS: Final = Ground(alias="benefits", base=BASE, title="Benefits", tables=TABLES)


def group_row(rng: random.Random, coop: Coop) -> Fields:
    """The co-op as a row of `Groups`: equal to the facts, but for the way it is written."""
    picked = coop.picked
    covered = [each.coverage for each in coop.covered if each.coverage]
    return {
        "Group name": words.text_as_written(rng, coop.name),
        "Civi ID": coop.key,
        "Contact email": words.email_as_written(rng, coop.email),
        "Phone": words.phone_as_written(rng, coop.phone),
        "State": coop.state,
        "Status": STATUSES[coop.status],
        "Plans": [PLANS[each] for each in rng.sample(coop.plans, len(coop.plans))],
        "Effective date": coop.effective.isoformat(),
        "Membership status": MEMBERSHIP[picked.status] if picked else None,
        "Membership ends": picked.end.isoformat() if picked else None,
        "Enrolled workers": len(covered),
        "Invoiced workers": len(covered),
        "Monthly premium": round(sum(PREMIUMS[each.plan] for each in covered), 2),
        "Notes": rng.choice((None, None, None, "Call after 3 pm.", "Prefiere llamadas en español.\nPregunte por Lupe.")),
    }


def enrollee_row(rng: random.Random, worker: Worker, group: str | None) -> Fields:
    """The covered worker as a row of `Enrollees`, linked to the record of the co-op."""
    coverage = worker.coverage
    if coverage is None:
        raise ValueError(f"{worker.key} has no coverage")
    return {
        "Name": f"{worker.first} {worker.last}",
        "Civi ID": worker.key,
        "First name": words.text_as_written(rng, worker.first),
        "Last name": words.text_as_written(rng, worker.last),
        "Email": words.email_as_written(rng, worker.email),
        "Phone": words.phone_as_written(rng, worker.phone),
        "Birth date": worker.birth.isoformat(),
        "Group": [group] if group else [],
        "Coverage status": COVERAGE[coverage.status],
        "Plan": PLANS[coverage.plan],
        "Start date": coverage.start.isoformat(),
        "End date": coverage.end.isoformat() if coverage.end else None,
        "Member number": coverage.member_number,
        "Monthly premium": PREMIUMS[coverage.plan],
        "Language": LANGUAGES[worker.language],
    }

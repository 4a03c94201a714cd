"""The seeded federation as the rows of a CiviCRM site."""

import datetime as dt
import random
from collections import Counter, defaultdict
from typing import Any

from bridge.sandbox import federation_words as words
from bridge.sandbox.civicrm_tables import ROWS
from bridge.sandbox.federation_facts import PREMIUMS, Coop, Membership, Worker

Row = dict[str, Any]
LAST_CONTACT_OF_A_NEW_SITE = 100  # the site's own users come first
STATUS_IDS = {each["name"]: each["id"] for each in ROWS["MembershipStatus"]}
UNITED_STATES = 1228
STATE_IDS = {row["abbreviation"]: row["id"] for row in ROWS["StateProvince"] if row["country_id"] == UNITED_STATES}
_EMPLOYEE_OF, _WORKER_COOP, _INHERITABLE, _MEMBER_DUES = 5, 1, 5, 2
_COMPLETED, _PENDING = 1, 2
_MERGED, _DELETED_BY_MERGE = 51, 52
_UNSET = {"do_not_email": False, "do_not_phone": False, "do_not_mail": False, "do_not_sms": False, "do_not_trade": False}
CONTACT = {**_UNSET, "is_opt_out": False, "is_deceased": False, "is_deleted": False}


class CivicrmRows:
    """Rows by entity, each with an id of its own, as a site's `load` takes them."""

    def __init__(self, rng: random.Random, today: dt.date) -> None:
        self.rows: defaultdict[str, list[Row]] = defaultdict(list)
        self._last = Counter({"Contact": LAST_CONTACT_OF_A_NEW_SITE})
        self._rng = rng
        self._today = today
        self._federation = self._contact(contact_type="Organization", organization_name="Federation Network")

    def add(self, entity: str, **values: Any) -> Row:
        """A new row."""
        self._last[entity] += 1
        row = {"id": self._last[entity], **values}
        self.rows[entity].append(row)
        return row

    def _contact(self, **values: Any) -> Row:
        return self.add("Contact", **CONTACT, **values)

    def add_coop(self, coop: Coop) -> Row:
        """The organisation with its address, e-mail, phone, memberships and dues."""
        contact = self._contact(
            contact_type="Organization",
            contact_sub_type=["Worker_Cooperative"],
            external_identifier=coop.key,
            organization_name=coop.name.replace("&", self._rng.choice(("&", "&amp;"))),
        )
        contact |= {
            "Benefits.Status": coop.status,
            "Benefits.Plans": list(coop.plans),
            "Benefits.Effective_Date": coop.effective.isoformat(),
        }
        self._add_ways(contact, coop.email, coop.phone, location=3)
        self.add_address(contact, coop)
        for each in coop.memberships:
            self._add_membership(contact, each)
        self._add_dues(contact, coop)
        return contact

    def add_address(self, contact: Row, coop: Coop) -> None:
        """Where the co-op is."""
        self.add(
            "Address",
            contact_id=contact["id"],
            location_type_id=3,
            is_primary=True,
            is_billing=False,
            street_address=coop.street,
            city=coop.city,
            state_province_id=STATE_IDS[coop.state],
            postal_code=coop.postal_code,
            country_id=UNITED_STATES,
        )

    def _add_ways(self, contact: Row, email: str, phone: str, location: int) -> None:
        common = {"contact_id": contact["id"], "location_type_id": location, "is_primary": True, "is_billing": False}
        self.add("Email", **common, email=email, on_hold=0, is_bulkmail=False)
        written = words.phone_as_written(self._rng, phone)
        self.add("Phone", **common, phone=written, phone_numeric=_digits(written), phone_type_id=1)

    def _add_membership(self, contact: Row, membership: Membership) -> None:
        owner = self._owner(membership) if membership.inherited else None
        self.add(
            "Membership",
            contact_id=contact["id"],
            membership_type_id=_INHERITABLE if membership.inherited else _WORKER_COOP,
            owner_membership_id=owner,
            **_dates_of(membership),
        )

    def _owner(self, membership: Membership) -> int:
        dates = _dates_of(membership)
        owner = self.add("Membership", contact_id=self._federation["id"], membership_type_id=_INHERITABLE, **dates)
        return int(owner["id"])

    def _add_dues(self, contact: Row, coop: Coop) -> None:
        paid = [each.start for each in coop.memberships if each.status not in ("Pending", "Cancelled")]
        payments = [(start, 250, _COMPLETED) for start in paid]
        if coop.dues_open:
            payments.append((self._today - dt.timedelta(days=self._rng.randint(45, 200)), coop.dues_open, _PENDING))
        for day, amount, status in payments:
            self.add(
                "Contribution",
                contact_id=contact["id"],
                financial_type_id=_MEMBER_DUES,
                total_amount=amount,
                fee_amount=0,
                net_amount=amount,
                currency="USD",
                receive_date=f"{day} 12:00:00",
                contribution_status_id=status,
                payment_instrument_id=4,
                is_test=False,
                is_pay_later=status == _PENDING,
                is_template=False,
            )

    def add_worker(self, worker: Worker, employer: Row) -> Row:
        """The person with e-mail, phone, enrolment and, if still there, the employment."""
        contact = self._contact(
            contact_type="Individual",
            contact_sub_type=["Worker"],
            external_identifier=worker.key,
            first_name=worker.first,
            last_name=worker.last,
            birth_date=worker.birth.isoformat(),
            preferred_language=worker.language,
        )
        self._add_ways(contact, worker.email, worker.phone, location=1)
        common = {"contact_id_a": contact["id"], "contact_id_b": employer["id"], "relationship_type_id": _EMPLOYEE_OF}
        self.add("Relationship", **common, is_active=worker.employed, is_permission_a_b=0, is_permission_b_a=0)
        if worker.employed:
            contact |= {"employer_id": employer["id"], "organization_name": employer["organization_name"]}
        if worker.coverage:
            contact |= {
                "Enrollment.Coverage_Status": worker.coverage.status,
                "Enrollment.Plan": worker.coverage.plan,
                "Enrollment.Start_Date": worker.coverage.start.isoformat(),
                "Enrollment.End_Date": worker.coverage.end.isoformat() if worker.coverage.end else None,
                "Enrollment.Member_Number": worker.coverage.member_number,
                "Enrollment.Monthly_Premium": PREMIUMS[worker.coverage.plan],
            }
        return contact

    def add_merged(self, winner: Row, key: str) -> Row:
        """A contact that was merged into `winner`: trashed, with a key of its own and the trail CiviCRM leaves."""
        kept = {name: value for name, value in winner.items() if name not in ("id", "external_identifier")}
        loser = self.add("Contact", **{**kept, "is_deleted": True, "external_identifier": key})
        common = {"source_contact_id": winner["id"], "status_id": 2, "activity_date_time": f"{self._today} 09:00:00"}
        subject = f"Contact ID {loser['id']} has been merged and deleted."
        merged = {"activity_type_id": _MERGED, "target_contact_id": [winner["id"]]}
        parent = self.add("Activity", **merged, **common, subject=subject)
        subject = f"Contact ID {loser['id']} has been merged into Contact ID {winner['id']} and deleted."
        deleted = {"activity_type_id": _DELETED_BY_MERGE, "target_contact_id": [loser["id"]]}
        self.add("Activity", **deleted, **common, subject=subject, parent_id=parent["id"])
        return loser

    def drop_email(self, contact: Row) -> None:
        """Takes the contact's e-mail away."""
        self.rows["Email"] = [row for row in self.rows["Email"] if row["contact_id"] != contact["id"]]


def _dates_of(membership: Membership) -> Row:
    return {
        "join_date": membership.start.isoformat(),
        "start_date": membership.start.isoformat(),
        "end_date": membership.end.isoformat(),
        "status_id": STATUS_IDS[membership.status],
        "is_override": membership.override,
        "is_test": False,
        "is_pay_later": False,
    }


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())

"""Member co-ops, whom to call there, and the call list of a phone bank that is half through."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation import Federation
from bridge.sandbox.ground import CustomGroup, Ground
from bridge.sandbox.ready.filler import Filler

_NAME = "open-enrollment"
_OUTCOMES = {
    "reached": "Reached, will decide",
    "enrolls": "Wants to enroll",
    "renews": "Renews as it is",
    "declined": "Declined",
    "message": "Left a message",
    "wrong_number": "Wrong number",
}
_STANDING = {"New": "Active", "Current": "Active", "Grace": "Grace"}
_BENEFITS = {"prospect": "Prospect", "enrolling": "Enrolling", "enrolled": "Enrolled", "terminated": "Terminated"}
_LANGUAGES = {"en_US": "English", "es_MX": "Spanish"}
_CONTACT_FOR, _CONTACT_IS = "Benefits contact for", "Benefits contact is"
_CALL, _COMPLETED, _STAFF = 2, 2, 2

GROUND: Final = Ground(
    alias="phonebank",
    base="appOpenEnroll0001",
    title="Phone bank",
    channels=("#phone-bank",),
    custom=(
        CustomGroup(
            "Enrollment_Call",
            "Enrollment call",
            "Activity",
            """
            Outcome String 255 #enrollment_call_outcome
            Called_On Date
            """,
            {"enrollment_call_outcome": tuple((key, key, label) for key, label in _OUTCOMES.items())},
        ),
    ),
    options={"relation": ((_CONTACT_FOR, _CONTACT_FOR, _CONTACT_FOR), (_CONTACT_IS, _CONTACT_IS, _CONTACT_IS))},
    tables={
        "Call list": (
            Column("Co-op"),
            Column("CiviCRM number"),
            Column("Ask for"),
            Column("Phone", "phoneNumber"),
            Column("Language", "singleSelect", {"choices": [*_LANGUAGES.values()]}),
            Column("Membership", "singleSelect", {"choices": ["Active", "Grace", "In process", "Lapsed"]}),
            Column("Membership ends", "date"),
            Column("Benefits", "singleSelect", {"choices": [*_BENEFITS.values()]}),
            Column("Caller", "singleSelect", {"choices": ["Ana", "Lupe", "Marcus"]}),
            Column("Outcome", "singleSelect", {"choices": [*_OUTCOMES.values()]}),
            Column("Called on", "date"),
            Column("Notes", "multilineText"),
            Column("Call again on", "date"),
        )
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coop:
    """A member; `ask` is whom to call, none where nobody is named. `row` are the callers' own cells, None: not listed yet."""

    name: str
    ask: str = ""
    phone: str = ""
    language: str = "en_US"
    status: str = "Current"
    ends: int = 150
    benefits: str = "enrolled"
    row: dict[str, Any] | None = field(default_factory=dict)
    called: str = ""
    """The outcome that CiviCRM has already."""
    told: tuple[str, ...] = ()


def _coops(into: Filler) -> tuple[_Coop, ...]:
    last_week, tomorrow = into.day(-9), into.day(1)
    wants = {"Outcome": "Wants to enroll", "Caller": "Lupe"}
    return (
        # Not on the list yet: bridge puts them there.
        _Coop(
            name="Amanecer Cocina", ask="Rosa Medina", phone="(512) 555-0104", language="es_MX", benefits="prospect", row=None
        ),
        _Coop(name="Cedar Grove Home Care", ask="Joy Okafor", phone="718-555-0119", ends=40, row=None),
        _Coop(name="Raíces Landscaping", ask="Raúl Núñez", phone="505.555.0133", language="es_MX", row=None),
        # On the list, not called yet.
        _Coop(name="Arroyo Bakery", ask="Grace Kim", phone="413-555-0188"),
        _Coop(name="North Star Grocery", told=("nobody-to-call",)),
        # Called: the outcome is to stand in CiviCRM.
        _Coop(
            name="Blue Heron Printing",
            ask="Marcus Bell",
            phone="215-555-0111",
            row={
                "Outcome": "Renews as it is",
                "Called on": into.day(-1),
                "Notes": "Same plans as now.",
                "Caller": "Ana",
            },
        ),
        _Coop(
            name="Mano a Mano Cleaning",
            ask="Lucía Torres",
            phone="713-555-0145",
            language="es_MX",
            benefits="prospect",
            row={**wants, "Called on": into.day(-2)},
        ),
        _Coop(
            name="Nopal Catering",
            ask="Itzel Peña",
            phone="619-555-0102",
            row={"Outcome": "Wrong number", "Called on": into.day(-1), "Caller": "Lupe"},
            told=("wrong-number",),
        ),
        # Called before, and CiviCRM knows; a message was left and it is time to call again.
        _Coop(
            name="Stone Bridge Carpentry",
            ask="Walter Reed",
            phone="802-555-0170",
            called="message",
            row={"Outcome": "Left a message", "Called on": last_week, "Call again on": into.day(-2), "Caller": "Marcus"},
            told=("call-again",),
        ),
        _Coop(
            name="Third Coast Bike Works",
            ask="Omar Ali",
            phone="414-555-0160",
            called="message",
            row={"Outcome": "Left a message", "Called on": last_week, "Call again on": tomorrow, "Caller": "Marcus"},
        ),
        _Coop(
            name="Tierra Viva Farm",
            ask="Elena Ward",
            phone="559-555-0151",
            benefits="prospect",
            called="enrolls",
            row={**wants, "Called on": last_week},
            told=("enrolment-not-begun",),
        ),
        # No members: nobody calls them.
        _Coop(name="Evergreen Solar", ask="Leo Price", phone="503-555-0129", status="Expired", ends=-90, row=None),
        _Coop(name="Iron Lily Software", ask="Mei Chen", phone="206-555-0140", status="Cancelled", ends=-200, row=None),
    )


def seed(today: dt.date) -> Federation:
    """Thirteen co-ops, eight of them on the list already."""
    into = Filler(GROUND, today)
    kind = into.add(
        "RelationshipType",
        name_a_b=_CONTACT_FOR,
        name_b_a=_CONTACT_IS,
        contact_type_a="Individual",
        contact_type_b="Organization",
        is_active=True,
    )
    for coop in _coops(into):
        contact = _in_civicrm(into, coop, kind)
        record = into.row("Call list", _on_the_list(into, coop, contact)) if coop.row is not None else ""
        for rule in coop.told:
            into.told(_NAME, rule, contact, record)
    return into.done()


def _in_civicrm(into: Filler, coop: _Coop, kind: int) -> int:
    contact = into.contact(
        "Organization",
        contact_sub_type=["Worker_Cooperative"],
        organization_name=coop.name,
        custom={"Benefits.Status": coop.benefits},
    )
    into.membership(contact, coop.status, coop.ends)
    if coop.ask:
        first, _, last = coop.ask.partition(" ")
        person = into.contact(
            "Individual", first_name=first, last_name=last, phone=coop.phone, preferred_language=coop.language
        )
        into.add("Relationship", contact_id_a=person, contact_id_b=contact, relationship_type_id=kind, is_active=True)
    if coop.called and coop.row is not None:
        into.add(
            "Activity",
            source_contact_id=_STAFF,
            target_contact_id=[contact],
            activity_type_id=_CALL,
            subject="Open enrollment",
            status_id=_COMPLETED,
            activity_date_time=f"{coop.row['Called on']} 10:00:00",
            **{"Enrollment_Call.Outcome": coop.called, "Enrollment_Call.Called_On": coop.row["Called on"]},
        )
    return contact


def _on_the_list(into: Filler, coop: _Coop, contact: int) -> dict[str, Any]:
    return {
        "Co-op": coop.name,
        "CiviCRM number": str(contact),
        "Ask for": coop.ask or None,
        "Phone": coop.phone or None,
        "Language": _LANGUAGES[coop.language] if coop.ask else None,
        "Membership": _STANDING[coop.status],
        "Membership ends": into.day(coop.ends),
        "Benefits": _BENEFITS[coop.benefits],
        **(coop.row or {}),
    }

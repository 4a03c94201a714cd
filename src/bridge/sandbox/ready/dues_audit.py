"""Eighteen co-ops, their memberships and dues in CiviCRM, and the finance team's sheet of them in Airtable."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation import Federation
from bridge.sandbox.ground import CustomGroup, Ground
from bridge.sandbox.ready.filler import Filler

_NAME = "dues-audit"
_DUES, _COMPLETED, _PENDING = 2, 1, 2
_TIERS = {"small": "Small", "medium": "Medium", "large": "Large"}
_YEARLY = {"small": 250, "medium": 500, "large": 900}
_STANDING = {"New": "Active", "Current": "Active", "Grace": "Grace", "Expired": "Lapsed"}

GROUND: Final = Ground(
    alias="finance",
    base="appDuesAudit00001",
    title="Finance",
    channels=("#finance",),
    custom=(
        CustomGroup(
            "Dues",
            "Dues",
            "Organization",
            """
            Tier String 255 #dues_tier
            Yearly Money
            """,
            {"dues_tier": tuple((key, key, label) for key, label in _TIERS.items())},
        ),
    ),
    tables={
        "Dues": (
            Column("Co-op"),
            Column("Civi ID"),
            Column("Tier", "singleSelect", {"choices": [*_TIERS.values()]}),
            Column("Yearly dues", "currency"),
            Column("Bank payment", "date"),
            Column("Membership status", "singleSelect", {"choices": ["Active", "Grace", "In process", "Lapsed"]}),
            Column("Membership ends", "date"),
            Column("Workers", "number"),
            Column("Last payment", "date"),
            Column("Last amount", "currency"),
            Column("Open dues", "currency"),
            Column("Archived", "checkbox"),
            Column("Notes", "multilineText"),
        )
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coop:
    """Days count from today. `paid` and `owes` are how long ago a payment came, and dues were billed that are still open."""

    name: str
    workers: int = 6
    tier: str = "small"
    status: str = "Current"
    ends: int = 200
    paid: int | None = 165
    amount: int | None = None
    owes: int | None = None
    sheet: dict[str, Any] = field(default_factory=dict)
    """Cells in which the finance team's sheet is not what CiviCRM makes it."""
    told: tuple[str, ...] = ()


_COOPS: Final = (
    _Coop(name="Arroyo Bakery"),
    _Coop(name="Mano a Mano Cleaning", workers=14, tier="medium", ends=120, paid=245),
    _Coop(name="Cedar Grove Home Care", workers=31, tier="large", ends=300, paid=65),
    _Coop(name="Amanecer Cocina", workers=4, ends=90, paid=275),
    _Coop(name="Stone Bridge Carpentry", workers=10, ends=30, paid=335),
    _Coop(name="Raíces Landscaping", workers=25, tier="medium", ends=180, paid=185),
    # What the sheet does not know yet, and bridge writes.
    _Coop(name="North Star Grocery", workers=12, tier="medium", sheet={"Membership status": None, "Membership ends": None}),
    _Coop(name="Third Coast Bike Works", sheet={"Last payment": None, "Last amount": None, "Workers": None}),
    # What the audit is for.
    _Coop(name="Red Hen Coffee & Tea", status="Grace", ends=-20, paid=12, told=("paid-not-renewed",)),
    _Coop(name="Rio Bravo Builders", status="Expired", ends=-50, paid=70, told=("paid-not-renewed",)),
    _Coop(name="Blue Heron Printing", ends=340, paid=390, told=("renewed-not-paid",)),
    _Coop(name="Nopal Catering", status="New", ends=350, paid=None, told=("renewed-not-paid",)),
    _Coop(name="Tierra Viva Farm", workers=13, told=("wrong-tier",)),
    _Coop(name="Iron Lily Software", workers=15, tier="medium", amount=250, told=("paid-less-than-dues",)),
    _Coop(name="Harbor Light Taxi", ends=150, paid=215, owes=45, told=("dues-overdue",)),
    _Coop(name="Open Door Child Care", ends=160, paid=205, owes=10),
    _Coop(name="Girasol Sewing", status="Grace", ends=-3, paid=370, told=("payment-not-recorded",)),
    _Coop(name="Evergreen Solar", status="Expired", ends=-90, paid=455),
)


def seed(today: dt.date) -> Federation:
    """The co-ops on both sides, one that only finance knows, and one that only CiviCRM knows."""
    into = Filler(GROUND, today)
    for number, coop in enumerate(_COOPS, start=1):
        key = f"COOP-{number:04}"
        contact = _in_civicrm(into, coop, key)
        record = into.row("Dues", _on_the_sheet(into, coop, key))
        for rule in coop.told:
            into.told(_NAME, rule, contact, record)
    into.told(_NAME, 101, _in_civicrm(into, _Coop(name="Luciérnaga Press"), "COOP-0099"))
    into.told(_NAME, 102, airtable=into.row("Dues", {"Co-op": "Quetzal Glassworks", "Tier": "Small", "Yearly dues": 250}))
    return into.done()


def _in_civicrm(into: Filler, coop: _Coop, key: str) -> int:
    known = coop.name != "Third Coast Bike Works"  # its tier was never entered in CiviCRM: bridge fills it in
    contact = into.contact(
        "Organization",
        contact_sub_type=["Worker_Cooperative"],
        external_identifier=key,
        organization_name=coop.name,
        custom={"Dues.Tier": coop.tier if known else None, "Dues.Yearly": _YEARLY[coop.tier]},
    )
    into.membership(contact, coop.status, coop.ends)
    for number in range(coop.workers):
        into.contact("Individual", first_name="Worker", last_name=f"{key} {number}", employer_id=contact)
    if coop.paid is not None:
        _contribution(into, contact, coop.amount or _YEARLY[coop.tier], coop.paid, _COMPLETED)
    if coop.owes is not None:
        _contribution(into, contact, _YEARLY[coop.tier], coop.owes, _PENDING)
    return contact


def _contribution(into: Filler, contact: int, amount: int, days_ago: int, status: int) -> None:
    into.add(
        "Contribution",
        contact_id=contact,
        financial_type_id=_DUES,
        total_amount=amount,
        currency="USD",
        receive_date=f"{into.day(-days_ago)} 12:00:00",
        contribution_status_id=status,
        is_test=False,
        is_template=False,
    )


def _on_the_sheet(into: Filler, coop: _Coop, key: str) -> dict[str, Any]:
    paid = coop.paid is not None
    return {
        "Co-op": coop.name,
        "Civi ID": key,
        "Tier": _TIERS[coop.tier],
        "Yearly dues": _YEARLY[coop.tier],
        "Bank payment": into.day(-5) if "payment-not-recorded" in coop.told else into.day(-coop.paid) if coop.paid else None,
        "Membership status": _STANDING[coop.status],
        "Membership ends": into.day(coop.ends),
        "Workers": coop.workers,
        "Last payment": into.day(-coop.paid) if coop.paid is not None else None,
        "Last amount": (coop.amount or _YEARLY[coop.tier]) if paid else None,
        "Open dues": _YEARLY[coop.tier] if coop.owes is not None else 0,
        **coop.sheet,
    }

"""Co-ops that organisers met on the road, in Airtable, and the co-ops that CiviCRM knows already."""

import datetime as dt
from typing import Any, Final

from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation import Federation
from bridge.sandbox.ground import CustomGroup, Ground
from bridge.sandbox.ready.filler import Filler

_NAME = "new-coops"
_ADD, _UNSURE = "New: add to CiviCRM", "Not sure yet"

GROUND: Final = Ground(
    alias="outreach",
    base="appNewCoops000001",
    title="Outreach",
    channels=("#outreach",),
    custom=(
        CustomGroup(
            "Outreach",
            "Outreach",
            "Organization",
            """
            Met_At String 255
            Met_On Date
            """,
        ),
    ),
    tables={
        "Co-ops met": (
            Column("Co-op"),
            Column("State"),
            Column("Contact email", "email"),
            Column("Phone", "phoneNumber"),
            Column("Met at"),
            Column("Met on", "date"),
            Column("Is it new?", "singleSelect", {"choices": [_ADD, _UNSURE, "No"]}),
            Column("Next step by", "date"),
            Column("Next step done", "checkbox"),
            Column("CiviCRM number"),
            Column("Membership", "singleSelect", {"choices": ["Active", "Grace", "In process", "Lapsed"]}),
            Column("Archived", "checkbox"),
            Column("Notes", "multilineText"),
        )
    },
)

_KNOWN: Final = (
    # Name, state, how its e-mail begins, the status of its membership and when it ends.
    ("Arroyo Bakery", "MA", "info@arroyo", "Current", 150),
    ("Blue Heron Printing", "PA", "office@blueheron", "Expired", -200),
    ("Cedar Grove Home Care, LLC", "NY", "hello@cedargrove", "Current", 90),
    ("Red Hen Coffee & Tea", "CA", "hola@redhen", "Current", 220),
    ("Girasol Sewing", "TX", "info@girasol", "Current", 100),
    ("Girasol Textiles", "TX", "office@girasoltextiles", None, 0),
    ("Nopal Catering SC", "CA", "nopal@eatnopal", None, 0),
    ("Stone Bridge Carpentry", "VT", "office@stonebridge", "Current", 40),
)


def seed(today: dt.date) -> Federation:
    """Eight co-ops that are known, and eleven that somebody met, of which some are the same."""
    into = Filler(GROUND, today)
    known = {name: _known(into, name, *rest) for name, *rest in _KNOWN}
    _met(into, "Arroyo Bakery", "MA", Contact_email="info@arroyo.example")
    called = _met(into, "Nopal (the food truck)", "CA", Contact_email="nopal@eatnopal.example")
    into.told(_NAME, 202, known["Nopal Catering SC"], called)
    lapsed = _met(into, "Blue Heron Printing", "PA")
    into.told(_NAME, "met-and-lapsed", known["Blue Heron Printing"], lapsed)
    late = _met(into, "Stone Bridge Carpentry", "VT", Next_step_by=into.day(-3))
    into.told(_NAME, "next-step-overdue", known["Stone Bridge Carpentry"], late)
    # Alike, and somebody says it is new: a person is asked before anything is made.
    alike = _met(into, "Red Hen Cofee & Tea", "CA", **{"Is it new?": _ADD})
    into.told(_NAME, 104, known["Red Hen Coffee & Tea"], alike)
    alike = _met(into, "Ceder Grove Homecare", "NY", **{"Is it new?": _UNSURE})
    into.told(_NAME, 104, known["Cedar Grove Home Care, LLC"], alike)
    # The name is one co-op's and the address another's.
    torn = _met(into, "Girasol Sewing", "TX", Contact_email="office@girasoltextiles.example")
    into.told(_NAME, 103, airtable=torn)
    # Nobody knows them: two are to be made, one waits for a word, one is not for us.
    _met(into, "Quetzal Glassworks", "NM", Contact_email="taller@quetzal.example", **{"Is it new?": _ADD})
    _met(into, "Zócalo Pottery", "TX", Phone="(915) 555-0121", **{"Is it new?": _ADD})
    into.told(_NAME, 102, airtable=_met(into, "Yarrow Upholstery", "ME", **{"Is it new?": _UNSURE}))
    into.told(_NAME, 102, airtable=_met(into, "Kudzu Kombucha", "GA"))
    return into.done()


def _known(into: Filler, name: str, state: str, email: str, status: str | None, ends: int) -> int:
    contact = into.contact(
        "Organization",
        contact_sub_type=["Worker_Cooperative"],
        organization_name=name,
        email=f"{email}.example",
        state=state,
    )
    if status:
        into.membership(contact, status, ends)
    return contact


def _met(into: Filler, name: str, state: str, **cells: Any) -> str:
    """A row of a co-op that somebody met; underscores in a column stand for spaces."""
    usual = {"Co-op": name, "State": state, "Met at": "Regional gathering", "Met on": into.day(-12)}
    return into.row("Co-ops met", usual | {column.replace("_", " "): value for column, value in cells.items()})

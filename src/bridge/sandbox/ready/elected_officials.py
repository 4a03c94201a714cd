"""A network of elected officials: who holds which office until when, and which caucuses they are in, on both sides."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation import Federation
from bridge.sandbox.ground import CustomGroup, Ground
from bridge.sandbox.ready.filler import Filler

_NAME = "elected-officials"
_CHAMBERS = {"house": "House", "senate": "Senate", "council": "City council", "school": "School board"}
_CAUCUSES = {
    "caucus_labor": "Labor",
    "caucus_rural": "Rural",
    "caucus_climate": "Climate",
    "caucus_latino": "Latino",
}

GROUND: Final = Ground(
    alias="network",
    base="appOfficials00001",
    title="Network",
    channels=("#network",),
    custom=(
        CustomGroup(
            "Office",
            "Office",
            "Individual",
            """
            Chamber String 255 #office_chamber
            District String 64
            Term_Ends Date
            """,
            {"office_chamber": tuple((key, key, label) for key, label in _CHAMBERS.items())},
        ),
    ),
    tables={
        "States": (Column("State"), Column("Staff")),
        "Officials": (
            Column("Name"),
            Column("CiviCRM number"),
            Column("Email", "email"),
            Column("Phone", "phoneNumber"),
            Column("State", "multipleRecordLinks", {"linkedTableId": "States"}, inverse="Officials"),
            Column("State staff", "multipleLookupValues", {"recordLinkFieldId": "State", "fieldIdInLinkedTable": "Staff"}),
            Column("State lead", "checkbox"),
            Column("Chamber", "singleSelect", {"choices": [*_CHAMBERS.values()]}),
            Column("District"),
            Column("Term ends", "date"),
            Column("Caucuses", "multipleSelects", {"choices": [*_CAUCUSES.values()]}),
            Column("Seeks re-election", "singleSelect", {"choices": ["Yes", "No"]}),
            Column("Archived", "checkbox"),
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Official:
    """`caucuses` are those in CiviCRM, `listed` those in Airtable where they differ; `left` are groups once left."""

    name: str
    state: str
    chamber: str = "house"
    ends: int = 500
    caucuses: tuple[str, ...] = ()
    listed: tuple[str, ...] | None = None
    left: tuple[str, ...] = ()
    sheet: dict[str, Any] = field(default_factory=dict)
    told: tuple[str | int, ...] = ()


_STATES: Final = {"CA": "Lupe", "TX": "Marcus", "NM": "Lupe", "ME": "", "VT": "Grace"}

_OFFICIALS: Final = (
    _Official(name="Ana Torres", state="CA", caucuses=("caucus_labor", "caucus_latino"), sheet={"State lead": True}),
    _Official(name="James Okafor", state="TX", chamber="council", caucuses=("caucus_climate",), sheet={"State lead": True}),
    _Official(name="Ruth Begay", state="NM", chamber="senate", ends=900, caucuses=("caucus_rural",)),
    _Official(name="Hannah Price", state="VT", caucuses=("caucus_rural", "caucus_climate"), sheet={"State lead": True}),
    _Official(name="Omar Haddad", state="CA", chamber="school", ends=650),
    # Joined or came back by a tick in Airtable; the lists of CiviCRM are to follow.
    _Official(name="Keisha Bell", state="TX", listed=("caucus_labor",)),
    _Official(name="Víctor Peña", state="NM", left=("caucus_latino",), listed=("caucus_latino",)),
    # Joined in CiviCRM.
    _Official(name="Priya Patel", state="CA", chamber="council", caucuses=("caucus_labor", "caucus_climate"), listed=()),
    # The two lists never agreed: a person says which is right.
    _Official(name="Samuel Reed", state="VT", caucuses=("caucus_rural",), listed=("caucus_rural", "caucus_labor"), told=(202,)),
    _Official(name="Walter Kim", state="TX", ends=60, told=("term-ends-soon",)),
    _Official(name="Joy Freeman", state="CA", ends=45, sheet={"Seeks re-election": "Yes"}),
    _Official(name="Noelia Castillo", state="NM", chamber="senate", ends=-20, told=("term-is-over",)),
    _Official(name="Peter Cook", state="ME", sheet={"State lead": True}, told=("state-without-staff",)),
    _Official(name="Faith Ward", state="ME"),
)


def seed(today: dt.date) -> Federation:
    """Fourteen officials of five states, one of which nobody looks after."""
    into = Filler(GROUND, today)
    states = {state: into.row("States", {"State": state, "Staff": staff or None}) for state, staff in _STATES.items()}
    groups = {name: into.add("Group", name=name, title=label, is_active=True) for name, label in _CAUCUSES.items()}
    for official in _OFFICIALS:
        contact = _in_civicrm(into, official, groups)
        record = into.row("Officials", _on_the_list(into, official, contact, states))
        for what in official.told:
            into.told(_NAME, what, contact, record)
    return into.done()


def _in_civicrm(into: Filler, official: _Official, groups: dict[str, int]) -> int:
    first, _, last = official.name.partition(" ")
    contact = into.contact(
        "Individual",
        first_name=first,
        last_name=last,
        email=f"{first}.{last}@officials.example".lower(),
        state=official.state,
        custom={
            "Office.Chamber": official.chamber,
            "Office.District": f"{official.state}-7",
            "Office.Term_Ends": into.day(official.ends),
        },
    )
    for status, names in (("Added", official.caucuses), ("Removed", official.left)):
        for name in names:
            into.add("GroupContact", group_id=groups[name], contact_id=contact, status=status)
    return contact


def _on_the_list(into: Filler, official: _Official, contact: int, states: dict[str, str]) -> dict[str, Any]:
    first, _, last = official.name.partition(" ")
    listed = official.caucuses if official.listed is None else official.listed
    return {
        "Name": official.name,
        "CiviCRM number": str(contact),
        "Email": f"{first}.{last}@officials.example".lower(),
        "State": [states[official.state]],
        "Chamber": _CHAMBERS[official.chamber],
        "District": f"{official.state}-7",
        "Term ends": into.day(official.ends),
        "Caucuses": [_CAUCUSES[name] for name in listed],
        **official.sheet,
    }

"""A child-care pilot after half a year: families, providers and who is in care with whom, on both sides."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation import Federation
from bridge.sandbox.ground import CustomGroup, Ground
from bridge.sandbox.ready.filler import Filler

_FAMILIES, _PROVIDERS, _MATCHES = "care-families", "care-providers", "care-matching"
_IN_CARE, _CARES = "Receives child care from", "Provides child care to"
_STAGES = {"asked": "Asked", "intake": "Intake done", "referred": "Referred", "placed": "Placed", "closed": "Closed"}
_LANGUAGES = {"en_US": "English", "es_MX": "Spanish"}
_AREAS = ("North", "River", "South")
_LINK = "multipleRecordLinks"


def _lookup(name: str, link: str, column: str) -> Column:
    return Column(name, "multipleLookupValues", {"recordLinkFieldId": link, "fieldIdInLinkedTable": column})


def _select(name: str, *choices: str) -> Column:
    return Column(name, "singleSelect", {"choices": [*choices]})


GROUND: Final = Ground(
    alias="care",
    base="appChildCare00001",
    title="Child care pilot",
    channels=("#care-matching",),
    custom=(
        CustomGroup(
            "Child_Care",
            "Child care",
            "Individual",
            """
            Stage String 255 #child_care_stage
            Asked_On Date
            Placed_On Date
            """,
            {"child_care_stage": tuple((key, key, label) for key, label in _STAGES.items())},
        ),
        CustomGroup(
            "Care_Provider",
            "Care provider",
            "Organization",
            """
            License String 64
            License_Ends Date
            Capacity Integer
            """,
        ),
    ),
    options={"relation": ((_IN_CARE, _IN_CARE, _IN_CARE), (_CARES, _CARES, _CARES))},
    tables={
        "Families": (
            Column("Case"),
            Column("Family"),
            Column("CiviCRM number"),
            Column("Email", "email"),
            Column("Phone", "phoneNumber"),
            _select("Language", *_LANGUAGES.values()),
            _select("Area", *_AREAS),
            _select("Stage", *_STAGES.values()),
            *(Column(f"{step} on", "date") for step in ("Asked", "Intake", "Referred", "Heard back", "Placed")),
            Column("In care since", "date"),
            Column("In care with"),
            Column("Archived", "checkbox"),
            Column("Notes", "multilineText"),
        ),
        "Providers": (
            Column("Provider"),
            Column("CiviCRM number"),
            Column("License"),
            Column("License ends", "date"),
            Column("Email", "email"),
            Column("Phone", "phoneNumber"),
            _select("Area", *_AREAS),
            Column("Licensed places", "number"),
            Column("Placed", "number"),
            Column("Open places", "number"),
            Column("Places confirmed on", "date"),
            Column("Archived", "checkbox"),
        ),
        "Matches": (
            Column("Match"),
            Column("CiviCRM number"),
            Column("Family", _LINK, {"linkedTableId": "Families"}, inverse="Matches"),
            Column("Provider", _LINK, {"linkedTableId": "Providers"}, inverse="Matches"),
            _lookup("Family number", "Family", "CiviCRM number"),
            _lookup("Provider number", "Provider", "CiviCRM number"),
            _select("Status", "Proposed", "Placed", "Ended", "Declined"),
            Column("Starts", "date"),
            Column("Ends", "date"),
            Column("First check-in", "date"),
            Column("Archived", "checkbox"),
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Days are how long ago. `entered`: CiviCRM knows the stage and days that the coordinators entered."""

    stage: str
    asked: int
    intake: int | None = None
    referred: int | None = None
    heard: int | None = None
    placed: int | None = None
    care: "_Care | None" = None
    entered: bool = True
    told: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Care:
    """A match. Days count from today. `known`: CiviCRM has it; `listed`: Airtable has."""

    starts: int
    ends: int | None = None
    checked: int | None = None
    status: str = "Placed"
    active: bool = True
    known: bool = True
    listed: bool = True
    sheet: dict[str, Any] = field(default_factory=dict)
    told: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    name: str
    capacity: int = 12
    ends: int = 400
    open: int = 2
    confirmed: int = 12
    sheet: dict[str, Any] = field(default_factory=dict)
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """A contact of CiviCRM and its row in Airtable."""

    contact: int
    record: str


_HOUSES: Final = (
    _Provider(name="Little Oaks Family Child Care"),
    _Provider(name="Semillitas", capacity=8),
    _Provider(name="River Street Children's Center", capacity=24, open=5),
    # Its license stands in CiviCRM; the table does not know when it ends.
    _Provider(name="Abuela Rosa Child Care", ends=500, sheet={"License ends": None}),
    _Provider(name="Sunny Side Playhouse", ends=40, told=("license-ends-soon",)),
    _Provider(name="Three Bears Day Care", ends=-6, told=("license-ended",)),
    _Provider(name="Casa Colibrí", capacity=2, open=0, told=("more-placed-than-licensed",)),
    _Provider(name="Maple Lane Child Care", open=1, confirmed=45, told=("places-not-confirmed",)),
)


_USUAL, _HALF_A_YEAR, _RECENT, _CHECKED_AFTER = 48, 170, 40, 14
_EVERY_SIXTH_GAVE_UP, _LEFT = 5, (1, 4, 7, 10, 13)


def _usual() -> Iterator[_Family]:
    """The families with whom all is well: most placed, the last ones waiting, some closed, some in care no more."""
    for number in range(_USUAL):
        asked = _HALF_A_YEAR - 3 * number - number % 3
        intake, referred = asked - 3 - number % 2, asked - 9 - number % 3
        if asked < _RECENT:
            yield _Family(stage="referred", asked=asked, intake=intake, referred=referred, heard=asked - 14)
        elif number % 6 == _EVERY_SIXTH_GAVE_UP:
            yield _Family(stage="closed", asked=asked, intake=intake)
        else:
            placed = asked - 20 - number % 9 - (6 if number % 4 == 0 else 0)
            left, checked = number in _LEFT, placed > _CHECKED_AFTER
            yield _Family(
                stage="closed" if left else "placed",
                asked=asked,
                intake=intake,
                referred=referred,
                heard=asked - 15,
                placed=placed,
                care=_Care(
                    starts=-placed,
                    ends=number - 45 if left else None,
                    checked=_CHECKED_AFTER - placed if checked else None,
                    status="Ended" if left else "Placed",
                ),
            )


_OTHERS: Final = (
    # What is overdue.
    _Family(stage="asked", asked=8, told=("intake-overdue",)),
    _Family(stage="intake", asked=20, intake=15, told=("referral-overdue",)),
    _Family(stage="referred", asked=25, intake=20, referred=10, told=("follow-up-overdue",)),
    _Family(stage="referred", asked=75, intake=70, referred=60, heard=50, told=("waiting-long",)),
    _Family(stage="placed", asked=50, intake=45, referred=40, heard=35, placed=10, told=("placed-without-care",)),
    _Family(stage="referred", asked=12, intake=14, referred=6, told=("days-out-of-order",)),
    # What coordinators entered since, and bridge writes to CiviCRM.
    _Family(stage="intake", asked=4, intake=1, entered=False),
    _Family(stage="placed", asked=45, intake=41, referred=35, heard=30, placed=2, care=_Care(starts=-2, known=False)),
    _Family(
        stage="placed",
        asked=160,
        intake=155,
        referred=150,
        heard=145,
        placed=140,
        care=_Care(starts=-140, checked=-120, sheet={"Ends": 90}),
    ),
    # Matches that somebody must look at.
    _Family(
        stage="placed",
        asked=90,
        intake=85,
        referred=80,
        heard=70,
        placed=40,
        care=_Care(starts=-40, told=("check-in-overdue",)),
    ),
    _Family(
        stage="placed",
        asked=150,
        intake=146,
        referred=140,
        heard=133,
        placed=120,
        care=_Care(starts=-120, checked=-100, ends=20, told=("care-ends-soon",)),
    ),
    _Family(
        stage="placed",
        asked=151,
        intake=148,
        referred=141,
        heard=133,
        placed=121,
        care=_Care(starts=-121, checked=-100, status="Ended", told=("ended-and-still-current",)),
    ),
    _Family(
        stage="placed",
        asked=80,
        intake=77,
        referred=70,
        heard=60,
        placed=2,
        care=_Care(starts=-50, checked=-30, active=False, told=("placed-and-not-current",)),
    ),
    _Family(
        stage="placed",
        asked=100,
        intake=95,
        referred=90,
        heard=80,
        placed=60,
        care=_Care(starts=-60, listed=False, told=(101,)),
    ),
    # Proposed: in Airtable alone until it is placed.
    _Family(
        stage="referred",
        asked=15,
        intake=12,
        referred=5,
        care=_Care(starts=10, status="Proposed", known=False),
    ),
)

_FIRST: Final = ("Ana", "Mei", "Rosa", "Joy", "Keisha", "Lucía", "Hannah", "Noelia", "Priya", "Grace", "Itzel", "Claire")
_LAST: Final = ("Torres", "Chen", "Bell", "Okafor", "Peña", "Reed")


def seed(today: dt.date) -> Federation:
    """Sixty-three families and eight providers; one more family that CiviCRM does not know."""
    into = Filler(GROUND, today)
    kind = into.add(
        "RelationshipType",
        name_a_b=_IN_CARE,
        name_b_a=_CARES,
        contact_type_a="Individual",
        contact_type_b="Organization",
        is_active=True,
    )
    families = [*_usual(), *_OTHERS]
    houses = [place for place, family in enumerate(families) if family.care]
    placed = [_house(number) for number, _ in enumerate(houses)]
    current = [
        house for house, place in zip(placed, houses, strict=True) if (care := families[place].care) and _is_current(care)
    ]
    providers = [_provider(into, number, house, current.count(number)) for number, house in enumerate(_HOUSES)]
    where = dict(zip(houses, placed, strict=True))
    for number, family in enumerate(families):
        known = _family(into, number, family, _HOUSES[where[number]].name if number in where else "")
        if family.care:
            _match(into, number, family.care, known, providers[where[number]], kind)
    stranger = {"Case": "F-900", "Family": "Walter Kim", "Stage": "Asked", "Asked on": into.day(-1), "Area": "River"}
    into.told(_FAMILIES, 102, airtable=into.row("Families", stranger))
    return into.done()


def _house(number: int) -> int:
    """With whom the match of that number is: every tenth at Casa Colibrí, the rest in turn."""
    return 6 if number % 10 == 9 else number % 6  # noqa: PLR2004  # every tenth


def _is_current(care: _Care) -> bool:
    return care.known and care.active and care.starts <= 0 and (care.ends is None or care.ends >= 0)


def _provider(into: Filler, number: int, house: _Provider, placed: int) -> _Known:
    license_ = f"FCC-{1200 + number}"
    contact = into.contact(
        "Organization",
        organization_name=house.name,
        email=f"hello{number}@care.example",
        phone=f"(413) 555-02{number:02}",
        custom={
            "Care_Provider.License": license_,
            "Care_Provider.License_Ends": into.day(house.ends),
            "Care_Provider.Capacity": house.capacity,
        },
    )
    record = into.row(
        "Providers",
        {
            "Provider": house.name,
            "CiviCRM number": str(contact),
            "License": license_,
            "License ends": into.day(house.ends),
            "Email": f"hello{number}@care.example",
            "Phone": f"(413) 555-02{number:02}",
            "Area": _AREAS[number % 3],
            "Licensed places": house.capacity,
            "Placed": placed,
            "Open places": house.open,
            "Places confirmed on": into.day(-house.confirmed),
            **house.sheet,
        },
    )
    for rule in house.told:
        into.told(_PROVIDERS, rule, contact, record)
    return _Known(contact, record)


def _family(into: Filler, number: int, family: _Family, provider: str) -> _Known:
    first, last = _FIRST[number % len(_FIRST)], f"{_LAST[number % len(_LAST)]} {_LAST[(number // 12) % len(_LAST)]}"
    case, language = f"F-{number + 1:03}", "es_MX" if number % 5 in (1, 3) else "en_US"
    placed = None if family.placed is None else into.day(-family.placed)
    entered = {"Child_Care.Stage": family.stage, "Child_Care.Asked_On": into.day(-family.asked), "Child_Care.Placed_On": placed}
    contact = into.contact(
        "Individual",
        contact_sub_type=["Parent"],
        first_name=first,
        last_name=last,
        external_identifier=case,
        email=f"family{number + 1}@families.example",
        preferred_language=language,
        custom=entered if family.entered else {},
    )
    days = {"Asked": family.asked, "Intake": family.intake, "Referred": family.referred, "Heard back": family.heard}
    care = family.care if family.care and family.care.known else None
    record = into.row(
        "Families",
        {
            "Case": case,
            "Family": f"{first} {last}",
            "CiviCRM number": str(contact),
            "Email": f"family{number + 1}@families.example",
            "Language": _LANGUAGES[language],
            "Area": _AREAS[(number * 7 // 3) % 3],
            "Stage": _STAGES[family.stage],
            **{f"{step} on": None if ago is None else into.day(-ago) for step, ago in days.items()},
            "Placed on": placed,
            "In care since": into.day(care.starts) if care else None,
            "In care with": provider if care else None,
        },
    )
    for what in family.told:
        into.told(_FAMILIES, what, contact, record)
    return _Known(contact, record)


def _match(into: Filler, number: int, care: _Care, family: _Known, provider: _Known, kind: int) -> None:
    days = {"Starts": care.starts, "Ends": care.ends, "First check-in": care.checked} | care.sheet
    relationship = 0
    if care.known:
        dates = {"start_date": into.day(care.starts)} | ({} if care.ends is None else {"end_date": into.day(care.ends)})
        ends = {"contact_id_a": family.contact, "contact_id_b": provider.contact, "relationship_type_id": kind}
        relationship = into.add("Relationship", **ends, **dates, is_active=care.active)
    record = ""
    if care.listed:
        cells = {
            "Match": f"M-{number + 1:03}",
            "CiviCRM number": str(relationship) if relationship else None,
            "Family": [family.record],
            "Provider": [provider.record],
            "Status": care.status,
            **{name: None if day is None else into.day(day) for name, day in days.items()},
        }
        record = into.row("Matches", cells)
    for what in care.told:
        into.told(_MATCHES, what, relationship, record)

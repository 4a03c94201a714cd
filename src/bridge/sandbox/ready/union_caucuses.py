"""A local: some of its members with chapter, language, caucuses and leadership, and the contracts it bargains."""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from bridge.sandbox import federation_words as words
from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.federation import Federation
from bridge.sandbox.ground import CustomGroup, Ground
from bridge.sandbox.ready.filler import Filler

_MEMBERS, _CONTRACTS = "union-caucuses", "union-contracts"
_CHAPTERS = {"hospital": "Hospitals", "homecare": "Home care", "janitorial": "Janitors", "security": "Security"}
_LADDER = {"member": "Member", "activist": "Activist", "steward": "Steward", "leader": "Leader"}
_CAUCUSES = {"caucus_women": "Women", "caucus_young": "Young workers", "caucus_latinx": "Latinx", "caucus_retirees": "Retirees"}
_LANGUAGES = {"en_US": "English", "es_MX": "Spanish"}
_DATES = ("Expires", "Notice_By", "Notice_Given", "Ratify_By", "Ratified_On")

GROUND: Final = Ground(
    alias="union",
    base="appUnionLocal0001",
    title="Local",
    channels=("#caucuses", "#bargaining"),
    custom=(
        CustomGroup(
            "Union",
            "Union",
            "Individual",
            """
            Chapter String 255 #union_chapter
            Leadership String 255 #union_leadership
            Trained_On Date
            """,
            {
                "union_chapter": tuple((key, key, label) for key, label in _CHAPTERS.items()),
                "union_leadership": tuple((key, key, label) for key, label in _LADDER.items()),
            },
        ),
        CustomGroup("Contract", "Contract", "Organization", "\n".join(f"{name} Date" for name in _DATES)),
    ),
    tables={
        "Members": (
            Column("Name"),
            Column("Member number"),
            Column("Email", "email"),
            Column("Phone", "phoneNumber"),
            Column("Language", "singleSelect", {"choices": [*_LANGUAGES.values()]}),
            Column("Chapter", "singleSelect", {"choices": [*_CHAPTERS.values()]}),
            Column("Caucuses", "multipleSelects", {"choices": [*_CAUCUSES.values()]}),
            Column("Leadership", "singleSelect", {"choices": [*_LADDER.values()]}),
            Column("Trained on", "date"),
        ),
        "Contracts": (
            Column("Employer"),
            Column("CiviCRM number"),
            Column("Bargaining lead"),
            *(Column(name.replace("_", " ").capitalize(), "date") for name in _DATES),
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    name: str
    chapter: str = "homecare"
    language: str = "en_US"
    step: str = "member"
    trained: int | None = None
    caucuses: tuple[str, ...] = ()
    listed: tuple[str, ...] | None = None
    """The caucuses in Airtable, where they are others."""
    email: str = ""
    phone: str = ""
    in_airtable: bool = True
    sheet: dict[str, Any] = field(default_factory=dict)
    told: tuple[str | int, ...] = ()


_PEOPLE: Final = (
    _Member(name="Rosa Medina", language="es_MX", caucuses=("caucus_women", "caucus_latinx"), step="steward", trained=200),
    _Member(name="Marcus Bell", chapter="security", step="activist"),
    _Member(
        name="Xiomara Ortiz", chapter="janitorial", language="es_MX", caucuses=("caucus_latinx",), step="leader", trained=90
    ),
    _Member(name="Claire Murphy", chapter="hospital", caucuses=("caucus_women",)),
    _Member(name="Walter Reed", chapter="hospital", caucuses=("caucus_retirees",)),
    _Member(name="Mei Chen", chapter="hospital", step="steward", trained=400, caucuses=("caucus_young",)),
    _Member(name="Héctor Núñez", chapter="janitorial", language="es_MX"),
    # A tick at a meeting; a step up the ladder; a chapter that changed in CiviCRM.
    _Member(name="Aisha Ali", chapter="homecare", listed=("caucus_women", "caucus_young")),
    _Member(name="Tyrone Brown", chapter="security", caucuses=("caucus_young",), sheet={"Language": None}),
    _Member(name="Noelia Castillo", chapter="homecare", language="es_MX", caucuses=("caucus_latinx",), listed=()),
    _Member(name="Peter Cook", chapter="hospital", step="steward", told=("leader-without-training",)),
    _Member(name="Keisha Price", chapter="security", step="leader", trained=30, told=("leader-without-caucus",)),
    _Member(name="Victor Silva", chapter="janitorial", caucuses=("caucus_young",), listed=("caucus_retirees",), told=(202,)),
)

# Employer, the five dates in days from today (None: blank), what is told.
_BARGAINED: Final = (
    ("Bayview Hospital", (400, 300, None, 420, None), ""),
    ("Harbor Security", (100, 40, -10, 130, None), "expires-soon"),
    ("CleanCo Services", (150, 12, None, 170, None), "notice-due"),
    ("Sunrise Home Care", (80, -4, None, 110, None), "notice-missed"),
    ("St. Brigid Hospital", (-20, -110, -120, 9, None), "ratification-due"),
    ("Metro Janitorial", (-60, -150, -155, -6, None), "ratification-missed"),
    ("Lakeside Care", (700, 610, None, -300, -310), ""),
)


def seed(today: dt.date, members: int = 0, number: int = 1) -> Federation:
    """Thirteen members and seven contracts, and so many more members as make `members`: the same ones for the same `number`."""
    into = Filler(GROUND, today)
    groups = {name: into.add("Group", name=name, title=label, is_active=True) for name, label in _CAUCUSES.items()}
    people = chain(_PEOPLE, _crowd(members - len(_PEOPLE), random.Random(number)))  # noqa: S311  # sample data is no secret
    for place, member in enumerate(people, start=1):
        contact, record = _member(into, member, f"M-{place:06}", groups)
        for what in member.told:
            into.told(_MEMBERS, what, contact, record)
    for employer, days, rule in _BARGAINED:
        _contract(into, employer, days, rule)
    return into.done()


def _crowd(count: int, rng: random.Random) -> Iterator[_Member]:
    """Members of whom nothing is to be written or told.

    One in three is in a caucus or on the ladder, and so stands in Airtable too; two in five prefer Spanish.
    """
    for number in range(count):
        step = rng.choices([*_LADDER], (84, 9, 5, 2))[0]
        meets = step == "leader" or rng.random() < 0.2  # noqa: PLR2004  # one in five
        first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
        yield _Member(
            name=f"{first} {last}",
            chapter=rng.choice([*_CHAPTERS]),
            language=rng.choices([*_LANGUAGES], (60, 40))[0],
            step=step,
            trained=rng.randint(20, 900) if step in ("steward", "leader") else None,
            caucuses=tuple(rng.sample([*_CAUCUSES], rng.choice((1, 1, 1, 2)))) if meets else (),
            email=f"{words.slug(first)}.{words.slug(last)}{number}@mail.example",
            phone=words.phone_number(rng, rng.choice(words.CITIES)[2]),
            in_airtable=meets or step != "member",
        )


def _member(into: Filler, member: _Member, key: str, groups: dict[str, int]) -> tuple[int, str]:
    first, _, last = member.name.partition(" ")
    trained = into.day(-member.trained) if member.trained else None
    contact = into.contact(
        "Individual",
        first_name=first,
        last_name=last,
        external_identifier=key,
        preferred_language=member.language,
        email=member.email,
        phone=member.phone,
        custom={"Union.Chapter": member.chapter, "Union.Leadership": member.step, "Union.Trained_On": trained},
    )
    for name in member.caucuses:
        into.add("GroupContact", group_id=groups[name], contact_id=contact, status="Added")
    if not member.in_airtable:
        return contact, ""
    listed = member.caucuses if member.listed is None else member.listed
    cells = {
        "Name": member.name,
        "Member number": key,
        "Email": member.email,
        "Phone": member.phone,
        "Language": _LANGUAGES[member.language],
        "Chapter": _CHAPTERS[member.chapter],
        "Caucuses": [_CAUCUSES[name] for name in listed],
        "Leadership": _LADDER[member.step],
        "Trained on": trained,
    }
    return contact, into.row("Members", cells | member.sheet)


def _contract(into: Filler, employer: str, days: tuple[int | None, ...], rule: str) -> None:
    dates = {name: None if ahead is None else into.day(ahead) for name, ahead in zip(_DATES, days, strict=True)}
    late = "Ratified_On"  # nobody told CiviCRM of the vote yet: bridge does
    known = {f"Contract.{name}": day for name, day in dates.items() if name != late}
    contact = into.contact("Organization", organization_name=employer, custom=known)
    cells = {name.replace("_", " ").capitalize(): day for name, day in dates.items()}
    record = into.row("Contracts", {"Employer": employer, "CiviCRM number": str(contact), **cells})
    if rule:
        into.told(_CONTRACTS, rule, contact, record)

"""The cheap half of comparing never says anything else than the whole, and knows the usual ways to write the same."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.comparator import UNSURE, comparator, glance
from bridge.core.compare import DIFFER, agreement
from bridge.core.mapping import Authority, Field, FieldType
from bridge.core.match import Pair
from bridge.core.pairs import compare_pairs, values_of
from bridge.core.record import Json, PerSide, Side, Value
from bridge.core.sight import Drift, Fault
from bridge.core.values import Zones, read
from builders import a_field as a_mapped_field
from builders import a_mapping
from core.planner_world import World, worlds

C, A = Side.CIVICRM, Side.AIRTABLE
T = FieldType
WORDS = {"new": "New", "renewed": "New", "gone": "Gone", "true": "Yes", "1": "One"}
NEW_YORK = Zones(naive=ZoneInfo("America/New_York"), day=ZoneInfo("America/New_York"))


def a_field(kind: FieldType, **options: Any) -> Field:
    return Field(name="it", at=PerSide("it", "It"), type=kind, authority=Authority.EITHER, **options)


USUAL: list[tuple[Field, Json, Json, Value | None]] = [
    (a_field(T.TEXT), "Peña & Sons", "Peña & Sons", "Peña & Sons"),
    (a_field(T.TEXT), "Peña", " Pen\u0303a ", "Peña"),
    (a_field(T.TEXT), "", None, None),
    (a_field(T.IDENTIFIER), "M0012", "M0012", "M0012"),
    (a_field(T.EMAIL), "Ana@Example.org", " ana@example.ORG", "ana@example.org"),
    (a_field(T.PHONE), "(413) 555-0188", "+1 413 555 0188", "+14135550188"),
    (a_field(T.DATE), "2026-02-28", "2026-02-28", dt.date(2026, 2, 28)),
    (a_field(T.MONEY), "1,200.50", 1200.5, Decimal("1200.50")),
    (a_field(T.MONEY), "1,200.00", 1200, Decimal(1200)),
    (a_field(T.INTEGER), 12, 12, Decimal(12)),
    (a_field(T.BOOLEAN), False, None, False),
    (a_field(T.BOOLEAN), True, True, True),
    (a_field(T.CHOICE, values=WORDS), "renewed", "New", "New"),
    (a_field(T.CHOICES, values=WORDS), ["gone", "new"], ["New", "Gone"], frozenset({"New", "Gone"})),
]


@pytest.mark.parametrize(("field", "civicrm", "airtable", "value"), USUAL)
def test_the_usual_ways_to_write_the_same_are_known_at_a_glance(
    field: Field, civicrm: Json, airtable: Json, value: Value | None
) -> None:
    assert comparator(field)(civicrm, airtable) == value


@pytest.mark.parametrize(
    ("field", "civicrm", "airtable"),
    [
        (a_field(T.TEXT), "Arroyo", "Cedar"),
        (a_field(T.TEXT), "A &amp; B", "A &amp; B"),
        (a_field(T.TEXT), "\0", "\0"),
        (a_field(T.TEXT), "\ud800", "\ud800"),
        (a_field(T.TEXT, ignore=frozenset({"case"})), "arroyo", "arroyo"),
        (a_field(T.TEXT, values=WORDS), "new", "New"),
        (a_field(T.EMAIL), "no address", "no address"),
        (a_field(T.PHONE), "555-0188", "555-0188"),
        (a_field(T.PHONE, region="MX"), "55 1234 5678", "55 1234 5678"),
        (a_field(T.DATE), "2026-02-30", "2026-02-30"),
        (a_field(T.DATE), "2026-W01-1", "2026-W01-1"),
        (a_field(T.MONEY), "0.1000000000000001", 0.1),
        (a_field(T.MONEY), "12.345", 12.345),
        (a_field(T.INTEGER), True, 1),
        (a_field(T.BOOLEAN), None, None),
        (a_field(T.CHOICE, values=WORDS), "unheard of", None),
        (a_field(T.CHOICES, values=WORDS), ["new", {}], ["New"]),
        (a_field(T.REFERENCE, to="groups"), "12", "12"),
    ],
)
def test_what_is_not_beyond_doubt_is_left_to_the_whole(field: Field, civicrm: Json, airtable: Json) -> None:
    assert comparator(field)(civicrm, airtable) is UNSURE


TEXTS = st.text(max_size=6) | st.text(alphabet="aé e\u0301&lt;\u037e\u00a0 ", max_size=9)
SPELT = TEXTS | st.sampled_from(
    [
        *(each for _, one, other, _ in USUAL for each in (one, other)),
        "2026-02-28T23:00:00Z",
        "\u212a@x.org",
        "-0.00",
        "1e3",
        "01",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.floats() | SPELT
RAW = SCALARS | st.lists(SCALARS, max_size=3) | st.lists(st.sampled_from([*WORDS, *WORDS.values()]), max_size=3)
RAW |= st.dictionaries(st.sampled_from(["error", "id"]), st.none(), max_size=1)
AMOUNTS = st.decimals(min_value=-(10**16), max_value=10**16, places=2).flatmap(
    lambda amount: st.tuples(st.sampled_from([f"{amount:,f}", f"{amount:f}", float(amount)]), st.sampled_from([float(amount)]))
)
FIELDS = st.builds(
    a_field,
    st.sampled_from(FieldType),
    values=st.sampled_from([{}, {}, WORDS]),
    region=st.sampled_from(["US", "MX"]),
    precision=st.sampled_from([None, None, 0, 3]),
    ignore=st.sampled_from([frozenset(), frozenset(), frozenset({"case", "accents"})]),
    from_datetime=st.booleans(),
    to=st.just("groups"),
)


MAPPED = FIELDS.map(  # the loader lets only options have values
    lambda field: field if field.type in (T.CHOICE, T.CHOICES) else dataclasses.replace(field, values={})
)
RAWS = st.tuples(RAW, RAW) | RAW.map(lambda raw: (raw, raw)) | AMOUNTS


@given(MAPPED, RAWS)
def test_a_glance_never_says_anything_else_than_reading_and_comparing_in_full(field: Field, raw: tuple[Json, Json]) -> None:
    glance = comparator(field)(*raw)
    if glance is not UNSURE:
        cells = [read(field, side, each, zones=NEW_YORK) for side, each in zip(Side, raw, strict=True)]
        whole = agreement(field, *cells)
        assert whole == glance
        assert type(whole) is type(glance)


def of_one_field(field: Field, raws: list[tuple[Json, Json]]) -> World:
    return World(
        mapping=a_mapping(field),
        rows=PerSide(
            {str(number): {"code": f"A{number}", "it": civicrm} for number, (civicrm, _) in enumerate(raws)},
            {f"rec{number}": {"Code": f"A{number}", "It": airtable} for number, (_, airtable) in enumerate(raws)},
        ),
    )


@given(worlds() | st.builds(of_one_field, MAPPED, st.lists(RAWS, max_size=3).map(lambda raws: raws * 2)))
def test_a_sweep_with_glances_comes_out_as_one_that_reads_every_cell(world: World) -> None:
    facts = world.facts
    seen, read_in_full = (compare_pairs(facts, at_a_glance=each) for each in (True, False))
    assert (seen.changes, seen.discrepancies, seen.quiet) == (
        read_in_full.changes,
        read_in_full.discrepancies,
        read_in_full.quiet,
    )
    values = values_of(facts)
    kept = (
        {link: values(each) if isinstance(each, Pair) else each for link, each in of.agreed.items()}
        for of in (seen, read_in_full)
    )
    assert next(kept) == next(kept)


def the_glance(field: Field, raw: tuple[Json, Json]) -> tuple[int, ...]:
    civicrm, airtable = raw
    return glance([(PerSide("it", "It"), field)])({"it": civicrm}, {"It": airtable})


@given(MAPPED, RAWS)
def test_one_look_at_two_rows_is_never_surer_than_reading_and_comparing_in_full(field: Field, raw: tuple[Json, Json]) -> None:
    if not the_glance(field, raw):
        cells = [read(field, side, each, zones=NEW_YORK) for side, each in zip(Side, raw, strict=True)]
        assert agreement(field, *cells) is not DIFFER


@pytest.mark.parametrize(("field", "civicrm", "airtable"), [each[:3] for each in USUAL])
def test_one_look_at_two_rows_knows_the_usual_ways_too(field: Field, civicrm: Json, airtable: Json) -> None:
    assert the_glance(field, (civicrm, airtable)) == ()
    assert glance([(PerSide("it", "It"), None)])({"it": civicrm}, {"It": airtable}) == (0,), "a frozen column is never sure"


@pytest.mark.parametrize("side", Side)
def test_a_frozen_column_is_not_believed_at_a_glance_though_both_systems_hold_the_same(side: Side) -> None:
    world = World(
        mapping=a_mapping(a_mapped_field("name"), a_mapped_field("town")),
        rows=PerSide(
            {"1": {"code": "A1", "name": "Arroyo", "town": "Lynn"}},
            {"rec1": {"Code": "A1", "Name": "Arroyo", "Town": "Lynn"}},
        ),
    )
    [agreed] = world.plan.agreed.values()
    assert agreed == {"name": "Arroyo", "town": "Lynn"}
    retyped = (Drift(path="Name" if side is A else "name", fault=Fault.RETYPED, detail="it is a number now"),)
    world.drift = PerSide.of(lambda each: retyped if each is side else ())
    [agreed] = world.plan.agreed.values()
    assert agreed == {"town": "Lynn"}


def test_days_that_were_read_in_full_are_known_at_a_glance_and_a_lookup_is_read_each_time() -> None:
    day = a_mapped_field("day", type=T.DATE, from_datetime=True)
    written: list[Json] = ["2026-02-28", "2026-02-28T00:00:00.000Z", ["2026-02-28"], "2026-03-01"]
    world = World(
        mapping=a_mapping(day),
        rows=PerSide(
            {str(number): {"code": f"A{number}", "day": "2026-02-28"} for number in range(8)},
            {f"rec{number}": {"Code": f"A{number}", "Day": written[number % 4]} for number in range(8)},
        ),
    )
    assert [each.ids.civicrm for each in world.plan.discrepancies] == ["3", "7"]
    assert len(world.plan.agreed) == 6
    assert all(agreed == {"day": dt.date(2026, 2, 28)} for agreed in world.plan.agreed.values())

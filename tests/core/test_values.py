"""Every type: what is read, what is refused, what is written, and that what is written reads back the same."""

import datetime as dt
import unicodedata
from decimal import Decimal
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.canonical import _e164, north_american
from bridge.core.mapping import AirtableSource, Authority, CivicrmSource, Field, FieldType, Mapping, Mode
from bridge.core.places import country_name, state_name
from bridge.core.record import Json, PerSide, Row, Sealed, Side, Unreadable, Value
from bridge.core.values import (
    Reason,
    Unwritable,
    Zones,
    comparable,
    display,
    dump,
    fold,
    load,
    read,
    read_record,
    round_trips,
    same_base,
    translate,
    write,
)

C, A = Side.CIVICRM, Side.AIRTABLE
T = FieldType
NEW_YORK = Zones(naive=ZoneInfo("America/New_York"), day=ZoneInfo("America/New_York"))
BOTH = pytest.mark.parametrize("side", list(Side))


def a_field(kind: FieldType, **options: object) -> Field:
    return Field(name="it", at=PerSide("it", "It"), type=kind, authority=Authority.EITHER, **options)  # type: ignore[arg-type]


STATUS = {"prospect": "Prospect", "enrolled": "Enrolled"}
MEMBERSHIP = {"New": "Active", "Current": "Active", "Expired": "Lapsed"}

READ: list[tuple[FieldType, Json, Value | None]] = [
    (T.TEXT, "  Arroyo \u00a0 Bakery\n", "Arroyo Bakery"),
    (T.TEXT, "Pen\u0303a", "Peña"),
    (T.TEXT, "Panadería 🥐 Ñandú", "Panadería 🥐 Ñandú"),
    (T.TEXT, "A &amp; B &lt;c&gt;", "A & B <c>"),
    (T.TEXT, "&amp;lt;", "<"),
    (T.TEXT, "&lt\u037e", "<"),
    (T.TEXT, "R&D", "R&D"),
    (T.TEXT, " \u00a0 ", None),
    (T.TEXT, 12, "12"),
    (T.TEXT, 12.5, "12.5"),
    (T.TEXT, ["only one"], "only one"),
    (T.TEXT, [None], None),
    (T.LONG_TEXT, "one  \r\ntwo\rthree \n\n", "one\ntwo\nthree"),
    (T.LONG_TEXT, "  indented", "  indented"),
    (T.LONG_TEXT, "\n \n", None),
    (T.ORGANIZATION, "The  Drivers\u2019 Co-op, Inc.", "The Drivers\u2019 Co-op, Inc."),
    (T.PERSON, "María  José", "María José"),
    (T.EMAIL, " Ana.Ruiz@Example.ORG ", "ana.ruiz@example.org"),
    (T.EMAIL, "josé+x@cooperación.coop", "josé+x@cooperación.coop"),
    (T.EMAIL, "o'neil_x@a-b.co.uk", "o'neil_x@a-b.co.uk"),
    (T.EMAIL, " ", None),
    (T.PHONE, "(413) 555-0188", "+14135550188"),
    (T.PHONE, "+1 413.555.0188", "+14135550188"),
    (T.PHONE, "1-413-555-0188", "+14135550188"),
    (T.PHONE, 4135550188, "+14135550188"),
    (T.PHONE, "413-555-0188 x9", "+14135550188;ext=9"),
    (T.PHONE, "(413) 555-0188 ext. 09", "+14135550188;ext=09"),
    (T.PHONE, "+52 55 1234 5678", "+525512345678"),
    (T.PHONE, " ", None),
    (T.DATE, "2026-02-28", dt.date(2026, 2, 28)),
    (T.DATE, " ", None),
    (T.DATETIME, "2026-03-04T05:06:07.999Z", dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)),
    (T.DATETIME, "2026-03-04 00:06:07", dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)),
    (T.DATETIME, "2026-03-04T05:06+01:00", dt.datetime(2026, 3, 4, 4, 6, tzinfo=dt.UTC)),
    (T.DATETIME, " ", None),
    (T.INTEGER, 3, Decimal(3)),
    (T.INTEGER, "1,200", Decimal(1200)),
    (T.INTEGER, 3.0, Decimal(3)),
    (T.MONEY, "1,200.00", Decimal(1200)),
    (T.MONEY, "-0.50", Decimal("-0.5")),
    (T.MONEY, 0.1 + 0.2, Decimal("0.3")),
    (T.MONEY, 12.3456, Decimal("12.3456")),
    (T.MONEY, " ", None),
    (T.NUMBER, "0.1234567", Decimal("0.1234567")),
    (T.PERCENT, 0.8, Decimal("0.8")),
    (T.BOOLEAN, True, True),
    (T.BOOLEAN, " ", None),
    (T.BOOLEAN, 0, False),
    (T.BOOLEAN, "1", True),
    (T.BOOLEAN, "No", False),
    (T.CHOICE, " Dental ", "Dental"),
    (T.CHOICE, 3, "3"),
    (T.CHOICES, ["b", "a", "b", None], frozenset({"a", "b"})),
    (T.CHOICES, "a", frozenset({"a"})),
    (T.CHOICES, [None], None),
    (T.URL, "HTTPS://Example.ORG/", "https://example.org"),
    (T.URL, "example.org/Path?q=1#x", "https://example.org/Path?q=1#x"),
    (T.URL, "https://example.org/a", "https://example.org/a"),
    (T.URL, "https://example.org/?q", "https://example.org/?q"),
    (T.URL, " ", None),
    (T.POSTAL_CODE, "01002", "01002"),
    (T.POSTAL_CODE, 1002, "01002"),
    (T.POSTAL_CODE, "01002 1234", "01002-1234"),
    (T.POSTAL_CODE, "k1a0b1", "K1A 0B1"),
    (T.POSTAL_CODE, "28013 madrid", "28013 MADRID"),
    (T.POSTAL_CODE, " ", None),
    (T.STATE, "california", "CA"),
    (T.STATE, "N.Y.", "NY"),
    (T.STATE, "Nuevo Mexico", "NM"),
    (T.STATE, "Jalisco", "Jalisco"),
    (T.STATE, " ", None),
    (T.COUNTRY, "Estados Unidos", "US"),
    (T.COUNTRY, "México", "MX"),
    (T.COUNTRY, "Atlantis", "Atlantis"),
    (T.IDENTIFIER, 12, "12"),
    (T.IDENTIFIER, 12.0, "12"),
    (T.IDENTIFIER, " 12 ", "12"),
    (T.IDENTIFIER, "0012", "0012"),
    (T.IDENTIFIER, float("inf"), "inf"),
    (T.REFERENCE, " ", None),
]

REFUSED: list[tuple[FieldType, Json, Reason]] = [
    (T.TEXT, True, Reason.NOT_PLAIN),
    (T.TEXT, {"label": "x"}, Reason.NOT_PLAIN),
    (T.TEXT, ["a", "b"], Reason.SEVERAL),
    (T.TEXT, [["a"]], Reason.NOT_PLAIN),
    (T.TEXT, "a\0b", Reason.NOT_STORABLE),
    (T.TEXT, "\ud800", Reason.NOT_STORABLE),
    (T.EMAIL, "not an email", Reason.NOT_EMAIL),
    (T.EMAIL, "ana@coop", Reason.NOT_EMAIL),
    (T.EMAIL, "ana..ruiz@example.org", Reason.NOT_EMAIL),
    (T.EMAIL, "ana@example.org, eva@example.org", Reason.NOT_EMAIL),
    (T.EMAIL, "a" * 250 + "@example.org", Reason.NOT_EMAIL),
    (T.PHONE, "555-0188", Reason.NOT_PHONE),
    (T.PHONE, "413-555-0188 / 413-555-0189", Reason.NOT_PHONE),
    (T.PHONE, "ask Ana", Reason.NOT_PHONE),
    (T.PHONE, "+4300000000", Reason.NOT_PHONE),
    (T.DATE, "03/04/2026", Reason.NOT_DATE),
    (T.DATE, "2026-02-30", Reason.NOT_DATE),
    (T.DATE, "2026-W01-1", Reason.NOT_DATE),
    (T.DATE, "20260228", Reason.NOT_DATE),
    (T.DATE, 20260228, Reason.NOT_DATE),
    (T.DATE, "2026-03-04T00:00:00.000Z", Reason.HAS_TIME),
    (T.DATETIME, "2026-03-04", Reason.NOT_DATETIME),
    (T.DATETIME, "2026-13-04T00:00", Reason.NOT_DATETIME),
    (T.DATETIME, "0001-01-01T00:00:00+12:00", Reason.NOT_DATETIME),
    (T.DATETIME, 1772600000, Reason.NOT_DATETIME),
    (T.INTEGER, 12.7, Reason.NOT_WHOLE),
    (T.INTEGER, "12abc", Reason.NOT_NUMBER),
    (T.INTEGER, True, Reason.NOT_NUMBER),
    (T.NUMBER, float("nan"), Reason.NOT_NUMBER),
    (T.NUMBER, "1e5", Reason.NOT_NUMBER),
    (T.NUMBER, 1e300, Reason.TOO_LARGE),
    (T.NUMBER, "0." + "1" * 50, Reason.NOT_NUMBER),
    (T.MONEY, "1.200,00", Reason.NOT_NUMBER),
    (T.MONEY, "1,2", Reason.NOT_NUMBER),
    (T.MONEY, {"specialValue": "NaN"}, Reason.ERROR_CELL),
    (T.BOOLEAN, "maybe", Reason.NOT_BOOLEAN),
    (T.BOOLEAN, [True, False], Reason.SEVERAL),
    (T.CHOICES, [{"error": "#ERROR!"}], Reason.ERROR_CELL),
    (T.CHOICES, {"error": "#ERROR!"}, Reason.ERROR_CELL),
    (T.CHOICES, [True], Reason.NOT_PLAIN),
    (T.URL, "https://", Reason.NOT_URL),
    (T.URL, "see our page", Reason.NOT_URL),
    (T.URL, "localhost", Reason.NOT_URL),
    (T.URL, "http://[::1", Reason.NOT_URL),
    (T.POSTAL_CODE, {"error": "#ERROR!"}, Reason.ERROR_CELL),
    (T.REFERENCE, ["recA", "recB"], Reason.SEVERAL),
    (T.REFERENCE, ["recUnknown"], Reason.UNLINKED),
]


@pytest.mark.parametrize(("kind", "raw", "expected"), READ)
def test_a_raw_value_reads_as_its_canonical_value(kind: FieldType, raw: Json, expected: Value | None) -> None:
    assert read(a_field(kind), C, raw, zones=NEW_YORK) == expected


@pytest.mark.parametrize(("kind", "raw", "reason"), REFUSED)
def test_what_does_not_parse_is_unreadable_and_its_reason_names_no_value(kind: FieldType, raw: Json, reason: Reason) -> None:
    cell = read(a_field(kind, to="groups"), A, raw, {"groups": PerSide({}, {})})
    assert cell == Unreadable(reason, 206)


@BOTH
@pytest.mark.parametrize("kind", list(FieldType))
@pytest.mark.parametrize("raw", [None, "", []])
def test_null_and_empty_are_blank_and_an_unticked_checkbox_is_false(kind: FieldType, raw: Json, side: Side) -> None:
    expected = False if (kind, side) == (T.BOOLEAN, A) else None
    assert read(a_field(kind), side, raw) is expected


def test_a_date_in_a_datetime_is_read_only_where_the_mapping_says_so_and_in_its_zone() -> None:
    field = a_field(T.DATE, from_datetime=True)
    assert read(field, A, "2026-03-05T04:30:00.000Z", zones=NEW_YORK) == dt.date(2026, 3, 4)
    assert read(field, C, "2026-03-04 23:30:00", zones=NEW_YORK) == dt.date(2026, 3, 4)
    assert read(field, C, "2026-03-04", zones=NEW_YORK) == dt.date(2026, 3, 4)
    elsewhere = Zones(naive=ZoneInfo("America/New_York"), day=ZoneInfo("Europe/Madrid"))
    assert read(field, C, "2026-03-04 23:30:00", zones=elsewhere) == dt.date(2026, 3, 5)


def test_a_date_never_shifts_however_often_it_is_saved() -> None:
    """Gatsby 18954, nhost 4532: a date drifted one more day on every re-save."""
    field = a_field(T.DATE)
    for side in Side:
        assert write(field, side, read(field, side, "2026-03-29", zones=NEW_YORK)) == "2026-03-29"  # type: ignore[arg-type]


# ── options ──


def test_an_option_is_kept_in_its_own_sides_word_and_compared_by_airtables() -> None:
    field = a_field(T.CHOICE, values=STATUS)
    civicrm, airtable = read(field, C, "enrolled"), read(field, A, "Enrolled")
    assert (civicrm, airtable) == ("enrolled", "Enrolled")
    assert comparable(field, C, civicrm) == comparable(field, A, airtable) == "Enrolled"
    assert translate(field, C, "enrolled") == "Enrolled"
    assert translate(field, A, "Enrolled") == "enrolled"
    assert translate(field, C, None) is None


def test_an_option_that_the_mapping_does_not_name_is_unreadable() -> None:
    field = a_field(T.CHOICE, values=STATUS)
    assert read(field, C, "Enrolled") == Unreadable(Reason.UNMAPPED_OPTION)
    assert read(field, A, "enrolled") == Unreadable(Reason.UNMAPPED_OPTION)
    assert read(a_field(T.CHOICES, values=STATUS), C, ["enrolled", "other"]) == Unreadable(Reason.UNMAPPED_OPTION)


def test_an_option_with_untidy_white_space_is_found_and_written_exactly_as_the_mapping_has_it() -> None:
    field = a_field(T.CHOICE, values={"in process": "In  process "})
    assert read(field, A, "In process") == "In  process "
    assert write(field, A, translate(field, C, "in process")) == "In  process "
    assert read(field, A, " ") is None


def test_options_of_a_set_are_translated_one_by_one() -> None:
    field = a_field(T.CHOICES, values={"d": "Dental", "v": "Vision"})
    assert comparable(field, C, frozenset({"d", "v"})) == frozenset({"Dental", "Vision"})
    assert translate(field, A, frozenset({"Vision"})) == frozenset({"v"})
    assert write(field, A, frozenset({"Vision", "Dental"})) == ["Dental", "Vision"]


def test_two_names_of_one_option_agree_with_it_and_nothing_travels_back() -> None:
    field = a_field(T.CHOICE, values=MEMBERSHIP)
    assert comparable(field, C, "New") == comparable(field, C, "Current") == comparable(field, A, "Active")
    assert translate(field, A, "Lapsed") == "Expired"
    with pytest.raises(Unwritable) as caught:
        translate(field, A, "Active")
    assert caught.value.reason is Reason.SHARED_OPTION


def test_check_is_told_which_options_cannot_travel_and_why() -> None:
    assert round_trips(a_field(T.CHOICE, values=MEMBERSHIP), A) == []
    told = round_trips(a_field(T.CHOICE, values=MEMBERSHIP), C)
    assert [line.split(":")[0] for line in told] == ["Active (New)", "Active (Current)"]
    assert round_trips(a_field(T.CHOICES, values=STATUS), C) == []
    assert "null" in round_trips(a_field(T.CHOICE, values={"Null": "None"}), C)[0]
    assert "something else" in round_trips(a_field(T.CHOICES, values={"x": ""}), A)[0]


# ── references ──

LINKS = {"groups": PerSide({"12": "recGroup"}, {"recGroup": "12"})}


def test_a_reference_is_the_civicrm_id_on_both_sides() -> None:
    field = a_field(T.REFERENCE, to="groups")
    assert read(field, C, 12, LINKS) == read(field, A, ["recGroup"], LINKS) == "12"
    assert write(field, C, "12", LINKS) == 12
    assert write(field, C, "uswc-1", LINKS) == "uswc-1"
    assert write(field, A, "12", LINKS) == ["recGroup"]


def test_a_reference_to_a_record_without_partner_is_not_written() -> None:
    for links in (LINKS, {}):
        with pytest.raises(Unwritable, match="no partner"):
            write(a_field(T.REFERENCE, to="groups"), A, "13", links)


# ── writing ──


def test_the_word_null_is_never_sent_to_civicrm() -> None:
    """CiviCRM reads the text "null" as blank, or stores "Null": the value would be lost without an error."""
    for value in ("null", "NULL", "Null"):
        with pytest.raises(Unwritable) as caught:
            write(a_field(T.TEXT), C, value)
        assert caught.value.reason is Reason.NULL_WORD
        assert write(a_field(T.TEXT), A, value) == value
    with pytest.raises(Unwritable):
        write(a_field(T.CHOICES), C, frozenset({"a", "null"}))


def test_a_checkbox_in_airtable_is_never_blanked() -> None:
    assert write(a_field(T.BOOLEAN), C, None) is None
    assert write(a_field(T.BOOLEAN), A, False) is False
    with pytest.raises(Unwritable, match="checkbox"):
        write(a_field(T.BOOLEAN), A, None)


def test_numbers_are_written_with_every_digit_or_not_at_all() -> None:
    assert write(a_field(T.MONEY), C, Decimal("12.3456")) == 12.3456
    whole = write(a_field(T.MONEY), C, Decimal("1200.00"))
    assert (whole, type(whole)) == (1200, int)
    with pytest.raises(Unwritable, match="digits"):
        write(a_field(T.NUMBER), C, Decimal("123456789.123456789123"))


def test_numbers_are_the_same_at_their_precision_and_round_as_civicrm_does() -> None:
    field = a_field(T.MONEY)
    assert comparable(field, A, Decimal("12.345")) == comparable(field, C, Decimal("12.35"))
    assert comparable(field, A, Decimal("12.344")) != comparable(field, C, Decimal("12.35"))
    assert str(comparable(field, A, Decimal("-0.001"))) == "0.00"
    assert comparable(a_field(T.NUMBER, precision=0), A, Decimal("2.5")) == 3


def test_a_datetime_is_sent_with_its_zone() -> None:
    moment = dt.datetime(2026, 3, 4, 0, 6, 7, tzinfo=ZoneInfo("America/New_York"))
    assert write(a_field(T.DATETIME), C, moment) == "2026-03-04T05:06:07Z"


def test_places_are_written_in_the_form_their_field_takes() -> None:
    """A code given to `…:name` would empty the field in CiviCRM."""
    code = Field(name="s", at=PerSide("state_province_id:abbr", "State"), type=T.STATE)
    name = Field(name="s", at=PerSide("state_province_id:name", "State"), type=T.STATE)
    country = Field(name="c", at=PerSide("country_id:label", None), type=T.COUNTRY)
    other = Field(name="c", at=PerSide("x:label", None), type=T.TEXT)
    assert write(code, C, "CA") == "CA"
    assert write(name, C, "CA") == "California"
    assert write(name, A, "CA") == "CA"
    assert write(country, C, "US") == "United States"
    assert write(other, C, "US") == "US"
    assert (state_name("Jalisco"), country_name("Atlantis")) == ("Jalisco", "Atlantis")


# ── the round trip, for every type ──

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBERS = st.decimals(-(10**9), 10**9, allow_nan=False, places=4)
RAWS: dict[FieldType, st.SearchStrategy[Json]] = {
    T.TEXT: TEXTS | st.integers(),
    T.LONG_TEXT: TEXTS,
    T.ORGANIZATION: TEXTS,
    T.PERSON: TEXTS,
    T.EMAIL: st.emails(),
    T.PHONE: st.from_regex(r"\+?1?[ (]{0,2}[0-9]{3}[).\- ]{0,2}[0-9]{3}[.\- ]?[0-9]{4}( x[0-9]{1,4})?", fullmatch=True),
    T.DATE: st.dates().map(dt.date.isoformat),
    T.DATETIME: st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)).map(lambda each: each.isoformat()),  # noqa: DTZ001  # the naive form is under test
    T.INTEGER: st.integers(-(10**14), 10**14),
    T.NUMBER: NUMBERS.map(str) | st.floats(-1e12, 1e12),
    T.MONEY: NUMBERS.map(str) | st.floats(-1e12, 1e12),
    T.PERCENT: NUMBERS.map(str) | st.floats(-1, 2),
    T.BOOLEAN: st.booleans(),
    T.CHOICE: TEXTS,
    T.CHOICES: st.lists(TEXTS),
    T.REFERENCE: st.sampled_from([12, "12"]),
    T.URL: st.from_regex(r"(https?://)?[A-Za-zñé]{1,8}\.[a-z]{2,4}(/[A-Za-z?#/é]{0,8})?", fullmatch=True),
    T.POSTAL_CODE: TEXTS | st.integers(0, 99999),
    T.STATE: TEXTS | st.sampled_from(["Ohio", "oh", "Québec"]),
    T.COUNTRY: TEXTS | st.sampled_from(["USA", "España"]),
    T.IDENTIFIER: TEXTS | st.integers() | st.floats(allow_nan=False),
}


@BOTH
@pytest.mark.parametrize("kind", list(FieldType))
@given(st.data())
def test_what_is_written_reads_back_the_same(kind: FieldType, side: Side, data: st.DataObject) -> None:
    field = a_field(kind, to="groups")
    value = read(field, C, data.draw(RAWS[kind]), LINKS, zones=NEW_YORK)
    assume(value is not None and not isinstance(value, Unreadable))
    assert not isinstance(value, Unreadable)
    refused = (side is C and "null" in dump(value).lower()) or (isinstance(value, Decimal) and len(dump(value)) > 15)
    try:
        raw = write(field, side, value, LINKS)
    except Unwritable:
        assume(not refused)
        raise
    again = read(field, side, raw, LINKS, zones=NEW_YORK)
    assert comparable(field, side, again) == comparable(field, side, value)


@pytest.mark.parametrize("kind", list(FieldType))
@given(st.data())
def test_a_stored_value_is_loaded_as_it_was_and_equal_values_have_equal_texts(kind: FieldType, data: st.DataObject) -> None:
    value = read(a_field(kind), C, data.draw(RAWS[kind]))
    assume(value is not None and not isinstance(value, Unreadable))
    assert value is not None
    assert not isinstance(value, Unreadable)
    again = load(kind, dump(value))
    assert again == value
    assert type(again) is type(value)
    assert dump(again) == dump(value)


@given(st.decimals(-(10**12), 10**12, places=3), st.integers(0, 5))
def test_a_number_has_one_text_however_many_zeros_it_was_given(number: Decimal, zeros: int) -> None:
    assert dump(number) == dump(Decimal(f"{number}{'0' * zeros}"))


@given(RAWS[T.PHONE])
def test_the_short_way_for_north_american_numbers_answers_what_the_library_does(raw: Json) -> None:
    assert isinstance(raw, str)
    short = north_american(raw)
    assert short is None or short == _e164(raw, "US")


def test_the_short_way_is_taken_only_for_whole_numbers() -> None:
    assert north_american("(413) 555-0188") == "+14135550188"
    for text in ("013-555-0188", "+1 1 413 555 0188", "413-555-018", "413-555-0188x9", "+44 20 7946 0958"):
        assert north_american(text) is None
    assert phonenumbers.is_possible_number(phonenumbers.parse("+14135550188"))


@given(TEXTS)
def test_every_way_to_write_a_text_reads_the_same(text: str) -> None:
    field = a_field(T.TEXT)
    expected = read(field, C, text)
    assume(expected != Unreadable(Reason.NOT_STORABLE))
    assert read(field, A, unicodedata.normalize("NFD", text)) == expected
    assert read(field, A, f"\u00a0 {text}\t") == expected


# ── comparing, showing, storing ──


@pytest.mark.parametrize(
    ("ignore", "other"),
    [({"case"}, "PEÑA & HIJOS, S.C."), ({"accents"}, "Pena & Hijos, S.C."), ({"punctuation"}, "Peña Hijos SC")],
)
def test_ignored_habits_make_no_difference_and_all_others_do(ignore: set[str], other: str) -> None:
    lenient, strict = a_field(T.TEXT, ignore=frozenset(ignore)), a_field(T.TEXT)
    assert comparable(lenient, C, "Peña & Hijos, S.C.") == comparable(lenient, A, other)
    assert comparable(strict, C, "Peña & Hijos, S.C.") != comparable(strict, A, other)


def test_a_text_of_marks_only_is_not_folded_to_nothing() -> None:
    field = a_field(T.TEXT, ignore=frozenset({"punctuation"}))
    assert comparable(field, C, "!!!") == "!!!"


def test_a_sealed_base_is_compared_without_being_read() -> None:
    sealed = Sealed(lambda value: value == "x")
    assert same_base(sealed, "x")
    assert not same_base(sealed, "y")
    assert not same_base("x", Unreadable(Reason.NOT_DATE))
    assert same_base(None, None)


@pytest.mark.parametrize(
    ("kind", "cell", "shown"),
    [
        (T.TEXT, None, "—"),
        (T.TEXT, Unreadable(Reason.NOT_DATE), "?"),
        (T.TEXT, "Peña", "Peña"),
        (T.MONEY, Decimal(1200), "1,200.00"),
        (T.MONEY, Decimal("12.3456"), "12.3456"),
        (T.INTEGER, Decimal(3), "3"),
        (T.BOOLEAN, True, "true"),
        (T.DATE, dt.date(2026, 3, 4), "2026-03-04"),
        (T.CHOICES, frozenset({"b", "a"}), "a, b"),
    ],
)
def test_a_cell_is_shown_to_people(kind: FieldType, cell: Value | Unreadable | None, shown: str) -> None:
    assert display(a_field(kind), cell) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Arroyo Bakery, Inc.", "Arroyo Bakery"),
        ("Arroyo Bakery Co-op", "ARROYO BAKERY COOPERATIVE"),
        ("Arroyo Bakery Cooperative, L.L.C.", "Arroyo Bakery"),
        ("Panadería Peña Cooperativa", "Panaderia Pena S.C."),
        ("Bread & Roses", "Bread and Roses"),
        ("Pan y Rosas", "Pan + Rosas"),
        ("Rosa\u2019s Café", "Rosas Cafe"),
        ("Alvarado-Street Bakery", "alvarado street bakery"),
    ],
)
def test_organizations_fold_to_the_same_name(one: str, other: str) -> None:
    assert fold(T.ORGANIZATION, one) == fold(T.ORGANIZATION, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Coop", "The Inc"), ("🥐", "🍞"), ("Cooperative Home Care", "Home Care"), ("Bakery 1", "Bakery 2")],
)
def test_different_organizations_stay_apart(one: str, other: str) -> None:
    assert fold(T.ORGANIZATION, one) != fold(T.ORGANIZATION, other)


def test_people_and_texts_fold_without_legal_suffixes() -> None:
    assert fold(T.PERSON, "María-José O\u2019Neil") == fold(T.PERSON, "maria jose oneil")
    assert fold(T.PERSON, "Ana Inc") != fold(T.PERSON, "Ana")
    assert fold(T.TEXT, "Ñandú!") == "nandu"


# ── records ──


def a_mapping(**fields: Field) -> Mapping:
    return Mapping(
        name="groups",
        title={"en": "Groups"},
        mode=Mode.OBSERVE,
        civicrm=CivicrmSource(entity="Organization"),
        airtable=AirtableSource(base="benefits", table="Groups"),
        match=(),
        fields=fields,
    )


def test_a_record_has_a_cell_for_every_field_of_its_side_and_a_name_for_people() -> None:
    mapping = a_mapping(
        name=Field(name="name", at=PerSide("organization_name", "Group name"), type=T.TEXT),
        workers=Field(name="workers", at=PerSide("workers", None), type=T.INTEGER),
        gone=Field(name="gone", at=PerSide("Benefits.Gone", "Gone"), type=T.TEXT),
    )
    row = Row("12", {"organization_name": "Arroyo ", "workers": 3, "Benefits.Gone": "x"})
    frozen = Unreadable("The field is gone.", 501)
    record = read_record(mapping, C, row, frozen={"Benefits.Gone": frozen})
    assert record.cells == {"name": "Arroyo", "workers": Decimal(3), "gone": frozen}
    assert (record.id, record.name, record.side) == ("12", "Arroyo", C)
    airtable = read_record(mapping, A, Row("rec1", {}))
    assert airtable.cells == {"name": None, "gone": None}
    assert airtable.name == "rec1"


def test_a_sensitive_name_is_never_what_people_call_a_record() -> None:
    name = Field(name="name", at=PerSide("display_name", "Name"), type=T.PERSON, sensitive=True)
    assert read_record(a_mapping(name=name), C, Row("7", {"display_name": "Ana"})).name == "7"
    count = Field(name="count", at=PerSide("count", "Count"), type=T.INTEGER)
    assert read_record(a_mapping(count=count), C, Row("7", {"count": 1})).name == "7"

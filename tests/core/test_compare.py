"""What comparing one cell says where the type, the options or the base matter; the whole table is in the oracle."""

import datetime as dt
from decimal import Decimal

import pytest

from bridge.core.compare import DIFFER, NO_BASE, Keep, Outcome, Verdict, Write, agreement, merge
from bridge.core.mapping import Authority, Field, FieldType, FirstContact, OnConflict
from bridge.core.record import Base, Cell, PerSide, Sealed, Side, Unreadable, Value

C, A = Side.CIVICRM, Side.AIRTABLE
MEMBERSHIP = {"New": "Active", "Current": "Active", "Expired": "Lapsed"}


def a_field(kind: FieldType = FieldType.TEXT, authority: Authority | None = Authority.EITHER, **policy: object) -> Field:
    return Field(name="it", at=PerSide("it", "It"), type=kind, authority=authority, **policy)  # type: ignore[arg-type]


def decide(field: Field, civicrm: Cell, airtable: Cell, base: Base) -> Outcome:
    return merge(field, base, PerSide(civicrm, airtable))


def still(agreed: Value) -> Outcome:
    """An agreement that was known already."""
    return Outcome(Verdict.AGREED, agreed=agreed)


def test_a_change_is_written_in_the_other_sides_words() -> None:
    field = a_field(FieldType.CHOICE, values={"prospect": "Prospect", "enrolled": "Enrolled"})
    assert decide(field, "prospect", "Enrolled", "Prospect").writes == (Write(C, "enrolled"),)
    assert decide(field, "enrolled", "Prospect", "Prospect").writes == (Write(A, "Enrolled"),)


def test_agreement_is_on_the_compared_form_and_the_base_takes_that() -> None:
    field = a_field(FieldType.CHOICE, values={"enrolled": "Enrolled"})
    outcome = merge(field, NO_BASE, PerSide("enrolled", "Enrolled"))
    assert (outcome.verdict, outcome.keep, outcome.agreed) == (Verdict.AGREED, Keep.TAKE, "Enrolled")
    money = a_field(FieldType.MONEY)
    assert decide(money, Decimal("12.35"), Decimal("12.3456"), Decimal("12.35")) == still(Decimal("12.35"))


def test_hidden_digits_are_no_edit_and_a_change_carries_every_digit() -> None:
    """Airtable shows 12.35 and keeps 12.3456: comparing is at precision, writing loses nothing."""
    money = a_field(FieldType.MONEY)
    assert decide(money, Decimal(10), Decimal("12.3456"), Decimal(10)).writes == (Write(C, Decimal("12.3456")),)
    assert decide(money, Decimal("12.35"), Decimal("12.3461"), Decimal("12.35")).verdict is Verdict.AGREED


def test_two_names_of_one_option_both_agree_with_it() -> None:
    field = a_field(FieldType.CHOICE, Authority.CIVICRM, values=MEMBERSHIP)
    for name in ("New", "Current"):
        assert decide(field, name, "Active", "Active") == still("Active")
    assert decide(field, "Expired", "Active", "Active").writes == (Write(A, "Lapsed"),)
    edited = decide(field, "New", "Lapsed", "Active")
    assert (edited.writes, edited.code) == ((Write(A, "Active"),), 203)


@pytest.mark.parametrize("authority", [Authority.AIRTABLE, Authority.EITHER])
def test_a_many_to_one_field_is_never_written_to_civicrm(authority: Authority) -> None:
    field = a_field(
        FieldType.CHOICE,
        authority,
        values=MEMBERSHIP,
        clear=True,
        first_contact=FirstContact.AUTHORITY,
        on_conflict=OnConflict.AIRTABLE,
    )
    for base in (NO_BASE, None, "Active", "Lapsed", "Other"):
        for civicrm in (None, "New", "Expired"):
            for airtable in (None, "Active", "Lapsed"):
                outcome = merge(field, base, PerSide(civicrm, airtable))
                assert all(each.side is A for each in outcome.writes)
                assert outcome.writes or outcome.code or outcome.verdict is Verdict.AGREED


def test_what_cannot_travel_back_is_told() -> None:
    field = a_field(FieldType.CHOICE, Authority.EITHER, values=MEMBERSHIP)
    assert decide(field, "New", "Lapsed", "Active") == Outcome(Verdict.CHANGED, code=207)


def test_a_union_needs_sets_that_can_travel_both_ways() -> None:
    text = a_field(on_conflict=OnConflict.UNION)
    assert decide(text, "x", "y", "z") == Outcome(Verdict.CONFLICT, code=204)
    lossy = a_field(FieldType.CHOICES, on_conflict=OnConflict.UNION, values=MEMBERSHIP)
    both = decide(lossy, frozenset({"New"}), frozenset({"Lapsed"}), None)
    assert both == Outcome(Verdict.CONFLICT, code=204)


def test_a_union_is_written_on_each_side_in_its_own_words() -> None:
    field = a_field(FieldType.CHOICES, on_conflict=OnConflict.UNION, values={"d": "Dental", "v": "Vision"})
    outcome = decide(field, frozenset({"d"}), frozenset({"Vision"}), None)
    assert outcome.writes == (Write(C, frozenset({"d", "v"})), Write(A, frozenset({"Dental", "Vision"})))


def test_newest_asks_for_an_honest_time_on_both_sides() -> None:
    field = a_field(on_conflict=OnConflict.NEWEST)
    early, late = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    known = merge(field, "z", PerSide("x", "y"), modified=PerSide(late, early))
    assert known == Outcome(Verdict.CONFLICT, (Write(A, "x"),))
    assert merge(field, "z", PerSide("x", "y"), modified=PerSide(late, None)).code == 204


def test_a_field_without_authority_is_only_compared() -> None:
    assert decide(a_field(authority=None), "x", "y", "x") == Outcome(Verdict.CHANGED, code=207)
    assert merge(a_field(authority=Authority.REPORT), NO_BASE, PerSide("x", None)).code == 207


def test_a_cell_whose_field_is_gone_is_told_under_its_own_code() -> None:
    gone, bad = Unreadable("The field is gone.", 501), Unreadable("This is not a date.")
    assert decide(a_field(), gone, "x", "x") == Outcome(Verdict.UNREADABLE, code=501)
    assert decide(a_field(), bad, gone, "x").code == 501
    assert decide(a_field(), "x", bad, "x").code == 206


def test_a_base_that_neither_side_left_though_they_differ_counts_as_none() -> None:
    broken = Sealed(lambda _value: True)
    assert decide(a_field(), "x", "y", broken) == Outcome(Verdict.FIRST_CONTACT, code=202)


def test_writing_another_way_is_no_edit() -> None:
    field = a_field(ignore=frozenset({"case", "punctuation"}))
    assert decide(field, "Arroyo Bakery, Inc", "ARROYO BAKERY INC", "arroyo bakery inc") == still("arroyo bakery inc")


def test_a_cell_that_cannot_be_read_agrees_with_nothing_not_even_its_like() -> None:
    field = a_field()
    unreadable = Unreadable("no")
    assert agreement(field, unreadable, unreadable) is DIFFER
    assert agreement(field, unreadable, None) is DIFFER
    assert agreement(field, None, None) is None


def test_options_agree_by_what_the_mapping_says_and_not_by_their_spelling() -> None:
    field = a_field(FieldType.CHOICE, values={"new": "old", "old": "new"})
    assert agreement(field, "new", "new") is DIFFER
    assert agreement(field, "new", "old") == "old"

"""A draft pairs what agrees beyond chance, by name only where nothing speaks against it, and guesses nothing else."""

import random
from collections.abc import Mapping as Map
from collections.abc import Sequence

import pytest

from bridge.core.agreement import agree, learn_options, likeness
from bridge.core.linking import first_links, fit
from bridge.core.mapping import FieldType, Key
from bridge.core.pairing import pair_fields
from bridge.core.proposal import is_private, propose
from bridge.core.record import Json, PerSide, Row, Side
from bridge.core.sight import FieldSight, Option
from bridge.core.survey import Candidate, Sample, candidate, joint_type

MANY = 60


def seen(side: Side, path: str, kind: str, *options: str, links_to: str = "", writable: bool = True) -> Candidate:
    named = tuple(Option(word, word) for word in options) or None
    sight = FieldSight(path=path, id=path, name=path, kind=kind, writable=writable, options=named)
    made = candidate(side, sight, links_to)
    assert made is not None
    return made


def rows(prefix: str, columns: Map[str, Sequence[Json]]) -> list[Row]:
    count = len(next(iter(columns.values())))
    return [Row(f"{prefix}{place}", {path: values[place] for path, values in columns.items()}) for place in range(count)]


def sample(civicrm: Map[str, Sequence[Json]], airtable: Map[str, Sequence[Json]]) -> Sample:
    return Sample(rows=PerSide[Sequence[Row]](rows("", civicrm), rows("rec", airtable)))


def in_line(count: int = MANY) -> tuple[tuple[int, int], ...]:
    return tuple((place, place) for place in range(count))


# ── agreement ──


def test_agreement_counts_what_both_sides_fill_and_what_only_one_does() -> None:
    found = agree([("a", "a"), ("b", "c"), (None, "d"), ("e", None), (None, None)])
    assert (found.linked, found.both, found.equal, found.only_civicrm, found.only_airtable) == (5, 2, 1, 1, 1)
    assert found.share == 0.5


def test_what_chance_alone_makes_equal_is_no_agreement() -> None:
    draw = random.Random(7)  # noqa: S311  # rows are no secret
    pairs = [(draw.random() < 0.95, draw.random() < 0.95) for _ in range(2_000)]
    found = agree(pairs)
    assert found.share > 0.85
    assert found.beyond_chance is not None
    assert abs(found.beyond_chance) < 0.1


def test_a_side_that_always_says_the_same_teaches_nothing() -> None:
    assert agree([(False, False)] * 50).beyond_chance is None
    assert agree([]).beyond_chance is None


def test_a_sparse_field_is_judged_by_where_it_is_blank_too() -> None:
    found = agree([(None, None)] * 40 + [("x", "x"), ("y", "y"), ("z", "z")])
    assert found.beyond_chance == 1.0


def test_options_are_learnt_from_rows_and_their_words_and_never_guessed() -> None:
    pairs = [("New", "Active")] * 4 + [("Current", "Active")] * 9 + [("Current", "Lapsed")] + [("Expired", "Lapsed")] * 3
    learnt = learn_options(pairs, ["New", "Current", "Expired", "Grace", "Deceased"], ["Active", "grace", "Lapsed"])
    assert learnt.values == {"New": "Active", "Current": "Active", "Expired": "Lapsed", "Grace": "grace"}
    assert learnt.seen == {"New": 4, "Current": 9, "Expired": 3, "Grace": 0}


def test_sets_of_options_are_learnt_one_by_one() -> None:
    pairs = [(frozenset("ab"), frozenset(("A", "Z"))), (frozenset("b"), frozenset("Z")), (frozenset("a"), frozenset("A"))] * 3
    assert learn_options(pairs, ["a", "b"], ["A", "Z"]).values == {"a": "A", "b": "Z"}


def test_names_are_alike_whatever_joins_their_words() -> None:
    assert likeness("Benefits.Effective_Date", "Effective date") > 0.8
    assert likeness("email_primary.email", "Contact email") > 0.7
    assert likeness("is_deceased", "Archived") < 0.6


# ── types ──


@pytest.mark.parametrize(
    ("here", "there", "both"),
    [
        (("email_primary.email", "String"), ("Contact", "singleLineText"), FieldType.EMAIL),
        (("address_primary.state_province_id:abbr", "String"), ("State", "singleSelect", "OR", "CA"), FieldType.STATE),
        (("nick_name", "String"), ("Notes", "multilineText"), FieldType.LONG_TEXT),
        (("Coop.Member_Number", "String"), ("Number", "singleLineText"), FieldType.IDENTIFIER),
        (("id", "Integer"), ("Civi", "number"), FieldType.IDENTIFIER),
        (("Coop.Heads", "Integer"), ("Heads", "number"), FieldType.INTEGER),
        (("Coop.Paid", "Money"), ("Paid", "number"), FieldType.MONEY),
        (("Coop.Seen", "Timestamp"), ("Seen", "date"), FieldType.DATE),
        (("email_primary.email", "String"), ("Phone", "phoneNumber"), None),
        (("Coop.Heads", "Integer"), ("Heads", "singleLineText"), None),
    ],
)
def test_two_fields_are_read_by_the_more_exact_of_their_types(
    here: tuple[str, ...], there: tuple[str, ...], both: FieldType | None
) -> None:
    assert joint_type(seen(Side.CIVICRM, *here), seen(Side.AIRTABLE, *there)) is both


def test_a_computed_column_is_no_candidate() -> None:
    sight = FieldSight(path="Sum", id="fld", name="Sum", kind="formula", writable=False)
    assert candidate(Side.AIRTABLE, sight) is None


# ── keys ──


def test_a_key_is_judged_by_what_it_links_and_by_what_it_leaves_ambiguous() -> None:
    found = fit(
        sample({"code": ["a", "b", "b", "c", None]}, {"Code": ["a", "b", "c", "c", None, "z"]}),
        [Key(at=PerSide("code", "Code"), type=FieldType.IDENTIFIER)],
    )
    assert (found.linked, found.ambiguous, found.rows) == (((0, 0),), 3, 6)


def test_rows_that_two_keys_link_differently_are_not_linked() -> None:
    codes, mails = [f"C-{number}" for number in range(MANY)], [f"m{number}@x.example" for number in range(MANY)]
    crossed = [mails[1], mails[0], *mails[2:]]
    both = sample({"code": codes, "mail": mails}, {"Code": codes, "Mail": crossed})
    candidates = PerSide(
        [seen(Side.CIVICRM, "code", "String"), seen(Side.CIVICRM, "mail", "String")],
        [seen(Side.AIRTABLE, "Code", "singleLineText"), seen(Side.AIRTABLE, "Mail", "email")],
    )
    assert first_links(both, candidates) == in_line()[2:]


def test_nothing_is_linked_where_no_key_links_enough() -> None:
    both = sample({"code": ["a", "b", *"cdefgh"]}, {"Code": ["a", "b", *"qrstuv"]})
    assert (
        first_links(both, PerSide([seen(Side.CIVICRM, "code", "String")], [seen(Side.AIRTABLE, "Code", "singleLineText")]))
        == ()
    )


def test_names_that_are_many_are_told_apart_by_a_second_field() -> None:
    names = [f"Coop {number % 20}" for number in range(MANY)]
    states = [["OR", "CA", "NY"][number // 20] for number in range(MANY)]
    both = sample(
        {"organization_name": names, "address_primary.state_province_id:abbr": states},
        {"Group": [f"{name}, Inc." for name in names], "State": states},
    )
    candidates = PerSide(
        [
            seen(Side.CIVICRM, "organization_name", "String"),
            seen(Side.CIVICRM, "address_primary.state_province_id:abbr", "String"),
        ],
        [seen(Side.AIRTABLE, "Group", "singleLineText"), seen(Side.AIRTABLE, "State", "singleLineText")],
    )
    linked = first_links(both, candidates)
    assert linked == in_line()
    proposal = propose(both, candidates, linked)
    assert [[key.at.airtable for key in each.keys] for each in proposal.exact] == [["Group", "State"]]
    assert [key.at.airtable for key in proposal.similar] == ["Group", "State"]


# ── pairs ──


def test_a_field_is_paired_with_the_one_it_agrees_with_and_not_with_the_one_it_is_named_like() -> None:
    draw = random.Random(3)  # noqa: S311  # rows are no secret
    days = [f"2026-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}" for _ in range(MANY)]
    other = [f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}" for _ in range(MANY)]
    found = pair_fields(
        sample({"Coop.Ends": other, "Coop.Due": days}, {"Ends": days}),
        in_line(),
        PerSide(
            [seen(Side.CIVICRM, "Coop.Ends", "Date"), seen(Side.CIVICRM, "Coop.Due", "Date")],
            [seen(Side.AIRTABLE, "Ends", "date")],
        ),
    )
    assert [(each.at.civicrm.path, each.evidence.equal) for each in found.pairs] == [("Coop.Due", MANY)]
    assert [each.path for each in found.left.civicrm] == ["Coop.Ends"]


def test_boxes_that_nobody_ticks_are_no_pair() -> None:
    found = pair_fields(
        sample({"is_deceased": [False] * MANY}, {"Archived": [None] * MANY}),
        in_line(),
        PerSide([seen(Side.CIVICRM, "is_deceased", "Boolean")], [seen(Side.AIRTABLE, "Archived", "checkbox")]),
    )
    assert found.pairs == ()


def test_what_is_named_alike_and_blank_on_one_side_is_only_perhaps_a_pair() -> None:
    notes = [f"note {number}" for number in range(MANY)]
    found = pair_fields(
        sample({"Coop.Notes": [None] * MANY}, {"Notes": notes}),
        in_line(),
        PerSide([seen(Side.CIVICRM, "Coop.Notes", "Text")], [seen(Side.AIRTABLE, "Notes", "multilineText")]),
    )
    assert found.pairs == ()
    assert [each.at.airtable.path for each in found.perhaps] == ["Notes"]


def test_two_links_are_one_where_who_shares_a_target_here_shares_one_there() -> None:
    here = [number % 6 for number in range(MANY)]
    there: list[Json] = [[f"rec{number % 6}"] for number in range(MANY)]
    elsewhere: list[Json] = [[f"rec{number // 10}"] for number in range(MANY)]
    found = pair_fields(
        sample({"employer_id": here}, {"Group": there, "Plan group": elsewhere}),
        in_line(),
        PerSide(
            [seen(Side.CIVICRM, "employer_id", "Integer", links_to="Contact")],
            [
                seen(Side.AIRTABLE, "Plan group", "multipleRecordLinks", links_to="Plans"),
                seen(Side.AIRTABLE, "Group", "multipleRecordLinks", links_to="Groups"),
            ],
        ),
    )
    assert [(each.at.airtable.path, each.type) for each in found.pairs] == [("Group", FieldType.REFERENCE)]


@pytest.mark.parametrize(
    "path", ["birth_date", "Enrollment.Monthly_Premium", "SSN", "Member number", "Gender", "Date of Birth"]
)
def test_what_is_nobodys_business_is_seen_by_its_name(path: str) -> None:
    assert is_private(path)


@pytest.mark.parametrize("path", ["Group name", "email_primary.email", "Status", "membership.end_date"])
def test_what_anybody_may_see_is_not_hidden(path: str) -> None:
    assert not is_private(path)


def test_civicrms_own_identifier_goes_before_a_number_that_is_nobodys_business() -> None:
    codes: list[Json] = [f"C-{number}" for number in range(MANY - 5)] + [None] * 5
    numbers: list[Json] = [f"M{number}" for number in range(MANY)]
    both = sample(
        {"external_identifier": codes, "Enrollment.Member_Number": numbers}, {"Civi ID": codes, "Member number": numbers}
    )
    candidates = PerSide(
        [seen(Side.CIVICRM, "external_identifier", "String"), seen(Side.CIVICRM, "Enrollment.Member_Number", "String")],
        [seen(Side.AIRTABLE, "Civi ID", "singleLineText"), seen(Side.AIRTABLE, "Member number", "singleLineText")],
    )
    proposal = propose(both, candidates, first_links(both, candidates))
    assert [[key.at.airtable for key in each.keys] for each in proposal.exact] == [["Civi ID"]]
    assert [each.keys[0].at.airtable for each in proposal.others] == ["Member number"]

"""Who is who: what links, what is told, what is only suggested."""

import datetime as dt
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.mapping import (
    AirtableSource,
    CivicrmSource,
    ExactMatch,
    FieldType,
    Key,
    Mapping,
    MatchRule,
    Mode,
    SimilarMatch,
)
from bridge.core.match import Matching, match
from bridge.core.record import Json, Link, PerSide, Record, Row, Side, Snapshot
from bridge.core.similar import Text, alike

C, A = Side.CIVICRM, Side.AIRTABLE
NOW = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)


def key(name: str, kind: FieldType = FieldType.IDENTIFIER) -> Key:
    return Key(at=PerSide(name, name.title()), type=kind)


NAME, STATE, EMAIL = key("name", FieldType.ORGANIZATION), key("state", FieldType.STATE), key("email", FieldType.EMAIL)
BY_ID = ExactMatch(keys=(key("external_id"),))
BY_NAME = ExactMatch(keys=(NAME, STATE))
LIKE = SimilarMatch(key=NAME, least=0.88)
LIKE_WITHIN = SimilarMatch(key=NAME, least=0.88, within=(STATE,))


def civicrm(id_: int, name: str = "", **values: Json) -> Record:
    return Record(C, Row(str(id_), {"name": name, **values}), {"name": name}, "name")


def airtable(id_: str, name: str = "", **values: Json) -> Record:
    titled = {path.title(): value for path, value in values.items()}
    return Record(A, Row(f"rec{id_}", {"Name": name, **titled}), {"name": name}, "name")


def snapshot(side: Side, records: Iterable[Record], *, complete: bool = True, whole: bool = True) -> Snapshot:
    return Snapshot(side, {record.id: record for record in records}, complete, NOW, whole)


def matched(
    rules: Iterable[MatchRule],
    left: Iterable[Record],
    right: Iterable[Record],
    links: Iterable[tuple[str, str]] = (),
    apart: Iterable[tuple[str, str]] = (),
    **state: bool,
) -> Matching:
    mapping = Mapping(
        name="groups",
        title={},
        mode=Mode.OBSERVE,
        civicrm=CivicrmSource(entity="Organization"),
        airtable=AirtableSource(base="benefits", table="Groups"),
        match=tuple(rules),
        fields={},
    )
    snapshots = PerSide(snapshot(C, left, **state), snapshot(A, right, **state))
    return match(mapping, snapshots, [Link(*each) for each in links], [Link(*each) for each in apart])


def pairs(matching: Matching) -> list[tuple[str, str, str]]:
    return [(pair.civicrm.id, pair.airtable.id, pair.how) for pair in matching.pairs]


def only(matching: Matching) -> tuple[list[str], list[str]]:
    return [each.id for each in matching.only.civicrm], [each.id for each in matching.only.airtable]


def suggested(matching: Matching) -> list[tuple[str, str]]:
    return [(each.civicrm.id, each.airtable.id) for each in matching.suggestions]


# ── links ──


def test_a_stored_link_holds_whatever_the_keys_say() -> None:
    found = matched([BY_ID], [civicrm(1, external_id="a")], [airtable("A", external_id="b")], links=[("1", "recA")])
    assert pairs(found) == [("1", "recA", "linked")]
    assert found.pairs[0][C].id == "1"
    assert found.pairs[0][A].id == "recA"
    assert not found.ambiguous


def test_a_linked_record_that_a_whole_pull_did_not_bring_is_absent_and_its_partner_is_not_alone() -> None:
    found = matched([BY_ID], [civicrm(1)], [airtable("B")], links=[("1", "recA"), ("2", "recB"), ("3", "recC")])
    assert found.absent == (
        (Link("1", "recA"), A),
        (Link("2", "recB"), C),
        (Link("3", "recC"), C),
        (Link("3", "recC"), A),
    )
    assert only(found) == ([], [])


@pytest.mark.parametrize("state", [{"complete": False}, {"whole": False}])
def test_nothing_is_inferred_from_what_a_partial_pull_did_not_bring(state: dict[str, bool]) -> None:
    found = matched([BY_ID], [civicrm(1)], [airtable("B")], links=[("7", "recA")], **state)
    assert found.absent == ()
    assert only(found) == ([], [])


def test_only_the_other_sides_completeness_tells_whether_a_record_is_alone() -> None:
    snapshots = PerSide(snapshot(C, [civicrm(1)]), snapshot(A, [airtable("B")], complete=False))
    mapping = Mapping(
        name="m",
        title={},
        mode=Mode.OBSERVE,
        civicrm=CivicrmSource(entity="Organization"),
        airtable=AirtableSource(base="b", table="t"),
        match=(),
        fields={},
    )
    assert only(match(mapping, snapshots, ())) == ([], ["recB"])


# ── exact keys ──


@pytest.mark.parametrize(
    ("rule", "here", "there"),
    [
        (BY_ID, {"external_id": 12}, {"external_id": " 12 "}),
        (ExactMatch(keys=(EMAIL,)), {"email": "Ana@Example.org"}, {"email": "ana@example.org "}),
        (ExactMatch(keys=(key("phone", FieldType.PHONE),)), {"phone": "(413) 555-0188"}, {"phone": "+14135550188"}),
        (
            BY_NAME,
            {"name": "The Pan\u0303adería Co-op, Inc.", "state": "MA"},
            {"name": "PANADERIA COOPERATIVE", "state": "Massachusetts"},
        ),
    ],
)
def test_records_link_where_their_keys_are_the_same_value(
    rule: ExactMatch, here: dict[str, Json], there: dict[str, Json]
) -> None:
    here = {"name": "The Pañadería Co-op, Inc." if "name" in here else "", **here}
    found = matched([rule], [civicrm(1, **here)], [airtable("A", **there)])  # type: ignore[arg-type]
    assert pairs(found) == [("1", "recA", "exact:1")]
    assert only(found) == ([], [])


@pytest.mark.parametrize(("here", "there"), [(None, None), ("", ""), ("not an email", "not an email")])
def test_a_blank_or_unreadable_key_links_nothing(here: Json, there: Json) -> None:
    rule = ExactMatch(keys=(NAME, EMAIL))
    found = matched([rule], [civicrm(1, "Arroyo", email=here)], [airtable("A", "Arroyo", email=there)])
    assert pairs(found) == []
    assert only(found) == (["1"], ["recA"])


def test_a_later_rule_links_what_an_earlier_one_could_not() -> None:
    found = matched(
        [BY_ID, BY_NAME],
        [civicrm(1, "Arroyo", state="MA", external_id="x"), civicrm(2, "Cielo", state="CA")],
        [airtable("A", "Other", state="MA", external_id="x"), airtable("B", "Cielo", state="CA")],
    )
    assert pairs(found) == [("1", "recA", "exact:1"), ("2", "recB", "exact:2")]


def test_two_records_of_one_side_with_one_key_are_duplicates_and_neither_links() -> None:
    found = matched([BY_ID], [civicrm(1, external_id="x")], [airtable("A", external_id="x"), airtable("B", external_id="x")])
    assert pairs(found) == []
    assert [[each.id for each in group.records] for group in found.duplicates] == [["recA", "recB"]]
    assert only(found) == ([], [])


def test_duplicates_are_told_though_the_other_side_knows_no_such_record() -> None:
    found = matched([BY_ID], [civicrm(10, external_id="x"), civicrm(9, external_id="x")], [])
    assert [[each.id for each in group.records] for group in found.duplicates] == [["9", "10"]]
    assert only(found) == ([], [])


def test_a_copy_of_a_linked_record_is_a_duplicate_and_the_link_stands() -> None:
    found = matched(
        [BY_ID],
        [civicrm(1, external_id="x")],
        [airtable("A", external_id="x"), airtable("B", external_id="x")],
        links=[("1", "recA")],
    )
    assert pairs(found) == [("1", "recA", "linked")]
    assert [[each.id for each in group.records] for group in found.duplicates] == [["recA", "recB"]]


def test_namesakes_that_a_stronger_key_tells_apart_are_no_duplicates() -> None:
    found = matched(
        [BY_ID, BY_NAME],
        [civicrm(each, "Arroyo", state="MA", external_id=each) for each in (1, 2)],
        [airtable(str(each), "Arroyo", state="MA", external_id=each) for each in (1, 2)],
    )
    assert pairs(found) == [("1", "rec1", "exact:1"), ("2", "rec2", "exact:1")]
    assert not found.duplicates


def test_groups_of_duplicates_that_share_a_record_are_told_once() -> None:
    found = matched(
        [BY_ID, BY_NAME],
        [
            civicrm(1, "Arroyo", state="MA", external_id="x"),
            civicrm(2, "Cielo", state="CA", external_id="x"),
            civicrm(3, "Cielo", state="CA", external_id="y"),
        ],
        [],
    )
    assert [[each.id for each in group.records] for group in found.duplicates] == [["1", "2", "3"]]


def test_keys_that_point_to_different_records_link_neither() -> None:
    found = matched(
        [BY_ID, BY_NAME],
        [civicrm(1, "Arroyo", state="MA", external_id="x")],
        [airtable("A", "Other", state="MA", external_id="x"), airtable("B", "Arroyo", state="MA")],
    )
    assert pairs(found) == []
    assert [(each.record.id, [one.id for one in each.candidates]) for each in found.ambiguous] == [("1", ["recA", "recB"])]
    assert only(found) == ([], [])


def test_a_key_of_a_record_that_is_linked_to_another_is_ambiguous_and_never_linked() -> None:
    found = matched(
        [BY_ID],
        [civicrm(1, external_id="x")],
        [airtable("A"), airtable("B", external_id="x")],
        links=[("1", "recA")],
    )
    assert pairs(found) == [("1", "recA", "linked")]
    assert [(each.record.id, [one.id for one in each.candidates]) for each in found.ambiguous] == [("recB", ["1"])]
    assert only(found) == ([], [])


def test_keys_between_two_records_linked_elsewhere_say_nothing() -> None:
    found = matched(
        [BY_ID],
        [civicrm(1, external_id="x"), civicrm(2)],
        [airtable("A"), airtable("B", external_id="x")],
        links=[("1", "recA"), ("2", "recB")],
    )
    assert len(found.pairs) == 2
    assert not found.ambiguous


def test_records_that_a_person_said_are_not_the_same_are_alone() -> None:
    for rule in (BY_ID, LIKE):
        found = matched(
            [rule],
            [civicrm(1, "Arroyo", external_id="x")],
            [airtable("A", "Arroyo", external_id="x")],
            apart=[("1", "recA")],
        )
        assert (pairs(found), suggested(found)) == ([], [])
        assert only(found) == (["1"], ["recA"])


# ── similar names ──


def test_similar_names_are_suggested_and_wait_for_a_person() -> None:
    found = matched([LIKE], [civicrm(1, "Arroyo Bakery Inc")], [airtable("A", "Aroyo Bakery Co-op"), airtable("B", "Zeta")])
    assert pairs(found) == []
    assert suggested(found) == [("1", "recA")]
    assert 0.88 <= found.suggestions[0].score < 1
    assert found.suggestions[0].evidence == PerSide("arroyo bakery", "aroyo bakery")
    assert only(found) == ([], ["recB"])


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("Bakery Arroyo", "Arroyo Bakery"),
        ("Peña Solar", "PENA SOLAR"),
        ("Arroyo Street Bakery", "Aroyo Street Bakery"),
        ("Rainbow Grocery", "The Rainbow Grocery Cooperative"),
    ],
)
def test_names_written_another_way_are_similar(here: str, there: str) -> None:
    assert suggested(matched([LIKE], [civicrm(1, here)], [airtable("A", there)])) == [("1", "recA")]


@pytest.mark.parametrize(("here", "there"), [("Arroyo Bakery", "Cielo Solar"), ("", ""), ("Arroyo", None)])
def test_unlike_and_blank_names_are_not_suggested(here: str, there: str | None) -> None:
    found = matched([LIKE], [civicrm(1, here)], [airtable("A", there)])  # type: ignore[arg-type]
    assert suggested(found) == []
    assert only(found) == (["1"], ["recA"])


def test_similar_names_are_suggested_only_within_the_same_place() -> None:
    left = [civicrm(1, "Arroyo Bakery", state="MA"), civicrm(2, "Cielo Solar", state=None)]
    right = [airtable("A", "Aroyo Bakery", state="CA"), airtable("B", "Cielo Solar", state="CA")]
    assert suggested(matched([LIKE_WITHIN], left, right)) == []
    assert suggested(matched([LIKE_WITHIN, LIKE], left, right)) == [("1", "recA"), ("2", "recB")]


def test_a_record_is_suggested_to_its_best_partner_only() -> None:
    found = matched([LIKE], [civicrm(1, "Arroyo Baker"), civicrm(2, "Aroyo Baker")], [airtable("A", "Arroyo Bakery")])
    assert suggested(found) == [("1", "recA")]
    assert only(found) == (["2"], [])


def test_names_that_fit_equally_well_are_all_suggested() -> None:
    found = matched([LIKE], [civicrm(1, "Arroyo"), civicrm(2, "Arroyo Inc")], [airtable("A", "The Arroyo")])
    assert suggested(found) == [("1", "recA"), ("2", "recA")]


def test_a_name_that_fits_too_many_suggests_nobody() -> None:
    many = [airtable(str(each), "Unknown") for each in range(6)]
    assert suggested(matched([LIKE], [civicrm(1, "Unknown")], many)) == []
    nearly = [airtable(str(each), "Unknown Co") for each in range(6)]
    assert suggested(matched([LIKE], [civicrm(1, "Unknown")], nearly)) == []


def test_a_record_that_waits_for_another_reason_is_not_suggested() -> None:
    found = matched(
        [BY_ID, LIKE],
        [civicrm(1, "Arroyo Bakery", external_id="x")],
        [airtable("A", "Arroyo Bakery", external_id="y"), airtable("B", "Cielo", external_id="y")],
    )
    assert suggested(found) == []
    assert len(found.duplicates) == 1


# ── properties ──

NAMES = st.sampled_from(["Arroyo", "Arroyo Inc", "Aroyo", "Cielo Solar", "Solar Cielo", "Zeta", ""])
KEYS = st.fixed_dictionaries(
    {"external_id": st.sampled_from([None, "x", "y", "z"]), "state": st.sampled_from(["MA", "CA", None])}
)
SIDES = st.lists(st.tuples(NAMES, KEYS), max_size=5)
PAIRS = st.lists(st.tuples(st.integers(1, 6).map(str), st.integers(1, 6).map(lambda each: f"rec{each}")), max_size=2)
RULES = [BY_ID, BY_NAME, LIKE_WITHIN, LIKE]


def one_to_one(links: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [link for index, link in enumerate(links) if not any(set(link) & set(other) for other in links[:index])]


@given(SIDES, SIDES, PAIRS.map(one_to_one), PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_records_links_and_answers_changes_nothing(
    left: list[tuple[str, dict[str, Json]]],
    right: list[tuple[str, dict[str, Json]]],
    links: list[tuple[str, str]],
    apart: list[tuple[str, str]],
    chance: random.Random,
) -> None:
    ours = [civicrm(number, name, **values) for number, (name, values) in enumerate(left, start=1)]
    theirs = [airtable(str(number), name, **values) for number, (name, values) in enumerate(right, start=1)]
    expected = matched(RULES, ours, theirs, links, apart)
    for shuffled in (ours, theirs, links, apart):
        chance.shuffle(shuffled)  # type: ignore[arg-type]
    assert matched(RULES, ours, theirs, links, apart) == expected


@given(SIDES, SIDES, PAIRS.map(one_to_one), PAIRS)
def test_pairs_are_one_to_one_and_every_record_is_accounted_for(
    left: list[tuple[str, dict[str, Json]]],
    right: list[tuple[str, dict[str, Json]]],
    links: list[tuple[str, str]],
    apart: list[tuple[str, str]],
) -> None:
    ours = [civicrm(number, name, **values) for number, (name, values) in enumerate(left, start=1)]
    theirs = [airtable(str(number), name, **values) for number, (name, values) in enumerate(right, start=1)]
    found = matched(RULES, ours, theirs, links, apart)
    for side, records in PerSide(ours, theirs):
        paired = [pair.link[side] for pair in found.pairs]
        assert len(paired) == len(set(paired))
        alone = {each.id for each in found.only[side]}
        linked = {Link(*link)[side] for link in links}
        told = {each.record.id for each in found.ambiguous}
        told |= {each.id for group in found.duplicates for each in group.records}
        told |= {(each.civicrm if side is C else each.airtable).id for each in found.suggestions}
        told |= {each.id for group in found.ambiguous for each in group.candidates}
        assert not alone & (set(paired) | linked | told)
        waits_for_the_other_side = {each.id for each in records} - alone - set(paired) - linked - told
        assert not waits_for_the_other_side or found.duplicates
    for parted in apart:
        assert parted in links or parted not in {(pair.civicrm.id, pair.airtable.id) for pair in found.pairs}


@given(st.lists(NAMES.filter(bool), max_size=6), st.lists(NAMES.filter(bool), max_size=6))
def test_what_is_suggested_is_similar_enough_and_nobody_has_better(left: list[str], right: list[str]) -> None:
    ours = [Text(f"c{number}", name.lower()) for number, name in enumerate(left)]
    theirs = [Text(f"a{number}", name.lower()) for number, name in enumerate(right)]
    scores = alike(ours, theirs, 0.88, ())
    for place in (0, 1):
        for id_ in {pair[place] for pair in scores}:
            own = {score for pair, score in scores.items() if pair[place] == id_}
            assert len(own) == 1
            assert min(own) >= 0.88

"""A proposal as a mapping file: it is sound whatever columns are called, says counts, and never what a cell holds."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bridge.config.mappings import load
from bridge.config.written import Heading, slug, word, written
from bridge.core.linking import first_links
from bridge.core.mapping import Authority, Mapping, Mode
from bridge.core.proposal import propose
from bridge.core.record import Json, PerSide, Row, Side
from bridge.core.sight import FieldSight, Option
from bridge.core.survey import Candidate, Sample, candidate

MANY = 40
HEADING = Heading(
    name="draft",
    day="2026-11-22",
    entity="Organization",
    base="benefits",
    table="Groups",
    timezone="America/New_York",
    related=(),
    parents={},
    unread=(("Sum", "formula"),),
)


def seen(side: Side, path: str, kind: str, *options: str, writable: bool = True, links_to: str = "") -> Candidate:
    named = tuple(Option(each, each) for each in options) or None
    made = candidate(side, FieldSight(path=path, id=path, name=path, kind=kind, writable=writable, options=named), links_to)
    assert made is not None
    return made


def text_of(columns: Sequence[tuple[Candidate, Candidate, Sequence[Json], Sequence[Json]]], heading: Heading = HEADING) -> str:
    """The draft of paired columns, each given as its two candidates and what they hold."""
    rows = PerSide[Sequence[Row]](
        [Row(str(n), {here.path: held[n] for here, _, held, _ in columns}) for n in range(MANY)],
        [Row(f"rec{n}", {there.path: held[n] for _, there, _, held in columns}) for n in range(MANY)],
    )
    candidates = PerSide([here for here, *_ in columns], [there for _, there, *_ in columns])
    sample = Sample(rows=rows)
    return written(propose(sample, candidates, first_links(sample, candidates)), heading)


def read(tmp_path: Path, text: str) -> Mapping:
    file = tmp_path / "draft.yaml"
    file.write_text(text)
    return load(file)[0]


CODES: list[Json] = [f"C-{number:03}" for number in range(MANY)]
CODE = (seen(Side.CIVICRM, "external_identifier", "String"), seen(Side.AIRTABLE, "Civi ID", "singleLineText"), CODES, CODES)


@pytest.mark.parametrize(
    "column",
    ["No", "true", "12", "a: b", "# 1", 'Say "hi"', "Año\u2019s", "- x", "[1]", "{x}", "@home", "Q&A", "50 %", "field", "name"],
)
def test_a_draft_is_sound_whatever_a_column_is_called(tmp_path: Path, column: str) -> None:
    held: list[Json] = [f"value {number}" for number in range(MANY)]
    text = text_of(
        [CODE, (seen(Side.CIVICRM, "nick_name", "String"), seen(Side.AIRTABLE, column, "singleLineText"), held, held)]
    )
    mapping = read(tmp_path, text)
    assert column in {each.at.airtable for each in mapping.fields.values()}
    assert mapping.mode is Mode.OBSERVE
    assert {each.authority for each in mapping.fields.values()} == {Authority.REPORT}


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_every_word_reads_back_as_it_is(text: str) -> None:
    assert YAML(typ="safe", pure=True).load(f"{{key: {word(text)}}}") == {"key": text}


@given(st.text())
def test_every_name_is_one_of_the_language(text: str) -> None:
    assert slug(text).replace("_", "").isascii()
    assert slug(text)[:1].isalpha()


def test_no_cell_is_in_the_comments(tmp_path: Path) -> None:
    born: list[Json] = [f"19{n + 40}-01-0{n % 9 + 1}" for n in range(MANY)]
    paid: list[Json] = [1000.25 + n for n in range(MANY)]
    named: list[Json] = [f"Zebra {n} Works" for n in range(MANY)]
    text = text_of(
        [
            CODE,
            (seen(Side.CIVICRM, "birth_date", "Date"), seen(Side.AIRTABLE, "Birth date", "date"), born, born),
            (seen(Side.CIVICRM, "Pay.Premium", "Money"), seen(Side.AIRTABLE, "Premium", "currency"), paid, paid),
            (seen(Side.CIVICRM, "organization_name", "String"), seen(Side.AIRTABLE, "Name", "singleLineText"), named, named),
        ]
    )
    assert not [cell for cell in (*CODES, *born, *paid, *named) if str(cell) in text]
    fields = read(tmp_path, text).fields
    assert {name for name, each in fields.items() if each.sensitive} == {"birth_date", "premium"}


def test_options_are_written_with_how_many_rows_say_so_and_the_rest_is_named(tmp_path: Path) -> None:
    here: list[Json] = [("New", "Current", "Gone")[n % 3] for n in range(MANY)]
    there: list[Json] = [("Active", "Active", "Left")[n % 3] for n in range(MANY)]
    status = seen(Side.CIVICRM, "Coop.Standing:name", "String", "New", "Current", "Gone", "Dead")
    text = text_of([CODE, (status, seen(Side.AIRTABLE, "Standing", "singleSelect", "Active", "Left", "Hold"), here, there)])
    assert read(tmp_path, text).fields["standing"].values == {"New": "Active", "Current": "Active", "Gone": "Left"}
    assert "      New: Active    # 14\n" in text
    assert "      # Dead: …    # too few linked records hold it" in text
    assert "Airtable also has Hold: cells with it are told (206)" in text
    assert "several CiviCRM names share an option" in text


def test_a_link_is_drafted_only_where_its_table_has_a_mapping(tmp_path: Path) -> None:
    here: list[Json] = [n % 8 for n in range(MANY)]
    there: list[Json] = [[f"rec{n % 8}"] for n in range(MANY)]
    employer = seen(Side.CIVICRM, "employer_id", "Integer", links_to="Contact")
    group = seen(Side.AIRTABLE, "Group", "multipleRecordLinks", links_to="Groups")
    alone = text_of([CODE, (employer, group, here, there)])
    assert "  # Write a mapping for the table Groups first" in alone
    assert "group" not in read(tmp_path, alone).fields
    import dataclasses

    known = text_of([CODE, (employer, group, here, there)], dataclasses.replace(HEADING, parents={"Groups": "benefits-groups"}))
    assert "  group: {civicrm: employer_id, airtable: Group, type: reference, to: benefits-groups, authority: report}" in known


def test_where_nothing_is_found_the_draft_says_so_and_is_sound_all_the_same(tmp_path: Path) -> None:
    other: list[Json] = [f"D-{n}" for n in range(MANY)]
    here, there, *_ = CODE
    text = text_of([(here, there, CODES, other)])
    assert "NO KEY WAS FOUND" in text
    assert read(tmp_path, text).fields

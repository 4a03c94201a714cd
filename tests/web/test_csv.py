"""The CSV file: complete, in the reader's language, and nothing a spreadsheet would run."""

import csv
import datetime as dt
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.ledger import Entry, State
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide
from bridge.core.report import Digest, digest
from bridge.language import Language
from bridge.web.csv import export

NOW = dt.datetime(2026, 11, 16, 14, tzinfo=dt.UTC)
EN, ES = Language("en"), Language("es")


def told(*names: str, assignee: str | None = None) -> Digest:
    entries = [
        Entry(
            discrepancy=Discrepancy(
                mapping="groups",
                code=204,
                severity=Severity.HIGH,
                ids=PerSide(str(number), f"rec{number}"),
                name=name,
                field="phone",
                shown=PerSide("413-555-0188", "413-555-0199"),
            ),
            state=State.OPEN,
            opened_at=NOW - dt.timedelta(days=3),
            seen_at=NOW,
            id=number,
            assignee=assignee,
        )
        for number, name in enumerate(names)
    ]
    return digest(
        entries, [], now=NOW, since=None, mappings={}, address=lambda _m, side, native: f"https://{side}.example/{native}"
    )


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_a_line_links_to_the_page_of_its_code_where_there_are_pages() -> None:
    for page, expected in (("https://bridge.example/", "https://bridge.example/codes/204"), (None, "")):
        headings, line = read(export(told("Arroyo Bakery"), EN, page))
        assert dict(zip(headings, line, strict=True))["More about this kind"] == expected


def test_every_discrepancy_is_a_line_under_headings() -> None:
    lines = read(export(told("Arroyo Bakery", 'Casa "Verde", Inc'), EN))
    assert lines[0][:7] == ["No.", "Kind", "Severity", "State", "Name", "What is the matter", "What to do"]
    first = dict(zip(lines[0], lines[1], strict=True))
    assert (first["Name"], first["Days"], first["CiviCRM id"]) == ("Arroyo Bakery", "3", "0")
    assert first["In Airtable"] == "https://airtable.example/rec0"
    assert lines[2][4] == 'Casa "Verde", Inc'
    assert len(lines) == 3


def test_headings_and_words_follow_the_language() -> None:
    lines = read(export(told("Arroyo Bakery"), ES))
    assert lines[0][:5] == ["N.º", "Tipo", "Gravedad", "Estado", "Nombre"]
    assert lines[1][1:4] == ["Editado de forma distinta en ambos sistemas", "alta", "abierta"]


def test_lines_end_as_the_standard_says() -> None:
    text = export(told("Arroyo Bakery"), EN)
    assert text.count("\r\n") == text.count("\n") == 2


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\uff1d", "\u200b="])
def test_a_formula_is_text(sign: str) -> None:
    name = f'{sign}HYPERLINK("https://evil.example")'
    line = read(export(told(name, assignee=name), EN))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")) for cell in line)
    assert line[4].startswith("'")


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_names_make_a_file_that_reads_back(names: list[str]) -> None:
    lines = read(export(told(*names), EN))
    assert len(lines) == 1 + len(names)
    assert {len(line) for line in lines} == {len(lines[0])}
    for line in lines[1:]:
        assert not line[4].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_no_cell_of_the_two_systems_is_in_the_file() -> None:
    assert "555" not in export(told("Arroyo Bakery"), EN)

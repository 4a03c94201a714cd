"""The discrepancies as a CSV file (RFC 4180) that a spreadsheet can open without running anything.

A cell that begins like a formula gets an apostrophe before it (OWASP, CSV injection).
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from bridge.core.report import Digest, code_page, own_page, row
from bridge.language import Language, plain
from bridge.locales.wording import COLUMNS

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  # spreadsheets take wide signs too


def export(digest: Digest, language: Language, page: str | None = None) -> str:
    """Every discrepancy of the digest, one line each, under headings in the reader's language.

    `page` is where people see everything: each line then links to the page of its code.
    Write it as `utf-8-sig`: spreadsheets take a file without that mark for Latin letters only.
    """
    headings = [language.say(COLUMNS[name]) for name in COLUMNS]
    return _csv(headings, ([_cell(values[name]) for name in COLUMNS] for values in _rows(digest, language, page)))


def sheet(lines: Iterable[Sequence[str]]) -> str:
    """Lines of cells as CSV, each safe to open; figures stay figures, also negative ones."""
    return _csv_lines([each if _is_figure(each) else _cell(each) for each in line] for line in lines)


def _is_figure(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _rows(digest: Digest, language: Language, page: str | None) -> Iterable[Mapping[str, object]]:
    for item in digest.items:
        found = item.entry.discrepancy
        mapping = digest.mappings.get(found.mapping)
        sentence = language.discrepancy(item.entry, mapping)
        yield {
            **row(item.entry, text=sentence.what, now=digest.as_of),
            "opened_at": language.sortable(item.entry.opened_at),
            "mapping": (language.text(mapping.title) if mapping else "") or found.mapping,
            "title": language.title(found.code, found.rule, mapping),
            "name": language.called(found, mapping),
            "field": language.field(found.field, mapping) or None,
            "severity": language.severity(found.severity),
            "state": language.state(item.entry.state),
            "do": sentence.do,
            "civicrm_address": item.addresses.civicrm,
            "airtable_address": item.addresses.airtable,
            "page": own_page(page, item.entry),
            "code_page": code_page(page, found.code),
        }


def _csv(headings: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    return _csv_lines([headings, *lines])


def _csv_lines(lines: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(lines)
    return file.getvalue()


def _cell(value: object) -> object:
    """The value as it may stand in a spreadsheet: one line, and never a formula."""
    if not isinstance(value, str):
        return value
    shown = plain(value)
    return f"'{shown}" if value.startswith(_FORMULA) or shown.startswith(_FORMULA) else shown

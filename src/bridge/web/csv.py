"""The discrepancies as a CSV file (RFC 4180) that a spreadsheet can open without running anything.

A cell that begins like a formula gets an apostrophe before it (OWASP, CSV injection).
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from bridge.core.report import Digest, row
from bridge.language import Language, plain
from bridge.locales.wording import COLUMNS

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  # spreadsheets take wide signs too


def export(digest: Digest, language: Language) -> str:
    """Every discrepancy of the digest, one line each, under headings in the reader's language.

    Write it as `utf-8-sig`: spreadsheets take a file without that mark for Latin letters only.
    """
    headings = [language.say(COLUMNS[name]) for name in COLUMNS]
    return _csv(headings, ([_cell(values[name]) for name in COLUMNS] for values in _rows(digest, language)))


def _rows(digest: Digest, language: Language) -> Iterable[Mapping[str, object]]:
    for item in digest.items:
        found = item.entry.discrepancy
        sentence = language.discrepancy(item.entry, digest.mappings.get(found.mapping))
        yield {
            **row(item.entry, text=sentence.what, now=digest.as_of),
            "title": language.title(found.code, found.rule),
            "severity": language.severity(found.severity),
            "state": language.state(item.entry.state),
            "do": sentence.do,
            "civicrm_address": item.addresses.civicrm,
            "airtable_address": item.addresses.airtable,
        }


def _csv(headings: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows(lines)
    return file.getvalue()


def _cell(value: object) -> object:
    """The value as it may stand in a spreadsheet: one line, and never a formula."""
    if not isinstance(value, str):
        return value
    shown = plain(value)
    return f"'{shown}" if value.startswith(_FORMULA) or shown.startswith(_FORMULA) else shown

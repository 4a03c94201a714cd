"""Figures as a page and as a CSV file."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from bridge.core.counting import Counted, Figure, Hidden
from bridge.core.figures import Column, Way
from bridge.core.mapping import FieldType, Mapping
from bridge.language import Language
from bridge.web.csv import sheet
from bridge.web.page import render

Tables = Sequence[tuple[Mapping, Counted]]


def figures_page(tables: Tables, language: Language, as_of: dt.datetime) -> str:
    """Every table with its total, as one HTML page."""
    shown = [
        {
            "title": language.text(table.figures.title),
            "heads": heads(table, language),
            "lines": [[line.key or "—", *cells(mapping, table, line.cells)] for line in table.lines],
            "total": cells(mapping, table, table.total.cells),
            "note": note(table, language),
        }
        for mapping, table in tables
    ]
    titles = list(dict.fromkeys(language.text(mapping.title) or mapping.name for mapping, _ in tables))
    return render("figures.html", language, heading=", ".join(titles), tables=shown, as_of=as_of)


def figures_csv(tables: Tables, language: Language) -> str:
    """One block for each table: its title, its headings, its lines."""
    lines: list[list[str]] = []
    for mapping, table in tables:
        lines += [[language.text(table.figures.title)], heads(table, language)]
        lines += [[line.key or "", *cells(mapping, table, line.cells, plain=True)] for line in table.lines]
        lines += [[language.say("All"), *cells(mapping, table, table.total.cells, plain=True)]]
        lines += [[told] for told in (note(table, language),) if told] + [[]]
    return sheet(lines)


def heads(table: Counted, language: Language) -> list[str]:
    """What stands above the columns; above the lines' keys, the field they are made of."""
    by = language.text(table.figures.by_title) or language.field(table.figures.by[1])
    return [by, *(language.text(each.title) for each in table.figures.columns)]


def note(table: Counted, language: Language) -> str:
    """What the ellipsis means, where some figure of the table is hidden; else nothing."""
    if not table.hides:
        return ""
    return language.say(
        "“…” is a figure over fewer than {fewest} records, or one that would give such a figure away.", fewest=table.fewest
    )


def cells(mapping: Mapping, table: Counted, found: Sequence[Figure], *, plain: bool = False) -> list[str]:
    """The figures as text: money to the cent, averages to a tenth; an ellipsis for the hidden, a dash where there is none."""
    return [
        "…"
        if figure is Hidden.HIDDEN
        else ("" if plain else "—")
        if figure is None
        else _shown(mapping, column, figure, plain=plain)
        for column, figure in zip(table.figures.columns, found, strict=True)
    ]


def _shown(mapping: Mapping, column: Column, figure: Decimal, *, plain: bool) -> str:
    is_money = isinstance(column.of, tuple) and mapping.fields[column.of[1]].type is FieldType.MONEY
    form = ".2f" if is_money else ".1f" if column.way in (Way.AVERAGE, Way.MEDIAN) else "f"
    return format(figure, ("" if plain else ",") + form)

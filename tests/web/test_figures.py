"""Figures as a page and as a file: escaped, to the cent, in the reader's language."""

import datetime as dt
from decimal import Decimal

from bridge.core.counting import Counted, Hidden, Line
from bridge.core.figures import Column, Days, Figures, Way
from bridge.core.mapping import Field, FieldType, Mapping
from bridge.core.record import PerSide, Side
from bridge.language import Language
from bridge.web.figures import figures_csv, figures_page
from builders import a_mapping

NOW = dt.datetime(2026, 11, 16, 14, tzinfo=dt.UTC)


def tables() -> list[tuple[Mapping, Counted]]:
    dues = Field(name="dues", at=PerSide("dues", None), type=FieldType.MONEY)
    columns = (
        Column(name="coops", title={"en": "Co-ops", "es": "Cooperativas"}),
        Column(name="dues", title={"en": "Dues", "es": "Cuotas"}, way=Way.SUM, of=(Side.CIVICRM, "dues")),
        Column(name="wait", title={"en": "Wait", "es": "Espera"}, way=Way.MEDIAN, of=Days((Side.CIVICRM, "dues"), None)),
    )
    figures = Figures(name="f", title={"en": "By <tier>"}, by=(Side.AIRTABLE, "dues_tier"), by_title={}, columns=columns)
    lines = (
        Line("=HYPERLINK(1)", (Decimal(2), Decimal(-1250), Decimal("1400.25"))),
        Line("<b>Small</b>", (Decimal(1), Hidden.HIDDEN, None)),
        Line(None, (Decimal(0), Decimal(0), Decimal(3))),
    )
    return [(a_mapping(dues), Counted(figures, lines, Line(None, (Decimal(3), Decimal("-1250.5"), Decimal(4)))))]


def test_the_page_escapes_what_people_wrote_and_shows_money_to_the_cent() -> None:
    page = figures_page(tables(), Language("es"), NOW)
    assert "&lt;b&gt;Small&lt;/b&gt;" in page
    assert "<b>Small" not in page
    assert "By &lt;tier&gt;" in page
    assert "<td>-1,250.00</td>" in page
    assert "<td>…</td>" in page
    assert "<td>—</td>" in page
    assert "<td>1,400.2</td>" in page
    assert "«…» es un dato sobre menos de 5 registros" in page
    assert "Cooperativas" in page
    assert "dues tier" in page


def test_the_file_runs_nothing_and_keeps_figures_figures() -> None:
    assert figures_csv(tables(), Language("en")).split("\r\n") == [
        "By <tier>",
        "dues tier,Co-ops,Dues,Wait",
        "'=HYPERLINK(1),2,-1250.00,1400.2",
        "<b>Small</b>,1,…,",
        ",0,0.00,3.0",
        "All,3,-1250.50,4.0",
        '"“…” is a figure over fewer than 5 records, or one that would give such a figure away."',
        "",
        "",
    ]

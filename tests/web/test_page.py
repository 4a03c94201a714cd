"""The pages: whatever a record says is only ever read, and everybody can read it."""

import base64
import datetime as dt
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core import document
from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import AirtableSource, CivicrmSource, Mapping, Mode, Operator, Rule, Severity
from bridge.core.mapping import Test as Condition
from bridge.core.plan import Action, Breach, CellChange, Change, Discrepancy, Plan
from bridge.core.record import PerSide, Side
from bridge.core.report import Digest, PlanNote, PlanState, Standing, digest
from bridge.language import Language
from bridge.web.page import plan_page, report_page

NOW = dt.datetime(2026, 11, 16, 14, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
EN, ES = Language("en", "America/New_York"), Language("es", "America/New_York")
NASTY = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"><!--\u202eevil'
VOID = ("meta", "input", "br", "img", "link", "hr")

LAPSED = Rule(
    name="enrolled-without-membership",
    severity=Severity.HIGH,
    when=Condition("benefits_status", Operator.BLANK, operand=False, side=Side.AIRTABLE),
    say={"en": "{name} is enrolled but not a member.", "es": "{name} está inscrita pero no es miembro."},
    do={"en": "Call the co-op.", "es": "Llame a la cooperativa."},
    due=2 * DAY,
)
GROUPS = Mapping(
    name="groups",
    title={"en": "Benefits groups", "es": "Grupos de beneficios"},
    mode=Mode.OBSERVE,
    civicrm=CivicrmSource(entity="Organization"),
    airtable=AirtableSource(base="benefits", table="Groups"),
    match=(),
    fields={},
    rules=(LAPSED,),
)


class Page(HTMLParser):
    """A page as a browser takes it: its elements, its text, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is closed where it stands"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.tags if each == tag]


def an_entry(number: int, *, code: int = 204, state: State = State.OPEN, name: str = "Arroyo Bakery", **more: object) -> Entry:
    found = Discrepancy(
        mapping="groups",
        code=code,
        rule=LAPSED.name if code == 300 else None,
        severity=Severity.HIGH if code == 300 else Severity.MEDIUM,
        ids=PerSide(str(number), f"rec{number}"),
        name=name,
        field=None if code == 300 else "phone",
        shown=PerSide("413-555-0188", "413-555-0199") if code == 204 else PerSide(None, None),
    )
    entry = Entry(discrepancy=found, state=state, opened_at=NOW - 3 * DAY, seen_at=NOW, id=number, runs=5)
    return replace(entry, **more)  # type: ignore[arg-type]


def told(*entries: Entry, plans: tuple[PlanNote, ...] = (), url: str = "https://{side}.example.org/{id}") -> Digest:
    happened = [
        Event(
            fingerprint=entry.fingerprint,
            happened=Happened.RESOLVED if entry.state is State.RESOLVED else Happened.OPENED,
            at=NOW,
            by="bridge",
            run=1,
        )
        for entry in entries
        if entry.state is State.RESOLVED or entry.discrepancy.code == 300
    ]

    def address(_mapping: str, side: Side, native: str) -> str:
        return url.replace("{side}", side.value).replace("{id}", native)

    return digest(entries, happened, now=NOW, since=NOW - DAY, mappings={"groups": GROUPS}, plans=plans, address=address)


def a_morning() -> Digest:
    return told(
        an_entry(1, code=300),
        an_entry(2, assignee="Lupe", note="phoned"),
        an_entry(3, name="Casa Verde"),
        an_entry(4, state=State.SNOOZED, snoozed_until=dt.date(2026, 12, 1)),
        an_entry(5, state=State.ACCEPTED, accepted_reason="agreed_exception"),
        an_entry(6, state=State.RESOLVED),
    )


def a_cell(field: str, before: str | None, after: str, *, sensitive: bool = False) -> CellChange:
    return CellChange(
        field=field,
        path=field,
        before=before,
        after=after,
        before_raw=before,
        after_raw=after,
        why="changed",
        sensitive=sensitive,
        sealed=("aa", "bb") if sensitive else None,
    )


def a_plan(name: str = "Arroyo Bakery", value: str = "413-555-0199") -> Plan:
    change = Change(
        mapping="groups",
        side=Side.AIRTABLE,
        action=Action.UPDATE,
        id="rec1",
        partner="1",
        name=name,
        cells=(a_cell("phone", None, value), a_cell("premium", "111.11", "222.22", sensitive=True)),
    )
    return Plan(mapping="groups", mapping_digest="", changes=(change,), discrepancies=(an_entry(9, name=name).discrepancy,))


@pytest.mark.parametrize("language", [EN, ES], ids=["en", "es"])
def test_the_page_carries_the_digests_numbers(language: Language) -> None:
    made = a_morning()
    html = report_page(made, language)
    page = Page(html)
    assert page.all("html")[0]["lang"] == language.code
    assert language.headline(made) in page.text
    tiles = dict(zip(Standing, re.findall(r"<li><b>([\d,]+)</b>", html), strict=True))
    assert {standing: int(number) for standing, number in tiles.items()} == made.counts
    assert len([each for each in page.all("li") if "item" in str(each.get("class", "")).split()]) == made.open


def test_an_item_says_who_what_since_when_what_to_do_and_where() -> None:
    page = Page(report_page(a_morning(), EN))
    text = " ".join(page.text.split())
    assert "Arroyo Bakery is enrolled but not a member." in text
    assert "What to do: Call the co-op." in text
    assert "CiviCRM 413-555-0188" in text.replace("CiviCRM413", "CiviCRM 413")
    assert "No. 2 · since Nov 13, 2026 (3 days, seen in 5 runs) · in the hands of Lupe · note: phoned" in text
    assert "overdue" in text
    assert "until Dec 1, 2026" in text
    assert "an agreed exception" in text
    addresses = [each["href"] for each in page.all("a")]
    assert "https://civicrm.example.org/2" in addresses
    assert "https://airtable.example.org/rec2" in addresses


def test_the_page_in_spanish_has_no_english_of_ours() -> None:
    text = Page(report_page(a_morning(), ES)).text
    assert "Qué hacer: Llame a la cooperativa." in " ".join(text.split())
    assert not re.search(r"\b(since|What to do|Open in|ongoing|Snoozed|days)\b", text)


def test_a_held_plan_and_a_storm_are_on_the_page() -> None:
    held = PlanNote(mapping="groups", digest="ab" * 32, state=PlanState.HELD, records=60, cells=70, reasons=("60 of 200 <b>",))
    many = [an_entry(number, code=300) for number in range(30)]
    text = Page(report_page(told(*many, plans=(held,)), EN)).text
    assert "Benefits groups: a plan for 70 cells in 60 records is held, waiting for a person." in text
    assert "60 of 200 <b>" in text
    assert "bridge sync groups --approve abababababab" in text
    assert "30 discrepancies came at once, where 0 were open." in text


def test_agreement_is_a_page_too() -> None:
    text = Page(report_page(told(), EN)).text
    assert "Benefits groups: the two systems agree." in text
    assert "Open discrepancies" not in text


@pytest.mark.parametrize("html", [report_page(told(an_entry(1, name=NASTY)), EN), plan_page(a_plan(NASTY, NASTY), EN, GROUPS)])
def test_a_name_cannot_run_or_turn_the_page_around(html: str) -> None:
    page = Page(html)
    assert page.all("script") == []
    assert page.all("img") == []
    assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
    assert "alert(1)" in page.text, "it can still be read"
    assert "\u202e" not in html


@settings(max_examples=50, deadline=None)
@given(name=st.text(), note=st.text(), value=st.text())
def test_no_text_adds_an_element(name: str, note: str, value: str) -> None:
    tricky = report_page(told(an_entry(1, name=name, note=note or "x")), EN)
    assert Page(tricky).tags == Page(report_page(told(an_entry(1, note="x")), EN)).tags
    assert len(Page(plan_page(a_plan(name, value), EN)).tags) == len(Page(plan_page(a_plan(), EN)).tags)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example"])
def test_only_a_web_address_becomes_a_link(url: str) -> None:
    page = Page(report_page(told(an_entry(1), url=url), EN))
    assert all(str(each["href"]).startswith("#") for each in page.all("a"))


def test_nothing_is_fetched_and_nothing_can_run() -> None:
    html = report_page(a_morning(), EN)
    page = Page(html)
    (policy,) = [each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    style = html.partition("<style>")[2].partition("</style>")[0]
    held = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{held}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert [tag for tag, attributes in page.tags if "src" in attributes or "style" in attributes or tag == "link"] == []


def test_a_screen_reader_finds_its_way() -> None:
    page = Page(report_page(a_morning(), EN))
    tags = [tag for tag, _ in page.tags]
    assert [tags.count(each) for each in ("header", "main", "footer", "h1", "title")] == [1, 1, 1, 1, 1]
    assert tags.count("table") == tags.count("caption")
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels)), "no heading level is skipped"
    named = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    pointed = [
        str(attributes.get("aria-labelledby") or str(attributes.get("href", ""))[1:])
        for _, attributes in page.tags
        if attributes.get("aria-labelledby") or str(attributes.get("href", "")).startswith("#")
    ]
    assert set(pointed) <= named
    assert all(each.get("scope") in ("col", "row") for each in page.all("th"))


def test_ids_stand_once() -> None:
    ids = [attributes["id"] for _, attributes in Page(report_page(a_morning(), EN)).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_a_plan_shows_name_before_after_and_why_and_no_sensitive_cell() -> None:
    plan = a_plan()
    html = plan_page(plan, EN, GROUPS)
    text = " ".join(Page(html).text.split())
    assert "Plan for Benefits groups" in text
    assert document.digest(plan) in text
    assert "Arroyo Bakery rec1" in text
    assert "changed in CiviCRM" in text
    assert re.search(r"phone\s*\(blank\)\s*413-555-0199", text)
    assert "sensitive, not shown" in text
    assert "111.11" not in html
    assert "222.22" not in html
    assert "aa" not in re.findall(r"<td[^>]*>([^<]*)</td>", html)


def test_a_held_plan_says_why_and_how_to_lift_it() -> None:
    plan = replace(a_plan(), breaches=(Breach(rule="updates", message="30% would change.", setting="guard.updates.share"),))
    text = Page(plan_page(plan, ES, GROUPS)).text
    assert "Retenido: hace falta una persona antes de escribir nada." in text
    assert "30% would change." in text
    assert "guard.updates.share" in text
    assert f"bridge sync groups --approve {document.digest(plan)[:12]}" in text


def test_an_empty_plan_says_that_nothing_would_be_written() -> None:
    empty = Plan(mapping="groups", mapping_digest="", changes=(), discrepancies=())
    assert "Nothing would be written." in Page(plan_page(empty, EN)).text


def test_each_kind_links_to_the_page_of_its_code_where_there_are_pages() -> None:
    assert 'href="https://bridge.example/codes/' in report_page(a_morning(), EN, "https://bridge.example")
    assert "/codes/" not in report_page(a_morning(), EN)

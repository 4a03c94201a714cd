"""The pages in a real browser: for a keyboard, a screen reader, a phone and a printer, in both languages."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from bridge.core.ledger import State
from bridge.core.mapping import Severity
from bridge.core.record import PerSide
from bridge.store import open_store
from bridge.web.server import Server, web_app
from bridge.web.visitors import Pace
from fakes import FakeClock
from web.remembered import remember
from web.web_office import FakeSyncs, House, token

CHROMIUM = os.environ.get("BRIDGE_TEST_CHROMIUM", "/usr/bin/chromium")
PAGES = (
    "/",
    "/discrepancies",
    "/discrepancies?text=nothing+like+it",
    "/discrepancies/1",
    "/discrepancies/4",
    "/matches",
    "/runs",
    "/runs/1",
    "/records/civicrm:12?now=true",
    "/codes/204",
    "/nowhere",
)
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        try:
            found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except Error as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must have a Chromium at BRIDGE_TEST_CHROMIUM ({CHROMIUM}): {error.message[:200]}")
            pytest.skip(f"there is no Chromium at {CHROMIUM}")
        yield found
        found.close()


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """A house with something on every page, and where it is served."""
    clock = FakeClock()
    with closing(open_store(f"sqlite:///{tmp_path_factory.mktemp('lived')}/bridge.db", [], clock)) as store:
        house = House(store, clock, FakeSyncs(clock))
        remember(house, "hidden")
        for number in range(20, 60):
            clock.forward(days=2)
            house.entry(
                number,
                code=(204, 104, 206, 101)[number % 4],
                name=f"Cooperativa de Panadería y Pastelería Número {number}",
                severity=Severity.HIGH if number % 9 == 0 else Severity.MEDIUM,
                state=State.SNOOZED if number % 7 == 0 else State.OPEN,
                details={"candidate": "Panadería", "score": "0.97"} if number % 4 == 1 else {},
                shown=PerSide("averyveryverylongaddress@without-any-space.example.coop", None),
            )
        app = web_app(house.office)
        app.state.sign_ins = Pace(per_second=100, burst=100)  # these tests are one reader after another, from one address
        server = Server(app, "127.0.0.1", 0)
        server.start()
        yield house, server.url
        server.stop()


@contextmanager
def reader(browser: Browser, url: str, name: str = "ana", language: str = "en", **options: object) -> Iterator[Page]:
    """A browser in which somebody has signed in."""
    with closing(browser.new_context(base_url=url, **options)) as context:  # type: ignore[arg-type]  # Playwright's own options
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"/sign-in?language={language}")
        page.fill("#token", token(name))
        page.press("#token", "Enter")
        page.wait_for_url(f"{url}/")
        yield page


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_on_any_page_is_in_the_way_of_assistive_technology(
    browser: Browser, lived_in: tuple[House, str], language: str
) -> None:
    with reader(browser, lived_in[1], language=language) as page:
        for path in ("/sign-in", *PAGES):
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            found = Axe().run(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            assert page.locator("html").get_attribute("lang") == language


def test_a_phone_scrolls_no_page_sideways_and_its_buttons_fit_a_thumb(browser: Browser, lived_in: tuple[House, str]) -> None:
    with reader(browser, lived_in[1], viewport=PHONE, language="es") as page:
        for path in ("/sign-in", *PAGES):
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
            heights = page.evaluate("[...document.querySelectorAll('button, select, a.button')].map(each => each.offsetHeight)")
            assert all(height >= 44 for height in heights), path


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText || document.activeElement.id || document.activeElement.name"))


def tab_to(page: Page, text: str) -> None:
    """Press Tab until this has the focus, and see that the focus is visible."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if focused(page).strip() == text:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", f"{text} shows no focus"
            return
    raise AssertionError(f"no Tab leads to {text}")


def test_somebody_with_a_keyboard_alone_finds_a_discrepancy_and_takes_it_on(
    browser: Browser, lived_in: tuple[House, str]
) -> None:
    house, url = lived_in
    entry = house.entry(90, name="Mano a Mano", details={})
    with reader(browser, url, name="olga") as page:
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content", "the first Tab leads past the navigation"
        tab_to(page, "Discrepancies")
        page.keyboard.press("Enter")
        page.wait_for_url("**/discrepancies")
        tab_to(page, "text")
        page.keyboard.type("mano a")
        page.keyboard.press("Enter")
        page.wait_for_url("**text=mano*")
        tab_to(page, "Mano a Mano")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/discrepancies/{entry.id}")
        tab_to(page, "Assign")
        page.keyboard.press("Enter")
        tab_to(page, "assignee")
        page.keyboard.type("Lupe")
        tab_to(page, "assign-remark")
        page.keyboard.press("Enter")
        page.get_by_role("status").wait_for()
        assert "in those hands" in page.get_by_role("status").inner_text()
    after = house.store.ledger.get(entry.fingerprint)
    assert after is not None
    assert after.assignee == "Lupe"


def test_a_page_needs_no_script_and_runs_none(browser: Browser, lived_in: tuple[House, str]) -> None:
    with reader(browser, lived_in[1], java_script_enabled=False) as page:
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        for path in PAGES:
            page.goto(path)
            assert page.locator("h1").count() == 1, path
            assert page.locator("script").count() == 0, path
        assert [each for each in refused if "Content Security Policy" in each] == []
        page.goto("/runs")
        page.locator("summary", has_text="Start a run now").click()
        page.get_by_role("button", name="Start").click()
        assert "Asked for." in page.get_by_role("status").inner_text()


def test_paper_carries_what_is_said_and_not_what_can_be_pressed(browser: Browser, lived_in: tuple[House, str]) -> None:
    with reader(browser, lived_in[1]) as page:
        page.emulate_media(media="print")
        page.goto("/discrepancies/1")
        assert page.get_by_role("heading", name="Arroyo Bakery").first.is_visible()
        assert page.locator("button:visible, nav:visible, input:visible").count() == 0
        assert page.locator("ol.history").is_visible()
        assert page.pdf()[:5] == b"%PDF-"


def test_spanish_stays_from_page_to_page_and_speaks_no_english(browser: Browser, lived_in: tuple[House, str]) -> None:
    with reader(browser, lived_in[1], language="es") as page:
        for path in PAGES:
            page.goto(path)
            said = page.evaluate("""() => {
                document.querySelectorAll('[lang=en], bdi, code').forEach(each => each.remove());
                return document.body.innerText; }""")
            assert not re.search(r"\b(the|and|open|since|with|Show|Runs|days|nobody)\b", str(said)), path
        page.goto("/discrepancies")
        page.get_by_role("link", name="English").click()  # a click does not wait for the page that it leads to
        page.get_by_role("heading", name="Discrepancies").first.wait_for()
        page.goto("/runs")
        assert page.locator("html").get_attribute("lang") == "en"


def test_the_static_page_passes_the_same_tests(browser: Browser, tmp_path: Path) -> None:
    from web.test_page import EN, GROUPS, a_morning, a_plan, plan_page, report_page

    for name, html in (("report", report_page(a_morning(), EN)), ("plan", plan_page(a_plan(), EN, GROUPS))):
        (tmp_path / f"{name}.html").write_text(html)
        with closing(browser.new_context(viewport=PHONE)) as context:
            page = context.new_page()
            page.goto((tmp_path / f"{name}.html").as_uri())
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name

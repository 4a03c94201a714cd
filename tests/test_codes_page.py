"""The page of codes: every code is there, in both languages, under the title that people see elsewhere."""

import re
from pathlib import Path

import pytest

from bridge.core.ledger import Reason
from bridge.language import Language
from bridge.locales import wording

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"en": DOCS / "codes.md", "es": DOCS / "es" / "codes.md"}
PARTS = {"en": ("Means", "Do", "Silence"), "es": ("Significa", "Qué hacer", "Cómo silenciarla")}


@pytest.mark.parametrize("code", PAGES)
def test_every_code_is_told_under_its_title(code: str) -> None:
    language = Language(code)
    asked = [f"{each} {language.title(each)}" for each in wording.CODES] + [f"3xx {language.title(300)}"]
    told = re.findall(r"^## (\dxx .+|\d{3} .+)$", PAGES[code].read_text(), re.MULTILINE)
    assert sorted(told) == sorted(asked)


@pytest.mark.parametrize("code", PAGES)
def test_each_code_says_what_it_means_what_to_do_and_how_to_silence_it(code: str) -> None:
    chapters = re.split(r"^## (?=\d)", PAGES[code].read_text(), flags=re.MULTILINE)[1:]
    for chapter in chapters:
        assert tuple(re.findall(r"^- \*\*(.+?):\*\* \S", chapter, re.MULTILINE)) == PARTS[code], chapter.splitlines()[0]


@pytest.mark.parametrize("code", PAGES)
def test_every_reason_for_accepting_is_told(code: str) -> None:
    language = Language(code)
    text = " ".join(PAGES[code].read_text().split())
    assert all(f"`{reason.value}` ({language.reason(reason.value)})" in text for reason in Reason)


def test_the_two_pages_point_to_each_other() -> None:
    assert "(es/codes.md)" in PAGES["en"].read_text()
    assert "(../codes.md)" in PAGES["es"].read_text()

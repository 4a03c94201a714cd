"""What each code means, as the documentation's page of codes tells it: one chapter each, in both languages."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

import bridge

_PACKAGE = Path(bridge.__file__).parent
_INSTALLED = _PACKAGE / "documentation"
_CHECKOUT = _PACKAGE.parents[1] / "docs"
_FILES = {"en": Path("codes.md"), "es": Path("es/codes.md")}
_CHAPTER = re.compile(r"^## (\d\w\w) .+\n", re.MULTILINE)
_RULES = "3xx"


def chapter(code: int, language: str) -> Markup | None:
    """The chapter of a code as HTML, without its heading; of a rule that of all rules. None for a code that is none."""
    chapters = _chapters(language)
    return chapters.get(str(code)) or (chapters[_RULES] if 300 <= code < 400 else None)  # noqa: PLR2004  # codes are numbers


@cache
def _chapters(language: str) -> Mapping[str, Markup]:
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    text = (folder / _FILES[language]).read_text(encoding="utf-8")
    _, *parts = _CHAPTER.split(text)
    markdown = MarkdownIt("commonmark", {"html": False})
    return {
        code: Markup(markdown.render(body))  # noqa: S704  # our own text, and HTML within it is escaped
        for code, body in zip(parts[::2], parts[1::2], strict=True)
    }

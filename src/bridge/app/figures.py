"""The figures of the mappings, as lines of text, as a page or as CSV."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.core.counting import Counted
from bridge.core.mapping import Mapping
from bridge.errors import ConfigError
from bridge.language import Language
from bridge.service.figures import figures

if TYPE_CHECKING:
    from bridge.app import App

Tables = Sequence[tuple[Mapping, Counted]]


def count(app: "App", names: Sequence[str]) -> Tables:
    """The tables of these mappings, or of all. Raises ConfigError where none has any."""
    mappings = [each for each in app.named(names) if each.figures]
    if not mappings:
        raise ConfigError("No mapping here has `figures`.", next_step="write them as mappings/README.md shows.")
    with app.one_run():
        return [(mapping, table) for mapping in mappings for table in figures(mapping, app.means(), by=app.login)]


def page(app: "App", tables: Tables, language: Language) -> str:
    """All tables as one HTML page."""
    from bridge.web.figures import figures_page

    return figures_page(tables, language, app.clock())


def csv(tables: Tables, language: Language) -> str:
    """All tables as one CSV file, one line for each figure."""
    from bridge.web.figures import figures_csv

    return figures_csv(tables, language)

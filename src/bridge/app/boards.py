"""Composes the boards: which places of the two systems show a mapping's discrepancies, and what they lack."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Side
from bridge.errors import BridgeError, ConfigError
from bridge.ports import Board
from bridge.service.board import Kept, keep

if TYPE_CHECKING:
    from bridge.airtable.scan import Scan
    from bridge.app import App


class Boards:
    """The boards of every mapping."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def of(
        self, mapping: FieldMapping, sides: Collection[Side] = tuple(Side), listed: "dict[str, Scan] | None" = None
    ) -> list[Board]:
        """The mapping's boards on these sides; none where its `report:` names no place there.

        Boards that are kept together share what is `listed`.
        """
        found: list[Board] = []
        url = self._app.settings.web.public_url
        page = str(url) if url else None
        if mapping.report.airtable is not None and Side.AIRTABLE in sides:
            from bridge.airtable.board import AirtableBoard

            base, app = self._app.base_id(mapping), self._app
            sources = {each.airtable.table for each in app.mappings if app.base_id(each) == base}
            language = app.language(mapping.report.airtable.language)
            found.append(
                AirtableBoard(
                    app.airtable, mapping, language, app.address, base_id=base, sources=sources, page=page, listed=listed
                )
            )
        if mapping.report.civicrm is not None and Side.CIVICRM in sides:
            from bridge.civicrm.board import CivicrmBoard

            language = self._app.language(mapping.report.civicrm.language)
            found.append(CivicrmBoard(self._app.civicrm, mapping, language, self._app.address, page))
        return found

    def keep(self, *mappings: FieldMapping, delta: bool = False) -> list[Kept]:
        """Bring the mappings' boards and the ledger up to date with each other; what went wrong is in each result."""
        listed: dict[str, Scan] = {}
        return [self._keep(each, listed, delta=delta) for each in mappings]

    def _keep(self, mapping: FieldMapping, listed: "dict[str, Scan]", *, delta: bool) -> Kept:
        try:
            return keep(mapping, self.of(mapping, listed=listed), self._app.means(), delta=delta)
        except BridgeError as problem:
            return Kept(problems=[problem])

    def keep_all(self, side: Side) -> Mapping[str, Kept]:
        """Bring every board on this side up to date, by mapping. Raises ConfigError if no mapping names one."""
        named = [
            each for each in self._app.mappings if (each.report.airtable if side is Side.AIRTABLE else each.report.civicrm)
        ]
        if not named:
            raise ConfigError(
                f"No mapping reports to {side.title}.",
                next_step=f"add `report: {{{side.value}: …}}` to one, as mappings/README.md shows.",
            )
        listed: dict[str, Scan] = {}
        with self._app.one_run():
            return {each.name: keep(each, self.of(each, [side], listed), self._app.means()) for each in named}

    def findings(self, mapping: FieldMapping) -> Iterator[dict[str, Any]]:
        """What the mapping's boards lack, in the stable form of `check --live --json`."""
        for board in self.of(mapping):
            side = board.place.partition(":")[0]
            for lack in board.lacks():
                yield {
                    "mapping": mapping.name,
                    "severity": "error" if lack.vital else "warning",
                    "where": f"{mapping.file}: report.{side}",
                    "message": lack.message,
                    "hint": lack.hint,
                    "fix": False,
                }

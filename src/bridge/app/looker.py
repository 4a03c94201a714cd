"""Looks at single records for whoever reads a page, while the worker may be in the middle of a run."""

import dataclasses
from collections.abc import Sequence

from bridge.app import App
from bridge.core.mapping import Mapping
from bridge.core.record import Side
from bridge.web.office import Seen


class Looker:
    """Fulfils `web.office.Looks`: with clients of its own, so that no run is disturbed, on the same state and its pace."""

    def __init__(self, app: App) -> None:
        self._app = app

    def look(self, record: tuple[Side, str], *, sensitive: bool) -> Sequence[Seen]:
        """The record in each mapping that holds it; sensitive values only where asked for. Raises BridgeError."""
        mappings = self._app.mappings
        with App(self._app.settings, clock=self._app.clock, sleep=self._app.sleep) as apart:
            apart.store = self._app.store
            apart.mappings = tuple(map(_bared, mappings)) if sensitive else mappings
            found = apart.explain(record, None)
        return [Seen(mapping=each.mapping, ids=each.ids, how=each.how, fields=each.fields, rules=each.rules) for each in found]


def _bared(mapping: Mapping) -> Mapping:
    """The mapping as if nothing in it were sensitive: only ever to be looked with."""
    return dataclasses.replace(
        mapping, fields={name: dataclasses.replace(field, sensitive=False) for name, field in mapping.fields.items()}
    )

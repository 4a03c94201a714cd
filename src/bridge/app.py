"""The composition root: settings to adapters, store and service. The only file that knows everyone.

Nothing is opened at import, and each heavy library is imported only when something that needs it is asked for.
"""

import datetime as dt
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bridge import config
from bridge.config.settings import Settings
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import PerSide
from bridge.errors import ConfigError
from bridge.ports import Clock, Progress, Remote, Store, silent
from bridge.service.order import Means

if TYPE_CHECKING:
    from bridge.airtable.api import Api
    from bridge.civicrm.client import Client

MONTHLY_CALLS = {"free": 1_000, "team": 100_000, "business": None}
"""Airtable's calls a month and workspace by plan (support article on API call limits, 2024-11); None: no cap."""


def utc_now() -> dt.datetime:
    """The time, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


class App:
    """Everything one process needs, opened when first asked for and closed at the end of the `with`."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now, progress: Progress = silent) -> None:
        self.settings = settings
        self.clock = clock
        self.progress = progress
        self._open = ExitStack()

    def __enter__(self) -> "App":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def mappings(self) -> tuple[FieldMapping, ...]:
        """All mappings, parents first. Raises ConfigError with every problem of every file."""
        return config.load(Path(self.settings.mappings), timezone=self.settings.timezone)

    def named(self, names: Sequence[str]) -> tuple[FieldMapping, ...]:
        """The mappings of these names, or all; parents first. Raises ConfigError for a name that is none."""
        known = {each.name for each in self.mappings}
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(
                f"No mapping is called {', '.join(unknown)}; there are: {', '.join(sorted(known))}.",
                next_step="check the spelling, or `bridge check` to list the mappings.",
            )
        return tuple(each for each in self.mappings if not names or each.name in names)

    @cached_property
    def store(self) -> Store:
        """The state, upgraded if it is an embedded one."""
        from bridge.store import open_store  # noqa: PLC0415  # SQLAlchemy is slow to import

        keys = [key.get_secret_value() for key in self.settings.state_keys]
        return self._open.enter_context(open_store(self.settings.state_url.get_secret_value(), keys, self.clock))

"""What people decide, under their names: the same verbs for the command line, the HTTP API, the pages and Slack."""

import datetime as dt
from collections.abc import Callable

from bridge.app import App
from bridge.core import ledger
from bridge.core.choice import choosable
from bridge.core.ledger import Entry, Event
from bridge.core.record import Link, PerSide, Side
from bridge.errors import ConfigError
from bridge.ports import Progress, silent
from bridge.service import approve as approving
from bridge.service.choose import choose
from bridge.service.order import Kind, Order, Result

Word = Callable[[Entry, str, dt.datetime], tuple[Entry, Event]]
"""What one of `core.ledger`'s verbs makes of an entry, given who says so and when."""

_SIMILAR = 104


class Decisions:
    """Decisions that `by` takes.

    A verb's `stamp` is that of the entry as it was shown (`Entry.stamp`), None where it was looked at just now. Each raises
    ConfigError for a discrepancy that is none, StaleRecord if it is another one by now than `stamp`.
    """

    def __init__(self, app: App, by: str) -> None:
        self._app = app
        self._by = by

    def entry(self, key: str, stamp: str | None = None) -> Entry:
        """The discrepancy of that number or fingerprint."""
        entry = self._app.store.ledger.get(key)
        if entry is None:
            raise ConfigError(
                f"There is no discrepancy {key}.", next_step="`bridge discrepancies list` lists them with their numbers."
            )
        ledger.must_be(entry, stamp)
        return entry

    def say(self, key: str, word: Word, *, stamp: str | None = None) -> Entry:
        """Keep a word on a discrepancy: assign, snooze, accept, reopen, comment. Days are those of the settings' time zone."""
        before = self.entry(key, stamp)
        after, event = word(before, self._by, self._app.here())
        self._app.store.ledger.keep(before, after, event)
        return after

    # ── which value is right ──

    def choosable(self, entry: Entry) -> tuple[Side, ...]:
        """The sides whose value may be chosen now; none where it is only observed."""
        found = entry.discrepancy
        return choosable(found, self._app.mapping_named(found.mapping), self._app.settings.mode)

    def choose(
        self, key: str, side: Side, *, stamp: str | None = None, dry_run: bool = False, progress: Progress = silent
    ) -> Result:
        """Write `side`'s value to the other side (see `service.choose`); with `dry_run` only plan it."""
        entry = self.entry(key, stamp)
        kind = Kind.PLAN if dry_run else Kind.RECORD
        order = Order(mode=self._app.settings.mode, by=self._by, kind=kind)
        with self._app.one_run():
            result = choose(entry, side, order, self._app.one(entry.discrepancy.mapping), self._app.means(progress))
            return result if dry_run else self._app.show(result)[0]

    # ── who is who ──

    def match(self, key: str, *, same: bool, stamp: str | None = None) -> Entry:
        """Say of a suggested pair (104) whether the two are the same. Raises ConfigError for any other discrepancy."""
        entry = self.entry(key, stamp)
        found = entry.discrepancy
        if found.code != _SIMILAR or found.ids.civicrm is None or found.ids.airtable is None:
            raise ConfigError(
                f"Discrepancy {entry.id} ({found.code}) suggests no pair.",
                next_step="`bridge matches list` lists those that do.",
            )
        self.settle_match(found.mapping, Link(found.ids.civicrm, found.ids.airtable), same=same)
        return self._app.store.ledger.get(entry.fingerprint) or entry

    def settle_match(self, mapping: str, link: Link, *, same: bool) -> bool:
        """Link the two records, or remember that they are not the same; whether the pair was suggested, and is answered."""
        knowledge, name = self._app.store.knowledge, self._app.one(mapping).name
        ids = PerSide[str | None](link.civicrm, link.airtable)
        waiting = [each for each in self._app.store.ledger.load(name) if each.discrepancy.code == _SIMILAR]
        asked = next((each for each in waiting if each.discrepancy.ids == ids), None)
        if same:
            knowledge.confirm(name, link, self._by)
        else:
            knowledge.reject(name, link, self._by, asked.discrepancy.evidence if asked else "")
        if asked is not None:
            note = "the same" if same else "not the same"
            step = ledger.answering(asked.fingerprint, by=self._by, at=self._app.clock(), note=note)
            self._app.store.ledger.move(name, step)
        return asked is not None

    # ── plans that are held ──

    def reject_plan(self, digest: str) -> str:
        """Reject the held plan of this digest (or of its beginning), and return its mapping's name.

        It is not asked for again until it differs.
        """
        means = self._app.means()
        stored = approving.find(digest, means)
        approving.reject(stored, means, by=self._by)
        return stored.mapping

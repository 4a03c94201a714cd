"""The composition root: settings to adapters, store and service. The only file that knows everyone.

Nothing is opened at import, and a heavy library is imported only when something that needs it is asked for.
"""

import datetime as dt
import getpass
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from bridge import log
from bridge.app import checks
from bridge.config.mappings import load
from bridge.config.settings import Settings
from bridge.core import report
from bridge.core.document import as_text
from bridge.core.ledger import Entry
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Mode
from bridge.core.plan import Discrepancy, Plan
from bridge.core.record import PerSide, Side
from bridge.core.sight import SOURCE
from bridge.errors import BridgeError, ConfigError, Problem, RunInProgress
from bridge.language import Language
from bridge.ports import Clock, Progress, Remote, RunState, Store, silent
from bridge.service.approve import approve, find
from bridge.service.delta import watermarks
from bridge.service.order import Kind, Means, Order, Result
from bridge.service.run import run
from bridge.service.tell import all_is_well

if TYPE_CHECKING:
    from bridge.airtable.api import Api
    from bridge.app.boards import Boards
    from bridge.app.reports import Reports
    from bridge.civicrm.client import CivicrmClient
    from bridge.civicrm.sweeps import Sweeps
    from bridge.heartbeat import Heartbeat
    from bridge.service.explain import Explanation
    from bridge.service.undo import Prepared

MONTHLY_CALLS: Mapping[str, int | None] = {"free": 1_000, "team": 100_000, "business": None}
"""Airtable's calls a month and workspace by plan (support article on API call limits, 2024-11); None: no cap."""


def utc_now() -> dt.datetime:
    """The time, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def settings_from_environment(*, remotes: bool = True) -> Settings:
    """The settings, and the log set up. With `remotes` false the credentials of the two systems may be missing.

    Raises ConfigError with every problem.
    """
    log.set_up()
    return Settings.load(os.environ, remotes=remotes)


class App:
    """Everything one process needs: opened when first asked for, closed at the end of the `with`.

    One that only `looks` begins no state where there are no mappings: somebody stands in the wrong folder.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        looks: bool = False,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        self.settings = settings
        self._looks = looks
        self.reread = reread or (lambda: settings)
        self.clock = clock
        self.sleep = sleep
        self.stopping = threading.Event()
        self._open = ExitStack()

    @classmethod
    def from_environment(cls, *, remotes: bool = True) -> "App":
        """The app that the environment describes; with `remotes` false it need not reach the two systems, and only looks."""
        settings = settings_from_environment(remotes=remotes)
        return cls(settings, looks=not remotes, reread=lambda: Settings.load(os.environ, remotes=remotes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # ── what it is made of ──

    @cached_property
    def mappings(self) -> tuple[FieldMapping, ...]:
        """All mappings, parents first. Raises ConfigError with every problem of every file."""
        return load(self.settings.mappings, timezone=self.settings.timezone)

    @cached_property
    def store(self) -> Store:
        """The state; an embedded one is made or upgraded. Raises ConfigError where an app that only looks would make it."""
        from bridge.store import open_store

        keys = [key.get_secret_value() for key in self.settings.state_keys]
        url = self.settings.state_url.get_secret_value()
        absent = url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()
        if self._looks and absent and not self.settings.mappings.exists():
            raise ConfigError(
                f"There is no state here, and there are no mappings at {self.settings.mappings}.",
                next_step="go to bridge's own folder, or set BRIDGE_STATE_URL and BRIDGE_MAPPINGS.",
            )
        return self._open.enter_context(closing(open_store(url, keys, self.clock)))

    @cached_property
    def civicrm(self) -> "CivicrmClient":
        """The one client of the CiviCRM site."""
        from bridge.civicrm.client import CivicrmClient

        wanted = self.settings.civicrm
        client = CivicrmClient(
            wanted.url,
            wanted.api_key.get_secret_value(),
            site_key=wanted.site_key.get_secret_value() if wanted.site_key else None,
            proxy_auth=wanted.proxy_auth.get_secret_value() if wanted.proxy_auth else None,
            count=lambda calls: self.store.calls.add("civicrm", calls),
        )
        self._open.callback(client.close)
        return client

    @cached_property
    def _sweeps(self) -> "Sweeps":
        """What the mappings of a run share of CiviCRM."""
        from bridge.civicrm.sweeps import Sweeps

        return Sweeps()

    @cached_property
    def airtable(self) -> "Api":
        """The one client of Airtable."""
        from bridge.airtable.api import Api

        api = Api(
            self.settings.airtable.token.get_secret_value(),
            slots=self.store.slots,
            calls=self.store.calls,
            clock=self.clock,
            memory=self.store.memory,
            webhooks=self.settings.airtable.webhooks,
            url=str(self.settings.airtable.url).rstrip("/"),
            sleep=self.sleep,
        )
        self._open.callback(api.close)
        return api

    @cached_property
    def heartbeat(self) -> "Heartbeat":
        """The dead-man's switch."""
        from bridge.heartbeat import Heartbeat

        url = self.settings.heartbeat_url
        return Heartbeat(url.get_secret_value() if url else None, self.clock)

    def remotes(self, mapping: FieldMapping) -> PerSide[Remote]:
        """The mapping's two sides."""
        from bridge.airtable.remote import AirtableRemote
        from bridge.civicrm.remote import CivicrmRemote

        return PerSide[Remote](
            CivicrmRemote(self.civicrm, mapping, clock=self.clock, sweeps=self._sweeps),
            AirtableRemote(
                self.airtable,
                mapping,
                base_id=self.base_id(mapping),
                clock=self.clock,
                expected=lambda: self._rows_swept(mapping.name),
            ),
        )

    def _rows_swept(self, mapping: str) -> int | None:
        """How many Airtable records the latest sweep among the last runs brought."""
        sweeps = (each for each in self.store.runs.list(mapping=mapping) if each.kind == Kind.SWEEP)
        return next((each.counts["airtable_records"] for each in sweeps if "airtable_records" in each.counts), None)

    def base_id(self, mapping: FieldMapping) -> str:
        """The Airtable base of a mapping: its own `app…` id, or the alias's of the settings."""
        named = mapping.airtable.base
        if named.startswith("app"):
            return named
        if named not in self.settings.airtable.bases:
            raise ConfigError(
                f"{mapping.file}: the Airtable base `{named}` is not known.",
                next_step=f"set BRIDGE_AIRTABLE__BASES__{named.upper()} to the base's id (app…).",
            )
        return self.settings.airtable.bases[named]

    def means(self, progress: Progress = silent) -> Means:
        """What a run is given."""
        return Means(
            store=self.store,
            remotes=self.remotes,
            clock=self.clock,
            sleep=self.sleep,
            holder=f"{self.login}@{socket.gethostname()}",
            progress=progress,
            quota_left=self.quota_left,
            calls_made=self.calls_made,
            four_eyes=self.settings.four_eyes,
            stopping=self.stopping.is_set,
        )

    def quota_left(self, mapping: FieldMapping) -> int | None:
        """The Airtable calls left this month for the mapping's base, None without a cap."""
        quota = MONTHLY_CALLS[self.settings.airtable.plan]
        return None if quota is None else max(0, quota - self.calls_made(mapping))

    def calls_made(self, mapping: FieldMapping) -> int:
        """The calls to the mapping's base this month."""
        return self.store.calls.used(self.base_id(mapping), f"{self.clock():%Y-%m}")

    @property
    def login(self) -> str:
        """Who runs this process."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return f"uid {os.getuid()}"

    # ── mappings by name ──

    def named(self, names: Sequence[str]) -> tuple[FieldMapping, ...]:
        """The mappings of these names, or all; parents first. Raises ConfigError for a name that is none."""
        known = {each.name for each in self.mappings}
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(
                f"No mapping is called {', '.join(unknown)}; there are: {', '.join(sorted(known))}.",
                next_step="check the spelling, or `bridge check` to list the mappings.",
            )
        return tuple(each for each in self.mappings if not names or each.name in names)

    def one(self, name: str) -> FieldMapping:
        """The mapping of this name. Raises ConfigError if there is none."""
        return self.named([name])[0]

    def mapping_named(self, name: str) -> FieldMapping | None:
        """The mapping of this name, or None: the ledger may remember one that is gone."""
        return next((each for each in self.mappings if each.name == name), None)

    # ── the verbs ──

    def run(
        self,
        names: Sequence[str],
        kind: Kind,
        *,
        record: tuple[Side, str] | None = None,
        by: str = "",
        mode: Mode | None = None,
        progress: Progress = silent,
    ) -> list[Result]:
        """Run these mappings (all if none is named), parents first; one that fails does not stop the others.

        `mode` may lower what the settings say, never raise it.
        """
        allowed = Mode.OBSERVE if mode is Mode.OBSERVE else self.settings.mode
        order = Order(mode=allowed, by=by or self.login, kind=kind, record=record)
        mappings = self._holding(record, self.named(names)) if record and not names else self.named(names)
        with self.one_run():
            self._expect(mappings, kind)
            results = self._run_all(order, mappings, progress)
        if kind is not Kind.PLAN and all_is_well(results, self.store):
            self.heartbeat.beat()
        return results

    def _run_one(self, order: Order, mapping: FieldMapping, progress: Progress) -> Result:
        """One mapping's run; that it is misconfigured or held by another process is a result, and stops no other mapping."""
        try:
            return run(order, mapping, self.means(progress))
        except (ConfigError, RunInProgress) as error:
            return Result(run=0, mapping=mapping.name, state=RunState.FAILED, error=error)

    def _run_all(self, order: Order, mappings: Sequence[FieldMapping], progress: Progress) -> list[Result]:
        """Every mapping's run, and then the boards, so that a table that several report to is looked at once."""
        results: list[Result] = []
        for mapping in mappings:
            if self.stopping.is_set() and results:
                break
            results.append(result := self._run_one(order, mapping, progress))
            if order.kind is Kind.PLAN and result.plan is not None:
                order = replace(order, found={**order.found, mapping.name: result.plan.links})
            if result.applied.outcomes or not result.run:
                self._believe_no_pull()  # what was pulled before a write is no word on what stands there after it
        return results if order.kind is Kind.PLAN else self.show(*results, delta=order.kind is Kind.DELTA)

    def _expect(self, mappings: Sequence[FieldMapping], kind: Kind) -> None:
        """Tell both sides what the mappings of a run will ask for, so that one list may serve several."""
        if kind not in (Kind.SWEEP, Kind.DELTA, Kind.PLAN):
            return
        from bridge.airtable.remote import want
        from bridge.civicrm import sweeps

        wants, swept = [], list[sweeps.Want]()
        for mapping in mappings:
            since = watermarks(mapping, self.store.knowledge, self.clock) if kind is Kind.DELTA else PerSide(None, None)
            swept += sweeps.wants(mapping, since.civicrm)
            with suppress(ConfigError):  # its own run tells
                wants.append(want(mapping, self.base_id(mapping), since.airtable))
        self.airtable.pulls.expect(wants)
        self._sweeps.expect(swept, mappings)

    def _believe_no_pull(self) -> None:
        self.airtable.pulls.forget()
        self._sweeps.forget()

    def show(self, *results: Result, delta: bool = False) -> list[Result]:
        """The results, once the boards of their mappings show what was found; what went wrong there is told in each."""
        begun = [each for each in results if each.run]
        boards = self.boards.keep(*(self.one(each.mapping) for each in begun), delta=delta)
        kept = dict(zip((each.mapping for each in begun), boards, strict=True))
        return [replace(each, problems=tuple(kept[each.mapping].problems)) if each.run else each for each in results]

    @contextmanager
    def one_run(self) -> Iterator[None]:
        """Identity and schemas are read once and shared by all mappings of one run."""
        self.airtable.forget()
        self.airtable.pulls.expect([])
        self._sweeps.expect([])
        with self.civicrm.shared():
            yield

    def _holding(self, record: tuple[Side, str], mappings: Sequence[FieldMapping]) -> Sequence[FieldMapping]:
        """The mappings that know the record by a link; all if none does."""
        names = {name for name, _ in self.store.knowledge.find_link(*record)}
        return [each for each in mappings if each.name in names] or mappings

    def approve(self, digest: str, *, by: str = "", progress: Progress = silent) -> Result:
        """Apply the stored plan of this digest (or of its beginning)."""
        means = self.means(progress)
        stored = find(digest, means)
        order = Order(mode=self.settings.mode, by=by or self.login, kind=Kind.APPLY)
        with self.one_run():
            return self.show(approve(stored, order, self.one(stored.mapping), means))[0]

    def prepare_undo(self, number: int, record: tuple[Side, str] | None, field: str | None) -> "Prepared":
        """What taking back a run would do. Raises ConfigError for a run that is none or wrote nothing."""
        from bridge.service.undo import prepare

        found = self.store.runs.get(number)
        if found is None:
            raise ConfigError(f"There is no run {number}.", next_step="`bridge runs` lists them.")
        with self.one_run():
            return prepare(number, self.one(found.mapping), self.means(), record=record, field_name=field)

    def undo(self, prepared: "Prepared", *, by: str = "") -> Result:
        """Take back what was prepared."""
        from bridge.service.undo import undo

        order = Order(mode=self.settings.mode, by=by or self.login, kind=Kind.UNDO)
        with self.one_run():
            return self.show(undo(prepared, order, self.means()))[0]

    def explain(self, record: tuple[Side, str], name: str | None) -> "list[Explanation]":
        """The record as each mapping that holds it sees it."""
        from bridge.service.explain import explain

        order = Order(mode=Mode.OBSERVE, by=self.login, kind=Kind.RECORD, record=record)
        mappings = self.named([name]) if name else self._holding(record, self.mappings)
        found: list[Explanation] = []
        last: ConfigError | None = None
        with self.one_run():
            for mapping in mappings:
                try:
                    found.append(explain(order, mapping, self.means()))
                except ConfigError as error:
                    last = error
        if not found and last is not None:
            raise last
        return found

    def waiting_matches(self, mapping: str | None) -> list[dict[str, Any]]:
        """The suggested pairs that wait for a person, with their evidence."""
        entries = self.store.ledger.list(mapping=mapping, state="open", code=104)
        return [
            {
                "id": each.id,
                "mapping": each.discrepancy.mapping,
                "civicrm_id": each.discrepancy.ids.civicrm,
                "airtable_id": each.discrepancy.ids.airtable,
                "name": each.discrepancy.name,
                **each.discrepancy.details,
            }
            for each in entries
        ]

    def forget(self, side: Side, native: str) -> Mapping[str, int]:
        """Remove a person's values from the state; how many of each kind were removed."""
        return self.store.forget(side, native)

    def prune(self) -> Mapping[str, int]:
        """Let go what is settled and older than the settings keep; how many rows of each kind went."""
        keep = self.settings.keep
        ages = [dt.timedelta(days=days) for days in (keep.journal_days, keep.ledger_days, keep.plans_days)]
        return self.store.prune(journal=ages[0], events=ages[1], plans=ages[2])

    # ── checks ──

    def reload(self) -> None:
        """Read the mapping files anew. Raises ConfigError if they or their examples are wrong: the old ones then stay."""
        fresh = load(self.settings.mappings, timezone=self.settings.timezone)
        broken = [each for each in checks.run_examples(fresh, self.clock().date()) if each["failures"]]
        if broken:
            raise ConfigError(
                [Problem(each["mapping"], f"example “{each['name']}”: {'; '.join(each['failures'])}") for each in broken],
                next_step="mend the mapping or its example; `bridge check` runs them.",
            )
        self.__dict__["mappings"] = fresh  # what `mappings` keeps; a run in hand goes on with the old ones
        self.__dict__.pop("reports", None)

    def run_examples(self) -> list[dict[str, Any]]:
        """Every mapping's examples with what failed of each."""
        return checks.run_examples(self.mappings, self.clock().date())

    def check_live(self, *, repin: bool = False) -> list[dict[str, Any]]:
        """What the live systems lack of what the mappings name; names are pinned to ids, anew with `repin`."""
        return checks.check_live(self, repin=repin)

    # ── telling ──

    def language(self, code: str | None = None) -> Language:
        """The language asked for, else that of the settings."""
        return Language(code or self.settings.language, self.settings.timezone)

    def sentence(self, mapping: str) -> Callable[[Discrepancy], str]:
        """One English line about a discrepancy of a mapping, for operators."""
        language, known = Language("en", self.settings.timezone), self.mapping_named(mapping)
        return lambda each: language.discrepancy(each, known).what

    def plan_text(self, plan: Plan, mapping: str) -> str:
        """A plan as text, whole."""
        return as_text(plan, title=mapping, sentence=self.sentence(mapping))

    def here(self) -> dt.datetime:
        """The time in the settings' time zone, which decides what day it is."""
        return self.clock().astimezone(ZoneInfo(self.settings.timezone))

    def local_time(self, moment: dt.datetime | None) -> str:
        """A moment in the settings' time zone, to the minute."""
        return f"{moment.astimezone(ZoneInfo(self.settings.timezone)):%Y-%m-%d %H:%M}" if moment else "—"

    def address(self, mapping: str, side: Side, native: str) -> str | None:
        """Where a person opens a record, without asking the systems; None where that is not known."""
        known = self.mapping_named(mapping)
        if known is None:
            return None
        if side is Side.CIVICRM:
            return self.remotes(known).civicrm.address(native) if self.settings.civicrm.url else None
        from bridge.airtable.remote import record_address

        table = self.store.knowledge.pins(mapping, side).get(SOURCE)
        return record_address(self.base_id(known), table.id, native) if table is not None else None

    def ledger_rows(self, entries: Sequence[Entry], language: str | None) -> list[dict[str, Any]]:
        """The entries in the stable form of `--json`."""
        speak, now = self.language(language), self.clock()
        return [
            dict(report.row(each, text=speak.discrepancy(each, self.mapping_named(each.discrepancy.mapping)).what, now=now))
            for each in entries
        ]

    @cached_property
    def boards(self) -> "Boards":
        """What shows discrepancies inside the two systems."""
        from bridge.app.boards import Boards

        return Boards(self)

    @cached_property
    def reports(self) -> "Reports":
        """What tells people."""
        from bridge.app.reports import Reports

        return Reports(
            settings=self.settings,
            store=self.store,
            mappings=self.mappings,
            clock=self.clock,
            sleep=self.sleep,
            address=self.address,
        )

    def tell(self, *, digests: bool = True) -> list[BridgeError]:
        """Send what is due to Slack if it is set up, without `digests` only of outages; no problem is worth a run."""
        if self.settings.slack.bot_token is None and self.settings.slack.webhook_url is None:
            return []
        return self.reports.send(digests=digests).problems

    def standing(self) -> dict[str, Any]:
        """How things stand, for `bridge status`: per mapping and per API account."""
        runs = self.store.runs
        mappings = []
        for mapping in self.mappings:
            history = runs.list(mapping=mapping.name, limit=200)
            good = next((each for each in history if each.state is RunState.DONE and each.kind != Kind.PLAN), None)
            entries = self.store.ledger.list(mapping=mapping.name, state="open")
            mappings.append(
                {
                    "mapping": mapping.name,
                    "mode": min(self.settings.mode, mapping.mode, key=[Mode.OBSERVE, Mode.CORRECT].index).value,
                    "last_run": {
                        "id": history[0].id,
                        "state": history[0].state.value,
                        "started_at": self.local_time(history[0].started_at),
                    }
                    if history
                    else None,
                    "last_good": self.local_time(good.finished_at) if good else None,
                    "open": len(entries),
                    "high": sum(each.discrepancy.severity.value == "high" for each in entries),
                    "in_doubt": len(self.store.journal.open(mapping.name)),
                    "held": [each.digest for each in self.store.plans.held(mapping.name)],
                }
            )
        return {"mappings": mappings, "calls": self.calls()}

    def calls(self) -> list[dict[str, Any]]:
        """The API calls of this month, per account."""
        month, quota = f"{self.clock():%Y-%m}", MONTHLY_CALLS[self.settings.airtable.plan]
        accounts = [("civicrm", None), *((base, quota) for base in sorted(set(self.settings.airtable.bases.values())))]
        return [
            {
                "account": account,
                "month": month,
                "used": self.store.calls.used(account, month),
                "quota": cap,
                "blocked_until": self.local_time(until) if (until := self.store.calls.blocked_until(account)) else None,
            }
            for account, cap in accounts
        ]

"""The composition root: settings to adapters, store and service. The only file that knows everyone.

Nothing is opened at import, and a heavy library is imported only when something that needs it is asked for.
"""

import datetime as dt
import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from bridge import log
from bridge.config.mappings import load
from bridge.config.settings import Settings
from bridge.core import examples, report
from bridge.core.document import as_text
from bridge.core.ledger import Entry
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Mode
from bridge.core.plan import Discrepancy, Plan
from bridge.core.record import Link, PerSide, Side
from bridge.core.sight import SOURCE
from bridge.errors import BridgeError, ConfigError, Problem, RunInProgress
from bridge.language import Language
from bridge.ports import Clock, Progress, Remote, RunState, Store, silent
from bridge.service import explain as explaining
from bridge.service import undo as undoing
from bridge.service.approve import approve, find
from bridge.service.gather import look
from bridge.service.order import Kind, Means, Order, Result
from bridge.service.run import run

if TYPE_CHECKING:
    from bridge.airtable.api import Api
    from bridge.app.reports import Reports
    from bridge.civicrm.client import CivicrmClient

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
    """Everything one process needs: opened when first asked for, closed at the end of the `with`."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.clock = clock
        self.sleep = sleep
        self._open = ExitStack()

    @classmethod
    def from_environment(cls, *, remotes: bool = True) -> "App":
        """The app that the environment describes; with `remotes` false it need not reach the two systems."""
        return cls(settings_from_environment(remotes=remotes))

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
        """The state; an embedded one is upgraded."""
        from bridge.store import open_store

        keys = [key.get_secret_value() for key in self.settings.state_keys]
        return self._open.enter_context(closing(open_store(self.settings.state_url.get_secret_value(), keys, self.clock)))

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
    def airtable(self) -> "Api":
        """The one client of Airtable."""
        from bridge.airtable.api import Api

        api = Api(
            self.settings.airtable.token.get_secret_value(),
            slots=self.store.slots,
            calls=self.store.calls,
            clock=self.clock,
            url=str(self.settings.airtable.url).rstrip("/"),
            sleep=self.sleep,
        )
        self._open.callback(api.close)
        return api

    def remotes(self, mapping: FieldMapping) -> PerSide[Remote]:
        """The mapping's two sides."""
        from bridge.airtable.remote import AirtableRemote
        from bridge.civicrm.remote import CivicrmRemote

        return PerSide[Remote](
            CivicrmRemote(self.civicrm, mapping, clock=self.clock),
            AirtableRemote(self.airtable, mapping, base_id=self.base_id(mapping), clock=self.clock),
        )

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
            four_eyes=self.settings.four_eyes,
        )

    def quota_left(self, mapping: FieldMapping) -> int | None:
        """The Airtable calls left this month for the mapping's base, None without a cap."""
        quota = MONTHLY_CALLS[self.settings.airtable.plan]
        return None if quota is None else max(0, quota - self.store.calls.used(self.base_id(mapping), f"{self.clock():%Y-%m}"))

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
        progress: Progress = silent,
    ) -> list[Result]:
        """Run these mappings (all if none is named), parents first; one that fails does not stop the others."""
        order = Order(mode=self.settings.mode, by=by or self.login, kind=kind, record=record)
        mappings = self._holding(record, self.named(names)) if record and not names else self.named(names)
        with self._one_run():
            return [self._run_one(order, mapping, progress) for mapping in mappings]

    def _run_one(self, order: Order, mapping: FieldMapping, progress: Progress) -> Result:
        """One mapping's run; that it is misconfigured or held by another process is a result, and stops no other mapping."""
        try:
            return run(order, mapping, self.means(progress))
        except (ConfigError, RunInProgress) as error:
            return Result(run=0, mapping=mapping.name, state=RunState.FAILED, error=error)

    @contextmanager
    def _one_run(self) -> Iterator[None]:
        """Identity and schemas are read once and shared by all mappings of one run."""
        self.airtable.forget()
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
        with self._one_run():
            return approve(stored, order, self.one(stored.mapping), means)

    def prepare_undo(self, number: int, record: tuple[Side, str] | None, field: str | None) -> undoing.Prepared:
        """What taking back a run would do. Raises ConfigError for a run that is none or wrote nothing."""
        found = self.store.runs.get(number)
        if found is None:
            raise ConfigError(f"There is no run {number}.", next_step="`bridge runs` lists them.")
        with self._one_run():
            return undoing.prepare(number, self.one(found.mapping), self.means(), record=record, field_name=field)

    def undo(self, prepared: undoing.Prepared, *, by: str = "") -> Result:
        """Take back what was prepared."""
        with self._one_run():
            return undoing.undo(prepared, Order(mode=self.settings.mode, by=by or self.login, kind=Kind.UNDO), self.means())

    def explain(self, record: tuple[Side, str], name: str | None) -> list[explaining.Explanation]:
        """The record as each mapping that holds it sees it."""
        order = Order(mode=Mode.OBSERVE, by=self.login, kind=Kind.RECORD, record=record)
        mappings = self.named([name]) if name else self._holding(record, self.mappings)
        found: list[explaining.Explanation] = []
        last: ConfigError | None = None
        with self._one_run():
            for mapping in mappings:
                try:
                    found.append(explaining.explain(order, mapping, self.means()))
                except ConfigError as error:
                    last = error
        if not found and last is not None:
            raise last
        return found

    def reject_match(self, mapping: str, link: Link, by: str) -> None:
        """Remember that two records are not the same, on the evidence of the suggestion if there is one."""
        waiting = self.store.ledger.list(mapping=self.one(mapping).name, code=104)
        ids = PerSide[str | None](link.civicrm, link.airtable)
        evidence = next((each.discrepancy.evidence for each in waiting if each.discrepancy.ids == ids), "")
        self.store.knowledge.reject(mapping, link, by, evidence)

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

    # ── checks ──

    def reload(self) -> None:
        """Read the mapping files anew. Raises ConfigError if they or their examples are wrong: the old ones then stay."""
        fresh = load(self.settings.mappings, timezone=self.settings.timezone)
        broken = [each for each in self._examples(fresh) if each["failures"]]
        if broken:
            raise ConfigError(
                [Problem(each["mapping"], f"example “{each['name']}”: {'; '.join(each['failures'])}") for each in broken],
                next_step="mend the mapping or its example; `bridge check` runs them.",
            )
        self.__dict__["mappings"] = fresh  # what `mappings` keeps; a run in hand goes on with the old ones
        self.__dict__.pop("reports", None)

    def run_examples(self) -> list[dict[str, Any]]:
        """Every mapping's examples with what failed of each."""
        return self._examples(self.mappings)

    def _examples(self, mappings: Sequence[FieldMapping]) -> list[dict[str, Any]]:
        today = self.clock().date()
        return [
            {
                "mapping": mapping.name,
                "name": example.name,
                "failures": list(examples.run_example(mapping, example, today).failures),
            }
            for mapping in mappings
            for example in mapping.examples
        ]

    def check_live(self, *, repin: bool = False) -> list[dict[str, Any]]:
        """What the live systems lack of what the mappings name; names are pinned to ids, anew with `repin`."""
        from bridge.config.live import hold_against

        found: list[dict[str, Any]] = []
        with self._one_run():
            for mapping in self.mappings:
                sights = look(mapping, self.remotes(mapping), self.store.knowledge, repin=repin)
                found += [
                    {
                        "mapping": mapping.name,
                        "severity": each.severity.value,
                        "where": each.where,
                        "message": each.message,
                        "hint": each.hint,
                    }
                    for each in hold_against(mapping, sights)
                ]
        return found

    def diagnose(self) -> list[dict[str, Any]]:
        """Everything a run needs, each looked at by itself: what it is, whether it is well, and the cure."""
        findings: list[dict[str, Any]] = []

        def look_at(what: str, how: Callable[[], str]) -> None:
            try:
                findings.append({"what": what, "ok": True, "says": how(), "next_step": ""})
            except BridgeError as error:
                findings.append({"what": what, "ok": False, "says": error.message, "next_step": error.next_step})

        look_at("mappings", lambda: f"{len(self.mappings)} mappings are well formed")
        look_at("state", lambda: f"open, {len(self.store.runs.list(limit=1000))} runs remembered")
        look_at("CiviCRM", lambda: f"signed in as contact {self.civicrm.identity().contact_id}")
        look_at("Airtable", lambda: f"signed in as {self.airtable.identity('')}")
        if all(each["ok"] for each in findings):
            look_at("fields", self._fields_are_well)
        look_at("Slack", self._slack_is_well)
        return findings

    def _fields_are_well(self) -> str:
        errors = [each for each in self.check_live() if each["severity"] == "error"]
        if errors:
            raise ConfigError(
                f"{errors[0]['where']}: {errors[0]['message']}", next_step="bridge check --live tells all of them."
            )
        return "both systems have every field the mappings name"

    def _slack_is_well(self) -> str:
        poster = self.reports.poster()
        return "not set up; reports stay in the ledger, the page and CSV" if poster is None else poster.identity()

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

    def tell(self) -> list[BridgeError]:
        """Send what is due to Slack if it is set up; the problems, none of which is worth a run."""
        if self.settings.slack.bot_token is None and self.settings.slack.webhook_url is None:
            return []
        return self.reports.send().problems

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

"""What carries out people's words in Slack: the same verbs as everywhere, in the same one line."""

from collections.abc import Callable, Sequence

from bridge.app import App
from bridge.app.decisions import Decisions
from bridge.app.desk import Desk
from bridge.core.ledger import Entry
from bridge.core.record import Side
from bridge.errors import StaleRecord
from bridge.language import Language
from bridge.ports import RunState
from bridge.service.order import Kind
from bridge.service.requests import Request, Wish
from bridge.slack.actions import Actions, Ended, Ran, Then, Word
from bridge.slack.client import Bot
from bridge.slack.commands import Status
from bridge.slack.ear import Ear
from bridge.slack.members import Members


def an_ear(app: App, desk: Desk, tell: Callable[[], object]) -> Ear | None:
    """What listens to Slack, or None where there are no buttons to hear of."""
    slack = app.settings.slack
    if not slack.interactive or slack.bot_token is None or slack.app_token is None:
        return None
    bot = Bot(slack.bot_token.get_secret_value(), str(slack.url))
    people = (Members(slack.operators, bot, app.clock), Members(slack.approvers, bot, app.clock))
    actions = Actions(Hands(app, desk, tell), bot, *people, sleep=app.sleep)
    return Ear(slack.app_token.get_secret_value(), actions.answer, actions.act, app.clock, url=str(slack.url))


class Hands:
    """Fulfils `slack.actions.Hands`. `tell` lets the messages be edited as soon as the worker is free."""

    def __init__(self, app: App, desk: Desk, tell: Callable[[], object]) -> None:
        self._app = app
        self._desk = desk
        self._tell = tell

    def tell(self) -> None:
        """Let the messages be edited that tell of what was just done."""
        self._tell()

    def entry(self, key: str, stamp: str) -> Entry:
        """The discrepancy as it was shown; StaleRecord if it is another one by now."""
        return Decisions(self._app, "").entry(key, stamp)

    def say(self, key: str, stamp: str, by: str, word: Word) -> Entry:
        """Keep a word on a discrepancy."""
        return Decisions(self._app, by).say(key, word, stamp=stamp)

    def match(self, key: str, stamp: str, by: str, *, same: bool) -> Entry:
        """Say whether the two of a suggested pair are the same."""
        return Decisions(self._app, by).match(key, same=same, stamp=stamp)

    def choose(self, key: str, stamp: str, by: str, side: Side, then: Then) -> bool:
        """Put in line that `side`'s value is right; whether something else comes first."""
        entry = self.entry(key, stamp)
        wish = Wish(mapping=entry.discrepancy.mapping, choice=(entry.fingerprint, side, stamp))
        return self._desk.put(wish, by, lambda request: then(_ended(request)))

    def approve(self, digest: str, by: str, then: Then) -> bool:
        """Put in line that a held plan is applied; whether something else comes first."""
        self._must_wait(digest)
        return self._desk.put(Wish(digest=digest), by, lambda request: then(_ended(request)))

    def reject(self, digest: str, by: str) -> None:
        """Reject a held plan."""
        self._must_wait(digest)
        Decisions(self._app, by).reject_plan(digest)

    def _must_wait(self, digest: str) -> None:
        if all(each.digest != digest for each in self._app.store.plans.held()):
            raise StaleRecord(f"The plan {digest[:12]} does not wait for anybody.", next_step="look at the newest digest.")

    def sync(self, mapping: str | None, record: tuple[Side, str] | None, by: str, then: Then) -> bool:
        """Put a sync in line; whether something else comes first. Raises ConfigError for a mapping that is none."""
        self._app.named([mapping] if mapping else [])
        return self._desk.put(Wish(mapping=mapping, record=record), by, lambda request: then(_ended(request)))

    def status(self) -> Sequence[Status]:
        """How each mapping stands."""
        return [self._status(mapping.name) for mapping in self._app.mappings]

    def _status(self, name: str) -> Status:
        store = self._app.store
        history = store.runs.list(mapping=name, limit=200)
        good = next((each for each in history if each.state is RunState.DONE and each.kind != Kind.PLAN), None)
        entries = store.ledger.list(mapping=name, state="open")
        return Status(
            mapping=name,
            last_good=good.finished_at if good else None,
            open=len(entries),
            high=sum(each.discrepancy.severity.value == "high" for each in entries),
            held=len(store.plans.held(name)),
        )

    def language(self, key: str | None) -> Language:
        """The language of the channel that a discrepancy or a plan is told in; without one, that of the settings."""
        store = self._app.store
        entry = store.ledger.get(key) if key else None
        plan = store.plans.get(key) if key and entry is None else None
        name = entry.discrepancy.mapping if entry else plan.mapping if plan else ""
        known = self._app.mapping_named(name)
        return self._app.language(known.report.language if known else None)

    def sentence(self, entry: Entry) -> str:
        """What the discrepancy says, in its channel's language."""
        mapping = self._app.mapping_named(entry.discrepancy.mapping)
        return self.language(entry.fingerprint).discrepancy(entry, mapping).what


def _ended(request: Request) -> Ended:
    """What Slack is told of a request that has ended."""
    runs = [
        Ran(
            mapping=each.mapping,
            run=each.run,
            state=each.state,
            written=each.counts.get("written", 0),
            to_see=each.counts.get("discrepancies", 0),
            in_doubt=each.counts.get("in_doubt", 0),
        )
        for each in request.runs
    ]
    return Ended(runs=runs, problem=request.problem, error=request.error)

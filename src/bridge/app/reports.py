"""Composes what people are told: Slack messages through the outbox, the page, the CSV file. One digest feeds them all."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from bridge.config.settings import Settings
from bridge.core.choice import choosable
from bridge.core.ledger import Entry
from bridge.core.mapping import Mapping
from bridge.core.plan import Plan
from bridge.core.record import Json, Side
from bridge.core.report import Address, Digest
from bridge.errors import ConfigError
from bridge.language import Language
from bridge.ports import Clock, Store
from bridge.service.digest import Due, due, last_told, standing
from bridge.service.outage import Outage, last_outage
from bridge.slack.client import Bot, Hook, Poster
from bridge.slack.message import Post, compose, notice, preview
from bridge.slack.outage import away_again, broke, over
from bridge.slack.outbox import Courier, Delivery
from bridge.web.csv import export
from bridge.web.page import plan_page, report_page


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Tells people how the mappings stand, from the ledger alone: neither system is asked."""

    settings: Settings
    store: Store
    mappings: Sequence[Mapping]
    clock: Clock
    sleep: Callable[[float], None]
    address: Address

    def language(self, code: str | None) -> Language:
        """The language asked for, else that of the settings."""
        return Language(code or self.settings.language, self.settings.timezone)

    def standing(self) -> Digest:
        """How everything stands now, told against the same moment as Slack's digest."""
        channels = {mapping.report.slack_channel or self._channel or "" for mapping in self.mappings}
        since = last_told(self.store, sorted(channels), self._now)
        return standing(self.mappings, self.store, self._now, since=since, address=self.address)

    # ── files ──

    def page(self, language: str | None = None) -> str:
        """Everything as one HTML page."""
        return report_page(self.standing(), self.language(language), self.pages)

    def csv(self, language: str | None = None, wanted: Callable[[Entry], bool] = lambda _: True) -> str:
        """Everything as CSV, or what is wanted of it."""
        digest = self.standing()
        items = tuple(item for item in digest.items if wanted(item.entry))
        return export(dataclasses.replace(digest, items=items), self.language(language), self.pages)

    def plans(self, plans: Sequence[Plan]) -> str:
        """A plan as one HTML page. Raises ConfigError for several: a page tells of one mapping."""
        if len(plans) != 1:
            raise ConfigError(
                f"An HTML page tells of one mapping; there are {len(plans)} plans.",
                next_step=f"name one: bridge plan {plans[0].mapping if plans else 'NAME'} --format html",
            )
        named = {mapping.name: mapping for mapping in self.mappings}
        return plan_page(plans[0], self.language(None), named.get(plans[0].mapping))

    # ── Slack ──

    def send(self, language: str | None = None, *, digests: bool = True) -> Delivery:
        """Queue what began or ended an outage, with `digests` today's where there is news, and deliver all that waits.

        What was posted already is edited. Raises ConfigError if Slack is not set up.
        """
        poster = self.poster()
        if poster is None:
            raise ConfigError(
                "Slack is not set up: there is no bot token and no webhook.",
                next_step="set BRIDGE_SLACK__BOT_TOKEN and BRIDGE_SLACK__CHANNEL, or BRIDGE_SLACK__WEBHOOK_URL.",
            )
        courier = Courier(self.store.outbox, poster, self.clock, self.sleep)
        edited = self._queue_outages(language)
        if digests:
            edited += [key for each in self._due(language) for key in self._queue(each)]
        delivery = courier.deliver()
        for key in edited:
            delivery.problems.extend(courier.edit(key).problems)
        return delivery

    def say_once(self, key: str, text: str) -> None:
        """Queue a sentence for the channel of the settings, if there is one and it was not said under this key before."""
        if self._channel is not None and self.poster() is not None:
            post = notice(key, text)
            self.store.outbox.put(key=post.key, channel=self._channel, payload=post.payload)

    def previews(self, language: str | None) -> list[tuple[Json, str]]:
        """Each message that would be posted or edited, as its payload and as a terminal shows it."""
        return [
            (dict(post.payload), preview(post.payload))
            for each in self._due(language)
            if self._is_told(each)
            for post in self._compose(each, language)
        ]

    def poster(self) -> Poster | None:
        """The way into Slack that the settings give: a bot before a webhook, None for neither."""
        slack = self.settings.slack
        if slack.bot_token is not None:
            return Bot(slack.bot_token.get_secret_value(), str(slack.url))
        return Hook(slack.webhook_url.get_secret_value()) if slack.webhook_url is not None else None

    def _due(self, language: str | None) -> list[Due]:
        return due(
            self.mappings,
            self.store,
            self._now,
            channel=self._channel,
            language=language or self.settings.language,
            address=self.address,
        )

    def _is_told(self, each: Due) -> bool:
        """Whether the digest is posted, or stands in Slack already and is edited."""
        return not each.digest.silent or self.store.outbox.get(each.key) is not None

    def _queue(self, each: Due) -> list[str]:
        """Plan the digest's messages; the keys of those that were sent before and are to be edited."""
        if not self._is_told(each):
            return []
        put = partial(self.store.outbox.put, channel=each.channel)
        posts = self._compose(each, None)
        return [post.key for post in posts if not put(key=post.key, payload=post.payload, thread_of=post.thread_of)]

    def _queue_outages(self, language: str | None) -> list[str]:
        """Plan each channel's messages about its last outage; the keys of those whose words are others by now."""
        by_channel: dict[str, list[Mapping]] = {}
        for mapping in self.mappings:
            if (where := mapping.report.slack_channel or self._channel) is not None:
                by_channel.setdefault(where, []).append(mapping)
        edited = []
        for channel, mine in by_channel.items():
            outage = last_outage(self.store, [each.name for each in mine], self._now)
            speak = self.language(language or mine[0].report.language)
            for post in self._outage_posts(channel, outage, speak) if outage else ():
                before = self.store.outbox.get(post.key)
                if before is None or before.payload != post.payload:
                    known = not self.store.outbox.put(key=post.key, channel=channel, payload=post.payload)
                    edited += [post.key] if known else []
        return edited

    def _outage_posts(self, channel: str, outage: Outage, speak: Language) -> list[Post]:
        """That it began; and once it was over, that it is or is not any more."""
        key = f"away:{channel}:{outage.began:%Y-%m-%dT%H:%M:%S}"
        told = [speak.discrepancy(each, None) for each in outage.unread]
        what, do = [each.what for each in told], [each.do for each in told]
        if outage.ended is None and outage.times == 1:
            return [broke(key, speak, outage.began, what, do)]
        if self.store.outbox.get(key) is None:
            return []  # it was over before anybody could be told
        if outage.ended is None:
            return [away_again(f"{key}/over", speak, outage.began, what, outage.times)]
        return [over(f"{key}/over", speak, outage.began, outage.ended, outage.times)]

    def _compose(self, each: Due, language: str | None) -> tuple[Post, ...]:
        return compose(
            each.digest,
            self.language(language or each.language),
            key=each.key,
            page=self.pages,
            mentions={role: [native] for role, native in self.settings.owners.items() if native[0] in "US"},
            offer=self._choosable if self.settings.slack.interactive else None,
        )

    def _choosable(self, entry: Entry) -> Collection[Side]:
        """The sides whose value may be chosen for a discrepancy, as mappings and settings stand."""
        mapping = next((each for each in self.mappings if each.name == entry.discrepancy.mapping), None)
        return choosable(entry.discrepancy, mapping, self.settings.mode)

    @property
    def pages(self) -> str | None:
        """Where people see everything."""
        return str(self.settings.web.public_url) if self.settings.web.public_url else None

    @property
    def _channel(self) -> str | None:
        """Where mappings that name no channel report."""
        slack = self.settings.slack
        return slack.channel or ("webhook" if slack.webhook_url else None)

    @property
    def _now(self) -> dt.datetime:
        return self.clock().astimezone(ZoneInfo(self.settings.timezone))

"""Composes what people are told: Slack messages through the outbox, the page, the CSV file. One digest feeds them all."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from bridge.config.settings import Settings
from bridge.core.mapping import Mapping
from bridge.core.plan import Plan
from bridge.core.record import Json
from bridge.core.report import Address, Digest
from bridge.errors import ConfigError
from bridge.language import Language
from bridge.ports import Clock, Store
from bridge.service.digest import Due, due, last_told, standing
from bridge.slack.client import Bot, Hook, Poster
from bridge.slack.message import Post, compose, preview
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
        return report_page(self.standing(), self.language(language))

    def csv(self, language: str | None = None, *, mapping: str | None = None, state: str | None = None) -> str:
        """Everything as CSV, or one mapping's, or what is in one state."""
        digest = self.standing()
        items = (
            item
            for item in digest.items
            if mapping in (None, item.entry.discrepancy.mapping) and state in (None, item.entry.state.value)
        )
        return export(dataclasses.replace(digest, items=tuple(items)), self.language(language))

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

    def send(self, language: str | None = None) -> Delivery:
        """Queue today's digests where there is news, edit those already posted, and deliver all that waits.

        Raises ConfigError if Slack is not set up.
        """
        poster = self.poster()
        if poster is None:
            raise ConfigError(
                "Slack is not set up: there is no bot token and no webhook.",
                next_step="set BRIDGE_SLACK__BOT_TOKEN and BRIDGE_SLACK__CHANNEL, or BRIDGE_SLACK__WEBHOOK_URL.",
            )
        courier = Courier(self.store.outbox, poster, self.clock, self.sleep)
        edited = [key for each in self._due(language) for key in self._queue(each)]
        delivery = courier.deliver()
        for key in edited:
            delivery.problems.extend(courier.edit(key).problems)
        return delivery

    def previews(self, language: str | None) -> list[tuple[Json, str]]:
        """Each message that would be posted, as its payload and as a terminal shows it."""
        return [
            (dict(post.payload), preview(post.payload))
            for each in self._due(language)
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

    def _queue(self, each: Due) -> list[str]:
        """Plan the digest's messages; the keys of those that were sent before and are to be edited."""
        known = self.store.outbox.get(each.key) is not None
        if each.digest.silent and not known:
            return []
        put = partial(self.store.outbox.put, channel=each.channel)
        posts = self._compose(each, None)
        return [post.key for post in posts if not put(key=post.key, payload=post.payload, thread_of=post.thread_of)]

    def _compose(self, each: Due, language: str | None) -> tuple[Post, ...]:
        public = self.settings.web.public_url
        return compose(
            each.digest,
            self.language(language or each.language),
            key=each.key,
            page=str(public) if public else None,
            mentions={role: [native] for role, native in self.settings.owners.items() if native[0] in "US"},
        )

    @property
    def _channel(self) -> str | None:
        """Where mappings that name no channel report."""
        slack = self.settings.slack
        return slack.channel or ("webhook" if slack.webhook_url else None)

    @property
    def _now(self) -> dt.datetime:
        return self.clock().astimezone(ZoneInfo(self.settings.timezone))

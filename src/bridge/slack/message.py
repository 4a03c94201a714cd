"""A digest as Slack messages: one summary in the channel, the details in its thread, the rest on the page.

Pure. Every message stays within Slack's limits by construction, and carries no cell's value but what a rule's own words
name; the values stand on the page, where the reader has signed in.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.core.mapping import Severity
from bridge.core.record import Json
from bridge.core.report import UNREAD, Cause, Digest, Group, Item, PlanNote, Standing, Storm
from bridge.language import Language
from bridge.slack.mrkdwn import bold, escape, link, mention
from bridge.slack.sheet import Sheet, sections

EVENT_TYPE = "bridge_message"
"""Our messages' metadata type; its payload holds the message's `key`, by which we find our own message again."""

_SHOWN = 3
_NAMED = 10
_DETAILED = 15
_THREAD = 5
_LINK = re.compile(r"<([^|>]+)\|([^>]*)>")
_MARKS = re.compile(r"<[@!][^>]*>")


@dataclass(frozen=True, slots=True)
class Post:
    """One message to be posted once. `thread_of` is the key of the message it answers."""

    key: str
    payload: Mapping[str, Json]
    thread_of: str | None = None


def compose(
    digest: Digest,
    language: Language,
    *,
    key: str,
    page: str | None = None,
    mentions: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Post, ...]:
    """The summary and, after it, at most five messages of its thread.

    `page` is where people see everything. `mentions` names the Slack members (`U…`) or user groups (`S…`) of each role: they
    are called only where something new is of high severity.
    """
    draft = _Draft(digest, language, page, mentions or {})
    headline = language.headline(digest)
    posts = [Post(key, _payload(key, headline, draft.summary(headline).blocks))]
    if digest.storm is None:
        for number, sheet in enumerate(draft.thread(), start=1):
            child = f"{key}/{number}"
            posts.append(Post(child, _payload(child, headline, sheet.blocks), thread_of=key))
    return tuple(posts)


def preview(payload: Mapping[str, Json]) -> str:
    """The message as a terminal shows it; of the links, only one that stands alone shows its address."""
    return "\n\n".join(_drawn(text) for text in texts(payload)) + "\n"


def texts(payload: Mapping[str, Json]) -> Iterator[str]:
    """Every text of the payload's blocks, in order."""
    blocks = payload.get("blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            elements = block.get("elements")
            for words in [block.get("text"), *(elements if isinstance(elements, list) else ())]:
                if isinstance(words, dict) and isinstance(text := words.get("text"), str):
                    yield text


@dataclass(frozen=True, slots=True)
class _Draft:
    """What every part of a digest's messages is drawn from."""

    digest: Digest
    language: Language
    page: str | None
    mentions: Mapping[str, Sequence[str]]

    def summary(self, headline: str) -> Sheet:
        """The message for the channel."""
        sheet = Sheet()
        sheet.add(bold(headline, 1_000))
        sheet.add(self._standing(), small=True)
        for text in self._alerts():
            sheet.add(text)
        if self.digest.storm is not None:
            sheet.add(self._storm(self.digest.storm))
        else:
            self._fill(sheet, [self._group(group) for group in self.digest.groups if group.code not in UNREAD])
        sheet.add(self._footer(), small=True, closing=True)
        return sheet

    def thread(self) -> list[Sheet]:
        """The details, in messages for the thread; what does not fit in five is counted in the last."""
        waiting = [text for group in self.digest.groups if group.code not in UNREAD for text in self._details(group)]
        waiting += self._resolved()
        sheets: list[Sheet] = []
        while waiting and len(sheets) < _THREAD:
            sheet = Sheet()
            while waiting and sheet.add(waiting[0]):
                waiting.pop(0)
            sheets.append(sheet)
        if waiting:
            sheets[-1].add(self._see_page(self.language.say("There is more than fits here.")), small=True, closing=True)
        return sheets

    def _fill(self, sheet: Sheet, blocks: Sequence[str]) -> None:
        for number, text in enumerate(blocks):
            if not sheet.add(text):
                left = len(blocks) - number
                more = self.language.plural("+{number} more kind of discrepancy", "+{number} more kinds of discrepancies", left)
                sheet.add(escape(more), small=True, closing=True)
                return

    def _standing(self) -> str:
        """When this was true, and what is kept quiet."""
        say, counts = self.language, self.digest.counts
        parts = [say.say("As of {moment}", moment=self.digest.as_of)]
        if snoozed := counts[Standing.SNOOZED]:
            parts.append(say.plural("{number} snoozed", "{number} snoozed", snoozed))
        if accepted := counts[Standing.ACCEPTED]:
            parts.append(say.plural("{number} accepted", "{number} accepted", accepted))
        return escape(" · ".join(parts))

    def _alerts(self) -> list[str]:
        """What cannot wait: sources not read, writes in doubt, plans that are held or only proposed."""
        say = self.language
        lines = [
            escape(say.say("{what} This has lasted since {since}.", what=self._what(item), since=item.entry.opened_at))
            for item in self.digest.unread[:_SHOWN]
        ]
        if doubt := len(self.digest.in_doubt):
            told = say.plural(
                "Of {number} write nobody knows yet whether it arrived.",
                "Of {number} writes nobody knows yet whether they arrived.",
                doubt,
            )
            lines.append(escape(told))
        lines += [self._plan(plan) for plan in self.digest.plans[: 2 * _SHOWN]]
        return sections(bold(say.say("Needs attention")), [f"• {line}" for line in lines]) if lines else []

    def _plan(self, plan: PlanNote) -> str:
        say = self.language
        told = say.say(
            "{title}: a plan for {cells} cells in {records} records is {state}.",
            title=self._title(plan.mapping),
            cells=plan.cells,
            records=plan.records,
            state=say.plan_state(plan.state),
        )
        line = escape(told)
        if plan not in self.digest.held:
            return line
        why = escape(" ".join(plan.reasons), 400)
        approve = escape(say.say("To approve it:"))
        command = escape(f"bridge sync {plan.mapping} --approve {plan.digest[:12]}", 200)
        return f"{line} {why}\n   {approve} `{command}`"

    def _storm(self, storm: Storm) -> str:
        say = self.language
        head = say.say(
            "A mass change is suspected: {count} discrepancies came at once, where {before} were open.",
            count=storm.count,
            before=storm.before,
        )
        lines = [escape(self._cause(cause), 300) for cause in storm.causes]
        advice = say.say("Look for a renamed field, a changed filter or a wrong base before you correct single records.")
        return "\n".join([bold(head), *(f"• {line}" for line in lines), escape(advice)])

    def _cause(self, cause: Cause) -> str:
        field = f" “{self.language.field(cause.field)}”" if cause.field else ""
        title = self.language.title(cause.code, cause.rule)
        return f"{self.language.number(cause.count)}: {title}{field} · {self._title(cause.mapping)}"

    def _group(self, group: Group) -> str:
        """A group in the summary: its head, its most urgent news, and a count of the rest."""
        lines = [self._line(item) for item in group.news[:_SHOWN]]
        if left := len(group.news) - len(lines):
            lines.append(escape(self.language.plural("+{number} more in the thread", "+{number} more in the thread", left)))
        return "\n".join([self._head(group), *(f"• {line}" for line in lines)])

    def _head(self, group: Group) -> str:
        counts = Counter(item.standing for item in group.items)
        parts = [self._title(group.mapping), self.language.tally(counts)]
        if not group.news:
            oldest = max(item.days for item in group.items)
            parts.append(self.language.say("the oldest {age}", age=self.language.age(oldest)))
        title = bold(self.language.title(group.code, group.rule_name), 150)
        return f"{title} · {escape(' · '.join(parts), 300)}{self._call(group)}"

    def _call(self, group: Group) -> str:
        """The mention of a group's owner, if anything in it is new and of high severity."""
        owner = group.rule.owner if group.rule else None
        urgent = any(item.standing is Standing.NEW and item.entry.discrepancy.severity is Severity.HIGH for item in group.items)
        people = [mention(each) for each in self.mentions.get(owner, ())[:_SHOWN]] if owner and urgent else []
        return "".join(f" {person}" for person in people if person)

    def _line(self, item: Item) -> str:
        """One item: how much it matters, what is the matter, and where its records are."""
        return f"{self._mark(item)} {escape(self._what(item), 400)}{self._places(item)}"

    def _details(self, group: Group) -> list[str]:
        """A group in the thread: its news with what to do, and the names of what goes on."""
        news = group.news[:_DETAILED]
        said = [self.language.discrepancy(item.entry, self.digest.mappings.get(group.mapping)) for item in news]
        shared = said[0].do if len({sentence.do for sentence in said}) == 1 else ""
        lines = [escape(shared, 300)] if shared else []
        for item, sentence in zip(news, said, strict=True):
            own = "" if shared or not sentence.do else f"\n   {escape(sentence.do, 300)}"
            lines.append(f"• {self._line(item)}{own}")
        if left := len(group.news) - len(news):
            lines.append(escape(self.language.plural("+{number} more", "+{number} more", left)))
        if ongoing := [item for item in group.items if not item.standing.news]:
            lines.append(self._names(self.language.say("Ongoing:"), ongoing, ages=True))
        return sections(self._head(group), lines)

    def _resolved(self) -> list[str]:
        resolved = self.digest.standing(Standing.RESOLVED)
        return [self._names(self.language.say("Resolved:"), resolved)] if resolved else []

    def _names(self, label: str, items: Sequence[Item], *, ages: bool = False) -> str:
        """The names of the first few, and how many more there are."""
        told = [
            escape(item.entry.discrepancy.name, 80) + (f" ({escape(self.language.age(item.days))})" if ages else "")
            for item in items[:_NAMED]
        ]
        if left := len(items) - len(told):
            told.append(escape(self.language.plural("+{number} more", "+{number} more", left)))
        return f"{escape(label)} {', '.join(told)}"

    def _footer(self) -> str:
        return self._see_page(self.language.say("“bridge report --to html” writes all of this as a page."))

    def _see_page(self, otherwise: str) -> str:
        return link(self.page, self.language.say("See everything on the page")) if self.page else escape(otherwise)

    def _mark(self, item: Item) -> str:
        """Severity, standing and age in words: no sign stands alone."""
        say = self.language
        parts: Iterable[str] = (
            say.severity(item.entry.discrepancy.severity),
            say.standing(item.standing),
            say.say("overdue") if item.overdue else "",
        )
        return bold(" · ".join(filter(None, parts)), 100)

    def _what(self, item: Item) -> str:
        sentence = self.language.discrepancy(item.entry, self.digest.mappings.get(item.entry.discrepancy.mapping))
        return f"{sentence.what} ({sentence.reason})" if sentence.reason else sentence.what

    def _places(self, item: Item) -> str:
        """Links to both records and the number people say."""
        links = [link(address, side.title) for side, address in item.addresses if address]
        number = f"#{item.entry.id}" if item.entry.id else item.entry.fingerprint[:8]
        return "".join(f" · {place}" for place in [*links, number])

    def _title(self, mapping: str) -> str:
        known = self.digest.mappings.get(mapping)
        return (self.language.text(known.title) if known else "") or mapping


def _payload(key: str, text: str, blocks: list[Json]) -> dict[str, Json]:
    """A message's payload. Metadata can be read by any app in the workspace, so it holds the key and nothing else."""
    return {
        "text": escape(text, 3_000),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": key}},
    }


def _drawn(text: str) -> str:
    alone = _LINK.fullmatch(text)
    shown = f"{alone[2]}: {alone[1]}" if alone else _LINK.sub(r"[\2]", text)
    shown = _MARKS.sub(lambda match: match[0].strip("<!>"), shown)
    shown = shown.replace("*", "").replace("`", "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

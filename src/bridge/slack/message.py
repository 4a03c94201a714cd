"""A digest as Slack messages: one summary in the channel, the details in its thread, the rest on the page.

Pure. Every message stays within Slack's limits by construction, and carries no cell's value but what a rule's own words
name; the values stand on the page, where the reader has signed in.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.core.ledger import Entry
from bridge.core.mapping import Severity
from bridge.core.record import Json, Side
from bridge.core.report import UNREAD, Cause, Digest, Group, Item, PlanNote, Standing, Storm, code_page, own_page
from bridge.language import Language
from bridge.slack.buttons import for_entry, for_plan
from bridge.slack.mrkdwn import bold, escape, link, mention
from bridge.slack.sheet import Sheet, sections
from bridge.slack.sheet import texts as texts_of

EVENT_TYPE = "bridge_message"
"""Our messages' metadata type; its payload holds the message's `key`, by which we find our own message again."""

_SHOWN = 3
_NAMED = 10
_DETAILED = 15
_THREAD = 5
_LINK = re.compile(r"<([^|>]+)\|([^>]*)>")
_MARKS = re.compile(r"<[@!][^>]*>")


Offer = Callable[[Entry], Collection[Side]]
"""The sides whose value people may choose for a discrepancy; that there is an offer at all says that buttons are answered."""


_Part = tuple[str, Json]
"""A text, and the row of buttons below it or None."""


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
    offer: Offer | None = None,
) -> tuple[Post, ...]:
    """The summary and, after it, at most five messages of its thread.

    `page` is where people see everything. `mentions` names the Slack members (`U…`) or user groups (`S…`) of each role: they
    are called only where something new is of high severity. With an `offer`, what is news and what is held has buttons.
    """
    draft = _Draft(digest, language, page, mentions or {}, offer)
    headline = language.headline(digest)
    posts = [Post(key, payload_of(key, headline, draft.summary(headline).blocks))]
    if digest.storm is None:
        for number, sheet in enumerate(draft.thread(), start=1):
            child = f"{key}/{number}"
            posts.append(Post(child, payload_of(child, headline, sheet.blocks), thread_of=key))
    return tuple(posts)


def notice(key: str, text: str) -> Post:
    """One sentence that is no part of a digest."""
    return Post(key, payload_of(key, text, [{"type": "section", "text": {"type": "mrkdwn", "text": escape(text, 3_000)}}]))


def preview(payload: Mapping[str, Json]) -> str:
    """The message as a terminal shows it; of the links, only one that stands alone shows its address."""
    blocks = payload.get("blocks")
    return "\n\n".join(_block(each) for each in (blocks if isinstance(blocks, list) else ())) + "\n"


def texts(payload: Mapping[str, Json]) -> Iterator[str]:
    """Every text of the payload's blocks, in order."""
    return texts_of(payload.get("blocks"))


@dataclass(frozen=True, slots=True)
class _Draft:
    """What every part of a digest's messages is drawn from."""

    digest: Digest
    language: Language
    page: str | None
    mentions: Mapping[str, Sequence[str]]
    offer: Offer | None = None

    def summary(self, headline: str) -> Sheet:
        """The message for the channel."""
        sheet = Sheet()
        sheet.add(bold(headline, 1_000))
        sheet.add(self._standing(), small=True)
        for text in self._alerts():
            sheet.add(text)
        self._offered_plans(sheet)
        if self.digest.storm is not None:
            sheet.add(self._storm(self.digest.storm))
        else:
            self._fill(sheet, [self._group(group) for group in self.digest.groups if group.code not in UNREAD])
        sheet.add(self._footer(), small=True, closing=True)
        return sheet

    def thread(self) -> list[Sheet]:
        """The details, in messages for the thread; what does not fit in five is counted in the last."""
        waiting = [part for group in self.digest.groups if group.code not in UNREAD for part in self._details(group)]
        waiting += [(text, None) for text in self._resolved()]
        sheets: list[Sheet] = []
        while waiting and len(sheets) < _THREAD:
            sheet = Sheet()
            while waiting and sheet.add(waiting[0][0], below=waiting[0][1]):
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
        """When this was true, what is kept quiet, and what was in doubt and is no longer."""
        say, counts = self.language, self.digest.counts
        parts = [say.say("As of {moment}", moment=self.digest.as_of)]
        if snoozed := counts[Standing.SNOOZED]:
            parts.append(say.plural("{number} snoozed", "{number} snoozed", snoozed))
        if accepted := counts[Standing.ACCEPTED]:
            parts.append(say.plural("{number} accepted", "{number} accepted", accepted))
        if settled := say.settled(self.digest):
            parts.append(settled)
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
        lines += [
            self._plan(plan) for plan in self.digest.plans[: 2 * _SHOWN] if self.offer is None or plan not in self.digest.held
        ]
        return sections(bold(say.say("Needs attention")), [f"• {line}" for line in lines]) if lines else []

    def _plan(self, plan: PlanNote) -> str:
        say = self.language
        told = say.say(
            "{title}: a plan for {amount} is {state}.",
            title=self._title(plan.mapping),
            amount=say.amount(plan),
            state=say.plan_state(plan.state),
        )
        line = escape(told)
        if plan not in self.digest.held:
            return line
        why = escape(" ".join(map(say.sentence, plan.reasons)), 400)
        if self.offer is not None:
            return f"{line} {why}"
        approve = escape(say.say("To approve it:"))
        command = escape(f"bridge sync {plan.mapping} --approve {plan.digest[:12]}", 200)
        return f"{line} {why}\n   {approve} `{command}`"

    def _offered_plans(self, sheet: Sheet) -> None:
        """The plans that are held, each with its buttons."""
        held = {plan.digest: plan for plan in self.digest.held[: 2 * _SHOWN]} if self.offer is not None else {}
        for plan in held.values():
            sheet.add(self._plan(plan), below=for_plan(plan, self._title(plan.mapping), self.language))

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
        mapping = self.digest.mappings.get(cause.mapping)
        field = f" {self.language.quoted(self.language.field(cause.field, mapping))}" if cause.field else ""
        title = self.language.title(cause.code, cause.rule, mapping)
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
        mapping = self.digest.mappings.get(group.mapping)
        title = bold(self.language.title(group.code, group.rule_name, mapping), 150)
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

    def _details(self, group: Group) -> list[_Part]:
        """A group in the thread: its news with what to do and with buttons, and the names of what goes on."""
        news = group.news[:_DETAILED]
        said = [self.language.discrepancy(item.entry, self.digest.mappings.get(group.mapping)) for item in news]
        shared = said[0].do if len({sentence.do for sentence in said}) == 1 else ""
        about = code_page(self.page, group.code)
        above = [escape(shared, 300)] if shared else []
        above += [link(about, self.language.say("More about this kind"))] if about else []
        lines = []
        for item, sentence in zip(news, said, strict=True):
            own = "" if shared or not sentence.do else f"\n   {escape(sentence.do, 300)}"
            lines.append(f"• {self._line(item)}{own}")
        below = []
        if left := len(group.news) - len(news):
            below.append(escape(self.language.plural("+{number} more", "+{number} more", left)))
        if ongoing := [item for item in group.items if not item.standing.news]:
            below.append(self._names(self.language.say("Ongoing:"), ongoing, ages=True))
        if self.offer is None or not news:
            return [(text, None) for text in sections(self._head(group), [*above, *lines, *below])]
        mapping = self.digest.mappings.get(group.mapping)
        rows = [for_entry(item.entry, self.offer(item.entry), self.language, mapping) for item in news]
        head = [(text, None) for text in sections(self._head(group), above)]
        return [*head, *zip(lines, rows, strict=True), *((text, None) for text in below)]

    def _resolved(self) -> list[str]:
        resolved = self.digest.standing(Standing.RESOLVED)
        return [self._names(self.language.say("Resolved, thank you:"), resolved)] if resolved else []

    def _names(self, label: str, items: Sequence[Item], *, ages: bool = False) -> str:
        """The names of the first few, and how many more there are."""
        told = [
            escape(self._called(item), 80) + (f" ({escape(self.language.age(item.days))})" if ages else "")
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
            say.age(item.days) if item.days else "",
            say.say("overdue") if item.overdue else "",
        )
        return bold(" · ".join(filter(None, parts)), 100)

    def _what(self, item: Item) -> str:
        sentence = self.language.discrepancy(item.entry, self.digest.mappings.get(item.entry.discrepancy.mapping))
        return f"{sentence.what} ({sentence.reason})" if sentence.reason else sentence.what

    def _places(self, item: Item) -> str:
        """Links to both records, and the number people say, which leads to its own page."""
        links = [link(address, side.title) for side, address in item.addresses if address]
        number = f"#{item.entry.id}" if item.entry.id else item.entry.fingerprint[:8]
        return "".join(f" · {place}" for place in [*links, link(own_page(self.page, item.entry), number)])

    def _called(self, item: Item) -> str:
        return self.language.called(item.entry, self.digest.mappings.get(item.entry.discrepancy.mapping))

    def _title(self, mapping: str) -> str:
        known = self.digest.mappings.get(mapping)
        return (self.language.text(known.title) if known else "") or mapping


def payload_of(key: str, text: str, blocks: Sequence[Json]) -> dict[str, Json]:
    """A message's payload. Metadata can be read by any app in the workspace, so it holds the key and nothing else."""
    return {
        "text": escape(text, 3_000),
        "blocks": list(blocks),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": key}},
    }


def _block(block: Json) -> str:
    """One block as a terminal shows it: its texts, a row of buttons on one line."""
    if not isinstance(block, dict) or block.get("type") != "actions":
        return "\n".join(map(_drawn, texts_of(block)))
    elements = block.get("elements")
    drawn = []
    for each in elements if isinstance(elements, list) else ():
        if isinstance(each, dict):
            label = each.get("text")
            options = " | ".join(texts_of(each.get("options")))
            drawn.append(f"[ {options or next(texts_of(label), '')} ]")
    return "   " + "  ".join(drawn)


def _drawn(text: str) -> str:
    alone = _LINK.fullmatch(text)
    shown = f"{alone[2]}: {alone[1]}" if alone else _LINK.sub(r"[\2]", text)
    shown = _MARKS.sub(lambda match: match[0].strip("<!>"), shown)
    shown = shown.replace("*", "").replace("`", "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

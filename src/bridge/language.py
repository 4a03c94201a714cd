"""A language as people hear it: sentences, plurals, dates and numbers.

English wording is the message id. A catalogue's `.po` file is what is read, so no compiled copy can grow stale. Everything
that comes from a record is made plain first: no control character and no change of writing direction survives.
"""

import datetime as dt
import gettext
import io
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bridge import locales
from bridge.core.ledger import Entry, State
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Severity, Text
from bridge.core.plan import Discrepancy
from bridge.core.record import Json, Side
from bridge.core.report import Digest, PlanState, Standing, rule_of
from bridge.locales import wording
from bridge.locales.wording import Wording

LANGUAGES: Mapping[str, str] = {"en": "en_US", "es": "es_US"}
"""Each language bridge speaks, and the locale that writes its dates and numbers."""

MISSING = "…"
"""Stands for a placeholder that nothing fills."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TURNING = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_SIDES = frozenset(side.title for side in Side)
_ONE_SIDED = frozenset({101, 102, 103, 105})


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is the matter and what to do next. `reason` is the system's own remark, in whatever words it was given."""

    what: str
    do: str
    reason: str = ""


class Language:
    """English or Spanish. An unknown code speaks English; a region (`es-MX`) is ignored."""

    def __init__(self, code: str = "en", timezone: str = "UTC") -> None:
        short = code.lower().replace("_", "-").split("-")[0]
        self.code = short if short in LANGUAGES else "en"
        self._messages = _catalogue(self.code)
        self._locale = Locale.parse(LANGUAGES[self.code])
        self._zone = ZoneInfo(timezone)

    def say(self, message: str, **values: object) -> str:
        """The message in this language, its `{placeholders}` filled."""
        return self._fill(self._messages.gettext(message), values)

    def plural(self, singular: str, plural: str, number: int, **values: object) -> str:
        """The message in the form that `number` asks for; `{number}` is the number itself."""
        return self._fill(self._messages.ngettext(singular, plural, number), {"number": number, **values})

    def text(self, text: Text, **values: object) -> str:
        """The author's own words in this language, else in English, else in whatever there is, else nothing."""
        chosen = text.get(self.code) or text.get("en") or next(iter(text.values()), "")
        return self._fill(chosen, values)

    def number(self, number: int) -> str:
        """The number with this language's separators."""
        return numbers.format_decimal(number, locale=self._locale)

    def day(self, day: dt.date) -> str:
        """The day, as in `Nov 16, 2026`; of a moment, the day it is in this language's time zone."""
        local = day.astimezone(self._zone).date() if isinstance(day, dt.datetime) else day
        return dates.format_date(local, "medium", locale=self._locale)

    def moment(self, moment: dt.datetime) -> str:
        """Day, time and zone in this language's time zone."""
        return f"{self.day(moment)} {moment.astimezone(self._zone):%H:%M %Z}"

    def age(self, days: int) -> str:
        """How long something has lasted, as in `3 days`."""
        return self.plural("{number} day", "{number} days", days) if days else self.say("today")

    def field(self, name: str | None) -> str:
        """A field's name as people say it."""
        return plain((name or "").replace("_", " "))

    def severity(self, severity: Severity) -> str:
        """The severity's word."""
        return self.say(wording.SEVERITIES[severity])

    def state(self, state: State) -> str:
        """The state's word."""
        return self.plural(*wording.STATES[state], 1)

    def standing(self, standing: Standing, number: int = 1) -> str:
        """The standing's word for so many."""
        return self.plural(*wording.STANDINGS[standing], number)

    def plan_state(self, state: PlanState) -> str:
        """What became of a plan, in a few words."""
        return self.say(wording.PLAN_STATES[state])

    def cell(self, raw: Json) -> str:
        """A cell as a side sends it, on one line; blank and yes and no in words."""
        if raw is None or raw in ("", []):
            return self.say("(blank)")
        if isinstance(raw, bool):
            return self.say("yes") if raw else self.say("no")
        if isinstance(raw, list):
            return ", ".join(map(self.cell, raw))
        return plain(str(raw))

    def why(self, why: str, side: Side) -> str:
        """Why a plan writes a cell on `side`; an unknown word as it stands."""
        return self.say(wording.WHY[why], source=side.other.title, target=side.title) if why in wording.WHY else plain(why)

    def reason(self, reason: str | None) -> str:
        """An accepted entry's reason in words; an unknown one as it stands."""
        known = {each.value: words for each, words in wording.REASONS.items()}
        return self.say(known[reason]) if reason in known else plain(reason or "")

    def title(self, code: int, rule: str | None = None) -> str:
        """A code's short title; for a rule, its name as people say it."""
        if rule:
            return _capital(plain(rule.replace("-", " ").replace("_", " ")))
        return self.say(wording.CODES.get(code, wording.RULE).title)

    def discrepancy(self, told: Discrepancy | Entry, mapping: FieldMapping | None = None) -> Sentence:
        """One plain sentence and what to do, without any cell's value but those a rule's own words name.

        `mapping` lends the rule's words and the field's owner; without it the general wording is used.
        """
        found = told.discrepancy if isinstance(told, Entry) else told
        values = self._values(found, mapping)
        reason = self._remark(plain(found.details.get("reason", "")))
        rule = rule_of(mapping, found.rule)
        if rule is not None and rule.say:
            return Sentence(self.text(rule.say, **values), self.text(rule.do, **values), reason)
        words = _worded(found, owned="owner" in values)
        what = self.say(words.what, **values)
        return Sentence(_capital(what) if words.what.startswith("{side}") else what, self.say(words.do, **values), reason)

    def headline(self, digest: Digest) -> str:
        """The digest in one or two sentences: what stands where, and whether somebody is waited for."""
        names = [self.text(each.title) for each in digest.mappings.values()]
        title = names[0] if len(names) == 1 else "CiviCRM / Airtable"
        parts = [self._agreement(digest, title)]
        if resolved := digest.counts[Standing.RESOLVED]:
            parts.append(self.plural("{number} was resolved.", "{number} were resolved.", resolved))
        parts.extend(self.discrepancy(item.entry).what for item in digest.unread)
        if held := len(digest.held):
            parts.append(self.plural("{number} plan waits for a person.", "{number} plans wait for a person.", held))
        return " ".join(parts)

    def tally(self, counts: Mapping[Standing, int]) -> str:
        """The open standings that are not zero, as in `3 new, 1 worse or back, 12 ongoing`."""
        new, worse, ongoing = counts[Standing.NEW], counts[Standing.WORSE], counts[Standing.ONGOING]
        told = (
            self.plural("{number} new", "{number} new", new) if new else "",
            self.plural("{number} worse or back", "{number} worse or back", worse) if worse else "",
            self.plural("{number} ongoing", "{number} ongoing", ongoing) if ongoing else "",
        )
        return ", ".join(filter(None, told))

    def _agreement(self, digest: Digest, title: str) -> str:
        if digest.agreed:
            return self.say("{title}: the two systems agree.", title=title)
        return self.plural(
            "{title}: {number} open discrepancy ({tally}).",
            "{title}: {number} open discrepancies ({tally}).",
            digest.open,
            title=title,
            tally=self.tally(digest.counts),
        )

    def _values(self, found: Discrepancy, mapping: FieldMapping | None) -> dict[str, object]:
        """What a sentence about `found` may name. The details come last: they are about this very finding."""
        side = _side(found)
        elsewhere = self.say(wording.SOME_SIDE)
        values: dict[str, object] = {
            "name": found.name,
            "field": self.field(found.field),
            "rule": self.title(found.code, found.rule),
            "side": side.title if side else elsewhere,
            "other": side.other.title if side else elsewhere,
        }
        field = mapping.fields.get(found.field) if mapping and found.field else None
        if field is not None and field.authority is not None and (owner := field.authority.owner) is not None:
            values |= {"owner": owner.title, "edited": owner.other.title}
        known = wording.DETAILS
        return values | {key: self.say(known[value]) if value in known else value for key, value in found.details.items()}

    def _remark(self, reason: str) -> str:
        """The engine's remark, with its fixed sentences translated; each may follow the name of its side."""
        return "; ".join(map(self._translated, reason.split("; ")))

    def _translated(self, remark: str) -> str:
        side, _, sentence = remark.partition(": ")
        if side in _SIDES:
            return f"{side}: {self._translated(sentence)}"
        return self.say(remark) if remark in wording.REMARKS else remark

    def _fill(self, template: str, values: Mapping[str, object]) -> str:
        return _PLACEHOLDER.sub(lambda match: self._spoken(values.get(match[1])), template)

    def _spoken(self, value: object) -> str:
        if value is None or value == "":
            return MISSING
        if isinstance(value, dt.datetime):
            return self.moment(value)
        if isinstance(value, dt.date):
            return self.day(value)
        if isinstance(value, int):
            return self.number(value)
        return self._day_of(plain(str(value)))

    def _day_of(self, text: str) -> str:
        """An ISO date as this language writes it; any other text as it is."""
        if _ISO_DATE.fullmatch(text) is None:
            return text
        try:
            return self.day(dt.date.fromisoformat(text))
        except ValueError:
            return text


def plain(text: str) -> str:
    """The text on one line, without control characters and without marks that turn the writing direction."""
    kept = (" " if char.isspace() else char for char in text if char.isspace() or not _hidden(char))
    return " ".join("".join(kept).split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _hidden(char: str) -> bool:
    return char in _TURNING or unicodedata.category(char) in ("Cc", "Cs")


def _worded(found: Discrepancy, *, owned: bool) -> Wording:
    words = wording.CODES.get(found.code, wording.RULE)
    if found.code == 201 and owned:  # noqa: PLR2004  # codes stand as numbers everywhere
        return Wording(words.title, wording.BLANK_AT_OWNER, words.do)
    if found.code == 203 and owned:  # noqa: PLR2004  # as above
        return Wording(words.title, wording.EDITED_AT_OTHER, wording.EDIT_AT_OWNER)
    return words


def _side(found: Discrepancy) -> Side | None:
    """The side a finding is about: the one its details name or, where only one side's record is told of, that one."""
    named = found.details.get("side", "").lower()
    if named in list(Side):
        return Side(named)
    with_id = [side for side, native in found.ids if native is not None]
    return with_id[0] if found.code in _ONE_SIDED and len(with_id) == 1 else None


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    source = resources.files(locales).joinpath(code, "LC_MESSAGES", "bridge.po")
    compiled = io.BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=LANGUAGES[code]))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)

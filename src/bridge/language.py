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
from decimal import Decimal
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bridge import locales
from bridge.core.ledger import SAID, Entry, Event, Happened, State
from bridge.core.mapping import FieldRef, Mode, Operand, Operator, Severity, Test, Text, Today
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Discrepancy, Written
from bridge.core.record import Json, Side
from bridge.core.report import UNREAD, Digest, PlanNote, PlanState, Standing, rule_of
from bridge.core.why import ExplainedField
from bridge.locales import wording
from bridge.locales.sentences import recognise
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
_BETWEEN = re.compile(r"(?<=\.) ")
_NAMING = frozenset({"id", "run", "code", "digest", "partner", "records"})
"""Placeholders whose numbers name something, and count nothing."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is the matter and what to do next. `reason` is why, where somebody said so.

    `technical` is what an error told the operators, in English: for those who look after bridge.
    """

    what: str
    do: str
    reason: str = ""
    technical: str = ""


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

    def share(self, share: float) -> str:
        """A share of 1 in percent."""
        return numbers.format_percent(share, locale=self._locale)

    def day(self, day: dt.date) -> str:
        """The day, as in `Nov 16, 2026`; of a moment, the day it is in this language's time zone."""
        local = day.astimezone(self._zone).date() if isinstance(day, dt.datetime) else day
        return dates.format_date(local, "medium", locale=self._locale)

    def sortable(self, moment: dt.datetime) -> str:
        """A moment in this language's time zone as spreadsheets sort it, as in `2026-11-16 09:05`."""
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def short_day(self, day: dt.datetime) -> str:
        """Day and month of a moment, as in `Nov 16`, in this language's time zone."""
        return dates.format_skeleton("MMMd", day.astimezone(self._zone), locale=self._locale)

    def moment(self, moment: dt.datetime) -> str:
        """Day, time and zone in this language's time zone."""
        return f"{self.day(moment)} {moment.astimezone(self._zone):%H:%M %Z}"

    def age(self, days: int) -> str:
        """How long something has lasted, as in `3 days`."""
        return self.plural("{number} day", "{number} days", days) if days else self.say("today")

    def field(self, name: str | None, mapping: FieldMapping | None = None) -> str:
        """A field as people say it: its title in the mapping, else its name."""
        known = mapping.fields.get(name) if mapping is not None and name else None
        return plain((self.text(known.title) if known is not None else "") or (name or "").replace("_", " "))

    def quoted(self, text: str) -> str:
        """The text between this language's quotation marks."""
        return self.say("“{text}”", text=text)

    def called(self, told: Discrepancy | Entry, mapping: FieldMapping | None = None) -> str:
        """Whom or what a discrepancy is about; one about a whole system bears the mapping's title."""
        found = told.discrepancy if isinstance(told, Entry) else told
        return plain((self.text(mapping.title) if mapping is not None and found.code in UNREAD else "") or found.name)

    def severity(self, severity: Severity) -> str:
        """The severity's word."""
        return self.say(wording.SEVERITIES[severity])

    def state(self, state: State, number: int = 1) -> str:
        """The state's word for so many."""
        return self.plural(*wording.STATES[state], number)

    def mode(self, mode: Mode) -> str:
        """Whether a mapping is written or only looked at."""
        return self.say(wording.MODES[mode])

    def run_state(self, state: str) -> str:
        """How a run ended, or that it has not."""
        return self.say(wording.RUN_STATES[state]) if state in wording.RUN_STATES else plain(state)

    def run_kind(self, kind: str) -> str:
        """What a run looked at, or did."""
        return self.say(wording.RUN_KINDS[kind]) if kind in wording.RUN_KINDS else plain(kind)

    def stage(self, stage: str) -> str:
        """How a run that was asked for stands."""
        return self.say(wording.STAGES[stage]) if stage in wording.STAGES else plain(stage)

    def outcome(self, outcome: Written | None) -> str:
        """How a write ended; None is in doubt."""
        return self.say(wording.OUTCOMES[outcome or Written.IN_DOUBT])

    def work(self, work: str) -> str:
        """What the schedule is going to do next; an unknown word as it stands."""
        return self.say(wording.WORKS[work]) if work in wording.WORKS else plain(work)

    def happened(self, event: Event) -> str:
        """What happened to a discrepancy, in a word or two."""
        return self.say(wording.HAPPENED[event.happened])

    def remark(self, event: Event) -> str:
        """What was decided and said when it happened: what is ours in this language, a person's own words as they stand."""
        if event.happened is Happened.ANSWERED:
            return self.sentence(event.note)
        decided, between, note = event.note.partition(SAID)
        shown = self.reason(decided) if event.happened is Happened.ACCEPTED else self._spoken(decided)
        return f"{shown}{between}{plain(note)}"

    def sentence(self, text: str) -> str:
        """The engine's own sentences in this language, as they were kept or told; any other text as it stands."""
        whole = plain(text)
        return self._engines(whole) or " ".join(self._clauses(part) for part in _BETWEEN.split(whole))

    def failure(self, kind: str, message: str) -> str:
        """Why something was not done: the engine's own sentence if it is one, else what an error of this kind means."""
        return self._engines(plain(message.partition(" Next: ")[0])) or self.say(
            wording.FAILURES.get(kind, wording.SOME_FAILURE)
        )

    def standing(self, standing: Standing, number: int = 1) -> str:
        """The standing's word for so many."""
        return self.plural(*wording.STANDINGS[standing], number)

    def amount(self, plan: PlanNote) -> str:
        """How much a plan writes, as in `70 cells in 60 records`."""
        cells = self.plural("{number} cell", "{number} cells", plan.cells)
        records = self.plural("{number} record", "{number} records", plan.records)
        return self.say("{cells} in {records}", cells=cells, records=records)

    def plan_state(self, state: PlanState) -> str:
        """What became of a plan, in a few words."""
        return self.say(wording.PLAN_STATES[state])

    def cell(self, raw: Json) -> str:
        """A cell as a side sends it, on one line; blank and yes and no in words, a day as this language writes it."""
        if raw is None or raw in ("", []):
            return self.say("(blank)")
        if isinstance(raw, bool):
            return self.say("yes") if raw else self.say("no")
        if isinstance(raw, list):
            return ", ".join(map(self.cell, raw))
        return self._day_of(plain(str(raw)))

    def shown(self, cell: str) -> str:
        """A cell that was made readable already; its fixed words and its days in this language."""
        return self.say(wording.CELLS[cell]) if cell in wording.CELLS else self._day_of(plain(cell))

    def verdict(self, field: ExplainedField) -> str:
        """What comparing a field found, and what that is told as."""
        found = self.say(wording.VERDICTS[field.verdict]) if field.verdict in wording.VERDICTS else plain(field.verdict)
        return f"{found}: {self.title(field.code)} ({field.code})" if field.code else found

    def why(self, why: str, side: Side) -> str:
        """Why a plan writes a cell on `side`; an unknown word as it stands."""
        return self.say(wording.WHY[why], source=side.other.title, target=side.title) if why in wording.WHY else plain(why)

    def reason(self, reason: str | None) -> str:
        """An accepted entry's reason in words; an unknown one as it stands."""
        known = {each.value: words for each, words in wording.REASONS.items()}
        return self.say(known[reason]) if reason in known else plain(reason or "")

    def question(self, test: Test, mapping: FieldMapping | None = None) -> str:
        """What a rule asks of a cell."""
        field = self._place(test.side, test.field, mapping)
        if test.operator is Operator.BLANK:
            return self.say(wording.BLANK[bool(test.operand)], field=field)
        return self.say(wording.QUESTIONS[test.operator], field=field, operand=self._operand(test.operand, mapping))

    def answer(self, answer: bool | None) -> str:  # the answer itself
        """Yes, no, or that it cannot be told."""
        return self.say(wording.ANSWERED[answer])

    def title(self, code: int, rule: str | None = None, mapping: FieldMapping | None = None) -> str:
        """A code's short title; a rule's is in its mapping, else its name as people say it."""
        if rule:
            known = rule_of(mapping, rule)
            given = self.text(known.title) if known is not None else ""
            return plain(given) or _capital(plain(rule.replace("-", " ").replace("_", " ")))
        return self.say(wording.CODES.get(code, wording.RULE).title)

    def discrepancy(self, told: Discrepancy | Entry, mapping: FieldMapping | None = None) -> Sentence:
        """One plain sentence and what to do, without any cell's value but those a rule's own words name.

        `mapping` lends the rule's words and the field's owner; without it the general wording is used.
        """
        found = told.discrepancy if isinstance(told, Entry) else told
        values = self._values(found, mapping)
        reason, technical = self._why(found)
        rule = rule_of(mapping, found.rule)
        if rule is not None and rule.say:
            return Sentence(self.text(rule.say, **values), self.text(rule.do, **values), reason)
        words = _worded(found, owned="owner" in values)
        what = self.say(words.what, **values)
        what = _capital(what) if words.what.startswith("{side}") else what
        return Sentence(what, self.say(words.do, **values), reason, technical)

    def headline(self, digest: Digest) -> str:
        """The digest in a few sentences: whether a mass change is suspected, what stands where, and who is waited for."""
        names = [self.text(each.title) for each in digest.mappings.values()]
        title = names[0] if len(names) == 1 else "CiviCRM / Airtable"
        parts = [self._suspicion(digest), self._agreement(digest, title)]
        if resolved := digest.counts[Standing.RESOLVED]:
            parts.append(self.plural("{number} was resolved, thank you.", "{number} were resolved, thank you.", resolved))
        parts.extend(self.discrepancy(item.entry).what for item in digest.unread)
        if held := len(digest.held):
            parts.append(self.plural("{number} plan waits for a person.", "{number} plans wait for a person.", held))
        return " ".join(filter(None, parts))

    def _suspicion(self, digest: Digest) -> str:
        if digest.storm is None:
            return ""
        if digest.held:
            return self.say("A mass change is suspected, writes are held.")
        return self.say("A mass change is suspected.")

    def settled(self, digest: Digest) -> str:
        """How many writes in doubt were settled by reading since the digest before; nothing if there were none."""
        if not digest.settled:
            return ""
        return self.plural(
            "{number} write in doubt, settled by reading", "{number} writes in doubt, settled by reading", digest.settled
        )

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
            "name": self.called(found, mapping),
            "field": self.field(found.field, mapping),
            "rule": self.title(found.code, found.rule, mapping),
            "side": side.title if side else elsewhere,
            "other": side.other.title if side else elsewhere,
        }
        field = mapping.fields.get(found.field) if mapping and found.field else None
        if field is not None and field.authority is not None and (owner := field.authority.owner) is not None:
            values |= {"owner": owner.title, "edited": owner.other.title}
        known = wording.DETAILS
        return values | {key: self.say(known[value]) if value in known else value for key, value in found.details.items()}

    def _why(self, found: Discrepancy) -> tuple[str, str]:
        """Why it is so, for staff; and what the operators were told, where that is something else."""
        reason, cause = found.details.get("reason", ""), found.details.get("cause")
        return (self.failure(cause, reason), plain(reason)) if cause else (self.sentence(reason), "")

    def _engines(self, text: str) -> str | None:
        """The engine's sentences, one after the other, or its one sentence; None if any of it is not the engine's."""
        told = [self._clause(part) for part in _BETWEEN.split(text)]
        return " ".join(map(str, told)) if None not in told else self._recognised(text)

    def _clause(self, text: str) -> str | None:
        """The engine's clauses, or the sentence that they are together; None if any of it is not the engine's."""
        told = [self._recognised(part) for part in text.split("; ")]
        return "; ".join(map(str, told)) if None not in told else self._recognised(text)

    def _clauses(self, text: str) -> str:
        """What of the text is the engine's in this language, the rest as it stands."""
        return self._clause(text) or "; ".join(self._recognised(part) or part for part in text.split("; "))

    def _recognised(self, text: str) -> str | None:
        """The engine's sentence in this language, also after the name of its side; None for what it never says."""
        side, _, rest = text.partition(": ")
        if side in _SIDES and (told := self._recognised(rest)) is not None:
            return f"{side}: {told}"
        found = recognise(text)
        if found is None:
            return None
        sentence, filled = found
        return self.say(sentence, **{name: self._read_back(name, value) for name, value in filled.items()})

    def _read_back(self, name: str, value: str) -> object:
        """What filled a sentence: a number to count, a word or a sentence of the engine's own, or whatever it is."""
        if value.isdecimal() and name not in _NAMING:
            return int(value)
        word = wording.DETAILS.get(value.replace(" ", "_"))
        return self.say(word) if word else self._recognised(value) or value

    def _place(self, side: Side | None, name: str, mapping: FieldMapping | None) -> str:
        shown = self.quoted(self.field(name, mapping))
        return f"{shown} ({side.title})" if side else shown

    def _operand(self, operand: Operand, mapping: FieldMapping | None) -> str:
        """What a cell is compared with."""
        match operand:
            case Today(days):
                said = self._moved(self.say("today"), days)
            case FieldRef(side, name, days):
                said = self._moved(self._place(side, name, mapping), days)
            case dt.timedelta():
                said = self.age(operand.days)
            case tuple():
                said = ", ".join(self._operand(each, mapping) for each in operand)
            case bool():
                said = self.say("yes") if operand else self.say("no")
            case Decimal():
                said = numbers.format_decimal(operand, locale=self._locale, decimal_quantization=False)
            case _:
                said = self._spoken(operand)
        return said

    def _moved(self, day: str, days: int) -> str:
        """A day and how far from it."""
        if not days:
            return day
        return (
            self.say("{day} plus {age}", day=day, age=self.age(days))
            if days > 0
            else self.say("{day} minus {age}", day=day, age=self.age(-days))
        )

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

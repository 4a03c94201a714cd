"""Pages that stand alone: the report and a plan as one HTML file each, without script and without anything fetched.

Names and cells are escaped by the templates, stripped of marks that turn the writing direction, and held in `<bdi>`.
"""

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bridge.core import document
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Change, Plan
from bridge.core.record import Side
from bridge.core.report import Digest, Group, Item, Standing, code_page, own_page
from bridge.language import Language, plain


@dataclass(frozen=True, slots=True)
class Age:
    """A column of the overview: what has been open for at least `least` and less than `below` days (None: any longer)."""

    title: str
    least: int
    below: int | None

    def count(self, group: Group) -> int:
        """How many of the group are of this age."""
        return sum(self.least <= item.days and (self.below is None or item.days < self.below) for item in group.items)


def report_page(digest: Digest, language: Language, page: str | None = None) -> str:
    """The digest as one HTML page: where the two systems stand, and every discrepancy with what to do about it."""
    titles = {name: language.text(mapping.title) or name for name, mapping in digest.mappings.items()}

    def since(item: Item) -> str:
        runs = language.plural("seen in {number} run", "seen in {number} runs", item.entry.runs)
        day = language.say("since {day}", day=language.day(item.entry.opened_at))
        return f"{day} ({language.age(item.days)}, {runs})"

    def shared_do(group: Group) -> str:
        """What to do about the whole group, where it is the same for several; else nothing."""
        mapping = digest.mappings.get(group.mapping)
        advice = {language.discrepancy(item.entry, mapping).do for item in group.items}
        return advice.pop() if len(advice) == 1 and len(group.items) > 1 else ""

    return render(
        "report.html",
        language,
        digest=digest,
        heading=next(iter(titles.values())) if len(titles) == 1 else "CiviCRM / Airtable",
        headline=language.headline(digest),
        ages=ages(language),
        standings=Standing,
        several=len(titles) > 1,
        title_of=lambda name: titles.get(name, name),
        tally=lambda group: language.tally(Counter(item.standing for item in group.items)),
        since=since,
        shared_do=shared_do,
        about=lambda group: code_page(page, group.code),
        own_page=lambda item: own_page(page, item.entry),
    )


def plan_page(plan: Plan, language: Language, mapping: FieldMapping | None = None) -> str:
    """The plan as one HTML page: per record its name, per cell before, after and why. Sensitive cells are not shown."""
    sides: list[tuple[Side, list[Change]]] = [(side, [each for each in plan.changes if each.side is side]) for side in Side]
    return render(
        "plan.html",
        language,
        plan=plan,
        digest=document.digest(plan),
        mapping=mapping,
        title=(language.text(mapping.title) if mapping else "") or plan.mapping,
        sides=sides,
        cells=sum(len(each.cells) for each in plan.changes),
        since=None,
    )


@cache
def environment() -> Environment:
    """The templates, escaping everything; a name nobody gave is an error."""
    made = Environment(loader=PackageLoader("bridge.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.globals |= {"plain": plain, "addresses": addresses}
    made.filters["upper_first"] = upper_first
    return made


def upper_first(text: str) -> str:
    """The text with a capital at its beginning; Jinja's own `capitalize` makes the rest small."""
    return text[:1].upper() + text[1:]


def addresses(item: Item) -> list[tuple[Side, str]]:
    """The sides whose record a browser may open, each with its address."""
    return [(side, address) for side, address in item.addresses if address and urlsplit(address).scheme in ("http", "https")]


@cache
def style() -> Markup:
    """The style sheet, to stand inside a page."""
    return Markup(resources.files("bridge.web").joinpath("templates", "style.css").read_text())  # noqa: S704  # our own file


@cache
def policy(*, forms: bool = False) -> str:
    """The Content-Security-Policy of a page: its own style sheet, by hash, and nothing else but, where asked, its own forms."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    target = "'self'" if forms else "'none'"
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action {target}"


def ages(language: Language) -> tuple[Age, ...]:
    """The ages that discrepancies are counted by, the youngest first."""
    return (
        Age(language.say("under 7 days"), 0, 7),
        Age(language.say("7 to 29 days"), 7, 30),
        Age(language.say("30 days and more"), 30, None),
    )


def render(template: str, language: Language, **values: object) -> str:
    """The page that a template makes of these values, under the strictest policy unless another is among them."""
    shared = {"language": language, "say": language.say, "plural": language.plural, "style": style(), "policy": policy()}
    return environment().get_template(template).render({**shared, **values})

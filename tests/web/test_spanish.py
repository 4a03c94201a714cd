"""Everything that staff read, drawn from one rich state: no English in Spanish, and the same numbers in both languages."""

import dataclasses
import datetime as dt
import html
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from bridge.civicrm.board import CivicrmBoard
from bridge.core.document import document
from bridge.core.guard import Circumstances, judge
from bridge.core.ledger import Event, Happened, State
from bridge.core.mapping import All, GuardLimits, Limit, Mapping, Operator, Rule, Severity, Today
from bridge.core.mapping import Test as Asks
from bridge.core.plan import Action, Breach, CellChange, Change, Plan, Population, Written
from bridge.core.record import Json, Link, PerSide, Side
from bridge.core.report import Digest, PlanNote, PlanState, digest
from bridge.core.telling import ReportActivity, ReportTo
from bridge.core.why import ExplainedField, ExplainedRule
from bridge.errors import Unavailable
from bridge.language import Language
from bridge.locales.wording import CODES
from bridge.ports import PlanState as Stored
from bridge.ports import RunState, Settlement
from bridge.slack import commands, outage
from bridge.slack.actions import Ended, _why_not
from bridge.slack.buttons import Deed, Verb, window
from bridge.slack.message import compose
from bridge.web.csv import export
from bridge.web.office import Seen
from bridge.web.page import plan_page, report_page
from builders import a_field, a_mapping
from web.browsing import mark, signed_in
from web.web_office import FakeLooks, House

ENGLISH = re.compile(
    r"\b(the|is|are|was|were|has|have|had|and|of|to|for|with|this|that|these|it|its|not|by|from|be|been|or|an|at|on|in|there)\b",
    re.IGNORECASE,
)
"""Words without which no English sentence is written, and that no Spanish one has."""
NOT_PROSE = re.compile(r"<(style|script|code|datalist)\b.*?</\1>|<a [^>]*hreflang=.*?</a>|<p lang=\"en\">.*?</\w+>", re.DOTALL)
READ_ALOUD = re.compile(r'(?:aria-label|title|placeholder)="([^"]*)"')
PAGE = "https://bridge.example.org"
MEMBER = Asks("email", Operator.BLANK, operand=False, side=Side.AIRTABLE)
ENDS = Asks("ends", Operator.BEFORE, operand=Today(30), side=Side.CIVICRM)

GROUPS: Mapping = dataclasses.replace(
    a_mapping(
        a_field("email", title={"en": "email", "es": "correo"}),
        a_field("ends", title={"en": "end", "es": "fin"}),
        guard=GuardLimits(
            updates=Limit(count=0, share=0.0), creates=Limit(count=0), clears=Limit(count=0), canaries=PerSide(("77",), ())
        ),
    ),
    title={"en": "Benefits groups", "es": "Grupos de beneficios"},
    rules=(
        Rule(
            name="enrolled-without-membership",
            severity=Severity.HIGH,
            when=All((MEMBER, ENDS)),
            title={"en": "Enrolled, no member", "es": "Inscrita sin membresía"},
            say={"en": "{name} is enrolled; it ended on {ends}.", "es": "{name} figura inscrita; terminó el {ends}."},
            do={"en": "Call the co-op.", "es": "Llame a la cooperativa."},
            due=dt.timedelta(days=1),
        ),
    ),
    report=ReportTo(civicrm=ReportActivity(type="Bridge discrepancy")),
)
DETAILS = {
    "side": "Airtable",
    "whereabouts": "out_of_scope",
    "candidate": "Arroyo Panadería",
    "score": "0.93",
    "ends": "2026-10-31",
}
REASONS = {
    206: "CiviCRM: This is not a date.",
    401: "CiviCRM refused Contact.update: there is no such record. Other cells of the change were written.",
    402: "Edited since it was read: Email.",
    403: "The answer to a write was lost.",
    501: "Field Email (fld1) of table Groups was deleted. Another field has taken its name; it is not the same field.",
    504: "Contact.get: CiviCRM cannot be reached (ConnectTimeout).",
}


def breaches() -> tuple[Breach, ...]:
    """Every reason there is to hold a plan."""
    empty = PerSide(0, 80)
    facts = Circumstances(
        population=Population(now=empty, last=PerSide(100, 1200)),
        seen=PerSide((), ()),
        calls=PerSide(3, 1300),
        quota_left=12,
        scope_changed=True,
    )
    other = dataclasses.replace(facts, scope_changed=False, mapping_changed=True)
    changes = a_plan().changes
    return tuple(dict.fromkeys((*judge(GROUPS, changes, facts), *judge(GROUPS, changes, other))))


def a_plan(*held: Breach) -> Plan:
    whys = ("changed", "first_contact", "conflict", "reverted", "clear", "chosen", "undo")
    cells = tuple(
        CellChange(field="email", path="Email", before="x", after=None, before_raw="x", after_raw=None, why=why, clears=True)
        for why in whys
    )
    change = Change(
        mapping="groups", side=Side.AIRTABLE, action=Action.UPDATE, id="rec1", partner="12", name="Arroyo", cells=cells
    )
    made = dataclasses.replace(change, action=Action.CREATE, id=None)
    return Plan(mapping="groups", mapping_digest="m", changes=(change, made), discrepancies=(), breaches=held)


@pytest.fixture
def rich(house: House) -> House:
    """One discrepancy of every code and state, runs of every end, a held plan, writes that ended in every way."""
    house.mapping = GROUPS
    rule = GROUPS.rules[0]
    opened = house.clock()
    house.clock.forward(days=40)
    store = house.store
    for number, code in enumerate((*CODES, 300), start=1):
        reason = {"reason": REASONS[code]} if code in REASONS else {}
        cause = {"cause": "Unavailable"} if code == 504 else {}
        house.entry(
            number,
            code=code,
            name="Arroyo",
            rule=rule.name if code == 300 else None,
            severity=rule.severity,
            details={**DETAILS, **reason, **cause},
            shown=PerSide(None, "x"),
        )
    entries = {each.discrepancy.code: each for each in store.ledger.list()}
    states = {202: State.SNOOZED, 203: State.ACCEPTED, 205: State.RESOLVED}
    told = [dataclasses.replace(each, opened_at=opened, runs=7, assignee="Ana") for each in entries.values()]
    told = [
        dataclasses.replace(
            each,
            state=states.get(each.discrepancy.code, State.OPEN),
            accepted_reason="timing" if each.discrepancy.code == 203 else None,
            snoozed_until=dt.date(2027, 1, 5) if each.discrepancy.code == 202 else None,
            resolved_at=house.clock() if each.discrepancy.code == 205 else None,
        )
        for each in told
    ]
    notes = {Happened.ACCEPTED: "timing", Happened.SNOOZED: "2027-01-05", Happened.ASSIGNED: "Ana"}
    answers = ("the same", "not the same", "Airtable's value was written to CiviCRM by run 5")
    events = [
        Event(fingerprint=told[0].fingerprint, happened=each, at=house.clock(), by="Ana", note=notes.get(each, ""))
        for each in Happened
    ]
    events += [
        Event(fingerprint=told[0].fingerprint, happened=Happened.ANSWERED, at=house.clock(), by="Ana", note=each)
        for each in answers
    ]
    events += [
        Event(fingerprint=each.fingerprint, happened=Happened.RESOLVED, at=house.clock(), by="bridge") for each in told[11:12]
    ]
    store.ledger.save(told, events)
    held = a_plan(*breaches())
    with store.runs.lease("groups", "here") as lease:
        number = store.runs.start("groups", mode="correct", kind="sweep", by="schedule")
        store.knowledge.store(
            GROUPS,
            Plan(mapping="groups", mapping_digest="m", changes=(), discrepancies=(), links=(Link("1", "rec00000000000001"),)),
            lease,
        )
        store.plans.save(number, held, document(held), Stored.HELD)
        writes = store.journal.intend(number, held.changes, lease, by="schedule")
        ends = (Written.REFUSED, Written.STALE)
        reasons = (REASONS[401], "in doubt, settled by reading: it had not landed")
        store.journal.settle(
            GROUPS,
            [Settlement(entry=write, written=end, detail=why) for write, end, why in zip(writes, ends, reasons, strict=True)],
            lease,
        )
        store.runs.finish(
            number,
            RunState.HELD,
            digest=str(document(held)["digest"]),
            counts={"civicrm_records": 1200, "changes": 2, "written": 1, "refused": 1, "stale": 2, "discrepancies": 30},
            note="; ".join(each.message for each in held.breaches),
        )
    for kind, state, note in (
        ("undo", RunState.DONE, "undo of run 1"),
        ("delta", RunState.FAILED, REASONS[504]),
        ("record", RunState.INTERRUPTED, ""),
        ("plan", RunState.DONE, "Both systems say the same by now."),
    ):
        store.runs.finish(store.runs.start("groups", mode="observe", kind=kind, by="Ana"), state, note=note)
    house.looks = EveryVerdict()
    house.syncs.script = [{"state": "failed", "finished_at": house.clock(), "problem": REASONS[504], "cause": "Unavailable"}]
    return house


class EveryVerdict(FakeLooks):
    """Sees a record of which every verdict and every question holds something."""

    def look(self, record: tuple[Side, str], *, sensitive: bool) -> list[Seen]:
        if record[1] == "2":
            raise Unavailable(REASONS[504])
        whys = {
            "changed": "one side moved away from what was agreed; `authority: civicrm`: carried to Airtable",
            "conflict": "both sides moved, and not to the same; nobody owns it (`on_conflict: report`): told, not written",
            "first_contact": "they differ and never agreed; the blank is filled in CiviCRM",
            "clear": "the side whose word counts was emptied; `clear: true`: emptied in CiviCRM and Airtable too",
            "unreadable": "CiviCRM: This is not a date.",
            "read only": "",
        }
        fields = [
            ExplainedField(
                field="email", civicrm="a", airtable="true", base="never agreed", verdict=verdict, writes="", why=why, code=204
            )
            for verdict, why in whys.items()
        ]
        asked = (
            (MEMBER, True),
            (ENDS, None),
            *((Asks("ends", each, operand=dt.timedelta(days=7)), False) for each in Operator),
        )
        rules = [ExplainedRule(rule="enrolled-without-membership", told=told, tests=asked) for told in (True, False)]
        return [Seen(mapping="groups", ids=PerSide("1", "rec1"), how="link", fields=fields, rules=rules)]


def a_digest(house: House) -> Digest:
    """All that is known, as news; the plan that is held."""
    entries = house.store.ledger.list()
    events = [
        Event(fingerprint=each.fingerprint, happened=Happened.OPENED, at=house.clock(), by="bridge") for each in entries[:9]
    ]
    events += [
        Event(fingerprint=each.fingerprint, happened=Happened.WORSE, at=house.clock(), by="bridge") for each in entries[9:12]
    ]
    events += [
        Event(fingerprint=each.fingerprint, happened=Happened.RESOLVED, at=house.clock(), by="bridge") for each in entries
    ]
    reasons = tuple(each.message for each in breaches())
    plans = [
        PlanNote(mapping="groups", digest="ab" * 32, state=state, records=1200, cells=3, reasons=reasons) for state in PlanState
    ]
    return digest(
        entries,
        events,
        now=house.clock(),
        since=house.clock() - dt.timedelta(days=1),
        mappings={"groups": GROUPS},
        plans=plans,
        settled=3,
        address=lambda _mapping, side, native: f"https://{side.value}.example.org/{native}",
    )


def texts(value: Json) -> Iterator[str]:
    """Every text of a Slack payload that people read."""
    if isinstance(value, dict):
        yield from (str(each) for name, each in value.items() if name == "text" and isinstance(each, str))
        yield from (
            found for name, each in value.items() if name != "text" or not isinstance(each, str) for found in texts(each)
        )
    elif isinstance(value, list):
        yield from (found for each in value for found in texts(each))


def slack(house: House, say: Language) -> Iterator[tuple[str, str]]:
    """What Slack shows: digests, a storm, an outage, windows, answers."""
    told = a_digest(house)
    storm = dataclasses.replace(told, storm=None)
    stormy = digest(
        house.store.ledger.list(),
        [
            Event(fingerprint=each.fingerprint, happened=Happened.OPENED, at=house.clock(), by="bridge")
            for each in house.store.ledger.list()
        ],
        now=house.clock(),
        since=house.clock() - dt.timedelta(days=1),
        mappings={"groups": GROUPS},
        storm_floor=3,
        storm_share=0.01,
    )
    assert stormy.storm is not None
    tellings = [  # each with its thread: where one of its messages is full, and the next begins, is up to the language
        compose(storm, say, key="k", page=PAGE, offer=lambda _entry: tuple(Side)),
        compose(storm, say, key="k"),
        compose(stormy, say, key="k"),
        [outage.broke("k", say, house.clock(), [say.discrepancy(each).what for each in house.store.ledger.list(code=504)], [])],
        [outage.over("k", say, house.clock(), house.clock(), 3)],
        [outage.away_again("k", say, house.clock(), [], 3)],
    ]
    entry = house.store.ledger.list()[0]
    for number, posts in enumerate(tellings):
        told = "\n".join(text for post in posts for text in texts(dict(post.payload)))
        yield f"slack {number}", told.replace("bridge report --to html", "")
    for verb in (Verb.ACCEPT, Verb.ASSIGN):
        yield (
            f"window {verb}",
            "\n".join(texts(window(Deed(verb, entry.fingerprint), say.discrepancy(entry, GROUPS).what, say, {}))),
        )
    stands = commands.Status(mapping="groups", last_good=house.clock(), open=1200, high=3, held=1)
    yield "status", commands.standing([stands, dataclasses.replace(stands, last_good=None)], say)
    yield "help", re.sub(r"`[^`]*`", "", commands.usage(say))
    yield (
        "refusals",
        "\n".join(_why_not(each, say) for each in (Unavailable(REASONS[504]), Ended(problem="x").error or Unavailable("x"))),
    )


def boards(house: House, say: Language) -> Iterator[tuple[str, str]]:
    """The activities; a row of Airtable's table is made of the same sentences."""
    board = CivicrmBoard(None, GROUPS, say, lambda *_: "https://example.org", PAGE)  # type: ignore[arg-type]  # asks nothing of it
    for entry in house.store.ledger.list():
        cells = board.cells(entry) or {}
        yield f"activity {entry.discrepancy.code}", prose(f"{cells.get('subject')} {cells.get('details')}") if cells else ""


def prose(page: str) -> str:
    """What is read of a page: its text and what screen readers say; no code, and nothing that is marked as English."""
    body = NOT_PROSE.sub(" ", page)
    return html.unescape(" ".join([re.sub(r"<[^>]+>", " ", body), *READ_ALOUD.findall(body)]))


def pages(house: House, language: str) -> Iterator[tuple[str, str]]:
    """Every page that is served, to somebody who may do everything."""
    client, stranger = signed_in(house, "ana"), house.client()
    entries = house.store.ledger.list()
    paths = [
        "/",
        "/discrepancies?state=any",
        "/discrepancies?text=nothing",
        "/matches",
        "/runs",
        "/sign-in",
        "/nowhere",
        "/runs/99",
    ]
    paths += [f"/discrepancies/{each.id}" for each in entries]
    paths += [f"/runs/{each.id}" for each in house.store.runs.list()]
    paths += [f"/records/civicrm:{number}{now}" for number in (1, 2) for now in ("", "?now=true")]
    paths += ["/discrepancies/999", "/syncs/ffffffffffffffff", "/codes/299", *(f"/codes/{code}" for code in (101, 300, 504))]
    for path in paths:
        yield path, client.get(f"{path}{'&' if '?' in path else '?'}language={language}").text
    yield "sign-in", stranger.get(f"/sign-in?language={language}").text
    yield "wrong key", stranger.post("/sign-in", data={"token": "x", "csrf": mark(stranger)}).text
    yield "form of another session", client.post("/syncs", data={"csrf": "0"}).text
    stale = {"csrf": mark(client), "stamp": "0" * 16}
    yield "stale", client.post(f"/discrepancies/{entries[0].id}/assign", data=stale).text
    client.post("/syncs", data={"csrf": mark(client)})
    house.syncs.asked[-1].update(state="failed", problem=REASONS[504], cause="Unavailable", finished_at=house.clock())
    yield "sync", client.get(f"/syncs/{house.syncs.asked[-1]['id']}").text


def surfaces(house: House, language: str) -> dict[str, str]:
    """Every staff-facing text by where it stands."""
    say = Language(language, "America/New_York")
    told = a_digest(house)
    drawn = {name: prose(page) for name, page in pages(house, language)}
    drawn["report"] = prose(report_page(told, say, PAGE))
    drawn["plan"] = prose(
        plan_page(
            dataclasses.replace(a_plan(*breaches()), discrepancies=tuple(each.entry.discrepancy for each in told.items)),
            say,
            GROUPS,
        )
    )
    drawn["csv"] = re.sub(r"enrolled-without-membership|https?://\S+?(?=,|\r)", "", export(told, say, PAGE))
    return {**drawn, **dict(slack(house, say)), **dict(boards(house, say))}


def test_no_english_is_read_in_spanish_and_both_tell_the_same_numbers(rich: House) -> None:
    english, spanish = surfaces(rich, "en"), surfaces(rich, "es")
    assert english.keys() == spanish.keys()
    left = {
        where: sorted({text[max(0, found.start() - 30) : found.end() + 30] for found in ENGLISH.finditer(text)})[:3]
        for where, text in spanish.items()
    }
    assert {where: found for where, found in left.items() if found} == {}
    assert all(ENGLISH.search(text) for where, text in english.items() if text and not where.startswith("activity"))
    numbers = re.compile(r"\d[\d.,]*\d|\d")
    for where, text in english.items():
        assert Counter(numbers.findall(text)) == Counter(numbers.findall(spanish[where])), where

"""What Slack is told: within its limits whatever the digest, and nothing a record says can do anything but be read."""

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import AirtableSource, CivicrmSource, Mapping, Mode, Operator, Rule, Severity
from bridge.core.mapping import Test as Condition
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.core.report import Digest, PlanNote, PlanState, digest
from bridge.language import Language
from bridge.sandbox.slack_blocks import block_problems
from bridge.slack.message import Post, compose, preview, texts
from bridge.slack.mrkdwn import escape, link, mention

NOW = dt.datetime(2026, 11, 16, 14, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
EN, ES = Language("en", "America/New_York"), Language("es", "America/New_York")

LAPSED = Rule(
    name="enrolled-without-membership",
    severity=Severity.HIGH,
    when=Condition("benefits_status", Operator.BLANK, operand=False, side=Side.AIRTABLE),
    say={"en": "{name} is enrolled but not a member.", "es": "{name} está inscrita pero no es miembro."},
    do={"en": "Call the co-op about renewal.", "es": "Llame a la cooperativa para renovar."},
    owner="membership",
)
GROUPS = Mapping(
    name="groups",
    title={"en": "Benefits groups", "es": "Grupos de beneficios"},
    mode=Mode.OBSERVE,
    civicrm=CivicrmSource(entity="Organization"),
    airtable=AirtableSource(base="benefits", table="Groups"),
    match=(),
    fields={},
    rules=(LAPSED,),
)
HELD = PlanNote(
    mapping="groups", digest="ab" * 32, state=PlanState.HELD, records=60, cells=70, reasons=("60 of 200 records would change.",)
)


def an_entry(
    number: int,
    *,
    code: int = 204,
    rule: str | None = None,
    name: str | None = None,
    severity: Severity = Severity.MEDIUM,
    state: State = State.OPEN,
    reason: str = "",
) -> Entry:
    found = Discrepancy(
        mapping="groups",
        code=code,
        rule=rule,
        severity=severity,
        ids=PerSide(str(number), f"rec{number}"),
        name=f"Co-op {number}" if name is None else name,
        field="phone",
        shown=PerSide("413-555-0188", "413-555-0199"),
        details={"side": "Airtable", "reason": reason} if reason else {"side": "Airtable"},
    )
    return Entry(discrepancy=found, state=state, opened_at=NOW - 3 * DAY, seen_at=NOW, id=number)


def told(
    entries: Sequence[Entry],
    *,
    new: int = 0,
    plans: tuple[PlanNote, ...] = (),
    since: dt.datetime | None = NOW - DAY,
    url: str = "https://{side}.example.org/x?id={id}&reset=1",
) -> Digest:
    """A digest in which the first `new` entries are new and every resolved one was just resolved."""
    happened = [
        Event(fingerprint=entry.fingerprint, happened=Happened.OPENED, at=NOW, by="bridge", run=1) for entry in entries[:new]
    ]
    happened += [
        Event(fingerprint=entry.fingerprint, happened=Happened.RESOLVED, at=NOW, by="bridge", run=1)
        for entry in entries
        if entry.state is State.RESOLVED
    ]

    def address(_mapping: str, side: Side, native: str) -> str:
        return url.replace("{side}", side.value).replace("{id}", native)

    return digest(entries, happened, now=NOW, since=since, mappings={"groups": GROUPS}, plans=plans, address=address)


def a_morning() -> Digest:
    """Two co-ops newly lapsed, three old conflicts, one snoozed, one fixed."""
    lapsed = [an_entry(number, code=300, rule=LAPSED.name, severity=Severity.HIGH) for number in (1, 2)]
    old = [an_entry(number) for number in (3, 4, 5)]
    return told([*lapsed, *old, an_entry(6, state=State.SNOOZED), an_entry(7, state=State.RESOLVED)], new=2)


def said(posts: Sequence[Post]) -> str:
    return "\n".join(text for post in posts for text in texts(post.payload))


def places(number: int, page: str = "") -> str:
    civicrm = f"<https://civicrm.example.org/x?id={number}&amp;reset=1|CiviCRM>"
    own = f"<{page}/discrepancies/{number}|#{number}>" if page else f"#{number}"
    return f"{civicrm} · <https://airtable.example.org/x?id=rec{number}&amp;reset=1|Airtable> · {own}"


def test_a_morning_in_english() -> None:
    mentions = {"membership": ["U012AB"]}
    page = "https://bridge.example.org"
    summary, details = compose(a_morning(), EN, key="digest/7", page=page, mentions=mentions)
    lapsed = (
        "*Enrolled without membership* · Benefits groups · 2 new <@U012AB>\n"
        f"• *high · new · 3 days* Co-op 1 is enrolled but not a member. · {places(1, page)}\n"
        f"• *high · new · 3 days* Co-op 2 is enrolled but not a member. · {places(2, page)}"
    )
    assert summary.payload["text"] == "Benefits groups: 5 open discrepancies (2 new, 3 ongoing). 1 was resolved, thank you."
    assert list(texts(summary.payload)) == [
        "*Benefits groups: 5 open discrepancies (2 new, 3 ongoing). 1 was resolved, thank you.*",
        "As of Nov 16, 2026 09:00 EST · 1 snoozed",
        lapsed,
        "*Edited differently in both systems* · Benefits groups · 3 ongoing · the oldest 3 days",
        "<https://bridge.example.org|See everything on the page>",
    ]
    assert (details.key, details.thread_of) == ("digest/7/1", "digest/7")
    shown = list(texts(details.payload))
    assert shown[0].splitlines()[1] == "Call the co-op about renewal."
    assert shown[0].splitlines()[2] == "<https://bridge.example.org/codes/300|More about this kind>"
    assert shown[1].splitlines()[2] == "Ongoing: Co-op 3 (3 days), Co-op 4 (3 days), Co-op 5 (3 days)"
    assert shown[2] == "Resolved, thank you: Co-op 7"


def test_the_same_morning_in_spanish_carries_the_same_numbers() -> None:
    summary, _ = compose(a_morning(), ES, key="digest/7")
    assert (
        summary.payload["text"]
        == "Grupos de beneficios: 5 discrepancias abiertas (2 nuevas, 3 en curso). Se resolvió 1, gracias."
    )
    english = said(compose(a_morning(), EN, key="digest/7"))
    spanish = said(compose(a_morning(), ES, key="digest/7"))
    numbers = re.compile(r"#\d+|\b\d+ (?=new|ongoing|nuev|en curso|días|days)")
    assert numbers.findall(english) == numbers.findall(spanish)
    assert "Co-op 1 está inscrita pero no es miembro." in spanish


def test_doubts_that_were_settled_are_counted_beside_the_moment_and_are_no_reason_to_post() -> None:
    three, one = (replace(told([]), settled=number) for number in (3, 1))
    (english,), (spanish,) = compose(three, EN, key="k"), compose(three, ES, key="k")
    assert list(texts(english.payload))[1] == "As of Nov 16, 2026 09:00 EST · 3 writes in doubt, settled by reading"
    assert "3 escrituras en duda, aclaradas al leer" in list(texts(spanish.payload))[1]
    assert (EN.settled(one), ES.settled(one)) == (
        "1 write in doubt, settled by reading",
        "1 escritura en duda, aclarada al leer",
    )
    assert three.silent


def test_agreement_is_said_in_one_sentence() -> None:
    (summary,) = compose(told([]), EN, key="k")
    assert summary.payload["text"] == "Benefits groups: the two systems agree."


def test_a_source_that_cannot_be_read_is_in_the_first_sentence() -> None:
    summary, *_ = compose(told([an_entry(1, code=504)]), EN, key="k")
    assert "Airtable could not be read, so nothing could be compared." in str(summary.payload["text"])
    assert "This has lasted since Nov 13, 2026 09:00 EST." in said([summary])


def test_a_held_plan_brings_its_reasons_and_the_word_that_approves_it() -> None:
    summary, *_ = compose(told([], plans=(HELD,)), EN, key="k")
    assert "1 plan waits for a person." in str(summary.payload["text"])
    assert "60 of 200 records would change." in said([summary])
    assert f"`bridge sync groups --approve {'ab' * 6}`" in said([summary])


def test_a_storm_is_one_message_with_its_causes_and_no_thread() -> None:
    many = [an_entry(number, code=206) for number in range(400)]
    (summary,) = compose(told(many, new=400), EN, key="k", mentions={"membership": ["U012AB"]})
    assert "*A mass change is suspected: 400 discrepancies came at once, where 0 were open.*" in said([summary])
    assert "• 400: Cannot be read “phone” · Benefits groups" in said([summary])
    assert "Co-op 1" not in said([summary])


def test_a_notification_of_a_storm_begins_with_it_and_says_what_is_held() -> None:
    """A telephone shows the beginning of the first line and no more."""
    many = told([an_entry(number, code=206) for number in range(400)], new=400)
    held = replace(many, plans=(HELD,))
    assert EN.headline(many).startswith("A mass change is suspected. Benefits groups: 400 open discrepancies")
    assert EN.headline(held).startswith("A mass change is suspected, writes are held. Benefits groups: ")
    assert ES.headline(held).startswith("Se sospecha un cambio masivo y las escrituras están retenidas. ")


def test_owners_are_called_only_for_what_is_new_and_high() -> None:
    mentions = {"membership": ["U012AB", "S99", "not an id", "U1|<!channel>"]}
    high = an_entry(1, code=300, rule=LAPSED.name, severity=Severity.HIGH)
    assert "<@U012AB> <!subteam^S99>\n" in said(compose(told([high], new=1), EN, key="k", mentions=mentions))
    assert "<@" not in said(compose(told([high]), EN, key="k", mentions=mentions))
    low = an_entry(1, code=300, rule=LAPSED.name, severity=Severity.LOW)
    assert "<@" not in said(compose(told([low], new=1), EN, key="k", mentions=mentions))


def test_no_message_unfurls_and_metadata_holds_the_key_alone() -> None:
    for post in compose(a_morning(), EN, key="digest/7"):
        assert (post.payload["unfurl_links"], post.payload["unfurl_media"]) == (False, False)
        assert post.payload["metadata"] == {"event_type": "bridge_message", "event_payload": {"key": post.key}}


def test_no_cell_is_shown_in_a_channel() -> None:
    """What stands in the cells is for the page: everybody in the workspace can read a channel."""
    assert "555" not in json.dumps([dict(post.payload) for post in compose(a_morning(), EN, key="k")])


def test_a_name_can_neither_ping_nor_format_nor_link() -> None:
    nasty = "<!channel> *bold* _it_ ~gone~ `code` :tada: <https://evil.example|x> & Co\n> quote"
    shown = said(compose(told([an_entry(1, name=nasty)], new=1), EN, key="k"))
    assert "<!channel>" not in shown
    assert "<https://evil" not in shown
    assert "`" not in shown
    assert ":tada:" not in shown
    assert "&lt;!channel&gt; \u2217bold\u2217 \u02cdit\u02cd \u223cgone\u223c \u02cbcode\u02cb \u2236tada:" in shown


@given(st.text(), st.integers(1, 60))
def test_escaped_text_has_no_live_character_and_fits(text: str, limit: int) -> None:
    shown = escape(text, limit)
    assert len(shown) <= limit
    assert not set("<>*_~`\n") & set(shown)
    assert re.sub(r"&(amp|lt|gt);", "", shown).count("&") == 0
    assert re.search(r":[\w+'-]+:", shown) is None


def test_a_cut_never_parts_a_letter_from_its_accent() -> None:
    assert escape("Cafe\u0301 Sol", 5) == "Caf…"
    assert escape("Café Sol", 5) == "Café…"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "", "https://x/" + "a" * 700])
def test_only_a_web_address_becomes_a_link(address: str) -> None:
    assert link(address, "CiviCRM") == "CiviCRM"


def test_an_address_cannot_break_out_of_its_link() -> None:
    assert link("https://x.example/a|b>c<d e", "A|B>") == "<https://x.example/a%7Cb%3Ec%3Cd%20e|A|B&gt;>"


def test_a_mention_is_of_a_member_or_of_nobody() -> None:
    assert [mention(each) for each in ("U012", "W012", "S012", "!here", "u012", "")] == [
        "<@U012>",
        "<@W012>",
        "<!subteam^S012>",
        "",
        "",
        "",
    ]


names = st.text(max_size=300) | st.sampled_from(["&" * 300, "<" * 500, "*" * 1000, "<!here>", "a" * 3000])


@settings(max_examples=40, deadline=None)
@given(
    lives=st.lists(
        st.tuples(
            st.sampled_from([101, 104, 203, 204, 300, 401, 403, 501, 504]),
            st.sampled_from(State),
            st.sampled_from(Severity),
            names,
            names,
        ),
        max_size=30,
    ),
    copies=st.sampled_from([1, 40]),
    new=st.integers(0, 1500),
    first=st.booleans(),
    spanish=st.booleans(),
    long_address=st.booleans(),
    sides=st.sampled_from([None, (), (Side.CIVICRM,), tuple(Side)]),
)
def test_every_digest_fits_whatever_it_holds(
    lives: list[tuple[int, State, Severity, str, str]],
    copies: int,
    new: int,
    first: bool,
    spanish: bool,
    long_address: bool,
    sides: tuple[Side, ...] | None,
) -> None:
    entries = [
        an_entry(
            1000 * copy + number,
            code=code,
            rule=f"rule-{number}" if code == 300 else None,
            name=name,
            severity=severity,
            state=state,
            reason=reason,
        )
        for copy in range(copies)
        for number, (code, state, severity, name, reason) in enumerate(lives)
    ]
    url = "https://{side}.example.org/{id}" + ("/" + "&" * 110 if long_address else "")
    made = told(entries, new=new, plans=(HELD,) * 9, since=None if first else NOW - DAY, url=url)
    offer = None if sides is None else lambda _: sides
    posts = compose(made, ES if spanish else EN, key="k", page="https://bridge.example.org", mentions={}, offer=offer)
    assert 1 <= len(posts) <= 6
    for post in posts:
        shown = list(texts(post.payload))
        blocks = post.payload["blocks"]
        assert isinstance(blocks, list)
        assert 1 <= len(blocks) <= 45
        assert block_problems(blocks) == []
        assert sum(map(len, shown)) <= 12_000
        assert all(0 < len(text) <= 3_000 for text in shown)
        assert 0 < len(str(post.payload["text"])) <= 4_000
        json.dumps(post.payload).encode()
    assert shown
    assert list(texts(posts[0].payload))[-1] == "<https://bridge.example.org|" + EN_ES[spanish] + ">"


EN_ES = {False: "See everything on the page", True: "Ver todo en la página"}


def test_forty_rules_leave_a_count_of_what_did_not_fit() -> None:
    entries = [an_entry(number, code=300, rule=f"rule-{number}", name="n" * 300) for number in range(45)]
    shown = list(texts(compose(told(entries, new=20), EN, key="k")[0].payload))
    assert re.fullmatch(r"\+\d+ more kinds of discrepancies", shown[-2])
    assert shown[-1] == "“bridge report --to html” writes all of this as a page."


def test_a_thread_tells_the_first_of_each_kind_and_counts_the_rest() -> None:
    made = told([an_entry(number) for number in range(48)], new=48, since=None)
    details = "\n".join(texts(compose(made, EN, key="k")[1].payload))
    assert details.count("was edited in both systems") == 15
    assert details.splitlines()[-1] == "+33 more"


def test_what_is_news_and_what_is_held_has_buttons_where_they_are_answered() -> None:
    conflict = an_entry(3)
    lapsed = an_entry(1, code=300, rule=LAPSED.name, severity=Severity.HIGH)
    made = told([lapsed, conflict, an_entry(4, code=203)], new=2, plans=(HELD,))
    summary, details = compose(made, EN, key="k", offer=lambda entry: tuple(Side) if entry.id == 3 else ())
    drawn = preview(summary.payload)
    assert "   [ Approve ]  [ Reject ]" in drawn
    assert "--approve" not in drawn
    lines = preview(details.payload).splitlines()
    menu = "[ Snooze for 7 days | Snooze until it changes | Accept, because… | Assign to… ]"
    assert [line for line in lines if line.startswith("   [")] == [
        f"   {menu}",
        f"   [ Use the value of CiviCRM ]  [ Use the value of Airtable ]  {menu}",
    ]
    assert "Edited in the wrong system · Benefits groups · 1 ongoing" in "\n".join(lines), "what goes on is one line"
    assert "413-555" not in json.dumps([summary.payload, details.payload])
    plain = compose(made, EN, key="k")
    assert "actions" not in json.dumps([post.payload for post in plain])


def test_a_button_asks_before_it_overwrites_and_says_what() -> None:
    made = told([an_entry(3, name="<!channel> & Co")], new=1)
    _, details = compose(made, EN, key="k", offer=lambda _: (Side.CIVICRM,))
    [row] = [block for block in cast("list[dict[str, Any]]", details.payload["blocks"]) if block["type"] == "actions"]
    asked = row["elements"][0]["confirm"]["text"]
    told_ = "“phone” of <!channel> & Co in Airtable is overwritten with what CiviCRM has. It can be taken back."
    assert asked == {"type": "plain_text", "text": told_, "emoji": False}, "plain text calls nobody"


def test_a_preview_reads_like_the_message() -> None:
    summary, *_ = compose(a_morning(), EN, key="k", page="https://bridge.example.org", mentions={"membership": ["U012AB"]})
    drawn = preview(summary.payload)
    assert drawn.splitlines()[0] == "Benefits groups: 5 open discrepancies (2 new, 3 ongoing). 1 was resolved, thank you."
    assert "but not a member. · [CiviCRM] · [Airtable] · [#1]" in drawn
    assert drawn.splitlines()[-1] == "See everything on the page: https://bridge.example.org"
    assert "@U012AB" in drawn


def test_the_payload_does_not_depend_on_the_order_entries_came_in() -> None:
    made = a_morning()
    turned = replace(made, items=made.items[::-1])
    assert compose(made, EN, key="k")[1:] == compose(turned, EN, key="k")[1:]

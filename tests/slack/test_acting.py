"""What people press, choose and type in Slack: done once, by those who may, on what they saw, and told to them."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.core import ledger
from bridge.core.ledger import Entry, Happened, Reason, State
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.core.report import PlanNote, PlanState
from bridge.errors import ConfigError, StaleRecord
from bridge.language import Language
from bridge.ports import RunState
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.sandbox.slack import BOT_TOKEN, Message, Slack
from bridge.sandbox.slack_api import SlackApi
from bridge.sandbox.slack_socket import Envelope
from bridge.slack.actions import Actions, Ended, Ran, Then, Word
from bridge.slack.buttons import Deed, Verb, for_entry, for_plan
from bridge.slack.client import Bot
from bridge.slack.commands import Command, Status, parse
from bridge.slack.heard import Pressed, read
from bridge.slack.members import Members
from fakes import FakeClock

EN = Language("en", "America/New_York")
DIGEST = "ab" * 32
DONE = Ended(runs=[Ran(mapping="groups", run=7, state=RunState.DONE, written=1, to_see=0)])


def an_entry(code: int = 204, **more: Any) -> Entry:
    found = Discrepancy(
        mapping="groups",
        code=code,
        severity=Severity.MEDIUM,
        ids=PerSide("12", "rec00000000000012"),
        name="Arroyo <!channel> Bakery",
        field="phone",
        shown=PerSide("413-555-0188", "413-555-0199"),
        evidence="e1",
    )
    at = dt.datetime(2026, 11, 16, 14, tzinfo=dt.UTC)
    return Entry(discrepancy=found, state=State.OPEN, opened_at=at, seen_at=at, id=17, **more)


@dataclass
class FakeHands:
    """Keeps one discrepancy, and remembers what was asked for. `comes_of_it` is what becomes of what is put in line."""

    clock: FakeClock
    kept: Entry
    held: bool = True
    busy: bool = False
    comes_of_it: Ended = DONE
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    waiting: list[Then] = field(default_factory=list)
    told: int = 0
    speaks: Language = EN

    def entry(self, key: str, stamp: str) -> Entry:
        assert key == self.kept.fingerprint
        ledger.must_be(self.kept, stamp)
        return self.kept

    def say(self, key: str, stamp: str, by: str, word: Word) -> Entry:
        self.kept, event = word(self.entry(key, stamp), by, self.clock())
        self.asked.append((event.happened, by, event.note))
        return self.kept

    def match(self, key: str, stamp: str, by: str, *, same: bool) -> Entry:
        self.kept, _ = ledger.answer(self.entry(key, stamp), by=by, at=self.clock(), note="")
        self.asked.append(("match", by, same))
        return self.kept

    def choose(self, key: str, stamp: str, by: str, side: Side, then: Then) -> bool:
        self.entry(key, stamp)
        return self._put(("choose", by, side), then)

    def approve(self, digest: str, by: str, then: Then) -> bool:
        if not self.held:
            raise StaleRecord("The plan does not wait for anybody.")
        return self._put(("approve", by, digest), then)

    def reject(self, digest: str, by: str) -> None:
        self.asked.append(("reject", by, digest))

    def sync(self, mapping: str | None, record: tuple[Side, str] | None, by: str, then: Then) -> bool:
        if mapping == "nobody":
            raise ConfigError("No mapping is called nobody; there are: groups.", next_step="check the spelling.")
        return self._put(("sync", by, mapping, record), then)

    def status(self) -> Sequence[Status]:
        return [Status(mapping="groups", last_good=self.clock(), open=3, high=1, held=1)]

    def tell(self) -> None:
        self.told += 1

    def language(self, key: str | None) -> Language:
        return self.speaks if key else EN

    def sentence(self, entry: Entry) -> str:
        return EN.discrepancy(entry).what

    def _put(self, what: tuple[Any, ...], then: Then) -> bool:
        self.asked.append(what)
        if self.busy:
            self.waiting.append(then)
        else:
            then(self.comes_of_it)
        return self.busy


@dataclass
class Room:
    """A Slack with one message that has buttons, and what answers them."""

    slack: Slack
    server: Server
    clock: FakeClock
    hands: FakeHands
    actions: Actions
    slept: list[float]

    def show(self, entry: Entry | None = None, *, offered: Sequence[Side] = tuple(Side)) -> Message:
        """Post a discrepancy and a held plan, each with its row of buttons, into a thread."""
        entry = entry or self.hands.kept
        note = PlanNote(mapping="groups", digest=DIGEST, state=PlanState.HELD, records=60, cells=70)
        parent = self.slack.say("#membership", "The digest", user="U0BRIDGE")
        blocks = [
            {"type": "section", "text": {"type": "mrkdwn", "text": "Arroyo"}},
            for_entry(entry, offered, EN),
            for_plan(note, "Groups", EN),
        ]
        made = {"text": "The details", "blocks": blocks, "thread_ts": parent.ts}
        return self.slack.post(self.slack.channel("#membership"), made)

    def hear(self, envelope: Envelope) -> Mapping[str, Any] | None:
        """What is answered to an envelope, after which it is acted on."""
        answer = self.actions.answer(envelope.type, envelope.payload)
        self.actions.act(envelope.type, envelope.payload)
        return answer

    def press(self, verb: Verb, user: str = "U0GRACE") -> Envelope:
        """Press the newest button of this kind, or choose it from the menu."""
        in_menu = verb in (Verb.SNOOZE_WEEK, Verb.SNOOZE_CHANGE, Verb.ACCEPT, Verb.ASSIGN)
        value = next(
            option["value"]
            for message in reversed(self.slack.messages)
            for block in message.blocks
            for element in block.get("elements", [])
            for option in [element, *element.get("options", [])]
            if str(option.get("value", "")).startswith(f"{verb.value}:")
        )
        envelope = self.slack.press("more" if in_menu else verb.value, value, user)
        self.hear(envelope)
        return envelope

    @property
    def whispers(self) -> list[tuple[str, str]]:
        """What was said privately, and to whom."""
        return [(each["user"], each["text"]) for each in self.slack.ephemerals]

    def rows(self, message: Message) -> list[str]:
        """The kinds of the message's blocks."""
        return [each["type"] for each in message.blocks]


@pytest.fixture
def room() -> Iterator[Room]:
    clock, slept = FakeClock(), list[float]()
    slack = Slack(clock=clock)
    with Server(SlackApi(slack)) as server:
        slack.response_url = f"{server.url}/response/1"
        bot = Bot(BOT_TOKEN, f"{server.url}/api/")
        hands = FakeHands(clock, an_entry())
        operators, approvers = Members(["U0GRACE", "S0MEMBERSHIP"], bot, clock), Members(["U0SAM"], bot, clock)
        actions = Actions(hands, bot, operators, approvers, sleep=slept.append)
        yield Room(slack, server, clock, hands, actions, slept)


# ── buttons ──


@pytest.mark.parametrize(("verb", "side"), [(Verb.USE_CIVICRM, Side.CIVICRM), (Verb.USE_AIRTABLE, Side.AIRTABLE)])
def test_a_value_is_chosen_and_the_buttons_give_way_to_what_came_of_it(room: Room, verb: Verb, side: Side) -> None:
    message = room.show()
    room.press(verb)
    assert room.hands.asked == [("choose", "U0GRACE", side)]
    told = f"The value of {side.title} was written to {side.other.title} (run 7)."
    assert room.whispers == [("U0GRACE", told)]
    assert message.blocks[1]["elements"][0]["text"] == f"{told} <@U0GRACE>"
    assert room.rows(message) == ["section", "context", "actions"], "the other row stays"
    assert (message.text, message.edited) == ("The details", 1)


def test_what_waits_in_line_is_said_and_then_what_came_of_it(room: Room) -> None:
    message = room.show()
    room.hands.busy = True
    room.press(Verb.USE_AIRTABLE)
    assert room.whispers == [("U0GRACE", "In line: another run is under way. You will be told here.")]
    assert message.edited == 0
    room.hands.waiting[0](DONE)
    assert len(room.whispers) == 2
    assert message.edited == 1


def ran(state: RunState, **counts: int) -> Ended:
    return Ended(runs=[Ran(mapping="groups", run=7, state=state, **{"written": 0, "to_see": 0, **counts})])


@pytest.mark.parametrize(
    ("ended", "told", "edited"),
    [
        (ran(RunState.HELD), "The plan is held: it waits for somebody who may approve it.", 1),
        (ran(RunState.DONE), "Nothing was written; run 7 says why.", 1),
        (ran(RunState.DONE, in_doubt=1), "Whether it was written is not known yet", 1),
        (Ended(error=StaleRecord("edited")), "This is no longer as it was shown, so nothing was done.", 0),
        (
            Ended(error=ConfigError("x is only observed: no value can be written.")),
            "x is only observed: no value can be written.",
            0,
        ),
        (Ended(error=ConfigError("what=1 is odd.", next_step="set it.")), "This cannot be done as bridge is set up now.", 0),
        (Ended(problem="CiviCRM did not answer."), "This could not be done just now. No answer came.", 0),
    ],
)
def test_what_did_not_come_off_is_told_in_words(room: Room, ended: Ended, told: str, edited: int) -> None:
    message = room.show()
    room.hands.comes_of_it = ended
    room.press(Verb.USE_CIVICRM)
    [(_, said)] = room.whispers
    assert said.startswith(told)
    assert message.edited == edited


def test_a_stale_button_says_so_and_does_nothing(room: Room) -> None:
    message = room.show()
    room.hands.kept = dataclasses.replace(room.hands.kept, state=State.ACCEPTED)
    for verb in (Verb.USE_CIVICRM, Verb.SNOOZE_WEEK, Verb.ACCEPT):
        room.press(verb)
    assert room.hands.asked == []
    assert room.slack.views == []
    assert [said[:36] for _, said in room.whispers] == ["This is no longer as it was shown, s"] * 3
    assert message.edited == 0


def test_an_envelope_that_comes_twice_is_done_once(room: Room) -> None:
    room.show()
    envelope = room.press(Verb.SNOOZE_CHANGE)
    room.hear(envelope)
    assert room.hands.asked == [(Happened.SNOOZED, "U0GRACE", "")]
    assert room.whispers == [("U0GRACE", "Snoozed until it changes.")]


def test_every_deed_leaves_a_line_in_the_log_with_who_and_what_and_no_value(room: Room) -> None:
    room.show()
    with capture_logs() as logs:
        room.press(Verb.USE_CIVICRM)
    [line] = logs
    key = room.hands.kept.fingerprint
    assert line == {"event": "Slack action", "log_level": "info", "by": "U0GRACE", "deed": "use_civicrm", "about": key}


def test_a_week_of_silence_ends_on_a_day_that_is_said(room: Room) -> None:
    room.show()
    room.press(Verb.SNOOZE_WEEK)
    assert room.hands.kept.snoozed_until == room.clock().date() + dt.timedelta(days=7)
    assert room.whispers == [("U0GRACE", "Snoozed until Nov 23, 2026.")]
    assert room.hands.told == 1


@pytest.mark.parametrize("same", [True, False])
def test_of_a_suggested_pair_a_person_says_whether_they_are_the_same(room: Room, same: bool) -> None:
    room.hands.kept = an_entry(104)
    room.show(offered=())
    room.press(Verb.SAME if same else Verb.NOT_SAME)
    assert room.hands.asked == [("match", "U0GRACE", same)]


def test_only_approvers_have_a_word_on_a_held_plan(room: Room) -> None:
    message = room.show()
    for verb in (Verb.APPROVE, Verb.REJECT):
        room.press(verb, "U0GRACE")
    assert room.hands.asked == []
    assert {said for _, said in room.whispers} == {"You may not do this here. Whoever runs bridge can add you."}
    room.press(Verb.APPROVE, "U0SAM")
    assert room.hands.asked == [("approve", "U0SAM", DIGEST)]
    assert message.blocks[2]["elements"][0]["text"] == "1 record was written (run 7). <@U0SAM>"


def test_a_plan_that_waits_no_more_is_not_approved(room: Room) -> None:
    room.show()
    room.hands.held = False
    room.press(Verb.APPROVE, "U0SAM")
    assert room.hands.asked == []
    assert room.whispers[0][1].startswith("This is no longer as it was shown")


def test_whoever_asked_for_a_plan_is_told_that_another_must_approve_it(room: Room) -> None:
    room.show()
    room.hands.comes_of_it = Ended(error=ConfigError("Whoever asked for a plan may not approve it, and U0SAM asked for run 5."))
    room.press(Verb.APPROVE, "U0SAM")
    assert "may not approve it" in room.whispers[0][1]


def test_a_plan_is_rejected_by_an_approver(room: Room) -> None:
    room.show()
    room.press(Verb.REJECT, "U0SAM")
    assert room.hands.asked == [("reject", "U0SAM", DIGEST)]


def test_nobody_else_may_do_anything(room: Room) -> None:
    room.slack.users["U0EVE"] = dataclasses.replace(room.slack.users["U0SAM"], id="U0EVE", name="eve")
    message = room.show()
    for verb in (Verb.USE_CIVICRM, Verb.SNOOZE_WEEK, Verb.ASSIGN):
        room.press(verb, "U0EVE")
    room.hear(room.slack.command("sync", "U0EVE"))
    assert room.hands.asked == []
    assert room.slack.views == []
    assert {user for user, _ in room.whispers} == {"U0EVE"}
    assert room.slack.responses[0]["text"].startswith("You may not do this here")
    assert message.edited == 0


def test_the_members_of_a_user_group_may_and_are_asked_for_once(room: Room) -> None:
    room.show()
    room.press(Verb.SNOOZE_CHANGE, "U0LUPE")
    assert room.hands.asked == [(Happened.SNOOZED, "U0LUPE", "")]
    room.hear(room.slack.command("status", "U0LUPE"))
    asked = [each for each in room.server.requests if "usergroups" in each.path]
    assert len(asked) == 1
    room.slack.usergroups["S0MEMBERSHIP"] = []
    room.clock.forward(minutes=6)
    room.hear(room.slack.command("sync", "U0LUPE"))
    assert len(room.hands.asked) == 1, "who left the group may no more"


def test_a_group_nobody_tells_the_members_of_lets_nobody_in(room: Room) -> None:
    room.slack.scopes = room.slack.scopes - {"usergroups:read"}
    room.show()
    room.press(Verb.SNOOZE_CHANGE, "U0LUPE")
    assert room.hands.asked == []
    assert room.whispers[0][1].startswith("This could not be done just now. A key was refused, or a permission is missing.")


def test_people_are_answered_in_the_language_of_the_channel(room: Room) -> None:
    room.hands.speaks = Language("es", "America/New_York")
    message = room.show()
    room.press(Verb.ACCEPT)
    assert room.slack.views[0]["title"]["text"] == "Aceptar"
    other = {"reason": {"reason": {"selected_option": {"value": "other"}}}}
    answer = room.hear(room.slack.submit(room.slack.views[0]["id"], other))
    assert answer is not None
    assert "necesita una nota" in str(answer["errors"])
    room.press(Verb.SNOOZE_CHANGE)
    room.press(Verb.REJECT, "U0SAM")
    room.show(an_entry())
    room.press(Verb.USE_CIVICRM)
    first, *_, last = [said for _, said in room.whispers]
    assert first == "Pospuesta hasta que cambie."
    assert last.startswith("Ya no está como se mostró")
    assert message.edited == 2
    assert room.hands.told == 3, "what is stale is drawn anew"


# ── the window ──


def test_a_window_that_comes_too_late_asks_to_press_again(room: Room) -> None:
    room.show()
    value = str(Deed(Verb.ACCEPT, room.hands.kept.fingerprint, room.hands.kept.stamp))
    envelope = room.slack.press("more", value)
    room.slack.triggers.clear()
    room.hear(envelope)
    assert room.whispers == [("U0GRACE", "The window could not be opened in time. Press again.")]


def test_accepting_asks_for_a_reason_and_keeps_it_with_the_note(room: Room) -> None:
    message = room.show()
    room.press(Verb.ACCEPT)
    [view] = room.slack.views
    assert view["title"]["text"] == "Accept"
    assert view["blocks"][0]["text"]["text"].startswith("Arroyo &lt;!channel&gt; Bakery: “phone”")
    chosen = {"reason": {"reason": {"selected_option": {"value": "timing"}}}, "note": {"note": {"value": " until the 1st "}}}
    room.hear(room.slack.submit(view["id"], chosen))
    assert room.hands.asked == [(Happened.ACCEPTED, "U0GRACE", "timing · until the 1st")]
    assert room.hands.kept.accepted_reason == Reason.TIMING
    assert message.blocks[1]["elements"][0]["text"].startswith("Accepted: ")
    assert message.blocks[1]["elements"][0]["text"].endswith("<@U0GRACE>")


def test_another_reason_needs_a_note(room: Room) -> None:
    room.show()
    room.press(Verb.ACCEPT)
    other = {"reason": {"reason": {"selected_option": {"value": "other"}}}, "note": {"note": {"value": None}}}
    answer = room.hear(room.slack.submit(room.slack.views[0]["id"], other))
    assert answer == {"response_action": "errors", "errors": {"note": "This reason needs a note that says why."}}
    assert room.hands.asked == []
    other["note"] = {"note": {"value": "the board said so"}}
    assert room.hear(room.slack.submit(room.slack.views[0]["id"], other)) is None
    assert room.hands.asked == [(Happened.ACCEPTED, "U0GRACE", "other · the board said so")]


def test_assigning_names_the_person_by_their_name(room: Room) -> None:
    room.show()
    room.press(Verb.ASSIGN)
    room.hear(room.slack.submit(room.slack.views[0]["id"], {"assignee": {"assignee": {"selected_user": "U0LUPE"}}}))
    assert room.hands.kept.assignee == "lupe"
    assert room.whispers == [("U0GRACE", "Assigned to lupe.")]


def test_what_changed_while_a_window_was_open_is_not_decided(room: Room) -> None:
    room.show()
    room.press(Verb.ASSIGN)
    room.hands.kept = dataclasses.replace(room.hands.kept, assignee="maria")
    room.hear(room.slack.submit(room.slack.views[0]["id"], {"assignee": {"assignee": {"selected_user": "U0LUPE"}}}))
    assert room.hands.kept.assignee == "maria"
    assert room.whispers[0][1].startswith("This is no longer as it was shown")


# ── the slash command ──


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("", None),
        ("help", None),
        ("status", Command(verb="status")),
        ("sync", Command(verb="sync")),
        ("sync benefits-groups", Command(verb="sync", mapping="benefits-groups")),
        ("sync civicrm:12", Command(verb="sync", record=(Side.CIVICRM, "12"))),
        (
            "sync airtable:rec0123456789ABCD benefits-groups",
            Command(verb="sync", mapping="benefits-groups", record=(Side.AIRTABLE, "rec0123456789ABCD")),
        ),
        ("sync one two", None),
        ("sync civicrm:x", None),
        ("sync a b c", None),
        ("status now", None),
        ("delete everything", None),
    ],
)
def test_what_is_typed_is_understood_or_answered_with_what_can_be(words: str, meant: Command | None) -> None:
    assert parse(words.split()) == meant


def test_a_sync_is_asked_for_and_its_end_told(room: Room) -> None:
    room.hear(room.slack.command("sync groups civicrm:12"))
    assert room.hands.asked == [("sync", "U0GRACE", "groups", (Side.CIVICRM, "12"))]
    assert [each["text"] for each in room.slack.responses] == ["groups: done, 1 written, 0 to see (run 7).", "Looking…"]
    assert {each["response_type"] for each in room.slack.responses} == {"ephemeral"}


def test_a_mapping_that_is_none_is_told(room: Room) -> None:
    room.hear(room.slack.command("sync nobody"))
    assert room.slack.responses[0]["text"] == "No mapping is called nobody; there are: groups."


def test_the_status_and_the_help_are_short(room: Room) -> None:
    room.hear(room.slack.command("status"))
    room.hear(room.slack.command("what?"))
    status, usage = (each["text"] for each in room.slack.responses)
    assert status.startswith("*groups* 3 open discrepancies · 1 of high severity · 1 plan waits for a person. · last looked at")
    assert len(usage.splitlines()) == 5
    assert "`/bridge sync`" in usage


def test_an_answer_goes_nowhere_but_to_slack(room: Room) -> None:
    envelope = room.slack.command("status")
    foreign = {**envelope.payload, "response_url": "http://169.254.169.254/latest"}
    room.actions.act("slash_commands", foreign)
    assert room.slack.responses == []


# ── faults ──


def test_a_pause_that_slack_asks_for_is_waited_out(room: Room) -> None:
    message = room.show()
    room.server.faults.add(Fault(FaultKind.STATUS_429, "chat.postEphemeral"))
    room.press(Verb.SNOOZE_CHANGE)
    assert room.slept == [1.0]
    assert len(room.whispers) == 1
    assert message.edited == 1


def test_an_answer_that_was_lost_loses_no_decision_and_is_not_said_twice(room: Room) -> None:
    message = room.show()
    room.server.faults.add(Fault(FaultKind.DROP_AFTER, "chat.postEphemeral"))
    room.server.faults.add(Fault(FaultKind.DROP_AFTER, "chat.update"))
    room.press(Verb.SNOOZE_CHANGE)
    assert room.hands.kept.state is State.SNOOZED
    assert len(room.whispers) == 1
    assert room.rows(message) == ["section", "context", "actions"]


def test_a_token_that_was_revoked_loses_no_decision(room: Room) -> None:
    room.show()
    room.slack.revoked = True
    room.press(Verb.SNOOZE_CHANGE)
    assert room.hands.asked == [(Happened.SNOOZED, "U0GRACE", "")]


def test_a_defect_of_ours_is_told_without_what_it_says(room: Room) -> None:
    room.show()

    def breaks(*_: Any) -> Entry:
        raise KeyError("413-555-0188")

    room.hands.say = breaks  # type: ignore[method-assign]
    room.press(Verb.SNOOZE_CHANGE)
    assert room.whispers == [("U0GRACE", "This went wrong; whoever runs bridge finds why in its log.")]


# ── what goes out and what comes in ──


def test_nothing_that_goes_out_carries_a_value(room: Room) -> None:
    room.show()
    for verb in (Verb.ACCEPT, Verb.USE_CIVICRM):
        room.press(verb)
    out = json.dumps([*room.slack.ephemerals, *room.slack.views, *(each.shown() for each in room.slack.messages)])
    assert "413-555" not in out
    assert "<!channel>" not in json.dumps(room.slack.views)


@given(
    verb=st.sampled_from(Verb),
    key=st.text("0123456789abcdef", min_size=16, max_size=64),
    stamp=st.text("0123456789abcdef", max_size=16),
)
def test_a_deed_is_read_as_it_was_written(verb: Verb, key: str, stamp: str) -> None:
    deed = Deed(verb, key, stamp)
    assert Deed.of(str(deed)) == deed
    assert len(str(deed)) <= 150, "the longest value a menu takes"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
PARTS = ("type", "user", "actions", "view", "container", "message", "trigger_id", "text", "user_id", "response_url")


@given(
    kind=st.sampled_from(["interactive", "slash_commands", "events_api", ""]),
    payload=st.dictionaries(st.sampled_from(PARTS), ANYTHING),
    shape=st.sampled_from(["block_actions", "view_submission", "view_closed", None]),
)
def test_whatever_comes_in_is_understood_or_is_nothing(kind: str, payload: dict[str, Any], shape: str | None) -> None:
    found = read(kind, {**payload, **({"type": shape} if shape else {})})
    assert found is None or found.by


@given(st.text(max_size=60))
def test_a_value_that_is_none_of_ours_is_nothing(value: str) -> None:
    payload = {
        "type": "block_actions",
        "trigger_id": "1",
        "user": {"id": "U1"},
        "container": {"channel_id": "C1", "message_ts": "1.0"},
        "actions": [{"value": value}],
    }
    found = read("interactive", payload)
    assert found is None or (isinstance(found, Pressed) and str(found.deed) == value)

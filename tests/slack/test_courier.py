"""Each message is posted once: over real sockets to the sandbox's Slack, with what can be lost on the way."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from bridge.core.record import Json
from bridge.errors import (
    AuthRejected,
    BridgeError,
    ConfigError,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    Unavailable,
)
from bridge.ports import OutboxMessage, OutboxState
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.sandbox.slack import BOT_TOKEN, WEBHOOK_PATH, Slack
from bridge.sandbox.slack_api import SlackApi
from bridge.slack import client
from bridge.slack.client import Bot, Hook, Poster
from bridge.slack.outbox import Courier, Delivery

CHANNEL = "#membership"


class MemoryOutbox:
    """An outbox that keeps to the port's words."""

    def __init__(self) -> None:
        self.messages: dict[str, OutboxMessage] = {}

    def put(self, key: str, channel: str, payload: Mapping[str, Json], *, thread_of: str | None = None) -> bool:
        if key in self.messages:
            self.messages[key] = replace(self.messages[key], payload=payload)
            return False
        self.messages[key] = OutboxMessage(
            key=key,
            channel=channel,
            payload=payload,
            state=OutboxState.PLANNED,
            created_at=dt.datetime.now(dt.UTC),
            thread_of=thread_of,
        )
        return True

    def pending(self) -> Sequence[OutboxMessage]:
        done = (OutboxState.SENT, OutboxState.FAILED)
        return sorted(
            (each for each in self.messages.values() if each.state not in done), key=lambda each: each.thread_of is not None
        )

    def get(self, key: str) -> OutboxMessage | None:
        return self.messages.get(key)

    def mark(self, key: str, state: OutboxState, *, ts: str | None = None, error: str = "") -> None:
        message = self.messages[key]
        attempts = message.attempts + (state is OutboxState.SENDING)
        self.messages[key] = replace(message, state=state, ts=ts or message.ts, error=error, attempts=attempts)


class Office:
    """The sandbox's Slack, its server, our outbox and a courier between them."""

    def __init__(self, slack: Slack, server: Server) -> None:
        self.slack = slack
        self.server = server
        self.outbox = MemoryOutbox()
        self.slept: list[float] = []
        self.bot = Bot(BOT_TOKEN, f"{server.url}/api/")

    def courier(self, poster: Poster | None = None) -> Courier:
        return Courier(self.outbox, poster or self.bot, lambda: dt.datetime.now(dt.UTC), self.slept.append)

    def deliver(self) -> Delivery:
        return self.courier().deliver()

    def put(self, key: str, text: str = "Two differ.", channel: str = CHANNEL, thread_of: str | None = None) -> None:
        payload: dict[str, Json] = {
            "text": text,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}],
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "bridge_message", "event_payload": {"key": key}},
        }
        self.outbox.put(key, channel, payload, thread_of=thread_of)

    def state(self, key: str) -> OutboxState:
        return self.outbox.messages[key].state

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.slack.channels[CHANNEL].messages]


@pytest.fixture
def office() -> Iterator[Office]:
    slack = Slack()
    with Server(SlackApi(slack)) as server:
        yield Office(slack, server)


def test_a_message_and_its_thread_are_posted_once(office: Office) -> None:
    office.put("digest/1")
    office.put("digest/1/1", "The details.", thread_of="digest/1")
    assert office.deliver().sent == ["digest/1", "digest/1/1"]
    assert office.deliver() == Delivery()
    (message,) = office.slack.channels[CHANNEL].messages
    assert [reply.text for reply in message.replies] == ["The details."]
    assert message.metadata["event_payload"] == {"key": "digest/1"}
    assert office.slept == [1.0], "Slack takes one message a second and channel"


def test_an_edit_changes_the_message_in_place(office: Office) -> None:
    office.put("digest/1")
    office.deliver()
    office.put("digest/1", "All agree.")
    assert office.courier().edit("digest/1").sent == ["digest/1"]
    assert office.texts == ["All agree."]
    assert office.slack.channels[CHANNEL].messages[0].edited


def test_what_was_not_sent_needs_no_edit(office: Office) -> None:
    office.put("digest/1")
    assert office.courier().edit("digest/1") == Delivery()
    assert office.courier().edit("never heard of") == Delivery()


def test_an_edit_that_is_refused_is_told(office: Office) -> None:
    office.put("digest/1")
    office.deliver()
    office.slack.revoke()
    result = office.courier().edit("digest/1")
    assert [type(problem) for problem in result.problems] == [AuthRejected]


def test_an_edit_waits_out_the_pause_slack_asks_for(office: Office) -> None:
    office.put("digest/1")
    office.deliver()
    office.put("digest/1", "All agree.")
    office.server.faults.add(Fault(FaultKind.STATUS_429, match="chat.update", times=2))
    assert office.courier().edit("digest/1").sent == ["digest/1"]
    assert office.texts == ["All agree."]
    assert len(office.slept) == 2


def test_an_edit_whose_answer_was_lost_is_made_again_with_the_next(office: Office) -> None:
    office.put("digest/1")
    office.deliver()
    office.put("digest/1", "All agree.")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.update"))
    assert [type(each) for each in office.courier().edit("digest/1").problems] == [OutcomeUnknown]
    office.put("digest/1", "One differs.")
    assert office.courier().edit("digest/1").sent == ["digest/1"]
    assert office.texts == ["One differs."]


def test_a_message_that_a_person_deleted_is_told_once_and_not_edited_again(office: Office) -> None:
    office.put("digest/1")
    office.deliver()
    office.slack.channels[CHANNEL].messages.clear()
    assert [type(each) for each in office.courier().edit("digest/1").problems] == [RequestRejected]
    assert office.courier().edit("digest/1") == Delivery()
    assert office.deliver() == Delivery()


def test_what_waited_goes_out_once_and_says_what_is_true_then(office: Office) -> None:
    """A morning's report that a revoked token held back is posted with the next delivery, with that moment's words."""
    office.put("digest/1")
    office.slack.revoke()
    office.deliver()
    office.put("digest/1", "All agree.")
    office.slack.revoked = False
    assert office.deliver().sent == ["digest/1"]
    assert office.texts == ["All agree."]
    assert office.deliver() == Delivery()


def test_a_doubt_that_is_settled_by_looking_is_then_edited_to_what_is_true(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    office.put("digest/1", "All agree.")
    office.deliver()
    office.courier().edit("digest/1")
    assert office.texts == ["All agree."]


def test_a_lost_answer_is_settled_by_looking_and_not_by_sending_again(office: Office) -> None:
    """slack_sdk's own retry posted the same report twice when the connection was cut after the message had landed."""
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    first = office.deliver()
    assert (office.state("digest/1"), first.waiting) == (OutboxState.UNCERTAIN, ["digest/1"])
    assert [type(problem) for problem in first.problems] == [OutcomeUnknown]
    assert office.deliver().sent == ["digest/1"]
    assert office.texts == ["Two differ."]
    office.put("digest/1", "All agree.")
    office.courier().edit("digest/1")
    assert office.texts == ["All agree."], "the place found by looking is good for an edit"


def test_a_message_that_never_arrived_goes_out_with_the_next_delivery_once(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_BEFORE, match="chat.postMessage"))
    assert office.deliver().sent == []
    office.put("digest/2", "Three differ.")
    assert office.deliver().sent == ["digest/1", "digest/2"]
    assert office.texts == ["Two differ.", "Three differ."]


def test_a_crash_between_sending_and_noting_it_posts_no_second(office: Office) -> None:
    office.put("digest/1")
    office.put("digest/1/1", "The details.", thread_of="digest/1")
    office.deliver()
    for key in ("digest/1", "digest/1/1"):
        office.outbox.messages[key] = replace(office.outbox.messages[key], state=OutboxState.SENDING, ts=None)
    assert office.deliver().sent == ["digest/1", "digest/1/1"]
    (message,) = office.slack.channels[CHANNEL].messages
    assert len(message.replies) == 1


def test_without_the_right_to_look_at_most_one_is_sent(office: Office) -> None:
    office.slack.scopes = frozenset({"chat:write"})
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    second = office.deliver()
    assert (office.state("digest/1"), second.failed) == (OutboxState.FAILED, ["digest/1"])
    assert "channels:history" in second.problems[0].next_step
    assert office.texts == ["Two differ."]


def test_while_slack_cannot_be_asked_a_doubt_stays_a_doubt(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    office.server.faults.add(Fault(FaultKind.STATUS_500_HTML, match="conversations.history"))
    assert office.deliver().waiting == ["digest/1"]
    assert office.state("digest/1") is OutboxState.UNCERTAIN
    assert office.deliver().sent == ["digest/1"]
    assert office.texts == ["Two differ."]


def test_a_pause_slack_asks_for_is_kept(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.STATUS_429, match="chat.postMessage", times=2))
    assert office.deliver().sent == ["digest/1"]
    assert len(office.slept) == 2
    assert min(office.slept) >= 1.0
    assert office.texts == ["Two differ."]


def test_patience_has_an_end_and_the_message_waits_for_the_next_delivery(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.STATUS_429, match="chat.postMessage", times=None))
    result = office.deliver()
    assert [type(problem) for problem in result.problems] == [RateLimited]
    assert sum(office.slept) <= 30
    assert office.state("digest/1") is OutboxState.PLANNED
    office.server.faults.clear()
    assert office.deliver().sent == ["digest/1"]


def test_a_refused_token_stops_the_delivery_and_says_the_cure(office: Office) -> None:
    office.put("digest/1")
    office.put("digest/2", channel="#benefits")
    office.slack.revoke()
    result = office.deliver()
    assert result.waiting == ["digest/1", "digest/2"]
    assert [type(problem) for problem in result.problems] == [AuthRejected]
    assert "BRIDGE_SLACK__BOT_TOKEN" in result.problems[0].next_step
    assert BOT_TOKEN not in str(result.problems[0])
    office.slack.revoked = False
    assert office.deliver().sent == ["digest/1", "digest/2"]


def test_one_channel_that_refuses_does_not_hold_up_the_others(office: Office) -> None:
    office.slack.channels[CHANNEL].member = False
    office.put("digest/1")
    office.put("digest/2")
    office.put("digest/3", channel="#benefits")
    result = office.deliver()
    assert (result.waiting, result.sent) == (["digest/1", "digest/2"], ["digest/3"])
    assert [type(problem) for problem in result.problems] == [ConfigError]
    assert "/invite" in result.problems[0].next_step


def test_a_message_slack_will_never_take_is_given_up_with_its_thread(office: Office) -> None:
    office.put("digest/1", "")
    office.put("digest/1/1", "The details.", thread_of="digest/1")
    office.put("digest/2", "Three differ.")
    result = office.deliver()
    assert (result.failed, result.sent) == (["digest/1", "digest/1/1"], ["digest/2"])
    assert [type(problem) for problem in result.problems] == [RequestRejected]


def test_a_thread_waits_for_its_parent(office: Office) -> None:
    office.put("digest/1")
    office.put("digest/1/1", "The details.", thread_of="digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    assert office.deliver().waiting == ["digest/1", "digest/1/1"]
    assert office.deliver().sent == ["digest/1", "digest/1/1"]
    assert len(office.slack.channels[CHANNEL].messages[0].replies) == 1


def test_what_could_not_be_posted_for_a_week_does_not_flood_a_mended_channel(office: Office) -> None:
    office.put("digest/1")
    office.outbox.messages["digest/1"] = replace(
        office.outbox.messages["digest/1"], created_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=8)
    )
    assert office.deliver().failed == ["digest/1"]
    assert office.texts == []


def test_nobody_listening_leaves_everything_planned(office: Office) -> None:
    office.put("digest/1")
    office.server.stop()
    result = office.deliver()
    assert [type(problem) for problem in result.problems] == [Unavailable]
    assert (office.state("digest/1"), result.waiting) == (OutboxState.PLANNED, ["digest/1"])


def test_a_webhook_posts_the_summary_and_leaves_the_thread_out(office: Office) -> None:
    office.put("digest/1")
    office.put("digest/1/1", "The details.", thread_of="digest/1")
    hook = Hook(f"{office.server.url}{WEBHOOK_PATH}")
    assert office.courier(hook).deliver().sent == ["digest/1"]
    assert office.texts == ["Two differ."]
    assert {each.state for each in office.outbox.messages.values()} == {OutboxState.SENT}
    assert office.courier(hook).deliver() == Delivery()


def test_a_webhook_whose_answer_was_lost_is_not_asked_twice(office: Office) -> None:
    office.put("digest/1")
    hook = Hook(f"{office.server.url}{WEBHOOK_PATH}")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="webhook"))
    office.courier(hook).deliver()
    assert office.courier(hook).deliver().failed == ["digest/1"]
    assert office.texts == ["Two differ."]


def test_a_revoked_webhook_says_the_cure_and_not_its_address(office: Office) -> None:
    office.put("digest/1")
    secret = "/services/T0/B0/verysecret"
    result = office.courier(Hook(f"{office.server.url}{secret}")).deliver()
    (problem,) = result.problems
    assert isinstance(problem, (AuthRejected, ConfigError, RequestRejected))
    assert "verysecret" not in f"{problem} {problem!r}"


def test_a_doubt_in_a_channel_named_by_its_id_needs_no_list_of_channels(office: Office) -> None:
    office.slack.scopes = frozenset({"chat:write", "channels:history"})
    office.put("digest/1", channel=office.slack.channels[CHANNEL].id)
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    assert office.deliver().sent == ["digest/1"]
    assert office.texts == ["Two differ."]


def test_a_channel_that_is_gone_leaves_the_doubt_told(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    del office.slack.channels[CHANNEL]
    assert office.deliver().failed == ["digest/1"]


def test_our_message_is_found_behind_pages_of_others(office: Office) -> None:
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    for number in range(250):
        office.slack.say(CHANNEL, f"message {number}")
    assert office.deliver().sent == ["digest/1"]


def test_what_was_not_read_proves_nothing(office: Office) -> None:
    """Behind too many pages the message may stand all the same: it is not sent again."""
    office.put("digest/1")
    office.server.faults.add(Fault(FaultKind.DROP_AFTER, match="chat.postMessage"))
    office.deliver()
    for number in range(2_100):
        office.slack.say(CHANNEL, f"message {number}")
    result = office.deliver()
    assert result.failed == ["digest/1"]
    assert "10 pages" in result.problems[0].message


@pytest.mark.parametrize(
    ("word", "status", "kind"),
    [
        ("ratelimited", 200, RateLimited),
        ("not_json", 429, RateLimited),
        ("message_limit_exceeded", 200, QuotaExhausted),
        ("fatal_error", 200, OutcomeUnknown),
        ("rollup_error", 500, OutcomeUnknown),
        ("not_json", 503, OutcomeUnknown),
        ("missing_scope", 200, AuthRejected),
        ("no_service", 404, AuthRejected),
        ("restricted_action_thread_locked", 200, ConfigError),
        ("channel_is_archived", 410, ConfigError),
        ("msg_blocks_too_long", 200, RequestRejected),
        ("a_word_of_tomorrow", 200, RequestRejected),
    ],
)
def test_each_refusal_says_whether_the_message_can_have_arrived(word: str, status: int, kind: type[BridgeError]) -> None:
    assert type(client.refused(word, status, {})) is kind


def test_a_pause_is_as_long_as_slack_says() -> None:
    for seconds, expected in (("7", 7), ("soon", 1)):
        pause = client.refused("ratelimited", 429, {"Retry-After": seconds})
        assert isinstance(pause, RateLimited)
        assert pause.retry_after == dt.timedelta(seconds=expected)

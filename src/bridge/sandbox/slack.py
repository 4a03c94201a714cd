"""A Slack workspace in memory: its channels with their messages and threads, and what people do there.

slack = Slack()
slack.channels["#membership"].messages[0].text
slack.channels["#membership"].messages[0].replies
slack.revoke()                     # an administrator takes the app's tokens away
print(slack.drawn())               # what a person would see
"""

import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bridge.sandbox.limits import RateLimit
from bridge.sandbox.slack_blocks import pings
from bridge.sandbox.slack_socket import Connections, Envelope

BOT_TOKEN = "xoxb-sandbox-0001"  # noqa: S105  # the sandbox's tokens are no secrets
APP_TOKEN = "xapp-sandbox-0001"  # noqa: S105  # as above
WEBHOOK_PATH = "/services/T0SANDBOX/B0SANDBOX/sandbox"
BOT_USER, BOT_ID, TEAM, APP = "U0BRIDGE", "B0BRIDGE", "T0SANDBOX", "A0BRIDGE"
SCOPES = frozenset(
    {
        "chat:write",
        "commands",
        "channels:history",
        "channels:read",
        "groups:history",
        "groups:read",
        "files:write",
        "users:read",
        "users:read.email",
        "usergroups:read",
        "connections:write",
    }
)


class SlackError(Exception):
    """A refusal: Slack answers 200 with `ok: false`, this word, and at times messages that explain it."""

    def __init__(self, word: str, messages: list[str] | None = None) -> None:
        super().__init__(word)
        self.word = word
        self.messages = messages or []


@dataclass(slots=True)
class Message:
    """One message. `ts` names it within its channel; a reply bears the `thread_ts` of its parent."""

    ts: str
    channel: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str = ""
    user: str = BOT_USER
    edited: int = 0
    replies: list["Message"] = field(default_factory=list)

    @property
    def pings(self) -> list[str]:
        """Whom it calls, such as `!channel`."""
        return pings(self.text, self.blocks)

    def shown(self) -> dict[str, Any]:
        """The message as the API answers it."""
        shown: dict[str, Any] = {"type": "message", "user": self.user, "bot_id": BOT_ID, "text": self.text, "ts": self.ts}
        if self.thread_ts or self.replies:
            shown |= {"thread_ts": self.thread_ts or self.ts}
        if self.replies:
            shown |= {"reply_count": len(self.replies), "latest_reply": self.replies[-1].ts}
        shown |= {"edited": {"user": self.user, "ts": self.ts}} if self.edited else {}
        return shown | {name: value for name in ("blocks", "metadata", "files") if (value := getattr(self, name))}


@dataclass(slots=True)
class Channel:
    """One channel, named with its `#`. The bot may post where it is a member."""

    id: str
    name: str
    member: bool = True
    archived: bool = False
    messages: list[Message] = field(default_factory=list)

    def find(self, ts: str) -> Message | None:
        """The message or reply with this timestamp, or None."""
        every = (one for each in self.messages for one in (each, *each.replies))
        return next((each for each in every if each.ts == ts), None)

    @property
    def every(self) -> list[Message]:
        """All messages and replies, oldest first."""
        return sorted((one for each in self.messages for one in (each, *each.replies)), key=lambda each: each.ts)


@dataclass(frozen=True, slots=True)
class User:
    """A person of the workspace."""

    id: str
    name: str
    email: str
    language: str = "en-US"


PEOPLE = (
    User("U0LUPE", "lupe", "lupe@federation.example", "es-ES"),
    User("U0GRACE", "grace", "grace@federation.example"),
    User("U0SAM", "sam", "sam@federation.example"),
)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Slack:
    """The workspace. Safe to use from several threads.

    `clock` may be set at any time. `rate_limit` is messages a second in one channel; Slack's own is 1, None is no limit.
    """

    def __init__(self, *, clock: Callable[[], dt.datetime] = _utc_now, rate_limit: int | None = None) -> None:
        self.clock = clock
        self.rate_limit = rate_limit
        self.lock = threading.RLock()
        self.channels: dict[str, Channel] = {}
        self.users = {each.id: each for each in PEOPLE}
        self.usergroups: dict[str, list[str]] = {"S0MEMBERSHIP": ["U0LUPE", "U0GRACE"]}
        self.scopes = SCOPES
        self.revoked = False
        self.files: dict[str, dict[str, Any]] = {}
        self.ephemerals: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.connections = Connections()
        self.triggers: dict[str, float] = {}
        """When each `trigger_id` was given out, in seconds of the monotonic clock."""
        self.responses: list[dict[str, Any]] = []
        """What was sent to a `response_url`."""
        self._limits: dict[str, RateLimit] = {}
        self._last_ts = 0
        self.webhook_channel = "#membership"
        self.response_url = ""
        """Where answers to a click may be sent; the running sandbox sets it."""
        for name in ("#membership", "#benefits"):
            self.add_channel(name)

    def add_channel(self, name: str, *, member: bool = True) -> Channel:
        """A new, empty channel; `name` begins with `#`."""
        with self.lock:
            channel = Channel(f"C{len(self.channels) + 1:08}", name, member)
            self.channels[name] = channel
            return channel

    def granted(self, *, to_app: bool) -> list[str]:
        """The scopes of the app-level token, or of the bot's."""
        return sorted(each for each in self.scopes if each.startswith("connections:") is to_app)

    def revoke(self) -> None:
        """Takes the app's tokens away, as an administrator does."""
        self.revoked = True

    @property
    def messages(self) -> list[Message]:
        """Every message and reply of all channels, oldest first."""
        return sorted((each for one in self.channels.values() for each in one.every), key=lambda each: each.ts)

    def channel(self, key: str) -> Channel:
        """The channel with this id or name, with or without `#`. SlackError where there is none."""
        for each in self.channels.values():
            if key in (each.id, each.name, each.name[1:]):
                return each
        raise SlackError("channel_not_found")

    def admits(self, channel: Channel) -> bool:
        """Whether one more message may be posted there in this second; counts it."""
        with self.lock:
            limit = self._limits.setdefault(channel.id, RateLimit(self.rate_limit, penalty_seconds=0))
        return limit.admits()

    def post(self, channel: Channel, message: Mapping[str, Any]) -> Message:
        """Puts a message into the channel, or into a thread if it has `thread_ts`. SlackError if it may not be."""
        with self.lock:
            if channel.archived:
                raise SlackError("is_archived")
            if not channel.member:
                raise SlackError("not_in_channel")
            made = Message(ts=self._next_ts(), channel=channel.id, **message)
            parent = channel.find(made.thread_ts) if made.thread_ts else None
            if made.thread_ts and parent is None:
                raise SlackError("cannot_reply_to_message")
            (parent.replies if parent else channel.messages).append(made)
            return made

    def say(self, channel: str, text: str, user: str = "U0GRACE", thread_ts: str = "") -> Message:
        """A message by a person."""
        return self.post(self.channel(channel), {"text": text, "user": user, "thread_ts": thread_ts})

    def press(self, action: str, value: str = "", user: str = "U0GRACE") -> Envelope:
        """Presses the newest button, or chooses from the newest menu, with this `action_id` and, if given, value.

        The app hears of it through Socket Mode; the envelope tells whether it acknowledged within three seconds.
        KeyError where no message shows such a button.
        """
        with self.lock:
            message, pressed = self._find_pressed(action, value)
            payload = {**self._payload("block_actions", user), **self._place_of(message), "actions": [pressed]}
        return self._push(payload)

    def submit(self, view: str, values: Mapping[str, Any], user: str = "U0GRACE") -> Envelope:
        """Sends an opened modal off; `values` is keyed by `block_id`, then `action_id`. KeyError if it is not open."""
        with self.lock:
            opened = {each["id"]: each for each in self.views}[view]
            payload = {**self._payload("view_submission", user), "view": {**opened, "state": {"values": values}}}
        return self._push(payload)

    def command(self, text: str, user: str = "U0GRACE", channel: str = "#membership") -> Envelope:
        """Types `/bridge` and these words. The app hears of it through Socket Mode."""
        payload = {
            "command": "/bridge",
            "text": text,
            "user_id": user,
            "user_name": self.users[user].name,
            "team_id": TEAM,
            "api_app_id": APP,
            "channel_id": self.channel(channel).id,
            "trigger_id": self.new_trigger(),
            "response_url": self.response_url,
        }
        envelope = self.connections.push("slash_commands", payload)
        if len(self.connections):
            envelope.wait()
        return envelope

    def _push(self, payload: Mapping[str, Any]) -> Envelope:
        envelope = self.connections.push("interactive", payload)
        if len(self.connections):
            envelope.wait()
        return envelope

    def _find_pressed(self, action: str, value: str) -> tuple[Message, dict[str, Any]]:
        for message in reversed(self.messages):
            for block in message.blocks:
                for element in [*block.get("elements", []), block.get("accessory", {})]:
                    pressed = _pressed(element, value) if element.get("action_id") == action else None
                    if pressed:
                        return message, {**pressed, "block_id": block.get("block_id", "")}
        raise KeyError(f"no message shows {action!r} with value {value!r}")

    def _payload(self, kind: str, user: str) -> dict[str, Any]:
        person = {"id": user, "username": self.users[user].name, "name": self.users[user].name, "team_id": TEAM}
        return {"type": kind, "user": person, "team": {"id": TEAM}, "api_app_id": APP, "trigger_id": self.new_trigger()}

    def _place_of(self, message: Message) -> dict[str, Any]:
        channel = {"id": message.channel, "name": self.channel(message.channel).name[1:]}
        container = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
        return {"channel": channel, "container": container, "message": message.shown(), "response_url": self.response_url}

    def new_trigger(self) -> str:
        """A `trigger_id`, with which the app may open a modal within three seconds."""
        made = f"{len(self.triggers) + 1}.{TEAM}.trigger"
        self.triggers[made] = time.monotonic()
        return made

    def remove(self, channel: Channel, ts: str) -> None:
        """Deletes a message with its thread, or a reply."""
        with self.lock:
            channel.messages = [each for each in channel.messages if each.ts != ts]
            for each in channel.messages:
                each.replies = [reply for reply in each.replies if reply.ts != ts]

    def _next_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, int(self.clock().timestamp() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06}"

    def drawn(self) -> str:
        """The channels as a person would read them, in plain text."""
        lines: list[str] = []
        for channel in self.channels.values():
            for message in channel.messages:
                lines += [f"{channel.name}  {_when(message)}", *_drawn(message, "  ")]
                for reply in message.replies:
                    lines += _drawn(reply, "    | ")
        return "\n".join(lines)

    def save_state(self, path: Path) -> None:
        """Writes channels, messages and people into a JSON file."""
        with self.lock:
            state = {
                "channels": [asdict(each) for each in self.channels.values()],
                "users": [asdict(each) for each in self.users.values()],
                "usergroups": self.usergroups,
            }
        path.write_text(json.dumps(state))

    def load_state(self, path: Path) -> None:
        """Goes back to what `save_state` wrote."""
        state = json.loads(path.read_text())
        with self.lock:
            self.channels = {each["name"]: _channel(each) for each in state["channels"]}
            self.users = {each["id"]: User(**each) for each in state["users"]}
            self.usergroups = state["usergroups"]


def _pressed(element: Mapping[str, Any], value: str) -> dict[str, Any] | None:
    """The action as Slack reports it, or None if the element does not offer this value."""
    reported = {"type": element["type"], "action_id": element["action_id"]}
    if element["type"] == "button":
        return (
            {**reported, "value": element.get("value", ""), "text": element["text"]}
            if value in ("", element.get("value"))
            else None
        )
    chosen = next((each for each in element.get("options", []) if each["value"] == value), None)
    return {**reported, "selected_option": chosen} if chosen else None


def _channel(data: dict[str, Any]) -> Channel:
    return Channel(**{**data, "messages": [_message(each) for each in data["messages"]]})


def _message(data: dict[str, Any]) -> Message:
    return Message(**{**data, "replies": [_message(each) for each in data["replies"]]})


def _when(message: Message) -> str:
    moment = dt.datetime.fromtimestamp(float(message.ts), dt.UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC{' (edited)' if message.edited else ''}"


def _drawn(message: Message, margin: str) -> list[str]:
    texts = [line for block in message.blocks for line in _lines_of(block)] or [message.text]
    files = [f"[file {each['name']}, {each['size']} bytes]" for each in message.files]
    return [margin + line for text in (*texts, *files) for line in text.splitlines()]


def _lines_of(block: Mapping[str, Any]) -> list[str]:
    match block["type"]:
        case "divider":
            return ["-" * 40]
        case "actions":
            return ["  ".join(f"[ {each['text']['text']} ]" for each in block["elements"] if "text" in each)]
        case "context":
            return [" · ".join(each["text"] for each in block["elements"] if "text" in each)]
        case "markdown":
            return [block["text"]]
    parts = [block.get("text"), *block.get("fields", [])]
    return [each["text"] for each in parts if isinstance(each, dict)]

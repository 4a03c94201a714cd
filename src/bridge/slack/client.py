"""The two ways into Slack: a bot token, which can thread, edit and look for its own messages, or an incoming webhook.

Nothing here sends twice: slack_sdk's own retry after a lost connection is off, because Slack stores what it received and
knows no idempotency key (slackapi/slack-api-specs#10). Each failure says whether the message can have arrived.
"""

import datetime as dt
import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

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
    UnexpectedAnswer,
)

TIMEOUT_SECONDS = 15
SLACK_API = "https://slack.com/api/"
_RESPONSES = "hooks.slack.com"
"""Where answers to slash commands go (docs.slack.dev, interactivity/handling-user-interaction)."""

_INVITE = "Invite the app to the channel (/invite), or name another channel in the mapping's `report.slack.channel`."
_TOKEN = "Reinstall the app and renew BRIDGE_SLACK__BOT_TOKEN."  # noqa: S105  # advice, no secret
_AUTH = {
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "token_revoked": _TOKEN,
    "token_expired": _TOKEN,
    "account_inactive": _TOKEN,
    "access_denied": _TOKEN,
    "not_allowed_token_type": "Use the bot token (xoxb-…) in BRIDGE_SLACK__BOT_TOKEN.",
    "missing_scope": "Add the scope `chat:write` to the app and reinstall it.",
    "no_permission": "Add the scope `chat:write` to the app and reinstall it.",
    "no_service": "The webhook was revoked: make a new one and set BRIDGE_SLACK__WEBHOOK_URL.",
    "no_team": "The webhook was revoked: make a new one and set BRIDGE_SLACK__WEBHOOK_URL.",
}
_CHANNEL = {
    "channel_not_found": _INVITE,
    "not_in_channel": _INVITE,
    "is_archived": "Unarchive the channel, or name another one.",
    "channel_is_archived": "Unarchive the channel, or name another one.",
    "restricted_action": "Ask a workspace admin to let the app post there.",
    "action_prohibited": "Ask a workspace admin to let the app post there.",
    "posting_to_general_channel_denied": "Ask a workspace admin to let the app post there, or name another channel.",
}
_UNSETTLED = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable", "rollup_error", "not_json"})
_NEVER_LEFT = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_UNREADABLE = (
    OSError,
    http.client.HTTPException,
    SlackClientError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
)
"""What slack_sdk lets through of an answer that was cut, is in no known encoding, no JSON, no object, or without end."""
_TOO_MANY = 429
_MOST_PAGES = 10
_SCOPES = "x-oauth-scopes"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands: the channel's id and the message's `ts` within it."""

    channel: str
    ts: str


class Poster(Protocol):
    """A way into Slack. Methods raise RateLimited and Unavailable if nothing arrived, OutcomeUnknown if something may have."""

    def post(self, channel: str, payload: Mapping[str, Json], thread: Place | None) -> Place | None:
        """Post once; None where this way does not learn the place."""
        ...

    def edit(self, place: Place, payload: Mapping[str, Json]) -> None:
        """Replace a message of ours."""
        ...

    def find(self, channel: str, key: str, since: dt.datetime, thread: Place | None) -> Place | None:
        """Our message with this key, posted after `since`; None if it is surely not there.

        OutcomeUnknown if we may not look, Unavailable if we cannot just now.
        """
        ...

    def identity(self) -> str:
        """Who we are there, in a few words. AuthRejected or Unavailable if nobody says so."""
        ...

    def scopes(self) -> frozenset[str] | None:
        """What we may do there; None where nobody says so. AuthRejected or Unavailable if nobody answers."""
        ...

    def reach(self, channel: str) -> None:
        """Raises ConfigError if it is known that nothing can be posted to the channel."""
        ...


class Bot:
    """A bot token, with the scope `chat:write`; `channels:history` (`groups:history`) and `channels:read` let it look back."""

    def __init__(self, token: str, url: str = SLACK_API) -> None:
        self._web = WebClient(token=token, base_url=url, timeout=TIMEOUT_SECONDS, retry_handlers=[])

    def post(self, channel: str, payload: Mapping[str, Json], thread: Place | None) -> Place | None:
        """Post once, into the channel or a thread."""
        answer = self._call("chat.postMessage", {"channel": channel, **payload, **({"thread_ts": thread.ts} if thread else {})})
        where, ts = answer.get("channel"), answer.get("ts")
        if not (isinstance(where, str) and isinstance(ts, str)):
            raise OutcomeUnknown("Slack took the message and did not say where it stands.")
        return Place(where, ts)

    def edit(self, place: Place, payload: Mapping[str, Json]) -> None:
        """Replace a message of ours, blocks and all."""
        self._call("chat.update", {"channel": place.channel, "ts": place.ts, **payload})

    def find(self, channel: str, key: str, since: dt.datetime, thread: Place | None) -> Place | None:
        """Our message with this key among those posted after `since`, looked up by its metadata."""
        try:
            where = thread.channel if thread else self._id_of(channel)
            asked: dict[str, Json] = {
                "channel": where,
                "oldest": f"{since.timestamp():.6f}",
                "include_all_metadata": True,
                "limit": 200,
            }
            method = "conversations.replies" if thread else "conversations.history"
            for page in self._pages(method, asked | ({"ts": thread.ts} if thread else {})):
                for message in _objects(page, "messages"):
                    if _key_of(message) == key:
                        return Place(where, str(message.get("ts", "")))
        except (AuthRejected, ConfigError, RequestRejected) as refused:
            raise OutcomeUnknown(
                "Slack does not let the app look for its own message.",
                next_step="Add the scopes `channels:history` and `channels:read` to the app, and name the channel by its id.",
            ) from refused
        return None

    def whisper(self, place: Place, user: str, text: str) -> None:
        """Say something, in the thread of the message at `place`, that only this person sees. Nobody keeps it."""
        told: dict[str, Json] = {"channel": place.channel, "user": user, "text": text, "thread_ts": place.ts}
        self._call("chat.postEphemeral", told)

    def respond(self, address: str, text: str) -> None:
        """Answer a slash command, only to whoever typed it. Raises UnexpectedAnswer for an address that is not Slack's."""
        place, own = urlsplit(address), urlsplit(self._web.base_url)
        if place.netloc != own.netloc and (place.scheme, place.netloc) != ("https", _RESPONSES):
            raise UnexpectedAnswer("Slack named an address for its answer that is not its own.")
        with our_errors():
            WebhookClient(address, timeout=TIMEOUT_SECONDS, retry_handlers=[]).send_dict(
                {"response_type": "ephemeral", "text": text}
            )

    def open_window(self, trigger: str, view: dict[str, Json]) -> None:
        """Open a window for whoever pressed a button; the trigger lives for three seconds."""
        self._call("views.open", {"trigger_id": trigger, "view": view})

    def members(self, group: str) -> frozenset[str]:
        """Who is in a user group. Needs the scope `usergroups:read`."""
        try:
            users = self._read("usergroups.users.list", {"usergroup": group}).get("users")
        except AuthRejected as lacking:
            raise AuthRejected(
                f"Slack does not say who is in the user group {group}.",
                next_step="Add the scope `usergroups:read` to the app and reinstall it, or name users (U…).",
            ) from lacking
        except RequestRejected as unknown:
            raise ConfigError(
                f"Slack knows no user group {group}.",
                next_step="Correct BRIDGE_SLACK__OPERATORS or BRIDGE_SLACK__APPROVERS.",
            ) from unknown
        return frozenset(each for each in users if isinstance(each, str)) if isinstance(users, list) else frozenset()

    def name_of(self, user: str) -> str:
        """What a person is called; their id where the app may not know (scope `users:read`)."""
        try:
            person = self._read("users.info", {"user": user}).get("user")
        except BridgeError:
            return user
        name = person.get("name") if isinstance(person, dict) else None
        return name if isinstance(name, str) and name else user

    def identity(self) -> str:
        """The bot's name and its workspace."""
        answer = self._read("auth.test", {})
        return f"signed in as {answer.get('user')} of {answer.get('team')}"

    def scopes(self) -> frozenset[str] | None:
        """The token's scopes, which Slack tells in a header of every answer; None where it does not."""
        try:
            with our_errors():
                headers = self._web.api_call("auth.test", http_verb="GET").headers
        except OutcomeUnknown as lost:
            raise Unavailable("Slack did not answer auth.test.") from lost
        told = next((value for name, value in headers.items() if name.lower() == _SCOPES), None)
        return None if told is None else frozenset(each.strip() for each in str(told).split(",") if each.strip())

    def reach(self, channel: str) -> None:
        """Raises ConfigError if the channel is not there or the app is not in it; says nothing where the app may not look."""
        try:
            known = [
                each
                for page in self._pages("conversations.list", {"exclude_archived": True, "limit": 200})
                for each in _objects(page, "channels")
            ]
        except (AuthRejected, OutcomeUnknown):
            return  # without `channels:read` the first message will tell
        found = next((each for each in known if channel in (each.get("id"), f"#{each.get('name')}")), None)
        if found is None and channel.startswith("#"):
            raise ConfigError(f"Slack knows no channel {channel}.", next_step=_INVITE)
        if found is not None and found.get("is_member") is False:
            raise ConfigError(f"The app is not in the channel {channel}.", next_step=_INVITE)

    def _id_of(self, channel: str) -> str:
        if not channel.startswith("#"):
            return channel
        for page in self._pages("conversations.list", {"exclude_archived": True, "limit": 200}):
            for each in _objects(page, "channels"):
                if each.get("name") == channel[1:]:
                    return str(each.get("id", ""))
        raise ConfigError(f"Slack knows no channel {channel}.", next_step=_INVITE)

    def _pages(self, method: str, asked: dict[str, Json]) -> list[dict[str, Json]]:
        """All pages of the answer. OutcomeUnknown if there are more than ten: what was not read proves nothing."""
        pages: list[dict[str, Json]] = []
        cursor: Json = ""
        while not pages or cursor:
            if len(pages) == _MOST_PAGES:
                raise OutcomeUnknown(
                    f"Slack has more than {_MOST_PAGES} pages of {method}; our own message was not among them."
                )
            page = self._read(method, asked | ({"cursor": cursor} if cursor else {}))
            pages.append(page)
            following = page.get("response_metadata")
            cursor = following.get("next_cursor", "") if isinstance(following, dict) else ""
        return pages

    def _read(self, method: str, asked: dict[str, Json]) -> dict[str, Json]:
        """The answer to a question: where it is lost, nothing happened."""
        try:
            return self._call(method, asked, verb="GET")
        except OutcomeUnknown as lost:
            raise Unavailable(f"Slack did not answer {method}.") from lost

    def _call(self, method: str, arguments: dict[str, Json], *, verb: str = "POST") -> dict[str, Json]:
        with our_errors():
            answer = self._web.api_call(method, http_verb=verb, **{"params" if verb == "GET" else "json": arguments})
        if not isinstance(answer.data, dict):
            raise OutcomeUnknown(f"Slack answered {method} in a form that it does not have.")
        return cast("dict[str, Json]", answer.data)


@contextmanager
def our_errors() -> Iterator[None]:
    """What slack_sdk raises within, as errors of ours."""
    try:
        yield
    except SlackApiError as refusal:
        response = refusal.response
        data = response.data if not isinstance(response, dict) else response
        word = data.get("error", "not_json") if isinstance(data, dict) else "not_json"
        headers = getattr(response, "headers", {}) or {}
        raise refused(str(word), getattr(response, "status_code", 200), headers) from refusal
    except _UNREADABLE as lost:
        raise _lost(lost) from lost


class Hook:
    """An incoming webhook: one channel, and no way to thread, edit or look back."""

    def __init__(self, url: str) -> None:
        self._hook = WebhookClient(url, timeout=TIMEOUT_SECONDS, retry_handlers=[])

    def post(self, channel: str, payload: Mapping[str, Json], thread: Place | None) -> Place | None:  # noqa: ARG002  # it has one channel
        """Post once, into the webhook's own channel; a reply is left out."""
        if thread is not None:
            return None
        body = {name: value for name, value in payload.items() if name != "metadata"}
        try:
            answer = self._hook.send_dict(body)
        except _UNREADABLE as lost:
            raise _lost(lost) from lost
        if answer.status_code != 200 or answer.body != "ok":  # noqa: PLR2004  # HTTP's own number
            raise refused(answer.body[:60].strip() or "not_json", answer.status_code, answer.headers)
        return None

    def edit(self, place: Place, payload: Mapping[str, Json]) -> None:
        """Nothing: a webhook cannot edit."""

    def identity(self) -> str:
        """That a webhook is set: it cannot be asked without posting."""
        return "a webhook is set; it posts to its own channel, without threads or edits"

    def scopes(self) -> None:
        """A webhook has none."""

    def reach(self, channel: str) -> None:
        """A webhook has a channel of its own."""

    def find(self, channel: str, key: str, since: dt.datetime, thread: Place | None) -> Place | None:  # noqa: ARG002  # nothing to use them for
        """Raises OutcomeUnknown: a webhook cannot look back."""
        raise OutcomeUnknown(
            "A webhook cannot look for its own message.",
            next_step="Use a bot token (BRIDGE_SLACK__BOT_TOKEN) if every report must arrive.",
        )


def _objects(page: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    """The objects of a list in Slack's answer; whatever else stands there is passed over."""
    found = page.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _key_of(message: Mapping[str, Json]) -> Json:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return payload.get("key") if isinstance(payload, dict) else None


def refused(word: str, status: int, headers: Mapping[str, str]) -> BridgeError:
    """Our error for Slack's word, an HTTP status and its headers."""
    if status == _TOO_MANY or word in ("ratelimited", "rate_limited"):
        seconds = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
        pause = dt.timedelta(seconds=int(seconds) if seconds.isdecimal() else 1)
        return RateLimited(f"Slack asked for a pause of {pause.total_seconds():.0f} s.", retry_after=pause)
    if word == "message_limit_exceeded":
        return QuotaExhausted("The workspace's message limit is reached.", next_step="Raise the workspace's plan.")
    if word in _UNSETTLED or status >= 500:  # noqa: PLR2004  # HTTP's own number
        return OutcomeUnknown(f"Slack answered `{word}`: the message may have arrived.")
    if word in _AUTH:
        return AuthRejected(f"Slack refused the credential: `{word}`.", next_step=_AUTH[word])
    known = next((cure for name, cure in _CHANNEL.items() if word.startswith(name)), None)
    if known is not None:
        return ConfigError(f"Slack refused the channel: `{word}`.", next_step=known)
    return RequestRejected(f"Slack refused the message: `{word}`.", code=word)


def _lost(error: Exception) -> BridgeError:
    """Our error for a connection that failed, by whether anything can have been sent."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, _NEVER_LEFT):
        return Unavailable("Slack could not be reached.", next_step="Check the network and BRIDGE_SLACK__URL.")
    return OutcomeUnknown("The connection to Slack was lost before it answered.")

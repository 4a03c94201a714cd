"""Slack's web API over the workspace in memory, with uploads, the incoming webhook and response URLs.

The `App` that a sandbox server serves. Slack answers nearly everything with HTTP 200; the body tells.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Request, Response
from bridge.sandbox.slack import (
    APP,
    APP_TOKEN,
    BOT_ID,
    BOT_TOKEN,
    BOT_USER,
    TEAM,
    WEBHOOK_PATH,
    Channel,
    Message,
    Slack,
    SlackError,
    User,
)
from bridge.sandbox.slack_blocks import MOST_CHARACTERS, block_problems, characters, view_problems

_MOST_TEXT = 40_000
_MOST_MARKDOWN_TEXT = 12_000
_MOST_METADATA = 16_000  # Slack says only that there is a limit
_PAGE = 100
_TRIGGER_SECONDS = 3.0
_OF_THE_APP = "connections:write"  # the one scope of the app-level token; the others are the bot's
_JSON_ARGUMENTS = ("blocks", "attachments", "metadata", "files", "view")

Arguments = dict[str, Any]


class SlackApi:
    """Answers `/api/<method>`, the webhook's address, uploads and response URLs."""

    def __init__(self, slack: Slack, socket_url: Callable[[], str] | None = None) -> None:
        self.slack = slack
        self._socket_url = socket_url
        self._methods: Mapping[str, tuple[str, Callable[[Arguments, Request], dict[str, Any]]]] = {
            "auth.test": ("", self._auth_test),
            "chat.postMessage": ("chat:write", self._post_message),
            "chat.postEphemeral": ("chat:write", self._post_ephemeral),
            "chat.update": ("chat:write", self._update),
            "chat.delete": ("chat:write", self._delete),
            "chat.getPermalink": ("", self._permalink),
            "conversations.list": ("channels:read", self._channels),
            "conversations.history": ("channels:history", self._history),
            "conversations.replies": ("channels:history", self._replies),
            "files.getUploadURLExternal": ("files:write", self._upload_url),
            "files.completeUploadExternal": ("files:write", self._complete_upload),
            "users.info": ("users:read", self._user),
            "users.lookupByEmail": ("users:read.email", self._user_by_email),
            "usergroups.users.list": ("usergroups:read", self._usergroup),
            "views.open": ("", self._open_view),
            "apps.connections.open": (_OF_THE_APP, self._open_connection),
        }

    def route(self, request: Request) -> str:
        """The method's name; `webhook`, `upload` or `response` for the other addresses."""
        head, _, rest = request.path.strip("/").partition("/")
        return rest if head == "api" else "webhook" if head == "services" else head

    def handle(self, request: Request) -> Response:
        """The answer, with the work done."""
        with self.slack.lock:
            match self.route(request):
                case "webhook":
                    return self._webhook(request)
                case "upload":
                    return self._receive(request)
                case "response":
                    self.slack.responses.append(request.json())
                    return Response.text("ok")
                case method:
                    return self._method(method, request)

    def fail(self, request: Request, fault: Fault) -> Response:
        """The fault as Slack words it."""
        match fault.kind:
            case FaultKind.STATUS_429:
                return _too_fast(webhook=self.route(request) == "webhook")
            case FaultKind.STATUS_500_ENVELOPE:
                return Response.json({"ok": False, "error": "internal_error"})
            case FaultKind.HTML_403:
                return Response.html("<html><title>Attention Required!</title></html>", 403)
        return Response.html("<html><h1>503 Service Unavailable</h1></html>", 503)

    def _method(self, name: str, request: Request) -> Response:
        if name not in self._methods:
            return Response.json({"ok": False, "error": "unknown_method"})
        scope, method = self._methods[name]
        arguments = _arguments(request)
        try:
            self._check_token(request, arguments, scope)
            granted = (("X-OAuth-Scopes", ",".join(self.slack.granted(to_app=scope == _OF_THE_APP))),)
            return Response.json({"ok": True, **method(arguments, request)}, headers=granted)
        except _TooFast:
            return _too_fast(webhook=False)
        except SlackError as refused:
            answer: dict[str, Any] = {"ok": False, "error": refused.word}
            if refused.word == "missing_scope":
                provided = self.slack.granted(to_app=scope == _OF_THE_APP)
                answer |= {"needed": scope, "provided": ",".join(provided)}
            if refused.messages:
                answer["response_metadata"] = {"messages": refused.messages}
            return Response.json(answer)

    def _check_token(self, request: Request, arguments: Arguments, scope: str) -> None:
        token = request.header("authorization").removeprefix("Bearer ") or arguments.pop("token", "")
        if not token:
            raise SlackError("not_authed")
        if token not in (BOT_TOKEN, APP_TOKEN):
            raise SlackError("invalid_auth")
        if self.slack.revoked:
            raise SlackError("token_revoked")
        if (token == APP_TOKEN) is not (scope == _OF_THE_APP):
            raise SlackError("not_allowed_token_type")
        if scope and scope not in self.slack.scopes:
            raise SlackError("missing_scope")

    def _auth_test(self, _arguments: Arguments, request: Request) -> dict[str, Any]:
        url = f"http://{request.header('host')}/"
        return {"url": url, "team": "Federation", "user": "bridge", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID}

    def _post_message(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        channel = self.slack.channel(str(arguments.get("channel", "")))
        content = _content(arguments)
        if not self.slack.admits(channel):
            raise _TooFast
        made = self.slack.post(channel, {**content, "thread_ts": arguments.get("thread_ts") or ""})
        return {"channel": channel.id, "ts": made.ts, "message": made.shown()}

    def _post_ephemeral(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        channel = self.slack.channel(str(arguments.get("channel", "")))
        if arguments.get("user") not in self.slack.users:
            raise SlackError("user_not_in_channel")
        self.slack.ephemerals.append({"channel": channel.id, "user": arguments["user"], **_content(arguments)})
        return {"message_ts": f"{len(self.slack.ephemerals)}.000000"}

    def _own_message(self, arguments: Arguments, refusal: str) -> tuple[Channel, Message]:
        channel = self.slack.channel(str(arguments.get("channel", "")))
        found = channel.find(str(arguments.get("ts", "")))
        if found is None:
            raise SlackError("message_not_found")
        if found.user != BOT_USER:
            raise SlackError(refusal)
        return channel, found

    def _update(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        channel, message = self._own_message(arguments, "cant_update_message")
        content = _content(arguments)
        message.text, message.blocks = content["text"], content["blocks"]
        message.metadata = content["metadata"] or message.metadata
        message.edited += 1
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.shown()}

    def _delete(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        channel, message = self._own_message(arguments, "cant_delete_message")
        self.slack.remove(channel, message.ts)
        return {"channel": channel.id, "ts": message.ts}

    def _permalink(self, arguments: Arguments, request: Request) -> dict[str, Any]:
        channel = self.slack.channel(str(arguments.get("channel", "")))
        ts = str(arguments.get("message_ts", ""))
        if channel.find(ts) is None:
            raise SlackError("message_not_found")
        link = f"http://{request.header('host')}/archives/{channel.id}/p{ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _channels(self, _arguments: Arguments, _request: Request) -> dict[str, Any]:
        shown = [
            {"id": each.id, "name": each.name[1:], "is_member": each.member, "is_archived": each.archived}
            for each in self.slack.channels.values()
        ]
        return {"channels": shown, "response_metadata": {"next_cursor": ""}}

    def _history(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        channel = self.slack.channel(str(arguments.get("channel", "")))
        return _page([*reversed(channel.messages)], arguments)

    def _replies(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        channel = self.slack.channel(str(arguments.get("channel", "")))
        parent = channel.find(str(arguments.get("ts", "")))
        if parent is None:
            raise SlackError("thread_not_found")
        return _page([parent, *parent.replies], arguments)

    def _upload_url(self, arguments: Arguments, request: Request) -> dict[str, Any]:
        if not arguments.get("filename") or not str(arguments.get("length", "")).isdigit():
            raise SlackError("invalid_arguments")
        file = f"F{len(self.slack.files) + 1:08}"
        self.slack.files[file] = {"id": file, "name": arguments["filename"], "size": int(arguments["length"])}
        return {"upload_url": f"http://{request.header('host')}/upload/{file}", "file_id": file}

    def _receive(self, request: Request) -> Response:
        file = self.slack.files.get(request.path.rpartition("/")[2])
        if file is None or len(request.body) != file["size"]:
            return Response.text("bad upload", 400)
        file["content"] = request.body.decode("utf-8", "replace")
        return Response.text(f"OK - {len(request.body)}")

    def _complete_upload(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        files = [self.slack.files.get(each["id"], {}) for each in arguments.get("files", [])]
        if not files or any("content" not in each for each in files):
            raise SlackError("file_not_found")
        if arguments.get("channel_id"):
            channel = self.slack.channel(str(arguments["channel_id"]))
            content = {"text": arguments.get("initial_comment") or "", "thread_ts": arguments.get("thread_ts") or ""}
            self.slack.post(channel, {**content, "files": files})
        return {"files": [{"id": each["id"], "name": each["name"]} for each in files]}

    def _user(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        return _shown_user(self.slack.users.get(str(arguments.get("user"))))

    def _user_by_email(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        email = arguments.get("email")
        return _shown_user(next((each for each in self.slack.users.values() if each.email == email), None))

    def _usergroup(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        if arguments.get("usergroup") not in self.slack.usergroups:
            raise SlackError("no_such_subteam")
        return {"users": self.slack.usergroups[arguments["usergroup"]]}

    def _open_view(self, arguments: Arguments, _request: Request) -> dict[str, Any]:
        view = arguments.get("view")
        if not isinstance(view, dict):
            raise SlackError("invalid_arguments")
        given = self.slack.triggers.get(str(arguments.get("trigger_id")))
        if given is None:
            raise SlackError("invalid_trigger_id")
        if time.monotonic() - given > _TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        if problems := view_problems(view):
            raise SlackError("invalid_arguments", problems)
        opened = {**view, "id": f"V{len(self.slack.views) + 1:08}"}
        self.slack.views.append(opened)
        return {"view": opened}

    def _open_connection(self, _arguments: Arguments, _request: Request) -> dict[str, Any]:
        if self._socket_url is None:
            raise SlackError("socket_mode_not_enabled")
        return {"url": f"{self._socket_url()}/link/?ticket=sandbox&app_id={APP}"}

    def _webhook(self, request: Request) -> Response:
        if request.path != WEBHOOK_PATH or self.slack.revoked:
            return Response.text("no_service", 404)
        arguments = _arguments(request)
        payload = arguments.get("payload", arguments)
        try:
            payload = json.loads(payload) if isinstance(payload, str) else payload
            channel = self.slack.channel(self.slack.webhook_channel)
            content = _content(payload)
            if not self.slack.admits(channel):
                return _too_fast(webhook=True)
            self.slack.post(channel, content)
        except ValueError:
            return Response.text("invalid_payload", 400)
        except SlackError as refused:
            gone = {"is_archived": (410, "channel_is_archived"), "channel_not_found": (404, "channel_not_found")}
            status, word = gone.get(refused.word, (400, refused.word))
            return Response.text(word, status)
        return Response.text("ok")


class _TooFast(Exception):
    """More messages in this second than the channel takes."""


def _too_fast(*, webhook: bool) -> Response:
    retry = (("Retry-After", "1"),)
    if webhook:
        return Response(429, b"rate_limited", (("Content-Type", "text/plain"), *retry))
    return Response.json({"ok": False, "error": "ratelimited"}, 429, retry)


def _arguments(request: Request) -> Arguments:
    """The arguments of a call, however they were sent."""
    arguments: Arguments = {name: values[0] for name, values in {**request.query, **request.form()}.items()}
    if request.header("content-type").startswith("application/json"):
        try:
            sent = request.json()
        except ValueError:
            sent = {"payload": "{"}
        arguments |= sent if isinstance(sent, dict) else {}
    for name in _JSON_ARGUMENTS:
        if isinstance(arguments.get(name), str):
            try:
                arguments[name] = json.loads(arguments[name])
            except ValueError:
                continue
    return {name: value for name, value in arguments.items() if value is not None}


def _content(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a message shows, checked as Slack checks it."""
    text, blocks = arguments.get("text") or "", arguments.get("blocks") or []
    markdown = arguments.get("markdown_text")
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if markdown and len(markdown) > _MOST_MARKDOWN_TEXT:
        raise SlackError("msg_too_long")
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if not (text or markdown or blocks or arguments.get("attachments")):
        raise SlackError("no_text")
    if problems := block_problems(blocks):
        raise SlackError("invalid_blocks", problems)
    if characters(blocks) > MOST_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return {"text": (markdown or text)[:_MOST_TEXT], "blocks": blocks, "metadata": _metadata(arguments.get("metadata"))}


def _metadata(metadata: Any) -> dict[str, Any]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata)) > _MOST_METADATA:
        raise SlackError("metadata_too_large")
    return metadata


def _page(messages: list[Message], arguments: Arguments) -> dict[str, Any]:
    oldest, latest = float(arguments.get("oldest") or 0), float(arguments.get("latest") or "inf")
    inclusive = str(arguments.get("inclusive")).lower() in ("true", "1")
    kept = [each for each in messages if oldest < float(each.ts) < latest or (inclusive and float(each.ts) in (oldest, latest))]
    size, start = int(arguments.get("limit") or _PAGE), int(arguments.get("cursor") or 0)
    more = len(kept) > start + size
    with_metadata = str(arguments.get("include_all_metadata")).lower() in ("true", "1")
    shown = [each.shown() for each in kept[start : start + size]]
    if not with_metadata:
        shown = [{name: value for name, value in each.items() if name != "metadata"} for each in shown]
    cursor = {"response_metadata": {"next_cursor": str(start + size)}} if more else {}
    return {"messages": shown, "has_more": more, **cursor}


def _shown_user(user: User | None) -> dict[str, Any]:
    if user is None:
        raise SlackError("user_not_found")
    profile = {"email": user.email, "real_name": user.name.title()}
    return {"user": {"id": user.id, "name": user.name, "locale": user.language, "deleted": False, "profile": profile}}

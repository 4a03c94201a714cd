"""What an envelope of Slack's says, read with care: it is outside data, and what is not understood is nothing at all. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.core.record import Json
from bridge.slack.buttons import ASSIGNEE, NOTE, REASON, Deed
from bridge.slack.client import Place

Heard = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one person asks for. `id` is the same for an envelope that comes twice; `by` is their Slack id."""

    id: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(Asked):
    """A button or a menu. `row` is the block that holds it, among the message's `blocks`; `thread` is where that stands."""

    deed: Deed
    place: Place
    thread: Place
    row: str
    blocks: Sequence[Json]
    text: str
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(Asked):
    """A window that was sent off: what it was opened for, and what was filled in."""

    deed: Deed
    place: Place
    thread: Place
    row: str
    language: str
    reason: str = ""
    assignee: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed(Asked):
    """The words after a slash command, and the address (good for half an hour) where its answer goes."""

    words: tuple[str, ...]
    answer_to: str


def read(kind: str, payload: Heard) -> Asked | None:
    """What the payload of an envelope of this type asks for; None for what is none of ours."""
    if kind == "slash_commands":
        return _typed(payload)
    if kind != "interactive":
        return None
    return {"block_actions": _pressed, "view_submission": _filled}.get(_text(payload, "type"), _nothing)(payload)


def _nothing(_payload: Heard) -> None:
    return None


def _typed(payload: Heard) -> Typed | None:
    by, number = _text(payload, "user_id"), _text(payload, "trigger_id")
    words = tuple(_text(payload, "text").split()[:4])
    return Typed(id=number, by=by, words=words, answer_to=_text(payload, "response_url")) if by and number else None


def _pressed(payload: Heard) -> Pressed | None:
    action = _part(_first(payload.get("actions")))
    value = _text(action, "value") or _text(_part(action.get("selected_option")), "value")
    message, container = _part(payload.get("message")), _part(payload.get("container"))
    channel, ts = _text(container, "channel_id"), _text(container, "message_ts")
    deed, by, trigger = Deed.of(value), _text(_part(payload.get("user")), "id"), _text(payload, "trigger_id")
    if deed is None or not (by and trigger and channel and ts):
        return None
    blocks = message.get("blocks")
    return Pressed(
        id=trigger,
        by=by,
        deed=deed,
        place=Place(channel, ts),
        thread=Place(channel, _text(message, "thread_ts") or ts),
        row=_text(action, "block_id"),
        blocks=blocks if isinstance(blocks, list) else (),
        text=_text(message, "text"),
        trigger=trigger,
    )


def _filled(payload: Heard) -> Filled | None:
    view = _part(payload.get("view"))
    try:
        kept = _part(json.loads(_text(view, "private_metadata") or "{}"))
    except (json.JSONDecodeError, RecursionError):
        return None
    deed, by = Deed.of(_text(kept, "deed")), _text(_part(payload.get("user")), "id")
    number = _text(payload, "trigger_id") or _text(view, "id")
    if deed is None or not (by and number):
        return None
    values = _part(_part(view.get("state")).get("values"))
    reason, assignee, note = (_part(_part(values.get(name)).get(name)) for name in (REASON, ASSIGNEE, NOTE))
    channel = _text(kept, "channel")
    return Filled(
        id=number,
        by=by,
        deed=deed,
        place=Place(channel, _text(kept, "ts")),
        thread=Place(channel, _text(kept, "thread")),
        row=_text(kept, "row"),
        language=_text(kept, "language"),
        reason=_text(_part(reason.get("selected_option")), "value"),
        assignee=_text(assignee, "selected_user"),
        note=_text(note, "value").strip(),
    )


def _part(value: Json) -> Heard:
    return value if isinstance(value, dict) else {}


def _first(value: Json) -> Json:
    return value[0] if isinstance(value, list) and value else None


def _text(holder: Heard, name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""

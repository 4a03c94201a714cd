"""Slack's markup, by construction: whatever comes from a record can neither ping, link, format nor draw an emoji.

Slack documents escapes for `& < >` only. The characters that format have none, so they give way to a character that looks
the same (docs.slack.dev, messaging/formatting-message-text).
"""

import re
import unicodedata
from urllib.parse import quote, urlsplit

from bridge.language import plain

ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"}
_EMOJI = re.compile(r":(?=[\w+'-]+:)")
_RATIO = "\u2236"
_PERSON = re.compile(r"[UW][A-Z0-9]{2,20}")
_TEAM = re.compile(r"S[A-Z0-9]{2,20}")
_ADDRESS_LIMIT = 600
_JOINERS = ("\u200d", "\ufe0f")


def escape(text: str, limit: int = 500) -> str:
    """The text as mrkdwn that shows just this text on one line, at most `limit` characters of markup; cut with an ellipsis."""
    pieces = [(char, ESCAPED.get(char, char)) for char in _EMOJI.sub(_RATIO, plain(text))]
    if sum(len(piece) for _, piece in pieces) <= limit:
        return "".join(piece for _, piece in pieces)
    room = limit - 1
    kept = 0
    while room >= len(pieces[kept][1]):
        room -= len(pieces[kept][1])
        kept += 1
    while kept and _belongs_to_previous(pieces[kept][0]):
        kept -= 1
    return "".join(piece for _, piece in pieces[:kept]) + "…"


def bold(text: str, limit: int = 500) -> str:
    """The text in bold."""
    shown = escape(text, limit - 2)
    return f"*{shown}*" if shown else ""


def link(address: str | None, label: str) -> str:
    """A link that reads `label`; only the label where the address is none that a browser should open."""
    shown = escape(label, 100)
    if address is None or urlsplit(address).scheme not in ("http", "https"):
        return shown
    safe = quote(address, safe="/:?#[]@!$&'()+,;=%~-._").replace("&", "&amp;")
    return f"<{safe}|{shown}>" if len(safe) <= _ADDRESS_LIMIT else shown


def mention(native: str) -> str:
    """A mention of a member (`U…`, `W…`) or of a user group (`S…`); of nobody if it is neither."""
    if _PERSON.fullmatch(native):
        return f"<@{native}>"
    return f"<!subteam^{native}>" if _TEAM.fullmatch(native) else ""


def _belongs_to_previous(char: str) -> bool:
    return char in _JOINERS or bool(unicodedata.combining(char))

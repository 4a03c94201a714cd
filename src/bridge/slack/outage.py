"""An outage as two Slack messages: one when it begins, and one when it is over, which is edited if it was not. Pure."""

import datetime as dt
from collections.abc import Sequence

from bridge.language import Language
from bridge.slack.message import Post, payload_of
from bridge.slack.mrkdwn import bold, escape
from bridge.slack.sheet import Sheet

_SHOWN = 5


def broke(key: str, language: Language, began: dt.datetime, what: Sequence[str], do: Sequence[str]) -> Post:
    """That sources cannot be read: `what` says which, `do` what to do."""
    headline = language.say("Sources cannot be read since {since}.", since=began)
    calm = language.say(
        "Nothing is lost: what changes meanwhile is caught up by itself. The next message tells that it is over."
    )
    return _post(key, headline, [*what[:_SHOWN], *do[:_SHOWN], calm])


def over(key: str, language: Language, began: dt.datetime, ended: dt.datetime, times: int) -> Post:
    """That all sources can be read again; `times` counts how often they went away meanwhile."""
    headline = language.say("All sources can be read again since {ended}.", ended=ended)
    return _post(key, headline, [_lasted(language, began, times)])


def away_again(key: str, language: Language, began: dt.datetime, what: Sequence[str], times: int) -> Post:
    """What `over` becomes when sources are away again soon after."""
    headline = language.say("Sources come and go; now they cannot be read again.")
    return _post(key, headline, [*what[:_SHOWN], _lasted(language, began, times)])


def _lasted(language: Language, began: dt.datetime, times: int) -> str:
    return language.plural(
        "They were away {number} time, first at {began}. What changed meanwhile is caught up by itself.",
        "They were away {number} times, first at {began}. What changed meanwhile is caught up by itself.",
        times,
        began=began,
    )


def _post(key: str, headline: str, lines: Sequence[str]) -> Post:
    sheet = Sheet()
    sheet.add(bold(headline))
    for line in dict.fromkeys(lines):
        sheet.add(escape(line))
    # A screen reader and a phone's notification have this text alone: which source it is must stand in it.
    return Post(key, payload_of(key, " ".join((headline, *dict.fromkeys(lines))), sheet.blocks))

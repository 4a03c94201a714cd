"""`/bridge` in Slack: what may be typed after it, and how its answers read. Pure."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.record import Side
from bridge.language import Language
from bridge.ports import RunState
from bridge.slack.mrkdwn import bold, escape

_RECORD = re.compile(r"civicrm:\d{1,18}|airtable:rec[0-9A-Za-z]{14,20}")
_MAPPING = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`status`, or a `sync` of one mapping or all and of one record or all."""

    verb: str
    mapping: str | None = None
    record: tuple[Side, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How one mapping stands: when it was last looked at well, and what is open, of high severity, or held."""

    mapping: str
    last_good: dt.datetime | None
    open: int
    high: int
    held: int


def parse(words: Sequence[str]) -> Command | None:
    """What the words ask for; None where they are `help` or not understood."""
    verb, *rest = [word.strip("`") for word in words] or ["help"]
    if verb == "status" and not rest:
        return Command(verb="status")
    if verb != "sync" or len(rest) > 2:  # noqa: PLR2004  # a mapping and a record
        return None
    records = [word for word in rest if _RECORD.fullmatch(word)]
    mappings = [word for word in rest if _MAPPING.fullmatch(word) and word not in records]
    if len(records) > 1 or len(mappings) > 1 or len(records) + len(mappings) < len(rest):
        return None
    side, _, native = records[0].partition(":") if records else ("", "", "")
    return Command(verb="sync", mapping=mappings[0] if mappings else None, record=(Side(side), native) if records else None)


def usage(say: Language) -> str:
    """What can be typed, with examples."""
    lines = (
        ("/bridge status", say.say("how everything stands")),
        ("/bridge sync", say.say("run every mapping now")),
        ("/bridge sync benefits-groups", say.say("run one mapping now")),
        ("/bridge sync airtable:rec0123456789ABCD", say.say("look at one record now, by its id in either system")),
        ("/bridge help", say.say("this list")),
    )
    return "\n".join(f"`{command}` {escape(what)}" for command, what in lines)


def standing(all_: Sequence[Status], say: Language) -> str:
    """How every mapping stands, a line each."""
    lines = []
    for each in all_:
        parts = [
            say.plural("{number} open discrepancy", "{number} open discrepancies", each.open),
            say.say("{number} of high severity", number=each.high) if each.high else "",
            say.plural("{number} plan waits for a person.", "{number} plans wait for a person.", each.held)
            if each.held
            else "",
            say.say("last looked at {moment}", moment=each.last_good) if each.last_good else say.say("never looked at yet"),
        ]
        lines.append(f"{bold(each.mapping)} {escape(' · '.join(filter(None, parts)), 400)}")
    return "\n".join(lines) or escape(say.say("There is no mapping."))


def state(of: RunState, say: Language) -> str:
    """How a run ended, in a word or two."""
    words = {
        RunState.DONE: say.say("done"),
        RunState.HELD: say.say("held, waiting for a person"),
        RunState.FAILED: say.say("failed"),
    }
    return words.get(of, of.value)

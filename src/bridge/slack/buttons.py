"""What a discrepancy and a held plan offer in Slack: buttons, a menu and one small window. Pure.

Everything that comes back names the discrepancy by its fingerprint and the stamp it was shown with, or a plan by its digest:
never a value. Limits (docs.slack.dev, block kit reference): 75 characters on a button, 24 in a window's title, 300 in the
question a button asks, 5 choices in a menu.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.ledger import Entry, Reason
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Json, Side
from bridge.core.report import PlanNote
from bridge.language import Language, plain
from bridge.slack.mrkdwn import escape

_DEED = re.compile(r"([a-z_]{2,20}):([0-9a-f]{16,64}):([0-9a-f]{0,16})")
_SIMILAR = 104
_BUTTON = 75
_QUESTION = 300
_CHOICE = 75
MENU = "more"
REASON, ASSIGNEE, NOTE = "reason", "assignee", "note"
"""The fields of the window, each a block of its own."""
_LONGEST_NOTE = 500


class Verb(StrEnum):
    """What a person can do with a button, a menu or the window."""

    USE_CIVICRM = "use_civicrm"
    USE_AIRTABLE = "use_airtable"
    SAME = "same"
    NOT_SAME = "not_same"
    SNOOZE_WEEK = "snooze_week"
    SNOOZE_CHANGE = "snooze_change"
    ACCEPT = "accept"
    ASSIGN = "assign"
    APPROVE = "approve"
    REJECT = "reject"

    @property
    def about_plan(self) -> bool:
        """Whether it is a word on a held plan, which only an approver has."""
        return self in (Verb.APPROVE, Verb.REJECT)

    @property
    def asks(self) -> bool:
        """Whether the window must be filled in first."""
        return self in (Verb.ACCEPT, Verb.ASSIGN)

    @property
    def side(self) -> Side | None:
        """The system whose value is to be used, for the two that choose one."""
        return {Verb.USE_CIVICRM: Side.CIVICRM, Verb.USE_AIRTABLE: Side.AIRTABLE}.get(self)


_USE = {Side.CIVICRM: Verb.USE_CIVICRM, Side.AIRTABLE: Verb.USE_AIRTABLE}


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing a person asks for. `key` is a discrepancy's fingerprint or a plan's digest; a plan has no `stamp`."""

    verb: Verb
    key: str
    stamp: str = ""

    def __str__(self) -> str:
        return f"{self.verb.value}:{self.key}:{self.stamp}"

    @classmethod
    def of(cls, text: str) -> "Deed | None":
        """What `str` made; None for anything else."""
        found = _DEED.fullmatch(text)
        if found is None or found[1] not in list(Verb):
            return None
        return cls(Verb(found[1]), found[2], found[3])


def for_entry(
    entry: Entry, sides: Collection[Side], language: Language, mapping: FieldMapping | None = None
) -> dict[str, Json]:
    """The row of buttons below a discrepancy; `sides` are those whose value may be chosen, `mapping` names the field."""
    found = entry.discrepancy
    buttons = []
    for side in Side:
        if side in sides:
            question = language.say(
                "“{field}” of {name} in {side} is overwritten with what {other} has. It can be taken back.",
                field=language.field(found.field, mapping),
                name=found.name,
                side=side.other.title,
                other=side.title,
            )
            label = language.say("Use the value of {side}", side=side.title)
            buttons.append(_button(Deed(_USE[side], found.fingerprint, entry.stamp), label, language, question))
    if found.code == _SIMILAR:
        buttons.append(_button(Deed(Verb.SAME, found.fingerprint, entry.stamp), language.say("The same"), language))
        buttons.append(_button(Deed(Verb.NOT_SAME, found.fingerprint, entry.stamp), language.say("Not the same"), language))
    choices: list[Json] = [
        {"text": _plain(words, _CHOICE), "value": str(Deed(verb, found.fingerprint, entry.stamp))}
        for verb, words in (
            (Verb.SNOOZE_WEEK, language.say("Snooze for 7 days")),
            (Verb.SNOOZE_CHANGE, language.say("Snooze until it changes")),
            (Verb.ACCEPT, language.say("Accept, because…")),
            (Verb.ASSIGN, language.say("Assign to…")),
        )
    ]
    menu: Json = {"type": "overflow", "action_id": MENU, "options": choices}
    return {"type": "actions", "block_id": found.fingerprint, "elements": [*buttons, menu]}


def for_plan(plan: PlanNote, title: str, language: Language) -> dict[str, Json]:
    """The row of buttons below a held plan."""
    question = language.say(
        "{title}: {amount} will be written, after each is checked again.",
        title=title,
        amount=language.amount(plan),
    )
    approve = _button(Deed(Verb.APPROVE, plan.digest), language.say("Approve"), language, question, style="primary")
    reject = _button(
        Deed(Verb.REJECT, plan.digest),
        language.say("Reject"),
        language,
        language.say("Nothing is written, and this plan is not asked for again until it differs."),
    )
    return {"type": "actions", "block_id": plan.digest[:32], "elements": [approve, reject]}


def window(deed: Deed, what: str, language: Language, place: Mapping[str, str]) -> dict[str, Json]:
    """The window that asks why a discrepancy is accepted, or who takes care of it; `place` comes back with it."""
    say = language.say
    accepts = deed.verb is Verb.ACCEPT
    asked: dict[str, Json]
    if accepts:
        reasons: list[Json] = [{"text": _plain(language.reason(each.value), _CHOICE), "value": each.value} for each in Reason]
        element: Json = {"type": "static_select", "action_id": REASON, "options": reasons}
        asked = {"type": "input", "block_id": REASON, "label": _plain(say("Why may it stand?"), _BUTTON), "element": element}
    else:
        element = {"type": "users_select", "action_id": ASSIGNEE}
        asked = {
            "type": "input",
            "block_id": ASSIGNEE,
            "label": _plain(say("Who takes care of it?"), _BUTTON),
            "element": element,
        }
    note: Json = {
        "type": "input",
        "block_id": NOTE,
        "optional": True,
        "label": _plain(say("Note"), _BUTTON),
        "element": {"type": "plain_text_input", "action_id": NOTE, "max_length": _LONGEST_NOTE},
    }
    told: Json = {"type": "section", "text": {"type": "mrkdwn", "text": escape(what, 1_000), "verbatim": True}}
    return {
        "type": "modal",
        "callback_id": deed.verb.value,
        "private_metadata": json.dumps({**place, "deed": str(deed)}),
        "title": _plain(say("Accept") if accepts else say("Assign"), 24),
        "submit": _plain(say("Accept") if accepts else say("Assign"), 24),
        "close": _plain(say("Cancel"), 24),
        "blocks": [told, asked, note],
    }


def without(blocks: Sequence[Json], block_id: str, told: str) -> list[Json] | None:
    """A message's blocks with one row of buttons replaced by what came of it; None if the row is not there (any more)."""
    if all(not isinstance(each, dict) or each.get("block_id") != block_id for each in blocks):
        return None
    words: Json = {"type": "context", "elements": [{"type": "mrkdwn", "text": told, "verbatim": True}]}
    return [words if isinstance(each, dict) and each.get("block_id") == block_id else each for each in blocks]


def _button(deed: Deed, label: str, language: Language, question: str = "", *, style: str = "") -> Json:
    button: dict[str, Json] = {
        "type": "button",
        "action_id": deed.verb.value,
        "text": _plain(label, _BUTTON),
        "value": str(deed),
    }
    if question:
        button["confirm"] = {
            "title": _plain(language.say("Are you sure?"), 100),
            "text": _plain(question, _QUESTION),
            "confirm": _plain(language.say("Yes"), 30),
            "deny": _plain(language.say("Cancel"), 30),
        }
    return {**button, "style": style} if style else button


def _plain(text: str, limit: int) -> dict[str, Json]:
    """Text that Slack shows as it is: nothing in it formats, links or calls anybody."""
    words = plain(text)
    return {"type": "plain_text", "text": words if len(words) <= limit else f"{words[: limit - 1]}…", "emoji": False}

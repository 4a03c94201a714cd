"""The English wording of everything that has a fixed set of kinds: codes, severities, states, reasons.

Written for staff, not for engineers. `{placeholders}` are filled by name. `N_` and `NN_` mark messages for the catalogues.
"""

from dataclasses import dataclass

from bridge.core.ledger import Happened, Reason, State
from bridge.core.mapping import Mode, Operator, Severity
from bridge.core.plan import Written
from bridge.core.report import PlanState, Standing


def N_(message: str) -> str:  # noqa: N802  # gettext's own word for a message translated later
    """The message itself."""
    return message


def NN_(one: str, several: str) -> tuple[str, str]:  # noqa: N802  # as `N_`, for a word that has a plural
    """Both forms."""
    return one, several


@dataclass(frozen=True, slots=True)
class Wording:
    """A code's short title, the sentence that says what is the matter, and the one that says what to do next."""

    title: str
    what: str
    do: str


CODES: dict[int, Wording] = {
    101: Wording(
        N_("Only in CiviCRM"),
        N_("{name} is in CiviCRM and not in Airtable."),
        N_("Add it in Airtable, or correct the record it should match. If it does not belong there, accept this."),
    ),
    102: Wording(
        N_("Only in Airtable"),
        N_("{name} is in Airtable and not in CiviCRM."),
        N_("Add it in CiviCRM, or correct the record it should match. If it does not belong there, accept this."),
    ),
    103: Wording(
        N_("More than one possible match"),
        N_("{name} in {side} fits more than one record in {other}, so it was left alone."),
        N_("Open the records, decide which one is meant, and confirm that match."),
    ),
    104: Wording(
        N_("Similar, waiting for a person"),
        N_("{name} in CiviCRM looks like {candidate} in Airtable; only a person can say whether they are the same."),
        N_("Confirm the match if they are the same, reject it if they are not."),
    ),
    105: Wording(
        N_("Twice in one system"),
        N_("{name} is more than once in {side}."),
        N_("Merge the records in {side}, or correct the one that carries the wrong number or name."),
    ),
    106: Wording(
        N_("No longer found"),
        N_("{name} is no longer found in {side}: {whereabouts}. Nothing was changed in {other}."),
        N_("If it left on purpose, end it in {other} too; if not, restore it in {side}."),
    ),
    107: Wording(
        N_("Merged in CiviCRM"),
        N_("{name} was merged into another contact in CiviCRM; bridge now follows the contact that was kept."),
        N_("Check that the contact that was kept is the right one."),
    ),
    201: Wording(
        N_("Blank where it should be filled"),
        N_("{name}: “{field}” is blank in one system and filled in the other."),
        N_("Fill it in where it is blank, or clear it in the other system."),
    ),
    202: Wording(
        N_("Differs, and never agreed before"),
        N_("{name}: “{field}” differs, and the two systems never agreed on it before."),
        N_("Correct the one that is wrong. Once both say the same, this closes by itself."),
    ),
    203: Wording(
        N_("Edited in the wrong system"),
        N_("{name}: “{field}” was edited in the system that does not own it."),
        N_("If the edit is right, make it in the system that owns the field."),
    ),
    204: Wording(
        N_("Edited differently in both systems"),
        N_("{name}: “{field}” was edited in both systems, and not in the same way."),
        N_("Decide which is right and correct the other. Once both say the same, this closes by itself."),
    ),
    205: Wording(
        N_("Emptied in one system"),
        N_("{name}: “{field}” was emptied in one system; what the other one holds was kept."),
        N_("If it should be empty, empty it in both systems; if not, fill it in again."),
    ),
    206: Wording(
        N_("Cannot be read"),
        N_("{name}: what stands in “{field}” cannot be read, so it was left alone in both systems."),
        N_("Correct it where it stands."),
    ),
    207: Wording(
        N_("Differs"),
        N_("{name}: “{field}” differs. Bridge only reports this field."),
        N_("Correct the one that is wrong."),
    ),
    208: Wording(
        N_("Taken back"),
        N_("{name}: a change of “{field}” was taken back and is not made again."),
        N_("Correct the source if it is wrong. To let the change be made after all, use its value here."),
    ),
    401: Wording(
        N_("Change refused"),
        N_("{side} refused a change to {name}."),
        N_("Make the change by hand, or correct what the system refuses."),
    ),
    402: Wording(
        N_("Edited while being written"),
        N_("{name} was edited just before bridge wrote to it, so nothing was written."),
        N_("Nothing to do: the next run looks again."),
    ),
    403: Wording(
        N_("Write in doubt"),
        N_("The connection was lost while {name} was being written; it is not known whether the change arrived."),
        N_("Nothing to do yet: the next run looks before it writes. If this stays, look at the record yourself."),
    ),
    404: Wording(
        N_("Protected"),
        N_("{name} is protected, so the change was not made: bridge leaves such memberships and contacts to people."),
        N_("Make the change by hand in CiviCRM if it is right."),
    ),
    405: Wording(
        N_("Stored differently than sent"),
        N_("{name}: “{field}” was stored differently than it was sent."),
        N_("Look at the field in both systems, and shorten or correct the source."),
    ),
    501: Wording(
        N_("Field missing or changed"),
        N_("The field “{field}” is missing in {side} or is now of another kind. It is left alone until that is mended."),
        N_("Bring the field back, or ask whoever looks after the mapping to change it."),
    ),
    502: Wording(
        N_("Option gone or new"),
        N_("The options of “{field}” in {side} changed: one is gone or new."),
        N_("Bring the option back, or ask whoever looks after the mapping to add it."),
    ),
    503: Wording(
        N_("Field renamed"),
        N_("The field “{field}” was renamed in {side}. It is left alone until the name fits again."),
        N_("Rename it back, or ask whoever looks after the mapping to use the new name."),
    ),
    504: Wording(
        N_("Source not read"),
        N_("{side} could not be read, so nothing could be compared."),
        N_("Bridge tries again at its next run. If this stays, tell whoever looks after bridge."),
    ),
    505: Wording(
        N_("Call quota used up"),
        N_("The month's calls to {side} are used up, so it is not read again before the first of next month."),
        N_("Wait, or have the plan raised."),
    ),
}

RULE = Wording(
    N_("A rule of the mapping"),
    N_("{name} meets the rule “{rule}”."),
    N_("Look at the record in both systems."),
)
"""What stands in for a 3xx whose rule has no words, or is no longer in the mapping."""

BLANK_AT_OWNER = N_("{name}: “{field}” is blank in {owner}, which owns it, and filled in {edited}.")
EDITED_AT_OTHER = N_("{name}: “{field}” was edited in {edited}, but {owner} owns it.")
EDIT_AT_OWNER = N_("If the edit is right, make it in {owner}.")
SOME_SIDE = N_("one of the two systems")

SEVERITIES = {Severity.LOW: N_("low"), Severity.MEDIUM: N_("medium"), Severity.HIGH: N_("high")}

STATES = {
    State.OPEN: NN_("open", "open"),
    State.SNOOZED: NN_("snoozed", "snoozed"),
    State.ACCEPTED: NN_("accepted", "accepted"),
    State.RESOLVED: NN_("resolved", "resolved"),
}
"""Of one and of several: the two differ in Spanish."""

STANDINGS = {
    Standing.NEW: NN_("new", "new"),
    Standing.WORSE: NN_("worse or back", "worse or back"),
    Standing.ONGOING: NN_("ongoing", "ongoing"),
    Standing.RESOLVED: NN_("resolved", "resolved"),
    Standing.SNOOZED: NN_("snoozed", "snoozed"),
    Standing.ACCEPTED: NN_("accepted", "accepted"),
}
"""Of one and of several."""

PLAN_STATES = {
    PlanState.PROPOSED: N_("proposed, nothing written"),
    PlanState.HELD: N_("held, waiting for a person"),
    PlanState.APPLIED: N_("written"),
}

REASONS = {
    Reason.BOTH_RIGHT: N_("both are right"),
    Reason.AGREED_EXCEPTION: N_("an agreed exception"),
    Reason.TIMING: N_("settles by itself"),
    Reason.NOT_OURS: N_("somebody else has to mend it"),
    Reason.HISTORICAL: N_("too old to be worth mending"),
    Reason.OTHER: N_("another reason, see the note"),
}

DETAILS = {
    "out_of_scope": N_("it is outside what this mapping covers"),
    "trashed": N_("it is in the trash"),
    "merged": N_("it was merged into another record"),
    "purged": N_("it was deleted for good"),
    "unreadable": N_("it cannot be read"),
}
"""Words of the engine that stand in a discrepancy's details, as people say them."""

REMARKS = frozenset(
    {
        N_("The system shows an error in this cell."),
        N_("This is not a plain value."),
        N_("Several values stand where one is meant."),
        N_("This text holds characters that cannot be stored."),
        N_("This is not an e-mail address."),
        N_("This is not a whole phone number."),
        N_("This is not a date."),
        N_("This is a date with a time of day, and the mapping does not say `from: datetime`."),
        N_("This is not a date with a time of day."),
        N_("This is not a number."),
        N_("This is not a whole number."),
        N_("This number is larger than can be kept exactly."),
        N_("This is neither yes nor no."),
        N_("This is not a web address."),
        N_("The mapping does not name this option."),
        N_("The record referred to has no partner on the other side yet."),
        N_('CiviCRM reads the word "null" as blank.'),
        N_("A checkbox in Airtable cannot be blank."),
        N_("This number has more digits than travel unchanged."),
        N_("Several names in CiviCRM share this option."),
    }
)
"""Why a cell cannot be read or written: the engine's own sentences, word for word."""

WHY = {
    "create": N_("a new record"),
    "changed": N_("changed in {source}"),
    "first_contact": N_("first seen, taken from {source}"),
    "conflict": N_("both changed; {source} decides"),
    "reverted": N_("edited in {target}, which does not own it; put back"),
    "clear": N_("cleared in {source}"),
    "chosen": N_("a person chose what {source} has"),
    "undo": N_("taken back"),
    "restored": N_("taken back"),
}
"""Why a plan writes a cell."""

MODES = {Mode.OBSERVE: N_("only looked at"), Mode.CORRECT: N_("corrected")}

RUN_STATES = {
    "running": N_("under way"),
    "done": N_("done"),
    "held": N_("held"),
    "failed": N_("failed"),
    "interrupted": N_("cut short"),
}

RUN_KINDS = {
    "sweep": N_("everything"),
    "delta": N_("what changed"),
    "record": N_("one record"),
    "plan": N_("a plan only"),
    "apply": N_("an approved plan"),
    "undo": N_("taken back"),
}
"""What a run looked at, or did."""

STAGES = {"waiting": N_("waiting its turn"), **RUN_STATES}
"""How a run that was asked for stands."""

OUTCOMES = {
    Written.DONE: N_("written"),
    Written.STALE: N_("left alone: edited meanwhile"),
    Written.REFUSED: N_("refused by the system"),
    Written.IN_DOUBT: N_("in doubt"),
    Written.NOT_SENT: N_("not sent"),
}
"""How a write ended."""

VERDICTS = {
    "agreed": N_("both have the same"),
    "changed": N_("one was edited since they last agreed"),
    "clear": N_("one was emptied since they last agreed"),
    "conflict": N_("both were edited, and not in the same way"),
    "first_contact": N_("they differ, and never agreed"),
    "unreadable": N_("one of them cannot be read"),
    "read only": N_("only read, for rules"),
}
"""What comparing one field found."""

CELLS = {"never agreed": N_("never agreed"), "true": N_("yes"), "false": N_("no")}
"""What may stand in the place of a cell."""

COUNTS = {
    "civicrm_records": NN_("record in CiviCRM", "records in CiviCRM"),
    "airtable_records": NN_("record in Airtable", "records in Airtable"),
    "changes": NN_("record to write", "records to write"),
    "written": NN_("record written", "records written"),
    "refused": NN_("write refused", "writes refused"),
    "stale": NN_("write left alone: edited meanwhile", "writes left alone: edited meanwhile"),
    "in_doubt": NN_("write in doubt", "writes in doubt"),
    "not_sent": NN_("write not sent", "writes not sent"),
    "discrepancies": NN_("discrepancy", "discrepancies"),
}
"""What a run counts: of one and of several."""

WORKS = {
    "sweep": N_("Everything is compared next"),
    "sync": N_("What changed is compared next"),
    "digest": N_("Slack is told next"),
}

HAPPENED = {
    Happened.OPENED: N_("found"),
    Happened.WORSE: N_("got worse"),
    Happened.RESOLVED: N_("no longer found"),
    Happened.REOPENED: N_("open again"),
    Happened.ASSIGNED: N_("put into hands"),
    Happened.SNOOZED: N_("silenced for a while"),
    Happened.WOKE: N_("woken from its snooze"),
    Happened.ACCEPTED: N_("accepted as it is"),
    Happened.ANSWERED: N_("answered"),
    Happened.COMMENTED: N_("noted"),
}

ANSWERS = frozenset({N_("the same"), N_("not the same")})
"""What a person said of a suggested pair, word for word as the ledger keeps it."""

DONE = {
    "assigned": N_("Done: it is in those hands now."),
    "given_back": N_("Done: it is in nobody's hands now."),
    "snoozed": N_("Done: it is silent for now."),
    "accepted": N_("Done: it may stand as it is."),
    "reopened": N_("Done: it is open again."),
    "commented": N_("Done: your note is kept."),
    "same": N_("Done: the two are linked. The next run takes it from there."),
    "not_same": N_("Done: the two are kept apart, and not suggested again until something about them changes."),
    "chosen": N_("Asked for: the value is being written. This page says how it went."),
    "approved": N_("Asked for: the plan is being written. This page says how it went."),
    "rejected": N_("Done: this plan is not asked for again. One that differs from it is."),
    "asked": N_("Asked for. This page says how it went."),
    "signed_out": N_("You are signed out."),
}
"""What a page says after a form of it was sent."""

MISHAPS = {
    400: N_("This could not be understood."),
    403: N_("This is not yours to do."),
    404: N_("There is no such page."),
    409: N_("Nothing was done: something changed meanwhile."),
    422: N_("This could not be understood."),
    429: N_("Too fast: wait a little, then try again."),
    500: N_("Something went wrong."),
    503: N_("This cannot be done just now."),
}
"""What a page says first when a request went wrong, by HTTP's status."""

COLUMNS = {
    "id": N_("No."),
    "title": N_("Kind"),
    "severity": N_("Severity"),
    "state": N_("State"),
    "name": N_("Name"),
    "text": N_("What is the matter"),
    "do": N_("What to do"),
    "field": N_("Field"),
    "opened_at": N_("Since"),
    "days": N_("Days"),
    "runs": N_("Runs"),
    "assignee": N_("In the hands of"),
    "snoozed_until": N_("Snoozed until"),
    "mapping": N_("Mapping"),
    "code": N_("Code"),
    "rule": N_("Rule"),
    "civicrm_id": N_("CiviCRM id"),
    "airtable_id": N_("Airtable id"),
    "civicrm_address": N_("In CiviCRM"),
    "airtable_address": N_("In Airtable"),
    "page": N_("On the page"),
    "code_page": N_("More about this kind"),
    "fingerprint": N_("Fingerprint"),
}
"""The columns of the CSV file, in their order."""

BOARD_COLUMNS = {
    "fingerprint": N_("Fingerprint"),
    "name": N_("Name"),
    "code": N_("Code"),
    "rule": N_("Rule"),
    "severity": N_("Severity"),
    "state": N_("State"),
    "text": N_("Text"),
    "do": N_("What to do"),
    "opened_at": N_("Opened"),
    "assignee": N_("Assignee"),
    "snoozed_until": N_("Snooze until"),
    "note": N_("Note"),
    "address": N_("Record link"),
    "page": N_("On the page"),
    "mapping": N_("Mapping"),
    "code_page": N_("More about this kind"),
}
"""The columns of Airtable's table of discrepancies."""

FAILURES = {
    "AuthRejected": N_("A key was refused, or a permission is missing."),
    "Unavailable": N_("No answer came."),
    "RateLimited": N_("A pause was asked for."),
    "QuotaExhausted": N_("The month's calls are used up."),
    "RequestRejected": N_("What was asked was refused."),
    "UnexpectedAnswer": N_("The answer was not one that bridge understands."),
    "OutcomeUnknown": N_("The answer was lost; the next run finds out what became of it."),
    "Incomplete": N_("Not everything came."),
    "StaleRecord": N_("This is no longer as it was shown."),
    "ConfigError": N_("This cannot be done as bridge is set up now."),
    "RunInProgress": N_("Another run is under way; try again in a minute."),
    "StoreError": N_("Bridge's own memory cannot be read or written just now."),
}
"""What went wrong, by the kind of error: an error's own words are the operators', and stay English."""

SOME_FAILURE = N_("Something went wrong; whoever runs bridge finds why in its log.")

QUESTIONS = {
    Operator.IS: N_("{field} is {operand}"),
    Operator.IS_NOT: N_("{field} is not {operand}"),
    Operator.IN: N_("{field} is one of: {operand}"),
    Operator.NOT_IN: N_("{field} is none of: {operand}"),
    Operator.BEFORE: N_("{field} is before {operand}"),
    Operator.AFTER: N_("{field} is after {operand}"),
    Operator.WITHIN: N_("{field} is within {operand} from today"),
    Operator.OVERDUE_BY: N_("{field} was at least {operand} ago"),
    Operator.MORE_THAN: N_("{field} is more than {operand}"),
    Operator.LESS_THAN: N_("{field} is less than {operand}"),
    Operator.DIFFERS: N_("{field} differs between the two systems"),
}
"""What a rule asks of a cell."""

BLANK = {True: N_("{field} is blank"), False: N_("{field} is filled in")}

ANSWERED = {True: N_("yes"), False: N_("no"), None: N_("unknown: the cell cannot be read")}

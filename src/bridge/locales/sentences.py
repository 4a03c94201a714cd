"""The engine's own sentences, as its code words them and the state keeps them: in English, by which the catalogues know them.

What filled a sentence's `{placeholders}` is read back out of it, so that a reader has it in their own language, however long
ago it was kept. The engine knows nothing of languages; a test holds that each sentence is still one of its own.
"""

import re
from collections.abc import Mapping
from functools import cache

from bridge.locales.wording import ANSWERS, N_, REMARKS

GUARD = frozenset(
    {
        N_("{side} answered with no records at all."),
        N_("{side} has 1 record, {last} at the last complete sweep: {share} fewer."),
        N_("{side} has {now} records, {last} at the last complete sweep: {share} fewer."),
        N_("{side} did not show {records}, which must always be seen."),
        N_("{found} {what} in {side}, at most {limit} without a person."),
        N_("{found} of {population} {what} in {side}: {share}, at most {limit} without a person."),
        N_("What is pulled or how it is matched changed since the last run; review the changes once."),
        N_("The mapping changed since the last run; review the changes once."),
        N_("Applying needs up to {calls} Airtable calls, {left} are left this month."),
        N_("record to update"),
        N_("records to update"),
        N_("record to create"),
        N_("records to create"),
        N_("cell to clear"),
        N_("cells to clear"),
        N_("guard.{key} in {file} (now {value})"),
        N_("{key}.where in {file}, or the credential's permissions"),
        N_("approve this plan; nothing in {file} lifts it"),
        N_("BRIDGE_AIRTABLE__PLAN, or wait for the first of the month"),
    }
)
"""Why a plan is held, and what lifts it."""

WRITES = frozenset(
    {
        N_("Airtable does not let the token's user write {fields}, or it is computed or frozen."),
        N_("The record is not in the table any more."),
        N_("Edited since it was read: {fields}."),
        N_("Airtable refused it: {why}."),
        N_("Airtable refused {what}: {why}."),
        N_('the field "{field}" does not take this kind of value'),
        N_("Airtable says {what}"),
        N_("a field does not take this kind of value"),
        N_("the select field has no such option, and bridge never makes options"),
        N_("the record, or one it links to, is not there any more"),
        N_("the record is not there any more"),
        N_("the token's user may not write the field"),
        N_("what it names is not there"),
        N_("a field is not there any more"),
        N_("a field is computed by Airtable and cannot be written"),
        N_("the filter names a field that is not there, or is not a formula"),
        N_("the list of records is not well formed"),
        N_("the base is in a state that does not allow it"),
        N_("the request is not valid"),
        N_("the request lacks a part"),
        N_("CiviCRM refused {what}."),
        N_("CiviCRM refused {what}: {why}."),
        N_("a value that must be unique is used by another record, perhaps in the trash"),
        N_("it points to a record that does not exist"),
        N_("these are required: {fields}"),
        N_("there is no field {field}"),
        N_("it does not know the parameter {what}"),
        N_("a value is not of the type {what}"),
        N_("there is no such record"),
        N_("a value is too long or out of range"),
        N_("CiviCRM takes no values for {field}."),
        N_("The record is gone or in the trash."),
        N_("{field} is no longer what the plan saw."),
        N_("{field} is not to be seen in CiviCRM."),
        N_("{field} belongs to another record and cannot be made with this one."),
        N_("There is no {what} record to write to."),
        N_("The membership is inherited: correct the one it comes from."),
        N_("Somebody has set the membership's status by hand."),
        N_("The membership is pending, cancelled or that of a deceased person: its changes are for a person to make."),
        N_("CiviCRM leaves {field} as it is where it is sent a blank."),
        N_("A blank {field} would delete the {what} record."),
        N_("{field} holds {count} characters and CiviCRM would cut the value."),
        N_("CiviCRM cannot store the word it takes for an empty value in {field}."),
        N_("The value for {field} is no ISO date."),
        N_("CiviCRM has no such option of {field} and would store a blank."),
        N_("CiviCRM took the write and the record could not be read back."),
        N_("The record moved between the check and the write."),
        N_("Other cells of the change were written."),
        N_("{side} does not let {field} be written"),
        N_("{count} characters, and {side} holds {limit} in {field}"),
        N_("{side} has no such option in {field}"),
        N_("a field that the scope asks for is frozen"),
        N_("no match key is filled in, so it could not be found again"),
        N_(
            "{records} carries its match key already: bring that record into the mapping's scope, or take the key off it; "
            "if it came only just now, the next run finds it"
        ),
        N_("bridge was told to stop; the next run goes on"),
        N_("in doubt, settled by reading: it had landed"),
        N_("in doubt, settled by reading: it had not landed"),
        N_("in doubt, settled by reading: a part of it had landed"),
        N_("in doubt, settled by reading: the record has been edited since"),
        N_("The two records are no longer linked."),
        N_("It has got a partner since the plan was made."),
        N_("Another write may have created it: that is settled first."),
        N_("The record in {side} is gone or out of scope."),
        N_("Edited in {side} since the plan was made: {fields}."),
        N_("The answer to {what} was lost."),
        N_("{what} was sent to CiviCRM and its answer was lost ({kind})."),
        N_("{what} was sent to CiviCRM and its answer does not fit it."),
        N_("{what} was sent to CiviCRM and its answer cannot be read (HTTP {code})."),
    }
)
"""Why a write was refused, dropped or in doubt, as the journal keeps it."""

SCHEMAS = frozenset(
    {
        N_("Table {table} has no field {field}."),
        N_("Field {field} ({id}) of table {table} was deleted."),
        N_("Another field has taken its name; it is not the same field."),
        N_("Field {field} of table {table} is called {name} now."),
        N_("Field {field} of table {table} was of type {before} and is {kind} now."),
        N_("Option {name} of field {field} was deleted."),
        N_("Option {name} of field {field} is new, and no `values` name it."),
        N_("{field} is called {name} now."),
        N_("{field}: no such field, or this account may not see it"),
    }
)
"""What changed in a system's fields and options."""

HISTORY = frozenset(
    {
        N_("{side}'s value was written to {other} by run {run}"),
        N_("undo of run {run}"),
    }
)
"""What the engine notes of what happened."""

REFUSALS = frozenset(
    {
        N_("{called} is resolved."),
        N_("{called} is open already."),
        N_("Discrepancy {id}"),
        N_("A snooze must end after today ({today}); {day} is over."),
        N_("The reason `other` needs a note that says why."),
        N_("There is no discrepancy {id}."),
        N_("Several discrepancies begin with {id}."),
        N_("Discrepancy {id} ({code}) suggests no pair."),
        N_("{side}'s value cannot be chosen for discrepancy {id} ({code})."),
        N_("{mapping} is only observed: no value can be written."),
        N_("{mapping} is only observed: a plan cannot be applied."),
        N_("“{field}” is blank in {side}, and a blank replaces a value only where the mapping says so."),
        N_("“{field}” cannot be written: {why}."),
        N_("“{field}” cannot be read at present."),
        N_("“{field}” has been edited since this was found."),
        N_("Both systems say the same by now."),
        N_("The two records are no longer linked, or one of them is gone."),
        N_("{records} cannot be linked in {mapping}: {why}."),
        N_("Whoever asked for a plan may not approve it, and {name} asked for run {run}."),
        N_("{file} changed after the plan {digest} was made."),
        N_("No mapping is called {name}; there are: {mappings}."),
        N_("{side} record {id} is not in the scope of {mapping}: {why}."),
        N_("{count} syncs wait already, or the server is stopping."),
        N_("The run broke off; the log says why."),
        N_("{side} {id} is linked to {other} {partner}"),
    }
)
"""Why what a person asked for was not done."""

VERDICTS = frozenset(
    {
        N_("both sides hold the same"),
        N_("they differ and never agreed"),
        N_("one side moved away from what was agreed"),
        N_("the side whose word counts was emptied"),
        N_("both sides moved, and not to the same"),
        N_("it was taken back, or the system changed it; left until its source changes"),
        N_("the blank may not be filled (`authority`, `fill_blank`)"),
        N_("the side that moved does not own it"),
        N_("nobody owns it (`on_conflict: report`)"),
        N_("a blank replaces nothing without `clear: true`"),
        N_("{why}: told, not written"),
        N_("{why}: put back in {sides}, and told"),
        N_("`first_contact: authority`: written to {sides}, and told"),
        N_("`clear: true`: emptied in {sides} too"),
        N_("`on_conflict: {policy}`: written to {sides}"),
        N_("the blank is filled in {sides}"),
        N_("{why}: carried to {sides}"),
        N_("CiviCRM and Airtable"),
    }
)
"""Why a field is as it is."""

SENTENCES = frozenset().union(REMARKS, ANSWERS, GUARD, WRITES, SCHEMAS, HISTORY, REFUSALS, VERDICTS)
"""All of them."""

_PLACEHOLDER = re.compile(r"\\?\{(\w+)\\?\}")


def recognise(text: str) -> tuple[str, Mapping[str, str]] | None:
    """The sentence that `text` is, and what fills it; None for a text that is none of the engine's."""
    if text in SENTENCES:
        return text, {}
    for sentence, fixed, pattern in _patterns():
        if fixed in text and (match := pattern.fullmatch(text)):
            return sentence, match.groupdict()
    return None


@cache
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """The sentences that have something to fill, with their longest fixed part; first those that say most themselves."""
    filled = sorted((each for each in SENTENCES if "{" in each), key=lambda each: (-len(_PLACEHOLDER.sub("", each)), each))
    return tuple((each, max(_PLACEHOLDER.split(each)[::2], key=len), _pattern(each)) for each in filled)


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(_PLACEHOLDER.sub(r"(?P<\1>.+?)", re.escape(sentence)))

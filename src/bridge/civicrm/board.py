"""Discrepancies as activities on the contacts they are about: scheduled while they last, completed once they are resolved.

An activity is found by its fingerprint, which stands in one of its fields, before anything is written: a write whose answer was
lost leaves one. Who completes or deletes an activity by hand is left alone until the discrepancy itself changes.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from bridge.civicrm.client import Call, CivicrmClient
from bridge.core.ledger import Entry, State
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Json
from bridge.core.report import Address, code_page, own_page
from bridge.errors import BridgeError, ConfigError, Problem, RequestRejected
from bridge.language import Language, plain
from bridge.ports import Lack

SCHEDULED, COMPLETED = "Scheduled", "Completed"
_LONGEST_SUBJECT = 255
_GONE = frozenset({106, 107})
"""Codes about a contact that is not there any more: nothing can stand on it."""


class CivicrmBoard:
    """Fulfils `ports.Board`. Nobody answers on an activity, so nothing is read back."""

    batch_size = 25

    def __init__(
        self, client: CivicrmClient, mapping: FieldMapping, language: Language, address: Address, page: str | None = None
    ) -> None:
        if mapping.report.civicrm is None:
            raise ValueError(f"{mapping.name} reports no activities")
        self._client = client
        self._mapping = mapping
        self._type = mapping.report.civicrm.type
        self._key = mapping.report.civicrm.key
        self._language = language
        self._address = address
        self._page = page
        self.read_at: dt.datetime | None = None
        self.place = f"civicrm:{self._type}"

    def lacks(self) -> Sequence[Lack]:
        """The type of activity and the field for the fingerprint, if they are not there."""
        fields = self._client.remember(("fields of activities", self._key), self._fields)
        found = []
        if self._type not in fields.get("activity_type_id", ()):
            told = f"CiviCRM has no activity type `{self._type}` that this account may see."
            found.append(Lack(told, vital=True, hint="Make it under Administer, Customize Data and Screens, Activity Types."))
        if self._key not in fields:
            told = f"Activities have no field `{self._key}` that this account may see."
            found.append(Lack(told, vital=True, hint="Name a text field of activities, such as `location` or `Group.Field`."))
        return found

    def _fields(self) -> Mapping[str, frozenset[str]]:
        """The fields that a board needs, with the names of their options."""
        where = [["name", "IN", ["activity_type_id", self._key]]]
        params = {"loadOptions": ["id", "name", "label"], "where": where, "select": ["name", "options"]}
        rows = self._client.read("Activity", "getFields", params).values
        return {str(row["name"]): frozenset(_names(row.get("options"))) for row in rows}

    def changed(self, since: dt.datetime) -> None:
        """Never known: nobody answers there, so nothing is read."""

    def read(self) -> None:
        """Nothing; raises ConfigError with all that is missing."""
        if vital := self.lacks():
            where = f"{self._mapping.file}: report.civicrm"
            raise ConfigError(
                [Problem(where, each.message, each.hint) for each in vital], next_step="`bridge check --live` tells it again."
            )

    def cells(self, entry: Entry) -> Mapping[str, Json] | None:
        """The entry's activity; None without a contact it could stand on."""
        found = entry.discrepancy
        if found.ids.civicrm is None or found.code in _GONE:
            return None
        sentence = self._language.discrepancy(entry, self._mapping)
        links = [
            f'<a href="{escape(address)}">{side.title}</a>'
            for side, native in found.ids
            if native is not None and (address := self._address(found.mapping, side, native))
        ]
        if own := own_page(self._page, entry):
            links.append(f'<a href="{escape(own)}">{escape(self._language.say("On the page"))}</a>')
        if about := code_page(self._page, found.code):
            links.append(f'<a href="{escape(about)}">{escape(self._language.say("More about this kind"))}</a>')
        parts = [escape(sentence.what), escape(sentence.do), " · ".join(links)]
        severity = self._language.severity(found.severity)
        subject = f"{self._language.title(found.code, found.rule, self._mapping)} ({severity})"
        return {
            "target": int(found.ids.civicrm),
            "subject": plain(subject)[:_LONGEST_SUBJECT],
            "details": "".join(f"<p>{part}</p>" for part in parts if part),
            "status": COMPLETED if entry.state is State.RESOLVED else SCHEDULED,
        }

    def post(self, notices: Mapping[str, Mapping[str, Json]]) -> Mapping[str, BridgeError | None]:
        """Look for the activities, then change those that are there and make the others, in one request."""
        there = self._find(notices)
        calls = {
            each: self._call(each, cells, there.get(each)) for each, cells in notices.items() if there.get(each) != _DELETED
        }
        answers = self._client.write_many(list(calls.values())) if calls else []
        outcomes: dict[str, BridgeError | None] = dict.fromkeys(notices)
        for fingerprint, answer in zip(calls, answers, strict=True):
            if isinstance(answer, BridgeError):
                outcomes[fingerprint] = RequestRejected(answer.message, next_step=answer.next_step)
        return outcomes

    def _find(self, fingerprints: Mapping[str, object]) -> Mapping[str, int]:
        """By fingerprint the activity's id, the first made where there are several, or that people deleted it."""
        where = [
            ["activity_type_id:name", "=", self._type],
            [self._key, "IN", list(fingerprints)],
            ["is_deleted", "IN", [True, False]],
        ]
        params = {"select": ["id", "is_deleted", self._key], "where": where, "orderBy": {"id": "DESC"}}
        rows = self._client.read("Activity", "get", params).values
        return {str(row[self._key]): _DELETED if row["is_deleted"] else int(row["id"]) for row in rows}

    def _call(self, fingerprint: str, cells: Mapping[str, Json], id: int | None) -> Call:  # noqa: A002  # the record's native id
        values: dict[str, Any] = {
            "subject": cells["subject"],
            "details": cells["details"],
            "status_id:name": cells["status"],
        }
        if id is not None:
            return Call("Activity", "update", {"values": values, "where": [["id", "=", id]]})
        return Call(
            "Activity",
            "create",
            {
                "values": {
                    **values,
                    "activity_type_id:name": self._type,
                    "source_contact_id": self._client.identity().contact_id,
                    "target_contact_id": [cells["target"]],
                    self._key: fingerprint,
                }
            },
        )


_DELETED = 0
"""Stands for the id of an activity that people put in the trash: it is left there."""


def _names(options: Any) -> list[str]:
    """The options' names, in either of the forms that sites answer."""
    if isinstance(options, dict):
        return [str(each) for each in options.values()]
    return [str(each["name"]) for each in options if isinstance(each, dict)] if isinstance(options, list) else []

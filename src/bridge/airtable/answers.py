"""What Airtable's answers mean: the data, or the error that says what the caller does next.

Airtable's own messages may quote cells ("can not accept value …"), so none is ever passed on: bridge words each refusal itself,
from its type, and names at most the field. Statuses and envelopes: https://airtable.com/developers/web/api/errors and what
integrators saw live (the plural `errors`, an error that is a bare word).
"""

import datetime as dt
import email.utils
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from bridge.core.record import decoded
from bridge.errors import AuthRejected, BridgeError, OutcomeUnknown, RequestRejected, Unavailable, UnexpectedAnswer

BILLING_BLOCK = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
ITERATOR_EXPIRED = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"
SAFE_TO_RETRY = "RETRIABLE_ERROR"
NO_SUCH_ROW = "ROW_DOES_NOT_EXIST"

_REASONS = {
    "INVALID_VALUE_FOR_COLUMN": "a field does not take this kind of value",
    "INVALID_MULTIPLE_CHOICE_OPTIONS": "the select field has no such option, and bridge never makes options",
    "ROW_DOES_NOT_EXIST": "the record, or one it links to, is not there any more",
    "MODEL_ID_NOT_FOUND": "the record is not there any more",
    "INVALID_PERMISSIONS": "the token's user may not write the field",
    "NOT_FOUND": "what it names is not there",
    "UNKNOWN_FIELD_NAME": "a field is not there any more",
    "CANNOT_UPDATE_COMPUTED_FIELD": "a field is computed by Airtable and cannot be written",
    "INVALID_FILTER_BY_FORMULA": "the filter names a field that is not there, or is not a formula",
    "INVALID_RECORDS": "the list of records is not well formed",
    "FAILED_STATE_CHECK": "the base is in a state that does not allow it",
    "INVALID_REQUEST_UNKNOWN": "the request is not valid",
    "INVALID_REQUEST_MISSING_FIELDS": "the request lacks a part",
}
_FIELD = re.compile(r'Field "?([^"]{1,200}?)"? can ?not accept')
_RECORD = re.compile(r"\brec[0-9A-Za-z]{14,}\b")
_COLUMN = re.compile(r"\bfld[0-9A-Za-z]{14,}\b")


class Refused(RequestRejected):
    """Airtable refused a request. `reason` is why in plain words; `record` is the id of the record it complains of, or ""."""

    def __init__(self, where: str, refusal: "Refusal") -> None:
        super().__init__(f"Airtable refused {where}: {refusal.words}.", code=refusal.kind or str(refusal.status))
        self.reason = f"Airtable refused it: {refusal.words}."
        self.record = refusal.record


class ColumnLocked(Refused):
    """The token's user may not write the field with the id `column`; others it may."""

    def __init__(self, where: str, refusal: "Refusal") -> None:
        super().__init__(where, refusal)
        self.column = refusal.column


class IteratorExpired(Refused):
    """Airtable has forgotten a scan under way: it can only be begun anew."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. `at` is Airtable's own clock (the `Date` header), None where it told none."""

    data: Any
    at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bad answer: its status and Airtable's type for it, "" where the body told none.

    `field` (a title), `column` (a field's id) and `record` are what Airtable's message names, or "".
    """

    status: int
    kind: str
    field: str = ""
    column: str = ""
    record: str = ""

    @classmethod
    def of(cls, response: httpx.Response) -> "Refusal":
        """What the body tells in any of the envelopes that were ever seen."""
        try:
            body = response.json()
        except (ValueError, RecursionError):
            return cls(response.status_code, "")
        told = body.get("error") or body.get("errors") if isinstance(body, dict) else None
        if isinstance(told, list):
            told = told[0] if told else None
        if isinstance(told, str):
            return cls(response.status_code, told)
        if not isinstance(told, dict):
            return cls(response.status_code, "")
        message = str(told.get("message", ""))
        kind = str(told.get("type") or told.get("error") or "")
        field = _FIELD.match(message)
        return cls(response.status_code, kind, field[1] if field else "", _first(_COLUMN, message), _first(_RECORD, message))

    @property
    def words(self) -> str:
        """Why, in plain words and without a value."""
        if self.field:
            return f'the field "{self.field}" does not take this kind of value'
        return _REASONS.get(self.kind, f"Airtable says {self.kind or self.status}")


def read(response: httpx.Response, *, where: str, writes: bool) -> Answer:
    """The data of a 2xx answer. `where` says what was asked, without a query; `writes`, whether it may have changed something.

    Raises:
        OutcomeUnknown: a write whose answer tells nothing: it may have landed.
        UnexpectedAnswer: a read whose answer is not JSON.
        BridgeError: the kinds that `refused` raises.
    """
    if not response.is_success:
        raise refused(Refusal.of(response), where=where, writes=writes)
    if not response.content:
        return Answer(None, _date(response))
    try:
        return Answer(decoded(response.content), _date(response))
    except (ValueError, RecursionError) as error:
        if writes:
            raise lost(where) from error
        raise UnexpectedAnswer(
            f"Airtable answered {response.status_code} without JSON to {where}.",
            next_step="Check BRIDGE_AIRTABLE__URL, and whether a proxy stands between.",
        ) from error


def refused(refusal: Refusal, *, where: str, writes: bool) -> BridgeError:
    """The error for an answer that is not 2xx; a 429 is the caller's own business."""
    match refusal.status:
        case HTTPStatus.UNAUTHORIZED:
            return AuthRejected(
                f"Airtable does not accept the token ({where}).",
                next_step="Put a valid personal access token into BRIDGE_AIRTABLE__TOKEN.",
            )
        case HTTPStatus.FORBIDDEN:
            return ColumnLocked(where, refusal) if writes and refusal.column else _forbidden(refusal, where)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            if writes and refusal.kind != SAFE_TO_RETRY:
                return lost(where)
            return Unavailable(f"Airtable answered {status} to {where}.", next_step="The next run tries again.")
        case status if status < HTTPStatus.BAD_REQUEST:
            return UnexpectedAnswer(
                f"Airtable answered {status} to {where}, where data was expected.", next_step="Check BRIDGE_AIRTABLE__URL."
            )
    return (IteratorExpired if refusal.kind == ITERATOR_EXPIRED else Refused)(where, refusal)


def lost(where: str) -> OutcomeUnknown:
    """The error for a write that was sent and whose answer is lost or tells nothing."""
    return OutcomeUnknown(f"The answer to {where} was lost.", next_step="bridge reads back what became of it in the next run.")


def _forbidden(refusal: Refusal, where: str) -> AuthRejected:
    if not refusal.kind:
        return AuthRejected(
            f"Something before Airtable answered 403 to {where}: the answer is not Airtable's.",
            next_step="Check whether a firewall or proxy keeps bridge from api.airtable.com.",
        )
    return AuthRejected(
        f"Airtable does not permit {where}, or what it names does not exist ({refusal.kind}).",
        next_step="Give the token the base and the scopes data.records:read, data.records:write and schema.bases:read, give "
        "its user the Editor role, and check the ids in BRIDGE_AIRTABLE__BASES__… and in the mapping.",
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""


def _date(response: httpx.Response) -> dt.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)

"""The shapes of APIv4 answers, and the judging of what came back over HTTP.

An answer is judged by its body and never by its status alone: WordPress before CiviCRM 6.9 answers every error with 200, a
PHP fault is a 200 page of HTML, and a 500 that carries CiviCRM's own envelope is a refusal which no retry mends.
No message made here quotes a body, for error texts of CiviCRM quote values.
"""

import datetime as dt
import re
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from bridge.core.record import Json, decoded
from bridge.errors import AuthRejected, BridgeError, OutcomeUnknown, RateLimited, RequestRejected, Unavailable, UnexpectedAnswer

_PAUSE = dt.timedelta(seconds=30)
"""What a 429 without `Retry-After` is taken to ask for."""

_FORBIDDEN = 403
_UNAUTHORIZED = 401


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Answer(_Shape):
    """The rows of one good call. `matched` is how many match in all, known only where `row_count` was selected.

    `count` alone says nothing about rows: without `row_count` it may be the offset, or a cache's size.
    """

    values: list[dict[str, Any]]
    count: int | None = None
    matched: int | None = Field(default=None, alias="countMatched")

    @field_validator("values", mode="before")
    @classmethod
    def _without_none(cls, rows: Any) -> Any:
        """PHP writes a missing record as an empty list: `getMergedTo` of a contact that was not merged."""
        return [row for row in rows if row != []] if isinstance(rows, list) else rows

    @property
    def total(self) -> int | None:
        """How many rows match, where `row_count` was selected."""
        return self.count if self.matched is None else self.matched


class Identity(_Shape):
    """Who `civicrm/authx/id` says the credential is. No contact means anonymous: reads would be empty, not refused."""

    contact_id: int | None
    user_id: int | None = None


class FieldSpec(_Shape):
    """One field as `getFields` describes it. `options` is a list only where they were loaded with ids and names."""

    name: str
    title: str | None = None
    type: str = "Field"
    data_type: str | None = None
    serialize: int | None = None
    readonly: bool | None = False
    fk_entity: str | None = None
    options: Any = None
    suffixes: list[str] | None = None
    input_attrs: Any = None
    custom_field_id: int | None = None

    @property
    def stable_id(self) -> str:
        """What stays when the field is renamed: a custom field's number, or else its name."""
        return f"custom_{self.custom_field_id}" if self.custom_field_id else self.name

    @property
    def max_length(self) -> int | None:
        """The custom field's own length in characters, where the site says so. Core fields never do."""
        length = self.input_attrs.get("maxlength") if isinstance(self.input_attrs, dict) else None
        return int(length) if length is not None and str(length).isdigit() else None


class OptionSpec(_Shape):
    """One option as `getFields` loads it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: int | str
    name: str | None = None
    label: str | None = None

    def word(self, suffix: str) -> str:
        """What a cell read with `suffix` holds for this option; without a suffix it is the stored value."""
        found = getattr(self, suffix, None) if suffix else self.id
        return str(self.id if found is None else found)


class _Envelope(_Shape):
    """CiviCRM's own error: the code is an int, the text "1", or a word, by version and permission."""

    error_message: str | None = None
    error_code: int | str | None = None
    error_id: str | None = None
    status: int | None = None
    is_error: int | bool = False


FIELDS = TypeAdapter(list[FieldSpec])
OPTIONS = TypeAdapter(list[OptionSpec])


def judge(response: httpx.Response, what: str, *, writes: bool) -> Json:
    """The JSON a good answer holds; `what` (such as `Contact.get`) names the call in errors.

    Raises AuthRejected, RateLimited, Unavailable, RequestRejected or UnexpectedAnswer; where `writes` and the call may have
    run all the same, OutcomeUnknown instead of the last two.
    """
    body = _parsed(response.content)
    if isinstance(body, dict) and "values" not in body:
        _judge_envelope(body, response, what)
    if _is_api(body, response.status_code):
        return body
    error = _page(response, what)
    if writes and not isinstance(error, AuthRejected | RateLimited):
        raise OutcomeUnknown(
            f"{what} was sent to CiviCRM and its answer cannot be read (HTTP {response.status_code}).",
            next_step="Nothing: the next run reads the record and settles what became of it.",
        )
    raise error


def answer(body: Json, what: str) -> Answer:
    """The rows in one call's envelope, alone or out of a multi-call. Raises as `judge` does, never OutcomeUnknown."""
    if isinstance(body, dict) and "values" not in body and (refusal := _refusal(body, what)):
        raise refusal
    try:
        return Answer.model_validate(body)
    except ValidationError:
        raise UnexpectedAnswer(
            f"{what}: CiviCRM answered JSON without a list of rows.", next_step=_ASK_SITE
        ) from None  # the library's error quotes the input


def identity(body: Json) -> Identity:
    """Who we are. Raises UnexpectedAnswer where the answer is not authx's."""
    try:
        return Identity.model_validate(body)
    except ValidationError:
        raise UnexpectedAnswer(
            "authx/id: CiviCRM did not say who the key belongs to.",
            next_step="Enable the authx extension (CiviCRM 5.39 or later) and check BRIDGE_CIVICRM__URL.",
        ) from None


_ASK_SITE = "Check BRIDGE_CIVICRM__URL, and look into the site's own log at this time."
_PAGES = frozenset({301, 302, 303, 307, 308, 404, 429})
"""Statuses that are never CiviCRM's own answer, whatever the body."""

_SECURITY = {
    400: "CiviCRM did not take {what} for an API call: the credential or X-Requested-With was stripped on the way.",
    401: "CiviCRM refused the credential at {what}.",
    403: "CiviCRM does not permit {what} to this account.",
}
_WALL = "Set BRIDGE_CIVICRM__PROXY_AUTH to the wall's user:password."
_ROLE = "Give the service account's role the permission it lacks (see the role recipe in the README)."

_REASONS = {
    "Invalid credential": "Check BRIDGE_CIVICRM__API_KEY: it is the contact's API key, not the site key.",
    "Must satisfy guard": (
        "Give the account's role 'authenticate with api key', or set BRIDGE_CIVICRM__SITE_KEY to the site key."
    ),
    "is not allowed for this principal": "Allow API keys by the X-Civi-Auth header in CiviCRM's authx settings.",
    "No matching user": "Link the service contact to a CMS user, or set authx_xheader_user to optional.",
    "Expired token": "Issue a new token, or use an API key.",
    "User is blocked": "Unblock the service account's CMS user.",
    "mismatched session": "Take out of the proxy whatever adds a session cookie to requests.",
}

_PLAIN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("already exists"), "a value that must be unique is used by another record, perhaps in the trash"),
    (re.compile("constraint violation"), "it points to a record that does not exist"),
    (re.compile(r"Mandatory values missing[^:]*::\w+: ([\w., ]+)$"), "these are required: {0}"),
    (re.compile(r"Invalid field '([\w.:]+)'"), "there is no field {0}"),
    (re.compile(r"Unknown api parameter: (\w+)"), "it does not know the parameter {0}"),
    (re.compile(r"is not of the type (\w+)"), "a value is not of the type {0}"),
    (re.compile(r"Expected one \w+ but found 0"), "there is no such record"),
    (re.compile("unknown error"), "a value is too long or out of range"),
)
"""What CiviCRM's texts mean, without the values they quote. They are translated on other sites, where only the id is left."""


def _parsed(content: bytes) -> Json:
    """The JSON in `content`, or None where it is something else."""
    try:
        return decoded(content)
    except (ValueError, RecursionError):
        return None


def _is_api(body: Json, status: int) -> bool:
    """Whether CiviCRM itself said this. A 5xx is its own only as an envelope, or as a multi-call's of which each failed."""
    if not isinstance(body, dict | list) or status in _PAGES:
        return False
    if status < httpx.codes.INTERNAL_SERVER_ERROR:
        return True
    parts = body.values() if isinstance(body, dict) else body
    return bool(parts) and all(isinstance(each, dict) and "error_message" in each for each in parts)


def _judge_envelope(body: dict[str, Json], response: httpx.Response, what: str) -> None:
    """Raise what an error body means; pass what is none (a multi-call's, authx's)."""
    if "status_message" in body:
        raise Unavailable(f"{what}: CiviCRM is in maintenance mode.", next_step="Nothing: the next run tries again.")
    if refusal := _refusal(body, what, response.status_code):
        raise refusal


def _refusal(body: dict[str, Json], what: str, http: int = 0) -> BridgeError | None:
    """The error that an envelope is, or None where the body is no envelope."""
    if "error_message" not in body and "error_code" not in body:
        return None
    try:
        envelope = _Envelope.model_validate(body)
    except ValidationError:
        return UnexpectedAnswer(f"{what}: CiviCRM answered an error of an unknown shape.", next_step=_ASK_SITE)
    text = envelope.error_message or ""
    status = _status(envelope, http)
    if envelope.is_error and text.startswith("FATAL"):
        status = _UNAUTHORIZED
    if status in _SECURITY:
        cure = _cure(text) if status == _UNAUTHORIZED else _ROLE
        return AuthRejected(_SECURITY[status].format(what=what) + _id(envelope), next_step=cure)
    plain = next((say.format(*found.groups()) for pattern, say in _PLAIN if (found := pattern.search(text))), "")
    return RequestRejected(
        f"CiviCRM refused {what}{': ' + plain if plain else ''}.{_id(envelope)}",
        code=str(envelope.error_code or ""),
        next_step="Look the Error ID up in CiviCRM's log, or give the account 'view debug output' to read the cause here.",
    )


def _status(envelope: _Envelope, http: int) -> int:
    """The body's word for what happened, which is true where the HTTP status is not."""
    if envelope.status is not None:
        return envelope.status
    if envelope.error_code in ("unauthorized", _FORBIDDEN):
        return _FORBIDDEN
    return envelope.error_code if isinstance(envelope.error_code, int) and envelope.error_code else http


def _id(envelope: _Envelope) -> str:
    found = re.search(r"Error ID: ([\w-]+)", envelope.error_message or "")
    error_id = envelope.error_id or (found.group(1) if found else "")
    return f" (Error ID: {error_id})" if re.fullmatch(r"[\w-]+", error_id) else ""


def _cure(text: str) -> str:
    return next((cure for reason, cure in _REASONS.items() if reason in text), "Check BRIDGE_CIVICRM__API_KEY.")


def _page(response: httpx.Response, what: str) -> BridgeError:  # noqa: PLR0911  # one return per kind of page
    """What an answer is that is not CiviCRM's JSON: a page of the site, of a proxy or of a firewall."""
    status = response.status_code
    ray = f" (ray {ray})" if re.fullmatch(r"[\w-]+", ray := response.headers.get("cf-ray", "")) else ""
    if response.is_redirect:
        return _redirect(response, what)
    if status == _UNAUTHORIZED and "basic" in response.headers.get("www-authenticate", "").lower():
        return AuthRejected(f"{what}: a wall in front of the site asks for a password.", next_step=_WALL)
    if status == _UNAUTHORIZED:
        return AuthRejected(f"{what}: CiviCRM refused the credential.", next_step=_cure(response.text))
    if status == _FORBIDDEN:
        return AuthRejected(
            f"{what}: a page of HTTP 403 came instead of CiviCRM's answer{ray}: a firewall or the CMS blocked the call.",
            next_step="Ask the host to let POST requests of this address and User-Agent through to civicrm/ajax/api4.",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(f"{what}: the site asks for a pause{ray}.", retry_after=_retry_after(response))
    if status == httpx.codes.NOT_FOUND:
        return UnexpectedAnswer(
            f"{what}: there is nothing at this address (HTTP 404).",
            next_step="Set BRIDGE_CIVICRM__URL to the site, or to its whole API address with {entity} and {action}.",
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(
            f"{what}: the site could not answer (HTTP {status}){ray}.", next_step="If it lasts, look into the site's own log."
        )
    if "json" in response.headers.get("content-type", ""):
        return UnexpectedAnswer(f"{what}: CiviCRM's answer is cut off or is no JSON.", next_step=_ASK_SITE)
    return UnexpectedAnswer(
        f"{what}: a page came instead of CiviCRM's answer (HTTP {status}): "
        f"the entity or action is unknown there, or PHP failed{ray}.",
        next_step=_ASK_SITE,
    )


def _redirect(response: httpx.Response, what: str) -> BridgeError:
    """Never followed: a redirected POST loses its body, and so its conditions."""
    to = response.headers.get("location", "").partition("?")[0]
    if re.search(r"login|signin|/user\b", to):
        return AuthRejected(
            f"{what}: the site sends API calls to its sign-in page.",
            next_step="Use the site's front-end address in BRIDGE_CIVICRM__URL, or set BRIDGE_CIVICRM__PROXY_AUTH.",
        )
    return UnexpectedAnswer(
        f"{what}: the site redirects API calls (HTTP {response.status_code}) to {to or 'an unnamed address'}.",
        next_step="Write the final address into BRIDGE_CIVICRM__URL: https, host and a trailing slash as the site wants them.",
    )


def _retry_after(response: httpx.Response) -> dt.timedelta:
    """What `Retry-After` asks for, in seconds or as a date."""
    asked = response.headers.get("retry-after", "")
    if asked.isdigit():
        return dt.timedelta(seconds=int(asked))
    try:
        until = parsedate_to_datetime(asked) - parsedate_to_datetime(response.headers["date"])
    except (KeyError, TypeError, ValueError):
        return _PAUSE
    return max(until, dt.timedelta())

"""A CiviCRM in memory that answers APIv4 as a running one does, in version 6.17 or 5.78.

    civicrm = CiviCRM()
    civicrm.load("Contact", [{"id": 8, "contact_type": "Organization", "organization_name": "Arroyo Bakery"}])
    with Server(civicrm) as server: ...        # the key of a user is in API_KEYS: admin, syncbot, readonly, …

`load(entity, rows)` puts many rows at once, each with an `id` of its own (contacts from 8: 1 is the domain's
organisation, 2 to 7 are the users'), with the raw values a column keeps (`status_id`, not `status_id:name`; custom
fields as `Group.Field`; dates as ISO text). It has no side effect: no inherited membership, no relationship from
`employer_id`, no primary email chosen (say `is_primary`). Contacts get `display_name`, `sort_name`, `created_date`
and `modified_date` when they lack them. Reading back what the API shows of it is the seed's own test.

`staff_…`, `trash`, `restore`, `merge`, `drop_option` and `remove_custom_field` are what people do on the site meanwhile.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from bridge.sandbox import civicrm_contacts as contacts
from bridge.sandbox import civicrm_memberships as memberships
from bridge.sandbox.civicrm_meta import actions_of, check_access, get_actions, get_fields
from bridge.sandbox.civicrm_query import Query
from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_schema import CONTACT_TYPES, LOCATIONS, Option
from bridge.sandbox.civicrm_site import Site, User
from bridge.sandbox.civicrm_values import Refused
from bridge.sandbox.civicrm_where import Fatal
from bridge.sandbox.civicrm_wire import (
    API_KEYS,
    COOKIE,
    CRASH,
    NO_STORE,
    WORDPRESS_CRASH,
    Caller,
    Rejected,
    api_path,
    call_of,
    caller_of,
    decoded,
    params_of,
    refusal_of_form,
    sent_field,
)
from bridge.sandbox.civicrm_writes import Writer
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.ground import Ground
from bridge.sandbox.http import Request, Response

__all__ = ["API_KEYS", "CiviCRM"]

ADMIN = User("admin", 2, frozenset("*"))
VERSIONS = {"6.17": (6, 17), "5.78": (5, 78)}
DASHBOARD = '<div id="crm-container" class="crm-container crm-public"></div>'
SITE_ZONE = ZoneInfo("America/New_York")
_CACHED_ENTITIES = ("CustomField", "CustomGroup")  # their `count` leaves the limit out of account
_EVERY_ACTION = {"checkPermissions", "chain", "debug", "language", "version", "translationMode"}
_PARAMS = {
    "get": {"select", "where", "groupBy", "orderBy", "join", "limit", "offset", "currentDomain", "domainId"},
    "getFields": {"action", "loadOptions", "values", "where", "select", "orderBy", "limit", "offset", "includeCustom"},
    "getActions": {"select", "where", "orderBy", "limit", "offset"},
    "checkAccess": {"action", "values"},
    "create": {"values"},
    "update": {"values", "where", "reload"},
    "save": {"records", "defaults", "match", "reload"},
    "replace": {"records", "defaults", "match", "reload", "where"},
    "delete": {"where", "useTrash"},
    "getMergedTo": {"contactId"},
    "getMergedFrom": {"contactId"},
    "mergeDuplicates": {"contactId", "duplicateId", "mode"},
}


class CiviCRM:
    """The site, and what its staff do on it. An `App` for a `Server`."""

    def __init__(
        self,
        version: str = "6.17",
        *,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        zone: ZoneInfo = SITE_ZONE,
        custom_triggers: bool = True,
    ) -> None:
        self.site = Site(clock, zone, VERSIONS[version], custom_triggers=custom_triggers)
        self.in_maintenance = False
        self.authx = True  # whether that extension is on: without it there is no way in for a key
        self._lock = threading.RLock()
        self._errors = 0

    # -- the server's side

    def route(self, request: Request) -> str:
        """`Contact/update`; for a multi-call every call of it, joined by commas."""
        call = call_of(request)
        if call is None:
            return "authx/id" if api_path(request).endswith("/civicrm/authx/id") else "page"
        if call != ("", ""):
            return "/".join(call)
        try:
            calls = decoded(sent_field(request, "calls") or "[]")
        except Fatal:
            return "multi"
        every = calls.values() if isinstance(calls, dict) else calls
        return ",".join(f"{entry[0]}/{entry[1]}" for entry in every)

    def handle(self, request: Request) -> Response:
        """The answer, with the cookie and the headers that WordPress adds."""
        response = self._answer(request)
        return Response(response.status, response.body, (*response.headers, COOKIE, NO_STORE))

    def fail(self, request: Request, fault: Fault) -> Response:  # noqa: PLR0911  # one for each kind
        """The pages and envelopes of a CiviCRM host in trouble."""
        match fault.kind:
            case FaultKind.STATUS_500_ENVELOPE:
                return self._refusal(Refused("DB Error: unknown error"), User("syncbot"))[1]
            case FaultKind.PARTIAL_WRITE:
                return self._half_of(request)
            case FaultKind.STATUS_500_HTML:
                return Response.html(WORDPRESS_CRASH, 500)
            case FaultKind.HTML_403:
                page = Response.html("<html><title>Just a moment...</title></html>", 403)
                return Response(403, page.body, (*page.headers, ("cf-ray", "8f0sandbox0000-EWR")))
            case FaultKind.WALL:
                return Response(401, b"", (("WWW-Authenticate", 'Basic realm="staging"'),))
            case FaultKind.REDIRECT:
                return Response(301, b"", (("Location", f"https://www.federation.example{request.path}"),))
            case FaultKind.STATUS_429:
                page = Response.html("<html><head><title>429 Too Many Requests</title></head></html>", 429)
                return Response(429, page.body, (*page.headers, ("Retry-After", "1")))
            case _:
                raise ValueError(f"CiviCRM knows no fault {fault.kind}")

    def _half_of(self, request: Request) -> Response:
        """Write the first half of a save's records, then run into the host's time limit, as PHP does."""
        params = decoded(sent_field(request, "params") or "{}")
        records = params.get("records") or []
        first_half = urlencode({"params": json.dumps({**params, "records": records[: len(records) // 2]})})
        self._answer(replace(request, body=first_half.encode()))
        return Response.html("<html><head><title>502 Bad Gateway</title></head></html>", 502)

    def _answer(self, request: Request) -> Response:
        version = self.site.version
        call = call_of(request)
        path = api_path(request)
        nothing = call is None and not path.startswith("/civicrm/")
        if nothing or (path.startswith("/civicrm/authx") and not self.authx):
            return Response.html("<!doctype html><title>Page not found</title>", 404)
        try:
            caller = caller_of(request, version)
        except Rejected as rejected:
            if version < (6,) and request.header("x-civi-auth").strip() == "Bearer":
                return Response.html(CRASH)
            return Response.text(f"HTTP 401 {rejected.reason}", 401, "text/plain;charset=utf-8")
        if self.in_maintenance and caller.user != ADMIN:
            message = "Temporarily unavailable for maintenance."
            return Response.json({"status_code": 503, "status_message": message}, 503)
        if call is None:
            return self._identity(caller) if path == "/civicrm/authx/id" else Response.html(DASHBOARD)
        return refusal_of_form(request, caller, call[1], version) or self._call(request, caller, *call)

    def _identity(self, caller: Caller) -> Response:
        user = caller.user
        return Response.json(
            {
                "contact_id": user.contact_id,
                "user_id": user.contact_id - 1 if user.contact_id else None,
                "flow": caller.flow,
                "cred": "api_key" if caller.flow else None,
            }
        )

    def _call(self, request: Request, caller: Caller, entity: str, action: str) -> Response:
        try:
            if not entity:
                return self._multi_call(decoded(sent_field(request, "calls") or "[]"), caller.user)
            self._fall_over_unknown(entity, action)
            params = params_of(request, self.site.version)
            index = sent_field(request, "index")
            return self._single_call(caller.user, entity, action, params, _index(index))[1]
        except Fatal:
            return Response.html(CRASH) if self.site.version >= (6,) else Response.html(WORDPRESS_CRASH, 500)

    def _multi_call(self, calls: Any, user: User) -> Response:
        keyed = calls.items() if isinstance(calls, dict) else enumerate(calls)
        answers = {key: self._single_call(user, *call, *({}, None)[len(call) - 2 :]) for key, call in keyed}
        worked = any(ok for ok, _ in answers.values())
        status = 200 if worked or not answers else next(iter(answers.values()))[1].status
        bodies = {key: json.loads(response.body) for key, (_, response) in answers.items()}
        return Response.json(bodies if isinstance(calls, dict) else list(bodies.values()), status)

    def _single_call(self, user: User, entity: str, action: str, params: Any, index: Any) -> tuple[bool, Response]:
        try:
            with self._lock:
                return True, Response.json(self.call(user, entity, action, params or {}, index))
        except Refused as refused:
            return self._refusal(refused, user)

    def _refusal(self, refused: Refused, user: User) -> tuple[bool, Response]:
        self._errors += 1
        error_id = f"SbxE-{self._errors:04d}-{len(refused.message):06d}"
        if user.can("view debug output"):
            body: Row = {"error_code": 0, "error_message": refused.message, "status": refused.status}
            if self.site.version >= (6,):
                body = {"error_id": error_id, **body}
        else:
            message = f"Sorry an error occurred and your request was not completed. (Error ID: {error_id})"
            body = {"error_code": "1", "error_message": message, "status": refused.status}
        return False, Response.json(body, refused.status if self.site.version >= (6,) else 200)

    # -- one APIv4 call

    def _fall_over_unknown(self, entity: str, action: str) -> None:
        """Crash over an entity or action nobody knows, as 6.17 does when it stands in the URL; 5.78 refuses it."""
        name = self._entity(entity)
        if self.site.version >= (6,) and (name is None or action not in actions_of(self.site, name)):
            raise Fatal

    def _entity(self, name: str) -> str | None:
        known = {entity.lower(): entity for entity in (*self.site.schema.entities, *CONTACT_TYPES)}
        return known.get(name.lower())

    def call(self, user: User, entity: str, action: str, params: Any, index: Any = None) -> Row:
        """The success envelope of one call of a user. Refused when CiviCRM refuses it, Fatal when PHP crashes."""
        name = self._entity(entity)
        if name is None:
            raise Refused(f"API ({entity}, {action}) does not exist (or the extension it belongs to is not enabled).")
        if action not in actions_of(self.site, name):
            raise Refused(f"Api {name} {action} version 4 does not exist.")
        self._refuse_unknown_params(action, params)
        if not user.may(self.site, name, action):
            raise Refused(f"Authorization failed: Cannot {action} {name}", 403)
        rows, counts = self._run(user, name, action, params)
        rows = [self._chained(user, row, params["chain"]) for row in rows] if params.get("chain") else rows
        deleted = {"deleted": counts.pop("deleted")} if "deleted" in counts else {}
        values = _indexed(rows, index)
        about = {"entity": name, "action": action, "debug": None, "version": 4}
        return {"values": values, **deleted, **about, "count": len(rows), "countFetched": len(rows), **counts}

    def _refuse_unknown_params(self, action: str, params: Any) -> None:
        if isinstance(params, list):
            params = dict.fromkeys(map(str, range(len(params))))
        is_old = self.site.version < (6,)
        for name in params:
            if name not in _PARAMS[action] | _EVERY_ACTION:
                raise Refused(f"Unknown api parameter: {f'set{name[:1].upper()}{name[1:]}' if is_old else name}")
        if is_old and isinstance(params.get("reload"), list):
            raise Refused('Parameter "reload" is not of the correct type. Expecting bool.')

    def _run(self, user: User, entity: str, action: str, params: Row) -> tuple[list[Row], Row]:
        plain: dict[str, Callable[[Site, User, str, Mapping[str, Any]], list[Row]]] = {
            "getFields": get_fields,
            "getActions": get_actions,
            "checkAccess": check_access,
        }
        if action in plain:
            return plain[action](self.site, user, entity, params), {}
        if action == "get":
            return self._get(user, entity, params)
        if action in ("getMergedTo", "getMergedFrom", "mergeDuplicates"):
            return self._merge_action(action, params), {}
        written = Writer(self.site, user, entity).run(action, params)
        counts: Row = {} if written.matched is None else {"countMatched": written.matched}
        return written.rows, counts if written.deleted is None else {**counts, "deleted": written.deleted}

    def _get(self, user: User, entity: str, params: Row) -> tuple[list[Row], Row]:
        self.site.fill_virtual(entity)
        found = Query(self.site, user, entity, params).run()
        if found.counted:
            return found.rows, {"count": found.matched, "countMatched": found.matched}
        if entity in _CACHED_ENTITIES:
            return found.rows, {"count": found.matched}
        return found.rows, {"count": len(found.rows) + int(params.get("offset") or 0)}

    def _merge_action(self, action: str, params: Row) -> list[Any]:
        contact_id = params.get("contactId")
        if not isinstance(contact_id, int):
            raise Refused('Parameter "contactId" is required.')
        if action == "getMergedFrom":
            return [{"id": loser} for loser in contacts.merged_from(self.site, contact_id)]
        if action == "getMergedTo":
            target = contacts.merged_to(self.site, contact_id)
            return [{"id": target} if target else []]  # PHP's empty array
        return [contacts.merge(self.site, contact_id, params["duplicateId"], params.get("mode", "safe"))]

    def _chained(self, user: User, row: Row, chain: Mapping[str, Any]) -> Row:
        for name, (entity, action, params, *index) in chain.items():
            answer = self.call(user, entity, action, _substituted(params, row), *index)
            row = {**row, name: answer["values"]}
        return row

    # -- what staff and seeds do

    @property
    def contacts(self) -> Mapping[int, Row]:
        """Every contact as its row is kept, trashed ones too, by id. Look, do not change."""
        return self.site.rows["Contact"].rows

    def row(self, entity: str, row_id: int) -> Row:
        """A row as it is kept."""
        return dict(self.site.rows[entity].rows[row_id])

    def load(self, entity: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put many rows, as the module says."""
        with self._lock:
            self.site.load(entity, rows)

    def extend(self, ground: Ground) -> None:
        """Give the site the custom groups and options that a seed's rows use."""
        self.site.extend(ground)

    def staff_create(self, entity: str, values: Mapping[str, Any]) -> int:
        """Create a row as an administrator does through the pages. Returns its id."""
        with self._lock:
            return int(Writer(self.site, ADMIN, entity).run("create", {"values": dict(values)}).rows[0]["id"])

    def staff_update(self, entity: str, row_id: int, values: Mapping[str, Any]) -> None:
        """Edit a row as an administrator does; `status_id:name` and `email_primary.email` work as in the API."""
        with self._lock:
            Writer(self.site, ADMIN, entity).write(row_id, dict(values))

    def staff_delete(self, entity: str, row_id: int) -> None:
        """Delete a row for good, without asking what hangs on it. An email, phone or address moves its contact's date."""
        with self._lock:
            if entity in LOCATIONS.values():
                contacts.remove_location(self.site, entity, row_id)
            else:
                self.site.rows[entity].remove(row_id)

    def trash(self, contact_id: int) -> None:
        """Move a contact to the trash."""
        with self._lock:
            contacts.delete(self.site, contact_id)

    def restore(self, contact_id: int) -> None:
        """Take a contact out of the trash."""
        self.staff_update("Contact", contact_id, {"is_deleted": False})

    def merge(self, keep: int, lose: int) -> None:
        """Merge one contact into another, whatever differs."""
        with self._lock:
            contacts.merge(self.site, keep, lose, "aggressive")

    def run_membership_job(self) -> int:
        """Do what the nightly job does: statuses follow the dates, modified_date does not. Returns how many changed."""
        with self._lock:
            return memberships.run_job(self.site)

    def drop_option(self, field: str, option: Any, entity: str = "Contact") -> None:
        """Take an option, by value or name, out of the list of a field such as `Benefits.Status`."""
        with self._lock:
            self.site.schema.drop_option(self.site.schema.fields(entity)[field].options, option)

    def remove_custom_field(self, name: str) -> None:
        """Take a custom field such as `Benefits.Status` out of the schema."""
        with self._lock:
            self.site.schema.remove_custom_field(name)

    def save_state(self, path: Path) -> None:
        """Write rows and schema changes into a JSON file."""
        with self._lock:
            lists = {
                name: [[option.value, option.name, option.label] for option in options]
                for name, options in self.site.schema.lists.items()
            }
            state = {"rows": self.site.rows.dump(), "lists": lists, "removed": sorted(self.site.schema.removed)}
            path.write_text(json.dumps(state))

    def load_state(self, path: Path) -> None:
        """Go back to what `save_state` wrote."""
        state = json.loads(path.read_text())
        with self._lock:
            self.site.rows.clear()
            for entity, rows in state["rows"].items():
                self.site.rows.load(entity, rows)
            lists = {name: [Option(*option) for option in options] for name, options in state["lists"].items()}
            self.site.schema.lists = lists
            for name in state["removed"]:
                self.site.schema.remove_custom_field(name)


def _index(text: str | None) -> Any:
    return int(text) if text and text.lstrip("-").isdigit() else text


def _indexed(rows: list[Row], index: Any) -> Any:
    if isinstance(index, int):
        return rows[index] if -len(rows) <= index < len(rows) else None
    if isinstance(index, str) and index:
        return {str(row[index]): row for row in rows if index in row} or []
    return rows


def _substituted(value: Any, row: Row) -> Any:
    """Chain parameters with `$field` replaced by the row's value."""
    if isinstance(value, dict):
        return {key: _substituted(item, row) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, row) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        return row.get(value[1:])
    return value

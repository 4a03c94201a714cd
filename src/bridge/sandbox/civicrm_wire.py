"""The HTTP form of APIv4 as WordPress serves it: which URL means which call, who asks, where the parameters stand."""

import json
import re
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.civicrm_site import User
from bridge.sandbox.civicrm_tables import USERS
from bridge.sandbox.civicrm_where import Fatal
from bridge.sandbox.http import Request, Response

API_KEYS = {name: f"sandbox-key-of-{name}" for name in (*USERS, "noauthx", "nouser")}
_BY_KEY = {key: name for name, key in API_KEYS.items()}
_ROUTE = re.compile(r"/(?:index\.php/)?civicrm/ajax/api4(?:/(\w*))?(?:/(\w*))?/?$")
_PART = re.compile(rb'name="(\w+)"\r?\n\r?\n(.*?)\r?\n--', re.DOTALL)
_FLAT = re.compile(r"(\w+)(?:\[(\w*)\])?$")
COOKIE = ("Set-Cookie", "PHPSESSID=sandbox; path=/")
NO_STORE = ("Cache-Control", "no-store, no-cache, must-revalidate")
CRASH = '<style media="screen">.crm-fatal {}</style><div class="crm-fatal"><p>{}</p></div>'
WORDPRESS_CRASH = (
    '<!DOCTYPE html><html lang="en-US"><head><title>WordPress &rsaquo; Error</title></head>'
    '<body id="error-page"><p>There has been a critical error on this website.</p></body></html>'
)


class Rejected(Exception):
    """The credential does not hold: the answer is `HTTP 401 <reason>` in plain text, or a page on old sites."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by which of authx's flows."""

    user: User
    flow: str | None = None


def api_path(request: Request) -> str:
    """The path CiviCRM is asked for, from any form of URL that WordPress and Joomla have for it."""
    asked = request.first("q") if request.first("civiwp") else request.first("task") if request.first("option") else None
    return re.sub("/+", "/", f"/{asked}" if asked else request.path)


def call_of(request: Request) -> tuple[str, str] | None:
    """The entity and action of a call, both empty for a multi-call; None when the URL means something else."""
    found = _ROUTE.match(api_path(request))
    return (found[1] or "", found[2] or "") if found else None


def caller_of(request: Request, version: tuple[int, int]) -> Caller:
    """Who asks. Rejected when there is a credential and it does not hold; no credential is the anonymous user."""
    own, common = request.header("x-civi-auth"), request.header("authorization")
    if own:
        return Caller(_user_of(own), "xheader")
    if common.startswith("Basic ") and version >= (6,):
        return Caller(User("anonymous"))
    if common:
        return Caller(_user_of(common), "header")
    return Caller(User("anonymous"))


def _user_of(credential: str) -> User:
    kind, _, key = credential.partition(" ")
    name = _BY_KEY.get(key) if kind == "Bearer" else None
    if name is None:
        raise Rejected("Invalid credential")
    if name not in USERS:
        raise Rejected("Login not permitted. Must satisfy guard (site_key, perm).")
    contact_id, permissions = USERS[name]
    return User(name, contact_id, frozenset(permissions))


def refusal_of_form(request: Request, caller: Caller, action: str, version: tuple[int, int]) -> Response | None:
    """The answer to a request that APIv4 does not take in this form, or None."""
    if caller.flow != "xheader" and not request.header("x-requested-with"):
        message = "SECURITY ALERT: Ajax requests can only be issued by javascript clients, eg. CRM.api4()."
        return Response.json({"error_code": 400, "error_message": message}, 400 if version >= (6,) else 200)
    if request.method == "GET" and not action.lower().startswith("get"):
        message = "SECURITY: All requests that modify the database must be http POST, not GET."
        return Response.json({"error_code": 405, "error_message": message}, 405 if version >= (6,) else 200)
    return None


def sent_field(request: Request, name: str) -> str | None:
    """A form field as PHP sees it: of the body of a POST, else of the query. A JSON body holds none."""
    if request.method == "POST":
        if name in (form := request.form()):
            return form[name][0]
        if request.header("content-type").startswith("multipart/form-data"):
            parts = {found[1].decode(): found[2].decode() for found in _PART.finditer(request.body)}
            if name in parts:
                return parts[name]
    return request.first(name)


def params_of(request: Request, version: tuple[int, int]) -> Any:
    """The action's parameters. Fatal when they are no JSON object or array."""
    text = sent_field(request, "params")
    if text:
        return decoded(text)
    return _flat_params(request) if version >= (6,) else {}


def decoded(text: str) -> Any:
    """JSON as PHP decodes it. Fatal when it cannot."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as problem:
        raise Fatal from problem
    if "\ufffd" in text or not isinstance(value, dict | list):
        raise Fatal
    return value


def _flat_params(request: Request) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for key, values in request.query.items():
        found = _FLAT.match(key)
        if found and found[1] in ("select", "limit", "offset", "orderBy"):
            if found[2] is None:
                params[found[1]] = values[0]
            else:
                params.setdefault(found[1], []).extend(values)
    return params

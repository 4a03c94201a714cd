"""Airtable's web API over the bases in memory: the `App` that a sandbox server serves.

Shapes of answers and refusals follow the official reference; where it is silent, what integrators saw live.
"""

import re
from collections.abc import Sequence
from typing import Any

from bridge.sandbox.airtable import Airtable
from bridge.sandbox.airtable_base import Base
from bridge.sandbox.airtable_calls import Calls
from bridge.sandbox.airtable_cells import AirtableError
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Request, Response

_VERBS = {"GET": "list", "POST": "create", "PATCH": "update", "PUT": "replace", "DELETE": "delete"}


class AirtableApi:
    """Answers `/v0/…` as `api.airtable.com` does."""

    def __init__(self, airtable: Airtable) -> None:
        self.airtable = airtable

    def route(self, request: Request) -> str:
        """`<table name>/<verb>`, or `meta/<what>`; a PATCH that upserts is `upsert`."""
        match _parts(request):
            case ["meta", *rest]:
                return f"meta/{rest[-1]}"
            case ["bases", _, "webhooks", *rest]:
                return f"webhooks/{rest[-1] if len(rest) > 1 else _VERBS.get(request.method, request.method)}"
            case [base, table, *rest]:
                found = self.airtable.bases[base].find_table(table) if base in self.airtable.bases else None
                return f"{found.name if found else table}/{_verb(request, rest)}"
        return request.path

    def handle(self, request: Request) -> Response:
        """The answer, after the token, the rate limit and the month's quota."""
        try:
            with self.airtable.lock:
                return Response.json(self._answer(request))
        except AirtableError as refused:
            return Response.json(refused.body, refused.status)
        except _TooManyRequests as refused:
            return Response.json(refused.body, 429)

    def fail(self, request: Request, fault: Fault) -> Response:  # noqa: ARG002  # every request fails alike
        """The fault as Airtable words it. Its documented answer to a fault of its own is a 503 that may be sent again."""
        match fault.kind:
            case FaultKind.STATUS_429:
                return Response.json(_TooManyRequests("RATE_LIMIT_REACHED", plural=False).body, 429)
            case FaultKind.BILLING_429:
                return Response.json(_TooManyRequests("PUBLIC_API_BILLING_LIMIT_EXCEEDED", plural=True).body, 429)
            case FaultKind.EXPIRE_ITERATOR:
                return Response.json({"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}, 422)
            case FaultKind.HTML_403:
                return Response.html("<html><title>Just a moment...</title></html>", 403)
            case FaultKind.STATUS_500_HTML:
                return Response.html("<html><h1>502 Bad Gateway</h1></html>", 502)
        message = "Server encountered an error while processing your request, and it is safe to retry the request"
        return Response.json({"error": {"type": "RETRIABLE_ERROR", "message": message}}, 503)

    def _answer(self, request: Request) -> Any:
        scopes = self.airtable.tokens.get(request.header("authorization").removeprefix("Bearer "))
        if scopes is None:
            raise AirtableError(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        parts = _parts(request)
        self._pace(parts)
        match request.method, parts:
            case "GET", ["meta", "whoami"]:
                return {"id": "usrSandbox0000001"}
            case "GET", ["meta", "bases"]:
                return {"bases": [_base_info(each) for each in self.airtable.bases.values()]}
            case "GET", ["meta", "bases", base, "tables"]:
                _need(scopes, "schema.bases:read")
                return {"tables": [each.schema() for each in self._base(base).tables.values()]}
            case _, ["bases", base, "webhooks", *rest]:
                _need(scopes, "webhook:manage")
                return self._webhooks(request, self._base(base), rest)
            case _, [base, table, *rest] if base != "meta":
                _need(scopes, "data.records:read" if _reads(request, rest) else "data.records:write")
                answer = self._records(request, self._base(base), table, rest)
                self.airtable.ended(base, "publicApi")
                return answer
        raise AirtableError(404, "NOT_FOUND", bare=True)

    def _pace(self, parts: Sequence[str]) -> None:
        meta = parts[:1] == ["meta"]
        named = parts[2:] if meta else parts[1:] if parts[:1] == ["bases"] else parts
        base = named[0] if named else ""
        limit = self.airtable.limit_of(base)
        if base and not limit.admits():
            raise _TooManyRequests("RATE_LIMIT_REACHED", plural=limit.violations % 2 == 0)
        if not self.airtable.quota.admits(self.airtable.clock()) and not meta:
            raise _TooManyRequests("PUBLIC_API_BILLING_LIMIT_EXCEEDED", plural=False)

    def _webhooks(self, request: Request, base: Base, rest: list[str]) -> Any:
        hooks, now = base.hooks, self.airtable.clock()
        match request.method, rest:
            case "POST", []:
                return hooks.create(_object(request), now)
            case "GET", []:
                return hooks.list(now)
            case "GET", [key, "payloads"]:
                cursor, limit = (request.first(name) or default for name, default in (("cursor", "1"), ("limit", "50")))
                if not (cursor.isdecimal() and limit.isdecimal()):
                    raise AirtableError(422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed")
                return hooks.payloads(key, int(cursor), int(limit), now)
            case "POST", [key, "refresh"]:
                return hooks.refresh(key, now)
            case "DELETE", [key]:
                return hooks.delete(key, now)
        raise AirtableError(404, "NOT_FOUND", bare=True)

    def _base(self, key: str) -> Base:
        if key not in self.airtable.bases:
            raise _not_found()
        return self.airtable.bases[key]

    def _records(self, request: Request, base: Base, table_key: str, rest: list[str]) -> Any:  # noqa: PLR0911  # one for each verb
        table = base.find_table(table_key)
        if table is None:
            raise _not_found()
        calls = Calls(self.airtable, base, table)
        match request.method, rest:
            case "GET", []:
                return calls.page(_list_parameters(request))
            case "POST", ["listRecords"]:
                return calls.page(_object(request))
            case "GET", [record]:
                return calls.one(record, by_id=request.first("returnFieldsByFieldId") in ("true", "1"))
            case "POST", []:
                return calls.create(_object(request))
            case "PATCH" | "PUT", []:
                return calls.update(_object(request), replace=request.method == "PUT")
            case "PATCH" | "PUT", [record]:
                return calls.update_one(record, _object(request), replace=request.method == "PUT")
            case "DELETE", []:
                return {"records": calls.delete(request.query.get("records[]", request.query.get("records", [])))}
            case "DELETE", [record]:
                return calls.delete([record])[0]
        raise AirtableError(404, "NOT_FOUND", bare=True)


class _TooManyRequests(Exception):
    """A 429, in either of the two shapes that were seen live."""

    def __init__(self, kind: str, *, plural: bool) -> None:
        super().__init__(kind)
        message = "Rate limit exceeded. Please try again later"
        if kind != "RATE_LIMIT_REACHED":
            message = "You have exceeded the API call limit of your billing plan for this month"
        self.body: dict[str, Any] = {"error": {"type": kind, "message": message}}
        if plural:
            self.body = {"errors": [{"error": kind, "message": message}]}


def _parts(request: Request) -> list[str]:
    head, *parts = [each for each in request.path.split("/") if each] or [""]
    return parts if head == "v0" else []


def _verb(request: Request, rest: list[str]) -> str:
    if rest == ["listRecords"]:
        return "list"
    if rest and request.method == "GET":
        return "get"
    return "upsert" if b'"performUpsert"' in request.body else _VERBS.get(request.method, request.method)


def _reads(request: Request, rest: list[str]) -> bool:
    return request.method == "GET" or rest == ["listRecords"]


def _need(scopes: frozenset[str], scope: str) -> None:
    if scope not in scopes:
        raise _not_found()


def _not_found() -> AirtableError:
    """Airtable does not tell a missing base or table from a missing permission."""
    message = (
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have "
        "the required permissions, and that the model names and/or ids are correct."
    )
    return AirtableError(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", message)


def _object(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AirtableError(400, "INVALID_REQUEST_BODY", "Could not parse request body")
    return body


def _list_parameters(request: Request) -> dict[str, Any]:
    """The query of a GET as the body of a POST that asks the same."""
    asked: dict[str, Any] = {}
    sort: dict[str, dict[str, str]] = {}
    for name, values in request.query.items():
        if ordered := re.fullmatch(r"sort\[(\d+)\]\[(field|direction)\]", name):
            sort.setdefault(ordered[1], {})[ordered[2]] = values[0]
        elif name in ("fields[]", "fields"):
            asked["fields"] = values
        else:
            asked[name] = values[0]
    if sort:
        asked["sort"] = [sort[each] for each in sorted(sort, key=int)]
    if "returnFieldsByFieldId" in asked:
        asked["returnFieldsByFieldId"] = asked["returnFieldsByFieldId"] in ("true", "1")
    return asked


def _base_info(base: Base) -> dict[str, Any]:
    return {"id": base.id, "name": base.name, "permissionLevel": "create"}

"""pyairtable over httpx: the one door through which every request to Airtable leaves.

pyairtable's own transport replays POSTs whose answer was lost (one create, six rows), cannot tell a used-up quota from haste
and has no limiter. So its `request` is overridden: paced, counted, with one error map, reads retried and a write never sent
again unless it certainly did not happen.
"""

import datetime as dt
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import pyairtable
import structlog
from pyairtable.api.params import options_to_json_and_params, options_to_params

from bridge import retry
from bridge.airtable.answers import BILLING_BLOCK, Answer, Refusal, lost, read
from bridge.airtable.hooks import Hooks
from bridge.airtable.pace import PENALTY_SECONDS, Pace
from bridge.airtable.pulls import Pulls
from bridge.errors import QuotaExhausted, RateLimited, Unavailable, UnexpectedAnswer
from bridge.ports import Calls, Clock, Memory, Slots
from bridge.trust import certificates

log = structlog.get_logger()

TIMEOUTS = httpx.Timeout(60.0, connect=10.0)
PENALTIES_BORNE = 4
"""How often one request waits out a 429 before it is given up."""

SCHEMA_BELIEVED = dt.timedelta(days=1)
"""How long a delta that brings nothing goes by the schema of an earlier run."""
SCHEMA_RENEWED = dt.timedelta(hours=1)
"""How often a schema that is read is written down though it has not changed."""

_BASE = re.compile(r"/v0/(?:meta/bases/|bases/)?(app[0-9A-Za-z]+)")
_SCHEMA = "schema of "
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Api(pyairtable.Api):
    """Airtable, paced, counted and blocked by base id. Safe to share between threads.

    It keeps the identity and the schemas it has read, which all remotes of a base share, until told to `forget` them.
    `clock` says which month it is; the pace goes by `now`, the machine's own epoch seconds, because Airtable's limit does.
    """

    def __init__(
        self,
        token: str,
        *,
        slots: Slots,
        calls: Calls,
        clock: Clock,
        memory: Memory | None = None,
        webhooks: bool = False,
        url: str = "https://api.airtable.com",
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(token, retry_strategy=None, endpoint_url=url)
        self.pulls = Pulls()
        self.session.close()
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUTS, verify=certificates(), trust_env=False
        )
        self._calls = calls
        self._clock = clock
        self._memory = memory
        self._hooks = Hooks(self._about_hooks, memory, clock) if webhooks and memory is not None else None
        self._pace = Pace(slots, clock=now, sleep=sleep)
        self._kept: dict[str, Any] = {}
        self._keeping = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and tell other processes when the last answers came."""
        self._http.close()
        self._pace.close()

    def forget(self) -> None:
        """Ask for schemas again: a new run begins. Whose the token is does not change, and a revoked one is refused anyway."""
        with self._keeping:
            self._kept = {key: known for key, known in self._kept.items() if key == "identity"}
        if self._hooks is not None:
            self._hooks.forget()

    def in_flight(self, base: str) -> int:
        """How many requests to `base` should be under way at once: more than 1 only where each takes long."""
        return self._pace.in_flight(base)

    def identity(self, base: str) -> str:
        """The id of the token's user; asked once. The call counts for `base`."""
        with self._keeping:
            if "identity" not in self._kept:
                who = self._reading(self._http.build_request("GET", str(self.urls.whoami)), base).data
                self._kept["identity"] = str(who.get("id", "")) if isinstance(who, dict) else ""
            return str(self._kept["identity"])

    def tables(self, base: str) -> Sequence[Any]:
        """Every table of the base as the schema endpoint tells it; asked once."""
        with self._keeping:
            if base not in self._kept:
                answer = self.get(str(self.build_url("meta", "bases", base, "tables")))
                tables = answer.get("tables") if isinstance(answer, dict) else None
                if not isinstance(tables, list):
                    raise UnexpectedAnswer(f"Airtable's schema of {base} holds no list of tables.")
                self._kept[base] = tables
                self._write_down(base, tables)
            return list(self._kept[base])

    def remembered(self, base: str) -> Sequence[Any] | None:
        """The tables as this run has read them, or an earlier one within a day; None if neither did. It makes no call."""
        with self._keeping:
            known = self._kept.get(base) or self._recalled(base).get("tables")
        return list(known) if known else None

    def _write_down(self, base: str, tables: Sequence[Any]) -> None:
        now = self._clock()
        before = self._recalled(base)
        if self._memory is None or (before.get("tables") == tables and now - _moment(before) < SCHEMA_RENEWED):
            return
        self._memory.keep(f"{_SCHEMA}{base}", {"tables": tables, "at": now.isoformat()})

    def _recalled(self, base: str) -> Mapping[str, Any]:
        """The schema that an earlier run wrote down, unless that is too long ago."""
        told = self._memory.recall(f"{_SCHEMA}{base}") if self._memory is not None else {}
        return told if told and self._clock() - _moment(told) < SCHEMA_BELIEVED else {}

    def quiet(self, base: str, table: str, since: dt.datetime) -> dt.datetime | None:
        """Up to when a webhook vouches that nothing changed in the table since then; None where none does."""
        return self._hooks.quiet(base, table, since) if self._hooks is not None else None

    def gone(self, base: str, table: str, since: dt.datetime) -> frozenset[str]:
        """The records of the table of which a webhook tells that they were deleted since then."""
        return self._hooks.gone(base, table, since) if self._hooks is not None else frozenset()

    def _about_hooks(self, method: str, rest: str, body: Mapping[str, Any] | None, base: str) -> Answer:
        request = self._http.build_request(method, f"{self.build_url('bases', base, 'webhooks')}{rest}", json=body)
        return self._exchange(request, base, writes=method != "GET")  # once: a hint is not worth waiting for

    def list_page(self, base: str, table: str, body: dict[str, Any]) -> Answer:
        """One page of records, asked by POST: no formula, and so no person's data, ever stands in a URL."""
        url = str(self.build_url(base, table, "listRecords"))
        return self._reading(self._http.build_request("POST", url, json=body), base)

    def request(
        self,
        method: str,
        url: str,
        fallback: tuple[str, str] | None = None,
        options: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
    ) -> Any:
        """Make a request; like `pyairtable.Api.request`, but raising only errors of `bridge.errors`."""
        query = {**options_to_params(options or {}), **(params or {})}
        request = self._http.build_request(method, str(url), params=query or None, json=json)
        if fallback and method.upper() == "GET" and len(str(request.url)) >= self.MAX_URL_LENGTH:
            body, rest = options_to_json_and_params(options or {})
            return self.request(fallback[0], fallback[1], params={**rest, **(params or {})}, json=body)
        found = _BASE.search(request.url.path)
        base = found[1] if found else ""
        if method.upper() == "GET" or request.url.path.endswith("/listRecords"):
            return self._reading(request, base).data
        return self._writing(request, base).data

    def _reading(self, request: httpx.Request, base: str) -> Answer:
        return retry.reads(self._exchange, request, base, writes=False)

    def _writing(self, request: httpx.Request, base: str) -> Answer:
        # Sent again only on Unavailable, and a write raises that only if it certainly was not executed.
        return retry.idempotent_writes(self._exchange, request, base, writes=True)

    def _exchange(self, request: httpx.Request, base: str, *, writes: bool) -> Answer:
        where = f"{request.method} {request.url.path}"
        for _ in range(PENALTIES_BORNE + 1):
            response = self._send(request, base, where, writes=writes)
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return read(response, where=where, writes=writes)
            if Refusal.of(response).kind == BILLING_BLOCK:
                raise self._out_of_quota(base)
            seconds = _penalty(response)
            a_second = self._pace.pause(base, seconds)
            log.warning(
                "airtable_rate_limited", base=base, pause_seconds=seconds, then_a_second=a_second, why="others send to the base"
            )
        raise RateLimited(
            f"Airtable kept refusing {where}: too many requests a second to this base.",
            retry_after=dt.timedelta(seconds=seconds),
            next_step="Find what else sends to the base; all integrations share its five requests a second.",
        )

    def _send(self, request: httpx.Request, base: str, where: str, *, writes: bool) -> httpx.Response:
        self._check_quota(base)
        with self._pace.slot(base):
            self._calls.add(base)
            try:
                return self._http.send(request)
            except httpx.HTTPError as error:
                if writes and not isinstance(error, _NEVER_SENT):
                    raise lost(where) from error
                raise Unavailable(
                    f"Airtable could not be reached for {where} ({type(error).__name__}).",
                    next_step="The next run tries again; check the network if it lasts.",
                ) from error

    def _check_quota(self, base: str) -> None:
        until = self._calls.blocked_until(base)
        if until is not None and self._clock() < until:
            raise _quota_exhausted(base, until)

    def _out_of_quota(self, base: str) -> QuotaExhausted:
        now = self._clock().astimezone(dt.UTC)
        until = dt.datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=dt.UTC)
        self._calls.block(base, until, "Airtable's monthly API calls are used up")
        log.error("airtable_quota_exhausted", base=base, until=until.isoformat())
        return _quota_exhausted(base, until)


def _moment(told: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(told["at"])


def _quota_exhausted(base: str, until: dt.datetime) -> QuotaExhausted:
    return QuotaExhausted(
        f"Airtable's monthly API calls are used up: {base} answers no more before {until:%Y-%m-%d}.",
        next_step="Wait for the first of the month, or have the workspace's plan raised.",
    )


def _penalty(response: httpx.Response) -> float:
    """Seconds to pause after a 429: what `Retry-After` says, else Airtable's 30."""
    told = response.headers.get("Retry-After", "")
    return max(1.0, float(told)) if told.isdecimal() else PENALTY_SECONDS

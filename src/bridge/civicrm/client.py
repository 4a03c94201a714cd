"""CiviCRM over HTTP: one POST form per call or batch of calls, without cookies, redirects or guesses.

The body is always a form with one field of JSON: CiviCRM ignores a JSON body and then runs the call without parameters, which
for `Contact.get` means every contact.
"""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx

from bridge import __version__
from bridge.civicrm import wire
from bridge.civicrm.wire import Answer, Identity
from bridge.core.record import Json
from bridge.errors import AuthRejected, ConfigError, OutcomeUnknown, RequestRejected, Unavailable, UnexpectedAnswer
from bridge.retry import reads
from bridge.trust import certificates

T = TypeVar("T")
Params = Mapping[str, Any]

_ROUTE = "ajax/api4/{entity}/{action}"
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
"""Seconds. 500 rows with joins take under one; hosts end PHP at 30 or 60."""
_MOST_AHEAD = 30
"""Calls in one request that asks ahead: each is some hundredths of a second of the site's time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One APIv4 call. `params` are never shown: they hold people's data."""

    entity: str
    action: str
    params: Params

    def __repr__(self) -> str:
        return f"Call({self.entity}.{self.action})"

    @property
    def what(self) -> str:
        """What errors and logs call it."""
        return f"{self.entity}.{self.action}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a CiviCRM answers, whatever its CMS makes of routes.

    `template` is the whole API address with `{entity}` and `{action}`. All other addresses are the same with another route
    in the place of `ajax/api4/{entity}/{action}`, which is how every CMS builds them, clean or as `?q=` or `&task=`.
    """

    template: str

    @classmethod
    def of(cls, url: str) -> "Site":
        """The site at a plain address, or at a template. Raises ConfigError where it is neither."""
        template = url if "{" in url else f"{url.rstrip('/')}/civicrm/{_ROUTE}"
        if _ROUTE not in template or not template.startswith(("http://", "https://")):
            raise ConfigError(
                "BRIDGE_CIVICRM__URL is neither a site's address nor a template that contains ajax/api4/{entity}/{action}.",
                next_step="Write https://example.org, or for example "
                "https://example.org/?civiwp=CiviCRM&q=civicrm/ajax/api4/{entity}/{action}.",
            )
        site = cls(template)
        try:
            sound = not httpx.URL(site.api("Contact", "get")).userinfo
        except httpx.InvalidURL:
            sound = False
        if not sound:
            raise ConfigError(
                "BRIDGE_CIVICRM__URL is no plain web address.",
                next_step="Leave out any user and password: those of a wall before the site go to BRIDGE_CIVICRM__PROXY_AUTH.",
            )
        return site

    def api(self, entity: str, action: str) -> str:
        """Where one call goes."""
        return self._route(f"ajax/api4/{quote(entity, safe='')}/{quote(action, safe='')}")

    @property
    def many(self) -> str:
        """Where several calls in one POST go."""
        return self._route("ajax/api4")

    @property
    def who(self) -> str:
        """Where the credential's owner is told."""
        return self._route("authx/id")

    def page(self, route: str, **query: str) -> str:
        """A page for people, such as `contact/view`."""
        address = self._route(route)
        return f"{address}{'&' if '?' in address else '?'}{'&'.join(f'{key}={quote(value)}' for key, value in query.items())}"

    def _route(self, route: str) -> str:
        return self.template.replace(_ROUTE, route)


class CivicrmClient:
    """Calls one site with one account. Shared by all its mappings; safe in several threads.

    `count` is told 1 for every request sent. `proxy_auth` is `user:password` of a Basic wall in front of the site.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        site_key: str | None = None,
        proxy_auth: str | None = None,
        count: Callable[[int], None] = lambda _: None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        self.site = Site.of(url)
        self._count = count
        self._shared: dict[Hashable, object] | None = None
        self._fetched: dict[Hashable, Answer] = {}
        self._bears_many = True
        self._lock = threading.RLock()
        self._http = httpx.Client(
            headers=_headers(api_key, site_key, proxy_auth),
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            timeout=timeout,
            verify=certificates(),
            follow_redirects=False,
        )

    def __repr__(self) -> str:
        return f"CivicrmClient({self.site.template!r})"

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def identity(self) -> Identity:
        """Who the key belongs to. Raises AuthRejected where that is nobody: such a key reads nothing, without an error."""
        found = wire.identity(reads(self._send, "GET", self.site.who, None, "authx/id"))
        if found.contact_id is None:
            raise AuthRejected(
                "CiviCRM takes the key for nobody's: every read would come back empty.",
                next_step="Check BRIDGE_CIVICRM__API_KEY, and that no proxy strips the X-Civi-Auth header.",
            )
        return found

    def once(self, entity: str, action: str, params: Params) -> Answer:
        """A read's rows, asked for once; or as `fetched` brought them."""
        with self._lock:
            if (fetched := self._fetched.pop(_asked(entity, action, params), None)) is not None:
                return fetched
        call = Call(entity, action, params)
        url = self.site.api(entity, action)
        return wire.answer(self._send("POST", url, {"params": _dump(params)}, call.what), call.what)

    def read(self, entity: str, action: str, params: Params) -> Answer:
        """A read's rows, asked for as often as `retry.reads` allows; not asked for again if they were `ask_ahead`."""
        with self._lock:
            known = (self._shared or {}).get(_asked(entity, action, params))
        return known if isinstance(known, Answer) else reads(self.once, entity, action, params)

    def ask_ahead(self, calls: Sequence[Call]) -> None:
        """Within `shared`, ask in one request for what is about to be read one by one; a site boots anew for each request.

        What is refused here is left for its `read` to be told.
        """
        with self._lock:
            if self._shared is None:
                return
            new = {key: each for each in calls if (key := _asked(each.entity, each.action, each.params)) not in self._shared}
            if len(new) > 1:
                for some in _batches(list(new)):
                    answers = reads(self._many, [new[key] for key in some], writes=False)
                    told = zip(some, answers, strict=True)
                    self._shared.update((key, each) for key, each in told if isinstance(each, Answer))

    @contextlib.contextmanager
    def fetched(self, calls: Sequence[Call]) -> Iterator[None]:
        """Within it, the next `once` of each of these reads has its answer already: all are sent together, a single time.

        What did not come is left for its `once` to ask. A site that did not bear them together is not asked so again.
        """
        if len(calls) > 1 and self._bears_many:
            try:
                told = zip(calls, self._many(calls, writes=False), strict=True)
                kept = {_asked(call.entity, call.action, call.params): each for call, each in told if isinstance(each, Answer)}
            except (Unavailable, UnexpectedAnswer):
                self._bears_many, kept = False, {}
            with self._lock:
                self._fetched = kept
        try:
            yield
        finally:
            with self._lock:
                self._fetched = {}

    def read_many(self, calls: Sequence[Call]) -> list[Answer]:
        """The rows of several reads; those that were not `ask_ahead` are sent together. Raises the first one's error."""
        keys = [_asked(each.entity, each.action, each.params) for each in calls]
        with self._lock:
            ahead = {key: (self._shared or {}).get(key) for key in keys}
        new = [call for key, call in zip(keys, calls, strict=True) if ahead[key] is None]
        sent = iter(reads(self._many, new, writes=False) if new else ())
        found = [next(sent) if ahead[key] is None else ahead[key] for key in keys]
        for each in found:
            if isinstance(each, RequestRejected | AuthRejected):
                raise each
        return cast("list[Answer]", found)

    def write_many(self, calls: Sequence[Call]) -> list[Answer | RequestRejected | AuthRejected]:
        """What became of each of several writes and reads, sent together exactly once and run in order.

        They are no transaction: what stands before a refused one has happened. Raises Unavailable or AuthRejected where
        nothing ran, and OutcomeUnknown where the answer was lost.
        """
        return self._many(calls, writes=True)

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Within it, what `remember` loaded is loaded once: for a run of several mappings over the same entities."""
        with self._lock:
            before, self._shared = self._shared, {}
        try:
            yield
        finally:
            self._shared = before

    def remember(self, key: Hashable, load: Callable[[], T]) -> T:
        """What `load` answers; within `shared`, what it answered for the same `key` before."""
        with self._lock:
            if self._shared is None:
                return load()
            if key not in self._shared:
                self._shared[key] = load()
            return cast("T", self._shared[key])

    def _many(self, calls: Sequence[Call], *, writes: bool) -> list[Answer | RequestRejected | AuthRejected]:
        what = f"a batch of {len(calls)} calls"
        named = {f"c{number}": call for number, call in enumerate(calls)}
        form = {"calls": _dump({key: [each.entity, each.action, each.params] for key, each in named.items()})}
        body = self._send("POST", self.site.many, form, what, writes=writes)
        if not isinstance(body, dict) or body.keys() != named.keys():
            raise _broken(what, writes=writes)
        try:
            return [_part(body[key], each.what) for key, each in named.items()]
        except UnexpectedAnswer:
            raise _broken(what, writes=writes) from None

    def _send(self, method: str, url: str, form: Mapping[str, str] | None, what: str, *, writes: bool = False) -> Json:
        """The JSON that comes back. Raises what `wire.judge` says, and Unavailable or OutcomeUnknown for the connection."""
        self._count(1)
        try:
            response = self._http.request(method, url, data=form)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise Unavailable(
                f"{what}: CiviCRM cannot be reached ({type(error).__name__}).",
                next_step="Check BRIDGE_CIVICRM__URL and the network.",
            ) from error
        except httpx.HTTPError as error:
            if writes:
                raise OutcomeUnknown(
                    f"{what} was sent to CiviCRM and its answer was lost ({type(error).__name__}).",
                    next_step="Nothing: the next run reads the record and settles what became of it.",
                ) from error
            raise Unavailable(f"{what}: the connection to CiviCRM was lost ({type(error).__name__}).") from error
        return wire.judge(response, what, writes=writes)


def _headers(api_key: str, site_key: str | None, proxy_auth: str | None) -> dict[str, str]:
    """What every request carries. Raises ConfigError for a key that cannot stand in a header, without showing it."""
    headers = {
        "X-Civi-Auth": f"Bearer {api_key.strip()}",
        "X-Requested-With": "XMLHttpRequest",
        "User-Agent": f"bridge/{__version__}",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
    }
    if site_key:
        headers["X-Civi-Key"] = site_key.strip()
    if proxy_auth:
        headers["Authorization"] = "Basic " + base64.b64encode(proxy_auth.encode()).decode()
    if not api_key.strip() or not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise ConfigError(
            "BRIDGE_CIVICRM__API_KEY or BRIDGE_CIVICRM__SITE_KEY is empty or holds characters no key has.",
            next_step="Copy the key again, on one line.",
        )
    return headers


def _batches(keys: list[Hashable]) -> Iterator[list[Hashable]]:
    for start in range(0, len(keys), _MOST_AHEAD):
        yield keys[start : start + _MOST_AHEAD]


def _asked(entity: str, action: str, params: Params) -> Hashable:
    return ("asked", entity, action, _dump(params))


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _part(body: Json, what: str) -> Answer | RequestRejected | AuthRejected:
    """One call's own answer or refusal out of a batch."""
    try:
        return wire.answer(body, what)
    except (RequestRejected, AuthRejected) as refusal:
        return refusal


def _broken(what: str, *, writes: bool) -> UnexpectedAnswer | OutcomeUnknown:
    """What a batch's answer is that does not fit its calls."""
    if writes:
        return OutcomeUnknown(f"{what} was sent to CiviCRM and its answer does not fit it.")
    return UnexpectedAnswer(f"{what}: CiviCRM's answer does not fit it.", next_step="Check that the site answers multi-calls.")

"""No sensitive value, and no piece of one, leaves by any way out: the real engine over running copies of all three systems.

The two systems are full of made-up values of sensitive fields that stand nowhere else. Everything that can go wrong goes wrong,
with answers that quote what was sent. Then every byte of every way out is searched. A new way out is one more function under
`@way_out`, and a new page of the web is found by following links.
"""

import contextlib
import datetime as dt
import hashlib
import html
import io
import json
import logging
import re
import string
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote_plus

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bridge import log
from bridge.app.serving import Serving
from bridge.cli import plans
from bridge.config.settings import Settings
from bridge.core.document import document
from bridge.core.record import PerSide, Side
from bridge.errors import BridgeError
from bridge.language import LANGUAGES, Language
from bridge.sandbox.federation_airtable import TABLES
from bridge.sandbox.http import Request, Response, Server
from bridge.sandbox.slack import BOT_TOKEN, Slack
from bridge.sandbox.slack_api import SlackApi
from bridge.service.order import Kind, Result
from bridge.slack.message import preview
from service.engine import BASE, COOPS, FIRST, TABLE, YAML, Clock, Engine, a_site, an_empty_state, with_state

TOKEN = "a-viewers-token-of-some-length"  # made up
KEY = "number: {civicrm: external_identifier, airtable: Civi ID, type: identifier, authority: report, sensitive: true}"
REPORT = """\
rules:
  early:
    severity: high
    when: [{airtable: effective, before: today}]
    say: {en: "{name} began early.", es: "{name} empezó pronto."}
    do: {en: "Ask.", es: "Pregunte."}
report:
  slack: {channel: "#membership"}
  airtable: {table: Discrepancies}
  civicrm: {activity_type: Bridge discrepancy}
schedule:
"""
SIMILAR = "  - similar: {civicrm: nick_name, airtable: Nickname, as: organization, least: 0.5}\nfields:\n"


def sensitive_yaml(*, names: bool) -> str:
    """The engine's mapping with nearly every field sensitive, its match key and what names are compared by among them."""
    made = YAML.replace("schedule:\n", REPORT).replace("fields:\n", f"{SIMILAR}  {KEY}\n", 1)
    for line in YAML.splitlines():
        if line.startswith(("  email:", "  phone:", "  effective:", *(("  name:",) if names else ()))):
            made = made.replace(line, line.removesuffix("}") + ", sensitive: true}")
    return made


# ── made-up values, and how they would be recognised ──


@dataclass(frozen=True)
class Planted:
    """The values of one record on one side."""

    name: str
    email: str
    phone: str
    nickname: str
    effective: dt.date
    number: str

    def pieces(self, *, names: bool) -> Iterator[str]:
        """What none of the ways out may hold: each value whole, and each piece that stands for no other; in lower case."""
        local, _, domain = self.email.partition("@")
        yield from (local, domain.partition(".")[0], self.number, self.phone, *self.nickname.casefold().split())
        yield from self.name.split() if names else ()
        yield self.effective.isoformat()
        yield f"{self.effective:%m/%d/%Y}"
        yield from (Language(code).day(self.effective).casefold() for code in LANGUAGES)


def made_up(seed: int) -> list[Planted]:
    """Values for every record of both sides, no two alike in any piece."""
    random = Random(seed)  # noqa: S311  # no secrets, only made-up values
    used: set[str] = set()

    def fresh(draw: Callable[[], str]) -> str:
        while (found := draw()) in used:
            pass
        used.add(found)
        return found

    def word() -> str:
        return fresh(lambda: "zq" + "".join(random.choices(string.ascii_lowercase, k=random.randint(6, 9))))

    def number() -> str:
        return fresh(lambda: f"5{random.randint(20, 98)}{random.randint(1000, 9999)}")

    return [
        Planted(
            name=word(),
            email=f"{word()}@{word()}.example",
            phone=number(),
            nickname=f"{word()} Ñandú{word()}",
            effective=dt.date(1931, 1, 1) + dt.timedelta(days=random.randrange(6_000)),
            number=word(),
        )
        for _ in range(2 * COOPS)
    ]


# ── the systems, which quote in their refusals whatever was sent ──


class Gossip:
    """A service that keeps every request, and refuses one whose route holds a word of `quoting` by quoting it."""

    def __init__(self, service: Any, refuse: Callable[[str], Response]) -> None:
        self._service = service
        self._refuse = refuse
        self.heard: list[tuple[str, Request]] = []
        self.quoting: set[str] = set()

    def route(self, request: Request) -> str:
        return str(self._service.route(request))

    def handle(self, request: Request) -> Response:
        route = self.route(request)
        self.heard.append((route, request))
        if any(word in route for word in self.quoting):
            return self._refuse(unquote_plus(request.body.decode()))
        response: Response = self._service.handle(request)
        return response

    def fail(self, request: Request, fault: Any) -> Response:
        response: Response = self._service.fail(request, fault)
        return response


REFUSALS: Mapping[str, Callable[[str], Response]] = {
    "civicrm": lambda sent: Response.json({"error_code": 0, "error_message": f"Invalid value: {sent}", "status": 500}, 500),
    "airtable": lambda sent: Response.json(
        {"error": {"type": "INVALID_VALUE_FOR_COLUMN", "message": f'Field "Email" can not accept value {sent}'}}, 422
    ),
    "slack": lambda sent: Response.json({"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": [sent]}}),
}


@dataclass
class World(Engine):
    """All three systems and what has come out of bridge."""

    gossips: dict[str, Gossip] = field(default_factory=dict)
    slack_server: Any = None
    stream: io.StringIO = field(default_factory=io.StringIO)
    results: list[Result] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the state and the mapping are."""
        return Path(self.state_url.removeprefix("sqlite:///")).parent

    def open(self, *, names: bool) -> None:
        """Report everywhere, over systems that gossip."""
        self.airtable.add_table(BASE, "Discrepancies", TABLES["Discrepancies"])
        for name, server in (
            ("civicrm", self.servers.civicrm),
            ("airtable", self.servers.airtable),
            ("slack", self.slack_server),
        ):
            self.gossips[name] = server.app = Gossip(server.app, REFUSALS[name])
        file = self.folder / "groups.yaml"
        file.write_text(sensitive_yaml(names=names))
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        more = Settings.load(
            {
                "BRIDGE_CIVICRM__URL": self.servers.civicrm.url,
                "BRIDGE_CIVICRM__API_KEY": "x",
                "BRIDGE_AIRTABLE__TOKEN": "x",
                "BRIDGE_WEB__PORT": "0",
                "BRIDGE_WEB__PUBLIC_URL": "https://bridge.example",
                "BRIDGE_WEB__TOKENS": f"viewer:vera:{digest}",
                "BRIDGE_SLACK__URL": f"{self.slack_server.url}/api/",
            }
        )
        slack = more.slack.model_copy(update={"bot_token": SecretStr(BOT_TOKEN), "channel": "#membership"})
        self.app.settings = self.app.settings.model_copy(update={"slack": slack, "web": more.web, "mappings": file})
        self.app.reload()

    def go(self, act: Callable[[], Any]) -> Any:
        """Do something, keeping what comes out of it."""
        self.clock.sleep(60)
        try:
            done = act()
        except BridgeError as error:
            self.errors.append(error)
            return None
        for result in done if isinstance(done, list) else [done]:
            if isinstance(result, Result):
                self.results.append(result)
        delivery = self.app.reports.send()
        self.errors += delivery.problems
        self.drawn += [preview(payload) for payload, _ in self.app.reports.previews("es") if isinstance(payload, dict)]
        return done

    def sync(self, kind: Kind = Kind.SWEEP) -> Result | None:
        done = self.go(lambda: self.app.run(["groups"], kind, by="tester"))
        return done[0] if done else None


# ── the ways out ──

WAYS_OUT: dict[str, Callable[[World], Iterator[str]]] = {}


def way_out(way: Callable[[World], Iterator[str]]) -> Callable[[World], Iterator[str]]:
    """Everything that leaves this way, as text."""
    WAYS_OUT[way.__name__] = way
    return way


@way_out
def what_slack_is_sent(world: World) -> Iterator[str]:
    for _, request in world.gossips["slack"].heard:
        yield request.body.decode()


@way_out
def what_a_preview_draws(world: World) -> Iterator[str]:
    yield from world.drawn


@way_out
def the_log(world: World) -> Iterator[str]:
    yield world.stream.getvalue()


@way_out
def every_address_that_is_asked(world: World) -> Iterator[str]:
    for gossip in world.gossips.values():
        yield from (f"{request.path}?{request.query}" for _, request in gossip.heard)


@way_out
def errors_with_all_their_causes(world: World) -> Iterator[str]:
    told = [*world.errors, *(error for each in world.results for error in (each.error, *each.problems) if error)]
    for error in told:
        yield f"{error} {error!r} {getattr(error, 'next_step', '')}"
        yield "".join(traceback.format_exception(error))


@way_out
def airtables_table_of_discrepancies(world: World) -> Iterator[str]:
    yield repr(world.airtable.rows(BASE, "Discrepancies"))
    for route, request in world.gossips["airtable"].heard:
        if route.startswith("Discrepancies"):
            yield request.body.decode()


@way_out
def civicrms_activities(world: World) -> Iterator[str]:
    yield repr(world.civicrm.site.rows["Activity"].rows)
    for route, request in world.gossips["civicrm"].heard:
        if "Activity" in route:
            yield unquote_plus(request.body.decode())


@way_out
def the_csv_file_and_the_static_page(world: World) -> Iterator[str]:
    for code in LANGUAGES:
        yield world.app.reports.csv(code)
        yield world.app.reports.page(code)


@way_out
def plans_as_text_json_and_page(world: World) -> Iterator[str]:
    for result in world.results:
        yield plans.summary(result)
        if result.plan is not None:
            yield json.dumps(document(result.plan))
            yield world.app.plan_text(result.plan, "groups")
            yield world.app.reports.plans([result.plan])


@way_out
def the_ledger_as_json(world: World) -> Iterator[str]:
    for code in LANGUAGES:
        yield json.dumps(world.app.ledger_rows(world.app.store.ledger.list(), code))
    yield repr(world.app.store.ledger.events())


@way_out
def the_web_for_a_viewer(world: World) -> Iterator[str]:
    """Metrics, probes, the API and every page that links lead to."""
    serving = Serving(world.app)
    serving._server.start()
    with contextlib.closing(_Stopping(serving)), httpx.Client(base_url=serving.url) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        seen: set[str] = set()
        waiting = [
            "/",
            "/metrics",
            "/healthz",
            "/readyz",
            "/api/v1/discrepancies",
            "/api/v1/runs",
            "/api/v1/status",
            "/nowhere",
        ]
        entries = world.app.store.ledger.list()
        waiting += [f"/api/v1/discrepancies/{each.id}" for each in entries]
        while waiting and len(seen) < 60:
            path = waiting.pop(0)
            if path in seen:
                continue
            seen.add(path)
            answer: httpx.Response = client.get(path)
            yield f"{path} {answer.text} {dict(answer.headers)}"
            links = re.findall(r'href="(/[^"#]*)', answer.text)
            waiting += [html.unescape(link) for link in links]


@dataclass
class _Stopping:
    serving: Serving

    def close(self) -> None:
        self.serving._server.stop()


def readings(text: str) -> Iterator[str]:
    """The text as it stands, and as those who receive it read it; of numbers in the form of a phone's, the digits too."""
    yield text
    if "&" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote_plus(text)
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    yield " ".join(re.sub(r"[^0-9]", "", each) for each in re.findall(r"5\d\d[^0-9]{0,2}\d{4}(?!\d)", text))


Told = Mapping[str, list[str]]


def told_by(world: World) -> Told:
    """What left, by the way it left."""
    return {name: list(way(world)) for name, way in WAYS_OUT.items()}


def leaks(told: Told, pieces: set[str]) -> list[str]:
    """Each way out by which something got away, with what."""
    return [
        f"{name}: {piece} in …{reading[max(0, reading.find(piece) - 90) : reading.find(piece) + 60]}…"
        for name, texts in told.items()
        for text in set(texts)
        for reading in map(str.casefold, readings(text))
        for piece in pieces
        if piece in reading
    ]


WITHOUT_NAMES = {"the_log", "every_address_that_is_asked", "errors_with_all_their_causes"}
"""The ways on which nobody's name is told at all."""


# ── the story ──


@pytest.fixture(scope="module")
def servers() -> Iterator[PerSide[Server]]:
    with Server(a_site(Clock())) as civicrm, Server(a_site(Clock())) as airtable:
        yield PerSide(civicrm, airtable)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_empty_state(tmp_path_factory.mktemp("empty"))


@contextlib.contextmanager
def a_world(servers: PerSide[Server], empty: Path, *, names: bool) -> Iterator[World]:
    """A bridge over three systems, its log in a stream."""
    with TemporaryDirectory() as folder, Server(SlackApi(Slack())) as slack:
        world = World(servers, with_state(Path(folder), empty), slack_server=slack)
        with world, contextlib.redirect_stderr(world.stream):
            log.set_up("debug", json=True)
            try:
                world.open(names=names)
                yield world
            finally:
                structlog.reset_defaults()
                logging.basicConfig(force=True)


def plant(world: World, here: list[Planted], there: list[Planted]) -> None:
    """Fill both systems: of each record a number and a name they share, and other values that differ."""
    groups = [*world.airtable.rows(BASE, TABLE)]
    for number, (mine, theirs) in enumerate(zip(here, there, strict=True)):
        contact = FIRST + number
        world.civicrm.staff_update("Contact", contact, {"external_identifier": mine.number, **_civicrm(mine)})
        world.airtable.edit(BASE, TABLE, groups[number], {"Civi ID": mine.number, **_airtable(mine if number else theirs)})
        world.airtable.edit(BASE, TABLE, groups[number], {"Group name": mine.name})
    twin, lonely = here[1], groups[-1]  # a duplicate inside one side, by a sensitive key; its name looks like another's
    world.airtable.edit(BASE, TABLE, lonely, {"Civi ID": there[-1].number, "Nickname": here[-1].nickname + "x"})
    world.airtable.create(BASE, TABLE, {"Group name": twin.name, "Civi ID": twin.number})
    world.airtable.edit(
        BASE, TABLE, groups[2], {"Contact email": f"{there[2].email} {there[2].nickname}", "Phone": here[2].phone}
    )


def _civicrm(values: Planted) -> dict[str, Any]:
    return {
        "organization_name": values.name,
        "nick_name": values.nickname,
        "email_primary.email": values.email,
        "phone_primary.phone": f"413{values.phone}",
        "Benefits.Effective_Date": values.effective.isoformat(),
    }


def _airtable(values: Planted) -> dict[str, Any]:
    return {
        "Nickname": values.nickname,
        "Contact email": values.email,
        "Phone": f"+1 413 {values.phone[:3]}-{values.phone[3:]}",
        "Effective date": values.effective.isoformat(),
    }


def live_through(world: World, there: list[Planted]) -> None:
    """A first run; refusals that quote; a mass change that is held, approved and taken back; sources that cannot be read."""
    civicrm, airtable, slack = (world.gossips[name].quoting for name in ("civicrm", "airtable", "slack"))
    groups = [*world.airtable.rows(BASE, TABLE)]
    world.sync()
    airtable.add("Groups/update")
    civicrm.add("Organization/update")
    world.civicrm.staff_update("Contact", FIRST + 3, {"nick_name": there[3].nickname})
    world.airtable.edit(BASE, TABLE, groups[4], {"Nickname": there[4].nickname, "Contact email": there[4].email})
    world.sync()
    airtable.clear()
    civicrm.clear()
    slack.add("chat.")
    world.sync()
    slack.clear()
    for number in range(1, 5):
        world.civicrm.staff_update("Contact", FIRST + number, {"nick_name": None})
    held = world.sync()
    if held is not None and held.digest is not None:
        done = world.go(lambda: world.app.approve(str(held.digest), by="somebody else"))
        if done is not None:
            world.go(lambda: world.app.undo(world.app.prepare_undo(done.run, None, None)))
    world.sync()
    for side, route in ((civicrm, "Organization/get"), (airtable, "Groups/list"), (airtable, "Discrepancies")):
        side.add(route)
        world.sync()
        side.clear()
    world.sync(Kind.PLAN)
    for side, native in ((Side.CIVICRM, str(FIRST)), (Side.AIRTABLE, groups[0]), (Side.CIVICRM, "999999")):
        world.go(lambda: world.app.explain((side, native), None))  # noqa: B023  # done at once


@pytest.mark.parametrize("names", [False, True], ids=["names are told", "names are sensitive too"])
@settings(max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
@given(seed=st.integers(0, 2**32))
def test_no_sensitive_value_nor_a_piece_of_one_leaves_by_any_way(
    servers: PerSide[Server], empty: Path, seed: int, names: bool
) -> None:
    values = made_up(seed)
    with a_world(servers, empty, names=names) as world:
        plant(world, values[:COOPS], values[COOPS:])
        live_through(world, values[COOPS:])
        codes = {each.discrepancy.code for each in world.app.store.ledger.list()}
        assert codes >= {105, 202, 206, 300, 401, 504}, f"the story tells too little: {sorted(codes)}"
        told = told_by(world)
    assert leaks(told, {piece for each in values for piece in each.pieces(names=names)})[:5] == []
    assert [name for name, texts in told.items() if not "".join(texts)] == [], "a way out that is silent proves nothing"
    if not names:
        heard = {line.partition(":")[0] for line in leaks(told, {each.name for each in values[:COOPS]})}
        assert heard >= set(WAYS_OUT) - WITHOUT_NAMES, "what may be told would have been found"

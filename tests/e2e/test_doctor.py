"""`bridge doctor` finds every misconfiguration that the operators' book names, and says its cure.

Each step of the book's set-up is either made ill here in some way, or stands in `UNSEEN` with why nobody can see it from here.
"""

import base64
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import retry
from bridge.app.doctor import diagnose
from bridge.sandbox import Sandbox
from bridge.sandbox.airtable import TOKEN
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.slack import APP_TOKEN
from bridge.slack.scopes import ACTING as ACTING_SCOPES
from bridge.slack.scopes import NEEDED, USEFUL

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "mappings"
KEY = base64.urlsafe_b64encode(bytes(32)).decode()
CLOSED = "http://127.0.0.1:9"
"""Nobody listens there."""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(coops=10, workers=20, rate_limit=None) as made:
        yield made


@dataclass
class Elsewhere:
    """A house of accounts. It describes itself, and refuses the code that nobody was given with `word`."""

    url: str = ""
    word: str = "invalid_grant"
    described: dict[str, str] = field(default_factory=dict)

    def says(self) -> dict[str, str]:
        ends = {f"{name}_endpoint": f"{self.url}/{name}" for name in ("authorization", "token")}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **ends, **self.described}


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    house = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, house.says())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(400, {"error": house.word})

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _answer(self, status: int, body: object) -> None:
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    house.url = f"http://127.0.0.1:{server.server_port}"
    yield house
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Patient:
    """Settings, a folder of mappings, and the systems they point to; each may be made ill."""

    box: Sandbox
    elsewhere: Elsewhere
    folder: Path
    settings: dict[str, str]
    monkeypatch: pytest.MonkeyPatch

    def findings(self) -> dict[str, list[Mapping[str, object]]]:
        """What doctor finds, by what it looked at."""
        for name, value in self.settings.items():
            self.monkeypatch.setenv(name, value)
        found: dict[str, list[Mapping[str, object]]] = {}
        for each in diagnose():
            found.setdefault(each["what"], []).append(each)
        return found

    def edit(self, before: str, after: str) -> None:
        """Change the words of a mapping file."""
        file = self.folder / "mappings" / "benefits-groups.yaml"
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))


@pytest.fixture
def patient(box: Sandbox, elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    (tmp_path / "mappings").mkdir()
    shutil.copy(SHIPPED / "benefits-groups.yaml", tmp_path / "mappings")
    settings = {
        **box.environment(),
        "BRIDGE_MAPPINGS": str(tmp_path / "mappings"),
        "BRIDGE_STATE_URL": f"sqlite:///{tmp_path}/bridge.db",
    }
    tokens, scopes = dict(box.airtable.tokens), box.slack.scopes
    with retry.no_waits(), capture_logs():
        yield Patient(box, elsewhere, tmp_path, settings, monkeypatch)
    box.airtable.tokens.clear()
    box.airtable.tokens.update(tokens)
    box.slack.scopes = scopes
    box.civicrm.authx = True
    for channel in box.slack.channels.values():
        channel.member = True
    for server in box.servers:
        server.faults.clear()


def setting(**values: str) -> Callable[[Patient], None]:
    """Settings that are wrong."""
    return lambda patient: patient.settings.update(values)


def without_scope(scope: str) -> Callable[[Patient], None]:
    def ill(patient: Patient) -> None:
        patient.box.airtable.tokens[TOKEN] -= {scope}

    return ill


def deaf(patient: Patient) -> None:
    patient.settings["BRIDGE_AIRTABLE__WEBHOOKS"] = "true"
    patient.box.airtable.tokens[TOKEN] -= {"webhook:manage"}


def not_invited(patient: Patient) -> None:
    patient.box.slack.channels["#membership"].member = False
    patient.box.slack.channels["#benefits"].member = False


def locked_state(patient: Patient) -> None:
    patient.settings["BRIDGE_STATE_KEY"] = KEY
    patient.findings()
    del patient.settings["BRIDGE_STATE_KEY"]
    patient.monkeypatch.delenv("BRIDGE_STATE_KEY")


def before_the_site(kind: FaultKind) -> Callable[[Patient], None]:
    return lambda patient: patient.box.servers.civicrm.faults.add(Fault(kind, times=None))


def without_authx(patient: Patient) -> None:
    patient.box.civicrm.authx = False


def without_slack_scope(scope: str, *, acting: bool = False) -> Callable[[Patient], None]:
    def ill(patient: Patient) -> None:
        patient.box.slack.scopes -= {scope}
        if acting:
            patient.settings |= ACTING

    return ill


def accounts(
    *, word: str = "invalid_grant", described: Mapping[str, str] | None = None, **values: str
) -> Callable[[Patient], None]:
    """People sign in with accounts of another house, in which something is wrong."""

    def ill(patient: Patient) -> None:
        patient.elsewhere.word = word
        patient.elsewhere.described.update(described or {})
        patient.settings |= {
            "BRIDGE_WEB__OIDC_ISSUER": patient.elsewhere.url,
            "BRIDGE_WEB__OIDC_CLIENT_ID": "bridge",
            "BRIDGE_WEB__OIDC_CLIENT_SECRET": "the-secret-of-the-client",
            "BRIDGE_WEB__OIDC_PEOPLE": "viewer:@example.org",
            "BRIDGE_WEB__PUBLIC_URL": "https://bridge.example.org",
            **values,
        }

    return ill


def key_of(account: str) -> str:
    """The API key of one of the sandbox's accounts, which differ in their roles."""
    return f"sandbox-key-of-{account}"


def told_nowhere(patient: Patient) -> None:
    patient.settings["BRIDGE_SLACK__CHANNEL"] = ""
    patient.edit('  slack: {channel: "#membership", language: en}\n', "")


def half_switched_on(patient: Patient) -> None:
    patient.settings["BRIDGE_MODE"] = "correct"
    patient.edit("mode: correct", "mode: observe")


ACTING = {"BRIDGE_SLACK__APP_TOKEN": APP_TOKEN, "BRIDGE_SLACK__OPERATORS": "U0GRACE,S0MEMBERSHIP"}
TOKENS = f"viewer:vera:{'a' * 64}"


@dataclass(frozen=True)
class Ill:
    """One thing that is wrong: what doctor looks at, a word of the cure, and the words of the book about it."""

    name: str
    make: Callable[[Patient], None]
    what: str
    cure: str
    book: str


ILLS = [
    Ill(
        "an unknown setting",
        setting(BRIDGE_AIRTABLE__TOKENS="pat"),
        "settings",
        "BRIDGE_AIRTABLE__TOKEN",
        "missing or misspelt",
    ),
    Ill(
        "no address of the site", setting(BRIDGE_CIVICRM__URL=""), "settings", "BRIDGE_CIVICRM__URL", "`BRIDGE_CIVICRM__URL` is"
    ),
    Ill("no site there", setting(BRIDGE_CIVICRM__URL=CLOSED), "CiviCRM", "BRIDGE_CIVICRM__URL", "`BRIDGE_CIVICRM__URL` is"),
    Ill(
        "an address that redirects",
        before_the_site(FaultKind.REDIRECT),
        "CiviCRM",
        "final address into BRIDGE_CIVICRM__URL",
        "bridge follows no redirect",
    ),
    Ill("a site without authx", without_authx, "CiviCRM", "authx", "The extension *authx* is on"),
    Ill(
        "a key that is none",
        setting(BRIDGE_CIVICRM__API_KEY="nobodys"),
        "CiviCRM",
        "BRIDGE_CIVICRM__API_KEY",
        "Give the contact an API key",
    ),
    Ill(
        "a contact without a CMS user",
        setting(BRIDGE_CIVICRM__API_KEY=key_of("nouser")),
        "CiviCRM",
        "authenticate with api key",
        "with a CMS user",
    ),
    Ill(
        "a role that needs the site key",
        setting(BRIDGE_CIVICRM__API_KEY=key_of("noauthx")),
        "CiviCRM",
        "BRIDGE_CIVICRM__SITE_KEY",
        "the site's guard wants the site key",
    ),
    Ill(
        "a wall before the site", before_the_site(FaultKind.WALL), "CiviCRM", "BRIDGE_CIVICRM__PROXY_AUTH", "behind a password"
    ),
    Ill("a firewall", before_the_site(FaultKind.HTML_403), "CiviCRM", "civicrm/ajax/api4", "A firewall that refuses"),
    Ill(
        "a role that may see nothing",
        setting(BRIDGE_CIVICRM__API_KEY=key_of("minimal")),
        "fields",
        "role recipe",
        "the role recipe",
    ),
    Ill(
        "a role without custom fields",
        setting(BRIDGE_CIVICRM__API_KEY=key_of("nocustom")),
        "fields",
        "access all custom data",
        "the role recipe",
    ),
    Ill(
        "a role that may not write",
        setting(BRIDGE_CIVICRM__API_KEY=key_of("readonly")),
        "fields",
        "role recipe",
        "the role recipe",
    ),
    Ill(
        "a token that is none",
        setting(BRIDGE_AIRTABLE__TOKEN="patNone.0"),
        "Airtable",
        "BRIDGE_AIRTABLE__TOKEN",
        "`BRIDGE_AIRTABLE__TOKEN`",
    ),
    Ill("a token without the schema", without_scope("schema.bases:read"), "fields", "schema.bases:read", "`schema.bases:read`"),
    Ill(
        "a token that may not read",
        without_scope("data.records:read"),
        "Airtable rights",
        "`data.records:read`",
        "`data.records:read`",
    ),
    Ill(
        "a token that may not write",
        without_scope("data.records:write"),
        "Airtable rights",
        "`data.records:write`",
        "`data.records:write`",
    ),
    Ill(
        "a token that may not listen",
        deaf,
        "Airtable rights",
        "`webhook:manage`",
        "`webhook:manage`",
    ),
    Ill(
        "a base nobody named",
        setting(BRIDGE_AIRTABLE__BASES__BENEFITS=""),
        "fields",
        "BRIDGE_AIRTABLE__BASES__BENEFITS",
        "`BRIDGE_AIRTABLE__BASES__BENEFITS=app…`",
    ),
    Ill(
        "a base that is not shared",
        setting(BRIDGE_AIRTABLE__BASES__BENEFITS="app" + "X" * 14),
        "fields",
        "base",
        "for the one base",
    ),
    Ill("a plan that is none", setting(BRIDGE_AIRTABLE__PLAN="big"), "settings", "business", "`BRIDGE_AIRTABLE__PLAN`"),
    Ill(
        "no table for discrepancies",
        lambda p: p.edit("{table: Discrepancies}", "{table: Findings}"),
        "fields",
        "report.airtable",
        "A table `Discrepancies`",
    ),
    Ill(
        "a field that is not there",
        lambda p: p.edit("Effective date", "Began on"),
        "fields",
        "Began on",
        "fields that are not there",
    ),
    Ill("a mapping that is wrong", lambda p: p.edit("  entity:", "  entiti:"), "mappings", "entity", "mappings,"),
    Ill("a state that is locked", locked_state, "state", "BRIDGE_STATE_KEY", "a state that\nis locked"),
    Ill("a state of nowhere", setting(BRIDGE_STATE_URL="sqlite:////nowhere/at/all.db"), "state", "mkdir", "or nowhere"),
    Ill("a key that is too short", setting(BRIDGE_STATE_KEY="c2hvcnQ="), "settings", "openssl rand", "is `BRIDGE_STATE_KEY`"),
    Ill(
        "a bot token that is none",
        setting(BRIDGE_SLACK__BOT_TOKEN="xoxb-none"),
        "Slack",
        "BRIDGE_SLACK__BOT_TOKEN",
        "`BRIDGE_SLACK__BOT_TOKEN`",
    ),
    Ill("an app that was not invited", not_invited, "Slack", "/invite", "`/invite @bridge`"),
    Ill("a mapping that is told nowhere", told_nowhere, "Slack", "BRIDGE_SLACK__CHANNEL", "`BRIDGE_SLACK__CHANNEL`"),
    Ill(
        "an app that may not post",
        without_slack_scope("chat:write"),
        "Slack scopes",
        "`chat:write`",
        "`chat:write` is the only",
    ),
    Ill(
        "an app without its command",
        without_slack_scope("commands", acting=True),
        "Slack scopes",
        "`commands`",
        "#### Buttons, and `/bridge`",
    ),
    Ill(
        "an app that may not see groups",
        without_slack_scope("usergroups:read", acting=True),
        "Slack buttons",
        "`usergroups:read`",
        "users (in Slack: the profile, *Copy member ID*) and user groups",
    ),
    Ill(
        "an app-level token without its scope",
        without_slack_scope("connections:write", acting=True),
        "Slack buttons",
        "`connections:write`",
        "`connections:write`",
    ),
    Ill(
        "an app-level token, and nobody who may act",
        setting(BRIDGE_SLACK__APP_TOKEN=APP_TOKEN, BRIDGE_SLACK__OPERATORS="", BRIDGE_SLACK__APPROVERS=""),
        "Slack buttons",
        "BRIDGE_SLACK__OPERATORS",
        "names who may act",
    ),
    Ill(
        "people who may act, and no app-level token",
        setting(BRIDGE_SLACK__OPERATORS="U0GRACE", BRIDGE_SLACK__APP_TOKEN=""),
        "Slack buttons",
        "BRIDGE_SLACK__APP_TOKEN",
        "It is `BRIDGE_SLACK__APP_TOKEN`",
    ),
    Ill(
        "a user group that is none",
        setting(**ACTING | {"BRIDGE_SLACK__OPERATORS": "S0NOBODYATALL"}),
        "Slack buttons",
        "BRIDGE_SLACK__OPERATORS",
        "how many people it lets in",
    ),
    Ill(
        "a role that is nobody",
        setting(BRIDGE_OWNERS__MEMBERSHIP="maria"),
        "settings",
        "BRIDGE_OWNERS__MEMBERSHIP",
        "`BRIDGE_OWNERS__MEMBERSHIP=U…`",
    ),
    Ill(
        "a webhook that is no address",
        setting(BRIDGE_SLACK__WEBHOOK_URL="hooks"),
        "settings",
        "BRIDGE_SLACK__WEBHOOK_URL",
        "`BRIDGE_SLACK__WEBHOOK_URL`",
    ),
    Ill("writing switched on by half", half_switched_on, "mode", "mode: correct", "writing that is switched on by half"),
    Ill(
        "tokens over plain HTTP",
        setting(BRIDGE_WEB__PUBLIC_URL="http://bridge.example.org", BRIDGE_WEB__TOKENS=TOKENS),
        "web",
        "TLS",
        "over plain HTTP",
    ),
    Ill(
        "accounts over plain HTTP",
        accounts(BRIDGE_WEB__PUBLIC_URL="http://bridge.example.org"),
        "web",
        "TLS",
        "over plain HTTP",
    ),
    Ill(
        "accounts, and no address to come back to",
        accounts(BRIDGE_WEB__PUBLIC_URL=""),
        "settings",
        "BRIDGE_WEB__PUBLIC_URL",
        "`BRIDGE_WEB__PUBLIC_URL` followed by",
    ),
    Ill(
        "a redirect address that is not registered",
        accounts(word="redirect_uri_mismatch"),
        "accounts",
        "https://bridge.example.org/sign-in/back",
        "Its redirect address is",
    ),
    Ill(
        "a client that is not known there",
        accounts(word="invalid_client"),
        "accounts",
        "BRIDGE_WEB__OIDC_CLIENT_SECRET",
        "`BRIDGE_WEB__OIDC_CLIENT_SECRET`",
    ),
    Ill(
        "an issuer that is another",
        accounts(described={"issuer": "https://accounts.example.net"}),
        "accounts",
        "BRIDGE_WEB__OIDC_ISSUER",
        "Set `BRIDGE_WEB__OIDC_ISSUER",
    ),
    Ill(
        "an issuer that does not answer",
        accounts(BRIDGE_WEB__OIDC_ISSUER=CLOSED),
        "accounts",
        "BRIDGE_WEB__OIDC_ISSUER",
        "Set `BRIDGE_WEB__OIDC_ISSUER",
    ),
    Ill(
        "an issuer, and nobody who may come in",
        accounts(BRIDGE_WEB__OIDC_PEOPLE=""),
        "settings",
        "BRIDGE_WEB__OIDC_PEOPLE",
        "Say who may come in, and as what",
    ),
    Ill(
        "people, and no issuer",
        setting(BRIDGE_WEB__OIDC_PEOPLE="viewer:@example.org"),
        "web",
        "BRIDGE_WEB__OIDC_ISSUER",
        "Set `BRIDGE_WEB__OIDC_ISSUER",
    ),
]

UNSEEN = {
    "A field that only some people may edit": "Airtable says so only when it is written; it is then told by name (401)",
}
"""Steps of the set-up in which nothing can be seen to be wrong before a run, by how they begin, and why."""


def steps() -> list[str]:
    """The numbered steps of the book's set-up, and of signing in with accounts, a line each."""
    book = (ROOT / "docs" / "operators.md").read_text()
    set_up = book[book.index("## Set-up") : book.index("## The first week")]
    accounts = book[book.index("**Signing in with accounts**") : book.index("The address must be confirmed")]
    found = re.findall(r"^\d+\. (.*(?:\n   .*)*)", set_up + accounts, re.MULTILINE)
    return [re.sub(r"\s+", " ", each) for each in found]


def test_a_bridge_that_is_well_is_told_as_well(patient: Patient) -> None:
    ill = [each for found in patient.findings().values() for each in found if not each["ok"]]
    assert ill == []


@pytest.mark.parametrize("ill", ILLS, ids=[each.name for each in ILLS])
def test_what_is_wrong_is_found_with_its_cure(patient: Patient, ill: Ill) -> None:
    ill.make(patient)
    found = patient.findings()
    wrong = [each for each in found.get(ill.what, ()) if not each["ok"]]
    assert wrong, found
    assert ill.cure in " ".join(f"{each['says']} {each['next_step']}" for each in wrong)
    assert all(each["next_step"] for each in wrong)


def test_every_ill_is_one_that_the_book_names() -> None:
    book = (ROOT / "docs" / "operators.md").read_text()
    assert [each.name for each in ILLS if each.book not in book] == []


def test_every_step_of_the_set_up_is_looked_at_or_says_why_it_cannot_be() -> None:
    named = [re.sub(r"\s+", " ", each.book) for each in ILLS]
    named += [*UNSEEN, *(f"`{scope}`" for scope in USEFUL)]
    assert len(steps()) > 15
    assert [step for step in steps() if not any(each in step for each in named)] == []
    assert [each for each in UNSEEN if not any(step.startswith(each) for step in steps())] == []


@pytest.mark.parametrize("scope", sorted(USEFUL))
def test_a_scope_that_bridge_works_without_is_said_and_is_nothing_to_mend(patient: Patient, scope: str) -> None:
    patient.box.slack.scopes -= {scope}
    found = [each for finding in patient.findings().values() for each in finding]
    assert all(each["ok"] for each in found)
    [said] = [each for each in found if each["what"] == "Slack scopes"]
    assert f"`{scope}`" in str(said["says"])
    assert f"`{scope}`" in str(said["next_step"])


def test_every_scope_of_the_manifest_and_the_book_is_one_that_doctor_knows() -> None:
    manifest = (ROOT / "deploy" / "slack-manifest.yaml").read_text()
    asked = set(re.findall(r"^ +- (\w+(?::\w+)?)(?: |$)", manifest[manifest.index("scopes:") :], re.MULTILINE))
    known = {*NEEDED, *ACTING_SCOPES, *USEFUL}
    assert asked == known
    book = (ROOT / "docs" / "operators.md").read_text()
    slack = book[book.index("### Slack") : book.index("### A key")]
    named = set(re.findall(r"`((?:chat|channels|groups|users|usergroups|connections):[\w.]+)`", slack))
    assert {"chat:write", "channels:history"} <= named
    assert named <= {*known, "connections:write"}


def test_a_house_of_accounts_that_is_well_is_told_as_well(patient: Patient) -> None:
    accounts()(patient)
    found = patient.findings()
    assert [each for finding in found.values() for each in finding if not each["ok"]] == []
    assert "1 addresses or domains with an account" in str(found["web"][0]["says"])
    assert patient.elsewhere.url in str(found["accounts"][0]["says"])


def test_looking_at_rights_changes_no_record(patient: Patient) -> None:
    patient.findings()
    [base] = patient.box.airtable.bases.values()
    before = {table.name: {each.id: dict(each.cells) for each in table.records.values()} for table in base.tables.values()}
    patient.findings()
    after = {table.name: {each.id: dict(each.cells) for each in table.records.values()} for table in base.tables.values()}
    assert before == after


def test_each_problem_of_the_settings_has_its_own_line_and_cure(patient: Patient) -> None:
    patient.settings |= {"BRIDGE_MODE": "write", "BRIDGE_AIRTABLE__PLAN": "big", "BRIDGE_WEB__PORT": "x"}
    wrong = patient.findings()["settings"]
    assert [str(each["says"]).partition(":")[0] for each in wrong] == [
        "BRIDGE_AIRTABLE__PLAN",
        "BRIDGE_MODE",
        "BRIDGE_WEB__PORT",
    ]
    assert all(each["next_step"] for each in wrong)

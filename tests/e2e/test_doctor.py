"""`bridge doctor` finds every misconfiguration that the operators' book names, and says its cure."""

import base64
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge import retry
from bridge.app.doctor import diagnose
from bridge.sandbox import Sandbox
from bridge.sandbox.airtable import TOKEN
from bridge.sandbox.faults import Fault, FaultKind

SHIPPED = Path(__file__).parents[2] / "mappings"
KEY = base64.urlsafe_b64encode(bytes(32)).decode()
CLOSED = "http://127.0.0.1:9"
"""Nobody listens there."""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(coops=10, workers=20, rate_limit=None) as made:
        yield made


@dataclass
class Patient:
    """Settings, a folder of mappings, and the systems they point to; each may be made ill."""

    box: Sandbox
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
def patient(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    (tmp_path / "mappings").mkdir()
    shutil.copy(SHIPPED / "benefits-groups.yaml", tmp_path / "mappings")
    settings = {
        **box.environment(),
        "BRIDGE_MAPPINGS": str(tmp_path / "mappings"),
        "BRIDGE_STATE_URL": f"sqlite:///{tmp_path}/bridge.db",
    }
    tokens, scopes, channels = dict(box.airtable.tokens), box.slack.scopes, dict(box.slack.channels)
    with retry.no_waits(), capture_logs():
        yield Patient(box, tmp_path, settings, monkeypatch)
    box.airtable.tokens.clear()
    box.airtable.tokens.update(tokens)
    box.slack.scopes = scopes
    box.slack.channels.clear()
    box.slack.channels.update(channels)
    for server in box.servers:
        server.faults.clear()


def setting(**values: str) -> Callable[[Patient], None]:
    """Settings that are wrong."""
    return lambda patient: patient.settings.update(values)


def without_scope(scope: str) -> Callable[[Patient], None]:
    def ill(patient: Patient) -> None:
        patient.box.airtable.tokens[TOKEN] -= {scope}

    return ill


def not_invited(patient: Patient) -> None:
    patient.box.slack.channels["#membership"].member = False
    patient.box.slack.channels["#benefits"].member = False


def locked_state(patient: Patient) -> None:
    patient.settings["BRIDGE_STATE_KEY"] = KEY
    patient.findings()
    del patient.settings["BRIDGE_STATE_KEY"]
    patient.monkeypatch.delenv("BRIDGE_STATE_KEY")


def firewall(patient: Patient) -> None:
    patient.box.servers.civicrm.faults.add(Fault(FaultKind.HTML_403, times=None))


def key_of(account: str) -> str:
    """The API key of one of the sandbox's accounts, which differ in their roles."""
    return f"sandbox-key-of-{account}"


def told_nowhere(patient: Patient) -> None:
    patient.settings["BRIDGE_SLACK__CHANNEL"] = ""
    patient.edit('  slack: {channel: "#membership", language: en}\n', "")


def half_switched_on(patient: Patient) -> None:
    patient.settings["BRIDGE_MODE"] = "correct"
    patient.edit("mode: correct", "mode: observe")


ILLS = [
    ("an unknown setting", setting(BRIDGE_AIRTABLE__TOKENS="pat"), "settings", "BRIDGE_AIRTABLE__TOKEN"),
    ("no address of the site", setting(BRIDGE_CIVICRM__URL=""), "settings", "BRIDGE_CIVICRM__URL"),
    ("a site that does not answer", setting(BRIDGE_CIVICRM__URL=CLOSED), "CiviCRM", "BRIDGE_CIVICRM__URL"),
    ("a key that is none", setting(BRIDGE_CIVICRM__API_KEY="nobodys"), "CiviCRM", "BRIDGE_CIVICRM__API_KEY"),
    ("a wall before the site", firewall, "CiviCRM", "firewall"),
    ("a role that may see nothing", setting(BRIDGE_CIVICRM__API_KEY=key_of("minimal")), "fields", "role recipe"),
    ("a role without custom fields", setting(BRIDGE_CIVICRM__API_KEY=key_of("nocustom")), "fields", "access all custom data"),
    ("a role that may not write", setting(BRIDGE_CIVICRM__API_KEY=key_of("readonly")), "fields", "role recipe"),
    ("a token that is none", setting(BRIDGE_AIRTABLE__TOKEN="patNone.0"), "Airtable", "BRIDGE_AIRTABLE__TOKEN"),
    ("a base nobody named", setting(BRIDGE_AIRTABLE__BASES__BENEFITS=""), "fields", "BRIDGE_AIRTABLE__BASES__BENEFITS"),
    ("a base that is not shared", setting(BRIDGE_AIRTABLE__BASES__BENEFITS="app" + "X" * 14), "fields", "base"),
    ("a token without the schema", without_scope("schema.bases:read"), "fields", "schema.bases:read"),
    ("a field that is not there", lambda p: p.edit("Effective date", "Began on"), "fields", "Began on"),
    ("a mapping that is wrong", lambda p: p.edit("  entity:", "  entiti:"), "mappings", "entity"),
    ("a state that is locked", locked_state, "state", "BRIDGE_STATE_KEY"),
    ("a state of nowhere", setting(BRIDGE_STATE_URL="sqlite:////nowhere/at/all.db"), "state", "mkdir"),
    ("a bot token that is none", setting(BRIDGE_SLACK__BOT_TOKEN="xoxb-none"), "Slack", "BRIDGE_SLACK__BOT_TOKEN"),
    ("an app that was not invited", not_invited, "Slack", "/invite"),
    ("a mapping that would be told nowhere", told_nowhere, "Slack", "BRIDGE_SLACK__CHANNEL"),
    ("writing switched on by half", half_switched_on, "mode", "mode: correct"),
    (
        "tokens over plain HTTP",
        setting(BRIDGE_WEB__PUBLIC_URL="http://bridge.example.org", BRIDGE_WEB__TOKENS=f"viewer:vera:{'a' * 64}"),
        "web",
        "TLS",
    ),
]


def test_a_bridge_that_is_well_is_told_as_well(patient: Patient) -> None:
    ill = [each for found in patient.findings().values() for each in found if not each["ok"]]
    assert ill == []


@pytest.mark.parametrize(("make_ill", "what", "cure"), [each[1:] for each in ILLS], ids=[each[0] for each in ILLS])
def test_what_is_wrong_is_found_with_its_cure(
    patient: Patient, make_ill: Callable[[Patient], None], what: str, cure: str
) -> None:
    make_ill(patient)
    found = patient.findings()
    wrong = [each for each in found[what] if not each["ok"]]
    assert wrong, found
    assert cure in " ".join(f"{each['says']} {each['next_step']}" for each in wrong)
    assert all(each["next_step"] for each in wrong)


def test_each_problem_of_the_settings_has_its_own_line_and_cure(patient: Patient) -> None:
    patient.settings |= {"BRIDGE_MODE": "write", "BRIDGE_AIRTABLE__PLAN": "big", "BRIDGE_WEB__PORT": "x"}
    wrong = patient.findings()["settings"]
    assert [str(each["says"]).partition(":")[0] for each in wrong] == [
        "BRIDGE_AIRTABLE__PLAN",
        "BRIDGE_MODE",
        "BRIDGE_WEB__PORT",
    ]
    assert all(each["next_step"] for each in wrong)

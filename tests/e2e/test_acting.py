"""A whole morning in Slack: the digest is posted, people press what it offers, and both systems and the journal show it."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.app import App
from bridge.app.doctor import examine
from bridge.app.serving import Serving
from bridge.config.settings import Settings
from bridge.core.ledger import Entry, State
from bridge.core.record import Side
from bridge.ports import RunState
from bridge.sandbox import Sandbox
from bridge.sandbox.slack import APP_TOKEN, Message, Slack
from bridge.service.order import Kind
from desk import Desk

MAPPING = "benefits-groups"
PATIENCE_SECONDS = 120.0
"""How long a busy machine may take over one thing; that Slack is acknowledged at once is held in `tests/slack/test_ear.py`."""
SETTINGS = {
    "BRIDGE_WEB__PORT": "0",
    "BRIDGE_WEB__TOKENS": f"operator:olga:{hashlib.sha256(b'olga').hexdigest()}",
    "BRIDGE_SLACK__APP_TOKEN": APP_TOKEN,
    "BRIDGE_SLACK__OPERATORS": "U0GRACE,S0MEMBERSHIP",
    "BRIDGE_SLACK__APPROVERS": "U0SAM",
    "BRIDGE_FOUR_EYES": "true",
}


@dataclass
class Morning:
    """A federation that was swept and told of, and a bridge that serves."""

    box: Sandbox
    app: App

    def press(self, action: str, value: str, user: str = "U0GRACE") -> str:
        """Press a button; what is whispered about it in the end."""
        before = len(self.box.slack.ephemerals)
        assert self.box.slack.press(action, value, user).wait(PATIENCE_SECONDS)

        def whispered() -> list[str]:
            told = [str(each["text"]) for each in self.box.slack.ephemerals[before:]]
            return [each for each in told if not each.startswith("In line")]

        return str(until(whispered, self.box.slack)[0])

    def offered(self, action: str) -> list[tuple[Message, str]]:
        """Every button of this kind with its message."""
        return [
            (message, element["value"])
            for message in self.box.slack.messages
            for block in message.blocks
            for element in block.get("elements", [])
            if element.get("action_id") == action
        ]

    def about(self, value: str) -> Entry:
        """The discrepancy that a button is about, as it stands now."""
        found = self.app.store.ledger.get(value.split(":")[1])
        assert found is not None
        return found

    def cells(self, entry: Entry) -> tuple[str, str]:
        """What both systems have, in words."""
        [explained] = self.app.explain((Side.CIVICRM, str(entry.discrepancy.ids.civicrm)), MAPPING)
        found = next(each for each in explained.fields if each.field == entry.discrepancy.field)
        return found.civicrm, found.airtable


def until(true: Callable[[], Any], slack: Slack) -> Any:
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := true()):
        assert time.monotonic() < end, f"it never came true; whispered: {slack.ephemerals}, answered: {slack.responses}"
        time.sleep(0.05)
    return found


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path) -> Desk:
    """A desk with one mapping, so that nothing else is due when the bridge begins to serve."""
    desk = Desk(tmp_path, box)
    for each in (tmp_path / "mappings").glob("*.yaml"):
        if each.stem != MAPPING:
            each.unlink()
    return desk


@pytest.fixture
def morning(desk: Desk) -> Iterator[Morning]:
    settings = Settings.load({**desk.environment, **SETTINGS})
    with App(settings) as app:
        app.run([MAPPING], Kind.SWEEP, by="U0GRACE")
        assert app.tell() == []
        serving = Serving(app)
        with contextlib.ExitStack() as ends:
            ends.callback(serving.stop, 10)
            serving.start()
            assert desk.box.slack.connections.wait_for(1)
            yield Morning(desk.box, app)


def test_people_act_on_the_digest_where_they_read_it(morning: Morning) -> None:
    slack, store = morning.box.slack, morning.app.store
    # A value is chosen, and is in the other system, in the journal, and in the message.
    message, value = next(
        (message, value)
        for message, value in morning.offered("use_airtable")
        if morning.about(value).discrepancy.field == "phone"
    )
    entry = morning.about(value)
    civicrm, airtable = morning.cells(entry)
    assert civicrm != airtable
    told = morning.press("use_airtable", value)
    assert told.startswith("The value of Airtable was written to CiviCRM (run ")
    assert morning.cells(entry) == (airtable, airtable)
    [written, *_] = store.journal.of_record(Side.CIVICRM, str(entry.discrepancy.ids.civicrm))
    assert (written.by, written.change.side, [cell.why for cell in written.cells]) == ("U0GRACE", Side.CIVICRM, ["chosen"])
    assert morning.about(value).state is State.SNOOZED
    until(lambda: message.edited, slack)
    assert value not in [each for _, each in morning.offered("use_airtable")]
    # The link is renewed while somebody presses, and nothing is lost.
    slack.connections.disconnect()
    assert slack.connections.wait_for(2)
    [(_, same), *_] = morning.offered("same")
    pair = morning.about(same).discrepancy.ids
    assert morning.press("same", same) == "The two are linked from now on."
    assert any(link.civicrm == pair.civicrm for _, link in store.knowledge.find_link(Side.CIVICRM, str(pair.civicrm)))
    # A sync that was typed resolves what was dealt with.
    assert slack.command(f"sync {MAPPING}").wait(PATIENCE_SECONDS)
    until(lambda: any("done" in each["text"] for each in slack.responses), slack)
    assert morning.about(value).state is State.RESOLVED
    assert "413" not in str(slack.ephemerals)


def test_a_plan_that_is_held_is_approved_by_another_than_who_asked(desk: Desk) -> None:
    mapping = desk.folder / "mappings" / f"{MAPPING}.yaml"
    mapping.write_text(mapping.read_text().replace("count: 50", "count: 0"))
    settings = Settings.load({**desk.environment, **SETTINGS, "BRIDGE_SLACK__APPROVERS": "U0SAM,U0GRACE"})
    with App(settings) as app, contextlib.ExitStack() as ends:
        [held] = app.run([MAPPING], Kind.SWEEP, by="U0GRACE")
        assert held.state is RunState.HELD
        app.tell()
        serving = Serving(app)
        ends.callback(serving.stop, 10)
        serving.start()
        assert desk.box.slack.connections.wait_for(1)
        morning = Morning(desk.box, app)
        [(message, value)] = morning.offered("approve")
        told = morning.press("approve", value)
        assert "may not approve it" in told
        assert message.edited == 0
        told = morning.press("approve", value, "U0SAM")
        assert "written (run" in told
        assert app.store.plans.held() == []
        until(lambda: message.edited, desk.box.slack)
        assert morning.offered("approve") == []
        findings = {each.what: each for each in examine(app)}
        assert findings["Slack buttons"].says == "heard; 2 users or groups may act, 2 may also approve plans"


CURES = [
    ({"BRIDGE_SLACK__OPERATORS": "", "BRIDGE_SLACK__APPROVERS": ""}, "nobody may press a button"),
    ({"BRIDGE_SLACK__APP_TOKEN": ""}, "no app-level token"),
    ({"BRIDGE_SLACK__APP_TOKEN": "xapp-wrong"}, "Slack refused the credential"),
    ({"BRIDGE_SLACK__OPERATORS": "S0NOBODY"}, "no user group S0NOBODY"),
]


@pytest.mark.parametrize(("changed", "says"), CURES)
def test_the_doctor_finds_what_keeps_buttons_from_working(desk: Desk, changed: dict[str, str], says: str) -> None:
    given = {**desk.environment, **SETTINGS, **changed}
    with App(Settings.load({name: value for name, value in given.items() if value})) as app:
        [found] = [each for each in examine(app) if each.what == "Slack buttons"]
    assert not found.ok
    assert says in found.says
    assert "BRIDGE_SLACK__" in found.next_step

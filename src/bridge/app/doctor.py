"""Looks at everything a run needs, each by itself: what it is, whether it is well, and the cure."""

from dataclasses import asdict
from typing import Any

from bridge.app import App
from bridge.app.doctor_airtable import airtable_rights
from bridge.app.doctor_slack import examine_slack
from bridge.app.doctor_web import examine_web
from bridge.app.finding import Finding, look_at, wrong
from bridge.config.settings import Settings
from bridge.core.mapping import Mode
from bridge.errors import BridgeError, ConfigError, Problem, UnexpectedAnswer


def diagnose() -> list[dict[str, Any]]:
    """Every finding about the app that the environment describes, in the order to mend them."""
    try:
        with App.from_environment() as app:
            return [asdict(each) for each in examine(app)]
    except BridgeError as error:
        return [asdict(each) for each in wrong("settings", error)]


def examine(app: App) -> list[Finding]:
    """Every finding about this app, in the order to mend them."""
    found = [
        *look_at("mappings", lambda: f"{len(app.mappings)} mappings are well formed"),
        *look_at("state", lambda: f"open, {len(app.store.runs.list(limit=1000))} runs remembered"),
        *look_at("CiviCRM", lambda: _civicrm(app)),
        *look_at("Airtable", lambda: f"signed in as {app.airtable.identity('')}"),
    ]
    if all(each.ok for each in found):
        found += look_at("fields", lambda: _fields(app))
        found += look_at("Airtable rights", lambda: airtable_rights(app))
        found += look_at("mode", lambda: _mode(app))
    found += [*examine_slack(app), *examine_web(app.settings.web)]
    return [*found, *look_at("heartbeat", lambda: _heartbeat(app.settings))]


def _civicrm(app: App) -> str:
    """Who we are there. What is no answer of CiviCRM's may also be that the extension is off which takes keys."""
    try:
        return f"signed in as contact {app.civicrm.identity().contact_id}"
    except UnexpectedAnswer as error:
        step = f"{error.next_step} The extension `authx` must be on (Administer, System Settings, Extensions)."
        raise UnexpectedAnswer(error.message, next_step=step) from error


def _fields(app: App) -> str:
    errors = [each for each in app.check_live() if each["severity"] == "error"]
    if errors:
        raise ConfigError(
            [Problem(each["where"], each["message"], each["hint"]) for each in errors],
            next_step="name it in the mapping as it is called there, give it back there, or let bridge's account see it "
            "(in CiviCRM `access all custom data`); `bridge check --live` tells all.",
        )
    return "both systems have every field the mappings name"


def _mode(app: App) -> str:
    """Whether writing is switched on as a whole, or half by mistake."""
    correcting = [each.name for each in app.mappings if each.mode is Mode.CORRECT]
    if app.settings.mode is Mode.CORRECT and not correcting:
        raise ConfigError(
            "BRIDGE_MODE says `correct`, and every mapping's own mode says `observe`: nothing is written.",
            next_step="set `mode: correct` in the mapping that may write, or BRIDGE_MODE=observe.",
        )
    return f"{', '.join(correcting)} may write" if app.settings.mode is Mode.CORRECT else "observes: nothing is written"


def _heartbeat(settings: Settings) -> str:
    return (
        "set; it is asked for after each good run" if settings.heartbeat_url else "not set: nobody notices if bridge is silent"
    )

"""Looks at everything a run needs, each by itself: what it is, whether it is well, and the cure."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bridge.app import App
from bridge.config.settings import Settings, SlackSettings
from bridge.core.mapping import Mode
from bridge.errors import BridgeError, ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `says` what was found, `next_step` is its cure, or empty."""

    what: str
    ok: bool
    says: str
    next_step: str = ""


def diagnose() -> list[dict[str, Any]]:
    """Every finding about the app that the environment describes, in the order to mend them."""
    try:
        with App.from_environment() as app:
            return [asdict(each) for each in examine(app)]
    except BridgeError as error:
        return [asdict(each) for each in _wrong("settings", error)]


def examine(app: App) -> list[Finding]:
    """Every finding about this app, in the order to mend them."""
    found = [
        *_look_at("mappings", lambda: f"{len(app.mappings)} mappings are well formed"),
        *_look_at("state", lambda: f"open, {len(app.store.runs.list(limit=1000))} runs remembered"),
        *_look_at("CiviCRM", lambda: f"signed in as contact {app.civicrm.identity().contact_id}"),
        *_look_at("Airtable", lambda: f"signed in as {app.airtable.identity('')}"),
    ]
    if all(each.ok for each in found):
        found += _look_at("fields", lambda: _fields(app))
        found += _look_at("mode", lambda: _mode(app))
    found += [*_look_at("Slack", lambda: _slack(app)), *_look_at("Slack buttons", lambda: _buttons(app.settings.slack))]
    return [*found, *_look_at("web", lambda: _web(app.settings)), *_look_at("heartbeat", lambda: _heartbeat(app.settings))]


def _look_at(what: str, how: Callable[[], str]) -> list[Finding]:
    try:
        return [Finding(what, ok=True, says=how())]
    except BridgeError as error:
        return list(_wrong(what, error))


def _wrong(what: str, error: BridgeError) -> Iterator[Finding]:
    """What an error says: each of its problems with its own cure, where it has several."""
    for each in error.problems if isinstance(error, ConfigError) else ():
        yield Finding(what, ok=False, says=f"{each.where}: {each.message}", next_step=each.hint or error.next_step)
    if not (isinstance(error, ConfigError) and error.problems):
        yield Finding(what, ok=False, says=error.message, next_step=error.next_step)


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


def _slack(app: App) -> str:
    """Whether what is found can be told, in each channel that mappings name."""
    poster, slack = app.reports.poster(), app.settings.slack
    if poster is None:
        return "not set up; reports stay in the ledger, the page and CSV"
    silent = [each.name for each in app.mappings if not (each.report.slack_channel or slack.channel or slack.webhook_url)]
    if silent:
        raise ConfigError(
            f"{', '.join(silent)} would be told nowhere: there is no channel for it.",
            next_step="set BRIDGE_SLACK__CHANNEL, or `report.slack` in the mapping.",
        )
    who = poster.identity()
    for channel in sorted({each.report.slack_channel or slack.channel or "" for each in app.mappings} - {""}):
        poster.reach(channel)
    return who


def _web(settings: Settings) -> str:
    """Who can come in, and whether what they see is read by others on the way."""
    web = settings.web
    if not web.tokens:
        return "nobody can sign in: BRIDGE_WEB__TOKENS names nobody"
    if str(web.public_url or "").startswith("http:") and "//127.0.0.1" not in str(web.public_url):
        raise ConfigError(
            "BRIDGE_WEB__PUBLIC_URL is no https address: tokens and records would be readable on the way.",
            next_step="put a proxy with TLS in front, and set its https address.",
        )
    return f"{len(web.tokens)} people may sign in"


def _heartbeat(settings: Settings) -> str:
    return (
        "set; it is asked for after each good run" if settings.heartbeat_url else "not set: nobody notices if bridge is silent"
    )


def _buttons(slack: SlackSettings) -> str:
    """Whether we can hear of buttons, and whom. Opens an address and no socket."""
    from bridge.slack.client import Bot
    from bridge.slack.ear import address

    names = sorted({*slack.operators, *slack.approvers})
    if slack.bot_token is None or slack.app_token is None:
        if names:
            raise ConfigError(
                "People are named who may act from Slack, and there is no app-level token to hear of them.",
                next_step="set BRIDGE_SLACK__APP_TOKEN, or take BRIDGE_SLACK__OPERATORS and BRIDGE_SLACK__APPROVERS out.",
            )
        return "none: without an app-level token messages have links only"
    if not names:
        raise ConfigError(
            "There is an app-level token, and nobody may press a button: messages have none.",
            next_step="set BRIDGE_SLACK__OPERATORS to users (U…) and user groups (S…), or take the token out.",
        )
    address(slack.app_token.get_secret_value(), str(slack.url))
    bot = Bot(slack.bot_token.get_secret_value(), str(slack.url))
    for name in names:
        if name.startswith("S") and not bot.members(name):
            raise ConfigError(f"The user group {name} has no members.", next_step="add people to it in Slack.")
    return f"heard; {len(slack.operators)} users or groups may act, {len(slack.approvers)} may also approve plans"

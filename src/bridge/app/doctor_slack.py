"""Looks at Slack: whether what is found can be told there, and whether people can act from there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bridge.app.finding import Finding, look_at
from bridge.config.settings import SlackSettings
from bridge.errors import BridgeError, ConfigError
from bridge.slack.scopes import ACTING, NEEDED, USEFUL

if TYPE_CHECKING:
    from bridge.app import App

_ADD = "add the scope `{}` under OAuth & Permissions of the app (deploy/slack-manifest.yaml has all), and reinstall it"


def examine_slack(app: "App") -> list[Finding]:
    """Every finding about Slack, in the order to mend them."""
    slack = app.settings.slack
    return [*look_at("Slack", lambda: _telling(app)), *_scopes(app), *look_at("Slack buttons", lambda: _acting(slack))]


def _telling(app: "App") -> str:
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


def _scopes(app: "App") -> Iterator[Finding]:
    """What the bot's token lacks, a line each; nothing where Slack does not say what it may."""
    try:
        poster = app.reports.poster()
        granted = None if poster is None else poster.scopes()
    except BridgeError:
        return  # what is wrong with the token, or before it comes to Slack, is said already
    if granted is None:
        return
    needed = {**NEEDED, **(ACTING if app.settings.slack.interactive else {})}
    for scope, lost in needed.items():
        if scope not in granted:
            yield Finding("Slack scopes", ok=False, says=f"without `{scope}` {lost}", next_step=f"{_ADD.format(scope)}.")
    for scope, lost in USEFUL.items():
        if scope not in granted:
            step = f"{_ADD.format(scope)}, if that matters to you."
            yield Finding("Slack scopes", ok=True, says=f"without `{scope}` {lost}", next_step=step)


def _acting(slack: SlackSettings) -> str:
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

"""The Slack app's manifest asks for what the code uses, and for nothing else."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import bridge.slack
from bridge.sandbox.slack import Slack
from bridge.sandbox.slack_api import SlackApi

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "slack-manifest.yaml")
PRIVATE = {"channels:history": "groups:history", "channels:read": "groups:read"}


def used() -> set[str]:
    """The scopes of every method that the code calls with the bot's token."""
    [folder] = bridge.slack.__path__
    text = "".join(each.read_text() for each in Path(folder).glob("*.py"))
    called = set(re.findall(r'"((?:chat|conversations|users|usergroups|views|auth)\.[\w.]+)"', text))
    scopes = {name: scope for name, (scope, _) in SlackApi(Slack())._methods.items()}
    return {scopes[name] for name in called} - {""}


def test_the_manifest_asks_for_the_scopes_that_are_used_and_no_others() -> None:
    public = used()
    assert {"chat:write", "usergroups:read", "users:read"} <= public
    wanted = public | {private for scope, private in PRIVATE.items() if scope in public} | {"commands"}
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == wanted


def test_the_manifest_switches_on_what_acting_needs() -> None:
    settings = MANIFEST["settings"]
    assert settings["socket_mode_enabled"]
    assert settings["interactivity"]["is_enabled"]
    [command] = MANIFEST["features"]["slash_commands"]
    assert command["command"] == "/bridge"
    assert len(command["usage_hint"]) <= 1000
    assert len(MANIFEST["display_information"]["description"]) <= 140

"""Settings: every problem at once, named by variable, with no secret in any message or repr."""

import base64
import os
import re
from pathlib import Path

import pytest

from bridge.config import schema
from bridge.config.people import WebPerson, WebToken
from bridge.config.settings import Settings, Variable, variables
from bridge.core.mapping import Mode
from bridge.errors import ConfigError

ROOT = Path(__file__).parents[2]
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
DIGEST = "ab" * 32
NEEDED = {
    "BRIDGE_CIVICRM__URL": "https://crm.example.org/",
    "BRIDGE_CIVICRM__API_KEY": "civi-key-very-secret",
    "BRIDGE_AIRTABLE__TOKEN": "pat-very-secret",
}
NOWHERE = Path("/nonexistent/secrets")


def load(secrets_dir: Path = NOWHERE, **changes: str) -> Settings:
    return Settings.load({**NEEDED, **changes}, secrets_dir=secrets_dir)


def problem_of(**changes: str) -> str:
    with pytest.raises(ConfigError) as caught:
        Settings.load({**NEEDED, **changes}, secrets_dir=NOWHERE)
    [problem] = caught.value.problems
    return str(problem)


def test_what_is_left_out_has_a_safe_default() -> None:
    settings = load()
    assert settings.mode is Mode.OBSERVE
    assert settings.state_url.get_secret_value() == "sqlite:///bridge.db"
    assert settings.mappings == Path("mappings")
    assert (settings.web.host, settings.web.tokens, settings.state_keys) == ("127.0.0.1", (), ())
    assert (settings.language, settings.timezone, settings.airtable.plan) == ("en", "UTC", "team")


def test_everything_can_be_set() -> None:
    settings = load(
        BRIDGE_MODE="correct",
        BRIDGE_MAPPINGS="/etc/bridge/mappings",
        BRIDGE_STATE_URL="postgresql://bridge:pw@db/bridge",
        BRIDGE_STATE_KEY=f"{KEY}, {KEY}",
        BRIDGE_CIVICRM__URL="https://crm.example.org/?civiwp=CiviCRM&q=civicrm/ajax/api4/{entity}/{action}",
        BRIDGE_CIVICRM__SITE_KEY="site",
        BRIDGE_CIVICRM__PROXY_AUTH="user:pass:word",
        BRIDGE_AIRTABLE__URL="http://127.0.0.1:8800",
        BRIDGE_AIRTABLE__BASES__BENEFITS="appFederation0001",
        BRIDGE_AIRTABLE__BASES__CHILD_CARE="appChildCare00001",
        BRIDGE_AIRTABLE__PLAN="business",
        BRIDGE_SLACK__BOT_TOKEN="xoxb-1",
        BRIDGE_SLACK__APP_TOKEN="xapp-1",
        BRIDGE_SLACK__CHANNEL="#membership",
        BRIDGE_SLACK__URL="http://127.0.0.1:8801/api/",
        BRIDGE_SLACK__WEBHOOK_URL="https://hooks.slack.example/services/T/B/x",
        BRIDGE_WEB__HOST="10.0.0.7",
        BRIDGE_WEB__PORT="0",
        BRIDGE_WEB__PUBLIC_URL="https://bridge.example.org",
        BRIDGE_WEB__TOKENS=f"viewer:Ana:{DIGEST}, admin+sensitive:José Luis:{DIGEST.upper()}",
        BRIDGE_WEB__OIDC_ISSUER="https://accounts.google.com",
        BRIDGE_WEB__OIDC_CLIENT_ID="bridge.apps.example",
        BRIDGE_WEB__OIDC_CLIENT_SECRET="hush",
        BRIDGE_WEB__OIDC_PEOPLE="viewer:@Example.org, operator+sensitive:maria@example.org",
        BRIDGE_OWNERS__MEMBERSHIP="S0123ABCD",
        BRIDGE_LANGUAGE="es",
        BRIDGE_TIMEZONE="America/New_York",
    )
    assert settings.state_url.get_secret_value() == "postgresql+psycopg://bridge:pw@db/bridge"
    assert [each.get_secret_value() for each in settings.state_keys] == [KEY, KEY]
    assert settings.airtable.bases == {"benefits": "appFederation0001", "child_care": "appChildCare00001"}
    assert settings.web.tokens == (WebToken("viewer", "Ana", DIGEST), WebToken("admin", "José Luis", DIGEST, sensitive=True))
    assert settings.web.oidc_people == (
        WebPerson("viewer", "@example.org"),
        WebPerson("operator", "maria@example.org", sensitive=True),
    )
    assert settings.owners == {"membership": "S0123ABCD"}
    assert settings.civicrm.url.endswith("{action}")


def test_the_former_name_of_a_role_still_lets_its_people_in() -> None:
    settings = load(BRIDGE_WEB__TOKENS=f"approver+sensitive:Ana:{DIGEST}", BRIDGE_WEB__OIDC_PEOPLE="approver:ana@example.org")
    assert settings.web.tokens == (WebToken("admin", "Ana", DIGEST, sensitive=True),)
    assert settings.web.oidc_people == (WebPerson("admin", "ana@example.org"),)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BRIDGE_MOD", "correct", "there is no such setting. Did you mean `BRIDGE_MODE`?"),
        ("BRIDGE_AIRTABLE__TOKN", "x", "there is no such setting. Did you mean `BRIDGE_AIRTABLE__TOKEN`?"),
        ("BRIDGE_AIRTABLE", "{}", "there is no such setting. Did you mean `BRIDGE_AIRTABLE__URL`?"),
        ("bridge_mode", "correct", "there is no such setting. Did you mean `BRIDGE_MODE`?"),
        ("BRIDGE_MODE", "correkt", "expected `observe` or `correct`, found `correkt`. Did you mean `correct`?"),
        ("BRIDGE_LANGUAGE", "fr", "expected `en` or `es`, found `fr`. Set BRIDGE_LANGUAGE."),
        (
            "BRIDGE_TIMEZONE",
            "America/NewYork",
            "expected a time zone such as `America/New_York`, found `America/NewYork`. Did you mean `America/New_York`?",
        ),
        (
            "BRIDGE_STATE_URL",
            "mysql://root:hush@db/x",
            (
                "expected `sqlite:///path/to/bridge.db` or `postgresql://user:password@host/database`, found something else. "
                "Set BRIDGE_STATE_URL, or put it into the file /run/secrets/bridge_state_url."
            ),
        ),
        (
            "BRIDGE_STATE_KEY",
            f"{KEY},hush",
            (
                "key 2: expected 32 bytes in url-safe base64, found something else. "
                "Make one: openssl rand -base64 32 | tr '+/' '-_'"
            ),
        ),
        (
            "BRIDGE_CIVICRM__URL",
            "crm.example.org",
            (
                "expected the site's address, or a template that contains `ajax/api4/{entity}/{action}`, without a password, "
                "found `crm.example.org`. Write https://example.org, or https://example.org/?civiwp=CiviCRM&q=civicrm/ajax/api4/"
                "{entity}/{action}."
            ),
        ),
        (
            "BRIDGE_AIRTABLE__BASES__BENEFITS",
            "app123",
            "expected a base's id, `app` and 14 letters or digits, found `app123`. Correct BRIDGE_AIRTABLE__BASES__BENEFITS.",
        ),
        (
            "BRIDGE_AIRTABLE__PLAN",
            "pro",
            "expected `free`, `team` or `business`, found `pro`. Set BRIDGE_AIRTABLE__PLAN.",
        ),
        (
            "BRIDGE_AIRTABLE__URL",
            "https://ana:hush@proxy",
            (
                "expected a web address such as `https://example.org`, without a password, found something else. "
                "Set BRIDGE_AIRTABLE__URL."
            ),
        ),
        ("BRIDGE_WEB__PORT", "http", "expected a whole number from 0 to 65535, found `http`. Set BRIDGE_WEB__PORT."),
        ("BRIDGE_WEB__PORT", "70000", "expected a whole number from 0 to 65535, found `70000`. Set BRIDGE_WEB__PORT."),
        (
            "BRIDGE_WEB__TOKENS",
            f"owner:Ana:{DIGEST}",
            (
                "token 1: expected `role:name:sha256` with 64 hexadecimal digits, found something else. "
                "Roles: `viewer`, `operator` or `admin`. Make the digest: printf %s TOKEN | sha256sum"
            ),
        ),
        (
            "BRIDGE_WEB__OIDC_PEOPLE",
            "viewer:@example.org,maria@example.org",
            (
                "person 2: expected `role:address` or `role:@domain`, found something else. "
                "Roles: `viewer`, `operator` or `admin`. Such as viewer:@example.org,operator:maria@example.org."
            ),
        ),
        (
            "BRIDGE_SLACK__BOT_TOKEN",
            "xoxp-hush",
            (
                "expected a bot token that begins with `xoxb-`, found something else. "
                "Set BRIDGE_SLACK__BOT_TOKEN, or put it into the file /run/secrets/bridge_slack__bot_token."
            ),
        ),
        (
            "BRIDGE_SLACK__APP_TOKEN",
            "xapp-1",
            (
                "expected BRIDGE_SLACK__BOT_TOKEN beside it, found none. "
                "Set BRIDGE_SLACK__BOT_TOKEN, or put it into the file /run/secrets/bridge_slack__bot_token."
            ),
        ),
        (
            "BRIDGE_OWNERS__MEMBERSHIP",
            "Ana",
            "expected a Slack user, user group or channel id, or `#channel`, found `Ana`. Correct BRIDGE_OWNERS__MEMBERSHIP.",
        ),
    ],
)
def test_a_wrong_setting_is_told_by_name(name: str, value: str, message: str) -> None:
    assert problem_of(**{name: value}) == f"{name}: {message}"


def test_what_is_needed_and_missing_is_told_with_where_to_put_it() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({}, secrets_dir=NOWHERE)
    assert [problem.where for problem in caught.value.problems] == sorted(NEEDED)
    assert "put it into the file /run/secrets/bridge_airtable__token." in str(caught.value)


def test_mappings_can_be_checked_without_credentials() -> None:
    assert Settings.load({}, secrets_dir=NOWHERE, remotes=False).mappings == Path("mappings")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({"BRIDGE_MODE": "x", "BRIDGE_MOOD": "y", "BRIDGE_WEB__PORT": "z"}, secrets_dir=NOWHERE)
    assert len(caught.value.problems) == 3 + len(NEEDED)


def test_other_people_s_variables_are_left_alone() -> None:
    assert load(PATH="/bin", BRIDGET="x", HOME="/root").mode is Mode.OBSERVE


def test_nothing_is_read_from_the_process_s_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "BRIDGE_MODE", "correct")
    monkeypatch.setitem(os.environ, "MODE", "correct")
    assert load().mode is Mode.OBSERVE


def test_an_empty_variable_counts_as_none() -> None:
    """Compose files pass every variable they name, set or not."""
    assert load(BRIDGE_CIVICRM__SITE_KEY="", BRIDGE_MODE=" ").civicrm.site_key is None


def test_a_secret_may_be_a_file_and_a_variable_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "bridge_airtable__token").write_text("pat-from-file\n")
    (tmp_path / "BRIDGE_STATE_KEY").write_text(f"{KEY}\n")
    (tmp_path / "bridge_mode").write_text("correct")
    environ = {name: value for name, value in NEEDED.items() if name != "BRIDGE_AIRTABLE__TOKEN"}
    settings = Settings.load(environ, secrets_dir=tmp_path)
    assert settings.airtable.token.get_secret_value() == "pat-from-file"
    assert len(settings.state_keys) == 1
    assert settings.mode is Mode.OBSERVE, "only secrets are files"
    assert load(tmp_path).airtable.token.get_secret_value() == "pat-very-secret"


def test_a_secret_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bridge_state_key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="BRIDGE_STATE_KEY: expected a readable text file at"):
        load(tmp_path)


@pytest.mark.parametrize("each", [each for each in variables() if each.secret], ids=lambda each: each.name)
def test_no_secret_is_ever_shown(each: Variable) -> None:
    value = "hush hush@"
    with pytest.raises(ConfigError) as caught:
        Settings.load({**NEEDED, each.name: value}, secrets_dir=NOWHERE)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(caught.value)


def test_the_repr_shows_no_secret() -> None:
    shown = repr(
        load(BRIDGE_STATE_URL="postgresql://u:hush@h/db", BRIDGE_STATE_KEY=KEY, BRIDGE_WEB__TOKENS=f"viewer:Ana:{DIGEST}")
    )
    for secret in ("hush", "very-secret", KEY, DIGEST):
        assert secret not in shown


def test_every_setting_says_its_meaning_its_default_and_why_that_one() -> None:
    for each in variables():
        assert re.search(r"(?:Default [^.:,;]+[:,;]|no default,|Needed, without a default:) \w+", each.meaning), each.name


def test_every_number_says_its_unit() -> None:
    numbers = [each for each in variables() if each.default.isdigit() and each.name != "BRIDGE_WEB__PORT"]
    assert numbers
    for each in numbers:
        assert re.search(r"How many (seconds|minutes|hours|days|calls)\b", each.meaning), each.name


def test_the_example_environment_is_what_the_settings_say() -> None:
    """Renew it with `python -m bridge.config.schema`."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == schema.env_example()


def test_the_example_environment_loads_once_the_needed_is_filled_in() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    environ = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("BRIDGE_"))
    assert Settings.load({**environ, **NEEDED}, secrets_dir=NOWHERE) == load()


def test_accounts_are_set_up_whole_or_not_at_all() -> None:
    with pytest.raises(ConfigError) as caught:
        load(BRIDGE_WEB__OIDC_ISSUER="http://accounts.example.org")
    assert {each.where for each in caught.value.problems} == {
        "BRIDGE_WEB__OIDC_ISSUER",
        "BRIDGE_WEB__OIDC_CLIENT_ID",
        "BRIDGE_WEB__OIDC_CLIENT_SECRET",
        "BRIDGE_WEB__OIDC_PEOPLE",
        "BRIDGE_WEB__PUBLIC_URL",
    }

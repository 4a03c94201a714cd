"""The settings: what the environment says, with secrets also as files, every problem at once and no secret ever shown.

Only what is handed to `Settings.load` is read; nothing looks at the process's environment behind the caller's back.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bridge.config.people import WebPerson, WebToken, slack_members, web_people, web_tokens
from bridge.config.problems import describe, listed, nearest, suggest
from bridge.config.prose import described
from bridge.config.scalars import Channel, Zone, matching
from bridge.core.mapping import Mode
from bridge.errors import ConfigError, Problem

PREFIX = "BRIDGE_"
SECRETS_DIR = Path("/run/secrets")
"""Where Docker and Kubernetes put secrets as files."""

_KEY_BYTES = 32
_LEAST_DAYS = 90
_ROUTE = "ajax/api4/{entity}/{action}"
_NEEDED = ("BRIDGE_CIVICRM__URL", "BRIDGE_CIVICRM__API_KEY", "BRIDGE_AIRTABLE__TOKEN")
"""What no run can do without."""


_PLAIN_HTTP = r"https?://[^\s/?#@{}]+(?=[/?#]|$)"
Address = Annotated[str, matching(_PLAIN_HTTP + r"[^\s{}]*", "a web address such as `https://example.org`, without a password")]
SecretAddress = Annotated[SecretStr, matching(r"https?://[^\s/?#@]+\S*", "a web address")]
Secret = Annotated[SecretStr, matching(r"[!-~]+", "letters, digits and signs without spaces")]
"""Printable ASCII: what an HTTP header can carry."""


def _civicrm_url(value: object) -> object:
    """A site's address, or a template of its API route."""
    text = value if isinstance(value, str) else ""
    if not re.match(_PLAIN_HTTP, text) or (re.search(r"[{}]", text) and _ROUTE not in text) or re.search(r"\s", text):
        hint = f"Write https://example.org, or https://example.org/?civiwp=CiviCRM&q=civicrm/{_ROUTE}."
        raise ValueError(f"expected the site's address, or a template that contains `{_ROUTE}`, without a password", hint)
    return text.rstrip("/")


def _state_url(value: object) -> object:
    """A database that the state can live in. `postgresql://` is read as psycopg 3's own form."""
    text = value if isinstance(value, str) else ""
    if re.fullmatch(r"sqlite:///.+", text):
        return text
    if re.match(r"postgres(ql)?(\+psycopg)?://\S+", text):
        return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", text)
    raise ValueError("expected `sqlite:///path/to/bridge.db` or `postgresql://user:password@host/database`")


def _state_keys(value: object) -> tuple[SecretStr, ...]:
    """The keys, the newest first."""
    keys = [each.strip() for each in str(value).split(",") if each.strip()]
    for number, key in enumerate(keys, 1):
        try:
            size = len(base64.b64decode(key.translate(str.maketrans("-_", "+/")), validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if size != _KEY_BYTES:
            hint = "Make one: openssl rand -base64 32 | tr '+/' '-_'"
            raise ValueError(f"key {number}: expected {_KEY_BYTES} bytes in url-safe base64", hint)
    return tuple(map(SecretStr, keys))


_ISSUER = r"https://[^\s?#]+[^\s?#/]|http://(127\.0\.0\.1|localhost)(:\d+)?[^\s?#]*"

_OWNER = r"#[\w-]{1,80}|[UWSCG][A-Z0-9]{6,}"


class Section(BaseModel):
    """A group of settings with one prefix."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CivicrmSettings(Section):
    """How CiviCRM is reached."""

    url: Annotated[str, BeforeValidator(_civicrm_url)] = ""
    """The site's address, or for a CMS with its own routes a template of its API address that holds {entity} and {action}.
    Needed for every run; no default, because a wrong site would be worse than none."""
    api_key: Secret = SecretStr("")
    """The API key of a CiviCRM contact made for bridge alone, so that its writes are told from people's. Needed, without a
    default: it is a secret of the site."""
    site_key: Secret | None = None
    """The site key, where CiviCRM's authx guard asks for it. Default none: most sites let an API key suffice."""
    proxy_auth: Annotated[SecretStr, matching(r"[^\s:]+:\S+", "`user:password`")] | None = None
    """`user:password` of a Basic wall before the site, such as a staging site has. Default none: the site that staff use has
    no such wall."""


class AirtableSettings(Section):
    """How Airtable is reached."""

    token: Secret = SecretStr("")
    """A personal access token of a service user, with data.records:read, data.records:write and schema.bases:read. Needed,
    without a default: it is a secret of the workspace."""
    url: Address = "https://api.airtable.com"
    """Where the API is. Default Airtable's own; another address only for a sandbox or a proxy."""
    bases: dict[
        Annotated[str, matching(r"[a-z][a-z0-9_]*", "an alias of letters, digits and underscores")],
        Annotated[str, matching(r"app[0-9A-Za-z]{14,}", "a base's id, `app` and 14 letters or digits")],
    ] = Field(default_factory=dict)
    """The id of a base by the alias that mappings use, one variable each (`app` and 14 letters or digits). Default none: a
    mapping may also name the id itself."""
    plan: Literal["free", "team", "business"] = "team"
    """The workspace's plan, which sets its calls a month: free 1,000, team 100,000, business without end. Default team, the
    smallest on which a federation's records fit."""
    webhooks: bool = False
    """Whether to make a webhook in each base and ask it what changed: `true` or `false`. A delta then costs one call where
    nothing did, and hears of deletions; nobody calls bridge. Default false, because the token then needs webhook:manage and its
    user the Creator role."""


class SlackSettings(Section):
    """How staff are told in Slack. Without a token or a webhook nothing is posted."""

    bot_token: Annotated[SecretStr, matching(r"xoxb-\S+", "a bot token that begins with `xoxb-`")] | None = None
    """The bot's token (chat:write). Default none: nothing is posted but by webhook."""
    app_token: Annotated[SecretStr, matching(r"xapp-\S+", "an app-level token that begins with `xapp-`")] | None = None
    """The app-level token (connections:write), by which `bridge serve` hears of buttons. Default none: messages without any."""
    operators: Annotated[tuple[str, ...], BeforeValidator(slack_members)] = ()
    """Who may press the buttons and use `/bridge`: Slack users (U…) and user groups (S…) by comma. Default none: nobody, and
    messages have no buttons."""
    approvers: Annotated[tuple[str, ...], BeforeValidator(slack_members)] = ()
    """Who may approve or reject a held plan in Slack: users (U…) and user groups (S…) by comma, who may also do what operators
    may. Default none: nobody, so that approving is a decision."""
    channel: Channel | None = None
    """Where messages go whose mapping names no channel, by `#name` or id. Default none: which channel is private enough
    for names is for people to say."""
    url: Address = "https://slack.com/api/"
    """Where Slack's API is. Default Slack's own; another address only for a sandbox."""
    webhook_url: SecretAddress | None = None
    """An incoming webhook, used where there is no bot token: one message a run, no thread, no edit. Default none: an app can
    do more."""

    @property
    def interactive(self) -> bool:
        """Whether buttons are shown: somebody may press them, and there is a way for us to hear of it."""
        return self.bot_token is not None and self.app_token is not None and bool(self.operators or self.approvers)


class WebSettings(Section):
    """The pages and the HTTP API of `bridge serve`."""

    host: Annotated[str, matching(r"\S+", "a host name or address")] = "127.0.0.1"
    """The address to listen on. Default this machine only: what is shown is confidential, so opening it is a decision."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port to listen on, 1 to 65535; 0 takes a free one. Default 8080, which needs no privileges."""
    public_url: Address | None = None
    """The address people use, for links in Slack. Default none: links are left out."""
    tokens: Annotated[tuple[WebToken, ...], BeforeValidator(web_tokens)] = ()
    """Who may sign in: `role:name:sha256` by comma, the role viewer, operator or admin, the digest that of a token only its
    owner has. `role+sensitive` may also look at sensitive values; each look is in the audit log. Default none: nobody can,
    because what is shown is confidential."""
    oidc_issuer: Annotated[str, matching(_ISSUER, "an https address, such as https://accounts.google.com")] | None = None
    """Whose accounts people may sign in with as well (OpenID Connect), such as https://accounts.google.com. Default none:
    only tokens let anybody in."""
    oidc_client_id: Annotated[str, matching(r"[!-~]+", "letters, digits and signs without spaces")] | None = None
    """The id it gave to bridge. The redirect address to tell it is BRIDGE_WEB__PUBLIC_URL and `/sign-in/back`. Default none, as
    the issuer."""
    oidc_client_secret: Secret | None = None
    """The secret that belongs to the id. Default none, as the issuer."""
    oidc_people: Annotated[tuple[WebPerson, ...], BeforeValidator(web_people)] = ()
    """Whose accounts may sign in: `role:address` by comma, an e-mail address or `@domain` for all of a domain; `role+sensitive`
    as for tokens. An address of its own goes before its domain. Default none: no account can."""


def _days(value: object) -> object:
    """A number of days that no other part of bridge looks further back than."""
    if not re.fullmatch(r"[0-9]{1,5}", str(value)) or int(str(value)) < _LEAST_DAYS:
        raise ValueError(f"expected a whole number of days, {_LEAST_DAYS} or more")
    return int(str(value))


Days = Annotated[int, BeforeValidator(_days)]


class KeepSettings(Section):
    """How long what is settled is kept in the state. What is open, in doubt or held is kept whatever its age."""

    journal_days: Days = 1095
    """How many days the account of writes is kept, 90 or more: as far back as `bridge undo` and `bridge explain` reach. Default
    1095, three years, because questions about membership and dues come with the next audit."""
    ledger_days: Days = 1095
    """How many days resolved discrepancies and what happened to them are kept, 90 or more. Default 1095: as far back
    as the journal."""
    plans_days: Days = 90
    """How many days the plans of runs, the messages to Slack, and the syncs that people asked for with their idempotency keys
    are kept, 90 or more. Default 90, because every run stores a plan and they are most of what grows."""


class Settings(BaseSettings):
    """All settings. Made by `load` alone; frozen, and its repr shows no secret."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, enable_decoding=False, validate_default=False)

    mode: Mode = Mode.OBSERVE
    """`observe` plans and reports; `correct` also writes, for mappings whose own mode says so. Default observe: nothing is
    written until somebody says so."""
    mappings: Path = Path("mappings")
    """The folder of mapping files, or one file. Default `mappings` in the working directory, where the ones
    that ship are."""
    state_url: Annotated[SecretStr, BeforeValidator(_state_url)] = SecretStr("sqlite:///bridge.db")
    """The database of links, journal and ledger. Default one SQLite file in the working directory, which needs no
    server; a PostgreSQL address for several machines."""
    state_key: Annotated[tuple[SecretStr, ...], BeforeValidator(_state_keys)] = ()
    """32 bytes in url-safe base64 that encrypt sensitive cells at rest; several by comma, the newest first, to change it.
    Default none: sensitive cells are kept as digests only, and cannot be taken back by undo."""
    civicrm: CivicrmSettings = CivicrmSettings()
    airtable: AirtableSettings = AirtableSettings()
    slack: SlackSettings = SlackSettings()
    web: WebSettings = WebSettings()
    keep: KeepSettings = KeepSettings()
    owners: dict[
        Annotated[str, matching(r"[a-z][a-z0-9_]*", "a role of letters, digits and underscores")],
        Annotated[str, matching(_OWNER, "a Slack user, user group or channel id, or `#channel`")],
    ] = Field(default_factory=dict)
    """Whom Slack names for a rule's `owner`, one variable each: a user (U…), a user group (S…) or a channel (C… or #name).
    Default none: the role's own word is shown."""
    heartbeat_url: SecretAddress | None = None
    """An address that is asked for (an empty GET) after each run that read both systems while no source is unread: a dead-man's
    switch, whose owner calls you when it stays silent. The address is its own credential. Default none: nobody is told."""
    four_eyes: bool = False
    """Whether a held plan must be approved by somebody else than who asked for it: `true` or `false`. Default false, because
    a federation may have only one operator."""
    language: Literal["en", "es"] = "en"
    """The language of the command line, of pages and of reports that name none: `en` or `es`. Default en: more staff
    read it."""
    timezone: Zone = "UTC"
    """The IANA time zone of mappings without a schedule, and of times people are shown. Default UTC, which never jumps."""

    @property
    def state_keys(self) -> tuple[SecretStr, ...]:
        """The keys of BRIDGE_STATE_KEY, the newest first."""
        return self.state_key

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the constructor is given counts."""
        return (init_settings,)

    @classmethod
    def load(cls, environ: Mapping[str, str], *, secrets_dir: Path = SECRETS_DIR, remotes: bool = True) -> "Settings":
        """The settings of these variables and secret files; a variable goes before a file, and an empty one counts as none.

        With `remotes` false the credentials of the two systems may be missing. Raises ConfigError with every problem, each
        with its variable, what was expected, and what was found unless it is secret.
        """
        problems: list[Problem] = []
        given = {**_from_files(secrets_dir, problems), **_from_environment(environ, problems)}
        source = EnvSettingsSource(cls, env_prefix=PREFIX, env_nested_delimiter="__")
        source.env_vars = {name.lower(): value for name, value in given.items()}
        values = source()
        needed = [name for name in _NEEDED if remotes and name not in given]
        problems += [Problem(name, "expected a value, found none.", _where_to_set(name)) for name in needed]
        try:
            settings = cls(**values)
        except ValidationError as error:
            problems += [_problem(each) for each in error.errors(include_url=False)]
        if "BRIDGE_SLACK__APP_TOKEN" in given and "BRIDGE_SLACK__BOT_TOKEN" not in given:
            what = "expected BRIDGE_SLACK__BOT_TOKEN beside it, found none."
            problems.append(Problem("BRIDGE_SLACK__APP_TOKEN", what, _where_to_set("BRIDGE_SLACK__BOT_TOKEN")))
        oidc = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "PEOPLE")
        whole = {*(f"BRIDGE_WEB__OIDC_{each}" for each in oidc), "BRIDGE_WEB__PUBLIC_URL"}
        if "BRIDGE_WEB__OIDC_ISSUER" in given:
            what = "expected a value beside BRIDGE_WEB__OIDC_ISSUER, found none."
            problems += [Problem(name, what, _where_to_set(name)) for name in sorted(whole - set(given))]
        if problems:
            raise ConfigError(sorted(problems, key=lambda each: each.where))
        return settings


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name (ending in `<…>` where a word of one's own goes), default, secrecy."""

    name: str
    default: str
    secret: bool
    group: type[BaseModel]
    field: str

    @property
    def meaning(self) -> str:
        """What it is, its unit and why its default."""
        return " ".join(described(self.group).get(self.field, "").split())


def variables() -> Iterator[Variable]:
    """Every variable there is, in the order of the settings."""
    for name, info in Settings.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            for inner, inner_info in annotation.model_fields.items():
                yield _variable(f"{name}__{inner}", inner_info, annotation, inner)
        else:
            yield _variable(name, info, Settings, name)


def _variable(name: str, info: Any, group: type[BaseModel], field: str) -> Variable:
    keyed = "bases" in name or name == "owners"
    word = {"owners": "__<ROLE>", "airtable__bases": "__<ALIAS>"}.get(name, "")
    default = None if keyed else info.get_default(call_default_factory=True)
    shown = default.get_secret_value() if isinstance(default, SecretStr) else default
    return Variable(
        name=f"{PREFIX}{name.upper()}{word}",
        default="" if shown in (None, (), {}) else str(shown),
        secret="Secret" in str(info.annotation) or name in ("web__tokens", "state_key"),
        group=group,
        field=field,
    )


_VARIABLES = {each.name: each for each in variables()}
_KEYED = tuple(name.partition("<")[0] for name in _VARIABLES if name.endswith(">"))


def _from_environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    """The variables of ours that are set and not empty; one that is not known is a problem."""
    found = {}
    for name, value in environ.items():
        if not name.upper().startswith(PREFIX):
            continue
        known = name.upper() in _VARIABLES or any(name.upper().startswith(key) and name.upper() != key for key in _KEYED)
        if name != name.upper() or not known:
            problems.append(Problem(name, "there is no such setting.", suggest(name, _VARIABLES, kind="Settings")))
        elif value.strip():
            found[name] = value.strip()
    return found


def _from_files(folder: Path, problems: list[Problem]) -> dict[str, str]:
    """The secrets that are files, named as their variable in capitals or small letters."""
    found = {}
    for name in (each.name for each in _VARIABLES.values() if each.secret):
        for file in (folder / name, folder / name.lower()):
            try:
                value = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
            except (OSError, UnicodeDecodeError):
                what = f"expected a readable text file at {file}, found another."
                problems.append(Problem(name, what, "Mend its mode or content."))
                continue
            if value:
                found[name] = value
    return found


def _where_to_set(name: str) -> str:
    """Where a variable is set."""
    return f"Set {name}, or put it into the file {SECRETS_DIR / name.lower()}." if _VARIABLES[name].secret else f"Set {name}."


def _problem(error: ErrorDetails) -> Problem:
    """One of pydantic's errors in our words. What was found is told only where it can be no secret."""
    given = error["input"]
    path = [str(part) for part in error["loc"] if part != "[key]"]
    name = PREFIX + "__".join(path).upper()
    variable = _VARIABLES.get(name)
    found = "something else" if (variable and variable.secret) or "@" in str(given) else describe(given)
    hint = _where_to_set(name) if variable else f"Correct {name}." if name.startswith(_KEYED) else ""
    if error["type"] == "value_error":
        what, *hints = error["ctx"]["error"].args
        hint = "".join(hints) or hint
    elif error["type"] in ("literal_error", "enum"):
        words = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        near = nearest(given, words)
        what, hint = f"expected {listed(words)}", f"Did you mean `{near}`?" if near else hint
    else:
        what = f"expected a whole number from 0 to {2**16 - 1}"
    return Problem(name, f"{what}, found {found}.", hint)

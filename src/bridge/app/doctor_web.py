"""Looks at the pages and the HTTP API: who can come in, and whether what they see is read by others on the way."""

from bridge.app.finding import Finding, look_at
from bridge.config.settings import WebSettings
from bridge.errors import ConfigError


def examine_web(web: WebSettings) -> list[Finding]:
    """Every finding about signing in, in the order to mend them."""
    return [*look_at("web", lambda: _entrance(web)), *(look_at("accounts", lambda: _accounts(web)) if web.oidc_issuer else [])]


def _entrance(web: WebSettings) -> str:
    if not (web.tokens or web.oidc_people):
        return "nobody can sign in: neither BRIDGE_WEB__TOKENS nor BRIDGE_WEB__OIDC_PEOPLE names anybody"
    if str(web.public_url or "").startswith("http:") and "//127.0.0.1" not in str(web.public_url):
        raise ConfigError(
            "BRIDGE_WEB__PUBLIC_URL is no https address: tokens and records would be readable on the way.",
            next_step="put a proxy with TLS in front, and set its https address.",
        )
    if web.oidc_people and web.oidc_issuer is None:
        raise ConfigError(
            "BRIDGE_WEB__OIDC_PEOPLE names who may sign in, and nothing says whose accounts they are.",
            next_step="set BRIDGE_WEB__OIDC_ISSUER with its client id and secret, or take the people out.",
        )
    return f"{len(web.tokens)} may sign in with a token, {len(web.oidc_people)} addresses or domains with an account"


def _accounts(web: WebSettings) -> str:
    """Whether the other house is there and knows us."""
    from bridge.app.accounts import house_of

    house = house_of(web)
    if house is None:
        return "not set up"  # the settings are refused before it comes to this
    house.prove()
    return f"{house.issuer} knows bridge and {house.redirect}"

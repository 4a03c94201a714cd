"""Signing in with an account of another house, such as a Google Workspace: OpenID Connect Core 1.0, the code flow with PKCE.

What travels is ours and small; whether the other house really said it, joserfc decides.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bridge.errors import AuthRejected, Unavailable
from bridge.ports import Clock

_GOOGLE = "https://accounts.google.com"
_ALGORITHMS = ("RS256", "ES256", "PS256")
_STRANGER = ("invalid_client", "unauthorized_client")
_ELSEWHERE = ("redirect_uri_mismatch", "invalid_redirect_uri")
"""Words of token endpoints: the first two are RFC 6749's, the others Google's and what some houses say."""
_SECONDS = 10.0
_LEEWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Person:
    """Who may sign in with an account: one e-mail address, or with `@domain` all of a domain."""

    role: str
    address: str
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in, which the browser brings back: what was asked for, so that no other answer is taken for it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        """A try that nobody can foresee."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def challenge(self) -> str:
        """What is told of the verifier beforehand (RFC 7636, S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The house whose accounts count here. `redirect` is our address that it sends browsers back to."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect: str
    people: Sequence[Person]

    def person(self, email: str) -> Person | None:
        """Who has this address: a person named by it goes before their domain."""
        address, domain = email.lower(), f"@{email.lower().rpartition('@')[2]}"
        found = {each.address.lower(): each for each in self.people}
        return found.get(address) or found.get(domain)

    def door(self, attempt: Attempt) -> str:
        """Where a browser is sent to sign in. Raises Unavailable or AuthRejected if the house is not there."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "scope": "openid email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._described()['authorization_endpoint']}?{urlencode(asked)}"

    def prove(self) -> None:
        """Look whether the house is there and knows us, by asking it about a code that nobody was given (RFC 6749, 5.2).

        Raises Unavailable or AuthRejected, each with the setting to mend.
        """
        try:
            described = self._described()
        except (Unavailable, AuthRejected) as error:
            raise type(error)(error.message, next_step="check BRIDGE_WEB__OIDC_ISSUER, and the network.") from error
        word = _refusal(*self._asking(described, Attempt.new(), "none"))
        if word in _STRANGER:
            raise AuthRejected(
                f"{self.issuer} does not know bridge by this id and secret ({word}).",
                next_step="check BRIDGE_WEB__OIDC_CLIENT_ID, and renew BRIDGE_WEB__OIDC_CLIENT_SECRET there.",
            )
        if word in _ELSEWHERE:
            raise AuthRejected(
                f"{self.issuer} would send nobody back to {self.redirect} ({word}).",
                next_step=f"register {self.redirect} there as the redirect address, or correct BRIDGE_WEB__PUBLIC_URL.",
            )

    def email(self, attempt: Attempt, state: str, code: str, clock: Clock) -> str:
        """The proven address of whoever came back with this code. Raises AuthRejected for what is not proven, Unavailable."""
        if not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise AuthRejected("The answer belongs to another try to sign in.")
        described = self._described()
        claims = self._claims(described, self._token(described, attempt, code), attempt, clock)
        email = str(claims["email"])
        if claims.get("email_verified") not in (True, "true"):
            raise AuthRejected("The account's address is not confirmed.")
        self._of_the_domain(email, claims)
        return email.lower()

    def _of_the_domain(self, email: str, claims: Mapping[str, Any]) -> None:
        """Google: an address counts for its domain only where `hd` says that the account is the domain's own."""
        person, domain = self.person(email), email.lower().rpartition("@")[2]
        of_domain = person is not None and person.address.startswith("@")
        said = claims.get("hd", None if self.issuer == _GOOGLE else domain)
        if of_domain and str(said).lower() != domain:
            raise AuthRejected("The account is not one of the domain's own.")

    def _described(self) -> Mapping[str, Any]:
        """What the house says of itself (OpenID Connect Discovery 1.0)."""
        found = _json(httpx.get, f"{self.issuer}/.well-known/openid-configuration")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        scheme = urlsplit(self.issuer).scheme
        if found.get("issuer") != self.issuer or any(not str(found.get(name)).startswith(f"{scheme}://") for name in needed):
            raise AuthRejected(
                f"{self.issuer} describes itself as another house, or not securely.", next_step="check BRIDGE_WEB__OIDC_ISSUER."
            )
        return found

    def _token(self, described: Mapping[str, Any], attempt: Attempt, code: str) -> str:
        address, sent = self._asking(described, attempt, code)
        return str(_json(httpx.post, address, **sent).get("id_token", ""))

    def _asking(self, described: Mapping[str, Any], attempt: Attempt, code: str) -> tuple[str, dict[str, Any]]:
        """Where a code is turned into a token, and what is sent there: in the form the house takes our secret in."""
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": attempt.verifier,
        }
        own = {"client_id": self.client_id, "client_secret": self.client_secret}
        ways = described.get("token_endpoint_auth_methods_supported")
        if isinstance(ways, list) and "client_secret_post" in ways:
            return described["token_endpoint"], {"data": {**body, **own}}
        return described["token_endpoint"], {"data": body, "auth": (self.client_id, self.client_secret)}

    def _claims(self, described: Mapping[str, Any], token: str, attempt: Attempt, clock: Clock) -> Mapping[str, Any]:
        """What the token says, once its signature, issuer, audience, nonce and time hold."""
        registry = jwt.JWTClaimsRegistry(
            now=int(clock().timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": attempt.nonce},
            exp={"essential": True},
            sub={"essential": True},
            email={"essential": True},
        )
        try:
            keys = KeySet.import_key_set(_json(httpx.get, described["jwks_uri"]))  # type: ignore[arg-type]  # it checks the shape
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:  # joserfc believes the shape of keys
            raise AuthRejected("The other house's word does not hold.") from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self.client_id:
            raise AuthRejected("The other house's word is for somebody else.")
        return claims


def _refusal(address: str, sent: Mapping[str, Any]) -> str:
    """The word with which a code is refused, "" where there is none. Raises Unavailable."""
    try:
        said = httpx.post(address, timeout=_SECONDS, follow_redirects=False, headers={"Accept": "application/json"}, **sent)
        found = said.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(
            f"{_host(address)} could not be reached to sign somebody in.", next_step="check the network."
        ) from error
    except (ValueError, RecursionError):
        return ""
    word = found.get("error") if isinstance(found, dict) else ""
    return word if isinstance(word, str) else ""


def _host(address: str) -> str:
    """What of an address may be told."""
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2] or "the other house"


def _json(ask: Any, address: str, **more: Any) -> Mapping[str, Any]:
    """The JSON object that is answered. Raises Unavailable, or AuthRejected where the house refuses."""
    try:
        answer = ask(address, timeout=_SECONDS, follow_redirects=False, headers={"Accept": "application/json"}, **more)
        found = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise Unavailable(f"{_host(address)} could not be reached to sign somebody in.", next_step="try again.") from error
    if answer.is_error or not isinstance(found, dict):
        raise AuthRejected(f"{_host(address)} refused to sign somebody in ({answer.status_code}).")
    return found

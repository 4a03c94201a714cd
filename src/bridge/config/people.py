"""People as the settings name them: holders of tokens, people with accounts of another house, members of Slack."""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from bridge.config.problems import listed

Role = Literal["viewer", "operator", "admin"]
"""What a person may do: look; also assign, snooze and sync; also approve a held plan."""


@dataclass(frozen=True, slots=True)
class WebToken:
    """Who may sign in, and as what. `sha256` is the digest of a token that only its owner has."""

    role: Role
    name: str
    sha256: str = field(repr=False)
    sensitive: bool = False
    """Whether they may look at sensitive values."""


@dataclass(frozen=True, slots=True)
class WebPerson:
    """Who may sign in with an account, and as what: an e-mail address, or with `@domain` everybody of a domain."""

    role: Role
    address: str
    sensitive: bool = False


def web_people(value: object) -> tuple[WebPerson, ...]:
    """The people of a list `role:address`."""
    people = []
    for number, each in enumerate(filter(None, map(str.strip, str(value).split(","))), 1):
        word, _, address = each.partition(":")
        role, sensitive = _role(word)
        if role not in get_args(Role) or not re.fullmatch(r"[\w.+-]*@[\w-]+(\.[\w-]+)+", address):
            hint = f"Roles: {listed(get_args(Role))}. Such as viewer:@example.org,operator:maria@example.org."
            raise ValueError(f"person {number}: expected `role:address` or `role:@domain`", hint)
        people.append(WebPerson(role, address.lower(), sensitive))  # type: ignore[arg-type]  # the test above is one of Role's words
    return tuple(people)


_FORMER = {"approver": "admin"}
"""Earlier builds' names: settings written for them still mean the same, so that an upgrade locks nobody out."""

SENSITIVE = "+sensitive"
"""Stands behind the role of somebody who may also look at sensitive values."""


def _role(word: str) -> tuple[str, bool]:
    """The role that a word names, and whether it comes with a look at sensitive values."""
    role = word.removesuffix(SENSITIVE)
    return _FORMER.get(role, role), word.endswith(SENSITIVE)


def web_tokens(value: object) -> tuple[WebToken, ...]:
    """The tokens of a list `role:name:sha256`."""
    tokens = []
    for number, each in enumerate(filter(None, map(str.strip, str(value).split(","))), 1):
        word, _, rest = each.partition(":")
        name, _, digest = rest.rpartition(":")
        role, sensitive = _role(word)
        named = role in get_args(Role) and re.fullmatch(r"[\w .@-]{1,60}", name)
        if not named or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            hint = f"Roles: {listed(get_args(Role))}. Make the digest: printf %s TOKEN | sha256sum"
            raise ValueError(f"token {number}: expected `role:name:sha256` with 64 hexadecimal digits", hint)
        tokens.append(WebToken(role, name, digest.lower(), sensitive))  # type: ignore[arg-type]  # the test above is one of Role's words
    return tuple(tokens)


def slack_members(value: object) -> tuple[str, ...]:
    """The Slack members and user groups of a list."""
    names = [each.strip() for each in str(value).split(",") if each.strip()]
    for number, name in enumerate(names, 1):
        if not re.fullmatch(r"[UWS][A-Z0-9]{2,20}", name):
            hint = "In Slack: the person's profile, then “Copy member ID”; of a user group its id."
            raise ValueError(f"name {number}: expected a Slack user (U…) or user group (S…)", hint)
    return tuple(names)

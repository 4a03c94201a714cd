"""Sensitive values at rest: encrypted where there is a key, kept as a keyed digest where there is none.

AES-256-GCM (NIST SP 800-38D), a fresh 96-bit nonce each time, bound to the place the value stands at: a ciphertext moved to
another cell does not open. The first key encrypts, every key opens, so a key is changed by putting the new one in front. A
ciphertext names its key by eight digits of a hash, so that a key that is missing can be named and one that is used by nothing
any more can be let go; older ones name none.
A digest (HMAC-SHA256) is the same wherever its value stands, so that what the journal says can be held against the base. Its
pepper is random, made with the state and kept in it (encrypted too, once there is a key).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from bridge.errors import ConfigError, Problem
from bridge.store.database import Database, insert_into
from bridge.store.schema import meta

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12
_CIPHER = "aes:"
_DIGEST = "hmac:"
_PEPPER = "pepper"
_PLAIN = "plain:"


class Vault:
    """Locks texts and opens them again, or only compares them. Its repr shows no key."""

    def __init__(self, keys: Sequence[bytes], pepper: bytes) -> None:
        self._ciphers = _ciphers(keys)
        self._pepper = pepper

    def seal(self, text: str) -> str:
        """A keyed digest (64 hex digits): equal texts give equal digests, and nothing can be read back."""
        return hmac.new(self._pepper, text.encode(), hashlib.sha256).hexdigest()

    def lock(self, text: str, place: str) -> str:
        """What may be stored for a sensitive `text` that stands at `place`."""
        if not self._ciphers:
            return _DIGEST + self.seal(text)
        name, cipher = next(iter(self._ciphers.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = cipher.encrypt(nonce, text.encode(), place.encode())
        return f"{_CIPHER}{name}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, locked: str, place: str) -> str | None:
        """The text; None if only its digest was kept or its key is no longer among ours."""
        if not locked.startswith(_CIPHER):
            return None
        named = key_of(locked)
        ciphers = (cipher for name, cipher in self._ciphers.items() if named in ("", name))
        return next((text for cipher in ciphers if (text := _opened(cipher, locked, place)) is not None), None)

    def matches(self, locked: str, text: str, place: str) -> bool:
        """Whether `locked` stands for `text`."""
        if locked.startswith(_DIGEST):
            return hmac.compare_digest(locked, _DIGEST + self.seal(text))
        return self.open(locked, place) == text

    @staticmethod
    def is_digest(locked: str) -> bool:
        """Whether `locked` can only be compared."""
        return locked.startswith(_DIGEST)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the keys, the one that encrypts first."""
        return tuple(self._ciphers)

    def is_current(self, locked: str) -> bool:
        """Whether `lock` would keep it the same way today: under the first key, or as a digest while there is none."""
        return locked.startswith(f"{_CIPHER}{self.keys[0]}:" if self.keys else _DIGEST)


def key_name(key: bytes) -> str:
    """Eight hex digits that tell keys apart and tell nothing about them."""
    return hashlib.sha256(b"bridge state key " + key).hexdigest()[:8]


def key_of(locked: str) -> str:
    """The name of the key that a ciphertext is locked with; empty for one that names none."""
    return locked.removeprefix(_CIPHER).rpartition(":")[0]


def _ciphers(keys: Sequence[bytes]) -> "Mapping[str, AESGCM]":
    if not keys:  # many a state has none, and every command would wait for the library
        return {}
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return {key_name(key): AESGCM(key) for key in keys}


def _opened(cipher: "AESGCM", locked: str, place: str) -> str | None:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # there is a cipher, so the library is there

    try:
        raw = base64.urlsafe_b64decode(locked.rpartition(":")[2])
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, ValueError):  # ValueError: what stands there is damaged so far that it is no ciphertext
        return None


def parse_keys(texts: Sequence[str]) -> list[bytes]:
    """The keys of BRIDGE_STATE_KEY. Raises ConfigError for every one that is not 32 bytes in url-safe base64."""
    keys, problems = [], []
    for number, text in enumerate(texts, 1):
        try:
            key = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) == _KEY_BYTES:
            keys.append(key)
        else:
            found = f"{len(key)} bytes" if key else "something else"
            problems.append(
                Problem(
                    "BRIDGE_STATE_KEY",
                    f"key {number}: expected 32 bytes in url-safe base64, found {found}.",
                    "Make one: openssl rand -base64 32 | tr '+/' '-_'",
                )
            )
    if problems:
        raise ConfigError(problems)
    return keys


def open_vault(database: Database, keys: Sequence[bytes]) -> Vault:
    """The state's vault. Raises ConfigError if the state was locked with a key that is not given.

    The pepper is made at the first opening; when the first key is new, the pepper is locked anew with it.
    """
    with database.reading() as connection:
        stored = connection.scalar(select(meta.c.value).where(meta.c.name == _PEPPER))
    if stored is None:
        fresh = _stored_pepper(secrets.token_bytes(_KEY_BYTES), keys)
        with database.writing() as connection:
            connection.execute(insert_into(connection, meta).values(name=_PEPPER, value=fresh).on_conflict_do_nothing())
            stored = connection.scalars(select(meta.c.value).where(meta.c.name == _PEPPER)).one()
    pepper = _pepper(stored, keys, database.place)
    if keys and not Vault(keys, b"").is_current(stored):
        with database.writing() as connection:
            connection.execute(update(meta).where(meta.c.name == _PEPPER).values(value=_stored_pepper(pepper, keys)))
    return Vault(keys, pepper)


def look_at_vault(connection: Connection, keys: Sequence[bytes], place: str) -> Vault:
    """The state's vault as `open_vault` has it, with nothing written. Raises ConfigError likewise."""
    stored = connection.scalar(select(meta.c.value).where(meta.c.name == _PEPPER))
    return Vault(keys, b"" if stored is None else _pepper(stored, keys, place))


def _stored_pepper(pepper: bytes, keys: Sequence[bytes]) -> str:
    return Vault(keys, b"").lock(pepper.hex(), _PEPPER) if keys else _PLAIN + pepper.hex()


def _pepper(stored: str, keys: Sequence[bytes], place: str) -> bytes:
    if stored.startswith(_PLAIN):
        return bytes.fromhex(stored.removeprefix(_PLAIN))
    opened = Vault(keys, b"").open(stored, _PEPPER)
    if opened is None:
        given = ", ".join(map(key_name, keys))
        found = f"none of the keys given ({given}) opens it" if keys else "no key is given"
        named = f" ({key_of(stored)})" if key_of(stored) else ""
        raise ConfigError(
            f"The state at {place} is locked with a key{named}, and {found}.",
            next_step="set BRIDGE_STATE_KEY to the key it was last used with (after a new one and a comma, to change it).",
        )
    return bytes.fromhex(opened)

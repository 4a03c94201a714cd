"""Glimpses: what tells a delta that the part of a record which moves no date says what it said when it was last seen to.

CiviCRM dates a contact's own fields and how it is reached, and nothing else: memberships, other related records and custom
fields may change without moving any date. A delta reads those parts of all records, and no more of them than that. A glimpse is
a digest of them. It depends on nothing but the state's salt and the values, so that a new day or another mapping's links make
no record look changed.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping

from bridge.core.record import Json, packed

Glimpser = Callable[[str, Mapping[str, Json]], bytes]
"""The glimpse of a record: its id and its values by path, those that move a date left aside."""

_BYTES = 16


def glimpser(salt: str, undated: Iterable[str]) -> Glimpser:
    """What makes the glimpses of a mapping of which the paths `undated` move no date."""
    paths = sorted(undated)
    begun = hashlib.blake2b(packed((salt, paths)), digest_size=_BYTES)

    def glimpse(native: str, values: Mapping[str, Json]) -> bytes:
        digest = begun.copy()
        digest.update(packed((native, [values.get(path) for path in paths])))
        return digest.digest()

    return glimpse

"""Changes and discrepancies as JSON, whole enough to be made again; sensitive cells stand in it locked, value by value.

A canonical value is stored as its kind and the text that `core.values.dump` makes of it, because a change does not say its
fields' types.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from bridge.core import values
from bridge.core.mapping import FieldType, Severity
from bridge.core.plan import Action, CellChange, Change, Discrepancy
from bridge.core.record import Base, Cell, Json, PerSide, Sealed, Side, Unreadable, Value
from bridge.ports import JournalCell
from bridge.store.cipher import Vault

Packed = dict[str, Json]
Relock = Callable[[str | None, str], str | None]
"""What is to stand for a locked text that stands at a place."""

_KINDS: tuple[tuple[type, FieldType], ...] = (
    (bool, FieldType.BOOLEAN),
    (Decimal, FieldType.NUMBER),
    (dt.datetime, FieldType.DATETIME),  # before date, which it is a kind of
    (dt.date, FieldType.DATE),
    (frozenset, FieldType.CHOICES),
    (str, FieldType.TEXT),
)
_VALUES = ("before", "after", "source")
_RAW = ("before_raw", "after_raw")


# ── values ──


@dataclass(frozen=True, slots=True)
class Locked(Sealed):
    """A sealed value that can be stored again as it was found."""

    text: str | None = field(default=None, repr=False)


def lock(value: Cell | Sealed, vault: Vault, place: str) -> str | None:
    """What may be stored for a sensitive value. Blank is locked too, for that a cell is blank tells something."""
    if isinstance(value, Sealed):
        return value.text if isinstance(value, Locked) else None
    return vault.lock(_secret(value), place)


def unlock(text: str | None, vault: Vault, place: str) -> Base:
    """The value again; sealed if only its digest was kept, and equal to nothing if it was forgotten or its key is lost."""
    if text is None:
        return Locked(lambda _: False)
    opened = vault.open(text, place)
    if opened is None:
        return Locked(lambda value: vault.matches(text, _secret(value), place), text)
    return cast("Value | None", _unpack_value(json.loads(opened)))


def locks(text: str | None, value: Value | None, vault: Vault, place: str) -> bool:
    """Whether `lock` would store the value as `text`, but for the chance in a ciphertext."""
    return text is not None and vault.is_current(text) and vault.matches(text, _secret(value), place)


def _secret(cell: Cell) -> str:
    return json.dumps(_pack_value(cell))


def _pack_value(cell: Cell) -> Json:
    if cell is None:
        return None
    if isinstance(cell, Unreadable):
        return {"unreadable": cell.reason, "code": cell.code}
    kind = next(kind for type_, kind in _KINDS if isinstance(cell, type_))
    return [kind.value, values.dump(cell)]


def _unpack_value(packed: Json) -> Cell:
    if packed is None:
        return None
    if isinstance(packed, dict):
        return Unreadable(str(packed["unreadable"]), cast("int", packed["code"]))
    kind, text = cast("list[str]", packed)
    return values.load(FieldType(kind), text)


# ── changes ──


def pack_change(change: Change, vault: Vault, place: str) -> Packed:
    """The change as JSON. `place` names where it is kept; a sensitive cell opens nowhere else."""
    place = f"{place}/{change.side.value}/{change.partner}"
    return {
        "mapping": change.mapping,
        "side": change.side.value,
        "action": change.action.value,
        "id": change.id,
        "partner": change.partner,
        "name": change.name,
        "cells": [_pack_cell(cell, vault, f"{place}/{cell.field}") for cell in change.cells],
        "extra": dict(change.extra),
        "keys": _pack_keys(change, vault, place),
    }


def unpack_change(packed: Packed, vault: Vault, place: str) -> tuple[Change, tuple[JournalCell, ...]]:
    """The change, and its cells as the journal shows them; what cannot be opened is blank in the change and sealed in these."""
    side, partner = Side(str(packed["side"])), str(packed["partner"])
    place = f"{place}/{side.value}/{partner}"
    shells = cast("list[Packed]", packed["cells"])
    found = [_found(shell, vault, f"{place}/{shell['field']}") for shell in shells]
    change = Change(
        mapping=str(packed["mapping"]),
        side=side,
        action=Action(str(packed["action"])),
        id=_text(packed["id"]),
        partner=partner,
        name=str(packed["name"]),
        cells=tuple(map(_cell_change, shells, found)),
        extra=cast("Packed", packed["extra"]),
        keys=_unpack_keys(cast("Packed", packed["keys"]), vault, place),
    )
    return change, tuple(map(_journal_cell, shells, found))


def relocked(packed: Packed, relock: Relock, place: str) -> Packed:
    """A packed change's `cells` and `keys` with every locked text as `relock` makes it; `place` is where the change is kept."""
    place = f"{place}/{packed['side']}/{packed['partner']}"
    cells = [_relocked_cell(cell, relock, f"{place}/{cell['field']}") for cell in cast("list[Packed]", packed["cells"])]
    keys = cast("dict[str, Packed]", packed["keys"])
    locked = {path: relock(_text(text), f"{place}/{path}") for path, text in keys["locked"].items()}
    return {"cells": cast("Json", cells), "keys": {**keys, "locked": cast("Json", locked)}}


def _relocked_cell(cell: Packed, relock: Relock, place: str) -> Packed:
    if not cell["sensitive"]:
        return cell
    return {**cell, **{name: relock(_text(cell[name]), f"{place}/{name}") for name in (*_VALUES, *_RAW)}}


def forgotten(cells: Json) -> list[Json]:
    """Packed cells without any value: which fields were written, and why, is all that stays."""
    nothing: Packed = {"sensitive": True, "seals": None, **dict.fromkeys((*_VALUES, *_RAW))}
    return [{**cell, **nothing} for cell in cast("list[Packed]", cells)]


@dataclass(frozen=True, slots=True)
class _Found:
    """A packed cell's values, opened as far as they can be."""

    before: Cell | Sealed
    after: Base
    source: Base
    before_raw: Json
    after_raw: Json

    @property
    def sealed(self) -> bool:
        return isinstance(self.after, Sealed)


def _pack_cell(cell: CellChange, vault: Vault, place: str) -> Packed:
    shell: Packed = {
        "field": cell.field,
        "path": cell.path,
        "why": cell.why,
        "clears": cell.clears,
        "sensitive": cell.sensitive,
    }
    if cell.sensitive:
        return {
            **shell,
            "seals": None if cell.sealed is None else list(cell.sealed),
            **{name: lock(getattr(cell, name), vault, f"{place}/{name}") for name in _VALUES},
            **{name: vault.lock(json.dumps(getattr(cell, name)), f"{place}/{name}") for name in _RAW},
        }
    source = None if isinstance(cell.source, Sealed) else cell.source
    return {
        **shell,
        "seals": None,
        "before": _pack_value(cell.before),
        "after": _pack_value(cell.after),
        "source": _pack_value(source),
        "before_raw": cell.before_raw,
        "after_raw": cell.after_raw,
    }


def _found(packed: Packed, vault: Vault, place: str) -> _Found:
    if not packed["sensitive"]:
        plain = [_unpack_value(packed[name]) for name in _VALUES]
        return _Found(plain[0], cast("Base", plain[1]), cast("Base", plain[2]), packed["before_raw"], packed["after_raw"])
    before, after, source = (unlock(_text(packed[name]), vault, f"{place}/{name}") for name in _VALUES)
    opened = (vault.open(str(packed[name]), f"{place}/{name}") for name in _RAW)
    before_raw, after_raw = (None if text is None else json.loads(text) for text in opened)
    return _Found(before, after, source, before_raw, after_raw)


def _cell_change(shell: Packed, found: _Found) -> CellChange:
    seals = cast("list[str] | None", shell["seals"])
    return CellChange(
        field=str(shell["field"]),
        path=str(shell["path"]),
        before=None if isinstance(found.before, Sealed) else found.before,
        after=None if isinstance(found.after, Sealed) else found.after,
        before_raw=found.before_raw,
        after_raw=found.after_raw,
        why=str(shell["why"]),
        source=found.source,
        sensitive=bool(shell["sensitive"]),
        clears=bool(shell["clears"]),
        sealed=None if seals is None else (seals[0], seals[1]),
    )


def _journal_cell(shell: Packed, found: _Found) -> JournalCell:
    return JournalCell(
        field=str(shell["field"]),
        path=str(shell["path"]),
        before=None if isinstance(found.before, Unreadable) else found.before,
        after=found.after,
        before_raw=found.before_raw,
        after_raw=found.after_raw,
        why=str(shell["why"]),
        sensitive=bool(shell["sensitive"]),
        sealed=found.sealed,
        source=found.source,
    )


def _pack_keys(change: Change, vault: Vault, place: str) -> Packed:
    """The match keys; one that is the path of a sensitive cell is that cell's value, and locked like it."""
    secret = {cell.path for cell in change.cells if cell.sensitive}
    return {
        "plain": {path: value for path, value in change.keys.items() if path not in secret},
        "locked": {
            path: vault.lock(json.dumps(value), f"{place}/{path}") for path, value in change.keys.items() if path in secret
        },
    }


def _unpack_keys(packed: Packed, vault: Vault, place: str) -> dict[str, Json]:
    """All keys or none: a record found by only some of them might be another one."""
    locked = cast("dict[str, str]", packed["locked"])
    opened = {path: vault.open(text, f"{place}/{path}") for path, text in locked.items()}
    if None in opened.values():
        return {}
    return {**cast("Packed", packed["plain"]), **{path: json.loads(str(text)) for path, text in opened.items()}}


# ── discrepancies ──


def pack_discrepancy(each: Discrepancy) -> Packed:
    """The discrepancy as JSON; it never holds a sensitive value."""
    return cast("Packed", dataclasses.asdict(each))


def unpack_discrepancy(packed: Packed) -> Discrepancy:
    """The discrepancy again."""
    ids, shown = cast("dict[str, str | None]", packed["ids"]), cast("dict[str, str | None]", packed["shown"])
    return Discrepancy(
        mapping=str(packed["mapping"]),
        code=cast("int", packed["code"]),
        severity=Severity(str(packed["severity"])),
        ids=PerSide(**ids),
        name=str(packed["name"]),
        rule=_text(packed["rule"]),
        field=_text(packed["field"]),
        shown=PerSide(**shown),
        details=cast("Mapping[str, str]", packed["details"]),
        evidence=str(packed["evidence"]),
    )


def _text(value: Json) -> str | None:
    return None if value is None else str(value)

"""Webhooks of one base: what changed there, in numbered payloads that may be fetched for a week, with or without an address.

As Airtable's pages tell it (https://airtable.com/developers/web/api/webhooks-overview): a hook ends seven days after it was
made, renewed or listened to, and each payload seven days after it was written, heard or not. Nobody is called here.
"""

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.airtable_cells import AirtableError, Ids, iso

LIFE = dt.timedelta(days=7)
MOST_HOOKS = 10
LARGEST_PAGE = 50
_DATA_TYPES = frozenset({"tableData", "tableFields", "tableMetadata"})

Tables = dict[str, dict[str, Any]]
"""What changed, by table, in the words of a payload."""


@dataclass(slots=True)
class Hook:
    """One webhook. `first` is the number of the oldest payload that is still kept."""

    id: str
    specification: Mapping[str, Any]
    url: str | None
    expires: dt.datetime
    first: int = 1
    payloads: list[tuple[dt.datetime, dict[str, Any]]] = field(default_factory=list)

    @property
    def next(self) -> int:
        """The number of the payload to come."""
        return self.first + len(self.payloads)

    def shown(self, now: dt.datetime) -> dict[str, Any]:
        """The hook as the list of hooks shows it."""
        return {
            "id": self.id,
            "specification": self.specification,
            "notificationUrl": self.url,
            "cursorForNextPayload": self.next,
            "areNotificationsEnabled": True,
            "isHookEnabled": now < self.expires,
            "lastSuccessfulNotificationTime": None,
            "lastNotificationResult": None,
            "expirationTime": iso(self.expires),
        }


class Hooks:
    """The webhooks of a base, and what has changed there since the last payload was written."""

    def __init__(self, ids: Ids) -> None:
        self.hooks: dict[str, Hook] = {}
        self._ids = ids
        self._tables: Tables = {}
        self._transaction = 0

    # ── what happens in the base ──

    def note(self, table: str, part: str, key: str, told: Mapping[str, Any]) -> None:
        """Something in `part` of a table's account (`changedRecordsById` …) is as `told` now."""
        if self.hooks:
            _merge(self._of(table).setdefault(part, {}).setdefault(key, {}), told)

    def created(self, table: str) -> Mapping[str, Any]:
        """The records of a table that were made in the transaction in hand."""
        made: Mapping[str, Any] = self._tables.get(table, {}).get("createdRecordsById", {})
        return made

    def note_gone(self, table: str, part: str, key: str) -> None:
        """Something is no more; nothing else is told of it then."""
        if self.hooks:
            for others in self._of(table).values():
                if isinstance(others, dict):
                    others.pop(key, None)
            self._of(table).setdefault(part, []).append(key)

    def _of(self, table: str) -> dict[str, Any]:
        return self._tables.setdefault(table, {})

    def end(self, now: dt.datetime, source: str) -> None:
        """What was noted since the last time is one transaction: a payload for every live hook whose filters let it through."""
        tables, self._tables = self._tables, {}
        if not tables:
            return
        self._transaction += 1
        for hook in self.hooks.values():
            told = _filtered(tables, hook.specification["options"]["filters"], source)
            if told and now < hook.expires:
                payload = {
                    "timestamp": iso(now),
                    "baseTransactionNumber": self._transaction,
                    "payloadFormat": "v0",
                    "actionMetadata": {"source": source},
                    "changedTablesById": told,
                }
                hook.payloads.append((now, payload))

    # ── what a client asks ──

    def create(self, body: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
        """A new hook: its id, the secret it signs with, and when it ends."""
        specification = body.get("specification")
        options = specification.get("options") if isinstance(specification, dict) else None
        filters = options.get("filters") if isinstance(options, dict) else None
        types = filters.get("dataTypes") if isinstance(filters, dict) else None
        if not isinstance(specification, dict) or not isinstance(types, list) or not types or not _DATA_TYPES.issuperset(types):
            raise AirtableError(
                422, "INVALID_REQUEST_UNKNOWN", "Invalid request: the specification of the webhook is not valid"
            )
        if len(self.hooks) >= MOST_HOOKS:
            raise AirtableError(403, "TOO_MANY_WEBHOOKS_IN_BASE", "There are too many webhooks in this base")
        made = Hook(self._ids.new("ach"), specification, body.get("notificationUrl"), now + LIFE)
        self.hooks[made.id] = made
        secret = base64.b64encode(made.id.encode()).decode()
        return {"id": made.id, "macSecretBase64": secret, "expirationTime": iso(made.expires)}

    def list(self, now: dt.datetime) -> dict[str, Any]:
        """Every hook."""
        self._forget(now)
        return {"webhooks": [each.shown(now) for each in self.hooks.values()]}

    def refresh(self, key: str, now: dt.datetime) -> dict[str, Any]:
        """Seven days more."""
        hook = self._hook(key, now)
        hook.expires = now + LIFE
        return {"expirationTime": iso(hook.expires)}

    def delete(self, key: str, now: dt.datetime) -> dict[str, Any]:
        """End the hook."""
        hook = self._hook(key, now)
        del self.hooks[hook.id]
        return {}

    def payloads(self, key: str, cursor: int, limit: int, now: dt.datetime) -> dict[str, Any]:
        """The payloads from `cursor` on that are still kept; to ask for them renews a hook that has not ended."""
        hook = self._hook(key, now)
        if not 1 <= limit <= LARGEST_PAGE or cursor < 1:
            raise AirtableError(422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed")
        if now < hook.expires:
            hook.expires = now + LIFE
        start = max(cursor, hook.first)
        page = hook.payloads[start - hook.first : start - hook.first + limit]
        after = start + len(page)
        return {"payloads": [each for _, each in page], "cursor": after, "mightHaveMore": after < hook.next}

    def _hook(self, key: str, now: dt.datetime) -> Hook:
        self._forget(now)
        if key not in self.hooks:
            raise AirtableError(404, "NOT_FOUND", bare=True)
        return self.hooks[key]

    def _forget(self, now: dt.datetime) -> None:
        """A payload is kept for seven days, and a hook for seven after its end."""
        self.hooks = {key: each for key, each in self.hooks.items() if now < each.expires + LIFE}
        for each in self.hooks.values():
            kept = [(at, payload) for at, payload in each.payloads if now < at + LIFE]
            each.first += len(each.payloads) - len(kept)
            each.payloads = kept


def _merge(kept: dict[str, Any], told: Mapping[str, Any]) -> None:
    for name, value in told.items():
        if isinstance(value, Mapping) and isinstance(kept.get(name), dict):
            _merge(kept[name], value)
        else:
            kept[name] = dict(value) if isinstance(value, Mapping) else value


def _filtered(tables: Tables, filters: Mapping[str, Any], source: str) -> Tables:
    if source not in filters.get("fromSources", [source]):
        return {}
    parts = {
        "tableData": ("createdRecordsById", "changedRecordsById", "destroyedRecordIds"),
        "tableFields": ("createdFieldsById", "changedFieldsById", "destroyedFieldIds"),
        "tableMetadata": ("changedMetadata",),
    }
    wanted: Sequence[str] = [part for each in filters["dataTypes"] for part in parts[each]]
    scope = filters.get("recordChangeScope")
    found: Tables = {}
    for table, account in tables.items():
        told = {part: value for part, value in account.items() if part in wanted and value}
        if told and scope in (None, table):
            found[table] = told
    return found

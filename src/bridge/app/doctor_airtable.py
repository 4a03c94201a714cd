"""Looks at what the token may do in Airtable, which does not say what a personal token's scopes are: it can only be tried."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.core.mapping import Mapping, Mode
from bridge.core.record import Side
from bridge.errors import AuthRejected, RequestRejected

if TYPE_CHECKING:
    from bridge.airtable.api import Api
    from bridge.app import App


def airtable_rights(app: "App") -> str:
    """Whether records may be read, and written where a mapping writes. Raises AuthRejected that names the scope.

    Reads one record of no field, and asks for a change of no record: whoever may write is refused that as not well formed,
    whoever may not is refused the right. Should Airtable look at the list first, the first write tells.
    """
    told = []
    for base, mappings in sorted(_by_base(app).items()):
        writes = any(map(_writes, mappings))
        table = _a_table(app.airtable.tables(base), {each.airtable.table for each in mappings})
        _may_read(app.airtable, base, table)
        if writes:
            _may_write(app.airtable, base, table)
        if app.settings.airtable.webhooks:
            _may_listen(app.airtable, base)
        told.append(f"{base}: read{' and write' if writes else ''}")
    return ", ".join(told)


def _by_base(app: "App") -> dict[str, list[Mapping]]:
    found: dict[str, list[Mapping]] = {}
    for each in app.mappings:
        found.setdefault(app.base_id(each), []).append(each)
    return found


def _a_table(tables: Sequence[Any], names: set[str]) -> str:
    """The id of a table that is mapped; of any, where none has its name any more: the scopes are those of the base."""
    return str(next((each for each in tables if {each["name"], each["id"]} & names), tables[0])["id"])


def _may_read(airtable: "Api", base: str, table: str) -> None:
    try:
        airtable.list_page(base, table, {"pageSize": 1, "maxRecords": 1})
    except AuthRejected as refused:
        raise _lacking("read", "data.records:read", base) from refused


def _may_write(airtable: "Api", base: str, table: str) -> None:
    try:
        airtable.request("PATCH", str(airtable.build_url(base, table)), json={"records": []})
    except AuthRejected as refused:
        raise _lacking("write", "data.records:write", base) from refused
    except RequestRejected:
        return  # a change of no record is no change: it was the right that was asked about


def _may_listen(airtable: "Api", base: str) -> None:
    """Whether webhooks may be looked at. That the user may make one (a Creator may) the first delta tells."""
    try:
        airtable.get(str(airtable.build_url("bases", base, "webhooks")))
    except AuthRejected as refused:
        raise AuthRejected(
            f"Airtable does not let bridge look at the webhooks of {base}, which BRIDGE_AIRTABLE__WEBHOOKS asks for.",
            next_step="give the token of BRIDGE_AIRTABLE__TOKEN the scope `webhook:manage`, and its user the role Creator.",
        ) from refused


def _writes(mapping: Mapping) -> bool:
    """Whether anything of Airtable is ever written for the mapping."""
    corrects = mapping.mode is Mode.CORRECT and any(each.may_write(Side.AIRTABLE) for each in mapping.fields.values())
    return corrects or mapping.report.airtable is not None


def _lacking(verb: str, scope: str, base: str) -> AuthRejected:
    return AuthRejected(
        f"Airtable does not let bridge {verb} records of {base}.",
        next_step=f"give the token of BRIDGE_AIRTABLE__TOKEN the scope `{scope}` and the base, and its user the role Editor.",
    )

"""What became of a contact: in the trash, merged into another, or purged."""

from collections.abc import Collection, Mapping
from typing import Any

import structlog

from bridge.civicrm.client import Call, CivicrmClient
from bridge.civicrm.pages import sweep
from bridge.errors import AuthRejected

log = structlog.get_logger()

_MERGED, _LOST = "Contact Merged", "Contact Deleted by Merge"


def winners(client: CivicrmClient, losers: Collection[int], *, asks: bool) -> dict[int, int]:
    """For each of the trashed `losers` that was merged, the contact it went into.

    `asks` says whether the site has `getMergedTo`; older ones (5.78) leave only a trail of activities.
    """
    if not losers:
        return {}
    return _asked(client, sorted(losers)) if asks else _trailed(client, losers)


def sees_trash(client: CivicrmClient) -> bool:
    """Whether any contact in the trash can be seen: without that, one that is missing may be there."""
    return bool(client.read("Contact", "get", {"select": ["id"], "where": [["is_deleted", "=", True]], "limit": 1}).values)


def _asked(client: CivicrmClient, losers: list[int]) -> dict[int, int]:
    answers = client.read_many([Call("Contact", "getMergedTo", {"contactId": loser}) for loser in losers])
    return {
        loser: answer.values[0]["id"]
        for loser, answer in zip(losers, answers, strict=True)
        if answer.values and "id" in answer.values[0]
    }


def _trailed(client: CivicrmClient, losers: Collection[int]) -> dict[int, int]:
    """By the activities a merge files: one on the loser, whose parent is the one on the winner."""
    select = ["activity_type_id:name", "parent_id", "target_contact_id"]
    where = [["activity_type_id:name", "IN", [_MERGED, _LOST]]]
    try:
        trail = sweep(client, "Activity", select, where, page_size=500).rows
    except AuthRejected:
        log.warning("merges not visible", missing_permission="view all activities")
        return {}
    onto = {row["id"]: target for row in trail if (target := _target(row)) and row["activity_type_id:name"] == _MERGED}
    steps = {
        target: onto[row["parent_id"]]
        for row in trail
        if row["activity_type_id:name"] == _LOST and (target := _target(row)) and row["parent_id"] in onto
    }
    return {loser: _last(steps, loser) for loser in losers if loser in steps}


def _target(row: Mapping[str, Any]) -> int | None:
    """The contact an activity is about. 5.78 tells ids as texts here."""
    targets = row["target_contact_id"]
    return int(targets[0]) if targets else None


def _last(steps: Mapping[int, int], loser: int) -> int:
    """The end of a chain of merges."""
    seen = {loser}
    while (winner := steps.get(loser)) is not None and winner not in seen:
        seen.add(winner)
        loser = winner
    return loser

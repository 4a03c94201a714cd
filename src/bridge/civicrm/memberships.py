"""What may be written to a membership, and what has to be sent along so that nothing else about it changes.

A write that sends no status lets CiviCRM compute one from the dates: correcting a note would turn Pending into Current and
undo a cancellation (observed on 5.78 and 6.17).
"""

from collections.abc import Mapping
from typing import Any

from bridge.core.record import Json

PROTECTED = 404

_STATUS = frozenset({"status_id", "status_id:name", "status_id:label"})
_DATES = frozenset({"join_date", "start_date", "end_date"})
_RESERVED = frozenset({"Pending", "Cancelled", "Deceased"})
"""Core's reserved statuses: people set them, and dates say nothing about them."""


def protected(standing: Mapping[str, Any]) -> str:
    """Why this membership is not bridge's to write, or empty."""
    if standing["owner_membership_id"] is not None:
        return "The membership is inherited: correct the one it comes from."
    if standing["is_override"]:
        return "Somebody has set the membership's status by hand."
    if standing["status_id:name"] in _RESERVED:
        return "The membership is pending, cancelled or that of a deceased person: its changes are for a person to make."
    return ""


def ignored(name: str, value: Json) -> bool:
    """Whether CiviCRM would leave the date as it is: it takes no blank for one."""
    return name in _DATES and value in (None, "")


def kept(standing: Mapping[str, Any], values: Mapping[str, Json]) -> dict[str, Json]:
    """What to send with `values` so that the status stays, and nothing where they are about the status or its dates.

    A corrected date is to move the status; the read-back tells where to.
    """
    return {} if values.keys() & (_STATUS | _DATES) else {"status_id": standing["status_id"]}

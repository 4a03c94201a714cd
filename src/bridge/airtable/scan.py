"""Reading all pages of one list, and saying honestly whether they were all."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from bridge.airtable.answers import Answer, IteratorExpired
from bridge.errors import QuotaExhausted, Unavailable, UnexpectedAnswer

log = structlog.get_logger()

PAGE_SIZE = 100
RESTARTS = 3
"""How often a scan that Airtable forgot is begun anew: it forgets after some minutes without a page, or when it restarts."""

FetchPage = Callable[[dict[str, Any]], Answer]
"""Asks for one page by the body of a listRecords request."""


@dataclass(slots=True)
class Scan:
    """What came: records by id, the last one where an id came twice. `note` says why it is not complete, or is empty.

    `at` is Airtable's clock when the first page was made.
    """

    records: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    at: dt.datetime | None = None
    note: str = ""

    @property
    def complete(self) -> bool:
        """Whether every page came, once."""
        return not self.note


def scan(fetch: FetchPage, ask: Mapping[str, Any], tell: Callable[[int], None]) -> Scan:
    """All records of a list, page after page; `tell` hears after each how many there are.

    A scan that Airtable forgets is begun anew. A first page that fails raises; a later one leaves the scan incomplete.
    """
    found = Scan()
    for _ in range(RESTARTS + 1):
        found = Scan()
        try:
            _read_pages(fetch, ask, tell, found)
        except IteratorExpired:
            log.info("airtable_scan_restarted", records=len(found.records))
            continue
        return found
    found.note = f"Airtable forgot the scan {RESTARTS + 1} times before its last page."
    return found


def together(parts: Sequence[Scan]) -> Scan:
    """One scan of several that have no record in common; complete if each of them is."""
    found = Scan(note=next((each.note for each in parts if each.note), ""))
    for each in parts:
        found.records |= each.records
    found.at = min((each.at for each in parts if each.at is not None), default=None)
    if len(found.records) < sum(len(each.records) for each in parts):
        found.note = found.note or "A record came twice, so another may have come not at all."
    return found


def _read_pages(fetch: FetchPage, ask: Mapping[str, Any], tell: Callable[[int], None], found: Scan) -> None:
    body = {**ask, "pageSize": PAGE_SIZE, "returnFieldsByFieldId": True}
    offsets: set[str] = set()
    while True:
        try:
            answer = fetch(body)
        except QuotaExhausted:
            raise
        except Unavailable as error:
            if not offsets:
                raise
            found.note = f"A page could not be read: {error.message}"
            return
        found.at = found.at or answer.at
        offset = _keep_page(answer.data, found)
        tell(len(found.records))
        if not offset:
            return
        if offset in offsets:
            found.note = "Airtable named the same next page twice."
            return
        offsets.add(offset)
        body["offset"] = offset


def _keep_page(data: Any, found: Scan) -> str:
    """Keep a page's records; the offset of the next page, "" after the last."""
    records = data.get("records") if isinstance(data, dict) else None
    if not isinstance(records, list) or not all(map(is_record, records)):
        raise UnexpectedAnswer(
            "Airtable answered a page without records, or records without id.", next_step="Check BRIDGE_AIRTABLE__URL."
        )
    for each in records:
        if each["id"] in found.records:
            found.note = "A record came on two pages, so another may have come on none."
        found.records[each["id"]] = each
    return str(data.get("offset") or "")


def is_record(data: Any) -> bool:
    """Whether `data` is a record: an id, and fields if any cell is filled."""
    return isinstance(data, dict) and isinstance(data.get("id"), str) and isinstance(data.get("fields", {}), dict)

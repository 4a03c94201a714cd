"""A scan's pages as a list of answers: what is kept, what is begun anew, and what is admitted to be missing."""

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.airtable.answers import Answer, IteratorExpired, Refusal
from bridge.airtable.scan import Scan, scan
from bridge.errors import QuotaExhausted, Unavailable, UnexpectedAnswer

EXPIRED = IteratorExpired("POST /v0/app/tbl/listRecords", Refusal(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"))


def page(*ids: str, offset: str | None = None, **cells: Any) -> dict[str, Any]:
    records = [{"id": each, "fields": cells} for each in ids]
    return {"records": records, **({"offset": offset} if offset else {})}


def read(*answers: Any, asked: list[dict[str, Any]] | None = None) -> Scan:
    """The scan that these answers make, one after the other; an error among them is raised."""
    rest = iter(answers)

    def fetch(body: dict[str, Any]) -> Answer:
        if asked is not None:
            asked.append(dict(body))
        answer = next(rest)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, None)

    return scan(fetch, {"fields": ["fld1"]}, lambda _count: None)


def test_pages_follow_their_offsets() -> None:
    asked: list[dict[str, Any]] = []
    found = read(page("rec1", offset="itr1/rec2"), page("rec2"), asked=asked)
    assert list(found.records) == ["rec1", "rec2"]
    assert found.complete
    assert [each.get("offset") for each in asked] == [None, "itr1/rec2"]
    assert all(each["pageSize"] == 100 and each["returnFieldsByFieldId"] is True and "view" not in each for each in asked)


def test_an_offset_that_comes_back_ends_the_scan_as_incomplete() -> None:
    """Pyairtable asks the same page for ever here."""
    found = read(page("rec1", offset="itr1/rec2"), page("rec2", offset="itr1/rec2"))
    assert not found.complete
    assert list(found.records) == ["rec1", "rec2"]


def test_a_record_that_comes_twice_is_kept_as_it_came_last_and_nothing_is_inferred_from_absence() -> None:
    found = read(page("rec1", offset="itr1/rec2", fld1="old"), page("rec1", "rec2", fld1="new"))
    assert found.records["rec1"]["fields"] == {"fld1": "new"}
    assert not found.complete


def test_a_scan_begun_anew_forgets_what_came_before() -> None:
    found = read(page("rec1", "rec9", offset="itr1/rec2"), EXPIRED, page("rec1", offset="itr2/rec2"), page("rec2"))
    assert list(found.records) == ["rec1", "rec2"]
    assert found.complete


def test_after_three_new_beginnings_it_is_given_up() -> None:
    found = read(*[page("rec1", offset="itr1/rec2"), EXPIRED] * 4)
    assert not found.complete
    assert list(found.records) == ["rec1"]


def test_a_later_page_that_fails_is_admitted() -> None:
    found = read(page("rec1", offset="itr1/rec2"), Unavailable("Airtable answered 502."))
    assert found.note == "A page could not be read: Airtable answered 502."


@pytest.mark.parametrize("answers", [[Unavailable("x")], [page("rec1", offset="itr1/rec2"), QuotaExhausted("x")]])
def test_a_first_page_that_fails_and_a_used_up_quota_raise(answers: Sequence[Any]) -> None:
    with pytest.raises(Unavailable):
        read(*answers)


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"records": None}, {"records": ["rec1"]}, {"records": [{"fields": {}}]}, {"records": [{"id": 1}]}]
)
def test_what_is_no_page_breaks_the_contract(answer: Any) -> None:
    with pytest.raises(UnexpectedAnswer):
        read(answer)


def test_a_record_without_any_filled_cell_is_a_record() -> None:
    assert list(read({"records": [{"id": "rec1"}]}).records) == ["rec1"]

"""The words everything else is said in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.record import Json, PerSide, Side, decoded, packed

SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from([1 << 64, 1 << 70, "\ud800"]) | st.text(max_size=4)
CONTENT = st.recursive(SCALARS | st.floats(allow_nan=False), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def test_a_pair_of_sides_may_be_made_with_its_type_named() -> None:
    """Python 3.11 cannot do this for a frozen class with slots; it would only fail in the middle of a run."""
    pair = PerSide[str | None]("here", None)
    assert (pair[Side.CIVICRM], pair[Side.AIRTABLE]) == ("here", None)


def test_a_pair_of_sides_is_walked_and_mapped_side_by_side() -> None:
    pair = PerSide.of(lambda side: side.title)
    assert dict(pair) == {Side.CIVICRM: "CiviCRM", Side.AIRTABLE: "Airtable"}
    assert pair.map(len) == PerSide(7, 8)
    assert [side.other for side in Side] == [Side.AIRTABLE, Side.CIVICRM]


@given(CONTENT, CONTENT)
def test_what_differs_is_never_packed_alike(one: Json, other: Json) -> None:
    assert packed(one) == packed(one)
    if json.dumps(one) != json.dumps(other):  # 1, 1.0 and True are equal and not the same
        assert packed(one) != packed(other)


@given(CONTENT)
def test_json_is_decoded_as_the_standard_library_does(content: Json) -> None:
    text = json.dumps(content)
    assert decoded(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', "[1e999]", "\ufeff[1]", "[NaN]"])
def test_what_the_strict_decoder_refuses_is_left_to_the_lenient_one(text: str) -> None:
    assert repr(decoded(text.encode())) == repr(json.loads(text.encode()))


def test_what_is_no_json_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        decoded(b"<html>")

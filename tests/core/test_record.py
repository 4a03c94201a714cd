"""The words everything else is said in."""

from bridge.core.record import PerSide, Side


def test_a_pair_of_sides_may_be_made_with_its_type_named() -> None:
    """Python 3.11 cannot do this for a frozen class with slots; it would only fail in the middle of a run."""
    pair = PerSide[str | None]("here", None)
    assert (pair[Side.CIVICRM], pair[Side.AIRTABLE]) == ("here", None)


def test_a_pair_of_sides_is_walked_and_mapped_side_by_side() -> None:
    pair = PerSide.of(lambda side: side.title)
    assert dict(pair) == {Side.CIVICRM: "CiviCRM", Side.AIRTABLE: "Airtable"}
    assert pair.map(len) == PerSide(7, 8)
    assert [side.other for side in Side] == [Side.AIRTABLE, Side.CIVICRM]

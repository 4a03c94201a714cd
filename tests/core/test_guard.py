"""Every rule of the guard: what breaks it, what it says, and which setting lifts it."""

from typing import Any

import pytest

from bridge.core.guard import Circumstances, judge
from bridge.core.mapping import GuardLimits, Limit, Mapping
from bridge.core.plan import Action, Breach, CellChange, Change, Population
from bridge.core.record import PerSide, Side
from builders import a_mapping

A, C = Side.AIRTABLE, Side.CIVICRM
FREE = Limit()


def guarded(**limits: Any) -> Mapping:
    """A mapping whose guard has only these limits."""
    return a_mapping(guard=GuardLimits(**{"updates": FREE, "creates": FREE, "clears": FREE, "shrink": 1.0, **limits}))


def change(side: Side = A, action: Action = Action.UPDATE, *, clears: int = 0) -> Change:
    cell = CellChange(field="name", path="Name", before="x", after=None, before_raw="x", after_raw=None, why="x", clears=True)
    return Change(mapping="groups", side=side, action=action, id="1", partner="2", name="Arroyo", cells=(cell,) * clears)


def facts(now: int = 100, last: int | None = None, **parts: Any) -> Circumstances:
    defaults: dict[str, Any] = {
        "population": Population(now=PerSide(now, now), last=PerSide(last, last)),
        "seen": PerSide(("1", "2"), ("recA", "recB")),
        "calls": PerSide(3, 3),
    }
    return Circumstances(**{**defaults, **parts})


def broken(mapping: Mapping, changes: list[Change], facts: Circumstances) -> list[str]:
    return [breach.rule for breach in judge(mapping, changes, facts)]


def test_a_small_plan_in_quiet_circumstances_goes_ahead() -> None:
    assert judge(a_mapping(guard=GuardLimits()), [change()], facts(last=100)) == ()


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("updates", {"action": Action.UPDATE}),
        ("creates", {"action": Action.CREATE}),
        ("clears", {"clears": 1}),
    ],
)
def test_a_count_holds_only_above_itself_and_names_its_setting(name: str, made: dict[str, Any]) -> None:
    mapping = guarded(**{name: Limit(count=2)})
    assert judge(mapping, [change(**made)] * 2, facts()) == ()
    [breach] = judge(mapping, [change(**made)] * 3, facts())
    assert breach.rule == f"{name}.count"
    assert breach.message.startswith("3 ")
    assert breach.message.endswith("in Airtable, at most 2 without a person.")
    assert breach.setting == f"guard.{name}.count in mappings/groups.yaml (now 2)"


@pytest.mark.parametrize("name", ["updates", "creates", "clears"])
def test_a_share_holds_only_above_itself_and_says_both_numbers(name: str) -> None:
    made = change(action=Action.CREATE if name == "creates" else Action.UPDATE, clears=int(name == "clears"))
    mapping = guarded(**{name: Limit(share=0.1)})
    assert judge(mapping, [made] * 10, facts()) == ()
    [breach] = judge(mapping, [made] * 11, facts())
    assert breach.rule == f"{name}.share"
    assert "11 of 100" in breach.message
    assert "11 %, at most 10 % without a person" in breach.message
    assert breach.setting == f"guard.{name}.share in mappings/groups.yaml (now 10 %)"


def test_no_share_is_judged_below_its_floor_nor_of_nothing() -> None:
    mapping = guarded(updates=Limit(share=0.1, floor=20))
    assert broken(mapping, [change()] * 19, facts(now=19)) == []
    assert broken(mapping, [change()] * 3, facts(now=20)) == ["updates.share"]
    assert broken(guarded(updates=Limit(share=0.1)), [change()], facts(now=0)) == ["empty", "empty"]


def test_each_side_is_judged_by_its_own_changes_and_population() -> None:
    mapping = guarded(updates=Limit(count=2))
    assert broken(mapping, [change(A)] * 2 + [change(C)] * 2, facts()) == []
    [breach] = judge(mapping, [change(A)] * 2 + [change(C)] * 3, facts())
    assert "in CiviCRM" in breach.message


def test_creates_are_no_updates_and_every_clear_counts_by_cell() -> None:
    mapping = guarded(updates=Limit(count=0), clears=Limit(count=3))
    assert broken(mapping, [change(action=Action.CREATE)] * 5, facts()) == []
    assert broken(guarded(clears=Limit(count=3)), [change(clears=2)] * 2, facts()) == ["clears.count"]


def test_a_limit_without_bounds_bounds_nothing() -> None:
    assert broken(guarded(), [change(clears=1)] * 1000, facts(now=10)) == []


def test_every_breach_is_told_and_not_the_first_alone() -> None:
    mapping = guarded(updates=Limit(count=1, share=0.01), clears=Limit(count=0), shrink=0.1)
    found = broken(mapping, [change(clears=1)] * 5, facts(last=200, quota_left=1, mapping_changed=True))
    assert found == ["shrink", "shrink", "updates.count", "updates.share", "clears.count", "mapping", "quota"]


def test_an_empty_source_is_held_without_any_change() -> None:
    [civicrm, airtable] = judge(guarded(), [], facts(now=0, last=100))
    assert (civicrm.rule, airtable.rule) == ("empty", "empty")
    assert civicrm.message == "CiviCRM answered with no records at all."
    assert civicrm.setting == "civicrm.where in mappings/groups.yaml, or the credential's permissions"


@pytest.mark.parametrize(("now", "held"), [(90, []), (89, ["shrink", "shrink"]), (120, [])])
def test_a_source_shrinks_when_more_than_the_share_is_missing(now: int, held: list[str]) -> None:
    assert broken(guarded(shrink=0.1), [], facts(now=now, last=100)) == held


def test_a_shrunken_source_is_told_with_both_counts() -> None:
    breach = judge(guarded(shrink=0.1), [], facts(now=75, last=100))[0]
    assert breach.message == "CiviCRM has 75 records, 100 at the last complete sweep: 25 % fewer."
    assert breach.setting == "guard.shrink in mappings/groups.yaml (now 10 %)"


def test_the_first_run_has_nothing_to_shrink_from() -> None:
    assert broken(guarded(shrink=0.0), [], facts(now=1, last=None)) == []


def test_a_canary_that_was_not_seen_holds_and_all_missing_ones_are_named() -> None:
    mapping = guarded(canaries=PerSide(("1", "77", "78"), ("recA",)))
    [breach] = judge(mapping, [], facts())
    assert breach == Breach(
        rule="canary",
        message="CiviCRM did not show 77, 78, which must always be seen.",
        setting="guard.canaries.civicrm in mappings/groups.yaml (now 1, 77, 78)",
    )


def test_what_was_not_pulled_whole_says_nothing_of_sources_but_is_judged_by_its_changes() -> None:
    mapping = guarded(shrink=0.1, canaries=PerSide(("77",), ()), updates=Limit(count=0))
    assert broken(mapping, [change()], facts(now=1, last=100, whole=False)) == ["updates.count"]


@pytest.mark.parametrize(("pulled", "updated", "held"), [(11, 11, ["updates.share"]), (25, 5, []), (200, 15, [])])
def test_a_partial_pull_is_judged_by_the_share_of_all_records(pulled: int, updated: int, held: list[str]) -> None:
    """Else a delta is too small for the floor, or a handful is a large share of the few that were edited."""
    mapping = guarded(updates=Limit(share=0.1, floor=20))
    assert broken(mapping, [change()] * updated, facts(now=pulled, last=100, whole=False)) == held


@pytest.mark.parametrize(
    ("parts", "held"),
    [
        ({"mapping_changed": True}, ["mapping"]),
        ({"scope_changed": True}, ["scope"]),
        ({"scope_changed": True, "mapping_changed": True}, ["scope"]),
    ],
)
def test_a_changed_mapping_or_scope_is_reviewed_once_where_it_would_write(parts: dict[str, Any], held: list[str]) -> None:
    assert broken(guarded(), [change()], facts(**parts)) == held
    assert broken(guarded(), [], facts(**parts)) == []
    [breach] = judge(guarded(), [change()], facts(**parts))
    assert breach.setting == "approve this plan; nothing in mappings/groups.yaml lifts it"


@pytest.mark.parametrize(("left", "held"), [(None, []), (3, []), (2, ["quota"]), (0, ["quota"])])
def test_a_plan_that_costs_more_calls_than_are_left_is_held(left: int | None, held: list[str]) -> None:
    assert broken(guarded(), [change()], facts(quota_left=left)) == held


def test_the_quota_is_told_with_what_is_needed_and_what_is_left() -> None:
    [breach] = judge(guarded(), [], facts(quota_left=1))
    assert breach.message == "Applying needs up to 3 Airtable calls, 1 are left this month."
    assert "BRIDGE_AIRTABLE__PLAN" in breach.setting


def test_a_mapping_without_a_file_is_named_in_the_setting() -> None:
    mapping = a_mapping(file="", guard=GuardLimits(updates=Limit(count=0)))
    assert judge(mapping, [change()], facts())[0].setting == "guard.updates.count in groups (now 0)"

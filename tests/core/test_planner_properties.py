"""What holds for every plan: its order, its mirror image, its bytes, its end, and what it never shows."""

import copy
import dataclasses
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.document import as_text, canonical, digest, document
from bridge.core.mapping import Unmatched
from bridge.core.plan import Discrepancy, Plan
from bridge.core.planner import make_plan
from bridge.core.record import PerSide, Side
from core.planner_world import World, worlds


def shuffled(world: World, rng: random.Random) -> World:
    """The same world, with everything that has no order in another one."""

    def other(items: dict[Any, Any]) -> dict[Any, Any]:
        pairs = list(items.items())
        rng.shuffle(pairs)
        return dict(pairs)

    return dataclasses.replace(
        world,
        rows=world.rows.map(lambda rows: other({native: other(row) for native, row in rows.items()})),
        links=rng.sample(world.links, len(world.links)),
        bases=other({link: other(bases) for link, bases in world.bases.items()}),
    )


@given(worlds(), st.randoms())
def test_shuffled_records_cells_links_and_bases_make_the_same_bytes(world: World, rng: random.Random) -> None:
    assert canonical(document(world.plan)) == canonical(document(shuffled(world, rng).plan))


@given(worlds(), st.randoms())
def test_the_order_of_a_mappings_fields_changes_no_verdict(world: World, rng: random.Random) -> None:
    """The order of the cells within a change is the author's own; everything else is the same."""
    names = list(world.mapping.fields)
    other = dataclasses.replace(
        world.mapping, fields={name: world.mapping.fields[name] for name in rng.sample(names, len(names))}
    )
    plain, turned = told(world.plan), told(dataclasses.replace(world, mapping=other).plan)
    # A record is called by the first text field of the mapping, so names may differ.
    assert [each[:4] for each in plain[0]] == [each[:4] for each in turned[0]]
    assert plain[1] == turned[1]


@given(worlds())
def test_the_same_facts_make_the_same_bytes_and_are_not_touched(world: World) -> None:
    facts = world.facts
    first = canonical(document(make_plan(facts)))
    before = copy.deepcopy((facts.known, facts.matching.pairs))
    assert canonical(document(make_plan(facts))) == first
    assert (facts.known, facts.matching.pairs) == before


@given(worlds())
def test_swapping_the_sides_and_their_policies_mirrors_the_plan(world: World) -> None:
    plan, mirror = world.plan, world.mirrored().plan
    swapped = dataclasses.replace(
        mirror,
        changes=tuple(dataclasses.replace(each, side=each.side.other) for each in mirror.changes),
        discrepancies=tuple(map(mirrored, mirror.discrepancies)),
    )
    changes, discrepancies = told(plan)
    assert told(swapped)[0] == changes
    assert told(swapped)[1] == discrepancies
    assert {(link.airtable, link.civicrm) for link in mirror.links} == {(link.civicrm, link.airtable) for link in plan.links}


def mirrored(each: Discrepancy) -> Discrepancy:
    """The discrepancy as the other side would have it."""
    return dataclasses.replace(
        each,
        code={101: 102, 102: 101}.get(each.code, each.code),
        ids=PerSide(each.ids.airtable, each.ids.civicrm),
        shown=PerSide(each.shown.airtable, each.shown.civicrm),
    )


def told(plan: Plan) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """A plan's writes and discrepancies, without what tells of the order of the sides."""
    changes = [
        (
            each.side,
            each.action,
            each.id,
            each.partner,
            sorted((cell.field, repr(cell.after_raw), cell.why) for cell in each.cells),
        )
        for each in plan.changes
    ]
    discrepancies = [(each.code, repr(each.ids), each.field or "", repr(each.shown)) for each in plan.discrepancies]
    return sorted(changes, key=repr), sorted(discrepancies, key=repr)


@given(worlds())
def test_once_it_is_applied_nothing_is_left_to_write_after_two_rounds(world: World) -> None:
    for _ in range(2):
        world.apply(world.plan)
    assert world.plan.changes == ()


@given(worlds())
def test_a_plan_never_writes_what_its_field_may_not_write(world: World) -> None:
    for change in world.plan.changes:
        for cell in change.cells:
            field = world.mapping.fields.get(cell.field)
            assert field is None or field.may_write(change.side)


@given(worlds())
def test_a_blank_replaces_a_value_only_where_the_mapping_clears(world: World) -> None:
    for change in world.plan.changes:
        for cell in change.cells:
            if cell.after is None and cell.before is not None:
                assert world.mapping.fields[cell.field].clear
                assert cell.clears


@given(worlds())
def test_without_a_base_only_the_mappings_own_word_overwrites_a_value_and_it_is_told(world: World) -> None:
    """A lost state must not make one side's values win."""
    world.bases.clear()
    plan = world.plan
    told_cells = {(each.ids.civicrm, each.field) for each in plan.discrepancies if each.code == 202}
    for change in plan.changes:
        for cell in change.cells:
            if cell.before is not None:
                assert world.mapping.fields[cell.field].first_contact == "authority"
                assert ((change.id if change.side is Side.CIVICRM else change.partner), cell.field) in told_cells


@given(worlds())
def test_what_cannot_be_read_is_neither_written_over_nor_carried_across(world: World) -> None:
    for change in world.plan.changes:
        for cell in change.cells:
            assert "unheard of" not in repr((cell.before_raw, cell.after_raw))
            assert "no address" not in repr((cell.before_raw, cell.after_raw))


@given(worlds(), st.sampled_from(list(Side)))
def test_an_incomplete_side_creates_nobody_on_either_and_makes_no_claim_to_be_complete(world: World, side: Side) -> None:
    world.mapping = dataclasses.replace(world.mapping, unmatched=PerSide(Unmatched.CREATE, Unmatched.CREATE))
    world.complete = PerSide.of(lambda each: each is not side)
    plan = world.plan
    assert not plan.complete
    assert not any(change.id is None for change in plan.changes)


@given(worlds(), st.data())
def test_no_value_of_a_sensitive_field_is_in_the_document_the_text_or_a_discrepancy(world: World, data: st.DataObject) -> None:
    """Every cell of every field is given a mark of its own; those of the sensitive ones must not be found again."""
    fields = {
        name: dataclasses.replace(each, type="text", values={}, clear=True, sensitive=data.draw(st.booleans()))
        for name, each in world.mapping.fields.items()
    }
    world.mapping = dataclasses.replace(world.mapping, fields=fields)
    world.bases = {link: dict.fromkeys(bases, "something else") for link, bases in world.bases.items()}
    marks = []
    for side, rows in world.rows:
        for native, row in rows.items():
            for name, each in fields.items():
                row[str(each.at[side])] = mark = f"{'hush' if each.sensitive else 'open'}-{side.value}-{native}-{name}"
                marks.append((mark, each.sensitive))
    plan = world.plan
    shown = canonical(document(plan)).decode() + as_text(plan, title="Groups", sentence=repr) + repr(plan.discrepancies)
    assert "hush" not in shown
    open_writes = [cell for change in plan.changes for cell in change.cells if not cell.sensitive and cell.field in fields]
    assert all(str(cell.after_raw) in shown for cell in open_writes)


@given(worlds())
def test_a_digest_stands_for_the_writes_and_not_for_when_they_were_planned(world: World) -> None:
    plan = world.plan
    assert digest(plan) == digest(dataclasses.replace(plan, agreed={}))
    if plan.changes:
        assert digest(plan) != digest(dataclasses.replace(plan, changes=plan.changes[1:]))

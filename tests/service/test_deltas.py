"""Deltas miss nothing they should have found: after any edits and deltas, a sweep finds nothing left to write."""

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.app import App
from bridge.sandbox import BASE, Sandbox
from bridge.service.order import Kind
from service.test_sharing import Hour, a_bridge

EDITS = 8


@pytest.fixture
def clock() -> Hour:
    return Hour()


def edit(dice: random.Random, box: Sandbox, bridge: App, number: int) -> None:
    """Somebody corrects a phone number or a name in one of the two systems, or in both at once."""
    link = dice.choice(sorted(bridge.store.knowledge.load(bridge.one("benefits-groups")).links, key=str))
    for airtable in dice.choice(((True,), (False,), (True, False))):
        phone = f"(413) 555-{dice.choice((1000 + number, 1234)):04d}"
        if airtable and link.airtable in box.airtable.rows(BASE, "Groups"):
            box.airtable.edit(BASE, "Groups", link.airtable, {"Phone": phone})
        else:
            box.civicrm.staff_update("Contact", int(link.civicrm), {"phone_primary.phone": phone})


@pytest.mark.parametrize(("seed", "webhooks"), [(0, False), (1, True)])
def test_after_any_edits_and_deltas_a_sweep_finds_nothing_to_write(
    tmp_path: Path, clock: Hour, seed: int, webhooks: bool
) -> None:
    dice = random.Random(seed)  # noqa: S311  # nothing secret
    with ExitStack() as stack:
        box = stack.enter_context(Sandbox(coops=12, workers=24, rate_limit=None, clock=clock))
        bridge = stack.enter_context(a_bridge(box, tmp_path, clock, webhooks=webhooks))
        bridge.run([], Kind.SWEEP)
        for number in range(EDITS):
            edit(dice, box, bridge, number)
            if dice.random() < 0.5:
                clock.pass_()
            if dice.random() < 0.6:
                bridge.run([], Kind.DELTA)
        bridge.run([], Kind.DELTA)
        told = {each.fingerprint for each in bridge.store.ledger.list(state="open")}
        [sweep] = bridge.run([], Kind.SWEEP)
        assert sweep.plan is not None
        assert sweep.plan.changes == ()
        assert {each.fingerprint for each in bridge.store.ledger.list(state="open")} <= told, "nor is anything new told"

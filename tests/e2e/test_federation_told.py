"""What bridge tells about the seeded federation is what was planted in it: every kind, and nothing else."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox import Sandbox
from desk import Desk

TOLD = {
    "groups.only_in_airtable": (102, None, None),
    "groups.trashed": (102, None, None),
    "groups.keys_disagree": (103, None, None),
    "groups.similar_name": (104, None, None),
    "groups.duplicate_in_airtable": (105, None, None),
    "groups.duplicate_in_civicrm": (105, None, None),
    "groups.owner_blank": (201, None, "effective_date"),
    "groups.name_differs": (202, None, "name"),
    "groups.email_differs": (202, None, "email"),
    "groups.phone_differs": (202, None, "phone"),
    "groups.plans_differ": (202, None, "plans"),
    "groups.status_differs": (202, None, "benefits_status"),
    "groups.membership_status_stale": (202, None, "membership_status"),
    "groups.invalid_email": (206, None, "email"),
    "groups.invalid_phone": (206, None, "phone"),
    "groups.unmapped_option": (206, None, "benefits_status"),
    "groups.lapsed_but_enrolled": (300, "enrolled-without-membership", None),
    "groups.cancelled_but_enrolled": (300, "enrolled-without-membership", None),
    "groups.no_membership_but_enrolled": (300, "enrolled-without-membership", None),
    "groups.renewal_soon": (300, "membership-ends-soon", None),
    "groups.dues_overdue": (300, "dues-open-while-enrolled", None),
    "groups.head_count_above_roster": (300, "head-count-above-roster", None),
    "groups.invoiced_above_head_count": (300, "invoice-differs-from-head-count", None),
    "enrollees.only_in_airtable": (102, None, None),
    "enrollees.trashed": (102, None, None),
    "enrollees.similar_name": (104, None, None),
    "enrollees.duplicate_in_airtable": (105, None, None),
    "enrollees.birth_date_differs": (202, None, "birth_date"),
    "enrollees.email_differs": (202, None, "email"),
    "enrollees.plan_differs": (202, None, "plan"),
    "enrollees.premium_differs": (202, None, "premium"),
    "enrollees.coverage_status_differs": (202, None, "coverage_status"),
    "enrollees.invalid_email": (206, None, "email"),
    "enrollees.invalid_phone": (206, None, "phone"),
    "enrollees.unmapped_option": (206, None, "coverage_status"),
    "enrollees.coverage_after_end": (300, "covered-after-end", None),
    "enrollees.active_in_terminated_group": (300, "covered-in-terminated-group", None),
    "enrollees.without_employer": (201, None, "group"),
}
SILENT = {
    "groups.only_in_civicrm",  # the mapping ignores co-ops that benefits never heard of
    "groups.archived",  # out of scope
    "groups.missing_key",  # linked by name and state
    "groups.merged",  # the key leads nowhere, the name to the winner
    "groups.blank_in_airtable",  # filled from the other side
    "groups.blank_in_civicrm",
    "groups.pending_and_enrolled",  # in the process of renewing
    "groups.overridden_membership",
    "groups.inherited_membership",
    "groups.hostile_name",
    "groups.coverage_left_active",  # told of the enrollee
    "enrollees.missing_key",
    "enrollees.merged",
    "enrollees.blank_in_airtable",
    "enrollees.blank_in_civicrm",
    "enrollees.shared_email",
}
ALSO = {"covered-without-employer"}  # where the coverage of somebody without employer is active

Fact = tuple[int, str | None, str | None]


@pytest.fixture(scope="module")
def federation_box() -> Iterator[Sandbox]:
    with Sandbox(coops=60, workers=700, seed=5, rate_limit=None) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def told(federation_box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], set[Fact]]:
    """What is told of each record, by its side's first letter with the mapping, and its id."""
    desk = Desk(Path(tmp_path_factory.mktemp("desk")), federation_box)
    ended = desk.bridge("sync", BRIDGE_MODE="observe", BRIDGE_SLACK__BOT_TOKEN="", BRIDGE_SLACK__APP_TOKEN="")
    assert ended.code == 0, ended.err
    found: defaultdict[tuple[str, str], set[Fact]] = defaultdict(set)
    rows: list[dict[str, Any]] = desk.bridge("discrepancies", "list", "--json").json
    for row in rows:
        kind = row["mapping"].removeprefix("benefits-")
        for native in (row["civicrm_id"], row["airtable_id"]):
            if native:
                found[kind, native].add((row["code"], row["rule"], row["field"]))
    return found


@pytest.mark.parametrize("kind", sorted(TOLD))
def test_a_planted_difference_is_told(kind: str, federation_box: Sandbox, told: dict[tuple[str, str], set[Fact]]) -> None:
    table = kind.partition(".")[0]
    for planted in federation_box.federation.truth[kind]:
        of_it = told.get((table, planted.airtable), set()) | told.get((table, planted.civicrm), set())
        assert TOLD[kind] in of_it


def test_nothing_else_is_told(federation_box: Sandbox, told: dict[tuple[str, str], set[Fact]]) -> None:
    truth = federation_box.federation.truth
    wanted: defaultdict[tuple[str, str], set[Fact]] = defaultdict(set)
    for kind, fact in TOLD.items():
        for planted in truth[kind]:
            for native in (planted.civicrm, planted.airtable):
                wanted[kind.partition(".")[0], native].add(fact)
    extra = {record: facts - wanted[record] for record, facts in told.items()}
    extra = {record: {fact for fact in facts if fact[1] not in ALSO} for record, facts in extra.items()}
    assert {record: facts for record, facts in extra.items() if facts} == {}


def test_every_kind_is_either_told_or_silent_for_a_reason(federation_box: Sandbox) -> None:
    assert {*federation_box.federation.truth} == {*TOLD} | SILENT

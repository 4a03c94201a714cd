"""What a sound file means: operands in each side's own words, defaults, create's safety, digests."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.config import terms
from bridge.config.mappings import load
from bridge.core import mapping as core
from bridge.core.mapping import ExactMatch, FieldRef, FieldType, Limit, Mapping, Mode, Operator, SimilarMatch, Today
from bridge.core.record import Side
from bridge.errors import ConfigError

Load = Callable[..., Mapping]
Read = Callable[[str], core.Condition]

SOUND = (Path(__file__).parent / "sound.yaml").read_text()


@pytest.fixture
def mapping_of(tmp_path: Path) -> Load:
    def load_changed(*changes: tuple[str, str]) -> Mapping:
        text = SOUND
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "a.yaml").write_text(text)
        return load(tmp_path)[0]

    return load_changed


@pytest.fixture
def condition_of(mapping_of: Load) -> Read:
    def read(written: str) -> core.Condition:
        condition = mapping_of(("when: [{airtable: status, is: Enrolled}]", f"when: [{written}]")).rules[0].when
        assert isinstance(condition, core.All)
        return condition.of[0]

    return read


@pytest.mark.parametrize(
    ("written", "operator", "operand"),
    [
        ("airtable: status, is: Enrolled", Operator.IS, "Enrolled"),
        ("airtable: status, is: 'on'", Operator.IS, "Enrolled"),
        ("civicrm: status, is: 'on'", Operator.IS, "on"),
        ("civicrm: status, is: Enrolled", Operator.IS, "on"),
        ("civicrm: standing, is: Active", Operator.IN, ("New", "Current")),
        ("civicrm: standing, is_not: Active", Operator.NOT_IN, ("New", "Current")),
        ("civicrm: standing, in: [Active, Grace]", Operator.IN, ("New", "Current", "Grace")),
        ("airtable: standing, in: [New, Current]", Operator.IN, ("Active",)),
        ("airtable: plans, in: [Vision, Dental]", Operator.IN, ("Vision", "Dental")),
        ("civicrm: email, is: ' Ana@Example.org'", Operator.IS, "ana@example.org"),
        ("civicrm: phone, is: (413) 555-0188", Operator.IS, "+14135550188"),
        ("civicrm: member, is: false", Operator.IS, False),
        ("airtable: heads, in: [1, 2.50]", Operator.IN, (Decimal(1), Decimal("2.5"))),
        ("civicrm: since, is: 2026-02-28", Operator.IS, dt.date(2026, 2, 28)),
        ("civicrm: since, before: today", Operator.BEFORE, Today(0)),
        ("civicrm: since, after: today-7d", Operator.AFTER, Today(-7)),
        ("airtable: seen, before: today + 30d", Operator.BEFORE, Today(30)),
        ("civicrm: since, within: 6w", Operator.WITHIN, dt.timedelta(days=42)),
        ("civicrm: since, overdue_by: 30d", Operator.OVERDUE_BY, dt.timedelta(days=30)),
        ("civicrm: since, after: {airtable: seen, minus: 60d}", Operator.AFTER, FieldRef(Side.AIRTABLE, "seen", -60)),
        ("civicrm: since, before: {airtable: since, plus: 2w}", Operator.BEFORE, FieldRef(Side.AIRTABLE, "since", 14)),
        ("civicrm: since, blank: true", Operator.BLANK, True),
        ("airtable: heads, more_than: {civicrm: workers}", Operator.MORE_THAN, FieldRef(Side.CIVICRM, "workers")),
        ("airtable: heads, less_than: 2.5", Operator.LESS_THAN, Decimal("2.5")),
    ],
)
def test_an_operand_is_kept_in_the_words_of_the_side_it_is_held_against(
    condition_of: Read, written: str, operator: Operator, operand: object
) -> None:
    condition = condition_of(f"{{{written}}}")
    assert isinstance(condition, core.Test)
    assert (condition.operator, condition.operand) == (operator, operand)


def test_differs_names_no_side(condition_of: Read) -> None:
    assert condition_of("{field: email, differs: true}") == core.Test("email", Operator.DIFFERS, True, None)


def test_any_and_not_nest_and_lists_mean_all(condition_of: Read) -> None:
    heads = core.Test("heads", Operator.IS, Decimal(1), Side.AIRTABLE)
    since = core.Test("since", Operator.BLANK, True, Side.CIVICRM)
    written = "any: [[{airtable: heads, is: 1}, {civicrm: since, blank: true}], {not: {airtable: heads, is: 1}}]"
    assert condition_of(f"{{{written}}}") == core.Any((core.All((heads, since)), core.Not(heads)))
    assert condition_of("{not: [{airtable: heads, is: 1}, {civicrm: since, blank: true}]}") == core.Not(
        core.All((heads, since))
    )


def test_one_condition_needs_no_list(mapping_of: Load) -> None:
    mapping = mapping_of(("when: [{airtable: status, is: Enrolled}]", "when: {airtable: status, is: Enrolled}"))
    assert mapping.rules[0].when == core.Test("status", Operator.IS, "Enrolled", Side.AIRTABLE)


def test_a_key_is_compared_as_it_says_or_as_the_field_with_its_places_or_as_an_identifier(mapping_of: Load) -> None:
    mapping = mapping_of(
        (
            "- exact: {civicrm: external_identifier, airtable: Civi ID}",
            "- exact: [{civicrm: external_identifier, airtable: Civi ID}, {civicrm: email_primary.email, airtable: Email}]",
        )
    )
    exact, similar = mapping.match
    assert isinstance(exact, ExactMatch)
    assert isinstance(similar, SimilarMatch)
    assert [key.type for key in exact.keys] == [FieldType.IDENTIFIER, FieldType.EMAIL]
    assert (similar.key.type, similar.least, len(similar.within)) == (FieldType.ORGANIZATION, 0.9, 1)


def test_observe_is_the_default(mapping_of: Load) -> None:
    assert mapping_of(("mode: observe\n", "")).mode is Mode.OBSERVE


def test_a_limit_that_is_left_out_keeps_its_default(mapping_of: Load) -> None:
    guard = mapping_of(("updates: {share: 10%, count: 50, floor: 20}", "updates: {count: 5}")).guard
    assert (guard.updates, guard.creates, guard.clears) == (
        Limit(share=0.1, count=5, floor=20),
        Limit(count=10),
        Limit(count=0),
    )
    assert (guard.shrink, guard.canaries.civicrm, guard.canaries.airtable) == (0.1, ("12",), ("rec0123456789ABCD",))


def test_the_schedule_is_read(mapping_of: Load) -> None:
    mapping = mapping_of(
        ("closed: [2026-12-24]", "closed: [2026-12-24..2027-01-01, 2026-11-26], digest: {crontab: 0 9 * * 1-5}")
    )
    schedule = mapping.schedule
    assert schedule is not None
    assert schedule.sync is not None
    assert schedule.sweep is not None
    assert schedule.digest is not None
    assert (schedule.sync.every, schedule.sync.days) == (dt.timedelta(minutes=30), frozenset({1, 2, 3, 4}))
    assert schedule.sync.between == (dt.time(8), dt.time(18))
    assert schedule.sweep.at == dt.time(5)
    assert schedule.digest.crontab == "0 9 * * mon,tue,wed,thu,fri"
    assert schedule.closed[0] == (dt.date(2026, 12, 24), dt.date(2027, 1, 1))
    assert mapping.timezone == "America/New_York"


def test_without_a_schedule_the_time_zone_is_the_given_one(tmp_path: Path) -> None:
    text = "".join(line for line in SOUND.splitlines(keepends=True) if not line.startswith("schedule"))
    (tmp_path / "a.yaml").write_text(text)
    assert load(tmp_path, timezone="America/Chicago")[0].timezone == "America/Chicago"


def test_an_example_s_rows_are_keyed_by_path(mapping_of: Load) -> None:
    example = mapping_of().examples[0]
    assert example.rows.civicrm == {"phone_primary.phone": "1", "membership.status_id:name": "New"}
    assert (example.verdicts, example.discrepancies) == ({"phone": "agreed"}, frozenset({"late"}))


def test_an_example_s_base_may_be_written_in_either_side_s_words(mapping_of: Load) -> None:
    mapping = mapping_of(
        ('airtable: {Phone: "1"}', 'airtable: {Phone: "1"}\n    base: {standing: Active, status: off, since: 2026-01-02}')
    )
    assert mapping.examples[0].base == {"standing": "New", "status": "off", "since": "2026-01-02"}


# ── crontabs ──


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0 6 * * 0", "0 6 * * sun"),
        ("0 6 * * 7", "0 6 * * sun"),
        ("0 6 * * 1-5", "0 6 * * mon,tue,wed,thu,fri"),
        ("0 6 * * SUN-TUE", "0 6 * * mon,tue,sun"),
        ("0 6 * * 5-7", "0 6 * * fri,sat,sun"),
        ("0 6 * * fri-mon", "0 6 * * mon,fri,sat,sun"),
        ("*/15 8-18/2 1,15 jan-mar *", "*/15 8-18/2 1,15 jan-mar *"),
        ("0 6 * * */2", "0 6 * * tue,thu,sat,sun"),
    ],
)
def test_a_crontab_keeps_its_real_weekdays(written: str, read: str) -> None:
    """APScheduler 3 reads 0 as Monday; a scheduler that was given names cannot be a day late."""
    assert terms.crontab(written) == read


@pytest.mark.parametrize(
    "written",
    ["60 * * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "* * * *", "@daily"],
)
def test_a_crontab_out_of_bounds_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="expected a crontab"):
        terms.crontab(written)


def test_days_may_run_over_the_week_s_end() -> None:
    assert terms.weekdays("fri-mon") == {5, 6, 7, 1}
    assert terms.weekdays(["mon", "wed"]) == {1, 3}


# ── creates ──

CREATE_CASES = [
    ("airtable", [], None),
    ("civicrm", [], None),
    (
        "airtable",
        [("civicrm: external_identifier, airtable: Civi ID", "civicrm: id, airtable: Civi ID")],
        "the match key `id` is given by CiviCRM",
    ),
    ("civicrm", [("civicrm: external_identifier, airtable: Civi ID", "civicrm: id, airtable: Civi ID")], None),
    (
        "airtable",
        [("civicrm: external_identifier, airtable: Civi ID", "civicrm: membership.source, airtable: Civi ID")],
        "the match key `membership.source` belongs to a related record",
    ),
    (
        "airtable",
        [("  - exact: {civicrm: external_identifier, airtable: Civi ID}\n", "")],
        "there is no `exact` match to find it by",
    ),
    (
        "airtable",
        [("[[contact_sub_type, CONTAINS, Coop]]", "[[employer_id.nick_name, =, x]]")],
        "its scope asks for `employer_id.nick_name`, which is read through a link to another record",
    ),
    (
        "airtable",
        [("[[contact_sub_type, CONTAINS, Coop]]", "[[OR, [[nick_name, =, x]]]]")],
        "its scope has `OR`, which a new record may not fulfil",
    ),
    (
        "civicrm",
        [("[[Archived, =, false]]", "[[Heads, '>', 3]]")],
        "its scope asks `Heads >`, which a new record may not fulfil",
    ),
    ("civicrm", [("[[Archived, =, false]]", "[[Archived, '!=', true], [Group name, IS NOT EMPTY]]")], None),
    (
        "civicrm",
        [("[[Archived, =, false]]", "[[Heads, IS NOT EMPTY]]")],
        "its scope asks `Heads IS NOT EMPTY`, which a new record may not fulfil",
    ),
]


@pytest.mark.parametrize(("side", "changes", "reason"), CREATE_CASES)
def test_create_is_refused_where_the_record_could_be_lost(
    mapping_of: Load, side: str, changes: list[tuple[str, str]], reason: str | None
) -> None:
    """A create must be findable by its exact keys if its answer is lost, and lie inside its own scope."""
    policy = ("unmatched: {civicrm: report, airtable: ignore}", f"unmatched: {{{side}: create}}")
    if reason is None:
        assert mapping_of(policy, *changes).unmatched[Side(side)] == "create"
        return
    with pytest.raises(ConfigError) as caught:
        mapping_of(policy, *changes)
    target = Side(side).other.title
    [problem] = caught.value.problems
    assert problem.message == f"`create` needs a record in {target} that can be found again; {reason}."


def test_a_condition_without_operator_is_told_once_beside_a_create(mapping_of: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        mapping_of(
            ("unmatched: {civicrm: report, airtable: ignore}", "unmatched: {airtable: create}"),
            ("[[contact_sub_type, CONTAINS, Coop]]", "[[nick_name]]"),
        )
    assert len(caught.value.problems) == 1


# ── digests ──


def test_comments_key_order_and_prose_do_not_change_the_digest(mapping_of: Load) -> None:
    fields = "  email: {civicrm: email_primary.email, airtable: Email, type: email, authority: either}\n"
    turned = "  email: {authority: either, type: email, airtable: Email, civicrm: email_primary.email}  # a comment\n"
    plain = mapping_of()
    for changes in (
        [(fields, turned)],
        [(fields, ""), ("unmatched:", fields + "unmatched:")],
        [("is late.", "is very late.")],
        [("en: Groups", "en: All groups")],
        [("count: 50", "count: 60")],
        [("#membership", "#other")],
        [("at: 05:00", "at: 06:00")],
    ):
        changed = mapping_of(*changes)
        assert (changed.digest, changed.scope_digest) == (plain.digest, plain.scope_digest), changes


def test_what_can_change_a_plan_changes_the_digest_and_only_scope_changes_the_scope(mapping_of: Load) -> None:
    plain = mapping_of()
    for change in (
        ("authority: either}\n  phone", "authority: civicrm}\n  phone"),
        ("type: choices", "type: choices, clear: true"),
        ("severity: high", "severity: low"),
        ("is: Enrolled", "is: Ended"),
        ("latest: end_date", "latest: start_date"),
        ("civicrm: report, airtable: ignore", "civicrm: ignore, airtable: ignore"),
        ("America/New_York", "America/Chicago"),
    ):
        changed = mapping_of(change)
        assert changed.digest != plain.digest, change
        assert changed.scope_digest == plain.scope_digest, change
    for change in (
        ("entity: Organization", "entity: Household"),
        ("Coop]]", "Other]]"),
        ("table: Groups", "table: Others"),
        ("least: 0.9", "least: 0.8"),
        ("airtable: Civi ID", "airtable: ID"),
    ):
        changed = mapping_of(change)
        assert changed.scope_digest != plain.scope_digest, change
        assert changed.digest != plain.digest, change

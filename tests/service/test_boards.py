"""Discrepancies inside the two systems: a table that staff answer in, and activities on contacts."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.config.mappings import load
from bridge.core.ledger import State
from bridge.core.mapping import Mapping, Mode
from bridge.core.record import PerSide
from bridge.errors import BridgeError, ConfigError
from bridge.ports import RunState
from bridge.sandbox.airtable import Column
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.federation_airtable import TABLES
from bridge.sandbox.http import Server
from bridge.service.order import Kind, Result
from service.engine import BASE, SECRET, TABLE, YAML, A, C, Clock, Died, Engine, a_site, an_empty_state, with_state

BOARD = "Discrepancies"
GROUP = "recGroup000000008"
REPORT = "report:\n  airtable: {table: Discrepancies}\n  civicrm: {activity_type: Bridge discrepancy}\n"
STATE = next(line for line in YAML.splitlines(keepends=True) if line.startswith("  state:"))
RULE = """\
rules:
  named-after-nothing:
    severity: high
    when: [{airtable: state, blank: false}]
    say: {en: "{name} stands in {state}.", es: "{name} está en {state}."}
    do: {en: "Ask.", es: "Pregunte."}
"""


class Office(Engine):
    """The engine with a table and activities to report to. `runs` are looked at by `row`, `entry` and `activities`."""

    @property
    def folder(self) -> Path:
        """Where the state and the mapping are."""
        return Path(self.state_url.removeprefix("sqlite:///")).parent

    def report(self, text: str = REPORT) -> None:
        """Report as this part of a mapping says."""
        self.app.__dict__["mappings"] = (a_mapping(self.folder, RULE + text),)

    def sync(self, kind: Kind = Kind.SWEEP) -> Result:
        result = self.run(kind)
        assert result is not None
        return result

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [*self.airtable.rows(BASE, BOARD).values()]

    @property
    def row(self) -> dict[str, Any]:
        """The row of the rule's discrepancy."""
        [found] = [row for row in self.rows if row.get("Rule")]
        return found

    @property
    def entry(self) -> Any:
        """The rule's discrepancy."""
        [found] = [each for each in self.store.ledger.list() if each.discrepancy.rule]
        return found

    def type_in(self, **cells: object) -> None:
        """Somebody edits the rule's row."""
        [id_] = [id_ for id_, row in self.airtable.rows(BASE, BOARD).items() if row.get("Rule")]
        self.airtable.edit(BASE, BOARD, id_, {name.replace("_", " "): value for name, value in cells.items()})

    @property
    def activities(self) -> list[dict[str, Any]]:
        return [row for row in self.civicrm.site.rows["Activity"].rows.values() if row.get("location")]

    def history(self) -> list[tuple[str, str, str]]:
        events = self.store.ledger.events(fingerprint=self.entry.fingerprint)
        return [(each.happened.value, each.by, each.note) for each in events]


def a_mapping(folder: Path, more: str) -> Mapping:
    file = folder / "groups.yaml"
    one_sided = YAML.replace(STATE, "  state: {airtable: State, type: state}\n")
    file.write_text(one_sided.replace("schedule:\n", f"{more}schedule:\n"))
    [made] = load(file)
    return made


@pytest.fixture(scope="module")
def servers() -> Iterator[PerSide[Server]]:
    with Server(a_site(Clock())) as civicrm, Server(a_site(Clock())) as airtable:
        yield PerSide(civicrm, airtable)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_empty_state(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def office(servers: PerSide[Server], empty: Path, tmp_path: Path) -> Iterator[Office]:
    """One discrepancy of a rule is there to be found, and a record that only Airtable has."""
    with Office(servers, with_state(tmp_path, empty)) as made:
        made.airtable.add_table(BASE, BOARD, TABLES[BOARD])
        made.airtable.edit(BASE, TABLE, GROUP, {"State": "NY"})
        made.report()
        yield made


def test_a_discrepancy_is_a_row_and_an_activity_and_a_quiet_run_writes_neither_again(office: Office) -> None:
    assert office.sync().problems == ()
    row = office.row
    assert (row["Text"], row["What to do"], row["State"]) == ("Coop 8 stands in NY.", "Ask.", "open")
    assert (row["Severity"], row["Code"], row["Rule"]) == ("high", 300, "named-after-nothing")
    assert row["Record link"].endswith("cid=8")
    [activity] = [each for each in office.activities if each["location"] == row["Fingerprint"]]
    assert (activity["target_contact_id"], activity["status_id"]) == ([8], 1)
    assert "Coop 8 stands in NY." in activity["details"]
    office.sync()  # what the first run put right is resolved now
    asked, used = dict(office.asked), office.store.calls.used(BASE, "2026-10")
    office.writes = {C: 0, A: 0}
    office.sync()
    assert office.writes == {C: 0, A: 0}
    spent = office.asked[A] - asked[A]
    assert office.store.calls.used(BASE, "2026-10") - used == spent, "every call is counted"


def test_it_is_a_report_and_done_in_observe_too_and_never_by_a_plan(office: Office) -> None:
    office.app.settings = office.app.settings.model_copy(update={"mode": Mode.OBSERVE})
    office.sync(Kind.PLAN)
    assert office.rows == []
    office.sync()
    assert office.row["State"] == "open"


def test_what_staff_write_there_is_taken_over_with_who_said_it(office: Office) -> None:
    office.sync()
    office.type_in(Assignee="maria", Snooze_until="2026-12-24", Note="on leave")
    office.sync()
    entry = office.entry
    assert (entry.assignee, entry.snoozed_until, entry.note) == ("maria", dt.date(2026, 12, 24), "on leave")
    assert entry.state is State.SNOOZED
    assert office.history()[1:] == [
        ("assigned", "Airtable: Lupe Ortiz", "maria"),
        ("snoozed", "Airtable: Lupe Ortiz", "2026-12-24"),
        ("commented", "Airtable: Lupe Ortiz", "on leave"),
    ]
    assert office.row["State"] == "snoozed"
    office.sync()
    assert len(office.history()) == 4, "what was taken over is not said again"
    office.type_in(Snooze_until=None, Assignee=None)
    office.sync()
    assert (office.entry.state, office.entry.assignee) == (State.OPEN, None)
    assert office.row["State"] == "open"


def say(office: Office, word: Callable[..., Any], *arguments: object) -> None:
    entry, event = word(office.entry, *arguments, by="ana", at=office.clock())
    office.store.ledger.save([entry], [event])


def test_the_last_word_wins_and_nothing_goes_to_and_fro(office: Office) -> None:
    from bridge.core import ledger

    office.sync()
    say(office, ledger.assign, "ana")
    office.sync()
    assert office.row["Assignee"] == "ana"
    office.type_in(Assignee="maria")
    office.clock.sleep(60)
    say(office, ledger.assign, "jo")
    office.sync()
    assert (office.entry.assignee, office.row["Assignee"]) == ("jo", "jo"), "the ledger was told later"
    say(office, ledger.assign, "ana")
    office.clock.sleep(60)
    office.type_in(Assignee="maria")
    office.sync()
    assert (office.entry.assignee, office.row["Assignee"]) == ("maria", "maria"), "the table was told later"
    told = office.history()
    office.sync()
    assert office.history() == told


def test_a_word_that_cannot_be_taken_over_is_put_back_and_told(office: Office) -> None:
    office.sync()
    office.type_in(Snooze_until="2026-01-01")
    result = office.sync()
    assert result.state is RunState.DONE
    assert ["after today" in each.message for each in result.problems] == [True]
    assert "Snooze until" not in office.row
    assert office.sync().problems == ()


def test_what_is_resolved_is_marked_and_never_deleted_and_comes_back_in_its_own_row(office: Office) -> None:
    office.sync()
    fingerprint = office.entry.fingerprint
    office.airtable.edit(BASE, TABLE, GROUP, {"State": None})
    office.sync()
    assert (office.entry.state, office.row["State"]) == (State.RESOLVED, "resolved")
    [activity] = [each for each in office.activities if each["location"] == fingerprint]
    assert activity["status_id"] == 2
    office.airtable.edit(BASE, TABLE, GROUP, {"State": "NY"})
    office.sync()
    assert office.row["State"] == "open"
    assert activity["status_id"] == 1
    assert [each["location"] for each in office.activities].count(fingerprint) == 1


def test_what_staff_do_to_bridges_own_columns_and_rows_is_put_right_while_it_lasts(office: Office) -> None:
    office.sync()
    office.type_in(State="resolved", Text="never mind")
    office.sync()
    assert (office.row["State"], office.row["Text"]) == ("open", "Coop 8 stands in NY.")
    [id_] = [id_ for id_, row in office.airtable.rows(BASE, BOARD).items() if row.get("Rule")]
    office.airtable.delete(BASE, BOARD, id_)
    office.sync()
    assert office.row["State"] == "open"


def test_an_activity_that_people_completed_or_deleted_is_left_alone_until_something_changes(office: Office) -> None:
    office.sync()
    [activity] = [each for each in office.activities if each["location"] == office.entry.fingerprint]
    activity["status_id"] = 2
    office.sync()
    assert activity["status_id"] == 2
    activity["is_deleted"] = True
    office.airtable.edit(BASE, TABLE, GROUP, {"State": "MA"})
    office.sync()
    assert "NY" in activity["details"]
    assert [each["location"] for each in office.activities].count(office.entry.fingerprint) == 1


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.TRUNCATED_JSON, FaultKind.DROP_BEFORE])
@pytest.mark.parametrize(("side", "route"), [(A, "Discrepancies/upsert"), (C, "Activity/create")])
def test_a_lost_answer_fails_no_run_is_told_and_leaves_one_notice(
    office: Office, side: Any, route: str, kind: FaultKind
) -> None:
    office.servers[side].faults.add(Fault(kind, match=route))
    result = office.sync()
    assert result.state is RunState.DONE
    assert len(result.problems) == 1
    assert office.sync().problems == ()
    prints = [row["Fingerprint"] for row in office.rows]
    assert office.entry.fingerprint in prints
    assert len(prints) == len(set(prints))
    filed = [each["location"] for each in office.activities]
    assert office.entry.fingerprint in filed
    assert len(filed) == len(set(filed))


def test_killed_at_any_step_of_its_memory_it_leaves_one_notice(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time the process dies before or after one more of its savings, and the last time it lives."""
    true_save = type(office.store.notices).save

    for number in range(9):
        left = [number]

        def dying(self: Any, *arguments: Any, left: list[int] = left) -> None:
            if left[0] == 0:
                raise Died
            left[0] -= 1
            true_save(self, *arguments)

        monkeypatch.setattr(type(office.store.notices), "save", dying)
        office.airtable.edit(BASE, TABLE, GROUP, {"State": ("NY", "MA")[number % 2]})
        office.run()
    monkeypatch.undo()
    office.sync()
    for found in ([row["Fingerprint"] for row in office.rows], [each["location"] for each in office.activities]):
        assert len(found) == len(set(found))
    assert office.row["Text"] == "Coop 8 stands in NY."


def test_a_word_typed_while_the_answer_to_another_was_lost_is_not_lost(office: Office) -> None:
    from bridge.core import ledger

    office.sync()
    say(office, ledger.assign, "ana")
    office.servers[A].faults.add(Fault(FaultKind.DROP_AFTER, match="Discrepancies/upsert"))
    office.sync()
    say(office, ledger.assign, "jo")
    office.sync()
    assert (office.entry.assignee, office.row["Assignee"]) == ("jo", "jo"), "bridge's own word is nobody's edit"
    office.type_in(Assignee="maria")
    office.sync()
    assert office.entry.assignee == "maria"


def test_a_refused_row_is_told_with_how_many_and_the_others_stand(office: Office) -> None:
    fields = office.airtable.table(BASE, BOARD)
    office.airtable.retype_field(BASE, BOARD, "Severity", "singleSelect", {"choices": ["low", "high"]})
    office.sync()
    assert office.row["Severity"] == "high"
    office.airtable.locked.add(fields.column("Text").id)
    office.airtable.edit(BASE, TABLE, GROUP, {"State": "MA"})
    result = office.sync()
    assert result.state is RunState.DONE
    assert ["discrepancies could not be shown" in str(each) for each in result.problems] == [True]
    office.airtable.locked.clear()
    assert office.sync().problems == ()
    assert office.row["Text"] == "Coop 8 stands in MA."


def test_a_table_that_is_not_there_is_told_with_the_columns_to_make_and_fails_no_run(office: Office) -> None:
    office.report("report: {airtable: {table: Elsewhere}}\n")
    result = office.sync()
    assert result.state is RunState.DONE
    [problem] = result.problems
    assert isinstance(problem, ConfigError)
    assert all(title in str(problem) for title in ("Elsewhere", "Fingerprint (single line text)", "Snooze until (date)"))
    found = [each for each in office.app.check_live() if "Elsewhere" in each["message"]]
    assert [each["severity"] for each in found] == ["error"]


def test_columns_that_are_missing_or_of_another_type_are_told_by_check_live(office: Office) -> None:
    office.airtable.remove_field(BASE, BOARD, "Severity")
    office.airtable.retype_field(BASE, BOARD, "Opened", "multilineText")
    office.airtable.drop_option(BASE, BOARD, "State", "accepted")
    found = {
        each["message"]: (each["severity"], each["hint"]) for each in office.app.check_live() if "report." in each["where"]
    }
    assert found == {
        "The table `Discrepancies` has no column `Severity`, so it is not shown there.": (
            "warning",
            "Make it, as single select with low, medium, high.",
        ),
        "The column `Opened` of the table `Discrepancies` is of type long text.": ("warning", "Make it date with time."),
        "The column `State` of the table `Discrepancies` lacks options.": ("error", "Add accepted."),
    }
    assert ["lacks options" in str(each) for each in office.sync().problems] == [True]
    assert office.rows == []
    office.airtable.add_option(BASE, BOARD, "State", "accepted")
    assert office.sync().problems == ()
    assert "Severity" not in office.row
    assert "Opened" not in office.row


def test_a_type_of_activity_that_is_not_there_is_told(office: Office) -> None:
    office.report("report: {civicrm: {activity_type: Nonsense, key: Bridge.key}}\n")
    [problem] = office.sync().problems
    assert "`Nonsense`" in str(problem)
    assert "`Bridge.key`" in str(problem)
    assert len([each for each in office.app.check_live() if each["where"].endswith("report.civicrm")]) == 2


def test_it_is_told_in_the_readers_language_in_columns_of_either(office: Office) -> None:
    office.airtable.rename_field(BASE, BOARD, "Text", "Texto")
    office.airtable.rename_option(BASE, BOARD, "State", "open", "Abierta")
    office.report(REPORT.replace("Discrepancies}", "Discrepancies, language: es}"))
    office.sync()
    assert (office.row["Texto"], office.row["State"], office.row["What to do"]) == (
        "Coop 8 está en NY.",
        "Abierta",
        "Pregunte.",
    )


def test_a_user_column_says_whose_hands_it_is_in_and_is_never_written(office: Office) -> None:
    office.airtable.remove_field(BASE, BOARD, "Assignee")
    office.airtable.add_field(BASE, BOARD, Column("Assignee", "singleCollaborator"))
    office.sync()
    column = office.airtable.table(BASE, BOARD).column("Assignee").id
    for record in office.airtable.table(BASE, BOARD).records.values():
        record.put(column, {"id": "usr1", "email": "m@example.org", "name": "María"}, office.clock())
    office.sync()
    assert office.entry.assignee == "María"
    assert office.sync().problems == ()


def test_no_sensitive_value_stands_on_a_board(office: Office) -> None:
    office.edit(C, "8", "nickname", f"{SECRET}one")
    office.edit(A, GROUP, "nickname", f"{SECRET}two")
    office.sync()
    assert {row["Code"] for row in office.rows} >= {202, 300}
    assert SECRET not in repr((office.rows, office.activities))


def test_a_report_that_a_mapping_would_read_is_refused_however_it_is_named(office: Office) -> None:
    with pytest.raises(ConfigError, match="must be no source"):
        a_mapping(office.folder, "report: {airtable: {table: Groups}}\n")
    table = office.airtable.table(BASE, TABLE).id
    office.report(f"report: {{airtable: {{table: {table}}}}}\n")
    result = office.sync()
    assert ["must be no source" in str(each) for each in result.problems] == [True]
    reads = YAML.replace("related:\n", "related:\n    calls: {entity: Activity, by: source_contact_id, count: true}\n", 1)
    (office.folder / "groups.yaml").write_text(reads + REPORT)
    with pytest.raises(ConfigError, match="reads activities"):
        load(office.folder / "groups.yaml")
    calls = "by: source_contact_id, count: true, where: [['activity_type_id:name', '=', Phone Call]]"
    (office.folder / "groups.yaml").write_text((reads + REPORT).replace("by: source_contact_id, count: true", calls))
    assert load(office.folder / "groups.yaml")


def test_the_months_calls_used_up_fail_no_run(office: Office) -> None:
    office.servers[A].faults.add(Fault(FaultKind.BILLING_429, match="Discrepancies/list"))
    result = office.sync()
    assert result.state is RunState.DONE
    assert [type(each).__name__ for each in result.problems] == ["QuotaExhausted"]


def test_a_board_is_kept_on_demand_and_only_where_a_mapping_names_one(office: Office) -> None:
    office.report("report: {airtable: {table: Discrepancies}}\n")
    office.sync()
    office.type_in(Note="on leave")
    kept = office.app.boards.keep_all(A)["groups"]
    assert (kept.heard, kept.posted, kept.waiting, kept.problems) == (1, 0, 0, [])
    assert office.entry.note == "on leave"
    with pytest.raises(ConfigError, match="No mapping reports to CiviCRM"):
        office.app.boards.keep_all(C)


def test_a_problem_of_one_board_is_not_the_others(office: Office) -> None:
    office.servers[A].faults.add(Fault(FaultKind.HTML_403, match="Discrepancies/list", times=None))
    problems: tuple[BridgeError, ...] = office.sync().problems
    assert len(problems) == 1
    assert office.rows == []
    assert office.activities


def test_a_delta_that_was_never_here_reads_it_all_and_what_is_resolved_and_shown_is_left_alone(office: Office) -> None:
    office.sync(Kind.DELTA)
    assert office.row["State"] == "open"
    office.airtable.edit(BASE, TABLE, GROUP, {"State": ""})
    office.sync()
    assert office.row["State"] == "resolved"
    office.sync()
    office.writes = {C: 0, A: 0}
    assert office.sync(Kind.DELTA).problems == ()
    assert office.writes == {C: 0, A: 0}
    assert office.row["State"] == "resolved"

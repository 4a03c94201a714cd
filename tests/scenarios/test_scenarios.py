"""What broke elsewhere, acted out: every `C-….yaml` and `fact-….yaml` beside this file is a story bridge has to live through.

A scenario says what both systems hold, what people and the world then do, and what must stand there in the end. Its language
is in `story.py`, the stage it plays on in `stage.py`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.app.decisions import Decisions, Word
from bridge.core import ledger
from bridge.core.record import Json, PerSide, Side
from bridge.errors import ConfigError
from bridge.sandbox.airtable import Airtable
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.faults import Fault
from bridge.sandbox.http import Server
from bridge.service.order import Kind
from scenarios.stage import BASE, Cells, Died, Stage, mapping_of
from scenarios.story import BySide, Expect, Merged, Names, Options, Pair, Rows, Said, Scenario, Step, numbers, read

FILES = sorted(file for file in Path(__file__).parent.glob("*-*.yaml"))


class Play:
    """A scenario being acted."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self.stage = stage
        self.changes = scenario.mapping
        self.earlier = ""
        crowd: Rows = {f"Co-op {number}": {} for number in range(1, scenario.crowd + 1)}
        for side, rows in PerSide(scenario.before.civicrm, scenario.before.airtable):
            stage.edit(side, {**crowd, **rows})

    def act(self, step: Step) -> None:
        """Let one step happen."""
        [name] = step.model_fields_set
        argument = getattr(step, name)
        if name == "do":
            name, argument = argument.replace(" ", "_"), None
        act: Callable[..., None] = getattr(self, f"_{name}")
        act() if argument is None else act(argument)

    def _civicrm(self, rows: Rows) -> None:
        self.stage.edit(Side.CIVICRM, rows)

    def _airtable(self, rows: Rows) -> None:
        self.stage.edit(Side.AIRTABLE, rows)

    def _second_primary_email(self, addresses: dict[str, str]) -> None:
        for name, address in addresses.items():
            contact = int(self.stage.ids.civicrm[name])
            # CiviCRM lets no user do this; an import or an extension does.
            number = 1 + max(row["id"] for row in self.stage.civicrm.site.rows["Email"].rows.values())
            self.stage.civicrm.load("Email", [{"id": number, "contact_id": contact, "email": address, "is_primary": True}])

    def _trash(self, name: str) -> None:
        for each in self.stage.called(Side.CIVICRM, name):
            self.stage.civicrm.trash(int(self.stage.ids.civicrm[each]))

    def _restore(self, name: str) -> None:
        self.stage.civicrm.restore(int(self.stage.ids.civicrm[name]))

    def _merge(self, merged: Merged) -> None:
        ids = self.stage.ids.civicrm
        self.stage.civicrm.merge(int(ids[merged.keep]), int(ids[merged.lose]))

    def _delete_in_airtable(self, name: str) -> None:
        for each in self.stage.called(Side.AIRTABLE, name):
            self.stage.airtable.delete(BASE, self.stage.table, self.stage.ids.airtable.pop(each))

    def _rename_field(self, names: dict[str, str]) -> None:
        for old, new in names.items():
            self.stage.airtable.rename_field(BASE, self.stage.table, old, new)

    def _remove_field(self, name: str) -> None:
        self.stage.airtable.remove_field(BASE, self.stage.table, name)

    def _retype_field(self, kinds: dict[str, str]) -> None:
        for name, kind in kinds.items():
            self.stage.airtable.retype_field(BASE, self.stage.table, name, kind)

    def _rename_option(self, option: Options) -> None:
        self.stage.airtable.rename_option(BASE, self.stage.table, option.field, option.option, str(option.to))

    def _add_option(self, option: Options) -> None:
        self.stage.airtable.add_option(BASE, self.stage.table, option.field, option.option)

    def _drop_option(self, option: Options) -> None:
        self.stage.airtable.drop_option(BASE, self.stage.table, option.field, option.option)

    def _rename_table(self, name: str) -> None:
        self.stage.airtable.rename_table(BASE, self.stage.table, name)

    def _remove_civicrm_field(self, name: str) -> None:
        self.stage.civicrm.remove_custom_field(name)

    def _memberships_job(self) -> None:
        self.stage.civicrm.run_membership_job()

    def _mapping(self, changes: dict[str, Any]) -> None:
        fields = {**self.changes.get("fields", {}), **changes.get("fields", {})}
        self.changes = {**self.changes, **changes, "fields": fields}
        self.stage.use(mapping_of(self.changes, self.stage.folder))

    def _meanwhile(self, rows: BySide) -> None:
        for side in Side:
            self.stage.trouble[side].before_write.append(lambda: self._typed(rows))

    def _typed(self, rows: BySide) -> None:
        for side, each in PerSide(rows.civicrm, rows.airtable):
            self.stage.edit(side, each)

    def _trouble(self, faults: dict[Side, dict[str, Any]]) -> None:
        for side, fault in faults.items():
            self.stage.servers[side].faults.add(Fault.from_json(fault))

    def _trouble_ends(self) -> None:
        for side in Side:
            self.stage.servers[side].faults.clear()
            self.stage.trouble[side].lost.clear()

    def _lost_from_the_pull(self, names: Names) -> None:
        for side in Side:
            if (name := getattr(names, side.value)) is not None:
                self.stage.trouble[side].lost.add(self.stage.ids[side][name])

    def _days(self, days: int) -> None:
        self.stage.clock.forward(days=days)

    def _confirm(self, pair: Pair) -> None:
        self._answer(pair, same=True)

    def _reject(self, pair: Pair) -> None:
        self._answer(pair, same=False)

    def _says(self, said: Said) -> None:
        words: dict[str, Word] = {
            "snooze": lambda entry, by, at: ledger.snooze(entry, None, by=by, at=at),
            "accept": lambda entry, by, at: ledger.accept(entry, ledger.Reason.BOTH_RIGHT, by=by, at=at),
            "reopen": lambda entry, by, at: ledger.reopen(entry, by=by, at=at),
        }
        [entry] = self.stage.app.store.ledger.list(mapping="groups", code=said.of)
        Decisions(self.stage.app, "Rosa").say(str(entry.id), words[said.word])

    def _digest(self) -> None:
        self.stage.tell()

    def _answer(self, pair: Pair, *, same: bool) -> None:
        link = self.stage.link(pair.civicrm, pair.airtable)
        Decisions(self.stage.app, "Rosa").settle_match("groups", link, same=same)

    def _forget_everything(self) -> None:
        self.stage.open(fresh=True)

    def _key_of(self, user: str) -> None:
        self.stage.user = user
        self.stage.open()

    # bridge's own

    def _bridge(self, verb: Callable[[], None]) -> None:
        self.earlier = self.stage.digest if self.stage.results else ""
        self.stage.refused = ""
        try:
            verb()
        except ConfigError as error:
            self.stage.refused = f"{error.message} Next: {error.next_step}"

    def _sync(self) -> None:
        self._bridge(self.stage.run)

    def _delta(self) -> None:
        self._bridge(lambda: self.stage.run(Kind.DELTA))

    def _plan(self) -> None:
        self._bridge(lambda: self.stage.run(Kind.PLAN))

    def _sync_one(self, names: Names) -> None:
        [record] = [(side, self.stage.ids[side][name]) for side in Side if (name := getattr(names, side.value)) is not None]
        self._bridge(lambda: self.stage.run(Kind.RECORD, record))

    def _approve(self) -> None:
        self._bridge(self.stage.approve)

    def _undo(self) -> None:
        self._bridge(self.stage.undo)

    def _dies(self, side: Side) -> None:
        def die() -> None:
            raise Died

        self.stage.trouble[side].after_write.append(die)
        with pytest.raises(Died):
            self.stage.run()

    # what must be so

    def _expect(self, expect: Expect) -> None:
        stage = self.stage
        standing = stage.records()
        self._cells(Side.CIVICRM, expect.civicrm, standing.civicrm)
        self._cells(Side.AIRTABLE, expect.airtable, standing.airtable)
        links = {link.civicrm: link.airtable for link in stage.app.store.knowledge.load(stage.mapping).links}
        last = stage.results[-1] if stage.results else None
        plan = last.plan if last else None
        facts: dict[str, Callable[[], object]] = {
            "records": lambda: {side: len(standing[side]) for side in expect.records},
            "linked": lambda: {name: self._name(Side.AIRTABLE, links.get(stage.ids.civicrm[name])) for name in expect.linked},
            "run": lambda: last and last.state.value,
            "held_by": lambda: sorted(breach.rule for breach in plan.breaches) if plan else None,
            "writes": lambda: stage.written,
            "sent": lambda: stage.sent,
            "planned": lambda: len(plan.changes) if plan else None,
            "same_plan": lambda: bool(self.earlier) and stage.digest == self.earlier,
            "open": lambda: stage.codes,
            "plan_says": lambda: stage.plan,
            "kept_plan_says": lambda: stage.kept_plan,
            "slack_hears": lambda: stage.heard,
            "settled": lambda: last and last.doubts_settled,
            "refused": lambda: stage.refused,
            "read": lambda: sorted(stage.sentences),
        }
        for name in sorted(expect.model_fields_set & facts.keys()):
            wanted = getattr(expect, name)
            found = facts[name]()
            if name in ("refused", "plan_says", "kept_plan_says"):
                assert all(each in str(found) for each in ([wanted] if isinstance(wanted, str) else wanted)), found
            else:
                assert (name, found) == (name, sorted(wanted, key=str) if isinstance(wanted, list) else wanted)

    def _cells(self, side: Side, wanted: Rows, standing: dict[str, dict[str, Json]]) -> None:
        for name, cells in wanted.items():
            row: Cells = standing[self.stage.ids[side][name]]
            found = {each: row.get(self.stage.path(side, each)) for each in cells}
            assert (side.title, name, found) == (side.title, name, cells)

    def _name(self, side: Side, native: str | None) -> str | None:
        return next((name for name, each in self.stage.ids[side].items() if each == native), native)


# ── the tests ──


@pytest.fixture(scope="module")
def servers() -> Iterator[PerSide[Server]]:
    """Two servers that all stories share, each with systems of its own."""
    nobody = AirtableApi(Airtable())
    with Server(nobody) as civicrm, Server(nobody) as airtable:
        yield PerSide(civicrm, airtable)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario(file: Path, servers: PerSide[Server], tmp_path: Path) -> None:
    scenario = read(file)
    mapping = mapping_of(scenario.mapping, tmp_path)
    with closing(Stage(servers, tmp_path, mapping, scenario.columns)) as stage:
        play = Play(scenario, stage)
        for number, step in enumerate(scenario.steps, start=1):
            try:
                play.act(step)
            except AssertionError as error:
                error.add_note(f"{file.stem}, step {number} of {len(scenario.steps)}")
                raise


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario_says_what_it_is_about_and_what_staff_read(file: Path) -> None:
    scenario = read(file)
    assert numbers(file) or file.stem.startswith("fact-"), "its name gives the entries it acts out"
    assert all(re.search(rf"\bC-{number}\b", scenario.story) for number in numbers(file))
    assert scenario.title[0].isupper()
    assert not scenario.title.endswith(".")
    assert scenario.steps[-1].expect is not None
    assert scenario.steps[-1].expect.read is not None, "it ends with what staff read"


def test_a_word_that_the_language_of_scenarios_does_not_know_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "C-0-nothing.yaml"
    file.write_text("title: T\nstory: S\nbefore: {}\nsteps: [{trash: Arroyo, undo: {}}]\n")
    with pytest.raises(ValueError, match="Extra inputs"):
        read(file)

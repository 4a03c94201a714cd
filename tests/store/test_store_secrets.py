"""Sensitive values at rest: locked with a key, digests without one, and never readable in a file."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.core.document import document
from bridge.core.knowledge import Stop
from bridge.core.mapping import FieldType
from bridge.core.plan import Written
from bridge.core.record import Side
from bridge.errors import ConfigError
from bridge.ports import PlanState, Settlement
from bridge.store import SqlStore
from bridge.store.cipher import Vault, parse_keys
from builders import a_field, a_mapping
from store.store_builders import ANA, BEN, KEY, NEW_KEY, State, a_cell, a_change, a_create, a_plan, raw_bytes

OLD, NEW, SEEN = "secret-before-71", "secret-after-72", "plain-seen-73"
MAPPING = a_mapping(a_field("diagnosis", type=FieldType.TEXT, sensitive=True), a_field("city"))
CELL = a_cell("diagnosis", OLD, NEW, sensitive=True, sealed=("aa", "bb"))
CHANGE = a_create(CELL, a_cell("city", SEEN, SEEN), keys={"Air diagnosis": NEW})


def use(store: SqlStore) -> None:
    """Everything that writes a sensitive value."""
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        store.knowledge.store(MAPPING, a_plan(agreed={ANA: {"diagnosis": OLD, "city": SEEN}, BEN: {"diagnosis": None}}), lease)
        plan = a_plan(CHANGE)
        store.plans.save(run, plan, document(plan), PlanState.HELD)
        first, second = store.journal.intend(run, [CHANGE, a_change(CELL, link=BEN)], lease)
        stop = Stop(side=Side.AIRTABLE, code=208, source=NEW)
        store.journal.settle(
            MAPPING,
            [
                Settlement(entry=first, written=Written.DONE, link=ANA, bases={"diagnosis": NEW}, record=ANA.airtable),
                Settlement(entry=second, written=Written.DONE, link=BEN, stops={"diagnosis": stop}),
            ],
            lease,
        )


@pytest.mark.parametrize("keys", [(), (KEY,)])
def test_no_sensitive_value_stands_readable_in_the_files_of_the_state(
    file_state: State, tmp_path: Path, keys: tuple[str, ...]
) -> None:
    use(file_state.again(*keys))
    bytes_while_open = raw_bytes(tmp_path)
    file_state.close()
    for everything in (bytes_while_open, raw_bytes(tmp_path)):
        assert SEEN.encode() in everything
        assert OLD.encode() not in everything
        assert NEW.encode() not in everything


def test_with_the_key_every_sensitive_value_comes_back(state: State) -> None:
    use(state.again(KEY))
    store = state.again(KEY)
    known = store.knowledge.load(MAPPING)
    assert known.bases == {ANA: {"diagnosis": NEW, "city": SEEN}, BEN: {"diagnosis": None}}
    assert known.stops[BEN, "diagnosis"].source == NEW
    assert store.journal.of_record(Side.AIRTABLE, ANA.airtable)[0].cells[0].before == OLD
    assert store.plans.held()[0].plan.changes == (CHANGE,)


def test_without_a_key_values_can_be_compared_and_the_state_says_so(state: State) -> None:
    use(state.store)
    known = state.again().knowledge.load(MAPPING)
    assert known.bases[ANA]["diagnosis"].matches(NEW)
    assert not known.bases[ANA]["diagnosis"].matches(OLD)
    assert known.bases[BEN]["diagnosis"].matches(None)
    assert NEW not in repr(known)


def test_a_new_key_in_front_opens_what_the_old_one_locked_and_locks_what_comes(state: State) -> None:
    use(state.again(KEY))
    store = state.again(NEW_KEY, KEY)
    assert store.knowledge.load(MAPPING).bases[ANA]["diagnosis"] == NEW
    with store.runs.lease("groups", "test") as lease:
        store.knowledge.store(MAPPING, a_plan(agreed={ANA: {"diagnosis": NEW}, BEN: {"diagnosis": None}}), lease)
    assert state.again(NEW_KEY).knowledge.load(MAPPING).bases[ANA]["diagnosis"] == NEW


def test_a_base_under_a_key_that_is_gone_for_good_is_no_base_and_its_journal_is_sealed(state: State) -> None:
    use(state.again(KEY))
    state.again(NEW_KEY, KEY)
    store = state.again(NEW_KEY)
    assert store.knowledge.load(MAPPING).bases == {ANA: {"city": SEEN}}
    cell = store.journal.of_record(Side.AIRTABLE, ANA.airtable)[0].cells[0]
    assert cell.sealed
    assert not cell.after.matches(NEW)


@pytest.mark.parametrize("keys", [(), (NEW_KEY,)])
def test_a_state_locked_with_a_key_is_not_opened_without_it(state: State, keys: tuple[str, ...]) -> None:
    state.again(KEY)
    with pytest.raises(ConfigError, match="locked with a key") as refused:
        state.again(*keys)
    assert "BRIDGE_STATE_KEY" in refused.value.next_step
    assert KEY not in str(refused.value)


def test_a_key_given_later_locks_what_is_agreed_from_then_on(state: State) -> None:
    use(state.store)
    store = state.again(KEY)
    assert store.knowledge.load(MAPPING).bases[ANA]["diagnosis"].matches(NEW)
    with store.runs.lease("groups", "test") as lease:
        store.knowledge.store(MAPPING, a_plan(agreed={ANA: {"diagnosis": NEW}}), lease)
    assert store.knowledge.load(MAPPING).bases[ANA]["diagnosis"] == NEW


def test_seals_are_the_same_for_the_same_text_in_every_opening_and_after_a_change_of_keys(state: State) -> None:
    seals = {each.seal("12.25") for each in (state.store, state.again(), state.again(KEY), state.again(NEW_KEY, KEY))}
    assert len(seals) == 1
    assert state.again(NEW_KEY).seal("12.26") not in seals


def test_two_states_seal_the_same_text_differently(tmp_path: Path, file_state: State) -> None:
    other = State(f"sqlite:///{tmp_path}/other.db", file_state.clock)
    assert other.store.seal("12.25") != file_state.store.seal("12.25")
    other.close()


def test_a_ciphertext_moved_to_another_cell_does_not_open(file_state: State, tmp_path: Path) -> None:
    use(file_state.again(KEY))
    with closing(sqlite3.connect(tmp_path / "bridge.db")) as thief:
        thief.execute(
            "UPDATE bases SET value = (SELECT value FROM bases WHERE link = 1 AND field = 'diagnosis') WHERE link = 2"
        )
        thief.commit()
    assert BEN not in file_state.again(KEY).knowledge.load(MAPPING).bases


def test_the_same_value_is_never_locked_into_the_same_text() -> None:
    vault = Vault(parse_keys([KEY]), b"pepper")
    assert vault.lock("one", "here") != vault.lock("one", "here")
    assert vault.open(vault.lock("one", "here"), "here") == "one"
    assert KEY not in repr(vault)


def test_every_wrong_key_is_told_with_how_to_make_one() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_keys(["", "short", KEY, "AAEC"])
    assert [each.message.split(":")[0] for each in refused.value.problems] == ["key 1", "key 2", "key 4"]
    assert "found 3 bytes" in refused.value.problems[2].message
    assert "openssl rand" in refused.value.problems[0].hint
    assert "short" not in str(refused.value)


def test_a_money_value_is_compared_whatever_its_zeros(state: State) -> None:
    mapping = a_mapping(a_field("premium", type=FieldType.MONEY, sensitive=True))
    with state.store.runs.lease("groups", "test") as lease:
        state.store.knowledge.store(mapping, a_plan(agreed={ANA: {"premium": Decimal("12.50")}}), lease)
    assert state.store.knowledge.load(mapping).bases[ANA]["premium"].matches(Decimal("12.5"))

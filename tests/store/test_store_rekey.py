"""A key is changed, everything is encrypted anew with it, and the old one may be let go."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from bridge.cli import app as command
from bridge.core.record import Side
from bridge.errors import ConfigError, Problem
from bridge.store import check
from bridge.store.cipher import Vault, key_name, parse_keys
from bridge.store.rekey import Rekeyed
from store.store_builders import ANA, BEN, KEY, NEW_KEY, State, a_plan, raw_bytes
from store.test_store_secrets import MAPPING, NEW, OLD, use

OLD_NAME, NEW_NAME = (key_name(parse_keys([key])[0]) for key in (KEY, NEW_KEY))


def everything(state: State, *keys: str) -> tuple[object, ...]:
    """Every sensitive value that `use` wrote, as these keys read it."""
    store = state.again(*keys)
    known = store.knowledge.load(MAPPING)
    journal = [
        each.cells[0]
        for side, id_ in ((Side.AIRTABLE, ANA.airtable), (Side.AIRTABLE, BEN.airtable))
        for each in store.journal.of_record(side, id_)
    ]
    return (
        known.bases[ANA]["diagnosis"],
        known.bases[BEN]["diagnosis"],
        known.stops[BEN, "diagnosis"].source,
        [(each.before, each.after, each.before_raw, each.after_raw) for each in journal],
        store.journal.of_record(Side.AIRTABLE, ANA.airtable)[0].change.keys,
        [each.plan.changes for each in store.plans.held()],
    )


def test_after_it_the_old_key_may_be_let_go_and_nothing_is_lost(state: State) -> None:
    use(state.again(KEY))
    before = everything(state, KEY)
    told = state.again(NEW_KEY, KEY).rekey()
    assert everything(state, NEW_KEY) == before
    assert (told.key, told.anew.keys(), told.lost) == (NEW_NAME, {"bases", "stops", "journal", "plans"}, {})
    assert not told.already


def test_it_is_done_once_and_says_so_when_asked_again(state: State) -> None:
    use(state.again(KEY))
    first = state.again(NEW_KEY, KEY).rekey()
    again = state.again(NEW_KEY).rekey()
    assert (again.anew, again.already) == ({}, first.anew)


def test_no_file_of_the_state_holds_anything_under_the_old_key_any_more(file_state: State, tmp_path: object) -> None:
    from pathlib import Path

    use(file_state.again(KEY))
    assert OLD_NAME.encode() in raw_bytes(Path(str(tmp_path)))
    file_state.again(NEW_KEY, KEY).rekey()
    assert OLD_NAME.encode() not in raw_bytes(Path(str(tmp_path)))


def test_stopped_anywhere_it_goes_on_where_it_was(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    use(state.again(KEY))
    before = everything(state, KEY)
    monkeypatch.setattr(sys.modules[Rekeyed.__module__], "_ROWS_AT_ONCE", 1)
    steps: list[str] = []

    def stopped(what: str, done: int, total: int | None) -> None:
        steps.append(what)
        if len(steps) == 3:
            raise KeyboardInterrupt

    store = state.again(NEW_KEY, KEY)
    with pytest.raises(KeyboardInterrupt):
        store.rekey(stopped)
    assert everything(state, NEW_KEY, KEY) == before, "half done, all of it is read"
    told = store.rekey()
    assert (told.already["bases"], "bases" in told.anew) == (2, False)
    assert everything(state, NEW_KEY) == before


def test_a_run_may_write_meanwhile(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    use(state.again(KEY))
    monkeypatch.setattr(sys.modules[Rekeyed.__module__], "_ROWS_AT_ONCE", 1)
    running, store = state.again(NEW_KEY, KEY), state.again(NEW_KEY, KEY)
    written: list[int] = []

    def run() -> None:
        with running.runs.lease("groups", "run") as lease:
            for number in range(20):
                agreed = {link: {"diagnosis": f"value {number}"} for link in (BEN, ANA)}
                running.knowledge.store(MAPPING, a_plan(agreed=agreed), lease)
                written.append(number)

    thread = threading.Thread(target=run)
    thread.start()
    told = [store.rekey() for _ in range(5)]
    thread.join(timeout=60)
    assert len(written) == 20
    assert all(not each.lost for each in told)
    bases = state.again(NEW_KEY).knowledge.load(MAPPING).bases
    assert {bases[link]["diagnosis"] for link in (ANA, BEN)} == {"value 19"}


def test_what_a_missing_key_locks_stays_as_it_is_and_the_key_is_named(state: State) -> None:
    use(state.again(KEY))
    before = everything(state, KEY)
    state.again(NEW_KEY, KEY)  # which takes over the state itself
    told = state.again(NEW_KEY).rekey()
    assert told.lost.keys() == {OLD_NAME}
    assert (told.anew, told.already) == ({}, {})
    assert state.again(NEW_KEY, KEY).rekey().anew.total() == told.lost.total()
    assert everything(state, NEW_KEY) == before


def test_digests_from_before_there_was_a_key_are_counted_and_still_compare(state: State) -> None:
    use(state.store)
    told = state.again(KEY).rekey()
    assert (told.anew, told.lost) == ({}, {})
    assert told.digests.keys() == {"bases", "stops", "journal", "plans"}
    base = state.again(KEY).knowledge.load(MAPPING).bases[ANA]["diagnosis"]
    assert base.matches(NEW)
    assert not base.matches(OLD)


def test_a_ciphertext_that_names_no_key_is_opened_and_renewed(state: State) -> None:
    """As the first builds wrote them."""
    vault = Vault(parse_keys([KEY]), b"pepper")
    older = vault.lock("one", "here").replace(f"{OLD_NAME}:", "")
    assert vault.open(older, "here") == "one"
    assert not vault.is_current(older)


def test_without_a_key_there_is_nothing_to_encrypt_with(state: State) -> None:
    with pytest.raises(ConfigError, match="no key to encrypt with") as refused:
        state.store.rekey()
    assert "BRIDGE_STATE_KEY" in refused.value.next_step


# ── the command ──


@pytest.fixture
def environment(state: State, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A state used with the old key, and the variables of a command with the new one in front."""
    use(state.again(KEY))
    monkeypatch.setenv("BRIDGE_STATE_URL", state.url)
    monkeypatch.setenv("BRIDGE_STATE_KEY", f"{NEW_KEY},{KEY}")
    return monkeypatch


def test_the_command_counts_what_it_did_and_says_which_keys_are_needed_from_now_on(environment: pytest.MonkeyPatch) -> None:
    told = CliRunner().invoke(command, ["db", "rekey"])
    assert told.exit_code == 0
    assert f"Encrypted anew with the first key ({NEW_NAME})" in told.stdout
    assert "BRIDGE_STATE_KEY may now hold the first key alone." in told.stdout
    environment.setenv("BRIDGE_STATE_KEY", NEW_KEY)
    again = CliRunner().invoke(command, ["db", "rekey", "--json"])
    assert again.exit_code == 0, repr(again.exception)
    counted = json.loads(again.stdout)
    assert (counted["key"], counted["anew"], counted["lost"]) == (NEW_NAME, {}, {})
    assert counted["already"].keys() == {"bases", "stops", "journal", "plans"}


def test_the_command_names_a_key_that_is_missing_and_no_key_itself(environment: pytest.MonkeyPatch, state: State) -> None:
    state.again(NEW_KEY, KEY)
    environment.setenv("BRIDGE_STATE_KEY", NEW_KEY)
    told = CliRunner().invoke(command, ["db", "rekey"])
    assert told.exit_code == 2
    assert f"Locked with a key that is missing ({OLD_NAME})" in told.stdout
    assert "may now hold the first key alone" not in told.stdout
    assert KEY not in told.output
    assert NEW_KEY not in told.output


# ── whether everything still opens ──


def keyless(findings: Sequence[Problem]) -> list[str]:
    return [str(each) for each in findings if each.where == "keys"]


def test_a_check_says_nothing_of_keys_while_they_open_everything(state: State) -> None:
    use(state.again(KEY))
    assert keyless(check(state.url, [KEY])) == []
    assert keyless(check(state.url, [NEW_KEY, KEY])) == []


def test_a_check_names_the_key_that_was_let_go_too_early_and_where_it_is_missed(state: State) -> None:
    use(state.again(KEY))
    state.again(NEW_KEY, KEY)  # the state is opened with the new key in front, and nothing is encrypted anew
    before = raw_rows(state)
    [told] = keyless(check(state.url, [NEW_KEY]))
    assert OLD_NAME in told
    assert all(table in told for table in ("bases", "stops", "journal", "plans"))
    assert "bridge db rekey" in told
    assert raw_rows(state) == before
    state.again(NEW_KEY, KEY).rekey()
    assert keyless(check(state.url, [NEW_KEY])) == []


def test_a_check_without_the_key_of_the_state_says_so(state: State) -> None:
    use(state.again(KEY))
    [told] = keyless(check(state.url, []))
    assert OLD_NAME in told
    assert "BRIDGE_STATE_KEY" in told


@pytest.mark.parametrize("damage", ["substr(value, 1, length(value) - 8) || 'AAAAAAA='", "substr(value, 1, length(value) - 7)"])
def test_a_check_tells_damage_from_a_key_that_is_missing(state: State, damage: str) -> None:
    use(state.again(KEY))
    with state.store.database.writing() as connection:
        connection.execute(text(f"UPDATE bases SET value = {damage} WHERE sealed"))  # noqa: S608  # two of our own
    [told] = keyless(check(state.url, [KEY]))
    assert "damaged" in told
    assert "in bases" in told


def test_the_command_looks_at_the_keys_and_fails(file_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    use(file_state.again(KEY))
    file_state.again(NEW_KEY, KEY)
    monkeypatch.setenv("BRIDGE_STATE_URL", file_state.url)
    monkeypatch.setenv("BRIDGE_STATE_KEY", NEW_KEY)
    ended = CliRunner().invoke(command, ["db", "check"])
    assert ended.exit_code == 1
    assert OLD_NAME in ended.output


def raw_rows(state: State) -> list[str]:
    with state.store.database.reading() as connection:
        return [repr(connection.execute(text(f"SELECT * FROM {each}")).all()) for each in ("meta", "bases", "journal")]  # noqa: S608

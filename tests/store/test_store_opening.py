"""Opening, upgrading, backing up and checking a state; every failure says what to do and nothing secret."""

import json
import shutil
import socket
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, text

import bridge.store
from bridge.core.plan import Written
from bridge.core.record import PerSide
from bridge.errors import ConfigError, StoreError
from bridge.ports import OutboxState, Settlement
from bridge.store import backup, check, open_store, upgrade
from bridge.store.database import _PRAGMAS, Database
from bridge.store.schema import REVISIONS, metadata
from bridge.store.upgrade import migrate
from store.store_builders import ANA, KEY, Clock, State, a_change, a_plan, raw_bytes, sqlite_rows, the_mapping


def opening(url: str) -> None:
    open_store(url, [], Clock()).close()


# ── revisions ──


def test_the_revisions_named_in_the_schema_are_those_that_ship() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(bridge.store.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    shipped = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(shipped)) == REVISIONS


@pytest.mark.parametrize("start", [None, *REVISIONS])
def test_every_earlier_revision_is_brought_to_the_very_tables_of_the_schema(nowhere: str, start: str | None) -> None:
    if start is not None:
        early = Database(nowhere)
        migrate(early, start)
        early.close()
    upgrade(nowhere)
    database = Database(nowhere)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_a_first_revision_keeps_its_journal_and_knows_of_no_write_that_landed_in_part(nowhere: str) -> None:
    early = Database(nowhere)
    migrate(early, "0001")
    cell = {"field": "email", "path": "Email", "why": "changed", "clears": False, "sensitive": False, "seals": None}
    values = {"before": ["text", "a"], "after": ["text", "b"], "source": None, "before_raw": "a", "after_raw": "b"}
    with early.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO runs (id, mapping, mode, kind, state, started_at, counts, note, by)"
                " VALUES (1, 'groups', 'correct', 'sweep', 'done', '2026-11-16 14:00:00', '{}', '', 'schedule')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO journal (run, mapping, side, action, record, partner, name, cells, extra, keys, intent_at, by,"
                " outcome, outcome_at, detail) VALUES (1, 'groups', 'airtable', 'update', :record, '12', 'Ana', :cells, '{}',"
                " '{\"plain\": {}, \"locked\": {}}', '2026-11-16 14:00:00', 'schedule', :outcome, NULL, '')"
            ),
            [{"record": ANA.airtable, "cells": json.dumps([cell | values]), "outcome": each} for each in ("done", None)],
        )
    early.close()
    assert "before it was 0001" in upgrade(nowhere)
    with closing(open_store(nowhere, [], Clock())) as store:
        done, open_ = store.journal.of_run(1)
        assert ([each.after for each in done.stands], done.landed, done.code) == (["b"], (), None)
        assert (open_.outcome, open_.landed) == (None, ())
        with store.runs.lease("groups", "after") as lease:
            store.journal.settle(the_mapping(), [Settlement(entry=open_.id, written=Written.STALE, landed=("email",))], lease)
        assert [cell.field for cell in store.journal.of_run(1)[1].stands] == ["email"]


def test_an_upgrade_says_what_it_did(nowhere: str) -> None:
    assert f"schema {REVISIONS[-1]}; before it was empty" in upgrade(nowhere)
    assert upgrade(nowhere).endswith("already.")


def test_two_first_openings_at_once_make_one_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = "PRAGMA busy_timeout=120000"  # a slow machine is no fault
    monkeypatch.setattr("bridge.store.database._PRAGMAS", (patient, *_PRAGMAS, patient))
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            opening(f"sqlite:///{tmp_path}/bridge.db")
        except Exception as error:  # noqa: BLE001  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_new_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    opening(f"sqlite:///{tmp_path}/bridge.db")
    assert (tmp_path / "bridge.db").stat().st_mode & 0o077 == 0


def test_an_older_file_is_copied_aside_before_it_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening(f"sqlite:///{tmp_path}/bridge.db")
    with closing(sqlite3.connect(tmp_path / "bridge.db")) as older:
        older.execute("UPDATE alembic_version SET version_num = '0000'")
        older.commit()
    monkeypatch.setattr("bridge.store.database.REVISIONS", ("0000", *REVISIONS))
    with pytest.raises(StoreError, match="cannot be upgraded from schema 0000"):  # which never was
        opening(f"sqlite:///{tmp_path}/bridge.db")
    (copy,) = tmp_path.glob("bridge.db.schema-0000.*")
    assert sqlite_rows(copy, "SELECT version_num FROM alembic_version") == [("0000",)]
    assert copy.stat().st_mode & 0o077 == 0


def test_a_postgresql_without_tables_is_refused_until_it_is_upgraded(postgres_url: str) -> None:
    with pytest.raises(ConfigError, match="no tables of bridge yet") as refused:
        opening(postgres_url)
    assert refused.value.next_step == "run `bridge db upgrade`."
    upgrade(postgres_url)
    opening(postgres_url)


def test_a_state_of_a_newer_bridge_is_refused_by_everything(nowhere: str) -> None:
    upgrade(nowhere)
    database = Database(nowhere)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for action in (opening, upgrade, check):
        with pytest.raises(
            ConfigError, match=f"newer bridge: its schema is 9999, this bridge knows up to {REVISIONS[-1]}"
        ) as refused:
            action(nowhere)
        assert "install the newer bridge" in refused.value.next_step


# ── what can be wrong with an address ──


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("nonsense", ConfigError, "not a database URL"),
        ("mysql://x/y", ConfigError, "expected `sqlite` or `postgresql`"),
        ("sqlite://", ConfigError, "needs a file"),
        ("sqlite:///:memory:", ConfigError, "needs a file"),
        ("sqlite:///{folder}", StoreError, "is a folder"),
        ("sqlite:///{folder}/nowhere/bridge.db", StoreError, "does not exist"),
        ("sqlite:///{folder}/text.db", ConfigError, "is not a database"),
        ("sqlite:///{folder}/cut.db", StoreError, "is damaged"),
        ("sqlite:///file:{folder}/bridge.db?mode=ro&uri=true", StoreError, "may not be written"),
        ("postgresql://root:s3cret@127.0.0.1:1/test", StoreError, "cannot be reached"),
    ],
)
def test_every_wrong_address_is_told_with_its_next_step(
    tmp_path: Path, upgraded_file: Path, url: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "text.db").write_text("these are words, and not a database " * 100)
    shutil.copy(upgraded_file, tmp_path / "bridge.db")
    (tmp_path / "cut.db").write_bytes(upgraded_file.read_bytes()[:9000])
    with pytest.raises(error, match=words) as refused:
        opening(url.format(folder=tmp_path))
    assert refused.value.next_step
    assert "s3cret" not in str(refused.value) + repr(refused.value)


def test_a_full_disk_is_told_and_nothing_half_written_is_kept(file_state: State) -> None:
    with file_state.store.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    full = f"PRAGMA max_page_count={pages}"
    event.listens_for(file_state.store.database.engine, "checkout")(lambda raw, *_: raw.execute(full))
    with file_state.store.runs.lease("groups", "test") as lease:
        many = a_plan(links=tuple(type(ANA)(str(number), f"rec{number:014}") for number in range(5000)))
        with pytest.raises(StoreError, match="the disk is full"):
            file_state.store.knowledge.store(the_mapping(), many, lease)
    assert file_state.store.knowledge.load(the_mapping()).links == set()


@contextmanager
def a_server_that_says(state: bytes, words: bytes) -> Iterator[int]:
    """A PostgreSQL as far as its refusal: asks for a password and answers with an error (protocol 3.0)."""

    def refuse() -> None:
        peer, _ = server.accept()
        with peer:
            while True:
                size, code = struct.unpack("!ii", peer.recv(8))
                peer.recv(size - 8)
                if code == 196608:
                    break
                peer.sendall(b"N")  # no TLS, no GSS here
            peer.sendall(b"R" + struct.pack("!ii", 8, 3))
            peer.recv(1024)
            body = b"SFATAL\0VFATAL\0C" + state + b"\0M" + words + b"\0\0"
            peer.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("state", "words", "told"),
    [
        (b"28P01", b'password authentication failed for user "root"', "refused the password"),
        (b"28000", b'role "root" does not exist', "does not know this user"),
        (b"28000", b'no pg_hba.conf entry for host "127.0.0.1"', "refuses this user or address"),
        (b"3D000", b'database "test" does not exist', "does not have this database"),
    ],
)
def test_a_server_that_refuses_is_told_without_the_password(state: bytes, words: bytes, told: str) -> None:
    with (
        a_server_that_says(state, words) as port,
        pytest.raises(ConfigError, match=told) as refused,
    ):
        opening(f"postgresql://root:s3cret@127.0.0.1:{port}/test")
    assert "BRIDGE_STATE_URL" in refused.value.next_step
    assert "s3cret" not in str(refused.value) + repr(refused.value)


# ── backup and check ──


def test_a_backup_is_a_state_that_opens_by_itself(state: State, tmp_path: Path) -> None:
    store = state.again(KEY)
    with store.runs.lease("groups", "test") as lease:
        store.knowledge.store(the_mapping(), a_plan(agreed={ANA: {"email": "a@coop.org"}}), lease)
        store.knowledge.remember_run(the_mapping(), PerSide(3, 4), lease)
        run = store.runs.start("groups", mode="correct", kind="sweep", by="maria")
        store.journal.intend(run, [a_change()], lease)
    copy = tmp_path / "copy" / "backup.db"
    copy.parent.mkdir()
    backup(state.url, copy)
    restored = State(f"sqlite:///{copy}", state.clock, [KEY])
    assert restored.rows() == state.rows()
    assert restored.store.knowledge.load(the_mapping()) == store.knowledge.load(the_mapping())
    assert restored.store.journal.of_run(run) == store.journal.of_run(run)
    assert restored.store.seal("x") == store.seal("x")
    assert restored.store.runs.start("groups", mode="observe", kind="sweep", by="") == run + 1
    restored.close()
    assert copy.stat().st_mode & 0o077 == 0
    with pytest.raises(StoreError, match="there already"):
        backup(state.url, copy)


def test_a_backup_of_nothing_makes_nothing(tmp_path: Path) -> None:
    for action in (lambda url: backup(url, tmp_path / "copy.db"), check):
        with pytest.raises(StoreError, match="no state at"):
            action(f"sqlite:///{tmp_path}/bridge.db")
    assert list(tmp_path.iterdir()) == []


def test_a_sound_state_has_no_findings(state: State) -> None:
    assert list(check(state.url)) == []


def test_what_is_unsettled_is_found_with_what_settles_it(state: State) -> None:
    store = state.store
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        first = store.journal.intend(run, [a_change(), a_change()], lease)[0]
        store.journal.settle(the_mapping(), [Settlement(entry=first, written=Written.IN_DOUBT)], lease)
        found = [str(each) for each in check(state.url)]
        assert [each.partition(":")[0] for each in found] == ["journal"]
    store.outbox.put("m", "#c", {})
    store.outbox.mark("m", OutboxState.UNCERTAIN)
    found = [str(each) for each in check(state.url)]
    assert "2 writes of groups are in doubt. `bridge sync groups` settles them" in found[0]
    assert f"run {run} of groups never ended" in found[1]
    assert "of 1 messages" in found[2]


def test_rows_that_lost_their_owner_are_found(file_state: State, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bridge.db")) as vandal:
        vandal.execute("INSERT INTO bases (link, field, definition, sealed) VALUES (77, 'email', 'd', 0)")
        vandal.commit()
    found = [str(each) for each in check(file_state.url)]
    assert any("bases: row" in each and "links that is gone" in each for each in found)
    assert any("bases: 1 rows belong to no link" in each for each in found)


def test_a_damaged_file_is_found(file_state: State, tmp_path: Path) -> None:
    with file_state.store.runs.lease("groups", "test") as lease:
        file_state.store.knowledge.store(
            the_mapping(), a_plan(links=tuple(type(ANA)(str(number), f"rec{number:014}") for number in range(3000))), lease
        )
    file_state.store.database.empty_log()
    file_state.close()
    path = tmp_path / "bridge.db"
    raw = bytearray(path.read_bytes())
    raw[-9000:-5000] = b"\xff" * 4000
    path.write_bytes(raw)
    try:
        found = " ".join(map(str, check(file_state.url)))
    except StoreError as error:
        found = str(error)
    assert "backup" in found
    assert raw_bytes(tmp_path)


def test_a_postgresql_that_dropped_its_connections_is_found_again(upgraded_postgres: str) -> None:
    with open_store(upgraded_postgres, [], Clock()) as store:
        with store.database.reading() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        drop(upgraded_postgres, pid)
        assert store.ledger.events(fingerprint="none") == []


def test_a_postgresql_that_goes_away_in_the_middle_is_told(upgraded_postgres: str) -> None:
    def lose_it() -> None:
        with store.database.writing() as connection:
            drop(upgraded_postgres, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            connection.exec_driver_sql("SELECT 1")

    with open_store(upgraded_postgres, [], Clock()) as store, pytest.raises(StoreError, match="cannot be reached"):
        lose_it()


def drop(url: str, pid: int) -> None:
    """End one connection from the server's side, and wait until it is gone."""
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

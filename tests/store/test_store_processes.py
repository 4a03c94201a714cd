"""Real processes on one state: only one runs a mapping, and one that is killed leaves what the next needs."""

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.errors import RunInProgress
from bridge.ports import RunState
from bridge.store import SqlStore, open_store
from bridge.store.lease import TTL
from bridge.store.process import Process, this_process
from bridge.store.schema import leases
from store.store_builders import ANA, the_mapping

HERE = Path(__file__).parent


@contextmanager
def a_process_at(url: str, step: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has come to `step` and stays there."""
    path = os.pathsep.join([str(HERE.parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(HERE / "a_run_that_hangs.py"), url, step],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == step
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with open_store(url, [], lambda: dt.datetime.now(dt.UTC)) as opened:
        yield opened


def test_a_mapping_that_another_process_runs_is_refused_with_its_holder(url: str, store: SqlStore) -> None:
    with (
        a_process_at(url, "leased"),
        pytest.raises(RunInProgress, match="by the one that hangs since"),
        store.runs.lease("groups", "me"),
    ):
        pass


@pytest.mark.parametrize("reaped", [False, True])
def test_a_run_after_a_kill_goes_on_at_once_even_before_the_dead_one_is_reaped(url: str, store: SqlStore, reaped: bool) -> None:
    with a_process_at(url, "leased") as process:
        process.send_signal(signal.SIGKILL)
        if reaped:
            process.wait()
        else:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with store.runs.lease("groups", "me") as lease:
            assert lease.token == 2
            (left,) = store.runs.interrupted("groups")
            assert left.state is RunState.INTERRUPTED


def test_killed_between_intent_and_outcome_the_journal_says_what_is_in_doubt(url: str, store: SqlStore) -> None:
    with a_process_at(url, "intended") as process:
        process.kill()
        process.wait()
        assert len(store.journal.open("groups")) == 2
        assert not store.knowledge.load(the_mapping()).links


def test_killed_after_an_outcome_nothing_of_it_is_lost(url: str, store: SqlStore) -> None:
    with a_process_at(url, "settled") as process:
        process.kill()
        process.wait()
        assert len(store.journal.open("groups")) == 1
        assert store.knowledge.load(the_mapping()).bases == {ANA: {"email": "new@coop.org"}}


def test_a_process_killed_in_its_turn_frees_it_and_keeps_nothing(url: str, store: SqlStore) -> None:
    with a_process_at(url, "in_turn") as process:
        process.kill()
        process.wait()
        with store.slots.turn("appX") as turn:
            assert not turn.sent


def test_a_process_is_known_by_number_and_start_and_never_judged_from_another_machine() -> None:
    me = this_process()
    assert not me.dead
    assert Process(me.machine, me.pid, me.started - 1).dead
    assert not Process("another machine", me.pid, me.started - 1).dead
    assert not Process("", 2**22 + 1, 1).dead
    assert Process(me.machine, 2**22 + 1, 1).dead


def test_a_lease_is_renewed_in_the_background_through_a_wait_longer_than_itself(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull of seventy thousand records checks nothing for minutes."""
    now = [dt.datetime(2026, 11, 16, tzinfo=dt.UTC)]
    monkeypatch.setattr("bridge.store.lease._HEARTBEAT", dt.timedelta(milliseconds=10))
    with open_store(url, [], lambda: now[0]) as store, store.runs.lease("groups", "long"):
        for _ in range(3):
            now[0] += TTL / 2
            wait_for_expiry_after(store, now[0] + TTL / 2)
        with pytest.raises(RunInProgress), store.runs.lease("groups", "other"):
            pass


def wait_for_expiry_after(store: SqlStore, moment: dt.datetime) -> None:
    for _ in range(1000):
        with store.database.reading() as connection:
            if connection.scalar(select(leases.c.expires_at)) > moment:
                return
    pytest.fail("the lease was not renewed")

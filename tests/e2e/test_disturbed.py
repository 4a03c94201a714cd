"""A sync that is disturbed and does not die: two at once, a sleeper, a full disk, a restarted database, a read-only state."""

import datetime as dt
import os
import resource
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

import victim
from scene import POSTGRES, Place, Scene

MINUTE = dt.timedelta(minutes=1)


def undisturbed(place: Place) -> object:
    """What both systems hold after a sync that nothing disturbs."""
    with Scene(*place()) as scene:
        assert victim.sync(scene.environment).states == ("done",)
        return scene.systems()


def clean_rerun(scene: Scene, expected: object) -> None:
    """The next run ends where an undisturbed one would have ended."""
    again = victim.sync(scene.environment, later=MINUTE)
    assert again.states == ("done",), again
    assert scene.systems() == expected


def test_of_two_at_once_one_works_and_the_other_says_who_and_since_when(place: Place) -> None:
    expected = undisturbed(place)
    with Scene(*place()) as scene:
        others: list[victim.Life] = []

        def second() -> bool:
            others.append(victim.sync(scene.environment))
            return False

        scene.airtable.at, scene.airtable.deed = 2, second
        first = victim.sync(scene.environment)
        assert first.states == ("done",), first
        [other] = others
        assert other.error.startswith("RunInProgress")
        assert "since" in other.error
        assert f"{os.uname().nodename}" in other.error
        assert scene.systems() == expected


@pytest.mark.parametrize("request_number", [2, 4])
def test_a_sleeper_whose_lease_was_taken_over_writes_nothing_when_it_wakes(place: Place, request_number: int) -> None:
    """It is stopped in its pull (2) or just before its first write (4); another run goes on after the lease has expired."""
    expected = undisturbed(place)
    with Scene(*place()) as scene:
        wakes: list[int] = []

        def stop() -> bool:
            wakes.append(victim.LIVING[0])
            os.kill(victim.LIVING[0], signal.SIGSTOP)
            return False

        scene.airtable.at, scene.airtable.deed = request_number, stop
        with victim.started(scene.environment) as first:
            while not wakes:
                pass
            taker = victim.sync(scene.environment, later=5 * MINUTE)
            assert taker.states == ("done",), taker
            taken = [call.route for call in scene.box.servers.airtable.requests if call.method in ("PATCH", "POST")]
            os.kill(wakes[0], signal.SIGCONT)
            sleeper = first()
        assert sleeper.states in {(), ("failed",)}, sleeper
        after = [call.route for call in scene.box.servers.airtable.requests if call.method in ("PATCH", "POST")]
        writes = [route for route in after[len(taken) :] if route.endswith(("/update", "/create"))]
        assert not writes
        assert scene.systems() == expected


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("request_number", [2, 5])
def test_a_database_that_restarts_in_mid_run_ends_in_a_clear_error_or_is_found_again(place: Place, request_number: int) -> None:
    expected = undisturbed(place)
    folder, url = place()
    with Scene(folder, url) as scene:

        def restart() -> bool:
            with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [url.rsplit("/", 1)[1]]
                )
            return False

        scene.airtable.at, scene.airtable.deed = request_number, restart
        life = victim.sync(scene.environment)
        assert life.states == ("done",) or "StoreError" in life.error, life
        clean_rerun(scene, expected)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_disk_that_fills_in_mid_run_ends_in_a_clear_error_and_a_clean_rerun(place: Place) -> None:
    expected = undisturbed(place)
    with Scene(*place()) as scene:

        def fill() -> bool:
            pid = victim.LIVING[0]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
            return False

        scene.airtable.at, scene.airtable.deed = 3, fill
        life = victim.sync(scene.environment)
        assert life.states == (), life
        assert "StoreError" in life.error
        assert "Next:" in life.error
        clean_rerun(scene, expected)


def immutable(folder: Path, sign: str) -> bool:
    """Set (`+`) or take (`-`) the flag that keeps even root, and even a file that is open, from writing; whether that works."""
    files = [str(folder / name) for name in ("bridge.db", "bridge.db-wal")]
    return subprocess.run(["chattr", f"{sign}i", *files], check=False, capture_output=True).returncode == 0  # noqa: S607


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("request_number", [2, 6])
def test_a_state_that_turns_read_only_in_mid_run_ends_in_a_clear_error_and_a_clean_rerun(
    place: Place, request_number: int
) -> None:
    """In the pull (2), and in the writes (6), of which one has then landed that the state could not take down."""
    expected = undisturbed(place)
    with Scene(*place()) as scene:
        folder = Path(scene.state_url.removeprefix("sqlite:///")).parent
        done: list[bool] = []

        def forbid() -> bool:
            done.append(immutable(folder, "+"))
            return False

        scene.airtable.at, scene.airtable.deed, scene.airtable.before = request_number, forbid, False
        try:
            life = victim.sync(scene.environment)
        finally:
            immutable(folder, "-")
        if done != [True]:
            pytest.skip("chattr +i is not possible here: it takes ext4 and a root that may set it (CAP_LINUX_IMMUTABLE)")
        assert life.states == (), life
        assert "StoreError" in life.error
        assert "Next:" in life.error
        clean_rerun(scene, expected)

"""Killed anywhere: a sync that dies at any commit or any request, then runs again, ends where no death would have ended.

At every step of the state in SQLite and in PostgreSQL, at every request in SQLite. What is compared is everything the two
systems hold, that nothing was made twice, and that the journal has no open end.
"""

import datetime as dt
import os
import signal
from contextlib import closing
from typing import Any

import pytest

import victim
from scene import Place, Scene
from victim import Death

LATER = dt.timedelta(minutes=1)


def unkilled(place: Place) -> tuple[Any, int, int, int]:
    """What both systems hold after a sync that nothing disturbs; its commits, CiviCRM requests and Airtable requests."""
    folder, url = place()
    with Scene(folder, url) as scene:
        life = victim.sync(scene.environment)
        assert life.states == ("done",), life
        return scene.systems(), life.commits, scene.civicrm.seen, scene.airtable.seen


def kill() -> bool:
    """The process that is running is dead."""
    os.kill(victim.LIVING[0], signal.SIGKILL)
    return True


def recovers(scene: Scene, expected: object, death: Death = victim.NEVER) -> None:
    """Die, run again, and hold the end state against that of a sync that did not die."""
    life = victim.sync(scene.environment, death)
    assert life.killed, life
    again = victim.sync(scene.environment, later=LATER)
    assert again.states == ("done",), again
    assert scene.systems() == expected
    with closing(scene.store()) as store:
        assert not store.journal.open("groups")
    links = scene.links()
    assert len({link.civicrm for link in links}) == len({link.airtable for link in links}) == len(links)


def test_a_sync_killed_at_any_step_of_its_state_ends_where_no_death_would_have(place: Place) -> None:
    expected, commits, _, _ = unkilled(place)
    assert commits > 8
    for commit in range(1, commits + 1):
        folder, url = place()
        with Scene(folder, url) as scene:
            recovers(scene, expected, Death(commit))
    print(f"killed at each of {commits} steps")  # noqa: T201  # the count is part of the proof


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("side", ["civicrm", "airtable"])
def test_a_sync_killed_at_any_request_ends_where_no_death_would_have(place: Place, side: str) -> None:
    expected, _, civicrm, airtable = unkilled(place)
    requests = civicrm if side == "civicrm" else airtable
    assert requests > 4
    for number in range(1, requests + 1):
        for before in (True, False):
            folder, url = place()
            with Scene(folder, url) as scene:
                app = scene.civicrm if side == "civicrm" else scene.airtable
                app.at, app.before, app.deed = number, before, kill
                recovers(scene, expected)
    print(f"killed at each of {requests} requests to {side}, before and after it")  # noqa: T201  # see above

"""Killed anywhere: a sync that dies at any commit or any request, then runs again, ends where no death would have ended.

At every step of the state in SQLite and in PostgreSQL; at every request in SQLite, and in PostgreSQL at one request of every
kind, by `make night` at every one. What is compared is everything the two systems hold, that nothing was made twice, and that
the journal has no open end.
"""

import datetime as dt
import os
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

import victim
from bridge.core.record import PerSide, Side
from scene import Place, Scene
from victim import Death

LATER = dt.timedelta(minutes=1)
BY_NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"


@dataclass(frozen=True)
class Unkilled:
    """What both systems hold after a sync that nothing disturbs, its commits, and what it asked of each side, in order."""

    systems: Any
    commits: int
    routes: PerSide[list[str]]


def unkilled(place: Place) -> Unkilled:
    """A sync that nothing disturbs."""
    with Scene(*place()) as scene:
        life = victim.sync(scene.environment)
        assert life.states == ("done",), life
        return Unkilled(scene.systems(), life.commits, PerSide(scene.civicrm.routes, scene.airtable.routes))


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


def killed_at(place: Place, unkilled: Unkilled, side: Side, number: int, *, before: bool) -> None:
    """Dead at this request of this side, before or after it was done, and then run again."""
    with Scene(*place()) as scene:
        app = scene.civicrm if side is Side.CIVICRM else scene.airtable
        app.at, app.before, app.deed = number, before, kill
        recovers(scene, unkilled.systems)


def test_a_sync_killed_at_any_step_of_its_state_ends_where_no_death_would_have(
    place: Place, proof: Callable[[str], None]
) -> None:
    whole = unkilled(place)
    assert whole.commits > 8
    for commit in range(1, whole.commits + 1):
        with Scene(*place()) as scene:
            recovers(scene, whole.systems, Death(commit))
    proof(f"killed at each of {whole.commits} steps")


@pytest.mark.parametrize("place", ["sqlite", "postgresql"] if BY_NIGHT else ["sqlite"], indirect=True)
@pytest.mark.parametrize("side", Side)
def test_a_sync_killed_at_any_request_ends_where_no_death_would_have(
    place: Place, side: Side, proof: Callable[[str], None]
) -> None:
    whole = unkilled(place)
    requests = len(whole.routes[side])
    assert requests > 4
    for number in range(1, requests + 1):
        for before in (True, False):
            killed_at(place, whole, side, number, before=before)
    proof(f"killed at each of {requests} requests to {side}, before and after it")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("side", Side)
def test_a_sync_killed_at_a_request_of_any_kind_ends_where_no_death_would_have(
    place: Place, side: Side, proof: Callable[[str], None]
) -> None:
    """The last of its kind, when it is done; a write also before that, when its intent stands and nothing else does."""
    whole = unkilled(place)
    last = {route: number for number, route in enumerate(whole.routes[side], 1)}
    writes = {route for route in last if "/update" in route or "/create" in route}
    assert writes
    for route, number in last.items():
        for before in (True, False) if route in writes else (False,):
            killed_at(place, whole, side, number, before=before)
    proof(f"killed at {', '.join(last)}, before and after {', '.join(sorted(writes))}")

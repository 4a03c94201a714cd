"""`bridge serve` as a process: the schedule fires, people ask, files change, and it ends when it is told to."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from bridge.sandbox.faults import Fault, FaultKind
from desk import Desk

TOKEN = "olga's own token"
SETTINGS = {
    "BRIDGE_WEB__PORT": "0",
    "BRIDGE_WEB__TOKENS": f"operator:olga:{hashlib.sha256(TOKEN.encode()).hexdigest()}",
    "BRIDGE_MODE": "observe",
}


@contextmanager
def serving(desk: Desk, **settings: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A process that serves, and somebody's client of it."""
    log = desk.folder / "serve.log"
    with (
        log.open("a") as file,
        subprocess.Popen(
            [sys.executable, "-m", "bridge", "serve"],
            env={"PATH": os.environ["PATH"], "HOME": str(desk.folder), **desk.environment, **SETTINGS, **settings},
            cwd=desk.folder,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            url = re.search(r"http://\S+", process.stdout.readline())
            assert url, log.read_text()
            with httpx.Client(base_url=url[0], headers={"Authorization": f"Bearer {TOKEN}"}) as client:
                yield process, client
        finally:
            process.kill()


def until(true: Callable[[], Any], seconds: float = 120) -> Any:
    """What `true` says once it says something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.25)
    raise AssertionError("it never came true")


def runs(client: httpx.Client) -> list[dict[str, Any]]:
    """The runs that have ended, the newest first."""
    return [each for each in client.get("/api/v1/runs").json() if each["state"] != "running"]


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """A desk whose mappings are swept every day, whatever day it is."""
    return schedule(desk, 'sweep: {at: "00:00"}')


def schedule(desk: Desk, when: str) -> Desk:
    for file in (desk.folder / "mappings").glob("*.yaml"):
        file.write_text(re.sub(r"(?m)^schedule:\n(  .*\n)+", f"schedule:\n  timezone: UTC\n  {when}\n", file.read_text()))
    return desk


def test_it_runs_by_the_schedule_answers_and_ends_when_told(desk: Desk) -> None:
    schedule(desk, "sync: {every: 1m}")
    with serving(desk) as (process, client):
        first = until(lambda: len(runs(client)) >= 2 and runs(client))
        assert {(each["mapping"], each["kind"], each["by"]) for each in first} == {
            ("benefits-groups", "delta", "schedule"),
            ("benefits-enrollees", "delta", "schedule"),
        }
        asked = client.post("/api/v1/syncs", json={"mapping": "benefits-groups"})
        assert asked.status_code == 202, asked.text
        told = [
            json.loads(line.removeprefix("data: "))
            for line in client.get(f"{asked.headers['Location']}/events", timeout=60).text.splitlines()
            if line.startswith("data: ")
        ]
        assert (told[-1]["state"], [each["kind"] for each in told[-1]["runs"]]) == ("done", ["sweep"])
        assert client.get("/readyz").json()["ready"]
        assert len(client.get("/api/v1/discrepancies").json()) > 0
        assert "bridge_runs_total" in client.get("/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    log = (desk.folder / "serve.log").read_text()
    assert "Traceback" not in log
    assert TOKEN not in log
    lines = [json.loads(each) for each in log.splitlines()]
    came, asked_to_go, went = (each for each in lines if each["event"] in ("serving", "told to stop", "stopped"))
    assert (came["event"], came["mode"]) == ("serving", "observe")
    assert sorted(came["mappings"]) == ["benefits-enrollees", "benefits-groups"]
    assert asked_to_go["event"] == "told to stop"
    assert (went["event"], went["run_ended"]) == ("stopped", True)


def test_a_restart_repeats_nothing_and_shows_the_same_numbers(desk: Desk) -> None:
    with serving(desk) as (process, client):
        before = until(lambda: len(runs(client)) >= 2 and runs(client))
        numbers = sorted(line for line in client.get("/metrics").text.splitlines() if line.startswith("bridge_discrepancies"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with serving(desk) as (_, client):
        time.sleep(1)
        assert runs(client) == before
        after = sorted(line for line in client.get("/metrics").text.splitlines() if line.startswith("bridge_discrepancies"))
        assert after == numbers


def test_a_sync_that_was_asked_for_outlives_its_process_and_a_retry_under_its_key_finds_it(desk: Desk) -> None:
    wish = {"json": {"mapping": "benefits-groups", "dry_run": True}, "headers": {"Idempotency-Key": "this morning"}}
    desk.box.servers.civicrm.faults.add(Fault(FaultKind.SLOW, seconds=5, times=1))
    with serving(desk) as (process, client):
        until(lambda: client.get("/api/v1/status").json().get("busy"))
        asked = client.post("/api/v1/syncs", **wish).json()
        assert asked["state"] == "waiting"
        process.kill()
        process.wait(20)
    with serving(desk) as (process, client), serving(desk) as (_, beside):
        done = until(lambda: (found := client.post("/api/v1/syncs", **wish).json())["finished_at"] and found)
        assert (done["id"], done["state"], [each["kind"] for each in done["runs"]]) == (asked["id"], "done", ["plan"])
        assert beside.post("/api/v1/syncs", **wish).json() == done
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with serving(desk) as (_, client):
        assert client.get(f"/api/v1/syncs/{asked['id']}").json() == done


def test_a_run_in_hand_is_ended_before_the_process_is(desk: Desk) -> None:
    desk.box.servers.civicrm.faults.add(Fault(FaultKind.SLOW, seconds=3, times=1))
    with serving(desk) as (process, client):
        until(lambda: client.get("/api/v1/status").json().get("busy"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    ended = desk.bridge("runs", "--json").json
    assert [each["state"] for each in ended] == ["done"]


def test_a_mapping_file_that_is_wrong_is_told_and_the_old_one_stays(desk: Desk) -> None:
    file = desk.folder / "mappings" / "benefits-groups.yaml"
    sound = file.read_text()
    with serving(desk) as (_, client):
        until(lambda: len(runs(client)) >= 2)
        file.write_text(sound.replace("entity: Organization", "entiti: Organization"))
        unready = until(lambda: (found := client.get("/readyz")).status_code == 503 and found)
        (wrong,) = (each for each in unready.json()["checks"] if not each["ok"])
        assert wrong["what"] == "mappings"
        assert "entiti" in wrong["problem"]
        asked = client.post("/api/v1/syncs", json={"mapping": "benefits-groups", "dry_run": True})
        done = until(lambda: (found := client.get(asked.headers["Location"]).json())["finished_at"] and found)
        assert done["state"] == "done"
        file.write_text(sound)
        until(lambda: client.get("/readyz").status_code == 200)


def test_a_port_that_is_taken_is_said_with_what_to_do(desk: Desk) -> None:
    with serving(desk) as (_, client):
        port = str(client.base_url.port)
        ended = desk.bridge("serve", **{**SETTINGS, "BRIDGE_WEB__PORT": port})
    assert ended.code == 2
    assert "BRIDGE_WEB__PORT" in ended.err


@pytest.mark.parametrize("word", ["Example:", "SIGTERM", "/readyz"])
def test_its_help_says_what_one_needs(desk: Desk, word: str) -> None:
    assert word in desk.bridge("serve", "--help").out

"""Runs the measurements, writes `benchmarks/results.json`, the pages and plots in `docs/`, and says which goals hold.

    python -m benchmarks --peers PYTHON [--quick | --large] [--only SECTION …] [--nightly]

Every figure that is compared comes from the same section of the same run: ratios mean something, single times do not.
Ends with 1 if a ratio is worse than the stored run's beyond noise, twice in a row; a missed goal is said, and is no failure.
"""

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import workload
from benchmarks.goals import goals, regressions
from benchmarks.growing import growing
from benchmarks.tables import page

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
RESULTS = HERE / "results.json"
EDITED = 0.005
"""The share of the pairs that somebody edits between two runs."""
PEERS = ("floor", "duckdb", "polars", "pandas", "datacompy", "csv-diff", "daff")
PEERS_OF_A_MILLION = ("floor", "duckdb", "polars")
NAMES = ("tf-idf", "recordlinkage", "splink")
POSTGRES = os.environ.get("BRIDGE_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    peers: str
    """The Python whose environment has the other tools."""
    engine: Sequence[int]
    times: int
    calls: Mapping[str, Sequence[str]]
    """What is said of each world whose requests are counted, and the words that make it."""
    similar: Sequence[int]
    state: Sequence[int]
    workers: Sequence[int]
    mappings: Sequence[int]
    alone: Sequence[int]
    """Sizes at which bridge's engine is measured without its peers."""


def extent(told: argparse.Namespace) -> Extent:
    """Three minutes, the usual half an hour, or with everything up to a million records."""
    if told.quick:
        return Extent(told.peers, [10_000], 1, _worlds((60, 500), 1_000), [10_000], [5_000], [900], [1, 5], [1_000])
    large = told.large
    return Extent(
        peers=told.peers,
        engine=[10_000, 100_000, 1_000_000] if large else [10_000, 100_000],
        times=3,
        calls=_worlds((375, 10_000), 72_000),
        similar=[10_000, 72_000],
        state=[10_000, 100_000, 1_000_000] if large else [10_000, 100_000],
        workers=[900, 9_000, 30_000] if large else [900, 9_000],
        mappings=[1, 10, 25, 50],
        alone=[1_000],
    )


def _worlds(federation: tuple[int, int], members: int) -> dict[str, list[str]]:
    coops, workers = federation
    return {
        f"{coops} co-ops, {workers:,} workers": [str(coops), str(workers)],
        f"{members:,} members of a union local": ["--members", str(members)],
    }


def main() -> None:
    """Measure, write, compare."""
    arguments = argparse.ArgumentParser(prog="benchmarks")
    size = arguments.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes and fewer repeats: under three minutes")
    size.add_argument("--large", action="store_true", help="up to a million records: hours, and 16 GB of memory")
    arguments.add_argument("--peers", required=True, help="the Python whose environment has the other tools (peers.lock)")
    arguments.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="measure only these anew")
    arguments.add_argument("--nightly", action="store_true", help="only compare with the stored run; write nothing")
    told = arguments.parse_args()
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    now = measure(told.only, extent(told))
    if regressions(before, now):
        now = {**now, **measure([each for each in SECTIONS if regressions(before, {each: now.get(each)})], extent(told))}
    slower = regressions(before, now)
    if not told.nightly:
        write({**{name: each for name, each in before.items() if name in SECTIONS}, **now}, told.peers)
    for goal in goals(now):
        print(f"{'holds ' if goal.holds else 'MISSED'} {goal}")
    print("\n".join(slower) or "No ratio is worse than in the stored run, beyond noise.")
    sys.exit(bool(slower))


def measure(sections: Sequence[str], wanted: Extent) -> dict[str, Any]:
    """These sections, each with when and on what it was measured."""
    found = {}
    for name in sections:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        load = os.getloadavg()[0]
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} at the start"
        measured = SECTIONS[name](wanted)
        found[name] = {"at": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC", "machine": machine, "measured": measured}
    return found


def write(results: dict[str, Any], peers: str) -> None:
    """Keep the results, and show them in the documentation."""
    results = {name: results[name] for name in SECTIONS if name in results}
    RESULTS.write_text(json.dumps({**results, "goals": [asdict(goal) for goal in goals(results)]}, indent=1) + "\n")
    (DOCS / "performance.md").write_text(page(results))
    if "growth" in results:
        (DOCS / "growth.md").write_text(growing(results["growth"]["measured"]))
        _output([peers, str(HERE / "plots.py"), str(RESULTS), str(DOCS / "growth")])


# ── the sections ──


def engine(wanted: Extent) -> dict[str, Any]:
    """Medians of every tool, interleaved so that what else the machine does meets them all."""
    with tempfile.TemporaryDirectory() as folder:
        return {str(keys): _engine(Path(folder), keys, wanted) for keys in wanted.engine}


def _engine(folder: Path, keys: int, wanted: Extent) -> dict[str, Figures]:
    workload.make(folder, keys)
    commands = _bridge(folder, keys)
    million = keys >= 1_000_000
    for tool in PEERS_OF_A_MILLION if million else PEERS:
        commands[tool] = lambda tool=tool: _told([wanted.peers, str(HERE / "peers.py"), tool, str(folder), str(keys)])  # type: ignore[misc]
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for _ in range(1 if million else wanted.times):
        for name, command in commands.items():
            began = time.perf_counter()
            figures = command()
            runs[name].append({**figures, "wall_seconds": time.perf_counter() - began})
    return {name: {key: statistics.median(each[key] for each in those) for key in those[0]} for name, those in runs.items()}


def _bridge(folder: Path, keys: int) -> dict[str, Callable[[], Figures]]:
    workload.make(folder, keys, edited=EDITED)
    return {
        "bridge": lambda: _ours("engine", str(folder), str(keys)),
        "bridge, again": lambda: _ours("engine", str(folder), str(keys), "--again", str(EDITED)),
        "bridge, unchanged": lambda: _ours("engine", str(folder), str(keys), "--again", "0.0"),
    }


def calls(wanted: Extent) -> dict[str, Any]:
    """The requests of whole runs."""
    return {of: _lines("calls", *words) for of, words in wanted.calls.items()}


def pace(_wanted: Extent) -> dict[str, Any]:
    """The limiter against Airtable's limit, alone and beside another program."""
    lines = _lines("pace")
    return {"alone": [each for each in lines if "work" in each], "shared": [each for each in lines if "work" not in each]}


def similar(wanted: Extent) -> dict[str, Any]:
    """Similar names, bridge and its peers on the same lists."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in map(str, wanted.similar):
            _output([sys.executable, "-m", "benchmarks.similar", folder, size, "--make"])
            found[size] = {"bridge": _ours("similar", folder, size)}
            for tool in NAMES:
                found[size][tool] = _told([wanted.peers, str(HERE / "names.py"), tool, folder, size])
    return found


def start(wanted: Extent) -> Figures:
    """Processor seconds of commands, of a bare typer command, and of the libraries alone, medians."""
    return _ours("quiet", str(max(3, wanted.times)))


def state(wanted: Extent) -> list[Figures]:
    """What the state costs, in SQLite and, where there is one, in PostgreSQL."""
    urls = ([], [POSTGRES])
    return [_ours("state", str(records), *url) for records in wanted.state for url in urls]


def growth(wanted: Extent) -> dict[str, Any]:
    """How the cost grows with records and with mappings."""
    with tempfile.TemporaryDirectory() as made:
        folder, alone = Path(made), {}
        for keys in (*wanted.alone, *wanted.engine):
            workload.make(folder, keys)
            alone[str(keys)] = {name: command() for name, command in _bridge(folder, keys).items()}
    return {
        "engine": alone,
        "records": [_ours("growth", "records", str(max(60, workers // 27)), str(workers)) for workers in wanted.workers],
        "mappings": [_ours("growth", "mappings", str(mappings), "60") for mappings in wanted.mappings],
    }


SECTIONS: dict[str, Callable[[Extent], Any]] = {
    "pace": pace,
    "calls": calls,
    "engine": engine,
    "similar": similar,
    "start": start,
    "state": state,
    "growth": growth,
}


# ── running a measurement ──


def _ours(module: str, *words: str) -> Figures:
    return _told([sys.executable, "-m", f"benchmarks.{module}", *words])


def _lines(module: str, *words: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in _output([sys.executable, "-m", f"benchmarks.{module}", *words]) if line.startswith("{")
    ]


def _told(command: Sequence[str]) -> Figures:
    told: Figures = json.loads(_output(command)[-1])
    return told


def _output(command: Sequence[str]) -> list[str]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip().splitlines()


if __name__ == "__main__":
    main()

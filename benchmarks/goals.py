"""What was measured, held against what was aimed at, and against the last stored run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NOISE = 1.25
"""How much worse a ratio may come out on a busy machine before it counts as slower."""

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal of this run: what was measured, and the bound it is held against."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.value:.2f} ({'≥' if self.at_least else '≤'} {self.bound:g})"

    @property
    def holds(self) -> bool:
        """Whether it is met."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def goals(results: Results) -> list[Goal]:
    """The goals that the sections of this run can judge."""
    judges = {
        "pace": _pace,
        "calls": _calls,
        "engine": _engine,
        "similar": _similar,
        "start": _start,
        "state": _state,
    }
    return [
        goal
        for name, judge in judges.items()
        if (section := results.get(name)) is not None
        for goal in judge(section["measured"])
    ]


def _pace(pace: Results) -> Iterator[Goal]:
    for work in ("reads", "writes"):
        runs = [each for each in pace["alone"] if each["work"] == work]
        calm = min(each["share"] for each in runs if each["jitter"] <= 0.01)
        yield Goal(f"{work} at up to 10 ms of jitter: share of Airtable's limit", calm, 0.94, at_least=True)
        worst = min(each["share"] for each in runs)
        yield Goal(f"{work} at the worst: share of Airtable's limit", worst, 0.8, at_least=True)
        yield Goal(f"{work}: 429s", sum(each["refused"] for each in runs), 0)
    yield Goal("beside another program: seconds until all is as before", max(each["after"] for each in pace["shared"]), 600)


def _calls(calls: Results) -> Iterator[Goal]:
    for of, runs in calls.items():
        for run in runs:
            what = f"{of}, {run['run']}"
            yield Goal(
                f"{what}: Airtable calls but those that check / fewest", (run["airtable"] - run["checked"]) / run["fewest"], 1.0
            )
            if run["run"] in _QUIET_DELTAS:
                yield Goal(f"{what}: Airtable calls", run["airtable"], 2)
                yield Goal(f"{what}: CiviCRM calls for each entity", run["civicrm"] / run["entities"], 3)


_QUIET_DELTAS = ("delta, nothing changed", "delta with a webhook, nothing changed")


def _engine(engine: Results) -> Iterator[Goal]:
    for size, tools in engine.items():
        ours = tools["bridge"]
        yield Goal(f"{size}: precision and recall", min(ours["precision"], ours["recall"]), 1.0, at_least=True)
        yield Goal(f"{size}: processor time / floor", _of(tools, "cpu_seconds", "floor"), 2.7)
        for name, bound in {"bridge, again": 0.85, "bridge, unchanged": 0.45}.items():
            if name in tools:  # a stored run may be of before it was measured
                ratio = tools[name]["cpu_seconds"] / tools["floor"]["cpu_seconds"]
                yield Goal(f"{size}, {name.removeprefix('bridge, ')}: processor time / floor", ratio, bound)
        faster = {"duckdb": 1.7, "polars": 1.9, "pandas": 5, "datacompy": 4} if size == "10000" else {}
        for tool, bound in faster.items():
            yield Goal(f"{size}: times faster than {tool}", 1 / _of(tools, "wall_seconds", tool), bound, at_least=True)
        less = {"100000": {"duckdb": 0.9, "polars": 0.55}, "1000000": {"duckdb": 0.95}}.get(size, {})
        for tool, bound in less.items():
            yield Goal(f"{size}: processor time / {tool}", _of(tools, "cpu_seconds", tool), bound)
        if size == "100000":
            yield Goal(f"{size}: memory MB", ours["memory_mb"], 170)
        if size == "1000000":
            yield Goal(f"{size}: wall time / duckdb", _of(tools, "wall_seconds", "duckdb"), 1.3)


def _of(tools: Results, what: str, tool: str) -> float:
    ratio: float = tools["bridge"][what] / tools[tool][what]
    return ratio


def _similar(similar: Results) -> Iterator[Goal]:
    for size, tools in similar.items():
        ours = tools["bridge"]
        yield Goal(f"similar names, {size}: processor seconds", ours["cpu_seconds"], 5)
        yield Goal(f"similar names, {size}: memory MB", ours["memory_mb"], 200)
        yield Goal(f"similar names, {size}: recall where 99.5 % are right", ours["sure"], 0.97, at_least=True)
        for tool, theirs in tools.items():
            if tool != "bridge":
                yield Goal(f"similar names, {size}: that recall / {tool}'s", ours["sure"] / theirs["sure"], 1.0, at_least=True)


def _start(start: Results) -> Iterator[Goal]:
    yield Goal("bridge --help / a bare typer command", start["bridge"] / start["typer"], 1.5)
    yield Goal("a quiet sync of one small mapping: processor seconds", start["sync"], 0.5)
    if "again" in start:
        yield Goal("the same in a process that has done one: processor seconds", start["again"], 0.5)


def _state(state: list[Results]) -> Iterator[Goal]:
    for each in state:
        of = f"state in {each['database']}, {each['records']:,}"
        yield Goal(f"{of}: rows grown per quiet run, but the run's own", each["grown_rows"], 0)
        yield Goal(f"{of}: commits a second, of which Airtable takes 5", each["commits_a_second"], 5, at_least=True)
        if "plain_seconds" in each:
            yield Goal(f"{of}: seconds to store / to write a plain file", each["store_seconds"] / each["plain_seconds"], 4.5)
            synced = each["commits_a_second"] / each["synced_lines_a_second"]
            yield Goal(f"{of}: commits / lines that a file syncs", synced, 0.9, at_least=True)


# ── against the stored run ──


def ratios(results: Results) -> dict[str, float]:
    """What does not depend on the machine, less being better: bridge against its peers of the same section."""
    found = {}
    for name, section in results.items():
        if section is None or name not in _RATIOS:
            continue
        found.update(_RATIOS[name](section["measured"]))
    return found


def _tools(of: str, sizes: Results) -> Iterator[tuple[str, float]]:
    for size, tools in sizes.items():
        for tool in tools:
            if not tool.startswith("bridge"):
                yield f"{of}, {size}: processor time / {tool}", _of(tools, "cpu_seconds", tool)


_RATIOS = {
    "pace": lambda pace: {
        f"{each['work']}, {each['latency']} s, {each['jitter']} s of jitter: limit / used": 1 / each["share"]
        for each in pace["alone"]
    },
    "calls": lambda calls: {
        f"{of}, {run['run']}: Airtable calls / fewest": run["airtable"] / run["fewest"]
        for of, runs in calls.items()
        for run in runs
    },
    "engine": lambda sizes: dict(_tools("reconciling", sizes)),
    "similar": lambda sizes: dict(_tools("similar names", sizes)),
    "start": lambda start: {
        "bridge --help / a bare typer command": start["bridge"] / start["typer"],
        "a quiet sync / a bare typer command": start["sync"] / start["typer"],
    },
}


def regressions(before: Results, now: Results) -> list[str]:
    """Ratios that got worse than in the stored run by more than noise, of those that both measured."""
    old = ratios({name: section for name, section in before.items() if name in _RATIOS})
    return [
        f"slower: {what} was {old[what]:.2f} and is {value:.2f}"
        for what, value in ratios(now).items()
        if what in old and value > old[what] * NOISE
    ]

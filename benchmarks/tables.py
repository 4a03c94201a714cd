"""The page of measurements, in Markdown."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.goals import Goal, goals

Figures = Mapping[str, float]


def page(results: Mapping[str, Any]) -> str:
    """The tables of all sections that were measured."""
    lines = [
        "# Measured",
        "",
        "Written by `make bench`; do not edit. Compare within one section only: the machine is shared, and single times mean",
        "little. How cost grows with records and mappings is [on a page of its own](growth.md).",
        "",
    ]
    for name, show in _SHOWN.items():
        if name in results:
            section = results[name]
            lines += [*show(section["measured"]), f"Measured {section['at']}: {section['machine']}.", ""]
    return "\n".join([*lines, *_goals(goals(results))])


def table(*rows: Sequence[object]) -> list[str]:
    """A table in Markdown, its first row the head."""
    head, *body = (f"| {' | '.join(map(str, row))} |" for row in rows)
    return [head, "|" + "---|" * len(rows[0]), *body, ""]


def _requests(calls: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    lines = [
        "## Requests",
        "",
        "A federation: `benefits-groups` and `benefits-enrollees` over one base, where a table shows discrepancies.",
        "A union local: `union-caucuses` and `union-contracts`. *Fewest*: one schema call, ceil(records / 100) pages of each",
        "table, ceil(changed records / 10) writes, read back from their own answers; in a delta one look at each table, the",
        "schema only if something changed, and what changed by the hundred with its partners. What stands on the table of",
        "discrepancies counts as records, too. *Checks* are the calls beyond that: for each hundred records to update, a list",
        "of what stands there now, for somebody may have edited them since they were pulled. They are promised, so they stay.",
        "",
    ]
    for of, runs in calls.items():
        rows = [
            (
                run["run"],
                run["airtable"],
                run["fewest"],
                run["checked"],
                run["civicrm"],
                run["entities"],
                f"{run['civicrm'] / run['entities']:.1f}",
                run["written"],
            )
            for run in runs
        ]
        head = ("run", "Airtable", "fewest", "checks", "CiviCRM", "its entities", "for each", "records written")
        lines += [f"### {of}", "", *table(head, *rows)]
    return lines


def _engine(sizes: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    return [line for size, tools in sizes.items() for line in _reconciling(size, tools)]


def _reconciling(size: str, tools: Mapping[str, Figures]) -> list[str]:
    floor = tools["floor"]["cpu_seconds"]
    rows = [
        (
            name,
            f"{each['cpu_seconds']:.2f}",
            f"{each['cpu_seconds'] / floor:.1f}",
            f"{each['wall_seconds']:.2f}",
            f"{each['memory_mb']:.0f}",
            f"{each['precision']:.3f}",
            f"{each['recall']:.3f}",
        )
        for name, each in tools.items()
    ]
    return [
        f"## Reconciling {int(size):,} keys",
        "",
        "Twenty fields, 97 % on both sides, 5 % of the pairs differing; pages of JSON to what differs. *floor*: the same pages",
        "decoded into typed structs of the mapped fields, and dropped. *again*: the run after the first, 0.5 % of the pairs",
        "edited; *unchanged*: nothing edited.",
        "",
        *table(("tool", "processor s", "/ floor", "wall s", "memory MB", "precision", "recall"), *rows),
    ]


def _pace(pace: Mapping[str, Any]) -> list[str]:
    head = ("work", "latency ms", "jitter ms", "in flight", "of the limit", "records/s", "429s")
    rows = [
        (
            each["work"],
            f"{each['latency'] * 1000:.0f}",
            f"{each['jitter'] * 1000:.0f}",
            each["in_flight"],
            f"{each['share']:.1%}",
            f"{each['share'] * (500 if each['work'] == 'reads' else 50 * 10 / 11):.0f}",
            each["refused"],
        )
        for each in pace["alone"]
    ]
    beside = [
        (f"{each['a_second']:g}", each["refused"], f"{each['share']:.0%}", f"{each['after']:.0f}") for each in pace["shared"]
    ]
    return [
        "## Pace",
        "",
        "bridge's own limiter against Airtable's limit as its page tells it: five requests in any second of one base, counted",
        "as they arrive; the sixth is refused, and everything for 30 s after it. By a simulated clock, so it does not hang on",
        "the machine. Each way takes half the latency and a half-normal jitter. Of every eleven requests that write, one reads",
        "the preconditions of a hundred records: 45 records/s use the limit up.",
        "",
        *table(head, *rows),
        "Beside another program that sends to the same base for ten minutes and knows nothing of bridge:",
        "",
        *table(
            ("it sends a second", "429s of bridge", "bridge's share of the limit", "seconds after its end until 90 %"), *beside
        ),
    ]


def _similar(sizes: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    rows = [
        (
            f"{int(size):,}",
            tool,
            f"{told['cpu_seconds']:.2f}",
            f"{told['cpu_seconds'] / tools['bridge']['cpu_seconds']:.1f}",
            f"{told['memory_mb']:.0f}",
            f"{told['precision']:.4f}",
            f"{told['recall']:.4f}",
            f"{told['sure']:.4f}",
        )
        for size, tools in sizes.items()
        for tool, told in tools.items()
    ]
    head = (
        "names a side",
        "tool",
        "processor s",
        "/ bridge",
        "memory MB",
        "precision",
        "recall",
        "recall where 99.5 % are right",
    )
    return [
        "## Similar names",
        "",
        "Made-up lists that share 85 % of their co-ops, the right one written by other hands. Every tool is given the same",
        "folded names, and that the state must be the same; what it finds is judged by pairs that are each other's best.",
        "Processor time is without the interpreter's start.",
        "",
        *table(head, *rows),
    ]


_STATE: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "database": ("database", str),
    "records": ("linked records", lambda each: f"{each:,.0f}"),
    "plain_seconds": ("in a plain file in s", lambda each: f"{each:.1f}"),
    "store_seconds": ("stored in s", lambda each: f"{each:.1f}"),
    "store_mb": ("MB for that", lambda each: f"{each:.0f}"),
    "marks_seconds": ("marks read in s", lambda each: f"{each:.1f}"),
    "load_seconds": ("all read in s", lambda each: f"{each:.1f}"),
    "bytes": ("MB on disk", lambda each: f"{each / 1e6:.0f}"),
    "memory_mb": ("MB of memory", lambda each: f"{each:.0f}"),
    "quiet_seconds": ("quiet run s", lambda each: f"{each:.1f}"),
    "grown_rows": ("rows it leaves", lambda each: f"{each:.0f}"),
    "grown_bytes": ("bytes it leaves", lambda each: f"{each:.0f}"),
    "commits_a_second": ("commits a second", lambda each: f"{each:.0f}"),
    "intents_a_second": ("writes a second", lambda each: f"{each:.0f}"),
    "synced_lines_a_second": ("lines a file syncs a second", lambda each: f"{each:.0f}"),
}
"""What was measured of the state, what it is called and how it is written."""


def _state(measures: Sequence[Mapping[str, Any]]) -> list[str]:
    known = {name: shown for name, shown in _STATE.items() if all(name in each for each in measures)}
    rows = [tuple(write(each[name]) for name, (_, write) in known.items()) for each in measures]
    return [
        "## State",
        "",
        "Four agreed cells for each link, and its marks: all that a run reads of a pair that has not changed. *In a plain",
        "file*: the same as lines of JSON, on the disk. *MB of memory* are of the whole process, with the plan that it stores",
        "and all that it reads back. A quiet run leaves its own line in the list of runs; *rows it leaves* are those beside",
        "it. A commit is one write's intent, on the disk before its request leaves; *writes* are committed by fifty.",
        "",
        *table([called for called, _ in known.values()], *rows),
    ]


def _start(start: Figures) -> list[str]:
    rows = [
        (what, f"{start[name]:.2f}", f"{start[name] / start['typer']:.1f}") for name, what in _COMMANDS.items() if name in start
    ]
    return ["## Start", "", *table(("command", "processor s", "/ typer"), *rows)]


_COMMANDS = {
    "typer": "a bare typer command, `--help`",
    "bridge": "`bridge --help`",
    "status": "`bridge status`",
    "libraries": "nothing but importing the libraries that a sync stands on",
    "sync": "a quiet `bridge sync` of one small mapping",
    "again": "the same in a process that has done one before, as in `bridge serve`",
}


def _goals(judged: Sequence[Goal]) -> list[str]:
    rows = [
        (goal.what, f"{goal.value:.2f}", f"{'≥' if goal.at_least else '≤'} {goal.bound:g}", "holds" if goal.holds else "missed")
        for goal in judged
    ]
    return ["## Goals", "", *table(("goal", "measured", "bound", ""), *rows)]


_SHOWN: Mapping[str, Callable[[Any], list[str]]] = {
    "calls": _requests,
    "pace": _pace,
    "engine": _engine,
    "similar": _similar,
    "start": _start,
    "state": _state,
}

"""The page on how cost grows, in Markdown, beside its plots."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import table

READ_A_SECOND = 500
TEAM_CALLS = 100_000
BASE_ROWS = {"Team": 50_000, "Business": 125_000, "Enterprise Scale": 500_000}
"""Records that a base holds at the most (Airtable's support article on workspace settings)."""

Figures = Mapping[str, float]


def growing(growth: Mapping[str, Any]) -> str:
    """All tables and what they lead to."""
    largest = max(growth["engine"], key=int)
    engine, most = growth["engine"][largest], max(growth["mappings"], key=lambda each: each["mappings"])
    one = min(growth["mappings"], key=lambda each: each["mappings"])
    return "\n".join(
        [
            "# How cost grows",
            "",
            "Written by `make bench`; do not edit. *Engine* is reconciling alone, from pages of JSON to a plan, of so many",
            "keys a side with twenty fields. *Sync* is a whole quiet `bridge sync` in a process of its own against the",
            "sandbox: both shipped mappings over more and more records, then more and more mappings over one table of 60 rows.",
            "",
            "![Processor time, memory and calls against records](growth/records.svg)",
            "",
            *table(("keys", "first: processor s", "first: MB", "again: processor s", "again: MB"), *_engine(growth["engine"])),
            *table(
                ("records", "sync: processor s", "MB", "Airtable calls", "CiviCRM calls"), *_syncs("records", growth["records"])
            ),
            "![Processor time, memory and calls against mappings](growth/mappings.svg)",
            "",
            *table(
                ("mappings", "sync: processor s", "MB", "Airtable calls", "CiviCRM calls"),
                *_syncs("mappings", growth["mappings"]),
            ),
            "## The next limit",
            "",
            *_limits(int(largest), engine, one, most),
        ]
    )


def _engine(sizes: Mapping[str, Mapping[str, Figures]]) -> list[Sequence[object]]:
    return [
        (
            f"{int(size):,}",
            *(
                f"{tools[name][what]:{form}}"
                for name in ("bridge", "bridge, again")
                for what, form in (("cpu_seconds", ".2f"), ("memory_mb", ".0f"))
            ),
        )
        for size, tools in sorted(sizes.items(), key=lambda each: int(each[0]))
    ]


def _syncs(by: str, runs: Sequence[Figures]) -> list[Sequence[object]]:
    return [
        (
            f"{each[by]:,}",
            f"{each['cpu_seconds']:.1f}",
            f"{each['memory_mb']:.0f}",
            each["airtable_calls"],
            each["civicrm_calls"],
        )
        for each in runs
    ]


def _limits(keys: int, engine: Mapping[str, Figures], one: Figures, most: Figures) -> list[str]:
    kilobytes = (engine["bridge"]["memory_mb"] - 60) * 1000 / keys
    minutes = engine["bridge"]["cpu_seconds"] * 1_000_000 / keys / 60
    bases = ", ".join(f"{plan} {rows:,}" for plan, rows in BASE_ROWS.items())
    found = {
        "Airtable's size": f"A base holds so many records: {bases}. A million are beyond every plan.",
        "Airtable's limit of requests": (
            f"{READ_A_SECOND} records a second, whatever the machine: a sweep of 50,000 takes {50_000 / READ_A_SECOND / 60:.1f}"
            f" minutes, of a million {1_000_000 / READ_A_SECOND / 60:.0f}. Reconciling a million takes {minutes:.1f} minutes"
            " of processor time, beside that."
        ),
        "Airtable's quota": (
            f"The Team plan's {TEAM_CALLS:,} calls a month are {TEAM_CALLS // 500} sweeps of 50,000 records: one every "
            f"{30 * 24 * 500 / TEAM_CALLS:.1f} hours. A quiet delta costs a few calls whatever the size."
        ),
        "Memory": (
            f"A run holds both sides, about {kilobytes:.1f} kB for each key of twenty fields: {kilobytes:.1f} GB for a million."
            " This is the first limit that is bridge's own."
        ),
        "Mappings": (
            f"They run one after another. {most['mappings']:.0f} over one table made {most['airtable_calls']:.0f} Airtable"
            f" calls and {most['civicrm_calls']:.0f} of CiviCRM, {one['mappings']:.0f} made {one['airtable_calls']:.0f} and "
            f"{one['civicrm_calls']:.0f}: they share what they read, and what is added is the table of discrepancies."
        ),
    }
    lines = [f"- **{name}.** {text}" for name, text in found.items()]
    return [*(line for each in lines for line in textwrap.wrap(each, 118, subsequent_indent="  ")), ""]

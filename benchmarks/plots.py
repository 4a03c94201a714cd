"""Draws how cost grows, as SVG; in the peers' environment, which has matplotlib.

python benchmarks/plots.py RESULTS FOLDER
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "bridge",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "axes.axisbelow": True,
        "legend.frameon": False,
        "axes.prop_cycle": mpl.cycler(color=["#0072b2", "#d55e00", "#009e73", "#555555"], marker=["o", "s", "^", "D"]),
        "lines.markersize": 4,
    }
)
from matplotlib import pyplot as plt  # noqa: E402  # after the backend is chosen
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, StrMethodFormatter  # noqa: E402

Line = tuple[str, Sequence[float], Sequence[float]]


def draw(path: Path, panels: Sequence[tuple[str, Sequence[Line]]], across: str, *, logarithmic: bool) -> None:
    """One row of panels, each a title and its lines."""
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3.1), layout="constrained")
    for axis, (title, lines) in zip(axes, panels, strict=True):
        for name, places, values in lines:
            axis.plot(places, values, label=name)
        axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axis.set_xlabel(across)
        if logarithmic:
            axis.set_xscale("log")
            axis.set_yscale("log")
            for which, marks in ((axis.xaxis, (1, 3)), (axis.yaxis, (1, 2, 5))):
                which.set_major_locator(LogLocator(subs=marks))
                which.set_minor_locator(NullLocator())
                which.set_major_formatter(FuncFormatter(_short))
        else:
            axis.set_ylim(bottom=0)
            axis.set_xlim(left=0)
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axis.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
    plt.close(figure)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def _short(value: float, _at: int) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def line(name: str, rows: Sequence[dict[str, Any]], across: str, what: str) -> Line:
    """One measure of several runs."""
    return name, [each[across] for each in rows], [each[what] for each in rows]


def main() -> None:
    """Draw both figures."""
    results, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    growth = results["growth"]["measured"]
    sizes = sorted(growth["engine"], key=int)
    keys = list(map(int, sizes))
    first, again = (
        [{"keys": key, **growth["engine"][size][name]} for key, size in zip(keys, sizes, strict=True)]
        for name in ("bridge", "bridge, again")
    )
    records, mappings = growth["records"], growth["mappings"]
    fewest = ("fewest Airtable calls", [each["records"] for each in records], [1 + each["records"] / 100 for each in records])
    state = [each for each in results.get("state", {"measured": []})["measured"] if each["database"] == "SQLite"]
    draw(
        folder / "records.svg",
        [
            (
                "Processor seconds",
                [
                    line("engine, first", first, "keys", "cpu_seconds"),
                    line("engine, again", again, "keys", "cpu_seconds"),
                    line("a whole sync", records, "records", "cpu_seconds"),
                    line("state, read back", state, "records", "load_seconds"),
                ],
            ),
            (
                "Memory, MB",
                [
                    line("engine, first", first, "keys", "memory_mb"),
                    line("engine, again", again, "keys", "memory_mb"),
                    line("a whole sync", records, "records", "memory_mb"),
                ],
            ),
            (
                "Calls of a sweep",
                [
                    line("Airtable", records, "records", "airtable_calls"),
                    line("CiviCRM", records, "records", "civicrm_calls"),
                    fewest,
                ],
            ),
        ],
        "records",
        logarithmic=True,
    )
    draw(
        folder / "mappings.svg",
        [
            ("Processor seconds", [line("a whole sync", mappings, "mappings", "cpu_seconds")]),
            ("Memory, MB", [line("a whole sync", mappings, "mappings", "memory_mb")]),
            (
                "Calls of a sweep",
                [
                    line("Airtable", mappings, "mappings", "airtable_calls"),
                    line("CiviCRM", mappings, "mappings", "civicrm_calls"),
                ],
            ),
        ],
        "mappings",
        logarithmic=False,
    )


if __name__ == "__main__":
    main()

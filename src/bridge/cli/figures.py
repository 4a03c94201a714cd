"""figures: counts, sums and waiting times over both systems, by month or by another cell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import screen
from bridge.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge figures dues-audit --to csv --out dues.csv`")(figures)


def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Mappings; all that have figures unless named.")] = None,
    to: Annotated[str, typer.Option(help="text, html or csv.")] = "text",
    out: Annotated[Path | None, typer.Option(help="The file to write; bridge-figures.html or .csv unless told.")] = None,
    language: Annotated[str | None, typer.Option(help="en or es.")] = None,
) -> None:
    """Count up what the mappings' `figures` ask for, from both systems as they stand. Nothing is written to either."""
    from bridge.app import App
    from bridge.app.figures import count, csv, page

    if to not in ("text", "html", "csv"):
        raise ConfigError(f"--to takes text, html or csv; found {to!r}.")
    with App.from_environment() as bridge:
        tables, spoken = count(bridge, names or []), bridge.reports.language(language)
        if to == "text":
            from bridge.web.figures import cells, heads, note

            for mapping, table in tables:
                typer.echo(spoken.text(table.figures.title))
                lines = [[each.key or "—", *cells(mapping, table, each.cells)] for each in table.lines]
                total = [spoken.say("All"), *cells(mapping, table, table.total.cells)]
                told = [f"  {said}" for said in (note(table, spoken),) if said]
                typer.echo("\n".join([*_aligned([heads(table, spoken), *lines, total]), *told]) + "\n")
            return
        file = out or Path(f"bridge-figures.{to}")
        if to == "html":
            screen.write_file(file, page(bridge, tables, spoken))
        else:
            screen.write_file(file, csv(tables, spoken), encoding="utf-8-sig")
        typer.echo(f"The figures are in {file}.")


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines in columns: the first to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    adjusted = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return ["  " + "  ".join(line) for line in adjusted]

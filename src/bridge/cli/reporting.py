"""report: tell staff, in Slack, as a page or as a CSV file."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import screen
from bridge.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge report --to html --out report.html --language es`")(report)


def report(
    to: Annotated[str, typer.Option(help="slack, html or csv.")] = "html",
    out: Annotated[Path | None, typer.Option(help="The file to write; bridge-report.html or .csv unless told.")] = None,
    preview: Annotated[bool, typer.Option(help="With --to slack: print the payload and draw it, post nothing.")] = False,
    language: Annotated[str | None, typer.Option(help="en or es.")] = None,
) -> None:
    """Report the discrepancies as they stand, from the ledger; neither system is asked."""
    from bridge.app import App

    if to not in ("slack", "html", "csv"):
        raise ConfigError(f"--to takes slack, html or csv; found {to!r}.")
    if preview and to != "slack":
        raise ConfigError("--preview goes with --to slack.")
    with App.from_environment(remotes=False) as bridge:
        if to == "slack" and preview:
            for payload, drawn in bridge.reports.previews(language):
                screen.as_json(payload)
                typer.echo(drawn)
        elif to == "slack":
            delivery = bridge.reports.send(language)
            typer.echo(f"{len(delivery.sent)} messages posted, {len(delivery.waiting)} wait, {len(delivery.failed)} failed.")
            for problem in delivery.problems:
                screen.explain_error(problem)
            raise typer.Exit(screen.FAILED if delivery.problems else screen.DONE)
        else:
            file = out or Path(f"bridge-report.{to}")
            if to == "html":
                screen.write_file(file, bridge.reports.page(language))
            else:
                screen.write_file(file, bridge.reports.csv(language), encoding="utf-8-sig")
            typer.echo(f"The report is in {file}.")

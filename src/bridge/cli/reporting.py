"""report: tell staff, in Slack, as a page or as a CSV file."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bridge.cli import screen
from bridge.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge report --to html --out report.html --language es`")(report)


def report(
    to: Annotated[str, typer.Option(help="slack, html, csv, airtable or civicrm.")] = "html",
    out: Annotated[Path | None, typer.Option(help="The file to write; bridge-report.html or .csv unless told.")] = None,
    preview: Annotated[bool, typer.Option(help="With --to slack: print the payload and draw it, post nothing.")] = False,
    language: Annotated[str | None, typer.Option(help="en or es.")] = None,
) -> None:
    """Report the discrepancies as they stand, from the ledger.

    To airtable or civicrm: brings the table or the activities that the mappings name up to date, and takes over what people
    wrote there. Otherwise neither system is asked.
    """
    from bridge.app import App

    if to not in ("slack", "html", "csv", "airtable", "civicrm"):
        raise ConfigError(f"--to takes slack, html, csv, airtable or civicrm; found {to!r}.")
    if preview and to != "slack":
        raise ConfigError("--preview goes with --to slack.")
    if to in ("airtable", "civicrm"):
        _to_boards(to)
    with App.from_environment(remotes=False) as bridge:
        if to == "slack" and preview:
            previews = bridge.reports.previews(language)
            for payload, drawn in previews:
                screen.as_json(payload)
                typer.echo(drawn)
            if not previews:
                typer.echo("Nothing is new, worse or resolved: nothing would be posted.")
        elif to == "slack":
            delivery = bridge.reports.send(language)
            typer.echo(f"{len(delivery.sent)} messages posted, {len(delivery.waiting)} wait, {len(delivery.failed)} failed.")
            for problem in {each.message: each for each in delivery.problems}.values():  # one cause may keep many messages
                screen.explain_error(problem)
            raise typer.Exit(screen.FAILED if delivery.problems else screen.DONE)
        else:
            file = out or Path(f"bridge-report.{to}")
            if to == "html":
                screen.write_file(file, bridge.reports.page(language))
            else:
                screen.write_file(file, bridge.reports.csv(language), encoding="utf-8-sig")
            typer.echo(f"The report is in {file}.")


def _to_boards(side: str) -> NoReturn:
    from bridge.app import App
    from bridge.core.record import Side

    with App.from_environment() as bridge:
        kept = bridge.boards.keep_all(Side(side))
    for mapping, each in kept.items():
        told = (
            f"{mapping}: {each.posted} written, {each.waiting} wait for the next time, {each.heard} words of people taken over."
        )
        typer.echo(told)
        for problem in each.problems:
            screen.explain_error(problem)
    raise typer.Exit(screen.FAILED if any(each.problems for each in kept.values()) else screen.DONE)

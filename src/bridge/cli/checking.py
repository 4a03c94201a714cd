"""check and doctor: find what is wrong before a run does."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import screen
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from bridge.app import App

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge check --live`")(check)
    app.command(epilog="Example: `bridge doctor`")(doctor)


def check(
    live: Annotated[
        bool, typer.Option(help="Hold every field and option against both live systems, and pin names to ids.")
    ] = False,
    repin: Annotated[
        bool, typer.Option(help="With --live: accept today's schema where it differs from the pinned one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the mapping files: the language, round trips, and their own examples."""
    from bridge.app import App

    with App.from_environment(remotes=live) as bridge:
        examples = bridge.run_examples()
        findings = bridge.check_live(repin=repin) if live else []
        if as_json:
            screen.as_json({"examples": examples, "findings": findings})
        else:
            _show(bridge, examples, findings, live=live)
        bad = any(each["failures"] for each in examples) or any(each["severity"] == "error" for each in findings)
    raise typer.Exit(screen.USAGE if bad else screen.DONE)


def _show(bridge: "App", examples: list[dict[str, Any]], findings: list[dict[str, Any]], *, live: bool) -> None:
    for mapping in bridge.mappings:
        mine = [each for each in examples if each["mapping"] == mapping.name]
        holding = sum(not each["failures"] for each in mine)
        typer.echo(
            f"{mapping.file}: {len(mapping.fields)} fields, {len(mapping.rules)} rules; {holding} of {len(mine)} examples hold"
        )
        for key in ("airtable", "civicrm"):
            if getattr(mapping.report, {"airtable": "airtable_table", "civicrm": "civicrm_activity_type"}[key]):
                typer.echo(f"  warning: {mapping.file}: `report.{key}` is read and not acted on yet; use Slack, HTML or CSV.")
        for each in mine:
            for failure in each["failures"]:
                typer.echo(f"  example “{each['name']}”: {failure}")
        for each in (each for each in findings if each["mapping"] == mapping.name):
            typer.echo(f"  {each['severity']}: {each['where']}: {each['message']} {each['hint']}".rstrip())
    if live and not findings:
        typer.echo("Both live systems have every field and option the mappings name.")


def doctor(as_json: JsonOption = False) -> None:
    """Look at everything a run needs and say what is wrong with its cure: settings, mappings, state, both systems, Slack."""
    from bridge.app import App

    try:
        with App.from_environment() as bridge:
            findings = bridge.diagnose()
    except BridgeError as error:
        findings = [{"what": "settings", "ok": False, "says": error.message, "next_step": error.next_step}]
    if as_json:
        screen.as_json(findings)
    else:
        for each in findings:
            typer.echo(f"{'ok  ' if each['ok'] else 'MEND'} {each['what']}: {each['says']}")
            if each["next_step"]:
                typer.echo(f"     next: {each['next_step']}")
    raise typer.Exit(screen.DONE if all(each["ok"] for each in findings) else screen.USAGE)

"""check and doctor: find what is wrong before a run does."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import screen
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.core.mapping import Mapping

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
    fix: Annotated[
        bool, typer.Option("--fix", help="With --live: write new names of tables, fields and options into the files.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the mapping files: the language, round trips, and their own examples."""
    from bridge.app import App
    from bridge.app.checks import coverage

    if fix and (not live or repin or as_json):
        raise ConfigError("--fix goes with --live, and neither with --repin nor with --json.", next_step="give `--live --fix`.")
    with App.from_environment(remotes=live) as bridge:
        if fix:
            _mend(bridge, yes=yes)
        examples = bridge.run_examples()
        left = coverage(bridge.mappings, bridge.clock().date())
        findings = bridge.check_live(repin=repin) if live else []
        if as_json:
            screen.as_json({"examples": examples, "coverage": left, "findings": findings})
        else:
            _show(bridge, examples, left, findings, live=live)
        bad = any(each["failures"] for each in examples) or any(each["severity"] == "error" for each in findings)
    raise typer.Exit(screen.USAGE if bad else screen.DONE)


def _mend(bridge: "App", *, yes: bool) -> None:
    """Show what would change in each file, ask, and write it; the check that follows is of the files as they are then."""
    from bridge.app.checks import mend, write

    mended = mend(bridge)
    if not mended:
        typer.echo("Nothing has another name than the files say.")
        return
    for each in mended:
        typer.echo(each.diff)
    screen.confirm(f"Write {', '.join(str(each.file) for each in mended)}?", yes=yes)
    for each in mended:
        write(each)
        typer.echo(f"Wrote {each.file}.")
    bridge.reload()


_Rows = list[dict[str, Any]]


def _show(bridge: "App", examples: _Rows, left: _Rows, findings: _Rows, *, live: bool) -> None:
    for mapping, uncovered in zip(bridge.mappings, left, strict=True):
        mine = [each for each in examples if each["mapping"] == mapping.name]
        holding = sum(not each["failures"] for each in mine)
        typer.echo(
            f"{mapping.file}: {len(mapping.fields)} fields, {len(mapping.rules)} rules; {holding} of {len(mine)} examples hold"
        )
        for place in _places(mapping):
            typer.echo(f"  discrepancies are shown in {place}; this is a report and done in observe too")
        for each in mine:
            typer.echo(f"  {'FAILS' if each['failures'] else 'holds'}: {each['name']}")
            for failure in each["failures"]:
                typer.echo(f"    {failure}")
        if any(each["failures"] for each in mine):
            typer.echo("    Why: `bridge explain --example NAME` shows it cell by cell.")
        _show_coverage(uncovered)
        for each in (each for each in findings if each["mapping"] == mapping.name):
            typer.echo(f"  {each['severity']}: {each['where']}: {each['message']} {each['hint']}".rstrip())
    if live and not findings:
        typer.echo("Both live systems have every field and option the mappings name.")


def _places(mapping: "Mapping") -> list[str]:
    """Where inside the two systems the mapping's discrepancies are written."""
    airtable, civicrm = mapping.report.airtable, mapping.report.civicrm
    return [
        *([f"Airtable's table `{airtable.table}`"] if airtable else []),
        *([f"CiviCRM's activities of type `{civicrm.type}`"] if civicrm else []),
    ]


def _show_coverage(left: dict[str, Any]) -> None:
    """What no example touches, a line for each kind."""
    values = [f"{field} ({', '.join(words)})" for field, words in left["values"].items()]
    for what, names in (("fields", left["fields"]), ("rules", left["rules"]), ("values", values)):
        if names:
            typer.echo(f"  no example touches the {what}: {', '.join(names)}")
    if not any((left["fields"], left["rules"], left["values"])):
        typer.echo("  the examples touch every field, rule and value")


def doctor(as_json: JsonOption = False) -> None:
    """Look at everything a run needs and say what is wrong with its cure: settings, mappings, state, both systems, Slack."""
    from bridge.app.doctor import diagnose

    findings = diagnose()
    if as_json:
        screen.as_json(findings)
    else:
        for each in findings:
            typer.echo(f"{'ok  ' if each['ok'] else 'MEND'} {each['what']}: {each['says']}")
            if each["next_step"]:
                typer.echo(f"     next: {each['next_step']}")
    raise typer.Exit(screen.DONE if all(each["ok"] for each in findings) else screen.USAGE)

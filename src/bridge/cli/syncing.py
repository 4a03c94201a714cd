"""plan, apply, sync, undo: the commands that reconcile."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.service.order import Result

Names = Annotated[list[str] | None, typer.Argument(help="Mappings, by name; all if none is given.")]
OneName = Annotated[str | None, typer.Argument(help="A mapping, by name; all if none is given.")]
RecordOption = Annotated[str | None, typer.Option(help="Only this record and its partner: civicrm:ID or airtable:rec….")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Detailed = Annotated[bool, typer.Option(help="Exit with 4 if there are changes or open discrepancies.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge plan benefits-groups --out plan.json`")(plan)
    app.command(epilog="Example: `bridge sync benefits-groups --record airtable:rec0123456789ABCD`")(sync)
    app.command(epilog="Example: `bridge apply plan.json`")(apply)
    app.command(epilog="Example: `bridge undo 42 --field phone`")(undo)


def plan(
    name: OneName = None,
    record: RecordOption = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen (as JSON unless told).")] = None,
    format_: Annotated[str, typer.Option("--format", help="text, json or html.")] = "",
    detailed_exitcode: Detailed = False,
) -> None:
    """Show what a sync would write and what it would tell, without writing anything anywhere."""
    from bridge.app import App
    from bridge.cli import plans
    from bridge.service.order import Kind

    chosen = format_ or ("json" if out else "text")
    if chosen not in ("text", "json", "html"):
        raise ConfigError(f"--format takes text, json or html; found {format_!r}.")
    with App.from_environment() as bridge:
        results = _run(bridge, [name] if name else [], Kind.PLAN, record)
        failed = plans.say_failures(results)
        made = [each for each in results if each.plan is not None]
        if made:
            plans.show(bridge, made, chosen, out)
    busy = any(each.plan and (each.plan.changes or each.plan.discrepancies) for each in results)
    raise typer.Exit(failed or (screen.SOMETHING_TO_SEE if detailed_exitcode and busy else screen.DONE))


def sync(
    names: Names = None,
    record: RecordOption = None,
    approve: Annotated[str | None, typer.Option(help="Apply the held plan of this digest (its first 12 digits do).")] = None,
    reject: Annotated[str | None, typer.Option(help="Reject the held plan of this digest: it is not asked for again.")] = None,
    delta: Annotated[bool, typer.Option(help="Pull only what changed since the last complete pull.")] = False,
    as_json: JsonOption = False,
    detailed_exitcode: Detailed = False,
) -> None:
    """Reconcile: pull both sides, compare, put right what the mappings allow, and tell the rest.

    It corrects the two systems only if both BRIDGE_MODE and the mapping's own mode say `correct`. Where the mapping's `report:`
    names a table or activities, what was found is shown there in any case.
    """
    from bridge.app import App
    from bridge.cli import plans
    from bridge.service.order import Kind

    if record and delta:
        raise ConfigError("--record and --delta exclude each other.", next_step="leave one of them out.")
    if reject:
        _reject(reject)
        return
    with App.from_environment() as bridge:
        if approve:
            results = [_approved(bridge, approve)]
        else:
            kind = Kind.RECORD if record else Kind.DELTA if delta else Kind.SWEEP
            results = _run(bridge, names or [], kind, record)
            for problem in bridge.tell():
                screen.explain_error(problem)
        if as_json:
            screen.as_json([plans.run_as_json(bridge, each) for each in results])
        else:
            for each in results:
                typer.echo(plans.summary(each))
        failed = plans.say_failures(results)
        busy = any(each.plan and (each.plan.changes or each.plan.discrepancies) for each in results)
    raise typer.Exit(failed or (screen.SOMETHING_TO_SEE if detailed_exitcode and busy else screen.DONE))


def apply(
    file: Annotated[Path, typer.Argument(help="A plan file made by `bridge plan --out`.")],
    as_json: JsonOption = False,
) -> None:
    """Apply exactly the plan of a file: every precondition is checked again, and a plan is used once."""
    from bridge.app import App
    from bridge.cli import plans

    digests = plans.digests_in(file)
    with App.from_environment() as bridge:
        results = [_approved(bridge, digest) for digest in digests]
        if as_json:
            screen.as_json([plans.run_as_json(bridge, each) for each in results])
        else:
            for each in results:
                typer.echo(plans.summary(each))
        failed = plans.say_failures(results)
    raise typer.Exit(failed or screen.DONE)


def undo(
    run: Annotated[int, typer.Argument(help="The run to take back, by number (see `bridge runs`).")],
    record: Annotated[str | None, typer.Option(help="Only this record: civicrm:ID or airtable:rec….")] = None,
    field: Annotated[str | None, typer.Option(help="Only this field of the mapping.")] = None,
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
) -> None:
    """Put back what a run wrote, where nobody has edited it since. Shows its plan first; itself a run that can be undone."""
    from bridge.app import App
    from bridge.cli import plans

    with App.from_environment() as bridge:
        prepared = bridge.prepare_undo(run, screen.side_and_id(record) if record else None, field)
        typer.echo(plans.undo_text(prepared))
        if not prepared.plan.changes:
            raise typer.Exit(screen.DONE)
        number = len(prepared.plan.changes)
        screen.confirm(f"Take back {number} change{'' if number == 1 else 's'} of run {run}?", yes=yes)
        result = bridge.undo(prepared)
        typer.echo(plans.summary(result))
        failed = plans.say_failures([result])
    raise typer.Exit(failed or screen.DONE)


def _reject(digest: str) -> None:
    from bridge.app import App
    from bridge.app.decisions import Decisions

    with App.from_environment(remotes=False) as bridge:
        mapping = Decisions(bridge, bridge.login).reject_plan(digest)
    typer.echo(f"Rejected. {mapping} asks for it again only if its plan differs.")


def _run(bridge: "App", names: Sequence[str], kind: object, record: str | None) -> "list[Result]":
    asked = screen.side_and_id(record) if record else None
    with screen.progress_bar() as progress:
        return bridge.run(names, kind, record=asked, progress=progress)  # type: ignore[arg-type]  # imported late


def _approved(bridge: "App", digest: str) -> "Result":
    with screen.progress_bar() as progress:
        return bridge.approve(digest, progress=progress)

"""runs, show, status, explain: the commands that only look."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli import screen
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.core.why import ExplainedField, ExplainedRule
    from bridge.ports import JournalEntry
    from bridge.service.explain import Explanation

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
MappingOption = Annotated[str | None, typer.Option("--mapping", help="Only this mapping.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge runs --limit 5`")(runs)
    app.command(epilog="Example: `bridge show 42`")(show)
    app.command(epilog="Example: `bridge status --json`")(status)
    app.command(epilog="Example: `bridge explain airtable:rec0123456789ABCD`")(explain)


def runs(
    mapping: MappingOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first."""
    from bridge.app import App
    from bridge.cli.plans import run_record

    with App.from_environment(remotes=False) as bridge:
        records = bridge.store.runs.list(mapping=mapping, limit=limit)
        if as_json:
            screen.as_json([run_record(each) for each in records])
            return
        if not records:
            typer.echo("No run yet. Next: bridge plan")
            return
        screen.table(
            "Runs",
            ("run", "mapping", "kind", "mode", "state", "started", "writes", "to see", "digest"),
            [
                (
                    each.id,
                    each.mapping,
                    each.kind,
                    each.mode,
                    each.state.value,
                    bridge.local_time(each.started_at),
                    each.counts.get("written", 0),
                    each.counts.get("discrepancies", 0),
                    (each.digest or "")[:12],
                )
                for each in records
            ],
            ids=("digest",),
        )


def show(run: Annotated[int, typer.Argument(help="The run's number.")], as_json: JsonOption = False) -> None:
    """Show one run: its plan as it was, and how every write ended."""
    from bridge.app import App
    from bridge.cli.plans import run_record, settled
    from bridge.ports import PlanState

    with App.from_environment(remotes=False) as bridge:
        record = bridge.store.runs.get(run)
        if record is None:
            raise ConfigError(f"There is no run {run}.", next_step="`bridge runs` lists them.")
        entries = bridge.store.journal.of_run(run)
        stored = bridge.store.plans.get(record.digest) if record.digest else None
        if as_json:
            plan = dict(stored.document) if stored else None
            screen.as_json({**run_record(record), "plan": plan, "writes": [_entry_json(each) for each in entries]})
            return
        typer.echo(f"Run {record.id} of {record.mapping}: {record.kind}, {record.mode}, {record.state.value}, by {record.by}")
        typer.echo(f"{bridge.local_time(record.started_at)} to {bridge.local_time(record.finished_at)}")
        if record.note:
            typer.echo(record.note)
        if record.counts.get("doubts_settled"):
            typer.echo(settled(record.counts["doubts_settled"]))
        for name, number in record.counts.items():
            typer.echo(f"  {name.replace('_', ' ')}: {number}")
        if stored is not None:
            typer.echo("")
            typer.echo(bridge.plan_text(stored.plan, record.mapping))
            if stored.plan.breaches and stored.state in (PlanState.APPLIED, PlanState.REJECTED):
                by = f" by {stored.approved_by}" if stored.approved_by else ""
                typer.echo(f"It was held, and {stored.state.value}{by} since: nobody is needed any more.")
        for each in entries:
            typer.echo(_entry_line(each))


def _entry_line(entry: "JournalEntry") -> str:
    change, outcome = entry.change, entry.outcome.value if entry.outcome else "open: in doubt"
    fields = ", ".join(cell.field for cell in entry.cells)
    detail = f" ({entry.detail})" if entry.detail else ""
    if entry.landed:
        detail += f"; written all the same: {', '.join(entry.landed)}"
    return f"  {change.side.title} {change.id or 'new'} {change.name}: {fields}: {outcome}{detail}"


def _entry_json(entry: "JournalEntry") -> dict[str, Any]:
    return {
        "side": entry.change.side.value,
        "id": entry.change.id,
        "name": entry.change.name,
        "fields": [cell.field for cell in entry.cells],
        "outcome": entry.outcome.value if entry.outcome else None,
        "landed": [cell.field for cell in entry.stands],
        "detail": entry.detail,
    }


def status(as_json: JsonOption = False) -> None:
    """Say how things stand: last and next runs, what is open, held or in doubt, and the API calls of this month."""
    import dataclasses

    from bridge.app import App
    from bridge.app.budget import budget_of, in_words, shown
    from bridge.service.schedule import Timetable

    with App.from_environment(remotes=False) as bridge:
        standing, timetable = bridge.standing(), Timetable(bridge.mappings)
        forecasts = budget_of(bridge).forecasts(bridge.mappings, timetable)
        following = [(duty, timetable.following(duty, bridge.clock())) for duty in timetable.duties]
        if as_json:
            schedule = [{**dataclasses.asdict(duty), "next": moment and moment.isoformat()} for duty, moment in following]
            screen.as_json({**standing, "schedule": schedule, "budget": [shown(each) for each in forecasts]})
            return
        for each in standing["mappings"]:
            last = each["last_run"]
            typer.echo(f"{each['mapping']} ({each['mode']})")
            typer.echo(f"  last run: {last['state']} at {last['started_at']}" if last else "  never run. Next: bridge plan")
            typer.echo(f"  last good run: {each['last_good'] or 'never'}")
            due = [f"{duty.work.value} {bridge.local_time(at)}" for duty, at in following if duty.mapping == each["mapping"]]
            typer.echo(f"  next by `bridge serve`: {', '.join(due) or 'none; it has no schedule'}")
            typer.echo(
                f"  open: {each['open']} (high: {each['high']}); in doubt: {each['in_doubt']}; held: {each['held'] or 'none'}"
            )
        for duty, at in following:
            if duty.mapping is None:
                typer.echo(f"next {duty.work.value}: {bridge.local_time(at)}")
        for each in standing["calls"]:
            cap = f" of {each['quota']}" if each["quota"] else ""
            blocked = f"; blocked until {each['blocked_until']}" if each["blocked_until"] else ""
            typer.echo(f"API calls in {each['month']}, {each['account']}: {each['used']}{cap}{blocked}")
        for forecast in forecasts:
            typer.echo(in_words(forecast))


def explain(
    record: Annotated[str | None, typer.Argument(help="civicrm:ID or airtable:rec….")] = None,
    mapping: MappingOption = None,
    example: Annotated[
        str | None,
        typer.Option("--example", help="Explain an example of the mapping files instead: its name, or how it begins."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a record or an example is as it is: both sides, the base, each field's verdict, what was written and told."""
    from bridge.app import App

    if (record is None) == (example is None):
        raise ConfigError("What is to be explained?", next_step="give either SIDE:ID, or --example and its name.")
    if example is not None:
        _explain_example(example, mapping, as_json=as_json)
        return
    with App.from_environment() as bridge:
        explanations = bridge.explain(screen.side_and_id(record or ""), mapping)
        if as_json:
            screen.as_json([_explanation_json(each) for each in explanations])
            return
        for each in explanations:
            _show_explanation(bridge, each)


def _explain_example(name: str, mapping: str | None, *, as_json: bool) -> None:
    """Run one example and show each cell with the reason of its verdict, and each rule with its answers."""
    import dataclasses

    from bridge.app import App
    from bridge.app.checks import find_example
    from bridge.core.why import explain_pair, explain_rules

    with App.from_environment(remotes=False) as bridge:
        of, ran = find_example(bridge.named([mapping] if mapping else []), name, bridge.clock().date())
    fields, rules = explain_pair(of, ran.pair, ran.bases), explain_rules(of, ran.pair, ran.today)
    if as_json:
        cells = [dataclasses.asdict(each) for each in fields]
        asked = [{"rule": each.rule, "told": each.told, "asked": each.asked} for each in rules]
        screen.as_json(
            {"mapping": of.name, "name": ran.example.name, "failures": ran.failures, "fields": cells, "rules": asked}
        )
        return
    typer.echo(f"“{ran.example.name}”, an example of {of.file}, on {ran.today}: {'FAILS' if ran.failures else 'holds'}")
    for failure in ran.failures:
        typer.echo(f"  {failure}")
    _show_cells(fields)
    _show_rules(rules)


def _show_cells(fields: "Sequence[ExplainedField]") -> None:
    """Each field that holds anything, and how many do not."""
    empty = [each for each in fields if {each.civicrm, each.airtable} <= {"", "—"} and each.base in ("", "—", "never agreed")]
    for each in (each for each in fields if each not in empty):
        sides = [f"{title} {cell}" for title, cell in (("CiviCRM", each.civicrm), ("Airtable", each.airtable)) if cell]
        agreed = [f"last agreed {each.base}"] if each.base not in ("", "never agreed") else []
        typer.echo(f"  {each.field}: {' · '.join([*sides, *agreed])}")
        typer.echo(f"    {each.verdict.replace('_', ' ')}" + (f": {each.why}" if each.why else ", for rules"))
        for label, what in (("would write", each.writes), ("told as", each.code)):
            if what:
                typer.echo(f"    {label} {what}")
    if empty:
        typer.echo(f"  blank on both sides: {', '.join(each.field for each in empty)}")


def _show_rules(rules: "Sequence[ExplainedRule]") -> None:
    words = {True: "yes", False: "no", None: "unknown: the cell cannot be read"}
    for each in rules:
        typer.echo(f"  rule {each.rule}: {'told' if each.told else 'not told'}")
        for question, answer in each.asked:
            typer.echo(f"    {question}? {words[answer]}")


def _show_explanation(bridge: "App", each: "Explanation") -> None:
    typer.echo(f"{each.name}, by the mapping {each.mapping}")
    for side, address in each.addresses:
        typer.echo(f"  {side.title}: {each.ids[side] or 'no partner'}" + (f"  {address}" if address else ""))
    typer.echo(f"  matched: {each.how or 'no'}")
    screen.table(
        "Fields",
        ("field", "CiviCRM", "Airtable", "last agreed", "verdict", "would write", "code"),
        [(f.field, f.civicrm, f.airtable, f.base, f.verdict, f.writes, f.code) for f in each.fields],
    )
    for field in each.fields:
        if field.why and field.verdict != "agreed":
            typer.echo(f"  {field.field}: {field.why}")
    for entry in each.discrepancies:
        typer.echo(f"  {entry.discrepancy.code} {entry.state.value}: {bridge.sentence(each.mapping)(entry.discrepancy)}")
    for written in each.journal[:20]:
        typer.echo(f"  {bridge.local_time(written.intent_at)} run {written.run}:{_entry_line(written)}")


def _explanation_json(each: "Explanation") -> dict[str, Any]:
    import dataclasses

    return {
        "mapping": each.mapping,
        "name": each.name,
        "civicrm_id": each.ids.civicrm,
        "airtable_id": each.ids.airtable,
        "how": each.how,
        "fields": [dataclasses.asdict(field) for field in each.fields],
        "discrepancies": [entry.discrepancy.fingerprint for entry in each.discrepancies],
        "writes": [_entry_json(entry) for entry in each.journal],
    }

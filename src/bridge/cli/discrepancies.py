"""discrepancies: list, show, and a person's word on them."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.app.decisions import Word
    from bridge.core.ledger import Entry, Event

app = typer.Typer(no_args_is_help=True, help="See what a person must see, and say what is to become of it.")

_STATES = ("open", "snoozed", "accepted", "resolved")
_SEVERITIES = ("low", "medium", "high")

Key = Annotated[str, typer.Argument(help="The discrepancy's number, or its fingerprint.")]
Note = Annotated[str, typer.Option(help="A remark that stays with it.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; your login unless told.")]
MappingOption = Annotated[str | None, typer.Option("--mapping", help="Only this mapping.")]
StateOption = Annotated[str | None, typer.Option("--state", help="open, snoozed, accepted or resolved.")]
CodeOption = Annotated[int | None, typer.Option("--code", help="Only this code, such as 204.")]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only this rule of a mapping.")]
SeverityOption = Annotated[str | None, typer.Option("--severity", help="low, medium or high.")]
AssigneeOption = Annotated[str | None, typer.Option("--assignee", help="Only what is in these hands; `none` for nobody's.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
LanguageOption = Annotated[str | None, typer.Option("--language", help="en or es.")]


@app.command("list", epilog="Example: `bridge discrepancies list --severity high --assignee none`")
def list_(
    mapping: MappingOption = None,
    state: StateOption = None,
    code: CodeOption = None,
    rule: RuleOption = None,
    severity: SeverityOption = None,
    assignee: AssigneeOption = None,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List discrepancies: the open ones, or those of a state."""
    from bridge.app import App

    wanted = _wanted(state=state, code=code, rule=rule, severity=severity, assignee=assignee)
    with App.from_environment(remotes=False) as bridge:
        entries = bridge.store.ledger.list(mapping=mapping, state=state or (None if as_json else "open"), code=code)
        rows = bridge.ledger_rows([each for each in entries if wanted(each)], language)
        if as_json:
            screen.as_json(rows)
            return
        if not rows:
            typer.echo("Nothing is open.")
            return
        screen.table(
            f"{len(rows)} discrepancies",
            ("no.", "code", "severity", "days", "who", "what"),
            [(each["id"], each["code"], each["severity"], each["days"], each["name"], each["text"]) for each in rows],
        )


@app.command(epilog="Example: `bridge discrepancies show 17`")
def show(key: Key, language: LanguageOption = None, as_json: JsonOption = False) -> None:
    """Show one discrepancy whole: what, since when, what to do, and what happened to it."""
    from bridge.app import App
    from bridge.app.decisions import Decisions

    with App.from_environment(remotes=False) as bridge:
        entry = Decisions(bridge, bridge.login).entry(key)
        events = bridge.store.ledger.events(fingerprint=entry.fingerprint)
        row = bridge.ledger_rows([entry], language)[0]
        if as_json:
            history = [
                {"what": each.happened.value, "at": each.at.isoformat(), "by": each.by, "note": each.note} for each in events
            ]
            screen.as_json({**row, "history": history})
            return
        speak = bridge.language(language)
        sentence = speak.discrepancy(entry, bridge.mapping_named(entry.discrepancy.mapping))
        typer.echo(
            f"{row['id']}  {row['code']} {row['rule'] or ''}  {row['severity']}, {row['state']}, {speak.age(row['days'])}"
        )
        typer.echo(sentence.what)
        typer.echo(sentence.do)
        for side, shown in entry.discrepancy.shown:
            if shown is not None:
                typer.echo(f"  {side.title}: {shown}")
        for side, native in entry.discrepancy.ids:
            if native is not None:
                typer.echo(f"  {side.title} record: {native}  {bridge.address(entry.discrepancy.mapping, side, native) or ''}")
        for each in events:
            typer.echo(f"  {bridge.local_time(each.at)} {each.happened.value} by {each.by} {each.note}".rstrip())


@app.command(epilog="Example: `bridge discrepancies assign 17 maria`")
def assign(
    key: Key,
    assignee: Annotated[str | None, typer.Argument(help="A role or person; without one it is nobody's again.")] = None,
    note: Note = "",
    by: By = None,
) -> None:
    """Put a discrepancy into somebody's hands, or out of everybody's."""
    from bridge.core import ledger

    _say(key, by, lambda entry, who, at: ledger.assign(entry, assignee, by=who, at=at, note=note))


@app.command(epilog="Example: `bridge discrepancies snooze 17 --until 2026-12-24`")
def snooze(
    key: Key,
    until: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day it is heard again.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=366, help="Silent for so many days.")] = None,
    note: Note = "",
    by: By = None,
) -> None:
    """Silence a discrepancy until a day, or (without one) until its facts change."""
    from bridge.core import ledger

    if until and days:
        raise ConfigError("--until and --days exclude each other.", next_step="leave one of them out.")

    def word(entry: "Entry", who: str, at: dt.datetime) -> "tuple[Entry, Event]":
        day = until.date() if until else at.date() + dt.timedelta(days=days) if days else None
        return ledger.snooze(entry, day, by=who, at=at, note=note)

    _say(key, by, word)


@app.command(epilog="Example: `bridge discrepancies accept 17 --reason agreed_exception --note 'board decision'`")
def accept(
    key: Key,
    reason: Annotated[str, typer.Option(help="Why it may stand; a wrong one lists them.")],
    note: Note = "",
    by: By = None,
) -> None:
    """Let a discrepancy stand as it is, for a reason, until its facts change."""
    from bridge.core import ledger

    known = [each.value for each in ledger.Reason]
    if reason not in known:
        raise ConfigError(f"--reason takes {', '.join(known)}; found {reason!r}.")
    _say(key, by, lambda entry, who, at: ledger.accept(entry, ledger.Reason(reason), by=who, at=at, note=note))


@app.command(epilog="Example: `bridge discrepancies reopen 17`")
def reopen(key: Key, note: Note = "", by: By = None) -> None:
    """Open a snoozed or accepted discrepancy again."""
    from bridge.core import ledger

    _say(key, by, lambda entry, who, at: ledger.reopen(entry, by=who, at=at, note=note))


@app.command(epilog="Example: `bridge discrepancies use 17 --side airtable`")
def use(
    key: Key,
    side: Annotated[str, typer.Option(help="The system whose value is right: civicrm or airtable.")],
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
    by: By = None,
) -> None:
    """Say which system's value is right: shows the plan that writes it to the other one, asks, and carries it out.

    One record and one field, through the same guard and journal as a sync; `bridge undo` takes it back.
    """
    from bridge.app import App
    from bridge.app.decisions import Decisions
    from bridge.cli import plans
    from bridge.core.record import Side

    if side not in list(Side):
        raise ConfigError(f"--side takes civicrm or airtable; found {side!r}.")
    with App.from_environment() as bridge:
        decisions = Decisions(bridge, by or bridge.login)
        stamp = decisions.entry(key).stamp
        planned = decisions.choose(key, Side(side), stamp=stamp, dry_run=True)
        if failed := plans.say_failures([planned]):
            raise typer.Exit(failed)
        plans.show(bridge, [planned], "text", None)
        screen.confirm(f"Write {Side(side).title}'s value to {Side(side).other.title}?", yes=yes)
        result = decisions.choose(key, Side(side), stamp=stamp)
        for problem in bridge.tell():
            screen.explain_error(problem)
        typer.echo(plans.summary(result))
        failed = plans.say_failures([result])
    raise typer.Exit(failed or screen.DONE)


@app.command(epilog="Example: `bridge discrepancies comment 17 'she is on leave until Monday'`")
def comment(key: Key, note: Annotated[str, typer.Argument(help="The remark.")], by: By = None) -> None:
    """Leave a remark that stays with a discrepancy, whatever its state."""
    from bridge.core import ledger

    _say(key, by, lambda entry, who, at: ledger.comment(entry, note, by=who, at=at))


@app.command(epilog="Example: `bridge discrepancies export --out discrepancies.csv --language es`")
def export(
    out: Annotated[Path, typer.Option(help="The CSV file to write.")] = Path("discrepancies.csv"),
    mapping: MappingOption = None,
    state: StateOption = None,
    code: CodeOption = None,
    rule: RuleOption = None,
    severity: SeverityOption = None,
    assignee: AssigneeOption = None,
    language: LanguageOption = None,
) -> None:
    """Write discrepancies to a CSV file that a spreadsheet opens safely."""
    from bridge.app import App

    wanted = _wanted(mapping=mapping, state=state, code=code, rule=rule, severity=severity, assignee=assignee)
    with App.from_environment(remotes=False) as bridge:
        screen.write_file(out, bridge.reports.csv(language, wanted), encoding="utf-8-sig")
    typer.echo(f"The discrepancies are in {out}.")


def _wanted(
    *,
    state: str | None,
    code: int | None,
    rule: str | None,
    severity: str | None,
    assignee: str | None,
    mapping: str | None = None,
) -> "Callable[[Entry], bool]":
    """Whether an entry is meant by the filters given. Raises ConfigError for a state or severity that is none."""
    for option, given, known in (("--state", state, _STATES), ("--severity", severity, _SEVERITIES)):
        if given is not None and given not in known:
            raise ConfigError(f"{option} takes {', '.join(known[:-1])} or {known[-1]}; found {given!r}.")

    def wanted(entry: "Entry") -> bool:
        found = entry.discrepancy
        return (
            mapping in (None, found.mapping)
            and state in (None, entry.state.value)
            and code in (None, found.code)
            and rule in (None, found.rule)
            and severity in (None, found.severity.value)
            and assignee in (None, entry.assignee or "none")
        )

    return wanted


def _say(key: str, by: str | None, word: "Word") -> None:
    from bridge.app import App
    from bridge.app.decisions import Decisions

    with App.from_environment(remotes=False) as bridge:
        entry = Decisions(bridge, by or bridge.login).say(key, word)
        typer.echo(f"{entry.id} is {entry.state.value}" + (f", in the hands of {entry.assignee}." if entry.assignee else "."))

"""discrepancies: list, show, and a person's word on them."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.core.ledger import Entry, Event

app = typer.Typer(no_args_is_help=True, help="See what a person must see, and say what is to become of it.")

Key = Annotated[str, typer.Argument(help="The discrepancy's number, or its fingerprint.")]
Note = Annotated[str, typer.Option(help="A remark that stays with it.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; your login unless told.")]
MappingOption = Annotated[str | None, typer.Option("--mapping", help="Only this mapping.")]
StateOption = Annotated[str | None, typer.Option("--state", help="open, snoozed, accepted or resolved.")]
CodeOption = Annotated[int | None, typer.Option("--code", help="Only this code, such as 204.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
LanguageOption = Annotated[str | None, typer.Option("--language", help="en or es.")]


@app.command("list", epilog="Example: `bridge discrepancies list --code 204 --json`")
def list_(
    mapping: MappingOption = None,
    state: StateOption = None,
    code: CodeOption = None,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List discrepancies: the open ones, or those of a state."""
    from bridge.app import App

    if state not in (None, "open", "snoozed", "accepted", "resolved"):
        raise ConfigError(f"--state takes open, snoozed, accepted or resolved; found {state!r}.")
    with App.from_environment(remotes=False) as bridge:
        entries = bridge.store.ledger.list(mapping=mapping, state=state or (None if as_json else "open"), code=code)
        rows = bridge.ledger_rows(entries, language)
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

    with App.from_environment(remotes=False) as bridge:
        entry = _entry(bridge, key)
        events = bridge.store.ledger.events(fingerprint=entry.fingerprint)
        row = bridge.ledger_rows([entry], language)[0]
        if as_json:
            history = [
                {"what": each.happened.value, "at": each.at.isoformat(), "by": each.by, "note": each.note} for each in events
            ]
            screen.as_json({**row, "history": history})
            return
        sentence = bridge.language(language).discrepancy(entry, bridge.mapping_named(entry.discrepancy.mapping))
        typer.echo(f"{row['id']}  {row['code']} {row['rule'] or ''}  {row['severity']}, {row['state']}, {row['days']} days")
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
    key: Key, assignee: Annotated[str, typer.Argument(help="A role or person.")], note: Note = "", by: By = None
) -> None:
    """Put a discrepancy into somebody's hands."""
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
    """Open a snoozed or accepted discrepancy again; one that was taken back (208) may then be written again."""
    from bridge.core import ledger

    _say(key, by, lambda entry, who, at: ledger.reopen(entry, by=who, at=at, note=note))


@app.command(epilog="Example: `bridge discrepancies export --out discrepancies.csv --language es`")
def export(
    out: Annotated[Path, typer.Option(help="The CSV file to write.")] = Path("discrepancies.csv"),
    mapping: MappingOption = None,
    state: StateOption = None,
    language: LanguageOption = None,
) -> None:
    """Write discrepancies to a CSV file that a spreadsheet opens safely."""
    from bridge.app import App

    with App.from_environment(remotes=False) as bridge:
        screen.write_file(out, bridge.reports.csv(language, mapping=mapping, state=state), encoding="utf-8-sig")
    typer.echo(f"The discrepancies are in {out}.")


def _entry(bridge: "App", key: str) -> "Entry":
    entry = bridge.store.ledger.get(key)
    if entry is None:
        raise ConfigError(
            f"There is no discrepancy {key}.", next_step="`bridge discrepancies list` lists them with their numbers."
        )
    return entry


def _say(key: str, by: str | None, word: "Callable[[Entry, str, dt.datetime], tuple[Entry, Event]]") -> None:
    from bridge.app import App

    with App.from_environment(remotes=False) as bridge:
        entry, event = word(_entry(bridge, key), by or bridge.login, bridge.clock())
        bridge.store.ledger.save([entry], [event])
        typer.echo(f"{entry.id} is {entry.state.value}" + (f", in the hands of {entry.assignee}." if entry.assignee else "."))

"""init: draft a mapping from both live systems."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen
from bridge.errors import BridgeError, ConfigError, UnexpectedAnswer

if TYPE_CHECKING:
    from bridge.airtable.schema import Table
    from bridge.app import App
    from bridge.app.drafting import Drafted
    from bridge.core.mapping import Mapping
    from bridge.core.plan import Plan

ENTITIES = ("Organization", "Individual", "Household", "Membership", "Contribution")
_OF_PEOPLE = ("first name", "last name", "birth date", "nombre", "apellido")
_MOST_FIELDS = 6


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge init --entity Organization --table Groups`")(init)


def init(
    entity: Annotated[str | None, typer.Option(help="The CiviCRM entity: Organization, Individual, Membership, …")] = None,
    base: Annotated[str | None, typer.Option(help="The Airtable base, by its alias in the settings.")] = None,
    table: Annotated[str | None, typer.Option(help="The Airtable table, by name.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write, which names the mapping; never overwritten.")] = None,
    rows: Annotated[int, typer.Option(min=20, max=10_000, help="How many Airtable rows to look at.")] = 500,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Draft a mapping: look at both schemas and a sample of both sides, pair what belongs together, and write it with evidence.

    It ends by checking the draft against both systems and planning a run of it. Nothing is written to either system.
    """
    from bridge.app import App
    from bridge.app.drafting import Place, bases, draft, tables

    asks = sys.stdin.isatty() and not yes
    with App.from_environment() as bridge:
        base = base or _choose("Which Airtable base", "--base", bases(bridge), asks=asks)
        there = tables(bridge, base)
        table = table or _choose("Which table", "--table", [each.name for each in there], asks=asks)
        entity = entity or _choose("Which CiviCRM entity", "--entity", ENTITIES, asks=asks, default=_guessed(there, table))
        file = _file(bridge, out, table)
        with screen.progress_bar() as progress, _known(entity):
            drafted = draft(bridge, Place(entity=entity, base=base, table=table), rows=rows, progress=progress)
        _show(drafted)
        if asks and not typer.confirm(f"Write {file}?", default=True):
            typer.echo("Nothing was written.")
            raise typer.Exit(screen.DONE)
        _write(bridge, drafted, file)
        raise typer.Exit(_try_it(bridge, file))


def _choose(question: str, option: str, choices: Sequence[str], *, asks: bool, default: str | None = None) -> str:
    """The only choice, or the one a person names. Raises ConfigError where nobody can be asked."""
    if len(choices) == 1:
        return choices[0]
    if not asks:
        raise ConfigError(f"{question} is meant?", next_step=f"give {option}; there are: {', '.join(choices)}.")
    for number, choice in enumerate(choices, 1):
        typer.echo(f"  {number}  {choice}")
    answer = str(typer.prompt(f"{question} (number or name)", default=default)).strip()
    if answer.isdigit() and 1 <= int(answer) <= len(choices):
        return choices[int(answer) - 1]
    return answer


@contextmanager
def _known(entity: str) -> Iterator[None]:
    """CiviCRM answers for an entity that it does not know as if it were broken: say what is more likely."""
    try:
        yield
    except UnexpectedAnswer as error:
        if entity in ENTITIES:
            raise
        from bridge.config.problems import suggest

        raise ConfigError(
            f"CiviCRM may not know the entity `{entity}`: {error.message}",
            next_step=suggest(entity, ENTITIES, kind="Give another --entity, such as"),
        ) from error


def _guessed(tables: "Iterable[Table]", table: str) -> str:
    """People, where the columns are those of people."""
    columns = {column.name.casefold() for each in tables if each.name == table for column in each.columns}
    return "Individual" if columns & set(_OF_PEOPLE) else "Organization"


def _file(bridge: "App", out: Path | None, table: str) -> Path:
    """Where the draft goes. Raises ConfigError where a file is there, or its name cannot be a mapping's."""
    import re

    from bridge.config.scalars import SLUG
    from bridge.config.written import slug

    folder = bridge.settings.mappings
    file = out or (folder.parent if folder.is_file() else folder) / f"{slug(table, '-')}.yaml"
    if file.suffix != ".yaml" or re.fullmatch(SLUG, file.stem) is None:
        raise ConfigError(
            f"{file}: expected a name of lower-case letters, digits and hyphens that ends in .yaml.",
            next_step="choose another --out.",
        )
    if file.exists():
        raise ConfigError(
            f"{file} is there already; nothing is overwritten.", next_step="choose another --out, or move it away."
        )
    return file


def _show(drafted: "Drafted") -> None:
    from bridge.config.evidence import agreement, share

    proposal = drafted.proposal
    typer.echo(
        f"Looked at {proposal.rows.airtable} rows of {drafted.place.table} and {proposal.rows.civicrm} records of "
        f"{drafted.place.entity}; {proposal.linked} belong together."
    )
    for found in proposal.exact:
        keys = " and ".join(f"{key.at.civicrm} = {key.at.airtable}" for key in found.keys)
        typer.echo(f"  who is who: {keys} links {share(found.links, found.rows)}, {found.ambiguous} ambiguous")
    if not proposal.exact:
        typer.echo("  who is who: no key links enough of the rows. Look at `match` first.")
    for each in proposal.pairings.pairs:
        typer.echo(f"  {each.at.civicrm.path} and {each.at.airtable.path} ({each.type}): {agreement(each)}")


def _write(bridge: "App", drafted: "Drafted", file: Path) -> None:
    from bridge.config.mappings import load
    from bridge.config.schema import SCHEMA_FILE, mapping_schema
    from bridge.config.written import Heading, written

    try:
        known = load(file.parent) if file.parent.is_dir() else ()
    except ConfigError:
        known = ()
    place = drafted.place
    heading = Heading(
        name=file.stem,
        day=f"{bridge.clock():%Y-%m-%d}",
        entity=place.entity,
        base=place.base,
        table=place.table,
        timezone=bridge.settings.timezone,
        related=drafted.related,
        parents={each.airtable.table: each.name for each in known if each.airtable.base == place.base},
        unread=drafted.unread,
    )
    _new(file, written(drafted.proposal, heading))
    schema = file.parent / SCHEMA_FILE.name
    if not schema.exists():
        _new(schema, mapping_schema())
    typer.echo(
        f"Wrote {file}: {len(drafted.proposal.pairings.pairs)} pairs of fields; it observes, and no field has an owner yet."
    )


def _new(file: Path, text: str) -> None:
    """Write a file that is not there yet. Raises ConfigError where it is, or cannot be."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.", next_step="choose another --out.") from error


def _try_it(bridge: "App", file: Path) -> int:
    """Check the draft against both systems and plan a run of it; the exit code."""
    from bridge.app import App
    from bridge.service.order import Kind

    settings = bridge.settings.model_copy(update={"mappings": file.parent})
    with App(settings, clock=bridge.clock, sleep=bridge.sleep) as trying:
        findings = [each for each in trying.check_live() if each["mapping"] == file.stem]
        for each in findings:
            typer.echo(f"  {each['severity']}: {each['where']}: {each['message']} {each['hint']}".rstrip())
        if any(each["severity"] == "error" for each in findings):
            typer.echo(f"Next: mend the errors in {file}, then `bridge check --live`.")
            return screen.USAGE
        typer.echo("Checked against both live systems: every field and option it names is there.")
        with screen.progress_bar() as progress:
            result = trying.run([file.stem], Kind.PLAN, progress=progress)[0]
        if result.plan is None:
            if isinstance(result.error, BridgeError):
                screen.explain_error(result.error)
            return screen.FAILED
        _in_words(result.plan, trying.one(file.stem))
    return screen.DONE


def _in_words(plan: "Plan", mapping: "Mapping") -> None:
    """What the draft would do as it stands."""
    codes = Counter(each.code for each in plan.discrepancies)
    here, there = plan.population.now.civicrm, plan.population.now.airtable
    typer.echo("What it would do, as it stands:")
    typer.echo(f"  link {len(plan.links)} of {there} rows in Airtable with one of {here} records in CiviCRM")
    typer.echo("  write nothing: every field says `authority: report`, and the mapping observes")
    for code, what in _TOLD.items():
        if codes[code]:
            fields = Counter(each.field for each in plan.discrepancies if each.code == code and each.field)
            most = ", ".join(f"{name} {count}" for name, count in fields.most_common(_MOST_FIELDS))
            typer.echo(f"  tell {what}: {codes[code]}" + (f" ({most})" if most else "") + f"   [{code}]")
    for name, field in mapping.fields.items():
        if field.to is not None:
            typer.echo(
                f"  `{name}` is read once `bridge sync {field.to}` has stored who is who there; observing, that writes nothing."
            )
    typer.echo(
        f"Next: read {mapping.file}, choose an owner for each field, `bridge check --live`, and `bridge plan {mapping.name}`."
    )


_TOLD = {
    102: "rows that no record in CiviCRM belongs to",
    103: "records whose keys point to different ones",
    104: "pairs that are only similar",
    105: "records that share a key with another of their own side",
    206: "cells that cannot be read",
    207: "cells that differ",
}

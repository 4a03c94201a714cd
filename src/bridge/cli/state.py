"""db and forget: the state itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen

if TYPE_CHECKING:
    from bridge.store.rekey import Rekeyed

db = typer.Typer(no_args_is_help=True, help="Upgrade, back up, check and prune the state.")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(db, name="db")
    app.command(epilog="Example: `bridge forget civicrm:123`")(forget)


@db.command(epilog="Example: `bridge db upgrade`")
def upgrade() -> None:
    """Bring the state to this version's schema. An embedded one is copied aside first."""
    from bridge import store
    from bridge.app import settings_from_environment

    typer.echo(store.upgrade(settings_from_environment(remotes=False).state_url.get_secret_value()))


@db.command(epilog="Example: `bridge db backup bridge-2026-11-21.db`")
def backup(to: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Copy the state, consistently, while bridge may be running."""
    from bridge import store
    from bridge.app import settings_from_environment

    store.backup(settings_from_environment(remotes=False).state_url.get_secret_value(), to)
    typer.echo(f"The state is in {to}.")


@db.command(epilog="Example: `bridge db check`")
def check() -> None:
    """Check the state's integrity, what must always hold in it, and that BRIDGE_STATE_KEY opens what is locked."""
    from bridge import store
    from bridge.app import settings_from_environment

    settings = settings_from_environment(remotes=False)
    findings = store.check(settings.state_url.get_secret_value(), [each.get_secret_value() for each in settings.state_keys])
    for finding in findings:
        typer.echo(f"  {finding}")
    typer.echo("Nothing is wrong." if not findings else f"{len(findings)} findings.")
    raise typer.Exit(screen.FAILED if findings else screen.DONE)


@db.command(epilog="Example: `bridge db rekey`, after the new key was put in front of the old one in BRIDGE_STATE_KEY")
def rekey(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False) -> None:
    """Encrypt every sensitive value anew with the first key of BRIDGE_STATE_KEY; the older ones may then be taken out.

    It may be stopped and begun again, and bridge may be running, with the new key.
    """
    from bridge import store
    from bridge.app import settings_from_environment, utc_now

    settings = settings_from_environment(remotes=False)
    keys = [key.get_secret_value() for key in settings.state_keys]
    with store.open_store(settings.state_url.get_secret_value(), keys, utc_now) as state, screen.progress_bar() as progress:
        told = state.rekey(progress)
    if as_json:
        counted = {"anew": told.anew, "already": told.already, "digests": told.digests, "lost": told.lost}
        screen.as_json({"key": told.key, **{name: dict(counts) for name, counts in counted.items()}})
    else:
        typer.echo("\n".join(_rekeyed(told)))
    raise typer.Exit(screen.USAGE if told.lost else screen.DONE)


def _rekeyed(told: "Rekeyed") -> Iterator[str]:
    by_table = ", ".join(f"{number} in {table}" for table, number in told.anew.items())
    yield f"Encrypted anew with the first key ({told.key}): {told.anew.total()} values" + (
        f" ({by_table})." if by_table else "."
    )
    yield f"Encrypted with it already: {told.already.total()}."
    if digests := told.digests.total():
        yield f"Kept only as digests, from when there was no key: {digests}. They can be compared and never read."
    for name, number in told.lost.items():
        yield f"Locked with a key that is missing ({name or 'not named'}): {number} values. They stay as they are."
    if told.lost:
        yield "Next: put that key at the end of BRIDGE_STATE_KEY and run this again. If it is lost, so are these values."
    else:
        yield "BRIDGE_STATE_KEY may now hold the first key alone."


@db.command(epilog="Example: `bridge db prune`")
def prune(yes: Annotated[bool, typer.Option(help="Do not ask.")] = False) -> None:
    """Let go what is settled and older than BRIDGE_KEEP__JOURNAL_DAYS and the like say; `bridge serve` does it daily."""
    from bridge.app import App

    with App.from_environment(remotes=False) as bridge:
        keep = bridge.settings.keep
        screen.confirm(
            f"Let go what is settled: the journal beyond {keep.journal_days} days, the ledger beyond {keep.ledger_days}, "
            f"plans and messages beyond {keep.plans_days}? What is older cannot be undone or shown any more.",
            yes=yes,
        )
        gone = bridge.prune()
    typer.echo("Let go: " + (", ".join(f"{number} {what}" for what, number in gone.items() if number) or "nothing") + ".")


def forget(
    record: Annotated[str, typer.Argument(help="civicrm:ID or airtable:rec….")],
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
) -> None:
    """Remove a person's values from the state; the audit keeps its shape. Neither system is touched."""
    from bridge.app import App

    side, native = screen.side_and_id(record)
    with App.from_environment(remotes=False) as bridge:
        screen.confirm(f"Remove everything this state holds of {record}? It cannot be taken back.", yes=yes)
        removed = bridge.forget(side, native)
    typer.echo(
        "Forgotten: "
        + (", ".join(f"{number} {what}" for what, number in removed.items() if number) or "nothing was held")
        + "."
    )

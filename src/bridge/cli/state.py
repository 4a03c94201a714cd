"""db and forget: the state itself."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import screen

db = typer.Typer(no_args_is_help=True, help="Upgrade, back up and check the state.")


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
    """Check the state's integrity and what must always hold in it."""
    from bridge import store
    from bridge.app import settings_from_environment

    findings = store.check(settings_from_environment(remotes=False).state_url.get_secret_value())
    for finding in findings:
        typer.echo(f"  {finding}")
    typer.echo("Nothing is wrong." if not findings else f"{len(findings)} findings.")
    raise typer.Exit(screen.FAILED if findings else screen.DONE)


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

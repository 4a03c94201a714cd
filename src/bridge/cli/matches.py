"""matches: who is who, by a person's word."""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen

if TYPE_CHECKING:
    from bridge.core.record import Link

app = typer.Typer(no_args_is_help=True, help="See which records may be the same, and say whether they are.")

MappingName = Annotated[str, typer.Argument(help="The mapping's name.")]
CivicrmId = Annotated[str, typer.Argument(help="The CiviCRM id.")]
AirtableId = Annotated[str, typer.Argument(help="The Airtable id (rec…).")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; your login unless told.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command("list", epilog="Example: `bridge matches list benefits-groups`")
def list_(
    mapping: Annotated[str | None, typer.Argument(help="Only this mapping.")] = None, as_json: JsonOption = False
) -> None:
    """List the pairs that wait for a person, with the evidence for each."""
    from bridge.app import App

    with App.from_environment(remotes=False) as bridge:
        rows = bridge.waiting_matches(mapping)
        if as_json:
            screen.as_json(rows)
            return
        if not rows:
            typer.echo("No match waits for a person.")
            return
        screen.table(
            "Are these the same?",
            ("mapping", "CiviCRM", "Airtable", "how alike", "name in CiviCRM", "name in Airtable"),
            [
                tuple(each[key] for key in ("mapping", "civicrm_id", "airtable_id", "score", "name", "candidate"))
                for each in rows
            ],
            ids=("CiviCRM", "Airtable"),
        )
        typer.echo("Next, one line for each pair, with reject instead where they are not the same:")
        for each in rows:
            typer.echo(f"  bridge matches confirm {each['mapping']} {each['civicrm_id']} {each['airtable_id']}")


@app.command(epilog="Example: `bridge matches confirm benefits-groups 12 rec0123456789ABCD`")
def confirm(mapping: MappingName, civicrm_id: CivicrmId, airtable_id: AirtableId, by: By = None) -> None:
    """Say that two records are the same: they are linked from now on."""
    from bridge.app import App
    from bridge.app.decisions import Decisions

    link = _link(civicrm_id, airtable_id)
    with App.from_environment(remotes=False) as bridge:
        suggested = Decisions(bridge, by or bridge.login).settle_match(mapping, link, same=True)
    if not suggested:
        typer.echo(
            "This pair was not suggested; its ids are taken as given. If one is wrong: bridge matches unlink, with the same."
        )
    typer.echo(f"Linked. Next: bridge sync {mapping} --record civicrm:{civicrm_id}")


@app.command(epilog="Example: `bridge matches reject benefits-groups 12 rec0123456789ABCD`")
def reject(mapping: MappingName, civicrm_id: CivicrmId, airtable_id: AirtableId, by: By = None) -> None:
    """Say that two records are not the same: they are not suggested again until the evidence changes."""
    from bridge.app import App
    from bridge.app.decisions import Decisions

    link = _link(civicrm_id, airtable_id)
    with App.from_environment(remotes=False) as bridge:
        Decisions(bridge, by or bridge.login).settle_match(mapping, link, same=False)
    typer.echo("Remembered: not the same.")


@app.command(epilog="Example: `bridge matches unlink benefits-groups 12 rec0123456789ABCD`")
def unlink(mapping: MappingName, civicrm_id: CivicrmId, airtable_id: AirtableId, by: By = None) -> None:
    """Take a link apart; both records stand alone again."""
    from bridge.app import App

    link = _link(civicrm_id, airtable_id)
    with App.from_environment(remotes=False) as bridge:
        bridge.store.knowledge.unlink(bridge.one(mapping).name, link, by or bridge.login)
    typer.echo("Unlinked; the two are not linked again without a person.")


def _link(civicrm_id: str, airtable_id: str) -> "Link":
    from bridge.core.record import Link

    screen.side_and_id(f"civicrm:{civicrm_id}")
    screen.side_and_id(f"airtable:{airtable_id}")
    return Link(civicrm_id, airtable_id)

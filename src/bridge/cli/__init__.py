"""The commands, one file per group: the only place that prints, and the only one that knows exit codes.

0 done · 1 failed, a rerun may help · 2 usage, configuration or credentials · 3 held, a person is needed ·
4 done and something to see (only with `--detailed-exitcode`).

Command modules import what is heavy inside their functions, so that `--help` answers at once.
"""

import gc
import os
import sys
from typing import Annotated

import typer

from bridge.cli import checking, demo, discrepancies, drafting, figures, looking, matches, reporting, serving, state, syncing
from bridge.cli.screen import exit_code, explain_error
from bridge.errors import BridgeError

INTERRUPTED = 130
"""What typer ends with after Ctrl-C."""

app = typer.Typer(
    name="bridge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Reconciles CiviCRM and Airtable by declarative field mappings, and tells staff what it may not decide.\n\n"
    "Start with `bridge demo`; then `bridge doctor`, `bridge check`, `bridge plan`.",
)


def _version(asked: bool) -> None:
    if asked:
        from bridge import __version__

        typer.echo(f"bridge {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Show the version and stop.", is_eager=True, callback=_version)]


@app.callback()
def _root(*, version: Version = False) -> None:  # its callback does it
    pass


for module in (demo, drafting, checking, syncing, looking, reporting, figures, serving, state):
    module.register(app)
app.add_typer(discrepancies.app, name="discrepancies")
app.add_typer(matches.app, name="matches")


def main() -> None:
    """Run the command line; every error ends in a clear message and a defined exit code, never in a traceback."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # none is ours, and looking for some reads every package
    gc.set_threshold(300_000, 50, 100)  # what a run makes lives until it ends, and what is imported longer
    try:
        app(standalone_mode=True)
    except BridgeError as error:
        explain_error(error)
        sys.exit(exit_code(error))
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.echo("Stopped. Nothing is half-done: the next run settles what was under way.", err=True)
        raise
    except BrokenPipeError:
        sys.exit(0)
    finally:
        gc.freeze()  # what is left ends with the process: to search it for garbage first took a fifth of a short command

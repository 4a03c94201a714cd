"""serve: run by the schedule, and answer over HTTP, until told to stop."""

import os
import signal
import sys
import threading
from collections.abc import Callable

import typer

from bridge.cli import screen

GRACE_SECONDS = 30
"""How long the run in hand may take once the process is told to stop: what container runtimes grant by default."""
_LOOK_SECONDS = 2


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `BRIDGE_WEB__PORT=8080 bridge serve`")(serve)


def serve() -> None:
    """Run every mapping by its schedule, and serve the pages, the HTTP API and the metrics, until SIGTERM or Ctrl-C.

    What was due while it was down is run once at the start. Mapping files are read anew when they change. A signal to stop
    begins nothing more and lets the run in hand end within 30 seconds; a second one stops at once. Either is safe: the next
    start settles what was left.

    `/` is the page for staff, `/api/v1/…` the API (`/api/v1/openapi.json` describes it), `/healthz`, `/readyz` and `/metrics`
    are for machines. BRIDGE_WEB__HOST, __PORT and __TOKENS say where it listens and who may come in.
    """
    told = _until_told()
    from bridge import log
    from bridge.app import App
    from bridge.app.serving import Serving

    with App.from_environment() as bridge:
        log.set_up("info")  # on a terminal too: it prints nothing else of what it does
        serving = Serving(bridge)
        serving.start()
        typer.echo(f"Serving at {serving.url}")
        if not (bridge.settings.web.tokens or bridge.settings.web.oidc_people):
            typer.echo("Nobody can sign in: neither BRIDGE_WEB__TOKENS nor BRIDGE_WEB__OIDC_PEOPLE names anybody.", err=True)
        while serving.alive and not told(_LOOK_SECONDS):
            pass
        well, ended = serving.alive, serving.stop(GRACE_SECONDS)
        if not ended:
            # Its threads cannot be stopped, only left; what it was writing is in the journal.
            typer.echo("The run in hand was cut short; the next start settles what it left.", err=True)
            sys.stdout.flush()
            os._exit(screen.DONE)
    raise typer.Exit(screen.DONE if well else screen.FAILED)


def _until_told() -> Callable[[float], bool]:
    """Waits so many seconds, and says whether the process was told to stop. A second signal stops it at once."""
    told = threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return told.wait

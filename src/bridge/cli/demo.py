"""demo and sandbox: the main job on this machine alone."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import screen
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.sandbox import Sandbox
    from bridge.service.order import Kind, Result

Coops = Annotated[int, typer.Option(min=5, max=5_000, help="How many co-ops the federation has.")]
Workers = Annotated[int, typer.Option(min=0, max=200_000, help="How many workers they have together.")]
Lift = Annotated[
    bool, typer.Option("--lift-rate-limit", help="Let the sandbox's Airtable take any number of requests a second.")
]
Folder = Annotated[Path, typer.Option("--dir", help="Where the demo's state, mappings and page go.")]

_MOST = 6
_OURS = ("bridge.db", "bridge.db-wal", "bridge.db-shm", "bridge-report.html", "environment.sh")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: `bridge demo --serve`")(demo)
    app.command(epilog="Example: `bridge sandbox --for dues-audit`, or `bridge sandbox --save sandbox-data`")(sandbox)


def demo(
    coops: Coops = 375,
    workers: Workers = 10_000,
    folder: Folder = Path("demo"),
    lift_rate_limit: Lift = False,
    serve: Annotated[bool, typer.Option("--serve", help="Leave the sandbox running afterwards, until Ctrl-C.")] = False,
) -> None:
    """Run the whole main job against a local CiviCRM, Airtable and Slack with a federation in them. Under two minutes."""
    began = time.monotonic()
    _step(0, "Starting a local CiviCRM, Airtable and Slack")
    from bridge import log
    from bridge.sandbox import Sandbox

    log.set_up("warning")
    _clean(folder)
    with Sandbox(coops, workers, rate_limit=None if lift_rate_limit else 5) as box:
        pace = (
            "any number of requests a second (--lift-rate-limit)" if lift_rate_limit else "5 requests a second, as the real one"
        )
        typer.echo(f"  {coops} co-ops and {workers} workers; Airtable takes {pace}.")
        environment = _settings(box, folder)
        _act(environment, folder, box)
        typer.echo(f"\nDone in {time.monotonic() - began:.0f} seconds. Everything is in {folder}/:")
        typer.echo(f"  {folder}/bridge-report.html   the page staff read")
        typer.echo(f"  {folder}/mappings/            the mapping files, with their explanations")
        typer.echo(f"  {folder}/bridge.db            the state: links, journal, plans, ledger")
        if serve:
            _stay(folder, box)
        else:
            typer.echo("Next: `bridge demo --serve` keeps the sandbox running, so that you can try every command on it.")


def _act(environment: dict[str, str], folder: Path, box: "Sandbox") -> None:
    from bridge.app import App
    from bridge.config.settings import Settings
    from bridge.sandbox.office import work_a_day
    from bridge.service.order import Kind

    observing = Settings.load({**environment, "BRIDGE_MODE": "observe"})
    correcting = Settings.load({**environment, "BRIDGE_MODE": "correct"})
    with App(observing) as bridge:
        _step(1, "Checking the mappings: the language, round trips, their own examples, and both live schemas")
        _check(bridge)
        _step(2, "Observing: pull both sides, compare, plan; no record is corrected in either")
        _show_plans(bridge, _run(bridge, Kind.SWEEP))
        typer.echo("  What was found also stands in Airtable's table Discrepancies, where staff assign, snooze and note.")
    with App(correcting) as bridge:
        _step(3, "Correcting: the same again, and now it writes what the mappings allow")
        _correct(bridge)
        _step(4, "A day goes by, and staff work in both systems")
        for edit in work_a_day(box):
            typer.echo(f"  {edit}")
        _step(5, "The next sync: each edit finds its way, or is told where it may not")
        _correct(bridge, show=True)
        _step(6, "Once more: nothing may be left to write")
        again = _run(bridge, Kind.SWEEP)
        _summaries(again)
        left = sum(len(each.plan.changes) for each in again if each.plan is not None)
        typer.echo(f"  Left to write: {left}.")
        _step(7, "What staff see in Slack")
        _tell(bridge, box)
        screen.write_file(folder / "bridge-report.html", bridge.reports.page(None))
        if left:
            raise ConfigError(f"The demo left {left} records to write, and expected none.", next_step="please report this.")


def _correct(bridge: "App", *, show: bool = False) -> None:
    """Sync; a plan that the guard holds is looked at and approved, as a person would."""
    from bridge.service.order import Kind

    results = _run(bridge, Kind.SWEEP)
    if show:
        _show_plans(bridge, [each for each in results if each.plan and each.plan.changes])
    _summaries(results)
    for each in results:
        if each.state.value == "held" and each.digest:
            typer.echo(f"  A person looks at it and approves: bridge sync {each.mapping} --approve {each.digest[:12]}")
            with screen.progress_bar() as progress:
                _summaries([bridge.approve(each.digest, by="demo", progress=progress)])


def _run(bridge: "App", kind: "Kind") -> "list[Result]":
    with screen.progress_bar() as progress:
        results = bridge.run([], kind, by="demo", progress=progress)
    for each in results:
        if each.error is not None:
            raise each.error
    return results


def _check(bridge: "App") -> None:
    for each in bridge.run_examples():
        typer.echo(f"  {'FAILS' if each['failures'] else 'holds'}: {each['mapping']}: {each['name']}")
    findings = bridge.check_live()
    for found in findings:
        typer.echo(f"  {found['severity']}: {found['where']}: {found['message']}")
    typer.echo(f"  {len(bridge.mappings)} mappings, {len(findings)} findings against the live schemas.")


def _show_plans(bridge: "App", results: "list[Result]") -> None:
    from bridge.core.document import as_text

    for each in results:
        if each.plan is not None:
            shown = as_text(each.plan, title=each.mapping, sentence=bridge.sentence(each.mapping), most=_MOST)
            typer.echo("\n" + "\n".join(f"  {line}" for line in shown.splitlines()))


def _summaries(results: "list[Result]") -> None:
    from bridge.cli.plans import summary

    for each in results:
        typer.echo("\n".join(f"  {line}" for line in summary(each).splitlines()))


def _tell(bridge: "App", box: "Sandbox") -> None:
    from bridge.core.record import Json
    from bridge.slack.message import preview

    for problem in bridge.tell():
        screen.explain_error(problem)
    for name, channel in box.slack.channels.items():
        for message in channel.messages:
            replies = f", {len(message.replies)} more in its thread" if message.replies else ""
            _draw(f"in {name}{replies}", preview({"blocks": list[Json](message.blocks)}))


def _draw(where: str, drawn: str) -> None:
    typer.echo(f"  ── {where} ──")
    typer.echo("\n".join(f"  {line}" for line in drawn.splitlines()))


def _step(number: int, title: str) -> None:
    typer.echo(f"\n{number}. {title}" if number else title)


def _clean(folder: Path) -> None:
    """A new demo begins anew; only what a demo made is removed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _OURS:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}.", next_step="choose another --dir.") from error


def _settings(box: "Sandbox", folder: Path, ready: str | None = None) -> dict[str, str]:
    """The settings of the demo, also written as a file to be sourced; those of a `ready` mapping have their own files."""
    import shlex
    import shutil

    mappings, state = folder / (ready or "mappings"), folder / f"{ready or 'bridge'}.db"
    shutil.copytree(_shipped() / "ready" / ready if ready else _shipped(), mappings, dirs_exist_ok=True)
    environment = {
        **box.environment(),
        "BRIDGE_MAPPINGS": str(mappings.resolve()),
        "BRIDGE_STATE_URL": f"sqlite:///{state.resolve()}",
        "BRIDGE_TIMEZONE": "America/New_York",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    (folder / "environment.sh").write_text("\n".join([*lines, "export BRIDGE_MODE=observe", ""]), encoding="utf-8")
    return environment


def _shipped() -> Path:
    """The mappings that come with bridge: in the package when installed, in the checkout otherwise."""
    import bridge

    package = Path(bridge.__file__).parent
    return next(each for each in (package / "shipped_mappings", package.parents[1] / "mappings") if each.is_dir())


def _stay(folder: Path, box: "Sandbox") -> None:
    typer.echo(
        f"\nThe sandbox keeps running. In another terminal: `. {folder}/environment.sh`, then for example `bridge status`."
    )
    for name, url in box.urls.items():
        typer.echo(f"  {name}: {url}")
    _until_interrupted(lambda: None)


def sandbox(
    coops: Coops = 375,
    workers: Workers = 10_000,
    folder: Folder = Path("demo"),
    lift_rate_limit: Lift = False,
    ready: Annotated[
        str | None, typer.Option("--for", help="Hold the data of a ready mapping, such as dues-audit, and copy its files.")
    ] = None,
    members: Annotated[
        int, typer.Option(max=200_000, help="How many members a ready mapping has that can grow: union-caucuses.")
    ] = 0,
    save: Annotated[
        Path | None, typer.Option(help="Keep the systems' data in this folder, and go on from it next time.")
    ] = None,
    port: Annotated[int, typer.Option(help="The first of three ports; 0 takes free ones.")] = 0,
) -> None:
    """Run only the local CiviCRM, Airtable and Slack, until Ctrl-C.

    Each can be told to misbehave:
    `curl -X POST URL/_sandbox/faults -d '{"kind": "drop_after", "match": "Organization/update"}'`.
    """
    from bridge.sandbox import Sandbox

    ports = (port, port + 1, port + 2) if port else (0, 0, 0)
    limit = None if lift_rate_limit else 5
    if save is not None and (save / "sandbox.json").is_file():
        box = Sandbox.load(save, rate_limit=limit, ports=ports)
    else:
        box = Sandbox(coops, workers, rate_limit=limit, ports=ports, ready=_known(ready, members), members=members)
        _forget_state(folder, ready)
    folder.mkdir(parents=True, exist_ok=True)
    with box:
        _settings(box, folder, box.ready)
        _stay_with = folder / "environment.sh"
        typer.echo(f"Ready. In another terminal: `. {_stay_with}`, then for example `bridge plan`.")
        for name, url in box.urls.items():
            typer.echo(f"  {name}: {url}")
        _until_interrupted(lambda: box.save(save) if save is not None else None)


def _known(ready: str | None, members: int) -> str | None:
    """The name of a ready mapping, or none. ConfigError with the right names where there is none, or it has no `members`."""
    from bridge.sandbox.ready import GROWING, SEEDS

    if ready is not None and ready not in SEEDS:
        raise ConfigError(f"No ready mapping is called {ready}; there are: {', '.join(sorted(SEEDS))}.", next_step="name one.")
    if members and ready not in GROWING:
        raise ConfigError(f"--members is for --for {', '.join(sorted(GROWING))}.", next_step="name it, or leave --members out.")
    return ready


def _forget_state(folder: Path, ready: str | None) -> None:
    """A ready mapping is tried on new data each time: what an earlier trial knew of the old would only confuse."""
    for ending in ("", "-wal", "-shm"):
        if ready:
            (folder / f"{ready}.db{ending}").unlink(missing_ok=True)


def _until_interrupted(at_the_end: Callable[[], object]) -> None:
    typer.echo("Ctrl-C stops it.")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        typer.echo("Stopped.")
    finally:
        at_the_end()

"""What commands share on the screen: errors with their next step, tables, JSON, progress."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bridge.errors import AuthRejected, BridgeError, ConfigError, RunInProgress

if TYPE_CHECKING:
    from bridge.ports import Progress

DONE, FAILED, USAGE, HELD, SOMETHING_TO_SEE = 0, 1, 2, 3, 4


def exit_code(error: BridgeError) -> int:
    """The exit code that says what the caller does next."""
    if isinstance(error, ConfigError | AuthRejected):
        return USAGE
    return HELD if isinstance(error, RunInProgress) else FAILED


def explain_error(error: BridgeError) -> None:
    """Say on stderr what went wrong, where, and the next step."""
    if isinstance(error, ConfigError) and error.problems:
        count = len(error.problems)
        typer.echo(f"{count} problem{'s' if count > 1 else ''} to mend:", err=True)
        for problem in error.problems:
            typer.echo(f"  {problem}", err=True)
    else:
        typer.echo(f"Error: {error.message}", err=True)
    if error.next_step:
        typer.echo(f"Next: {error.next_step}", err=True)


def as_json(value: Any) -> None:
    """Print a value as JSON for scripts."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, ids: Sequence[str] = ()) -> None:
    """Print a table; on a narrow terminal cells wrap, those of the columns `ids` only where nothing else helps."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = {name: max(map(len, (name, *column))) for name, *column in zip(columns, *cells, strict=True) if name in ids}
    frame, narrowest = 3 * len(columns) + 1, 4 * (len(columns) - len(widths))
    room = sum(widths.values()) + frame + narrowest <= console.width  # rich cuts what may not wrap where there is none
    drawn = Table(title=title, title_justify="left", show_lines=False)
    for column in columns:  # a cut name or id is of no use to whoever would type it
        drawn.add_column(column, overflow="fold", no_wrap=room and column in ids)
    for row in cells:
        drawn.add_row(*map(Text, row))
    console.print(drawn)


@contextmanager
def progress_bar() -> "Iterator[Progress]":
    """A progress bar per long wait on a terminal; silence elsewhere."""
    from bridge.ports import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; without one `--yes` must have been given. Stops the command if the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nobody can be asked here.", next_step="give --yes to say so beforehand.")
    if not typer.confirm(question):
        typer.echo("Nothing was done.")
        raise typer.Exit(DONE)


def write_file(file: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a file whole, for its owner only: it names people. Raises ConfigError where it cannot be."""
    try:
        file.touch(mode=0o600)
        file.write_text(text, encoding=encoding)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}.", next_step="choose another --out.") from error


def side_and_id(text: str) -> "tuple[Any, str]":
    """`civicrm:123` or `airtable:rec…` as a side and a native id. Raises ConfigError for anything else."""
    import re

    from bridge.core.record import Side

    word, _, native = text.partition(":")
    shapes = {"civicrm": r"\d{1,18}", "airtable": r"rec[0-9A-Za-z]{14,}"}
    if word not in shapes:
        raise ConfigError(f"Expected SIDE:ID, such as civicrm:123 or airtable:rec0123456789ABCD; found {text!r}.")
    if not re.fullmatch(shapes[word], native):
        expected = "a number" if word == "civicrm" else "rec and 14 letters or digits"
        raise ConfigError(f"Expected {expected} after `{word}:`; found {native!r}.")
    return Side(word), native

"""A bare typer command, to hold `bridge --help` against."""

import typer

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def hello(name: str = "world") -> None:
    """Greet."""
    typer.echo(name)


@app.command()
def goodbye(name: str = "world") -> None:
    """Take leave."""
    typer.echo(name)


if __name__ == "__main__":
    app()

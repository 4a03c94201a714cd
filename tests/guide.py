"""A guide that can be run: its commands, the output it shows, and the edits it asks for.

In a page, a block `console` holds commands after `$ ` and what they print; a block `diff` is an edit of one file, named in the
line before as "in `FILE`". What a guide shows is held line by line, numbers aside: a line `…` stands for any others.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"(?P<before>[^\n]*)\n+```(?P<kind>console|diff)\n(?P<body>.*?)\n```", re.DOTALL)
_FILE = re.compile(r"[Ii]n `([^`]+)`")


@dataclass(frozen=True)
class Command:
    """One command, and the lines of its output that the page shows."""

    words: list[str]
    shown: list[str]


@dataclass(frozen=True)
class Edit:
    """Lines of a file, and what stands in their place afterwards."""

    file: str
    old: str
    new: str

    def make(self, folder: Path) -> None:
        """Edit the file. The old lines must be there exactly once."""
        path = folder / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} holds {text.count(self.old)} times:\n{self.old}"
        path.write_text(text.replace(self.old, self.new))


def steps(page: str) -> Iterator[Command | Edit]:
    """What a page asks its reader to do, in order."""
    for block in _BLOCK.finditer(page):
        if block["kind"] == "console":
            yield from _commands(block["body"])
        else:
            named = _FILE.search(block["before"])
            assert named, f"no file is named before:\n{block['body']}"
            lines = block["body"].splitlines()
            old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
            yield Edit(named[1], old, "".join(f"{line[1:]}\n" for line in lines if line[0] in " +"))


def _commands(body: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield Command(shlex.split(command), [line for line in shown if line.strip() not in ("", "…")])


def unsaid(shown: list[str], output: str) -> list[str]:
    """The lines of a page that the output does not have, whatever numbers and file names it holds."""
    said = {_plain(line) for line in output.splitlines()}
    return [line for line in shown if _plain(line) not in said]


def _plain(line: str) -> str:
    return re.sub(r"[0-9a-f]{12,}|\d+", "0", line.strip())

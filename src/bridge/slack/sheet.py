"""A Slack message that cannot grow too long: it takes a block only while the block fits.

Limits (docs.slack.dev; the total is undocumented, seen at about 13,200 characters in slackapi/bolt-js#2509): 50 blocks a
message, 3,000 characters a section. We stay below all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge.core.record import Json

MAX_BLOCKS = 45
MAX_CHARACTERS = 12_000
MAX_SECTION = 2_900
CLOSING_BLOCKS = 2
CLOSING_CHARACTERS = 1_400


@dataclass(slots=True)
class Sheet:
    """Blocks, and the room that is left for more."""

    blocks: list[Json] = field(default_factory=list)
    characters: int = 0

    def add(self, text: str, *, small: bool = False, closing: bool = False, below: Json = None) -> bool:
        """Whether the text still fitted as one block, with the row of buttons `below` it if there is one.

        Only a `closing` text may use the room kept for the message's end.
        """
        blocks = MAX_BLOCKS - (0 if closing else CLOSING_BLOCKS) - (below is not None)
        characters = MAX_CHARACTERS - (0 if closing else CLOSING_CHARACTERS)
        length = len(text) + sum(map(len, texts(below)))
        if not text or len(text) > MAX_SECTION or len(self.blocks) >= blocks or self.characters + length > characters:
            return False
        words: Json = {"type": "mrkdwn", "text": text, "verbatim": True}
        self.blocks.append({"type": "context", "elements": [words]} if small else {"type": "section", "text": words})
        if below is not None:
            self.blocks.append(below)
        self.characters += length
        return True


def texts(value: Json) -> Iterator[str]:
    """Every text within a block or several, in order: what Slack counts, and what people can read."""
    if isinstance(value, dict):
        text = value.get("text")
        if isinstance(text, str):
            yield text
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def sections(head: str, lines: Sequence[str]) -> list[str]:
    """The head and the lines below it, in as many texts as their length asks for; no line is ever cut in two."""
    found = [head]
    for line in lines:
        if len(found[-1]) + 1 + len(line) > MAX_SECTION:
            found.append(line)
        else:
            found[-1] += f"\n{line}"
    return found

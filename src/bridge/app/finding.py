"""One thing that the doctor looked at: what it is, whether it is well, and the cure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridge.errors import BridgeError, ConfigError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `says` what was found, `next_step` is its cure, or empty.

    What is `ok` and has a next step works, and could work better.
    """

    what: str
    ok: bool
    says: str
    next_step: str = ""


def look_at(what: str, how: Callable[[], str]) -> list[Finding]:
    """What looking says, or what the error says that it raises."""
    try:
        return [Finding(what, ok=True, says=how())]
    except BridgeError as error:
        return list(wrong(what, error))


def wrong(what: str, error: BridgeError) -> Iterator[Finding]:
    """What an error says: each of its problems with its own cure, where it has several."""
    for each in error.problems if isinstance(error, ConfigError) else ():
        yield Finding(what, ok=False, says=f"{each.where}: {each.message}", next_step=each.hint or error.next_step)
    if not (isinstance(error, ConfigError) and error.problems):
        yield Finding(what, ok=False, says=error.message, next_step=error.next_step)

"""What can be said of the mappings before any run: their examples, what those leave out, and how they fit both systems."""

import datetime as dt
import difflib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.config.mappings import load
from bridge.core.coverage import untouched
from bridge.core.examples import Ran, run_example
from bridge.core.mapping import Mapping
from bridge.core.record import PerSide
from bridge.errors import ConfigError
from bridge.service.gather import look

if TYPE_CHECKING:
    from bridge.app import App
    from bridge.config.drift import Rename
    from bridge.config.live import Finding


def run_examples(mappings: Sequence[Mapping], today: dt.date) -> list[dict[str, Any]]:
    """Every mapping's examples with what failed of each, in the stable form of `--json`."""
    return [
        {"mapping": mapping.name, "name": example.name, "failures": list(run_example(mapping, example, today).failures)}
        for mapping in mappings
        for example in mapping.examples
    ]


def coverage(mappings: Sequence[Mapping], today: dt.date) -> list[dict[str, Any]]:
    """What of each mapping no example touches, in the stable form of `--json`."""
    found = []
    for mapping in mappings:
        left = untouched(mapping, [run_example(mapping, example, today) for example in mapping.examples])
        values = {name: list(words) for name, words in left.values.items()}
        found.append({"mapping": mapping.name, "fields": list(left.fields), "rules": list(left.rules), "values": values})
    return found


def find_example(mappings: Sequence[Mapping], name: str, today: dt.date) -> tuple[Mapping, Ran]:
    """The one example of this name, or whose name alone begins with it, run. Raises ConfigError where there is no such one."""
    known = [(mapping, example) for mapping in mappings for example in mapping.examples]
    wanted = name.casefold()
    found = [each for each in known if each[1].name.casefold() == wanted]
    found = found or [each for each in known if each[1].name.casefold().startswith(wanted)]
    if len(found) == 1:
        mapping, example = found[0]
        return mapping, run_example(mapping, example, today)
    names = ", ".join(f"“{example.name}” ({mapping.name})" for mapping, example in found)
    raise ConfigError(
        f"Several examples could be “{name}”: {names}." if found else f"No example is called “{name}”.",
        next_step="give more of the name, or --mapping; `bridge check` lists the examples.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """A mapping file with the new names of what was renamed, not written yet."""

    file: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """What would change, as lines of a unified diff."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return "\n".join(difflib.unified_diff(before, after, str(self.file), f"{self.file} (mended)", n=1, lineterm=""))


def hold(bridge: "App", *, repin: bool = False) -> "list[tuple[Mapping, Finding]]":
    """What the live systems lack of what the mappings name; names are pinned to ids, anew with `repin`.

    A mapping that names anything by an old name is not pinned anew: only its pins still say what became of that name.
    """
    with bridge.one_run():
        return [(mapping, each) for mapping in bridge.mappings for each in _hold(bridge, mapping, repin=repin)]


def _hold(bridge: "App", mapping: Mapping, *, repin: bool) -> "list[Finding]":
    from bridge.config.live import hold_against, not_repinned

    knowledge = bridge.store.knowledge
    pins = PerSide.of(lambda side: knowledge.pins(mapping.name, side))
    found = hold_against(mapping, look(mapping, bridge.remotes(mapping), knowledge), pins)
    if not repin:
        return found
    if any(each.rename is not None for each in found):
        return [not_repinned(mapping), *found]
    return hold_against(mapping, look(mapping, bridge.remotes(mapping), knowledge, repin=True))


def check_live(bridge: "App", *, repin: bool = False) -> list[dict[str, Any]]:
    """What `hold` finds and what the boards lack, in the stable form of `--json`. `fix` says whether `--fix` mends it."""
    found: list[dict[str, Any]] = [
        {
            "mapping": mapping.name,
            "severity": each.severity.value,
            "where": each.where,
            "message": each.message,
            "hint": each.hint,
            "fix": each.rename is not None,
        }
        for mapping, each in hold(bridge, repin=repin)
    ]
    return [*found, *(each for mapping in bridge.mappings for each in bridge.boards.findings(mapping))]


def mend(bridge: "App") -> list[Mended]:
    """Every mapping file in which something has a new name, with that name; nothing is written.

    Raises ConfigError where a file with its new names would not be sound.
    """
    from bridge.config.mend import mended
    from bridge.config.problems import Problems
    from bridge.config.tree import read

    renamed: dict[str, list[Rename]] = {}
    for mapping, finding in hold(bridge):
        if finding.rename is not None:
            renamed.setdefault(mapping.file, []).append(finding.rename)
    made = []
    for name, renames in renamed.items():
        file = Path(name)
        before = file.read_bytes().decode("utf-8")
        if (tree := read(file, Problems())) is not None and (after := mended(before, tree, renames)) != before:
            made.append(Mended(file=file, before=before, after=after))
    _check_sound(bridge, made)
    return made


def _check_sound(bridge: "App", mended: Sequence[Mended]) -> None:
    """Load all mapping files as they would be."""
    after = {each.file.name: each.after for each in mended}
    with tempfile.TemporaryDirectory() as folder:
        for mapping in bridge.mappings:
            file = Path(mapping.file)
            text = after.get(file.name) or file.read_bytes().decode("utf-8")
            (Path(folder) / file.name).write_bytes(text.encode("utf-8"))
        load(Path(folder), timezone=bridge.settings.timezone)


def write(mended: Mended) -> None:
    """Put a mended file in the place of the old one, in one step. Raises ConfigError where it cannot be."""
    beside = mended.file.with_name(f".{mended.file.name}.mended")
    try:
        beside.write_bytes(mended.after.encode("utf-8"))
        shutil.copymode(mended.file, beside)
        beside.replace(mended.file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(
            f"{mended.file} cannot be written: {error.strerror}.", next_step="change the lines that the findings name by hand."
        ) from error

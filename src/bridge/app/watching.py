"""What a serving process keeps an eye on: the mapping files and who may sign in, which people may change while it runs."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import structlog

from bridge.config.settings import Settings
from bridge.errors import ConfigError
from bridge.language import Language
from bridge.ports import Clock
from bridge.web.office import Check

log = structlog.get_logger()

_SHOWN = 5


class MappingFiles:
    """Watches the mapping files. What is valid is used from the next run on; what is not is told, and the old ones stay."""

    def __init__(self, source: Path, reload: Callable[[], None], clock: Clock) -> None:
        self._source = source
        self._reload = reload
        self._clock = clock
        self._seen = _fingerprint(source)
        self.check = Check(what="mappings", last_good=clock())
        self.places: tuple[str, ...] = ()
        """Where the files are wrong, as `file:line:column`; none while they are in use."""

    def look(self) -> bool:
        """Read the files if they are others than before; whether new ones are in use now."""
        found = _fingerprint(self._source)
        if found == self._seen:
            return False
        self._seen = found
        try:
            self._reload()
        except ConfigError as error:
            since = self.check.since or self._clock()
            step = "mend the files: `bridge check` tells every problem. The mappings as they were stay in use."
            self.check = Check(
                what="mappings", last_good=self.check.last_good, problem=error.message, since=since, next_step=step
            )
            self.places = tuple(each.where for each in error.problems)
            log.warning("mapping files are wrong; the old ones stay in use", problems=[str(each) for each in error.problems])
            return False
        self.check, self.places = Check(what="mappings", last_good=self._clock()), ()
        log.info("mapping files read anew")
        return True

    def told(self, language: Language) -> str:
        """One sentence for staff about the files as they are now. It names places, and no word of the files."""
        if self.check.ok:
            return language.say("The mapping files are right again. They are used from the next run on.")
        places = list(dict.fromkeys(_place(each, language) for each in self.places or [self._source.name]))
        return language.say(
            "Mapping files were changed and are wrong. Those from before stay in use. What to mend: {places}.",
            places="; ".join([*places[:_SHOWN], *["…"][: len(places) > _SHOWN]]),
        )


class Holders:
    """Who may sign in. The secret file is read anew, so that a token is given or taken without a restart.

    If the settings are wrong by now, it is told and those who could sign in still can.
    """

    def __init__(self, settings: Settings, reread: Callable[[], Settings], clock: Clock) -> None:
        self._reread = reread
        self._clock = clock
        self.tokens = settings.web.tokens
        self.check = Check(what="settings", last_good=clock())

    def look(self) -> None:
        """Use the tokens as the settings name them now."""
        try:
            found = self._reread().web.tokens
        except ConfigError as error:
            if self.check.problem != error.message:
                since = self.check.since or self._clock()
                step = "mend them: `bridge doctor` tells every problem. What was read before stays in use until a restart."
                self.check = dataclasses.replace(self.check, problem=error.message, since=since, next_step=step)
                log.warning("settings are wrong by now", problems=[str(each) for each in error.problems])
            return
        self.check = Check(what="settings", last_good=self._clock())
        if found != self.tokens:
            self.tokens = found
            log.info("web tokens read anew", names=[each.name for each in found])


def _place(where: str, language: Language) -> str:
    """A file and its line for people, of `path/file:line:column`; whatever else says where, as it is."""
    found = re.fullmatch(r"(?:.*/)?([^/]+):(\d+):\d+", where)
    return language.say("{file} line {line}", file=found[1], line=found[2]) if found else where


def _fingerprint(source: Path) -> str:
    """A digest of the files' names and contents; times of change say little where files are mounted."""
    try:
        files = [source] if source.is_file() else sorted(source.glob("*.y*ml"))
        parts = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    except OSError as error:
        return f"unreadable: {error.errno}"
    return hashlib.sha256(repr(parts).encode()).hexdigest()

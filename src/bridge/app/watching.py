"""What a serving process keeps an eye on: the mapping files, which people may change while it runs."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import structlog

from bridge.errors import ConfigError
from bridge.ports import Clock
from bridge.web.office import Check

log = structlog.get_logger()


class MappingFiles:
    """Watches the mapping files. What is valid is used from the next run on; what is not is told, and the old ones stay."""

    def __init__(self, source: Path, reload: Callable[[], None], clock: Clock) -> None:
        self._source = source
        self._reload = reload
        self._clock = clock
        self._seen = _fingerprint(source)
        self.check = Check(what="mappings", last_good=clock())

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
            log.warning("mapping files are wrong; the old ones stay in use", problems=[str(each) for each in error.problems])
            return False
        self.check = Check(what="mappings", last_good=self._clock())
        log.info("mapping files read anew")
        return True


def _fingerprint(source: Path) -> str:
    """A digest of the files' names and contents; times of change say little where files are mounted."""
    try:
        files = [source] if source.is_file() else sorted(source.glob("*.y*ml"))
        parts = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    except OSError as error:
        return f"unreadable: {error.errno}"
    return hashlib.sha256(repr(parts).encode()).hexdigest()

"""Which process this is, and whether another one on the same machine has died.

A process number alone is used again; together with the moment the process started (clock ticks since boot, field 22 of
`/proc/PID/stat`, proc(5)) it is not. The machine is the kernel's boot id with the process namespace, so that two containers
never judge each other's numbers. Where `/proc` is missing nothing is ever called dead and a lease has to expire.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_ENDED = ("Z", "X")


@dataclass(frozen=True, slots=True)
class Process:
    """One process for all time. `started` is in clock ticks since the machine's boot."""

    machine: str
    pid: int
    started: int

    @property
    def dead(self) -> bool:
        """Whether it surely runs no more; false where that cannot be known."""
        if not self.machine or self.machine != _machine():
            return False
        return _started(self.pid) != self.started


def this_process() -> Process:
    """The process that asks."""
    return Process(_machine(), os.getpid(), _started(os.getpid()) or 0)


def _machine() -> str:
    try:
        return f"{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """When it started; None if it is gone, or ended and only waits for its parent to take notice."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in _ENDED else int(fields[19])

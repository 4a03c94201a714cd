"""How the cost of a quiet `bridge sync` grows: with records, and with mappings. Against the sandbox, in a process of its own.

python -m benchmarks.growth records COOPS WORKERS
python -m benchmarks.growth mappings MAPPINGS COOPS
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bridge.sandbox import BASE, Sandbox

SHIPPED = Path(__file__).parents[1] / "mappings"
GROUPS, ENROLLEES = "benefits-groups", "benefits-enrollees"


def with_records(coops: int, workers: int) -> dict[str, float]:
    """A quiet sweep of the two shipped mappings over so many co-ops and workers."""
    return _measure(coops, workers, {name: (SHIPPED / f"{name}.yaml").read_text() for name in (GROUPS, ENROLLEES)})


def with_mappings(mappings: int, coops: int) -> dict[str, float]:
    """A quiet sweep of so many mappings over one table of so many co-ops."""
    shipped = (SHIPPED / f"{GROUPS}.yaml").read_text()
    names = [f"groups-{number}" for number in range(mappings)]
    return _measure(coops, 0, {name: shipped.replace(f"mapping: {GROUPS}", f"mapping: {name}", 1) for name in names})


def _measure(coops: int, workers: int, mappings: Mapping[str, str]) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Sandbox(coops=coops, workers=workers, rate_limit=None))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, text in mappings.items():
            (folder / f"{name}.yaml").write_text(text)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BRIDGE_")},
            **{key: value for key, value in box.environment().items() if "SLACK" not in key},
            "BRIDGE_MODE": "observe",
            "BRIDGE_MAPPINGS": str(folder),
            "BRIDGE_STATE_URL": f"sqlite:///{folder}/bridge.db",
        }
        _sync(environment, folder)
        for server in box.servers:
            server.forget_requests()
        spent = _sync(environment, folder)
        tables = ("Groups", "Enrollees") if workers else ("Groups",)
        return {
            "records": sum(len(box.airtable.rows(BASE, table)) for table in tables),
            "mappings": len(mappings),
            **spent,
            "airtable_calls": len(box.servers.airtable.requests),
            "civicrm_calls": len(box.servers.civicrm.requests),
        }


def _sync(environment: Mapping[str, str], folder: Path) -> dict[str, float]:
    """One `bridge sync`: what its process took."""
    began = time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "bridge", "sync"], env=dict(environment), cwd=folder, stdout=said, stderr=said
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"bridge sync ended with {child.returncode}:\n{(folder / 'said.txt').read_text()[-2000:]}")
    return {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "memory_mb": used.ru_maxrss / 1024,
        "wall_seconds": time.perf_counter() - began,
    }


def main() -> None:
    """Print the measures as JSON."""
    what, *numbers = sys.argv[1:]
    measure = {"records": with_records, "mappings": with_mappings}[what]
    print(json.dumps(measure(*map(int, numbers))))


if __name__ == "__main__":
    main()

"""What commands cost beside waiting: processor time from the interpreter's start to its end; above all a quiet `bridge sync`.

    python -m benchmarks.quiet [TIMES]

The commands take turns, so that what else the machine does falls on all of them. Their modules are compiled, as they are where
bridge is installed. *Libraries* is what importing the libraries bridge stands on costs alone, and *again* the same sync as
`bridge serve` does it: in a process that has done one before.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bridge.sandbox import Sandbox

MAPPING = "benefits-groups"
COOPS = 60

LIBRARIES = (
    "typer.main, pydantic_settings, structlog, ruamel.yaml, sqlalchemy, tenacity, httpx, pyairtable, phonenumbers, babel"
)
_IMPORT = f"import gc; gc.set_threshold(300_000, 50, 100); import {LIBRARIES}; gc.freeze()"
_TWICE = """
import json, sys, time
from bridge.cli import app

def spent():
    before = time.process_time()
    app(sys.argv[1:], standalone_mode=False)
    return time.process_time() - before

sys.stdout.write(json.dumps([spent(), spent()][1]))
"""


def measure(times: int) -> dict[str, float]:
    """Processor seconds by what was run, medians; the first of each is not counted."""
    shipped = Path(__file__).parents[1] / "mappings" / f"{MAPPING}.yaml"
    with Sandbox(coops=COOPS, workers=300, rate_limit=None) as box, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / shipped.name).write_text(shipped.read_text())
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("BRIDGE_", "PYTHONDONTWRITEBYTECODE"))}
        environment = {
            **ours,
            **{key: value for key, value in box.environment().items() if "SLACK" not in key},
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": folder,
            "BRIDGE_STATE_URL": f"sqlite:///{folder}/bridge.db",
            "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
        }

        def run(*words: str) -> str:
            command = [sys.executable, *words]
            return subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, text=True).stdout

        commands: dict[str, Callable[[], float]] = {
            "typer": lambda: spent(lambda: run(str(Path(__file__).parent / "a_typer_app.py"), "--help")),
            "bridge": lambda: spent(lambda: run("-m", "bridge", "--help")),
            "status": lambda: spent(lambda: run("-m", "bridge", "status")),
            "libraries": lambda: spent(lambda: run("-c", _IMPORT)),
            "sync": lambda: spent(lambda: run("-m", "bridge", "sync", MAPPING)),
            "again": lambda: float(run("-c", _TWICE, "sync", MAPPING).splitlines()[-1]),
        }
        commands["sync"]()
        found = [{name: command() for name, command in commands.items()} for _ in range(times + 1)][1:]
    return {name: statistics.median(each[name] for each in found) for name in commands}


def spent(run: Callable[[], object]) -> float:
    """Processor seconds of the processes that `run` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the measures as JSON."""
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)))


if __name__ == "__main__":
    main()

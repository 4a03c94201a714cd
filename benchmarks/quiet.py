"""What a quiet `bridge sync` of one small mapping costs beside waiting: its processor time, start included.

python -m benchmarks.quiet [TIMES]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bridge.sandbox import Sandbox

MAPPING = "benefits-groups"
COOPS = 60


def measure(times: int) -> dict[str, float]:
    """Processor seconds of `bridge sync`, `bridge plan` and `bridge status`, medians; the first sync is not counted."""
    shipped = Path(__file__).parents[1] / "mappings" / f"{MAPPING}.yaml"
    with Sandbox(coops=COOPS, workers=300, rate_limit=None) as box, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / shipped.name).write_text(shipped.read_text())
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BRIDGE_")},
            **{key: value for key, value in box.environment().items() if "SLACK" not in key},
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": folder,
            "BRIDGE_STATE_URL": f"sqlite:///{folder}/bridge.db",
        }

        def bridge(*words: str) -> float:
            return spent(
                lambda: subprocess.run(
                    [sys.executable, "-m", "bridge", *words], env=environment, cwd=folder, check=True, capture_output=True
                )
            )

        bridge("sync", MAPPING)
        return {
            name: statistics.median(bridge(*words) for _ in range(times))
            for name, words in {"sync": ("sync", MAPPING), "status": ("status",)}.items()
        }


def spent(run: Callable[[], object]) -> float:
    """Processor seconds of the processes that `run` starts and waits for."""
    before = os.times()
    run()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print the measures as JSON."""
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)))


if __name__ == "__main__":
    main()

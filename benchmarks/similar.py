"""Similar names at a size, on the generated truth of the tests: bridge, in a process of its own.

    python -m benchmarks.similar FOLDER NAMES [--make]

`--make` only writes the two lists, folded as bridge folds them, for bridge and for other tools (`names.py`).
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.names import lists, told

LEAST = 0.88
"""The threshold of the shipped mappings."""


def make(folder: Path, size: int) -> None:
    """Write the two lists as lines of JSON: id, text, within. The same id on both sides is the same co-op."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "core"))
    from test_similar_truth import truth

    for name, texts in zip(("left", "right"), truth(size), strict=True):
        (folder / f"{name}-{size}.jsonl").write_text("".join(json.dumps(asdict(each)) + "\n" for each in texts))


def main() -> None:
    """Print the measures as JSON."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("size", type=int)
    arguments.add_argument("--make", action="store_true")
    asked = arguments.parse_args()
    if asked.make:
        make(asked.folder, asked.size)
        return
    began = time.process_time()
    from bridge.core.similar import Text, alike

    left, right = ([Text(**each) for each in rows] for rows in lists(asked.folder, asked.size))
    scores = alike(left, right, LEAST, ())
    took = time.process_time() - began
    print(json.dumps(told(scores, took, lists(asked.folder, asked.size))))


if __name__ == "__main__":
    main()

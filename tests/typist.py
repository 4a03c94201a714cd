"""Types the commands of a page, read from its input, one after the other in one process: `NAME=value bridge word …`."""

import os
import shlex
import sys

from bridge.cli import main


def typed(line: str) -> int:
    """Run one line as the shell would; its exit code."""
    words = shlex.split(line)
    settings = dict(word.split("=", 1) for word in words[: words.index("bridge")])
    before = dict(os.environ)
    os.environ.update(settings)
    sys.argv = words[words.index("bridge") :]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return 0


if __name__ == "__main__":
    for each in sys.stdin.read().splitlines():
        if code := typed(each):
            sys.exit(f"{each}: {code}")

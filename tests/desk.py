"""The `bridge` command as a process, against a small federation in the sandbox."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.sandbox import Sandbox

SHIPPED = Path(__file__).parents[1] / "mappings"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


@dataclass
class Desk:
    """A folder with mappings and a state of its own, and a sandbox to work against."""

    folder: Path
    box: Sandbox
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mappings = self.folder / "mappings"
        shutil.copytree(SHIPPED, mappings)
        for file in mappings.glob("*.yaml"):
            file.write_text(file.read_text().replace("mode: observe", "mode: correct"))
        self.environment = {
            **self.box.environment(),
            "BRIDGE_MAPPINGS": str(mappings),
            "BRIDGE_STATE_URL": f"sqlite:///{self.folder}/bridge.db",
            "BRIDGE_MODE": "correct",
            **self.environment,
        }

    def bridge(self, *words: str, **settings: str) -> Ended:
        """Run `bridge` with these words; `settings` replace the desk's (an empty one removes it)."""
        chosen = {name: value for name, value in {**self.environment, **settings}.items() if value}
        ran = subprocess.run(
            [sys.executable, "-m", "bridge", *words],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **chosen},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return Ended(ran.returncode, ran.stdout, ran.stderr)

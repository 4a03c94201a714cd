"""The guide to a first mapping, done as its reader does it: every command, every edit, and what is shown comes."""

import os
import subprocess
import sys
from pathlib import Path

import guide
from bridge.sandbox import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "first-mapping.md").read_text()


def test_the_guide_to_a_first_mapping_can_be_followed(tmp_path: Path) -> None:
    with Sandbox(coops=60, workers=600, rate_limit=None) as box:
        (tmp_path / "first").mkdir()
        environment = {
            **box.environment(),
            "BRIDGE_STATE_URL": f"sqlite:///{tmp_path}/first/bridge.db",
            "BRIDGE_TIMEZONE": "America/New_York",
        }
        done = 0
        for step in guide.steps(PAGE):
            if isinstance(step, guide.Edit):
                step.make(tmp_path)
            elif step.words[0] == "export":
                name, _, value = step.words[1].partition("=")
                environment[name] = value
            elif step.words[0] == "bridge" and step.words[1] != "sandbox":
                done += 1
                ran = run(step.words[1:], tmp_path, environment)
                assert ran.returncode == 0, ran.stderr
                assert guide.unsaid(step.shown, ran.stdout) == [], ran.stdout
    assert done >= 7


def run(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command as the reader types it."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *words],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_line_that_is_not_said_is_found_and_numbers_do_not_count() -> None:
    assert guide.unsaid(["  link 52 of 59 rows", "nothing"], "link 7 of 60 rows\nmore") == ["nothing"]

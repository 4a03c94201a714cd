"""Each ready mapping does on its sandbox what its page says: it tells what is planted, writes once, and then nothing more."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.app import App
from bridge.config.settings import Settings
from bridge.sandbox import Sandbox
from bridge.sandbox.ready import SEEDS
from bridge.service.order import Kind

ROOT = Path(__file__).parents[2]
PAGES, PAGINAS = ROOT / "docs" / "mappings", ROOT / "docs" / "es" / "mappings"
TYPIST = ROOT / "tests" / "typist.py"

Told = dict[str, set[tuple[str, str]]]
"""By `mapping.rule` or `mapping.code`, the ids of the records it is told of."""


@dataclass(frozen=True)
class Tried:
    """What came of a ready mapping: before anything was written, and of three correcting runs."""

    findings: list[dict[str, Any]]
    failures: list[str]
    told: Told
    written: list[int]
    left: Told
    box: Sandbox


@pytest.fixture(scope="module", params=sorted(SEEDS))
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder = tmp_path_factory.mktemp(request.param)
    with Sandbox(ready=request.param, rate_limit=None) as box:
        environment = {
            **box.environment(),
            "BRIDGE_MAPPINGS": str(ROOT / "mappings" / "ready" / request.param),
            "BRIDGE_STATE_URL": f"sqlite:///{folder}/bridge.db",
            "BRIDGE_TIMEZONE": "America/New_York",
        }
        with App(Settings.load({**environment, "BRIDGE_MODE": "observe"}, secrets_dir=folder)) as app:
            findings = app.check_live()
            failures = [f"{each['name']}: {each['failures']}" for each in app.run_examples() if each["failures"]]
            observed = told(app)
        with App(Settings.load({**environment, "BRIDGE_MODE": "correct"}, secrets_dir=folder)) as app:
            written = [writes(app) for _ in range(3)]
            left = told(app)
        yield Tried(findings, failures, observed, written, left, box)


def told(app: App) -> Told:
    """What a run would tell, by what it is and of which records."""
    found: Told = defaultdict(set)
    for result in app.run([], Kind.SWEEP, by="test"):
        assert result.error is None, result.error
        assert result.plan is not None
        for each in result.plan.discrepancies:
            found[f"{each.mapping}.{each.rule or each.code}"].add((each.ids.civicrm or "", each.ids.airtable or ""))
    return dict(found)


def writes(app: App) -> int:
    """How many changes a correcting run makes; one that is held is approved, as a person would."""
    total = 0
    for result in app.run([], Kind.SWEEP, by="test"):
        assert result.error is None, result.error
        assert result.plan is not None
        total += len(result.plan.changes)
        if result.state.value == "held":
            assert result.digest is not None
            assert app.approve(result.digest, by="a person").state.value == "done"
    return total


def test_the_sandbox_has_every_field_and_option_it_names(tried: Tried) -> None:
    assert [each for each in tried.findings if each["severity"] != "warning"] == []


def test_its_examples_hold(tried: Tried) -> None:
    assert tried.failures == []


def test_it_tells_what_is_planted_and_nothing_else(tried: Tried) -> None:
    planted = {
        name: {(each.civicrm, each.airtable) for each in places}
        for name, places in tried.box.federation.truth.items()
        if places
    }
    assert tried.told == planted


def test_it_writes_and_then_nothing_is_left_to_write(tried: Tried) -> None:
    first, *later = tried.written
    assert first > 0
    assert later[-1] == 0


def test_writing_settles_nothing_that_is_for_a_person(tried: Tried) -> None:
    rules = {name for name in tried.told if not name.rpartition(".")[2].isdecimal()}
    assert {name: tried.left.get(name) for name in rules} == {name: tried.told[name] for name in rules}


# ── the pages ──


@contextmanager
def sandbox(command: str, folder: Path) -> Iterator[None]:
    """The page's first command, until the block ends."""
    with subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], cwd=folder, env=shell(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Ready.")
        yield
        process.terminate()


def shell() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("name", [*sorted(SEEDS), "benefits-groups", "benefits-enrollees"])
def test_a_new_user_can_follow_the_page(name: str, tmp_path: Path) -> None:
    """Every line of "Try it" is run as it stands, and what the page quotes is printed."""
    section = (PAGES / f"{name}.md").read_text().partition("## Try it\n")[2].partition("\n## ")[0]
    first, source, *commands = re.findall(r"^    (.+)$", re.sub(r"```.*?```", "", section, flags=re.DOTALL), re.MULTILINE)
    assert first.startswith(f"bridge sandbox --{f'for {name}' if name in SEEDS else 'coops 30'}")
    with sandbox(first, tmp_path):
        ran = subprocess.run(
            ["/bin/sh", "-c", f"{source} && exec {sys.executable} {TYPIST}"],
            cwd=tmp_path,
            env=shell(),
            input="\n".join(commands),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = ran.stdout.splitlines()
    for quoted in re.findall(r"```text\n(.*?)```", section, re.DOTALL):
        for line in quoted.splitlines():
            assert line in printed, line


def test_every_ready_mapping_has_its_files_its_page_and_its_place_in_the_list() -> None:
    folders = {each.name for each in (ROOT / "mappings" / "ready").iterdir()}
    listed = set(re.findall(r"\]\(([a-z-]+)\.md\)", (PAGES / "README.md").read_text()))
    assert folders == {*SEEDS}
    assert {*SEEDS, "benefits-groups", "benefits-enrollees"} == listed


@pytest.mark.parametrize("page", sorted(each.name for each in PAGES.iterdir()))
def test_every_page_is_in_spanish_too_with_the_same_commands_and_numbers(page: str) -> None:
    """So that what is tried by following the English page holds for whoever follows the Spanish one."""
    english, spanish = (re.split(r"^## ", (folder / page).read_text(), flags=re.MULTILINE) for folder in (PAGES, PAGINAS))
    assert [exact(each) for each in english] == [exact(each) for each in spanish]


def test_no_spanish_page_has_lost_its_english_one() -> None:
    assert {each.name for each in PAGINAS.iterdir()} == {each.name for each in PAGES.iterdir()}


def exact(section: str) -> tuple[list[str], list[str], list[str]]:
    """What no translation may change: commands and what they print, in order; numbers; names in code or emphasis."""
    shown = re.findall(r"^    .+$|^```text\n(?:.+\n)*?```$", section, re.MULTILINE)
    said = re.sub(r"\]\([^)]*\)", "", section)
    return shown, sorted(re.findall(r"\d[\d,.]*\d|\d", said)), sorted(re.findall(r"`[^`\n]+`", said))

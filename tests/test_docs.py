"""The documentation says what is so: its commands, exit codes, tests, files and links exist, and none is left out."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from bridge.cli import app, screen
from bridge.config.settings import variables

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "mappings").glob("*.md"), *(ROOT / "deploy").rglob("*.md")]
)
NOT_YET = re.search(r"^## Not yet$(.+?)^## ", (ROOT / "docs" / "limits.md").read_text(), re.MULTILINE | re.DOTALL)
TEST = re.compile(r"tests/[\w/]+\.py::test_\w+")


def title(page: Path) -> str:
    """The page as a test's name."""
    return str(page.relative_to(ROOT))


def commands(group: TyperGroup, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """The words of every command there is, with its options."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*before, name))
        else:
            options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
            yield (*before, name), options | {"--help"}


COMMANDS = dict(commands(typer.main.get_group(app)))


def said(text: str) -> Iterator[str]:
    """Every `bridge …` that a page writes as code, one a line."""
    for span in re.findall(r"`([^`\n]+)`|^    (.+)$", text, re.MULTILINE):
        for part in re.split(r"[|;&]|  +", next(filter(None, span))):
            if match := re.match(r"(?:\.venv/bin/)?bridge ([a-z].*)", part.strip()):
                yield match[1]


def not_yet() -> set[str]:
    """Commands that the limits page admits to be missing."""
    return set(re.findall(r"`bridge (\w+)`", NOT_YET[1] if NOT_YET else ""))


def defined(node: str) -> bool:
    """Whether a test of this node id exists."""
    file, _, name = node.partition("::")
    if not (ROOT / file).is_file():
        return False
    return any(
        isinstance(each, ast.FunctionDef) and each.name == name for each in ast.walk(ast.parse((ROOT / file).read_text()))
    )


# ── commands ──


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_page_names_only_commands_and_options_that_exist(page: Path) -> None:
    for line in said(page.read_text()):
        words = tuple(line.split())
        if words[0] in not_yet():
            continue
        command = next((words[:n] for n in (2, 1) if words[:n] in COMMANDS), None)
        assert command, f"there is no `bridge {line}`"
        unknown = set(re.findall(r"--[a-z-]+", line)) - COMMANDS[command]
        assert not unknown, f"`bridge {line}` has no {unknown}"


def strings(file: Path) -> Iterator[str]:
    """Every text in a module, with X where something is filled in; a text of several pieces is one."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)


def test_what_the_program_says_names_only_commands_and_options_that_exist() -> None:
    texts = [text for file in (ROOT / "src/bridge").rglob("*.py") for text in strings(file)]
    texts += [catalogue.read_text().replace('"\n"', "") for catalogue in (ROOT / "src/bridge").rglob("*.po")]
    found = {line for text in texts for line in re.findall(r"[`“]bridge ([a-z][^`”\n]*)[`”]", text)}
    assert len(found) > 10
    for line in sorted(found):
        words = tuple(line.split())
        command = next((words[:n] for n in (2, 1) if words[:n] in COMMANDS), None)
        assert command or words[0] in not_yet(), f"there is no `bridge {line}`"
        assert not command or set(re.findall(r"--[a-z-]+", line)) <= COMMANDS[command], f"`bridge {line}`"


def test_the_role_recipe_that_refusals_point_to_is_in_the_readme() -> None:
    assert any("role recipe in the README" in text for text in strings(ROOT / "src/bridge/civicrm/preflight.py"))
    assert "### The role recipe" in README


@pytest.mark.parametrize("words", sorted(COMMANDS), ids=" ".join)
def test_every_command_is_in_the_readmes_table(words: tuple[str, ...]) -> None:
    rows = [row for row in README.splitlines() if row.startswith(f"| `bridge {words[0]}")]
    assert rows, f"`bridge {' '.join(words)}` is in no row"
    assert len(words) == 1 or any(f"`{words[1]}`" in row or f"{words[0]} {words[1]}`" in row for row in rows)


def test_every_option_in_the_readmes_table_is_one_of_its_command() -> None:
    for row in README.splitlines():
        if match := re.match(r"\| `bridge ([a-z ]+)`", row):
            words = tuple(match[1].split())
            known = COMMANDS.get(words, set())
            assert words[0] in not_yet() or set(re.findall(r"--[a-z-]+", row)) <= known, row


def test_every_exit_code_is_in_the_readme_and_in_the_operators_page() -> None:
    codes = {screen.DONE, screen.FAILED, screen.USAGE, screen.HELD, screen.SOMETHING_TO_SEE}
    for text in (README, (ROOT / "docs" / "operators.md").read_text()):
        assert {int(code) for code in re.findall(r"^\| (\d) \| (?:done|failed|usage|held)", text, re.MULTILINE)} == codes


def test_the_make_targets_that_the_readme_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(
        re.findall(r"make ([a-z]+)(?=[`\s])(?! it)", " ".join(re.findall(r"`make \w+`|^    make \w+ ", README, re.MULTILINE)))
    )
    assert {"demo", "test", "install"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_page_names_only_settings_that_exist(page: Path) -> None:
    known = {each.name for each in variables()}
    keyed = tuple(name.partition("<")[0] for name in known if "<" in name)
    for name in re.findall(r"BRIDGE_[A-Z_]+(?<!_)", page.read_text()):
        assert name in known or name.startswith(keyed) or name.startswith("BRIDGE_TEST_"), f"there is no setting {name}"


# ── promises and proofs ──


def promises() -> list[tuple[str, list[str]]]:
    """Each promise of the README with the tests that it names."""
    table = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", README, re.MULTILINE)
    return [
        (f"{number}. {promise}", TEST.findall(held)) for number, promise, held in table if TEST.search(held) or "." in promise
    ]


def test_the_readme_makes_twelve_promises() -> None:
    assert [each.partition(".")[0] for each, _ in promises()] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(("promise", "tests"), promises(), ids=[each for each, _ in promises()])
def test_a_promise_names_tests_that_exist(promise: str, tests: list[str]) -> None:
    assert tests, promise
    assert [test for test in tests if not defined(test)] == []


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_page_names_only_tests_that_exist(page: Path) -> None:
    assert [test for test in TEST.findall(page.read_text()) if not defined(test)] == []


def test_no_adapter_can_delete() -> None:
    """Promise 5 by construction: no call and no word of either adapter asks a system to delete, replace or merge."""
    forbidden = re.compile(r"delete\w*|destroy|purge|replace|mergeDuplicates|batch_delete", re.IGNORECASE)
    for file in [*(ROOT / "src/bridge/civicrm").glob("*.py"), *(ROOT / "src/bridge/airtable").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            where = f"{file.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not forbidden.fullmatch(node.value), where
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith(("delete", "batch_delete", "destroy")), where


# ── links, files, modules ──


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_page_names_only_modules_and_files_that_exist(page: Path) -> None:
    text = page.read_text()
    for dotted in set(re.findall(r"`(bridge\.[a-z_]+(?:\.\w+)+)`", text)):
        if dotted.endswith((".db", ".po", ".container")):
            continue
        assert _resolves(dotted), f"{dotted} is not there"
    for path in set(re.findall(r"`((?:src|tests|docs|mappings|deploy|scripts)/[\w./-]+)`", text)):
        assert (ROOT / path).exists(), path


def _resolves(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 1, -1):
        try:
            found: object = import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for name in parts[cut:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
        waiting += [each for link in links if (each := (page.parent / link).resolve()) not in seen and each.exists()]
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= seen


def test_every_entry_of_the_regressions_is_told_once() -> None:
    told = re.findall(r"^\| C-(\d+) \|", (ROOT / "docs" / "regressions.md").read_text(), re.MULTILINE)
    assert [int(number) for number in told] == list(range(1, 65))

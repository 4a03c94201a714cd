"""`bridge init` on the federation: it finds the pairs that the shipped mappings have, and overwrites nothing."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app import App
from bridge.app.drafting import Place, draft
from bridge.config.mappings import load
from bridge.config.settings import Settings
from bridge.config.written import Heading, written
from bridge.core.mapping import Authority, ExactMatch, Mapping, Mode
from bridge.errors import ConfigError
from bridge.sandbox import Sandbox
from desk import SHIPPED, Desk

FEDERATION = {"benefits-groups": ("Organization", "Groups"), "benefits-enrollees": ("Individual", "Enrollees")}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(coops=60, workers=600, rate_limit=None) as sandbox:
        yield sandbox


@pytest.fixture
def empty(desk: Desk) -> Desk:
    """A desk whose folder of mappings holds none."""
    desk.environment["BRIDGE_MAPPINGS"] = str(desk.folder / "drafts")
    return desk


def pairs(mapping: Mapping) -> set[tuple[str, str]]:
    """The fields of the two sides that a mapping holds to be the same, compared or matched by; a choice without its suffix."""
    ats = [(each.at.civicrm, each.at.airtable) for each in mapping.fields.values() if each.two_sided]
    for rule in mapping.match:
        ats += [
            (key.at.civicrm, key.at.airtable)
            for key in (rule.keys if isinstance(rule, ExactMatch) else (rule.key, *rule.within))
        ]
    return {(str(civicrm).removesuffix(":name"), str(airtable)) for civicrm, airtable in ats}


def drafted(desk: Desk, name: str, folder: Path) -> tuple[Mapping, str]:
    """The draft of one of the federation's two tables, read back, and its text."""
    entity, table = FEDERATION[name]
    with App(Settings.load(desk.environment)) as app:
        made = draft(app, Place(entity=entity, base="benefits", table=table))
    heading = Heading(
        name=name,
        day="2026-11-22",
        entity=entity,
        base="benefits",
        table=table,
        timezone="UTC",
        related=made.related,
        parents={"Groups": "benefits-groups"},
        unread=made.unread,
    )
    text = written(made.proposal, heading)
    folder.mkdir()
    for each in SHIPPED.glob("*.yaml"):
        (folder / each.name).write_text(text if each.stem == name else each.read_text())
    return next(each for each in load(folder) if each.name == name), text


@pytest.mark.parametrize("name", FEDERATION)
def test_the_draft_finds_the_true_pairs_and_what_is_sensitive(
    empty: Desk, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping, text = drafted(empty, name, tmp_path / "drafted")
    known = next(each for each in load(SHIPPED) if each.name == name)
    true, found = pairs(known), pairs(mapping)
    precision, recall = len(true & found) / len(found), len(true & found) / len(true)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {len(found)} pairs drafted, {len(true)} true: precision {precision:.2f}, recall {recall:.2f}\n"
        )
    assert found - true == set()
    assert recall >= 0.95, true - found
    assert mapping.mode is Mode.OBSERVE
    assert {each.authority for each in mapping.fields.values()} == {Authority.REPORT}
    hidden = {each.at for each in mapping.fields.values() if each.sensitive}
    assert hidden == {each.at for each in known.fields.values() if each.sensitive and each.two_sided}
    people = empty.box.federation.civicrm
    values = [
        row.get(key)
        for rows in ("Contact", "Email", "Phone")
        for row in people[rows]
        for key in ("organization_name", "email", "phone")
    ]
    assert not [value for value in values if value and str(value) in text]


def test_the_command_writes_checks_and_plans_the_draft_and_overwrites_nothing(empty: Desk) -> None:
    ended = empty.bridge("init", "--entity", "Organization", "--table", "Groups")
    assert ended.code == 0, ended.err
    assert "Checked against both live systems" in ended.out
    assert "  link 5" in ended.out
    assert "write nothing: every field says `authority: report`" in ended.out
    file = empty.folder / "drafts" / "groups.yaml"
    text = file.read_text()
    again = empty.bridge("init", "--entity", "Organization", "--table", "Groups")
    assert (again.code, "is there already" in again.err, file.read_text()) == (2, True, text)


def test_a_table_that_is_not_there_is_told_with_those_that_are(empty: Desk) -> None:
    with App(Settings.load(empty.environment)) as app, pytest.raises(ConfigError) as told:
        draft(app, Place(entity="Organization", base="benefits", table="Grops"))
    assert "`Grops`" in told.value.message
    assert "`Groups`, `Enrollees`, `Discrepancies`" in told.value.next_step


def test_without_a_terminal_what_is_missing_is_named_with_the_choices(empty: Desk) -> None:
    ended = empty.bridge("init")
    assert (ended.code, "there are: Groups, Enrollees, Discrepancies" in ended.err) == (2, True)


def test_on_a_terminal_it_asks_and_a_no_writes_nothing(empty: Desk) -> None:
    primary, replica = pty.openpty()
    os.write(primary, b"2\n\nn\n")
    ran = subprocess.run(
        [sys.executable, "-m", "bridge", "init"],
        env={"PATH": os.environ["PATH"], **empty.environment},
        cwd=empty.folder,
        stdin=replica,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    os.close(replica)
    os.close(primary)
    assert ran.returncode == 0, ran.stderr
    assert "  2  Enrollees" in ran.stdout
    assert "[Individual]" in ran.stdout
    assert "Nothing was written." in ran.stdout
    assert not (empty.folder / "drafts").exists()

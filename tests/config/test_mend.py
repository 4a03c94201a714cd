"""New names are written where the old ones stood, everywhere, and every other byte stays as it was."""

from pathlib import Path

import pytest

from bridge.config.drift import Rename, What
from bridge.config.mappings import load
from bridge.config.mend import mended
from bridge.config.problems import Problems
from bridge.config.tree import read
from bridge.core.record import Side

SOUND = Path(__file__).parent / "sound.yaml"
SHIPPED = Path(__file__).parents[2] / "mappings" / "benefits-groups.yaml"


def changed_lines(tmp_path: Path, text: str, *renames: Rename) -> list[tuple[str, str]]:
    """Each line that differs, before and after; the result is loaded, so it is sound."""
    file = tmp_path / "a.yaml"
    file.write_bytes(text.encode())
    tree = read(file, Problems())
    assert tree is not None
    after = mended(text, tree, renames)
    file.write_bytes(after.encode())
    load(file)
    pairs = zip(text.split("\n"), after.split("\n"), strict=True)
    return [(before, now) for before, now in pairs if before != now]


def field(side: Side, old: str, new: str) -> Rename:
    return Rename(side=side, what=What.FIELD, old=old, new=new)


def test_a_column_is_renamed_in_fields_match_scope_and_examples(tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    changed = changed_lines(tmp_path, text, field(Side.AIRTABLE, "Group name", "Name of the group"))
    assert len(changed) == text.count("Group name")
    assert all(before.replace("Group name", "Name of the group") == now for before, now in changed)
    scope = changed_lines(tmp_path, text, field(Side.AIRTABLE, "Archived", "Is archived: yes"))
    assert scope == [
        (
            '  where: [[Archived, "=", false]]   # archived rows are left alone',
            '  where: [["Is archived: yes", "=", false]]   # archived rows are left alone',
        )
    ]


def test_a_field_of_civicrm_is_renamed_with_its_suffix_and_under_its_alias(tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    status = changed_lines(tmp_path, text, field(Side.CIVICRM, "Benefits.Status:name", "Benefits.State:name"))
    assert len(status) == text.count('"Benefits.Status:name"')
    assert all('"Benefits.State:name"' in now for _, now in status)
    ends = changed_lines(tmp_path, text, field(Side.CIVICRM, "membership.end_date", "membership.Dues_Info.End"))
    assert any("{civicrm: membership.Dues_Info.End, " in now for _, now in ends)
    assert any("Dues_Info.End: 2026-11-15}" in now for _, now in ends)


def test_an_option_is_renamed_in_values_rules_and_examples(tmp_path: Path) -> None:
    text = SOUND.read_text()
    renamed = Rename(side=Side.AIRTABLE, what=What.OPTION, old="Enrolled", new="Enrolled: 2027", path="Status")
    changed = changed_lines(tmp_path, text, renamed)
    assert any('values: {on: "Enrolled: 2027"' in now for _, now in changed)
    assert any('is: "Enrolled: 2027"' in now for _, now in changed)
    named = Rename(side=Side.CIVICRM, what=What.OPTION, old="on", new="active", path="Benefits.Status:name")
    assert [now for _, now in changed_lines(tmp_path, text, named) if "{active: Enrolled" in now]


def test_a_table_is_renamed_alone(tmp_path: Path) -> None:
    renamed = Rename(side=Side.AIRTABLE, what=What.TABLE, old="Groups", new="Groups, all")
    assert changed_lines(tmp_path, SHIPPED.read_text(), renamed) == [("  table: Groups", '  table: "Groups, all"')]


def test_several_new_names_change_places_without_meeting(tmp_path: Path) -> None:
    """Two columns that swapped their names are swapped in the file."""
    text = SOUND.read_text()
    changed = changed_lines(tmp_path, text, field(Side.AIRTABLE, "Email", "City"), field(Side.AIRTABLE, "City", "Email"))
    assert any("airtable: City, type: email" in now for _, now in changed)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_quotes_and_comments_stay(tmp_path: Path, end: str) -> None:
    text = SHIPPED.read_text().replace("airtable: Phone,", "airtable: 'Phone' ,").replace("\n", end)
    changed = changed_lines(tmp_path, text, field(Side.AIRTABLE, "Phone", "Téléphone ☎"))
    assert any('airtable: "Téléphone ☎" ,' in now for _, now in changed)
    assert all(before.count("#") == now.count("#") and before[-1:] == now[-1:] for before, now in changed)

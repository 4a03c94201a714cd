"""The mappings that are shipped: they load, their examples hold, and the checked-in schema is the one that the code makes."""

import datetime as dt
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.config.mappings import load
from bridge.config.schema import ENV_FILE, REFERENCE_FILE, SCHEMA_FILE, mapping_schema, write
from bridge.config.settings import Settings
from bridge.core.examples import run_example
from bridge.core.mapping import Example, FieldType, Mapping, Mode
from bridge.core.record import Side

ROOT = Path(__file__).parents[2]
SHIPPED = load(ROOT / "mappings")
READY = [mapping for folder in sorted((ROOT / "mappings" / "ready").iterdir()) for mapping in load(folder)]
EXAMPLES = [(mapping, example) for mapping in (*SHIPPED, *READY) for example in mapping.examples]


def test_groups_run_before_the_enrollees_that_refer_to_them() -> None:
    assert [mapping.name for mapping in SHIPPED] == ["benefits-groups", "benefits-enrollees"]


@pytest.mark.parametrize(("mapping", "example"), EXAMPLES, ids=[f"{mapping.name}: {each.name}" for mapping, each in EXAMPLES])
def test_an_example_holds(mapping: Mapping, example: Example) -> None:
    assert run_example(mapping, example, dt.date(2026, 9, 1)).failures == ()


@pytest.mark.parametrize("mapping", [*SHIPPED, *READY], ids=lambda mapping: mapping.name)
def test_a_shipped_mapping_is_safe_and_speaks_both_languages(mapping: Mapping) -> None:
    """It says `correct`, and still writes nothing: BRIDGE_MODE is observe until somebody says so.

    A blank replaces nothing but a set of groups: who leaves the last one is kept as Removed.
    """
    assert mapping.mode is Mode.CORRECT
    assert Settings.load({}, remotes=False).mode is Mode.OBSERVE
    assert not any(field.clear for field in mapping.fields.values() if field.type is not FieldType.CHOICES)
    assert len(mapping.examples) >= 5
    for rule in mapping.rules:
        assert {*rule.say} == {*rule.do} == {"en", "es"}, rule.name
        assert rule.owner, rule.name
    told = {each for example in mapping.examples for each in example.discrepancies or ()}
    assert {rule.name for rule in mapping.rules} <= told, "every rule has an example that sets it off"


def test_what_is_about_a_person_s_health_insurance_is_sensitive() -> None:
    enrollees = SHIPPED[1].fields
    assert {name for name, field in enrollees.items() if field.sensitive} == {"birth_date", "member_number", "premium"}


def test_no_sentence_names_a_sensitive_field() -> None:
    for mapping in (*SHIPPED, *READY):
        for rule in mapping.rules:
            for text in (*rule.say.values(), *rule.do.values()):
                for name in re.findall(r"{(\w+)}", text):
                    assert not mapping.fields[name].sensitive, (rule.name, name)


def test_membership_flows_only_to_airtable_and_benefits_only_to_civicrm() -> None:
    fields = SHIPPED[0].fields
    assert fields["membership_status"].lossy
    assert [fields["membership_status"].may_write(side) for side in Side] == [False, True]
    assert [fields["benefits_status"].may_write(side) for side in Side] == [True, False]


@pytest.mark.parametrize("file", sorted((ROOT / "mappings").rglob("*.yaml")), ids=lambda file: file.name)
def test_editors_find_the_schema(file: Path) -> None:
    schema = os.path.relpath(ROOT / SCHEMA_FILE, file.parent)
    assert file.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema={schema}\n")


def test_the_checked_in_schema_is_the_generated_one() -> None:
    """Renew it with `python -m bridge.config.schema`."""
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == mapping_schema()


def test_the_generated_files_are_written_where_they_belong_and_are_current(tmp_path: Path) -> None:
    """Renew them with `python -m bridge.config.schema`."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "docs").mkdir()
    write(tmp_path)
    for file in (SCHEMA_FILE, ENV_FILE, REFERENCE_FILE):
        assert (tmp_path / file).read_bytes() == (ROOT / file).read_bytes()


def maps(value: Any, way: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every `properties` in the schema, by its way."""
    if isinstance(value, list):
        return [found for each in value for found in maps(each, way)]
    if not isinstance(value, dict):
        return []
    mine = [(way, value["properties"])] if isinstance(value.get("properties"), dict) else []
    return [*mine, *(found for key, each in value.items() for found in maps(each, f"{way}/{key}"))]


def test_every_key_of_the_language_is_described() -> None:
    whole = json.loads(mapping_schema())
    found = maps(whole)
    assert len(found) > 20
    for way, properties in found:
        for key, schema in properties.items():
            assert schema.get("description"), f"{way}: {key}"


def test_the_schema_knows_every_key_as_it_is_written_and_no_null() -> None:
    text = mapping_schema()
    for key in ("as", "is", "in", "not", "from"):
        assert f'"{key}": {{' in text
    assert '"null"' not in text


def test_the_shipped_mappings_fit_the_sandbox(tmp_path: Path) -> None:
    """Every field and option they name is there; all that is told are the differences planted in the sandbox."""
    from bridge.app import App
    from bridge.config.settings import Settings
    from bridge.sandbox import Sandbox

    with Sandbox(coops=30, workers=60, rate_limit=None) as sandbox:
        state = {"BRIDGE_STATE_URL": f"sqlite:///{tmp_path}/bridge.db", "BRIDGE_MAPPINGS": str(ROOT / "mappings")}
        settings = Settings.load({**sandbox.environment(), **state}, secrets_dir=tmp_path)
        with App(settings) as app:
            findings = app.check_live()
    assert {each["severity"] for each in findings} == {"warning"}
    assert [re.findall(r"`[^`]+`", each["message"])[-2:] for each in findings] == [
        ["`On hold`", "`Status`"],
        ["`COBRA`", "`Coverage status`"],
        ["`Enrollment.Member_Number`"],
    ]

"""Files and folders as they are found: broken, missing, foreign, hostile; and everything wrong is told at once."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.config import tree
from bridge.config.mappings import load
from bridge.config.problems import Problems
from bridge.errors import ConfigError, Problem

SOUND = (Path(__file__).parent / "sound.yaml").read_text()
SMALL = """\
mapping: {name}
civicrm: {{entity: Organization}}
airtable: {{base: benefits, table: Groups}}
match: [{{exact: {{civicrm: external_identifier, airtable: Civi ID}}}}]
fields:
  name: {{civicrm: organization_name, airtable: Name, type: text, authority: civicrm}}
"""


def problems_of(source: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(source)
    return [str(problem).removeprefix(f"{source.parent}/") for problem in caught.value.problems]


def told(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "a.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return problems_of(file)


def test_a_missing_folder_is_told_with_the_setting_that_names_it(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "nowhere") == [
        "nowhere:1:1: expected a folder of mappings or one mapping file, found nothing there. Set BRIDGE_MAPPINGS."
    ]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    assert problems_of(tmp_path / "m") == [
        (
            "m:1:1: expected at least one *.yaml file, found none. "
            "Write one as mappings/README.md shows, or copy one that comes with bridge."
        )
    ]


def test_a_file_with_the_other_ending_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL.format(name="a"))
    (tmp_path / "b.yml").write_text(SMALL.format(name="b"))
    with pytest.raises(ConfigError, match=r"b\.yml:1:1: expected the ending \.yaml, found \.yml\. Rename the file"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_told(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text)[0].split(": ")[1].startswith("expected ")


def test_a_list_is_no_mapping(tmp_path: Path) -> None:
    assert told(tmp_path, "- a\n- b\n") == [
        "a.yaml:1:1: expected keys such as `mapping:`, `civicrm:` and `fields:`, found a list."
    ]


def test_a_tab_is_told_at_its_place(tmp_path: Path) -> None:
    [problem] = told(tmp_path, "mapping: a\nfields:\n\tname: x\n")
    assert problem.startswith("a.yaml:3:1: expected YAML, found a syntax error:")
    assert problem.endswith("Indent with spaces, not tabs.")


def test_broken_yaml_is_told_at_its_place(tmp_path: Path) -> None:
    [problem] = told(tmp_path, "mapping: a\nfields: {name: [1, 2}\n")
    assert problem.startswith("a.yaml:2:21: expected YAML, found a syntax error:")


def test_a_control_character_is_told_at_its_place(tmp_path: Path) -> None:
    [problem] = told(tmp_path, "mapping: a\ntitle: \x07\n")
    assert problem.startswith("a.yaml:2:8: expected YAML, found a syntax error: a control character")


def test_another_encoding_is_told_at_its_place(tmp_path: Path) -> None:
    assert told(tmp_path, "mapping: a\ntitle: ñ\n".encode("latin-1")) == [
        "a.yaml:2:8: expected UTF-8, found the byte 0xf1. Save the file as UTF-8."
    ]


def test_two_documents_in_a_file_are_told(tmp_path: Path) -> None:
    [problem] = told(tmp_path, "mapping: a\n---\nmapping: b\n")
    assert problem.startswith("a.yaml:2:1: expected YAML, found a syntax error: expected a single document")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    assert told(tmp_path, "#" * 10_000_000) == ["a.yaml:1:1: expected at most 128 kB, found more. Split the mapping."]


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    [problem] = told(tmp_path, "\n".join(lines))
    assert "expected at most 20000 values, found more after its aliases are expanded" in problem


@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * 40 + "]" * 40, "[" * 5000 + "]" * 5000])
def test_endless_nesting_is_refused(tmp_path: Path, text: str) -> None:
    [problem] = told(tmp_path, text)
    assert "levels of nesting" in problem


def test_words_stay_words(tmp_path: Path) -> None:
    """`NO` is a state's or a country's code, 01002 a postal code, 09:00 a time and 2026-01-02 a day."""
    data = dedent("""\
        %YAML 1.1
        ---
        [NO, ON, yes, 01002, 09:00, 2026-01-02, 1_000, 0x1F, .inf, =, "5", true, null, 5, 1.5, -2e3]
        """)
    file = tmp_path / "a.yaml"
    file.write_text(data)
    found = tree.read(file, Problems())
    assert found is not None
    words = ["NO", "ON", "yes", "01002", "09:00", "2026-01-02", "1_000", "0x1F", ".inf", "=", "5"]
    assert found.data == [*words, True, None, 5, 1.5, -2000.0]


def test_aliases_may_be_used_in_reason(tmp_path: Path) -> None:
    text = SMALL.format(name="a").replace("civicrm: {entity", "civicrm: &c {entity") + "examples: []\n"
    (tmp_path / "a.yaml").write_text(text)
    assert len(load(tmp_path)) == 1


def test_every_problem_of_every_file_is_told_at_once_in_reading_order(tmp_path: Path) -> None:
    first = SMALL.format(name="a").replace("type: text", "type: txt") + "unmatched: {civicrm: creat}\nmod: observe\n"
    second = (
        SMALL.format(name="b").replace("entity: Organization", "entity: 3").replace("authority: civicrm", "on_edit: report")
    )
    (tmp_path / "a.yaml").write_text(first)
    (tmp_path / "b.yaml").write_text(second)
    (tmp_path / "c.yaml").write_text("a: [")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert [problem.where.removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "a.yaml:6:60",
        "a.yaml:7:22",
        "a.yaml:8:1",
        "b.yaml:2:19",
        "b.yaml:6:3",
        "c.yaml:1:5",
    ]


def test_what_is_wrong_with_shape_does_not_hide_what_is_wrong_with_meaning(tmp_path: Path) -> None:
    text = SMALL.format(name="a") + dedent("""\
          email: {civicrm: email_primary.email, airtable: Email, type: email}
        rules:
          late: {severity: urgent, when: [], say: {en: x}}
          other: {severity: low, when: [{airtable: namex, is: x}], say: {en: "{x}"}}
        """)
    assert [problem.split(": ")[0] for problem in told(tmp_path, text)] == [
        "a.yaml:7:3",
        "a.yaml:9:20",
        "a.yaml:10:44",
        "a.yaml:10:70",
    ]


def test_a_mapping_without_match_or_fields_is_told(tmp_path: Path) -> None:
    text = SMALL.format(name="a")
    without = text[: text.index("match:")] + "match: []\nfields: {}\n"
    assert told(tmp_path, without) == [
        "a.yaml:4:8: expected at least one entry, found an empty list.",
        "a.yaml:5:9: expected at least one entry, found an empty map.",
    ]


def test_two_files_with_one_name_are_told(tmp_path: Path) -> None:
    for file in ("a", "b"):
        (tmp_path / f"{file}.yaml").write_text(SMALL.format(name="same"))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/b.yaml:1:10: expected a name no other file has, found `same`. It is also at {tmp_path}/a.yaml:1:10."
    )


def referring(name: str, *to: str) -> str:
    return SMALL.format(name=name) + "".join(
        f"  r{n}: {{civicrm: employer_id, airtable: R{n}, type: reference, to: {other}, authority: civicrm}}\n"
        for n, other in enumerate(to)
    )


def test_parents_come_before_children_and_else_by_name(tmp_path: Path) -> None:
    for name, to in {"a": ("c",), "b": (), "c": ("d", "c"), "d": ()}.items():
        (tmp_path / f"{name}.yaml").write_text(referring(name, *to))
    assert [mapping.name for mapping in load(tmp_path)] == ["b", "d", "c", "a"]


def test_a_circle_of_references_is_told_with_its_way(tmp_path: Path) -> None:
    for name, to in {"a": ("b",), "b": ("c",), "c": ("a",)}.items():
        (tmp_path / f"{name}.yaml").write_text(referring(name, *to))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/a.yaml:7:65: references go in a circle: a → b → c → a. One of them must be read another way."
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="abc:-[]{}&*!|>'\"%@`,#? \n\t\x00é01", max_size=60) | st.binary(max_size=40))
def test_no_text_raises_anything_but_config_error(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError):
        load(tmp_path)


def places(data: object, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every way to a value in `data`."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way, *(each for key, value in inner for each in places(value, (*way, key)))]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mapping_with_a_foreign_value_somewhere_raises_anything_but_config_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    """A sound mapping with one value replaced by anything: it loads or is refused with places, and never crashes."""
    file = tmp_path / "a.yaml"
    file.write_text(SOUND)
    read = tree.read(file, Problems())
    assert read is not None
    way = data.draw(st.sampled_from(places(read.data)[1:]))
    root: dict[str, object] = {"": read.data}
    holder: object = root
    for part in ("", *way[:-1]):
        holder = holder[part]  # type: ignore[index]
    holder[way[-1]] = data.draw(json_values)  # type: ignore[index]
    file.write_text(json.dumps(root[""], allow_nan=True))
    problems: tuple[Problem, ...] = ()
    try:
        load(tmp_path)
    except ConfigError as error:
        problems = error.problems or (Problem("nowhere", "a refusal names its places"),)
    assert all(problem.where.startswith(f"{file}:") for problem in problems)

"""Every misuse of the mapping language has a message: its place, what was expected, what was found, the nearest right word."""

from pathlib import Path

import pytest

from bridge.config.mappings import load
from bridge.errors import ConfigError

HERE = Path(__file__).parent
SOUND = (HERE / "sound.yaml").read_text()


def misuses() -> list[tuple[str, str, str]]:
    """What is there, what is written instead, and the message, from each paragraph of misuses.txt."""
    text = (HERE / "misuses.txt").read_text()
    lines = [line for line in text.splitlines() if line[:2] in ("- ", "+ ", "! ")]
    parts = [line[2:].replace("⏎", "\n") for line in lines]
    return list(zip(parts[0::3], parts[1::3], parts[2::3], strict=True))


def marked(text: str) -> tuple[str, str]:
    """The text without its marks, and the `line:column` of the last one."""
    before = text[: text.rindex("▶")].replace("▶", "")
    return text.replace("▶", ""), f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_the_sound_mapping_has_no_problem() -> None:
    assert [mapping.name for mapping in load(HERE / "sound.yaml")] == ["groups"]


@pytest.mark.parametrize(("old", "new", "message"), misuses())
def test_a_misuse_is_told_once_at_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SOUND
    text, place = marked(SOUND.replace(old, new, 1))
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [str(problem) for problem in caught.value.problems] == [f"{file}:{place}: {message}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"premium: {": "premium: {sensitive: true, ", "{name} is late.": "{name} pays {premium}."},
            (
                "expected a field that may be shown, found `{premium}`, which is sensitive and would read as `…`. "
                "Say it without the value, or name another field."
            ),
        ),
        (
            {
                "seen: {airtable: Seen, type: datetime}": "seen: {airtable: Ticked, type: boolean}",
                "{airtable: status, is: Enrolled}": "{airtable: seen, blank: true}",
            },
            (
                "`blank` cannot ask a checkbox in Airtable, which is ticked or not; found it on `seen`. "
                "Use `is: false` or `is: true`."
            ),
        ),
    ],
)
def test_two_parts_that_do_not_go_together_are_told(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    text = SOUND
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert [f"{problem.message} {problem.hint}" for problem in caught.value.problems] == [message]

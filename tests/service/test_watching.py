"""Mapping files that change while a process serves: valid ones are taken up, wrong ones are told and the old ones stay."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.app.watching import Holders, MappingFiles
from bridge.config.settings import Settings
from bridge.errors import ConfigError, Problem
from bridge.language import Language
from fakes import FakeClock


@dataclass
class Loader:
    """Loads the files of a folder; `wrong` is the word it does not know."""

    folder: Path
    taken: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        text = "".join(file.read_text() for file in sorted(self.folder.glob("*.yaml")))
        if "wrong" in text:
            raise ConfigError([Problem("groups.yaml:1:1", "expected a key, found `wrong`.")])
        self.taken.append(text)


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    (tmp_path / "groups.yaml").write_text("one")
    return Loader(tmp_path)


def test_files_are_read_again_only_when_they_are_others(loader: Loader) -> None:
    files = MappingFiles(loader.folder, loader, FakeClock())
    assert not files.look()
    (loader.folder / "groups.yaml").touch()
    assert not files.look(), "the same bytes are the same file, whenever they were written"
    (loader.folder / "groups.yaml").write_text("two")
    assert files.look()
    (loader.folder / "people.yaml").write_text("three")
    assert files.look()
    (loader.folder / "people.yaml").unlink()
    assert files.look()
    assert loader.taken == ["two", "twothree", "two"]


def test_wrong_files_are_told_once_with_since_when_and_the_old_ones_stay(loader: Loader) -> None:
    clock = FakeClock()
    files = MappingFiles(loader.folder, loader, clock)
    began = clock()
    clock.forward(minutes=5)
    (loader.folder / "groups.yaml").write_text("wrong")
    with capture_logs() as lines:
        assert not files.look()
        clock.forward(minutes=5)
        assert not files.look()
    assert len(lines) == 1
    (loader.folder / "groups.yaml").write_text("still wrong")
    assert not files.look()
    assert loader.taken == []
    assert not files.check.ok
    assert "groups.yaml:1:1" in files.check.problem
    assert (files.check.last_good, files.check.since) == (began, began.replace(minute=began.minute + 5))


def test_mended_files_are_taken_up_and_the_problem_is_gone(loader: Loader) -> None:
    files = MappingFiles(loader.folder, loader, FakeClock())
    (loader.folder / "groups.yaml").write_text("wrong")
    files.look()
    (loader.folder / "groups.yaml").write_text("mended")
    assert files.look()
    assert files.check.ok
    assert loader.taken == ["mended"]


def test_a_folder_that_is_gone_is_a_change_like_any_other(tmp_path: Path) -> None:
    source = tmp_path / "mappings"
    source.mkdir()
    (source / "groups.yaml").write_text("one")

    def reload() -> None:
        raise ConfigError("expected a folder of mappings, found nothing there.")

    files = MappingFiles(source, reload, FakeClock())
    (source / "groups.yaml").unlink()
    source.rmdir()
    assert not files.look()
    assert "found nothing there" in files.check.problem


def test_staff_are_told_which_lines_are_wrong_in_their_language_and_nothing_of_what_stands_there(loader: Loader) -> None:
    files = MappingFiles(loader.folder, loader, FakeClock())
    (loader.folder / "groups.yaml").write_text("wrong")
    files.look()
    assert files.told(Language("en")).endswith("Those from before stay in use. What to mend: groups.yaml line 1.")
    assert files.told(Language("es")).endswith("Lo que hay que corregir: groups.yaml línea 1.")
    (loader.folder / "groups.yaml").write_text("mended")
    files.look()
    assert files.told(Language("en")).startswith("The mapping files are right again.")


def test_of_many_wrong_lines_the_first_are_named(tmp_path: Path) -> None:
    def reload() -> None:
        raise ConfigError([Problem(f"/etc/bridge/groups.yaml:{line}:1", "expected a key.") for line in range(1, 9)])

    files = MappingFiles(tmp_path, reload, FakeClock())
    (tmp_path / "groups.yaml").write_text("wrong")
    files.look()
    assert files.told(Language("en")).count("groups.yaml line") == 5
    assert files.told(Language("en")).endswith("line 5; ….")


# ── who may sign in ──

NEEDED = {
    "BRIDGE_CIVICRM__URL": "https://crm.example.org/",
    "BRIDGE_CIVICRM__API_KEY": "civi-key",
    "BRIDGE_AIRTABLE__TOKEN": "pat-token",
}


@dataclass
class SecretFiles:
    """The folder of secrets, read as the settings read it."""

    folder: Path

    def __call__(self) -> Settings:
        return Settings.load(NEEDED, secrets_dir=self.folder)

    def say(self, tokens: str) -> None:
        (self.folder / "bridge_web__tokens").write_text(tokens)


def names(holders: Holders) -> list[str]:
    return [each.name for each in holders.tokens]


def test_a_token_is_given_and_taken_by_changing_the_secret_file(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)
    files.say(f"viewer:vera:{'a' * 64}")
    holders = Holders(files(), files, FakeClock())
    files.say(f"viewer:vera:{'a' * 64},operator:olga:{'b' * 64}")
    assert names(holders) == ["vera"]
    with capture_logs() as lines:
        holders.look()
        holders.look()
    assert names(holders) == ["vera", "olga"]
    assert [each["event"] for each in lines] == ["web tokens read anew"]
    assert "bbbb" not in str(lines)
    files.say(f"operator:olga:{'b' * 64}")
    holders.look()
    assert names(holders) == ["olga"]


def test_settings_that_are_wrong_by_now_are_told_once_and_nobody_is_locked_out(tmp_path: Path) -> None:
    files, clock = SecretFiles(tmp_path), FakeClock()
    files.say(f"viewer:vera:{'a' * 64}")
    holders = Holders(files(), files, clock)
    began = clock()
    files.say("viewer:vera")
    clock.forward(minutes=1)
    with capture_logs() as lines:
        holders.look()
        clock.forward(minutes=1)
        holders.look()
    assert len(lines) == 1
    assert names(holders) == ["vera"]
    assert "BRIDGE_WEB__TOKENS" in holders.check.problem
    assert (holders.check.last_good, holders.check.since) == (began, began.replace(minute=began.minute + 1))
    files.say(f"viewer:vera:{'a' * 64}")
    holders.look()
    assert holders.check.ok

"""Mapping files that change while a process serves: valid ones are taken up, wrong ones are told and the old ones stay."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.app.watching import MappingFiles
from bridge.errors import ConfigError, Problem
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

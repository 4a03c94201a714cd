"""What is installed with bridge may be used as it is: every licence is one of a short list, told in `docs/licences.md`."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "licences.md").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
SHIPPED = re.findall(r"^([a-z0-9.-]+)==", LOCK, re.MULTILINE)
ALLOWED = (
    "MIT",
    "BSD",
    "Apache",
    "ISC",
    "PSF",
    "MPL-2.0",
    "MPL 2.0",
    "Python Software Foundation",
    "LGPL",
    "Unlicense",
    "0BSD",
)
"""Each lets a program that uses the library be given away under its own licence. LGPL: psycopg, used unchanged."""
LGPL = {"psycopg", "psycopg-binary"}


def licence(name: str) -> str | None:
    """What a package says of itself; None if this machine does not install it."""
    try:
        told = distribution(name).metadata
    except PackageNotFoundError:
        return None
    classifiers = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or () if each.startswith("License :: ")]
    whole = told.get("License-Expression") or " ".join(classifiers) or (told.get("License") or "").strip().partition("\n")[0]
    return whole or "nothing"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_package_that_ships_has_a_licence_that_is_allowed(name: str) -> None:
    found = licence(name)
    if found is None:
        assert re.search(rf"^{re.escape(name)}==\S+ *;", LOCK, re.MULTILINE), (
            f"{name} is for every machine, and is not installed"
        )
        return
    assert any(each.lower() in found.lower() for each in ALLOWED), found
    assert "GPL" not in found or name in LGPL, found
    assert re.search(rf"^\| {re.escape(name)} \|", PAGE, re.MULTILINE), f"{name} is not in docs/licences.md"


def test_the_page_names_nothing_that_does_not_ship() -> None:
    assert set(re.findall(r"^\| ([a-z0-9.-]+) \|", PAGE, re.MULTILINE)) <= set(SHIPPED)


def test_everything_that_ships_is_held_to_hashes() -> None:
    assert SHIPPED
    for entry in re.split(r"\n(?=[a-z])", LOCK.strip()):
        assert not re.match(r"[a-z0-9.-]+==", entry) or "--hash=sha256:" in entry, entry.partition(" ")[0]

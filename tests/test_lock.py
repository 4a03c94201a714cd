"""The locks are whole: all that bridge needs, in versions that fit, nothing else, and the same on a developer's machine.

What is known against a version cannot be asked here (docs/security.md, Dependencies); that nothing comes in beside it can.
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKED_LINE = re.compile(r"^([a-zA-Z0-9._-]+)==(\S+)", re.MULTILINE)


def locked(name: str) -> dict[str, Version]:
    """Each package of a lock with its version."""
    return {canonicalize_name(each): Version(version) for each, version in LOCKED_LINE.findall((ROOT / name).read_text())}


SHIPPED, DEVELOPERS = locked("requirements.lock"), locked("requirements-dev.lock")
PROJECT = [Requirement(each) for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]]


def needs(name: str, extras: frozenset[str]) -> list[Requirement]:
    """What a package that is installed here asks for on a machine like this, with these extras; nothing if it is not."""
    try:
        told = [Requirement(each) for each in requires(name) or ()]
    except PackageNotFoundError:
        return []
    meant = [{"extra": each} for each in ("", *extras)]
    return [each for each in told if each.marker is None or any(each.marker.evaluate(about) for about in meant)]


def closure() -> dict[str, list[tuple[str, Requirement]]]:
    """Each package that bridge comes to need here, with who asks for it."""
    found: dict[str, list[tuple[str, Requirement]]] = {}
    waiting = [("bridge", each) for each in PROJECT]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        asker, wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        found.setdefault(name, []).append((asker, wanted))
        if (name, extras) not in seen:
            seen.add((name, extras))
            waiting += [(name, each) for each in needs(name, extras)]
    return found


def test_all_that_bridge_comes_to_need_is_locked_in_a_version_that_fits() -> None:
    needed = closure()
    assert len(needed) > len(PROJECT)
    assert sorted(needed.keys() - SHIPPED.keys()) == []
    unfit = [
        f"{asker} asks for {wanted}, locked is {SHIPPED[name]}"
        for name, asked in needed.items()
        for asker, wanted in asked
        if not wanted.specifier.contains(SHIPPED[name], prereleases=True)
    ]
    assert unfit == []


def test_nothing_is_locked_that_nothing_asks_for() -> None:
    """But what only other machines need, which the lock says with a marker."""
    text = (ROOT / "requirements.lock").read_text()
    elsewhere = {canonicalize_name(each) for each in re.findall(r"^([a-zA-Z0-9._-]+)==\S+ *;", text, re.MULTILINE)}
    assert sorted(SHIPPED.keys() - closure().keys() - elsewhere) == []


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_what_is_tested_is_what_ships(name: str) -> None:
    assert DEVELOPERS[name] == SHIPPED[name]
    try:
        assert Version(distribution(name).version) == SHIPPED[name]
    except PackageNotFoundError:
        assert name not in closure(), "it is needed here, and is not installed"


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "scripts/deploy-tools.lock", "benchmarks/peers.lock"]
)
def test_every_lock_holds_every_package_to_hashes_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
    pinned = [each for each in entries if LOCKED_LINE.match(each)]
    assert pinned
    assert all("--hash=sha256:" in each for each in pinned)
    assert all(LOCKED_LINE.match(each) or each.startswith("#") for each in entries), "nothing is there but exact versions"
    assert "://" not in text

"""The language of a scenario file: `Scenario`, `Step` and `Expect` are all of it. A key that they do not know is an error."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

from bridge.core.record import Side

Rows = dict[str, dict[str, Any]]
"""Cells by field (or the system's own word), by name of record; `everybody` is every record of the side."""

SideName = Annotated[Side, Field(strict=False)]


def _spaced(name: str) -> str:
    return name.replace("_", " ")


class Shape(BaseModel):
    """A map whose unknown keys are errors; keys are written with spaces."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=_spaced)


class BySide(Shape):
    """Something about records of either side."""

    civicrm: Rows = {}
    airtable: Rows = {}


class Pair(Shape):
    """Two records by name."""

    civicrm: str
    airtable: str


class Names(Shape):
    """One record of either side."""

    civicrm: str | None = None
    airtable: str | None = None


class Merged(Shape):
    """A merge in CiviCRM."""

    keep: str
    lose: str


class Options(Shape):
    """An option of a column in Airtable, and its new word; without one it is dropped."""

    field: str
    option: str
    to: str | None = None


class Said(Shape):
    """A word on the one open discrepancy of that code."""

    of: int
    word: Literal["snooze", "accept", "reopen"]


class Expect(Shape):
    """What must be so now. Only what is said is looked at."""

    civicrm: Rows = {}
    """These cells stand in CiviCRM."""
    airtable: Rows = {}
    """These cells stand in Airtable; null for an empty one."""
    records: dict[SideName, int] = {}
    """So many records there are, trash included."""
    linked: dict[str, str | None] = {}
    """Who is known to be who: the name in CiviCRM, and the one in Airtable or null."""
    run: Literal["done", "held", "failed"] | None = None
    """How the last run ended."""
    held_by: list[str] | None = None
    """The guard's rules that hold the last plan."""
    writes: int | None = None
    """So many records are other than before the last run (with whatever people did meanwhile)."""
    sent: int | None = None
    """So many requests of the last run asked for a write; 0: it only read."""
    planned: int | None = None
    """So many records the last plan would change."""
    same_plan: Literal[True] | None = None
    """The last run's plan is the very plan of the one before."""
    open: list[int | str] | None = None
    """The codes (or rules) of everything that waits for somebody."""
    settled: int | None = None
    """So many writes in doubt the last run settled by reading."""
    plan_says: list[str] | None = None
    """Lines of the last plan as people read it, without the space around."""
    kept_plan_says: list[str] | None = None
    """Lines of the last plan as the state has kept it."""
    refused: str | None = None
    """bridge said no, with these words."""
    slack_hears: str | None = None
    """The first words of the digest that was just due; null where it is silent."""
    read: list[str] | None = None
    """All that staff now read, each sentence whole."""


Word = Literal["sync", "delta", "plan", "approve", "undo", "forget everything", "trouble ends", "memberships job", "digest"]


class Step(Shape):
    """One thing that happens. Exactly one key."""

    civicrm: Rows | None = None
    """Somebody types in CiviCRM; a new name makes a record."""
    airtable: Rows | None = None
    """Somebody types in Airtable; a new name makes a record."""
    second_primary_email: dict[str, str] | None = None
    """By contact, an address that CiviCRM holds as primary too."""
    trash: str | None = None
    restore: str | None = None
    merge: Merged | None = None
    delete_in_airtable: str | None = None
    rename_field: dict[str, str] | None = None
    """In Airtable: from, to."""
    remove_field: str | None = None
    retype_field: dict[str, str] | None = None
    """In Airtable: the column and its new type."""
    rename_option: Options | None = None
    add_option: Options | None = None
    drop_option: Options | None = None
    rename_table: str | None = None
    remove_civicrm_field: str | None = None
    mapping: dict[str, Any] | None = None
    """The mapping's file is edited."""
    meanwhile: BySide | None = None
    """Somebody types between the next pull and its first write."""
    trouble: dict[SideName, dict[str, Any]] | None = None
    """The system fails from now on, as a fault of the sandbox says."""
    lost_from_the_pull: Names | None = None
    """A record that no pull brings from now on, though the pages say they are whole."""
    key_of: str | None = None
    """bridge goes on with another user's key for CiviCRM."""
    days: int | None = None
    """Time goes by."""
    confirm: Pair | None = None
    """A person says that two records are the same."""
    reject: Pair | None = None
    """A person says that they are not."""
    says: Said | None = None
    """A person puts a discrepancy aside, lets it stand, or opens it again."""
    sync_one: Names | None = None
    """A sync of one record and its partner."""
    dies: SideName | None = None
    """A sync whose process dies the moment a write to this system has landed."""
    expect: Expect | None = None
    do: Word | None = None
    """What needs no more words; a step may be this word alone."""

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"do": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> "Step":
        if len(self.model_fields_set) != 1:
            raise ValueError("a step is one thing")
        return self


class Scenario(Shape):
    """One story. The numbers of the entries it acts out stand in its file's name."""

    title: str
    story: str
    mapping: dict[str, Any] = {}
    """What is other than in mapping.yaml: keys are replaced, fields added."""
    columns: dict[str, dict[str, Any]] = {}
    """Airtable columns of another type than the mapping suggests, or beside it."""
    crowd: int = 0
    """So many more co-ops stand in both systems, and agree."""
    before: BySide
    steps: list[Step]


def read(file: Path) -> Scenario:
    """The scenario of a file."""
    return Scenario.model_validate(YAML(typ="safe", pure=True).load(file))


def numbers(file: Path) -> list[int]:
    """The entries of the regressions that a scenario's name gives."""
    return [int(number) for number in re.findall(r"C-(\d+)", file.stem)]

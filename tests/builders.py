"""Mappings and rows with good defaults, so that a test says only what it is about."""

from collections.abc import Mapping as Map
from typing import Any

from bridge.core.mapping import (
    AirtableSource,
    Authority,
    CivicrmSource,
    ExactMatch,
    Field,
    FieldType,
    GuardLimits,
    Key,
    Limit,
    Mapping,
    Mode,
)
from bridge.core.record import Json, PerSide


def a_field(name: str, *, civicrm: str | None = "", airtable: str | None = "", **policies: Any) -> Field:
    """A two-sided text field owned by CiviCRM unless told; `None` for a path makes it one-sided."""
    at = PerSide(name if civicrm == "" else civicrm, name.title() if airtable == "" else airtable)
    two_sided = at.civicrm is not None and at.airtable is not None
    defaults: dict[str, Any] = {"type": FieldType.TEXT, "authority": Authority.CIVICRM if two_sided else None}
    return Field(name=name, at=at, **{**defaults, **policies})


def a_mapping(*fields: Field, **parts: Any) -> Mapping:
    """A mapping that matches `code` to `Code`, writes, and whose guard lets small tests through."""
    named = {each.name: each for each in (fields or (a_field("name"), a_field("email", type=FieldType.EMAIL)))}
    defaults: dict[str, Any] = {
        "name": "groups",
        "title": {"en": "Groups"},
        "mode": Mode.CORRECT,
        "civicrm": CivicrmSource(entity="Organization"),
        "airtable": AirtableSource(base="benefits", table="Groups"),
        "match": (ExactMatch(keys=(Key(at=PerSide("code", "Code"), type=FieldType.IDENTIFIER),)),),
        "fields": named,
        "guard": GuardLimits(updates=Limit(share=0.5, count=50, floor=20), creates=Limit(count=10), clears=Limit(count=10)),
        "digest": "mapping-1",
        "scope_digest": "scope-1",
        "file": "mappings/groups.yaml",
    }
    return Mapping(**{**defaults, **parts})


def civicrm_rows(**by_code: Map[str, Json]) -> dict[str, dict[str, Json]]:
    """CiviCRM rows by id 1, 2, …; the keyword is the match key `code`."""
    return {str(number): {"id": number, "code": code, **row} for number, (code, row) in enumerate(by_code.items(), 1)}


def airtable_rows(**by_code: Map[str, Json]) -> dict[str, dict[str, Json]]:
    """Airtable rows by id rec…1, rec…2, …; the keyword is the match key `Code`."""
    return {f"rec{number:014d}": {"Code": code, **row} for number, (code, row) in enumerate(by_code.items(), 1)}
